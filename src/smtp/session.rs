//! One SMTP or LMTP session as a state machine without sockets (RFC 5321 3, RFC 2033, RFC 2920 pipelining).
//!
//! The door feeds bytes and does what each [`Step`] says; replies gather in order and are written once per batch.
//! How the stream was cut into reads changes nothing. What can go wrong: a reply too many or too few shifts every
//! later one (LMTP: one per accepted recipient behind DATA, also when the mail is refused by its form); words behind
//! an ambiguous line end are never read as commands.
//!
//! A verb is a variant of [`Command`]; one that changes the stream (STARTTLS) or asks the door (RCPT, AUTH) is a step of
//! its own; one that carries data (DATA, BDAT) is a phase. Extensions stand in `session/extensions.rs`.

mod extensions;

use std::sync::Arc;

pub use self::extensions::LogIn;
use self::extensions::{Chunk, Sasl};
use crate::ground::{AccountName, Enhanced};

use super::{
    Command, CommandError, Envelope, Login, Mechanism, Recipient, Reply, XClient, XForward,
    auth::{self, SaslError},
    chunk::Chunks,
    command::Hello,
    data::{DataError, Receiver, hops},
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

    fn greet(&mut self, kind: Hello, name: String) {
        let fits = (kind == Hello::Lhlo) == (self.protocol == Protocol::Lmtp);
        if !fits {
            // RFC 2033 4.1: an LMTP server knows neither HELO nor EHLO.
            let words =
                if self.protocol == Protocol::Lmtp { "This is LMTP: say LHLO" } else { "This is SMTP: say EHLO" };
            return self.refuse_new(500, Enhanced::new(5, 5, 1), words);
        }
        self.reset();
        self.hello = Some(name);
        self.extended = kind != Hello::Helo;
        let mut lines = vec![self.settings.hostname.clone()];
        if self.extended {
            lines.push("PIPELINING".into());
            lines.push(format!("SIZE {}", self.settings.max_size));
            lines.extend(["8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "DSN", "CHUNKING"].map(String::from));
            if self.trusted {
                lines.push(xforward::OFFER.into());
            }
            if self.trusted && self.settings.xclient {
                lines.push(xclient::OFFER.into());
            }
            if self.settings.tls && self.link != Link::Encrypted {
                lines.push("STARTTLS".into());
            }
            if self.may_log_in() {
                lines.push("AUTH PLAIN LOGIN".into());
            }
            lines.push("HELP".into());
        }
        self.say(&Reply::plain(250, lines));
    }

    fn mail(&mut self, envelope: Envelope) {
        if self.hello.is_none() {
            return self.out_of_order("Say hello first");
        }
        if self.open {
            return self.out_of_order("A mail is open already");
        }
        if envelope.size.is_some_and(|size| size > self.settings.max_size) {
            return self.refuse(&self.too_big());
        }
        let xforward = std::mem::take(&mut self.envelope.xforward);
        self.envelope = Envelope { xforward, login: self.login.clone(), xclient: self.xclient.clone(), ..envelope };
        self.spoiled = false;
        self.open = true;
        self.say_new(250, Enhanced::new(2, 1, 0), "Sender ok");
    }

    fn rcpt(&mut self, recipient: Recipient, needs_utf8: bool) {
        if !self.open {
            return self.out_of_order("MAIL comes first");
        }
        if self.chunks.is_some() {
            return self.out_of_order("The mail has begun");
        }
        if needs_utf8 && !self.envelope.smtputf8 {
            return self.refuse(&CommandError::NeedsUtf8.reply());
        }
        if self.recipients.len() >= self.settings.max_recipients {
            // No error: RFC 5321 4.5.3.1.10 has the client send the rest in another transaction.
            return self.say_new(452, Enhanced::new(4, 5, 3), "Too many recipients; send the rest in another mail");
        }
        self.asked = Some(recipient);
        self.phase = Phase::Asking;
    }

    fn data(&mut self) {
        if !self.open {
            return self.out_of_order("MAIL comes first");
        }
        if self.recipients.is_empty() {
            return self.out_of_order("No recipient was accepted");
        }
        if self.chunks.is_some() {
            return self.out_of_order("The mail comes in chunks");
        }
        self.phase = Phase::Data(Box::new(Receiver::new(self.settings.max_size, self.envelope.size)));
        self.say(&Reply::plain(354, vec!["End with <CR><LF>.<CR><LF>".into()]));
    }

    fn forwarded(&mut self, told: XForward) {
        if !self.trusted {
            return self.refuse_new(550, Enhanced::new(5, 7, 0), "XFORWARD is for trusted peers");
        }
        if self.hello.is_none() || self.open {
            return self.out_of_order("XFORWARD stands between hello and MAIL");
        }
        xforward::merge(&mut self.envelope.xforward, told);
        self.say_new(250, Enhanced::new(2, 0, 0), "Ok");
    }

    /// The end of the data was seen: a mail, or replies that refuse it.
    fn data_ended(&mut self, end: Result<Vec<u8>, DataError>) -> Option<Box<Mail>> {
        let count = self.recipients.len();
        let refusal = match end {
            Ok(data) if hops(&data) <= self.settings.max_hops => {
                self.phase = Phase::Answering(count);
                let mail = Mail {
                    envelope: std::mem::take(&mut self.envelope),
                    recipients: std::mem::take(&mut self.recipients),
                    data,
                };
                self.open = false;
                return Some(Box::new(mail));
            }
            Ok(_) => Reply::new(554, Enhanced::new(5, 4, 6), "Too many Received fields: the mail goes in circles"),
            Err(error) => self.refusal_of(error),
        };
        self.phase = Phase::Commands;
        self.reset();
        let more = if self.protocol == Protocol::Lmtp { count - 1 } else { 0 };
        for _ in 0..more {
            self.say(&refusal);
        }
        self.refuse_unless_late(&refusal);
        None
    }

    fn refusal_of(&self, error: DataError) -> Reply {
        match error {
            DataError::TooBig => self.too_big(),
            DataError::Bytes => {
                Reply::new(550, Enhanced::new(5, 5, 2), "A bare CR, a bare LF or a NUL in the mail; lines end in CR LF")
            }
            DataError::NoRoom => {
                Reply::new(452, Enhanced::new(4, 3, 1), "Too many large mails at once; try again soon")
            }
        }
    }

    /// What is only put off is no error of the client.
    fn refuse_unless_late(&mut self, refusal: &Reply) {
        if refusal.code() < 500 { self.say(refusal) } else { self.refuse(refusal) }
    }

    fn bad_line(&mut self, error: LineError) {
        let code = Enhanced::new(5, 5, 2);
        match error {
            LineError::TooLong => self.refuse_new(500, code, "Line too long"),
            LineError::Nul => self.refuse_new(500, code, "NUL in a command"),
            LineError::Bare => {
                self.say_new(500, code, "A bare CR or LF in a command; lines end in CR LF. Closing");
                self.close(Closed::BareLineEnd);
            }
        }
    }

    fn bad_command(&mut self, error: &CommandError) {
        self.refuse(&error.reply());
        match error {
            CommandError::Http => self.close(Closed::Http),
            CommandError::Chunk => self.close(Closed::BadChunk),
            _ => {}
        }
    }

    fn too_big(&self) -> Reply {
        let words = format!("Larger than {} octets", self.settings.max_size);
        Reply::new(552, Enhanced::new(5, 3, 4), words)
    }

    fn out_of_order(&mut self, words: &str) {
        self.refuse_new(503, Enhanced::new(5, 5, 1), words);
    }

    fn refuse_new(&mut self, code: u16, enhanced: Enhanced, words: &str) {
        self.refuse(&Reply::new(code, enhanced, words));
    }

    /// Says what is wrong and counts it.
    fn refuse(&mut self, reply: &Reply) {
        self.say(reply);
        self.errors += 1;
        if self.errors >= self.settings.max_errors {
            self.say_new(421, Enhanced::new(4, 7, 0), "Too many errors");
            self.close(Closed::TooManyErrors);
        }
    }

    fn say_new(&mut self, code: u16, enhanced: Enhanced, words: &str) {
        self.say(&Reply::new(code, enhanced, words));
    }

    fn say(&mut self, reply: &Reply) {
        if !matches!(self.phase, Phase::Closed(_)) {
            reply.write(&mut self.replies);
        }
    }

    fn close(&mut self, why: Closed) {
        if !matches!(self.phase, Phase::Closed(_)) {
            self.phase = Phase::Closed(why);
            self.reset();
        }
    }

    /// Forgets the transaction, XFORWARD included.
    fn reset(&mut self) {
        self.envelope = Envelope::default();
        self.recipients = Vec::new();
        self.asked = None;
        self.open = false;
        self.chunks = None;
        self.spoiled = false;
    }
}

/// For a journey that gave no answer: the client keeps the mail.
fn failed() -> Reply {
    Reply::new(451, Enhanced::new(4, 3, 0), "No answer from the queue; try again")
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
