//! The daemon between modems and a mail server, whatever its modems are.

use serde_json::Value;

use crate::support::{
    http::call,
    letter,
    martlet::Martlet,
    process::{Scratch, free_port, until},
    sink::{MailSink, Taken},
    talk::{Letter, Place, Talk},
};

pub const ALICE: &str = "alice@example.test";
pub const PHONE: &str = "+12015550123";

pub struct Daemon {
    pub martlet: Martlet,
    pub mails: MailSink,
    lmtp: u16,
    _scratch: Scratch,
}

impl Daemon {
    /// Each modem with its id, its device and the lines of its table.
    pub fn start(scratch: Scratch, modems: &[(&str, String, &str)]) -> Self {
        let (mails, lmtp) = (MailSink::smtp(), free_port());
        let mut config = toml(lmtp, free_port(), mails.port);
        for (id, device, more) in modems {
            config.push_str(&format!("[[gateway]]\nid = \"{id}\"\ntype = \"modem\"\ndevice = {device:?}\n{more}\n"));
        }
        let martlet = Martlet::start(&scratch.dir("martlet"), &config, &[]);
        Self { martlet, mails, lmtp, _scratch: scratch }
    }

    /// Waits until the modem is started.
    pub fn ready(&self, id: &str) {
        let label = format!("\"{id}\"");
        until("a modem that is ready", || {
            let (_, text) = call(self.martlet.http, "GET", "/metrics", "").ok()?;
            let is = |l: &str| l.starts_with("martlet_modem_ready") && l.contains(&label) && l.ends_with(" 1");
            text.lines().any(is).then_some(())
        });
    }

    /// A mail from Alice to a phone; the message's id.
    pub fn send(&self, number: &str, words: &str) -> String {
        let name = words.replace(' ', "-");
        let data = format!(
            "From: {ALICE}\r\nTo: phone\r\nSubject: Dinner\r\nMessage-ID: <{name}@example.test>\r\n\r\n{words}\r\n"
        );
        let to = format!("{number}@sms.example.test");
        let letter = Letter { from: ALICE, to: vec![&to], data, ..Letter::default() };
        let mut talk = Talk::to(&Place::Tcp(self.lmtp)).expect("the LMTP door");
        talk.say("LHLO mx.example.test").expect("LHLO");
        let replies = talk.letter(&letter, true).expect("a session");
        assert_eq!(replies[0].code, 250, "{replies:?}");
        let known =
            |m: &Value| replies[0].text().contains(m["id"].as_str()?).then(|| m["id"].as_str().map(str::to_owned))?;
        until("the message in the queue", || self.martlet.queue().iter().find_map(known))
    }

    pub fn result(&self, id: &str) -> Value {
        self.martlet.json(&["queue", "show", id])["result"].clone()
    }

    pub fn delivered(&self, id: &str) {
        until("a delivered message", || (self.result(id) == "delivered").then_some(()));
    }

    pub fn mail_with(&self, words: &str) -> Taken {
        self.mails.seen.wait(&format!("a mail with {words:?}"), |mail| text(mail).contains(words))
    }
}

/// The words of a mail.
pub fn text(mail: &Taken) -> String {
    letter::text(&String::from_utf8_lossy(&mail.data))
}

pub fn header(mail: &Taken, name: &str) -> String {
    letter::header(&String::from_utf8_lossy(&mail.data), name).unwrap_or_default()
}

fn toml(lmtp: u16, http: u16, mails: u16) -> String {
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
domains = ["example.test"]
default = "inbox@example.test"
[queue]
retry_min = "50ms"
retry_max = "1s"
[sms]
region = "US"
[[account]]
user = "alice@example.test"
"#
    )
}
