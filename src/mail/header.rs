//! Header fields: cutting the block from the body, unfolding, and the few structures that are routed by.
//!
//! Reading is lenient, as mailers are: bare LF ends a line, a line without a colon is skipped, raw 8-bit values are
//! taken as UTF-8 or windows-1252. Address lists are read in `addresses`.

use mail_parser::parsers::MessageStream;

use super::charset;

/// Fields read of one block; more are ignored.
pub(super) const MAX_FIELDS: usize = 2_000;
/// Octets of one unfolded value that are looked at.
const MAX_VALUE: usize = 64 * 1024;

/// Cuts a mail into its header block (with its last line end, without the empty line) and its body.
///
/// Without an empty line all of it is header.
pub fn header_block(raw: &[u8]) -> (&[u8], &[u8]) {
    let mut at = 0;
    while at < raw.len() {
        let line = line_at(raw, at);
        if trim_eol(line).is_empty() {
            return (&raw[..at], &raw[at + line.len()..]);
        }
        at += line.len();
    }
    (raw, &[])
}

/// The line that begins at `at`, with its line end.
pub(super) fn line_at(raw: &[u8], at: usize) -> &[u8] {
    let rest = raw.get(at..).unwrap_or_default();
    match rest.iter().position(|b| *b == b'\n') {
        Some(end) => &rest[..=end],
        None => rest,
    }
}

/// A line without CRLF or LF.
pub(super) fn trim_eol(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// One field: name as written, value unfolded (line ends removed, blanks kept).
pub(super) struct Field<'a> {
    pub name: &'a [u8],
    pub value: Vec<u8>,
}

impl Field<'_> {
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// The value as text: UTF-8, else windows-1252; encoded words stay encoded.
    pub fn raw(&self) -> String {
        charset::decode(&self.value, None).trim().to_owned()
    }

    /// The value with encoded words decoded (RFC 2047), on one line.
    pub fn decoded(&self) -> String {
        decode_words(&self.raw())
    }
}

/// All fields of a header block, in order, at most [`MAX_FIELDS`].
pub(super) fn fields(block: &[u8]) -> Vec<Field<'_>> {
    let mut found: Vec<Field<'_>> = Vec::new();
    let mut at = 0;
    let mut continues = false;
    while at < block.len() {
        let line = line_at(block, at);
        at += line.len();
        let line = trim_eol(line);
        if matches!(line.first(), Some(b' ' | b'\t')) {
            if continues && let Some(field) = found.last_mut() {
                let room = MAX_VALUE.saturating_sub(field.value.len());
                field.value.extend_from_slice(&line[..line.len().min(room)]);
            }
            continue;
        }
        continues = false;
        let Some(colon) = line.iter().position(|b| *b == b':') else { continue };
        let name = line[..colon].trim_ascii_end();
        if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
            continue;
        }
        if found.len() == MAX_FIELDS {
            break;
        }
        let value = &line[colon + 1..];
        found.push(Field { name, value: value[..value.len().min(MAX_VALUE)].to_vec() });
        continues = true;
    }
    found
}

/// The block without the fields of which `gone` says so, by name and decoded value; what is no field goes, too.
pub fn without(block: &[u8], gone: impl Fn(&str, &str) -> bool) -> Vec<u8> {
    let (mut kept, mut at) = (Vec::with_capacity(block.len()), 0);
    while at < block.len() {
        let begin = at;
        at += line_at(block, at).len();
        while matches!(block.get(at), Some(b' ' | b'\t')) {
            at += line_at(block, at).len();
        }
        let field = &block[begin..at];
        let stays = |(name, value): &(String, String)| !gone(name, value);
        if headers(field).first().is_some_and(stays) {
            kept.extend_from_slice(field);
        }
    }
    kept
}

/// Names and decoded values of every field, in order.
pub fn headers(block: &[u8]) -> Vec<(String, String)> {
    fields(block).iter().map(|field| (String::from_utf8_lossy(field.name).into_owned(), field.decoded())).collect()
}

/// Decodes encoded words of an unstructured value; controls become blanks.
pub(super) fn decode_words(value: &str) -> String {
    let decoded = if value.contains("=?") {
        let line = format!("{value}\n");
        let decoded = MessageStream::new(line.as_bytes()).parse_unstructured();
        decoded.as_text().unwrap_or_default().to_owned()
    } else {
        value.to_owned()
    };
    let clean: String = decoded.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    clean.trim().to_owned()
}

/// A media type with its parameters, names in lower case (RFC 2045 5.1, RFC 2231).
#[derive(Clone, Default)]
pub(super) struct Structured {
    /// `text/plain`, `attachment`, … in lower case; without `/` when there is no subtype.
    pub value: String,
    params: Vec<(String, String)>,
}

impl Structured {
    pub fn bare(value: &str) -> Self {
        Self { value: value.to_owned(), params: Vec::new() }
    }

    pub fn parse(value: &[u8]) -> Self {
        let mut line = charset::decode(value, None).into_owned().into_bytes();
        line.truncate(4096);
        line.push(b'\n');
        let parsed = MessageStream::new(&line).parse_content_type();
        let Some(parsed) = parsed.as_content_type() else { return Self::default() };
        let mut value = parsed.ctype().to_ascii_lowercase();
        if let Some(subtype) = parsed.subtype() {
            value.push('/');
            value.push_str(&subtype.to_ascii_lowercase());
        }
        let params = parsed.attributes().unwrap_or_default().iter().take(64);
        Self { value, params: params.map(|a| (a.name.to_ascii_lowercase(), a.value.to_string())).collect() }
    }

    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

/// Ids of Message-ID, In-Reply-To and References without brackets: printable ASCII, at most 400 octets each, the
/// last `cap` of them (the first is kept: it is the thread's).
pub(super) fn ids(value: &str, cap: usize) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut rest = value;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        let Some(end) = rest.find('>') else { break };
        let id = rest[..end].trim();
        if is_id(id) {
            found.push(id.to_owned());
        }
        rest = &rest[end + 1..];
    }
    // A bare id without brackets is seen in old mailers.
    if found.is_empty() && is_id(value.trim()) && value.contains('@') {
        found.push(value.trim().to_owned());
    }
    if found.len() > cap {
        let surplus = found.len() - cap;
        found.drain(1..=surplus);
    }
    found
}

/// Fit for `Message-ID: <…>`: printable ASCII without blanks and brackets.
pub(super) fn is_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= 400 && id.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'<' | b'>'))
}

/// Removes comments of a structured value (RFC 5322 3.2.2).
pub(super) fn without_comments(value: &str) -> String {
    let mut out = String::new();
    let mut depth = 0u32;
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' if depth > 0 => {
                chars.next();
            }
            '(' => depth = depth.saturating_add(1),
            ')' if depth > 0 => depth -= 1,
            c if depth == 0 => out.push(c),
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_and_body() {
        for (raw, head, body) in [
            ("A: 1\r\n\r\nx", "A: 1\r\n", "x"),
            ("A: 1\n\nx\n", "A: 1\n", "x\n"),
            ("A: 1\r\n", "A: 1\r\n", ""),
            ("\r\nx", "", "x"),
            ("", "", ""),
        ] {
            assert_eq!(header_block(raw.as_bytes()), (head.as_bytes(), body.as_bytes()), "{raw:?}");
        }
    }

    #[test]
    fn fields_unfold_and_skip_rubbish() {
        let block = b" lost\r\nA: 1\r\n 2\r\nrubbish\r\n\tlost too\r\nB : x\nC:\r\n";
        let got: Vec<_> = fields(block).iter().map(|f| (f.name.to_vec(), f.value.clone())).collect();
        let want: [(&[u8], &[u8]); 3] = [(b"A", b" 1 2"), (b"B", b" x"), (b"C", b"")];
        assert_eq!(got, want.map(|(n, v)| (n.to_vec(), v.to_vec())));
    }

    #[test]
    fn ids_are_clean_and_bounded() {
        assert_eq!(ids("<a@b> <c@d>", 20), ["a@b", "c@d"]);
        assert_eq!(ids("a@b", 20), ["a@b"]);
        assert_eq!(ids("<a b@c> <x\u{e9}@y>", 20), Vec::<String>::new());
        let many: String = (0..50).map(|n| format!("<{n}@x> ")).collect();
        let kept = ids(&many, 3);
        assert_eq!(kept, ["0@x", "48@x", "49@x"]);
    }

    #[test]
    fn words_decode_on_one_line() {
        assert_eq!(decode_words("=?utf-8?B?YQpiCg==?= c"), "a b  c");
        assert_eq!(without_comments("auto-replied (a (b) \\) c); x=1"), "auto-replied ; x=1");
    }
}
