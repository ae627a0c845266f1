//! How many messages a sender handed over lately: what the condition `rate` asks.
//!
//! Counted in memory, and kept elsewhere by [`Mark`]s, so that a restart does not begin anew. A stretch of time is counted in
//! slots of a 256th of it: what is counted stays small, however much comes. What can go wrong: more senders than are
//! remembered; then those that were quiet for longest are forgotten.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use sha2::{Digest, Sha256};

use super::facts::Direction;
use crate::ground::Timestamp;

/// Senders that are remembered, each for each stretch of time.
const MOST: usize = 10_000;
/// Slots of one stretch.
const SLOTS: u128 = 256;
/// What the names of all counters begin with.
pub const PREFIX: &str = "rate:";

/// Counters of one direction.
pub struct Rates {
    direction: Direction,
    all: Mutex<HashMap<String, Counter>>,
}

struct Counter {
    within: Duration,
    /// When each slot begins and what was counted in it, the newest last.
    slots: VecDeque<(Timestamp, u64)>,
}

/// So much was counted in one slot, for whoever keeps it. The sender's name is not in it, but a hash.
#[derive(Clone, PartialEq, Eq)]
pub struct Mark {
    pub slot: String,
    /// From then on it counts no more.
    pub until: Timestamp,
    pub n: u64,
}

/// Without whose it is.
impl fmt::Debug for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mark({:?}, {})", self.until, self.n)
    }
}

impl Counter {
    /// Forgets what is over. A clock that was set back leaves nothing that counts for ever.
    fn look(&mut self, now: Timestamp) {
        let within = self.within;
        self.slots.retain(|(begin, _)| *begin <= now && *begin + within > now);
    }

    fn last(&self) -> Timestamp {
        self.slots.back().map_or(Timestamp(i64::MIN), |(begin, _)| *begin)
    }
}

impl Rates {
    pub fn new(direction: Direction) -> Self {
        Self { direction, all: Mutex::default() }
    }

    /// Counts one more of this sender, and tells how many there were within each of these times, this one included; and
    /// what is to be kept of that.
    pub fn count(
        &self,
        who: &str,
        within: impl IntoIterator<Item = Duration>,
        now: Timestamp,
    ) -> (HashMap<Duration, u64>, Vec<Mark>) {
        let (mut counts, mut marks) = (HashMap::new(), Vec::new());
        let mut within = within.into_iter().peekable();
        if within.peek().is_none() {
            return (counts, marks);
        }
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        for within in within {
            let name = self.name(who, within);
            if all.len() >= MOST && !all.contains_key(&name) {
                forget(&mut all, now);
            }
            let counter =
                all.entry(name.clone()).or_insert_with(|| Counter { within, slots: VecDeque::with_capacity(1) });
            counter.look(now);
            let begin = begin(now, within);
            match counter.slots.back_mut() {
                Some((slot, n)) if *slot == begin => *n += 1,
                _ => counter.slots.push_back((begin, 1)),
            }
            counts.insert(within, counter.slots.iter().map(|(_, n)| n).sum());
            marks.push(Mark { slot: format!("{name}:{}", begin.0), until: begin + within, n: 1 });
        }
        (counts, marks)
    }

    /// What [`Rates::count`] would tell; nothing is counted.
    pub fn would_count(
        &self,
        who: &str,
        within: impl IntoIterator<Item = Duration>,
        now: Timestamp,
    ) -> HashMap<Duration, u64> {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let so_far = |within: Duration| {
            let slots = all.get(&self.name(who, within)).map(|counter| counter.slots.iter());
            let counts = |slot: &&(Timestamp, u64)| slot.0 <= now && slot.0 + within > now;
            slots.into_iter().flatten().filter(counts).map(|(_, n)| n).sum::<u64>()
        };
        within.into_iter().map(|within| (within, so_far(within) + 1)).collect()
    }

    /// Takes up what an earlier run counted.
    pub fn recall(&self, marks: &[Mark], now: Timestamp) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let of_direction = self.of_direction();
        for Mark { slot, until, n } in marks.iter().filter(|mark| mark.until > now) {
            let Some((name, begin)) = slot.rsplit_once(':') else { continue };
            let Ok(begin) = begin.parse().map(Timestamp) else { continue };
            if !name.starts_with(&of_direction) || begin > now || (all.len() >= MOST && !all.contains_key(name)) {
                continue;
            }
            let fresh = || Counter { within: until.since(begin), slots: VecDeque::new() };
            let slots = &mut all.entry(name.to_owned()).or_insert_with(fresh).slots;
            let place = slots.partition_point(|(other, _)| *other < begin);
            slots.insert(place, (begin, *n));
        }
    }

    fn of_direction(&self) -> String {
        format!("{PREFIX}{}:", self.direction.word())
    }

    fn name(&self, who: &str, within: Duration) -> String {
        let hash = Sha256::digest(who.as_bytes());
        let hash: String = hash[..16].iter().map(|octet| format!("{octet:02x}")).collect();
        format!("{}{}:{hash}", self.of_direction(), within.as_millis())
    }
}

/// When the slot begins that a moment is in.
fn begin(now: Timestamp, within: Duration) -> Timestamp {
    let slot = i64::try_from((within.as_millis() / SLOTS).max(1)).unwrap_or(i64::MAX);
    Timestamp(now.0 - now.0.rem_euclid(slot))
}

/// Makes room: what is over goes, and if that is not enough the half that was quiet for longest.
fn forget(all: &mut HashMap<String, Counter>, now: Timestamp) {
    all.retain(|_, counter| {
        counter.look(now);
        !counter.slots.is_empty()
    });
    if all.len() < MOST {
        return;
    }
    let mut last: Vec<Timestamp> = all.values().map(Counter::last).collect();
    last.sort_unstable();
    let middle = last[last.len() / 2];
    all.retain(|_, counter| counter.last() > middle);
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn at(second: i64) -> Timestamp {
        Timestamp(second * 1_000)
    }

    #[test]
    fn only_what_is_within_the_time_counts() {
        let rates = Rates::new(Direction::Out);
        let hour = MINUTE * 60;
        let count = |who, second: i64| {
            let told = rates.would_count(who, [MINUTE, hour], at(second));
            let (counted, marks) = rates.count(who, [MINUTE, hour], at(second));
            assert_eq!((marks.len(), &told), (2, &counted), "asking beforehand tells the same, and counts nothing");
            (counted[&MINUTE], counted[&hour])
        };
        let found = [count("alice", 0), count("alice", 59), count("alice", 60), count("bob", 60)];
        assert_eq!(found, [(1, 1), (2, 2), (2, 3), (1, 1)]);
        assert_eq!(count("alice", 7_200), (1, 1));
        assert_eq!(count("alice", 7_000), (1, 1), "the clock was set back");
        assert!(rates.count("alice", [], at(0)).0.is_empty());
    }

    #[test]
    fn what_is_counted_is_taken_up_again() {
        let before = Rates::new(Direction::Out);
        let mut kept: HashMap<String, Mark> = HashMap::new();
        for second in [0, 0, 30, 50] {
            for mark in before.count("alice", [MINUTE], at(second)).1 {
                kept.entry(mark.slot.clone()).or_insert(Mark { n: 0, ..mark }).n += 1;
            }
        }
        let kept: Vec<Mark> = kept.into_values().collect();
        assert!(kept.len() == 3 && kept.iter().all(|mark| !mark.slot.contains("alice")));
        let (after, inbound) = (Rates::new(Direction::Out), Rates::new(Direction::In));
        after.recall(&kept, at(55));
        inbound.recall(&kept, at(55));
        assert_eq!(inbound.count("alice", [MINUTE], at(55)).0[&MINUTE], 1, "another direction");
        assert_eq!(after.count("alice", [MINUTE], at(55)).0[&MINUTE], 5);
        assert_eq!(after.count("alice", [MINUTE], at(61)).0[&MINUTE], 4, "the first two are over");
        let late = Rates::new(Direction::Out);
        late.recall(&kept, at(200));
        assert_eq!(late.count("alice", [MINUTE], at(200)).0[&MINUTE], 1);
    }

    #[test]
    fn it_stays_small_and_forgets_who_was_quiet_for_longest() {
        let rates = Rates::new(Direction::In);
        for n in 0..100_000 {
            rates.count("busy", [MINUTE], Timestamp(n));
        }
        let slots = |rates: &Rates, who| rates.all.lock().expect("a lock")[&rates.name(who, MINUTE)].slots.len();
        assert!(slots(&rates, "busy") <= 258);
        for n in 0..(MOST as i64 + 10) {
            rates.count(&format!("sender {n}"), [MINUTE], Timestamp(100_000 + n));
        }
        assert!(rates.all.lock().expect("a lock").len() <= MOST);
        let newest = format!("sender {}", MOST + 9);
        let now = Timestamp(100_000 + MOST as i64 + 10);
        assert_eq!(rates.count(&newest, [MINUTE], now).0[&MINUTE], 2, "the newest is remembered");
        assert_eq!(rates.count("sender 0", [MINUTE], now).0[&MINUTE], 1, "the oldest is not");
    }
}
