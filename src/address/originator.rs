//! Who a text is from: what the phone shows (MT) and what the network says (MO).
use super::{Number, number::NumberError};
use std::{fmt, str::FromStr};

/// The originator to show: at most 15 digits, or at most 11 characters of GSM-7.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SenderId(String);
impl SenderId {
    pub fn as_str(&self) -> &str {
        unimplemented!()
    }
}
impl FromStr for SenderId {
    type Err = NumberError;
    fn from_str(_s: &str) -> Result<Self, NumberError> {
        unimplemented!()
    }
}
impl TryFrom<String> for SenderId {
    type Error = NumberError;
    fn try_from(s: String) -> Result<Self, NumberError> {
        s.parse()
    }
}
impl From<SenderId> for String {
    fn from(s: SenderId) -> Self {
        s.0
    }
}

/// Who a phone's text is from. Serde: tagged by kind.
#[derive(Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Originator {
    /// E.164.
    Number(String),
    /// Digits that are no number anywhere (short codes).
    Digits(String),
    /// Letters, kept as written.
    Name(String),
}
impl Originator {
    pub fn as_str(&self) -> &str {
        unimplemented!()
    }
    pub fn masked(&self) -> String {
        unimplemented!()
    }
    /// The number, if it is one.
    pub fn number(&self) -> Option<Number> {
        unimplemented!()
    }
}
impl fmt::Debug for Originator {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        unimplemented!()
    }
}
