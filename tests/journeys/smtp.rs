//! Mail → text by SMTP: one answer for all recipients.

use libtest_mimic::Trial;

use super::{PHONE, World, daemon, header_of, mail, words_of};
use crate::support::{
    process::free_port,
    talk::{Letter, Place, Reply, Talk},
    trial,
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("smtp: those that fail while others are taken are reported by mail", some_fail),
        trial("smtp: where all fail the data is refused, and nobody is written to", all_fail),
        trial("smtp: one unproven recipient refuses the whole mail", unproven),
        trial("smtp: bare line ends of a trusted peer are made good where the listener says so", bare_line_ends),
    ]
}

const DAVE: &str = "dave@example.test";
const CAROL: &str = "carol@example.test";
const OTHER: &str = "+12015550124";

/// A daemon with an SMTP listener that has these keys.
pub fn world(keys: &str) -> (World, u16) {
    let port = free_port();
    let more = format!(
        r#"
[[account]]
user = "{DAVE}"
monthly_max = 1
[[account]]
user = "{CAROL}"
monthly_max = 1
[[listener]]
protocol = "smtp"
bind = "127.0.0.1:{port}"
{keys}
"#
    );
    (daemon().tables(&more).start(), port)
}

fn send(port: u16, from: &str, to: &[&str], data: &str) -> Vec<Reply> {
    let mut talk = Talk::to(&Place::Tcp(port)).expect("the SMTP door");
    talk.say("EHLO mx.example.test").expect("EHLO");
    let letter = Letter { from, to: to.to_vec(), data: data.to_owned(), ..Letter::default() };
    talk.letter(&letter, false).expect("a session")
}

pub fn phone(number: &str) -> String {
    format!("\"sms:{number}\"@sms.example.test")
}

const ENVELOPE: &str = "trust = [\"127.0.0.1/32\"]\nidentity = [\"envelope\"]";

fn some_fail() {
    let (world, port) = world(ENVELOPE);
    let (first, second) = (phone(PHONE), phone(OTHER));
    let data = mail("some@example.test", DAVE, "See you", "");
    let replies = send(port, DAVE, &[&first, &second], &data);
    assert_eq!(replies.iter().map(|r| r.code).collect::<Vec<_>>(), [250, 250], "{replies:?}");
    let report = world.mail_to(DAVE, "monthly limit of 1");
    assert!(words_of(&report).contains(&OTHER[2..5]), "{}", words_of(&report));
    assert!(header_of(&report, "Content-Type").is_some_and(|t| t.contains("multipart/report")));
    assert_eq!(header_of(&report, "In-Reply-To").as_deref(), Some("<some@example.test>"));
    world.martlet.settled();
    assert_eq!(world.mails.seen.all().len(), 1);
    assert_eq!(world.provider.seen.all().len(), 1);
}

fn all_fail() {
    let (world, port) = world(ENVELOPE);
    let (first, second) = (phone(PHONE), phone(OTHER));
    let replies = send(port, CAROL, &[&first, &second], &mail("all@example.test", CAROL, &"long ".repeat(50), ""));
    assert!(replies.iter().all(|r| r.code == 550 && r.enhanced() == "5.7.1"), "{replies:?}");
    world.martlet.settled();
    assert!(world.mails.seen.all().is_empty() && world.provider.seen.all().is_empty());
}

fn unproven() {
    let (world, port) = world("trust = [\"127.0.0.1/32\"]\nidentity = [\"postfix-received\"]");
    let known = format!("\"sms:{PHONE}?user=alice%40example.test&pass=alice-pw\"@sms.example.test");
    let unknown = phone(OTHER);
    let data = mail("unproven@example.test", DAVE, "See you", "");
    let replies = send(port, DAVE, &[&known, &unknown], &data);
    assert!(replies.iter().all(|r| r.code == 550 && r.enhanced() == "5.7.1"), "{replies:?}");
    world.martlet.settled();
    assert!(world.mails.seen.all().is_empty() && world.provider.seen.all().is_empty());
    assert_eq!(send(port, DAVE, &[&known], &data)[0].code, 250);
}

fn bare_line_ends() {
    let (world, port) = world(&format!("{ENVELOPE}\nbare_line_ends = \"normalize\""));
    let data = format!("From: {DAVE}\r\nSubject: Bare\r\n\r\none\ntwo\rthree\r\n");
    let refused = world.send(DAVE, &[&phone(PHONE)], &data);
    assert_eq!(
        (refused[0].code, refused[0].enhanced()),
        (550, "5.5.2"),
        "the listener beside it does not: {refused:?}"
    );
    let taken = send(port, DAVE, &[&phone(PHONE)], &data);
    assert_eq!(taken[0].code, 250, "{taken:?}");
    world.martlet.settled();
    let texts: Vec<_> = world.provider.seen.all().iter().map(|request| request.value("text").to_owned()).collect();
    assert_eq!(texts, ["one\ntwo three"]);
}
