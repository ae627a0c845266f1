//! What rules have done outside, through the real daemon: programs, calls and statements behind the commit and before it,
//! in both directions; what fails, what a crash leaves, and two Martlets that relay for each other.

mod calls;
mod crash;
mod peers;
mod programs;
mod sql;
mod verdicts;

use std::{fs, path::PathBuf};

use libtest_mimic::Trial;
use serde_json::Value;

use super::{BOB, World, daemon, mail};
use crate::support::process::until;

pub fn trials() -> Vec<Trial> {
    [programs::trials(), calls::trials(), crash::trials(), verdicts::trials(), sql::trials(), peers::trials()]
        .into_iter()
        .flatten()
        .collect()
}

const TO: &str = "\"sms:+12015550123\"@sms.example.test";

/// The daemon's folder.
fn folder(world: &World) -> PathBuf {
    world.martlet.config.parent().expect("a folder").to_owned()
}

/// Puts rules in force; `DIR` is the daemon's folder, `PORT` the provider's.
fn rules(world: &World, text: &str) {
    let dir = folder(world);
    let text = text.replace("DIR", dir.to_str().expect("a path")).replace("PORT", &world.provider.port.to_string());
    fs::create_dir_all(dir.join("rules")).expect("a folder");
    fs::write(dir.join("rules/10.toml"), text).expect("written");
    let applied = world.martlet.json(&["reload"]);
    assert!(applied["applied"].as_array().is_some_and(|all| all.contains(&"rules".into())), "{applied}");
}

/// A file beside the configuration.
fn file(world: &World, name: &str, text: &str) {
    let dir = folder(world);
    fs::write(dir.join(name), text.replace("DIR", dir.to_str().expect("a path"))).expect("written");
}

/// Bob writes this; the answer.
fn say(world: &World, id: &str, body: &str) -> String {
    let replies = world.send(BOB, &[TO], &mail(id, BOB, body, ""));
    let reply = replies.last().expect("a reply");
    format!("{} {} {}", reply.code, reply.enhanced(), reply.text())
}

/// The errands of this kind, as the queue shows them.
fn queued(world: &World, kind: &str) -> Vec<Value> {
    world.martlet.queue().into_iter().filter(|item| item["kind"] == kind).collect()
}

/// The first errand of this kind in this state.
fn one(world: &World, kind: &str, state: &str) -> Value {
    until(&format!("an errand {kind} that is {state}"), || {
        queued(world, kind).into_iter().find(|item| item["state"] == state)
    })
}

/// Has this process ended?
fn is_gone(pid: &str) -> bool {
    match fs::read_to_string(format!("/proc/{}/stat", pid.trim())) {
        // Dead, and nobody has asked yet.
        Ok(stat) => stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z')),
        Err(_) => true,
    }
}

fn new(more: &'static str) -> World {
    daemon().tables(more).start()
}
