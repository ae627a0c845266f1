//! What goes wrong around the real daemon, one thing at a time: providers, names, certificates, the mail server, the disk, the
//! clock, signals, descriptors. Each ends as `docs/queue.md` says: nothing lost, nothing silently doubled, a log line that
//! says what it is, `/readyz` telling the truth, and all is well again without a restart.

mod machine;
mod providers;
mod store;
mod tls;
mod way_back;

use libtest_mimic::Trial;
use serde_json::Value;

use crate::support::{
    faults::Faults,
    http::call,
    letter,
    martlet::Martlet,
    process::{Scratch, free_port, until},
    sink::{MailSink, Taken},
    talk::{Letter, Place, Reply, Talk},
};

pub fn trials() -> Vec<Trial> {
    [providers::trials(), tls::trials(), way_back::trials(), store::trials(), machine::trials()]
        .into_iter()
        .flatten()
        .collect()
}

const ALICE: &str = "alice@example.test";
const PHONE: &str = "+12015550123";

/// A daemon in a world that the test turns.
struct World {
    martlet: Martlet,
    faults: Faults,
    lmtp: u16,
    scratch: Scratch,
}

/// A test that fails shows what the daemon said.
impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            crate::support::say(&self.martlet.log_end());
        }
    }
}

/// A gateway's table behind its `id` and `url`.
fn gateway(id: &str, url: &str, more: &str) -> String {
    format!("[[gateway]]\nid = \"{id}\"\ntype = \"http\"\nurl = \"{url}?to=%number%&text=%data%\"\n{more}\n")
}

impl World {
    /// Not started yet.
    fn prepare(mailbox: u16, gateways: &str, more: &str) -> Self {
        let scratch = Scratch::new();
        let dir = scratch.dir("martlet");
        let faults = Faults::new(&dir);
        let lmtp = free_port();
        let config = config(lmtp, free_port(), mailbox, gateways, more);
        let mut martlet = Martlet::prepare(&dir, &config, &[]);
        martlet.serve_env = faults.env();
        Self { martlet, faults, lmtp, scratch }
    }

    fn start(mailbox: u16, gateways: &str, more: &str) -> Self {
        let mut world = Self::prepare(mailbox, gateways, more);
        world.martlet.restart();
        world
    }

    /// One mail of Alice's by LMTP.
    fn hand_over(&self, to: &str, text: &str) -> std::io::Result<Reply> {
        let mut talk = Talk::to(&Place::Tcp(self.lmtp))?;
        talk.say("LHLO mx.example.test")?;
        let data = format!("From: {ALICE}\r\nTo: phone\r\nSubject: x\r\n\r\n{text}\r\n");
        talk.one(&Letter { from: ALICE, to: vec![to], data, ..Letter::default() }, true)
    }

    /// The id of one that is taken.
    fn send(&self, to: &str, text: &str) -> String {
        let reply = self.hand_over(to, text).expect("a session");
        assert_eq!(reply.code, 250, "{reply:?}");
        reply.text().rsplit(' ').next().expect("an id").to_owned()
    }

    fn show(&self, id: &str) -> Value {
        self.martlet.json(&["queue", "show", id])
    }

    /// Waits until the message is closed and says with which result.
    fn end(&self, id: &str) -> String {
        until("the end of a message", || self.show(id)["result"].as_str().map(str::to_owned))
    }

    /// Waits for an event in a message's history.
    fn event(&self, id: &str, what: &str) {
        let happened =
            |shown: &Value| shown["events"].as_array().is_some_and(|all| all.iter().any(|e| e["what"] == what));
        until(&format!("the event {what} of {id}"), || happened(&self.show(id)).then_some(()));
    }

    /// A line of the log with all of these words.
    fn says(&self, words: &[&str]) -> bool {
        self.martlet.log().lines().any(|line| words.iter().all(|word| line.contains(word)))
    }

    fn must_say(&self, words: &[&str]) {
        until(&format!("a log line with {words:?}"), || self.says(words).then_some(()));
    }

    /// Status and words of `/readyz`.
    fn readyz(&self) -> (u16, String) {
        call(self.martlet.http, "GET", "/readyz", "").expect("the HTTP door")
    }

    fn must_be_ready(&self) {
        until("readiness", || (self.readyz().0 == 200).then_some(()));
    }

    /// Texts, numbers and passwords never stand in the log, whatever goes wrong.
    fn is_discreet(&self, texts: &[&str]) {
        let log = self.martlet.log();
        let told = log.lines().find(|line| line.contains("2015550") || texts.iter().any(|text| line.contains(text)));
        assert!(told.is_none(), "the log tells a number or a text: {told:?}");
    }
}

/// The report about a phone whose number ends so.
fn report_about(mails: &MailSink, number: &str) -> String {
    let taken: Taken = mails.seen.wait(&format!("a report about {number}"), |mail| {
        let mail = String::from_utf8_lossy(&mail.data);
        mail.contains("report-type") && letter::every_reading(&mail).contains(number)
    });
    String::from_utf8_lossy(&taken.data).into_owned()
}

fn config(lmtp: u16, http: u16, mailbox: u16, gateways: &str, more: &str) -> String {
    format!(
        r#"
data_dir = "data"
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
url = "smtp://127.0.0.1:{mailbox}"
postmaster = "postmaster@example.test"
[inbound]
domains = ["example.test"]
default = "inbox@example.test"
[sms]
region = "US"
[queue]
retry_min = "100ms"
retry_max = "1s"
[[account]]
user = "{ALICE}"
{gateways}
{more}
"#
    )
}
