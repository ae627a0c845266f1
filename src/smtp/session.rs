//! One SMTP or LMTP session as a state machine without sockets (RFC 5321 3, RFC 2033, RFC 2920 pipelining).
//!
//! The door feeds bytes and does what each [`Step`] says; replies gather in order and are written once per batch.
//! How the stream was cut into reads changes nothing. What can go wrong: a reply too many or too few shifts every
//! later one (LMTP: one per accepted recipient behind DATA, also when the mail is refused by its form); words behind
//! an ambiguous line end are never read as commands.
//!
//! A verb is a variant of [`Command`]; one that changes the stream (STARTTLS) or asks the door (RCPT, AUTH) is a step of
//! its own; one that carries data (DATA, BDAT) is a phase. Extensions stand in `session/extensions.rs`, the steps of a mail in
//! `session/transaction.rs`, what is said where something is wrong in `session/refusals.rs`.

mod extensions;
mod refusals;
mod transaction;

use std::sync::Arc;

pub use self::extensions::LogIn;
use self::extensions::{Chunk, Sasl};
use crate::ground::{AccountName, Enhanced};

use super::{
    Command, CommandError, Envelope, Login, Mechanism, Recipient, Reply, XClient, XForward,
    auth::{self, SaslError},
    chunk::Chunks,
    command::Hello,
    data::{Bare, DataError, Receiver, hops},
    line::{LineError, Lines},
    xclient, xforward,
};

pub use super::step::{Closed, Link, Mail, Protocol, Settings, Step};

/// Replies of more octets than this are written before more input is read.
const BATCH: usize = 16 * 1024;

/// [`Step`] without what it borrows.
enum Turn {
    More,
    Flush,
    Ask,
    StartTls,
    LogIn,
    Mail(Box<Mail>),
    Close(Closed),
}

enum Phase {
    Commands,
    Asking,
    /// STARTTLS was said.
    Securing,
    /// The client answers a question of AUTH.
    Sasl(Sasl),
    LoggingIn(Box<Login>),
    Chunk(Chunk),
    Data(Box<Receiver>),
    /// That many recipients wait for the answers to their mail.
    Answering(usize),
    Closed(Closed),
}

/// One session. Its first reply is the greeting.
pub struct Session {
    settings: Arc<Settings>,
    protocol: Protocol,
    trusted: bool,
    lines: Lines,
    replies: Vec<u8>,
    phase: Phase,
    link: Link,
    hello: Option<String>,
    /// The hello was one that knows extensions.
    extended: bool,
    login: Option<AccountName>,
    /// Wrong passwords since the last right one.
    wrong: u32,
    xclient: Option<XClient>,
    /// The mail so far, where it comes in chunks.
    chunks: Option<Chunks>,
    /// A chunk of this mail was refused.
    spoiled: bool,
    /// `true` from MAIL until the end of its transaction.
    open: bool,
    envelope: Envelope,
    recipients: Vec<Recipient>,
    asked: Option<Recipient>,
    errors: u32,
    mails: u64,
}

impl Session {
    /// A session that greets. `trusted` peers may use XFORWARD, and their refused recipients are no errors.
    pub fn new(settings: Arc<Settings>, protocol: Protocol, trusted: bool) -> Self {
        let lines = Lines::new(settings.max_line);
        let mut session = Self {
            settings,
            protocol,
            trusted,
            lines,
            replies: Vec::new(),
            phase: Phase::Commands,
            link: Link::Open,
            hello: None,
            extended: false,
            login: None,
            wrong: 0,
            xclient: None,
            chunks: None,
            spoiled: false,
            open: false,
            envelope: Envelope::default(),
            recipients: Vec::new(),
            asked: None,
            errors: 0,
            mails: 0,
        };
        let greeting = session.greeting();
        session.say(&greeting);
        session
    }

    /// Takes from `input` up to the next thing that the door must do.
    pub fn step(&mut self, input: &mut &[u8]) -> Step<'_> {
        match self.turn(input) {
            Turn::More => Step::More,
            Turn::Flush => Step::Flush,
            Turn::Mail(mail) => Step::Mail(mail),
            Turn::StartTls => Step::StartTls,
            Turn::LogIn => match &self.phase {
                Phase::LoggingIn(login) => Step::LogIn(login),
                _ => Step::More,
            },
            Turn::Close(why) => Step::Close(why),
            Turn::Ask => match &self.asked {
                Some(recipient) => Step::AskRecipient { envelope: &self.envelope, recipient },
                None => Step::More,
            },
        }
    }

    /// Octets of the mail on its way that are kept so far.
    pub fn held(&self) -> usize {
        match (&self.phase, &self.chunks) {
            (Phase::Data(receiver), _) => receiver.held(),
            (_, Some(chunks)) => chunks.held(),
            _ => 0,
        }
    }

    /// There is no room for the mail on its way: at its end the client is told to come again.
    pub fn put_off(&mut self) {
        match (&mut self.phase, &mut self.chunks) {
            (Phase::Data(receiver), _) => receiver.put_off(),
            (_, Some(chunks)) => chunks.put_off(),
            _ => {}
        }
    }

    /// The replies that wait to be written, in wire form.
    pub fn replies(&self) -> &[u8] {
        &self.replies
    }

    /// The replies were written.
    pub fn written(&mut self) {
        self.replies.clear();
    }

    /// Errors since the last accepted mail.
    pub fn errors(&self) -> u32 {
        self.errors
    }

    /// Mails for which at least one recipient got 250.
    pub fn mails(&self) -> u64 {
        self.mails
    }

    /// The name that the client gave with HELO, EHLO or LHLO.
    pub fn hello(&self) -> Option<&str> {
        self.hello.as_deref()
    }

    /// Between MAIL and the end of its transaction.
    pub fn in_transaction(&self) -> bool {
        self.open || matches!(self.phase, Phase::Data(_) | Phase::Answering(_))
    }

    /// Ends the session with a last reply, such as 421.
    pub fn hang_up(&mut self, reply: &Reply) {
        self.say(reply);
        self.close(Closed::HungUp);
    }

    /// The answer to [`Step::AskRecipient`]: 2xx accepts, anything else refuses. 421 ends the session.
    pub fn answer(&mut self, reply: &Reply) {
        let Some(recipient) = self.asked.take() else { return };
        self.phase = Phase::Commands;
        if reply.is_positive() {
            self.recipients.push(recipient);
        }
        if reply.code() >= 500 && !self.trusted {
            return self.refuse(reply);
        }
        self.say(reply);
        if reply.code() == 421 {
            self.close(Closed::HungUp);
        }
    }

    /// The answers to [`Step::Mail`], one per recipient in order; what is missing counts as 451.
    ///
    /// LMTP passes them on. SMTP has one reply for all: a temporary one if there is one, since the client then hands
    /// the mail over again and those who have it are known; else 250 if any is positive; else the first refusal.
    pub fn answers(&mut self, mut replies: Vec<Reply>) {
        let Phase::Answering(count) = self.phase else { return };
        self.phase = Phase::Commands;
        replies.resize(count, failed());
        if replies.iter().any(Reply::is_positive) {
            self.errors = 0;
            self.mails += 1;
        }
        match self.protocol {
            Protocol::Lmtp => replies.iter().for_each(|reply| self.say(reply)),
            Protocol::Smtp => {
                let temporary = replies.iter().find(|reply| reply.code() < 200 || (300..500).contains(&reply.code()));
                let one = temporary.or_else(|| replies.iter().find(|reply| reply.is_positive())).or(replies.first());
                let one = one.cloned().unwrap_or_else(failed);
                self.say(&one);
            }
        }
        if replies.iter().any(|reply| reply.code() == 421) {
            self.close(Closed::HungUp);
        }
    }

    fn turn(&mut self, input: &mut &[u8]) -> Turn {
        loop {
            if let Phase::Closed(why) = self.phase {
                return Turn::Close(why);
            }
            if self.replies.len() > BATCH {
                return Turn::Flush;
            }
            match &mut self.phase {
                Phase::Closed(why) => return Turn::Close(*why),
                Phase::Asking => return Turn::Ask,
                Phase::Securing => return Turn::StartTls,
                Phase::LoggingIn(_) => return Turn::LogIn,
                Phase::Chunk(_) => {
                    if let Some(turn) = self.chunk(input) {
                        return turn;
                    }
                }
                Phase::Sasl(_) => match self.lines.fill(input) {
                    None => return Turn::More,
                    Some(Err(error)) => {
                        self.phase = Phase::Commands;
                        self.bad_line(error);
                    }
                    Some(Ok(())) => self.sasl_line(),
                },
                Phase::Answering(_) => self.answers(Vec::new()),
                Phase::Data(receiver) => match receiver.feed(input) {
                    None => return Turn::More,
                    Some(end) => {
                        if let Some(mail) = self.data_ended(end) {
                            return Turn::Mail(mail);
                        }
                    }
                },
                Phase::Commands => match self.lines.fill(input) {
                    None => return Turn::More,
                    Some(Err(error)) => self.bad_line(error),
                    Some(Ok(())) => match Command::parse(self.lines.line()) {
                        Ok(command) => self.command(command),
                        Err(error) => self.bad_command(&error),
                    },
                },
            }
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Hello(kind, name) => self.greet(kind, name),
            Command::Mail(envelope) => self.mail(*envelope),
            Command::Rcpt { recipient, needs_utf8 } => self.rcpt(*recipient, needs_utf8),
            Command::Data => self.data(),
            Command::XForward(told) => self.forwarded(*told),
            Command::XClient(told) => self.xclient(*told),
            Command::StartTls => self.starttls(),
            Command::Auth { mechanism, initial } => self.auth(mechanism, initial.as_deref()),
            Command::Bdat { size, last } => self.bdat(size, last),
            Command::Rset => {
                self.reset();
                self.say_new(250, Enhanced::new(2, 0, 0), "Reset");
            }
            Command::Noop => self.say_new(250, Enhanced::new(2, 0, 0), "Ok"),
            Command::Vrfy => self.say_new(252, Enhanced::new(2, 0, 0), "Send a mail and see"),
            Command::Help => {
                self.say_new(214, Enhanced::new(2, 0, 0), "Recipients are phones: <\"sms:+15551234567\"@domain>");
            }
            Command::Quit => {
                self.say_new(221, Enhanced::new(2, 0, 0), "Bye");
                self.close(Closed::Quit);
            }
        }
    }
}

/// For a journey that gave no answer: the client keeps the mail.
fn failed() -> Reply {
    Reply::new(451, Enhanced::new(4, 3, 0), "No answer from the queue; try again")
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
