//! Texts from phones: segments as taken, call-log links, conflicts.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{DeadLetter, New, Opting};
use crate::{
    address::{Mailbox, Originator, Trace},
    ground::{GatewayId, MessageId, RemoteId, Timestamp},
    mail::Piece,
    sms::Segment,
};

/// One segment as the network gave it (MO).
#[derive(Clone, Serialize, Deserialize)]
pub struct MoSegment {
    pub gateway: GatewayId,
    /// Our number that was dialled, if the network said so.
    pub number: Option<String>,
    pub from: Originator,
    pub segment: Segment,
    /// The network's id for it, if it gave one.
    pub reference: Option<RemoteId>,
    /// The network's time, if it gave one.
    pub sent: Option<Timestamp>,
    pub received: Timestamp,
    /// Hosts of ours that it went through before.
    #[serde(default, skip_serializing_if = "Trace::is_empty")]
    pub trace: Trace,
    /// What came beside the words. The store keeps it apart: [`super::Store::media`] gives it back.
    #[serde(skip)]
    pub media: Vec<Piece>,
}

impl fmt::Debug for MoSegment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MoSegment({}, {:?})", self.gateway, self.segment)
    }
}

/// What became of a segment at the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    New(MessageId),
    /// It was here before (same gateway and reference within `dedupe`, or a look-alike with the same network time
    /// within 24 h): acknowledge again, do nothing.
    Duplicate,
}

/// A segment in the store.
#[derive(Debug, Clone)]
pub struct StoredSegment {
    pub id: MessageId,
    pub mo: MoSegment,
    /// How many pieces of media came with it.
    pub media: u8,
}

/// A call-log link as read.
#[derive(Clone, PartialEq, Eq)]
pub struct Link {
    pub gateway: GatewayId,
    pub number: Option<String>,
    pub mailbox: Mailbox,
    pub renewed: Timestamp,
    pub expires: Timestamp,
    /// Of the latest message under this link: what the reply answers.
    pub message: MessageId,
    pub message_id: Option<String>,
    pub references: Vec<String>,
    pub subject: Option<String>,
}

/// Several people wrote to one phone: what it must answer to.
#[derive(Clone)]
pub struct Conflict {
    pub id: MessageId,
    pub phone: String,
    pub gateway: GatewayId,
    /// Numbered from 1 in the conflict text.
    pub choices: Vec<Mailbox>,
    /// The texts that wait for the answer.
    pub waiting: Vec<StoredSegment>,
    /// Open until then; after it the waiting texts go on to the default mailbox.
    pub until: Timestamp,
    /// When the last conflict text was sent to this phone.
    pub asked: Timestamp,
    pub open: bool,
}

/// Without the subject, the phone's number and ours.
impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link({}, {:?}, {})", self.gateway, self.mailbox, self.message)
    }
}

/// Without the phone's number.
impl fmt::Debug for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Conflict({}, {}, {:?}, [{}])", self.id, self.gateway, self.choices, self.waiting.len())
    }
}

/// One step of the inbound journey, in one transaction.
#[derive(Default)]
pub struct InboundStep {
    /// Segments that are done with.
    pub done: Vec<MessageId>,
    /// Segments that now wait for the answer to a conflict.
    pub parked: Vec<MessageId>,
    /// Segments that wait because more came than anybody writes.
    pub held: Vec<MessageId>,
    /// What was made of them: mails to mailboxes, texts back to the phone.
    pub errands: Vec<New>,
    /// A conflict that opens, or is renewed with the same id.
    pub conflict: Option<Conflict>,
    /// A conflict that is answered or over.
    pub settled: Option<MessageId>,
    pub dead: Vec<DeadLetter>,
    /// What the phone wants from now on; before the errands, so that none goes against it.
    pub opting: Vec<Opting>,
    /// (message the event is about, one word, cause): "why did it go there?".
    pub events: Vec<(MessageId, &'static str, String)>,
}
