//! `imap` of `[mailbox]`: where folders are, and as whom they are written to.
//!
//! What can go wrong beyond bad values: no login, a password that would go over a network in clear, keys without a server.

use std::path::PathBuf;

use toml::Value;

use super::{
    check::{Check, PemFile},
    error::Place,
    net::host_port,
    secret::Origin,
    value::{Read, Setting, Wrong, quoted, text},
};
use crate::{
    ground::Secret,
    mailbox::{
        Tls, Url,
        imap::{User, name},
    },
};

/// The keys, each with `imap` before its name in the file.
pub struct Keys {
    pub url: Option<Setting<Server>>,
    pub user: Option<Setting<User>>,
    pub password: Option<Setting<Origin>>,
    pub tls: Option<Setting<Tls>>,
    pub ca: Option<Setting<PathBuf>>,
}

/// The mailbox server.
#[derive(Debug, Clone, PartialEq)]
pub struct Folders {
    pub host: String,
    pub port: u16,
    pub tls: Tls,
    pub ca: Option<PemFile>,
    pub user: User,
    pub password: Secret<String>,
}

/// `imap://host:port`, `imaps://host:port`.
pub struct Server {
    host: String,
    port: u16,
    tls_at_once: bool,
}

impl Read for Server {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let given = text(value)?;
        let wrong = || Wrong::from(format!("{} is neither imaps://host:port nor imap://host:port", quoted(given)));
        let (scheme, rest) = given.split_once("://").ok_or_else(wrong)?;
        if rest.contains('@') {
            return Err("no user in this URL: `imap_user` and `imap_password` are keys of their own".into());
        }
        let (host, port) = host_port(rest.strip_suffix('/').unwrap_or(rest)).ok_or_else(wrong)?;
        match scheme {
            "imap" => Ok(Self { host, port: port.unwrap_or(143), tls_at_once: false }),
            "imaps" => Ok(Self { host, port: port.unwrap_or(993), tls_at_once: true }),
            _ => Err(wrong()),
        }
    }
}

impl Read for User {
    fn read(value: &Value) -> Result<Self, Wrong> {
        User::read(text(value)?).map_err(Wrong::from)
    }
}

/// A folder's name, as rules write it too: `SMS`, `alice/SMS`.
pub struct Folder(pub String);

impl Read for Folder {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let given = text(value)?;
        name::wrong(given).map_or_else(|| Ok(Self(given.to_owned())), |why| Err(why.into()))
    }
}

/// `None` where no server is named.
pub fn folders(keys: Keys, header: &Place, check: &mut Check<'_>) -> Option<Folders> {
    let Keys { url, user, password, tls, ca } = keys;
    let given = [
        user.as_ref().map(|key| ("imap_user", check.place(&key.span))),
        password.as_ref().map(|key| ("imap_password", check.place(&key.span))),
        tls.as_ref().map(|key| ("imap_tls", check.place(&key.span))),
        ca.as_ref().map(|key| ("imap_ca", check.place(&key.span))),
    ];
    if url.is_none() {
        for (key, place) in given.iter().flatten() {
            check.wrong(place, format!("`{key}` needs `imap`, the server of the folders"));
        }
    } else {
        for (key, there) in [("imap_user", given[0].is_some()), ("imap_password", given[1].is_some())] {
            if !there {
                check.missing(header, key, "folders are written to with a login");
            }
        }
    }
    let (user, password, ca) = (check.take(user), check.password(password), check.pem(ca));
    let tls = check.placed(tls);
    let (Server { host, port, tls_at_once }, place) = check.placed(url)?;
    let local = Url::Smtp { host: host.clone(), port }.is_local();
    let (tls, written) = match (tls_at_once, tls) {
        (true, Some((_, place))) => {
            check.wrong(&place, "imaps:// is TLS from the first octet on: leave `imap_tls` out, or write imap://");
            (Tls::AtOnce, place)
        }
        (true, None) => (Tls::AtOnce, place),
        (false, Some((tls, place))) => (tls, place),
        (false, None) if local && ca.is_none() => (Tls::Never, place),
        (false, None) => (Tls::Required, place),
    };
    if !local && !tls.is_verified() {
        check.wrong(
            &written,
            "the password would go over the network unprotected: write imap_tls = \"starttls\", or imaps://",
        );
    }
    if let (Some(ca), false) = (&ca, tls.is_verified()) {
        check.wrong(ca.place(), "nobody is held against `imap_ca` then: write imap_tls = \"starttls\", or imaps://");
    }
    Some(Folders { host, port, tls, ca, user: user?, password: password? })
}
