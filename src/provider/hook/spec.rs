//! What a definition says of hooks and polls, valid by construction.

use std::{sync::Arc, time::Duration};

use regex::Regex;

use crate::provider::{
    codes::Codes,
    definition::{Call, Scheme},
    moment,
    source::{Pointer, Source},
    word::{State, Word},
};

/// A way in which a provider calls us.
#[derive(Debug, Clone)]
pub struct Hook {
    pub name: String,
    /// A path of its own.
    pub path: Option<String>,
    /// Where its address is entered at the provider.
    pub about: Option<String>,
    pub methods: Vec<String>,
    pub reading: Reading,
    /// All of them must hold.
    pub verify: Vec<Scheme>,
    pub dedupe: Option<Source>,
    /// A report never moves a message back.
    pub monotone: bool,
    pub handshakes: Vec<Handshake>,
    pub reply: Reply,
    pub refuse: Refusals,
    pub events: Vec<Event>,
    /// Where it stands in the file.
    pub line: usize,
}

/// Asking a provider that does not call.
#[derive(Debug, Clone)]
pub struct Poll {
    pub name: String,
    pub call: Call,
    pub every: Duration,
    pub reading: Reading,
    pub cursor: Option<Source>,
    pub events: Vec<Event>,
    /// For each item that was kept.
    pub remove: Option<Removal>,
}

/// A request that takes an item away.
#[derive(Debug, Clone)]
pub struct Removal {
    pub call: Call,
    pub item: Source,
}

/// How octets become items.
#[derive(Debug, Clone)]
pub struct Reading {
    pub parse: Parse,
    pub charset: &'static encoding_rs::Encoding,
    pub inner: Option<Source>,
    pub items: Option<Items>,
}

/// The form of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parse {
    Query,
    Form,
    /// Query and form.
    Params,
    Multipart,
    Json,
    Xml,
    /// Those of the token that was verified.
    Claims,
    /// By Content-Type.
    Any,
}

/// Several events in one call.
#[derive(Debug, Clone)]
pub enum Items {
    Json(Pointer),
    /// Fields that are lists side by side.
    Lists {
        fields: Vec<String>,
        by: String,
    },
}

/// A call that is no event.
#[derive(Debug, Clone)]
pub struct Handshake {
    pub method: Option<String>,
    pub when: Vec<Condition>,
    pub reply: Reply,
    pub fetch: Option<Source>,
    /// Hosts that may be fetched from, `*` for a label.
    pub hosts: Vec<String>,
    /// Answered without proof.
    pub open: bool,
}

/// What we answer.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub media_type: Option<String>,
    pub body: ReplyBody,
}

/// The body of an answer.
#[derive(Debug, Clone)]
pub enum ReplyBody {
    Empty,
    Fixed(String),
    Echo(Source),
    /// Members from sources.
    Json(Vec<(String, JsonReply)>),
}

/// A member of an answer in JSON.
#[derive(Debug, Clone)]
pub enum JsonReply {
    Fixed(serde_json::Value),
    From(Source),
}

/// Statuses of refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusals {
    pub unverified: u16,
    pub busy: u16,
    pub unreadable: u16,
}

impl Default for Refusals {
    fn default() -> Self {
        Self { unverified: 403, busy: 503, unreadable: 400 }
    }
}

/// What a source must be.
#[derive(Debug, Clone)]
pub struct Condition {
    pub source: Source,
    pub is: Is,
}

/// One of several ways to compare.
#[derive(Debug, Clone)]
pub enum Is {
    OneOf(Vec<String>),
    Fits(Regex),
}

/// What an item of a call means.
#[derive(Debug, Clone)]
pub struct Event {
    pub when: Vec<Condition>,
    pub need: Vec<Source>,
    pub absent: Vec<Source>,
    pub kind: Kind,
    /// Where it stands in the file.
    pub line: usize,
}

/// Kinds of event.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "few, and made once")]
pub enum Kind {
    Report(Report),
    Inbound(Inbound),
    OptOut { from: Source, to: Option<Source>, out: bool },
    Ignore,
}

/// The provider's word on a message of ours.
#[derive(Debug, Clone)]
pub struct Report {
    pub id: Option<Source>,
    pub own_id: Option<Source>,
    pub to: Option<Source>,
    pub state: Stated,
    pub code: Option<Source>,
    pub codes: Option<Arc<Codes<Word>>>,
    pub detail: Option<Source>,
    pub at: Option<Time>,
    pub total: Option<Source>,
    pub index: Option<Source>,
    /// One report for each part.
    pub per_part: bool,
}

/// Where the state comes from.
#[derive(Debug, Clone)]
pub enum Stated {
    Fixed(State),
    Word { source: Source, states: Arc<Codes<State>> },
}

/// A text of a phone.
#[derive(Debug, Clone)]
pub struct Inbound {
    pub id: Option<Source>,
    pub from: Source,
    pub to: Option<Source>,
    pub text: Option<Octets>,
    pub data: Option<Octets>,
    pub udh: Option<Octets>,
    /// Reference, index (from 1), total.
    pub parts: Option<(Source, Source, Source)>,
    pub media: Option<Media>,
    pub subject: Option<Source>,
    pub line: Option<Source>,
    pub at: Option<Time>,
}

/// Octets in a field, and how they are read.
#[derive(Debug, Clone)]
pub struct Octets {
    pub source: Source,
    pub decode: Decode,
    pub charset: Charset,
}

/// How octets are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decode {
    Plain,
    Hex,
    Base64,
    Percent,
    /// Unpacked septets.
    Gsm7,
}

/// Which charset they are in.
#[derive(Debug, Clone)]
pub enum Charset {
    /// That of the hook.
    Usual,
    Fixed(&'static encoding_rs::Encoding),
    /// Another field says so.
    Named {
        source: Source,
        otherwise: &'static encoding_rs::Encoding,
    },
}

/// A time.
#[derive(Debug, Clone)]
pub struct Time {
    pub source: Source,
    pub format: moment::Format,
}

/// Pictures and the like.
#[derive(Debug, Clone)]
pub struct Media {
    pub found: MediaFound,
    /// With the login of `[send]`.
    pub fetch_auth: bool,
    pub max_bytes: u64,
    /// Hosts that may be fetched from, `*` for a label.
    pub hosts: Vec<String>,
}

/// Where media stand.
#[derive(Debug, Clone)]
pub enum MediaFound {
    /// `MediaUrl0`, `MediaUrl1` …
    Numbered {
        count: Option<Source>,
        url: String,
        /// The field of the first, where its name has no number.
        first: Option<String>,
        media_type: Option<String>,
        base: u32,
    },
    List {
        list: Source,
        url: Option<Pointer>,
        inline: Option<(Pointer, Decode)>,
        media_type: Option<Pointer>,
        name: Option<Pointer>,
    },
}

impl Hook {
    /// It brings receipts.
    pub fn reports(&self) -> bool {
        self.events.iter().any(Event::is_report)
    }

    /// It brings texts.
    pub fn receives(&self) -> bool {
        self.events.iter().any(|event| matches!(event.kind, Kind::Inbound(_)))
    }

    /// Its address has a secret as last part of the path.
    pub fn has_path_secret(&self) -> bool {
        self.path_secret().is_some()
    }

    /// The verifier whose `key` is the last part of the path.
    pub fn path_secret(&self) -> Option<&Scheme> {
        let carries = |scheme: &&Scheme| match scheme.name.as_str() {
            "path-secret" => true,
            "eventgrid" => scheme.arguments.contains_key("key") && !scheme.arguments.contains_key("query"),
            _ => false,
        };
        self.verify.iter().find(carries)
    }
}

impl Event {
    /// What its table of states says of a word.
    pub fn state_of(&self, word: &str) -> Option<State> {
        match &self.kind {
            Kind::Report(Report { state: Stated::Word { states, .. }, .. }) => states.get(word),
            _ => None,
        }
    }

    /// It may bring pictures and the like.
    pub fn has_media(&self) -> bool {
        matches!(&self.kind, Kind::Inbound(Inbound { media: Some(_), .. }))
    }

    /// Pictures and the like stand in the call itself.
    pub fn brings_octets(&self) -> bool {
        let media = match &self.kind {
            Kind::Inbound(inbound) => inbound.media.as_ref(),
            _ => None,
        };
        media.is_some_and(|media| matches!(media.found, MediaFound::List { inline: Some(_), .. }))
    }

    /// The provider's word on a message of ours.
    pub fn is_report(&self) -> bool {
        matches!(self.kind, Kind::Report(_))
    }
}
