//! From octets to text: the label's charset, repaired where the label is plainly wrong.
//!
//! UTF-8 wins over a single-byte label when the octets are valid UTF-8 with something beyond ASCII in them: such
//! text does not arise by chance. Multi-byte labels are believed unless they fail. Labels by the WHATWG table
//! (`iso-8859-1` is windows-1252, `gb2312` is gb18030), UTF-7 by mail-parser.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use mail_parser::decoders::charsets::map::charset_decoder;

/// Decodes `bytes` by `label`; never fails, NUL is dropped later by the tidying of texts.
pub(super) fn decode<'a>(bytes: &'a [u8], label: Option<&str>) -> Cow<'a, str> {
    let valid = std::str::from_utf8(bytes);
    let label = label.map(|l| l.trim_matches(|c: char| c == '"' || c == '\'' || c.is_whitespace()));
    let named = label.and_then(|l| Encoding::for_label(l.as_bytes()));
    match (named, valid, label) {
        (Some(encoding), _, _) if encoding == UTF_8 => utf8_or_latin(bytes),
        (Some(encoding), Ok(text), _) if encoding.is_single_byte() => Cow::Borrowed(text),
        (Some(encoding), _, _) => {
            let (text, _, failed) = encoding.decode(bytes);
            match valid {
                Ok(plain) if failed => Cow::Borrowed(plain),
                _ => text,
            }
        }
        (None, _, Some(label)) if label.to_ascii_lowercase().contains("utf-7") && valid.is_ok() => {
            charset_decoder(b"utf-7").map_or_else(|| utf8_or_latin(bytes), |decode| Cow::Owned(decode(bytes)))
        }
        (None, ..) => utf8_or_latin(bytes),
    }
}

/// UTF-8 when it is valid (or broken in few places), else windows-1252.
fn utf8_or_latin(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text.strip_prefix('\u{feff}').unwrap_or(text));
    }
    let lossy = String::from_utf8_lossy(bytes);
    let (mut broken, mut good) = (0usize, 0usize);
    for c in lossy.chars().filter(|c| !c.is_ascii()) {
        if c == char::REPLACEMENT_CHARACTER { broken += 1 } else { good += 1 }
    }
    // Mostly sound UTF-8 with a cut or damaged character stays UTF-8.
    if good > broken * 2 { lossy } else { WINDOWS_1252.decode_without_bom_handling(bytes).0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_repairs() {
        let cases: &[(&[u8], Option<&str>, &str)] = &[
            (b"caf\xe9", Some("iso-8859-1"), "café"),
            ("café".as_bytes(), Some("iso-8859-1"), "café"),
            ("café".as_bytes(), Some("us-ascii"), "café"),
            (b"caf\xe9", None, "café"),
            (b"caf\xe9", Some("utf-8"), "café"),
            (b"caf\xe9", Some("no-such"), "café"),
            (b"\x93x\x94 \x80", Some("ISO-8859-1"), "“x” €"),
            (b"\x1b$BF|K\\\x1b(B", Some("iso-2022-jp"), "日本"),
            (b"\xc4\xe3\xba\xc3", Some("gb2312"), "你好"),
            (b"Gr+APwA3w-e", Some("utf-7"), "Grüße"),
            (b"\xef\xbb\xbfx", Some("utf-8"), "x"),
            (b"\xc8e\xb9k\xbe", Some("iso-8859-2"), "Češkž"),
            (b"", Some("utf-16"), ""),
        ];
        for (bytes, label, want) in cases {
            assert_eq!(decode(bytes, *label), *want, "{label:?}");
        }
    }
}
