//! HTTP requests of rules: to the host that the rule names, without redirects, proxies or cookies.
//!
//! A call may arrive twice (its answer was lost, a crash): it carries its id as `Idempotency-Key`, and the hosts of ours that
//! its message went through. 2xx is done; 408, 425, 429 and 5xx are later, never before `Retry-After`; anything else,
//! redirects too, is never.

use std::{error::Error, path::Path, sync::OnceLock};

use reqwest::{Response, Url, redirect};

use super::{Settings, Tag, later, never, program::numbered};
use crate::{
    gateway::{http::line, tls},
    ground::Outcome,
    provider::pause::Pause,
    rules::deed::{Call, Content},
};

/// The header that tells a repetition.
const KEY: &str = "Idempotency-Key";
/// Below every server's keep-alive limit.
const IDLE: std::time::Duration = std::time::Duration::from_secs(3);
const CONNECT: std::time::Duration = std::time::Duration::from_secs(10);

/// One client for `http`, one for `https`, which needs the system's authorities and is made when it is first used.
pub struct Client {
    plain: reqwest::Client,
    secure: OnceLock<Result<reqwest::Client, String>>,
    roots: Option<Vec<reqwest::Certificate>>,
}

impl Client {
    pub fn new(ca: Option<&Path>) -> Result<Self, String> {
        tls::install();
        let roots = ca.map(|path| {
            let pem = std::fs::read(path).map_err(|why| format!("{}: {why}", path.display()))?;
            let roots = reqwest::Certificate::from_pem_bundle(&pem).ok().filter(|roots| !roots.is_empty());
            roots.ok_or_else(|| format!("{}: no certificate in PEM", path.display()))
        });
        let plain = builder().tls_certs_only([]).build().map_err(|error| chain(&error))?;
        Ok(Self { plain, secure: OnceLock::new(), roots: roots.transpose()? })
    }

    fn of(&self, url: &Url) -> Result<&reqwest::Client, Outcome> {
        if url.scheme() != "https" {
            return Ok(&self.plain);
        }
        let make = || {
            let builder = match &self.roots {
                Some(roots) => builder().tls_certs_only(roots.clone()),
                None => builder(),
            };
            builder.build().map_err(|error| chain(&error))
        };
        self.secure.get_or_init(make).as_ref().map_err(|why| later(format!("no TLS here: {why}")))
    }

    /// Makes it once; what the server said, up to the cap.
    pub async fn call(&self, settings: &Settings, tag: &Tag, call: &Call) -> Result<Vec<u8>, Outcome> {
        let url = Url::parse(&call.url).map_err(|_| never("this is no URL"))?;
        if !same_place(&url, &call.place) {
            return Err(never("its values would change where it goes"));
        }
        let client = self.of(&url)?;
        let mut request = match &call.body {
            None => client.get(url),
            Some(_) => client.post(url),
        };
        request = match &call.body {
            None => request,
            Some(Content::Form(form)) => {
                request.header("Content-Type", "application/x-www-form-urlencoded").body(form.clone())
            }
            Some(Content::Json(json)) => request.header("Content-Type", "application/json").body(numbered(json, tag)),
        };
        for (name, value) in &call.headers {
            request = request.header(name, value);
        }
        request = request.header(KEY, tag.id.to_string()).header(crate::mail::TRACE, tag.trace.to_string());
        let response = request.timeout(call.timeout).send().await.map_err(broken)?;
        read(response, settings).await
    }
}

fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .user_agent(concat!("martlet/", env!("CARGO_PKG_VERSION")))
        .no_proxy()
        .redirect(redirect::Policy::none())
        .referer(false)
        .connect_timeout(CONNECT)
        .pool_idle_timeout(IDLE)
}

/// Is this the scheme, host and port that the rule wrote? Values are encoded when they are put in; this holds whatever
/// became of them.
fn same_place(url: &Url, written: &str) -> bool {
    let of = |url: &Url| (url.scheme().to_owned(), url.host_str().map(str::to_owned), url.port_or_known_default());
    Url::parse(written).is_ok_and(|written| matches!(url.scheme(), "http" | "https") && of(&written) == of(url))
}

async fn read(mut response: Response, settings: &Settings) -> Result<Vec<u8>, Outcome> {
    let status = response.status().as_u16();
    let after = Pause::read(&line::fields(response.headers()).into_iter(), settings.clock.now()).of(status == 429);
    let mut said = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        let room = settings.output.saturating_sub(said.len()).min(chunk.len());
        said.extend_from_slice(&chunk[..room]);
        if room < chunk.len() {
            break;
        }
    }
    let words = || format!("the server answered {status}{}", first_line(&said));
    match status {
        200..=299 => Ok(said),
        300..=399 => Err(never(format!("the server answered {status}: redirects are not followed"))),
        408 | 425 | 429 | 500..=599 => Err(match later(words()) {
            Outcome::Later(fault) => Outcome::Later(fault.after(after)),
            other => other,
        }),
        _ => Err(never(words())),
    }
}

/// A short first line says why; a page says nothing.
fn first_line(said: &[u8]) -> String {
    let words = String::from_utf8_lossy(said);
    let line = words.lines().next().unwrap_or_default().trim();
    match line.is_empty() || line.len() > 200 || line.starts_with('<') {
        true => String::new(),
        false => format!(": {line}"),
    }
}

/// A request without an answer: tried again, whether it arrived or not.
fn broken(error: reqwest::Error) -> Outcome {
    let what = if error.is_timeout() { "no answer in time: " } else { "" };
    later(format!("{what}{}", chain(&error.without_url())))
}

/// The innermost cause says what happened; without the URL and its secrets.
fn chain(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_moves_a_call() {
        let goes = |url: &str, place| Url::parse(url).is_ok_and(|url| same_place(&url, place));
        for (url, place) in [
            ("http://127.0.0.1:1/a?b", "http://127.0.0.1:1"),
            ("https://h.example?x=http://evil.example/", "https://h.example"),
            ("http://user:pw@h.example:80/", "http://user:pw@h.example"),
            ("http://[::1]:8/", "http://[::1]:8"),
        ] {
            assert!(goes(url, place), "{url}");
        }
        for url in [
            "http://h.example@evil.example/",
            "http://h.example.evil.example/",
            "http://h.example:81/",
            "https://h.example/",
            "file://h.example/",
            "http:///evil.example/",
        ] {
            assert!(!goes(url, "http://h.example"), "{url}");
        }
    }
}
