//! HTTP gateways by URL template: one request per segment, one answer, one outcome.
//!
//! The pure parts are [`template`] (read at load), [`expand`] and [`request`] (written per message) and [`answer`]
//! (judged); this file is the shell around them. What can go wrong is the line: until a connection stands, nothing was
//! sent and the attempt is `Later`; from then on a request without a whole answer is `Unsure`. Errors of the client
//! print the whole URL with its secrets: they are stripped of it before they become words. Each gateway has a client of
//! its own, so that a slow provider takes no connection from another.

pub mod answer;
mod draft;
mod escape;
pub mod expand;
pub mod line;
mod reach;
mod reader;
pub mod redact;
pub mod request;
mod sample;
pub mod template;
mod values;

use std::{path::PathBuf, sync::Arc, time::Duration};

use reqwest::{Client, Response};

pub use answer::{Answer, Patterns};
use line::broken;
pub use line::{Line, Part, Unusable};
pub use reach::reach;
pub use request::{Method, Templates};
pub use template::{Format, Template, TemplateError};

use super::{Attempt, Job, Split, StartError, Traits};
use crate::{
    ground::{Clock, Enhanced, Fault, GatewayId, Outcome, Scope, Secret},
    observe,
    provider::pause::Pause,
};

/// Octets of an answer that are read; the rest of a longer one is left where it is.
const ANSWER_CAP: usize = 64 * 1024;

/// An HTTP gateway as configured.
#[derive(Debug, Clone)]
pub struct Settings {
    pub templates: Templates,
    pub answer: Patterns,
    /// The whole of one request and its answer; a job of several segments makes one request each.
    pub timeout: Duration,
    /// Until a connection stands, TLS included; kept below `timeout`, so that a connection that never came about is
    /// told from an answer that never came.
    pub connect_timeout: Duration,
    pub traits: Traits,
    /// What the gateway's calls to us are proved by; here only to be kept out of faults.
    pub password: Option<Secret<String>>,
    /// PEM file of the only authorities to trust, instead of the system's.
    pub ca: Option<PathBuf>,
    /// PEM files of our certificate chain and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// `http://user:password@host:port`, or `socks5://` or `socks5h://`; without it none is used, whatever the
    /// environment says.
    pub proxy: Option<Secret<String>>,
    /// How long a connection may wait for its next request; with zero each request has its own.
    pub keep_alive: Duration,
    /// How long after the start requests and answers are logged whole, secrets aside.
    pub log_payload: Option<Duration>,
    pub clock: Clock,
}

/// Whether files and proxy can be used, before anything starts.
pub fn check(settings: &Settings) -> Result<(), Unusable> {
    client(settings).map(drop)
}

impl Settings {
    /// The defaults around some templates: 60 s in all, 10 s to connect, whole messages, 10 at once; what the
    /// templates name, the gateway can show.
    pub fn new(templates: Templates) -> Self {
        let traits = Traits {
            split: Split::Provider,
            binary: templates.any(Template::tells_binary),
            shift_tables: false,
            receipts: false,
            sender: templates.any(Template::tells_sender),
            window: 10,
            idempotent: false,
        };
        Self {
            templates,
            answer: Patterns::default(),
            timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(10),
            traits,
            password: None,
            ca: None,
            identity: None,
            proxy: None,
            keep_alive: Duration::from_secs(3),
            log_payload: None,
            clock: Clock::system(),
        }
    }
}

/// What the attempts of one gateway share.
#[derive(Debug)]
pub(super) struct Shell {
    id: GatewayId,
    client: Client,
    settings: Settings,
    hidden: redact::Redactions,
    /// Until when, by the monotonic clock, payloads are logged.
    payload_until: Option<Duration>,
}

impl Shell {
    pub(super) fn new(id: GatewayId, settings: Settings) -> Result<Self, StartError> {
        let client = client(&settings).map_err(|unusable| StartError(unusable.why))?;
        let hidden = settings.templates.secrets(settings.password.as_ref());
        let payload_until = settings.log_payload.map(|time| settings.clock.monotonic() + time);
        Ok(Self { id, client, settings, hidden, payload_until })
    }

    /// Makes the requests of a job in order. Behind a segment that was not sent the others are not tried and share
    /// its fate (`Later` where it is unsure), unless each is a message of its own.
    pub(super) async fn run(self: Arc<Self>, job: Job) {
        let mut outcomes = Vec::with_capacity(job.parts.len());
        let mut stopped = None;
        for part in job.parts.clone() {
            let outcome = match &stopped {
                Some(fate) => Outcome::clone(fate),
                None => self.attempt(&job.attempt, part).await,
            };
            if stopped.is_none() {
                stopped = match &outcome {
                    Outcome::Sent(_) => None,
                    Outcome::Never(_) if self.settings.traits.split == Split::Separate => None,
                    Outcome::Unsure(fault) => Some(Outcome::Later(fault.clone())),
                    other => Some(other.clone()),
                };
            }
            outcomes.push((part, outcome));
        }
        // A caller that is gone finds the attempt open and counts it as unsure.
        let _ = job.reply.send(outcomes);
    }

    async fn attempt(&self, attempt: &Attempt, part: u8) -> Outcome {
        let request = match self.settings.templates.request(attempt, part, self.settings.traits.split) {
            Ok(request) => request,
            Err(why) => return Outcome::Never(Fault::new(Scope::Message, Enhanced::new(5, 6, 0), why.0)),
        };
        let clean = |words: &str| self.clean(attempt, words);
        let mut log = self.log(&request);
        let method = if request.post { reqwest::Method::POST } else { reqwest::Method::GET };
        let mut builder = self.client.request(method, request.url);
        for (name, value) in request.headers {
            builder = builder.header(name, value);
        }
        builder = builder.header(crate::mail::TRACE, attempt.trace.to_string());
        if !request.body.is_empty() {
            builder = builder.body(request.body);
        }
        let outcome = match builder.send().await {
            Ok(response) => self.read(response, &clean, &mut log).await,
            Err(error) => broken(error, &clean),
        };
        observe::log::request(attempt.id, &self.id, &log);
        outcome
    }

    /// What the log says of a request: its payload only while that is wished.
    fn log(&self, request: &request::Request) -> observe::log::Request {
        let url = &request.url;
        let target = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
        let whole = self.payload_until.is_some_and(|until| self.settings.clock.monotonic() < until);
        let said = || {
            let words = format!("{target} {}", String::from_utf8_lossy(&request.body));
            observe::log::Payload { request: self.hidden.clean(&words), answer: String::new() }
        };
        observe::log::Request {
            method: if request.post { "POST" } else { "GET" },
            host: format!("{}{port}", url.host_str().unwrap_or_default()),
            status: None,
            asked: target.len() + request.body.len(),
            answered: 0,
            payload: whole.then(said),
        }
    }

    /// What of these words may stand in a fault.
    fn clean(&self, attempt: &Attempt, words: &str) -> String {
        let mut hidden = self.hidden.clone();
        hidden.hide(attempt.to.as_str(), &attempt.to.masked());
        hidden.hide(attempt.number(), &attempt.to.masked());
        hidden.hide(attempt.to.as_str().trim_start_matches('+'), &attempt.to.masked());
        if let crate::sms::Body::Text(text) = &attempt.content.body {
            hidden.hide(text, "[text]");
        }
        hidden.clean(words)
    }

    async fn read(
        &self,
        mut response: Response,
        clean: &(dyn Fn(&str) -> String + Sync),
        log: &mut observe::log::Request,
    ) -> Outcome {
        let status = response.status().as_u16();
        let headers = std::mem::take(response.headers_mut());
        let header = |name| headers.get(name).and_then(|v: &reqwest::header::HeaderValue| v.to_str().ok());
        let (body, whole) = line::body(&mut response, ANSWER_CAP).await;
        log.status = Some(status);
        log.answered = body.len();
        if let Some(payload) = &mut log.payload {
            payload.answer = self.hidden.clean(&String::from_utf8_lossy(&body));
        }
        let answer = Answer {
            status,
            pause: Pause::read(&line::fields(&headers).into_iter(), self.settings.clock.now()),
            content_type: header(reqwest::header::CONTENT_TYPE),
            body: &body,
            whole,
        };
        answer::judge(&answer, &self.settings.answer, clean)
    }
}

fn client(settings: &Settings) -> Result<Client, Unusable> {
    let line = Line {
        timeout: settings.timeout,
        connect_timeout: settings.connect_timeout,
        ca: settings.ca.clone(),
        identity: settings.identity.clone(),
        proxy: settings.proxy.clone(),
        keep_alive: settings.keep_alive,
    };
    line::client(&line, settings.templates.url.is_https())
}
