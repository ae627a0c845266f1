//! Who has a place at an HTTP listener, and who gives his up when all are taken.
//!
//! What can go wrong: connections that say nothing, or next to nothing, take every place, from as many addresses as they like. So
//! a place is held safely only by whoever is being answered. When all are taken a newcomer gets the place of the connection
//! that has waited longest, of the address that has most of such connections. Where all are being answered he waits.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{doors::mail::network, observe};

/// The places of one listener.
#[derive(Debug, Clone)]
pub struct Crowd(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    places: usize,
    state: Mutex<State>,
    /// A place is free, or somebody waits again.
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    serial: u64,
    /// Counts beginnings of waiting.
    moment: u64,
    taken: HashMap<u64, Taken>,
    /// That places are wanted was said, and half of them were not free since.
    said: bool,
}

#[derive(Debug)]
struct Taken {
    peer: IpAddr,
    /// Since when it waits for a request to be whole; `None`: it is being answered.
    waits: Option<u64>,
    leave: CancellationToken,
}

/// One connection's place; dropping it frees the place.
#[derive(Debug)]
pub struct Seat {
    crowd: Crowd,
    serial: u64,
    leave: CancellationToken,
}

/// What a request knows of its connection's place.
#[derive(Debug, Clone)]
pub struct Ticket {
    crowd: Crowd,
    serial: u64,
}

/// As long as it lives, the connection is being answered.
#[derive(Debug)]
pub struct Answering(Ticket);

impl Crowd {
    pub fn new(places: usize) -> Self {
        Self(Arc::new(Inner { places: places.max(1), state: Mutex::default(), changed: Notify::new() }))
    }

    /// A place for a connection from there: a free one, or somebody else's.
    pub async fn seat(&self, peer: IpAddr) -> Seat {
        loop {
            let changed = self.0.changed.notified();
            if let Some(seat) = self.try_seat(peer) {
                return seat;
            }
            changed.await;
        }
    }

    fn try_seat(&self, peer: IpAddr) -> Option<Seat> {
        let mut state = self.state();
        if state.taken.len() >= self.0.places {
            let gone = state.longest().and_then(|serial| state.taken.remove(&serial))?;
            gone.leave.cancel();
            if !std::mem::replace(&mut state.said, true) {
                let words = "all connections are taken: those that wait for their request longest give way to new ones";
                observe::log::oddity("http", words);
            }
        }
        let (serial, moment, leave) = (state.serial, state.moment, CancellationToken::new());
        state.serial += 1;
        state.moment += 1;
        let taken = Taken { peer: network(peer), waits: Some(moment), leave: leave.clone() };
        state.taken.insert(serial, taken);
        Some(Seat { crowd: self.clone(), serial, leave })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is one insertion or removal, so a poisoned lock holds sound places.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Who gives his place up.
    fn longest(&self) -> Option<u64> {
        let waiting = || self.taken.iter().filter_map(|(serial, taken)| Some((*serial, taken.peer, taken.waits?)));
        let mut counts: HashMap<IpAddr, usize> = HashMap::new();
        waiting().for_each(|(_, peer, _)| *counts.entry(peer).or_default() += 1);
        let most = counts.values().max()?;
        let greedy = waiting().filter(|(_, peer, _)| counts.get(peer) == Some(most));
        greedy.min_by_key(|(_, _, since)| *since).map(|(serial, ..)| serial)
    }
}

impl Seat {
    /// Ends when somebody else has got the place.
    pub async fn lost(&self) {
        self.leave.cancelled().await;
    }

    pub fn ticket(&self) -> Ticket {
        Ticket { crowd: self.crowd.clone(), serial: self.serial }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.crowd.state();
        state.taken.remove(&self.serial);
        state.said &= state.taken.len() * 2 > self.crowd.0.places;
        drop(state);
        self.crowd.0.changed.notify_waiters();
    }
}

impl Ticket {
    /// Its request is whole: the connection keeps its place until the answer is there.
    pub fn answering(&self) -> Answering {
        if let Some(taken) = self.crowd.state().taken.get_mut(&self.serial) {
            taken.waits = None;
        }
        Answering(self.clone())
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        let mut state = self.0.crowd.state();
        state.moment += 1;
        let moment = state.moment;
        if let Some(taken) = state.taken.get_mut(&self.0.serial) {
            taken.waits = Some(moment);
        }
        drop(state);
        self.0.crowd.0.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn gone(seat: &Seat) -> bool {
        seat.leave.is_cancelled()
    }

    #[test]
    fn whoever_waits_longest_of_the_greediest_gives_way() {
        let crowd = Crowd::new(4);
        let seat = |last| crowd.try_seat(addr(last));
        let (honest, first) = (seat(1).expect("free"), seat(2).expect("free"));
        let (second, third) = (seat(2).expect("free"), seat(2).expect("free"));
        let newcomer = seat(3).expect("the first's");
        assert!(gone(&first) && !gone(&second) && !gone(&third) && !gone(&honest));
        // His own place is his no more: that he leaves frees nothing.
        drop(first);
        let again = seat(2).expect("the second's");
        assert!(gone(&second) && !gone(&newcomer) && !gone(&again));
        drop((honest, newcomer, third, again));
        assert!(crowd.state().taken.is_empty());
    }

    #[test]
    fn whoever_is_being_answered_is_never_cut_off() {
        let crowd = Crowd::new(2);
        let (first, second) = (crowd.try_seat(addr(1)).expect("free"), crowd.try_seat(addr(1)).expect("free"));
        let answering = (first.ticket().answering(), second.ticket().answering());
        assert!(crowd.try_seat(addr(2)).is_none());
        // It waits anew, so that the other one has waited longer when that is answered, too.
        drop(answering.1);
        drop(answering.0);
        let third = crowd.try_seat(addr(2)).expect("the second's");
        assert!(gone(&second) && !gone(&first) && !gone(&third));
    }

    #[tokio::test]
    async fn a_newcomer_waits_for_whoever_is_being_answered() {
        let crowd = Crowd::new(1);
        let seat = crowd.try_seat(addr(1)).expect("free");
        let answering = seat.ticket().answering();
        let waiting = tokio::spawn({
            let crowd = crowd.clone();
            async move { crowd.seat(addr(2)).await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(answering);
        let _other = waiting.await.expect("a place");
        seat.lost().await;
    }
}
