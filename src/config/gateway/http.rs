//! `type = "http"`: what only these gateways have.
//!
//! URL templates, bodies, header values and proxies are kept as written with their place; the gateway's own parser reads
//! them. What can go wrong beyond bad values: keys that do not fit together, and these keys at a gateway of another type.

use std::{collections::BTreeMap, time::Duration};

use regex::Regex;
use serde::Deserialize;
use toml::Value;

use super::Keys;
use crate::{
    config::{
        check::{Check, PemFile, hours, seconds},
        error::Place,
        secret::{Origin, Written},
        value::{Read, Setting, Wrong, one_of, quoted},
    },
    gateway::Split,
};

#[derive(Deserialize, Default)]
pub struct AnswerKeys {
    success: Option<Setting<Regex>>,
    permanent: Option<Setting<Regex>>,
    temporary: Option<Setting<Regex>>,
    throttled: Option<Setting<Regex>>,
    id: Option<Setting<Regex>>,
}

/// `type = "http"`.
#[derive(Debug, Clone, PartialEq)]
pub struct Http {
    /// A template.
    pub url: Written,
    pub method: Method,
    /// A template, for POST.
    pub body: Option<Written>,
    /// Names as written; values are templates.
    pub headers: Vec<(String, Written)>,
    pub timeout: Duration,
    pub split: Split,
    pub answer: Answer,
    pub wire: Wire,
}

/// How a provider is reached.
#[derive(Debug, Clone, PartialEq)]
pub struct Wire {
    pub connect_timeout: Duration,
    /// PEM files.
    pub ca: Option<PemFile>,
    /// Certificate and key, PEM; the key may stand in the certificate's file.
    pub client_cert: Option<(PemFile, Option<PemFile>)>,
    /// `http://user:password@host:port`, or `socks5://` or `socks5h://`.
    pub proxy: Option<Written>,
    /// How long a connection may wait for its next request.
    pub keep_alive: Duration,
    /// How long after the start requests and answers are logged whole.
    pub log_payload: Option<Duration>,
}

/// How answers are told apart; `None`: by the HTTP status alone.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    pub success: Option<Regex>,
    pub permanent: Option<Regex>,
    pub temporary: Option<Regex>,
    pub throttled: Option<Regex>,
    /// Its first group is the network's id.
    pub id: Option<Regex>,
}

/// The HTTP method of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
}

impl Read for Method {
    fn read(value: &Value) -> Result<Self, Wrong> {
        one_of(value, &[("GET", Self::Get), ("POST", Self::Post)])
    }
}

pub struct SplitWord(Split);

impl Read for SplitWord {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let words = [("provider", Split::Provider), ("udh", Split::Udh), ("separate", Split::Separate)];
        one_of(value, &words).map(Self)
    }
}

/// The same patterns are the same answer.
impl PartialEq for Answer {
    fn eq(&self, other: &Self) -> bool {
        let patterns = |a: &Self| {
            [&a.success, &a.permanent, &a.temporary, &a.throttled, &a.id]
                .map(|p| p.as_ref().map(|p| p.as_str().to_owned()))
        };
        patterns(self) == patterns(other)
    }
}

/// Keys of `type = "http"` at another type.
pub fn only_http(keys: &Keys, check: &mut Check<'_>) {
    let answer = keys.answer.as_ref();
    let spans = [
        ("url", keys.url.as_ref().map(|s| &s.span)),
        ("method", keys.method.as_ref().map(|s| &s.span)),
        ("body", keys.body.as_ref().map(|s| &s.span)),
        ("headers", keys.headers.as_ref().and_then(|h| h.values().next()).map(|s| &s.span)),
        ("timeout", keys.timeout.as_ref().map(|s| &s.span)),
        ("connect_timeout", keys.connect_timeout.as_ref().map(|s| &s.span)),
        ("split", keys.split.as_ref().map(|s| &s.span)),
        ("answer", answer.and_then(|a| a.success.as_ref().or(a.id.as_ref()).or(a.permanent.as_ref())).map(|s| &s.span)),
        ("ca", keys.ca.as_ref().map(|s| &s.span)),
        ("client_cert", keys.client_cert.as_ref().map(|s| &s.span)),
        ("client_key", keys.client_key.as_ref().map(|s| &s.span)),
        ("proxy", keys.proxy.as_ref().map(|s| &s.span)),
        ("keep_alive", keys.keep_alive.as_ref().map(|s| &s.span)),
        ("log_payload", keys.log_payload.as_ref().map(|s| &s.span)),
        ("provider", keys.provider.as_ref().map(|s| &s.span)),
        ("settings", keys.settings.as_ref().and_then(|s| s.values().next()).map(|s| &s.span)),
        ("public_url", keys.public_url.as_ref().map(|s| &s.span)),
    ];
    for (name, span) in spans {
        if let Some(span) = span {
            let place = check.place(span);
            check.wrong(&place, format!("only a gateway of type = \"http\" has `{name}`"));
        }
    }
}

pub fn http(keys: &mut Keys, header: &Place, check: &mut Check<'_>) -> Option<Http> {
    if keys.url.is_none() {
        check.missing(header, "url", "such as \"https://provider.example/send?to=%number%&text=%data%\"");
    }
    let url = check.written(keys.url.take()).filter(|url| {
        let given = url.text.expose();
        let sound = given.starts_with("http://") || given.starts_with("https://");
        if !sound {
            check.wrong(&url.place, "the URL begins with http:// or https://");
        }
        sound
    });
    let method = check.take(keys.method.take()).unwrap_or(Method::Get);
    let body = check.written(keys.body.take());
    if let (Some(body), Method::Get) = (&body, method) {
        check.wrong(&body.place, "a GET has no body: add method = \"POST\"");
    }
    let headers = headers(keys.headers.take().unwrap_or_default(), check);
    let timeout = check.time(keys.timeout.take(), seconds(60));
    let split = check.take(keys.split.take()).map_or(Split::Provider, |word| word.0);
    let answer = answer(keys.answer.take().unwrap_or_default(), check);
    let wire = wire(keys, check);
    Some(Http { url: url?, method, body, headers, timeout, split, answer, wire })
}

/// Time-outs, certificates, proxy: the same for each HTTP gateway.
pub fn wire(keys: &mut Keys, check: &mut Check<'_>) -> Wire {
    let connect_timeout = check.time(keys.connect_timeout.take(), seconds(10));
    let ca = check.pem(keys.ca.take());
    let cert = check.pem(keys.client_cert.take());
    let key_place = keys.client_key.as_ref().map(|setting| check.place(&setting.span));
    let key = check.pem(keys.client_key.take());
    if let (None, Some(place)) = (&cert, key_place) {
        check.wrong(&place, "`client_key` needs `client_cert`");
    }
    let proxy = check.written(keys.proxy.take()).filter(|proxy| {
        let sound = ["http://", "socks5://", "socks5h://"].iter().any(|s| proxy.text.expose().starts_with(s));
        if !sound {
            let shapes = "a proxy is written http://user:password@host:port (or without the login), or with socks5:// \
                          (names are looked up here) or socks5h:// (by the proxy)";
            check.wrong(&proxy.place, shapes);
        }
        sound
    });
    let keep_alive = check.take(keys.keep_alive.take()).unwrap_or(seconds(3));
    let log_payload = check.placed(keys.log_payload.take()).and_then(|(time, place)| {
        if time > hours(24) {
            check.wrong(&place, "at most \"24h\": whole texts and numbers go into the log");
        } else if !time.is_zero() {
            check.warn(&place, "whole texts and numbers go into the log for this time after each start");
        }
        (!time.is_zero()).then_some(time)
    });
    let client_cert = cert.map(|cert| (cert, key));
    Wire { connect_timeout, ca, client_cert, proxy, keep_alive, log_payload }
}

/// Header fields (RFC 9110 5.1: names are tokens).
fn headers(given: BTreeMap<String, Setting<Origin>>, check: &mut Check<'_>) -> Vec<(String, Written)> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    let mut out: Vec<(String, Written)> = Vec::new();
    for (name, value) in given {
        let Some(value) = check.written(Some(value)) else { continue };
        if name.is_empty() || !name.bytes().all(token) {
            check.wrong(&value.place, format!("{} is no name of a header field", quoted(&name)));
        } else if matches!(
            name.to_ascii_lowercase().as_str(),
            "host" | "content-length" | "transfer-encoding" | "connection"
        ) {
            check.wrong(&value.place, format!("`{name}` is set by Martlet itself"));
        } else if out.iter().any(|(other, _)| other.eq_ignore_ascii_case(&name)) {
            check.wrong(&value.place, format!("`{name}` is given twice"));
        } else if value.text.expose().contains(['\r', '\n', '\0']) {
            check.wrong(&value.place, "the value of a header field is one line");
        } else {
            out.push((name, value));
        }
    }
    out
}

fn answer(keys: AnswerKeys, check: &mut Check<'_>) -> Answer {
    let id = check.placed(keys.id).and_then(|(pattern, place)| {
        let sound = pattern.captures_len() > 1;
        if !sound {
            check.wrong(&place, "the pattern needs a group around the id, as in '^OK (\\S+)'");
        }
        sound.then_some(pattern)
    });
    Answer {
        success: check.take(keys.success),
        permanent: check.take(keys.permanent),
        temporary: check.take(keys.temporary),
        throttled: check.take(keys.throttled),
        id,
    }
}
