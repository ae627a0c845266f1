//! STOP, START and HELP through the real daemon: the mail of the word arrives, marked; the phone is refused at RCPT; its
//! answer goes out once; another number of ours is another.

use libtest_mimic::Trial;
use serde_json::Value;

use super::{
    ALICE, BOB, PHONE, World, daemon, header_of,
    ladder::{part, say_part, send_and_see},
    words_of,
};
use crate::support::{
    http::call,
    process::{free_port, until},
    talk::{Place, Reply, Talk},
    trial,
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("opt-out: STOP to START, at the door, in the mail and in the log", circle),
        trial("opt-out: what a phone is answered, once, on the global account", answers),
        trial("opt-out: with two numbers the other one is used, until that is refused too", two_numbers),
        trial("opt-out: STOP goes before tags and the question whom it means, and in parts", before_all),
        trial("opt-out: before anybody is identified only a trusted server learns of it", unidentified),
        trial("opt-out: what is no STOP is a text", no_stop),
        trial("opt-out: a list of words replaces the shipped ones, and all can be off", configured),
        trial("opt-out: the command line lists, adds and removes, with a daemon and without", by_hand),
    ]
}

const OTHER: &str = "+12015550199";

/// The answer to one RCPT.
fn rcpt(world: &World, from: &str, phone: &str) -> Reply {
    rcpt_at(world.lmtp, from, phone)
}

fn rcpt_at(port: u16, from: &str, phone: &str) -> Reply {
    let mut talk = Talk::to(&Place::Tcp(port)).expect("the LMTP door");
    talk.say("LHLO mx.example.test").expect("LHLO");
    talk.say(&format!("MAIL FROM:<{from}>")).expect("MAIL");
    let reply = talk.say(&format!("RCPT TO:<\"sms:{phone}\"@sms.example.test>")).expect("RCPT");
    talk.say("QUIT").expect("QUIT");
    reply
}

fn refused(world: &World, from: &str, phone: &str) {
    let reply = rcpt(world, from, phone);
    assert_eq!(reply.code, 550, "{reply:?}");
    assert!(reply.lines.join(" ").starts_with("5.7.1") && reply.lines.join(" ").contains("has opted out"), "{reply:?}");
}

fn metric(world: &World, line: &str) {
    until(line, || {
        let (_, text) = call(world.martlet.http, "GET", "/metrics", "").ok()?;
        text.lines().any(|l| l == line).then_some(())
    });
}

/// Texts to phones that hold these words, when nothing is under way any more.
fn sent(world: &World, words: &str) -> usize {
    world.martlet.settled();
    world.provider.seen.all().iter().filter(|r| r.value("text").contains(words)).count()
}

fn circle() {
    let mut world = daemon().start();
    send_and_see(&world, ALICE, "Dinner?");
    world.phone(" Stop. ");
    let marked = world.mail_to(ALICE, "opted out");
    assert_eq!(header_of(&marked, "X-SMS-Keyword").as_deref(), Some("STOP"));
    assert!(words_of(&marked).trim_start().starts_with("Stop."), "{}", words_of(&marked));
    assert_eq!(header_of(&marked, "In-Reply-To").as_deref(), Some("<Dinner?@example.test>"));
    refused(&world, ALICE, PHONE);
    refused(&world, BOB, PHONE);
    assert_eq!(rcpt(&world, ALICE, OTHER).code, 250, "another phone");
    let query = format!("number=%2B{}&data=x&user=alice%40example.test&pass=alice-pw", &PHONE[1..]);
    for more in ["", "&dry_run=1"] {
        let (status, body) = call(world.martlet.http, "GET", "/sms/", &format!("{query}{more}")).expect("a call");
        assert!(status == 403 && body.starts_with("ERR 5.7.1"), "{status} {body}");
    }
    metric(&world, "martlet_opt_outs_total{kind=\"word\"} 1");
    metric(&world, "martlet_queue_depth{kind=\"opted out\"} 1");
    let log = world.martlet.log();
    assert!(log.lines().any(|l| l.contains("opted") && l.contains("what=\"out\"") || l.contains("what=out")), "{log}");
    assert!(!log.contains(PHONE), "numbers are masked");
    world.martlet.stop();
    world.martlet.restart();
    refused(&world, ALICE, PHONE);

    world.phone("START");
    let marked = world.mail_to(ALICE, "takes texts from this number again");
    assert_eq!(header_of(&marked, "X-SMS-Keyword").as_deref(), Some("START"));
    send_and_see(&world, ALICE, "Lunch?");
    // Who has not opted out says a word like others.
    world.phone("start");
    let plain = world.mails.seen.wait("the text", |m| words_of(m).trim() == "start");
    assert_eq!(header_of(&plain, "X-SMS-Keyword"), None);
}

fn answers() {
    let inbound = "stop_text = \"You get no more texts.\"\nstart_text = \"Welcome back.\"\nhelp_text = \"Example Ltd\"";
    let more = "[[account]]\nuser = \"*\"\nmonthly_max = 100\n";
    let world = daemon().keys("[inbound]", inbound).tables(more).start();
    world.phone("HELP");
    let marked = world.mail_to("inbox@example.test", "HELP");
    assert_eq!(header_of(&marked, "X-SMS-Keyword").as_deref(), Some("HELP"));
    world.provider.seen.wait("the answer", |r| r.value("text") == "Example Ltd");
    world.phone("help");
    world.mail_to("inbox@example.test", "help");
    assert_eq!(sent(&world, "Example Ltd"), 1, "one an hour");
    // The answer to STOP goes out, once, though the phone has opted out.
    world.phone("STOP");
    let answer = world.provider.seen.wait("the answer", |r| r.value("text") == "You get no more texts.");
    assert_eq!(answer.value("to"), PHONE);
    world.phone("STOP now");
    world.mail_to("inbox@example.test", "STOP now");
    world.phone("stop!");
    world.mail_to("inbox@example.test", "stop!");
    world.phone("Unsubscribe");
    world.mail_to("inbox@example.test", "Unsubscribe");
    assert_eq!(sent(&world, "no more texts"), 1, "never twice");
    world.phone("unstop");
    world.provider.seen.wait("the answer", |r| r.value("text") == "Welcome back.");
    world.phone("STOP");
    until("a second opting out has its own answer", || (sent(&world, "no more texts") == 2).then_some(()));
    metric(&world, "martlet_opt_outs_total{kind=\"word\"} 2");
    metric(&world, "martlet_opt_outs_total{kind=\"again\"} 1");
    metric(&world, "martlet_opt_outs_total{kind=\"help\"} 2");
    // To a phone that has opted out nothing else of ours goes either.
    let world = daemon().keys("[inbound]", inbound).tables(more).start();
    world.phone("STOP");
    world.provider.seen.wait("the answer", |r| r.value("text") == "You get no more texts.");
    world.phone("INFO");
    world.mail_to("inbox@example.test", "INFO");
    world.martlet.settled();
    assert_eq!(world.provider.seen.len(), 1);
}

fn two_numbers() {
    let gateway = "number = \"+12025550100\"";
    let more = "[[gateway]]\nid = \"second\"\ntype = \"http\"\npriority = 2\nnumber = \"+12025550111\"\npassword = \"pin\"\n\
        url = \"http://127.0.0.1:PROVIDER/second?to=%number%&text=%data%\"\n";
    let world = daemon().main(gateway).tables(more).start();
    send_and_see(&world, ALICE, "one");
    world.phone("STOP");
    world.mail_to(ALICE, "opted out");
    assert_eq!(rcpt(&world, ALICE, PHONE).code, 250, "the other number may write");
    send_and_see(&world, ALICE, "two");
    let paths = |words: &str| world.provider.seen.wait(words, |r| r.value("text") == words).path.clone();
    assert!(paths("one").starts_with("/main") && paths("two").starts_with("/second"));
    // Pinned to the number that it said no to.
    let pinned = format!("{PHONE}?id=main");
    refused(&world, ALICE, &pinned);
    let form = format!("id=second&pass=pin&number=%2B{}&data=STOP", &PHONE[1..]);
    let (status, body) = call(world.martlet.http, "POST", "/sms/deliver.html", &form).expect("a call");
    assert_eq!(status, 200, "{body}");
    until("every number is refused", || (rcpt(&world, ALICE, PHONE).code == 550).then_some(()));
    refused(&world, ALICE, PHONE);
    assert_eq!(world.provider.seen.len(), 2);
}

fn before_all() {
    let world = daemon().tables("[[account]]\nuser = \"*\"\n").start();
    send_and_see(&world, ALICE, "from alice");
    send_and_see(&world, BOB, "from bob");
    say_part(&world, &part(5, 2, 2), "OP");
    say_part(&world, &part(5, 2, 1), "ST");
    for who in [ALICE, BOB] {
        let marked = world.mail_to(who, "opted out");
        assert_eq!(header_of(&marked, "X-SMS-Keyword").as_deref(), Some("STOP"));
    }
    refused(&world, ALICE, PHONE);
    assert_eq!(sent(&world, "#1#"), 0, "nobody is asked whom it means");
    assert_eq!(world.mails.seen.len(), 2);
}

fn unidentified() {
    let (trusted, stranger) = (free_port(), free_port());
    let door =
        |port: u16, more: &str| format!("[[listener]]\nprotocol = \"lmtp\"\nbind = \"127.0.0.1:{port}\"\n{more}\n");
    let more = door(
        trusted,
        "trust = [\"127.0.0.1/32\"]\nidentity = [\"postfix-received\"]\nmta_names = [\"mx.example.test\"]",
    ) + &door(stranger, "");
    let world = daemon().tables(&more).start();
    assert_eq!(rcpt_at(trusted, ALICE, PHONE).code, 250);
    world.phone("STOP");
    world.mail_to("inbox@example.test", "opted out");
    assert_eq!(rcpt_at(trusted, ALICE, PHONE).code, 550, "who sends stands in the mail's own lines");
    assert_eq!(rcpt_at(trusted, ALICE, OTHER).code, 250);
    assert_eq!(rcpt_at(stranger, ALICE, PHONE).code, 250);
}

fn no_stop() {
    let world = daemon().start();
    for text in ["please stop", "STOP it", "#stop# hello", "Stop\nin the name of love", "1"] {
        world.phone(text);
        let words = text.rsplit(['\n', ' ']).next().expect("words");
        let mail = world.mails.seen.wait(text, |m| words_of(m).contains(words));
        assert_eq!(header_of(&mail, "X-SMS-Keyword"), None, "{text}");
    }
    assert_eq!(rcpt(&world, ALICE, PHONE).code, 250);
}

fn configured() {
    let world = daemon().keys("[inbound]", "stop_words = [\"GENUG\"]").start();
    world.phone("STOP");
    world.mail_to("inbox@example.test", "STOP");
    assert_eq!(rcpt(&world, ALICE, PHONE).code, 250);
    world.phone("genug!");
    world.mail_to("inbox@example.test", "opted out");
    refused(&world, ALICE, PHONE);

    let world = daemon().keys("[inbound]", "opt_out = false").start();
    world.phone("STOP");
    let mail = world.mail_to("inbox@example.test", "STOP");
    assert_eq!((header_of(&mail, "X-SMS-Keyword"), words_of(&mail).trim().to_owned()), (None, "STOP".to_owned()));
    assert_eq!(rcpt(&world, ALICE, PHONE).code, 250);
}

fn by_hand() {
    let mut world = daemon().start();
    let added = world.martlet.json(&["optouts", "add", PHONE]);
    assert_eq!((&added[0]["gateway"], &added[0]["how"]), (&Value::from("main"), &Value::from("hand")), "{added}");
    refused(&world, ALICE, PHONE);
    metric(&world, "martlet_opt_outs_total{kind=\"hand\"} 1");
    let list = world.martlet.json(&["optouts", "list"]);
    assert!(list[0]["phone"].as_str().is_some_and(|phone| phone != PHONE), "masked: {list}");
    let whole = world.martlet.json(&["optouts", "list", "--numbers", "--phone", PHONE]);
    assert_eq!(whole[0]["phone"], PHONE);
    assert_eq!(world.martlet.json(&["optouts", "list", "--phone", OTHER]), Value::Array(Vec::new()));
    world.martlet.json(&["optouts", "add", PHONE, "--from", "+12025550111"]);
    assert_eq!(world.martlet.json(&["optouts", "list"]).as_array().map(Vec::len), Some(2));
    assert_eq!(world.martlet.command(&["optouts", "add", PHONE, "--gateway", "nowhere"]).status.code(), Some(65));
    world.martlet.stop();
    assert_eq!(world.martlet.json(&["optouts", "list"]).as_array().map(Vec::len), Some(2), "from the store itself");
    assert_eq!(world.martlet.command(&["optouts", "remove", PHONE]).status.code(), Some(69), "only by the daemon");
    world.martlet.restart();
    assert_eq!(world.martlet.json(&["optouts", "remove", PHONE]), Value::Array(Vec::new()));
    let again = world.martlet.command(&["optouts", "remove", PHONE]);
    assert_eq!(again.status.code(), Some(65), "{}", String::from_utf8_lossy(&again.stderr));
    send_and_see(&world, ALICE, "welcome back");
}
