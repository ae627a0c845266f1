//! What people and monitors see of the queue: items with their histories, lists, depths. No text of a message is in it.

use std::{borrow::Cow, fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Closed, SegmentRow, State};
use crate::ground::{AccountName, GatewayId, MessageId, Timestamp};

/// An item with its history, for people (`martlet queue show`). No text in it.
#[derive(Clone, Serialize, Deserialize)]
pub struct Shown {
    pub id: MessageId,
    /// The phone or the mailbox; masked unless the reader asked for more.
    pub to: String,
    /// text, mail or segment; of an errand: run, call, sql or append.
    pub kind: Cow<'static, str>,
    pub state: State,
    pub result: Option<Closed>,
    pub attempts: u32,
    pub gateway: Option<GatewayId>,
    pub segments: Vec<SegmentRow>,
    pub next: Option<Timestamp>,
    pub cause: Option<String>,
    pub account: Option<AccountName>,
    pub created: Timestamp,
    pub events: Vec<Event>,
}

/// One step in the life of a message.
#[derive(Clone, Serialize, Deserialize)]
pub struct Event {
    pub at: Timestamp,
    /// One word: accepted, begun, sent, deferred, failed, unsure, warned, reported, held, released, cancelled, joined (with others in one text),
    /// expired, receipt, late, withdrawn, refused (a follow-up over its quota), unshown (its sender); of a segment from
    /// a phone: taken.
    pub what: String,
    pub gateway: Option<GatewayId>,
    /// From 1.
    pub segment: Option<u8>,
    pub cause: Option<String>,
}

/// What to list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub states: Vec<State>,
    pub limit: usize,
}

/// Depths for metrics and `/readyz`.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    pub waiting: u64,
    pub held: u64,
    pub trying: u64,
    pub sent: u64,
    pub mails_waiting: u64,
    pub errands_waiting: u64,
    pub unassembled: u64,
    pub dead_letters: u64,
    /// Receipts that match nothing yet.
    pub parked_receipts: u64,
    /// Lines of the opt-out list.
    pub opted_out: u64,
    /// Receipts that were forgotten because too many were parked, since the store was made.
    pub dropped_receipts: u64,
    /// Age of the oldest waiting item.
    pub oldest: Option<Duration>,
}

/// Without the network's words.
impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shown")
            .field("id", &self.id)
            .field("to", &self.to)
            .field("kind", &self.kind)
            .field("state", &self.state)
            .field("result", &self.result)
            .field("attempts", &self.attempts)
            .field("gateway", &self.gateway)
            .field("segments", &self.segments)
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}

/// Without the network's words.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Event({} {:?} {:?})", self.what, self.gateway, self.segment)
    }
}
