//! `[http]`: the door for calls and hooks, its TLS, and the proxies before it.
//!
//! What can go wrong beyond bad values: everybody may be a proxy, and then everybody is whoever he says.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use serde::Deserialize;
use toml::Spanned;

use super::{
    check::{Check, seconds},
    error::{Error, Place},
    gateway::Base,
    listener::pair,
    net::{Network, Tcp},
    value::{Domain, Setting, Size, Within},
};

#[derive(Deserialize)]
pub struct HttpKeys {
    bind: Option<Setting<Tcp>>,
    hosts: Option<Vec<Setting<Domain>>>,
    max_body: Option<Setting<Size>>,
    connections: Option<Setting<Within<1, 100_000>>>,
    timeout: Option<Setting<Duration>>,
    public_url: Option<Setting<Base>>,
    tls: Option<Spanned<HttpTlsKeys>>,
    trusted_proxies: Option<Vec<Setting<Network>>>,
}

/// The HTTP door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    pub bind: SocketAddr,
    /// Names beside `localhost` and the address itself that a loopback bind accepts in `Host`.
    pub hosts: Vec<String>,
    /// Largest request body, octets.
    pub max_body: u64,
    /// Connections at once.
    pub connections: usize,
    /// For reading one request.
    pub timeout: Duration,
    /// The address under which providers reach us, without `/` at its end.
    pub public_url: Option<String>,
    /// `None`: in clear.
    pub tls: Option<HttpTls>,
    /// Proxies, which say whom a call comes from; for the listeners of hooks, too.
    pub trusted_proxies: Vec<(IpAddr, u8)>,
}

pub fn http(keys: Option<Spanned<HttpKeys>>, check: &mut Check<'_>) -> Option<(Http, Place)> {
    let keys = keys?;
    let header = check.place(&keys.span());
    let keys = keys.into_inner();
    if keys.bind.is_none() {
        check.missing(&header, "bind", "such as \"127.0.0.1:8025\"");
    }
    let bind = check.placed(keys.bind);
    let hosts = check.list(keys.hosts).into_iter().map(|Domain(name)| name).collect();
    let max_body = check.take(keys.max_body).map_or(1 << 20, |size| size.0);
    let connections = check.take(keys.connections).map_or(256, |n| usize::try_from(n.0).unwrap_or(usize::MAX));
    let timeout = check.time(keys.timeout, seconds(60));
    let public_url = check.take(keys.public_url).map(|Base(base)| base);
    let tls = http_tls(keys.tls, check);
    let proxies = check.placed_list(keys.trusted_proxies);
    for (network, place) in &proxies {
        // Whoever is a proxy may say that he is somebody else.
        if network.1 == 0 {
            check.warn(place, "everybody may say from where he calls: name the proxies alone");
        }
    }
    let trusted_proxies = proxies.into_iter().map(|(Network(addr, length), _)| (addr, length)).collect();
    let (Tcp(bind), place) = bind?;
    Some((Http { bind, hosts, max_body, connections, timeout, public_url, tls, trusted_proxies }, place))
}

/// Files of an HTTP door's certificate, and whose certificates of clients it believes.
#[derive(Deserialize)]
pub struct HttpTlsKeys {
    cert: Option<Setting<PathBuf>>,
    key: Option<Setting<PathBuf>>,
    client_ca: Option<Setting<PathBuf>>,
}

/// TLS of an HTTP door.
#[derive(Debug, Clone)]
pub struct HttpTls {
    pub cert: PathBuf,
    pub key: PathBuf,
    /// The authorities of clients' certificates; `None`: nobody is asked for one.
    pub client_ca: Option<PathBuf>,
    place: Place,
}

/// The same files are the same, wherever they are written.
impl PartialEq for HttpTls {
    fn eq(&self, other: &Self) -> bool {
        (&self.cert, &self.key, &self.client_ca) == (&other.cert, &other.key, &other.client_ca)
    }
}

impl Eq for HttpTls {}

impl HttpTls {
    /// An error about these files.
    pub fn error(&self, cause: impl AsRef<str>) -> Error {
        self.place.error(cause)
    }
}

pub fn http_tls(keys: Option<Spanned<HttpTlsKeys>>, check: &mut Check<'_>) -> Option<HttpTls> {
    let keys = keys?;
    let place = check.place(&keys.span());
    let HttpTlsKeys { cert, key, client_ca } = keys.into_inner();
    let (cert, key) = pair(cert, key, &place, check);
    let client_ca = check.path(client_ca);
    Some(HttpTls { cert: cert?, key: key?, client_ca, place })
}
