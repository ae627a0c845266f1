//! What a provider's call to us says: who proved it, which events are in it, and how it is answered.
//!
//! Nothing is believed before the verifier has said yes. What cannot be read is refused as such; what is read and means
//! nothing to us gets the usual answer, because a provider brings it again otherwise; a status word that the definition
//! does not know changes nothing.

pub mod address;
mod event;
mod inbound;
mod media;
mod parse;
pub mod reply;
pub mod spec;
mod taken;

use std::fmt;

use self::spec::{Event as EventSpec, Kind, Reading, Reply};
use super::{
    definition::Definition,
    ids::Ids,
    settings::Settings,
    view::{Fields, View},
    web::{Answer, Headers, HookRequest},
};

pub use taken::{Event, Inbound, OptOut, Report};

/// What an answer of ours holds. `Debug` shows no body: it may echo what came.
#[derive(Clone, PartialEq, Eq)]
pub struct Answering {
    pub status: u16,
    pub media_type: Option<String>,
    pub body: String,
}

impl Answering {
    /// A status with nothing.
    pub fn bare(status: u16) -> Self {
        Self { status, media_type: None, body: String::new() }
    }
}

/// What a call came to. `Debug` shows no address: there may be a token in it.
#[derive(Clone, PartialEq, Eq)]
pub enum Hooked {
    /// Keep the events, then answer `done`; if they cannot be kept now, `busy`.
    Take { events: Vec<Taken>, done: Answering, busy: Answering },
    /// It is no event.
    Answer(Answering),
    /// Call this address once, then answer.
    Fetch { url: String, done: Answering, busy: Answering },
    /// It is not believed, or cannot be read. Say so, and let the administrator know.
    Refused { why: Refusal, answer: Answering },
}

/// Why a call is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The definition has no hook of that name.
    NoHook,
    Method,
    Unverified,
    Unreadable,
}

/// One event of a call.
#[derive(Clone, PartialEq, Eq)]
pub struct Taken {
    /// What names this event at the provider: the same again is a repetition.
    pub dedupe: Option<String>,
    pub event: Event,
    /// Which `[[hook.event]]` it was, from 0.
    pub number: usize,
}

impl fmt::Debug for Answering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answering({} {:?} [{}])", self.status, self.media_type, self.body.len())
    }
}

impl fmt::Debug for Hooked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Take { events, done, busy } => write!(f, "Take({events:?}, {done:?}, {busy:?})"),
            Self::Answer(answer) => write!(f, "Answer({answer:?})"),
            Self::Fetch { done, busy, .. } => write!(f, "Fetch({done:?}, {busy:?})"),
            Self::Refused { why, answer } => write!(f, "Refused({why:?}, {answer:?})"),
        }
    }
}

impl fmt::Debug for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Taken({} {:?})", self.number, self.event)
    }
}

impl fmt::Debug for Polled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let taken: Vec<_> = self.items.iter().map(|(taken, _)| taken).collect();
        write!(f, "Polled({taken:?})")
    }
}

/// What a verifier has said of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    No,
    /// With the claims of the token, where it was one.
    Yes(Option<serde_json::Value>),
}

/// A call taken apart.
struct Parts {
    query: Fields,
    fields: Fields,
    json: Option<serde_json::Value>,
    xml: Option<super::xml::Element>,
    claims: Option<serde_json::Value>,
    own: Option<String>,
}

impl Definition {
    /// What a call to the hook `name` says. `prove` asks the hook's verifiers.
    pub fn hooked(
        &self,
        settings: &Settings,
        name: &str,
        request: &HookRequest,
        prove: impl FnOnce() -> Proof,
    ) -> Hooked {
        let Some(hook) = self.hook_named(name) else { return refused(Refusal::NoHook, 404) };
        let early = Parts::of_url(request);
        let view = early.view(&request.headers, hook.reading.charset);
        if let Some(handshake) = hook.handshakes.iter().find(|h| h.open && h.fits(&request.method, &view)) {
            return handshake.answer(hook, &view);
        }
        let by_handshake = hook.handshakes.iter().any(|h| h.method.as_deref() == Some(&request.method));
        if !hook.methods.contains(&request.method) && !by_handshake {
            return refused(Refusal::Method, 405);
        }
        let Proof::Yes(claims) = prove() else { return refused(Refusal::Unverified, hook.refuse.unverified) };
        let body_less = matches!(request.method.as_str(), "GET" | "HEAD" | "OPTIONS");
        if body_less && let Some(handshake) = hook.handshakes.iter().find(|h| h.fits(&request.method, &view)) {
            return handshake.answer(hook, &view);
        }
        let Some(parts) = parse::parts(&hook.reading, request, claims) else {
            return refused(Refusal::Unreadable, hook.refuse.unreadable);
        };
        let view = parts.view(&request.headers, hook.reading.charset);
        if let Some(handshake) = hook.handshakes.iter().find(|h| h.fits(&request.method, &view)) {
            return handshake.answer(hook, &view);
        }
        // A handshake has words where an event has more JSON.
        let Some(parts) = parse::within(&hook.reading, parts) else {
            return refused(Refusal::Unreadable, hook.refuse.unreadable);
        };
        let view = parts.view(&request.headers, hook.reading.charset);
        let context = Context {
            reading: &hook.reading,
            dedupe: hook.dedupe.as_ref(),
            monotone: hook.monotone,
            home: self.home(settings),
            ids: self.ids,
        };
        let Some(events) = events(&parts, &request.headers, &hook.events, &context) else {
            return refused(Refusal::Unreadable, hook.refuse.unreadable);
        };
        Hooked::Take { events, done: hook.reply.fill(&view), busy: Answering::bare(hook.refuse.busy) }
    }

    /// The events in the answer to a poll, the cursor for the next one, and each item that may be taken away.
    /// `None`: it cannot be read.
    pub fn polled(&self, settings: &Settings, poll: usize, answer: &Answer) -> Option<Polled> {
        let poll = self.polls.get(poll)?;
        let parts = parse::answer_parts(&poll.reading, answer)?;
        let home = self.home(settings);
        let context = Context { reading: &poll.reading, dedupe: None, monotone: true, home, ids: self.ids };
        let mut polled = Polled::default();
        parse::each_item(&parts, &answer.headers, &poll.reading, |view| {
            if let Some(cursor) = poll.cursor.as_ref().and_then(|cursor| view.first(cursor)) {
                polled.cursor = Some(cursor);
            }
            let taken = event::take(&poll.events, view, &context);
            let item = poll.remove.as_ref().and_then(|removal| view.first(&removal.item));
            polled.items.push((taken, item));
        })?;
        Some(polled)
    }
}

/// What a poll brought.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Polled {
    /// The event of each item, and what names it for its removal.
    pub items: Vec<(Option<Taken>, Option<String>)>,
    pub cursor: Option<String>,
}

/// The fields of a request of ours that is `multipart/form-data`.
pub(super) fn multipart_fields(request: &super::web::Request) -> Fields {
    let kind = request.headers.get("content-type").unwrap_or_default();
    parse::multipart(kind, &request.body).unwrap_or_default()
}

/// What events have in common.
struct Context<'a> {
    reading: &'a Reading,
    dedupe: Option<&'a super::source::Source>,
    monotone: bool,
    home: Option<crate::address::Region>,
    ids: Option<Ids>,
}

fn refused(why: Refusal, status: u16) -> Hooked {
    Hooked::Refused { why, answer: Answering::bare(status) }
}

fn events(parts: &Parts, headers: &Headers, specs: &[EventSpec], context: &Context<'_>) -> Option<Vec<Taken>> {
    let mut taken = Vec::new();
    parse::each_item(parts, headers, context.reading, |view| taken.extend(event::take(specs, view, context)))?;
    Some(taken)
}

impl Parts {
    /// What the URL alone tells.
    fn of_url(request: &HookRequest) -> Self {
        let query = super::view::form(request.query().as_bytes());
        let own = query.iter().find(|(name, _)| name == address::OWN);
        let own = own.and_then(|(_, value)| String::from_utf8(value.clone()).ok()).filter(|own| !own.is_empty());
        Self { query, fields: Vec::new(), json: None, xml: None, claims: None, own }
    }

    fn view<'a>(&'a self, headers: &'a Headers, charset: &'static encoding_rs::Encoding) -> View<'a> {
        View {
            query: &self.query,
            fields: &self.fields,
            charset,
            json: self.json.as_ref(),
            root: self.json.as_ref(),
            xml: self.xml.as_ref(),
            claims: self.claims.as_ref(),
            own: self.own.as_deref(),
            ..View::new(headers)
        }
    }
}

/// What cases look at beside events.
impl Definition {
    /// The events that an item is, whether or not something comes of them.
    pub(super) fn fitting(
        &self,
        name: &str,
        request: &HookRequest,
        claims: Option<&serde_json::Value>,
    ) -> Vec<(String, usize)> {
        let mut found = Vec::new();
        self.each_event(name, request, claims, |number, _, _| found.push((name.to_owned(), number)));
        found
    }

    /// The word of each item that a table of states is asked for, with the number of its event.
    pub(super) fn state_words(&self, name: &str, request: &HookRequest) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        self.each_event(name, request, None, |number, event, view| {
            if let Kind::Report(spec::Report { state: spec::Stated::Word { source, .. }, .. }) = &event.kind {
                found.extend(view.first(source).map(|word| (number, word)));
            }
        });
        found
    }

    fn each_event(
        &self,
        name: &str,
        request: &HookRequest,
        claims: Option<&serde_json::Value>,
        mut take: impl FnMut(usize, &EventSpec, &View<'_>),
    ) {
        let Some(hook) = self.hook_named(name) else { return };
        let Some(parts) = parse::parts(&hook.reading, request, claims.cloned()) else { return };
        let Some(parts) = parse::within(&hook.reading, parts) else { return };
        let _ = parse::each_item(&parts, &request.headers, &hook.reading, |view| {
            if let Some((number, event)) = hook.events.iter().enumerate().find(|(_, event)| event.fits(view)) {
                take(number, event, view);
            }
        });
    }
}

impl Reply {
    fn fill(&self, view: &View<'_>) -> Answering {
        reply::fill(self, view)
    }
}

impl Kind {
    /// For people.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Report(_) => "report",
            Self::Inbound(_) => "inbound",
            Self::OptOut { .. } => "optout",
            Self::Ignore => "ignore",
        }
    }
}

#[cfg(test)]
mod tests;
