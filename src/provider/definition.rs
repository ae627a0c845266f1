//! A definition: what one file says of a provider, valid by construction.
//!
//! Only [`super::read`] makes one. `docs/providers.md` tells what each part means.

use std::{collections::BTreeMap, time::Duration};

use regex::Regex;

use super::{
    codes::Normal,
    hook::spec::{Hook, Poll},
    ids::Ids,
    number::Form,
    source::Source,
    template::Template,
    word::Word,
};

pub use super::sending::{
    Auth, Body, Call, Changes, Fields, Json, PauseUnit, RetryAfter, Rule, Sending, Tests, Variant, Wanted, When,
};

/// What one file says of a provider.
#[derive(Debug, Clone)]
pub struct Definition {
    pub name: String,
    pub title: String,
    /// Texts to phones.
    pub sends: bool,
    /// Texts from phones.
    pub receives: bool,
    pub documents: Vec<String>,
    /// What was not verified against the provider's documents.
    pub unverified: Vec<String>,
    pub settings: Vec<Setting>,
    pub number: Numbers,
    pub text: Texts,
    pub validity: Option<Validity>,
    pub rate: Rate,
    /// `None`: reports write ids as answers do.
    pub ids: Option<Ids>,
    pub token: Option<Token>,
    pub send: Option<Sending>,
    pub hooks: Vec<Hook>,
    pub polls: Vec<Poll>,
    pub setup: Option<Setup>,
}

/// What an operator fills in.
#[derive(Debug, Clone)]
pub struct Setting {
    pub name: String,
    pub kind: SettingKind,
    pub about: Option<String>,
    pub default: Option<Filled>,
    pub optional: bool,
}

/// What a setting holds.
#[derive(Debug, Clone)]
pub enum SettingKind {
    Text(Option<Regex>),
    Secret(Option<Regex>),
    /// Without `/` at its end.
    Url,
    Number {
        min: i64,
        max: i64,
    },
    Bool,
    Choice(Vec<String>),
    List(Option<Regex>),
}

/// A value of a setting.
#[derive(Clone, PartialEq, Eq)]
pub enum Filled {
    Text(String),
    Secret(crate::ground::Secret<String>),
    Number(i64),
    Bool(bool),
    List(Vec<String>),
}

impl std::fmt::Debug for Filled {
    /// Numbers of accounts are nobody's business either.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text[{}]", text.len()),
            Self::Secret(secret) => write!(f, "{secret:?}"),
            Self::Number(_) => f.write_str("Number"),
            Self::Bool(flag) => write!(f, "{flag}"),
            Self::List(items) => write!(f, "List[{}]", items.len()),
        }
    }
}

/// `[number]`
#[derive(Debug, Clone)]
pub struct Numbers {
    pub to: Form,
    /// `int`: JSON gets a number.
    pub int: bool,
    pub from: Vec<SenderKind>,
    pub alpha: Option<Regex>,
    pub require_letter: bool,
    pub home: Option<Template>,
    pub short_ok: bool,
}

/// Kinds of sender that a provider takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SenderKind {
    Number(Form),
    Short,
    Alpha,
    None,
    Any,
}

/// `[text]`
#[derive(Debug, Clone)]
pub struct Texts {
    pub charset: &'static encoding_rs::Encoding,
    pub split: Split,
    pub max_chars: Option<usize>,
    pub max_parts: Option<u8>,
    pub truncate: bool,
    pub binary: Binary,
}

/// Who cuts a long text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    Provider,
    Udh,
    Separate,
    /// Nobody: one segment.
    None,
}

/// Whether it takes octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binary {
    No,
    /// With a header.
    Yes,
    /// To a port, without a header.
    ToPort,
}

/// `[validity]`
#[derive(Debug, Clone)]
pub struct Validity {
    pub unit: Unit,
    pub min: u64,
    pub max: u64,
}

/// How a duration is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unit {
    Millis,
    Seconds,
    Minutes,
    Hours,
    /// As a moment.
    Rfc3339,
    Unix,
    Pattern(String),
}

/// `[rate]`
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Rate {
    /// Requests in this time.
    pub requests: Option<(u32, Duration)>,
    pub concurrency: Option<u16>,
    pub per_recipient: bool,
}

/// `[token]`
#[derive(Debug, Clone)]
pub struct Token {
    pub call: Call,
    pub value: Source,
    pub lifetime: Lifetime,
    pub carried: Carried,
    /// Statuses after which it is asked for anew, once.
    pub refresh: Vec<(u16, u16)>,
}

/// How long a token lives.
#[derive(Debug, Clone)]
pub enum Lifetime {
    Fixed(Duration),
    /// Seconds, in the answer.
    Answered(Source),
}

/// Where a token goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Carried {
    Bearer,
    Header(String),
    /// Where the templates write it.
    Field,
}

/// `[setup]`
#[derive(Debug, Clone)]
pub struct Setup {
    pub call: Call,
    /// Optional settings that it cannot do without.
    pub needs: Vec<String>,
    /// One request for each; empty: one.
    pub each: Vec<String>,
    pub ok: Vec<(u16, u16)>,
}

/// A verifier or a signer as written: its name, and arguments that are templates of settings.
#[derive(Debug, Clone)]
pub struct Scheme {
    pub name: String,
    pub arguments: BTreeMap<String, Argument>,
    /// Where it stands in the file.
    pub line: usize,
}

/// One argument.
#[derive(Debug, Clone)]
pub enum Argument {
    Text(Template),
    Number(i64),
    Bool(bool),
    List(Vec<Template>),
    Table(BTreeMap<String, Argument>),
}

/// Tables by name, as written; each use makes of them what it needs.
#[derive(Debug, Clone, Default)]
pub struct Tables {
    pub normal: Normal,
    pub rows: BTreeMap<String, Vec<Row>>,
}

/// A row of a table.
#[derive(Debug, Clone)]
pub struct Row {
    pub keys: String,
    pub word: Word,
    /// Where it stands in the file.
    pub at: usize,
}

impl Definition {
    /// The hook of that name.
    pub fn hook_named(&self, name: &str) -> Option<&Hook> {
        self.hooks.iter().find(|hook| hook.name == name)
    }

    /// The setting of that name.
    pub fn setting(&self, name: &str) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.name == name)
    }

    /// What calls and polls may bring.
    pub fn events(&self) -> impl Iterator<Item = &crate::provider::hook::spec::Event> {
        let hooks = self.hooks.iter().flat_map(|hook| &hook.events);
        hooks.chain(self.polls.iter().flat_map(|poll| &poll.events))
    }

    /// Receipts come by themselves or are fetched.
    pub fn reports(&self) -> bool {
        self.hooks.iter().any(Hook::reports) || self.polls.iter().any(|poll| poll.events.iter().any(|e| e.is_report()))
    }

    /// It can show a sender.
    pub fn shows_senders(&self) -> bool {
        self.number.from.iter().any(|kind| *kind != SenderKind::None)
    }
}
