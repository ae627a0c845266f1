//! The template language of HTTP gateways: `…?to=%number%&udh=%udh;len;hex%`, read once at load. Pure.
//!
//! Reading order at a `%`: a known `%name(;attribute)*%` (`%data%` and `%dcs%` begin like escapes), then `%HH`, else a
//! load error with its column. A variable knows the place it stands in (path, query, form, JSON string or value, XML,
//! header), so that [`super::expand`] can write every value in a form that cannot leave that place. What could go
//! wrong there is refused here: a variable in the host, octets in JSON, a conditional piece that leaves a string open.

use std::{fmt, str::FromStr};

use super::{expand::Kind, sample};

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

    fn known(name: &str) -> Option<Self> {
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
        let authority = authority(text)?;
        let template = Reader::new(Whole::Url, authority).read(text)?;
        sample::check_url(&template)?;
        Ok(template)
    }

    /// A request body.
    pub fn body(text: &str, format: Format) -> Result<Self, TemplateError> {
        let template = Reader::new(Whole::Body(format), 0).read(text)?;
        if format == Format::Json {
            sample::check_json(&template)?;
        }
        Ok(template)
    }

    /// The value of a header.
    pub fn header(text: &str) -> Result<Self, TemplateError> {
        Reader::new(Whole::Header, 0).read(text)
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

    /// Whether it shows the sender's name or number.
    pub fn tells_sender(&self) -> bool {
        self.names(Name::Sender)
    }

    /// Whether it carries a user data header.
    pub fn tells_udh(&self) -> bool {
        self.names(Name::Udh)
    }
}

/// Where the authority of a URL ends, in octets.
fn authority(text: &str) -> Result<usize, TemplateError> {
    let scheme = ["http://", "https://"]
        .iter()
        .find(|s| text.get(..s.len()).is_some_and(|t| t.eq_ignore_ascii_case(s)))
        .ok_or_else(|| TemplateError::at(1, "a gateway's URL begins with http:// or https://"))?;
    let rest = &text[scheme.len()..];
    let end = scheme.len() + rest.find(['/', '?']).unwrap_or(rest.len());
    if let Some(bad) = text[..end].find(|c: char| !c.is_ascii_graphic() || c == '\\') {
        return Err(TemplateError::at(column(text, bad), "the host is written in plain ASCII"));
    }
    Ok(end)
}

fn column(text: &str, offset: usize) -> usize {
    text[..offset].chars().count() + 1
}

/// Where a reader of JSON stands.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
struct Json {
    in_string: bool,
    escaped: bool,
}

impl Json {
    fn walk(&mut self, octets: &[u8]) {
        for octet in octets {
            match octet {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.in_string => self.escaped = true,
                b'"' => self.in_string = !self.in_string,
                _ => {}
            }
        }
    }
}

struct Reader {
    whole: Whole,
    authority: usize,
    pieces: Vec<Piece>,
    literal: Vec<u8>,
    json: Json,
    query: bool,
}

impl Reader {
    fn new(whole: Whole, authority: usize) -> Self {
        Self { whole, authority, pieces: Vec::new(), literal: Vec::new(), json: Json::default(), query: false }
    }

    fn read(mut self, text: &str) -> Result<Template, TemplateError> {
        let (mut at, mut col) = (0, 1);
        while let Some(c) = text[at..].chars().next() {
            let rest = &text[at + c.len_utf8()..];
            let taken = if c != '%' {
                self.take_char(c, at, col)?;
                c.len_utf8()
            } else if let Some((name, inner)) = variable(rest) {
                let field = self.field(name, &inner, at, col)?;
                self.push(field);
                inner.end + 2
            } else if let Some(octet) = escape(rest) {
                self.take_escape(octet, &text[at..at + 3], col)?;
                3
            } else {
                return Err(TemplateError::at(col, "`%` begins neither a known variable nor an escape; write `%25`"));
            };
            col += text[at..at + taken].chars().count();
            at += taken;
        }
        let last = std::mem::take(&mut self.literal);
        if !last.is_empty() {
            self.pieces.push(Piece::Literal(last));
        }
        let textual = !matches!(self.whole, Whole::Body(Format::Plain));
        for piece in &self.pieces {
            if let Piece::Literal(octets) = piece
                && textual
                && std::str::from_utf8(octets).is_err()
            {
                return Err(TemplateError::at(1, "the escapes do not spell UTF-8"));
            }
        }
        Ok(Template { whole: self.whole, pieces: self.pieces, authority: self.authority })
    }

    fn put(&mut self, octets: &[u8]) {
        self.literal.extend_from_slice(octets);
        self.json.walk(octets);
    }

    fn take_char(&mut self, c: char, at: usize, col: usize) -> Result<(), TemplateError> {
        let mut buffer = [0; 4];
        let octets = c.encode_utf8(&mut buffer).as_bytes();
        match self.whole {
            Whole::Url | Whole::Body(Format::Form) => {
                if c.is_control() {
                    return Err(TemplateError::at(col, "a control character cannot stand here"));
                }
                if self.whole == Whole::Url {
                    match c {
                        '#' => return Err(TemplateError::at(col, "a fragment is never sent; write `%23`")),
                        '\\' => return Err(TemplateError::at(col, "`\\` cannot stand in a URL; write `%5C`")),
                        '?' if at >= self.authority => self.query = true,
                        _ => {}
                    }
                }
                if stays(c) {
                    self.put(octets);
                } else {
                    let escaped: String = octets.iter().map(|o| format!("%{o:02X}")).collect();
                    self.put(escaped.as_bytes());
                }
            }
            Whole::Header if !printable(c) => {
                return Err(TemplateError::at(col, "a header holds printable ASCII only"));
            }
            Whole::Header | Whole::Body(_) => self.put(octets),
        }
        Ok(())
    }

    /// Kept as it is where the wire is percent-encoded, else the octet that it means.
    fn take_escape(&mut self, octet: u8, written: &str, col: usize) -> Result<(), TemplateError> {
        match self.whole {
            Whole::Url | Whole::Body(Format::Form) => self.put(written.as_bytes()),
            Whole::Header if !printable(char::from(octet)) => {
                return Err(TemplateError::at(col, "a header holds printable ASCII only"));
            }
            Whole::Header | Whole::Body(_) => self.put(&[octet]),
        }
        Ok(())
    }

    fn spot(&self, at: usize, col: usize) -> Result<Spot, TemplateError> {
        Ok(match self.whole {
            Whole::Url if at < self.authority => {
                return Err(TemplateError::at(col, "no variable may stand in scheme, host or port"));
            }
            Whole::Url if self.query => Spot::Query,
            Whole::Url => Spot::Path,
            Whole::Header => Spot::Header,
            Whole::Body(Format::Form) => Spot::Form,
            Whole::Body(Format::Xml) => Spot::Xml,
            Whole::Body(Format::Plain) => Spot::Plain,
            Whole::Body(Format::Json) if self.json.escaped => {
                return Err(TemplateError::at(col, "a backslash stands in front of the variable"));
            }
            Whole::Body(Format::Json) if self.json.in_string => Spot::JsonString,
            Whole::Body(Format::Json) => Spot::JsonValue,
        })
    }

    fn field(&mut self, name: Name, inner: &Inner<'_>, at: usize, col: usize) -> Result<Field, TemplateError> {
        let spot = self.spot(at, col)?;
        let mut field = Field { name, when: None, steps: Vec::new(), tail: String::new(), spot };
        for (offset, token) in inner.attributes() {
            attribute(&mut field, token).map_err(|why| TemplateError::at(col + offset, why))?;
        }
        len_before_encoding(&mut field.steps);
        let octets = leaves_octets(&field);
        if octets && matches!(spot, Spot::JsonString | Spot::JsonValue | Spot::Xml | Spot::Header) {
            return Err(TemplateError::at(col, "octets cannot stand here; add `hex` or `b64`"));
        }
        self.check_tail(&mut field).map_err(|why| TemplateError::at(col, why))?;
        Ok(field)
    }

    /// `value=` is the administrator's own text, but it must be able to stand here, and may be left out.
    fn check_tail(&mut self, field: &mut Field) -> Result<(), &'static str> {
        let mut probe = Self::new(self.whole, 0);
        for c in field.tail.chars() {
            probe.take_char(c, 0, 0).map_err(|_| "the text of `value=` cannot stand here")?;
        }
        if probe.query && !self.query {
            return Err("the text of `value=` cannot begin the query");
        }
        field.tail = String::from_utf8(probe.literal).map_err(|_| "the text of `value=` cannot stand here")?;
        let before = self.json;
        let mut after = before;
        after.walk(field.tail.as_bytes());
        if self.whole == Whole::Body(Format::Json) && before != after {
            return Err("the text of `value=` must close every string that it opens");
        }
        Ok(())
    }

    fn push(&mut self, field: Field) {
        let literal = std::mem::take(&mut self.literal);
        if !literal.is_empty() {
            self.pieces.push(Piece::Literal(literal));
        }
        self.pieces.push(Piece::Field(field));
    }
}

/// What stands between the percent signs of a variable.
struct Inner<'a> {
    text: &'a str,
    name: usize,
    /// Octets from behind the first `%` to the second.
    end: usize,
}

impl<'a> Inner<'a> {
    /// Each attribute with its distance in characters from the first `%`.
    fn attributes(&self) -> impl Iterator<Item = (usize, &'a str)> {
        let text = self.text;
        let mut at = self.name;
        text[self.name..self.end].split(';').enumerate().filter_map(move |(i, token)| {
            let blank = token.len() - token.trim_start_matches(' ').len();
            let offset = 1 + text[..at + blank].chars().count();
            at += token.len() + 1;
            (i > 0).then(|| (offset, token.trim_matches(' ')))
        })
    }
}

/// A known name at the beginning of `rest`, closed by `%`.
fn variable(rest: &str) -> Option<(Name, Inner<'_>)> {
    let len = rest.bytes().take_while(|b| b.is_ascii_alphabetic() || *b == b'_').count();
    let name = Name::known(&rest[..len])?;
    let after = &rest[len..];
    let attributes = after.trim_start_matches(' ').starts_with(';');
    if !attributes && !after.starts_with('%') {
        return None;
    }
    let end = len + after.find('%')?;
    Some((name, Inner { text: rest, name: len, end }))
}

fn escape(rest: &str) -> Option<u8> {
    let digits = rest.get(..2)?;
    digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u8::from_str_radix(digits, 16).ok())?
}

fn attribute(field: &mut Field, token: &str) -> Result<(), String> {
    let (word, argument) = match token.split_once('=') {
        Some((word, argument)) => (word, Some(argument)),
        None => (token, None),
    };
    let word = word.to_ascii_lowercase();
    let step = match (word.as_str(), argument) {
        ("unicode", None) => Step::Unicode,
        ("hex", None) => Step::Hex,
        ("b64", None) => Step::B64,
        ("len", None) => Step::Len,
        ("charset", Some(label)) => Step::Charset(charset(label).ok_or("an unknown charset")?),
        ("interprefix", Some(prefix)) if prefix.chars().all(printable) => Step::InterPrefix(prefix.to_owned()),
        ("value", Some(text)) => {
            if !field.tail.is_empty() {
                return Err("`value=` is given twice".to_owned());
            }
            text.clone_into(&mut field.tail);
            return Ok(());
        }
        ("isunicode", None) => return condition(field, Kind::Unicode),
        ("isascii", None) => return condition(field, Kind::Ascii),
        ("isbinary", None) => return condition(field, Kind::Binary),
        _ => return Err(format!("unknown attribute `{}`", crate::ground::outcome::one_line(&word, 40))),
    };
    if field.steps.contains(&step) {
        return Err(format!("`{word}` is given twice"));
    }
    if field.steps.len() >= 8 {
        return Err("too many attributes".to_owned());
    }
    field.steps.push(step);
    Ok(())
}

fn condition(field: &mut Field, kind: Kind) -> Result<(), String> {
    match field.when {
        Some(other) if other != kind => Err("no message is of two kinds".to_owned()),
        _ => {
            field.when = Some(kind);
            Ok(())
        }
    }
}

fn charset(label: &str) -> Option<Charset> {
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

/// `len` counts the octets that the encoding then writes, wherever it stands.
fn len_before_encoding(steps: &mut Vec<Step>) {
    if let Some(at) = steps.iter().position(|s| *s == Step::Len) {
        let len = steps.remove(at);
        let encoding = steps.iter().position(|s| matches!(s, Step::Hex | Step::B64)).unwrap_or(steps.len());
        steps.insert(encoding, len);
    }
}

/// Whether a text variable ends as octets that need not be UTF-8.
fn leaves_octets(field: &Field) -> bool {
    if matches!(field.name, Name::Udh) {
        return false;
    }
    let mut octets = false;
    for step in &field.steps {
        match step {
            Step::Charset(_) => octets = true,
            // What `unicode` leaves is written as hex in the end; behind other octets it changes nothing.
            Step::Unicode if octets => {}
            Step::Unicode => return false,
            Step::Len => octets = true,
            Step::Hex | Step::B64 => return false,
            Step::InterPrefix(_) => {}
        }
    }
    octets
}

fn printable(c: char) -> bool {
    c == ' ' || c.is_ascii_graphic()
}

/// Characters that a URL parser leaves as they are in path and query.
fn stays(c: char) -> bool {
    c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | '^' | '`' | '{' | '|' | '}' | '\'' | '\\' | '#')
}
