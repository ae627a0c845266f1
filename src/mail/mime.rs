//! The parts of a mail (RFC 2046), found in one pass over its lines.
//!
//! Our own walk, not mail-parser's: that one scans the rest of the mail again for each multipart whose boundary never
//! comes (20,000 of them in a megabyte stall it for minutes) and nests messages without limit. Here depth, parts and
//! boundaries are bounded; what lies deeper or later is not read. Header fields still go through mail-parser.

use super::{
    header::{self, Structured, fields, line_at, trim_eol},
    work::step,
};

/// Nested multiparts that are opened.
const MAX_DEPTH: usize = 64;
/// Leaves that are kept.
const MAX_PARTS: usize = 500;

/// How the octets are encoded for transport (RFC 2045 6).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Identity,
    QuotedPrintable,
    Base64,
}

/// One leaf.
pub(super) struct Part<'a> {
    pub content_type: Structured,
    pub disposition: Structured,
    encoding: Encoding,
    /// Types of the multiparts around it, outermost first.
    pub around: Vec<String>,
    /// Its place in the multipart directly around it, from 0.
    pub place: usize,
    raw: &'a [u8],
}

impl Part<'_> {
    /// The first octets, about `most` of them, transfer encoding undone; damage is skipped, never an error.
    pub fn decoded(&self, most: usize) -> Vec<u8> {
        // No encoding makes more than four octets of one.
        let raw = |times: usize| &self.raw[..self.raw.len().min(most.saturating_mul(times))];
        match self.encoding {
            Encoding::Identity => raw(1).to_vec(),
            Encoding::QuotedPrintable => quoted_printable(raw(4)),
            Encoding::Base64 => base64(raw(2)),
        }
    }

    /// The file name (RFC 2183, 2231), one line.
    pub fn name(&self) -> Option<String> {
        let given = self.disposition.param("filename").or_else(|| self.content_type.param("name"))?;
        let name = header::decode_words(given);
        let name: String = name.chars().take(120).collect();
        (!name.is_empty()).then_some(name)
    }

    /// Meant to be saved, not to be read in place.
    pub fn is_attachment(&self) -> bool {
        self.disposition.value == "attachment"
            || (self.content_type.value.starts_with("text/") && self.disposition.param("filename").is_some())
    }
}

struct Frame {
    boundary: Vec<u8>,
    kind: String,
    next: usize,
}

struct Head {
    content_type: Structured,
    disposition: Structured,
    encoding: Encoding,
}

fn head(block: &[u8], default: &str) -> Head {
    let mut head = Head {
        content_type: Structured::bare(default),
        disposition: Structured::default(),
        encoding: Encoding::Identity,
    };
    let mut typed = false;
    for field in fields(block) {
        if field.is("Content-Type") && !typed {
            let parsed = Structured::parse(&field.value);
            // A type without a subtype is no type: text/plain then (RFC 2045 5.2).
            typed = parsed.value.contains('/') || matches!(parsed.value.as_str(), "text" | "multipart");
            if typed {
                head.content_type = parsed;
            }
        } else if field.is("Content-Disposition") {
            head.disposition = Structured::parse(&field.value);
        } else if field.is("Content-Transfer-Encoding") {
            let value = header::without_comments(&field.raw()).trim().to_ascii_lowercase();
            head.encoding = match value.as_str() {
                "base64" => Encoding::Base64,
                "quoted-printable" => Encoding::QuotedPrintable,
                _ => Encoding::Identity,
            };
        }
    }
    head
}

/// Leaves in order, and the media type of the whole.
pub(super) struct Parts<'a> {
    pub leaves: Vec<Part<'a>>,
    pub whole: Structured,
}

/// Walks a mail.
pub(super) fn parts(raw: &[u8]) -> Parts<'_> {
    let (block, body) = header::header_block(raw);
    let top = head(block, "text/plain");
    let whole = top.content_type.clone();
    let mut walk = Walk { body, at: 0, frames: Vec::new(), leaves: Vec::new(), open: None };
    walk.begin(top);
    walk.run();
    let mut leaves = walk.leaves;
    if leaves.is_empty() && !body.is_empty() {
        // A multipart whose boundary never comes: its body is text.
        leaves.push(Part {
            content_type: Structured::bare("text/plain"),
            disposition: Structured::default(),
            encoding: Encoding::Identity,
            around: Vec::new(),
            place: 0,
            raw: body,
        });
    }
    Parts { leaves, whole }
}

struct Walk<'a> {
    body: &'a [u8],
    at: usize,
    frames: Vec<Frame>,
    leaves: Vec<Part<'a>>,
    /// The leaf being read, and where its octets begin.
    open: Option<(Head, usize)>,
}

impl<'a> Walk<'a> {
    fn begin(&mut self, head: Head) {
        let boundary = head.content_type.param("boundary").map(str::trim_end).unwrap_or_default();
        let multipart = head.content_type.value.starts_with("multipart/") || head.content_type.value == "multipart";
        if multipart && !boundary.is_empty() && boundary.len() <= 200 && self.frames.len() < MAX_DEPTH {
            let boundary = boundary.as_bytes().to_vec();
            self.frames.push(Frame { boundary, kind: head.content_type.value.clone(), next: 0 });
        } else if !multipart || self.frames.len() < MAX_DEPTH {
            self.open = Some((head, self.at));
        }
    }

    fn run(&mut self) {
        while self.at < self.body.len() && self.leaves.len() < MAX_PARTS {
            let line = line_at(self.body, self.at);
            let begins = self.at;
            self.at += line.len();
            let Some((level, last)) = self.delimiter(line) else { continue };
            self.close(begins);
            self.frames.truncate(level + 1);
            if last {
                self.frames.pop();
                continue;
            }
            let block = self.part_header();
            let digest = self.frames.last().is_some_and(|f| f.kind == "multipart/digest");
            let head = head(block, if digest { "message/rfc822" } else { "text/plain" });
            self.begin(head);
        }
        self.close(self.body.len());
    }

    /// Whether a line delimits, at which level of the stack, and whether it is the last of its multipart.
    fn delimiter(&self, line: &[u8]) -> Option<(usize, bool)> {
        let line = trim_eol(line).strip_prefix(b"--")?.trim_ascii_end();
        step(self.frames.len());
        self.frames.iter().enumerate().rev().find_map(|(level, frame)| {
            let rest = line.strip_prefix(frame.boundary.as_slice())?;
            match rest {
                b"" => Some((level, false)),
                b"--" => Some((level, true)),
                _ => None,
            }
        })
    }

    fn part_header(&mut self) -> &'a [u8] {
        let start = self.at;
        while self.at < self.body.len() {
            let line = line_at(self.body, self.at);
            if self.delimiter(line).is_some() {
                return &self.body[start..self.at];
            }
            self.at += line.len();
            if trim_eol(line).is_empty() {
                return &self.body[start..self.at - line.len()];
            }
        }
        &self.body[start..]
    }

    fn close(&mut self, end: usize) {
        let Some((head, start)) = self.open.take() else { return };
        let raw = self.body.get(start..end).unwrap_or_default();
        // The line end before a delimiter belongs to the delimiter (RFC 2046 5.1.1).
        let raw = if end < self.body.len() { trim_eol(raw) } else { raw };
        let place = self.frames.last_mut().map_or(0, |frame| {
            frame.next += 1;
            frame.next - 1
        });
        let around = self.frames.iter().map(|f| f.kind.clone()).collect();
        let Head { content_type, disposition, encoding } = head;
        self.leaves.push(Part { content_type, disposition, encoding, around, place, raw });
    }
}

/// Undoes quoted-printable (RFC 2045 6.7); a `=` that encodes nothing stays.
fn quoted_printable(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut at = 0;
    while at < raw.len() {
        let line = line_at(raw, at);
        at += line.len();
        let text = trim_eol(line);
        let ending = &line[text.len()..];
        // Blanks at the end of a line were added on the way.
        let text = text.trim_ascii_end();
        let (text, ending) = match text.strip_suffix(b"=") {
            Some(text) => (text, &b""[..]),
            None => (text, ending),
        };
        let mut i = 0;
        while let Some(&b) = text.get(i) {
            let pair = text.get(i + 1).zip(text.get(i + 2));
            let octet = pair.and_then(|(h, l)| Some(hex(*h)? << 4 | hex(*l)?)).filter(|_| b == b'=');
            out.push(octet.unwrap_or(b));
            i += if octet.is_some() { 3 } else { 1 };
        }
        out.extend_from_slice(ending);
    }
    out
}

fn hex(b: u8) -> Option<u8> {
    (b as char).to_digit(16).map(|d| d as u8)
}

/// Undoes base64 (RFC 2045 6.8); what is no base64 is skipped.
fn base64(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len() / 4 * 3);
    let (mut word, mut bits) = (0u32, 0u32);
    for b in raw {
        let value = match b {
            b'A'..=b'Z' => b - b'A',
            b'a'..=b'z' => b - b'a' + 26,
            b'0'..=b'9' => b - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                // Padding ends a group; another encoded stretch may follow.
                (word, bits) = (0, 0);
                continue;
            }
            _ => continue,
        };
        word = (word << 6 | u32::from(value)) & 0xFFFF;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((word >> bits & 0xFF) as u8);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transfer_encodings() {
        assert_eq!(quoted_printable(b"a=3Db =\r\nc=ZZ=\n=C3=a9  \r\n100%="), "a=b c=ZZé\r\n100%".as_bytes());
        assert_eq!(base64(b"aGVs\r\nbG8=!"), b"hello");
        assert_eq!(base64(b"aA==aQ=="), b"hi");
        assert_eq!(base64(b"*"), b"");
    }

    fn kinds(raw: &str) -> Vec<(String, String)> {
        let parts = parts(raw.as_bytes());
        parts
            .leaves
            .iter()
            .map(|p| (p.content_type.value.clone(), String::from_utf8_lossy(&p.decoded(usize::MAX)).into()))
            .collect()
    }

    #[test]
    fn multiparts_are_walked() {
        let raw = "Content-Type: multipart/mixed; boundary=a\r\n\r\npreamble\r\n--a\r\n\
                   Content-Type: multipart/alternative; boundary=\"a b\"\r\n\r\n--a b\r\n\r\none\r\n--a b\r\n\
                   Content-Type: text/html\r\n\r\n<p>\r\n--a b--\r\n\r\n--a\r\nContent-Type: image/png\r\n\r\nx\r\n--a--\r\nend";
        let got = kinds(raw);
        let want = [("text/plain", "one"), ("text/html", "<p>"), ("image/png", "x")];
        assert_eq!(got, want.map(|(t, b)| (t.to_owned(), b.to_owned())));
    }

    #[test]
    fn damage_is_survived() {
        let unclosed = "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\r\nopen";
        assert_eq!(kinds(unclosed), [("text/plain".to_owned(), "open".to_owned())]);
        let never = "Content-Type: multipart/mixed; boundary=a\r\n\r\nno boundary";
        assert_eq!(kinds(never), [("text/plain".to_owned(), "no boundary".to_owned())]);
        assert!(kinds("Content-Type: multipart/mixed; boundary=a\r\n\r\n--a--\r\n").len() <= 1);
    }

    #[test]
    fn many_multiparts_without_end_take_linear_time() {
        let mut raw = "Content-Type: multipart/mixed; boundary=a\r\n\r\n".to_owned();
        for n in 0..20_000 {
            raw.push_str(&format!("--a\r\nContent-Type: multipart/mixed; boundary=x{n}\r\n\r\n"));
        }
        assert!(parts(raw.as_bytes()).leaves.len() <= MAX_PARTS);
    }
}
