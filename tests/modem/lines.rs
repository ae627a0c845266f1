//! Texts both ways and reports, over both kinds of line; modems that move; restarts.

use std::collections::BTreeSet;

use libtest_mimic::Trial;
use martlet::gateway::inbox::Fate;

use super::*;
use crate::support::{run_async, trial};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("modem: both ways over a terminal", || run_async(both_ways(false, false))),
        trial("modem: both ways over TCP", || run_async(both_ways(true, false))),
        trial("modem: texts that come directly are acknowledged when they are durable", || {
            run_async(both_ways(true, true))
        }),
        trial("modem: a report before the answer has the same name", || run_async(early_report())),
        trial("modem: found by its IMEI under another name", || {
            run_async(moved(Device::Imei("358000000000018".to_owned())))
        }),
        trial("modem: found by the IMSI of its SIM under another name", || {
            run_async(moved(Device::Imsi("001010000000001".to_owned())))
        }),
        trial("modem: what the core does not take stays in the SIM, also over a restart", || run_async(busy_core())),
        trial("modem: little credit is told", || run_async(balance())),
    ]
}

async fn both_ways(tcp: bool, direct: bool) {
    let change = |settings: &mut Settings| settings.direct = direct;
    let mut world = match tcp {
        true => World::on_tcp(Options::default(), change).await,
        false => World::on_pty(Options::default(), change).await,
    };
    let long = "All of it arrives, whole and in order. ".repeat(8);
    let outcomes = world.send(&long).await;
    assert_eq!(outcomes.len(), 3);
    assert_eq!(world.taken().concat(), long);
    // Each segment's report carries the name that its answer gave.
    let names: BTreeSet<_> = outcomes
        .iter()
        .map(|outcome| match outcome {
            Outcome::Sent(Some(name)) => name.as_str().to_owned(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(names.len(), 3);
    world.until("three reports", |core, _| (core.words.len() == 3).then_some(())).await;
    let core = world.core.lock().expect("the core").words.clone();
    assert_eq!(
        core.iter().map(|word| word.about.theirs().expect("an id").as_str().to_owned()).collect::<BTreeSet<_>>(),
        names
    );
    assert!(core.iter().all(|word| word.fate == Fate::Delivered && word.at.is_some()));

    (0..3).for_each(|n| world.text(&format!("answer {n}")));
    world
        .until("three texts, and an empty SIM", |core, sim| {
            (core.segments.len() == 3 && sim.stored() == 0).then_some(())
        })
        .await;
    {
        let core = world.core.lock().expect("the core");
        assert!(core.segments.iter().all(|segment| segment.from == PHONE && segment.sent.is_some()));
        assert_eq!(core.again, 0);
    }
    world.stop().await;
}

async fn early_report() {
    let options = Options { report_first: true, ..Options::default() };
    let world = World::on_tcp(options, |_| {}).await;
    let outcome = world.send("hello").await.remove(0);
    let Outcome::Sent(Some(name)) = outcome else { panic!("{outcome:?}") };
    let reported = world
        .until("a report", |core, _| core.words.first().map(|word| word.about.theirs().expect("an id").clone()))
        .await;
    assert_eq!(reported, name);
    // TP-MR wraps around; the newest has the name.
    for n in 1..=256 {
        assert!(matches!(&world.send("again").await[0], Outcome::Sent(Some(of)) if (of == &name) == (n == 256)));
    }
}

async fn moved(device: Device) {
    let (imei, imsi) = ("358000000000026".to_owned(), "001010000000002".to_owned());
    let other = Options { imei, imsi, ..Options::default() };
    let mut world = World::new(Options::default());
    let folder = world.folder.path().join("dev");
    std::fs::create_dir(&folder).expect("a folder");
    let stranger = Shared::new(Sim::new(other), world.settings.clock.clone());
    let link = folder.join("ttyUSB0");
    world.tasks.spawn(async move { stranger.on_pty(link, |_| {}).await.expect("a terminal") });
    let (sim, link) = (world.sim.clone(), folder.join("ttyUSB1"));
    let here = world.tasks.spawn(async move { sim.on_pty(link, |_| {}).await.expect("a terminal") });
    world.settings.device = device;
    world.settings.search = vec![folder.clone()];
    world.start();
    assert!(matches!(world.send("one").await[..], [Outcome::Sent(_)]));
    here.abort();
    world.until("the name to be gone", |_, _| (!folder.join("ttyUSB1").is_symlink()).then_some(())).await;
    world.until("that it is away", |_, _| (world.trouble() == Some("away")).then_some(())).await;
    let (sim, link) = (world.sim.clone(), folder.join("ttyUSB7"));
    world.tasks.spawn(async move { sim.on_pty(link, |_| {}).await.expect("a terminal") });
    loop {
        match &world.send("two").await[..] {
            [Outcome::Sent(_)] => break,
            [Outcome::Later(_)] => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((world.taken(), world.trouble()), (vec!["one".to_owned(), "two".to_owned()], None));
}

async fn busy_core() {
    let mut world = World::on_pty(Options::default(), |_| {}).await;
    world.core.lock().expect("the core").busy = true;
    world.text("keep me");
    assert!(matches!(world.send("hello").await[..], [Outcome::Sent(_)]));
    assert_eq!(world.sim.with(|sim| sim.stored()), 1);
    world.stop().await;
    world.core.lock().expect("the core").busy = false;
    world.start();
    world.until("the text", |core, sim| (core.segments.len() == 1 && sim.stored() == 0).then_some(())).await;
}

async fn balance() {
    let code = martlet::gateway::modem::Balance {
        code: "*100#".to_owned(),
        every: Duration::from_secs(3600),
        amount: regex::Regex::new(r"(\d+\.\d\d) EUR").expect("a pattern"),
        warn_below: Some(5.0),
    };
    let world = World::on_tcp(Options::default(), |settings| settings.balance = Some(code)).await;
    let notice = world.until("a notice", |core, _| core.notices.first().cloned()).await;
    assert!(notice.about.ends_with("balance") && notice.text.contains("3.50"));
}
