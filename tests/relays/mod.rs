//! Gateways by definition at real peers: a Kannel from the distribution, and a second Martlet.

mod kannel;
mod peer;

use libtest_mimic::Trial;
use serde_json::Value;

use crate::support::{
    letter,
    martlet::Martlet,
    process::{Scratch, until},
    sink::{MailSink, Taken},
    talk::{Letter, Place, Talk},
};

pub fn trials() -> Vec<Trial> {
    [kannel::trials(), peer::trials()].into_iter().flatten().collect()
}

const ALICE: &str = "alice@example.test";
const PHONE: &str = "+12015550123";

/// A daemon whose only gateway is one by definition, between a mail server and that gateway.
struct Relay {
    martlet: Martlet,
    mails: MailSink,
    lmtp: u16,
    _scratch: Scratch,
}

impl Relay {
    /// `gateway`: its lines behind `id` and `type`, and tables below it.
    fn start(http: u16, lmtp: u16, gateway: &str) -> Self {
        let (scratch, mails) = (Scratch::new(), MailSink::smtp());
        let config = format!(
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
url = "smtp://127.0.0.1:{}"
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
user = "{ALICE}"
[[gateway]]
id = "relay"
type = "http"
public_url = "http://127.0.0.1:{http}"
{gateway}
"#,
            mails.port
        );
        let martlet = Martlet::start(&scratch.dir("martlet"), &config, &[]);
        Self { martlet, mails, lmtp, _scratch: scratch }
    }

    /// A mail from Alice to the phone; the message's id.
    fn send(&self, name: &str, words: &str) -> String {
        let data = format!(
            "From: {ALICE}\r\nTo: phone\r\nSubject: Dinner\r\nMessage-ID: <{name}@example.test>\r\nMIME-Version: 1.0\r\n\
             Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{words}\r\n"
        );
        let to = format!("{PHONE}@sms.example.test");
        let letter = Letter { from: ALICE, to: vec![&to], data, ..Letter::default() };
        let mut talk = Talk::to(&Place::Tcp(self.lmtp)).expect("the LMTP door");
        talk.say("LHLO mx.example.test").expect("LHLO");
        let replies = talk.letter(&letter, true).expect("a session");
        assert_eq!(replies[0].code, 250, "{replies:?}");
        let known =
            |m: &Value| replies[0].text().contains(m["id"].as_str()?).then(|| m["id"].as_str().map(str::to_owned))?;
        until("the message in the queue", || self.martlet.queue().iter().find_map(known))
    }

    fn result(&self, id: &str) -> Value {
        self.martlet.json(&["queue", "show", id])["result"].clone()
    }

    /// Waits until the message has come to `result`.
    fn comes_to(&self, id: &str, result: &str) {
        until(&format!("a message that is {result}"), || (self.result(id) == result).then_some(()));
    }

    fn mail_with(&self, words: &str) -> Taken {
        self.mails.seen.wait(&format!("a mail with {words:?}"), |mail| text(mail).contains(words))
    }
}

fn text(mail: &Taken) -> String {
    letter::text(&String::from_utf8_lossy(&mail.data))
}

fn header(mail: &Taken, name: &str) -> String {
    letter::header(&String::from_utf8_lossy(&mail.data), name).unwrap_or_default()
}
