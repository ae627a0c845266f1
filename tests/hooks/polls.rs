//! Providers that are asked instead of calling: where reading goes on after kill -9, and what a gateway that receives
//! nothing asks for.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use libtest_mimic::Trial;
use serde_json::json;

use super::{HEAD, settings, text};
use crate::{
    crash::power::{Disk, Syncs},
    provider_gateway::{PHONE, World},
    support::{
        letter,
        process::{self, DEADLINE, until},
        say,
        sink::{Answer, Provider, Request},
        trial,
    },
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("hooks: a provider that is asked is read on after kill -9 where reading had come to", goes_on),
        trial("hooks: what kill -9 interrupts in the middle of a page is kept, and once", interrupted),
        trial("hooks: a page and its position are kept together, whenever the end comes", together),
        trial("hooks: what is kept and could not be taken away is taken away later, and comes once", taken_away_later),
        trial("hooks: a position that the provider has forgotten is dropped, and nothing doubles", forgotten),
        trial("hooks: a gateway that receives nothing asks for reports only", reports_only),
    ]
}

/// Texts of phones, by pages; `id`: whether they have one.
fn inbox(id: &str) -> String {
    format!(
        r#"{HEAD}
[[poll]]
name = "inbox"
url = "{{setting.base}}/inbox"
query = {{ since = "{{cursor?}}" }}
auth = "send"
every = "1s"
parse = "json"
items = "json:/messages"
cursor = "json:/seq"
[[poll.event]]
kind = "inbound"
{id}
from = "json:/from"
text = "json:/text"
"#
    )
}

const WITH_ID: &str = "id = \"json:/id\"";

/// Behind which text a request asks.
fn since(request: &Request) -> usize {
    request.value("since").parse().unwrap_or(0)
}

/// Texts 1, 2 … up to a number that grows, two to a page behind `since`.
fn pages(upto: &Arc<AtomicUsize>) -> impl Fn(&Request) -> Answer + Send + Sync + 'static {
    let upto = Arc::clone(upto);
    move |request| {
        let since = since(request);
        let page = since + 1..=(since + 2).min(upto.load(Ordering::SeqCst));
        let one = |n| json!({ "id": format!("in-{n}"), "seq": n, "from": PHONE, "text": format!("fetched {n}.") });
        Answer::Say(200, json!({ "messages": page.map(one).collect::<Vec<_>>() }).to_string())
    }
}

fn mail(world: &World, n: usize) {
    let words = format!("fetched {n}.");
    world.mails.seen.wait(&words, |mail| text(mail).contains(&words));
}

/// How many messages became of each text: a mail whose hand-over was interrupted may come twice, under one Message-ID.
fn messages(world: &World, n: usize) -> usize {
    let words = format!("fetched {n}.");
    let mails = world.mails.seen.all();
    let of_it = mails.iter().filter(|mail| text(mail).contains(&words));
    let ids = of_it.map(|mail| letter::header(&String::from_utf8_lossy(&mail.data), "Message-ID"));
    ids.collect::<BTreeSet<_>>().len()
}

/// Nothing names these texts, so that only the position keeps them from coming twice.
fn goes_on() {
    let upto = Arc::new(AtomicUsize::new(5));
    let provider = Provider::start(pages(&upto));
    let mut world = World::of(&inbox(""), &settings(provider.port));
    (1..=5).for_each(|n| mail(&world, n));
    provider.seen.wait("the page behind the last", |request| request.value("since") == "5");
    world.martlet.kill();
    let before = provider.seen.len();
    upto.store(7, Ordering::SeqCst);
    world.martlet.restart();
    (6..=7).for_each(|n| mail(&world, n));
    provider.seen.wait("the page behind the last", |request| request.value("since") == "7");
    let first = provider.seen.since(before).first().map(|request| request.value("since").to_owned());
    assert_eq!(first.as_deref(), Some("5"), "the first request after the restart");
    world.martlet.settled();
    (1..=7).for_each(|n| assert_eq!(messages(&world, n), 1, "fetched {n}"));
    world.is_discreet();
}

fn interrupted() {
    let upto = Arc::new(AtomicUsize::new(0));
    let provider = Provider::start(pages(&upto));
    let mut world = World::of(&inbox(WITH_ID), &settings(provider.port));
    for round in 1..=3 {
        let before = provider.seen.len();
        upto.store(round * 4, Ordering::SeqCst);
        // A request that brings some of them: the end comes while they are on their way.
        let newest = round * 4;
        let bringing = |request: &Request| since(request) < newest;
        provider
            .seen
            .within(DEADLINE, |all| all[before..].iter().any(bringing).then_some(()))
            .expect("a request that brings something");
        world.martlet.kill();
        world.martlet.restart();
    }
    (1..=12).for_each(|n| mail(&world, n));
    provider.seen.wait("the page behind the last", |request| since(request) == 12);
    // A reload that begins the gateway anew goes on there, too.
    let config = std::fs::read_to_string(&world.martlet.config).expect("the configuration");
    std::fs::write(&world.martlet.config, config.replace("rate = 1000", "rate = 1000\nwindow = 3")).expect("written");
    let before = provider.seen.len();
    assert!(world.martlet.command(&["reload"]).status.success());
    upto.store(13, Ordering::SeqCst);
    mail(&world, 13);
    assert!(provider.seen.since(before).iter().all(|request| since(request) >= 12));
    world.martlet.settled();
    (1..=13).for_each(|n| assert_eq!(messages(&world, n), 1, "fetched {n}"));
}

/// Texts without ids, all in one answer, and an end at one operation on the disk after the other: between the texts and their
/// position there is no place for it. In the beginning it comes before the page is kept, at last behind that.
fn together() {
    const TEXTS: usize = 8;
    let asked = Arc::new(AtomicUsize::new(0));
    let (pid, count) = (Arc::new(AtomicUsize::new(0)), Arc::clone(&asked));
    let (daemon, ends) = (Arc::clone(&pid), Arc::new(AtomicBool::new(false)));
    let ending = Arc::clone(&ends);
    let provider = Provider::start(move |request| {
        let since = since(request);
        if since >= TEXTS {
            return Answer::Say(200, json!({ "messages": [] }).to_string());
        }
        count.fetch_add(1, Ordering::SeqCst);
        if ending.load(Ordering::SeqCst) {
            // From now on the operations are counted.
            let pid =
                until("it is known whom to signal", || Some(daemon.load(Ordering::SeqCst)).filter(|pid| *pid > 0));
            process::signal("USR1", &pid.to_string());
        }
        let one = |n| json!({ "seq": n, "from": PHONE, "text": format!("fetched {n}.") });
        Answer::Say(200, json!({ "messages": (since + 1..=TEXTS).map(one).collect::<Vec<_>>() }).to_string())
    });
    let (mut before, mut behind) = (0, 0);
    for more in (1..).step_by(3) {
        let mut world = World::prepared(&inbox(""), &settings(provider.port));
        let disk = Disk::under(&world.folder(), Syncs::All);
        let first = asked.load(Ordering::SeqCst);
        world.martlet.serve_env = disk.environment(0, more);
        ends.store(true, Ordering::SeqCst);
        world.martlet.launch();
        pid.store(world.martlet.pid() as usize, Ordering::SeqCst);
        until("its end", || world.martlet.has_ended().then_some(()));
        ends.store(false, Ordering::SeqCst);
        pid.store(0, Ordering::SeqCst);
        world.martlet.forget();
        world.martlet.serve_env.clear();
        world.martlet.restart();
        (1..=TEXTS).for_each(|n| mail(&world, n));
        world.martlet.settled();
        (1..=TEXTS).for_each(|n| assert_eq!(messages(&world, n), 1, "fetched {n}, the end {more} operations later"));
        // Whoever was in the middle of it asks again.
        match asked.load(Ordering::SeqCst) - first {
            1 => behind += 1,
            _ => before += 1,
        }
        if behind == 2 {
            break;
        }
        assert!(more < 100, "it is never kept");
    }
    say(&format!(
        "polls: the end came {before} times before a page was kept and {behind} times behind that; nothing doubled"
    ));
    assert!(before > 0, "no end came before the page was kept");
}

fn taken_away_later() {
    let broken = Arc::new(AtomicBool::new(true));
    let (refuses, gone) = (Arc::clone(&broken), Arc::new(Mutex::new(BTreeSet::new())));
    let taken = Arc::clone(&gone);
    let provider = Provider::start(move |request| {
        if request.method == "DELETE" {
            if refuses.load(Ordering::SeqCst) {
                return Answer::Say(500, String::new());
            }
            taken.lock().expect("a list").insert(request.path.clone());
            return Answer::Say(204, String::new());
        }
        let page = since(request) + 1..=3;
        let one = |n| json!({ "id": format!("in-{n}"), "seq": n, "from": PHONE, "text": format!("fetched {n}.") });
        Answer::Say(200, json!({ "messages": page.map(one).collect::<Vec<_>>() }).to_string())
    });
    let remove = "remove = { method = \"DELETE\", url = \"{setting.base}/inbox/{item}\", item = \"json:/id\" }";
    let definition = inbox("").replace("[[poll.event]]", &format!("{remove}\n[[poll.event]]"));
    let world = World::of(&definition, &settings(provider.port));
    (1..=3).for_each(|n| mail(&world, n));
    provider.seen.wait("the page behind the last, though nothing could be taken away", |request| since(request) == 3);
    broken.store(false, Ordering::SeqCst);
    provider.seen.wait("the last removal", |request| request.path == "/inbox/in-3");
    until("all are taken away", || (gone.lock().expect("a list").len() == 3).then_some(()));
    world.martlet.settled();
    (1..=3).for_each(|n| assert_eq!(messages(&world, n), 1, "fetched {n}"));
    assert!(world.martlet.log().contains("an item could not be taken away: HTTP 500"));
}

fn forgotten() {
    let (upto, forgets) = (Arc::new(AtomicUsize::new(3)), Arc::new(AtomicBool::new(false)));
    let (usual, forgot) = (pages(&upto), Arc::clone(&forgets));
    let provider = Provider::start(move |request| {
        // It knows no position of before.
        let old = forgot.load(Ordering::SeqCst) && request.value("since") == "3";
        if old { Answer::Say(410, "{}".to_owned()) } else { usual(request) }
    });
    let mut world = World::of(&inbox(WITH_ID), &settings(provider.port));
    provider.seen.wait("the page behind the last", |request| request.value("since") == "3");
    world.martlet.kill();
    forgets.store(true, Ordering::SeqCst);
    upto.store(5, Ordering::SeqCst);
    world.martlet.restart();
    (1..=5).for_each(|n| mail(&world, n));
    world.martlet.settled();
    (1..=5).for_each(|n| assert_eq!(messages(&world, n), 1, "fetched {n}"));
    assert!(world.martlet.log().contains("reading begins anew"));
}

/// What a poll reads of phones is deleted over there: a gateway that may not receive must not ask for it.
fn reports_only() {
    let reports = r#"
[[poll]]
name = "reports"
url = "{setting.base}/reports"
auth = "send"
every = "1s"
parse = "json"
items = "json:/reports"
[[poll.event]]
kind = "report"
id = "json:/id"
state = "json:/state"
states = { delivered = "delivered" }
"#;
    let remove = "remove = { method = \"DELETE\", url = \"{setting.base}/inbox/{item}\", item = \"json:/id\" }";
    let inbox = inbox(WITH_ID).replace("[[poll.event]]", &format!("{remove}\n[[poll.event]]"));
    let definition = format!("{inbox}{reports}");
    let provider = Provider::start(|request| match request.path.as_str() {
        "/send" => Answer::Say(200, json!({ "id": "x-1" }).to_string()),
        "/reports" => Answer::Say(200, json!({ "reports": [{ "id": "x-1", "state": "delivered" }] }).to_string()),
        _ => Answer::Say(200, json!({ "messages": [{ "id": "m", "from": PHONE, "text": "not for us" }] }).to_string()),
    });
    let world = World::of(&definition, &format!("receive = false\n{}", settings(provider.port)));
    let id = world.send("tell me of it");
    assert_eq!(world.end(&id), "delivered");
    // Both polls would have begun at once: by the third look the other one would have been there.
    let looks = |all: &[Request]| all.iter().filter(|request| request.path == "/reports").count();
    provider.seen.within(DEADLINE, |all| (looks(all) >= 3).then_some(())).expect("three looks for reports");
    let others: Vec<String> = provider.seen.all().into_iter().map(|request| request.path).collect();
    assert!(others.iter().all(|path| path == "/send" || path == "/reports"), "{others:?}");
}
