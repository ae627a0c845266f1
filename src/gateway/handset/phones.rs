//! The shared handle on a handset's phones: reading them, typing on them, choosing how the network behaves.
//!
//! What can go wrong: a reply that Martlet cannot keep now ([`NotTaken`]; nothing shows on the phone then), a receipt
//! that it cannot keep (it is brought again), a handset whose gateway has ended (nothing is taken any more).

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::join_all;
use tokio::{sync::watch, task::JoinHandle};

use super::network::{Answer, Behaviour, Network, Phone};
use crate::{
    address::{Destination, Trace},
    gateway::{
        Attempt,
        inbox::{Event, Inbox, Incoming, Noted},
    },
    ground::{Clock, MessageId, RemoteId, Timestamp},
    sms::{
        Content,
        split::{self, Reference},
    },
};

/// How long a delayed text takes.
const DELAY: Duration = Duration::from_secs(15);
/// When a receipt that could not be given is brought again.
const AGAIN: Duration = Duration::from_secs(1);
/// Receipts that are handed in side by side.
const AT_ONCE: usize = 64;

/// The phones of one handset; cheap to clone, all clones are the same.
#[derive(Clone)]
pub struct Phones(Arc<Inner>);

struct Inner {
    network: Mutex<Network>,
    /// Counts changes.
    version: watch::Sender<u64>,
    inbox: Mutex<Option<Inbox>>,
    clock: Clock,
}

/// Without numbers and words.
impl fmt::Debug for Phones {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Phones({})", *self.0.version.borrow())
    }
}

/// Why a typed text was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotTaken {
    /// Longer than a concatenated text can be.
    TooLong,
    /// Martlet cannot keep it now.
    Busy,
}

impl fmt::Display for NotTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "the text is too long for one message",
            Self::Busy => "Martlet cannot keep it now; try again",
        })
    }
}

impl std::error::Error for NotTaken {}

impl Phones {
    pub fn new(clock: Clock) -> Self {
        Self(Arc::new(Inner {
            network: Mutex::new(Network::new(DELAY)),
            version: watch::Sender::new(0),
            inbox: Mutex::new(None),
            clock,
        }))
    }

    /// Every phone, in the order of their numbers.
    pub fn read(&self) -> Vec<Phone> {
        self.network().phones()
    }

    /// Wakes at each change.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.version.subscribe()
    }

    /// Puts a phone there before it gets its first text.
    pub fn add(&self, number: &Destination) {
        self.network().add(number);
        self.changed();
    }

    /// How the network treats this phone from now on, or with `None` all of them.
    pub fn behave(&self, number: Option<&Destination>, behaviour: Behaviour) {
        self.network().behave(number, behaviour, self.0.clock.now());
        self.changed();
    }

    /// Sends what a person typed on the phone. `Ok` means that it is durable; only then does the phone show it.
    pub async fn type_text(&self, number: &Destination, words: &str) -> Result<(), NotTaken> {
        let content = Content::text(words);
        let id = MessageId::new();
        let reference = Reference::Eight(id.to_string().bytes().fold(0, |a, b| a.wrapping_mul(31).wrapping_add(b)));
        let segments = split::split(&content, reference).map_err(|_| NotTaken::TooLong)?;
        let inbox = self.inbox().clone().ok_or(NotTaken::Busy)?;
        let now = self.0.clock.now();
        for (n, segment) in segments.into_iter().enumerate() {
            let event = Event::Segment(Incoming {
                from: number.as_str().to_owned(),
                number: None,
                segment,
                reference: RemoteId::new(&format!("{id}-{n}")),
                sent: Some(now),
                media: Vec::new(),
                trace: Trace::default(),
            });
            let (Noted::New | Noted::Again) = inbox.hand(event).await.map_err(|_| NotTaken::Busy)?;
        }
        self.network().typed(number, words.to_owned(), now);
        self.changed();
        Ok(())
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub(super) fn take(&self, attempt: &Attempt, part: u8) -> Answer {
        let answer = self.network().take(attempt, part, self.0.clock.now());
        self.changed();
        answer
    }

    /// Connects the phones to the core, with a courier for their receipts.
    pub(super) fn connect(&self, inbox: Inbox) -> Line {
        *self.inbox() = Some(inbox.clone());
        let courier = tokio::spawn(self.clone().carry(inbox));
        Line { phones: self.clone(), courier }
    }

    /// Brings receipts as they come due.
    async fn carry(self, inbox: Inbox) {
        let mut changes = self.changes();
        loop {
            changes.borrow_and_update();
            let due = self.network().due(self.0.clock.now());
            for words in due.chunks(AT_ONCE) {
                let handed = join_all(words.iter().map(|word| inbox.hand(Event::Receipt(word.clone())))).await;
                let failed =
                    words.iter().zip(handed).filter(|(_, handed)| handed.is_err()).map(|(word, _)| word.clone());
                self.network().owe_again(failed.collect(), self.0.clock.now() + AGAIN);
                self.changed();
            }
            let next = self.network().next().unwrap_or(Timestamp::NEVER);
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return },
                () = self.0.clock.sleep_until(next) => {}
            }
        }
    }

    fn changed(&self) {
        self.0.version.send_modify(|version| *version = version.wrapping_add(1));
    }

    fn network(&self) -> MutexGuard<'_, Network> {
        self.0.network.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn inbox(&self) -> MutexGuard<'_, Option<Inbox>> {
        self.0.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The connection of the phones to the core: while it is there, replies and receipts are taken.
pub(super) struct Line {
    phones: Phones,
    courier: JoinHandle<()>,
}

impl Line {
    pub fn phones(&self) -> &Phones {
        &self.phones
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.courier.abort();
        // The core ends when the last inbox is gone.
        *self.phones.inbox() = None;
    }
}
