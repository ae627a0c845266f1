//! Attempts and what became of them.

use std::{fmt, ops::Range};

use super::{Closed, Month, New, SegmentState, Spend, Why};
use crate::{
    address::Mailbox,
    ground::{AccountName, Fault, GatewayId, MessageId, RemoteId, Timestamp},
    routing::Ours,
};

/// An attempt to be written down before it is made.
#[derive(Clone)]
pub struct Begin {
    pub id: MessageId,
    /// `None` for mails.
    pub gateway: Option<GatewayId>,
    /// Which segments, from 0; `0..1` for mails.
    pub parts: Range<u8>,
    /// JSON of `Vec<Segment>`, given at the first attempt of a message sent in parts.
    pub frozen: Option<String>,
    /// The call-log link that this attempt writes or renews: a reply can overtake the gateway's answer.
    pub link: Option<NewLink>,
    /// What it takes of the gateway's day.
    pub spend: Option<Spend>,
    /// By which of ours it goes; does not begin if the phone has opted out of that. `None`: whatever it has.
    pub ours: Option<Ours>,
}

/// A call-log link: who wrote to which phone by which gateway, until when.
#[derive(Clone, PartialEq, Eq)]
pub struct NewLink {
    /// E.164 or short code.
    pub phone: String,
    pub gateway: GatewayId,
    /// Our number there.
    pub number: Option<String>,
    pub mailbox: Mailbox,
    pub expires: Timestamp,
}

/// What became of an attempt, written in one transaction.
#[derive(Debug, Clone)]
pub struct Settle {
    pub id: MessageId,
    /// The attempt's number; 0 settles without an attempt (expiry, cancel), then the item must not be trying.
    pub attempt: u32,
    /// Segment (from 0), its new state, its id in the network.
    pub segments: Vec<(u8, SegmentState, Option<RemoteId>)>,
    pub next: Next,
    pub fault: Option<Fault>,
    /// The one word of the event that this writes (`sent`, `deferred`, `failed`, `unsure`, `expired` …).
    pub event: &'static str,
    /// Reports and follow-ups, queued in the same transaction.
    pub errands: Vec<New>,
    /// Takes back what was charged (refused by the network before it was accepted), for the month that was charged.
    pub refund: Option<Refund>,
    /// Takes back this message's renewal of its call-log link (a failure does, unsure does not).
    pub unlink: bool,
    /// Kept where nobody may be told.
    pub dead: Option<DeadLetter>,
    /// Report mails of this message that have not been begun are withdrawn first (a late answer after unsure).
    pub withdraw: bool,
}

/// What to give back, and to whom.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Refund {
    pub pool: AccountName,
    pub month: Month,
    pub amount: u64,
}

/// Where the item goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Another part of the same message goes at once or an attempt follows at this moment. `pin`: from now on by this
    /// gateway only (partly sent).
    Waiting {
        at: Timestamp,
        pin: Option<GatewayId>,
    },
    Held(Why),
    /// Taken by the gateway; a receipt may come until then.
    Sent {
        until: Timestamp,
    },
    Closed(Closed),
    /// The mail goes to the next step of its ladder: payload's `to` and `ladder` are replaced, attempts start over.
    Redirect {
        to: Mailbox,
        ladder: Vec<Mailbox>,
        at: Timestamp,
    },
}

/// A person's hand on a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hand {
    Hold,
    Release,
    Retry,
}

/// The network's word on a segment.
#[derive(Debug, Clone)]
pub struct Receipt {
    pub gateway: GatewayId,
    pub reference: Reference,
    pub part: Part,
    /// How many parts the network made of it.
    pub total: Option<u8>,
    /// `Delivered`, `Failed` or `Sent` (on its way).
    pub state: SegmentState,
    pub fault: Option<Fault>,
    pub at: Timestamp,
    /// The network gives the reference to others again (TP-MR): this word may be about one that is not answered yet.
    pub reused: bool,
}

/// Which segment a receipt names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// By the network's id; ours, echoed, counts too.
    Theirs(RemoteId),
    /// By ours and the number of the segment, from 0.
    Ours(MessageId, u8),
}

impl From<RemoteId> for Reference {
    fn from(id: RemoteId) -> Self {
        Self::Theirs(id)
    }
}

/// What of a message that the network cut by itself a receipt is about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Part {
    /// The segment that is named.
    #[default]
    Named,
    /// The part of this number, from 0.
    Number(u8),
    /// One more of them; the word names the event, so that its repetition counts once.
    Counted(String),
}

/// Something that ended and whose owner could not be told.
#[derive(Clone)]
pub struct DeadLetter {
    /// One word: bounce, withheld, refused, expired, unroutable, quarantine.
    pub kind: &'static str,
    /// The message it is about.
    pub about: Option<MessageId>,
    /// One line: why it is here.
    pub cause: String,
    /// The mail as it would have gone out, or the bounce that came in.
    pub data: Vec<u8>,
}

impl DeadLetter {
    /// The last bound of what is kept, octets: a mail of ours with the largest pictures that `[media]` may let in (64 MiB, in
    /// base64). What comes from outside is cut where it comes in.
    pub const MOST: usize = 96 << 20;
}

/// A dead letter as listed.
#[derive(Clone, serde::Serialize)]
pub struct DeadLetterRow {
    pub id: MessageId,
    pub at: Timestamp,
    pub kind: String,
    pub about: Option<MessageId>,
    pub cause: String,
    pub size: u64,
}

/// Without the frozen segments: they hold the text.
impl fmt::Debug for Begin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Begin({}, {:?}, {:?}, {:?})", self.id, self.gateway, self.parts, self.link)
    }
}

/// Without the phone's number and ours.
impl fmt::Debug for NewLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NewLink({}, {:?})", self.gateway, self.mailbox)
    }
}

/// Without what is kept, and without the network's words.
impl fmt::Debug for DeadLetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeadLetter({}, {:?}, [{}])", self.kind, self.about, self.data.len())
    }
}

impl fmt::Debug for DeadLetterRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeadLetterRow({}, {}, {:?}, [{}])", self.id, self.kind, self.about, self.size)
    }
}
