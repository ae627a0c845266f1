//! Brakes through the real daemon: each takes hold at its limit, says so with its code, is counted, and the postmaster
//! is told once.

use libtest_mimic::Trial;

use super::{ALICE, BOB, PHONE, World, daemon, mail, words_of};
use crate::support::{http::call, process::until, trial};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("brakes: the same text to the same number", same_text),
        trial("brakes: new numbers and new countries of an account", new_places),
        trial("brakes: texts of an account in a stretch of time, at RCPT already", rate),
        trial("brakes: segments a day, of an account and of everybody", daily),
        trial("brakes: what a day may cost, of an account and of everybody", cost),
        trial("brakes: a text of ours that is one too many is not sent, and nothing is lost", own_texts),
        trial("brakes: what a phone brings beyond measure is held, then delivered", flood),
        trial("brakes: without the table none of them holds", without),
    ]
}

const OTHER: &str = "+12015550199";

/// Code, enhanced code and words of one mail to one number.
fn send(world: &World, from: &str, to: &str, id: &str, words: &str) -> (u16, String) {
    let to = format!("\"sms:{to}\"@sms.example.test");
    let replies = world.send(from, &[&to], &mail(&format!("{id}@example.test"), from, words, ""));
    let reply = replies.last().expect("a reply");
    (reply.code, reply.lines.join(" "))
}

/// Waits for the metric to say so.
fn counted(world: &World, kind: &str, n: u64) {
    let line = format!("martlet_brakes_total{{kind=\"{kind}\"}} {n}\n");
    until(&line, || {
        let (_, text) = call(world.martlet.http, "GET", "/metrics", "").ok()?;
        text.contains(&line).then_some(())
    });
}

/// The postmaster got one notice about this key, and no more by now.
fn told_once(world: &World, key: &str) {
    let notice = world.mail_to("postmaster@example.test", key);
    assert!(words_of(&notice).contains("It counts anew from"), "{}", words_of(&notice));
    world.martlet.settled();
    let all = world.mails.seen.all();
    let notices = all.iter().filter(|mail| words_of(mail).contains(&format!("Limit: {key}"))).count();
    assert_eq!(notices, 1, "told once");
}

fn same_text() {
    let more = "[brakes]\nsame_text = { max = 2, within = \"1h\" }\n";
    let world = daemon().tables(more).start();
    for n in 0..2 {
        assert_eq!(send(&world, ALICE, PHONE, &format!("a{n}"), "The disk is full").0, 250);
    }
    for n in 2..5 {
        let from = [ALICE, BOB][n % 2];
        let (code, words) = send(&world, from, PHONE, &format!("a{n}"), "The disk is full");
        assert_eq!(code, 450, "whoever sends it: {words}");
        assert!(words.starts_with("4.7.1") && words.contains("2 times already; try again after"), "{words}");
    }
    assert_eq!(send(&world, ALICE, PHONE, "b", "The disk is empty").0, 250, "another text");
    assert_eq!(send(&world, ALICE, OTHER, "c", "The disk is full").0, 250, "another number");
    // The mail that was taken is taken again, whatever the brake says by now.
    assert_eq!(send(&world, ALICE, PHONE, "a0", "The disk is full").0, 250);
    counted(&world, "same_text", 3);
    let log = world.martlet.log();
    assert!(log.contains("brake") && log.contains("same_text") && !log.contains("The disk"), "{log}");
    // One notice for each of the two accounts.
    world.martlet.settled();
    for who in [ALICE, BOB] {
        world.mail_to("postmaster@example.test", &format!("Account: {who}"));
    }
    let notices = |mails: Vec<_>| mails.iter().filter(|mail| words_of(mail).contains("brakes.same_text")).count();
    assert_eq!(notices(world.mails.seen.all()), 2);
}

fn new_places() {
    let more = "regions = [\"US\", \"DE\", \"FR\"]\n[brakes]\nnew_numbers = { max = 3, within = \"1h\" }\n\
        new_countries = { max = 2, within = \"24h\" }\n";
    let world = daemon().tables(more).start();
    let text = |to: &str, id: &str| send(&world, BOB, to, id, id);
    assert_eq!(text(PHONE, "one").0, 250);
    assert_eq!(text("+4915112345678", "two").0, 250);
    let (code, words) = text("+33612345678", "three");
    assert!(code == 450 && words.contains("2 new countries already"), "{code} {words}");
    assert_eq!(text(OTHER, "four").0, 250);
    let (code, words) = text("+12015550144", "five");
    assert!(code == 450 && words.contains("3 new numbers already"), "{code} {words}");
    assert_eq!(text(PHONE, "six").0, 250, "a number that is known goes on");
    assert_eq!(send(&world, ALICE, OTHER, "seven", "alice").0, 250, "another account has its own");
    counted(&world, "new_countries", 1);
    counted(&world, "new_numbers", 1);
    told_once(&world, "brakes.new_numbers");
    told_once(&world, "brakes.new_countries");
}

fn rate() {
    let more = "password = \"bob-pw\"\nrate = { max = 2, within = \"1h\" }\n";
    let world = daemon().tables(more).start();
    assert_eq!(send(&world, BOB, PHONE, "one", "one").0, 250);
    assert_eq!(send(&world, BOB, OTHER, "two", "two").0, 250);
    let (code, words) = send(&world, BOB, PHONE, "three", "three");
    assert!(code == 450 && words.contains("may send 2 texts in this time"), "{code} {words}");
    assert_eq!(send(&world, ALICE, PHONE, "four", "four").0, 250);
    counted(&world, "rate", 1);
    told_once(&world, "account.rate");
    // The classic call says it with its status.
    let query = format!("number=%2B{}&data=x&user=bob%40example.test&pass=bob-pw", &PHONE[1..]);
    let (status, body) = call(world.martlet.http, "GET", "/sms/", &query).expect("a call");
    assert!(status == 429 && body.starts_with("ERR 4.7.1"), "{status} {body}");
}

fn daily() {
    let more = "daily_max = 2\n[brakes]\nsame_text = \"off\"\ndaily_max = 4\n";
    let world = daemon().tables(more).start();
    let long = "a".repeat(200);
    assert_eq!(send(&world, BOB, PHONE, "one", &long).0, 250, "two segments");
    let (code, words) = send(&world, BOB, PHONE, "two", "b");
    assert!(code == 550 && words.starts_with("5.7.1") && words.contains("daily limit of 2 segments"), "{words}");
    let query = |data: &str| format!("number=%2B{}&data={data}&user=alice%40example.test&pass=alice-pw", &PHONE[1..]);
    let sms = |data: &str| call(world.martlet.http, "GET", "/sms/", &query(data)).expect("a call");
    assert_eq!((sms("c").0, sms("d").0), (200, 200));
    let (status, body) = sms("e");
    assert!(status == 403 && body.contains("the daily limit of this server, 4 segments"), "{status} {body}");
    let (status, body) = sms("e&dry_run=1");
    assert!(status == 403 && body.contains("5.7.1"), "{status} {body}");
    counted(&world, "daily_max", 1);
    told_once(&world, "account.daily_max");
    told_once(&world, "brakes.daily_max");
}

fn cost() {
    // The dear gateway is only the spare one: what counts is what a text may cost at most.
    let gateway = "cost = { \"+1\" = 0.01 }\n[[gateway]]\nid = \"dear\"\ntype = \"http\"\npriority = 2\ncost = 0.05\n\
        url = \"http://127.0.0.1:PROVIDER/dear?to=%number%&text=%data%\"\n";
    let more = "daily_cost = 0.1\n[brakes]\nsame_text = \"off\"\ndaily_cost = 0.2\n";
    let world = daemon().main(gateway).tables(more).start();
    assert_eq!(send(&world, BOB, PHONE, "one", "a").0, 250);
    let (code, words) = send(&world, BOB, PHONE, "two", &"a".repeat(200));
    assert!(code == 550 && words.starts_with("5.7.1 daily cost of 0.1 reached"), "two segments are too many: {words}");
    assert_eq!(send(&world, BOB, PHONE, "three", "b").0, 250);
    let (code, words) = send(&world, BOB, PHONE, "four", "c");
    assert!(code == 550 && words.contains("daily cost of 0.1 reached"), "{words}");
    // By the cheap one alone.
    let pinned = format!("{PHONE}?id=main");
    for id in ["five", "six", "seven"] {
        assert_eq!(send(&world, ALICE, &pinned, id, id).0, 250);
    }
    assert_eq!(send(&world, ALICE, PHONE, "eight", "d").0, 250);
    let (code, words) = send(&world, ALICE, PHONE, "nine", "e");
    assert!(code == 550 && words.contains("the daily cost of this server, 0.2, is reached"), "{words}");
    assert_eq!(send(&world, ALICE, &pinned, "ten", "f").0, 250, "there is room for a cheap one");
    counted(&world, "daily_cost", 2);
    counted(&world, "daily_cost_all", 1);
    told_once(&world, "account.daily_cost");
    told_once(&world, "brakes.daily_cost");
    world.martlet.settled();
}

fn own_texts() {
    let more = "[[account]]\nuser = \"*\"\n[brakes]\nown_texts = { phone = 0, all = 200 }\n";
    let inbound = "conflict_wait = \"2s\"";
    let world = daemon().tables(more).keys("[inbound]", inbound).start();
    for (from, id) in [(ALICE, "one"), (BOB, "two")] {
        assert_eq!(send(&world, from, PHONE, id, id).0, 250);
        world.provider.seen.wait(id, |r| r.value("text") == id);
    }
    world.phone("Which of you is it?");
    // No question went out; the text reaches the default mailbox when the wait is over.
    world.mail_to("inbox@example.test", "Which of you is it?");
    assert_eq!(world.provider.seen.all().len(), 2);
    counted(&world, "own_texts_phone", 1);
    told_once(&world, "brakes.own_texts.phone");

    // They count against the day of the account that pays, like others.
    let more = "[[account]]\nuser = \"*\"\ndaily_max = 1\nshared = true\n";
    let world = daemon().tables(more).keys("[inbound]", "stop_text = \"Bye\"\nstart_text = \"Hello\"").start();
    world.phone("STOP");
    world.provider.seen.wait("the answer", |r| r.value("text") == "Bye");
    world.phone("START");
    world.mail_to("inbox@example.test", "takes texts from this number again");
    counted(&world, "daily_max", 1);
    world.martlet.settled();
    assert_eq!(world.provider.seen.len(), 1);
}

fn flood() {
    let inbound = "flood_phone = { max = 3, within = \"4s\" }";
    let world = daemon().keys("[inbound]", inbound).start();
    for n in 0..7 {
        world.phone(&format!("text {n}"));
    }
    world.mail_to("inbox@example.test", "text 2");
    told_once(&world, "inbound.flood_phone");
    // Every one arrives, three in each stretch.
    for n in 3..7 {
        world.mail_to("inbox@example.test", &format!("text {n}"));
    }
    let texts = world.mails.seen.all().iter().filter(|mail| words_of(mail).starts_with("text ")).count();
    assert_eq!(texts, 7, "and once");
}

fn without() {
    let world = daemon().start();
    for n in 0..40 {
        let number = format!("+120155501{:02}", n % 4);
        assert_eq!(send(&world, ALICE, &number, &format!("n{n}"), "same").0, 250);
    }
    let (_, text) = call(world.martlet.http, "GET", "/metrics", "").expect("metrics");
    assert!(!text.contains("martlet_brakes_total{"), "{text}");
}
