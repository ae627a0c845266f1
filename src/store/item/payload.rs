//! What an item carries: a text to a phone with its origin, a mail of ours, an errand; and what is kept of a mail for reports.
//!
//! `Debug` shows no words and no numbers. What is written here is read again by every later version.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::octets;
use crate::{
    address::{Destination, Mailbox, SenderId, Trace},
    ground::{AccountName, MessageId, Timestamp},
    routing::Dialled,
    sms::Content,
    smtp::{Notify, Ret},
    store::Errand,
};

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
    pub charged: Option<crate::store::Refund>,
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
