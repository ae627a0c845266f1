//! One attempt: the request, its answer, the outcome.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use reqwest::Client;

use super::{
    Settings,
    their_clock::{self, TheirClock},
    token::{Held, Tokens},
};
use crate::{
    gateway::{
        Attempt, Job, Split, StartError,
        http::{line, redact::Redactions},
    },
    ground::{Enhanced, Fault, GatewayId, MessageId, Outcome, Scope, Timestamp},
    observe,
    provider::{
        Answered, Submission,
        hook::address::OWN,
        web::{Answer, Headers, Request},
        word::Verdict,
    },
    sms::{Body, Segment},
};

/// Octets of an answer that are read; the rest of a longer one is left where it is.
pub const ANSWER_CAP: usize = 256 * 1024;
/// How long a gateway whose account is refused pauses, where the provider names no time.
const ACCOUNT_PAUSE: Duration = Duration::from_secs(60);

/// What the attempts of one gateway share.
pub struct Shell {
    pub id: GatewayId,
    pub client: Client,
    pub settings: Settings,
    pub tokens: Tokens,
    pub clock: TheirClock,
    hidden: Redactions,
    /// Names and addresses of hooks that name a message, and of the others.
    named: Vec<(String, String)>,
    plain: Vec<(String, String)>,
    /// Until when, by the monotonic clock, payloads are logged.
    payload_until: Option<Duration>,
}

/// Why there is no answer.
pub enum Silent {
    /// Nothing was sent.
    Unsent(Fault),
    Unsure(Fault),
}

impl Silent {
    pub fn fault(self) -> Fault {
        match self {
            Self::Unsent(fault) | Self::Unsure(fault) => fault,
        }
    }
}

/// An answer, and whether it came whole.
pub struct Heard {
    pub answer: Answer,
    pub whole: bool,
}

impl Shell {
    pub fn new(id: GatewayId, settings: Settings) -> Result<Self, StartError> {
        let client = line::client(&settings.line, true).map_err(|unusable| StartError(unusable.why))?;
        let mut hidden = Redactions::default();
        settings.settings.secrets().for_each(|secret| hidden.hide(secret.expose(), "[secret]"));
        let payload_until = settings.log_payload.map(|time| settings.clock.monotonic() + time);
        let reports = |name: &str| settings.definition.hook_named(name).is_some_and(|hook| hook.reports());
        let (named, plain) = settings.addresses(&id).into_iter().partition(|(name, _)| reports(name));
        let (tokens, clock) = (Tokens::default(), TheirClock::default());
        Ok(Self { id, client, settings, tokens, clock, hidden, named, plain, payload_until })
    }

    pub fn now(&self) -> Timestamp {
        self.settings.clock.now()
    }

    /// Makes the requests of a job in order. Behind a segment that was not sent the others are not tried and share
    /// its fate (`Later` where it is unsure), unless each is a message of its own.
    pub async fn run(self: Arc<Self>, job: Job) {
        let mut outcomes = Vec::with_capacity(job.parts.len());
        let mut stopped = None;
        for part in job.parts.clone() {
            let made = match &stopped {
                Some(fate) => vec![(part, Outcome::clone(fate))],
                None => self.attempt(&job.attempt, part).await,
            };
            if let (None, Some((_, outcome))) = (&stopped, made.first()) {
                stopped = match outcome {
                    Outcome::Sent(_) => None,
                    Outcome::Never(_) if self.settings.traits.split == Split::Separate => None,
                    Outcome::Unsure(fault) => Some(Outcome::Later(fault.clone())),
                    other => Some(other.clone()),
                };
            }
            outcomes.extend(made);
        }
        // A caller that is gone finds the attempt open and counts it as unsure.
        let _ = job.reply.send(outcomes);
    }

    /// The outcome of one segment; where the provider cuts the message and names each part, that of each.
    async fn attempt(&self, attempt: &Attempt, part: u8) -> Vec<(u8, Outcome)> {
        let Some(segment) = attempt.segments.get(usize::from(part)) else {
            let fault = Fault::new(Scope::Message, Enhanced::new(5, 3, 5), "there is no such segment");
            return vec![(part, Outcome::Never(fault))];
        };
        let own = match attempt.segments.len() {
            1 => attempt.id.to_string(),
            _ => format!("{}-{}", attempt.id, u16::from(part) + 1),
        };
        match self.ask(attempt, segment, part, &own).await {
            Ok(answered) => self.outcomes(attempt, part, answered),
            Err(outcome) => vec![(part, outcome)],
        }
    }

    fn outcomes(&self, attempt: &Attempt, part: u8, answered: Answered) -> Vec<(u8, Outcome)> {
        let after = answered.after.or((answered.verdict == Verdict::Account).then_some(ACCOUNT_PAUSE));
        let words = clean(self.hidden.clone(), attempt, &answered.words());
        let first = answered.ids.first().cloned();
        let mut all = vec![(part, answered.verdict.outcome(first, &words, after))];
        if attempt.segments.len() == 1 {
            let more = answered.ids.into_iter().skip(1).zip(1..=u8::MAX);
            all.extend(more.map(|(id, n)| (n, Outcome::Sent(Some(id)))));
        }
        all
    }

    /// Asks until there is an answer: at the next address while nothing was sent, once more with a new token.
    async fn ask(&self, attempt: &Attempt, segment: &Segment, part: u8, own: &str) -> Result<Answered, Outcome> {
        let hooks = self.hooks(attempt.id, part);
        let (mut host, mut renewed) = (0, false);
        loop {
            let token = self.tokens.current(self).await.map_err(Outcome::Later)?;
            let request = self.request(attempt, segment, (own, host), &hooks, token.as_ref()).await?;
            let asked = self.send(request, Some(attempt), token.as_ref()).await;
            let heard = match asked {
                Ok(heard) => heard,
                Err(Silent::Unsent(_)) if host + 1 < self.settings.definition.hosts() => {
                    host += 1;
                    continue;
                }
                Err(Silent::Unsent(fault)) => return Err(Outcome::Later(fault)),
                Err(Silent::Unsure(fault)) => return Err(Outcome::Unsure(fault)),
            };
            if let (Some(held), false) = (&token, renewed)
                && self.settings.definition.refreshes(heard.answer.status)
            {
                self.tokens.outdated(held).await;
                renewed = true;
                continue;
            }
            let mut answered = self.settings.definition.outcome(&heard.answer, own, self.now());
            their_clock::doubt(self, &heard.answer, &mut answered).await;
            // Half an answer proves no refusal that may be taken back further on, but a status does.
            if !heard.whole && answered.rule.is_some() && heard.answer.status < 400 {
                let fault = Fault::new(Scope::Gateway, Enhanced::new(4, 4, 2), "the answer broke off");
                return Err(Outcome::Unsure(fault));
            }
            return Ok(answered);
        }
    }

    async fn request(
        &self,
        attempt: &Attempt,
        segment: &Segment,
        (own, host): (&str, usize),
        hooks: &BTreeMap<String, String>,
        token: Option<&Held>,
    ) -> Result<Request, Outcome> {
        let number = self.settings.number.as_deref();
        let number = number.filter(|number| self.settings.definition.sender(number).is_some());
        let submission = Submission {
            id: own,
            to: attempt.number(),
            from: attempt.sender.as_ref().map(|sender| sender.as_str()).or(number),
            body: &segment.body,
            udh: &segment.udh,
            validity: Some(attempt.validity),
            priority: None,
            pid: attempt.pid,
            dcs: attempt.dcs,
            parts: attempt.parts,
            max_parts: None,
            media_urls: &[],
            hooks,
            token: token.map(|held| held.token.as_ref()),
            now: self.now(),
            host,
        };
        let made = self.settings.definition.request(&self.settings.settings, &submission);
        let mut request = made.map_err(|fault| match fault.scope {
            Scope::Gateway => Outcome::Later(fault.after(Some(ACCOUNT_PAUSE))),
            Scope::Message | Scope::Recipient => Outcome::Never(fault),
        })?;
        self.sign(&mut request).await;
        Ok(request)
    }

    /// Signs a request, where the definition says how.
    pub async fn sign(&self, request: &mut Request) {
        if let Some(signer) = self.settings.settings.signer() {
            let now = self.clock.now(self, signer.clock()).await;
            signer.sign(request, now, &MessageId::new().to_string());
        }
    }

    /// Addresses of the hooks, with our id of the message where they bring receipts.
    fn hooks(&self, id: MessageId, part: u8) -> BTreeMap<String, String> {
        let own = self.settings.key.as_ref().map(|key| key.write(&self.id, id, part));
        let named = self.named.iter().map(|(name, address)| match &own {
            Some(own) => {
                let joint = if address.contains('?') { '&' } else { '?' };
                (name.clone(), format!("{address}{joint}{OWN}={own}"))
            }
            None => (name.clone(), address.clone()),
        });
        named.chain(self.plain.iter().cloned()).collect()
    }

    /// Sends a request and hears its answer; `attempt` is whom the log names.
    pub async fn send(
        &self,
        request: Request,
        attempt: Option<&Attempt>,
        token: Option<&Held>,
    ) -> Result<Heard, Silent> {
        let hidden = self.hidden_with(token);
        let clean = |words: &str| match attempt {
            Some(attempt) => clean(hidden.clone(), attempt, words),
            None => hidden.clean(words),
        };
        let no_request = |words: &str| {
            Silent::Unsent(Fault::new(
                Scope::Gateway,
                Enhanced::new(4, 3, 5),
                format!("no request can be made: {words}"),
            ))
        };
        let method = reqwest::Method::from_bytes(request.method.as_bytes()).map_err(|_| no_request("bad method"))?;
        let url = reqwest::Url::parse(&request.url).map_err(|_| no_request("its URL cannot be read"))?;
        let mut log = self.log(&url, &request, &hidden);
        let mut builder = self.client.request(method, url);
        for (name, value) in request.headers.iter() {
            builder = builder.header(name, value);
        }
        if let Some(attempt) = attempt {
            builder = builder.header(crate::mail::TRACE, attempt.trace.to_string());
        }
        if !request.body.is_empty() {
            builder = builder.body(request.body);
        }
        let heard = match builder.send().await {
            Ok(mut response) => {
                let (body, whole) = line::body(&mut response, ANSWER_CAP).await;
                let text = |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| {
                    Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
                };
                let headers: Headers = response.headers().iter().filter_map(text).collect();
                let answer = Answer { status: response.status().as_u16(), headers, body };
                log.status = Some(answer.status);
                log.answered = answer.body.len();
                if let Some(payload) = &mut log.payload {
                    payload.answer = hidden.clean(&String::from_utf8_lossy(&answer.body));
                }
                Ok(Heard { answer, whole })
            }
            Err(error) => Err(match line::broken(error, &clean) {
                Outcome::Unsure(fault) => Silent::Unsure(fault),
                Outcome::Later(fault) | Outcome::Never(fault) => Silent::Unsent(fault),
                Outcome::Sent(_) => no_request("the client says nothing"),
            }),
        };
        if let Some(attempt) = attempt {
            observe::log::request(attempt.id, &self.id, &log);
        }
        heard
    }

    /// What the log says of a request: its payload only while that is wished.
    fn log(&self, url: &reqwest::Url, request: &Request, hidden: &Redactions) -> observe::log::Request {
        let target = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
        let whole = self.payload_until.is_some_and(|until| self.settings.clock.monotonic() < until);
        let said = || {
            let words = format!("{target} {}", String::from_utf8_lossy(&request.body));
            observe::log::Payload { request: hidden.clean(&words), answer: String::new() }
        };
        observe::log::Request {
            method: match request.method.as_str() {
                "GET" => "GET",
                "PUT" => "PUT",
                "PATCH" => "PATCH",
                "DELETE" => "DELETE",
                _ => "POST",
            },
            host: format!("{}{port}", url.host_str().unwrap_or_default()),
            status: None,
            asked: target.len() + request.body.len(),
            answered: 0,
            payload: whole.then(said),
        }
    }

    /// What must not be said, a token too.
    fn hidden_with(&self, token: Option<&Held>) -> Redactions {
        let mut hidden = self.hidden.clone();
        if let Some(held) = token {
            hidden.hide(held.token.expose(), "[secret]");
        }
        hidden
    }
}

/// What of these words may stand in a fault.
fn clean(mut hidden: Redactions, attempt: &Attempt, words: &str) -> String {
    hidden.hide(attempt.to.as_str(), &attempt.to.masked());
    hidden.hide(attempt.number(), &attempt.to.masked());
    hidden.hide(attempt.to.as_str().trim_start_matches('+'), &attempt.to.masked());
    if let Body::Text(text) = &attempt.content.body {
        hidden.hide(text, "[text]");
    }
    hidden.clean(words)
}

/// Scheme, host and port of the first address that messages go to.
pub fn origin(settings: &Settings) -> Option<reqwest::Url> {
    use crate::provider::{request::scope, template::expand::Expanded};
    let template = settings.definition.send.as_ref()?.call.urls.first()?;
    let scope = scope::Scope::new(&settings.definition, &settings.settings, settings.clock.now());
    let Ok(Expanded::Text(url)) = template.expand(&scope) else { return None };
    let mut url = reqwest::Url::parse(&url).ok()?;
    url.set_path("/");
    url.set_query(None);
    Some(url)
}
