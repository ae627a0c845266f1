//! Cases of what comes from a provider: answers, calls to hooks, answers to polls, tokens.

use std::{net::IpAddr, time::Duration};

use serde_json::Value;

use super::{
    GATEWAY, ID, Suite, Touched,
    garble::garble,
    read::Pairs,
    render,
    requests::{Stand, WantedRequest, encode},
};
use crate::{
    ground::Timestamp,
    provider::{
        hook::{Answering, Hooked, Proof, Taken},
        proof::{Handshake, Proven, Unproven},
        settings::Settings,
        web::{Answer, Headers, HookRequest},
        word::Verdict,
    },
};

/// An answer and its outcome.
pub struct AnswerCase {
    pub answer: Answer,
    pub result: Verdict,
    pub ids: Option<Vec<String>>,
    pub code: Option<String>,
    pub detail: Option<String>,
    pub after: Option<Duration>,
}

/// A call and its events.
pub struct HookCase {
    pub hook: String,
    pub method: String,
    pub query: Pairs,
    /// Our id is in the address.
    pub own: bool,
    pub headers: Headers,
    pub body: Vec<u8>,
    pub sign: Sign,
    pub peer: IpAddr,
    pub now: Option<Timestamp>,
    pub events: Option<Vec<Value>>,
    pub reply: Option<WantedReply>,
    pub fetch: Option<String>,
}

/// How a call is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    True,
    False,
    Garbled,
    Stale,
}

/// What our answer must be.
pub struct WantedReply {
    pub status: Option<u16>,
    pub media_type: Option<String>,
    pub body: Option<String>,
    pub json: Option<Value>,
}

/// An answer to a poll and its events.
pub struct PollCase {
    pub poll: usize,
    pub answer: Answer,
    pub events: Option<Vec<Value>>,
    pub cursor: Option<String>,
    pub request: Option<WantedRequest>,
}

/// An answer with a token.
pub struct TokenCase {
    pub answer: Answer,
    pub token: Option<String>,
    pub lifetime: Option<Duration>,
}

impl AnswerCase {
    /// What differs.
    pub fn run(&self, suite: &Suite<'_>, settings: &Settings, touched: &mut Touched) -> Vec<String> {
        let got = suite.definition.outcome(&self.answer, ID, suite.now).without(settings);
        touched.rules.extend(got.rule);
        let mut differs = Vec::new();
        let mut same = |what: &str, wanted: &str, got: &str| {
            if wanted != got {
                differs.push(format!("{what}: wanted {wanted:?}, got {got:?}"));
            }
        };
        same("result", self.result.word(), got.verdict.word());
        if let Some(ids) = &self.ids {
            let got: Vec<&str> = got.ids.iter().map(crate::ground::RemoteId::as_str).collect();
            let got = if ids.len() == 1 { got.first().copied().unwrap_or_default().to_owned() } else { got.join(" ") };
            same("id", &ids.join(" ").replace("{id}", ID), &got);
        }
        if let Some(code) = &self.code {
            same("code", code, got.code.as_deref().unwrap_or_default());
        }
        if let Some(detail) = &self.detail {
            same("detail", detail, got.detail.as_deref().unwrap_or_default());
        }
        if let Some(after) = self.after {
            same("after", &format!("{after:?}"), &got.after.map(|after| format!("{after:?}")).unwrap_or_default());
        }
        differs
    }
}

impl HookCase {
    /// The call, signed as the case wants it, and whether a signature is on it.
    pub fn request(&self, suite: &Suite<'_>, settings: &Settings) -> Option<(HookRequest, bool)> {
        let hook = suite.definition.hook_named(&self.hook)?;
        let mut url = suite.definition.bare_hook_address(hook, &suite.base, GATEWAY);
        let mut query =
            self.query.iter().map(|(name, value)| (name.clone(), value.replace("{id}", ID))).collect::<Pairs>();
        if self.own {
            query.push((crate::provider::hook::address::OWN.to_owned(), ID.to_owned()));
        }
        if !query.is_empty() {
            url = format!("{url}?{}", encode(&query));
        }
        let body = match std::str::from_utf8(&self.body) {
            Ok(text) => text.replace("{id}", ID).replace("%7Bid%7D", ID).into_bytes(),
            Err(_) => self.body.clone(),
        };
        let mut request = HookRequest {
            method: self.method.clone(),
            url,
            headers: self.headers.clone(),
            body,
            peer: self.peer,
            certificate: None,
        };
        let now = self.now.unwrap_or(suite.now);
        let verifier = settings.verifier(&self.hook)?;
        let sealed = match self.sign {
            Sign::False => false,
            Sign::True => verifier.seal(&mut request, now),
            Sign::Stale => verifier.seal(&mut request, now - Duration::from_secs(3_600)),
            Sign::Garbled => {
                let plain = request.clone();
                let sealed = verifier.seal(&mut request, now);
                garble(&plain, &mut request);
                sealed
            }
        };
        Some((request, sealed))
    }

    /// What a verifier says of a call. Where the runner cannot sign as the provider would (its key is not ours), a call
    /// that lacks nothing but the signature counts as signed.
    fn proven(&self, suite: &Suite<'_>, settings: &Settings, request: &HookRequest, sealed: bool) -> Option<Proven> {
        let verifier = settings.verifier(&self.hook)?;
        match verifier.check(request, self.now.unwrap_or(suite.now)) {
            Ok(proven) => Some(proven),
            Err(Unproven::Foreign | Unproven::Unreadable) => None,
            Err(_) => (self.sign == Sign::True && !sealed).then(Proven::default),
        }
    }

    /// What becomes of a call.
    pub fn hooked(&self, suite: &Suite<'_>, settings: &Settings, request: &HookRequest, sealed: bool) -> Hooked {
        let proven = self.proven(suite, settings, request, sealed);
        let (proof, handshake) = match proven {
            Some(Proven { claims, handshake }) => (Proof::Yes(claims.map(Value::Object)), handshake),
            None => (Proof::No, None),
        };
        match handshake {
            Some(Handshake::Answer { status, headers, body }) => {
                let media_type = headers.get("content-type").map(str::to_owned);
                Hooked::Answer(Answering { status, media_type, body })
            }
            Some(Handshake::Fetch { url }) => {
                Hooked::Fetch { url, done: Answering::bare(200), busy: Answering::bare(503) }
            }
            Some(Handshake::Nothing) => Hooked::Answer(Answering::bare(200)),
            None => suite.definition.hooked(settings, &self.hook, request, || proof),
        }
    }

    /// What differs.
    pub fn run(&self, suite: &Suite<'_>, settings: &Settings, touched: &mut Touched) -> Vec<String> {
        let Some(hook) = suite.definition.hook_named(&self.hook) else { return vec!["there is no such hook".into()] };
        let Some((request, sealed)) = self.request(suite, settings) else {
            return vec!["nothing proves this hook".into()];
        };
        let (events, answer, fetch): (Vec<Taken>, Answering, Option<String>) =
            match self.hooked(suite, settings, &request, sealed) {
                Hooked::Take { events, done, .. } => (events, done, None),
                Hooked::Answer(answer) | Hooked::Refused { answer, .. } => (Vec::new(), answer, None),
                Hooked::Fetch { url, done, .. } => (Vec::new(), done, Some(url)),
            };
        for taken in &events {
            touched.events.insert((self.hook.clone(), taken.number));
        }
        if events.is_empty() && answer.status == hook.reply.status {
            let claims =
                self.proven(suite, settings, &request, sealed).and_then(|proven| proven.claims).map(Value::Object);
            touched.events.extend(suite.definition.fitting(&self.hook, &request, claims.as_ref()));
        }
        let got: Vec<Value> = events.iter().map(render::event).collect();
        let mut differs = Vec::new();
        let stand = Stand { hooks: &suite.hooks(settings, Some(ID)), id: ID };
        let wanted: Option<Vec<Value>> =
            self.events.as_ref().map(|events| events.iter().map(|e| stand.json(e)).collect());
        match (&wanted, self.sign) {
            (Some(wanted), _) => differs.extend(render::compare(wanted, &got)),
            (None, Sign::True) => {}
            (None, _) => differs.extend(render::compare(&[], &got)),
        }
        let believed = self.sign == Sign::True || wanted.is_some_and(|wanted| !wanted.is_empty());
        let usual = if believed { hook.reply.status } else { hook.refuse.unverified };
        let handshake = self.reply.is_none() && !hook.handshakes.is_empty() && got.is_empty();
        let status = self.reply.as_ref().and_then(|reply| reply.status);
        if !handshake || status.is_some() {
            let status = status.unwrap_or(usual);
            if status != answer.status {
                differs.push(format!("reply: wanted {status}, got {}", answer.status));
            }
        }
        if let Some(reply) = &self.reply {
            differs.extend(reply.compare(&answer));
        }
        if self.fetch.as_deref() != fetch.as_deref() {
            differs.push(format!("fetch: wanted {:?}, got {fetch:?}", self.fetch));
        }
        differs
    }
}

impl WantedReply {
    fn compare(&self, got: &Answering) -> Vec<String> {
        let mut differs = Vec::new();
        if let Some(kind) = &self.media_type
            && got.media_type.as_ref() != Some(kind)
        {
            differs.push(format!("reply type: wanted {kind:?}, got {:?}", got.media_type));
        }
        if let Some(body) = &self.body
            && *body != got.body
        {
            differs.push(format!("reply body: wanted {body:?}, got {:?}", got.body));
        }
        if let Some(json) = &self.json
            && serde_json::from_str::<Value>(&got.body).ok().as_ref() != Some(json)
        {
            differs.push(format!("reply: wanted {json}, got {:?}", got.body));
        }
        differs
    }
}

impl PollCase {
    /// What differs.
    pub fn run(&self, suite: &Suite<'_>, settings: &Settings, touched: &mut Touched) -> Vec<String> {
        let mut differs = Vec::new();
        let name = suite.definition.polls.get(self.poll).map(|poll| poll.name.clone()).unwrap_or_default();
        match suite.definition.polled(settings, self.poll, &self.answer) {
            Some(polled) => {
                let taken: Vec<&Taken> = polled.items.iter().filter_map(|(taken, _)| taken.as_ref()).collect();
                touched.events.extend(taken.iter().map(|taken| (name.clone(), taken.number)));
                if let Some(wanted) = &self.events {
                    let got: Vec<Value> = taken.into_iter().map(render::event).collect();
                    differs.extend(render::compare(wanted, &got));
                }
                if self.cursor.is_some() && self.cursor != polled.cursor {
                    differs.push(format!("cursor: wanted {:?}, got {:?}", self.cursor, polled.cursor));
                }
            }
            None if self.events.as_ref().is_some_and(Vec::is_empty) => {}
            None => differs.push("the answer cannot be read".to_owned()),
        }
        if let Some(wanted) = &self.request {
            let token = crate::ground::Secret::new("test-token".to_owned());
            let cursor = self.cursor.as_deref();
            match suite.definition.poll_request(settings, self.poll, cursor, Some(&token), suite.now) {
                Some(Ok(request)) => {
                    let stand = Stand { hooks: &suite.hooks(settings, None), id: ID };
                    differs.extend(wanted.compare(&request, &stand, encoding_rs::UTF_8));
                }
                Some(Err(fault)) => differs.push(format!("no request: {fault}")),
                None => differs.push("there is no such poll".to_owned()),
            }
        }
        differs
    }
}

impl TokenCase {
    /// What differs.
    pub fn run(&self, suite: &Suite<'_>) -> Vec<String> {
        let got = suite.definition.token(&self.answer, suite.now);
        match (got, &self.token) {
            (Ok((token, life)), Some(wanted)) => {
                let mut differs = Vec::new();
                if token.expose() != wanted {
                    differs.push(format!("token: wanted {wanted:?}, got another one"));
                }
                if self.lifetime.is_some_and(|wanted| wanted != life) {
                    differs.push(format!("lifetime: wanted {:?}, got {life:?}", self.lifetime));
                }
                differs
            }
            (Err(_), None) => Vec::new(),
            (Ok(_), None) => vec!["wanted no token, got one".to_owned()],
            (Err(fault), Some(_)) => vec![format!("wanted a token, got {fault}")],
        }
    }
}
