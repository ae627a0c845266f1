//! Writing mails: header fields that nothing can break out of, and bodies in a safe transfer encoding.
//!
//! Every value passes one of the functions here: line ends and controls never reach a header, non-ASCII becomes
//! encoded words (RFC 2047), addresses and ids are checked, and no line is longer than 998 octets.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::header::is_id;

/// Longest line of a mail without CRLF (RFC 5322 2.1.1).
pub(super) const MAX_LINE: usize = 998;

/// A mail being written.
#[derive(Default)]
pub(super) struct Composer {
    pub out: Vec<u8>,
}

impl Composer {
    /// A field of which every octet is ours, or was checked.
    pub fn raw(&mut self, name: &str, value: &str) {
        debug_assert!(!value.contains('\n') || value.contains("\r\n "), "unchecked value");
        self.out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }

    /// Words of any kind: plain ASCII as it is, else encoded words.
    pub fn words(&mut self, name: &str, value: &str) {
        let value = one_line(value, 900);
        let value = if is_plain(&value) { fold(&value, name.len() + 2) } else { encoded(&value) };
        self.raw(name, &value);
    }

    /// One mailbox; `address` must have passed [`is_address`].
    pub fn mailbox(&mut self, name: &str, display: &str, address: &str) {
        let display = one_line(display, 200);
        if display.is_empty() {
            self.raw(name, address);
        } else if is_plain(&display) {
            let quoted = display.replace('\\', "\\\\").replace('"', "\\\"");
            self.raw(name, &format!("\"{quoted}\"\r\n <{address}>"));
        } else {
            self.raw(name, &format!("{}\r\n <{address}>", encoded(&display)));
        }
    }

    /// Ids in brackets, one a line; those that are none are left out.
    pub fn ids<'i>(&mut self, name: &str, ids: impl Iterator<Item = &'i str>) {
        let ids: Vec<String> = ids.filter(|id| is_id(id)).map(|id| format!("<{id}>")).collect();
        if !ids.is_empty() {
            self.raw(name, &ids.join("\r\n "));
        }
    }

    /// Content-Transfer-Encoding, the empty line, and a text body with CRLF line ends.
    pub fn body(&mut self, text: &str) {
        let long = text.split("\r\n").any(|l| l.len() > MAX_LINE);
        let odd = text.chars().filter(|c| !c.is_ascii()).count();
        if odd == 0 && !long {
            self.raw("Content-Transfer-Encoding", "7bit");
            self.out.extend_from_slice(b"\r\n");
            self.out.extend_from_slice(text.as_bytes());
        } else if odd * 4 < text.len() {
            self.raw("Content-Transfer-Encoding", "quoted-printable");
            self.out.extend_from_slice(b"\r\n");
            quoted_printable(text.as_bytes(), &mut self.out);
        } else {
            self.octets(text.as_bytes());
        }
    }

    /// Content-Transfer-Encoding, the empty line, and octets in base64, lines of 76.
    pub fn octets(&mut self, data: &[u8]) {
        self.raw("Content-Transfer-Encoding", "base64");
        self.out.extend_from_slice(b"\r\n");
        self.out.reserve(data.len() / 57 * 78 + 78);
        let mut line = String::with_capacity(78);
        for octets in data.chunks(57) {
            line.clear();
            STANDARD.encode_string(octets, &mut line);
            line.push_str("\r\n");
            self.out.extend_from_slice(line.as_bytes());
        }
    }

    /// Content-Disposition of a file; `name` without quotes and controls ([`super::media::file_name`]).
    pub fn attachment(&mut self, name: &str) {
        let named = if name.is_ascii() {
            format!("filename=\"{name}\"")
        } else {
            // RFC 2231 4.
            let keep = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
            let escaped = |b: u8| if keep(b) { char::from(b).to_string() } else { format!("%{b:02X}") };
            format!("filename*=utf-8''{}", name.bytes().map(escaped).collect::<String>())
        };
        self.raw("Content-Disposition", &format!("attachment;\r\n {named}"));
    }
}

/// Controls and line separators become blanks, ends are trimmed, at most `cap` octets.
pub(super) fn one_line(value: &str, cap: usize) -> String {
    crate::ground::outcome::one_line(&value.replace(['\u{2028}', '\u{2029}'], " "), cap).trim().to_owned()
}

/// Printable ASCII that reads back unchanged: nothing like an encoded word, single blanks, no long word.
fn is_plain(value: &str) -> bool {
    value.bytes().all(|b| (b' '..=b'~').contains(&b))
        && !value.contains("=?")
        && !value.contains("  ")
        && value.split(' ').all(|word| word.len() <= 70)
}

/// Breaks at blanks so that lines stay within 78 octets.
fn fold(value: &str, indent: usize) -> String {
    let mut out = String::with_capacity(value.len() + 16);
    let mut width = indent;
    for (n, word) in value.split(' ').enumerate() {
        if n > 0 {
            if width + 1 + word.len() > 76 {
                out.push_str("\r\n");
                width = 0;
            }
            out.push(' ');
            width += 1;
        }
        out.push_str(word);
        width += word.len();
    }
    out
}

/// RFC 2047 words in base64, each whole characters and at most 75 octets, one a line.
pub(super) fn encoded(value: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut chunk = String::new();
    for c in value.chars() {
        if chunk.len() + c.len_utf8() > 42 {
            words.push(std::mem::take(&mut chunk));
        }
        chunk.push(c);
    }
    words.push(chunk);
    let words: Vec<String> = words.iter().map(|w| format!("=?utf-8?B?{}?=", STANDARD.encode(w))).collect();
    words.join("\r\n ")
}

/// RFC 2045 6.7, lines of at most 76 octets; CRLF stays a line end.
pub(super) fn quoted_printable(text: &[u8], out: &mut Vec<u8>) {
    let mut width = 0;
    let mut at = 0;
    while let Some(&b) = text.get(at) {
        let end = text[at..].starts_with(b"\r\n");
        if end {
            out.extend_from_slice(b"\r\n");
            width = 0;
            at += 2;
            continue;
        }
        let before_end = text[at + 1..].starts_with(b"\r\n") || at + 1 == text.len();
        // A dot alone on a line and `From ` are things that mailers touch.
        let touched = width == 0 && matches!(b, b'.' | b'F');
        let plain = matches!(b, b'!'..=b'<' | b'>'..=b'~') && !touched || matches!(b, b' ' | b'\t') && !before_end;
        let need = if plain { 1 } else { 3 };
        if width + need > 75 {
            out.extend_from_slice(b"=\r\n");
            width = 0;
        }
        if plain {
            out.push(b);
        } else {
            out.extend_from_slice(format!("={b:02X}").as_bytes());
        }
        width += need;
        at += 1;
    }
    if width > 0 {
        out.extend_from_slice(b"\r\n");
    }
}

/// An address that may stand in a header: dot-atom or quoted local part, then a domain or a literal; ASCII.
pub(super) fn is_address(address: &str) -> bool {
    let Some((local, domain)) = address.rsplit_once('@') else { return false };
    let atext = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b);
    let quoted = |inside: &str| {
        let mut bytes = inside.bytes();
        while let Some(b) = bytes.next() {
            let sound = match b {
                b'\\' => bytes.next().is_some_and(|b| (b' '..=b'~').contains(&b)),
                b'"' => false,
                b => (b' '..=b'~').contains(&b),
            };
            if !sound {
                return false;
            }
        }
        true
    };
    let local_ok = match local.strip_prefix('"').and_then(|l| l.strip_suffix('"')) {
        Some(inside) => local.len() > 2 && quoted(inside),
        None => !local.is_empty() && local.bytes().all(atext) && dots_ok(local),
    };
    let domain_ok = match domain.strip_prefix('[').and_then(|d| d.strip_suffix(']')) {
        Some(literal) => {
            !literal.is_empty() && literal.bytes().all(|b| b.is_ascii_alphanumeric() || b".:-".contains(&b))
        }
        None => {
            !domain.is_empty()
                && domain.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b))
                && dots_ok(domain)
        }
    };
    address.len() <= 900 && local_ok && domain_ok
}

fn dots_ok(text: &str) -> bool {
    !text.starts_with('.') && !text.ends_with('.') && !text.contains("..")
}

/// `local@domain` with the local part quoted where it must be.
pub(super) fn join_address(local: &str, domain: &str) -> String {
    let bare = format!("{local}@{domain}");
    if is_address(&bare) && !local.starts_with('"') {
        return bare;
    }
    format!("\"{}\"@{domain}", local.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(write: impl FnOnce(&mut Composer)) -> String {
        let mut mail = Composer::default();
        write(&mut mail);
        String::from_utf8(mail.out).expect("ASCII")
    }

    #[test]
    fn nothing_breaks_out_of_a_field() {
        let got = header(|m| m.words("Subject", "a\r\nBcc: x@y\r\n\r\nbody"));
        assert_eq!(got, "Subject: =?utf-8?B?YSAgQmNjOiB4QHkgICAgYm9keQ==?=\r\n");
        let got = header(|m| m.mailbox("From", "A\"\\\nB", "a@b"));
        assert_eq!(got, "From: \"A\\\"\\\\ B\"\r\n <a@b>\r\n");
        assert_eq!(
            header(|m| m.ids("References", ["a@b", "c\r\nX: y", "d@e"].into_iter())),
            "References: <a@b>\r\n <d@e>\r\n"
        );
        assert_eq!(header(|m| m.ids("References", ["a b"].into_iter())), "");
    }

    #[test]
    fn long_values_fold() {
        let got = header(|m| m.words("Subject", &"word ".repeat(60)));
        assert!(got.lines().all(|l| l.len() <= 78) && got.lines().count() > 3);
        let got = header(|m| m.words("Subject", &"ž".repeat(300)));
        assert!(got.lines().all(|l| l.len() <= 78));
    }

    #[test]
    fn addresses_are_checked() {
        for good in ["a@b", "a.b+c@d.e", "\"sms:+1555\"@d", "\"a\\\"b\"@d", "a@[192.0.2.1]", "a@[IPv6:2001:db8::1]"] {
            assert!(is_address(good), "{good}");
        }
        for bad in [
            "",
            "a",
            "@b",
            "a@",
            "a b@c",
            "a@b c",
            "a@b\r\nX: y",
            "\"a\"b\"@c",
            "\"\"@c",
            "a..b@c",
            "a@b>",
            "é@b",
            "sms:1@b",
        ] {
            assert!(!is_address(bad), "{bad}");
        }
        assert_eq!(join_address("sms:+1", "d"), "\"sms:+1\"@d");
        assert_eq!(join_address("+1", "d"), "+1@d");
    }

    #[test]
    fn quoted_printable_is_safe() {
        let mut out = Vec::new();
        quoted_printable("é=. \r\n.\r\nFrom x".as_bytes(), &mut out);
        assert_eq!(String::from_utf8(out).expect("ASCII"), "=C3=A9=3D.=20\r\n=2E\r\n=46rom x\r\n");
        let mut out = Vec::new();
        quoted_printable(&[b'x'; 5000], &mut out);
        assert!(out.split(|b| *b == b'\n').all(|l| l.len() <= 77));
    }
}
