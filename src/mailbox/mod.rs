//! Ways back into mailboxes: SMTP (lettre) or LMTP (our client) to the MTA.
//!
//! One attempt at one mail to one recipient, answered with a typed outcome. A broken line behind the final dot is
//! `Later`: mails carry a stable Message-ID, so a second copy is recognisable, and none is lost.

pub mod lmtp;
pub mod smtp;

use std::time::Duration;

use crate::{address::Mailbox, ground::Outcome};

/// `[mailbox]`, as far as delivery needs it.
#[derive(Debug, Clone)]
pub struct Settings {
    pub url: Url,
    /// The name in EHLO/LHLO.
    pub hostname: String,
    pub timeout: Duration,
}

/// Where mails go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Url {
    Smtp { host: String, port: u16 },
    LmtpTcp { host: String, port: u16 },
    LmtpUnix(std::path::PathBuf),
}

/// A client of the MTA; cheap to clone, pools its connections.
#[derive(Clone)]
pub struct Client {}

impl Client {
    pub fn new(settings: Settings) -> Self {
        unimplemented!()
    }
    /// One attempt. `from` is `None` for the null sender; `data` has CRLF line ends and is not dot-stuffed.
    pub async fn deliver(&self, from: Option<&str>, to: &Mailbox, data: &[u8]) -> Outcome {
        unimplemented!()
    }
}
