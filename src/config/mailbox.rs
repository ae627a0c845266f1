//! `[mailbox]`: the way back.
//!
//! What can go wrong beyond bad values: a password that would go over a network in clear, TLS where there is none to be
//! had, half a login, authorities (`ca`) that nobody would be held against.

use std::time::Duration;

use serde::Deserialize;
use toml::{Spanned, Value};

use super::{
    check::{Check, PemFile, seconds},
    error::Place,
    folders::{self, Folders},
    net::MailServer,
    secret::Origin,
    value::{Read, Setting, Within, Wrong, one_of},
};
use crate::{
    address::Mailbox,
    mailbox::{Login, Tls, Url, imap::User},
};

#[derive(Deserialize)]
pub struct Keys {
    url: Option<Setting<MailServer>>,
    user: Option<Setting<String>>,
    password: Option<Setting<Origin>>,
    tls: Option<Setting<Tls>>,
    ca: Option<Setting<std::path::PathBuf>>,
    postmaster: Option<Setting<Mailbox>>,
    timeout: Option<Setting<Duration>>,
    window: Option<Setting<Within<1, 100>>>,
    imap: Option<Setting<folders::Server>>,
    imap_user: Option<Setting<User>>,
    imap_password: Option<Setting<Origin>>,
    imap_tls: Option<Setting<Tls>>,
    imap_ca: Option<Setting<std::path::PathBuf>>,
}

/// The way back into mailboxes.
#[derive(Debug, Clone, PartialEq)]
pub struct WayBack {
    pub url: Url,
    pub tls: Tls,
    pub ca: Option<PemFile>,
    pub login: Option<Login>,
    /// Who gets what nobody else can be told.
    pub postmaster: Mailbox,
    /// For one attempt at one mail.
    pub timeout: Duration,
    /// Mails in flight at once.
    pub window: usize,
    /// Where rules, routes and accounts have folders.
    pub folders: Option<Folders>,
}

impl Read for Tls {
    fn read(value: &Value) -> Result<Self, Wrong> {
        one_of(value, &[("none", Self::Never), ("opportunistic", Self::Offered), ("starttls", Self::Required)])
    }
}

/// `None` with an error noted: there is no good guess at a postmaster.
pub fn mailbox(keys: Option<Spanned<Keys>>, top: &Place, check: &mut Check<'_>) -> Option<WayBack> {
    const WHO: &str = "who gets what nobody else can be told, such as \"postmaster@example.com\"";
    let Some(keys) = keys else {
        check.missing(top, "mailbox.postmaster", WHO);
        return None;
    };
    let header = check.place(&keys.span());
    let mut keys = keys.into_inner();
    if keys.postmaster.is_none() {
        check.missing(&header, "postmaster", WHO);
    }
    let default = MailServer { url: Url::Smtp { host: "127.0.0.1".into(), port: 25 }, tls_at_once: false };
    let server = match keys.url.take() {
        None => Some(default),
        written => check.take(written),
    };
    let login = login(keys.user.take(), keys.password.take(), check);
    let ca = check.pem(keys.ca.take());
    let tls = check.placed(keys.tls.take());
    let timeout = check.time(keys.timeout, seconds(60));
    let window = check.take(keys.window).map_or(4, |n| usize::try_from(n.0).unwrap_or(1));
    let postmaster = check.take(keys.postmaster);
    let folders = folders::Keys {
        url: keys.imap,
        user: keys.imap_user,
        password: keys.imap_password,
        tls: keys.imap_tls,
        ca: keys.imap_ca,
    };
    let folders = folders::folders(folders, &header, check);
    let MailServer { url, tls_at_once } = server?;
    let tls = policy(&url, tls_at_once, tls, login.as_ref().map(|(_, place)| place), ca.as_ref(), check);
    let login = login.map(|(login, _)| login);
    Some(WayBack { url, tls, ca, login, postmaster: postmaster?, timeout, window, folders })
}

/// The login, and where its user stands.
fn login(
    user: Option<Setting<String>>,
    password: Option<Setting<Origin>>,
    check: &mut Check<'_>,
) -> Option<(Login, Place)> {
    let places = [
        user.as_ref().map(|setting| check.place(&setting.span)),
        password.as_ref().map(|setting| check.place(&setting.span)),
    ];
    match &places {
        [Some(place), None] => check.wrong(place, "`user` needs a `password`"),
        [None, Some(place)] => check.wrong(place, "`password` needs a `user`"),
        _ => {}
    }
    let user = check.placed(user);
    let password = check.password(password);
    let (user, place) = user?;
    if user.is_empty() || user.contains('\0') {
        check.wrong(&place, "the name of a user is not empty");
    }
    Some((Login { user, password: password? }, place))
}

/// What is written, or what is safe by default: TLS with a proved name where a login or `ca` is given, nothing where
/// nothing leaves the machine, else STARTTLS where it is offered.
fn policy(
    url: &Url,
    at_once: bool,
    written: Option<(Tls, Place)>,
    login: Option<&Place>,
    ca: Option<&PemFile>,
    check: &mut Check<'_>,
) -> Tls {
    if at_once {
        if let Some((_, place)) = &written {
            check.wrong(place, "smtps:// is TLS from the first octet on: leave `tls` out, or write smtp://");
        }
        return Tls::AtOnce;
    }
    if matches!(url, Url::LmtpUnix(_)) {
        let places = [written.as_ref().map(|(_, place)| place), ca.map(PemFile::place)];
        for place in places.into_iter().flatten() {
            check.wrong(place, "a Unix socket needs no TLS: leave this out");
        }
        return Tls::Never;
    }
    let (tls, place) = match written {
        Some((tls, place)) => (tls, Some(place)),
        None if ca.is_some() || login.is_some() && !url.is_local() => (Tls::Required, None),
        None if url.is_local() => (Tls::Never, None),
        None => (Tls::Offered, None),
    };
    if let (Some(place), false) = (&place, tls.is_verified()) {
        if login.is_some() && !url.is_local() {
            check.wrong(
                place,
                "the password would go over the network unprotected: write tls = \"starttls\", or smtps://",
            );
        }
        if ca.is_some() {
            check.wrong(place, "nobody is held against `ca` then: write tls = \"starttls\", or leave `ca` out");
        }
    }
    tls
}
