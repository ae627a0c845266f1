//! The virtual handset: a phone without a network. As yet it only keeps what it was sent, newest last.
//!
//! It answers every segment as sent, with an id; what can go wrong is only that old texts make room for new ones.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::watch;

use super::{Attempt, Job, Split, Traits};
use crate::ground::{Outcome, RemoteId};

/// How many segments a handset keeps unless it is told otherwise.
pub const KEPT: usize = 1_000;

/// A handset as configured: the shelf is shared with whoever reads it.
#[derive(Debug, Clone)]
pub struct Settings {
    pub shelf: Shelf,
    pub traits: Traits,
}

impl Default for Settings {
    fn default() -> Self {
        let traits = Traits {
            split: Split::Provider,
            binary: true,
            shift_tables: false,
            receipts: false,
            sender: true,
            window: 100,
        };
        Self { shelf: Shelf::new(KEPT), traits }
    }
}

/// One segment that a handset took.
#[derive(Debug, Clone)]
pub struct Kept {
    /// From 1, never used again.
    pub serial: u64,
    pub attempt: Arc<Attempt>,
    /// Which of `attempt.segments`, from 0.
    pub part: u8,
}

/// What a handset keeps; cheap to clone, all clones read the same.
#[derive(Debug, Clone)]
pub struct Shelf(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    cap: usize,
    kept: Mutex<VecDeque<Kept>>,
    serial: watch::Sender<u64>,
}

impl Shelf {
    /// A shelf for the `cap` newest segments.
    pub fn new(cap: usize) -> Self {
        Self(Arc::new(Inner { cap: cap.max(1), kept: Mutex::new(VecDeque::new()), serial: watch::Sender::new(0) }))
    }

    /// What is kept, oldest first.
    pub fn read(&self) -> Vec<Kept> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// The serial of the newest segment, 0 before the first; changes wake the receiver.
    pub fn newest(&self) -> watch::Receiver<u64> {
        self.0.serial.subscribe()
    }

    fn keep(&self, attempt: &Arc<Attempt>, part: u8) -> u64 {
        let mut kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let serial = *self.0.serial.borrow() + 1;
        if kept.len() >= self.0.cap {
            kept.pop_front();
        }
        kept.push_back(Kept { serial, attempt: Arc::clone(attempt), part });
        self.0.serial.send_replace(serial);
        serial
    }
}

/// Takes all segments of a job.
pub(super) async fn run(shelf: Shelf, job: Job) {
    let outcomes = job
        .parts
        .clone()
        .map(|part| {
            let serial = shelf.keep(&job.attempt, part);
            (part, Outcome::Sent(RemoteId::new(&format!("handset-{serial}"))))
        })
        .collect();
    // A caller that is gone finds the attempt open and counts it as unsure.
    let _ = job.reply.send(outcomes);
}
