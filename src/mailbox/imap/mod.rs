//! Mails into folders by IMAP APPEND: one attempt at one mail, answered with a typed outcome.
//!
//! | step | file |
//! |---|---|
//! | octets → responses | `reader` |
//! | what is missing → the next command | `dialogue`, `session` |
//! | a folder's name as this server wants it | `name` |
//! | what a refusal means | `judge` |
//!
//! What can go wrong is as in [`super::lmtp`], and: the line breaks behind the whole mail. Then nobody knows whether the
//! folder has it: the outcome is *unsure*, and the next attempt looks for the Message-ID first.

pub mod dialogue;
pub mod judge;
pub mod name;
pub mod reader;
pub mod session;
#[cfg(test)]
mod talks;

use std::{path::PathBuf, sync::Arc, time::Duration};

use futures_util::FutureExt;
use rustls::ClientConfig;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use self::{
    dialogue::{Dialogue, Next},
    reader::Reader,
    session::Session,
};
use super::{
    KEEP,
    login::Login,
    pool::Pool,
    tls::{self, FOLDER_KEYS, Tls},
    told,
    wire::{Wire, connect, shake},
};
use crate::{
    address::Mailbox,
    ground::{Enhanced, Fault, Outcome, Scope, Secret, Timestamp},
};

/// Where folders are, and as whom they are written to.
#[derive(Debug, Clone)]
pub struct Settings {
    pub host: String,
    pub port: u16,
    pub tls: Tls,
    /// PEM file of the only authorities to trust, instead of the system's.
    pub ca: Option<PathBuf>,
    pub user: User,
    pub password: Secret<String>,
    /// Completes `alice` to an address, where each mailbox has a login of its own.
    pub domain: Option<String>,
    /// One attempt, from the connection to the last response.
    pub timeout: Duration,
}

/// Who logs in: one user for all folders, or each mailbox's owner through a master user (`{address}*martlet`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User(String);

impl User {
    /// `{address}`, `{local}` and `{domain}` stand for the mailbox that a folder's first step names.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(written: &str) -> Result<Self, &'static str> {
        if written.is_empty() || written.chars().any(char::is_control) {
            return Err("the name of a user is not empty and has no control characters");
        }
        let rest = PLACES.iter().fold(written.to_owned(), |rest, place| rest.replace(place, ""));
        if rest.contains(['{', '}']) {
            return Err("a user's name may hold {address}, {local} and {domain}");
        }
        Ok(Self(written.to_owned()))
    }

    /// Whether each mailbox has a login of its own.
    pub fn is_each(&self) -> bool {
        PLACES.iter().any(|place| self.0.contains(place))
    }

    /// Who logs in for `alice/SMS`, and what the folder is called there: with a login for each mailbox the first step
    /// says whose it is. `None` where it says nobody.
    fn of<'a>(&self, folder: &'a str, domain: Option<&str>) -> Option<(String, &'a str)> {
        if !self.is_each() {
            return Some((self.0.clone(), folder));
        }
        let (owner, rest) = folder.split_once('/').unwrap_or((folder, "INBOX"));
        let address = match owner.contains('@') {
            true => owner.to_owned(),
            false => format!("{owner}@{}", domain?),
        };
        let address: Mailbox = address.parse().ok()?;
        let (local, domain) = address.as_str().rsplit_once('@')?;
        // Servers split at such signs: nobody may become somebody else by his address.
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '+' | '@');
        if !address.as_str().chars().all(plain) {
            return None;
        }
        let login = self.0.replace("{address}", address.as_str());
        Some((login.replace("{local}", local).replace("{domain}", domain), rest))
    }
}

const PLACES: [&str; 3] = ["{address}", "{local}", "{domain}"];

/// One mail for a folder.
#[derive(Clone, Copy)]
pub struct Append<'a> {
    /// Steps between slashes, UTF-8; see [`name::wrong`]. Where each mailbox has a login of its own, the first step is
    /// whose it is.
    pub folder: &'a str,
    /// Without angle brackets; it stands in the mail too.
    pub message_id: &'a str,
    /// What else tells the mail from others with that Message-ID: its `X-SMS-To`.
    pub phone: Option<&'a str>,
    pub data: &'a [u8],
    /// Nobody has to read it.
    pub seen: bool,
    /// When it came; the folder sorts by it.
    pub date: Option<Timestamp>,
    /// It was tried before: the folder may have it.
    pub again: bool,
}

/// A client of the mailbox server; cheap to clone, keeps its connections for a while.
#[derive(Clone)]
pub struct Folders(Arc<Inner>);

struct Inner {
    settings: Settings,
    config: Option<Arc<ClientConfig>>,
    idle: Pool<Connection>,
}

struct Connection {
    user: String,
    wire: Wire,
    reader: Reader,
    session: Session,
}

impl Connection {
    /// Nothing came since the last mail: neither the end nor words of farewell.
    fn is_quiet(&mut self) -> bool {
        !self.reader.has_more() && self.wire.read(&mut [0; 1]).now_or_never().is_none()
    }
}

/// How a connection ended in the middle.
struct Broken {
    sent: bool,
    why: String,
}

impl Broken {
    fn outcome(self) -> Outcome {
        let text = format!("the connection to the mailbox server broke: {}", self.why);
        let fault = Fault::new(Scope::Gateway, Enhanced::new(4, 4, 2), text);
        if self.sent { Outcome::Unsure(fault) } else { Outcome::Later(fault) }
    }
}

impl Folders {
    /// A client; connects when the first mail comes.
    ///
    /// # Errors
    /// One line: authorities that cannot be read, or a login that would go over a foreign network unprotected.
    pub fn new(settings: Settings) -> Result<Self, String> {
        let local = super::Url::Smtp { host: settings.host.clone(), port: settings.port }.is_local();
        if !local && !settings.tls.is_verified() {
            return Err("the password of the mailbox server would go over the network unprotected".to_owned());
        }
        let config = tls::config(settings.tls, settings.ca.as_deref())?;
        Ok(Self(Arc::new(Inner { settings, config, idle: Pool::new(KEEP) })))
    }

    /// One attempt.
    pub async fn append(&self, mail: &Append<'_>) -> Outcome {
        let never = |code, why| Outcome::Never(Fault::new(Scope::Recipient, code, why));
        if let Some(why) = name::wrong(mail.folder) {
            return never(Enhanced::new(5, 1, 3), why);
        }
        let Settings { user, domain, .. } = &self.0.settings;
        let Some((user, folder)) = user.of(mail.folder, domain.as_deref()) else {
            return never(Enhanced::new(5, 1, 1), "nobody's mailbox is known whose folder this would be");
        };
        let login = Login { user, password: self.0.settings.password.clone() };
        let mut sent = false;
        let mail = Append { folder, ..*mail };
        let attempt = self.attempt(&mail, &login, &mut sent);
        match timeout(self.0.settings.timeout, Box::pin(attempt)).await {
            Ok(outcome) => outcome,
            Err(_) => {
                let text = "the mailbox server did not answer in time";
                let fault = Fault::new(Scope::Gateway, Enhanced::new(4, 4, 1), text);
                if sent { Outcome::Unsure(fault) } else { Outcome::Later(fault) }
            }
        }
    }

    /// A kept connection that is dead is replaced once, as long as the mail was not sent.
    async fn attempt(&self, mail: &Append<'_>, login: &Login, sent: &mut bool) -> Outcome {
        if let Some(mut kept) = self.0.idle.take_where(|kept| kept.user == login.user)
            && kept.is_quiet()
        {
            kept.reader.next_mail();
            match self.converse(kept, mail, login, true, sent).await {
                Ok(outcome) => return outcome,
                Err(broken) if broken.sent => return broken.outcome(),
                Err(_) => {}
            }
        }
        let Settings { host, port, tls, .. } = &self.0.settings;
        let opened = match connect(host, *port).await {
            Ok(stream) if *tls == Tls::AtOnce => shake(self.0.config.as_ref(), stream, host, &FOLDER_KEYS).await,
            opened => opened.map(Wire::Tcp),
        };
        let wire = match opened {
            Ok(wire) => wire,
            Err(outcome) => return told(outcome),
        };
        let (reader, session) = (Reader::default(), Session::default());
        let fresh = Connection { user: login.user.clone(), wire, reader, session };
        self.converse(fresh, mail, login, false, sent).await.unwrap_or_else(Broken::outcome)
    }

    async fn converse(
        &self,
        connection: Connection,
        mail: &Append<'_>,
        login: &Login,
        kept: bool,
        sent: &mut bool,
    ) -> Result<Outcome, Broken> {
        let Connection { user, mut wire, mut reader, session } = connection;
        let mut dialogue = Dialogue::new(session, mail, login, self.0.settings.tls);
        let mut next = if kept { dialogue.resume() } else { Next::Read };
        loop {
            *sent = dialogue.is_sent();
            let broken = |why: String| Broken { sent: dialogue.is_sent(), why };
            match next {
                Next::Read => {}
                Next::Write(octets) => {
                    let written = async {
                        wire.write_all(&octets).await?;
                        wire.flush().await
                    };
                    // What could not be written as a whole did not arrive as a whole.
                    written.await.map_err(|error| Broken { sent: false, why: error.to_string() })?;
                }
                Next::Encrypt => {
                    if reader.has_more() {
                        return Err(broken("the mailbox server answered more than it was asked".to_owned()));
                    }
                    let Wire::Tcp(stream) = wire else { return Err(broken("TLS within TLS".to_owned())) };
                    let host = &self.0.settings.host;
                    wire = match shake(self.0.config.as_ref(), stream, host, &FOLDER_KEYS).await {
                        Ok(wire) => wire,
                        Err(outcome) => return Ok(told(outcome)),
                    };
                    next = dialogue.encrypted();
                    continue;
                }
                Next::Done { outcome, reusable } => {
                    // A kept connection that the server closes says nothing about the mail.
                    if kept && !reusable && matches!(&outcome, Outcome::Later(fault) if fault.text.starts_with("BYE")) {
                        return Err(broken("the kept connection was closed".to_owned()));
                    }
                    let outcome = if dialogue.is_session() { outcome } else { told(outcome) };
                    if reusable {
                        let session = dialogue.into_session();
                        self.0.idle.put(Connection { user, wire, reader, session });
                    } else {
                        // Courtesy; nobody waits for the answer.
                        let _ = wire.write_all(b"m0 LOGOUT\r\n").await;
                        let _ = wire.flush().await;
                    }
                    return Ok(outcome);
                }
            }
            let came = loop {
                match reader.take() {
                    Ok(Some(came)) => break came,
                    Ok(None) => {}
                    Err(_) => return Err(broken("the mailbox server's answer is no response".to_owned())),
                }
                let mut buffer = [0; 4096];
                let n = wire.read(&mut buffer).await.map_err(|error| broken(error.to_string()))?;
                if n == 0 {
                    return Err(broken("the mailbox server closed the connection".to_owned()));
                }
                if reader.feed(&buffer[..n]).is_err() {
                    return Err(broken("the mailbox server's answer is endless".to_owned()));
                }
            };
            next = dialogue.take(came);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_one_or_each_mailbox_own() {
        for (written, folder, wanted) in [
            ("archive", "alice/SMS", Some(("archive", "alice/SMS"))),
            ("{address}*martlet", "alice/SMS", Some(("alice@example.test*martlet", "SMS"))),
            ("{address}*martlet", "bob@example.org/a/b", Some(("bob@example.org*martlet", "a/b"))),
            ("{local}", "alice", Some(("alice", "INBOX"))),
            ("{local}%{domain}", "alice/SMS", Some(("alice%example.test", "SMS"))),
            ("{address}*martlet", "bob*alice/SMS", None),
            ("{address}*martlet", "a b/SMS", None),
        ] {
            let user = User::read(written).expect("a user");
            let found = user.of(folder, Some("example.test"));
            assert_eq!(found.as_ref().map(|(user, folder)| (user.as_str(), *folder)), wanted, "{written} {folder}");
        }
        assert_eq!(User::read("{local}").expect("a user").of("alice/SMS", None), None, "no domain is known");
        for bad in ["", "a\0b", "{user}", "a{", "a\r\n"] {
            assert!(User::read(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn no_password_in_clear_leaves_the_machine() {
        for (host, tls, allowed) in [
            ("127.0.0.1", Tls::Never, true),
            ("mail.example.test", Tls::Never, false),
            ("mail.example.test", Tls::Offered, false),
        ] {
            let settings = Settings {
                host: host.to_owned(),
                port: 143,
                tls,
                ca: None,
                user: User::read("a").expect("a user"),
                password: Secret::new("hunter2".to_owned()),
                domain: None,
                timeout: Duration::from_secs(1),
            };
            assert!(!format!("{settings:?}").contains("hunter2"));
            assert_eq!(Folders::new(settings).is_ok(), allowed, "{host} {tls:?}");
        }
    }
}
