//! Replies of the MTA: read with a bound, and what they mean for one mail. Pure.
//!
//! | reply | outcome |
//! |---|---|
//! | 2xx behind the data | sent |
//! | 4xx | later |
//! | 421 anywhere, any refusal before MAIL (our login too), 530, 535, 538 | later, for all mails: the MTA or our login there is in trouble |
//! | other 5xx | never |

use smtp_proto::response::parser::ResponseReceiver;

use crate::ground::{Enhanced, Fault, Outcome, RemoteId, Scope};

/// Octets of one reply, all lines together.
const REPLY_CAP: usize = 16 * 1024;

/// A reply: code, enhanced code where it has one, words of all lines.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    pub code: u16,
    pub enhanced: Option<Enhanced>,
    pub words: String,
}

/// Without the words: servers repeat addresses in them.
impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reply({}, [{}])", self.code, self.words.len())
    }
}

/// What the other side sent is no reply, or endless.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoReply;

/// Reads replies out of a stream of octets.
#[derive(Default)]
pub struct Reader {
    receiver: ResponseReceiver,
    taken: usize,
}

impl Reader {
    /// Takes octets; `Ok(None)` when the reply goes on. Returns how many octets of `input` belong to the reply.
    pub fn feed(&mut self, input: &[u8]) -> Result<(usize, Option<Reply>), NoReply> {
        let mut octets = input.iter();
        let parsed = self.receiver.parse(&mut octets);
        let used = input.len() - octets.len();
        self.taken += used;
        if self.taken > REPLY_CAP {
            return Err(NoReply);
        }
        match parsed {
            Ok(response) => {
                self.receiver.reset();
                self.taken = 0;
                if !(200..600).contains(&response.code) {
                    return Err(NoReply);
                }
                let [class, subject, detail] = response.esc;
                let enhanced = format!("{class}.{subject}.{detail}").parse().ok();
                Ok((used, Some(Reply { code: response.code, enhanced, words: response.message })))
            }
            Err(smtp_proto::Error::NeedsMoreData { .. }) => Ok((used, None)),
            Err(_) => Err(NoReply),
        }
    }
}

/// What was asked when a reply came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Greeting,
    Hello,
    /// Our login.
    Auth,
    Mail,
    Rcpt,
    Data,
    /// Behind the final dot. LMTP answers for the recipient, SMTP for the mail.
    Dot {
        per_recipient: bool,
    },
}

impl Step {
    fn scope(self) -> Scope {
        match self {
            Self::Greeting | Self::Hello | Self::Auth => Scope::Gateway,
            Self::Mail | Self::Data | Self::Dot { per_recipient: false } => Scope::Message,
            Self::Rcpt | Self::Dot { per_recipient: true } => Scope::Recipient,
        }
    }
}

impl Reply {
    /// The fate of the mail when this reply ends it: a refusal at any step, or the answer to the final dot.
    pub fn judge(&self, step: Step) -> Outcome {
        let fault = |scope, code| Fault::new(scope, code, format!("{} {}", self.code, self.words));
        match self.code {
            200..300 if matches!(step, Step::Dot { .. }) => Outcome::Sent(RemoteId::new(&self.words)),
            421 => Outcome::Later(fault(Scope::Gateway, self.or(4, Enhanced::new(4, 3, 2)))),
            400..600 if step == Step::Auth => Outcome::Later(self.login_refused()),
            530 | 535 | 538 => Outcome::Later(fault(Scope::Gateway, Enhanced::new(4, 7, 0))),
            400..500 => Outcome::Later(fault(step.scope(), self.or(4, self.usual(step).in_class(4)))),
            500..600 if step.scope() == Scope::Gateway => Outcome::Later(fault(Scope::Gateway, Enhanced::new(4, 3, 2))),
            500..600 => Outcome::Never(fault(step.scope(), self.or(5, self.usual(step)))),
            // 2xx or 3xx where it answers nothing.
            _ => Outcome::Later(fault(Scope::Gateway, Enhanced::new(4, 5, 0))),
        }
    }

    /// Somebody can mend it: nothing is given up for a wrong password.
    fn login_refused(&self) -> Fault {
        let text = format!("the mail server refuses our login: {} {}", self.code, self.words);
        Fault::new(Scope::Gateway, self.or(4, Enhanced::new(4, 7, 8)), text)
    }

    /// Whether this is an answer to EHLO or LHLO that offers an extension.
    pub fn offers(&self, keyword: &str) -> bool {
        self.offer(keyword).is_some()
    }

    /// What stands behind the keyword of an offered extension; the first line names the server.
    pub fn offer(&self, keyword: &str) -> Option<&str> {
        self.words.lines().skip(1).find_map(|line| {
            let (word, rest) = line.trim().split_once([' ', '=']).unwrap_or((line.trim(), ""));
            word.eq_ignore_ascii_case(keyword).then_some(rest)
        })
    }

    fn or(&self, class: u8, usual: Enhanced) -> Enhanced {
        self.enhanced.filter(|own| own.class() == class).unwrap_or(usual)
    }

    /// The enhanced code of a reply that has none (RFC 3463, by RFC 5321 4.2.2).
    fn usual(&self, step: Step) -> Enhanced {
        match (self.code, step) {
            (550, Step::Rcpt) => Enhanced::new(5, 1, 1),
            (550, _) => Enhanced::new(5, 7, 1),
            (551, _) => Enhanced::new(5, 1, 6),
            (450, _) => Enhanced::new(5, 2, 0),
            (451, _) => Enhanced::new(5, 3, 0),
            (452, _) => Enhanced::new(5, 3, 1),
            (552, _) => Enhanced::new(5, 2, 2),
            (553, _) => Enhanced::new(5, 1, 3),
            (500..=504, _) => Enhanced::new(5, 5, 1),
            _ => Enhanced::new(5, 0, 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Reply {
        let (used, reply) = Reader::default().feed(text.as_bytes()).expect("a reply");
        assert_eq!(used, text.len(), "{text}");
        reply.expect("the whole reply")
    }

    #[test]
    fn replies_are_judged_by_code_and_step() {
        const DOT: Step = Step::Dot { per_recipient: true };
        const ALL: Step = Step::Dot { per_recipient: false };
        // what was said, when, which outcome, for whom, with which code
        let cases = [
            ("450 4.2.1 busy", Step::Rcpt, "later", Scope::Recipient, "4.2.1"),
            ("450 busy", Step::Rcpt, "later", Scope::Recipient, "4.2.0"),
            ("451 wait", Step::Mail, "later", Scope::Message, "4.3.0"),
            ("452 4.2.2 over quota", DOT, "later", Scope::Recipient, "4.2.2"),
            ("452 full", ALL, "later", Scope::Message, "4.3.1"),
            ("421 4.3.2 closing", Step::Rcpt, "later", Scope::Gateway, "4.3.2"),
            ("421 bye", ALL, "later", Scope::Gateway, "4.3.2"),
            ("554 5.3.2 no service", Step::Greeting, "later", Scope::Gateway, "4.3.2"),
            ("502 what", Step::Hello, "later", Scope::Gateway, "4.3.2"),
            ("535 5.7.8 wrong", Step::Auth, "later", Scope::Gateway, "4.7.8"),
            ("454 4.7.0 ask again", Step::Auth, "later", Scope::Gateway, "4.7.0"),
            ("504 no such mechanism", Step::Auth, "later", Scope::Gateway, "4.7.8"),
            ("421 4.3.2 bye", Step::Auth, "later", Scope::Gateway, "4.3.2"),
            ("530 5.7.0 log in first", Step::Mail, "later", Scope::Gateway, "4.7.0"),
            ("550 5.1.1 no such user", Step::Rcpt, "never", Scope::Recipient, "5.1.1"),
            ("550 no such user", Step::Rcpt, "never", Scope::Recipient, "5.1.1"),
            ("550 spam", ALL, "never", Scope::Message, "5.7.1"),
            ("550 4.1.1 odd class", Step::Rcpt, "never", Scope::Recipient, "5.1.1"),
            ("551 moved", Step::Rcpt, "never", Scope::Recipient, "5.1.6"),
            ("552 5.2.2 over quota", DOT, "never", Scope::Recipient, "5.2.2"),
            ("553 bad name", Step::Mail, "never", Scope::Message, "5.1.3"),
            ("554 5.6.0 content", ALL, "never", Scope::Message, "5.6.0"),
            ("554 no", Step::Data, "never", Scope::Message, "5.0.0"),
            ("503 order", Step::Data, "never", Scope::Message, "5.5.1"),
            ("354 go", ALL, "later", Scope::Gateway, "4.5.0"),
        ];
        for (said, step, wanted, scope, code) in cases {
            let (kind, fault) = match read(&format!("{said}\r\n")).judge(step) {
                Outcome::Later(fault) => ("later", fault),
                Outcome::Never(fault) => ("never", fault),
                other => panic!("{said}: {other:?}"),
            };
            assert_eq!((kind, fault.scope, fault.code.to_string().as_str()), (wanted, scope, code), "{said}");
            assert!(fault.text.contains(&said[..3]), "{}", fault.text);
        }
        let sent = read("250 2.0.0 <a@b> saved\r\n").judge(DOT);
        assert!(matches!(sent, Outcome::Sent(Some(id)) if id.as_str() == "<a@b> saved"));
    }

    #[test]
    fn replies_come_in_pieces_and_lines() {
        let mut reader = Reader::default();
        for octet in b"250-a\r\n250-8BITMIME\r\n250 " {
            assert_eq!(reader.feed(&[*octet]), Ok((1, None)));
        }
        let (used, reply) = reader.feed(b"b\r\n220 next\r\n").expect("reply");
        assert_eq!(used, 3);
        assert_eq!(reply.expect("whole").words.lines().collect::<Vec<_>>(), ["a", "8BITMIME", "b"]);
        assert_eq!(read("250\r\n").code, 250);
    }

    #[test]
    fn what_is_no_reply_or_endless_is_refused() {
        for bad in ["hello\r\n", "2x0 a\r\n", "250_a\r\n", "150 a\r\n", "999 a\r\n", "\r\n"] {
            assert_eq!(Reader::default().feed(bad.as_bytes()), Err(NoReply), "{bad}");
        }
        let mut reader = Reader::default();
        assert!((0..10_000).any(|_| reader.feed(b"250-\r\n").is_err()), "endless lines");
        let mut reader = Reader::default();
        assert!((0..10_000).any(|_| reader.feed(b"250 aaaaaaa").is_err()), "an endless line");
    }
}
