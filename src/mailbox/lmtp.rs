//! LMTP client (RFC 2033): over TCP or a Unix socket, one recipient per mail, connections kept for a while.
//!
//! The dialogue is a sans-IO machine: replies in, octets to write out. What can go wrong: the connection breaks at any
//! point (always `Later`; a kept one that was dead already is replaced once), or the server says no.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UnixStream},
};

use super::{
    Broken, Mail, Url, data,
    pool::Pool,
    reply::{Reader, Reply, Step},
};
use crate::ground::{Enhanced, Fault, Outcome, Scope};

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
}

/// One mail's way through the dialogue.
pub struct Dialogue<'a> {
    hostname: &'a str,
    mail: &'a Mail<'a>,
    step: Step,
    offers: Offers,
}

impl<'a> Dialogue<'a> {
    /// On a new connection: the greeting is awaited.
    pub fn open(hostname: &'a str, mail: &'a Mail<'a>) -> Self {
        Self { hostname, mail, step: Step::Greeting, offers: Offers::default() }
    }

    /// On a kept connection: what is to be done first.
    pub fn resume(hostname: &'a str, mail: &'a Mail<'a>, offers: Offers) -> (Self, Next) {
        let mut dialogue = Self { hostname, mail, step: Step::Hello, offers };
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

    /// Takes the reply to what was written last.
    pub fn take(&mut self, reply: &Reply) -> Next {
        let wanted = if self.step == Step::Data { 300..400 } else { 200..300 };
        if !wanted.contains(&reply.code) {
            return Next::Done { outcome: reply.judge(self.step), reusable: false };
        }
        match self.step {
            Step::Greeting => self.go(Step::Hello, format!("LHLO {}\r\n", self.hostname).into_bytes()),
            Step::Hello => {
                self.offers = offers(&reply.words);
                self.mail()
            }
            Step::Mail => self.go(Step::Rcpt, format!("RCPT TO:<{}>\r\n", self.mail.to).into_bytes()),
            Step::Rcpt => self.go(Step::Data, b"DATA\r\n".to_vec()),
            Step::Data => self.go(Step::Dot { per_recipient: true }, data::stuffed(self.mail.data)),
            Step::Dot { .. } => Next::Done { outcome: reply.judge(self.step), reusable: true },
        }
    }

    fn go(&mut self, step: Step, octets: Vec<u8>) -> Next {
        self.step = step;
        Next::Write(octets)
    }

    fn mail(&mut self) -> Next {
        let parameters = match self.mail.parameters(self.offers.eight_bit, self.offers.utf8) {
            Ok(parameters) => parameters,
            Err(fault) => return Next::Done { outcome: Outcome::Never(fault), reusable: true },
        };
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

fn offers(words: &str) -> Offers {
    let offered = |keyword: &str| {
        words.lines().skip(1).any(|l| l.split_whitespace().next().is_some_and(|w| w.eq_ignore_ascii_case(keyword)))
    };
    Offers { eight_bit: offered("8BITMIME"), utf8: offered("SMTPUTF8") }
}

trait Stream: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin {}
impl<T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin> Stream for T {}

struct Connection {
    stream: Box<dyn Stream>,
    reader: Reader,
    offers: Offers,
    /// Octets came that nobody asked for: no further reply can be matched.
    surplus: bool,
}

/// Delivers over LMTP.
pub(super) struct Sender {
    url: Url,
    hostname: String,
    idle: Pool<Connection>,
}

impl Sender {
    pub(super) fn new(url: Url, hostname: String, keep: Duration) -> Self {
        Self { url, hostname, idle: Pool::new(keep) }
    }

    /// One mail; a kept connection that is dead is replaced once, as long as the text was not sent.
    pub(super) async fn deliver(&self, mail: &Mail<'_>) -> Outcome {
        if let Some(kept) = self.idle.take() {
            let (dialogue, next) = Dialogue::resume(&self.hostname, mail, kept.offers);
            match self.converse(kept, dialogue, Some(next)).await {
                Ok(outcome) => return outcome,
                Err(broken) if broken.data_sent => return broken.outcome(),
                Err(_) => {}
            }
        }
        let stream = match self.connect().await {
            Ok(stream) => stream,
            Err(e) => {
                let text = format!("no connection to the mail server: {e}");
                return Outcome::Later(Fault::new(Scope::Gateway, Enhanced::new(4, 4, 1), text));
            }
        };
        let fresh = Connection { stream, reader: Reader::default(), offers: Offers::default(), surplus: false };
        let dialogue = Dialogue::open(&self.hostname, mail);
        self.converse(fresh, dialogue, None).await.unwrap_or_else(|broken| broken.outcome())
    }

    async fn connect(&self) -> std::io::Result<Box<dyn Stream>> {
        Ok(match &self.url {
            Url::LmtpUnix(path) => Box::new(UnixStream::connect(path).await?),
            Url::LmtpTcp { host, port } | Url::Smtp { host, port } => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                stream.set_nodelay(true)?;
                Box::new(stream)
            }
        })
    }

    async fn converse(
        &self,
        mut connection: Connection,
        mut dialogue: Dialogue<'_>,
        first: Option<Next>,
    ) -> Result<Outcome, Broken> {
        let kept = first.is_some();
        let mut next = first;
        loop {
            match next {
                Some(Next::Write(_)) if connection.surplus => {
                    let why = "the mail server answered more than it was asked".to_owned();
                    return Err(Broken { data_sent: dialogue.data_sent(), why });
                }
                Some(Next::Write(octets)) => {
                    let written = connection.stream.write_all(&octets).await;
                    written.map_err(|e| Broken { data_sent: dialogue.data_sent(), why: e.to_string() })?;
                }
                Some(Next::Done { outcome, reusable }) => {
                    connection.offers = dialogue.offers();
                    if reusable && !connection.surplus {
                        self.idle.put(connection);
                    } else {
                        // Courtesy; nobody waits for the answer.
                        let _ = connection.stream.write_all(b"QUIT\r\n").await;
                    }
                    return Ok(outcome);
                }
                None => {}
            }
            let reply = connection.reply().await.map_err(|why| Broken { data_sent: dialogue.data_sent(), why })?;
            if kept && reply.code == 421 && !dialogue.data_sent() {
                return Err(Broken { data_sent: false, why: "the kept connection was closed".to_owned() });
            }
            next = Some(dialogue.take(&reply));
        }
    }
}

impl Connection {
    /// One reply.
    async fn reply(&mut self) -> Result<Reply, String> {
        let mut buffer = [0; 1024];
        loop {
            let n = self.stream.read(&mut buffer).await.map_err(|e| e.to_string())?;
            if n == 0 {
                return Err("the mail server closed the connection".to_owned());
            }
            match self.reader.feed(&buffer[..n]) {
                Ok((used, Some(reply))) => {
                    self.surplus = used < n;
                    return Ok(reply);
                }
                Ok((_, None)) => {}
                Err(_) => return Err("the mail server's answer is no reply".to_owned()),
            }
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
        let mut d = Dialogue::open("mx.test", &mail);
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
        let mut d = Dialogue::open("mx.test", &mail);
        d.take(&reply(220, "hello"));
        assert_eq!(written(&d.take(&reply(250, "mx\n8bitmime"))), "MAIL FROM:<> BODY=8BITMIME\r\n");
        let mut d = Dialogue::open("mx.test", &mail);
        d.take(&reply(220, "hello"));
        let Next::Done { outcome: Outcome::Never(fault), .. } = d.take(&reply(250, "8BITMIME")) else {
            panic!("a name in the first line is no offer")
        };
        assert_eq!(fault.code.to_string(), "5.6.3");
    }

    #[test]
    fn a_refusal_ends_it_at_every_step() {
        let mail = Mail { from: None, to: "alice@example.test", data: b"x" };
        for fails in 0..6 {
            let mut d = Dialogue::open("mx.test", &mail);
            for step in 0..fails {
                let code = [220, 250, 250, 250, 354][step];
                assert!(matches!(d.take(&reply(code, "ok")), Next::Write(_)));
            }
            let Next::Done { outcome, .. } = d.take(&reply(451, "no")) else { panic!("step {fails}") };
            assert!(matches!(outcome, Outcome::Later(_)), "{outcome:?}");
        }
        // DATA answered like any other command must not be taken for leave to send.
        let mut d = Dialogue::open("mx.test", &mail);
        for code in [220, 250, 250, 250] {
            d.take(&reply(code, "ok"));
        }
        assert!(matches!(d.take(&reply(250, "ok")), Next::Done { outcome: Outcome::Later(_), reusable: false }));
    }
}
