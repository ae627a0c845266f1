//! Actions: what a rule does to a message, and what is to be done after the commit.

use std::{collections::BTreeMap, fmt, time::Duration};

use super::{deed::Deed, facts::Urgency, mask::Pii, pattern::Pattern, template::Template};

/// What an edit changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    To,
    Body,
    Header(String),
}

/// One action as written.
#[derive(Debug, Clone)]
pub enum Action {
    SetHeader {
        name: String,
        value: Template,
    },
    AddHeader {
        name: String,
        value: Template,
    },
    DeleteHeader(String),
    /// `$1` replacement; skipped where the pattern does not match.
    Edit {
        place: Place,
        pattern: Pattern,
        by: Template,
    },
    /// Gateway or group.
    Gateway(String),
    SetSender(Template),
    Priority(Urgency),
    Body(Template),
    /// To so many characters.
    Truncate(usize),
    /// Instead of where it goes: a mail address, or `sms:…`.
    Forward {
        to: Template,
        account: Option<String>,
    },
    /// Beside where it goes: a mail address, `sms:…`, or a folder `alice/SMS`.
    Copy {
        to: Where,
        account: Option<String>,
    },
    Move(Template),
    ReplyMail {
        subject: Template,
        text: Template,
    },
    ReplySms {
        text: Template,
        /// Who is charged.
        account: String,
    },
    Accept,
    Reject(Template),
    Discard,
    Hold(Template),
    Quarantine,
    Run {
        program: Vec<Template>,
        env: Vec<(String, Template)>,
        dir: Option<String>,
        /// It reads the whole mail.
        mail: bool,
        timeout: Duration,
        asks: Option<Asks>,
    },
    Call {
        url: Template,
        body: Option<Posted>,
        headers: BTreeMap<String, String>,
        timeout: Duration,
        asks: Option<Asks>,
        answers_by: Option<String>,
    },
    Sql {
        statement: String,
        values: Vec<Template>,
    },
    Log(Template),
    Set {
        name: String,
        value: Template,
    },
    Mask(Pii),
    Stop,
}

/// Where a copy goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Where {
    /// A mail address, or `sms:…`.
    Address(Template),
    /// `mailbox/folder`.
    Folder(Template),
}

impl Action {
    /// May a message go elsewhere, by another way, as somebody else, or nowhere after this?
    pub(super) fn redirects(&self) -> bool {
        match self {
            Self::Edit { place, .. } => *place == Place::To,
            Self::SetHeader { name, .. } => name.eq_ignore_ascii_case("To"),
            // A verdict may set `To:`, or discard.
            Self::Run { asks, .. } | Self::Call { asks, .. } => asks.is_some(),
            Self::Gateway(_)
            | Self::SetSender(_)
            | Self::Forward { .. }
            | Self::Move(_)
            | Self::Discard
            | Self::Quarantine => true,
            _ => false,
        }
    }

    /// Every kind, by the word of rule files: for the runner that wants a case of each.
    pub const WORDS: [&str; 26] = [
        "set_header",
        "add_header",
        "delete_header",
        "edit",
        "gateway",
        "set_sender",
        "priority",
        "body",
        "truncate",
        "forward",
        "copy",
        "move",
        "reply_mail",
        "reply_sms",
        "accept",
        "reject",
        "discard",
        "hold",
        "quarantine",
        "run",
        "call",
        "sql",
        "log",
        "set",
        "mask",
        "stop",
    ];
}

/// What a POST carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Posted {
    /// A form, encoded but for its variables.
    Form(Template),
    /// The JSON object that a program would read.
    Json,
}

/// A program or a URL that says what becomes of the message before it is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asks {
    /// So long is waited for it.
    pub wait: Duration,
    pub otherwise: Otherwise,
}

/// What follows when there is no verdict in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Otherwise {
    /// As if it had said `pass`.
    Pass,
    /// The sender is asked to try again later.
    Tempfail,
}

/// A verdict that is needed before the message can be judged any further.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The title of the rule that asks.
    pub rule: String,
    pub deed: Deed,
    pub asks: Asks,
}

/// Something to be done after the commit, with its values. Written by rules, carried out from the queue.
#[derive(Clone, PartialEq, Eq)]
pub enum Errand {
    /// A mail of the message to this address.
    Mail { to: String },
    /// A text; the account is charged.
    Sms { to: String, text: String, account: Option<String> },
    /// An answer to whoever wrote, by mail.
    ReplyMail { subject: String, text: String },
    /// An answer to whoever wrote, by SMS.
    ReplySms { text: String, account: String },
    /// Into a folder by IMAP: `alice/SMS`; with the title of the rule.
    Append {
        rule: String,
        folder: String,
        /// It goes nowhere else.
        moved: bool,
    },
    /// Outside of Martlet; with the title of the rule.
    Do { rule: String, deed: Deed },
    /// A line for the log.
    Log(String),
}

/// Without values: they hold words and numbers.
impl fmt::Debug for Errand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl Errand {
    /// What it is, in a word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Mail { .. } => "mail",
            Self::Sms { .. } => "sms",
            Self::ReplyMail { .. } => "reply_mail",
            Self::ReplySms { .. } => "reply_sms",
            Self::Append { .. } => "append",
            Self::Do { deed, .. } => deed.word(),
            Self::Log(_) => "log",
        }
    }
}
