//! What is said next: the first of all that is missing on the way to the folder, at last the mail.
//!
//! What can go wrong: a password where nobody protects it, a login or a mail that IMAP has no words for.

use imap_codec::imap_types::{
    auth::{AuthMechanism, AuthenticateData},
    command::CommandBody,
    core::{Literal, Vec1},
    datetime::DateTime,
    extensions::enable::CapabilityEnable,
    flag::Flag,
    mailbox::Mailbox,
};

use super::{Dialogue, Next, Offers, Step, gateway, lost, utf7};
use crate::mailbox::{data::lines, tls::Tls};

impl Dialogue<'_> {
    /// What is missing next.
    pub(super) fn go_on(&mut self) -> Next {
        let Some(offers) = self.session.offers else { return self.ask(Step::Capability, CommandBody::Capability) };
        let wants_tls = matches!(self.tls, Tls::Required | Tls::Offered) && !self.session.encrypted;
        if wants_tls && !self.session.logged_in {
            return match offers.starttls {
                true => self.ask(Step::StartTls, CommandBody::StartTLS),
                false => self.without_tls("the mailbox server offers no STARTTLS"),
            };
        }
        if !self.session.logged_in {
            return self.log_in(offers);
        }
        if self.session.hierarchy.is_none() {
            return match offers.namespace {
                true => self.ask(Step::Hierarchy, CommandBody::Namespace),
                false => match CommandBody::list("", "") {
                    Ok(list) => self.ask(Step::Hierarchy, list),
                    Err(_) => lost("two empty strings are no names"),
                },
            };
        }
        if self.session.utf8.is_none() && !self.mail.folder.is_ascii() {
            if offers.utf8 && !offers.rev2_only {
                let wanted = CapabilityEnable::try_from("UTF8=ACCEPT").map(Vec1::from);
                if let Ok(capabilities) = wanted {
                    return self.ask(Step::Enable, CommandBody::Enable { capabilities });
                }
            }
            self.session.utf8 = Some(offers.rev2_only);
        }
        self.bring()
    }

    pub(super) fn without_tls(&mut self, why: &str) -> Next {
        if self.tls == Tls::Required {
            return gateway(4, 7, 4, why);
        }
        match self.session.offers {
            Some(offers) => self.log_in(offers),
            None => lost(why),
        }
    }

    pub(super) fn log_in(&mut self, offers: Offers) -> Next {
        let (user, password) = (self.login.user.as_str(), self.login.password.expose().as_str());
        if offers.plain {
            let words = format!("\0{user}\0{password}").into_bytes();
            if offers.sasl_ir {
                let body = CommandBody::authenticate_with_ir(AuthMechanism::Plain, words);
                return self.ask(Step::Login, body);
            }
            let data = AuthenticateData::r#continue(words);
            let encoded = imap_codec::encode::Encoder::encode(&imap_codec::AuthenticateDataCodec::default(), &data);
            self.answer = Some(encoded.dump());
            return self.ask(Step::Login, CommandBody::authenticate(AuthMechanism::Plain));
        }
        if offers.login_disabled {
            return gateway(4, 7, 4, "the mailbox server offers no login on this connection");
        }
        match CommandBody::login(user.to_owned(), password.to_owned()) {
            Ok(body) => self.ask(Step::Login, body),
            Err(_) => gateway(4, 7, 8, "the login holds what IMAP cannot say"),
        }
    }

    /// The mail itself, or a look whether it is there.
    fn bring(&mut self) -> Next {
        if self.looked {
            return self.append();
        }
        self.looked = true;
        let name = self.place();
        match CommandBody::examine(name) {
            Ok(body) => self.ask(Step::Open, body),
            Err(_) => self.append(),
        }
    }

    pub(super) fn append(&mut self) -> Next {
        let offers = self.session.offers.unwrap_or_default();
        // No NUL may stand in a mail (RFC 3501 9, CHAR8); one says nothing to a reader.
        let data: Vec<u8> = lines(self.mail.data).into_iter().map(|b| if b == 0 { b' ' } else { b }).collect();
        let unasked = offers.unasked(data.len());
        let Ok(mut literal) = Literal::try_from(data) else { return lost("the mail holds what IMAP cannot say") };
        if unasked {
            literal = literal.into_non_sync();
        }
        let flags = if self.mail.seen { vec![Flag::Seen] } else { Vec::new() };
        let date = self.mail.date.and_then(|date| {
            let utc = chrono::DateTime::from_timestamp(date.0.div_euclid(1000), 0)?;
            DateTime::try_from(utc.fixed_offset()).ok()
        });
        match CommandBody::append(self.place(), flags, date, literal) {
            Ok(body) => self.ask(Step::Append, body),
            Err(_) => lost("the mail holds what IMAP cannot say"),
        }
    }

    /// The folder, as this server calls it.
    pub(super) fn place(&self) -> Mailbox<'static> {
        let name = self.session.hierarchy.clone().unwrap_or_default().place(self.mail.folder);
        let name = if self.session.utf8 == Some(true) { name } else { utf7(&name) };
        Mailbox::try_from(name).expect("no NUL stands in a name: `name::wrong` refuses it, and no server can say it")
    }

    pub(super) fn ask(&mut self, step: Step, body: CommandBody<'_>) -> Next {
        self.step = step;
        self.said = self.session.say(body);
        match self.said.piece() {
            Some(octets) => Next::Write(octets),
            None => lost("an empty command"),
        }
    }
}
