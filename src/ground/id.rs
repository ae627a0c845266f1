//! Names of things: messages, gateways, accounts. Each has one way in.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

/// The id of one item of the queue, sortable by the time it was made (UUID version 7, 32 lower-case hex digits).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MessageId(uuid::Uuid);

impl MessageId {
    /// A new id; later ones sort behind earlier ones of the same process.
    pub fn new() -> Self {
        Self(uuid::Uuid::now_v7())
    }

    /// Its sixteen octets.
    pub fn octets(self) -> [u8; 16] {
        self.0.into_bytes()
    }

    /// The id of these octets.
    pub fn of(octets: [u8; 16]) -> Self {
        Self(uuid::Uuid::from_bytes(octets))
    }
}

impl Default for MessageId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.simple(), f)
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a name is not one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadName(pub &'static str);

impl fmt::Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for BadName {}

impl FromStr for MessageId {
    type Err = BadName;
    fn from_str(s: &str) -> Result<Self, BadName> {
        uuid::Uuid::try_parse(s).map(Self).map_err(|_| BadName("a message id is 32 hexadecimal digits"))
    }
}

impl TryFrom<String> for MessageId {
    type Error = BadName;
    fn try_from(s: String) -> Result<Self, BadName> {
        s.parse()
    }
}

impl From<MessageId> for String {
    fn from(id: MessageId) -> Self {
        id.to_string()
    }
}

/// A gateway's name: `[A-Za-z0-9_][A-Za-z0-9_-]{0,63}`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GatewayId(Arc<str>);

impl GatewayId {
    /// The name as it is written in the configuration.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for GatewayId {
    type Err = BadName;
    fn from_str(s: &str) -> Result<Self, BadName> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let mut bytes = s.bytes();
        let sound = s.len() <= 64 && bytes.next().is_some_and(plain) && bytes.all(|b| plain(b) || b == b'-');
        if sound {
            Ok(Self(s.into()))
        } else {
            Err(BadName("a gateway id is 1 to 64 of A-Z a-z 0-9 _ - and does not begin with -"))
        }
    }
}

impl TryFrom<String> for GatewayId {
    type Error = BadName;
    fn try_from(s: String) -> Result<Self, BadName> {
        s.parse()
    }
}

impl From<GatewayId> for String {
    fn from(id: GatewayId) -> Self {
        id.0.as_ref().to_owned()
    }
}

impl fmt::Display for GatewayId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for GatewayId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name under which an account is declared and charged: a mail address in lower case, `@domain`, `*`, or a
/// plain name (SMS-only). At most 320 octets, printable, without blanks.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountName(Arc<str>);

impl AccountName {
    /// The name, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AccountName {
    type Err = BadName;
    fn from_str(s: &str) -> Result<Self, BadName> {
        if s.is_empty() || s.len() > 320 {
            return Err(BadName("an account name has 1 to 320 octets"));
        }
        if s.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(BadName("an account name has no blanks and no control characters"));
        }
        Ok(Self(s.to_lowercase().into()))
    }
}

impl TryFrom<String> for AccountName {
    type Error = BadName;
    fn try_from(s: String) -> Result<Self, BadName> {
        s.parse()
    }
}

impl From<AccountName> for String {
    fn from(name: AccountName) -> Self {
        name.0.as_ref().to_owned()
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gateway_ids_have_one_shape() {
        for good in ["main", "_x", "A-1", &"a".repeat(64)] {
            assert_eq!(good.parse::<GatewayId>().expect(good).as_str(), good);
        }
        for bad in ["", "-a", "a b", "a.b", "é", "a/b", &"a".repeat(65)] {
            assert!(bad.parse::<GatewayId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn message_ids_sort_by_age_and_read_back() {
        let (a, b) = (MessageId::new(), MessageId::new());
        assert!(a < b && a.to_string() < b.to_string());
        assert_eq!(a.to_string().len(), 32);
        assert_eq!(a.to_string().parse::<MessageId>(), Ok(a));
        assert!("zz".parse::<MessageId>().is_err());
    }

    #[test]
    fn account_names_are_compared_in_lower_case() {
        assert_eq!("Alice@Example.TEST".parse::<AccountName>().expect("name").as_str(), "alice@example.test");
        assert!("a b".parse::<AccountName>().is_err());
    }
}
