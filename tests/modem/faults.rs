//! What goes wrong: cables, silence, refusals, a full SIM, storms, PINs.

use std::collections::HashMap;

use libtest_mimic::Trial;
use martlet::ground::{Scope, Secret};

use super::*;
use crate::support::{run_async, say, trial};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("modem: the plug is pulled in mid-send a hundred times", || run_async(plug())),
        trial("modem: ERROR to everything is told once, and heals", || run_async(error_to_everything())),
        trial("modem: silence behind a text is unsure, and heals", || run_async(silence())),
        trial("modem: a full SIM is emptied", || run_async(full())),
        trial("modem: a storm of +CMTI, texts go out meanwhile", || run_async(storm())),
        trial("modem: a refused PIN is tried once, over restarts too", || run_async(pin())),
        trial("modem: a poison text leaves the queue while others pass", || run_async(poison())),
        trial("modem: errors mean what the table says", || run_async(table())),
    ]
}

/// Every third submission breaks the line: in turns before the network has the text and behind it.
async fn plug() {
    const PULLS: u32 = 100;
    let script: String = (1..=PULLS)
        .map(|n| format!("submit {} {}\n", 3 * n, if n % 2 == 0 { "unplug" } else { "taken-unplug" }))
        .collect();
    let world = World::on_pty(Options { room: 500, ..scripted(&script) }, |_| {}).await;
    let (mut sent, mut unsure) = (Vec::new(), Vec::new());
    let mut n = 0;
    while unsure.len() < PULLS as usize {
        n += 1;
        let words = format!("text {n}");
        if n % 5 == 0 {
            world.text(&format!("answer {n}"));
        }
        // What was not handed over is handed over again; what is unsure is not.
        loop {
            match world.send(&words).await.remove(0) {
                Outcome::Sent(_) => sent.push(words.clone()),
                Outcome::Unsure(_) => unsure.push(words.clone()),
                Outcome::Later(fault) if fault.scope == Scope::Gateway => continue,
                other => panic!("{words}: {other:?}"),
            }
            break;
        }
    }
    let mut taken: HashMap<String, u32> = HashMap::new();
    world.taken().into_iter().for_each(|words| *taken.entry(words).or_default() += 1);
    assert!(taken.values().all(|times| *times == 1), "nothing is sent twice");
    assert!(sent.iter().all(|words| taken.contains_key(words)), "nothing is lost that was called sent");
    assert!(taken.keys().all(|words| sent.contains(words) || unsure.contains(words)));
    let arrived = unsure.iter().filter(|words| taken.contains_key(*words)).count();
    assert_eq!((unsure.len(), arrived), (PULLS as usize, PULLS as usize / 2));
    let answers = n / 5;
    world.until("all answers", |core, sim| (core.segments.len() == answers && sim.stored() == 0).then_some(())).await;
    say(&format!("{n} texts, {PULLS} pulls, {} sent, {arrived} of the unsure arrived, {answers} answers", sent.len()));
}

async fn error_to_everything() {
    let world = World::on_tcp(scripted("AT every error"), |_| {}).await;
    let notice = world.until("a notice", |core, _| core.notices.first().cloned()).await;
    assert!(notice.about.ends_with("no-pdu-mode"));
    assert_eq!(world.trouble(), Some("no-pdu-mode"));
    for _ in 0..3 {
        let outcome = world.send("hello").await.remove(0);
        assert!(matches!(&outcome, Outcome::Later(fault) if fault.scope == Scope::Gateway), "{outcome:?}");
    }
    world.sim.with(|sim| sim.options.script.clear());
    while !matches!(world.send("hello").await[..], [Outcome::Sent(_)]) {}
    assert_eq!(world.core.lock().expect("the core").notices.len(), 1, "told once");
    assert_eq!(world.trouble(), None);
}

async fn silence() {
    let world = World::on_pty(scripted("submit 1 taken-silence\nsubmit 2 mute"), |_| {}).await;
    for words in ["one", "two"] {
        let outcome = loop {
            match world.send(words).await.remove(0) {
                Outcome::Later(_) => {}
                other => break other,
            }
        };
        assert!(matches!(&outcome, Outcome::Unsure(_)), "{words}: {outcome:?}");
        // A modem that answers nothing any more is one whose plug somebody pulls at last.
        world.sim.with(|sim| {
            sim.options.script.clear();
            sim.power();
            sim.options.script = rules("submit 1 mute");
        });
    }
    world.sim.with(|sim| {
        sim.options.script.clear();
        sim.power();
    });
    while !matches!(world.send("three").await[..], [Outcome::Sent(_)]) {}
    assert_eq!(world.taken(), ["one", "three"]);
}

async fn full() {
    let mut world = World::new(Options { room: 5, ..Options::default() });
    // Before anybody is there: five in the SIM, the others wait at the network.
    (0..40).for_each(|n| world.text(&format!("text {n}")));
    let (sim, link) = (world.sim.clone(), world.folder.path().join("modem"));
    world.settings.device = Device::Serial(link.clone());
    world.tasks.spawn(async move { sim.on_pty(link, |_| {}).await.expect("a terminal") });
    world.start();
    world.until("all of them", |core, sim| (core.segments.len() == 40 && sim.stored() == 0).then_some(())).await;
    assert!(matches!(world.send("hello").await[..], [Outcome::Sent(_)]));
}

async fn storm() {
    let world = World::on_tcp(Options { room: 1_000, ..Options::default() }, |_| {}).await;
    assert!(matches!(world.send("first").await[..], [Outcome::Sent(_)]));
    world.sim.with(|sim| {
        for n in 0..500 {
            sim.deliver(PHONE, Segment { body: Body::Text(format!("text {n}")), udh: Vec::new() });
        }
    });
    assert!(matches!(world.send("meanwhile").await[..], [Outcome::Sent(_)]));
    world.until("all of them", |core, sim| (core.segments.len() == 500 && sim.stored() == 0).then_some(())).await;
}

async fn pin() {
    let options = Options { pin: Some("1234".to_owned()), ..Options::default() };
    let pin = |pin: &str| Some(Secret::new(pin.to_owned()));
    let mut world = World::on_tcp(options, |settings| settings.pin = pin("9999")).await;
    for _ in 0..3 {
        let refused = world.until("a notice", |core, _| core.notices.last().cloned()).await;
        assert!(refused.about.ends_with("pin-refused"));
        let outcome = world.send("hello").await.remove(0);
        assert!(matches!(&outcome, Outcome::Later(fault) if fault.scope == Scope::Gateway), "{outcome:?}");
        world.stop().await;
        world.core.lock().expect("the core").notices.clear();
        world.start();
    }
    assert_eq!(world.sim.with(|sim| (sim.pins_entered, sim.pin_tries)), (1, 2));
    world.stop().await;
    // The configuration has changed.
    world.settings.pin = pin("1234");
    world.start();
    while !matches!(world.send("hello").await[..], [Outcome::Sent(_)]) {}
    assert_eq!(world.sim.with(|sim| (sim.pins_entered, sim.pin_tries)), (2, 3));
}

async fn poison() {
    let world = World::on_tcp(
        scripted("submit 1 error\nsubmit 3 error\nsubmit 5 error\nsubmit 7 error\nsubmit 9 error"),
        |_| {},
    )
    .await;
    let id = MessageId::new();
    for n in 1..=5 {
        let outcome = world.send_as(id, "poison").await.remove(0);
        match outcome {
            Outcome::Later(fault) if n < 5 => assert_eq!(fault.scope, Scope::Message),
            Outcome::Never(fault) if n == 5 => assert_eq!(fault.scope, Scope::Message),
            other => panic!("{n}: {other:?}"),
        }
        if n < 5 {
            assert!(matches!(world.send("good").await[..], [Outcome::Sent(_)]));
        }
    }
}

async fn table() {
    type Check = fn(&Outcome) -> bool;
    let cases: &[(&str, Check)] = &[
        ("submit 1 cms 304", |o| matches!(o, Outcome::Never(f) if f.scope == Scope::Message)),
        ("submit 1 cms 1", |o| matches!(o, Outcome::Never(f) if f.scope == Scope::Recipient)),
        ("submit 1 cms 41", |o| matches!(o, Outcome::Later(f) if f.scope == Scope::Message)),
        ("submit 1 cms 331", |o| matches!(o, Outcome::Later(f) if f.scope == Scope::Gateway)),
        ("submit 1 cms 332", |o| matches!(o, Outcome::Unsure(_))),
        ("AT+CMGS 1 cms 332", |o| matches!(o, Outcome::Later(_))),
        ("submit 1 cms 197", |o| matches!(o, Outcome::Sent(None))),
        // Once more without a validity period.
        ("submit 1 cms 198", |o| matches!(o, Outcome::Sent(Some(_)))),
        ("submit 1 cms 10", |o| matches!(o, Outcome::Later(f) if f.scope == Scope::Gateway)),
    ];
    for (script, check) in cases {
        let world = World::on_tcp(scripted(script), |_| {}).await;
        let outcome = world.send("hello").await.remove(0);
        assert!(check(&outcome), "{script}: {outcome:?}");
        if script.ends_with("198") {
            assert!(world.sim.with(|sim| sim.taken()[0].submit.validity.is_none()));
        }
        if script.ends_with("cms 10") {
            let notice = world.until("a notice", |core, _| core.notices.first().cloned()).await;
            assert!(notice.about.ends_with("barred"));
        }
    }
}
