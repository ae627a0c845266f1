//! The virtual handset: phones without a network. It takes every text, behaves as it is told, and whoever holds its
//! [`Phones`] can read them and type replies.
//!
//! | | file |
//! |---|---|
//! | what the network does, and what it owes | `network` (pure) |
//! | who reads and types | `phones` |
//!
//! Receipts and replies go through the inbox as those of any gateway. The phones are kept in memory: what they show
//! ends with the process, and a receipt that was still owed then never comes.

mod network;
mod phones;

use std::{sync::Arc, time::Duration};

pub use network::{Behaviour, Phone, State, Text};
pub use phones::{NotTaken, Phones};

use self::network::Answer;
use super::{Gateway, Job, Split, Traits, inbox::Inbox, spawn};
use crate::ground::{Enhanced, Fault, GatewayId, Outcome, Scope};

/// How long the gateway waits for a network that does not answer.
const PATIENCE: Duration = Duration::from_secs(4);

/// A handset as configured; the phones are shared with whoever reads them.
#[derive(Debug, Clone)]
pub struct Settings {
    pub phones: Phones,
    pub traits: Traits,
}

impl Settings {
    pub fn new(phones: Phones) -> Self {
        let traits = Traits {
            split: Split::Provider,
            binary: true,
            shift_tables: false,
            receipts: true,
            sender: true,
            window: 100,
            idempotent: false,
        };
        Self { phones, traits }
    }
}

/// Starts the gateway and the courier of its receipts; the courier ends with it.
pub(super) fn start(id: GatewayId, settings: Settings, inbox: Inbox) -> Gateway {
    let Settings { phones, traits } = settings;
    let line = Arc::new(phones.connect(inbox));
    spawn(id, traits, move |job| run(Arc::clone(&line), job))
}

/// Answers one job; a silent network is waited for, and then nobody knows.
async fn run(line: Arc<phones::Line>, job: Job) {
    let mut outcomes = Vec::new();
    for part in job.parts.clone() {
        let outcome = match line.phones().take(&job.attempt, part) {
            Answer::Now(outcome) => outcome,
            Answer::Silence => {
                line.phones().clock().sleep(PATIENCE).await;
                let words = "the network did not answer";
                Outcome::Unsure(Fault::new(Scope::Message, Enhanced::new(4, 4, 2), words))
            }
        };
        outcomes.push((part, outcome));
    }
    // A caller that is gone finds the attempt open and counts it as unsure.
    let _ = job.reply.send(outcomes);
}
