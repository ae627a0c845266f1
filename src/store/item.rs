//! What is queued: texts to phones, mails on their way back, and errands of rules.

mod payload;

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

pub use payload::*;

use super::{Craft, Errand, Month};
use crate::{
    ground::{AccountName, GatewayId, MessageId, Timestamp},
    routing::{Ours, Target},
};

/// Under what an item waits: whoever serves the key pulls it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// Any gateway that can carry it.
    Any,
    /// One gateway only (pinned, or partly sent).
    Gateway(GatewayId),
    /// Any gateway of a group, as it is configured when one pulls.
    Group(GatewayId),
    /// Any of these, in order of their names.
    Several(Vec<GatewayId>),
    /// The way back into mailboxes.
    Mailbox,
    /// What rules have done outside.
    Errand(Craft),
}

impl From<Target> for Key {
    fn from(target: Target) -> Self {
        match target {
            Target::Any => Self::Any,
            Target::Gateway(id) => Self::Gateway(id),
            Target::Group(id) => Self::Group(id),
            Target::Several(ids) => Self::Several(ids),
        }
    }
}

/// Urgent before normal before bulk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    Urgent = 0,
    Normal = 1,
    Bulk = 2,
}

/// What an item costs its account; counted in the transaction that queues it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// Whose counter: the account, or the pool it shares.
    pub pool: AccountName,
    pub month: Month,
    /// Segments or messages, as the account counts.
    pub amount: u64,
    /// `None`: unlimited.
    pub limit: Option<u64>,
}

/// What makes a second hand-over recognisable; the same fingerprint within its time is the same message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    pub hash: [u8; 32],
    pub until: Timestamp,
}

/// One entry for [`super::Store::put`].
#[derive(Clone)]
pub struct New {
    pub id: MessageId,
    pub key: Key,
    pub priority: Priority,
    /// Not before.
    pub due: Timestamp,
    pub expires: Timestamp,
    /// When the delay warning is due; `None`: never.
    pub warn_at: Option<Timestamp>,
    pub payload: Payload,
    pub charge: Option<Charge>,
    /// By which of ours it can go: refused if its phone has opted out of all of them. Empty: whatever it has.
    pub candidates: Vec<Ours>,
    /// Limits over a stretch of time; one that takes hold refuses the entry.
    pub brakes: Vec<super::Brake>,
    /// With whom it may go out as one text.
    pub mate: Option<super::Mate>,
    pub fingerprint: Option<Fingerprint>,
    /// It waits for a person from the beginning; why, in one line.
    pub held: Option<String>,
    /// Something about it that its history should say from the first event on.
    pub note: Option<&'static str>,
    /// Stored once even when several entries carry it.
    pub original: Option<Arc<Original>>,
}

impl New {
    /// A mail of ours: due at once, free of charge, without a report of its own.
    pub fn mail(mail: Mail, now: Timestamp, expires: Timestamp) -> Self {
        Self {
            id: MessageId::new(),
            key: Key::Mailbox,
            priority: Priority::Normal,
            due: now,
            expires,
            warn_at: None,
            payload: Payload::Mail(Box::new(mail)),
            charge: None,
            candidates: Vec::new(),
            brakes: Vec::new(),
            mate: None,
            fingerprint: None,
            held: None,
            note: None,
            original: None,
        }
    }

    /// An errand: due at once, free of charge; the postmaster is warned when it takes long.
    pub fn errand(errand: Errand, now: Timestamp, expires: Timestamp, warn_at: Timestamp) -> Self {
        Self {
            id: MessageId::new(),
            key: Key::Errand(errand.craft()),
            priority: Priority::Normal,
            due: now,
            expires,
            warn_at: Some(warn_at),
            payload: Payload::Errand(Box::new(errand)),
            charge: None,
            candidates: Vec::new(),
            brakes: Vec::new(),
            mate: None,
            fingerprint: None,
            held: None,
            note: Some("by a rule"),
            original: None,
        }
    }
}

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placed {
    New(MessageId),
    /// Handed over before: this is the message it became.
    Before(MessageId),
}

/// Why an entry was not queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The pool has no more room this month.
    Quota { used: u64, limit: u64 },
    /// Too much in a stretch of time.
    Braked(super::Braked),
    /// Its phone has opted out of every number that it could go by.
    OptedOut,
    /// `all` was asked for and another entry was refused.
    WithOthers,
}

/// Where a message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Waiting,
    Held,
    Trying,
    Sent,
    Closed,
}

/// How a closed message ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Closed {
    Delivered,
    Relayed,
    Failed,
    Expired,
    Cancelled,
}

/// Why a message is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Why {
    Person,
    Unsure,
}

/// An item as lanes, sweepers and reports see it.
#[derive(Clone)]
pub struct Item {
    pub id: MessageId,
    pub key: Key,
    pub priority: Priority,
    pub state: State,
    pub attempts: u32,
    /// When the last attempt began.
    pub last_attempt: Option<Timestamp>,
    pub created: Timestamp,
    pub expires: Timestamp,
    pub payload: Payload,
    /// The gateway of the last attempt.
    pub gateway: Option<GatewayId>,
    /// Segments frozen at the first attempt of a message sent in parts, as JSON of `Vec<Segment>`.
    pub frozen: Option<String>,
    /// One entry per segment that has one; index is the segment's number from 0.
    pub segments: Vec<SegmentRow>,
    /// Segments of the attempt that is under way or was interrupted.
    pub begun: Option<std::ops::Range<u8>>,
    /// Words of the last fault.
    pub cause: Option<String>,
    /// With whom it may go out as one text.
    pub mate: Option<String>,
    /// The last fault itself.
    pub fault: Option<crate::ground::Fault>,
    pub warned: bool,
}

/// How one segment stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentRow {
    /// From 1.
    pub n: u8,
    pub state: SegmentState,
    /// The network's id.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SegmentState {
    Waiting,
    Trying,
    Unsure,
    Sent,
    Delivered,
    Failed,
}

/// Octets as base64: a mail as a JSON array of numbers would be four times its size.
pub(super) mod octets {
    use std::sync::Arc;

    use base64::{Engine, engine::general_purpose::STANDARD};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(data: &Arc<[u8]>, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(data))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<[u8]>, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        STANDARD.decode(text.as_bytes()).map(Arc::from).map_err(D::Error::custom)
    }
}

impl fmt::Debug for New {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("New")
            .field("id", &self.id)
            .field("key", &self.key)
            .field("payload", &self.payload)
            .finish_non_exhaustive()
    }
}
