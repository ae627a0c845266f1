//! Counts of connections: all of a door, or of all doors that share them, and those of each peer.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::End;

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    peers: HashMap<IpAddr, usize>,
}

/// Shared by all connections of a door, or of several.
#[derive(Debug, Clone)]
pub struct Limits {
    counts: Arc<Mutex<Counts>>,
    all: usize,
    per_peer: usize,
}

/// One connection's place; dropping it frees the place.
pub(super) struct Place {
    limits: Limits,
    peer: Option<IpAddr>,
}

impl Limits {
    /// At most `all` connections at once, and `per_peer` from one address.
    pub fn new(all: usize, per_peer: usize) -> Self {
        Self { counts: Arc::default(), all, per_peer }
    }

    /// A place for a connection, or which limit forbids it. `None` is a peer on a Unix socket.
    pub(super) fn take(&self, peer: Option<IpAddr>) -> Result<Place, End> {
        let peer = peer.map(network);
        let mut counts = self.lock();
        if counts.all >= self.all {
            return Err(End::TooMany);
        }
        if let Some(peer) = peer {
            let count = counts.peers.entry(peer).or_default();
            if *count >= self.per_peer {
                return Err(End::TooManyFromPeer);
            }
            *count += 1;
        }
        counts.all += 1;
        Ok(Place { limits: self.clone(), peer })
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        // Counting cannot fail half-way, so a poisoned lock holds sound counts.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.limits.lock();
        counts.all -= 1;
        if let Some(peer) = self.peer {
            let left = counts.peers.get_mut(&peer).map_or(0, |count| {
                *count -= 1;
                *count
            });
            if left == 0 {
                counts.peers.remove(&peer);
            }
        }
    }
}

/// What counts as one peer: an IPv4 address, or the /64 of an IPv6 address, which one host has to itself.
fn network(addr: IpAddr) -> IpAddr {
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
        let limits = Limits::new(3, 2);
        let addr = |text: &str| Some(text.parse::<IpAddr>().expect(text));
        let first = limits.take(addr("192.0.2.1")).expect("first");
        let _second = limits.take(addr("::ffff:192.0.2.1")).expect("second");
        assert_eq!(limits.take(addr("192.0.2.1")).err(), Some(End::TooManyFromPeer));
        let third = limits.take(None).expect("third");
        assert_eq!(limits.take(addr("192.0.2.2")).err(), Some(End::TooMany));
        drop(third);
        drop(first);
        assert!(limits.take(addr("192.0.2.1")).is_ok());
        assert_eq!(limits.lock().all, 1);
    }

    #[test]
    fn one_host_of_ipv6_is_one_peer() {
        let limits = Limits::new(9, 1);
        let _place = limits.take("2001:db8::1".parse().ok()).expect("first");
        assert!(limits.take("2001:db8::2".parse().ok()).is_err());
        assert!(limits.take("2001:db8:0:1::2".parse().ok()).is_ok());
        drop(_place);
        assert!(limits.lock().peers.is_empty());
    }
}
