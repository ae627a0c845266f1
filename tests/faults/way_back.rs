//! The mail server that takes what phones say, and reports: down for hours, for longer than a mail may wait, over quota.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use libtest_mimic::Trial;

use super::{World, daemon};
use crate::support::{
    http::call,
    letter,
    process::{free_port, until},
    sink::MailSink,
    trial,
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("faults: the mail server is down for hours", down),
        trial("faults: the mail server is down for longer than a mail may wait", down_for_too_long),
        trial("faults: mailboxes over quota, for now and for good", over_quota),
    ]
}

const HOUR: Duration = Duration::from_secs(3_600);

/// A daemon whose mail server does not run, and whose gateway refuses everything: three mails wait, one is a report.
fn three_waiting(port: u16) -> World {
    let refuses = |_: &_| crate::support::sink::Answer::Say(400, "no".into());
    let nobody = format!("url = \"smtp://127.0.0.1:{port}\"");
    let world = daemon().answering(refuses).keys("[mailbox]", &nobody).start();
    world.phone("first words of the phone");
    world.phone("#carol# second words of the phone");
    let id = world.text("+12015550123@sms.example.test", "refused");
    assert_eq!(world.end(&id), "failed");
    until("three mails that wait", || (waiting(&world) == 3).then_some(()));
    world.must_say(&["mail", "deferred", "4.4.1"]);
    world
}

fn waiting(world: &World) -> usize {
    let tried = |m: &serde_json::Value| m["state"] == "waiting" && m["attempts"].as_u64() > Some(0);
    world.martlet.queue().iter().filter(|m| tried(m)).count()
}

fn dead_letters(world: &World) -> String {
    let (_, metrics) = call(world.martlet.http, "GET", "/metrics", "").expect("metrics");
    let line = metrics.lines().find(|l| l.starts_with("martlet_queue_depth{kind=\"dead letters\"}"));
    line.and_then(|l| l.rsplit(' ').next()).unwrap_or("?").to_owned()
}

fn down() {
    let port = free_port();
    let world = three_waiting(port);
    for _ in 0..6 {
        world.faults().pass(HOUR);
        world.phone("and more words of it");
        assert_eq!(world.readyz().0, 200, "what comes is taken all the while");
    }
    let sink = MailSink::at(port, false);
    let came = sink.seen.within(crate::support::process::DEADLINE, |all| (all.len() >= 9).then(|| all.to_vec()));
    let came = came.unwrap_or_else(|| panic!("{} of 9 mails came:\n{}", sink.seen.len(), world.martlet.log_end()));
    world.martlet.settled();
    let mut ids = BTreeMap::new();
    for mail in &came {
        *ids.entry(letter::header(&String::from_utf8_lossy(&mail.data), "Message-ID")).or_insert(0) += 1;
    }
    assert!(ids.len() == 9 && ids.values().all(|times| *times == 1), "each once: {ids:?}");
    assert_eq!((sink.seen.len(), dead_letters(&world).as_str()), (9, "0"));
    world.hides(&["2015550", "words of the phone", "words of it", "refused by"]);
}

fn down_for_too_long() {
    let port = free_port();
    let world = three_waiting(port);
    world.faults().pass(6 * 24 * HOUR);
    // A step of both clocks may be seen as a jump of one of them: then expiry rests for ten minutes of its own.
    world.faults().pass(Duration::from_secs(660));
    until("three dead letters", || (dead_letters(&world) == "3").then_some(()));
    assert_eq!(world.readyz().0, 200);
    let sink = MailSink::at(port, false);
    world.phone("news of the phone");
    sink.seen.wait("a mail once it is up", |mail| String::from_utf8_lossy(&mail.data).contains("news of the phone"));
    assert_eq!(sink.seen.len(), 1, "what is over is told to nobody but the dead letters");
}

fn over_quota() {
    let refused = AtomicUsize::new(0);
    let sink = MailSink::judging(move |line| match line {
        l if l.contains("<alice@") && refused.fetch_add(1, Ordering::SeqCst) < 3 => Some("452 4.2.2 over quota"),
        l if l.contains("<bob@") => Some("552 5.2.2 over quota"),
        _ => None,
    });
    let world = daemon().mails(sink).start();
    world.phone("#alice# for alice alone");
    world.phone("#bob# for bob in vain");
    let to = |who: &str, words: &str| {
        world.mails.seen.wait(words, |mail| {
            mail.rcpt.iter().any(|r| r.contains(who)) && String::from_utf8_lossy(&mail.data).contains(words)
        })
    };
    to("<alice@example.test>", "for alice alone");
    to("<inbox@example.test>", "for bob in vain");
    world.must_say(&["mail", "deferred", "4.2.2"]);
    world.must_say(&["mail", "refused", "5.2.2"]);
    world.martlet.settled();
    assert_eq!((world.mails.seen.len(), dead_letters(&world).as_str()), (2, "0"));
    assert_eq!(world.readyz().0, 200);
}
