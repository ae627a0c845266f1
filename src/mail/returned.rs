//! The third part of a report: the original mail, or its headers, unharmed.
//!
//! `message/rfc822` may not be encoded again (RFC 2046 5.2.1), so a mail whose lines are too long for transport is
//! not returned whole. The boundary must occur nowhere in it.

use std::collections::HashSet;

use super::{
    compose::{Composer, MAX_LINE, quoted_printable},
    header::trim_eol,
};

/// The third part.
pub(super) enum Returned {
    /// As `message/rfc822`, which may not be encoded again.
    Mail { mail: Vec<u8>, eight_bit: bool },
    /// As `text/rfc822-headers`, quoted-printable where needed.
    Headers(Vec<u8>),
}

impl Returned {
    pub fn content(&self) -> &[u8] {
        match self {
            Self::Mail { mail, .. } => mail,
            Self::Headers(headers) => headers,
        }
    }

    pub fn write(&self, out: &mut Composer) {
        match self {
            Self::Mail { mail, eight_bit } => {
                out.raw("Content-Type", "message/rfc822");
                if *eight_bit {
                    out.raw("Content-Transfer-Encoding", "8bit");
                }
                out.out.extend_from_slice(b"\r\n");
                out.out.extend_from_slice(mail);
            }
            Self::Headers(headers) => {
                out.raw("Content-Type", "text/rfc822-headers");
                if headers.is_ascii() && passes(headers) {
                    out.out.extend_from_slice(b"\r\n");
                    out.out.extend_from_slice(headers);
                } else {
                    out.raw("Content-Transfer-Encoding", "quoted-printable");
                    out.out.extend_from_slice(b"\r\n");
                    quoted_printable(headers, &mut out.out);
                }
            }
        }
    }
}

/// Whether octets may stand in a mail unencoded: short lines, no NUL, CR only before LF.
pub(super) fn passes(content: &[u8]) -> bool {
    content.split(|b| *b == b'\n').all(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        line.len() <= MAX_LINE && !line.contains(&b'\r') && !line.contains(&0)
    })
}

/// Line ends as CRLF, and one at the end.
pub(super) fn crlf(content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + 2);
    for line in content.split_inclusive(|b| *b == b'\n') {
        out.extend_from_slice(trim_eol(line));
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// A boundary that does not occur in `content`.
pub(super) fn boundary(message_id: &str, content: &[u8]) -> String {
    let seed: String = message_id.chars().filter(char::is_ascii_alphanumeric).take(40).collect();
    // The counters that lines of the content have taken, so that one pass settles it.
    let taken: HashSet<u64> = content.split(|b| *b == b'\n').filter_map(counter).collect();
    let free = (0..).find(|n| !taken.contains(n)).unwrap_or(u64::MAX);
    format!("=_{free}_{seed}")
}

/// The `12` of a line that begins with `--=_12_`.
fn counter(line: &[u8]) -> Option<u64> {
    let rest = line.strip_prefix(b"--=_")?;
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries_are_free() {
        let first = boundary("r1@sms.example.test", b"");
        let clash = format!("--{first}\r\n--=_1_r1smsexampletest\r\n");
        assert_eq!(boundary("r1@sms.example.test", clash.as_bytes()), "=_2_r1smsexampletest");
    }

    #[test]
    fn what_may_pass() {
        assert!(passes(b"a\r\nb\n") && passes(b"") && passes(&[b'x'; 998]));
        for bad in [&[b'x'; 999][..], b"a\rb\r\n", b"a\0b"] {
            assert!(!passes(bad));
        }
        assert_eq!(crlf(b"a\nb\r\nc"), b"a\r\nb\r\nc\r\n");
    }
}
