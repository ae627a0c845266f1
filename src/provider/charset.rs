//! Charsets of requests and hooks, on octets: WHATWG labels, and UTF-16 both ways.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

/// Everything but letters, digits and `-._~` (RFC 3986 clause 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The charset of a label.
///
/// # Errors
/// There is none of that label.
pub fn named(label: &str) -> Result<&'static Encoding, String> {
    let label = label.trim().trim_matches('"');
    // Providers write `UCS-2`, which is UTF-16 without what does not fit two octets.
    let known = match label.to_ascii_lowercase().as_str() {
        "ucs-2" | "ucs2" | "ucs-2be" | "utf-16" | "utf16" | "utf16be" => Some(UTF_16BE),
        _ => Encoding::for_label(label.as_bytes()),
    };
    known.ok_or_else(|| {
        format!("`{}` is no charset such as utf-8 or ISO-8859-1", crate::ground::outcome::one_line(label, 40))
    })
}

/// The octets of a text; what the charset does not have is a question mark.
pub fn encode(text: &str, encoding: &'static Encoding) -> Vec<u8> {
    if encoding == UTF_8 {
        return text.as_bytes().to_vec();
    }
    if encoding == UTF_16BE {
        return text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    }
    if encoding == UTF_16LE {
        return text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    }
    let (octets, _, replaced) = encoding.encode(text);
    if !replaced {
        return octets.into_owned();
    }
    // The library writes what is missing as references of HTML.
    let mut out = Vec::with_capacity(text.len());
    let mut one = [0; 4];
    for c in text.chars() {
        let (octets, _, replaced) = encoding.encode(c.encode_utf8(&mut one));
        if replaced { out.push(b'?') } else { out.extend_from_slice(&octets) }
    }
    out
}

/// The text of octets; never fails. UTF-8 that is none is read as windows-1252, as browsers do.
pub fn decode(octets: &[u8], encoding: &'static Encoding) -> String {
    if encoding != UTF_8 {
        return encoding.decode_without_bom_handling(octets).0.trim_start_matches('\u{feff}').to_owned();
    }
    match std::str::from_utf8(octets) {
        Ok(text) => text.trim_start_matches('\u{feff}').to_owned(),
        Err(_) => encoding_rs::WINDOWS_1252.decode_without_bom_handling(octets).0.into_owned(),
    }
}

/// Percent-encoded for any place of a URL and for forms.
pub fn percent(octets: &[u8]) -> String {
    percent_encode(octets, RESERVED).to_string()
}

/// Undoes percent-encoding, with `+` as a blank where it is a form.
pub fn unpercent(written: &[u8], form: bool) -> Vec<u8> {
    let blanks: Vec<u8>;
    let written = if form && written.contains(&b'+') {
        blanks = written.iter().map(|octet| if *octet == b'+' { b' ' } else { *octet }).collect();
        &blanks
    } else {
        written
    };
    percent_encoding::percent_decode(written).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways() {
        for (label, text, octets) in [
            ("utf-8", "é😀", &[0xc3, 0xa9, 0xf0, 0x9f, 0x98, 0x80][..]),
            ("UTF-16BE", "é😀", &[0, 0xe9, 0xd8, 0x3d, 0xde, 0]),
            ("UTF-16LE", "é", &[0xe9, 0]),
            ("ISO-8859-1", "é", &[0xe9]),
            ("UCS-2", "é", &[0, 0xe9]),
        ] {
            let encoding = named(label).expect(label);
            assert_eq!(encode(text, encoding), octets, "{label}");
            assert_eq!(decode(octets, encoding), text, "{label}");
        }
        assert_eq!(encode("a☃é", named("ISO-8859-1").expect("latin")), b"a?\xe9");
        assert_eq!(decode(b"caf\xe9", UTF_8), "café");
        assert!(named("klingon").is_err());
    }

    #[test]
    fn percent_encoding_leaves_only_what_is_never_reserved() {
        assert_eq!(percent("a b+&é~".as_bytes()), "a%20b%2B%26%C3%A9~");
        assert_eq!(unpercent(b"a+b%2B%C3%A9%", true), "a b+é%".as_bytes());
        assert_eq!(unpercent(b"a+b", false), b"a+b");
    }
}
