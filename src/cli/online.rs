//! Does what the configuration names answer? Connections only: nothing is sent, no text and no mail.
//!
//! An HTTP gateway is asked for the root of its host (HEAD /), with the proxy, authorities and certificate that it is
//! configured with; whatever status comes back, it answers. Of a mail server its greeting is read.

use std::{
    fmt,
    io::{BufRead, BufReader, Read},
    net::{TcpStream, ToSocketAddrs},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use serde_json::{Value, json};

use super::{Exit, Failure};
use crate::{
    app,
    config::{Config, WayBack},
    gateway,
    mailbox::{Tls, Url},
};

/// For each of them.
const PATIENCE: Duration = Duration::from_secs(10);

/// One thing that was looked for.
pub struct Reached {
    /// `gateway main`, `mail server 127.0.0.1:25`.
    what: String,
    /// What it said, or why it did not.
    answer: Result<String, String>,
}

impl Reached {
    pub fn is_well(&self) -> bool {
        self.answer.is_ok()
    }

    pub fn as_json(&self) -> Value {
        let words = match &self.answer {
            Ok(words) | Err(words) => words,
        };
        json!({ "what": self.what, "answers": self.is_well(), "words": words })
    }
}

impl fmt::Display for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.answer {
            Ok(words) => write!(f, "{} answers: {words}", self.what),
            Err(why) => write!(f, "{} does not answer: {why}", self.what),
        }
    }
}

/// Looks for the active gateways and the mail server.
pub fn look(config: &Config) -> Result<Vec<Reached>, Failure> {
    let mut all = gateways(config)?;
    all.push(mail_server(&config.mailbox));
    Ok(all)
}

/// The way back.
pub fn mail_server(way: &WayBack) -> Reached {
    let (what, answer) = match &way.url {
        Url::Smtp { host, port } | Url::LmtpTcp { host, port } => {
            (format!("mail server {host}:{port}"), greeting_of_host(host, *port, way.tls == Tls::AtOnce))
        }
        Url::LmtpUnix(path) => (format!("mail server {}", path.display()), greeting_of_socket(path)),
    };
    Reached { what, answer }
}

fn gateways(config: &Config) -> Result<Vec<Reached>, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(Exit::Software, format!("cannot start: {error}")))?;
    let mut all = Vec::new();
    for declared in config.gateways.iter().filter(|gateway| gateway.active) {
        let kind = app::gateway_kind(declared).map_err(|error| Failure::new(Exit::Config, error.words))?;
        let answer = match kind {
            gateway::Kind::Http(settings) => runtime.block_on(gateway::http::reach(&settings, PATIENCE)),
            gateway::Kind::Provider(settings) => runtime.block_on(gateway::provider::reach(&settings, PATIENCE)),
            gateway::Kind::Handset(_) => Ok("a phone inside Martlet".to_owned()),
            gateway::Kind::Modem(settings) => runtime.block_on(async {
                let opened = gateway::modem::port::open(&settings.device, settings.baud, &settings.search).await;
                opened.map(|_| "its line opens".to_owned()).map_err(|why| why.to_string())
            }),
        };
        all.push(Reached { what: format!("gateway {}", declared.id), answer });
    }
    Ok(all)
}

/// Where TLS begins at once, a connection is all that is looked for.
fn greeting_of_host(host: &str, port: u16, at_once: bool) -> Result<String, String> {
    let mut last = format!("{host} has no address");
    for addr in (host, port).to_socket_addrs().map_err(|why| why.to_string())? {
        match TcpStream::connect_timeout(&addr, PATIENCE) {
            Ok(_) if at_once => return Ok("it takes connections".to_owned()),
            Ok(stream) => {
                stream.set_read_timeout(Some(PATIENCE)).map_err(|why| why.to_string())?;
                return greeting(stream);
            }
            Err(why) => last = why.to_string(),
        }
    }
    Err(last)
}

fn greeting_of_socket(path: &Path) -> Result<String, String> {
    let stream = UnixStream::connect(path).map_err(|why| why.to_string())?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(|why| why.to_string())?;
    greeting(stream)
}

fn greeting(stream: impl Read) -> Result<String, String> {
    let mut line = String::new();
    BufReader::new(stream.take(1_000)).read_line(&mut line).map_err(|why| format!("no greeting: {why}"))?;
    let line: String = line.trim_end().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.starts_with("220") { Ok(line) } else { Err(format!("its greeting is {line:?}")) }
}
