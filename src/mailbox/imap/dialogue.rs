//! One mail's way into a folder: a sans-IO machine, responses in, octets to write out (RFC 9051, RFC 3501).
//!
//! What is missing is asked for next: capabilities, TLS, login, the hierarchy of folders, names in UTF-8, whether the
//! mail is there already (only where it was tried before), at last APPEND; a folder that is not there is made and
//! subscribed to. What can go wrong: the server says no, or goes away; when it goes behind the whole mail, nobody knows.

mod steps;

use imap_codec::imap_types::{
    command::CommandBody,
    core::Vec1,
    extensions::enable::CapabilityEnable,
    response::{Bye, Code, Data, Greeting, GreetingKind, Response, Status, StatusBody, StatusKind, Tagged},
    search::SearchKey,
};

use super::{
    Append,
    judge::{self, Asked},
    name::{Hierarchy, utf7},
    reader::Came,
    session::{Offers, Said, Session},
};
use crate::{
    ground::{Enhanced, Fault, Outcome, RemoteId, Scope},
    mailbox::{login::Login, tls::Tls},
};

/// What the machine wants next. `Debug` shows no octets: they are the mail, or a login.
#[derive(PartialEq, Eq)]
pub enum Next {
    /// Write these octets and read on.
    Write(Vec<u8>),
    /// Read on.
    Read,
    /// TLS from here on, then [`Dialogue::encrypted`]; nothing may have come before it.
    Encrypt,
    /// It is over. `reusable`: another mail may go over this connection.
    Done { outcome: Outcome, reusable: bool },
}

impl std::fmt::Debug for Next {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Write(octets) => write!(f, "Write([{}])", octets.len()),
            Self::Read => f.write_str("Read"),
            Self::Encrypt => f.write_str("Encrypt"),
            Self::Done { outcome, reusable } => write!(f, "Done({outcome:?}, {reusable})"),
        }
    }
}

/// What was asked last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Greeting,
    Capability,
    StartTls,
    Login,
    Hierarchy,
    Enable,
    Open,
    Search,
    Append,
    Create,
    Subscribe,
}

/// One mail's way through the dialogue.
pub struct Dialogue<'a> {
    session: Session,
    mail: &'a Append<'a>,
    login: &'a Login,
    tls: Tls,
    step: Step,
    said: Said,
    /// The answer of a login that the server asks for.
    answer: Option<Vec<u8>>,
    /// Whether the folder was looked into: only what was tried before can be there.
    looked: bool,
    found: bool,
    created: bool,
}

impl<'a> Dialogue<'a> {
    /// On a new connection (the greeting is awaited), or on a kept one ([`Dialogue::resume`] is first).
    pub fn new(session: Session, mail: &'a Append<'a>, login: &'a Login, tls: Tls) -> Self {
        let (said, looked) = (Said::default(), !mail.again);
        let step = Step::Greeting;
        Self { session, mail, login, tls, step, said, answer: None, looked, found: false, created: false }
    }

    /// What is to be done first on a kept connection.
    pub fn resume(&mut self) -> Next {
        self.go_on()
    }

    /// TLS stands: what was said before it counts no more.
    pub fn encrypted(&mut self) -> Next {
        self.session.encrypt();
        self.go_on()
    }

    pub fn into_session(self) -> Session {
        self.session
    }

    /// Whether the whole mail is on its way: if the line breaks now, nobody knows what became of it.
    pub fn is_sent(&self) -> bool {
        self.step == Step::Append && self.said.is_over()
    }

    /// Greeting, TLS and login are over.
    pub fn is_session(&self) -> bool {
        self.session.logged_in
    }

    /// Takes what came.
    pub fn take(&mut self, came: Came) -> Next {
        match came {
            Came::Greeting(greeting) => self.greeted(&greeting),
            Came::Unknown(octets) => {
                // The form of IMAP4rev2: `* ESEARCH (TAG "m7") UID ALL 4`.
                if self.step == Step::Search && octets.to_ascii_uppercase().starts_with(b"* ESEARCH") {
                    self.found |= octets.windows(5).any(|w| w.eq_ignore_ascii_case(b" ALL "));
                }
                Next::Read
            }
            Came::Response(response) => match *response {
                Response::Data(data) => self.told(data),
                Response::CommandContinuationRequest(_) => self.continued(),
                Response::Status(Status::Untagged(body)) => {
                    self.learn(body.code);
                    Next::Read
                }
                Response::Status(Status::Bye(bye)) => self.bye(&bye),
                Response::Status(Status::Tagged(Tagged { tag, body })) if tag.as_ref() == self.said.tag => {
                    self.answered(body)
                }
                Response::Status(Status::Tagged(_)) => lost("the mailbox server answers what was not asked"),
            },
        }
    }

    fn greeted(&mut self, greeting: &Greeting<'static>) -> Next {
        if self.step != Step::Greeting {
            return lost("the mailbox server greets twice");
        }
        self.learn(greeting.code.clone());
        match greeting.kind {
            GreetingKind::Ok => self.go_on(),
            // Somebody on the way could say so to keep TLS out.
            GreetingKind::PreAuth if self.tls == Tls::Required => {
                gateway(4, 7, 4, "the mailbox server takes us for logged in and offers no STARTTLS")
            }
            GreetingKind::PreAuth => {
                self.session.logged_in = true;
                self.go_on()
            }
            GreetingKind::Bye => {
                let words = AsRef::<str>::as_ref(&greeting.text);
                gateway(4, 3, 2, format!("BYE {words}"))
            }
        }
    }

    fn bye(&self, bye: &Bye<'_>) -> Next {
        let fault =
            Fault::new(Scope::Gateway, Enhanced::new(4, 3, 2), format!("BYE {}", AsRef::<str>::as_ref(&bye.text)));
        let outcome = if self.is_sent() { Outcome::Unsure(fault) } else { Outcome::Later(fault) };
        Next::Done { outcome, reusable: false }
    }

    /// Untagged data.
    fn told(&mut self, data: Data<'static>) -> Next {
        match (data, self.step) {
            (Data::Capability(all), _) => self.session.offers = Some(Offers::of(all.as_ref())),
            (Data::Namespace { personal, other, shared }, Step::Hierarchy) => {
                let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
                let first = personal.first();
                self.session.hierarchy = Some(Hierarchy {
                    prefix: first.map(|space| text(space.prefix.as_ref())).unwrap_or_default(),
                    separator: first.and_then(|space| space.delimiter.as_ref()).map(|c| c.inner()),
                    others: other.iter().chain(&shared).map(|space| text(space.prefix.as_ref())).collect(),
                });
            }
            (Data::List { delimiter, .. }, Step::Hierarchy) => {
                let separator = delimiter.map(|c| c.inner());
                self.session.hierarchy = Some(Hierarchy { separator, ..Hierarchy::default() });
            }
            (Data::Enabled { capabilities }, Step::Enable) => {
                let utf8 = |c: &CapabilityEnable<'_>| matches!(c, CapabilityEnable::Utf8(_));
                self.session.utf8 = Some(capabilities.iter().any(utf8));
            }
            (Data::Search(found), Step::Search) => self.found |= !found.is_empty(),
            _ => {}
        }
        Next::Read
    }

    fn learn(&mut self, code: Option<Code<'static>>) {
        if let Some(Code::Capability(all)) = code {
            self.session.offers = Some(Offers::of(all.as_ref()));
        }
    }

    /// `+`: the server wants what stands behind it.
    fn continued(&mut self) -> Next {
        match self.answer.take().or_else(|| self.said.piece()) {
            Some(octets) => Next::Write(octets),
            None => lost("the mailbox server waits for what was not announced"),
        }
    }

    /// The end of the last command.
    fn answered(&mut self, body: StatusBody<'static>) -> Next {
        if body.kind != StatusKind::Ok {
            return self.refused(&body);
        }
        if !self.said.is_over() || self.answer.is_some() {
            return lost("the mailbox server answers before it was asked");
        }
        match self.step {
            Step::Greeting => lost("the mailbox server answers before it was asked"),
            Step::StartTls => Next::Encrypt,
            Step::Login => {
                self.session.logged_in = true;
                // What is offered may be something else now.
                self.session.offers = None;
                self.learn(body.code);
                self.go_on()
            }
            Step::Capability if self.session.offers.is_none() => lost("the mailbox server does not say what it can"),
            Step::Hierarchy if self.session.hierarchy.is_none() => {
                self.session.hierarchy = Some(Hierarchy::default());
                self.go_on()
            }
            Step::Enable if self.session.utf8.is_none() => {
                self.session.utf8 = Some(false);
                self.go_on()
            }
            Step::Capability | Step::Hierarchy | Step::Enable => self.go_on(),
            Step::Open => {
                self.session.selected = true;
                let key = |name: &str, value: &str| {
                    let (name, value) = (name.to_owned().try_into().ok()?, value.to_owned().try_into().ok()?);
                    Some(SearchKey::Header(name, value))
                };
                let phone = self.mail.phone.map(|phone| key("X-SMS-To", phone));
                let keys: Option<Vec<_>> =
                    std::iter::once(key("Message-ID", self.mail.message_id)).chain(phone).collect();
                match keys.and_then(|keys| Vec1::try_from(keys).ok()) {
                    Some(wanted) => self.ask(Step::Search, CommandBody::search(None, wanted, true)),
                    None => self.append(),
                }
            }
            Step::Search if self.found => done(None, false),
            Step::Search => self.append(),
            Step::Create => {
                let name = self.place();
                self.ask(Step::Subscribe, CommandBody::Subscribe { mailbox: name })
            }
            Step::Subscribe => self.append(),
            Step::Append => {
                let id = match body.code {
                    Some(Code::AppendUid { uid_validity, uid }) => RemoteId::new(&format!("{uid_validity}:{uid}")),
                    _ => None,
                };
                done(id, !self.session.selected)
            }
        }
    }

    fn refused(&mut self, body: &StatusBody<'_>) -> Next {
        let code = judge::code(body);
        let end = |outcome, reusable| Next::Done { outcome, reusable };
        match self.step {
            // It was not there, or cannot be searched: what is not found is brought.
            Step::Open | Step::Search => self.append(),
            Step::StartTls => self.without_tls(&format!("the mailbox server refuses STARTTLS: {}", judge::said(body))),
            Step::Enable => {
                self.session.utf8 = Some(false);
                self.go_on()
            }
            Step::Hierarchy => {
                self.session.hierarchy = Some(Hierarchy { separator: Some('/'), ..Hierarchy::default() });
                self.go_on()
            }
            // Nobody is stopped from reading a folder by that.
            Step::Subscribe => self.append(),
            Step::Append if matches!(code.as_str(), "TRYCREATE" | "NONEXISTENT") && !self.created => {
                self.created = true;
                let name = self.place();
                self.ask(Step::Create, CommandBody::Create { mailbox: name })
            }
            // Somebody else has made it meanwhile: some servers say so without the code.
            Step::Create if matches!(code.as_str(), "" | "ALREADYEXISTS") && body.kind == StatusKind::No => {
                self.append()
            }
            Step::Append | Step::Create => {
                end(judge::refused(body, Asked::Mail), body.kind == StatusKind::No && !self.session.selected)
            }
            Step::Login => end(judge::refused(body, Asked::Login), false),
            Step::Greeting | Step::Capability => end(judge::refused(body, Asked::Session), false),
        }
    }
}

fn done(id: Option<RemoteId>, reusable: bool) -> Next {
    Next::Done { outcome: Outcome::Sent(id), reusable }
}

fn gateway(class: u8, subject: u16, detail: u16, text: impl AsRef<str>) -> Next {
    let fault = Fault::new(Scope::Gateway, Enhanced::new(class, subject, detail), text);
    Next::Done { outcome: Outcome::Later(fault), reusable: false }
}

/// The dialogue cannot be followed any more.
fn lost(why: &str) -> Next {
    gateway(4, 5, 0, why)
}
