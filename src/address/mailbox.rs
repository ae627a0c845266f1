//! Mailbox form: addresses that no MTA can be talked into relaying elsewhere.
//!
//! The local part is a dot-atom of at most 64 octets without `% ! / | : \` and without a leading `-`: a stock Postfix
//! relays `victim%evil.example@ours` and `evil.example!victim@ours`. ASCII only; the domain goes through IDNA. What can
//! go wrong: comparing addresses as written; equality here is without regard to case.

use std::{
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
};

use super::domain;

/// A mail address in mailbox form; domain in lower case, local part as written.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mailbox(String);

impl Mailbox {
    /// The whole address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// In front of the `@`, as written.
    pub fn local(&self) -> &str {
        self.split().0
    }

    /// Behind the `@`, lower case.
    pub fn domain(&self) -> &str {
        self.split().1
    }

    fn split(&self) -> (&str, &str) {
        self.0.split_once('@').expect("invariant: a mailbox has one @")
    }
}

/// Compared without regard to case.
impl PartialEq for Mailbox {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Mailbox {}

impl Hash for Mailbox {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_ascii_lowercase().hash(state);
    }
}

/// Without the local part, which may be a phone's number.
impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "…@{}", self.domain())
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAMailbox;

impl FromStr for Mailbox {
    type Err = NotAMailbox;
    fn from_str(s: &str) -> Result<Self, NotAMailbox> {
        let (local, domain) = s.split_once('@').ok_or(NotAMailbox)?;
        let domain = domain::ascii(domain).ok_or(NotAMailbox)?;
        match is_plain_local(local) {
            true => Ok(Self(format!("{local}@{domain}"))),
            false => Err(NotAMailbox),
        }
    }
}

/// atext (RFC 5322 3.2.3) without `%`, `!`, `/` and `|`.
fn is_plain_local(local: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"#$&'*+-=?^_`{}~".contains(&b);
    local.len() <= 64
        && !local.starts_with('-')
        && local.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(plain))
}

impl fmt::Display for NotAMailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a plain mail address")
    }
}

impl std::error::Error for NotAMailbox {}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_addresses() {
        for (written, kept) in [
            ("alice@example.test", "alice@example.test"),
            ("Alice.B+sms@Example.TEST", "Alice.B+sms@example.test"),
            ("o'neil@bücher.example", "o'neil@xn--bcher-kva.example"),
            ("root@localhost", "root@localhost"),
        ] {
            let mailbox: Mailbox = written.parse().expect(written);
            assert_eq!(mailbox.as_str(), kept);
        }
        let mailbox: Mailbox = "Alice@Example.test".parse().expect("a mailbox");
        assert_eq!((mailbox.local(), mailbox.domain()), ("Alice", "example.test"));
        assert_eq!(Ok(mailbox), "aLICE@EXAMPLE.TEST".parse());
    }

    #[test]
    fn relays_and_riddles_are_refused() {
        for bad in [
            "victim%evil.example@ours.test",
            "evil.example!victim@ours.test",
            "a/b@ours.test",
            "a|b@ours.test",
            "sms:+1@ours.test",
            "a\\b@ours.test",
            "-f@ours.test",
            "\"a\"@ours.test",
            "a b@ours.test",
            ".a@ours.test",
            "a..b@ours.test",
            "a.@ours.test",
            "@ours.test",
            "a@",
            "a",
            "",
            "a@b@c",
            "jörg@ours.test",
            "a@[192.0.2.1]",
            "a@b\r\nc",
            "a\n@b",
            "<a@b>",
            &format!("{}@ours.test", "a".repeat(65)),
        ] {
            assert_eq!(bad.parse::<Mailbox>(), Err(NotAMailbox), "{bad:?}");
        }
    }
}
