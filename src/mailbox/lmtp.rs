//! LMTP client (RFC 2033): over TCP or a Unix socket, one recipient per mail, connections kept for a while.
//!
//! The dialogue is a sans-IO machine: replies in, octets to write out. What can go wrong: the connection breaks at any
//! point (always `Later`; a kept one that was dead already is replaced once), or the server says no.

use std::{borrow::Cow, time::Duration};

use super::{
    Broken, Mail, data,
    login::{Login, Mechanisms},
    pool::Pool,
    reply::{Reply, Step},
    told,
    wire::{Line, Opened, Opener},
};
use crate::ground::{Outcome, Secret};

/// What the machine wants next. `Debug` shows no octets: they are the mail.
#[derive(PartialEq, Eq)]
pub enum Next {
    /// Write these octets and read a reply.
    Write(Vec<u8>),
    /// It is over. `reusable`: another mail may go over this connection.
    Done { outcome: Outcome, reusable: bool },
}

impl std::fmt::Debug for Next {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Write(octets) => write!(f, "Write([{}])", octets.len()),
            Self::Done { outcome, reusable } => write!(f, "Done({outcome:?}, {reusable})"),
        }
    }
}

/// What the server can do, as it said in its answer to LHLO.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Offers {
    pub eight_bit: bool,
    pub utf8: bool,
    pub login: Mechanisms,
}

/// One mail's way through the dialogue.
pub struct Dialogue<'a> {
    hostname: &'a str,
    mail: &'a Mail<'a>,
    login: Option<&'a Login>,
    step: Step,
    offers: Offers,
    /// Lines of the login that are still to be said, the last one first.
    to_say: Vec<Secret<String>>,
    /// As the server takes it.
    data: Cow<'a, [u8]>,
}

impl<'a> Dialogue<'a> {
    /// On a new connection: the greeting is awaited.
    pub fn open(hostname: &'a str, mail: &'a Mail<'a>, login: Option<&'a Login>) -> Self {
        let (offers, data) = (Offers::default(), Cow::Borrowed(mail.data));
        Self { hostname, mail, login, step: Step::Greeting, offers, to_say: Vec::new(), data }
    }

    /// On a new connection whose greeting has come already: what is to be done first.
    pub fn greeted(hostname: &'a str, mail: &'a Mail<'a>, login: Option<&'a Login>) -> (Self, Next) {
        let mut dialogue = Self::open(hostname, mail, login);
        let next = dialogue.hello();
        (dialogue, next)
    }

    /// On a kept connection: what is to be done first.
    pub fn resume(hostname: &'a str, mail: &'a Mail<'a>, offers: Offers) -> (Self, Next) {
        let mut dialogue = Self { offers, ..Self::open(hostname, mail, None) };
        let next = dialogue.mail();
        (dialogue, next)
    }

    /// What the server offered.
    pub fn offers(&self) -> Offers {
        self.offers
    }

    /// Whether the text is on its way: from here on nothing may be repeated within the attempt.
    pub fn data_sent(&self) -> bool {
        matches!(self.step, Step::Dot { .. })
    }

    /// Greeting, LHLO and login are over.
    pub fn is_session(&self) -> bool {
        !matches!(self.step, Step::Greeting | Step::Hello | Step::Auth)
    }

    /// Takes the reply to what was written last.
    pub fn take(&mut self, reply: &Reply) -> Next {
        let more = self.step == Step::Data || self.step == Step::Auth && !self.to_say.is_empty();
        let wanted = if more { 300..400 } else { 200..300 };
        if !wanted.contains(&reply.code) {
            return Next::Done { outcome: reply.judge(self.step), reusable: false };
        }
        match self.step {
            Step::Greeting => self.hello(),
            Step::Hello => {
                self.offers = offers(reply);
                self.log_in()
            }
            Step::Auth => match self.to_say.pop() {
                Some(line) => self.go(Step::Auth, line.expose().clone().into_bytes()),
                None => self.mail(),
            },
            Step::Mail => self.go(Step::Rcpt, format!("RCPT TO:<{}>\r\n", self.mail.to).into_bytes()),
            Step::Rcpt => self.go(Step::Data, b"DATA\r\n".to_vec()),
            Step::Data => self.go(Step::Dot { per_recipient: true }, data::stuffed(&self.data)),
            Step::Dot { .. } => Next::Done { outcome: reply.judge(self.step), reusable: true },
        }
    }

    fn go(&mut self, step: Step, octets: Vec<u8>) -> Next {
        self.step = step;
        Next::Write(octets)
    }

    fn hello(&mut self) -> Next {
        self.go(Step::Hello, format!("LHLO {}\r\n", self.hostname).into_bytes())
    }

    fn log_in(&mut self) -> Next {
        let Some(login) = self.login else { return self.mail() };
        match login.lines(self.offers.login) {
            Err(fault) => Next::Done { outcome: Outcome::Later(fault), reusable: false },
            Ok(mut lines) => {
                lines.reverse();
                let first = lines.pop().map_or_else(Vec::new, |line| line.expose().clone().into_bytes());
                self.to_say = lines;
                self.go(Step::Auth, first)
            }
        }
    }

    fn mail(&mut self) -> Next {
        let mail = self.mail;
        let (parameters, data) = match mail.prepare(self.offers.eight_bit, self.offers.utf8) {
            Ok(prepared) => prepared,
            Err(fault) => return Next::Done { outcome: Outcome::Never(fault), reusable: true },
        };
        self.data = data;
        let mut command = format!("MAIL FROM:<{}>", self.mail.from.unwrap_or_default());
        if parameters.eight_bit {
            command.push_str(" BODY=8BITMIME");
        }
        if parameters.utf8 {
            command.push_str(" SMTPUTF8");
        }
        command.push_str("\r\n");
        self.go(Step::Mail, command.into_bytes())
    }
}

fn offers(reply: &Reply) -> Offers {
    let mechanisms = reply.offer("AUTH").unwrap_or_default();
    let offered = |name: &str| mechanisms.split_whitespace().any(|word| word.eq_ignore_ascii_case(name));
    let login = Mechanisms { plain: offered("PLAIN"), login: offered("LOGIN") };
    Offers { eight_bit: reply.offers("8BITMIME"), utf8: reply.offers("SMTPUTF8"), login }
}

struct Connection {
    line: Line,
    offers: Offers,
}

/// Delivers over LMTP.
pub(super) struct Sender {
    opener: Opener,
    hostname: String,
    login: Option<Login>,
    idle: Pool<Connection>,
}

impl Sender {
    pub(super) fn new(opener: Opener, hostname: String, login: Option<Login>, keep: Duration) -> Self {
        Self { opener, hostname, login, idle: Pool::new(keep) }
    }

    /// One mail; a kept connection that is dead is replaced once, as long as the text was not sent.
    pub(super) async fn deliver(&self, mail: &Mail<'_>) -> Outcome {
        if let Some(kept) = self.idle.take() {
            let (dialogue, next) = Dialogue::resume(&self.hostname, mail, kept.offers);
            match self.converse(kept, dialogue, Some(next), true).await {
                Ok(outcome) => return outcome,
                Err(broken) if broken.data_sent => return broken.outcome(),
                Err(_) => {}
            }
        }
        let Opened { line, greeted } = match self.opener.open().await {
            Ok(opened) => opened,
            Err(outcome) => return told(outcome),
        };
        let fresh = Connection { line, offers: Offers::default() };
        let (dialogue, next) = if greeted {
            let (dialogue, next) = Dialogue::greeted(&self.hostname, mail, self.login.as_ref());
            (dialogue, Some(next))
        } else {
            (Dialogue::open(&self.hostname, mail, self.login.as_ref()), None)
        };
        self.converse(fresh, dialogue, next, false).await.unwrap_or_else(|broken| broken.outcome())
    }

    async fn converse(
        &self,
        mut connection: Connection,
        mut dialogue: Dialogue<'_>,
        mut next: Option<Next>,
        kept: bool,
    ) -> Result<Outcome, Broken> {
        let line = &mut connection.line;
        loop {
            let broken = |why: String| Broken { data_sent: dialogue.data_sent(), why };
            match next {
                Some(Next::Write(_)) if line.surplus => {
                    return Err(broken("the mail server answered more than it was asked".to_owned()));
                }
                Some(Next::Write(octets)) => line.write(&octets).await.map_err(broken)?,
                Some(Next::Done { outcome, reusable }) => {
                    let outcome = if dialogue.is_session() { outcome } else { told(outcome) };
                    if reusable && !line.surplus {
                        connection.offers = dialogue.offers();
                        self.idle.put(connection);
                    } else {
                        // Courtesy; nobody waits for the answer.
                        let _ = line.write(b"QUIT\r\n").await;
                    }
                    return Ok(outcome);
                }
                None => {}
            }
            let reply = line.reply().await.map_err(broken)?;
            if kept && reply.code == 421 && !dialogue.data_sent() {
                return Err(Broken { data_sent: false, why: "the kept connection was closed".to_owned() });
            }
            next = Some(dialogue.take(&reply));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(code: u16, words: &str) -> Reply {
        Reply { code, enhanced: None, words: words.to_owned() }
    }

    fn written(next: &Next) -> &str {
        match next {
            Next::Write(octets) => std::str::from_utf8(octets).expect("ASCII"),
            Next::Done { outcome, .. } => panic!("{outcome:?}"),
        }
    }

    #[test]
    fn a_mail_goes_its_way() {
        let mail = Mail { from: Some("\"sms:+15551234567\"@sms.test"), to: "alice@example.test", data: b".\n.\nx" };
        let mut d = Dialogue::open("mx.test", &mail, None);
        assert_eq!(written(&d.take(&reply(220, "hello"))), "LHLO mx.test\r\n");
        let next = d.take(&reply(250, "mx\n8BITMIME\nPIPELINING"));
        assert_eq!(written(&next), "MAIL FROM:<\"sms:+15551234567\"@sms.test>\r\n");
        assert_eq!(written(&d.take(&reply(250, "ok"))), "RCPT TO:<alice@example.test>\r\n");
        assert_eq!(written(&d.take(&reply(250, "ok"))), "DATA\r\n");
        assert!(!d.data_sent());
        assert_eq!(written(&d.take(&reply(354, "go"))), "..\r\n..\r\nx\r\n.\r\n");
        assert!(d.data_sent());
        assert!(matches!(d.take(&reply(250, "ok")), Next::Done { outcome: Outcome::Sent(_), reusable: true }));
    }

    #[test]
    fn the_null_sender_and_eight_bits() {
        let mail = Mail { from: None, to: "alice@example.test", data: "é".as_bytes() };
        let mut d = Dialogue::open("mx.test", &mail, None);
        d.take(&reply(220, "hello"));
        assert_eq!(written(&d.take(&reply(250, "mx\n8bitmime"))), "MAIL FROM:<> BODY=8BITMIME\r\n");
        let mut d = Dialogue::open("mx.test", &mail, None);
        d.take(&reply(220, "hello"));
        assert_eq!(
            written(&d.take(&reply(250, "8BITMIME"))),
            "MAIL FROM:<>\r\n",
            "a name in the first line is no offer"
        );
        for code in [250, 250] {
            d.take(&reply(code, "ok"));
        }
        assert!(written(&d.take(&reply(354, "go"))).is_ascii(), "it was encoded");
    }

    #[test]
    fn a_login_comes_before_the_mail() {
        let mail = Mail { from: None, to: "alice@example.test", data: b"x" };
        let login = Login { user: "me".to_owned(), password: Secret::new("pw".to_owned()) };
        let (mut d, first) = Dialogue::greeted("mx.test", &mail, Some(&login));
        assert_eq!(written(&first), "LHLO mx.test\r\n");
        assert_eq!(written(&d.take(&reply(250, "mx\nAUTH CRAM-MD5 PLAIN"))), "AUTH PLAIN AG1lAHB3\r\n");
        assert_eq!(written(&d.take(&reply(235, "ok"))), "MAIL FROM:<>\r\n");
        let (mut d, _) = Dialogue::greeted("mx.test", &mail, Some(&login));
        assert_eq!(written(&d.take(&reply(250, "mx\nAUTH=LOGIN"))), "AUTH LOGIN\r\n");
        assert_eq!(written(&d.take(&reply(334, "VXNlcm5hbWU6"))), "bWU=\r\n");
        assert_eq!(written(&d.take(&reply(334, "UGFzc3dvcmQ6"))), "cHc=\r\n");
        let Next::Done { outcome: Outcome::Later(fault), reusable: false } = d.take(&reply(535, "wrong")) else {
            panic!("a wrong password can be mended")
        };
        assert_eq!(fault.code.to_string(), "4.7.8");
        for offered in ["mx", "mx\nAUTH GSSAPI"] {
            let (mut d, _) = Dialogue::greeted("mx.test", &mail, Some(&login));
            let next = d.take(&reply(250, offered));
            assert!(matches!(next, Next::Done { outcome: Outcome::Later(_), reusable: false }), "{offered}");
        }
    }

    #[test]
    fn a_refusal_ends_it_at_every_step() {
        let mail = Mail { from: None, to: "alice@example.test", data: b"x" };
        for fails in 0..6 {
            let mut d = Dialogue::open("mx.test", &mail, None);
            for step in 0..fails {
                let code = [220, 250, 250, 250, 354][step];
                assert!(matches!(d.take(&reply(code, "ok")), Next::Write(_)));
            }
            let Next::Done { outcome, .. } = d.take(&reply(451, "no")) else { panic!("step {fails}") };
            assert!(matches!(outcome, Outcome::Later(_)), "{outcome:?}");
        }
        // DATA answered like any other command must not be taken for leave to send.
        let mut d = Dialogue::open("mx.test", &mail, None);
        for code in [220, 250, 250, 250] {
            d.take(&reply(code, "ok"));
        }
        assert!(matches!(d.take(&reply(250, "ok")), Next::Done { outcome: Outcome::Later(_), reusable: false }));
    }
}
