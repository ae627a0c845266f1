//! A variable's value on its way through its attributes: text or octets, then how they are written. Pure; no step can
//! fail: a character that a charset does not have becomes `?`, a length over 255 is written as 255.

use std::fmt::Write;

use base64::{Engine, engine::general_purpose::STANDARD};

use super::template::{Charset, Step};

/// A value between its steps. `Octets` that no step encodes are written as their last word says.
pub(super) enum Draft {
    Text(String),
    Octets(Vec<u8>, Last),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Last {
    Raw,
    Hex,
    B64,
}

impl Draft {
    fn into_octets(self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.into_bytes(),
            Self::Octets(octets, _) => octets,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::Octets(octets, _) => octets.is_empty(),
        }
    }

    pub(super) fn apply(self, step: &Step) -> Self {
        match (step, self) {
            (Step::InterPrefix(prefix), Self::Text(text)) => {
                Self::Text(text.strip_prefix('+').map_or(text.clone(), |digits| format!("{prefix}{digits}")))
            }
            (Step::Charset(charset), Self::Text(text)) => Self::Octets(write_charset(*charset, &text), Last::Raw),
            (Step::Unicode, Self::Text(text)) => Self::Octets(utf16(&text, u16::to_be_bytes), Last::Hex),
            (Step::InterPrefix(_) | Step::Charset(_) | Step::Unicode, octets) => octets,
            (Step::Len, draft) => {
                let last = if let Self::Octets(_, last) = &draft { *last } else { Last::Raw };
                let octets = draft.into_octets();
                let mut counted = Vec::with_capacity(octets.len() + 1);
                counted.push(u8::try_from(octets.len()).unwrap_or(u8::MAX));
                counted.extend(octets);
                Self::Octets(counted, last)
            }
            (Step::Hex, draft) => Self::Text(hex(&draft.into_octets())),
            (Step::B64, draft) => Self::Text(STANDARD.encode(draft.into_octets())),
        }
    }

    pub(super) fn finish(self) -> Vec<u8> {
        match self {
            Self::Octets(octets, Last::Hex) => hex(&octets).into_bytes(),
            Self::Octets(octets, Last::B64) => STANDARD.encode(octets).into_bytes(),
            other => other.into_octets(),
        }
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::with_capacity(octets.len() * 2), |mut out, octet| {
        // Writing to a String cannot fail.
        let _ = write!(out, "{octet:02X}");
        out
    })
}

fn utf16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(order).collect()
}

/// A character that the charset does not have becomes `?`.
fn write_charset(charset: Charset, text: &str) -> Vec<u8> {
    let encoding = match charset {
        Charset::Utf16Be => return utf16(text, u16::to_be_bytes),
        Charset::Utf16Le => return utf16(text, u16::to_le_bytes),
        Charset::Label(encoding) => encoding,
    };
    let mut encoder = encoding.new_encoder();
    let mut out = Vec::with_capacity(text.len() * 2 + 16);
    let mut rest = text;
    loop {
        out.reserve(rest.len() * 2 + 16);
        let (result, read) = encoder.encode_from_utf8_to_vec_without_replacement(rest, &mut out, true);
        rest = &rest[read..];
        match result {
            encoding_rs::EncoderResult::InputEmpty => return out,
            encoding_rs::EncoderResult::OutputFull => {}
            encoding_rs::EncoderResult::Unmappable(_) => out.push(b'?'),
        }
    }
}
