//! A mail for a server that takes no octets over 127 (RFC 6152 3): bodies are encoded, part by part; what multipart and
//! message/rfc822 hold is encoded inside them, since they themselves may not be (RFC 2046 5.2.1).
//!
//! Only reports need it, for the original that they return. What cannot be kept: octets over 127 in header fields become
//! `?`, except in Subject, which becomes encoded words; a signature over an 8-bit part no longer fits it.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    compose::{encoded, quoted_printable},
    header::{header_block, line_at, trim_eol},
};

/// Entities within entities; what lies deeper loses its octets over 127.
const DEPTH: usize = 20;

/// The same mail in ASCII. Line ends are CRLF before and behind.
pub fn seven_bit(mail: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(mail.len() * 5 / 4 + 64);
    entity(mail, true, DEPTH, &mut out);
    out
}

/// One entity: a mail (`whole`), or a part of one.
fn entity(raw: &[u8], whole: bool, depth: usize, out: &mut Vec<u8>) {
    if raw.is_ascii() {
        out.extend_from_slice(raw);
        return;
    }
    let (block, body) = header_block(raw);
    let fields = fields(block);
    let value = |name: &str| fields.iter().find(|f| is(f, name)).map(|f| String::from_utf8_lossy(content(f)));
    let kind = value("content-type").unwrap_or_default();
    let base = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let boundary = parameter(&kind, "boundary").filter(|_| base.starts_with("multipart/"));
    let coded = value("content-transfer-encoding")
        .is_some_and(|v| matches!(v.trim().to_ascii_lowercase().as_str(), "base64" | "quoted-printable"));
    let inside = boundary.is_some() || base == "message/rfc822" || base == "message/global";
    let encode = !body.is_ascii() && !coded && !inside && depth > 0;

    let mut versioned = false;
    for field in &fields {
        versioned |= is(field, "mime-version");
        // An encoding is a promise about the body, and the body changes.
        if !body.is_ascii() && !coded && is(field, "content-transfer-encoding") {
            continue;
        }
        write_field(field, out);
    }
    if encode {
        if whole && !versioned {
            out.extend_from_slice(b"MIME-Version: 1.0\r\n");
        }
        write_body(body, base.is_empty() || base.starts_with("text/"), out);
        return;
    }
    if block.len() < raw.len() {
        out.extend_from_slice(b"\r\n");
    }
    match boundary {
        Some(boundary) if depth > 0 => parts(body, &boundary, depth - 1, out),
        None if inside && depth > 0 => entity(body, true, depth - 1, out),
        _ => out.extend(body.iter().map(|b| if b.is_ascii() { *b } else { b'?' })),
    }
}

/// The header's fields, each with its continuation lines and line ends.
fn fields(block: &[u8]) -> Vec<&[u8]> {
    let mut fields = Vec::new();
    let (mut begin, mut at) = (0, 0);
    while at < block.len() {
        let line = line_at(block, at);
        if at > begin && !matches!(line.first(), Some(b' ' | b'\t')) {
            fields.push(&block[begin..at]);
            begin = at;
        }
        at += line.len();
    }
    if begin < at {
        fields.push(&block[begin..at]);
    }
    fields
}

fn is(field: &[u8], name: &str) -> bool {
    field
        .iter()
        .position(|b| *b == b':')
        .is_some_and(|end| field[..end].trim_ascii_end().eq_ignore_ascii_case(name.as_bytes()))
}

/// What stands behind the colon.
fn content(field: &[u8]) -> &[u8] {
    field.iter().position(|b| *b == b':').map_or(&[], |end| &field[end + 1..])
}

/// A parameter of a Content-Type, quoted or not.
fn parameter(kind: &str, name: &str) -> Option<String> {
    kind.split(';').skip(1).find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        let value = value.trim().trim_matches('"').trim_end();
        (key.trim().eq_ignore_ascii_case(name) && !value.is_empty()).then(|| value.to_owned())
    })
}

fn write_field(field: &[u8], out: &mut Vec<u8>) {
    if field.is_ascii() {
        out.extend_from_slice(field);
    } else if is(field, "subject") {
        let words = String::from_utf8_lossy(content(field)).replace(['\r', '\n'], "");
        out.extend_from_slice(format!("Subject: {}\r\n", encoded(words.trim())).as_bytes());
    } else {
        // One for each character, as far as they are characters.
        let replaced = String::from_utf8_lossy(field).replace(|c: char| !c.is_ascii(), "?");
        out.extend_from_slice(replaced.as_bytes());
    }
}

fn write_body(body: &[u8], text: bool, out: &mut Vec<u8>) {
    let odd = body.iter().filter(|b| !b.is_ascii()).count();
    if text && odd * 4 < body.len() {
        out.extend_from_slice(b"Content-Transfer-Encoding: quoted-printable\r\n\r\n");
        quoted_printable(body, out);
    } else {
        out.extend_from_slice(b"Content-Transfer-Encoding: base64\r\n\r\n");
        for line in STANDARD.encode(body).as_bytes().chunks(76) {
            out.extend_from_slice(line);
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// What stands between the delimiter lines (RFC 2046 5.1.1); the line end before one belongs to it.
fn parts(body: &[u8], boundary: &str, depth: usize, out: &mut Vec<u8>) {
    let delimiter = format!("--{boundary}");
    let (mut begin, mut at, mut first) = (0, 0, true);
    while at < body.len() {
        let line = line_at(body, at);
        let rest = trim_eol(line).strip_prefix(delimiter.as_bytes()).map(<[u8]>::trim_ascii_end);
        if matches!(rest, Some(b"" | b"--")) {
            write_part(&body[begin..at], first, depth, out);
            out.extend(line.iter().filter(|b| b.is_ascii()));
            first = rest == Some(b"--");
            begin = at + line.len();
        }
        at += line.len();
    }
    write_part(&body[begin..], first, depth, out);
}

/// One part, or what stands before the first one or behind the last one (`aside`).
fn write_part(part: &[u8], aside: bool, depth: usize, out: &mut Vec<u8>) {
    if aside {
        out.extend(part.iter().map(|b| if b.is_ascii() { *b } else { b'?' }));
        return;
    }
    let before = out.len();
    entity(part, false, depth, out);
    if out.len() > before && !out.ends_with(b"\n") {
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sevened(mail: &str) -> String {
        let out = seven_bit(mail.replace('\n', "\r\n").as_bytes());
        assert!(out.is_ascii());
        String::from_utf8(out).expect("ASCII").replace("\r\n", "\n")
    }

    #[test]
    fn ascii_stays_as_it_is() {
        for mail in ["", "a: b\n\nc\n", "no header", "\n\n"] {
            assert_eq!(sevened(mail), mail);
        }
    }

    #[test]
    fn text_is_encoded_where_it_stands() {
        let few = sevened(
            "Subject: Größe\nFrom: Jürgen <j@a.test>\nContent-Transfer-Encoding: 8bit\n\nAlles klar, bis später\n",
        );
        assert_eq!(
            few,
            "Subject: =?utf-8?B?R3LDtsOfZQ==?=\nFrom: J?rgen <j@a.test>\nMIME-Version: 1.0\n\
             Content-Transfer-Encoding: quoted-printable\n\nAlles klar, bis sp=C3=A4ter\n"
        );
        let many = sevened("MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\nпривет\n");
        assert!(many.ends_with("Content-Transfer-Encoding: base64\n\n0L/RgNC40LLQtdGCDQo=\n"), "{many}");
        assert_eq!(many.matches("MIME-Version").count(), 1);
    }

    #[test]
    fn what_holds_other_entities_is_encoded_inside() {
        let report = "MIME-Version: 1.0\nContent-Type: multipart/report; boundary=\"b\"\nContent-Transfer-Encoding: 8bit\n\n\
                      pré\n--b\nContent-Type: text/plain\n\nwords\n--b\nContent-Type: message/rfc822\n\
                      Content-Transfer-Encoding: 8bit\n\nSubject: x\nContent-Type: text/plain; charset=utf-8\n\n\
                      ein langer Satz, später\n--b--\n";
        let out = sevened(report);
        assert_eq!(
            out,
            "MIME-Version: 1.0\nContent-Type: multipart/report; boundary=\"b\"\n\n\
             pr??\n--b\nContent-Type: text/plain\n\nwords\n--b\nContent-Type: message/rfc822\n\n\
             Subject: x\nContent-Type: text/plain; charset=utf-8\nMIME-Version: 1.0\n\
             Content-Transfer-Encoding: quoted-printable\n\nein langer Satz, sp=C3=A4ter\n--b--\n"
        );
    }

    #[test]
    fn depth_is_bounded() {
        let mut mail = "Content-Type: message/rfc822\r\n\r\n".repeat(10_000).into_bytes();
        mail.extend_from_slice("é".as_bytes());
        assert!(seven_bit(&mail).is_ascii());
    }

    proptest! {
        #[test]
        fn anything_becomes_ascii_once(mail in proptest::collection::vec(prop_oneof![
            Just(b"\r\n".to_vec()), Just(b"--b".to_vec()), Just(b"--b--".to_vec()),
            Just(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n".to_vec()),
            Just(b"Content-Type: message/rfc822\r\n\r\n".to_vec()),
            Just(b"Content-Transfer-Encoding: base64\r\n".to_vec()),
            Just("Subject: \u{e9}\r\n".as_bytes().to_vec()),
            proptest::collection::vec(any::<u8>(), 0..8),
        ], 0..40)) {
            let once = seven_bit(&mail.concat());
            prop_assert!(once.is_ascii());
            prop_assert_eq!(seven_bit(&once), once);
        }
    }
}
