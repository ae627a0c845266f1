//! How many messages a sender handed over lately: what the condition `rate` asks. In memory; a restart begins anew.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::ground::Timestamp;

/// Beyond so many senders the counting begins anew.
const MOST_SENDERS: usize = 10_000;
/// Of each sender so many messages are remembered: a rule that asks for more than these never holds.
const MOST: usize = 10_000;

#[derive(Default)]
pub struct Rates(Mutex<HashMap<String, VecDeque<Timestamp>>>);

impl Rates {
    /// Counts one more of this sender, and tells how many there were within each of these times, this one included.
    pub fn count(
        &self,
        who: &str,
        within: impl IntoIterator<Item = Duration>,
        now: Timestamp,
    ) -> HashMap<Duration, u64> {
        let within: Vec<Duration> = within.into_iter().collect();
        let Some(longest) = within.iter().max() else { return HashMap::new() };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST_SENDERS && !all.contains_key(who) {
            all.clear();
        }
        let seen = all.entry(who.to_owned()).or_default();
        // A clock that was set back leaves nothing that counts for ever.
        while seen.front().is_some_and(|at| *at + *longest <= now || *at > now) || seen.len() >= MOST {
            seen.pop_front();
        }
        seen.push_back(now);
        let count = |within: Duration| seen.iter().rev().take_while(|at| **at + within > now).count() as u64;
        within.into_iter().map(|within| (within, count(within))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_within_the_time_counts() {
        let (rates, minute) = (Rates::default(), Duration::from_secs(60));
        let (alice, bob) = ("alice", "bob");
        let hour = minute * 60;
        let count = |who, second: i64| {
            let counted = rates.count(who, [minute, hour], Timestamp(second * 1_000));
            (counted[&minute], counted[&hour])
        };
        let found = [count(alice, 0), count(alice, 59), count(alice, 60), count(bob, 60)];
        assert_eq!(found, [(1, 1), (2, 2), (2, 3), (1, 1)]);
        assert_eq!(count(alice, 7_200), (1, 1));
        assert!(rates.count(alice, [], Timestamp(0)).is_empty());
    }
}
