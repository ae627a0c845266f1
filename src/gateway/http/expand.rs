//! Writing a template out for one message. Pure, and it cannot fail but for one case: a URL whose path a URL parser
//! would fold (`.` or `..` as a whole segment), which no escape can prevent.
//!
//! Every value is written for the place it stands in, so that none can leave it: no line end in a header, no quote in
//! JSON, no `&` in a query. Only `%value%` (the address's own `value` parameters, which an account must be allowed to
//! give) may add parameters of its own.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use reqwest::Url;

use super::template::{Charset, Field, Format, Name, Piece, Spot, Step, Template, Whole};
use crate::sms::{Body, alphabet};

/// Of what kind a message is, as conditions ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A text within GSM-7.
    Ascii,
    /// Any other text.
    Unicode,
    Binary,
}

impl Kind {
    /// The kind of a message with this body.
    pub fn of(body: &Body) -> Self {
        match body {
            Body::Binary(_) => Self::Binary,
            Body::Text(words) if words.chars().all(|c| alphabet::septets(c).is_some()) => Self::Ascii,
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

const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A value between its steps. `Octets` that no step encodes are written as their last word says.
enum Draft {
    Text(String),
    Octets(Vec<u8>, Last),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
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

    fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::Octets(octets, _) => octets.is_empty(),
        }
    }

    fn apply(self, step: &Step) -> Self {
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

    fn finish(self) -> Vec<u8> {
        match self {
            Self::Octets(octets, Last::Hex) => hex(&octets).into_bytes(),
            Self::Octets(octets, Last::B64) => STANDARD.encode(octets).into_bytes(),
            other => other.into_octets(),
        }
    }
}

fn hex(octets: &[u8]) -> String {
    use fmt::Write;
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

impl Field {
    fn draft(&self, v: &Values<'_>) -> Draft {
        let number = |n: Option<u8>| n.map_or(String::new(), |n| n.to_string());
        Draft::Text(match self.name {
            Name::Data => match v.body {
                Body::Text(words) => words.clone(),
                Body::Binary(data) => return Draft::Octets(data.clone(), Last::B64),
            },
            Name::Udh => return Draft::Octets(v.udh.to_vec(), Last::B64),
            Name::Number => v.number.to_owned(),
            Name::Binary => if v.kind == Kind::Binary { "1" } else { "" }.to_owned(),
            Name::Pid => number(v.pid),
            Name::Dcs => number(v.dcs),
            Name::Sender => v.sender.unwrap_or_default().to_owned(),
            Name::SenderPhone => v.sender_phone.unwrap_or_default().to_owned(),
            Name::Parts => v.parts.to_string(),
            Name::MsgId => v.msgid.to_owned(),
            Name::Condition => String::new(),
            Name::Value => v.value.concat(),
        })
    }

    /// An empty value stays empty through all steps: no header is no header, not one of length 0.
    fn value(&self, v: &Values<'_>) -> Vec<u8> {
        let draft = self.draft(v);
        if draft.is_empty() {
            return Vec::new();
        }
        self.steps.iter().fold(draft, Draft::apply).finish()
    }

    fn write(&self, v: &Values<'_>, out: &mut Vec<u8>) {
        if self.when.is_some_and(|kind| kind != v.kind) {
            return;
        }
        let value = self.value(v);
        match self.spot {
            Spot::Query | Spot::Form if self.name == Name::Value && self.steps.is_empty() => {
                parameters(&String::from_utf8_lossy(&value), out);
            }
            Spot::Path | Spot::Query | Spot::Form => out.extend(percent_encode(&value, ESCAPED).flat_map(str::bytes)),
            Spot::JsonString => {
                let quoted = json_string(&value);
                out.extend_from_slice(&quoted.as_bytes()[1..quoted.len() - 1]);
            }
            Spot::JsonValue => self.write_json(&value, out),
            Spot::Xml => xml(&String::from_utf8_lossy(&value), out),
            Spot::Plain => out.extend_from_slice(&value),
            Spot::Header => header(&value, out),
        }
        out.extend_from_slice(self.tail.as_bytes());
    }

    fn write_json(&self, value: &[u8], out: &mut Vec<u8>) {
        let numeric = matches!(self.name, Name::Parts | Name::Pid | Name::Dcs | Name::Binary);
        match self.name {
            Name::Condition => {}
            _ if numeric && value.is_empty() => out.extend_from_slice(b"null"),
            _ if numeric && self.steps.is_empty() => out.extend_from_slice(value),
            _ => out.extend_from_slice(json_string(value).as_bytes()),
        }
    }
}

fn json_string(value: &[u8]) -> String {
    serde_json::Value::from(String::from_utf8_lossy(value)).to_string()
}

/// XML 1.0 has no way to write most control characters: they become blanks.
fn xml(text: &str, out: &mut Vec<u8>) {
    let mut buffer = [0; 4];
    for c in text.chars() {
        let octets: &[u8] = match c {
            '&' => b"&amp;",
            '<' => b"&lt;",
            '>' => b"&gt;",
            '"' => b"&quot;",
            '\'' => b"&apos;",
            '\n' => b"&#10;",
            '\r' => b"&#13;",
            '\t' => b"&#9;",
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => b" ",
            c => c.encode_utf8(&mut buffer).as_bytes(),
        };
        out.extend_from_slice(octets);
    }
}

/// Printable ASCII as it is, all else (and `%` itself) percent-encoded.
fn header(value: &[u8], out: &mut Vec<u8>) {
    for &octet in value {
        if (octet == b' ' || octet.is_ascii_graphic()) && octet != b'%' {
            out.push(octet);
        } else {
            out.extend_from_slice(hex_escape(octet).as_bytes());
        }
    }
}

fn hex_escape(octet: u8) -> String {
    format!("%{octet:02X}")
}

/// `value` parameters: `&`, `=` and sound escapes stand, what a query cannot hold is escaped.
fn parameters(text: &str, out: &mut Vec<u8>) {
    let octets = text.as_bytes();
    for (i, &octet) in octets.iter().enumerate() {
        let sound =
            octet == b'%' && octets.get(i + 1..i + 3).is_some_and(|next| next.iter().all(u8::is_ascii_hexdigit));
        if sound || octet.is_ascii_alphanumeric() || b"-._~&=+;,:@/?!$()*[]".contains(&octet) {
            out.push(octet);
        } else {
            out.extend_from_slice(hex_escape(octet).as_bytes());
        }
    }
}

impl Template {
    fn write(&self, v: &Values<'_>) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        for piece in &self.pieces {
            match piece {
                Piece::Literal(octets) => out.extend_from_slice(octets),
                Piece::Field(field) => field.write(v, &mut out),
            }
        }
        out
    }

    /// The URL of a request. With `append`, `value` parameters are added to the query.
    pub fn to_url(&self, v: &Values<'_>, append: bool) -> Result<Url, Unfit> {
        let mut text = self.write(v);
        if append {
            let query = text.get(self.authority..).is_some_and(|rest| rest.contains(&b'?'));
            append_parameters(v.value, if query { None } else { Some(b'?') }, &mut text);
        }
        let text = String::from_utf8(text).map_err(|_| Unfit("is no URL"))?;
        let url = Url::parse(&text).map_err(|_| Unfit("is no URL"))?;
        // The parser folds dot segments, even escaped ones: the request would go to another path.
        let written = text.get(self.authority..).unwrap_or_default();
        let (path, query) = match written.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (written, None),
        };
        let path = if path.is_empty() { "/" } else { path };
        if url.path() != path || url.query() != query || !url.has_host() {
            return Err(Unfit("the URL's path cannot hold `.` or `..`"));
        }
        Ok(url)
    }

    /// The body of a request. With `append`, a form gets the `value` parameters behind it.
    pub fn to_body(&self, v: &Values<'_>, append: bool) -> Vec<u8> {
        let mut out = self.write(v);
        if append && self.whole == Whole::Body(Format::Form) {
            let empty = out.is_empty();
            append_parameters(v.value, empty.then_some(b'&'), &mut out);
            if empty && !out.is_empty() {
                out.remove(0);
            }
        }
        out
    }

    /// The value of a header: printable ASCII.
    pub fn to_header(&self, v: &Values<'_>) -> String {
        String::from_utf8_lossy(&self.write(v)).into_owned()
    }
}

/// Adds each value with one `&` in front (`first` in front of the first), whether or not it brings its own.
fn append_parameters(values: &[String], first: Option<u8>, out: &mut Vec<u8>) {
    let mut separator = first;
    for value in values.iter().map(|v| v.trim_start_matches(['&', '?'])).filter(|v| !v.is_empty()) {
        match separator.take() {
            Some(first) => out.push(first),
            None if out.last().is_some_and(|last| b"?&".contains(last)) => {}
            None => out.push(b'&'),
        }
        parameters(value, out);
    }
}
