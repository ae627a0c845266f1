//! Reads a template: literal text, `%HH`, variables with their attributes, each in its place. Pure, linear in the text.

use super::{
    escape::{printable, stays},
    expand::Kind,
    template::{Charset, Field, Format, Name, Piece, Spot, Step, Template, TemplateError, Whole},
};

/// Where the authority of a URL ends, in octets.
pub(super) fn authority(text: &str) -> Result<usize, TemplateError> {
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

pub(super) struct Reader {
    whole: Whole,
    authority: usize,
    pieces: Vec<Piece>,
    literal: Vec<u8>,
    json: Json,
    query: bool,
}

impl Reader {
    pub(super) fn new(whole: Whole, authority: usize) -> Self {
        Self { whole, authority, pieces: Vec::new(), literal: Vec::new(), json: Json::default(), query: false }
    }

    pub(super) fn read(mut self, text: &str) -> Result<Template, TemplateError> {
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
        ("charset", Some(label)) => Step::Charset(Charset::labelled(label).ok_or("an unknown charset")?),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn load_errors_have_a_column() {
        let cases = [
            ("ftp://h/", 1, "http://"),
            ("/x?to=%number%", 1, "http://"),
            ("http://h/?a=%foo%", 13, "`%`"),
            ("http://h/?a=100%", 16, "`%`"),
            ("http://h/?a=%", 13, "`%`"),
            ("http://h/?a=%%", 13, "`%`"),
            ("http://h/?a=%number", 13, "`%`"),
            ("http://h/?a=%from%", 13, "`%`"),
            ("http://h/?é=%zz%", 13, "`%`"),
            ("http://%number%/", 8, "host"),
            ("http://h:%parts%/", 10, "host"),
            ("http://u:%data%@h/", 10, "host"),
            ("http://hé/", 9, "ASCII"),
            ("http://h/#x", 10, "fragment"),
            ("http://h/a\\b", 11, "%5C"),
            ("http://h/?a=\n", 13, "control"),
            ("http://h/?a=%data;foo%", 19, "foo"),
            ("http://h/?a=%data; hex ; foo%", 26, "foo"),
            ("http://h/?a=%data;%", 19, "unknown"),
            ("http://h/?a=%data;hex;hex%", 23, "twice"),
            ("http://h/?a=%data;value=a;value=b%", 27, "twice"),
            ("http://h/?a=%data;isascii;isunicode%", 27, "two kinds"),
            ("http://h/?a=%data;charset=klingon%", 19, "charset"),
            ("http://h/?a=%data;charset%", 19, "unknown"),
            ("http://h/?a=%data;len=1%", 19, "unknown"),
            ("http://h/?a=%data;interprefix%", 19, "unknown"),
            ("http://h/a%data;value=?x%", 11, "query"),
            ("http://h/?a=%data;value=#%", 13, "value="),
            ("http://h/a/../b", 1, ".."),
            ("http://h/%2e%2E/b", 1, ".."),
            ("http:///x", 1, "URL"),
        ];
        for (text, column, why) in cases {
            let error = Template::url(text).expect_err(text);
            assert_eq!(error.column, column, "{text}: {error}");
            assert!(error.why.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn bodies_and_headers_have_their_own_errors() {
        for (text, why) in [
            (r#"{"a": %data%"#, "JSON"),
            (r#"{"a": "\%data%"}"#, "backslash"),
            (r#"{"a": "\u00%data%"}"#, "JSON"),
            (r#"{"a": %data;isascii%}"#, "JSON"),
            (r#"{"a": "%data;charset=latin1%"}"#, "octets"),
            (r#"{"a": "%data;len%"}"#, "octets"),
            (r#"{"a": "%data;value="%"}"#, "close"),
            (r#"{"a": "%C3"}"#, "UTF-8"),
            (r#"{"a": "50%"}"#, "`%`"),
        ] {
            let error = Template::body(text, Format::Json).expect_err(text);
            assert!(error.why.contains(why), "{text}: {error}");
        }
        for bad in ["a\r\nb", "a%0D%0Ab", "é", "%data;len%", "%C3%A9", "a\0"] {
            assert!(Template::header(bad).is_err(), "{bad:?}");
        }
        assert!(Template::body("<a>%data;charset=latin1%</a>", Format::Xml).is_err());
        assert!(Template::body("a=\n", Format::Form).is_err());
    }

    #[test]
    fn debug_shows_no_literal() {
        let template = Template::url("https://h/?pass=hunter2&to=%number%").expect("template");
        assert!(!format!("{template:?}").contains("hunter2"));
        assert!(template.is_https() && !Template::url("http://https/").expect("template").is_https());
    }
}
