//! Mail → text by LMTP: who may send, limits, what is refused and in which words, and which gateway takes it.

use std::collections::BTreeSet;

use libtest_mimic::Trial;

use super::{ALICE, BOB, PHONE, World, daemon, header_of, mail, words_of};
use crate::support::{
    http::call,
    process::{free_port, until},
    sink::Answer,
    talk::{Letter, Place, Talk},
    trial,
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("outbound: refused at RCPT, each for its reason", refused_at_rcpt),
        trial("outbound: the configured line length and number of connections hold at every door", limits),
        trial("outbound: with too little disk every door says to come back later", full_disk),
        trial("outbound: refused after DATA, each for its reason", refused_after_data),
        trial("outbound: credentials in the address decide alone", credentials),
        trial("outbound: a limit of ten lets ten through with fifty connections at once", quota),
        trial("outbound: nobody pays for what is refused or comes again", charged_once),
        trial("outbound: what the network refused for good is given back", refund),
        trial("outbound: the same mail handed over twice is sent once", handed_over_twice),
        trial("outbound: mail to the postmaster is passed on with our Received", postmaster),
        trial("outbound: a list of numbers is one text each, all or nothing", several_numbers),
        trial("outbound: a helper address pays for those who may use it", helpers),
        trial("outbound: national tables where they are allowed and carried", shift_tables),
        trial("outbound: long texts are cut, or refused, or separated, or passed", overflow),
        trial("outbound: priority decides, and the next gateway steps in", failover),
        trial("outbound: a pinned message waits for its gateway", pinned),
        trial("outbound: equal gateways share", shared),
        trial("outbound: segments go in order by one gateway, and only what was not sent goes again", in_parts),
        trial("outbound: an unsure outcome is reported, held, or tried again", unsure),
        trial("outbound: expiry is reported", expiry),
        trial("outbound: held while the store lives on, sent after a restart", restart),
    ]
}

fn to(parameters: &str) -> String {
    format!("\"sms:{PHONE}{parameters}\"@sms.example.test")
}

fn letter(id: &str, words: &str) -> String {
    mail(&format!("{id}@example.test"), ALICE, words, "")
}

/// Code and enhanced code of the only recipient.
fn verdict(world: &World, from: &str, to: &str, data: &str) -> (u16, String) {
    let replies = world.send(from, &[to], data);
    let reply = replies.last().expect("a reply");
    (reply.code, reply.enhanced().to_owned())
}

fn refused_at_rcpt() {
    let world = daemon().start();
    let mut talk = Talk::to(&Place::Tcp(world.lmtp)).expect("the LMTP door");
    talk.say("LHLO mx.example.test").expect("LHLO");
    talk.say(&format!("MAIL FROM:<{ALICE}>")).expect("MAIL");
    let cases = [
        ("+12015550123@elsewhere.example".to_owned(), "5.1.2", "domain"),
        ("nobody@sms.example.test".to_owned(), "5.1.3", ""),
        ("+1201555@sms.example.test".to_owned(), "5.1.3", ""),
        ("911@sms.example.test".to_owned(), "5.1.3", ""),
        (to("?nosuch=1"), "5.1.3", "nosuch"),
        (to("?maxmsgs=0"), "5.1.3", "maxmsgs"),
        (to("?id=nosuch"), "5.1.3", "id"),
        (to("?sender=NotAllowedHere"), "5.7.1", "sender"),
        (to("?user=alice%40example.test&pass=wrong"), "5.7.8", "wrong"),
        (to("?user=nobody%40example.test&pass=wrong"), "5.7.8", "wrong"),
        ("+441632960961@sms.example.test".to_owned(), "5.1.3", ""),
        ("+447911123456@sms.example.test".to_owned(), "5.7.1", "region"),
        ("46645@sms.example.test".to_owned(), "5.7.1", "short code"),
    ];
    for (address, code, word) in cases {
        let reply = talk.say(&format!("RCPT TO:<{address}>")).expect("RCPT");
        assert_eq!((reply.code, reply.enhanced()), (550, code), "{address}: {reply:?}");
        assert!(reply.text().contains(word), "{address}: {reply:?}");
        assert!(!reply.text().contains("5550123"), "no number in a reply: {reply:?}");
    }
    assert_eq!(talk.say(&format!("RCPT TO:<{}>", to(""))).expect("RCPT").code, 250);
    // A null sender's address is judged by itself alone.
    talk.say("RSET").expect("RSET");
    talk.say("MAIL FROM:<>").expect("MAIL");
    assert_eq!(talk.say("RCPT TO:<+447911123456@sms.example.test>").expect("RCPT").code, 250);
    assert_eq!(talk.say("VRFY alice").expect("VRFY").code, 252);
}

fn full_disk() {
    let world = daemon().tables("[store]\nmin_free = \"1000000GiB\"\n").start();
    assert_eq!(verdict(&world, ALICE, &to(""), &letter("full", "no room")), (452, "4.3.1".to_owned()));
    let query = "number=%2B12015550123&data=x&user=alice%40example.test&pass=alice-pw";
    let (status, body) = call(world.martlet.http, "GET", "/sms/", query).expect("a call");
    assert!(status == 503 && body.starts_with("ERR 4.3.1"), "{status} {body}");
    let (status, body) = world.martlet.phone("GET", PHONE, "no room either").expect("a call");
    assert!(status == 503 && body.starts_with("ERR 4.3.1"), "{status} {body}");
    let (status, body) = call(world.martlet.http, "GET", "/readyz", "").expect("readyz");
    assert!(status == 503 && body.contains("disk"), "{status} {body}");
    assert_eq!((world.provider.seen.len(), world.mails.seen.len(), world.martlet.queue().len()), (0, 0, 0));
}

/// `limits.line` is the door's, and `limits.connections` counts over all listeners.
fn limits() {
    let second = free_port();
    let more = format!(
        "[limits]\nline = \"1200\"\nconnections = 1\n[[listener]]\nprotocol = \"lmtp\"\nbind = \"127.0.0.1:{second}\"\n"
    );
    let world = daemon().tables(&more).start();
    let mut talk = Talk::to(&Place::Tcp(world.lmtp)).expect("the LMTP door");
    let noop = |octets: usize| format!("NOOP {}", "x".repeat(octets - "NOOP \r\n".len()));
    assert_eq!(talk.say(&noop(1200)).expect("NOOP").code, 250);
    let long = talk.say(&noop(1201)).expect("an answer");
    assert!(long.code == 500 && long.text().contains("too long"), "{long:?}");
    let refused = Talk::connect(&Place::Tcp(second)).expect("the second door").reply().expect("a greeting");
    assert_eq!(refused.code, 421, "{refused:?}");
    talk.say("QUIT").expect("QUIT");
    until("the place of the first", || Talk::to(&Place::Tcp(second)).ok().map(drop));
}

fn refused_after_data() {
    let world = daemon().start();
    let with = |more: &str| mail("x@example.test", ALICE, "hello", more);
    let received: String =
        (0..51).map(|n| format!("Received: from a by b{n}; Fri, 20 Nov 2026 10:00:00 +0000\r\n")).collect();
    let cases = [
        ("a stranger", "mallory@elsewhere.example", with(""), "5.7.1"),
        ("an auto-reply", ALICE, with("Auto-Submitted: auto-replied (vacation)\r\n"), "5.7.1"),
        (
            "a read receipt",
            ALICE,
            with("Content-Type: multipart/report; report-type=disposition-notification; boundary=x\r\n"),
            "5.7.1",
        ),
        ("too many hops", ALICE, with(&received), "5.4.6"),
        ("our own trace", ALICE, with("X-Martlet-Trace: sms.example.test\r\n"), "5.4.6"),
        ("no words", ALICE, "From: a@example.test\r\n\r\n".to_owned(), "5.6.0"),
        ("encrypted", ALICE, with("Content-Type: application/pkcs7-mime; smime-type=enveloped-data\r\n"), "5.6.0"),
    ];
    for (what, from, data, code) in cases {
        let (reply, enhanced) = verdict(&world, from, &to(""), &data);
        assert!((550..=554).contains(&reply) && enhanced == code, "{what}: {reply} {enhanced}");
    }
    let alarm = mail("alarm@example.test", ALICE, "disk full", "Auto-Submitted: auto-generated\r\n");
    assert_eq!(verdict(&world, ALICE, &to(""), &alarm).0, 250);
    world.provider.seen.wait("the alarm", |r| r.value("text") == "disk full");
    assert_eq!(world.provider.seen.len(), 1);
}

fn credentials() {
    let more =
        "[[account]]\nuser = \"nagios\"\npassword = \"alarm-pw\"\nreply = \"ops@example.test\"\nmonthly_max = 1\n";
    let world = daemon().tables(more).start();
    let address = to("?user=nagios&pass=alarm-pw");
    assert_eq!(verdict(&world, "root@host.example", &address, &letter("one", "alarm")).0, 250);
    world.provider.seen.wait("the alarm", |r| r.value("text") == "alarm");
    world.phone("on my way");
    world.mail_to("ops@example.test", "on my way");
    let queue = world.martlet.queue();
    let text = queue.iter().find(|m| m["gateway"] == "main").expect("the text");
    let id = text["id"].as_str().expect("an id").to_owned();
    let shown = world.martlet.json(&["queue", "show", &id]).to_string();
    assert!(shown.contains("replaced by the account's"), "its history says so: {shown}");
    // Valid evidence does not help wrong credentials, and the limit is the account's own.
    assert_eq!(verdict(&world, ALICE, &to("?user=nagios&pass=no"), &letter("two", "x")).1, "5.7.8");
    let (code, enhanced) = verdict(&world, ALICE, &address, &letter("three", "second alarm"));
    assert_eq!((code, enhanced.as_str()), (550, "5.7.1"));
    assert!(!world.martlet.log().contains("alarm-pw"));
}

fn quota() {
    let more = "[[account]]\nuser = \"carol@example.test\"\nmonthly_max = 10\n";
    let world = daemon().tables(more).start();
    let (world, accepted) = (&world, std::sync::atomic::AtomicU32::new(0));
    std::thread::scope(|scope| {
        for n in 0..50 {
            let accepted = &accepted;
            scope.spawn(move || {
                let data = letter(&format!("q{n}"), &format!("text {n}"));
                let (code, enhanced) = verdict(world, "carol@example.test", &to(""), &data);
                match code {
                    250 => drop(accepted.fetch_add(1, std::sync::atomic::Ordering::SeqCst)),
                    _ => assert_eq!((code, enhanced.as_str()), (550, "5.7.1")),
                }
            });
        }
    });
    assert_eq!(accepted.into_inner(), 10);
    world.martlet.settled();
    assert_eq!(world.provider.seen.len(), 10);
}

fn charged_once() {
    let more = "[[account]]\nuser = \"carol@example.test\"\nmonthly_max = 3\n";
    let mut world = daemon().tables(more).start();
    let send = |to: &str, data: &str| verdict(&world, "carol@example.test", to, data).0;
    let (one, two) = (letter("c1", "one"), letter("c2", "two"));
    for _ in 0..5 {
        assert_eq!(send(&to(""), &one), 250, "a duplicate costs nothing");
    }
    let list = "\"sms:+12015550123,+12015550124,+12015550125\"@sms.example.test";
    assert_eq!(send(list, &two), 550, "three where two are left");
    let list = "\"sms:+12015550123,+447911123456\"@sms.example.test";
    assert_eq!(send(list, &two), 550, "one of them may not be texted");
    let list = "\"sms:+12015550123,+12015550124\"@sms.example.test";
    assert_eq!(send(list, &two), 250, "two are left all the same");
    assert_eq!(send(list, &two), 250, "again, for nothing, though the limit is reached by now");
    assert_eq!(send(&to(""), &letter("c3", "three")), 550);
    world.martlet.settled();
    assert_eq!(world.provider.seen.len(), 3);
    // Who is nobody's repetition is refused as early as can be.
    let mut talk = Talk::to(&Place::Tcp(world.lmtp)).expect("the LMTP door");
    talk.say("LHLO mx.example.test").expect("LHLO");
    talk.say("MAIL FROM:<carol@example.test> SIZE=77").expect("MAIL");
    let reply = talk.say(&format!("RCPT TO:<{}>", to(""))).expect("RCPT");
    assert_eq!((reply.code, reply.enhanced()), (550, "5.7.1"), "{reply:?}");
    assert!(reply.text().contains("limit of 3") && reply.text().contains("-01"), "{reply:?}");
    // The answer was lost in a crash.
    world.martlet.kill();
    world.martlet.restart();
    assert_eq!(verdict(&world, "carol@example.test", list, &two).0, 250, "again, after a restart");
    world.martlet.settled();
    assert_eq!(world.provider.seen.len(), 3);
}

fn refund() {
    let more = "[[account]]\nuser = \"carol@example.test\"\nmonthly_max = 1\n";
    let refuse = |request: &crate::support::sink::Request| match request.value("text") {
        "first" => Answer::Say(400, "no such subscriber".into()),
        _ => Answer::Say(200, "OK".into()),
    };
    let world = daemon().tables(more).answering(refuse).start();
    assert_eq!(verdict(&world, "carol@example.test", &to(""), &letter("r1", "first")).0, 250);
    world.mail_to("carol@example.test", "no such subscriber");
    assert_eq!(verdict(&world, "carol@example.test", &to(""), &letter("r2", "second")).0, 250);
    assert_eq!(verdict(&world, "carol@example.test", &to(""), &letter("r3", "third")).0, 550);
}

fn handed_over_twice() {
    let world = daemon().start();
    let data = letter("again", "once only");
    let first = world.send(ALICE, &[&to("")], &data);
    let second = world.send(ALICE, &[&to("")], &data);
    assert_eq!((first[0].code, second[0].code), (250, 250));
    assert_eq!(first[0].lines, second[0].lines, "the same id");
    let other = mail("other@example.test", ALICE, "once only", "");
    assert_eq!(world.send(ALICE, &[&to("")], &other)[0].code, 250);
    world.martlet.settled();
    assert_eq!(world.provider.seen.len(), 2, "two alarms with the same words are two");
    // One phone in two spellings is one recipient.
    let twice = Letter {
        from: ALICE,
        to: vec!["12015550125@sms.example.test", "\"sms:(201) 555-0125\"@sms.example.test"],
        data: letter("spelt", "spelt twice"),
        ..Letter::default()
    };
    let replies = world.hand_over(&twice);
    assert!(replies.iter().all(|r| r.code == 250) && replies[0].lines == replies[1].lines, "{replies:?}");
    world.martlet.settled();
    assert_eq!(world.provider.seen.len(), 3);
}

fn postmaster() {
    let world = daemon().start();
    for (n, address) in ["postmaster@sms.example.test", "Abuse@sms.example.test", "postmaster"].iter().enumerate() {
        let words = format!("complaint {n}");
        let data = mail(&format!("p{n}@x.example"), "x@elsewhere.example", &words, "");
        assert_eq!(verdict(&world, "x@elsewhere.example", address, &data).0, 250, "{address}");
        let passed = world.mail_to("postmaster@example.test", &words);
        assert!(header_of(&passed, "Received").is_some_and(|r| r.contains("by sms.example.test")));
    }
    // Somebody else's password in its fields is not for him.
    let fields = "Cc: \"sms:+12015550123?user=alice&pass=alice-pw\"@sms.example.test\r\n";
    let data = mail("p9@x.example", "x@elsewhere.example", "complaint 9", fields);
    assert_eq!(verdict(&world, "x@elsewhere.example", "postmaster@sms.example.test", &data).0, 250);
    let passed = String::from_utf8_lossy(&world.mail_to("postmaster@example.test", "complaint 9").data).into_owned();
    assert!(passed.contains("+12015550123") && !passed.contains("alice-pw"), "{passed}");
    assert_eq!(world.provider.seen.len(), 0);
}

fn several_numbers() {
    let world = daemon().start();
    let both = "\"sms:+12015550123,+12015550124\"@sms.example.test";
    assert_eq!(verdict(&world, ALICE, both, &letter("list", "to both")).0, 250);
    world.martlet.settled();
    let numbers: BTreeSet<_> = world.provider.seen.all().iter().map(|r| r.value("to").to_owned()).collect();
    assert_eq!(numbers.into_iter().collect::<Vec<_>>(), ["+12015550123", "+12015550124"]);
    let one_foreign = "\"sms:+12015550123,+447911123456\"@sms.example.test";
    assert_eq!(verdict(&world, ALICE, one_foreign, &letter("list2", "to neither")).0, 550);
    // Recipients of one mail have an answer each.
    let letter = Letter {
        from: ALICE,
        to: vec!["+12015550125@sms.example.test", "+12015550126@sms.example.test"],
        data: letter("two", "two rcpt"),
        ..Letter::default()
    };
    assert_eq!(world.hand_over(&letter).iter().filter(|r| r.code == 250).count(), 2);
    world.martlet.settled();
    assert_eq!(world.provider.seen.len(), 4);
}

fn helpers() {
    let more = "[[address]]\naddress = \"oncall@sms.example.test\"\nto = [\"sms:+12015550123\", \"sms:+12015550124\"]\naccount = \"alice@example.test\"\nfrom = [\"bob@example.test\"]\n";
    let world = daemon().tables(more).start();
    let data = mail("h@example.test", BOB, "wake up", "");
    assert_eq!(verdict(&world, BOB, "oncall@sms.example.test", &data).0, 250);
    world.martlet.settled();
    assert_eq!(world.provider.seen.len(), 2);
    world.phone("I am awake");
    world.mail_to(BOB, "I am awake");
    let (code, enhanced) = verdict(&world, "carol@example.test", "oncall@sms.example.test", &data);
    assert_eq!((code, enhanced.as_str()), (550, "5.7.1"));
}

/// Turkish words: one segment with a table for a gateway that carries headers, plain words for every other.
fn shift_tables() {
    let words = "şğ ".repeat(40).trim_end().to_owned();
    let sent = |sms: &'static str, gateway: &'static str| {
        let world = daemon().keys("[sms]", sms).main(gateway).start();
        assert_eq!(verdict(&world, ALICE, &to(""), &letter("t", &words)).0, 250);
        world.martlet.settled();
        let seen = world.provider.seen.all();
        seen.iter().map(|r| (r.value("text").to_owned(), r.value("udh").to_owned())).collect::<Vec<_>>()
    };
    let udh = "split = \"udh\"";
    // The octets 25 01 01: the Turkish locking table.
    let whole = [(words.clone(), "JQEB".to_owned())];
    assert_eq!(sent("max_parts = 1\nshift_tables = [\"Turkish\"]", udh), whole);
    assert_eq!(sent("shift_tables = [1, \"spanish\"]", udh), whole);
    // Not allowed: two segments of UCS-2. Not carried by the gateway: no header, and counted as UCS-2.
    assert_eq!(sent("max_parts = 2", udh).len(), 2);
    assert_eq!(sent("max_parts = 2\nshift_tables = [\"turkish\"]", ""), [(words.clone(), String::new())]);
    let cut = sent("max_parts = 1\nshift_tables = [\"turkish\"]", "");
    assert!(cut[0].0.ends_with('…') && cut[0].0.chars().count() <= 70, "{cut:?}");
}

fn overflow() {
    let long = "word ".repeat(200);
    let sent = |sms: &'static str| {
        let world = daemon().keys("[sms]", sms).start();
        let code = verdict(&world, ALICE, &to(""), &letter("long", &long));
        world.martlet.settled();
        let texts: Vec<String> = world.provider.seen.all().iter().map(|r| r.value("text").to_owned()).collect();
        (code, texts)
    };
    let (code, texts) = sent("max_parts = 2");
    assert_eq!(code.0, 250);
    assert!(texts[0].ends_with("...") && texts[0].len() <= 306 && texts[0].len() > 295, "{texts:?}");
    let (code, texts) = sent("max_parts = 2\noverflow = \"reject\"");
    assert_eq!((code, texts.len()), ((554, "5.2.3".to_owned()), 0));
    let (code, texts) = sent("max_parts = 2\noverflow = \"separate\"");
    assert_eq!(code.0, 250);
    assert!(texts.len() >= 7 && texts.iter().all(|t| t.len() <= 160), "{texts:?}");
    let (code, texts) = sent("max_parts = 2\noverflow = \"pass\"");
    assert_eq!((code.0, texts.len()), (250, 1));
    assert!(texts[0].len() > 990);
}

fn failover() {
    let second = "priority = 1\n[[gateway]]\nid = \"second\"\ntype = \"http\"\nurl = \"http://127.0.0.1:PROVIDER/second?to=%number%&text=%data%\"\npriority = 2\n";
    let world = daemon()
        .main(second)
        .answering(|request| match request.path.as_str() {
            "/main" => Answer::Say(503, "out of order".into()),
            _ => Answer::Say(200, "OK".into()),
        })
        .start();
    assert_eq!(verdict(&world, ALICE, &to(""), &letter("f1", "over")).0, 250);
    world.provider.seen.wait("the second gateway", |r| r.path == "/second" && r.value("text") == "over");
    world.martlet.settled();
    let taken = world.martlet.queue();
    assert!(taken.iter().any(|m| m["gateway"] == "second" && m["attempts"] == 2), "{taken:?}");
}

fn pinned() {
    let second = "[[gateway]]\nid = \"second\"\ntype = \"http\"\nurl = \"http://127.0.0.1:PROVIDER/second?to=%number%&text=%data%\"\n";
    let calls = std::sync::atomic::AtomicU32::new(0);
    let world = daemon()
        .main(second)
        .answering(move |request| {
            let broken = request.path == "/second" && calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst) < 2;
            if broken { Answer::Say(503, "out of order".into()) } else { Answer::Say(200, "OK".into()) }
        })
        .start();
    assert_eq!(verdict(&world, ALICE, &to("?id=second"), &letter("p", "stay")).0, 250);
    world.martlet.settled();
    let all = world.provider.seen.all();
    assert!(all.len() == 3 && all.iter().all(|r| r.path == "/second"), "{all:?}");
}

fn shared() {
    let second = "weight = 1\n[[gateway]]\nid = \"second\"\ntype = \"http\"\nurl = \"http://127.0.0.1:PROVIDER/second?to=%number%&text=%data%\"\nweight = 3\n";
    let world = daemon().main(second).start();
    for n in 0..60 {
        // To sixty phones: a conversation would stay where it is.
        let to = format!("+1201555{:04}@sms.example.test", 1000 + n);
        assert_eq!(verdict(&world, ALICE, &to, &letter(&format!("s{n}"), &format!("text {n}"))).0, 250);
    }
    world.martlet.settled();
    let second = world.provider.seen.all().iter().filter(|r| r.path == "/second").count();
    // 45 are expected; fewer than 25 or more than 58 by chance once in millions of runs.
    assert!((25..=58).contains(&second), "{second} of 60");
}

fn in_parts() {
    let calls = std::sync::atomic::AtomicU32::new(0);
    let world = daemon()
        .main("split = \"udh\"")
        .answering(move |_| match calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            1 => Answer::Say(503, "busy".into()),
            _ => Answer::Say(200, "OK".into()),
        })
        .start();
    let words = "A text that is longer than one segment. ".repeat(10);
    assert_eq!(verdict(&world, ALICE, &to(""), &letter("parts", &words)).0, 250);
    world.martlet.settled();
    let all = world.provider.seen.all();
    let texts: Vec<_> = all.iter().map(|r| r.value("text").to_owned()).collect();
    assert_eq!(texts.len(), 4, "three segments, the second one twice");
    assert_eq!(texts[1], texts[2]);
    assert_eq!(format!("{}{}{}", texts[0], texts[2], texts[3]).trim(), words.trim());
    let headers: BTreeSet<_> = all.iter().map(|r| r.value("udh").to_owned()).collect();
    assert_eq!(headers.len(), 3, "{headers:?}");
}

fn unsure() {
    let hang_up_once = || {
        let calls = std::sync::atomic::AtomicU32::new(0);
        move |_: &crate::support::sink::Request| match calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 => Answer::HangUp,
            _ => Answer::Say(200, "OK".into()),
        }
    };
    let world = daemon().answering(hang_up_once()).start();
    assert_eq!(verdict(&world, ALICE, &to(""), &letter("u1", "perhaps")).0, 250);
    let report = world.mail_to(ALICE, "may have arrived");
    assert!(String::from_utf8_lossy(&report.data).contains("Status: 4.4.2"));
    assert!(String::from_utf8_lossy(&report.data).contains("Action: failed"));
    world.martlet.settled();
    assert_eq!(world.provider.seen.len(), 1, "not sent again");

    let world = daemon().main("on_unsure = \"hold\"").answering(hang_up_once()).start();
    assert_eq!(verdict(&world, ALICE, &to(""), &letter("u2", "perhaps")).0, 250);
    until("held", || world.martlet.queue().iter().any(|m| m["state"] == "held").then_some(()));
    assert_eq!((world.provider.seen.len(), world.mails.seen.len()), (1, 0));

    let world = daemon().main("on_unsure = \"retry\"").answering(hang_up_once()).start();
    assert_eq!(verdict(&world, ALICE, &to(""), &letter("u3", "perhaps")).0, 250);
    world.martlet.settled();
    assert_eq!((world.provider.seen.len(), world.mails.seen.len()), (2, 0));
}

fn expiry() {
    let full = |_: &_| Answer::Say(503, "no capacity".into());
    let world = daemon().keys("[queue]", "expire = \"1s\"").answering(full).start();
    assert_eq!(verdict(&world, ALICE, &to(""), &letter("e", "too late")).0, 250);
    let report = world.mail_to(ALICE, "no capacity");
    assert!(String::from_utf8_lossy(&report.data).contains(".4.7"), "{}", words_of(&report));
}

fn restart() {
    let calls = std::sync::atomic::AtomicU32::new(0);
    let mut world = daemon()
        .answering(move |_| match calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 => Answer::Say(503, "busy".into()),
            _ => Answer::Say(200, "OK".into()),
        })
        .start();
    assert_eq!(verdict(&world, ALICE, &to(""), &letter("w", "waits")).0, 250);
    world.provider.seen.wait("the first attempt", |r| r.value("text") == "waits");
    world.martlet.stop();
    world.martlet.restart();
    world.martlet.settled();
    assert!(world.provider.seen.len() >= 2);
}
