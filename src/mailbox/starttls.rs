//! Asking for TLS at the beginning of a session (RFC 3207): greeting, EHLO or LHLO, STARTTLS. Pure.
//!
//! Behind it the session starts over in both cases, so that nothing said in clear counts. What can go wrong: a server
//! without STARTTLS, or somebody on the way who takes it out of the answer; both are the same to us.

use super::reply::{Reply, Step};
use crate::ground::{Enhanced, Fault, Outcome, Scope};

/// What is to be done next.
#[derive(Debug, PartialEq, Eq)]
pub enum Ask {
    Write(Vec<u8>),
    /// The handshake; nothing that came in clear may be kept.
    Encrypt,
    /// In clear: it was not offered, and is not required.
    GoOn,
    End(Outcome),
}

/// The dialogue up to the handshake. It begins with the server's greeting.
pub struct Upgrade<'a> {
    /// `EHLO name` or `LHLO name`.
    hello: &'a str,
    required: bool,
    asked: Asked,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Nothing,
    Hello,
    Tls,
}

impl<'a> Upgrade<'a> {
    pub fn new(hello: &'a str, required: bool) -> Self {
        Self { hello, required, asked: Asked::Nothing }
    }

    /// Takes the reply to what was written last.
    pub fn take(&mut self, reply: &Reply) -> Ask {
        let sound = (200..300).contains(&reply.code);
        match self.asked {
            Asked::Nothing if !sound => Ask::End(reply.judge(Step::Greeting)),
            Asked::Hello if !sound => Ask::End(reply.judge(Step::Hello)),
            Asked::Nothing => {
                self.asked = Asked::Hello;
                Ask::Write(format!("{}\r\n", self.hello).into_bytes())
            }
            Asked::Hello if reply.offers("STARTTLS") => {
                self.asked = Asked::Tls;
                Ask::Write(b"STARTTLS\r\n".to_vec())
            }
            Asked::Hello => self.without("the mail server offers no STARTTLS"),
            Asked::Tls if reply.code == 220 => Ask::Encrypt,
            Asked::Tls if reply.code == 421 => Ask::End(reply.judge(Step::Hello)),
            Asked::Tls => {
                let why = format!("the mail server refuses STARTTLS: {} {}", reply.code, reply.words);
                self.without(&why)
            }
        }
    }

    fn without(&self, why: &str) -> Ask {
        if !self.required {
            return Ask::GoOn;
        }
        Ask::End(Outcome::Later(Fault::new(Scope::Gateway, Enhanced::new(4, 7, 4), why)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(code: u16, words: &str) -> Reply {
        Reply { code, enhanced: None, words: words.to_owned() }
    }

    #[test]
    fn it_is_asked_for_where_offered() {
        for required in [true, false] {
            let mut upgrade = Upgrade::new("EHLO sms.test", required);
            assert_eq!(upgrade.take(&reply(220, "hello")), Ask::Write(b"EHLO sms.test\r\n".to_vec()));
            assert_eq!(upgrade.take(&reply(250, "mx\nSIZE 1\nstarttls")), Ask::Write(b"STARTTLS\r\n".to_vec()));
            assert_eq!(upgrade.take(&reply(220, "go")), Ask::Encrypt);
        }
    }

    #[test]
    fn without_it_nothing_goes_on_where_it_is_required() {
        for (offer, answer) in [("mx\nSIZE 1", None), ("STARTTLS", None), ("mx\nSTARTTLS", Some(454))] {
            for required in [true, false] {
                let mut upgrade = Upgrade::new("LHLO sms.test", required);
                upgrade.take(&reply(220, "hello"));
                let mut ask = upgrade.take(&reply(250, offer));
                if let Some(code) = answer {
                    ask = upgrade.take(&reply(code, "not now"));
                }
                match ask {
                    Ask::GoOn => assert!(!required, "{offer}"),
                    Ask::End(Outcome::Later(fault)) => {
                        assert!(required && fault.code.to_string() == "4.7.4", "{offer}: {}", fault.text);
                    }
                    other => panic!("{offer}: {other:?}"),
                }
            }
        }
    }

    #[test]
    fn a_server_that_is_not_well_ends_it() {
        for (greeting, hello, tls) in [(554, 0, 0), (220, 502, 0), (220, 250, 421)] {
            let mut upgrade = Upgrade::new("EHLO sms.test", false);
            let mut last = upgrade.take(&reply(greeting, "x"));
            for (code, words) in [(hello, "mx\nSTARTTLS"), (tls, "x")] {
                if code > 0 {
                    last = upgrade.take(&reply(code, words));
                }
            }
            assert!(matches!(last, Ask::End(Outcome::Later(fault)) if fault.scope == Scope::Gateway));
        }
    }
}
