//! Parameters of MAIL and RCPT (RFC 1870, 6152, 3461 4, 4954 5, 6531 3.4, 6533), and xtext (RFC 3461 4).
//!
//! Keywords with fixed values go through smtp-proto. The rest is read here: smtp-proto drops wrong xtext without a
//! word, knows no ORCPT but `rfc822;…`, takes `NEVER` beside other values, and lets a key stand twice.

use smtp_proto::{
    MAIL_BODY_7BIT, MAIL_BODY_8BITMIME, MAIL_RET_FULL, MAIL_RET_HDRS, MailFrom, RCPT_NOTIFY_DELAY, RCPT_NOTIFY_FAILURE,
    RCPT_NOTIFY_NEVER, RCPT_NOTIFY_SUCCESS, RcptTo, request::parser::Rfc5321Parser,
};

use super::{CommandError, Dsn, Notify, Ret};

/// What MAIL FROM may carry behind the path.
#[derive(Default, PartialEq, Eq)]
pub(super) struct MailParams {
    pub size: Option<u64>,
    pub smtputf8: bool,
    pub auth: Option<String>,
    pub dsn: Dsn,
}

/// What RCPT TO may carry behind the path.
#[derive(Default, PartialEq, Eq)]
pub(super) struct RcptParams {
    pub notify: Option<Notify>,
    pub orcpt: Option<String>,
}

/// Reads the parameters of MAIL; `text` begins with a space or is empty.
pub(super) fn mail(text: &str) -> Result<MailParams, CommandError> {
    let mut params = MailParams::default();
    for (key, value) in split(text)? {
        let bad = || CommandError::Parameter(key.name);
        match (key.name, value) {
            ("SIZE", Some(value)) => params.size = Some(size(value).ok_or_else(bad)?),
            ("BODY", Some(value)) => {
                let flags = mail_flags("BODY", value).ok_or_else(bad)?;
                // BINARYMIME is not offered: a text has lines.
                if flags & (MAIL_BODY_7BIT | MAIL_BODY_8BITMIME) == 0 {
                    return Err(CommandError::UnknownParameter);
                }
            }
            ("RET", Some(value)) => {
                params.dsn.ret = match mail_flags("RET", value).ok_or_else(bad)? {
                    MAIL_RET_FULL => Some(Ret::Full),
                    MAIL_RET_HDRS => Some(Ret::Hdrs),
                    _ => return Err(bad()),
                }
            }
            ("ENVID", Some(value)) => {
                let id =
                    xtext(value).filter(|id| (1..=100).contains(&id.len()) && value.len() <= 300).ok_or_else(bad)?;
                params.dsn.envid = Some(printable(id).filter(|id| id.is_ascii()).ok_or_else(bad)?);
            }
            ("AUTH", Some(value)) => {
                let login = xtext(value).filter(|login| (1..=320).contains(&login.len())).ok_or_else(bad)?;
                let login = printable(login).ok_or_else(bad)?;
                params.auth = (login != "<>").then_some(login);
            }
            ("SMTPUTF8", None) => params.smtputf8 = true,
            ("SIZE" | "BODY" | "RET" | "ENVID" | "AUTH" | "SMTPUTF8", _) => return Err(bad()),
            _ => return Err(CommandError::UnknownParameter),
        }
    }
    Ok(params)
}

/// Reads the parameters of RCPT; `text` begins with a space or is empty.
pub(super) fn rcpt(text: &str) -> Result<RcptParams, CommandError> {
    let mut params = RcptParams::default();
    for (key, value) in split(text)? {
        let bad = || CommandError::Parameter(key.name);
        match (key.name, value) {
            ("NOTIFY", Some(value)) => params.notify = Some(notify(value).ok_or_else(bad)?),
            ("ORCPT", Some(value)) => params.orcpt = Some(orcpt(value).ok_or_else(bad)?),
            ("NOTIFY" | "ORCPT", None) => return Err(bad()),
            _ => return Err(CommandError::UnknownParameter),
        }
    }
    Ok(params)
}

#[derive(Clone, Copy)]
struct Key {
    name: &'static str,
}

const KEYS: [&str; 8] = ["SIZE", "BODY", "RET", "ENVID", "AUTH", "SMTPUTF8", "NOTIFY", "ORCPT"];

/// `KEY[=value]` between spaces, each key at most once.
fn split(text: &str) -> Result<Vec<(Key, Option<&str>)>, CommandError> {
    let mut found: Vec<(Key, Option<&str>)> = Vec::new();
    if !text.is_empty() && !text.starts_with(' ') {
        return Err(CommandError::Syntax("a space stands between the address and its parameters"));
    }
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
        let name = KEYS.into_iter().find(|key| key.eq_ignore_ascii_case(name)).ok_or(CommandError::UnknownParameter)?;
        if found.iter().any(|(key, _)| key.name == name) {
            return Err(CommandError::Parameter(name));
        }
        found.push((Key { name }, value));
    }
    Ok(found)
}

/// RFC 1870: 1 to 20 digits. Own, because smtp-proto wraps round on large numbers.
fn size(value: &str) -> Option<u64> {
    let digits = (1..=20).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| value.parse().unwrap_or(u64::MAX))
}

fn mail_flags(key: &str, value: &str) -> Option<u64> {
    let line = format!("{key}={value}\n");
    let mut bytes = line.as_bytes().iter();
    let parsed: MailFrom<_> = Rfc5321Parser::new(&mut bytes).mail_from_parameters("".into()).ok()?;
    Some(parsed.flags)
}

fn notify(value: &str) -> Option<Notify> {
    let line = format!("NOTIFY={value}\n");
    let mut bytes = line.as_bytes().iter();
    let parsed: RcptTo<_> = Rfc5321Parser::new(&mut bytes).rcpt_to_parameters("".into()).ok()?;
    let has = |flag| parsed.flags & flag != 0;
    if has(RCPT_NOTIFY_NEVER) {
        return (parsed.flags == RCPT_NOTIFY_NEVER).then_some(Notify::NEVER);
    }
    Some(Notify { success: has(RCPT_NOTIFY_SUCCESS), failure: has(RCPT_NOTIFY_FAILURE), delay: has(RCPT_NOTIFY_DELAY) })
}

/// `type;address`. The `\x{…}` of `utf-8` addresses (RFC 6533 3) stays as it is: so it is echoed in ASCII.
fn orcpt(value: &str) -> Option<String> {
    let (kind, address) = value.split_once(';')?;
    let atom = |b: u8| b.is_ascii_alphanumeric() || b"-_.+!#$%&'*/=?^`{|}~".contains(&b);
    if kind.is_empty() || kind.len() > 40 || !kind.bytes().all(atom) || value.len() > 500 {
        return None;
    }
    let address = xtext(address).and_then(printable).filter(|address| !address.is_empty())?;
    Some(format!("{kind};{address}"))
}

/// Decodes xtext. Lenient: a bare `=` is taken, as many senders do not encode it; so is lower-case hex.
pub(super) fn xtext(value: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(value.len());
    let mut bytes = value.bytes();
    while let Some(b) = bytes.next() {
        if b == b'+' {
            let mut digit = || char::from(bytes.next()?).to_digit(16);
            let (high, low) = (digit()?, digit()?);
            out.push(u8::try_from(high * 16 + low).ok()?);
        } else if b <= b' ' || b == 0x7f {
            return None;
        } else {
            out.push(b);
        }
    }
    Some(out)
}

/// UTF-8 without control characters.
pub(super) fn printable(bytes: Vec<u8>) -> Option<String> {
    String::from_utf8(bytes).ok().filter(|text| !text.chars().any(char::is_control))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_never_wrap() {
        for (text, want) in [
            ("0", Some(0)),
            ("345", Some(345)),
            ("18446744073709551615", Some(u64::MAX)),
            ("99999999999999999999", Some(u64::MAX)),
            ("199999999999999999999", None),
            ("", None),
            ("-1", None),
            ("1 ", None),
            ("+1", None),
        ] {
            assert_eq!(size(text), want, "{text}");
        }
    }

    #[test]
    fn mail_parameters() {
        let all = mail(" SIZE=345 BODY=8BITMIME ENVID=QQ314159+2B RET=HDRS AUTH=e+3Dmc2@example.com SMTPUTF8");
        let all = all.unwrap_or_else(|_| panic!("all of them"));
        assert_eq!((all.size, all.smtputf8), (Some(345), true));
        assert_eq!(all.auth.as_deref(), Some("e=mc2@example.com"));
        assert_eq!(all.dsn, Dsn { ret: Some(Ret::Hdrs), envid: Some("QQ314159+".into()) });
        assert_eq!(mail(" auth=<>  body=7bit").ok().map(|p| p.auth), Some(None));
        for (bad, unknown) in [
            (" SIZE", false),
            (" SIZE=x", false),
            (" SIZE=1 SIZE=2", false),
            (" BODY=9BIT", false),
            (" BODY=BINARYMIME", true),
            (" RET=SOME", false),
            (" ENVID=", false),
            (" ENVID=+4", false),
            (" ENVID=+0D+0A", false),
            (" ENVID=+C3+A9", false),
            (" AUTH=", false),
            (" AUTH=a+0Ab", false),
            (" SMTPUTF8=1", false),
            (" NOTIFY=NEVER", true),
            (" HOLDFOR=3", true),
            (" =", true),
        ] {
            match mail(bad) {
                Err(CommandError::UnknownParameter) => assert!(unknown, "{bad}"),
                Err(CommandError::Parameter(_)) => assert!(!unknown, "{bad}"),
                _ => panic!("{bad} was taken"),
            }
        }
        assert!(matches!(mail("SIZE=1"), Err(CommandError::Syntax(_))));
    }

    #[test]
    fn notify_has_its_grammar() {
        let some = |success, failure, delay| Some(Notify { success, failure, delay });
        for (text, want) in [
            ("SUCCESS,FAILURE,DELAY", some(true, true, true)),
            ("failure", some(false, true, false)),
            ("NEVER", Some(Notify::NEVER)),
            ("DELAY,DELAY", some(false, false, true)),
            ("NEVER,SUCCESS", None),
            ("SUCCESS,NEVER", None),
            ("", None),
            ("SUCCESS,", None),
            ("ALWAYS", None),
        ] {
            assert_eq!(notify(text), want, "{text}");
        }
    }

    #[test]
    fn orcpt_keeps_its_type_and_words() {
        for (text, want) in [
            ("rfc822;sms:+2B1555@d", Some("rfc822;sms:+1555@d")),
            ("rfc822;\"sms:+2B15551234567\"@sms.example.test", Some("rfc822;\"sms:+15551234567\"@sms.example.test")),
            ("utf-8;b\\x{FC}cher@d", Some("utf-8;b\\x{FC}cher@d")),
            ("utf-8;bücher@d", Some("utf-8;bücher@d")),
            ("x-tel;a=b", Some("x-tel;a=b")),
            ("rfc822;a+20b@d", Some("rfc822;a b@d")),
            ("rfc822", None),
            (";x", None),
            ("rfc822;", None),
            ("rfc822;+0D+0ABcc:x", None),
            ("rfc822;+FF", None),
            ("rf c;x", None),
            ("rfc822;+G0", None),
        ] {
            assert_eq!(orcpt(text).as_deref(), want, "{text}");
        }
        assert_eq!(orcpt(&format!("rfc822;{}", "a".repeat(500))), None);
    }
}
