//! The XCLIENT command (Postfix XCLIENT_README): a trusted proxy speaks for its client from here on.
//!
//! Of all it may say only LOGIN is kept: who logged in at the proxy. What comes behind it comes from the client and is
//! believed no more than the client is.

use super::{
    CommandError,
    params::{printable, xtext},
};

/// What is offered in the answer to EHLO or LHLO.
pub(super) const OFFER: &str = "XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT";

const NAMES: [&str; 8] = ["NAME", "ADDR", "PORT", "PROTO", "HELO", "LOGIN", "DESTADDR", "DESTPORT"];

/// A session that a proxy handed on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct XClient {
    /// Who logged in at the proxy; `None`: nobody.
    pub login: Option<String>,
}

/// Reads `NAME=value …`; at least one attribute, none twice.
pub(super) fn parse(text: &str) -> Result<XClient, CommandError> {
    let mut out = XClient::default();
    let mut seen: Vec<&str> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let bad = || CommandError::Parameter("XCLIENT");
        let (name, value) = word.split_once('=').ok_or_else(bad)?;
        let name = NAMES.into_iter().find(|known| known.eq_ignore_ascii_case(name)).ok_or_else(bad)?;
        if seen.contains(&name) {
            return Err(bad());
        }
        seen.push(name);
        let value = xtext(value).filter(|v| (1..=320).contains(&v.len())).and_then(printable).ok_or_else(bad)?;
        let none = ["[UNAVAILABLE]", "[TEMPUNAVAIL]"].iter().any(|no| value.eq_ignore_ascii_case(no));
        if name == "LOGIN" && !none {
            out.login = Some(value);
        }
    }
    if seen.is_empty() { Err(CommandError::Syntax("XCLIENT attribute=value …")) } else { Ok(out) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_login_is_kept() {
        for (text, login) in [
            ("NAME=spike.example.test ADDR=192.0.2.7 LOGIN=alice", Some("alice")),
            ("login=alice+40example.test proto=ESMTP", Some("alice@example.test")),
            ("LOGIN=[UNAVAILABLE] ADDR=IPV6:2001:db8::1", None),
            ("ADDR=192.0.2.7", None),
        ] {
            assert_eq!(parse(text).map(|x| x.login), Ok(login.map(str::to_owned)), "{text}");
        }
        for bad in ["", "LOGIN", "LOGIN=", "LOGIN=a LOGIN=b", "LOGIN=a+0Ab", "COLOUR=red", "LOGIN=+4"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
