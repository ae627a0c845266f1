//! What is queued: texts to phones, mails on their way back, and errands of rules.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{Craft, Errand, Month};
use crate::{
    address::{Destination, Mailbox, SenderId, Trace},
    ground::{AccountName, GatewayId, MessageId, Timestamp},
    routing::{Dialled, Ours, Target},
    sms::Content,
    smtp::{Notify, Ret},
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

/// One thing in the queue.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Payload {
    Text(Box<Text>),
    Mail(Box<Mail>),
    Errand(Box<Errand>),
}

/// A text to one phone (MT).
#[derive(Clone, Serialize, Deserialize)]
pub struct Text {
    pub to: Destination,
    pub content: Content,
    /// How many segments it was counted as when it was accepted.
    pub parts: u8,
    /// Reference number of its concatenation.
    pub reference: u8,
    pub sender: Option<SenderId>,
    /// Rather not at all than without the sender.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sender_required: bool,
    /// The number as it is dialled, where a route writes it anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wire: Option<Dialled>,
    /// The account's own number, for `%sender_phonealias%`.
    pub sender_phone: Option<String>,
    pub pid: Option<u8>,
    pub dcs: Option<u8>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub value: Vec<String>,
    pub account: AccountName,
    /// What it was charged, for a refund.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charged: Option<super::Refund>,
    /// The one answer to an opting out, which goes to a phone that has opted out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub confirms: bool,
    /// Hosts of ours that it went through before.
    #[serde(default, skip_serializing_if = "Trace::is_empty")]
    pub trace: Trace,
    pub origin: Origin,
}

/// Who wrote, where reports and replies go, and what they must say.
#[derive(Clone, Serialize, Deserialize)]
pub struct Origin {
    /// Where reports go; `None`: nobody may be told (null sender, unknown), a dead letter instead.
    pub report_to: Option<Mailbox>,
    /// Where the phone's reply goes (call log); `None`: no link is written.
    pub reply_to: Option<Mailbox>,
    pub notify: Notify,
    pub ret: Option<Ret>,
    pub envid: Option<String>,
    /// ORCPT as given (`rfc822;…`), password masked.
    pub orcpt: Option<String>,
    /// The recipient as the sender wrote it, password masked.
    pub written: String,
    /// `Auto-Submitted: auto-replied`: reports are withheld.
    pub auto_replied: bool,
    pub arrived: Timestamp,
    /// Message-ID of the mail without angle brackets.
    pub message_id: Option<String>,
    /// Message-IDs of `References:` (or In-Reply-To) of the mail, without brackets, oldest first, at most 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<String>,
    pub subject: Option<String>,
    pub original: Option<OriginalId>,
}

impl Origin {
    /// Of a text that no mail brought.
    pub fn of_call(report_to: &Option<Mailbox>, reply_to: &Option<Mailbox>, to: &str, now: Timestamp) -> Self {
        Self {
            report_to: report_to.clone(),
            reply_to: reply_to.clone(),
            notify: Notify::default(),
            ret: None,
            envid: None,
            orcpt: None,
            written: format!("sms:{to}"),
            auto_replied: false,
            arrived: now,
            message_id: None,
            references: Vec::new(),
            subject: None,
            original: None,
        }
    }
}

/// A mail of ours: a reply from a phone or a report.
#[derive(Clone, Serialize, Deserialize)]
pub struct Mail {
    /// Envelope sender; `None` is the null sender of reports.
    pub from: Option<String>,
    pub to: Mailbox,
    /// Where it goes when `to` refuses for good, first to last; when empty, a dead letter.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ladder: Vec<Mailbox>,
    /// Message-ID without angle brackets.
    pub message_id: String,
    /// The whole mail, CRLF line ends, not dot-stuffed.
    #[serde(with = "octets")]
    pub data: Arc<[u8]>,
    pub about: About,
}

/// What a mail of ours is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum About {
    /// A phone's words.
    Reply,
    /// A failure, delay or success report, or a notice to the postmaster, about this message.
    Report(Option<MessageId>),
}

/// Key of a stored original: one mail, shared by its recipients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OriginalId(pub MessageId);

/// What a report may show of the mail: headers, then the body up to `bounce_size`. Passwords are masked already.
#[derive(Clone)]
pub struct Original {
    pub id: OriginalId,
    /// Header block with CRLF, without the empty line.
    pub headers: Arc<[u8]>,
    /// `None` when the body was larger than `bounce_size` or may not be shown.
    pub body: Option<Arc<[u8]>>,
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

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Text").field("content", &self.content).field("parts", &self.parts).finish_non_exhaustive()
    }
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mail({:?}, [{}])", self.about, self.data.len())
    }
}

impl Payload {
    /// The text, if it is one.
    pub fn text(&self) -> Option<&Text> {
        match self {
            Self::Text(text) => Some(text),
            Self::Mail(_) | Self::Errand(_) => None,
        }
    }

    /// The mail, if it is one.
    pub fn mail(&self) -> Option<&Mail> {
        match self {
            Self::Mail(mail) => Some(mail),
            Self::Text(_) | Self::Errand(_) => None,
        }
    }

    /// Whose words it carries to a phone.
    pub fn origin(&self) -> Option<&Origin> {
        match self {
            Self::Text(text) => Some(&text.origin),
            Self::Errand(errand) => errand.answers.as_ref().map(|answers| &answers.origin),
            Self::Mail(_) => None,
        }
    }

    /// The errand, if it is one.
    pub fn errand(&self) -> Option<&Errand> {
        match self {
            Self::Errand(errand) => Some(errand),
            Self::Text(_) | Self::Mail(_) => None,
        }
    }
}

impl fmt::Debug for Original {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Original({:?}, [{}])", self.id, self.headers.len())
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
