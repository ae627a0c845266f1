//! Errands: what a rule asked for, to be done after the commit. They wait, are tried and end as messages do.
//!
//! What a crash interrupts is done again: an errand is done at least once, and its id tells a repetition.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{Mail, Origin};
use crate::{
    address::Trace,
    ground::{GatewayId, MessageId, Timestamp},
    rules::deed::{self, Call, Program, Statement},
};

/// One errand.
#[derive(Clone, Serialize, Deserialize)]
pub struct Errand {
    /// The title of the rule that asked for it.
    pub rule: String,
    /// The segment of the phone's text that it is about, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<MessageId>,
    /// Hosts of ours that the message went through.
    #[serde(default, skip_serializing_if = "Trace::is_empty")]
    pub trace: Trace,
    /// A text that another host of ours sends for us: how its answers find whoever wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<Box<Answers>>,
    /// The mail that goes out in its place when it is given up: a phone's words are never lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otherwise: Option<Box<Mail>>,
    pub deed: Deed,
}

/// The conversation that a relayed text begins.
#[derive(Clone, Serialize, Deserialize)]
pub struct Answers {
    /// E.164 or short code.
    pub phone: String,
    /// By which the answers come.
    pub gateway: GatewayId,
    pub origin: Origin,
}

/// What is to be done.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Deed {
    Run(Program),
    Call(Call),
    Sql(Statement),
    Append(Append),
}

impl From<deed::Deed> for Deed {
    fn from(deed: deed::Deed) -> Self {
        match deed {
            deed::Deed::Run(program) => Self::Run(program),
            deed::Deed::Call(call) => Self::Call(call),
            deed::Deed::Sql(statement) => Self::Sql(statement),
        }
    }
}

/// A mail for a folder.
#[derive(Clone, Serialize, Deserialize)]
pub struct Append {
    /// `alice/SMS`.
    pub folder: String,
    /// Without angle brackets.
    pub message_id: String,
    /// What else tells the mail from others with that Message-ID: its `X-SMS-To`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// The whole mail, CRLF line ends.
    #[serde(with = "super::item::octets")]
    pub data: Arc<[u8]>,
    /// Nobody has to read it: a copy for the archive.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub seen: bool,
    /// When the words came.
    pub date: Timestamp,
}

/// The kinds of errands. Each waits in a lane of its own: what is slow in one holds up nothing in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Craft {
    Run,
    Call,
    Sql,
    Append,
}

impl Craft {
    pub const ALL: [Self; 4] = [Self::Run, Self::Call, Self::Sql, Self::Append];

    /// The word of rule files, logs and lists.
    pub fn word(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Call => "call",
            Self::Sql => "sql",
            Self::Append => "append",
        }
    }
}

impl Errand {
    pub fn craft(&self) -> Craft {
        match self.deed {
            Deed::Run(_) => Craft::Run,
            Deed::Call(_) => Craft::Call,
            Deed::Sql(_) => Craft::Sql,
            Deed::Append(_) => Craft::Append,
        }
    }

    /// What may be shown of it: a path, a host, a name, a folder; no values.
    pub fn target(&self) -> &str {
        match &self.deed {
            Deed::Run(program) => program.words.first().map_or("", String::as_str),
            Deed::Call(call) => call.target(),
            Deed::Sql(statement) => &statement.name,
            Deed::Append(append) => &append.folder,
        }
    }
}

impl fmt::Debug for Errand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Errand({:?})", self.deed)
    }
}

/// Without the mailbox and the mail.
impl fmt::Debug for Append {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Append([{}])", self.data.len())
    }
}
