//! Both journeys through the real daemon with sinks at the ends, no other program needed: which mailbox a phone's text
//! goes to, who may send, what is refused and in which words, which gateway takes it.

mod brakes;
mod calls;
mod consolidate;
mod discreet;
mod errands;
mod header;
mod keys;
mod ladder;
mod loops;
mod opting;
mod outbound;
mod routes;
mod rules;
mod secure;
mod smtp;
mod wording;

use libtest_mimic::Trial;

use crate::support::{
    letter,
    martlet::Martlet,
    process::{Scratch, free_port},
    sink::{Answer, MailSink, Provider, Request, Taken},
    talk::{Letter, Place, Reply, Talk},
};

pub fn trials() -> Vec<Trial> {
    [
        brakes::trials(),
        loops::trials(),
        opting::trials(),
        ladder::trials(),
        outbound::trials(),
        rules::trials(),
        calls::trials(),
        consolidate::trials(),
        discreet::trials(),
        errands::trials(),
        smtp::trials(),
        secure::trials(),
        wording::trials(),
        header::trials(),
        keys::trials(),
        routes::trials(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

pub const ALICE: &str = "alice@example.test";
pub const BOB: &str = "bob@example.test";
pub const PHONE: &str = "+12015550123";

/// A daemon between a provider and a mail server.
pub struct World {
    pub martlet: Martlet,
    pub provider: Provider,
    pub mails: MailSink,
    pub lmtp: u16,
    _scratch: Scratch,
}

/// What differs between tests: lines for tables, each as TOML.
#[derive(Default, Clone, Copy)]
pub struct Setup {
    pub inbound: &'static str,
    pub queue: &'static str,
    pub sms: &'static str,
    pub gateway: &'static str,
    pub more: &'static str,
    /// Further files of the daemon's folder, by name.
    pub files: &'static [(&'static str, &'static str)],
}

impl World {
    pub fn new(setup: Setup) -> Self {
        Self::with(setup, Provider::willing(), MailSink::smtp())
    }

    pub fn answering(setup: Setup, answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        Self::with(setup, Provider::start(answer), MailSink::smtp())
    }

    pub fn with(setup: Setup, provider: Provider, mails: MailSink) -> Self {
        let scratch = Scratch::new();
        let dir = scratch.dir("martlet");
        for (name, text) in setup.files {
            let path = dir.join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, text).expect("written");
        }
        let lmtp = free_port();
        let config = toml(setup, lmtp, free_port(), provider.port, mails.port);
        let martlet = Martlet::start(&dir, &config, &[]);
        Self { martlet, provider, mails, lmtp, _scratch: scratch }
    }

    /// One mail by LMTP; one reply per recipient, or the refusal that ended it.
    pub fn send(&self, from: &str, to: &[&str], data: &str) -> Vec<Reply> {
        self.hand_over(&Letter { from, to: to.to_vec(), data: data.to_owned(), ..Letter::default() })
    }

    pub fn hand_over(&self, letter: &Letter) -> Vec<Reply> {
        let mut talk = Talk::to(&Place::Tcp(self.lmtp)).expect("the LMTP door");
        talk.say("LHLO mx.example.test").expect("LHLO");
        talk.letter(letter, true).expect("a session")
    }

    /// The phone says something to gateway `main`; it must be acknowledged.
    pub fn phone(&self, text: &str) {
        let (status, body) = self.martlet.phone("GET", PHONE, text).expect("a call");
        assert!(status == 200 && body.starts_with("OK"), "{status} {body}");
    }

    /// The first mail for this mailbox with these words.
    pub fn mail_to(&self, mailbox: &str, words: &str) -> Taken {
        let to = format!("<{mailbox}>");
        self.mails.seen.wait(&format!("a mail to {mailbox} with {words:?}"), |mail| {
            mail.rcpt.iter().any(|r| r.contains(&to)) && words_of(mail).contains(words)
        })
    }
}

/// The words of a mail that arrived.
pub fn words_of(mail: &Taken) -> String {
    letter::text(&String::from_utf8_lossy(&mail.data))
}

pub fn header_of(mail: &Taken, name: &str) -> Option<String> {
    letter::header(&String::from_utf8_lossy(&mail.data), name)
}

/// A mail as a person writes it.
pub fn mail(id: &str, from: &str, body: &str, more: &str) -> String {
    format!("From: {from}\r\nTo: phone\r\nSubject: Dinner\r\nMessage-ID: <{id}>\r\n{more}\r\n{body}\r\n")
}

fn toml(setup: Setup, lmtp: u16, http: u16, provider: u16, mails: u16) -> String {
    let Setup { inbound, queue, sms, gateway, more, .. } = setup;
    format!(
        r#"
data_dir = "./data"
domains = ["sms.example.test"]
hostname = "sms.example.test"
[[listener]]
protocol = "lmtp"
bind = "127.0.0.1:{lmtp}"
trust = ["127.0.0.1/32"]
identity = ["envelope"]
[http]
bind = "127.0.0.1:{http}"
[mailbox]
url = "smtp://127.0.0.1:{mails}"
postmaster = "postmaster@example.test"
[inbound]
domains = ["example.test", "other.example.test"]
default = "inbox@example.test"
{inbound}
[queue]
retry_min = "50ms"
retry_max = "1s"
{queue}
[sms]
region = "US"
{sms}
[[gateway]]
id = "main"
type = "http"
url = "http://127.0.0.1:{provider}/main?to=%number%&text=%data%&udh=%udh%&from=%sender%&binary=%binary%"
password = "pin"
{gateway}
[[account]]
user = "alice@example.test"
password = "alice-pw"
[[account]]
user = "bob@example.test"
{more}
"#
    )
    .replace("PROVIDER", &provider.to_string())
}
