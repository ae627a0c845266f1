//! The line to a provider: one client for each gateway, with its own pool, so that a slow provider takes no connection
//! from another.
//!
//! What can go wrong is a file that cannot be read, a certificate that is none, a proxy that is no URL; and, with a
//! request under way, the line itself: [`broken`] says whether anything can have been sent.

use std::{error::Error, path::PathBuf, time::Duration};

use reqwest::{Client, ClientBuilder, redirect};

use crate::{
    gateway::{guard::Guard, tls},
    ground::{Enhanced, Fault, Outcome, Scope, Secret},
};

/// How a gateway reaches its provider.
#[derive(Debug, Clone)]
pub struct Line {
    /// The whole of one request and its answer.
    pub timeout: Duration,
    /// Until a connection stands, TLS included; kept below `timeout`, so that a connection that never came about is
    /// told from an answer that never came.
    pub connect_timeout: Duration,
    /// PEM file of the only authorities to trust, instead of the system's.
    pub ca: Option<PathBuf>,
    /// PEM files of our certificate chain and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// `http://user:password@host:port`, or `socks5://` or `socks5h://`; without it none is used, whatever the
    /// environment says.
    pub proxy: Option<Secret<String>>,
    /// How long a connection may wait for its next request; with zero each request has its own.
    pub keep_alive: Duration,
}

/// What of the settings cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Ca,
    Identity,
    Proxy,
    Client,
}

/// Why no client can be made of some settings. One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusable {
    pub part: Part,
    pub why: String,
}

/// A client for this line; `https`: it may speak TLS.
///
/// # Errors
/// What of the settings cannot be used.
pub fn client(line: &Line, https: bool) -> Result<Client, Unusable> {
    made(line, builder(line, https)?)
}

/// As [`client`], for addresses that others name: only those that the guard opens are connected to. What goes through
/// a proxy is for the proxy to say.
///
/// # Errors
/// What of the settings cannot be used.
pub fn guarded(line: &Line, https: bool, guard: Guard) -> Result<Client, Unusable> {
    let builder = builder(line, https)?;
    made(line, if line.proxy.is_some() { builder } else { builder.dns_resolver(std::sync::Arc::new(guard)) })
}

fn builder(line: &Line, https: bool) -> Result<ClientBuilder, Unusable> {
    tls::install();
    let unusable = |part, why: String| Unusable { part, why };
    let connect = line.connect_timeout.min(line.timeout / 2);
    let mut builder = Client::builder()
        .user_agent(concat!("martlet/", env!("CARGO_PKG_VERSION")))
        .no_proxy()
        .redirect(redirect::Policy::none())
        .referer(false)
        .connect_timeout(connect)
        .timeout(line.timeout)
        // Below every server's keep-alive limit: a connection that dies as it is used again makes a false unsure.
        .pool_idle_timeout(line.keep_alive);
    if line.keep_alive.is_zero() {
        builder = builder.pool_max_idle_per_host(0);
    }
    if let Some(path) = &line.ca {
        let pem = read(path).map_err(|why| unusable(Part::Ca, why))?;
        let roots = reqwest::Certificate::from_pem_bundle(&pem)
            .ok()
            .filter(|roots| !roots.is_empty())
            .ok_or_else(|| unusable(Part::Ca, format!("{}: no certificate in PEM", path.display())))?;
        builder = builder.tls_certs_only(roots);
    } else if !https {
        // The system's store is not needed, and may be missing in a small container.
        builder = builder.tls_certs_only([]);
    }
    if let Some((cert, key)) = &line.identity {
        let failed = |why| unusable(Part::Identity, why);
        let pem = [read(key).map_err(failed)?, b"\n".to_vec(), read(cert).map_err(failed)?].concat();
        let identity = reqwest::Identity::from_pem(&pem)
            .map_err(|_| failed(format!("{}: no certificate in PEM with its key", cert.display())))?;
        builder = builder.identity(identity);
    }
    if let Some(url) = &line.proxy {
        let proxy = reqwest::Proxy::all(url.expose().as_str())
            .map_err(|_| unusable(Part::Proxy, "the proxy is no http://, socks5:// or socks5h:// URL".to_owned()))?;
        builder = builder.proxy(proxy);
    }
    Ok(builder)
}

fn made(line: &Line, builder: ClientBuilder) -> Result<Client, Unusable> {
    builder.build().map_err(|error| {
        let part = if line.identity.is_some() { Part::Identity } else { Part::Client };
        Unusable { part, why: format!("no HTTP client can be made: {}", chain(&error.without_url())) }
    })
}

fn read(path: &std::path::Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))
}

/// A request without an answer. Only an error of connecting or building is surely not sent.
pub fn broken(error: reqwest::Error, clean: &(dyn Fn(&str) -> String + Sync)) -> Outcome {
    let error = error.without_url();
    let words = clean(&chain(&error));
    let fault = |code, what: &str| Fault::new(Scope::Gateway, code, format!("{what}: {words}"));
    if error.is_dns() {
        return Outcome::Later(fault(Enhanced::new(4, 4, 3), "the gateway's name was not found"));
    }
    if error.is_connect() {
        return Outcome::Later(fault(Enhanced::new(4, 4, 1), "no connection to the gateway"));
    }
    if error.is_builder() {
        return Outcome::Later(fault(Enhanced::new(4, 3, 5), "no request could be made"));
    }
    let what = if error.is_timeout() { "no answer in time" } else { "the connection broke before the answer" };
    Outcome::Unsure(fault(Enhanced::new(4, 4, 2), what))
}

/// An error that is no attempt's, without the URL and its secrets.
pub fn in_words(error: reqwest::Error) -> String {
    let what = if error.is_timeout() { "no answer in time: " } else { "" };
    format!("{what}{}", chain(&error.without_url()))
}

/// The innermost cause says what happened; the outer ones say who noticed.
fn chain(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// The fields of an answer that are text.
pub fn fields(headers: &reqwest::header::HeaderMap) -> Vec<(&str, &str)> {
    headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))).collect()
}

/// As much of an answer's body as is looked at, and whether it came whole.
pub async fn body(response: &mut reqwest::Response, cap: usize) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return (body, true),
            Err(_) => return (body, false),
        }
        if body.len() >= cap {
            body.truncate(cap);
            return (body, true);
        }
    }
}
