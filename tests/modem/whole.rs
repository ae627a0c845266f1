//! The daemon between simulated modems and a mail server: from mail to text to report, and back in the thread; several
//! modems, one that is locked, and a report that comes after a restart.

use std::{
    ops::{Deref, DerefMut},
    path::Path,
};

use libtest_mimic::Trial;
use martlet::{
    gateway::modem::sim::{Options, Sim, line::Shared, script},
    ground::Clock,
    sms::{Body, Segment},
};
use serde_json::Value;

use super::daemon::{ALICE, Daemon, PHONE, header};
use crate::support::{
    http::call,
    process::{Scratch, until},
    trial,
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("modem: whole: mail to text to report, and the answer in the thread", both_ways),
        trial("modem: whole: two modems share", shared),
        trial("modem: whole: the rate of a modem holds, and the other takes the rest", rate),
        trial("modem: whole: a locked modem gives its texts to the other and is told once", locked),
        trial("modem: whole: a SIM that wants its PUK gives its texts to the other and is told once", || {
            wrong("AT+CPIN? every say +CPIN: SIM PUK", "puk", "wants its PUK", (0, 0))
        }),
        trial("modem: whole: no SIM gives its texts to the other and is told once", || {
            wrong("AT+CPIN? every cme 10", "no-sim", "there is no SIM", (0, 0))
        }),
        trial("modem: whole: a barred SIM gives its texts to the other and is told once", || {
            wrong("submit every cms 8", "barred", "refuses what this SIM", (1, 1))
        }),
        trial(
            "modem: whole: a SIM that the network does not register gives its texts to the other and is told once",
            || wrong("AT+CREG? every say +CREG: 0,3\nAT+CEREG? every error", "denied", "not let this SIM in", (0, 1)),
        ),
        trial("modem: whole: a text that the modem refuses for good leaves the queue with a report", refused_for_good),
        trial("modem: whole: a report before the answer is parked", early_report),
        trial(
            "modem: whole: a text that was committed and not deleted comes again after a kill, and is one mail",
            again,
        ),
        trial("modem: whole: a reload of a modem, which cannot stand beside itself, keeps its queue", reload),
        trial("modem: whole: a report behind a restart is of the text that it names", restart),
    ]
}

/// A daemon between simulators of ours and a mail server.
struct World {
    daemon: Daemon,
    sims: Vec<Shared>,
    _runtime: tokio::runtime::Runtime,
}

impl Deref for World {
    type Target = Daemon;
    fn deref(&self) -> &Daemon {
        &self.daemon
    }
}

impl DerefMut for World {
    fn deref_mut(&mut self) -> &mut Daemon {
        &mut self.daemon
    }
}

impl World {
    /// Each modem with its id and the lines of its table.
    fn new(modems: Vec<(&str, &str, Options)>) -> Self {
        let scratch = Scratch::new();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let (mut sims, mut tables) = (Vec::new(), Vec::new());
        for (id, more, options) in modems {
            let link = scratch.path().join(id);
            sims.push(plugged(&runtime, &link, options));
            tables.push((id, link.to_str().expect("UTF-8").to_owned(), more));
        }
        Self { daemon: Daemon::start(scratch, &tables), sims, _runtime: runtime }
    }

    /// The words that the network has taken from this modem.
    fn taken(&self, modem: usize) -> Vec<String> {
        let words = |segment: &Segment| match &segment.body {
            Body::Text(words) => words.clone(),
            Body::Binary(_) => String::new(),
        };
        self.sims[modem].with(|sim| sim.taken().iter().map(|taken| words(&taken.submit.segment)).collect())
    }
}

/// A modem under this name.
fn plugged(runtime: &tokio::runtime::Runtime, link: &Path, options: Options) -> Shared {
    let sim = Shared::new(Sim::new(options), Clock::system());
    let (serving, name) = (sim.clone(), link.to_owned());
    runtime.spawn(async move { serving.on_pty(name, |_| {}).await.expect("a terminal") });
    until("its terminal", || link.exists().then_some(()));
    sim
}

fn both_ways() {
    let world = World::new(vec![("stick", "", Options::default())]);
    world.ready("stick");
    let id = world.send(PHONE, "Dinner at eight?");
    world.delivered(&id);
    assert_eq!(world.taken(0), ["Dinner at eight?"]);
    world.sims[0].with(|sim| {
        assert_eq!(sim.taken()[0].submit.to.written(), PHONE);
        sim.deliver(PHONE, Segment { body: Body::Text("Yes, gladly".to_owned()), udh: Vec::new() });
    });
    let answer = world.mail_with("Yes, gladly");
    assert!(answer.rcpt.iter().any(|to| to.contains(ALICE)), "{:?}", answer.rcpt);
    assert_eq!(header(&answer, "In-Reply-To"), "<Dinner-at-eight?@example.test>");
    until("an empty SIM", || world.sims[0].with(|sim| sim.stored() == 0).then_some(()));
}

fn shared() {
    let world = World::new(vec![("left", "", Options::default()), ("right", "", Options::default())]);
    world.ready("left");
    world.ready("right");
    // To many phones: a conversation would stay where it is.
    let ids: Vec<_> = (0..24).map(|n| world.send(&format!("+1201555{}", 1000 + n), &format!("text {n}"))).collect();
    ids.iter().for_each(|id| world.delivered(id));
    let (left, right) = (world.taken(0), world.taken(1));
    assert_eq!(left.len() + right.len(), ids.len(), "each once");
    // None by chance once in eight million runs.
    assert!(!left.is_empty() && !right.is_empty(), "{} and {}", left.len(), right.len());
}

/// One in a thousand seconds: the first.
fn rate() {
    let world = World::new(vec![("slow", "rate = 0.001", Options::default()), ("open", "", Options::default())]);
    world.ready("slow");
    world.ready("open");
    let ids: Vec<_> = (0..24).map(|n| world.send(&format!("+1201555{}", 1000 + n), &format!("text {n}"))).collect();
    ids.iter().for_each(|id| world.delivered(id));
    // Without it, none or one by chance once in half a million runs.
    let (slow, open) = (world.taken(0).len(), world.taken(1).len());
    assert!(slow <= 1 && slow + open == ids.len(), "{slow} and {open}");
    let all = world.martlet.json(&["gateways"]);
    assert!(all.as_array().is_some_and(|all| all.iter().all(|g| g["state"] == "up")), "full is not down: {all}");
}

fn locked() {
    let wants = Options { pin: Some("1234".to_owned()), ..Options::default() };
    let first = "pin = \"9999\"\npriority = 1\nbreaker.faults = 1";
    let world = World::new(vec![("locked", first, wants), ("open", "priority = 2", Options::default())]);
    world.ready("open");
    let told = world.mail_with("refused the PIN");
    assert!(told.rcpt.iter().all(|to| to.contains("postmaster@example.test")), "{:?}", told.rcpt);
    for n in 0..5 {
        world.delivered(&world.send(PHONE, &format!("text {n}")));
    }
    assert_eq!((world.taken(0).len(), world.taken(1).len()), (0, 5));
    let all = world.martlet.json(&["gateways"]);
    assert_eq!((&all[0]["id"], &all[0]["state"]), (&"locked".into(), &"down".into()), "{all}");
    assert!(all[0]["cause"].as_str().is_some_and(|cause| cause.contains("refused the PIN")), "{all}");
    assert_eq!((&all[1]["id"], &all[1]["state"]), (&"open".into(), &"up".into()), "{all}");
    assert_eq!(world.mails.seen.len(), 1, "one mail to the postmaster, none to anybody else");
    assert_eq!(world.sims[0].with(|sim| (sim.pins_entered, sim.pin_tries)), (1, 2));
}

/// Something is wrong with the SIM of the first modem; `tried`: it shows when a text is sent; `ready`: the modem itself works.
fn wrong(script: &str, word: &str, words: &str, (tried, ready): (usize, u8)) {
    let script = script::read(script).expect("a script");
    let first = "priority = 1\nbreaker.faults = 1";
    let broken = Options { script, ..Options::default() };
    let world = World::new(vec![("broken", first, broken), ("open", "priority = 2", Options::default())]);
    world.ready("open");
    let mut sent = 0;
    if tried > 0 {
        world.ready("broken");
        world.delivered(&world.send(PHONE, "text 0"));
        sent += 1;
    }
    let told = world.mail_with(words);
    assert!(told.rcpt.iter().all(|to| to.contains("postmaster@example.test")), "{:?}", told.rcpt);
    // It shows, also where nobody has sent anything yet.
    let of = |n: usize| world.martlet.json(&["gateways"])[n]["trouble"].as_str().map(str::to_owned);
    assert!(of(0).is_some_and(|trouble| trouble.starts_with(word) && trouble.contains(words)), "{:?}", of(0));
    assert_eq!(of(1), None);
    let shown = world.martlet.command(&["gateways"]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert_eq!(shown.matches(&format!("trouble {word}: ")).count(), 1, "{shown}");
    let metrics = || call(world.martlet.http, "GET", "/metrics", "").expect("metrics").1;
    let metric = format!("martlet_modem_trouble{{gateway=\"broken\",is=\"{word}\"}} 1\n");
    assert!(metrics().contains(&metric), "{}", metrics());
    for n in sent..5 {
        world.delivered(&world.send(PHONE, &format!("text {n}")));
    }
    assert_eq!((world.taken(0).len(), world.taken(1).len()), (0, 5));
    let all = world.martlet.json(&["gateways"]);
    assert_eq!((&all[0]["id"], &all[0]["state"]), (&"broken".into(), &"down".into()), "{all}");
    assert!(all[0]["cause"].as_str().is_some_and(|cause| !cause.is_empty()), "{all}");
    assert_eq!(world.mails.seen.len(), 1, "one mail to the postmaster, none to anybody else");
    let is = |l: &str| l.starts_with("martlet_modem_ready") && l.contains("\"broken\"");
    let text = metrics();
    let works = text.lines().find(|l| is(l)).expect("its metric");
    assert!(works.ends_with(&format!(" {ready}")), "{works}");
    if tried > 0 {
        // The credit is there again: the next text that goes out says so.
        world.sims[0].with(|sim| sim.options.script.clear());
        world.delivered(&world.send(&format!("{PHONE}?id=broken"), "text 5"));
        until("the end of the trouble", || of(0).is_none().then_some(()));
        assert!(!metrics().contains("martlet_modem_trouble{"), "{}", metrics());
    }
}

fn scripted(text: &str) -> Options {
    Options { script: script::read(text).expect("a script"), ..Options::default() }
}

/// An invalid PDU, by its modem's own word.
fn refused_for_good() {
    let world = World::new(vec![("stick", "", scripted("submit 1 cms 304"))]);
    world.ready("stick");
    let id = world.send(PHONE, "too odd for a modem");
    let report = world.mail_with("+CMS ERROR: 304");
    assert!(report.rcpt.iter().all(|to| to.contains(ALICE)), "{:?}", report.rcpt);
    let text = String::from_utf8_lossy(&report.data).into_owned();
    assert!(text.contains("Action: failed") && text.contains("Status: 5.6.0"), "{text}");
    assert_eq!(world.result(&id), "failed");
    world.delivered(&world.send(PHONE, "quite usual"));
    assert_eq!((world.taken(0), world.mails.seen.len()), (vec!["quite usual".to_owned()], 1));
}

fn early_report() {
    let world = World::new(vec![("stick", "", Options { report_first: true, ..Options::default() })]);
    world.ready("stick");
    for words in ["first", "second", "third"] {
        world.delivered(&world.send(PHONE, words));
    }
    assert_eq!(world.taken(0), ["first", "second", "third"]);
}

/// The kill comes between the commit and the deletion.
fn again() {
    let mut world = World::new(vec![("stick", "", scripted("AT+CMGD every silence"))]);
    world.ready("stick");
    world.sims[0].with(|sim| sim.deliver(PHONE, Segment { body: Body::Text("only once".to_owned()), udh: Vec::new() }));
    world.mail_with("only once");
    // Its mail is settled, so that no second one comes from there.
    world.martlet.settled();
    world.martlet.kill();
    world.sims[0].with(|sim| {
        assert_eq!(sim.stored(), 1, "what was not deleted is there");
        sim.options.script.clear();
    });
    world.martlet.restart();
    until("an empty SIM", || world.sims[0].with(|sim| sim.stored() == 0).then_some(()));
    world.martlet.settled();
    assert_eq!(world.mails.seen.len(), 1, "it came twice and is one mail");
}

fn restart() {
    let mut world = World::new(vec![("stick", "", Options { reports: false, ..Options::default() })]);
    world.ready("stick");
    let sent = |world: &World, id: &str| {
        let state = || world.martlet.json(&["queue", "show", id])["state"].clone();
        until("a message that waits for its report", || (state() == "sent").then_some(()));
    };
    let first = world.send(PHONE, "first");
    sent(&world, &first);
    let second = world.send(PHONE, "second");
    sent(&world, &second);
    world.martlet.stop();
    world.martlet.restart();
    world.ready("stick");
    let third = world.send(PHONE, "third");
    sent(&world, &third);
    assert_eq!(world.taken(0), ["first", "second", "third"]);
    world.sims[0].with(|sim| sim.report(1, 0));
    world.delivered(&second);
    assert_eq!((world.result(&first), world.result(&third)), (Value::Null, Value::Null));
    // The first was never delivered: its report is a failure, and told.
    world.sims[0].with(|sim| sim.report(0, 0x40));
    until("the end of the first", || (world.result(&first) == "failed").then_some(()));
    assert_eq!(world.result(&third), Value::Null);
}

/// The line is taken by one at a time: the old gateway ends before the new one begins, and what waits goes on.
fn reload() {
    let world = World::new(vec![("stick", "number = \"+12025550100\"", Options::default())]);
    world.ready("stick");
    let change = |from: &str, to: &str| {
        let before = std::fs::read_to_string(&world.martlet.config).expect("the configuration");
        assert!(before.contains(from), "nothing would change");
        std::fs::write(&world.martlet.config, before.replace(from, to)).expect("written");
        let done = world.martlet.command(&["reload"]);
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(done.status.success() && said.contains("gateway"), "{said} {done:?}");
    };
    let text = |n: usize| world.send(&format!("+1201555{}", 1000 + n), &format!("text {n}"));
    let mut ids: Vec<_> = (0..12).map(text).collect();
    change("+12025550100", "+12025550101");
    ids.extend((12..18).map(text));
    // Paused it stays, with all that waits for it.
    assert!(world.martlet.command(&["gateway", "pause", "stick"]).status.success());
    ids.extend((18..24).map(text));
    change("+12025550101", "+12025550102");
    let all = world.martlet.json(&["gateways"]);
    assert_eq!(all[0]["state"], "paused", "{all}");
    assert_eq!(world.martlet.json(&["queue", "show", &ids[23]])["state"], "waiting");
    assert!(world.martlet.command(&["gateway", "resume", "stick"]).status.success());
    ids.iter().for_each(|id| world.delivered(id));
    let (mut taken, mut sent) = (world.taken(0), (0..24).map(|n| format!("text {n}")).collect::<Vec<_>>());
    taken.sort();
    sent.sort();
    assert_eq!(taken, sent, "each once");
    assert_eq!(world.mails.seen.len(), 0, "nothing was unsure");
}
