//! What goes into a session and what comes out of it: its limits, the steps that its door takes, and its end.

use super::{Envelope, Login, Recipient, data::Bare};

/// The limits of a session, and its name.
#[derive(Debug, Clone)]
pub struct Settings {
    /// In the greeting and in the answer to EHLO or LHLO.
    pub hostname: String,
    /// Octets of one command line, CR LF included.
    pub max_line: usize,
    /// Octets of one mail.
    pub max_size: u64,
    /// Accepted recipients of one mail.
    pub max_recipients: usize,
    /// Errors before 421: commands that are wrong, and refused recipients of a peer that is not trusted. An
    /// accepted mail starts the count over.
    pub max_errors: u32,
    /// `Received:` fields of one mail (RFC 5321 6.3).
    pub max_hops: usize,
    /// There is a certificate: STARTTLS is offered.
    pub tls: bool,
    /// Accounts may log in, where nobody can listen.
    pub auth: bool,
    /// Trusted peers may speak for their clients by XCLIENT.
    pub xclient: bool,
    /// What becomes of bare line ends in the mails of trusted peers; those of others are refused.
    pub bare: Bare,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            hostname: "localhost".into(),
            max_line: super::line::LIMIT,
            max_size: 10 * 1024 * 1024,
            max_recipients: 1000,
            max_errors: 20,
            max_hops: 50,
            tls: false,
            auth: false,
            xclient: false,
            bare: Bare::Refuse,
        }
    }
}

/// Which of the two is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Lmtp,
    Smtp,
}

/// Over what a session goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// Others can listen.
    Open,
    /// A Unix socket or loopback: nobody but this machine can.
    Local,
    /// TLS.
    Encrypted,
}

/// A mail whose end was seen.
pub struct Mail {
    pub envelope: Envelope,
    /// In the order of their RCPT.
    pub recipients: Vec<Recipient>,
    /// CRLF line ends, dot-stuffing removed.
    pub data: Vec<u8>,
}

/// Why the session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// The client said QUIT.
    Quit,
    TooManyErrors,
    /// A bare CR or LF among the commands.
    BareLineEnd,
    /// An HTTP request.
    Http,
    /// Something stood behind STARTTLS.
    Pipelined,
    WrongPasswords,
    /// BDAT without a size: where its octets end is not known.
    BadChunk,
    /// The journey behind the door answered 421, or [`Session::hang_up`](super::Session::hang_up) was called.
    HungUp,
}

/// What the door does next.
#[must_use]
pub enum Step<'a> {
    /// Write the replies, then read more.
    More,
    /// Write the replies, then go on with the same input.
    Flush,
    /// Find the answer to one RCPT and hand it to [`Session::answer`](super::Session::answer).
    AskRecipient { envelope: &'a Envelope, recipient: &'a Recipient },
    /// Find one answer per recipient and hand them to [`Session::answers`](super::Session::answers).
    Mail(Box<Mail>),
    /// Where nothing is left of the input: [`Session::start_tls`](super::Session::start_tls), write the replies, shake
    /// hands, [`Session::encrypted`](super::Session::encrypted). Else [`Session::pipelined`](super::Session::pipelined).
    StartTls,
    /// Check the password and hand the outcome to [`Session::logged_in`](super::Session::logged_in).
    LogIn(&'a Login),
    /// Write the replies and close.
    Close(Closed),
}
