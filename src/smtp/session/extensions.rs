//! The session's extensions: STARTTLS (RFC 3207), AUTH (RFC 4954), CHUNKING (RFC 3030), XCLIENT.
//!
//! What can go wrong: words that a stranger put in front of the handshake and that count behind it; a password that is
//! asked for where others can listen; a refused chunk whose octets are read as commands; a client behind a proxy that
//! speaks for itself as the proxy did.

use super::{
    Chunks, Closed, CommandError, Enhanced, Lines, Link, Mail, Mechanism, Phase, Protocol, Reply, SaslError, Session,
    Turn, XClient, auth,
};
use crate::{ground::AccountName, smtp::data::DataError};

/// Wrong passwords before 421.
const MAX_WRONG: u32 = 3;

/// What the next line of the client answers.
pub(super) enum Sasl {
    Plain,
    User,
    Pass(String),
}

/// How logging in went.
pub enum LogIn {
    Known(AccountName),
    Wrong,
    /// Too many at once: later.
    Busy,
    /// Too many wrong ones lately: no password is looked at.
    Locked,
}

/// A chunk on its way.
pub(super) struct Chunk {
    left: u64,
    last: bool,
    /// It is read away, and this is the answer. `true`: it counts as an error.
    refusal: Option<(Reply, bool)>,
}

impl Session {
    /// Where the session stands; before the first step.
    #[must_use]
    pub fn on(mut self, link: Link) -> Self {
        self.link = link;
        self
    }

    /// The answer to [`Step::StartTls`](super::Step::StartTls): the client waits. Write the replies, shake hands, and
    /// call [`Session::encrypted`].
    pub fn start_tls(&mut self) {
        self.say_new(220, Enhanced::new(2, 0, 0), "Go ahead");
    }

    /// The other answer to it: the client sent something behind STARTTLS without waiting, or somebody on the way did.
    pub fn pipelined(&mut self) {
        self.phase = Phase::Commands;
        self.say_new(554, Enhanced::new(5, 5, 1), "Nothing may stand behind STARTTLS. Closing");
        self.close(Closed::Pipelined);
    }

    /// The handshake is done: everything said before is forgotten (RFC 3207 4.2). What a proxy said by XCLIENT holds
    /// on: forgotten, it would be the proxy that speaks.
    pub fn encrypted(&mut self) {
        self.link = Link::Encrypted;
        self.phase = Phase::Commands;
        self.lines = Lines::default();
        self.begin_anew();
    }

    /// The answer to [`Step::LogIn`](super::Step::LogIn).
    pub fn logged_in(&mut self, outcome: LogIn) {
        if !matches!(self.phase, Phase::LoggingIn(_)) {
            return;
        }
        self.phase = Phase::Commands;
        match outcome {
            LogIn::Known(name) => {
                self.login = Some(name);
                self.wrong = 0;
                self.say_new(235, Enhanced::new(2, 7, 0), "Logged in");
            }
            LogIn::Wrong => self.wrong_login(),
            LogIn::Locked => self.refuse_new(454, Enhanced::new(4, 7, 0), "Too many wrong passwords; try again later"),
            LogIn::Busy => self.say_new(451, Enhanced::new(4, 3, 2), "Too many log in at once; try again"),
        }
    }

    fn begin_anew(&mut self) {
        self.reset();
        self.hello = None;
        self.extended = false;
        self.login = None;
    }

    pub(super) fn starttls(&mut self) {
        if !self.settings.tls {
            return self.refuse(&CommandError::NotServed.reply());
        }
        if self.link == Link::Encrypted {
            return self.out_of_order("The connection is encrypted already");
        }
        if self.hello.is_none() || self.open {
            return self.out_of_order("STARTTLS stands between hello and MAIL");
        }
        self.phase = Phase::Securing;
    }

    /// AUTH is offered here and now.
    pub(super) fn may_log_in(&self) -> bool {
        self.settings.auth && self.link != Link::Open && self.login.is_none()
    }

    pub(super) fn auth(&mut self, mechanism: Option<Mechanism>, initial: Option<&str>) {
        if !self.settings.auth {
            return self.refuse(&CommandError::NotServed.reply());
        }
        if !self.extended || self.open {
            return self.out_of_order("AUTH stands between EHLO and MAIL");
        }
        if self.login.is_some() {
            return self.out_of_order("Logged in already");
        }
        if self.link == Link::Open {
            return self.refuse_new(538, Enhanced::new(5, 7, 11), "Only on an encrypted connection");
        }
        let Some(mechanism) = mechanism else {
            return self.refuse_new(504, Enhanced::new(5, 5, 4), "The mechanisms are PLAIN and LOGIN");
        };
        let (sasl, question) = match mechanism {
            Mechanism::Plain => (Sasl::Plain, ""),
            // "Username:"
            Mechanism::Login => (Sasl::User, "VXNlcm5hbWU6"),
        };
        match initial {
            Some(initial) => self.answered(sasl, initial),
            None => self.question(sasl, question),
        }
    }

    fn question(&mut self, sasl: Sasl, words: &str) {
        self.phase = Phase::Sasl(sasl);
        self.say(&Reply::plain(334, vec![words.into()]));
    }

    /// A line that answers a question.
    pub(super) fn sasl_line(&mut self) {
        let Phase::Sasl(sasl) = std::mem::replace(&mut self.phase, Phase::Commands) else { return };
        match std::str::from_utf8(self.lines.line()).map(str::to_owned) {
            Ok(line) => self.answered(sasl, &line),
            Err(_) => self.not_understood(SaslError::NotBase64),
        }
    }

    fn answered(&mut self, sasl: Sasl, line: &str) {
        let login = auth::answer(line).and_then(|answer| match sasl {
            Sasl::Plain => auth::plain(&answer).map(Ok),
            Sasl::User => auth::user(&answer).map(Err),
            Sasl::Pass(user) => auth::login(user, &answer).map(Ok),
        });
        match login {
            Ok(Ok(login)) => self.phase = Phase::LoggingIn(Box::new(login)),
            // "Password:"
            Ok(Err(user)) => self.question(Sasl::Pass(user), "UGFzc3dvcmQ6"),
            Err(error) => self.not_understood(error),
        }
    }

    fn not_understood(&mut self, error: SaslError) {
        match error {
            SaslError::Cancelled => self.refuse_new(501, Enhanced::new(5, 7, 0), "Cancelled"),
            SaslError::NotBase64 => self.refuse_new(501, Enhanced::new(5, 5, 2), "Not base64"),
            SaslError::Shape => self.refuse_new(501, Enhanced::new(5, 5, 2), "Not a user and a password"),
            SaslError::Other => self.wrong_login(),
        }
    }

    fn wrong_login(&mut self) {
        self.wrong += 1;
        if self.wrong >= MAX_WRONG {
            self.say_new(421, Enhanced::new(4, 7, 0), "Too many wrong passwords");
            return self.close(Closed::WrongPasswords);
        }
        self.refuse_new(535, Enhanced::new(5, 7, 8), "User or password is wrong");
    }

    /// A chunk was announced: its octets follow whatever is thought of it.
    pub(super) fn bdat(&mut self, size: u64, last: bool) {
        let order = |words| Some((Reply::new(503, Enhanced::new(5, 5, 1), words), true));
        let refusal = if self.spoiled {
            // The client could not know yet: no error of its own.
            Some((Reply::new(503, Enhanced::new(5, 5, 1), "A chunk before this one was refused; say RSET"), false))
        } else if !self.open {
            order("MAIL comes first")
        } else if self.recipients.is_empty() {
            order("No recipient was accepted")
        } else {
            None
        };
        if refusal.is_none() && self.chunks.is_none() {
            self.chunks = Some(Chunks::new(self.settings.max_size, self.bare()));
        }
        self.phase = Phase::Chunk(Chunk { left: size, last, refusal });
    }

    /// Takes octets of a chunk; at its end what follows.
    pub(super) fn chunk(&mut self, input: &mut &[u8]) -> Option<Turn> {
        let Phase::Chunk(chunk) = &mut self.phase else { return None };
        let taken = usize::try_from(chunk.left).unwrap_or(usize::MAX).min(input.len());
        let (part, rest) = input.split_at(taken);
        *input = rest;
        chunk.left -= taken as u64;
        if let (None, Some(chunks)) = (&chunk.refusal, &mut self.chunks) {
            chunks.feed(part);
        }
        if chunk.left > 0 {
            return Some(Turn::More);
        }
        let Phase::Chunk(chunk) = std::mem::replace(&mut self.phase, Phase::Commands) else { return None };
        self.chunk_ended(chunk).map(Turn::Mail)
    }

    fn chunk_ended(&mut self, chunk: Chunk) -> Option<Box<Mail>> {
        match chunk.refusal {
            Some((reply, true)) => self.refuse(&reply),
            Some((reply, false)) => self.say(&reply),
            None if chunk.last => {
                let chunks = self.chunks.take()?;
                return self.data_ended(chunks.finish());
            }
            None => match self.chunks.as_ref().and_then(Chunks::error) {
                None => self.say_new(250, Enhanced::new(2, 0, 0), "Chunk taken"),
                Some(error) => self.spoil(error),
            },
        }
        None
    }

    /// The mail is refused before its last chunk: one reply, and none of the chunks behind it is taken.
    fn spoil(&mut self, error: DataError) {
        let refusal = self.refusal_of(error);
        self.reset();
        self.spoiled = true;
        self.refuse_unless_late(&refusal);
    }

    pub(super) fn xclient(&mut self, told: XClient) {
        if !self.settings.xclient {
            return self.refuse(&CommandError::NotServed.reply());
        }
        if !self.trusted {
            return self.refuse_new(550, Enhanced::new(5, 7, 0), "XCLIENT is for trusted peers");
        }
        if self.open {
            return self.out_of_order("XCLIENT stands outside of a mail");
        }
        self.begin_anew();
        self.xclient = Some(told);
        // From here on the client speaks: over what way it came is not known, and it is nobody's proxy.
        self.trusted = false;
        if self.link == Link::Local {
            self.link = Link::Open;
        }
        let greeting = self.greeting();
        self.say(&greeting);
    }

    pub(super) fn greeting(&self) -> Reply {
        let kind = match self.protocol {
            Protocol::Lmtp => "LMTP",
            Protocol::Smtp => "ESMTP",
        };
        Reply::plain(220, vec![format!("{} {kind} Martlet", self.settings.hostname)])
    }
}
