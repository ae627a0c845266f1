//! Ways back into mailboxes: SMTP (lettre) or LMTP (our client) to the MTA, in clear or by TLS, with a login or without;
//! into folders by IMAP ([`imap`]).
//!
//! One attempt at one mail to one recipient, answered with a typed outcome. A broken line behind the final dot is
//! `Later`: mails carry a stable Message-ID, so a second copy is recognisable, and none is lost. So is everything that
//! an administrator can mend: a certificate that does not fit, a refused login.
//! A mail with octets over 127 goes as 8BITMIME; where the server does not take that, it is encoded (RFC 6152 3). Line
//! ends and dots are put right here, whatever the data holds.

pub mod data;
pub mod imap;
pub mod lmtp;
pub mod login;
mod pool;
pub mod reply;
pub mod smtp;
pub mod starttls;
pub mod tls;
mod wire;

use std::{borrow::Cow, path::PathBuf, sync::Arc, time::Duration};

pub use self::{login::Login, tls::Tls};

use self::wire::Opener;
use crate::{
    address::Mailbox,
    ground::{Enhanced, Fault, Outcome, Scope},
    mail::seven_bit,
    observe,
};

/// `[mailbox]`, as far as delivery needs it.
#[derive(Debug, Clone)]
pub struct Settings {
    pub url: Url,
    /// The name in EHLO/LHLO.
    pub hostname: String,
    /// One attempt, from the connection to the last reply.
    pub timeout: Duration,
    pub tls: Tls,
    /// PEM file of the only authorities to trust, instead of the system's.
    pub ca: Option<PathBuf>,
    pub login: Option<Login>,
}

impl Settings {
    /// In clear and without a login.
    pub fn new(url: Url, hostname: String, timeout: Duration) -> Self {
        Self { url, hostname, timeout, tls: Tls::Never, ca: None, login: None }
    }
}

/// Where mails go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Url {
    Smtp { host: String, port: u16 },
    LmtpTcp { host: String, port: u16 },
    LmtpUnix(PathBuf),
}

impl Url {
    /// Nothing on the way there leaves this machine.
    pub fn is_local(&self) -> bool {
        match self {
            Self::LmtpUnix(_) => true,
            Self::Smtp { host, .. } | Self::LmtpTcp { host, .. } => {
                host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
            }
        }
    }
}

/// One mail on its way to one recipient; paths in wire form without their brackets.
#[derive(Clone, Copy)]
pub struct Mail<'a> {
    /// `None`: the null sender.
    pub from: Option<&'a str>,
    pub to: &'a str,
    pub data: &'a [u8],
}

/// What MAIL has to say of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameters {
    pub eight_bit: bool,
    pub utf8: bool,
}

impl Mail<'_> {
    /// Checks that nothing can leave its command; anything may stand in the data.
    fn check(&self) -> Result<(), Fault> {
        let fault = |code, text| Fault::new(Scope::Message, code, text);
        if self.from.is_some_and(|from| !data::is_path(from)) {
            return Err(fault(Enhanced::new(5, 1, 7), "the sender's address cannot be written in MAIL FROM"));
        }
        if !data::is_path(self.to) {
            return Err(fault(Enhanced::new(5, 1, 3), "the recipient's address cannot be written in RCPT TO"));
        }
        Ok(())
    }

    /// What has to be said of this mail to a server with these offers, and the data in the form that it takes.
    fn prepare(&self, eight_bit: bool, utf8: bool) -> Result<(Parameters, Cow<'_, [u8]>), Fault> {
        let needed = Parameters {
            eight_bit: eight_bit && !self.data.is_ascii(),
            utf8: !self.to.is_ascii() || !self.from.unwrap_or("").is_ascii(),
        };
        if needed.utf8 && !utf8 {
            let text = "the mail server takes no internationalised addresses";
            return Err(Fault::new(Scope::Message, Enhanced::new(5, 6, 7), text));
        }
        let fits = eight_bit || self.data.is_ascii();
        let data = if fits { Cow::Borrowed(self.data) } else { Cow::Owned(seven_bit(&data::lines(self.data))) };
        Ok((needed, data))
    }
}

/// A connection that broke in the middle of the dialogue.
#[derive(Debug)]
struct Broken {
    data_sent: bool,
    why: String,
}

impl Broken {
    fn outcome(&self) -> Outcome {
        let text = format!("the connection to the mail server broke: {}", self.why);
        Outcome::Later(Fault::new(Scope::Gateway, Enhanced::new(4, 4, 2), text))
    }
}

/// Tells the log why no session came about, and passes it on. Not for what comes behind MAIL: servers repeat addresses.
fn told(outcome: Outcome) -> Outcome {
    if let Outcome::Later(fault) = &outcome {
        observe::log::no_session(fault);
    }
    outcome
}

/// A client of the MTA; cheap to clone, pools its connections.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    way: Way,
    timeout: Duration,
}

enum Way {
    Smtp(smtp::Sender),
    Lmtp(lmtp::Sender),
}

/// How long a connection waits for the next mail: below what MTAs allow between two.
const KEEP: Duration = Duration::from_secs(15);

impl Client {
    /// A client; connects when the first mail comes.
    ///
    /// # Errors
    /// One line: authorities that cannot be read, or a login that would go over a foreign network unprotected.
    pub fn new(settings: Settings) -> Result<Self, String> {
        let Settings { url, hostname, timeout, tls, ca, login } = settings;
        if login.is_some() && !url.is_local() && !tls.is_verified() {
            return Err("the password of the mail server would go over the network unprotected".to_owned());
        }
        let sound = |c: char| c.is_ascii_graphic();
        let hostname =
            if !hostname.is_empty() && hostname.chars().all(sound) { hostname } else { "localhost".to_owned() };
        let config = tls::config(tls, ca.as_deref())?;
        let way = match url {
            Url::Smtp { .. } => {
                let hello = smtp::hello(&hostname);
                let opener = Opener::new(url, format!("EHLO {hello}"), tls, config);
                Way::Smtp(smtp::Sender::new(opener, hello, login, KEEP))
            }
            lmtp => {
                let opener = Opener::new(lmtp, format!("LHLO {hostname}"), tls, config);
                Way::Lmtp(lmtp::Sender::new(opener, hostname, login, KEEP))
            }
        };
        Ok(Self(Arc::new(Inner { way, timeout })))
    }

    /// One attempt. `from` is `None` for the null sender; `data` is not dot-stuffed, its line ends are put right.
    pub async fn deliver(&self, from: Option<&str>, to: &Mailbox, data: &[u8]) -> Outcome {
        let mail = Mail { from, to: to.as_str(), data };
        if let Err(fault) = mail.check() {
            return Outcome::Never(fault);
        }
        let attempt = async {
            match &self.0.way {
                Way::Smtp(sender) => sender.deliver(&mail).await,
                Way::Lmtp(sender) => sender.deliver(&mail).await,
            }
        };
        tokio::time::timeout(self.0.timeout, Box::pin(attempt)).await.unwrap_or_else(|_| {
            let text = "the mail server did not answer in time";
            Outcome::Later(Fault::new(Scope::Gateway, Enhanced::new(4, 4, 1), text))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ground::Secret;

    fn settings(host: &str, tls: Tls) -> Settings {
        let url = Url::Smtp { host: host.to_owned(), port: 25 };
        let login = Login { user: "me".to_owned(), password: Secret::new("hunter2".to_owned()) };
        let plain = Settings::new(url, "sms.test".to_owned(), Duration::from_secs(1));
        Settings { tls, login: Some(login), ..plain }
    }

    #[test]
    fn no_password_in_clear_leaves_the_machine() {
        for (host, tls, allowed) in [
            ("127.0.0.1", Tls::Never, true),
            ("::1", Tls::Never, true),
            ("localhost", Tls::Offered, true),
            ("mx.example.test", Tls::Never, false),
            ("192.0.2.1", Tls::Offered, false),
            ("localhost.example.test", Tls::Offered, false),
        ] {
            assert_eq!(Client::new(settings(host, tls)).is_ok(), allowed, "{host} {tls:?}");
        }
        let lost = Settings { ca: Some("/nowhere.pem".into()), ..settings("mx.example.test", Tls::Required) };
        assert!(Client::new(lost).is_err_and(|why| why.contains("/nowhere.pem")));
    }
}
