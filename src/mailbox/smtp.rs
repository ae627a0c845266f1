//! SMTP client: lettre's connection, driven command by command.
//!
//! lettre's own pool is not used: when an attempt is given up in time, it takes the connection back in the middle of
//! the dialogue, and the next mail reads the replies of the one before. Here a connection that did not end well is
//! dropped. lettre reads lines without a bound and refuses replies that are not UTF-8: `Guard` stands in front, and so
//! TLS is made below it ([`super::wire`]) and not by lettre, which would wrap it around.
//! What can go wrong else is as in [`super::lmtp`].

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use lettre::{
    Address,
    transport::smtp::{
        authentication::Mechanism,
        client::{AsyncSmtpConnection, AsyncTokioStream},
        commands::{Data, Mail as MailCommand, Quit, Rcpt},
        extension::{ClientId, Extension, MailBodyParameter, MailParameter},
        response::Response,
    },
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    Broken, Mail, data,
    login::{Login, Mechanisms},
    pool::Pool,
    reply::{Reply, Step},
    told,
    wire::{Opened, Opener, Wire},
};
use crate::ground::{Enhanced, Outcome};

/// Octets that may come between two writes of ours. lettre reads a reply from its beginning for every line of it, so
/// a larger bound costs time by its square.
const ANSWER_CAP: usize = 8 * 1024;

/// What lettre takes for the greeting where it has come already, before STARTTLS.
const GREETED: &str = "220 greeted\r\n";

/// A stream whose answers are bounded and ASCII.
#[derive(Debug)]
struct Guard {
    wire: Wire,
    /// Octets that are read before those of the wire.
    first: &'static str,
    read: usize,
}

impl AsyncRead for Guard {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.first.is_empty() {
            let (now, rest) = self.first.split_at(self.first.len().min(buf.remaining()));
            buf.put_slice(now.as_bytes());
            self.first = rest;
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.wire).poll_read(cx, buf))?;
        let fresh = &mut buf.filled_mut()[before..];
        fresh.iter_mut().filter(|octet| !octet.is_ascii()).for_each(|octet| *octet = b'?');
        self.read += fresh.len();
        if self.read > ANSWER_CAP {
            return Poll::Ready(Err(io::Error::other("the mail server's answer is endless")));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Guard {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.read = 0;
        Pin::new(&mut self.wire).poll_write(cx, buf)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_shutdown(cx)
    }
}

impl AsyncTokioStream for Guard {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.wire.peer_addr()
    }
}

/// Delivers over SMTP.
pub(super) struct Sender {
    opener: Opener,
    hello: ClientId,
    login: Option<Login>,
    idle: Pool<AsyncSmtpConnection>,
}

/// Our name in EHLO; an address stands in brackets.
pub(super) fn hello(hostname: &str) -> ClientId {
    match hostname.parse() {
        Ok(std::net::IpAddr::V4(ip)) => ClientId::Ipv4(ip),
        Ok(std::net::IpAddr::V6(ip)) => ClientId::Ipv6(ip),
        Err(_) => ClientId::Domain(hostname.to_owned()),
    }
}

/// How a dialogue ended that did not go through.
enum End {
    Refused(Outcome),
    Broken(Broken),
}

impl Sender {
    pub(super) fn new(opener: Opener, hello: ClientId, login: Option<Login>, keep: Duration) -> Self {
        Self { opener, hello, login, idle: Pool::new(keep) }
    }

    /// One mail; a kept connection that is dead is replaced once, as long as the text was not sent.
    pub(super) async fn deliver(&self, mail: &Mail<'_>) -> Outcome {
        if let Some(kept) = self.idle.take() {
            match self.converse(kept, mail).await {
                Ok(outcome) | Err(End::Refused(outcome)) if !is_closing(&outcome) => return outcome,
                Err(End::Broken(broken)) if broken.data_sent => return broken.outcome(),
                _ => {}
            }
        }
        match self.connect().await {
            Ok(fresh) => match self.converse(fresh, mail).await {
                Ok(outcome) | Err(End::Refused(outcome)) => outcome,
                Err(End::Broken(broken)) => broken.outcome(),
            },
            Err(outcome) => told(outcome),
        }
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Outcome> {
        let Opened { line, greeted } = self.opener.open().await?;
        let first = if greeted { GREETED } else { "" };
        let guard = Box::new(Guard { wire: line.into_wire(), first, read: 0 });
        let connected = AsyncSmtpConnection::connect_with_transport(guard, &self.hello).await;
        let mut connection = connected.map_err(|e| match refusal(&e) {
            Some(reply) => reply.judge(Step::Greeting),
            None => Broken { data_sent: false, why: cause(&e) }.outcome(),
        })?;
        match self.log_in(&mut connection).await {
            Ok(()) => Ok(connection),
            Err(End::Broken(broken)) => Err(broken.outcome()),
            Err(End::Refused(outcome)) => {
                // Courtesy to a server that said no; dropping the connection would do.
                let _ = connection.command(Quit).await;
                Err(outcome)
            }
        }
    }

    async fn log_in(&self, c: &mut AsyncSmtpConnection) -> Result<(), End> {
        let Some(login) = &self.login else { return Ok(()) };
        let offers = |mechanism| c.server_info().supports_auth_mechanism(mechanism);
        let offered = Mechanisms { plain: offers(Mechanism::Plain), login: offers(Mechanism::Login) };
        let lines = login.lines(offered).map_err(|fault| End::Refused(Outcome::Later(fault)))?;
        for (n, line) in lines.iter().enumerate() {
            let class = if n + 1 == lines.len() { 200 } else { 300 };
            heed(c.command(line.expose()).await, Step::Auth, class)?;
        }
        Ok(())
    }

    async fn converse(&self, mut connection: AsyncSmtpConnection, mail: &Mail<'_>) -> Result<Outcome, End> {
        let outcome = match self.dialogue(&mut connection, mail).await {
            Ok(outcome) => outcome,
            Err(End::Refused(outcome)) => {
                // Courtesy to a server that said no; dropping the connection would do.
                let _ = connection.command(Quit).await;
                return Err(End::Refused(outcome));
            }
            Err(end) => return Err(end),
        };
        if matches!(outcome, Outcome::Sent(_)) {
            self.idle.put(connection);
        }
        Ok(outcome)
    }

    async fn dialogue(&self, c: &mut AsyncSmtpConnection, mail: &Mail<'_>) -> Result<Outcome, End> {
        let info = c.server_info();
        let offered = [Extension::EightBitMime, Extension::SmtpUtfEight].map(|e| info.supports_feature(e));
        let prepared = mail.prepare(offered[0], offered[1]);
        let (needed, octets) = prepared.map_err(|fault| End::Refused(Outcome::Never(fault)))?;
        let mut parameters = Vec::new();
        if needed.eight_bit {
            parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        if needed.utf8 {
            parameters.push(MailParameter::SmtpUtfEight);
        }
        let from = mail.from.map(address);
        heed(c.command(MailCommand::new(from, parameters)).await, Step::Mail, 200)?;
        heed(c.command(Rcpt::new(address(mail.to), Vec::new())).await, Step::Rcpt, 200)?;
        heed(c.command(Data).await, Step::Data, 300)?;
        // lettre stuffs dots behind CRLF only, and adds the last CRLF by itself.
        let lines = data::lines(&octets);
        let body = lines.strip_suffix(b"\r\n").unwrap_or(&lines);
        let step = Step::Dot { per_recipient: false };
        let response = heed(c.message(body).await, step, 200)?;
        Ok(reply(&response).judge(step))
    }
}

/// The parts of a path that [`data::is_path`] found sound; `Address` itself refuses some that are.
fn address(path: &str) -> Address {
    let (local, domain) = path.rsplit_once('@').unwrap_or((path, ""));
    Address::new_dangerous(local, domain)
}

/// A reply of the wanted class, or how the dialogue ends.
fn heed(answer: Result<Response, lettre::transport::smtp::Error>, step: Step, class: u16) -> Result<Response, End> {
    match answer {
        Ok(response) if (class..class + 100).contains(&u16::from(response.code())) => Ok(response),
        Ok(response) => Err(End::Refused(reply(&response).judge(step))),
        Err(e) => Err(match refusal(&e) {
            Some(reply) => End::Refused(reply.judge(step)),
            None => End::Broken(Broken { data_sent: matches!(step, Step::Dot { .. }), why: cause(&e) }),
        }),
    }
}

fn reply(response: &Response) -> Reply {
    worded(response.code().into(), &response.message().collect::<Vec<_>>().join("\n"))
}

fn refusal(error: &lettre::transport::smtp::Error) -> Option<Reply> {
    Some(worded(error.status()?.into(), &cause(error)))
}

/// lettre leaves the enhanced code among the words, on every line.
fn worded(code: u16, text: &str) -> Reply {
    let enhanced = text.split_whitespace().next().and_then(|first| first.parse().ok());
    let lines = text.lines().map(|line| match line.split_once(' ') {
        Some((first, rest)) if enhanced.is_some() && first.parse::<Enhanced>().is_ok() => rest,
        _ => line,
    });
    Reply { code, enhanced, words: lines.collect::<Vec<_>>().join("\n") }
}

fn cause(error: &lettre::transport::smtp::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

/// A kept connection that the server closes with 421 says nothing about the mail.
fn is_closing(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Later(fault) if fault.text.starts_with("421"))
}
