//! The envelope of one mail as the peer gave it: sender, recipients, and what the extensions added.

use std::fmt;

use super::XClient;
use crate::{
    address::{Path, ReversePath},
    ground::AccountName,
};

/// Which reports the sender asked for (RFC 3461 4.1). Absent NOTIFY is `Notify::default()`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Notify {
    pub success: bool,
    pub failure: bool,
    pub delay: bool,
}

impl Default for Notify {
    /// Failure and delay, never success.
    fn default() -> Self {
        Self { success: false, failure: true, delay: true }
    }
}

impl Notify {
    /// `NOTIFY=NEVER`.
    pub const NEVER: Self = Self { success: false, failure: false, delay: false };
}

/// How much of the original a failure report returns (RFC 3461 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ret {
    Full,
    Hdrs,
}

/// DSN parameters of MAIL FROM.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dsn {
    pub ret: Option<Ret>,
    /// ENVID, xtext-decoded, printable ASCII.
    pub envid: Option<String>,
}

/// What a trusted MTA tells of the client it took the mail from (XFORWARD); belongs to one transaction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct XForward {
    pub name: Option<String>,
    pub addr: Option<String>,
    pub port: Option<u16>,
    pub proto: Option<String>,
    pub helo: Option<String>,
    /// The queue id at the MTA; with sender, recipient and content it tells a second hand-over from a second mail.
    pub ident: Option<String>,
    pub source: Option<String>,
}

/// MAIL FROM and all that belongs to the whole mail.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Envelope {
    pub from: ReversePath,
    /// `AUTH=` of MAIL FROM (RFC 4954 5), xtext-decoded; `<>` is `None`.
    pub auth: Option<String>,
    pub dsn: Dsn,
    pub smtputf8: bool,
    /// `SIZE=` as announced, octets.
    pub size: Option<u64>,
    pub xforward: XForward,
    /// Who logged in to this session (AUTH).
    pub login: Option<AccountName>,
    /// A trusted proxy handed the session on (XCLIENT): from then on its client speaks.
    pub xclient: Option<XClient>,
}

/// One RCPT TO.
#[derive(Clone, PartialEq, Eq)]
pub struct Recipient {
    pub path: Path,
    /// `None`: no NOTIFY was given.
    pub notify: Option<Notify>,
    /// ORCPT as `type;address`, xtext-decoded, printable.
    pub orcpt: Option<String>,
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelope").field("smtputf8", &self.smtputf8).field("size", &self.size).finish_non_exhaustive()
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recipient").field("notify", &self.notify).finish_non_exhaustive()
    }
}
