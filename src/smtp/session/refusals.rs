//! What is said, and where something is wrong: with which code, whether it counts, and whether the session goes on.
//!
//! What can go wrong: a reply behind the last one; an error that a well-behaved client is counted for.

use super::{Closed, CommandError, DataError, Enhanced, Envelope, LineError, Phase, Reply, Session};

impl Session {
    pub(super) fn refusal_of(&self, error: DataError) -> Reply {
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
    pub(super) fn refuse_unless_late(&mut self, refusal: &Reply) {
        if refusal.code() < 500 { self.say(refusal) } else { self.refuse(refusal) }
    }

    pub(super) fn bad_line(&mut self, error: LineError) {
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

    pub(super) fn bad_command(&mut self, error: &CommandError) {
        self.refuse(&error.reply());
        match error {
            CommandError::Http => self.close(Closed::Http),
            CommandError::Chunk => self.close(Closed::BadChunk),
            _ => {}
        }
    }

    pub(super) fn too_big(&self) -> Reply {
        let words = format!("Larger than {} octets", self.settings.max_size);
        Reply::new(552, Enhanced::new(5, 3, 4), words)
    }

    pub(super) fn out_of_order(&mut self, words: &str) {
        self.refuse_new(503, Enhanced::new(5, 5, 1), words);
    }

    pub(super) fn refuse_new(&mut self, code: u16, enhanced: Enhanced, words: &str) {
        self.refuse(&Reply::new(code, enhanced, words));
    }

    /// Says what is wrong and counts it.
    pub(super) fn refuse(&mut self, reply: &Reply) {
        self.say(reply);
        self.errors += 1;
        if self.errors >= self.settings.max_errors {
            self.say_new(421, Enhanced::new(4, 7, 0), "Too many errors");
            self.close(Closed::TooManyErrors);
        }
    }

    pub(super) fn say_new(&mut self, code: u16, enhanced: Enhanced, words: &str) {
        self.say(&Reply::new(code, enhanced, words));
    }

    pub(super) fn say(&mut self, reply: &Reply) {
        if !matches!(self.phase, Phase::Closed(_)) {
            reply.write(&mut self.replies);
        }
    }

    pub(super) fn close(&mut self, why: Closed) {
        if !matches!(self.phase, Phase::Closed(_)) {
            self.phase = Phase::Closed(why);
            self.reset();
        }
    }

    /// Forgets the transaction, XFORWARD included.
    pub(super) fn reset(&mut self) {
        self.envelope = Envelope::default();
        self.recipients = Vec::new();
        self.asked = None;
        self.open = false;
        self.chunks = None;
        self.spoiled = false;
    }
}
