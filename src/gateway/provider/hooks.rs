//! What providers call us with: proven, read, kept, answered; in this order, and within two seconds.
//!
//! Nothing is believed before its verifier has said yes. What is proven and means nothing to us gets the usual answer,
//! since a provider brings it again otherwise; trouble on our side is always the definition's `busy` (503), never 4xx,
//! because several providers drop an event after that.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::join_all;
use ipnet::IpNet;
use reqwest::Client;
use tokio::sync::Semaphore;

use super::{Settings, outside::Outside, own::Key};
use crate::{
    address::Trace,
    gateway::{
        http::line,
        inbox::{self, About, Busy, Fate, Inbox, Incoming, OptOut, Part, Word},
    },
    ground::{GatewayId, RemoteId, Timestamp},
    observe::{self, METRICS},
    provider::{
        Definition, State,
        hook::{Answering, Event, Hooked, Inbound, Proof, Refusal, Report, Taken, address::OWN},
        proof::{Fetched, Handshake, Proven, Unproven, Verifier, Wish},
        view,
        web::HookRequest,
    },
    sms::Body,
};

/// Providers give up sooner than anybody else: one of them after two seconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// Certificates and sets of keys that verifiers wish for: no more often than this, no larger, no more of them.
const WISH_EVERY: Duration = Duration::from_secs(60);
const WISH_CAP: usize = 256 * 1024;
const WISHES: usize = 64;
/// Fetched at once for the calls of one gateway.
const FETCHES: usize = 4;
/// What a call with pictures in it may hold: as many as one text may have, in base64.
const WITH_PICTURES: usize = 10 << 20;

/// The hooks of one gateway.
pub struct Hooks {
    pub gateway: GatewayId,
    settings: Settings,
    inbox: Inbox,
    /// For what the configuration names; the gateway's own line.
    client: Client,
    /// For what calls name.
    outside: Outside,
    fetching: Semaphore,
    fetched: Mutex<Fetched>,
    /// When an address was last asked, by the monotonic clock.
    wished: Mutex<HashMap<String, Duration>>,
}

impl std::fmt::Debug for Hooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hooks({})", self.gateway)
    }
}

impl Hooks {
    /// The hooks of a gateway; what they bring goes to `inbox`. What their calls name is fetched from the public Internet
    /// and from `networks`.
    ///
    /// # Errors
    /// No client can be made of its line.
    pub fn new(gateway: GatewayId, settings: Settings, networks: Vec<IpNet>, inbox: Inbox) -> Result<Self, String> {
        let client = line::client(&settings.line, true).map_err(|unusable| unusable.why)?;
        let (outside, fetching) = (Outside::new(&settings.line, networks), Semaphore::new(FETCHES));
        Ok(Self {
            gateway,
            settings,
            inbox,
            client,
            outside,
            fetching,
            fetched: Mutex::default(),
            wished: Mutex::default(),
        })
    }

    /// The public address, where one is configured.
    pub fn base(&self) -> Option<&str> {
        self.settings.base.as_deref()
    }

    /// Whether the definition has a hook of that name.
    pub fn has(&self, name: &str) -> bool {
        self.settings.definition.hook_named(name).is_some()
    }

    /// How large a call of that name may be, beyond what is usual: pictures may be within it.
    pub fn largest(&self, name: &str) -> usize {
        let hook = self.settings.definition.hook_named(name);
        if hook.is_some_and(|hook| hook.events.iter().any(|event| event.brings_octets())) { WITH_PICTURES } else { 0 }
    }

    /// What a call is answered with, when what it brings is kept.
    pub async fn call(&self, name: &str, request: &HookRequest) -> Answering {
        let busy = self.settings.definition.hook_named(name).map_or(503, |hook| hook.refuse.busy);
        let answered = tokio::time::timeout(ANSWER_WITHIN, self.answer(name, request)).await;
        answered.unwrap_or_else(|_| {
            METRICS.door("hook", "busy");
            Answering::bare(busy)
        })
    }

    async fn answer(&self, name: &str, request: &HookRequest) -> Answering {
        let definition = &self.settings.definition;
        let (mut proof, mut handshake, mut why) = (Proof::No, None, None);
        match self.prove(name, request).await {
            Ok(proven) => {
                proof = Proof::Yes(proven.claims.map(serde_json::Value::Object));
                handshake = proven.handshake;
            }
            Err(Doubt::Unproven(unproven)) => why = Some(unproven),
            Err(Doubt::Busy) => {
                METRICS.door("hook", "busy");
                return Answering::bare(definition.hook_named(name).map_or(503, |hook| hook.refuse.busy));
            }
        }
        if let Some(handshake) = handshake {
            return self.shake(handshake).await;
        }
        match definition.hooked(&self.settings.settings, name, request, || proof) {
            Hooked::Take { events, done, busy } => match self.keep(events, request).await {
                Ok(()) => {
                    METRICS.door("hook", "taken");
                    done
                }
                Err(Busy) => {
                    METRICS.door("hook", "busy");
                    busy
                }
            },
            Hooked::Answer(answer) => answer,
            Hooked::Fetch { url, done, busy } => match self.foreign(&url).await {
                Some(_) => done,
                None => busy,
            },
            Hooked::Refused { why: refusal, answer } => {
                self.refused(name, refusal, why.as_ref());
                answer
            }
        }
    }

    fn refused(&self, name: &str, refusal: Refusal, why: Option<&Unproven>) {
        let reason = match refusal {
            Refusal::NoHook => "no such hook",
            Refusal::Method => "method",
            Refusal::Unverified => "unverified",
            Refusal::Unreadable => "unreadable",
        };
        let why = why.filter(|_| refusal == Refusal::Unverified).map(|why| format!(": {why}")).unwrap_or_default();
        observe::log::hook_refused(&self.gateway, name, format_args!("{reason}{why}"));
        METRICS.door("hook", reason);
    }

    /// Asks the verifiers; what they wish for is fetched, once a minute at most.
    async fn prove(&self, name: &str, request: &HookRequest) -> Result<Proven, Doubt> {
        let none = || Doubt::Unproven(Unproven::Missing);
        let verifier: &Verifier = self.settings.settings.verifier(name).ok_or_else(none)?;
        let mut asked = 0;
        loop {
            let fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner).clone();
            match verifier.check_with(request, &fetched, self.settings.clock.now()) {
                Ok(proven) => return Ok(proven),
                Err(Unproven::Wants(wish)) if asked < 2 => {
                    asked += 1;
                    self.grant(wish).await?;
                }
                Err(why) => return Err(Doubt::Unproven(why)),
            }
        }
    }

    async fn grant(&self, wish: Wish) -> Result<(), Doubt> {
        let now = self.settings.clock.monotonic();
        {
            let mut wished = self.wished.lock().unwrap_or_else(PoisonError::into_inner);
            let lately = wished.get(&wish.url).is_some_and(|at| now < *at + WISH_EVERY);
            if lately && wish.again {
                return Err(Doubt::Unproven(Unproven::Wrong));
            }
            if lately || wished.len() >= WISHES && !wished.contains_key(&wish.url) {
                return Err(Doubt::Busy);
            }
            wished.insert(wish.url.clone(), now);
        }
        let document = if wish.foreign { self.foreign(&wish.url).await } else { self.ours(&wish.url).await };
        let document = document.ok_or(Doubt::Busy)?;
        self.fetched.lock().unwrap_or_else(PoisonError::into_inner).keep(wish.url, document);
        Ok(())
    }

    /// What an address gives that a call named; the name of its host was checked by whoever wishes for it, where it leads to is
    /// checked here.
    async fn foreign(&self, url: &str) -> Option<Vec<u8>> {
        let _place = self.fetching.acquire().await.ok()?;
        match self.outside.document(url, WISH_CAP, ANSWER_WITHIN).await {
            Ok(document) => Some(document),
            Err(why) => {
                observe::log::hook_fetch(&self.gateway, &why);
                None
            }
        }
    }

    /// What an address of the configuration gives.
    async fn ours(&self, url: &str) -> Option<Vec<u8>> {
        let _place = self.fetching.acquire().await.ok()?;
        let mut response = self.client.get(url).timeout(ANSWER_WITHIN).send().await.ok()?;
        if !response.status().is_success() {
            return None;
        }
        let (body, whole) = line::body(&mut response, WISH_CAP).await;
        whole.then_some(body)
    }

    async fn shake(&self, handshake: Handshake) -> Answering {
        match handshake {
            Handshake::Answer { status, headers, body } => {
                Answering { status, media_type: headers.get("Content-Type").map(str::to_owned), body }
            }
            Handshake::Fetch { url } => Answering::bare(if self.foreign(&url).await.is_some() { 200 } else { 503 }),
            Handshake::Nothing => Answering::bare(200),
        }
    }

    /// Hands everything in side by side, so that the store gathers their commits.
    async fn keep(&self, events: Vec<Taken>, request: &HookRequest) -> Result<(), Busy> {
        let named = named(request);
        let trace = Trace::read(request.headers.all(crate::mail::TRACE));
        let reader = Reader {
            gateway: &self.gateway,
            definition: &self.settings.definition,
            key: self.settings.key.as_ref(),
            receive: self.settings.receive,
            trace: &trace,
        };
        let known = events.into_iter().filter_map(|taken| reader.event(taken, named));
        let handed: Vec<inbox::Event> = known.collect();
        let kept = join_all(handed.into_iter().map(|event| self.inbox.hand(event))).await;
        kept.into_iter().try_for_each(|kept| kept.map(drop))
    }
}

enum Doubt {
    Unproven(Unproven),
    /// It could be proven if something could be fetched.
    Busy,
}

/// Whether the address names a message.
fn named(request: &HookRequest) -> bool {
    view::form(request.query().as_bytes()).iter().any(|(name, _)| name == OWN)
}

/// From what a definition reads to what the core takes; pure.
pub struct Reader<'a> {
    pub gateway: &'a GatewayId,
    pub definition: &'a Definition,
    pub key: Option<&'a Key>,
    pub receive: bool,
    /// The Martlets that it went through before.
    pub trace: &'a Trace,
}

impl Reader<'_> {
    /// `named`: the address of the hook named a message, so that nothing else may.
    pub fn event(&self, taken: Taken, named: bool) -> Option<inbox::Event> {
        let dedupe = taken.dedupe;
        match taken.event {
            Event::Report(report) => self.word(report, dedupe, named).map(inbox::Event::Receipt),
            Event::Inbound(inbound) if self.receive => {
                Some(inbox::Event::Segment(incoming(inbound, dedupe.as_deref(), self.trace)))
            }
            Event::Inbound(_) => None,
            Event::OptOut(said) => {
                Some(inbox::Event::OptOut(OptOut { phone: said.from, number: said.to, out: said.out }))
            }
        }
    }

    fn word(&self, report: Report, dedupe: Option<String>, named: bool) -> Option<Word> {
        // The answer named each part by an id of its own.
        let several = self.definition.send.as_ref().is_some_and(|send| send.rules.iter().any(|r| r.ids.is_some()));
        let own = report.own_id.as_deref();
        let proven = own.and_then(|own| self.key?.read(self.gateway, own));
        // What stands in the address and was not written by us names nothing; what a field echoes is our id.
        let echoed = own.filter(|_| !named).and_then(RemoteId::new);
        let by_part = report.per_part && report.index.is_none();
        let about = match (proven, report.id, echoed) {
            (Some(_), Some(theirs), _) if by_part && several => About::Theirs(theirs),
            (Some((id, part)), ..) => About::Ours(id, part),
            (None, _, Some(echoed)) if !several || !by_part => About::Theirs(echoed),
            (None, Some(theirs), _) => About::Theirs(theirs),
            (None, None, Some(echoed)) => About::Theirs(echoed),
            (None, None, None) => return None,
        };
        let part = match (report.per_part, report.index) {
            (true, Some(index)) => Part::Number(index.saturating_sub(1)),
            (true, None) if !several => Part::Counted(counted(dedupe, report.at)),
            _ => Part::Named,
        };
        let words = match (&report.code, &report.detail) {
            (Some(code), Some(detail)) => format!("code {code}: {detail}"),
            (Some(code), None) => format!("code {code}"),
            (None, Some(detail)) => detail.clone(),
            (None, None) => format!("the provider says {}", report.state.word()),
        };
        let fate = match report.state {
            State::Delivered => Fate::Delivered,
            state => state.fault(&words).map_or(Fate::UnderWay, Fate::Failed),
        };
        Some(Word { about, part, total: report.total, fate, at: report.at, reused: false })
    }
}

/// What names one of several reports that are alike.
fn counted(dedupe: Option<String>, at: Option<Timestamp>) -> String {
    dedupe.or_else(|| at.map(|at| at.0.to_string())).unwrap_or_default()
}

/// A text of a phone. What names the call counts before what names the text: some give that to several.
fn incoming(inbound: Inbound, dedupe: Option<&str>, trace: &Trace) -> Incoming {
    let mut segment = inbound.segment;
    if let (Body::Text(words), Some(subject)) = (&mut segment.body, &inbound.subject) {
        with_subject(words, subject);
    }
    Incoming {
        from: inbound.from,
        number: inbound.to,
        segment,
        reference: dedupe.and_then(RemoteId::new).or(inbound.id),
        sent: inbound.at,
        media: inbound.media,
        trace: trace.clone(),
    }
}

/// The subject of a multimedia message is its first line, unless the words begin with it.
fn with_subject(words: &mut String, subject: &str) {
    if !words.trim_start().starts_with(subject) {
        let line = if words.is_empty() { "" } else { "\n" };
        words.insert_str(0, &format!("{subject}{line}"));
    }
}
