//! Ways back into mailboxes: SMTP (lettre) or LMTP (our client) to the MTA.
//!
//! One attempt at one mail to one recipient, answered with a typed outcome. A broken line behind the final dot is
//! `Later`: mails carry a stable Message-ID, so a second copy is recognisable, and none is lost.
//! The mails that Martlet makes are 7-bit safe; one that is not goes as 8BITMIME, or is refused where the server does
//! not take that (RFC 6152 3: no stripping). Line ends and dots are put right here, whatever the data holds.

pub mod data;
pub mod lmtp;
mod pool;
pub mod reply;
pub mod smtp;

use std::{fmt, path::PathBuf, str::FromStr, sync::Arc, time::Duration};

use crate::{
    address::Mailbox,
    ground::{Enhanced, Fault, Outcome, Scope},
};

/// `[mailbox]`, as far as delivery needs it.
#[derive(Debug, Clone)]
pub struct Settings {
    pub url: Url,
    /// The name in EHLO/LHLO.
    pub hostname: String,
    /// One attempt, from the connection to the last reply.
    pub timeout: Duration,
}

/// Where mails go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Url {
    Smtp { host: String, port: u16 },
    LmtpTcp { host: String, port: u16 },
    LmtpUnix(PathBuf),
}

/// Why a text names no MTA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadUrl(pub &'static str);

impl fmt::Display for BadUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for BadUrl {}

impl FromStr for Url {
    type Err = BadUrl;
    /// `smtp://host[:25]`, `lmtp://host[:24]`, `lmtp:///path` or `lmtp+unix:/path`.
    fn from_str(text: &str) -> Result<Self, BadUrl> {
        const WHAT: &str = "the mail server is smtp://host:port, lmtp://host:port or lmtp:///path";
        if let Some(path) = text.strip_prefix("lmtp+unix:").or_else(|| text.strip_prefix("lmtp://")) {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.starts_with('/') && path.len() > 1 {
                return Ok(Self::LmtpUnix(path.into()));
            }
        }
        let (scheme, rest) = text.split_once("://").ok_or(BadUrl(WHAT))?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let usual = match scheme {
            "smtp" => 25,
            "lmtp" => 24,
            _ => return Err(BadUrl(WHAT)),
        };
        let (host, port) = match rest.strip_prefix('[') {
            Some(literal) => literal.split_once(']').ok_or(BadUrl(WHAT))?,
            None => rest.split_at(rest.find(':').unwrap_or(rest.len())),
        };
        let port = match port.strip_prefix(':') {
            Some(port) => port.parse().ok().filter(|p| *p != 0).ok_or(BadUrl("the port is a number up to 65535"))?,
            None if port.is_empty() => usual,
            None => return Err(BadUrl(WHAT)),
        };
        if host.is_empty() || !host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:".contains(&b)) {
            return Err(BadUrl(WHAT));
        }
        let host = host.to_owned();
        Ok(if scheme == "smtp" { Self::Smtp { host, port } } else { Self::LmtpTcp { host, port } })
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

    /// The parameters that this mail needs of a server with these offers.
    fn parameters(&self, eight_bit: bool, utf8: bool) -> Result<Parameters, Fault> {
        let needed = Parameters {
            eight_bit: !self.data.is_ascii(),
            utf8: !self.to.is_ascii() || !self.from.unwrap_or("").is_ascii(),
        };
        if needed.eight_bit && !eight_bit {
            let text = "the mail server takes no 8-bit mail";
            return Err(Fault::new(Scope::Message, Enhanced::new(5, 6, 3), text));
        }
        if needed.utf8 && !utf8 {
            let text = "the mail server takes no internationalised addresses";
            return Err(Fault::new(Scope::Message, Enhanced::new(5, 6, 7), text));
        }
        Ok(needed)
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
    pub fn new(settings: Settings) -> Self {
        let Settings { url, hostname, timeout } = settings;
        let sound = |c: char| c.is_ascii_graphic();
        let hostname =
            if !hostname.is_empty() && hostname.chars().all(sound) { hostname } else { "localhost".to_owned() };
        let way = match url {
            Url::Smtp { host, port } => Way::Smtp(smtp::Sender::new(host, port, &hostname, KEEP)),
            lmtp => Way::Lmtp(lmtp::Sender::new(lmtp, hostname, KEEP)),
        };
        Self(Arc::new(Inner { way, timeout }))
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

    #[test]
    fn urls_of_mail_servers() {
        let tcp = |host: &str, port| (host.to_owned(), port);
        for (text, wanted) in [
            ("smtp://127.0.0.1:2525", tcp("127.0.0.1", 2525)),
            ("smtp://mx.example.test", tcp("mx.example.test", 25)),
            ("lmtp://localhost", tcp("localhost", 24)),
            ("lmtp://[::1]:24/", tcp("::1", 24)),
        ] {
            let (Url::Smtp { host, port } | Url::LmtpTcp { host, port }) = text.parse().expect(text) else {
                panic!("{text}")
            };
            assert_eq!((host, port), wanted);
        }
        for text in ["lmtp:///run/x", "lmtp+unix:/run/x", "lmtp+unix:///run/x"] {
            assert_eq!(text.parse(), Ok(Url::LmtpUnix("/run/x".into())), "{text}");
        }
        for bad in
            ["", "smtp", "smtp://", "http://x", "smtp://h:0", "smtp://h:x", "smtp://a b", "smtp://[::1", "lmtp:///"]
        {
            assert!(bad.parse::<Url>().is_err(), "{bad}");
        }
    }
}
