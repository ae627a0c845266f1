//! Nobody sends as another: eight classes of lies, each told to a real Postfix that hands to Martlet, and to Martlet's
//! own doors; and beside each class its honest twin, who is believed. Here Postfix lets strangers write to the SMS
//! domain (the recipe does not), so that Martlet alone must refuse.
//!
//! A case is a value (`cases.rs`); the runner adds the rest: a class has five cases at least, both ways, and a twin; when
//! all is said the provider has seen the twins' texts and nothing else, and nothing else is queued.

mod cases;

use std::{collections::BTreeMap, fs};

use libtest_mimic::Trial;

use self::cases::{Case, Class, Door, all};
use super::{ALICE, PASSWORD, Setup, System, dial};
use crate::support::{
    Needs, docs, letter,
    postfix::PAGE,
    process::{DEADLINE, Scratch, free_port, until},
    sink::Answer,
    talk::{Identity, Letter, Reply, Talk},
    trial, trial_with,
};

/// Where Postfix hands over by the recipe, and by TCP to a door that believes Authentication-Results.
const PHONE: &str = "+15551234567";
const RESULTS_PHONE: &str = "+15557654321";

pub fn trials() -> Vec<Trial> {
    vec![
        trial("spoof: eight classes, each with five cases, both ways and an honest twin", whole),
        trial_with("spoof: nothing forged is sent, every honest twin is", &[Needs::Postfix, Needs::Dovecot], spoof),
    ]
}

/// The table is whole.
fn whole() {
    let mut classes: BTreeMap<Class, [usize; 3]> = BTreeMap::new();
    let mut names = std::collections::BTreeSet::new();
    for case in all() {
        assert!(names.insert((case.class, case.name)), "{} stands twice", case.name);
        let counts = classes.entry(case.class).or_default();
        match (case.honest, case.door) {
            (true, _) => counts[2] += 1,
            (false, Door::Postfix | Door::Submission) => counts[0] += 1,
            (false, _) => counts[1] += 1,
        }
    }
    assert_eq!(classes.len(), 8, "{classes:?}");
    for (class, [postfix, direct, honest]) in classes {
        assert!(postfix + direct >= 5, "{class:?} has {postfix} cases by Postfix and {direct} at Martlet's own doors");
        assert!(postfix > 0 && direct > 0, "{class:?} goes one way only");
        assert!(honest > 0, "{class:?} has no honest twin");
    }
}

/// Everything that runs, and where its doors are.
struct World {
    system: System,
    own: Identity,
    ports: Ports,
}

/// Martlet's further doors.
#[derive(Clone, Copy)]
struct Ports {
    stranger: u16,
    results: u16,
    proxy: u16,
    handed: u16,
}

fn start(own: &Scratch) -> World {
    let identity = Identity::new("mx.example.test", &["mx.example.test"]);
    fs::write(own.path().join("cert.pem"), &identity.cert_pem).expect("written");
    fs::write(own.path().join("key.pem"), &identity.key_pem).expect("written");
    let ports = Ports { stranger: free_port(), results: free_port(), proxy: free_port(), handed: free_port() };
    // The test is one process: what its settings borrow may live as long.
    let setup = Setup { main_cf: main_cf(ports).leak(), toml: toml(ports, own).leak(), ..Setup::default() };
    let system = System::start(&setup, |_| Answer::Say(200, "OK 1".into()));
    World { system, own: identity, ports }
}

fn main_cf(ports: Ports) -> String {
    format!(
        "smtpd_recipient_restrictions =\nsmtpd_tls_ask_ccert = yes\nsmtpd_tls_received_header = yes\n\
         {}\n\
         transport_maps = inline:{{ {RESULTS_PHONE}@sms.example.test=lmtp:inet:[127.0.0.1]:{}, \
         sms.example.test=lmtp:unix:martlet/lmtp.sock }}",
        docs::block(PAGE, "main.cf results"),
        ports.results
    )
}

fn toml(ports: Ports, files: &Scratch) -> String {
    let Ports { stranger, results, proxy, handed } = ports;
    let dir = files.path().display();
    format!(
        r#"
[[account]]
user = "nagios"
reply = "postmaster@example.test"
networks = ["192.0.2.0/24"]

# Everything is evidence here, and nobody who can come is trusted.
[[listener]]
protocol = "smtp"
bind = "127.0.0.1:{stranger}"
trust = ["192.0.2.1/32"]
identity = ["xclient", "xforward", "mail-from-auth", "postfix-received", "authentication-results:mx.example.test"]
tls = {{ cert = "{dir}/cert.pem", key = "{dir}/key.pem" }}

[[listener]]
protocol = "lmtp"
bind = "127.0.0.1:{results}"
trust = ["127.0.0.1/32"]
identity = ["authentication-results:mx.example.test"]

# A proxy on this machine; only who comes from 192.0.2.7 is trusted.
[[listener]]
protocol = "smtp"
bind = "127.0.0.1:{proxy}"
proxy_protocol = ["127.0.0.1/32"]
trust = ["192.0.2.7/32"]
identity = ["mail-from-auth", "xclient", "xforward"]

[[listener]]
protocol = "smtp"
bind = "127.0.0.1:{handed}"
trust = ["127.0.0.1/32"]
identity = ["xclient", "xforward"]
"#
    )
}

impl World {
    fn port(&self, door: Door) -> u16 {
        match door {
            Door::Postfix => self.system.postfix.mx,
            Door::Submission => self.system.postfix.submission,
            Door::Stranger => self.ports.stranger,
            Door::Results => self.ports.results,
            Door::Proxy => self.ports.proxy,
            Door::Handed => self.ports.handed,
        }
    }

    /// Tells one story. `None`: the connection or a command before the mail was refused.
    fn tell(&self, case: &Case) -> Option<Reply> {
        let connect = || dial(case.source, self.port(case.door));
        let postfix = matches!(case.door, Door::Postfix | Door::Submission);
        let mut talk = if case.certificate.is_some() || case.door == Door::Submission {
            let server = if postfix { &self.system.postfix.identity } else { &self.own };
            let shown = case.certificate.map(|name| Identity::new(name, &["client.example.test"]));
            let shake = || Talk::tls_over(connect(), server, shown.as_ref());
            // A busy Postfix may break a session off before it has said anything (see `Postfix::submit_as`).
            if postfix { until("TLS at Postfix", || shake().ok()) } else { shake().expect("TLS") }
        } else {
            let mut talk = Talk::over(connect()).expect("a connection");
            talk.write(case.first).ok()?;
            (talk.reply().ok()?.code == 220).then_some(talk)?
        };
        let lmtp = case.door == Door::Results;
        let hello = if lmtp { "LHLO" } else { "EHLO" };
        // What is no name is refused; whoever lies goes on with another one.
        if talk.say(&format!("{hello} {}", case.helo)).ok()?.code != 250 {
            talk.say(&format!("{hello} client.example.test")).ok()?;
        }
        if case.door == Door::Submission {
            assert_eq!(talk.login(ALICE, PASSWORD).expect("AUTH").code, 235);
        }
        for line in case.says {
            let code = talk.say(line).ok()?.code;
            // XCLIENT that is believed begins the session anew.
            if code == 220 {
                talk.say(&format!("{hello} client.example.test")).ok()?;
            }
        }
        let to = format!("{}@sms.example.test", if case.results_phone { RESULTS_PHONE } else { PHONE });
        let data = format!(
            "{}From: {}\r\nTo: <{to}>\r\nSubject: s\r\nDate: {}\r\nMessage-ID: <{}-{:?}@spoof.example.test>\r\n\r\n{}\r\n",
            case.above,
            case.author,
            letter::date(),
            case.name.replace(|c: char| !c.is_ascii_alphanumeric(), "-"),
            case.class,
            text(case),
        );
        let letter = Letter { from: case.from, mail_params: case.params, to: vec![&to], rcpt_params: "", data };
        talk.one(&letter, lmtp).ok()
    }
}

fn text(case: &Case) -> String {
    format!("{} {:?}: {}", if case.honest { "honest" } else { "forged" }, case.class, case.name)
}

fn spoof() {
    let files = Scratch::new();
    let world = start(&files);
    let (honest, forged): (Vec<Case>, Vec<Case>) = all().into_iter().partition(|case| case.honest);
    let mut taken = 0;
    for case in &forged {
        let reply = world.tell(case);
        let postfix = matches!(case.door, Door::Postfix | Door::Submission);
        match reply {
            Some(reply) if postfix => {
                assert_eq!(reply.code, 250, "{}: what Postfix refuses proves nothing: {reply:?}", case.name);
                taken += 1;
            }
            Some(reply) => assert_eq!((reply.code, reply.enhanced()), (550, "5.7.1"), "{}: {reply:?}", case.name),
            None => assert!(case.stopped, "{} was stopped before it was told", case.name),
        }
    }
    assert!(taken >= 25, "Postfix took {taken}: the others prove nothing of Martlet");
    // What Postfix took comes to Martlet and is refused there, every one.
    until("Martlet's refusals", || {
        let log = world.system.postfix.log();
        let handed = log.lines().filter(|l| l.contains("postfix/lmtp") && l.contains("@sms.example.test"));
        let refused = handed.filter(|l| l.contains("status=bounced") && l.contains("said: 550 5.7.1"));
        (refused.count() == taken).then_some(())
    });
    for case in &honest {
        let reply = world.tell(case).unwrap_or_else(|| panic!("{} was stopped", case.name));
        assert_eq!(reply.code, 250, "{}: {reply:?}", case.name);
    }
    let sent = world.system.provider.seen.within(DEADLINE, |all| (all.len() >= honest.len()).then_some(()));
    assert!(sent.is_some(), "every twin sends: {:?}", world.system.provider.seen.all());
    world.system.martlet.settled();
    let mut seen: Vec<String> = world.system.provider.seen.all().iter().map(|r| r.value("text").to_owned()).collect();
    let mut wanted: Vec<String> = honest.iter().map(text).collect();
    seen.sort();
    wanted.sort();
    assert_eq!(seen, wanted, "the twins' texts and no other");
    let queue = world.system.martlet.queue();
    assert_eq!(queue.len(), honest.len(), "nothing else was queued: {queue:?}");
    world.system.log_is_discreet(&["forged", "honest", PASSWORD]);
}
