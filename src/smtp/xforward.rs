//! The XFORWARD command (Postfix XFORWARD_README): what a trusted MTA tells of its own client.
//!
//! Values are xtext of at most 255 octets; `[UNAVAILABLE]` and `[TEMPUNAVAIL]` say that there is none. A value with
//! control characters is refused: these words reach logs and headers.

use super::{
    CommandError, XForward,
    params::{printable, xtext},
};

/// What is offered in the answer to EHLO or LHLO.
pub(super) const OFFER: &str = "XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE";

/// Reads `NAME=value …`; at least one attribute. What is not named stays `None`.
pub(super) fn parse(text: &str) -> Result<XForward, CommandError> {
    let mut out = XForward::default();
    let mut any = false;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let bad = || CommandError::Parameter("XFORWARD");
        let (name, value) = word.split_once('=').ok_or_else(bad)?;
        let value = xtext(value).filter(|v| (1..=255).contains(&v.len())).and_then(printable).ok_or_else(bad)?;
        let value =
            Some(value).filter(|v| !["[UNAVAILABLE]", "[TEMPUNAVAIL]"].iter().any(|no| v.eq_ignore_ascii_case(no)));
        match name.to_ascii_uppercase().as_str() {
            "NAME" => out.name = value,
            "ADDR" => out.addr = value,
            "PORT" => out.port = value.map(|v| v.parse()).transpose().map_err(|_| bad())?,
            "PROTO" => out.proto = value,
            "HELO" => out.helo = value,
            "IDENT" => out.ident = value,
            "SOURCE" => out.source = value,
            _ => return Err(bad()),
        }
        any = true;
    }
    if any { Ok(out) } else { Err(CommandError::Syntax("XFORWARD attribute=value …")) }
}

/// Adds a later command of the same transaction.
pub(super) fn merge(into: &mut XForward, later: XForward) {
    let XForward { name, addr, port, proto, helo, ident, source } = later;
    into.port = port.or(into.port);
    for (old, new) in [
        (&mut into.name, name),
        (&mut into.addr, addr),
        (&mut into.proto, proto),
        (&mut into.helo, helo),
        (&mut into.ident, ident),
        (&mut into.source, source),
    ] {
        if new.is_some() {
            *old = new;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_postfix_sends_it() {
        let mut state = parse("NAME=localhost ADDR=127.0.0.1 PORT=53816").expect("first");
        merge(&mut state, parse("PROTO=ESMTP HELO=vm IDENT=BF8979C2035 SOURCE=LOCAL").expect("second"));
        assert_eq!(state.port, Some(53816));
        assert_eq!(state.addr.as_deref(), Some("127.0.0.1"));
        assert_eq!(state.ident.as_deref(), Some("BF8979C2035"));
        assert_eq!(state.source.as_deref(), Some("LOCAL"));
    }

    #[test]
    fn values() {
        let odd = parse("name=[UNAVAILABLE] helo=a+20b addr=IPV6:2001:db8::1 PORT=[unavailable]").expect("odd ones");
        assert_eq!((odd.name, odd.port), (None, None));
        assert_eq!(odd.helo.as_deref(), Some("a b"));
        assert_eq!(odd.addr.as_deref(), Some("IPV6:2001:db8::1"));
        let long = format!("NAME={}", "x".repeat(256));
        for bad in ["", " ", "NAME", "NAME=", "PORT=70000", "PORT=x", "COLOUR=red", "HELO=a+0D+0Ab", "HELO=+4", &long] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
