//! The steps of a mail: hello, MAIL, RCPT, DATA, XFORWARD, and the end of the data (RFC 5321 4.1.1, RFC 2033 4).
//!
//! What can go wrong: steps out of their order; a mail that is too large, or goes in circles; what belongs to one mail and is
//! believed of the next.

use super::{
    Bare, CommandError, DataError, Enhanced, Envelope, Hello, Link, Mail, Phase, Protocol, Receiver, Recipient, Reply,
    Session, XForward, hops, xclient, xforward,
};

impl Session {
    pub(super) fn greet(&mut self, kind: Hello, name: String) {
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

    pub(super) fn mail(&mut self, envelope: Envelope) {
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

    pub(super) fn rcpt(&mut self, recipient: Recipient, needs_utf8: bool) {
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

    pub(super) fn data(&mut self) {
        if !self.open {
            return self.out_of_order("MAIL comes first");
        }
        if self.recipients.is_empty() {
            return self.out_of_order("No recipient was accepted");
        }
        if self.chunks.is_some() {
            return self.out_of_order("The mail comes in chunks");
        }
        let receiver = Receiver::new(self.settings.max_size, self.envelope.size).with(self.bare());
        self.phase = Phase::Data(Box::new(receiver));
        self.say(&Reply::plain(354, vec!["End with <CR><LF>.<CR><LF>".into()]));
    }

    /// What becomes of bare line ends in the mails of this peer.
    pub(super) fn bare(&self) -> Bare {
        if self.trusted { self.settings.bare } else { Bare::Refuse }
    }

    pub(super) fn forwarded(&mut self, told: XForward) {
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
    pub(super) fn data_ended(&mut self, end: Result<Vec<u8>, DataError>) -> Option<Box<Mail>> {
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
}
