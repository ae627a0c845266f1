//! What the variables of a template stand for in one request. Pure.

use std::fmt;

use crate::sms::{Body, national::Tables};

/// Of what kind a message is, as conditions ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A text within GSM-7, by the tables that its header names.
    Ascii,
    /// Any other text.
    Unicode,
    Binary,
}

impl Kind {
    /// The kind of a message with this body and these information elements.
    pub fn of(body: &Body, udh: &[u8]) -> Self {
        let tables = Tables::of(udh);
        match body {
            Body::Binary(_) => Self::Binary,
            Body::Text(words) if words.chars().all(|c| tables.septets(c).is_some()) => Self::Ascii,
            Body::Text(_) => Self::Unicode,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ascii => "a GSM-7 text",
            Self::Unicode => "a Unicode text",
            Self::Binary => "a binary message",
        })
    }
}

/// What the variables of one request stand for.
#[derive(Clone, Copy)]
pub struct Values<'a> {
    pub number: &'a str,
    pub body: &'a Body,
    pub kind: Kind,
    /// Information elements without the length octet.
    pub udh: &'a [u8],
    pub pid: Option<u8>,
    pub dcs: Option<u8>,
    pub sender: Option<&'a str>,
    pub sender_phone: Option<&'a str>,
    pub parts: u8,
    pub msgid: &'a str,
    pub value: &'a [String],
}

/// A value that the URL cannot carry where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unfit(pub &'static str);
