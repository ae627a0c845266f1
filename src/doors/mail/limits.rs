//! Counts of connections, and of the octets of mails that they are in the middle of: all of a door, or of all doors that
//! share them, and those of each peer.
//!
//! What can go wrong: strangers take every place, from as many addresses as they like, and the mail server finds none. So a fifth of
//! the places is kept for trusted peers, and where it becomes narrow nobody may be silent for long.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::End;

/// What every connection may keep of a mail without asking for room.
const FREE: usize = 16 * 1024;
/// Of the places one in so many is kept for trusted peers.
const KEPT: usize = 5;

#[derive(Debug, Default, Clone, Copy)]
struct Count {
    connections: usize,
    octets: usize,
}

#[derive(Debug, Default)]
struct Counts {
    all: Count,
    peers: HashMap<IpAddr, Count>,
}

/// Shared by all connections of a door, or of several.
#[derive(Debug, Clone)]
pub struct Limits {
    counts: Arc<Mutex<Counts>>,
    all: Count,
    per_peer: Count,
}

/// One connection's place; dropping it frees the place.
pub(super) struct Place {
    limits: Limits,
    peer: Option<IpAddr>,
    octets: usize,
}

impl Limits {
    /// At most `all` connections at once, of which strangers take four fifths, and `per_peer` from one address. Of mails up to `size` that are on their way two
    /// fit at once, and one from one address; small ones always do.
    pub fn new(all: usize, per_peer: usize, size: u64) -> Self {
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let count = |connections, octets| Count { connections, octets };
        Self {
            counts: Arc::default(),
            all: count(all, size.saturating_mul(2)),
            per_peer: count(per_peer, size.saturating_add(size / 4)),
        }
    }

    /// A place for a connection, or which limit forbids it. `None` is a peer on a Unix socket.
    pub(super) fn take(&self, peer: Option<IpAddr>, trusted: bool) -> Result<Place, End> {
        let peer = peer.map(network);
        let kept = if trusted { 0 } else { self.all.connections / KEPT };
        let mut counts = self.lock();
        if counts.all.connections >= self.all.connections - kept {
            return Err(End::TooMany);
        }
        if let Some(peer) = peer {
            let count = counts.peers.entry(peer).or_default();
            if count.connections >= self.per_peer.connections {
                return Err(End::TooManyFromPeer);
            }
            count.connections += 1;
        }
        counts.all.connections += 1;
        Ok(Place { limits: self.clone(), peer, octets: 0 })
    }

    /// Most of the places that strangers may take are taken.
    pub(super) fn is_narrow(&self) -> bool {
        let kept = self.all.connections / KEPT;
        kept > 0 && self.lock().all.connections >= self.all.connections - 2 * kept
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        // Counting cannot fail half-way, so a poisoned lock holds sound counts.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// The connection keeps so many octets of a mail now. `false`: there is no room for more, and nothing is counted.
    pub(super) fn keeps(&mut self, octets: usize) -> bool {
        let wanted = octets.saturating_sub(FREE);
        if wanted == self.octets {
            return true;
        }
        let mut counts = self.limits.lock();
        let fits = |count: Count, most: Count| count.octets - self.octets + wanted <= most.octets;
        let of_peer = self.peer.and_then(|peer| counts.peers.get(&peer).copied()).unwrap_or_default();
        let free = fits(counts.all, self.limits.all) && (self.peer.is_none() || fits(of_peer, self.limits.per_peer));
        if wanted > self.octets && !free {
            return false;
        }
        let change = |count: &mut Count| count.octets = count.octets - self.octets + wanted;
        change(&mut counts.all);
        if let Some(count) = self.peer.and_then(|peer| counts.peers.get_mut(&peer)) {
            change(count);
        }
        drop(counts);
        self.octets = wanted;
        true
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.keeps(0);
        let mut counts = self.limits.lock();
        counts.all.connections -= 1;
        if let Some(peer) = self.peer {
            let left = counts.peers.get_mut(&peer).map_or(0, |count| {
                count.connections -= 1;
                count.connections
            });
            if left == 0 {
                counts.peers.remove(&peer);
            }
        }
    }
}

/// What counts as one peer: an IPv4 address, or the /64 of an IPv6 address, which one host has to itself.
pub(in crate::doors) fn network(addr: IpAddr) -> IpAddr {
    match addr.to_canonical() {
        IpAddr::V6(v6) if !v6.is_loopback() => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_given_back() {
        let limits = Limits::new(3, 2, 0);
        let addr = |text: &str| Some(text.parse::<IpAddr>().expect(text));
        let first = limits.take(addr("192.0.2.1"), true).expect("first");
        let _second = limits.take(addr("::ffff:192.0.2.1"), true).expect("second");
        assert_eq!(limits.take(addr("192.0.2.1"), true).err(), Some(End::TooManyFromPeer));
        let third = limits.take(None, true).expect("third");
        assert_eq!(limits.take(addr("192.0.2.2"), true).err(), Some(End::TooMany));
        drop(third);
        drop(first);
        assert!(limits.take(addr("192.0.2.1"), true).is_ok());
        assert_eq!(limits.lock().all.connections, 1);
    }

    #[test]
    fn some_places_are_kept_for_trusted_peers() {
        let limits = Limits::new(10, 9, 0);
        let addr = |last: u8| Some(IpAddr::from([192, 0, 2, last]));
        let mut strangers = Vec::new();
        for n in 0..8 {
            assert_eq!(limits.is_narrow(), n >= 6, "{n}");
            strangers.push(limits.take(addr(n), false).expect("a place"));
        }
        assert_eq!(limits.take(addr(8), false).err(), Some(End::TooMany));
        let trusted = [limits.take(addr(8), true).expect("a kept one"), limits.take(None, true).expect("a kept one")];
        assert_eq!(limits.take(None, true).err(), Some(End::TooMany));
        drop(trusted);
        strangers.clear();
        assert!(!limits.is_narrow() && limits.take(addr(8), false).is_ok());
    }

    #[test]
    fn room_for_mails_is_shared_and_given_back() {
        const MIB: usize = 1 << 20;
        let limits = Limits::new(9, 9, 10 * MIB as u64);
        let addr = |text: &str| Some(text.parse::<IpAddr>().expect(text));
        let mut greedy: Vec<_> = (0..2).map(|_| limits.take(addr("192.0.2.1"), true).expect("a place")).collect();
        let (mut other, mut third) =
            (limits.take(addr("192.0.2.2"), true).expect("a place"), limits.take(None, true).expect("a place"));
        assert!(greedy[0].keeps(10 * MIB) && !greedy[1].keeps(4 * MIB), "one large mail for each peer");
        assert!(greedy[1].keeps(FREE) && greedy[1].keeps(2 * MIB));
        assert!(other.keeps(7 * MIB) && !third.keeps(2 * MIB), "two for all");
        assert!(third.keeps(FREE), "small ones always");
        greedy.truncate(1);
        assert!(third.keeps(2 * MIB));
        greedy.clear();
        assert!(third.keeps(10 * MIB) && third.keeps(0));
        drop((other, third));
        let counts = limits.lock();
        assert!(counts.all.octets == 0 && counts.peers.is_empty());
    }

    #[test]
    fn one_host_of_ipv6_is_one_peer() {
        let limits = Limits::new(9, 1, 0);
        let _place = limits.take("2001:db8::1".parse().ok(), true).expect("first");
        assert!(limits.take("2001:db8::2".parse().ok(), true).is_err());
        assert!(limits.take("2001:db8:0:1::2".parse().ok(), true).is_ok());
        drop(_place);
        assert!(limits.lock().peers.is_empty());
    }
}
