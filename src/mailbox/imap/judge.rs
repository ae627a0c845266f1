//! What a refusal of the IMAP server means for one mail. Pure.
//!
//! | response code (RFC 5530, RFC 9208) | outcome |
//! |---|---|
//! | none, anything unknown, BAD | later |
//! | OVERQUOTA | later, 4.2.2: as of an LMTP server that says 452 |
//! | UNAVAILABLE, SERVERBUG, INUSE, BYE, any refusal before the login is done | later, for all mails |
//! | NOPERM, CANNOT, TOOBIG, UNKNOWN-CTE | never |

use imap_codec::imap_types::response::{Code, StatusBody, StatusKind};

use crate::ground::{Enhanced, Fault, Outcome, Scope};

/// What was asked when a refusal came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Greeting, capabilities, STARTTLS, folders: nothing of the mail.
    Session,
    Login,
    /// The folder or the mail.
    Mail,
}

/// The response code in a word: `OVERQUOTA`.
pub fn word(code: &Code<'_>) -> String {
    match code {
        Code::OverQuota => "OVERQUOTA".to_owned(),
        Code::TooBig => "TOOBIG".to_owned(),
        Code::TryCreate => "TRYCREATE".to_owned(),
        Code::UnknownCte => "UNKNOWN-CTE".to_owned(),
        Code::Other(other) => {
            let words = String::from_utf8_lossy(other.inner()).to_ascii_uppercase();
            words.split(' ').next().unwrap_or_default().to_owned()
        }
        _ => String::new(),
    }
}

/// The word of a refusal's response code; empty where it has none.
pub fn code(body: &StatusBody<'_>) -> String {
    body.code.as_ref().map(word).unwrap_or_default()
}

/// The fate of the mail when this ends it.
pub fn refused(body: &StatusBody<'_>, asked: Asked) -> Outcome {
    let (code, said) = (code(body), said(body));
    let fault = |scope, code| Fault::new(scope, code, &said);
    let later = |scope, code| Outcome::Later(fault(scope, code));
    match (asked, code.as_str()) {
        (Asked::Login, "UNAVAILABLE") => later(Scope::Gateway, Enhanced::new(4, 3, 2)),
        (Asked::Login, _) => {
            let text = format!("the mailbox server refuses our login: {said}");
            Outcome::Later(Fault::new(Scope::Gateway, Enhanced::new(4, 7, 8), text))
        }
        (_, "UNAVAILABLE" | "SERVERBUG" | "CONTACTADMIN") | (Asked::Session, _) => {
            later(Scope::Gateway, Enhanced::new(4, 3, 2))
        }
        (Asked::Mail, "OVERQUOTA") => later(Scope::Recipient, Enhanced::new(4, 2, 2)),
        (Asked::Mail, "INUSE" | "LIMIT") => later(Scope::Recipient, Enhanced::new(4, 2, 0)),
        (Asked::Mail, "NOPERM") => Outcome::Never(fault(Scope::Recipient, Enhanced::new(5, 7, 1))),
        (Asked::Mail, "CANNOT") => Outcome::Never(fault(Scope::Recipient, Enhanced::new(5, 1, 3))),
        (Asked::Mail, "TOOBIG") => Outcome::Never(fault(Scope::Message, Enhanced::new(5, 2, 3))),
        (Asked::Mail, "UNKNOWN-CTE") => Outcome::Never(fault(Scope::Message, Enhanced::new(5, 6, 1))),
        (Asked::Mail, _) => later(Scope::Recipient, Enhanced::new(4, 2, 0)),
    }
}

/// The server's words, as a report shows them.
pub fn said(body: &StatusBody<'_>) -> String {
    let kind = match body.kind {
        StatusKind::Ok => "OK",
        StatusKind::No => "NO",
        StatusKind::Bad => "BAD",
    };
    let code = code(body);
    let code = if code.is_empty() { code } else { format!(" [{code}]") };
    format!("{kind}{code} {}", AsRef::<str>::as_ref(&body.text))
}

#[cfg(test)]
mod tests {
    use imap_codec::{
        ResponseCodec,
        decode::Decoder,
        imap_types::response::{Response, Status},
    };

    use super::*;

    #[test]
    fn refusals_are_judged_by_code_and_by_what_was_asked() {
        let cases = [
            ("NO [OVERQUOTA] full", Asked::Mail, "later", Scope::Recipient, "4.2.2"),
            ("NO [UNAVAILABLE] wait", Asked::Mail, "later", Scope::Gateway, "4.3.2"),
            ("NO [SERVERBUG] oops", Asked::Mail, "later", Scope::Gateway, "4.3.2"),
            ("NO [INUSE] busy", Asked::Mail, "later", Scope::Recipient, "4.2.0"),
            ("NO [LIMIT] too many", Asked::Mail, "later", Scope::Recipient, "4.2.0"),
            ("NO [NOPERM] not you", Asked::Mail, "never", Scope::Recipient, "5.7.1"),
            ("NO [cannot] bad name", Asked::Mail, "never", Scope::Recipient, "5.1.3"),
            ("NO [TOOBIG] large", Asked::Mail, "never", Scope::Message, "5.2.3"),
            ("NO [UNKNOWN-CTE] what", Asked::Mail, "never", Scope::Message, "5.6.1"),
            ("NO no", Asked::Mail, "later", Scope::Recipient, "4.2.0"),
            ("BAD what", Asked::Mail, "later", Scope::Recipient, "4.2.0"),
            ("NO [AUTHENTICATIONFAILED] who", Asked::Login, "later", Scope::Gateway, "4.7.8"),
            ("NO who", Asked::Login, "later", Scope::Gateway, "4.7.8"),
            ("NO [UNAVAILABLE] ldap", Asked::Login, "later", Scope::Gateway, "4.3.2"),
            ("BAD what", Asked::Session, "later", Scope::Gateway, "4.3.2"),
        ];
        for (said, asked, wanted, scope, code) in cases {
            let line = format!("m1 {said}\r\n");
            let Ok((_, Response::Status(Status::Tagged(tagged)))) = ResponseCodec::default().decode(line.as_bytes())
            else {
                panic!("{said}")
            };
            let (kind, fault) = match refused(&tagged.body, asked) {
                Outcome::Later(fault) => ("later", fault),
                Outcome::Never(fault) => ("never", fault),
                other => panic!("{said}: {other:?}"),
            };
            assert_eq!((kind, fault.scope, fault.code.to_string().as_str()), (wanted, scope, code), "{said}");
            assert!(fault.text.to_uppercase().contains(&said.to_uppercase()), "{}", fault.text);
        }
    }
}
