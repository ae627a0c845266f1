//! Mailbox form: addresses that no MTA can be talked into relaying elsewhere (spec: dot-atom of at most 64 octets
//! without `% ! / | : \` and without a leading `-`).
use std::{fmt, str::FromStr};

/// A mail address in mailbox form; domain in lower case, local part as written.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mailbox(String);
impl Mailbox {
    pub fn as_str(&self) -> &str {
        unimplemented!()
    }
    pub fn local(&self) -> &str {
        unimplemented!()
    }
    pub fn domain(&self) -> &str {
        unimplemented!()
    }
}
/// Compared without regard to case.
impl PartialEq for Mailbox {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}
impl Eq for Mailbox {}
impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAMailbox;
impl FromStr for Mailbox {
    type Err = NotAMailbox;
    fn from_str(_s: &str) -> Result<Self, NotAMailbox> {
        unimplemented!()
    }
}
impl fmt::Display for NotAMailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a plain mail address")
    }
}
impl TryFrom<String> for Mailbox {
    type Error = NotAMailbox;
    fn try_from(s: String) -> Result<Self, NotAMailbox> {
        s.parse()
    }
}
impl From<Mailbox> for String {
    fn from(m: Mailbox) -> Self {
        m.0
    }
}
