//! Keys that change what is the rule: which machines may write, what an account may, how phones' numbers are read, and in
//! whose words reports are.

use std::fs;

use libtest_mimic::Trial;

use super::{ALICE, BOB, PHONE, World, daemon, header_of, mail, words_of};
use crate::support::{martlet::deliver, sink::Answer, trial};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("keys: machines may write or not, premium numbers may be written to", allowed),
        trial("keys: an account's texts have their own life, reports their own words", words_and_life),
        trial("keys: words that no report has, and templates that are none, are refused", bad_words),
        trial("keys: a percent sign in a user's name is one or an at sign", names),
        trial("keys: phones' numbers without a plus", originators),
        trial("keys: a mail that a rule passes on has our Received line, once", passed_on),
    ]
}

fn names() {
    let as_user = |user: &str| format!("{PHONE}?user={user}&pass=alice-pw");
    let usual = daemon().start();
    assert_eq!(answer(&usual, "x@elsewhere.test", &as_user("alice%example.test"), ""), "250 2.0.0");
    let strict = daemon().tables("[login]\npercent_is_at = false\n").start();
    assert_eq!(answer(&strict, "x@elsewhere.test", &as_user("alice%example.test"), ""), "550 5.7.8");
    assert_eq!(answer(&strict, "x@elsewhere.test", &as_user("alice%40example.test"), ""), "250 2.0.0");
    let call = |user: &str| {
        let form = format!("user={user}&pass=alice-pw&number=%2B12015550123&data=x");
        crate::support::http::call(strict.martlet.http, "POST", "/sms/", &form).expect("a call").0
    };
    assert_eq!((call("alice/example.test"), call("alice%40example.test")), (401, 200));
}

/// The answer to one mail with these header fields.
fn answer(world: &World, from: &str, to: &str, fields: &str) -> String {
    let to = format!("\"sms:{to}\"@sms.example.test");
    let replies = world.send(from, &[&to], &mail("k@example.test", from, "hello", fields));
    let reply = replies.last().expect("a reply");
    format!("{} {}", reply.code, reply.enhanced())
}

fn allowed() {
    const PREMIUM: &str = "+19002345678";
    let kinds =
        ["Auto-Submitted: auto-replied\r\n", "Auto-Submitted: auto-generated\r\n", "List-Id: <l.example.test>\r\n"];
    let usual = daemon().start();
    let answers = kinds.map(|fields| answer(&usual, ALICE, PHONE, fields));
    assert_eq!(answers, ["550 5.7.1", "250 2.0.0", "250 2.0.0"]);
    assert_eq!(answer(&usual, BOB, PREMIUM, ""), "550 5.7.1");
    let sms = "auto_replied = true\nauto_generated = false\nlists = false";
    let other = daemon().keys("[sms]", sms).tables("premium = true\n").start();
    let answers = kinds.map(|fields| answer(&other, ALICE, PHONE, fields));
    assert_eq!(answers, ["250 2.0.0", "550 5.7.1", "550 5.7.1"]);
    assert_eq!(answer(&other, BOB, PREMIUM, ""), "250 2.0.0", "bob may");
    assert_eq!(answer(&other, ALICE, PREMIUM, ""), "550 5.7.1", "alice may not");
}

const GERMAN: (&str, &str) =
    ("words/expired.txt", "Nicht zugestellt: {{ number }}\n\nDie Nachricht an {{ number }} verfiel ({{ status }}).\n");

fn words_and_life() {
    let world = daemon()
        .keys("[queue]", "report_words = \"words\"")
        .tables("expire_after = \"1s\"\n")
        .files(&[GERMAN])
        .answering(|_| Answer::Say(503, "no capacity".into()))
        .start();
    assert_eq!(answer(&world, BOB, PHONE, ""), "250 2.0.0");
    assert_eq!(answer(&world, ALICE, PHONE, ""), "250 2.0.0");
    let report = world.mail_to(BOB, "verfiel (4.4.7)");
    assert!(words_of(&report).contains(&format!("Die Nachricht an {PHONE}")), "{}", words_of(&report));
    assert!(header_of(&report, "Subject").is_some_and(|subject| subject.starts_with("Nicht zugestellt")));
    let waits = world.martlet.queue().into_iter().filter(|m| m["state"] == "waiting").count();
    assert_eq!(waits, 1, "alice's text has the usual life");
}

fn bad_words() {
    let world = daemon().keys("[queue]", "report_words = \"words\"").files(&[GERMAN]).start();
    let words = world.martlet.config.with_file_name("words");
    for (name, text, why) in [
        ("expird.txt", "x\n\ny\n", "expird.txt: reports have no such words; there are failed.txt, expired.txt"),
        ("failed.txt", "x\n\n{{ nmber }}\n", "failed.txt: undefined value"),
        ("failed.txt", "one line\n", "failed.txt: the second line must be empty"),
    ] {
        fs::write(words.join(name), text).expect("written");
        let out = world.martlet.command(&["check"]);
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(out.status.code(), Some(78), "{said}");
        assert!(said.contains(why) && said.contains("martlet.toml:"), "{said}");
        fs::remove_file(words.join(name)).expect("gone");
    }
    assert!(world.martlet.command(&["check"]).status.success());
    fs::remove_dir_all(words).expect("gone");
    assert_eq!(world.martlet.command(&["check"]).status.code(), Some(78), "the folder is not there");
}

/// Who the mail of a text from `number` says that it is from.
fn from(world: &World, number: &str, words: &str) -> Option<String> {
    let (status, body) = deliver(world.martlet.http, "GET", &[("number", number), ("data", words)]).expect("a call");
    assert_eq!(status, 200, "{body}");
    header_of(&world.mail_to("inbox@example.test", words), "X-SMS-From")
}

fn originators() {
    // A number of Panama and of Minnesota.
    let both = "5072345678";
    let usual = daemon().start();
    assert_eq!(from(&usual, both, "first").as_deref(), Some("+5072345678"));
    assert_eq!(from(&usual, "017612345678", "second").as_deref(), Some("017612345678"), "nobody's in sms.region");
    let national = daemon().keys("[inbound]", "originators = \"national\"").start();
    assert_eq!(from(&national, both, "third").as_deref(), Some("+15072345678"));
    // As of where the gateway is.
    let german = daemon().main("number = \"+493012345678\"").start();
    assert_eq!(from(&german, "017612345678", "fourth").as_deref(), Some("+4917612345678"));
}

fn passed_on() {
    const COPY: &str = "[[rule]]\ntitle = \"archive\"\ndo = [ { copy = \"archive@example.test\" } ]\n";
    let world = daemon().files(&[("rules/10.toml", COPY)]).start();
    assert_eq!(
        answer(&world, ALICE, PHONE, "Received: by mx.example.test; Mon, 1 Jan 2024 00:00:00 +0000\r\n"),
        "250 2.0.0"
    );
    let copy = String::from_utf8_lossy(&world.mail_to("archive@example.test", "hello").data).into_owned();
    assert!(copy.starts_with("Received: by sms.example.test (Martlet) with LMTP id "), "{copy}");
    assert_eq!(copy.matches("Received: ").count(), 2, "{copy}");
}
