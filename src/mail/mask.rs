//! Masking secrets in a header block, wherever an MTA has folded or repeated them.
//!
//! `To`, `Received … for <…>`, `Return-Path`, `X-Original-To`: a password written in an address is in all of them. A
//! fold may stand anywhere inside it, so values are compared without any blanks and without regard to case (the hex
//! digits of percent and xtext forms); this masks a little too much rather than too little. Encoded words whose
//! decoded form holds a secret are masked whole.

use super::header::{self, line_at, trim_eol};

/// Replaces every form of each secret in all field values by `***`. Secrets of blanks alone are ignored. The
/// structure of the block stays: every field is there, in its order, with its line ends.
pub fn mask(headers: &[u8], secrets: &[Vec<u8>]) -> Vec<u8> {
    let needles: Vec<Needle> = secrets.iter().map(|s| Needle::new(s)).filter(|n| !n.bytes.is_empty()).collect();
    if needles.is_empty() {
        return headers.to_vec();
    }
    let cover = cover(&needles);
    let mut out = Vec::with_capacity(headers.len());
    let mut at = 0;
    while at < headers.len() {
        let start = at;
        at += line_at(headers, at).len();
        while matches!(headers.get(at), Some(b' ' | b'\t')) {
            at += line_at(headers, at).len();
        }
        let field = &headers[start..at];
        // A colon in a folded line ends no name: what stands before it is a value, and may be a secret.
        let colon = line_at(field, 0).iter().position(|b| *b == b':');
        let name = colon.filter(|colon| is_name(&field[..*colon])).map_or(0, |c| c + 1);
        out.extend_from_slice(&field[..name]);
        value(&field[name..], &needles, cover, &mut out);
    }
    out
}

/// Replaces by `***` whatever stands behind `pass=` of an `sms:` address, as it is, percent-encoded or in xtext: the
/// passwords of addresses that this mail was not handed over for stand in its headers too. Linear.
pub fn mask_named(headers: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(headers.len());
    let mut at = 0;
    while let Some(start) = memchr::memchr2(b'p', b'P', &headers[at..]).map(|p| at + p) {
        let value = password_at(headers, start);
        let end = value.map_or(start + 1, |value| value_end(headers, value));
        match value.filter(|value| *value < end) {
            Some(value) => {
                out.extend_from_slice(&headers[at..value]);
                out.extend_from_slice(b"***");
            }
            None => out.extend_from_slice(&headers[at..end]),
        }
        at = end;
    }
    out.extend_from_slice(&headers[at..]);
    out
}

/// Where the value begins, if the name of a password's parameter stands at `at`.
fn password_at(headers: &[u8], at: usize) -> Option<usize> {
    let (before, rest) = headers.split_at(at);
    let follows = [&b"?"[..], b"&", b"%3f", b"%26", b"+3f", b"+26"]
        .iter()
        .any(|mark| before.len() >= mark.len() && before[before.len() - mark.len()..].eq_ignore_ascii_case(mark));
    let equals = |mark: &&[u8]| rest.get(4..4 + mark.len()).is_some_and(|r| r.eq_ignore_ascii_case(mark));
    let named = follows && rest.get(..4)?.eq_ignore_ascii_case(b"pass");
    let mark = [&b"="[..], b"%3d", b"+3d"].into_iter().find(equals)?;
    named.then_some(at + 4 + mark.len())
}

/// Up to what ends a value; a fold does not.
fn value_end(headers: &[u8], at: usize) -> usize {
    let mut end = at;
    while let Some(&b) = headers.get(end) {
        let fold = b == b'\r' && matches!(headers.get(end + 1..end + 3), Some([b'\n', b' ' | b'\t']));
        match b {
            _ if fold => end += 3,
            b'\\' if headers.get(end + 1).is_some_and(|next| !matches!(next, b'\r' | b'\n')) => end += 2,
            b'&' | b'"' | b'@' | b'<' | b'>' | b',' | b';' | b' ' | b'\t' | b'\r' | b'\n' => break,
            _ => end += 1,
        }
    }
    end.min(headers.len())
}

fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.trim_ascii_end().iter().all(u8::is_ascii_graphic)
}

/// What covers a secret: a character that occurs in none, so that no new match can arise; nothing when all do.
fn cover(needles: &[Needle]) -> &'static [u8] {
    let fits = |c: &[u8]| needles.iter().all(|n| !n.bytes.contains(&c[0]));
    let choices: [&[u8]; 8] = [b"***", b"###", b"...", b"___", b"~~~", b"---", b"xxx", b"!!!"];
    choices.into_iter().find(|c| fits(c)).unwrap_or(b"")
}

/// A secret made comparable, with the table of Knuth, Morris and Pratt: a search that stays linear.
struct Needle {
    bytes: Vec<u8>,
    back: Vec<usize>,
}

impl Needle {
    fn new(secret: &[u8]) -> Self {
        let bytes: Vec<u8> = secret.iter().filter(|b| !is_blank(**b)).map(u8::to_ascii_lowercase).collect();
        let mut back = vec![0; bytes.len()];
        let mut k = 0;
        for i in 1..bytes.len() {
            while k > 0 && bytes[i] != bytes[k] {
                k = back[k - 1];
            }
            if bytes[i] == bytes[k] {
                k += 1;
            }
            back[i] = k;
        }
        Self { bytes, back }
    }

    /// Calls `found` with the last place of every match.
    fn search(&self, hay: &[u8], mut found: impl FnMut(usize)) {
        let mut k = 0;
        for (i, b) in hay.iter().enumerate() {
            while k > 0 && *b != self.bytes[k] {
                k = self.back[k - 1];
            }
            if *b == self.bytes[k] {
                k += 1;
            }
            if k == self.bytes.len() {
                found(i);
                k = self.back[k - 1];
            }
        }
    }

    fn is_in(&self, hay: &[u8]) -> bool {
        let mut hit = false;
        self.search(hay, |_| hit = true);
        hit
    }
}

fn is_blank(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\r' | b'\n')
}

/// Octets that count, in lower case, and where each stands.
fn comparable(value: &[u8]) -> (Vec<u8>, Vec<usize>) {
    value.iter().enumerate().filter(|(_, b)| !is_blank(**b)).map(|(at, b)| (b.to_ascii_lowercase(), at)).unzip()
}

fn value(value: &[u8], needles: &[Needle], cover: &[u8], out: &mut Vec<u8>) {
    let mut hidden = vec![false; value.len()];
    let (hay, places) = comparable(value);
    for needle in needles {
        // Ranges by their ends: a match that overlaps the last one extends it, so each octet is marked about once.
        let mut marked = 0;
        needle.search(&hay, |last| {
            let first = (last + 1 - needle.bytes.len()).max(marked);
            if let (Some(from), Some(to)) = (places.get(first), places.get(last)) {
                hidden[*from..=*to].fill(true);
            }
            marked = last + 1;
        });
    }
    encoded_words(value, needles, &mut hidden);
    if cover.is_empty() && hidden.contains(&true) {
        // No character is left to cover with: the value goes.
        out.extend_from_slice(b"\r\n");
        return;
    }
    let mut covered = false;
    for (b, hide) in value.iter().zip(&hidden) {
        if !hide {
            out.push(*b);
        } else if !covered {
            out.extend_from_slice(cover);
        }
        covered = *hide;
    }
}

/// Hides all encoded words (RFC 2047) of a value whose decoded form holds a secret.
fn encoded_words(value: &[u8], needles: &[Needle], hidden: &mut [bool]) {
    if !value.windows(2).any(|w| w == b"=?") {
        return;
    }
    let unfolded: Vec<u8> = value.iter().copied().filter(|b| !matches!(b, b'\r' | b'\n')).collect();
    let decoded = header::decode_words(&String::from_utf8_lossy(trim_eol(&unfolded)));
    let (hay, _) = comparable(decoded.as_bytes());
    if !needles.iter().any(|n| n.is_in(&hay)) {
        return;
    }
    let mut at = 0;
    while let Some(start) = value[at..].windows(2).position(|w| w == b"=?").map(|p| at + p) {
        let rest = &value[start + 2..];
        let end = rest.iter().position(|b| is_blank(*b)).map_or(value.len(), |p| start + 2 + p);
        hidden[start..end].fill(true);
        at = end;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn masked(headers: &str, secrets: &[&str]) -> String {
        let secrets: Vec<Vec<u8>> = secrets.iter().map(|s| s.as_bytes().to_vec()).collect();
        String::from_utf8(mask(headers.as_bytes(), &secrets)).expect("text")
    }

    #[test]
    fn secrets_go_wherever_they_stand() {
        for (headers, secrets, want) in [
            ("To: \"sms:+1?pass=s3cret\"@d\r\nX: y\r\n", vec!["s3cret"], "To: \"sms:+1?pass=***\"@d\r\nX: y\r\n"),
            ("To: s3c\r\n ret@d\r\n", vec!["s3cret"], "To: ***@d\r\n"),
            ("To: s3c\r\n\tret\r\n", vec!["s3cret"], "To: ***\r\n"),
            ("To: my\r\n pass x\r\n", vec!["my pass"], "To: *** x\r\n"),
            ("To: a%2Bb a%2bb\r\n", vec!["a%2Bb"], "To: *** ***\r\n"),
            ("To: aaa\r\n", vec!["aa"], "To: ***\r\n"),
            ("s3cret: x\r\n", vec!["s3cret"], "s3cret: x\r\n"),
            ("s3cret\r\n : x\r\n", vec!["s3cret"], "***\r\n : x\r\n"),
            ("X: a*b\r\n", vec!["a*b"], "X: ###\r\n"),
            ("Subject: =?utf-8?B?czNjcmV0?= z\r\n", vec!["s3cret"], "Subject: *** z\r\n"),
            ("X: y\r\n", vec![" ", ""], "X: y\r\n"),
            ("no field s3cret\r\n", vec!["s3cret"], "no field ***\r\n"),
        ] {
            assert_eq!(masked(headers, &secrets), want, "{headers}");
        }
    }

    #[test]
    fn passwords_go_by_their_name() {
        for (headers, want) in [
            ("To: \"sms:+1?user=a&pass=s3cret\"@d\r\nX: y\r\n", "To: \"sms:+1?user=a&pass=***\"@d\r\nX: y\r\n"),
            ("To: sms:+1?PASS=s3&maxmsgs=1@d\r\n", "To: sms:+1?PASS=***&maxmsgs=1@d\r\n"),
            ("To: \"sms:+1?pass=s3\r\n cret\\\"x\"@d\r\nX: y\r\n", "To: \"sms:+1?pass=***\"@d\r\nX: y\r\n"),
            ("X: rfc822;sms:+2B1?pass+3Ds3cret@d\r\n", "X: rfc822;sms:+2B1?pass+3D***@d\r\n"),
            ("X: sms:%2B1%3Fpass%3Ds3%40cret>\r\n", "X: sms:%2B1%3Fpass%3D***>\r\n"),
            ("Subject: pass=word, bypass=1 ?pass= x\r\n", "Subject: pass=word, bypass=1 ?pass= x\r\n"),
            ("X: ?pass=a\r\nY: p", "X: ?pass=***\r\nY: p"),
        ] {
            assert_eq!(String::from_utf8(mask_named(headers.as_bytes())).expect("text"), want, "{headers}");
        }
    }

    #[test]
    fn long_repeats_stay_linear() {
        let headers = format!("X: {}\r\n", "a".repeat(500_000));
        assert_eq!(masked(&headers, &[&"a".repeat(1000)]), "X: ***\r\n");
    }

    proptest! {
        #[test]
        fn no_field_goes_with_a_password(headers in "(X: [?&pas=\\\\\"@ a-z]{0,30}\r\n){1,5}") {
            let out = String::from_utf8(mask_named(headers.as_bytes())).expect("text");
            prop_assert_eq!(headers.matches("\r\n").count(), out.matches("\r\n").count());
        }

        #[test]
        fn no_secret_is_left(
            pieces in prop::collection::vec("[a-c*#=?:]{0,6}|\r\n |\r\nX: ", 0..30),
            secrets in prop::collection::vec("[a-c*# ]{1,4}", 1..4),
        ) {
            let headers = format!("A: {}\r\n", pieces.concat());
            let secrets: Vec<Vec<u8>> = secrets.into_iter().map(String::into_bytes).collect();
            let out = String::from_utf8(mask(headers.as_bytes(), &secrets)).expect("text");
            for line in out.replace("\r\n ", "").split("\r\n") {
                let value = line.split_once(':').map_or(line, |(_, v)| v);
                for secret in secrets.iter().filter(|s| !s.trim_ascii().is_empty()) {
                    let secret = std::str::from_utf8(secret).expect("text");
                    prop_assert!(!value.contains(secret), "{value:?} {secret:?}");
                }
            }
            prop_assert_eq!(headers.matches("\r\nX:").count(), out.matches("\r\nX:").count());
        }
    }
}
