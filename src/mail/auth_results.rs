//! Who was logged in, as an MTA says it in `Authentication-Results:` (RFC 8601, `auth=pass smtp.auth=…`).
//!
//! Anybody can write such a field. It counts only with the name of our own MTA (authserv-id), only above the first
//! `Received:` line that is not believed, and only if it is the only one there: two are one too many, since the border
//! should have taken foreign ones away. Whatever cannot be read is no identity.

use super::received::{Fields, Line, is_login, within};

/// What is believed.
#[derive(Debug, Clone, Copy)]
pub struct Rule<'a> {
    /// The authserv-id of the MTA that checks logins.
    pub id: &'a str,
    /// Networks of MTAs whose `Received:` lines below the first are believed: address and prefix length.
    pub trust: &'a [(std::net::IpAddr, u8)],
}

/// Fields of ours and `Received:` lines that are looked at.
const MAX_LINES: usize = 50;
/// Comments in comments.
const MAX_DEPTH: usize = 8;

/// The login of the sender. `headers` may be followed by the body; line ends are CRLF.
pub fn authenticated(headers: &[u8], rule: &Rule<'_>) -> Option<String> {
    let mut fields = Fields(headers);
    let (mut lines, mut believed) = (0, true);
    let mut ours: Option<Results> = None;
    while let Some(field) = fields.next() {
        let (name, value) = field.ok()?;
        if name.eq_ignore_ascii_case("Received") {
            lines += 1;
            if !believed || lines > MAX_LINES {
                break;
            }
            let line = Line::parse(value).ok()?;
            believed = line.client.is_some_and(|client| within(rule.trust, client));
        } else if name.eq_ignore_ascii_case("Authentication-Results") {
            let results = Results::parse(value)?;
            if results.id.trim_end_matches('.').eq_ignore_ascii_case(rule.id) && ours.replace(results).is_some() {
                return None;
            }
        }
    }
    // Without a line of the peer's own nothing tells what it wrote from what it was given.
    ours.filter(|_| lines > 0)?.login()
}

/// One field.
#[derive(Debug, PartialEq, Eq)]
struct Results {
    id: String,
    results: Vec<One>,
}

/// What one method found.
#[derive(Debug, PartialEq, Eq)]
struct One {
    method: String,
    result: String,
    /// `reason` and properties such as `smtp.auth`, names in lower case.
    more: Vec<(String, String)>,
}

impl Results {
    /// RFC 8601 2.2. Stricter: no blanks around the dot of a property.
    fn parse(value: &str) -> Option<Self> {
        let mut tokens = tokens(value)?.into_iter().peekable();
        let id = tokens.next()?.text()?;
        if let Some(Token::Word(version)) = tokens.peek() {
            version.parse::<u32>().ok()?;
            tokens.next();
        }
        let mut results = Vec::new();
        while let Some(token) = tokens.next() {
            if token != Token::Semicolon {
                return None;
            }
            let Some(method) = tokens.next() else {
                // A semicolon at the end: many write one.
                break;
            };
            let method = method.word()?;
            if method.eq_ignore_ascii_case("none") && results.is_empty() && tokens.peek().is_none() {
                break;
            }
            let result = equals(&mut tokens)?;
            let mut more = Vec::new();
            while let Some(Token::Word(name)) = tokens.next_if(|token| *token != Token::Semicolon) {
                more.push((name.to_ascii_lowercase(), equals(&mut tokens)?));
            }
            let method = method.split('/').next().unwrap_or_default().to_ascii_lowercase();
            results.push(One { method, result: result.to_ascii_lowercase(), more });
        }
        Some(Self { id, results })
    }

    /// Exactly one `auth`, passed, with exactly one `smtp.auth`.
    fn login(&self) -> Option<String> {
        let mut auths = self.results.iter().filter(|one| one.method == "auth");
        let (one, None) = (auths.next()?, auths.next()) else { return None };
        let mut logins = one.more.iter().filter(|(name, _)| name == "smtp.auth");
        let ((_, login), None) = (logins.next()?, logins.next()) else { return None };
        (one.result == "pass" && is_login(login)).then(|| login.clone())
    }
}

/// `= value`.
fn equals(tokens: &mut impl Iterator<Item = Token>) -> Option<String> {
    (tokens.next()? == Token::Equals).then(|| tokens.next()?.text())?
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Quoted(String),
    Equals,
    Semicolon,
}

impl Token {
    fn word(self) -> Option<String> {
        if let Self::Word(word) = self { Some(word) } else { None }
    }

    fn text(self) -> Option<String> {
        if let Self::Word(text) | Self::Quoted(text) = self { Some(text) } else { None }
    }
}

/// Words, quoted strings, `=` and `;`; comments and blanks are left out.
fn tokens(value: &str) -> Option<Vec<Token>> {
    let mut out: Vec<Token> = Vec::new();
    let mut rest = value;
    // Whether the text before ended in a word or a quoted string that touches what follows.
    let mut touching = false;
    while let Some(c) = rest.chars().next() {
        match c {
            ' ' | '\t' | '\r' | '\n' => {
                touching = false;
                rest = &rest[1..];
            }
            '(' => {
                touching = false;
                rest = comment(rest)?;
            }
            '=' | ';' => {
                touching = false;
                out.push(if c == '=' { Token::Equals } else { Token::Semicolon });
                rest = &rest[1..];
            }
            // `"a"b` is read as one by some and as two by others.
            _ if touching => return None,
            '"' => {
                let (text, behind) = quoted(&rest[1..])?;
                out.push(Token::Quoted(text));
                rest = behind;
                touching = true;
            }
            _ => {
                let end = rest.find([' ', '\t', '\r', '\n', '(', ';', '=', '"']).unwrap_or(rest.len());
                let (word, behind) = rest.split_at(end);
                if word.chars().any(|c| c.is_control() || matches!(c, ')' | '\\' | '<' | '>' | ',')) {
                    return None;
                }
                out.push(Token::Word(word.to_owned()));
                rest = behind;
                touching = true;
            }
        }
    }
    Some(out)
}

/// Behind the comment at the beginning of `text`.
fn comment(text: &str) -> Option<&str> {
    let (mut depth, mut escaped) = (0, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '(' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return None;
                }
            }
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(&text[at + 1..]);
        }
    }
    None
}

/// The words of a quoted string behind its first quote, and what stands behind its last.
fn quoted(text: &str) -> Option<(String, &str)> {
    let (mut out, mut escaped) = (String::new(), false);
    for (at, c) in text.char_indices() {
        match c {
            '\r' | '\n' | '\0' => return None,
            _ if escaped => {
                escaped = false;
                out.push(c);
            }
            '\\' => escaped = true,
            '"' => return Some((out, &text[at + 1..])),
            _ => out.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "Received: from a (b [192.0.2.7])\r\n\tby mx.example.test (Postfix) with ESMTPS id 4F00;\r\n\tMon, 1 \
                        Jan 2024 00:00:00 +0000 (UTC)\r\n";
    const INNER: &str = "Received: from mx.example.test (mx.example.test [10.0.0.2])\r\n\tby relay.example.test (Postfix) \
                         with ESMTP id 4F01;\r\n\tMon, 1 Jan 2024 00:00:00 +0000 (UTC)\r\n";
    const OURS: &str = "Authentication-Results: mx.example.test; auth=pass smtp.auth=alice\r\n";

    fn who(headers: &str) -> Option<String> {
        let trust = [([10, 0, 0, 0].into(), 8)];
        authenticated(headers.as_bytes(), &Rule { id: "mx.example.test", trust: &trust })
    }

    #[test]
    fn one_field_above_the_line_that_does_not_count() {
        let other = OURS.replace("mx.example", "mx.other");
        let forged = OURS.replace("alice", "mallory");
        for (headers, login) in [
            (format!("{OURS}{LINE}"), Some("alice")),
            (format!("{LINE}{OURS}"), Some("alice")),
            (format!("{OURS}{other}{LINE}"), Some("alice")),
            (format!("{other}{LINE}"), None),
            // What a client brought stands below the line that was written when it came.
            (format!("{OURS}{LINE}{LINE}{forged}"), Some("alice")),
            (format!("{LINE}{LINE}{forged}"), None),
            // A foreign copy that the border left in.
            (format!("{OURS}{LINE}{forged}"), None),
            (format!("{OURS}{OURS}{LINE}"), None),
            // Through a relay of ours.
            (format!("{INNER}{OURS}{LINE}"), Some("alice")),
            (format!("{INNER}{LINE}{OURS}"), Some("alice")),
            (format!("{INNER}{LINE}{LINE}{OURS}"), None),
            // No line at all, and only in the body.
            (OURS.to_owned(), None),
            (format!("{LINE}\r\n{OURS}"), None),
            (format!("{LINE}Authentication-Results: ((\r\n{OURS}"), None),
            (format!("{LINE}Authentication-Results : mx.example.test; auth=pass smtp.auth=bob\r\n{OURS}"), None),
        ] {
            assert_eq!(who(&headers).as_deref(), login, "{headers}");
        }
    }

    #[test]
    fn the_grammar_of_rfc_8601() {
        for (value, login) in [
            ("mx.example.test; auth=pass smtp.auth=alice", Some("alice")),
            ("MX.Example.Test 1; auth=pass (cram-md5) smtp.auth=alice@example.test", Some("alice@example.test")),
            ("mx.example.test (our ; auth=fail) ; auth = pass smtp.auth = alice;", Some("alice")),
            ("\"mx.example.test\"; auth=pass reason=\"good; smtp.auth=bob\" smtp.auth=\"alice\"", Some("alice")),
            ("mx.example.test;\r\n\tspf=pass smtp.mailfrom=x@d.test;\r\n\tauth/1=pass smtp.auth=alice", Some("alice")),
            ("mx.example.test; auth=pass smtp.auth=alice smtp.mailfrom=bob@d.test", Some("alice")),
            ("mx.example.test; none", None),
            ("mx.example.test", None),
            ("mx.example.test 1.5; auth=pass smtp.auth=alice", None),
            ("mx.example.test; auth=fail smtp.auth=alice", None),
            ("mx.example.test; auth=pass", None),
            ("mx.example.test; auth=pass smtp.mailfrom=alice", None),
            ("mx.example.test; auth=pass smtp.auth=alice smtp.auth=bob", None),
            ("mx.example.test; auth=pass smtp.auth=alice; auth=pass smtp.auth=bob", None),
            ("mx.example.test; auth=fail smtp.auth=alice; auth=pass smtp.auth=alice", None),
            ("mx.example.test; spf=pass smtp.auth=alice", None),
            ("mx.example.test; x=y (auth=pass smtp.auth=alice)", None),
            ("mx.example.test; x=\"y; auth=pass smtp.auth=alice\"", None),
            ("mx.example.test; auth=pass smtp.auth=\"alice\"@d.test", None),
            ("mx.example.test; auth=pass smtp.auth=\"al ice\"", None),
            ("mx.example.test; auth=pass smtp.auth=", None),
            ("mx.example.test; auth=pass smtp.auth=alice (", None),
            ("mx.example.test; auth=pass smtp.auth=alice \"", None),
            ("evil.test (mx.example.test); auth=pass smtp.auth=alice", None),
            ("", None),
        ] {
            let headers = format!("Authentication-Results: {value}\r\n{LINE}");
            assert_eq!(who(&headers).as_deref(), login, "{value}");
        }
        let deep = format!("mx.example.test {}{}; auth=pass smtp.auth=alice", "(".repeat(9), ")".repeat(9));
        assert_eq!(who(&format!("Authentication-Results: {deep}\r\n{LINE}")), None);
    }
}
