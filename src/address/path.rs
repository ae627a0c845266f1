//! SMTP paths (RFC 5321 4.1.2), and the leniency that `sms:` local parts need.
//!
//! `<sms:+15551234567@sms.example.com>` is not RFC 5321 (`:` is no atext), but mail clients send it: an unquoted local
//! part may hold anything but control characters, quotes and angle brackets, and ends at the last `@`. What can go
//! wrong: a reader that is lenient here and strict there would let one address mean two; so every reader uses this one,
//! and what it gives is written back in one form only ([`Path::to_wire`]).

use std::{fmt, str::FromStr};

use super::{domain, params};

/// Longest local part, octets. RFC 5321 4.5.3.1.1 says 64; parameters of `sms:` addresses need more.
const LONGEST_LOCAL: usize = 1024;

/// An address of an envelope: local part decoded (no quotes, no quoted pairs), domain as IDNA ASCII in lower case
/// or an address literal in brackets.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Path {
    pub local: String,
    /// `None` only for `<postmaster>`.
    pub domain: Option<String>,
}

impl Path {
    /// In wire form, quoted where it must be, without angle brackets.
    pub fn to_wire(&self) -> String {
        let mut wire = match is_dot_atom(&self.local) {
            true => self.local.clone(),
            false => quoted(&self.local),
        };
        if let Some(domain) = &self.domain {
            wire.push('@');
            wire.push_str(domain);
        }
        wire
    }

    /// The same address with `***` for the value of its `pass` parameter.
    pub fn masked(&self) -> Self {
        Self { local: params::masked(&self.local), domain: self.domain.clone() }
    }

    /// Reads `<path>` at the beginning of `input`, source route dropped; returns the rest behind `>`.
    ///
    /// # Errors
    /// [`PathError`]; also for the null path `<>`, see [`ReversePath::parse`].
    pub fn parse(input: &str) -> Result<(Self, &str), PathError> {
        let input = input.strip_prefix('<').ok_or(PathError::Syntax)?;
        let input = without_route(input)?;
        let (local, rest) = match input.strip_prefix('"') {
            Some(inner) => quoted_local(inner)?,
            None => {
                let end = input.find('>').ok_or(PathError::Syntax)?;
                let at = input[..end].rfind('@').unwrap_or(end);
                (unquoted_local(&input[..at])?, &input[at..])
            }
        };
        if local.len() > LONGEST_LOCAL {
            return Err(PathError::TooLong);
        }
        let Some(domain) = rest.strip_prefix('@') else {
            let rest = rest.strip_prefix('>').ok_or(PathError::Syntax)?;
            return match local.eq_ignore_ascii_case("postmaster") {
                true => Ok((Self { local, domain: None }, rest)),
                false => Err(PathError::Syntax),
            };
        };
        let (domain, rest) = domain.split_once('>').ok_or(PathError::Syntax)?;
        Ok((Self { local, domain: Some(read_domain(domain)?) }, rest))
    }
}

/// Reads a whole address without angle brackets: from the command line, the configuration, a header.
impl FromStr for Path {
    type Err = PathError;
    fn from_str(s: &str) -> Result<Self, PathError> {
        match Self::parse(&format!("<{s}>")) {
            Ok((path, "")) => Ok(path),
            Ok(_) => Err(PathError::Syntax),
            Err(error) => Err(error),
        }
    }
}

/// Shows where, not whom: a local part may hold a number and a password.
impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Path(…@{})", self.domain.as_deref().unwrap_or_default())
    }
}

/// MAIL FROM: `<>` or a path.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ReversePath {
    #[default]
    Null,
    Path(Path),
}

impl ReversePath {
    /// Reads `<>` or `<path>` at the beginning of `input`; returns the rest behind `>`.
    ///
    /// # Errors
    /// As [`Path::parse`].
    pub fn parse(input: &str) -> Result<(Self, &str), PathError> {
        match input.strip_prefix("<>") {
            Some(rest) => Ok((Self::Null, rest)),
            None => Path::parse(input).map(|(path, rest)| (Self::Path(path), rest)),
        }
    }

    /// In wire form without angle brackets; empty for the null path.
    pub fn to_wire(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Path(path) => path.to_wire(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathError {
    Syntax,
    TooLong,
    BadDomain,
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syntax => "this is not a mail address",
            Self::TooLong => "the mail address is too long",
            Self::BadDomain => "the domain of the mail address is not one",
        })
    }
}

impl std::error::Error for PathError {}

/// Drops `@a,@b:` (RFC 5321 4.1.1.3: servers must accept source routes and should ignore them).
fn without_route(input: &str) -> Result<&str, PathError> {
    match input.starts_with('@') {
        false => Ok(input),
        true => {
            let (route, rest) = input.split_once(':').ok_or(PathError::Syntax)?;
            let hops = route.split(',').map(|hop| hop.trim().strip_prefix('@'));
            let sound = hops.into_iter().all(|hop| hop.is_some_and(|name| domain::ascii(name).is_some()));
            sound.then_some(rest).ok_or(PathError::Syntax)
        }
    }
}

/// Decodes a quoted local part; `inner` begins behind the opening quote. Returns what follows the closing one.
fn quoted_local(inner: &str) -> Result<(String, &str), PathError> {
    let mut local = String::new();
    let mut chars = inner.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((local, &inner[at + 1..])),
            '\\' => match chars.next() {
                Some((_, c)) if !c.is_control() => local.push(c),
                _ => return Err(PathError::Syntax),
            },
            c if c.is_control() => return Err(PathError::Syntax),
            c => local.push(c),
        }
    }
    Err(PathError::Syntax)
}

/// Takes an unquoted local part as it is; `:`, `?`, `=`, `&`, blanks and dots anywhere, because `sms:` addresses have
/// them and mail clients do not quote.
fn unquoted_local(written: &str) -> Result<String, PathError> {
    let sound = !written.is_empty() && !written.contains(|c: char| c.is_control() || matches!(c, '<' | '"' | '\\'));
    sound.then(|| written.to_owned()).ok_or(PathError::Syntax)
}

fn read_domain(written: &str) -> Result<String, PathError> {
    let read = match written.starts_with('[') {
        true => domain::literal(written),
        false => domain::ascii(written),
    };
    read.ok_or(PathError::BadDomain)
}

/// RFC 5321 4.1.2 `Dot-string`, with the UTF-8 of RFC 6531.
fn is_dot_atom(local: &str) -> bool {
    let is_atext = |c: char| c.is_ascii_alphanumeric() || !c.is_ascii() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext))
}

/// As a quoted string (RFC 5321 4.1.2).
fn quoted(local: &str) -> String {
    let mut wire = String::with_capacity(local.len() + 2);
    wire.push('"');
    for c in local.chars() {
        if matches!(c, '"' | '\\') {
            wire.push('\\');
        }
        wire.push(c);
    }
    wire.push('"');
    wire
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(input: &str) -> Result<(String, String, &str), PathError> {
        Path::parse(input).map(|(p, rest)| (p.local, p.domain.unwrap_or_default(), rest))
    }

    #[test]
    fn paths_of_every_form() {
        let cases = [
            ("<a@b.example>", "a", "b.example", ""),
            ("<a@B.Example.> SIZE=1", "a", "b.example", " SIZE=1"),
            ("<sms:+15551234567@sms.example>", "sms:+15551234567", "sms.example", ""),
            ("<\"sms:+15551234567\"@sms.example>", "sms:+15551234567", "sms.example", ""),
            ("<sms:+1 (555) 123-4567@sms.example>", "sms:+1 (555) 123-4567", "sms.example", ""),
            ("<sms:+1?user=j@x.example&pass=p@sms.example>", "sms:+1?user=j@x.example&pass=p", "sms.example", ""),
            ("<\"a\\\"b\\\\c>@d\"@e.example>", "a\"b\\c>@d", "e.example", ""),
            ("<@a.example,@b.example:c@d.example>", "c", "d.example", ""),
            ("<@a.example:\"sms:+1\"@d.example>", "sms:+1", "d.example", ""),
            ("<u@[192.0.2.1]>", "u", "[192.0.2.1]", ""),
            ("<u@[IPv6:2001:db8::1]>", "u", "[IPv6:2001:db8::1]", ""),
            ("<jörg@bücher.example>", "jörg", "xn--bcher-kva.example", ""),
            ("<postmaster>", "postmaster", "", ""),
            ("<PostMaster> X=1", "PostMaster", "", " X=1"),
            ("<\"\"@a.example>", "", "a.example", ""),
        ];
        for (input, local, domain, rest) in cases {
            assert_eq!(parsed(input), Ok((local.into(), domain.into(), rest)), "{input}");
        }
    }

    #[test]
    fn what_is_no_path() {
        for input in [
            "",
            "a@b",
            "<a@b",
            "<>",
            "<a>",
            "<\"a@b>",
            "<\"a\"b@c>",
            "<a\u{0}@b>",
            "<a\"b@c>",
            "<@a:>",
            "<@a>",
            "<@@:a@b>",
            "<\"a\\\r\"@b>",
            "<\"a\\",
            "<a<b@c>",
        ] {
            assert_eq!(parsed(input), Err(PathError::Syntax), "{input:?}");
        }
        for input in ["<a@>", "<a@b c>", "<a@-b>", "<a@[x]>", "<a@b..c>"] {
            assert_eq!(parsed(input), Err(PathError::BadDomain), "{input}");
        }
        assert_eq!(parsed(&format!("<{}@b>", "a".repeat(1025))), Err(PathError::TooLong));
    }

    #[test]
    fn the_null_path_is_a_reverse_path_only() {
        assert_eq!(ReversePath::parse("<> BODY=8BITMIME"), Ok((ReversePath::Null, " BODY=8BITMIME")));
        let (path, rest) = ReversePath::parse("<a@b.example>").expect("a path");
        assert_eq!((path.to_wire().as_str(), rest), ("a@b.example", ""));
    }

    #[test]
    fn quotes_are_written_where_they_must_be() {
        for (input, wire) in [
            ("sms:+1@d.example", "\"sms:+1\"@d.example"),
            ("+15551234567@d.example", "+15551234567@d.example"),
            ("a..b@d.example", "\"a..b\"@d.example"),
            ("\"a\\\"b\"@d.example", "\"a\\\"b\"@d.example"),
            ("\"plain\"@d.example", "plain@d.example"),
            ("postmaster", "postmaster"),
        ] {
            assert_eq!(input.parse::<Path>().map(|p| p.to_wire()).as_deref(), Ok(wire), "{input}");
        }
    }

    #[test]
    fn debug_shows_no_local_part() {
        let path: Path = "sms:+15551234567?pass=hunter2@d.example".parse().expect("a path");
        assert_eq!(format!("{path:?}"), "Path(…@d.example)");
        assert_eq!(path.masked().to_wire(), "\"sms:+15551234567?pass=***\"@d.example");
    }

    proptest! {
        #[test]
        fn what_was_read_is_written_and_read_back(input in "<[\"]?[a-zé:+?=&.\\\\ 1]{0,20}[\"]?@[a-zü.]{1,10}>|\\PC{0,40}") {
            if let Ok((path, _)) = Path::parse(&input) {
                let wire = format!("<{}>", path.to_wire());
                prop_assert_eq!(Path::parse(&wire), Ok((path, "")));
            }
        }
    }
}
