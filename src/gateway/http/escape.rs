//! Values written so that they stay in their place: in a URL or form, in JSON, in XML, in a header. Pure.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

/// All but the unreserved characters (RFC 3986 2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One component of a path, query or form.
pub(super) fn percent(value: &[u8], out: &mut Vec<u8>) {
    out.extend(percent_encode(value, ESCAPED).flat_map(str::bytes));
}

/// With its quotes.
pub(super) fn json_string(value: &[u8]) -> String {
    serde_json::Value::from(String::from_utf8_lossy(value)).to_string()
}

/// XML 1.0 has no way to write most control characters: they become blanks.
pub(super) fn xml(text: &str, out: &mut Vec<u8>) {
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
pub(super) fn header(value: &[u8], out: &mut Vec<u8>) {
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
pub(super) fn parameters(text: &str, out: &mut Vec<u8>) {
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

/// Adds each value with one `&` in front (`first` in front of the first), whether or not it brings its own.
pub(super) fn append_parameters(values: &[String], first: Option<u8>, out: &mut Vec<u8>) {
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

/// What a header can hold.
pub(super) fn printable(c: char) -> bool {
    c == ' ' || c.is_ascii_graphic()
}

/// Characters that a URL parser leaves as they are in path and query.
pub(super) fn stays(c: char) -> bool {
    c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | '^' | '`' | '{' | '|' | '}' | '\'' | '\\' | '#')
}
