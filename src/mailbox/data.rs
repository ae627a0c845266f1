//! Mail data on its way out: CRLF line ends and dot-stuffing, whatever the text holds. Pure.
//!
//! Postfix and Dovecot end the data at `\n.\r\n` and its kin, so a text `\n.\nMAIL FROM:<…>` would become commands
//! if a bare LF or CR ever left here (RFC 5321 2.3.8, 4.5.2).

/// The same lines, each ended by CRLF; a bare CR or LF ends a line too.
pub fn lines(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len() + data.len() / 32 + 2);
    let mut rest = data;
    while !rest.is_empty() {
        let end = rest.iter().position(|b| matches!(b, b'\r' | b'\n')).unwrap_or(rest.len());
        out.extend_from_slice(&rest[..end]);
        out.extend_from_slice(b"\r\n");
        rest = match &rest[end..] {
            [b'\r', b'\n', tail @ ..] | [_, tail @ ..] => tail,
            [] => &[],
        };
    }
    out
}

/// Lines ready for the wire: dots doubled at their beginning, the final dot behind them.
pub fn stuffed(data: &[u8]) -> Vec<u8> {
    let lines = lines(data);
    let mut out = Vec::with_capacity(lines.len() + 8);
    let mut at_start = true;
    for &octet in &lines {
        if at_start && octet == b'.' {
            out.push(b'.');
        }
        out.push(octet);
        at_start = octet == b'\n';
    }
    out.extend_from_slice(b".\r\n");
    out
}

/// Whether a path (without its angle brackets) can stand in a command: it has a domain and cannot leave the brackets.
/// Blanks, brackets and the like only in a quoted local part (RFC 5321 4.1.2).
pub fn is_path(path: &str) -> bool {
    if path.len() > 512 || path.chars().any(char::is_control) {
        return false;
    }
    let Some((local, domain)) = path.rsplit_once('@') else { return false };
    let special = |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '\\' | '(' | ')' | ',' | ';');
    if domain.is_empty() || domain.contains(special) {
        return false;
    }
    match local.strip_prefix('"') {
        None => !local.is_empty() && !local.contains(special) && !local.contains(['@', ':', '[', ']']),
        Some(rest) => rest.strip_suffix('"').is_some_and(is_quoted),
    }
}

/// Text between quotes: every quote and backslash is escaped.
fn is_quoted(inner: &str) -> bool {
    let mut escaped = false;
    for c in inner.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return false,
            _ => {}
        }
    }
    !escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_line_ends_in_crlf() {
        let cases: [(&[u8], &[u8]); 9] = [
            (b"", b""),
            (b"a", b"a\r\n"),
            (b"a\r\n", b"a\r\n"),
            (b"a\nb", b"a\r\nb\r\n"),
            (b"a\rb", b"a\r\nb\r\n"),
            (b"a\r\r\nb", b"a\r\n\r\nb\r\n"),
            (b"\n\r", b"\r\n\r\n"),
            (b"\r\n\r\n", b"\r\n\r\n"),
            (b"a\n\rb\n", b"a\r\n\r\nb\r\n"),
        ];
        for (given, wanted) in cases {
            assert_eq!(lines(given), wanted, "{given:?}");
        }
    }

    #[test]
    fn dots_are_doubled_and_end_nothing() {
        let cases: [(&[u8], &[u8]); 8] = [
            (b"", b".\r\n"),
            (b"a\r\n", b"a\r\n.\r\n"),
            (b".", b"..\r\n.\r\n"),
            (b"..", b"...\r\n.\r\n"),
            (b"a.b", b"a.b\r\n.\r\n"),
            (b"\n.\nMAIL FROM:<x@y>", b"\r\n..\r\nMAIL FROM:<x@y>\r\n.\r\n"),
            (b"a\r.\r\nb", b"a\r\n..\r\nb\r\n.\r\n"),
            (b"a\n.\r\n", b"a\r\n..\r\n.\r\n"),
        ];
        for (given, wanted) in cases {
            assert_eq!(stuffed(given), wanted, "{given:?}");
        }
    }

    #[test]
    fn paths_stay_between_their_brackets() {
        for good in [
            "a@b.test",
            "\"sms:+15551234567\"@sms.example.test",
            "\"a b\"@c",
            "\"a\\\"b\"@c",
            "+1555@d",
            "a@[192.0.2.1]",
            "é@b.test",
            "\"a>b\"@c",
        ] {
            assert!(is_path(good), "{good}");
        }
        for bad in [
            "",
            "a",
            "a@",
            "@b",
            "a b@c",
            "a@b>",
            "a@b> X",
            "a@b\r\nRCPT TO:<x@y>",
            "\"a\"b\"@c",
            "\"a\\\"@c",
            "\"a@c",
            "a\"@c",
            "sms:+1@c",
            "a@b@c",
            "a\u{0}@c",
            "\"a\n\"@c",
            "\"@c",
        ] {
            assert!(!is_path(bad), "{bad:?}");
        }
    }

    proptest! {
        /// What the receiver takes out is what went in, line by line, and nothing ends the data early.
        #[test]
        fn the_other_side_reads_the_same_lines(data in proptest::collection::vec(
            prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'.'), any::<u8>()], 0..200)) {
            let wire = stuffed(&data);
            let (body, end) = wire.split_at(wire.len() - 3);
            prop_assert_eq!(end, b".\r\n");
            prop_assert!(body.is_empty() || body.ends_with(b"\r\n"));
            let mut back = Vec::new();
            for line in body.split_inclusive(|b| *b == b'\n') {
                prop_assert!(line.ends_with(b"\r\n"));
                prop_assert!(!line[..line.len() - 2].iter().any(|b| matches!(b, b'\r' | b'\n')));
                prop_assert_ne!(line, b".\r\n");
                back.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
            }
            prop_assert_eq!(back, lines(&data));
        }
    }
}
