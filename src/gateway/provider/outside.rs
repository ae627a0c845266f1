//! Clients for addresses that others name: in a provider's call, or in the answer of whoever was asked first.
//!
//! Only https is spoken, at addresses that the [guard](crate::gateway::guard) opens; http in the networks that the
//! configuration names, and nowhere else. What can go wrong is a stranger who wants us to ask for him what only we reach; a proxy,
//! which connects for us and resolves names by itself: then addresses that are written as such are still looked at, and
//! whoever asks must know the host's name.

use std::{error::Error, net::IpAddr, sync::OnceLock, time::Duration};

use ipnet::IpNet;
use reqwest::{Client, Url};

use crate::gateway::{
    guard::{Closed, Guard},
    http::{Line, line},
};

/// The clients of one gateway for what is not its provider.
pub struct Outside {
    line: Line,
    /// Beside the public Internet; there http will do.
    networks: Vec<IpNet>,
    secure: OnceLock<Result<Client, String>>,
    plain: OnceLock<Result<Client, String>>,
}

/// Why an address is not asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Barred {
    Closed(&'static str),
    /// The line's own settings are in the way.
    Unusable,
}

impl std::fmt::Display for Barred {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Closed(why) => why,
            Self::Unusable => "no connection can be made from here",
        })
    }
}

impl Outside {
    /// By the line of a gateway, with its proxy and its authorities.
    pub fn new(line: &Line, networks: Vec<IpNet>) -> Self {
        // The certificate that proves us to the provider is nobody else's.
        let line = Line { identity: None, keep_alive: Duration::ZERO, ..line.clone() };
        Self { line, networks, secure: OnceLock::new(), plain: OnceLock::new() }
    }

    /// Whom a proxy connects to, nobody checks here: then names alone count.
    pub fn by_proxy(&self) -> bool {
        self.line.proxy.is_some()
    }

    /// The client for an address that may be asked.
    ///
    /// # Errors
    /// It may not.
    pub fn client(&self, url: &Url) -> Result<&Client, Barred> {
        let own = !self.networks.is_empty() && !self.by_proxy();
        let (place, guard) = match url.scheme() {
            "https" => (&self.secure, Guard::public_and(self.networks.clone())),
            "http" if own => (&self.plain, Guard::only(self.networks.clone())),
            _ => return Err(Barred::Closed("its address is not https")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Barred::Closed("its address has a login in it"));
        }
        let host = url.host_str().unwrap_or_default();
        // What stands there as an address is not resolved, so that no resolver looks at it.
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        if literal.is_ok_and(|ip| !guard.opens(ip)) {
            return Err(Barred::Closed(Closed::WORDS));
        }
        let client = place
            .get_or_init(|| line::guarded(&self.line, url.scheme() == "https", guard).map_err(|unusable| unusable.why));
        client.as_ref().map_err(|_| Barred::Unusable)
    }

    /// A small document, whole and as it is there: nobody is followed elsewhere.
    ///
    /// # Errors
    /// In plain words without the address.
    pub async fn document(&self, url: &str, most: usize, patience: Duration) -> Result<Vec<u8>, String> {
        let url = Url::parse(url).map_err(|_| "its address cannot be read")?;
        let client = self.client(&url).map_err(|barred| barred.to_string())?;
        let asked = client.get(url).timeout(patience).send().await;
        let mut response = asked.map_err(|error| if is_closed(&error) { Closed::WORDS } else { in_words(&error) })?;
        let status = response.status();
        if !status.is_success() {
            return Err(format!("the server answered {}", status.as_u16()));
        }
        match line::body(&mut response, most + 1).await {
            (body, _) if body.len() > most => Err(format!("it is larger than {most} octets")),
            (body, true) => Ok(body),
            (_, false) => Err("the connection broke".to_owned()),
        }
    }
}

/// The name leads to closed addresses only.
pub fn is_closed(error: &reqwest::Error) -> bool {
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        if inner.downcast_ref::<Closed>().is_some() {
            return true;
        }
        cause = inner;
    }
    false
}

/// What kept a server from answering; without the address and what may stand in it.
pub fn in_words(error: &reqwest::Error) -> &'static str {
    match () {
        () if error.is_timeout() => "the server took too long",
        () if error.is_dns() => "the name of its server was not found",
        () if error.is_connect() => "its server cannot be reached",
        () => "the connection broke",
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    fn line() -> Line {
        let second = Duration::from_secs(60);
        Line { timeout: second, connect_timeout: second, ca: None, identity: None, proxy: None, keep_alive: second }
    }

    /// A server that answers everybody with this, and its port.
    async fn server(answer: Vec<u8>) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(&answer).await;
                let _ = stream.shutdown().await;
            }
        });
        port
    }

    #[tokio::test]
    async fn a_document_is_fetched_where_the_configuration_opens_and_nowhere_else() {
        let port = server(b"HTTP/1.1 200 X\r\nContent-Length: 5\r\n\r\nkey-1".to_vec()).await;
        let (here, second) = (format!("http://127.0.0.1:{port}/keys"), Duration::from_secs(60));
        let own = Outside::new(&line(), vec!["127.0.0.0/8".parse().expect("a network")]);
        assert_eq!(own.document(&here, 5, second).await, Ok(b"key-1".to_vec()));
        assert_eq!(own.document(&here, 4, second).await, Err("it is larger than 4 octets".to_owned()));
        let named = format!("http://localhost:{port}/keys");
        assert_eq!(own.document(&named, 5, second).await, Ok(b"key-1".to_vec()));
        let closed = Outside::new(&line(), Vec::new());
        for (url, why) in [
            (here.as_str(), "its address is not https"),
            ("https://127.0.0.1/keys", Closed::WORDS),
            ("https://[::1]/keys", Closed::WORDS),
            ("https://[::ffff:127.0.0.1]/keys", Closed::WORDS),
            ("https://2130706433/keys", Closed::WORDS),
            ("https://0x7f.1/keys", Closed::WORDS),
            ("https://169.254.169.254/latest/meta-data/", Closed::WORDS),
            ("https://localhost/keys", Closed::WORDS),
            ("https://user:pass@example.com/keys", "its address has a login in it"),
            ("file:///etc/passwd", "its address is not https"),
            ("keys", "its address cannot be read"),
        ] {
            assert_eq!(closed.document(url, 5, second).await, Err(why.to_owned()), "{url}");
        }
    }

    #[tokio::test]
    async fn nobody_is_followed_and_half_a_document_is_none() {
        let own = Outside::new(&line(), vec!["127.0.0.0/8".parse().expect("a network")]);
        for (answer, why) in [
            ("HTTP/1.1 302 X\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", "the server answered 302"),
            ("HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n", "the server answered 404"),
            ("HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\nhalf", "the connection broke"),
        ] {
            let port = server(answer.as_bytes().to_vec()).await;
            let got = own.document(&format!("http://127.0.0.1:{port}/"), 100, Duration::from_secs(60)).await;
            assert_eq!(got, Err(why.to_owned()));
        }
    }
}
