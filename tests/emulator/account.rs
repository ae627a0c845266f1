//! The accounts: what each text came to, held against what its provider did with it.

use std::collections::BTreeMap;

use super::{
    ALICE, BROUGHT, WAYS, World,
    api::{Api, SECRET, SIGNING_KEY},
    plan::Calls,
    provider::{Book, Course, phone},
};
use crate::support::{letter, process::until};

/// Nothing is held but what nobody knows, and no phone got any of that twice. Then a person takes it out.
pub fn held(world: &World) {
    let mut ids = vec!["queue".to_owned(), "cancel".to_owned()];
    let mut unseen = [0; WAYS.len()];
    for row in world.queue() {
        let Some((way, n)) = world.text(&row).filter(|_| row["state"] == "held") else { continue };
        let name = format!("{} {n}: {row}", WAYS[way].id);
        assert_eq!(WAYS[way].on_unsure, "hold", "{name}");
        let course = world.providers[way].book().courses[n].clone();
        assert!(course.lost <= 1 && course.copies.len() <= 1, "{name}: {course:?}");
        unseen[way] += usize::from(course.lost == 0);
        ids.push(row["id"].as_str().expect("an id").to_owned());
    }
    assert!(ids.len() > 2, "nothing was held");
    for (way, unseen) in unseen.iter().enumerate() {
        let resets = world.providers[way].book().resets;
        assert!(*unseen <= resets, "{}: {unseen} are held, {resets} connections were reset unseen", WAYS[way].id);
    }
    let words: Vec<&str> = ids.iter().map(String::as_str).collect();
    let done = world.martlet.command(&words);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// Of every text, every provider, every mail.
pub fn check(world: &World) {
    let mut ends: BTreeMap<(usize, usize), String> = BTreeMap::new();
    for row in world.queue() {
        if let Some(text) = world.text(&row) {
            ends.insert(text, row["result"].as_str().expect("a result").to_owned());
        }
    }
    assert_eq!(ends.len(), world.sent.len(), "every text has its end");
    for (way, declared) in WAYS.iter().enumerate() {
        let state = &world.providers[way];
        let book = state.book();
        assert!(book.wrong.is_empty(), "{}: {:?}", declared.id, book.wrong);
        assert!(book.resets > 0, "{}: no connection was reset", declared.id);
        for (n, course) in book.courses.iter().enumerate() {
            let end = ends[&(way, n)].as_str();
            let name = format!("{} {n} {:?} {end}: {course:?}", declared.id, state.plan.scripts[n]);
            one(way, course, state.plan.calls[n], end, &name);
        }
        let all: Vec<&str> = (0..declared.texts).map(|n| ends[&(way, n)].as_str()).collect();
        crate::support::say(&counted(declared.id, &book, &all));
    }
    mails(world, &ends);
    let log = world.martlet.log();
    for secret in [SECRET, SIGNING_KEY, "own=", "+1201200", "to=1201200", ", text 0"] {
        assert!(!log.contains(secret), "the log shows {secret}");
    }
}

fn one(way: usize, course: &Course, calls: Calls, end: &str, name: &str) {
    let copies = course.copies.len();
    let way = &WAYS[way];
    assert!(course.keys.len() <= 1, "one name, however often: {name}");
    match (way.api, way.on_unsure) {
        (Api::Keyed, _) => {
            let wanted = match (copies, calls) {
                (0, _) | (1, Calls::Failed) => "failed",
                (1, Calls::None) => "relayed",
                (1, _) => "delivered",
                _ => panic!("the phone got it more than once: {name}"),
            };
            assert_eq!(end, wanted, "{name}");
            assert!(copies == 1 || course.over, "it was lost: {name}");
        }
        (_, "retry") => {
            // Every copy beyond the one that was answered is of a request whose answer was lost.
            assert!(copies <= course.lost_taken + 1, "{name}");
            assert!(copies >= 1 || course.over && end == "failed", "it was lost: {name}");
            assert_ne!(end, "cancelled", "{name}");
        }
        (..) => {
            assert!(copies <= 1, "the phone got it twice: {name}");
            assert!(course.lost <= 1, "asked again, though nobody knew: {name}");
            if matches!(end, "delivered" | "relayed") {
                assert_eq!(copies, 1, "{name}");
            }
        }
    }
}

/// A line for people.
fn counted(id: &str, book: &Book, ends: &[&str]) -> String {
    let sum = |what: fn(&Course) -> usize| book.courses.iter().map(what).sum::<usize>();
    let twice = book.courses.iter().filter(|course| course.copies.len() > 1).count();
    let mut results: BTreeMap<&str, usize> = BTreeMap::new();
    ends.iter().for_each(|end| *results.entry(end).or_default() += 1);
    format!(
        "emulator, {id}: {texts} texts {results:?}, {requests} requests on {connections} connections ({resets} reset unseen), faults \
         {faults:?}, {copies} taken, {lost} answers lost of which {taken} to texts taken, {twice} texts taken more than once; {calls} calls, \
         {busy} of them made again",
        texts = ends.len(),
        requests = book.requests,
        connections = book.connections,
        resets = book.resets,
        faults = book.faults,
        copies = sum(|course| course.copies.len()),
        lost = sum(|course| course.lost),
        taken = sum(|course| course.lost_taken),
        calls = book.calls,
        busy = book.busy,
    )
}

/// One report about each text, which says how it ended; each text of a phone once.
fn mails(world: &World, ends: &BTreeMap<(usize, usize), String>) {
    let wanted = ends.len() + WAYS.len() * BROUGHT;
    until("all mails", || (world.mails.seen.len() >= wanted).then_some(()));
    world.martlet.settled();
    let mails: Vec<String> =
        world.mails.seen.all().iter().map(|mail| String::from_utf8_lossy(&mail.data).into_owned()).collect();
    let (reports, texts): (Vec<_>, Vec<_>) = mails.iter().partition(|mail| mail.contains("report-type"));
    let mut told: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for report in reports {
        let field = |name: &str| {
            let line =
                report.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name}: {report}"));
            line.trim()
        };
        let recipient = field("Final-Recipient:");
        let start = recipient.find("1201").unwrap_or_else(|| panic!("whom is it about? {recipient}"));
        told.entry(&recipient[start..start + 11]).or_default().push(field("Action:"));
    }
    let mut first = 0;
    for (way, declared) in WAYS.iter().enumerate() {
        for n in 0..declared.texts {
            let end = &ends[&(way, n)];
            let action = match end.as_str() {
                "delivered" => "delivered",
                "relayed" => "relayed",
                _ => "failed",
            };
            let about = told.get(&phone(first + n)[1..]).map(Vec::as_slice).unwrap_or_default();
            assert_eq!(about, [action], "{} {n}, {end}", declared.id);
        }
        first += declared.texts;
        for n in 0..BROUGHT {
            let words = format!("from outside by {}, {n:04}.", declared.id);
            let count = texts.iter().filter(|mail| letter::text(mail).contains(&words)).count();
            assert_eq!(count, 1, "{words}");
        }
    }
    assert_eq!(mails.len(), wanted, "mails to {ALICE} and to the inbox");
}
