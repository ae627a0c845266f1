//! The daemon between ends that the test holds: a provider of texts, a mail server, and a door for mail.
//!
//! [`Plan::new`] begins a [`Plan`], which says only what is special about this test; [`Plan::start`] starts the real daemon
//! from it. The configuration is text in the order of the plan, so that a test may change its file and have it read again. A test
//! that fails shows the end of the daemon's log.

use std::path::PathBuf;

use serde_json::Value;

use super::{
    faults::Faults,
    http, letter,
    martlet::Martlet,
    process::{Scratch, free_port, until},
    sink::{Answer, MailSink, Provider, Request, Taken},
    talk::{Letter, Place, Reply, Talk},
};

pub const ALICE: &str = "alice@example.test";
pub const BOB: &str = "bob@example.test";
pub const PHONE: &str = "+12015550123";

/// The daemon and its ends.
pub struct World {
    pub martlet: Martlet,
    /// Behind gateway `main`, where the plan does not name others.
    pub provider: Provider,
    pub mails: MailSink,
    pub lmtp: u16,
    /// A door for SMTP, where the plan has one.
    pub smtp: u16,
    /// The daemon's folder.
    pub dir: PathBuf,
    faults: Option<Faults>,
    _scratch: Scratch,
}

/// What is special about a world. Keys that are given replace those that every world has.
pub struct Plan {
    tables: Vec<(&'static str, String)>,
    gateways: Option<String>,
    main: String,
    accounts: String,
    more: String,
    files: Vec<(String, String)>,
    env: Vec<(String, String)>,
    provider: Option<Provider>,
    mails: Option<MailSink>,
    faulty: bool,
    scratch: Scratch,
    pub lmtp: u16,
    pub smtp: u16,
    pub http: u16,
}

impl World {
    /// A session at the mail door, greeted.
    pub fn talk(&self) -> Talk {
        let mut talk = Talk::to(&Place::Tcp(self.lmtp)).expect("the LMTP door");
        talk.say("LHLO mx.example.test").expect("LHLO");
        talk
    }

    /// One mail; a reply for each recipient, or the refusal that ended it.
    pub fn hand_over(&self, letter: &Letter) -> Vec<Reply> {
        self.talk().letter(letter, true).expect("a session")
    }

    pub fn send(&self, from: &str, to: &[&str], data: &str) -> Vec<Reply> {
        self.hand_over(&Letter { from, to: to.to_vec(), data: data.to_owned(), ..Letter::default() })
    }

    /// A mail of Alice's with plain words; the answer.
    pub fn try_text(&self, to: &str, words: &str) -> Reply {
        let data = format!(
            "From: {ALICE}\r\nTo: phone\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Content-Transfer-Encoding: 8bit\r\n\r\n{words}\r\n"
        );
        self.send(ALICE, &[to], &data).pop().expect("a reply")
    }

    /// The id of one that is taken.
    pub fn text(&self, to: &str, words: &str) -> String {
        id_in(&self.try_text(to, words))
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

    /// A message as `martlet queue show` tells it.
    pub fn show(&self, id: &str) -> Value {
        self.martlet.json(&["queue", "show", id])
    }

    /// Waits until the message is closed and says with which result.
    pub fn end(&self, id: &str) -> String {
        until("the end of a message", || self.show(id)["result"].as_str().map(str::to_owned))
    }

    /// Waits for an event in a message's history.
    pub fn event(&self, id: &str, what: &str) {
        let happened =
            |shown: &Value| shown["events"].as_array().is_some_and(|all| all.iter().any(|e| e["what"] == what));
        until(&format!("the event {what} of {id}"), || happened(&self.show(id)).then_some(()));
    }

    /// Whether a line of the log has all of these words.
    pub fn says(&self, words: &[&str]) -> bool {
        self.martlet.log().lines().any(|line| words.iter().all(|word| line.contains(word)))
    }

    pub fn must_say(&self, words: &[&str]) {
        until(&format!("a log line with {words:?}"), || self.says(words).then_some(()));
    }

    /// None of these stands anywhere in the log.
    pub fn hides(&self, secrets: &[&str]) {
        let log = self.martlet.log();
        let told = log.lines().find(|line| secrets.iter().any(|secret| line.contains(secret)));
        assert!(told.is_none(), "the log tells a number, a text or a secret: {told:?}");
    }

    /// Status and words of `/readyz`.
    pub fn readyz(&self) -> (u16, String) {
        http::call(self.martlet.http, "GET", "/readyz", "").expect("the HTTP door")
    }

    pub fn must_be_ready(&self) {
        until("readiness", || (self.readyz().0 == 200).then_some(()));
    }

    /// What the test turns around the daemon.
    pub fn faults(&self) -> &Faults {
        self.faults.as_ref().expect("the plan says `faulty`")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            super::say(&self.martlet.log_end());
        }
    }
}

impl Plan {
    /// An LMTP door that believes MAIL FROM, an HTTP door, the way back to a mail server that takes everything, a gateway `main` to a provider
    /// that does so too; no account.
    pub fn new() -> Self {
        let [lmtp, smtp, http] = [free_port(), free_port(), free_port()];
        let table = |name, lines: &str| (name, lines.to_owned());
        Self {
            tables: vec![
                table("", "data_dir = \"data\"\ndomains = [\"sms.example.test\"]\nhostname = \"sms.example.test\"\n"),
                (
                    "[[listener]]",
                    format!(
                        "protocol = \"lmtp\"\nbind = \"127.0.0.1:{lmtp}\"\ntrust = [\"127.0.0.1/32\"]\nidentity = [\"envelope\"]\n"
                    ),
                ),
                ("[http]", format!("bind = \"127.0.0.1:{http}\"\n")),
                table("[mailbox]", "url = \"smtp://127.0.0.1:MAILSINK\"\npostmaster = \"postmaster@example.test\"\n"),
                table("[inbound]", "domains = [\"example.test\"]\ndefault = \"inbox@example.test\"\n"),
                table("[queue]", "retry_min = \"50ms\"\nretry_max = \"1s\"\n"),
                table("[sms]", "region = \"US\"\n"),
            ],
            gateways: None,
            main: "password = \"pin\"\n".to_owned(),
            accounts: String::new(),
            more: String::new(),
            files: Vec::new(),
            env: Vec::new(),
            provider: None,
            mails: None,
            faulty: false,
            scratch: Scratch::new(),
            lmtp,
            smtp,
            http,
        }
    }

    /// Lines of a table, such as `("[queue]", "expire = \"1h\"")`; `""` is the top of the file.
    #[must_use]
    pub fn keys(mut self, table: &str, lines: &str) -> Self {
        let (_, there) = self.tables.iter_mut().find(|(name, _)| *name == table).expect("a table that every world has");
        *there = replaced(there, lines);
        self
    }

    /// A door for SMTP, with these lines.
    #[must_use]
    pub fn smtp(self, lines: &str) -> Self {
        let door = format!("[[listener]]\nprotocol = \"smtp\"\nbind = \"127.0.0.1:{}\"\n{lines}", self.smtp);
        self.tables(&door)
    }

    /// Further lines of gateway `main`.
    #[must_use]
    pub fn main(mut self, lines: &str) -> Self {
        self.main = replaced(&self.main, lines);
        self
    }

    /// A gateway; with one of these there is no `main` but the one that is named so.
    #[must_use]
    pub fn gateway(mut self, id: &str, kind: &str, lines: &str) -> Self {
        let gateways = self.gateways.get_or_insert_default();
        gateways.push_str(&format!("[[gateway]]\nid = \"{id}\"\ntype = \"{kind}\"\n{lines}\n"));
        self
    }

    #[must_use]
    pub fn account(mut self, user: &str, lines: &str) -> Self {
        self.accounts.push_str(&format!("[[account]]\nuser = \"{user}\"\n{lines}\n"));
        self
    }

    /// Tables behind all others.
    #[must_use]
    pub fn tables(mut self, toml: &str) -> Self {
        self.more.push_str(toml);
        self.more.push('\n');
        self
    }

    /// Files in the daemon's folder, each with its name.
    #[must_use]
    pub fn files(mut self, files: &[(&str, &str)]) -> Self {
        self.files.extend(files.iter().map(|&(name, text)| (name.to_owned(), text.to_owned())));
        self
    }

    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The provider behind `main` answers so.
    #[must_use]
    pub fn answering(self, answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        self.provider(Provider::start(answer))
    }

    #[must_use]
    pub fn provider(mut self, provider: Provider) -> Self {
        self.provider = Some(provider);
        self
    }

    #[must_use]
    pub fn mails(mut self, mails: MailSink) -> Self {
        self.mails = Some(mails);
        self
    }

    /// The test turns the daemon's clocks, disk and names ([`World::faults`]).
    #[must_use]
    pub fn faulty(mut self) -> Self {
        self.faulty = true;
        self
    }

    /// The daemon's folder, before there is a daemon.
    pub fn dir(&self) -> PathBuf {
        self.scratch.dir("martlet")
    }

    pub fn start(self) -> World {
        let mut world = self.prepare();
        world.martlet.restart();
        world
    }

    /// Everything but the daemon, which the test starts itself. `PROVIDER` in its configuration is the provider's port.
    pub fn prepare(self) -> World {
        let dir = self.dir();
        for (name, text) in &self.files {
            let path = dir.join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, text).expect("written");
        }
        let provider = self.provider.unwrap_or_else(Provider::willing);
        let mails = self.mails.unwrap_or_else(MailSink::smtp);
        let mut config = String::new();
        for (name, lines) in &self.tables {
            config += &format!("{name}\n{lines}");
        }
        config += &self.gateways.unwrap_or_else(|| {
            format!(
                "[[gateway]]\nid = \"main\"\ntype = \"http\"\nurl = \"http://127.0.0.1:PROVIDER/main?to=%number%&text=%data%&udh=%udh%&from=%sender%&binary=%binary%\"\n{}",
                self.main
            )
        });
        config += &format!("{}{}", self.accounts, self.more);
        let config =
            config.replace("PROVIDER", &provider.port.to_string()).replace("MAILSINK", &mails.port.to_string());
        let env: Vec<_> = self.env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut martlet = Martlet::prepare(&dir, &config, &env);
        let faults = self.faulty.then(|| Faults::new(&dir));
        if let Some(faults) = &faults {
            martlet.serve_env = faults.env();
        }
        World { martlet, provider, mails, lmtp: self.lmtp, smtp: self.smtp, dir, faults, _scratch: self.scratch }
    }
}

/// The lines there are without those whose keys are given anew, and the new ones behind them.
fn replaced(there: &str, lines: &str) -> String {
    let key = |line: &str| line.split_once('=').map(|(key, _)| key.trim().to_owned());
    let mut given = lines.lines().take_while(|line| !line.starts_with('['));
    let given: Vec<_> = given.by_ref().filter_map(key).collect();
    let kept: String = there
        .lines()
        .filter(|line| key(line).is_none_or(|key| !given.contains(&key)))
        .map(|line| format!("{line}\n"))
        .collect();
    format!("{kept}{lines}\n")
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

/// The id in the reply to a mail that was taken.
pub fn id_in(reply: &Reply) -> String {
    assert_eq!(reply.code, 250, "{reply:?}");
    reply.text().rsplit(' ').next().expect("an id").to_owned()
}
