//! Which gateway takes a message: conversations, other people's numbers, senders, groups and routes.

use libtest_mimic::Trial;
use martlet::routing::{Area, Costs, Price, Reach};

use super::*;
use crate::support::{run_async, trial};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("choosing: the cheapest of a tier takes it, by prefix", || run_async(cheapest())),
        trial("choosing: a conversation stays with its gateway while that is well", || run_async(conversation())),
        trial("choosing: a conversation of a moment ago is known before it stands in the call log", || {
            run_async(a_moment_ago())
        }),
        trial("choosing: two senders do not meet on one number", || run_async(apart())),
        trial("choosing: conversations give way when too many wait for them", || run_async(too_many_wait())),
        trial("choosing: whoever shows the sender goes first, else its own number and a note", || run_async(sender())),
        trial("choosing: a group is pulled by its members alone", || run_async(group())),
        trial("choosing: what only some can carry waits for those, over a restart too", || run_async(several())),
        trial("choosing: a message of many keys is found, however many there are", || run_async(many_keys())),
        trial("choosing: the number on the wire is not the one in the call log", || run_async(dialled())),
    ]
}

const OTHER: &str = "+13105550188";

fn from(mut new: New, who: &str) -> New {
    if let Payload::Text(text) = &mut new.payload {
        text.origin.reply_to = Some(mailbox(who));
    }
    new
}

fn to(mut new: New, number: &str) -> New {
    if let Payload::Text(text) = &mut new.payload {
        text.to = Destination::try_from(number.to_owned()).expect("a number");
    }
    new
}

fn id(name: &str) -> GatewayId {
    name.parse().expect("an id")
}

async fn cheapest() {
    let list = |prices: [(&str, u64); 2]| Costs::ByPrefix(prices.map(|(p, n)| (p.to_owned(), Price(n))).into());
    let mut w = World::new(&[
        way("a").with(|s| s.costs = list([("+1201", 9), ("+1", 2)])),
        way("b").with(|s| s.costs = list([("+1201", 3), ("+1", 5)])),
        way("free").behind(),
    ])
    .await;
    for _ in 0..5 {
        w.put(text("one")).await;
        w.answer("b", sent()).await;
        w.put(to(from(text("two"), "bob@example.test"), OTHER)).await;
        w.answer("a", sent()).await;
    }
    assert!(w.idle("free"));
}

/// Waits until `way` is down, by one message that another gateway takes.
async fn down(w: &mut World, way: &'static str, other: &'static str, new: New) {
    let id = w.put(new).await;
    let wish = fault(Scope::Gateway, "not now").after(Some(2 * MINUTE));
    w.answer(way, Outcome::Later(wish)).await;
    w.answer(other, sent()).await;
    w.reaches(id, State::Closed, Some(Closed::Relayed)).await;
}

async fn conversation() {
    let mut w = World::new(&[way("a"), way("b").behind()]).await;
    down(&mut w, "a", "b", text("one")).await;
    w.hand.advance(2 * MINUTE);
    // The better tier is well again: whoever has no conversation goes there.
    let other = w.put(to(text("two"), OTHER)).await;
    assert_eq!(w.answer("a", sent()).await.attempt.id, other);
    w.reaches(other, State::Closed, Some(Closed::Relayed)).await;
    let mine = w.put(text("three")).await;
    assert_eq!(w.answer("b", sent()).await.attempt.id, mine);
    w.reaches(mine, State::Closed, Some(Closed::Relayed)).await;
    // Over a restart: the call log has it.
    let mut w = w.crash(&[way("a"), way("b").behind()]).await;
    let mine = w.put(text("four")).await;
    assert_eq!(w.answer("b", sent()).await.attempt.id, mine);
    w.reaches(mine, State::Closed, Some(Closed::Relayed)).await;
    // Until it is forgotten there.
    w.hand.advance(73 * HOUR);
    let mut late = text("five");
    late.expires = w.clock.now() + DAY;
    late.warn_at = None;
    let late = w.put(late).await;
    assert_eq!(w.answer("a", sent()).await.attempt.id, late);
}

async fn a_moment_ago() {
    let mut w = World::new(&[way("a"), way("b")]).await;
    // Before any of them is answered, and before any begins.
    w.store.put((0..8).map(|_| text("many")).collect(), false).await.expect("a store");
    let first = tokio::time::timeout(PATIENCE, async {
        let (mut a, mut b) = (w.jobs.remove("a").expect("a"), w.jobs.remove("b").expect("b"));
        let first = tokio::select! { job = a.recv() => ("a", job), job = b.recv() => ("b", job) };
        w.jobs.extend([("a", a), ("b", b)]);
        first
    })
    .await;
    let (chosen, first) = first.expect("one of them takes it");
    let mut held = vec![first];
    for _ in 1..8 {
        held.push(Some(w.job(chosen).await));
    }
    assert!(w.idle(if chosen == "a" { "b" } else { "a" }));
}

async fn apart() {
    let ours = |number: &'static str| move |s: &mut lane::Settings| s.number = Some(number.to_owned());
    let mut w = World::new(&[way("a").with(ours("+15550100000")), way("b").with(ours("+15550100000")), way("c")]).await;
    let alice = w.put(pinned(text("one"), "a")).await;
    w.answer("a", sent()).await;
    w.reaches(alice, State::Closed, Some(Closed::Relayed)).await;
    // A and b have one number: only c is apart.
    for words in ["two", "three"] {
        let bob = w.put(from(text(words), "bob@example.test")).await;
        assert_eq!(w.answer("c", sent()).await.attempt.id, bob);
        w.reaches(bob, State::Closed, Some(Closed::Relayed)).await;
    }
    // Alice herself goes on with a, and a third one has no number left to himself.
    let alice = w.put(text("four")).await;
    assert_eq!(w.answer("a", sent()).await.attempt.id, alice);
    w.reaches(alice, State::Closed, Some(Closed::Relayed)).await;
    let mut third = from(text("five"), "carol@example.test");
    third.key = Key::Several(vec![id("b"), id("c")]);
    let third = w.put(third).await;
    let taken = tokio::time::timeout(PATIENCE, async {
        let (mut b, mut c) = (w.jobs.remove("b").expect("b"), w.jobs.remove("c").expect("c"));
        tokio::select! { job = b.recv() => job, job = c.recv() => job }
    });
    assert_eq!(taken.await.expect("somebody").expect("a lane").attempt.id, third);
}

async fn too_many_wait() {
    let mut w = World::new(&[way("a").window(1), way("b").window(1).behind()]).await;
    down(&mut w, "a", "b", text("one")).await;
    w.hand.advance(2 * MINUTE);
    let held = {
        w.put(text("holds b")).await;
        w.job("b").await
    };
    // More than are kept aside: what is too much goes by the other gateway.
    w.store.put((0..300).map(|_| text("many")).collect(), false).await.expect("a store");
    for _ in 0..6 {
        w.answer("a", sent()).await;
    }
    drop(held);
}

async fn sender() {
    let shown = |new: New, required: bool| {
        let mut new = new;
        if let Payload::Text(text) = &mut new.payload {
            text.sender = Some("Acme".parse().expect("a sender"));
            text.sender_required = required;
        }
        new
    };
    let ways = [
        way("a").with(|s| s.shows = Shows::Nobody),
        way("b").behind().with(|s| s.shows = Shows::Only(vec!["Acme".parse().expect("a sender")])),
    ];
    let mut w = World::new(&ways).await;
    let id = w.put(shown(text("one"), false)).await;
    let wish = fault(Scope::Gateway, "not now").after(Some(2 * MINUTE));
    assert_eq!(w.answer("b", Outcome::Later(wish)).await.attempt.sender.as_ref().map(|s| s.as_str()), Some("Acme"));
    assert!(w.answer("a", sent()).await.attempt.sender.is_none(), "its own number");
    let told = w.reaches(id, State::Closed, Some(Closed::Relayed)).await;
    let note =
        |e: &&martlet::store::Event| e.what == "unshown" && e.gateway.as_ref().is_some_and(|g| g.as_str() == "a");
    assert_eq!(told.events.iter().filter(note).count(), 1, "{:?}", told.events);
    // Rather not at all: it waits for the one that can.
    let strict = w.put(shown(text("two"), true)).await;
    w.looked("a").await;
    assert_eq!(w.show(strict).await.attempts, 0);
    w.hand.advance(2 * MINUTE);
    assert_eq!(w.answer("b", sent()).await.attempt.id, strict);
    let never = w.put(pinned(shown(text("three"), true), "a")).await;
    w.reaches(never, State::Closed, Some(Closed::Failed)).await;
}

fn under(mut new: New, key: Key) -> New {
    new.key = key;
    new
}

async fn group() {
    let ways = [way("a"), way("b").in_group("rest").behind(), way("c").in_group("rest")];
    let mut w = World::new(&ways).await;
    for _ in 0..3 {
        let one = w.put(under(text("one"), Key::Group(id("rest")))).await;
        assert_eq!(w.answer("c", sent()).await.attempt.id, one, "the better tier of the group");
        w.reaches(one, State::Closed, Some(Closed::Relayed)).await;
    }
    // The group is another one after a restart: what waits goes by its members of then.
    let waits = w.put(under(to(text("two"), OTHER), Key::Group(id("later")))).await;
    w.looked("a").await;
    assert_eq!(w.show(waits).await.attempts, 0, "nobody is in that group");
    let mut w = w.crash(&[way("a"), way("b").in_group("later"), way("c")]).await;
    assert_eq!(w.answer("b", sent()).await.attempt.id, waits);
}

async fn several() {
    let both = Key::Several(vec![id("b"), id("c")]);
    let only = Reach { allow: vec!["+44".parse::<Area>().expect("an area")], deny: Vec::new() };
    let mut w = World::new(&[way("a"), way("b").window(0), way("c").window(0)]).await;
    let mut first = under(text("one"), both.clone());
    first.warn_at = None;
    let waits = w.put(first).await;
    let held = w.put(under(text("two"), Key::Several(vec![id("a"), id("c")]))).await;
    assert!(w.answer("a", later(Scope::Message)).await.attempt.id == held);
    w.reaches(held, State::Waiting, None).await;
    assert!(w.store.admin(held, martlet::store::Hand::Hold).await.expect("a store"));
    w.looked("a").await;
    assert_eq!(w.show(waits).await.attempts, 0);
    // Nothing else in the store says that there are such keys.
    let mut w = w.crash(&[way("a").with(|s| s.reach = only), way("b"), way("c").behind()]).await;
    assert_eq!(w.answer("b", sent()).await.attempt.id, waits);
    assert!(w.store.admin(held, martlet::store::Hand::Release).await.expect("a store"));
    assert_eq!(w.answer("c", sent()).await.attempt.id, held, "a does not serve the number any more");
}

async fn many_keys() {
    let mut w = World::new(&[way("a").window(300), way("b").window(300)]).await;
    // More lanes than one question to the database may join.
    let mut ids = std::collections::BTreeSet::new();
    for n in 0..200 {
        let key = Key::Several(vec![id("a"), id(&format!("gone{n:03}"))]);
        ids.insert(w.put(under(to(text("one"), &format!("+1201555{n:04}")), key)).await);
    }
    for _ in 0..200 {
        assert!(ids.remove(&w.answer("a", sent()).await.attempt.id));
    }
    assert!(w.idle("b"));
}

async fn dialled() {
    let mut w = World::new(&[way("a")]).await;
    let mut new = text("one");
    if let Payload::Text(text) = &mut new.payload {
        text.wire = Some("0012015550123".to_owned().try_into().expect("a number"));
    }
    let id = w.put(new).await;
    let job = w.answer("a", sent()).await;
    assert_eq!((job.attempt.number(), job.attempt.to.as_str()), ("0012015550123", PHONE));
    w.reaches(id, State::Closed, Some(Closed::Relayed)).await;
    assert_eq!(w.links().await, 1, "the phone answers as the number that it is");
}
