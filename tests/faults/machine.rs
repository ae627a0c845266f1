//! The machine: its clock jumps, its descriptors are used up, its administrator sends signals.

use std::{net::TcpStream, process::Command};

use libtest_mimic::Trial;

use super::{ALICE, at, daemon};
use crate::support::{
    process::{free_port, signal, until},
    provider::Provider,
    run_async,
    talk::Letter,
    trial,
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("faults: the clock jumps a month ahead and back", || run_async(ahead_and_back())),
        trial("faults: the clock steps a day back", || run_async(back())),
        trial("faults: SIGHUP under load", hang_up),
        trial("faults: all descriptors are used up for a while", descriptors),
    ]
}

const TO: &str = "+12015550123@sms.example.test";
const DAY: i64 = 86_400;

async fn ahead_and_back() {
    let port = free_port();
    let world = daemon().gateway("main", "http", &at(&format!("http://127.0.0.1:{port}/send"), "")).start();
    let id = world.text(TO, "over a month");
    world.event(&id, "deferred");
    world.faults().jump(30 * DAY);
    world.must_say(&["clock", "jumped", "expiry rests"]);
    let meanwhile = world.text(TO, "in the wrong month");
    world.event(&meanwhile, "deferred");
    assert_eq!(world.readyz().0, 200);
    let seen = |log: String| log.matches("jumped by").count();
    let jumps = seen(world.martlet.log());
    world.faults().jump(-30 * DAY);
    until("the step back", || (seen(world.martlet.log()) > jumps).then_some(()));
    // It may just be tried.
    let state = world.show(&id)["state"].clone();
    assert!(state == "waiting" || state == "trying", "nothing has expired: {state}");
    let mut provider = Provider::start_at(port).await;
    assert_eq!((world.end(&id).as_str(), world.end(&meanwhile).as_str()), ("relayed", "relayed"));
    assert_eq!(provider_count(&mut provider).await, 2, "each once");
    assert_eq!(world.mails.seen.len(), 0, "no warning, no report");
}

async fn back() {
    let port = free_port();
    let world = daemon().gateway("main", "http", &at(&format!("http://127.0.0.1:{port}/send"), "")).start();
    let id = world.text(TO, "a day later");
    world.event(&id, "deferred");
    world.faults().jump(-DAY);
    world.must_say(&["clock", "jumped"]);
    let other = world.text(TO, "a day earlier");
    let mut provider = Provider::start_at(port).await;
    assert_eq!((world.end(&other).as_str(), world.end(&id).as_str()), ("relayed", "relayed"));
    assert_eq!(provider_count(&mut provider).await, 2, "each once");
    assert_eq!((world.mails.seen.len(), world.readyz().0), (0, 200));
}

async fn provider_count(provider: &mut Provider) -> usize {
    let mut count = 0;
    while provider.unseen() > 0 {
        provider.seen().await;
        count += 1;
    }
    count
}

fn hang_up() {
    let mut world = daemon().start();
    let pid = world.martlet.pid().to_string();
    let ids: Vec<_> = (0..40)
        .map(|n| {
            if n % 4 == 0 {
                signal("HUP", &pid);
            }
            world.text(TO, &format!("word {n}"))
        })
        .collect();
    for id in &ids {
        assert_eq!(world.end(id), "relayed");
    }
    assert!(!world.martlet.has_ended(), "it is still the same process");
    assert_eq!((world.provider.seen.len(), world.mails.seen.len(), world.readyz().0), (40, 0, 200));
}

fn descriptors() {
    let world = daemon().start();
    let mut talk = world.talk();
    let pid = world.martlet.pid();
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("its descriptors").count();
    let limit = format!("--nofile={0}:{0}", open + 10);
    crate::support::process::run(Command::new("prlimit").args(["--pid", &pid.to_string(), &limit]));
    let crowd: Vec<_> = (0..30).map(|_| TcpStream::connect(("127.0.0.1", world.lmtp)).expect("in the queue")).collect();
    world.must_say(&["WARN", "accept", "Too many open files"]);
    let caller = TcpStream::connect(("127.0.0.1", world.martlet.http)).expect("in the queue");
    world.must_say(&["WARN", "accept", &format!("127.0.0.1:{}", world.martlet.http), "Too many open files"]);
    // Who is in already is served, and what is taken waits for its gateway.
    let data = format!("From: {ALICE}\r\nSubject: x\r\n\r\nin a crowd\r\n");
    let reply = talk.one(&Letter { from: ALICE, to: vec![TO], data, ..Letter::default() }, true).expect("an answer");
    assert_eq!(reply.code, 250, "{reply:?}");
    let id = reply.text().rsplit(' ').next().expect("an id").to_owned();
    world.must_say(&["attempt=", &id, "later", "4.4.1"]);
    drop((crowd, caller));
    assert_eq!(world.end(&id), "relayed");
    world.must_be_ready();
    assert_eq!(world.end(&world.text(TO, "alone again")), "relayed");
    assert_eq!((world.provider.seen.len(), world.mails.seen.len()), (2, 0), "each once");
}
