//! A definition: what one file says of a provider, valid by construction.
//!
//! Only [`super::read`] makes one. `docs/providers.md` tells what each part means.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use regex::Regex;

use super::{
    codes::{Codes, Normal},
    hook::spec::{Hook, Poll},
    number::Form,
    source::{Pointer, Source, XmlPath},
    template::Template,
    word::{Verdict, Word},
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

/// A request as a template.
#[derive(Debug, Clone)]
pub struct Call {
    pub method: String,
    /// The first, and those to try while nothing was written.
    pub urls: Vec<Template>,
    pub headers: Fields,
    pub query: Fields,
    pub query_raw: Option<Template>,
    pub body: Body,
    pub auth: Auth,
}

/// Names and values, in the file's order.
pub type Fields = Vec<(String, Template)>;

/// What a request carries.
#[derive(Debug, Clone)]
pub enum Body {
    None,
    Form(Fields),
    Json(Json),
    Multipart(Fields),
    Xml(Template),
}

/// JSON with templates for strings.
#[derive(Debug, Clone)]
pub enum Json {
    Fixed(serde_json::Value),
    Text(Template),
    List(Vec<Json>),
    Table(Vec<(String, Json)>),
}

/// How a request says who asks.
#[derive(Debug, Clone)]
pub enum Auth {
    None,
    Basic {
        user: Template,
        password: Template,
    },
    Bearer(Template),
    Header {
        name: String,
        value: Template,
    },
    /// That of `[token]`.
    Token,
}

/// `[send]`
#[derive(Debug, Clone)]
pub struct Sending {
    pub call: Call,
    pub timeout: Duration,
    pub sign: Option<Scheme>,
    /// A request repeated with the same id sends nothing twice.
    pub idempotent: bool,
    pub variants: Vec<Variant>,
    pub rules: Vec<Rule>,
}

/// What some messages need beside or instead.
#[derive(Debug, Clone)]
pub struct Variant {
    pub when: Vec<When>,
    pub url: Option<Template>,
    pub headers: Fields,
    pub query: Fields,
    pub body: Option<Body>,
    pub drop: Vec<String>,
}

/// Kinds of message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    Gsm7,
    Ucs2,
    Text,
    Binary,
    Mms,
    Flash,
}

/// What an answer that passes all tests means.
#[derive(Debug, Clone)]
pub struct Rule {
    pub tests: Tests,
    pub result: Verdict,
    pub id: Option<Source>,
    pub ids: Option<Source>,
    pub code: Option<Source>,
    pub detail: Option<Source>,
    pub codes: Option<Arc<Codes<Word>>>,
    pub retry_after: Option<RetryAfter>,
    /// Where it stands in the file.
    pub line: usize,
}

/// Tests of an answer; all must hold.
#[derive(Debug, Clone, Default)]
pub struct Tests {
    /// Ranges of the status; empty: any.
    pub status: Vec<(u16, u16)>,
    pub headers: Vec<(String, Regex)>,
    pub json: Vec<(Pointer, Wanted)>,
    pub some: Vec<(Pointer, Wanted)>,
    pub text: Option<Regex>,
    pub xml: Vec<(XmlPath, Regex)>,
    pub fields: Vec<(String, Regex)>,
    pub absent: Vec<Source>,
}

/// What a value of JSON must be.
#[derive(Debug, Clone)]
pub enum Wanted {
    /// Its text fits.
    Fits(Regex),
    /// It is this, of this type.
    Is(serde_json::Value),
}

/// How long to wait.
#[derive(Debug, Clone)]
pub struct RetryAfter {
    pub from: Option<Source>,
    pub unit: PauseUnit,
    pub default: Option<Duration>,
    pub max: Duration,
}

/// How a pause is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PauseUnit {
    Seconds,
    Millis,
    /// Seconds or a date (RFC 9110 clause 10.2.3).
    Http,
    Unix,
    UnixMillis,
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

    /// Receipts come by themselves or are fetched.
    pub fn reports(&self) -> bool {
        self.hooks.iter().any(Hook::reports) || self.polls.iter().any(|poll| poll.events.iter().any(|e| e.is_report()))
    }

    /// It can show a sender.
    pub fn shows_senders(&self) -> bool {
        self.number.from.iter().any(|kind| *kind != SenderKind::None)
    }
}
