//! Phone numbers: E.164, national forms, short codes.

use std::{fmt, str::FromStr};

/// An ISO 3166 region that libphonenumber knows, such as `US`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region([u8; 2]);

impl Region {
    pub fn as_str(&self) -> &str {
        unimplemented!()
    }
}
impl FromStr for Region {
    type Err = NumberError;
    fn from_str(_s: &str) -> Result<Self, NumberError> {
        unimplemented!()
    }
}

/// An E.164 number, `+` and at most 15 digits. `Debug` masks it; there is no `Display`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number(String);

impl Number {
    pub fn as_str(&self) -> &str {
        unimplemented!()
    }
    /// `+1*******67`: country code and the last two digits, for logs.
    pub fn masked(&self) -> String {
        unimplemented!()
    }
    /// The region the number belongs to; a possible number without one counts as its calling code's main region.
    pub fn region(&self) -> Option<Region> {
        unimplemented!()
    }
}

/// 3–6 digits, kept as written.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShortCode(String);
impl ShortCode {
    pub fn as_str(&self) -> &str {
        unimplemented!()
    }
}

/// Where a text goes. Serde: the plain string.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Destination {
    Number(Number),
    Short(ShortCode),
}
impl Destination {
    pub fn as_str(&self) -> &str {
        unimplemented!()
    }
    pub fn masked(&self) -> String {
        unimplemented!()
    }
}
impl TryFrom<String> for Destination {
    type Error = NumberError;
    fn try_from(_s: String) -> Result<Self, NumberError> {
        unimplemented!()
    }
}
impl From<Destination> for String {
    fn from(_d: Destination) -> Self {
        unimplemented!()
    }
}
impl fmt::Debug for Destination {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        unimplemented!()
    }
}

/// Which numbers are accepted (`sms.numbers`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Accept {
    #[default]
    Possible,
    Valid,
}

/// How numbers are read: `sms.region` and `sms.numbers`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbering {
    pub region: Region,
    pub accept: Accept,
}

/// What a written number means.
#[derive(Clone, PartialEq, Eq)]
pub struct Reading {
    pub destination: Destination,
    /// Valid by libphonenumber's data (not merely possible).
    pub valid: bool,
}

impl Numbering {
    /// Reads a number as a person writes it.
    pub fn read(&self, _written: &str) -> Result<Reading, NumberError> {
        unimplemented!()
    }
}

/// Why it is no number to send to; `Display` is fit for an SMTP reply (no digits of the number in it).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NumberError {
    Empty,
    NotANumber,
    TooShort,
    TooLong,
    Impossible,
    Emergency,
    UnknownRegion,
}
impl fmt::Display for NumberError {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        unimplemented!()
    }
}
impl std::error::Error for NumberError {}
