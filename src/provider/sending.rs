//! `[send]`, valid by construction: the request as a template, its variants, and the rules by which answers are read.

use std::{sync::Arc, time::Duration};

use regex::Regex;

use super::{
    codes::Codes,
    definition::Scheme,
    source::{Pointer, Source, XmlPath},
    template::Template,
    word::{Verdict, Word},
};

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

/// The request of some messages.
#[derive(Debug, Clone)]
pub struct Variant {
    pub when: Vec<When>,
    /// That of `[send]` with its changes.
    pub whole: Call,
}

/// What some messages need beside or instead.
#[derive(Debug, Clone)]
pub struct Changes {
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
