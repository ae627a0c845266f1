//! The template language of HTTP gateways: `…?to=%number%&udh=%udh;len;hex%`, read once at load. Pure.
//!
//! Reading order at a `%`: a known `%name(;attribute)*%` (`%data%` and `%dcs%` begin like escapes), then `%HH`, else a
//! load error with its column. A variable knows the place it stands in (path, query, form, JSON string or value, XML,
//! header), so that [`super::expand`] can write every value in a form that cannot leave that place. What could go
//! wrong there is refused here: a variable in the host, octets in JSON, a conditional piece that leaves a string open.

use std::{fmt, str::FromStr};

use super::{expand::Kind, reader, sample};

/// Why a template is none. `column` counts characters from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateError {
    pub column: usize,
    pub why: String,
}

impl TemplateError {
    pub(super) fn at(column: usize, why: impl Into<String>) -> Self {
        Self { column, why: why.into() }
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: {}", self.column, self.why)
    }
}

impl std::error::Error for TemplateError {}

/// What a request body is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `application/x-www-form-urlencoded`
    Form,
    Json,
    Xml,
    /// Anything else: values stand in it as they are.
    Plain,
}

/// What the whole text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whole {
    Url,
    Header,
    Body(Format),
}

/// The place of one variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spot {
    Path,
    Query,
    Form,
    /// Between the quotes of a JSON string.
    JsonString,
    /// Where JSON wants a whole value.
    JsonValue,
    Xml,
    Plain,
    Header,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    Number,
    Data,
    Udh,
    Binary,
    Pid,
    Dcs,
    Sender,
    SenderPhone,
    Parts,
    MsgId,
    Condition,
    Value,
}

impl Name {
    const ALL: [(&str, Self); 13] = [
        ("number", Self::Number),
        ("data", Self::Data),
        ("body", Self::Data),
        ("udh", Self::Udh),
        ("binary", Self::Binary),
        ("pid", Self::Pid),
        ("dcs", Self::Dcs),
        ("sender", Self::Sender),
        ("sender_phonealias", Self::SenderPhone),
        ("parts", Self::Parts),
        ("msgid", Self::MsgId),
        ("condition", Self::Condition),
        ("value", Self::Value),
    ];

    pub(super) fn known(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| *v)
    }
}

/// A charset that texts can be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Charset {
    /// `encoding_rs` decodes UTF-16 but does not write it.
    Utf16Be,
    Utf16Le,
    Label(&'static encoding_rs::Encoding),
}

impl Charset {
    /// By its WHATWG label, or as one of the 16-bit forms.
    pub(super) fn labelled(label: &str) -> Option<Self> {
        let label = label.trim();
        if ["utf-16be", "utf-16", "ucs-2", "ucs-2be", "iso-10646-ucs-2"].iter().any(|l| l.eq_ignore_ascii_case(label)) {
            return Some(Charset::Utf16Be);
        }
        if ["utf-16le", "ucs-2le"].iter().any(|l| l.eq_ignore_ascii_case(label)) {
            return Some(Charset::Utf16Le);
        }
        encoding_rs::Encoding::for_label_no_replacement(label.as_bytes())
            .filter(|e| e.output_encoding() == *e)
            .map(Charset::Label)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    InterPrefix(String),
    Charset(Charset),
    Unicode,
    Len,
    Hex,
    B64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    pub name: Name,
    pub when: Option<Kind>,
    pub steps: Vec<Step>,
    /// `value=`: written as it is behind the value.
    pub tail: String,
    pub spot: Spot,
}

#[derive(Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Literal(Vec<u8>),
    Field(Field),
}

/// A template, read and checked. `Debug` shows nothing of it: URLs hold passwords.
#[derive(Clone, PartialEq, Eq)]
pub struct Template {
    pub(super) whole: Whole,
    pub(super) pieces: Vec<Piece>,
    /// Octets of `http://host:port`; 0 unless it is a URL.
    pub(super) authority: usize,
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Template({:?}, {} pieces)", self.whole, self.pieces.len())
    }
}

impl FromStr for Template {
    type Err = TemplateError;
    /// A URL template.
    fn from_str(text: &str) -> Result<Self, TemplateError> {
        Self::url(text)
    }
}

impl Template {
    /// A URL, `http` or `https`; variables may stand in its path and query.
    pub fn url(text: &str) -> Result<Self, TemplateError> {
        let authority = reader::authority(text)?;
        let template = reader::Reader::new(Whole::Url, authority).read(text)?;
        sample::check_url(&template)?;
        Ok(template)
    }

    /// A request body.
    pub fn body(text: &str, format: Format) -> Result<Self, TemplateError> {
        let template = reader::Reader::new(Whole::Body(format), 0).read(text)?;
        if format == Format::Json {
            sample::check_json(&template)?;
        }
        Ok(template)
    }

    /// The value of a header.
    pub fn header(text: &str) -> Result<Self, TemplateError> {
        reader::Reader::new(Whole::Header, 0).read(text)
    }

    /// Whether requests go over TLS.
    pub fn is_https(&self) -> bool {
        matches!(self.pieces.first(), Some(Piece::Literal(l)) if l.get(..6).is_some_and(|s| s.eq_ignore_ascii_case(b"https:")))
    }

    pub(super) fn fields(&self) -> impl Iterator<Item = &Field> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Field(field) => Some(field),
            Piece::Literal(_) => None,
        })
    }

    /// Whether a variable of that name stands in it.
    pub(super) fn names(&self, name: Name) -> bool {
        self.fields().any(|field| field.name == name)
    }

    /// Whether it tells the provider that a message is binary.
    pub fn tells_binary(&self) -> bool {
        self.fields().any(|f| matches!(f.name, Name::Binary | Name::Dcs) || f.when == Some(Kind::Binary))
    }

    /// It says the user data header: tables and parts can be carried.
    pub fn tells_udh(&self) -> bool {
        self.names(Name::Udh)
    }

    /// Whether it shows the sender's name or number.
    pub fn tells_sender(&self) -> bool {
        self.names(Name::Sender)
    }
}
