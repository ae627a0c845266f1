//! Who is woken when there is something new: one bell for each kind of lane, so that a text for gateways does not make
//! the lanes of mails and errands look at the queue.

use std::sync::Arc;

use tokio::sync::{Notify, futures::OwnedNotified};

use super::row::key_of;
use crate::store::{Craft, Key};

/// Texts, mails, and errands of each craft.
pub const KINDS: usize = 2 + Craft::ALL.len();

fn kind(key: &Key) -> usize {
    match key {
        Key::Any | Key::Gateway(_) | Key::Group(_) | Key::Several(_) => 0,
        Key::Mailbox => 1,
        Key::Errand(craft) => 2 + Craft::ALL.iter().position(|one| one == craft).unwrap_or(0),
    }
}

/// The kind of a lane; `None`: no known one.
pub fn kind_of(lane: &str) -> Option<usize> {
    key_of(lane).as_ref().map(kind)
}

/// The kinds of lanes that something came up for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wakes([bool; KINDS]);

impl Wakes {
    pub const ALL: Self = Self([true; KINDS]);

    /// Something waits under this lane. One of no known kind wakes everybody.
    pub fn lane(&mut self, lane: &str) {
        match kind_of(lane) {
            Some(kind) => self.0[kind] = true,
            None => *self = Self::ALL,
        }
    }

    pub fn has(self, kind: usize) -> bool {
        self.0[kind]
    }
}

/// Shared by the writer, which rings, and the lanes, which listen.
#[derive(Debug, Default)]
pub struct Bells([Arc<Notify>; KINDS]);

impl Bells {
    pub fn ring(&self, wakes: Wakes) {
        for (bell, _) in self.0.iter().zip(wakes.0).filter(|(_, wake)| *wake) {
            bell.notify_waiters();
        }
    }

    pub fn of(&self, key: &Key) -> OwnedNotified {
        self.0[kind(key)].clone().notified_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::row::lane_of, *};

    #[test]
    fn each_kind_of_lane_has_a_bell_of_its_own() {
        let mut keys = vec![Key::Any, Key::Mailbox];
        keys.extend(Craft::ALL.map(Key::Errand));
        for key in &keys {
            let mut wakes = Wakes::default();
            wakes.lane(&lane_of(key));
            assert_eq!(wakes.0.iter().filter(|wake| **wake).count(), 1, "{key:?}");
            assert!(wakes.0[kind(key)], "{key:?}");
        }
        let mut wakes = Wakes::default();
        wakes.lane("g:main");
        wakes.lane("t:group");
        wakes.lane("s:a,b");
        assert_eq!(wakes.0.iter().position(|wake| *wake), Some(kind(&Key::Any)));
        assert_eq!(wakes.0.iter().filter(|wake| **wake).count(), 1, "whatever carries texts");
        wakes.lane("what is this");
        assert_eq!(wakes, Wakes::ALL);
    }
}
