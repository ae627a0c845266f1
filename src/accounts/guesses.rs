//! Guessing passwords: whoever was wrong often waits, the account and the peer each.
//!
//! The first few wrong ones are free; from then on each doubles the time in which no further password is looked at, right or
//! wrong, up to [`LONGEST`]. A right one clears the account; a peer is cleared by time alone, since a guesser may have an
//! account of his own. What can go wrong: names without end (the tables are bounded, those who were wrong least are
//! forgotten first), an account that strangers lock out of spite (for minutes, not for good).

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Wrong passwords without a wait: of one account, and of one peer, behind which many people may sit.
const FREE_ACCOUNT: u32 = 5;
const FREE_PEER: u32 = 20;
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(900);
/// Without a wrong one for so long all is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(3600);
/// Accounts and peers that are remembered.
const MOST: usize = 4096;

/// Shared by all clones.
#[derive(Debug, Clone, Default)]
pub struct Guesses(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// Names are kept as keyed hashes: of equal length, and nothing to read.
    hash: RandomState,
    tallies: Mutex<HashMap<u64, Tally>>,
}

#[derive(Debug, Clone, Copy)]
struct Tally {
    wrong: u32,
    last: Duration,
    until: Duration,
}

/// Who gives a password: for which name, and from where if that says anything.
#[derive(Clone, Copy)]
pub struct Guesser<'a> {
    /// As it was written.
    pub user: &'a str,
    /// `None`: a Unix socket, this machine, or a trusted mail server that speaks for many.
    pub peer: Option<IpAddr>,
}

impl Guesses {
    /// How long nothing is looked at for this one; `now` is monotonic.
    pub fn wait(&self, guesser: Guesser<'_>, now: Duration) -> Option<Duration> {
        let tallies = self.lock();
        let until =
            self.keys(guesser).into_iter().flatten().filter_map(|(key, _)| tallies.get(&key)).map(|t| t.until).max()?;
        until.checked_sub(now).filter(|left| !left.is_zero())
    }

    /// The password was wrong.
    pub fn wrong(&self, guesser: Guesser<'_>, now: Duration) {
        let mut tallies = self.lock();
        for (key, free) in self.keys(guesser).into_iter().flatten() {
            if tallies.len() >= MOST && !tallies.contains_key(&key) {
                make_room(&mut tallies, now);
            }
            let tally = tallies.entry(key).or_insert(Tally { wrong: 0, last: now, until: now });
            if now.saturating_sub(tally.last) > FORGOTTEN {
                tally.wrong = 0;
            }
            tally.wrong = tally.wrong.saturating_add(1);
            tally.last = now;
            tally.until = now + pause(tally.wrong, free);
        }
    }

    /// The password was right.
    pub fn right(&self, guesser: Guesser<'_>) {
        let [account, _] = self.keys(guesser);
        if let Some((key, _)) = account {
            self.lock().remove(&key);
        }
    }

    fn keys(&self, guesser: Guesser<'_>) -> [Option<(u64, u32)>; 2] {
        let account = (self.0.hash.hash_one(("account", guesser.user.to_lowercase())), FREE_ACCOUNT);
        let network = |peer: IpAddr| match peer.to_canonical() {
            // One host has a whole /64 to itself.
            IpAddr::V6(six) => six.segments()[..4].iter().fold(0, |bits, piece| bits << 16 | u64::from(*piece)),
            IpAddr::V4(four) => u64::from(four.to_bits()),
        };
        let peer = guesser.peer.filter(|peer| !peer.to_canonical().is_loopback());
        [Some(account), peer.map(|peer| (self.0.hash.hash_one(("peer", network(peer), peer.is_ipv4())), FREE_PEER))]
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Tally>> {
        // Counting cannot fail half-way.
        self.0.tallies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The wait behind this many wrong ones.
fn pause(wrong: u32, free: u32) -> Duration {
    match wrong.checked_sub(free) {
        None => Duration::ZERO,
        Some(over) => Duration::from_secs(1 << over.min(10)).min(LONGEST),
    }
}

/// Forgets what is old; if that is nothing, whoever was wrong least.
fn make_room(tallies: &mut HashMap<u64, Tally>, now: Duration) {
    tallies.retain(|_, tally| now.saturating_sub(tally.last) <= FORGOTTEN);
    if tallies.len() >= MOST {
        let least = tallies.values().map(|tally| tally.wrong).min().unwrap_or_default();
        tallies.retain(|_, tally| tally.wrong > least);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn guesser<'a>(user: &'a str, peer: &str) -> Guesser<'a> {
        Guesser { user, peer: peer.parse().ok() }
    }

    #[test]
    fn waits_double_and_end() {
        let guesses = Guesses::default();
        let alice = guesser("alice@example.test", "");
        let mut now = Duration::from_secs(1000);
        for n in 1..FREE_ACCOUNT {
            guesses.wrong(alice, now);
            assert_eq!(guesses.wait(alice, now), None, "{n}");
        }
        for seconds in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
            guesses.wrong(alice, now);
            let wait = Duration::from_secs(seconds);
            assert_eq!(guesses.wait(alice, now), Some(wait));
            assert_eq!(guesses.wait(guesser("ALICE@Example.test", "192.0.2.7"), now), Some(wait), "the same name");
            assert_eq!(guesses.wait(guesser("bob", ""), now), None, "another's account");
            assert_eq!(guesses.wait(alice, now + wait - SECOND), Some(SECOND).filter(|_| seconds > 0));
            now += wait;
            assert_eq!(guesses.wait(alice, now), None);
        }
        guesses.right(alice);
        guesses.wrong(alice, now);
        assert_eq!(guesses.wait(alice, now), None, "a right one clears the account");
    }

    #[test]
    fn a_peer_that_tries_many_names_waits() {
        let guesses = Guesses::default();
        let now = Duration::from_secs(1000);
        for n in 0..FREE_PEER {
            let user = format!("user{n}");
            assert_eq!(guesses.wait(guesser(&user, "2001:db8::1"), now), None, "{n}");
            guesses.wrong(guesser(&user, "2001:db8::1"), now);
            guesses.wrong(guesser(&user, "127.0.0.1"), now);
        }
        guesses.right(guesser("user1", "2001:db8::1"));
        assert!(guesses.wait(guesser("nobody", "2001:db8::2"), now).is_some(), "the whole network, whatever was right");
        for free in ["2001:db8:0:1::1", "192.0.2.1", "127.0.0.1", ""] {
            assert_eq!(guesses.wait(guesser("nobody", free), now), None, "{free}");
        }
        let later = now + FORGOTTEN + LONGEST;
        guesses.wrong(guesser("nobody", "2001:db8::2"), later);
        assert_eq!(guesses.wait(guesser("nobody", "2001:db8::2"), later), None, "forgotten");
    }

    #[test]
    fn names_without_end_are_bounded_and_push_nobody_out() {
        let guesses = Guesses::default();
        let now = Duration::from_secs(1000);
        for _ in 0..FREE_ACCOUNT {
            guesses.wrong(guesser("alice", ""), now);
        }
        for n in 0..3 * MOST {
            guesses.wrong(guesser(&format!("user{n}"), ""), now);
        }
        assert!(guesses.lock().len() <= MOST);
        assert!(guesses.wait(guesser("alice", ""), now).is_some());
    }
}
