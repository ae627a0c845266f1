//! What a text holds, before and after it is cut into segments.
//!
//! None of these types shows its words in `Debug`: a text is its owner's.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The words of a text or the octets of a binary message.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Body {
    /// Unicode text, LF line ends.
    Text(String),
    /// 8-bit data.
    Binary(Vec<u8>),
}

/// One message as its sender means it: words or data, and the information elements that he gives himself.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    pub body: Body,
    /// Information elements of the user data header without its length octet (TS 23.040 9.2.3.24); empty: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub udh: Vec<u8>,
}

/// One segment: what one SUBMIT carries.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    pub body: Body,
    /// Information elements, concatenation among them, without the length octet; empty: no header.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub udh: Vec<u8>,
}

impl Content {
    /// Plain words without a header of their own.
    pub fn text(words: impl Into<String>) -> Self {
        Self { body: Body::Text(words.into()), udh: Vec::new() }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(words) => write!(f, "Text[{}]", words.len()),
            Self::Binary(data) => write!(f, "Binary[{}]", data.len()),
        }
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Content({:?}, udh[{}])", self.body, self.udh.len())
    }
}

impl fmt::Debug for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Segment({:?}, udh[{}])", self.body, self.udh.len())
    }
}
