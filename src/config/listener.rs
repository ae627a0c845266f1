//! `[[listener]]`, `[limits]` and `[control]`: the doors.
//!
//! What can go wrong beyond bad values: evidence that nobody would ever be believed for, `envelope` where strangers
//! can connect, two doors at one place.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;
use toml::{Spanned, Value};

use super::{
    check::{Check, absolute, hours, seconds},
    error::{Error, Place},
    http::Http,
    later::not_available,
    net::{Mode, Network, SOCKET_PATH, Written},
    value::{Domain, Read, Setting, Size, Within, Wrong, domain, one_of, text},
};
use crate::{doors::mail::Bind, outbound::Evidence, smtp::data::Bare};

#[derive(Deserialize)]
pub struct Keys {
    protocol: Option<Setting<Protocol>>,
    bind: Option<Setting<Written>>,
    mode: Option<Setting<Mode>>,
    group: Option<Setting<String>>,
    trust: Option<Vec<Setting<Network>>>,
    identity: Option<Vec<Setting<Evidence>>>,
    mta_names: Option<Vec<Setting<Domain>>>,
    login_domain: Option<Setting<Domain>>,
    tls: Option<Spanned<TlsKeys>>,
    proxy_protocol: Option<Vec<Setting<Network>>>,
    bare_line_ends: Option<Setting<Bare>>,
}

#[derive(Deserialize)]
pub struct TlsKeys {
    cert: Option<Setting<PathBuf>>,
    key: Option<Setting<PathBuf>>,
    implicit: Option<Setting<bool>>,
}

/// Files of a listener's certificate.
#[derive(Debug, Clone)]
pub struct Tls {
    pub cert: PathBuf,
    pub key: PathBuf,
    /// TLS at once instead of STARTTLS.
    pub implicit: bool,
    place: Place,
}

impl Tls {
    /// An error about these files.
    pub fn error(&self, cause: impl AsRef<str>) -> Error {
        self.place.error(cause)
    }
}

/// One mail door.
#[derive(Debug, Clone)]
pub struct Listener {
    pub protocol: Protocol,
    pub bind: Bind,
    /// Networks whose evidence is believed. Empty for a Unix socket: its peers always are.
    pub trust: Vec<(IpAddr, u8)>,
    /// In the order in which it is tried; empty: only credentials in the address.
    pub identity: Vec<Evidence>,
    /// In lower case; empty: any name.
    pub mta_names: Vec<String>,
    pub login_domain: Option<String>,
    pub tls: Option<Tls>,
    /// Proxies, whose connections begin with a PROXY header.
    pub proxies: Vec<(IpAddr, u8)>,
    /// What becomes of bare line ends in mails of trusted peers.
    pub bare: Bare,
}

/// What is spoken at a mail door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Lmtp,
    Smtp,
}

impl Protocol {
    /// As it is written in the file.
    pub fn word(self) -> &'static str {
        match self {
            Self::Lmtp => "lmtp",
            Self::Smtp => "smtp",
        }
    }
}

impl Read for Protocol {
    fn read(value: &Value) -> Result<Self, Wrong> {
        one_of(value, &[("lmtp", Self::Lmtp), ("smtp", Self::Smtp)])
    }
}

impl Read for Bare {
    fn read(value: &Value) -> Result<Self, Wrong> {
        one_of(value, &[("refuse", Self::Refuse), ("normalize", Self::Normalize)])
    }
}

impl Read for Evidence {
    fn read(value: &Value) -> Result<Self, Wrong> {
        #[derive(Clone, Copy)]
        enum Word {
            Auth,
            Received,
            XClient,
            XForward,
            Envelope,
        }
        let given = text(value)?;
        if let Some(host) = given.strip_prefix("authentication-results") {
            let host = host.strip_prefix(':').and_then(domain);
            return host.map(Self::AuthenticationResults).ok_or_else(|| {
                "name the mail server that writes them: \"authentication-results:mx.example.com\"".into()
            });
        }
        if matches!(given, "spf" | "dkim") {
            return Err(not_available(&format!("identity \"{}\"", given.split(':').next().unwrap_or_default())).into());
        }
        let words = [
            ("mail-from-auth", Word::Auth),
            ("postfix-received", Word::Received),
            ("xclient", Word::XClient),
            ("xforward", Word::XForward),
            ("envelope", Word::Envelope),
        ];
        one_of(value, &words).map(|word| match word {
            Word::Auth => Self::MailFromAuth,
            Word::Received => Self::PostfixReceived,
            Word::XClient => Self::XClient,
            Word::XForward => Self::XForward,
            Word::Envelope => Self::Envelope,
        })
    }
}

pub fn listener(keys: Spanned<Keys>, check: &mut Check<'_>) -> Option<(Listener, Place)> {
    let header = check.place(&keys.span());
    let keys = keys.into_inner();
    if keys.protocol.is_none() {
        check.missing(&header, "protocol", "\"lmtp\" or \"smtp\"");
    }
    if keys.bind.is_none() {
        check.missing(&header, "bind", "such as \"127.0.0.1:2424\" or \"unix:/run/martlet/lmtp.sock\"");
    }
    let protocol = check.take(keys.protocol);
    let bind = check.placed(keys.bind);
    let mode = check.placed(keys.mode);
    let group = check.placed(keys.group);
    let trust = check.list(keys.trust).into_iter().map(|Network(addr, length)| (addr, length)).collect::<Vec<_>>();
    let identity = check.placed_list(keys.identity);
    let mta_names = check.list(keys.mta_names).into_iter().map(|Domain(name)| name).collect();
    let login_domain = check.take(keys.login_domain).map(|Domain(name)| name);
    let tls = tls(keys.tls, check);
    let proxies = check.placed_list(keys.proxy_protocol);
    let bare = check.placed(keys.bare_line_ends);
    let (bind, place) = bind?;
    if let (Written::Unix(_), Some((_, place))) = (&bind, proxies.first()) {
        check.warn(place, "no effect on a Unix socket: its peers have no address, proxies come over TCP");
    }
    let proxies = proxies.into_iter().map(|(Network(addr, length), _)| (addr, length)).collect();
    let bind = match bind {
        Written::Tcp(addr) => {
            for place in mode.iter().map(|(_, p)| p).chain(group.iter().map(|(_, p)| p)) {
                check.wrong(place, "only a Unix socket (bind = \"unix:/path\") has a mode and a group");
            }
            Bind::Tcp(addr)
        }
        Written::Unix(path) => Bind::Unix {
            path: absolute(&check.folder, &path),
            mode: mode.map_or(0o660, |(Mode(bits), _)| bits),
            group: group.map(|(name, _)| name),
        },
    };
    evidence(&bind, &trust, &identity, check);
    let bare = bare_line_ends(bare, &bind, &trust, check);
    let identity = identity.into_iter().map(|(evidence, _)| evidence).collect();
    Some((Listener { protocol: protocol?, bind, trust, identity, mta_names, login_domain, tls, proxies, bare }, place))
}

/// They are made good for trusted peers only, so there must be some.
fn bare_line_ends(given: Option<(Bare, Place)>, bind: &Bind, trust: &[(IpAddr, u8)], check: &mut Check<'_>) -> Bare {
    let Some((bare, place)) = given else { return Bare::default() };
    if bare == Bare::Normalize && matches!(bind, Bind::Tcp(_)) && trust.is_empty() {
        let cause = "nobody is in `trust`, so no mail would ever be normalized: add trust = [\"127.0.0.1/32\"]";
        check.wrong(&place, cause);
    }
    bare
}

/// A certificate's file and its key's.
pub fn pair(
    cert: Option<Setting<PathBuf>>,
    key: Option<Setting<PathBuf>>,
    place: &Place,
    check: &mut Check<'_>,
) -> (Option<PathBuf>, Option<PathBuf>) {
    if cert.is_none() {
        check.missing(place, "cert", "a file with the certificate chain in PEM");
    }
    if key.is_none() {
        check.missing(place, "key", "a file with the private key in PEM");
    }
    (check.path(cert), check.path(key))
}

fn tls(keys: Option<Spanned<TlsKeys>>, check: &mut Check<'_>) -> Option<Tls> {
    let keys = keys?;
    let place = check.place(&keys.span());
    let TlsKeys { cert, key, implicit } = keys.into_inner();
    let (cert, key) = pair(cert, key, &place, check);
    let implicit = check.take(implicit).unwrap_or(false);
    Some(Tls { cert: cert?, key: key?, implicit, place })
}

/// Evidence must be believable, and never from strangers.
fn evidence(bind: &Bind, trust: &[(IpAddr, u8)], identity: &[(Evidence, Place)], check: &mut Check<'_>) {
    for (evidence, place) in identity {
        if *evidence != Evidence::Envelope {
            continue;
        }
        if bind.is_local() {
            check.warn(place, "\"envelope\" believes whatever sender this machine's users claim: closed systems only");
        } else {
            check.wrong(place, "\"envelope\" believes any MAIL FROM: only on a loopback address or a Unix socket");
        }
    }
    let never = matches!(bind, Bind::Tcp(_)) && trust.is_empty();
    if let (true, Some((_, place))) = (never, identity.first()) {
        check.wrong(
            place,
            "nobody is in `trust`, so this evidence would never be believed: add trust = [\"127.0.0.1/32\"]",
        );
    }
}

#[derive(Deserialize)]
pub struct LimitKeys {
    line: Option<Setting<Size>>,
    size: Option<Setting<Size>>,
    recipients: Option<Setting<Within<1, 100_000>>>,
    connections: Option<Setting<Within<1, 100_000>>>,
    per_peer: Option<Setting<Within<1, 100_000>>>,
    idle: Option<Setting<Duration>>,
    session: Option<Setting<Duration>>,
    errors: Option<Setting<Within<1, 1_000>>>,
}

/// What one peer may ask of a mail door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest command line, octets.
    pub line: usize,
    /// Largest mail, octets.
    pub size: u64,
    /// Recipients of one mail.
    pub recipients: usize,
    /// Connections at once, over all listeners.
    pub connections: usize,
    /// Connections at once from one address.
    pub per_peer: usize,
    pub idle: Duration,
    pub session: Duration,
    /// Errors before 421.
    pub errors: u32,
}

pub fn limits(keys: Option<LimitKeys>, check: &mut Check<'_>) -> Limits {
    let mut limits = Limits {
        line: 2048,
        size: 10 << 20,
        recipients: 1000,
        connections: 500,
        per_peer: 100,
        idle: seconds(300),
        session: hours(1),
        errors: 10,
    };
    let Some(keys) = keys else { return limits };
    let count = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    if let Some((Size(octets), place)) = check.placed(keys.line) {
        // RFC 5321 4.5.3.1.4 and RFC 3461 5.4 want 1,036 with parameters; we take no less than 1,000.
        if (1000..=65_536).contains(&octets) {
            limits.line = count(octets);
        } else {
            check.wrong(&place, "a command line has between 1000 and 65536 octets");
        }
    }
    if let Some((Size(octets), place)) = check.placed(keys.size) {
        if (1024..=1 << 30).contains(&octets) {
            limits.size = octets;
        } else {
            check.wrong(&place, "the largest mail is between 1KiB and 1GiB");
        }
    }
    limits.recipients = check.take(keys.recipients).map_or(limits.recipients, |n| count(n.0));
    limits.connections = check.take(keys.connections).map_or(limits.connections, |n| count(n.0));
    limits.per_peer = check.take(keys.per_peer).map_or(limits.per_peer, |n| count(n.0));
    limits.idle = check.time(keys.idle, limits.idle);
    limits.session = check.time(keys.session, limits.session);
    limits.errors = check.take(keys.errors).map_or(limits.errors, |n| u32::try_from(n.0).unwrap_or(u32::MAX));
    limits
}

#[derive(Deserialize, Default)]
pub struct ControlKeys {
    socket: Option<Setting<PathBuf>>,
    mode: Option<Setting<Mode>>,
    group: Option<Setting<String>>,
}

/// The control socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    pub path: PathBuf,
    pub mode: u32,
    /// Whose members are administrators.
    pub group: Option<String>,
}

impl Control {
    /// As a door's socket.
    pub fn bind(&self) -> Bind {
        Bind::Unix { path: self.path.clone(), mode: self.mode, group: self.group.clone() }
    }
}

pub fn control(keys: ControlKeys, top: &Place, data_dir: &Path, check: &mut Check<'_>) -> Control {
    let given = check.placed(keys.socket);
    let place = given.as_ref().map_or(top, |(_, place)| place).clone();
    let path = absolute(data_dir, given.as_ref().map_or(Path::new("control.sock"), |(path, _)| path));
    // While it is made it has four octets more.
    if path.as_os_str().len() > SOCKET_PATH - ".new".len() {
        let octets = SOCKET_PATH - ".new".len();
        let cause =
            format!("the control socket's path has more than {octets} octets: set control.socket to a shorter one");
        check.wrong(&place, cause);
    }
    let group = check.placed(keys.group);
    if let Some((name, place)) = &group
        && path.starts_with(data_dir)
    {
        let folder = data_dir.display();
        check.warn(
            place,
            format!("the members of {name} cannot reach a socket in {folder}, which is closed to others: set control.socket, such as \"/run/martlet/control.sock\""),
        );
    }
    let group = group.map(|(name, _)| name);
    let usual = if group.is_some() { 0o660 } else { 0o600 };
    Control { path, mode: check.take(keys.mode).map_or(usual, |Mode(bits)| bits), group }
}

/// Two doors cannot stand at one place.
pub fn no_clash(listeners: &[(Listener, Place)], http: Option<&(Http, Place)>, check: &mut Check<'_>) {
    let mut taken: Vec<(Bind, Place)> = Vec::new();
    let http = http.map(|(http, place)| (Bind::Tcp(http.bind), place));
    let doors = listeners.iter().map(|(listener, place)| (listener.bind.clone(), place)).chain(http);
    for (bind, place) in doors {
        let same = |other: &Bind| match (other, &bind) {
            (Bind::Tcp(a), Bind::Tcp(b)) => a == b && a.port() != 0,
            (Bind::Unix { path: a, .. }, Bind::Unix { path: b, .. }) => PathBuf::eq(a, b),
            _ => false,
        };
        if let Some((_, first)) = taken.iter().find(|(other, _)| same(other)) {
            let cause = format!("{bind} is taken already, in {}", first.line());
            check.wrong(place, cause);
        } else {
            taken.push((bind, place.clone()));
        }
    }
}
