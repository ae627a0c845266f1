//! A real Kannel: bearerbox with its fake SMSC, whose phone is a socket of ours, and smsbox, which takes our texts and calls
//! our hooks for receipts and for what the phone says.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    process::Command,
};

use libtest_mimic::Trial;

use super::{ALICE, PHONE, Relay, header, text};
use crate::support::{
    Needs,
    process::{Running, Scratch, free_port, until},
    sink::Seen,
    talk::{Place, reachable},
    trial_with,
};

pub fn trials() -> Vec<Trial> {
    let t = |name: &str, test: fn()| trial_with(&format!("relays: Kannel {name}"), &[Needs::Kannel], test);
    vec![
        t("takes a text, tells of its delivery, and brings the answer", both_ways),
        t("gets each segment with its header, and brings Unicode and parts", segments),
        t("that refuses the password pauses the gateway, and nothing is lost", password),
    ]
}

const SECRET: &str = "0123456789abcdef";
/// Our number at Kannel.
const OURS: &str = "71000";

struct Kannel {
    sendsms: u16,
    /// What the phone has got, a line for each short message.
    seen: Seen<String>,
    phone: TcpStream,
    /// Killed at the end of the test: how they would stop is nobody's question here.
    _boxes: [Running; 2],
    _scratch: Scratch,
}

impl Kannel {
    /// `http`: where Martlet listens.
    fn start(http: u16) -> Self {
        let scratch = Scratch::new();
        let [admin, boxes, fake, sendsms] = [(); 4].map(|()| free_port());
        let inbound = format!(
            "http://127.0.0.1:{http}/gateway/relay/hook/inbound/{SECRET}\
             ?from=%q&to=%P&text=%b&coding=%c&charset=%C&udh=%u&id=%I&time=%T"
        );
        let conf = scratch.path().join("kannel.conf");
        let text = format!(
            "group = core\nadmin-port = {admin}\nadmin-password = pw\nsmsbox-port = {boxes}\nadmin-interface = 127.0.0.1\n\
             smsbox-interface = 127.0.0.1\nbox-allow-ip = 127.0.0.1\ndlr-storage = internal\n\
             sms-combine-concatenated-mo = false\n\n\
             group = smsc\nsmsc = fake\nsmsc-id = fake\nport = {fake}\nconnect-allow-ip = 127.0.0.1\n\n\
             group = smsbox\nbearerbox-host = 127.0.0.1\nsendsms-port = {sendsms}\nsendsms-interface = 127.0.0.1\n\n\
             group = sendsms-user\nusername = foo\npassword = bar\ndefault-sender = {OURS}\n\n\
             group = sms-service\nkeyword = default\ncatch-all = true\nget-url = \"{inbound}\"\nmax-messages = 0\n\
             omit-empty = true\n"
        );
        std::fs::write(&conf, text).expect("written");
        let run = |name: &str| {
            let mut command = Command::new(format!("/usr/sbin/{name}"));
            Running::start(name, command.arg(&conf), &scratch.path().join(format!("{name}.log")))
        };
        let mut bearerbox = run("bearerbox");
        // The fake SMSC has one phone: the first that connects.
        let phone = bearerbox.wait_for("its fake SMSC", || TcpStream::connect(("127.0.0.1", fake)).ok());
        let mut smsbox = run("smsbox");
        smsbox.wait_for("its port", || reachable(&Place::Tcp(sendsms)));
        let (seen, lines) = (Seen::new(), BufReader::new(phone.try_clone().expect("a socket")));
        let list = seen.clone();
        std::thread::spawn(move || lines.lines().map_while(Result::ok).for_each(|line| list.add(line)));
        Self { sendsms, seen, phone, _boxes: [smsbox, bearerbox], _scratch: scratch }
    }

    /// The phone says something, in the words of the fake SMSC.
    fn says(&mut self, what: &str) {
        writeln!(self.phone, "{PHONE} {OURS} {what}").expect("the fake SMSC reads");
    }
}

/// A Martlet, and a Kannel that calls it.
fn world(password: &str) -> (Relay, Kannel) {
    let http = free_port();
    let kannel = Kannel::start(http);
    let gateway = format!(
        "provider = \"kannel\"\n[gateway.settings]\nbase_url = \"http://127.0.0.1:{}\"\nuser = \"foo\"\n\
         password = \"{password}\"\nhook_key = \"{SECRET}\"\n",
        kannel.sendsms
    );
    (Relay::start(http, free_port(), &gateway), kannel)
}

fn both_ways() {
    let (relay, mut kannel) = world("bar");
    let id = relay.send("first", "Dinner at eight? é");
    let line = kannel.seen.wait("the text", |_| true);
    assert_eq!(line, format!("{OURS} {PHONE} text Dinner at eight? é"));
    relay.comes_to(&id, "delivered");
    kannel.says("text Yes, gladly");
    let answer = relay.mail_with("Yes, gladly");
    assert_eq!(text(&answer).trim(), "Yes, gladly");
    assert!(answer.rcpt.iter().any(|to| to.contains(ALICE)), "{:?}", answer.rcpt);
    assert_eq!(header(&answer, "In-Reply-To"), "<first@example.test>");
    relay.martlet.settled();
    assert_eq!(kannel.seen.len(), 1, "our answers to the hooks were no texts: {:?}", kannel.seen.all());
    assert!(!relay.martlet.log().contains(SECRET), "the secret of the address is in the log");
}

fn segments() {
    let (relay, mut kannel) = world("bar");
    let id = relay.send("long", &"Ж".repeat(100));
    let both =
        kannel.seen.within(crate::support::process::DEADLINE, |lines| (lines.len() == 2).then(|| lines.to_vec()));
    let mut both = both.expect("two segments");
    both.sort();
    for (n, (line, letters)) in both.iter().zip([67, 33]).enumerate() {
        let header =
            line.split_once(" udh %05%00%03").and_then(|(_, rest)| rest.split_once(" data ")).expect("a header");
        assert!(header.0.ends_with(&format!("%02%0{}", n + 1)), "{line}");
        assert_eq!(header.1.matches("%04%16").count(), letters, "{line}");
    }
    relay.comes_to(&id, "delivered");
    // The fake SMSC writes `ucs-2` and reads `ucs2`.
    kannel.says("ucs2 %04%1F%04%40%04%38%04%32%04%35%04%42");
    relay.mail_with("Привет");
    // Two parts of a text of the phone: Kannel is told to hand them on one by one, with their headers.
    kannel.says("udh-text %05%00%03%09%02%02 e end");
    kannel.says("udh-text %05%00%03%09%02%01 Well, th");
    relay.mail_with("Well, the end");
}

fn password() {
    let (relay, kannel) = world("wrong");
    let id = relay.send("first", "Dinner?");
    until("a pause for the account", || relay.martlet.log().contains("4.3.5").then_some(()));
    assert_eq!(relay.result(&id), serde_json::Value::Null, "it waits");
    assert_eq!(kannel.seen.len(), 0);
}
