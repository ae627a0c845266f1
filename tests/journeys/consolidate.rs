//! `queue.consolidate` through the real daemon: what waits at a paused gateway goes out as one text, and each mail is told
//! of its own.

use libtest_mimic::Trial;

use super::{ALICE, BOB, PHONE, World, daemon, header_of, mail};
use crate::support::{process::until, sink::Answer, trial};

pub fn trials() -> Vec<Trial> {
    vec![
        trial(
            "consolidate: what waits goes out as one text, over a crash too, each mail with its own report",
            together,
        ),
        trial("consolidate: off by default", off),
    ]
}

/// A gateway that takes nothing; then texts that wait for it.
fn waiting(queue: &str) -> World {
    let refuses = |_: &_| Answer::Say(400, "no such subscriber".to_owned());
    let world = daemon().keys("[queue]", queue).answering(refuses).start();
    world.martlet.json(&["gateway", "pause", "main"]);
    let to = format!("{PHONE}@sms.example.test");
    for (from, words) in [(ALICE, "one"), (BOB, "his"), (ALICE, "two"), (ALICE, "three")] {
        let replies = world.send(from, &[&to], &mail(&format!("{words}@example.test"), from, words, ""));
        assert_eq!(replies[0].code, 250, "{replies:?}");
    }
    world
}

fn texts(world: &World) -> Vec<String> {
    let mut texts: Vec<_> = world.provider.seen.all().iter().map(|r| r.value("text").to_owned()).collect();
    texts.sort();
    texts
}

fn together() {
    let mut world = waiting("consolidate = true");
    world.martlet.kill();
    world.martlet.restart();
    world.martlet.json(&["gateway", "resume", "main"]);
    for words in ["one", "two", "three", "his"] {
        let answers = format!("<{words}@example.test>");
        let of = |mail: &crate::support::sink::Taken| header_of(mail, "In-Reply-To").as_deref() == Some(&answers);
        let report = world.mails.seen.wait(&format!("the report on {words}"), of);
        let to = if words == "his" { BOB } else { ALICE };
        assert!(report.rcpt.iter().any(|rcpt| rcpt.contains(to)), "{:?}", report.rcpt);
    }
    world.martlet.settled();
    assert_eq!(texts(&world), ["his", "one\ntwo\nthree"]);
    assert_eq!(world.mails.seen.len(), 4, "one report for each mail");
}

fn off() {
    let world = waiting("");
    world.martlet.json(&["gateway", "resume", "main"]);
    until("four texts", || (world.provider.seen.len() == 4).then_some(()));
    assert_eq!(texts(&world), ["his", "one", "three", "two"]);
}
