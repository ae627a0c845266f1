//! One command line to one value (RFC 5321 4.1, RFC 2033 4).
//!
//! Which verb is allowed when is the session's matter; here stands what the line says. Nothing of a line that is
//! refused is kept.

use crate::{
    address::{Path, ReversePath},
    ground::Enhanced,
};

use super::{Envelope, Mechanism, Recipient, Reply, XClient, XForward, params, xclient, xforward};

/// The three ways to say hello.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hello {
    Helo,
    Ehlo,
    Lhlo,
}

/// A command that was understood.
#[derive(Clone, PartialEq, Eq)]
pub enum Command {
    Hello(Hello, String),
    /// `xforward`, `login` and `xclient` are empty here.
    Mail(Box<Envelope>),
    Rcpt {
        recipient: Box<Recipient>,
        /// The path holds characters beyond ASCII: the mail must be an SMTPUTF8 one.
        needs_utf8: bool,
    },
    Data,
    Rset,
    Noop,
    Quit,
    Vrfy,
    Help,
    XForward(Box<XForward>),
    XClient(Box<XClient>),
    StartTls,
    /// `None`: a mechanism that is not served.
    Auth {
        mechanism: Option<Mechanism>,
        initial: Option<String>,
    },
    /// So many octets follow.
    Bdat {
        size: u64,
        last: bool,
    },
}

/// Why a line is no command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandError {
    /// No verb that anybody knows.
    Unknown,
    /// A verb of SMTP that is not served here.
    NotServed,
    /// The first line of an HTTP request: a browser was talked into speaking to this port.
    Http,
    /// How the command should look.
    Syntax(&'static str),
    /// The address of MAIL FROM.
    Sender,
    /// The address of RCPT TO.
    Recipient,
    /// An address beyond ASCII without SMTPUTF8.
    NeedsUtf8,
    /// A known parameter with a wrong value, or twice.
    Parameter(&'static str),
    UnknownParameter,
    NotUtf8,
    /// BDAT without a size that can be read: nobody knows what follows.
    Chunk,
}

impl CommandError {
    /// The answer to such a line.
    pub fn reply(&self) -> Reply {
        let reply = |code, subject, detail, words: &str| Reply::new(code, Enhanced::new(5, subject, detail), words);
        match self {
            Self::Unknown => reply(500, 5, 1, "Command not recognised"),
            Self::NotServed => reply(502, 5, 1, "Command not served here"),
            Self::Http => reply(500, 5, 1, "This is not an HTTP server"),
            Self::Syntax(usage) => reply(501, 5, 4, &format!("Syntax: {usage}")),
            Self::Sender => reply(501, 1, 7, "Not a sender address"),
            Self::Recipient => reply(501, 1, 3, "Not a recipient address"),
            Self::NeedsUtf8 => reply(553, 6, 7, "An address beyond ASCII needs SMTPUTF8"),
            Self::Parameter(name) => reply(501, 5, 4, &format!("Bad value of {name}")),
            Self::UnknownParameter => reply(555, 5, 4, "Parameter not recognised or not served here"),
            Self::Chunk => reply(501, 5, 4, "Syntax: BDAT octets [LAST]. Closing"),
            Self::NotUtf8 => reply(500, 5, 2, "A command is ASCII, or UTF-8 in its addresses"),
        }
    }
}

impl Command {
    /// Reads a line without its CR LF.
    pub fn parse(line: &[u8]) -> Result<Self, CommandError> {
        let line = std::str::from_utf8(line).map_err(|_| CommandError::NotUtf8)?;
        let (verb, rest) = line.split_once(' ').map_or((line, ""), |(verb, rest)| (verb, rest));
        let bare = |command: Self, usage: &'static str| {
            if rest.trim_matches(' ').is_empty() { Ok(command) } else { Err(CommandError::Syntax(usage)) }
        };
        match verb.to_ascii_uppercase().as_str() {
            "HELO" => hello(Hello::Helo, rest, "HELO hostname"),
            "EHLO" => hello(Hello::Ehlo, rest, "EHLO hostname"),
            "LHLO" => hello(Hello::Lhlo, rest, "LHLO hostname"),
            "MAIL" => mail(rest),
            "RCPT" => rcpt(rest),
            "DATA" => bare(Self::Data, "DATA"),
            "RSET" => bare(Self::Rset, "RSET"),
            "QUIT" => bare(Self::Quit, "QUIT"),
            "NOOP" => Ok(Self::Noop),
            "HELP" => Ok(Self::Help),
            "VRFY" if rest.trim_matches(' ').is_empty() => Err(CommandError::Syntax("VRFY address")),
            "VRFY" => Ok(Self::Vrfy),
            "XFORWARD" => xforward::parse(rest).map(|told| Self::XForward(Box::new(told))),
            "XCLIENT" => xclient::parse(rest).map(|told| Self::XClient(Box::new(told))),
            "STARTTLS" => bare(Self::StartTls, "STARTTLS"),
            "AUTH" => auth(rest),
            "BDAT" => bdat(rest).ok_or(CommandError::Chunk),
            "EXPN" | "ETRN" | "TURN" | "ATRN" | "BURL" | "SEND" | "SOML" | "SAML" => Err(CommandError::NotServed),
            "GET" | "POST" | "PUT" | "HEAD" | "OPTIONS" | "CONNECT" => Err(CommandError::Http),
            _ => Err(CommandError::Unknown),
        }
    }
}

fn hello(kind: Hello, rest: &str, usage: &'static str) -> Result<Command, CommandError> {
    let name = rest.trim_matches(' ');
    let sound = (1..=255).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic());
    if sound { Ok(Command::Hello(kind, name.to_owned())) } else { Err(CommandError::Syntax(usage)) }
}

/// `mechanism [initial response]`.
fn auth(rest: &str) -> Result<Command, CommandError> {
    let mut words = rest.split(' ').filter(|word| !word.is_empty());
    let (Some(mechanism), initial, None) = (words.next(), words.next(), words.next()) else {
        return Err(CommandError::Syntax("AUTH mechanism [response]"));
    };
    let mechanism = match mechanism.to_ascii_uppercase().as_str() {
        "PLAIN" => Some(Mechanism::Plain),
        "LOGIN" => Some(Mechanism::Login),
        _ => None,
    };
    Ok(Command::Auth { mechanism, initial: initial.map(str::to_owned) })
}

/// `octets [LAST]`.
fn bdat(rest: &str) -> Option<Command> {
    let mut words = rest.split(' ').filter(|word| !word.is_empty());
    let size = words.next().filter(|size| size.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()?;
    let last = words.next();
    let sound = last.is_none_or(|word| word.eq_ignore_ascii_case("LAST")) && words.next().is_none();
    sound.then_some(Command::Bdat { size, last: last.is_some() })
}

/// Cuts `FROM:` or `TO:` off. Lenient: blanks behind the colon are taken, as many programs send one.
fn keyword<'a>(rest: &'a str, word: &str) -> Option<&'a str> {
    let (head, path) = rest.split_at_checked(word.len())?;
    head.eq_ignore_ascii_case(word).then(|| path.trim_start_matches(' '))
}

fn mail(rest: &str) -> Result<Command, CommandError> {
    let text = keyword(rest, "FROM:").ok_or(CommandError::Syntax("MAIL FROM:<address> [parameters]"))?;
    let (from, tail) = match text.strip_prefix("<>") {
        Some(tail) => (ReversePath::Null, tail),
        None => {
            let (path, tail) = Path::parse(text).map_err(|_| CommandError::Sender)?;
            (ReversePath::Path(path), tail)
        }
    };
    let params = params::mail(tail)?;
    // The parameters too: `AUTH=` may hold an address (RFC 6531 3.4).
    if !params.smtputf8 && !text.is_ascii() {
        return Err(CommandError::NeedsUtf8);
    }
    Ok(Command::Mail(Box::new(Envelope {
        from,
        auth: params.auth,
        dsn: params.dsn,
        smtputf8: params.smtputf8,
        size: params.size,
        ..Envelope::default()
    })))
}

fn rcpt(rest: &str) -> Result<Command, CommandError> {
    let text = keyword(rest, "TO:").ok_or(CommandError::Syntax("RCPT TO:<address> [parameters]"))?;
    let (path, tail) = Path::parse(text).map_err(|_| CommandError::Recipient)?;
    let params = params::rcpt(tail)?;
    let recipient = Box::new(Recipient { path, notify: params.notify, orcpt: params.orcpt });
    Ok(Command::Rcpt { recipient, needs_utf8: !text.is_ascii() })
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use smtp_proto::Request;

    use super::*;

    /// Says what a command is in a few words, without the addresses' types.
    fn told(line: &str) -> String {
        match Command::parse(line.as_bytes()) {
            Ok(Command::Hello(kind, name)) => format!("{kind:?} {name}"),
            Ok(Command::Mail(envelope)) => {
                let from = match &envelope.from {
                    ReversePath::Null => "<>".to_owned(),
                    ReversePath::Path(path) => path.to_wire(),
                };
                format!("mail {from} {:?} {:?} {}", envelope.size, envelope.auth, envelope.smtputf8)
            }
            Ok(Command::Rcpt { recipient, needs_utf8 }) => format!("rcpt {} {needs_utf8}", recipient.path.to_wire()),
            Ok(Command::Data) => "data".into(),
            Ok(Command::Rset) => "rset".into(),
            Ok(Command::Noop) => "noop".into(),
            Ok(Command::Quit) => "quit".into(),
            Ok(Command::Vrfy) => "vrfy".into(),
            Ok(Command::Help) => "help".into(),
            Ok(Command::XClient(told)) => format!("xclient {:?}", told.login),
            Ok(Command::StartTls) => "starttls".into(),
            Ok(Command::Auth { mechanism, initial }) => format!("auth {mechanism:?} {initial:?}"),
            Ok(Command::Bdat { size, last }) => format!("bdat {size} {last}"),
            Ok(Command::XForward(told)) => format!("xforward {:?}", told.ident),
            Err(error) => error.reply().code().to_string(),
        }
    }

    #[test]
    fn lines_and_what_they_say() {
        for (line, want) in [
            ("LHLO mx.example.test", "Lhlo mx.example.test"),
            ("ehlo [192.0.2.1]", "Ehlo [192.0.2.1]"),
            ("HELO  x ", "Helo x"),
            ("EHLO", "501"),
            ("EHLO a b", "501"),
            ("MAIL FROM:<>", "mail <> None None false"),
            ("mail from:<a@b.test> size=7", "mail a@b.test Some(7) None false"),
            ("MAIL FROM: <a@b.test>", "mail a@b.test None None false"),
            ("MAIL FROM:<a@b.test> AUTH=c+40d SMTPUTF8", "mail a@b.test None Some(\"c@d\") true"),
            ("MAIL FROM:<é@b.test>", "553"),
            ("MAIL FROM:<a@b.test> AUTH=é@b.test", "553"),
            ("MAIL FROM:<a@b.test> AUTH=é@b.test SMTPUTF8", "mail a@b.test None Some(\"é@b.test\") true"),
            ("MAIL FROM:<é@b.test> SMTPUTF8", "mail é@b.test None None true"),
            ("MAIL FROM:a@b.test", "501"),
            ("MAIL FROM:<a@b.test>SIZE=3", "501"),
            ("MAIL FROM:<a@b.test> COLOUR=red", "555"),
            ("MAIL TO:<a@b.test>", "501"),
            ("MAIL", "501"),
            ("RCPT TO:<\"sms:+15551234567\"@sms.example.test>", "rcpt \"sms:+15551234567\"@sms.example.test false"),
            (
                "RCPT TO:<sms:+15551234567@sms.example.test> NOTIFY=NEVER",
                "rcpt \"sms:+15551234567\"@sms.example.test false",
            ),
            ("RCPT TO:<postmaster>", "rcpt postmaster false"),
            ("RCPT TO:<é@b.test>", "rcpt é@b.test true"),
            ("RCPT TO:<>", "501"),
            ("RCPT TO:<a@b.test> SIZE=1", "555"),
            ("RCPT FROM:<a@b.test>", "501"),
            ("DATA", "data"),
            ("DATA ", "data"),
            ("DATA x", "501"),
            ("RSET x", "501"),
            ("NOOP anything at all", "noop"),
            ("QUIT", "quit"),
            ("VRFY a", "vrfy"),
            ("VRFY", "501"),
            ("HELP MAIL", "help"),
            ("XFORWARD IDENT=ABC", "xforward Some(\"ABC\")"),
            ("XFORWARD", "501"),
            ("EXPN list", "502"),
            ("BDAT 3 LAST", "bdat 3 true"),
            ("bdat 0  last ", "bdat 0 true"),
            ("BDAT 18446744073709551615", "bdat 18446744073709551615 false"),
            ("BDAT 18446744073709551616", "501"),
            ("BDAT", "501"),
            ("BDAT -1", "501"),
            ("BDAT +1", "501"),
            ("BDAT 3 FIRST", "501"),
            ("BDAT 3 LAST LAST", "501"),
            ("STARTTLS", "starttls"),
            ("STARTTLS now", "501"),
            ("AUTH PLAIN AGEAYg==", "auth Some(Plain) Some(\"AGEAYg==\")"),
            ("auth login", "auth Some(Login) None"),
            ("AUTH CRAM-MD5", "auth None None"),
            ("AUTH", "501"),
            ("AUTH PLAIN a b", "501"),
            ("XCLIENT LOGIN=alice", "xclient Some(\"alice\")"),
            ("XCLIENT", "501"),
            ("GET / HTTP/1.1", "500"),
            ("", "500"),
            (" NOOP", "500"),
            ("NOOPX", "500"),
            ("DATA\t", "500"),
        ] {
            assert_eq!(told(line), want, "{line}");
        }
        assert_eq!(Command::parse(b"MAIL FROM:<\xff@b>").err(), Some(CommandError::NotUtf8));
    }

    /// smtp-proto's whole parser says the same wherever it is right.
    #[test]
    fn smtp_proto_agrees() {
        for line in [
            "EHLO mx.example.test",
            "LHLO a",
            "HELO a",
            "MAIL FROM:<a@b.test>",
            "MAIL FROM:<> SIZE=100",
            "MAIL FROM:<a@b.test> SIZE=345 BODY=8BITMIME ENVID=QQ314159+2B RET=HDRS",
            "MAIL FROM:<a@b.test> AUTH=e+3Dmc2@example.com SMTPUTF8 RET=FULL",
            "RCPT TO:<a@b.test>",
            "RCPT TO:<a@b.test> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;sms:+2B1555@b.test",
            "RCPT TO:<a@b.test> NOTIFY=NEVER",
            "DATA",
            "RSET",
            "NOOP",
            "QUIT",
            "VRFY a",
            "HELP",
        ] {
            let wire = format!("{line}\r\n");
            let theirs = Request::parse(&mut wire.as_bytes().iter()).expect(line);
            let ours = Command::parse(line.as_bytes()).unwrap_or_else(|e| panic!("{line}: {e:?}"));
            assert!(same(&ours, &theirs), "{line}: {theirs:?}");
        }
    }

    fn same(ours: &Command, theirs: &Request<Cow<'_, str>>) -> bool {
        use smtp_proto::{MAIL_RET_FULL, MAIL_RET_HDRS, MAIL_SMTPUTF8};
        match (ours, theirs) {
            (Command::Hello(Hello::Ehlo, name), Request::Ehlo { host })
            | (Command::Hello(Hello::Helo, name), Request::Helo { host })
            | (Command::Hello(Hello::Lhlo, name), Request::Lhlo { host }) => name == host,
            (Command::Mail(envelope), Request::Mail { from }) => {
                let address = match &envelope.from {
                    ReversePath::Null => String::new(),
                    ReversePath::Path(path) => path.to_wire(),
                };
                let ret = envelope.dsn.ret.map_or(0, |ret| match ret {
                    super::super::Ret::Full => MAIL_RET_FULL,
                    super::super::Ret::Hdrs => MAIL_RET_HDRS,
                });
                address == from.address
                    && envelope.size.unwrap_or(0) == from.size as u64
                    && envelope.dsn.envid.as_deref() == from.env_id.as_deref()
                    && envelope.auth.as_deref() == from.auth.as_deref()
                    && ret == from.flags & (MAIL_RET_FULL | MAIL_RET_HDRS)
                    && envelope.smtputf8 == (from.flags & MAIL_SMTPUTF8 != 0)
            }
            (Command::Rcpt { recipient, .. }, Request::Rcpt { to }) => {
                let notify = recipient.notify.map_or(0, |n| match n {
                    super::super::Notify::NEVER => 8,
                    n => u64::from(n.success) | u64::from(n.failure) << 1 | u64::from(n.delay) << 2,
                });
                recipient.path.to_wire() == to.address
                    && recipient.orcpt.as_deref().map(|o| o.trim_start_matches("rfc822;")) == to.orcpt.as_deref()
                    && notify == to.flags
            }
            (Command::Data, Request::Data)
            | (Command::Rset, Request::Rset)
            | (Command::Noop, Request::Noop { .. })
            | (Command::Quit, Request::Quit)
            | (Command::Vrfy, Request::Vrfy { .. })
            | (Command::Help, Request::Help { .. }) => true,
            _ => false,
        }
    }
}
