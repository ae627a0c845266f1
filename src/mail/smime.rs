//! S/MIME that is signed and not encrypted, its words inside of the signature (RFC 8551 3.5.2, "opaque signing").
//!
//! The mail inside is taken out as it is; whether the signature is right is the mail server's to say. Read are just the
//! few elements of CMS that lie around the content (RFC 5652 5): BER with definite and indefinite lengths, since Outlook
//! and OpenSSL write both. What can go wrong: anything else leaves the mail sealed.

use std::borrow::Cow;

use super::{
    header::{Field, fields, header_block},
    mime,
};

/// Signatures around signatures.
const DEEPEST: usize = 3;
/// Elements within elements.
const NESTED: usize = 16;
/// 1.2.840.113549.1.7.2 and .1: signed data, data.
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
const DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];

const OCTETS: u8 = 0x04;
const OBJECT: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const CONSTRUCTED: u8 = 0x20;
/// `[0]`, explicit.
const TAGGED: u8 = 0xa0;

/// The mail with what was signed in place of the signature around it; itself where there is none.
pub fn open(raw: &[u8]) -> Cow<'_, [u8]> {
    let mut mail = Cow::Borrowed(raw);
    for _ in 0..DEEPEST {
        match opened(&mail) {
            Some(inner) => mail = Cow::Owned(inner),
            None => break,
        }
    }
    mail
}

fn opened(raw: &[u8]) -> Option<Vec<u8>> {
    let (block, _) = header_block(raw);
    // Most mails are not: the word is looked for before anything is parsed.
    let mentioned = block.to_ascii_lowercase().windows(10).any(|window| window == b"pkcs7-mime");
    if !mentioned {
        return None;
    }
    let mime::Parts { leaves, whole } = mime::parts(raw);
    let [part] = leaves.as_slice() else { return None };
    let signed = match whole.param("smime-type") {
        Some(kind) => kind.eq_ignore_ascii_case("signed-data"),
        None => true,
    };
    if !signed || !matches!(whole.value.as_str(), "application/pkcs7-mime" | "application/x-pkcs7-mime") {
        return None;
    }
    let inner = content(&part.decoded(usize::MAX))?;
    // The mail's own fields; of the one inside only what says how to read it: nothing else there was written by a server.
    let (inner_block, inner_body) = header_block(&inner);
    let mut mail = Vec::with_capacity(block.len() + inner.len());
    for (block, content) in [(block, false), (inner_block, true)] {
        for field in fields(block).iter().filter(|field| is_content(field) == content) {
            mail.extend_from_slice(field.name);
            mail.extend_from_slice(b": ");
            mail.extend_from_slice(field.value.trim_ascii());
            mail.extend_from_slice(b"\r\n");
        }
    }
    mail.extend_from_slice(b"\r\n");
    mail.extend_from_slice(inner_body);
    Some(mail)
}

/// Content-Type and its kin.
fn is_content(field: &Field<'_>) -> bool {
    field.name.get(..8).is_some_and(|start| start.eq_ignore_ascii_case(b"content-"))
}

/// An element: its identifier, its contents, and what stands behind it.
struct Element<'a> {
    tag: u8,
    contents: &'a [u8],
    rest: &'a [u8],
}

/// The next element; one of indefinite length ends where its end-of-contents stands.
fn element(octets: &[u8], depth: usize) -> Option<Element<'_>> {
    if depth > NESTED {
        return None;
    }
    let (&tag, behind) = octets.split_first()?;
    // Tags of several octets do not occur here.
    if tag & 0x1f == 0x1f {
        return None;
    }
    let (&first, behind) = behind.split_first()?;
    let (length, behind) = match first {
        0..=0x7f => (usize::from(first), behind),
        0x80 => {
            let end = indefinite(behind, depth)?;
            return Some(Element { tag, contents: &behind[..end], rest: &behind[end + 2..] });
        }
        _ => {
            let count = usize::from(first & 0x7f);
            if count > 4 {
                return None;
            }
            let (digits, behind) = behind.split_at_checked(count)?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), behind)
        }
    };
    let (contents, rest) = behind.split_at_checked(length)?;
    Some(Element { tag, contents, rest })
}

/// Where the contents of an indefinite length end.
fn indefinite(octets: &[u8], depth: usize) -> Option<usize> {
    let mut rest = octets;
    while !rest.starts_with(&[0, 0]) {
        rest = element(rest, depth + 1)?.rest;
    }
    Some(octets.len() - rest.len())
}

fn expect(octets: &[u8], tag: u8) -> Option<Element<'_>> {
    element(octets, 0).filter(|element| element.tag == tag)
}

/// What a SignedData holds: ContentInfo { signed-data, [0] { version, digests, { data, [0] { octets } }, … } }.
fn content(cms: &[u8]) -> Option<Vec<u8>> {
    let info = expect(cms, SEQUENCE)?;
    let kind = expect(info.contents, OBJECT).filter(|kind| kind.contents == SIGNED_DATA)?;
    let signed = expect(expect(kind.rest, TAGGED)?.contents, SEQUENCE)?;
    let version = element(signed.contents, 0)?;
    let digests = element(version.rest, 0)?;
    let inner = expect(digests.rest, SEQUENCE)?;
    let kind = expect(inner.contents, OBJECT).filter(|kind| kind.contents == DATA)?;
    let octets = element(expect(kind.rest, TAGGED)?.contents, 0)?;
    let mut out = Vec::new();
    gather(&octets, &mut out, 0)?;
    Some(out)
}

/// An octet string, or the pieces of one.
fn gather(string: &Element<'_>, out: &mut Vec<u8>, depth: usize) -> Option<()> {
    if depth > NESTED {
        return None;
    }
    match string.tag {
        OCTETS => out.extend_from_slice(string.contents),
        tag if tag == OCTETS | CONSTRUCTED => {
            let mut rest = string.contents;
            while !rest.is_empty() {
                let piece = element(rest, 0)?;
                gather(&piece, out, depth + 1)?;
                rest = piece.rest;
            }
        }
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    use super::*;
    use crate::mail::{Choices, read, text};

    fn of(tag: u8, contents: &[u8], definite: bool) -> Vec<u8> {
        let mut out = vec![tag];
        match (definite, contents.len()) {
            (false, _) => out.push(0x80),
            (true, n @ 0..=127) => out.push(u8::try_from(n).expect("short")),
            (true, n) => {
                out.push(0x82);
                out.extend_from_slice(&u16::try_from(n).expect("not that long").to_be_bytes());
            }
        }
        out.extend_from_slice(contents);
        if !definite {
            out.extend_from_slice(&[0, 0]);
        }
        out
    }

    fn signed(inner: &[u8], definite: bool) -> Vec<u8> {
        let (first, second) = inner.split_at(inner.len() / 2);
        let octets = match definite {
            true => of(OCTETS, inner, true),
            false => of(OCTETS | CONSTRUCTED, &[of(OCTETS, first, true), of(OCTETS, second, true)].concat(), false),
        };
        let data = [of(OBJECT, DATA, true), of(TAGGED, &octets, definite)].concat();
        let signed =
            [of(2, &[1], true), of(0x31, &[], true), of(SEQUENCE, &data, definite), of(0x31, &[], true)].concat();
        let body = of(TAGGED, &of(SEQUENCE, &signed, definite), definite);
        of(SEQUENCE, &[of(OBJECT, SIGNED_DATA, true), body].concat(), definite)
    }

    fn mail(kind: &str, cms: &[u8]) -> String {
        format!(
            "From: alice@example.test\r\nSubject: outside\r\nMIME-Version: 1.0\r\nContent-Type: application/pkcs7-mime; {kind}name=smime.p7m\r\n\
             Content-Transfer-Encoding: base64\r\n\r\n{}\r\n",
            STANDARD.encode(cms)
        )
    }

    const INNER: &[u8] =
        b"Content-Type: multipart/mixed; boundary=b\r\nSubject: inside\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nDinner at eight\r\n--b--\r\n";

    #[test]
    fn what_is_only_signed_gives_its_words() {
        for definite in [true, false] {
            for kind in ["smime-type=signed-data; ", ""] {
                let raw = mail(kind, &signed(INNER, definite));
                let opened = open(raw.as_bytes());
                let mail = read(&opened).expect("a mail");
                assert_eq!((mail.subject.as_str(), mail.encrypted), ("outside", false));
                assert_eq!(text(&mail, &Choices::default()).expect("words").text, "Dinner at eight");
            }
        }
        let forged = signed(
            b"Content-Type: text/plain\r\nAuto-Submitted: auto-replied\r\nX-Martlet-Trace: a.example\r\n\r\nx",
            true,
        );
        let forged = mail("", &forged);
        let opened = open(forged.as_bytes());
        let inside = read(&opened).expect("a mail");
        assert!(inside.trace.is_empty() && inside.auto_submitted == crate::mail::AutoSubmitted::No);
        let twice = mail("", &signed(mail("", &signed(INNER, true)).as_bytes(), false));
        assert!(!read(&open(twice.as_bytes())).expect("a mail").encrypted);
    }

    #[test]
    fn what_is_encrypted_or_broken_stays_sealed() {
        let sound = signed(INNER, false);
        let enveloped = mail("smime-type=enveloped-data; ", &sound);
        assert!(read(&open(enveloped.as_bytes())).expect("a mail").encrypted);
        for cut in 0..sound.len() - 4 {
            let raw = mail("", &sound[..cut]);
            let opened = open(raw.as_bytes());
            let _ = read(&opened).map(|mail| text(&mail, &Choices::default()).is_ok());
        }
        let bomb = mail("", &[0x30, 0x80].repeat(20_000));
        assert!(read(&open(bomb.as_bytes())).expect("a mail").encrypted, "nested without end");
        let plain = b"Subject: pkcs7\r\n\r\nx";
        assert!(matches!(open(plain), Cow::Borrowed(_)));
    }
}
