//! Gateways that are not well: what waits under a shared key goes by the others, and one attempt tries them again.

use libtest_mimic::Trial;

use super::*;
use crate::support::{run_async, trial};

pub fn trials() -> Vec<Trial> {
    vec![
        trial(
            "health: faults in a row open the breaker, pinned ones wait, others go elsewhere",
            || run_async(faults()),
        ),
        trial("health: one attempt tries a gateway again, an answer brings it back", || run_async(half_open())),
        trial("health: attempts without an answer are stuck, long before they time out", || run_async(stuck())),
        trial("health: a message is not given to the gateway whose fault put it off", || run_async(afresh())),
        trial("health: half of a minute's attempts failing opens it", || run_async(error_rate())),
        trial("health: paused by a person, over a restart too", || run_async(paused())),
        trial("health: a person may have it tried at once", || run_async(tried_at_once())),
        trial("health: one gateway down under a queue: nothing lost, nothing doubled", || run_async(under_a_queue())),
    ]
}

/// A fault of the gateway that asks for nothing.
fn broken() -> Outcome {
    Outcome::Later(Fault::new(Scope::Gateway, Enhanced::new(4, 4, 1), "no connection"))
}

/// Brings `a` down with three attempts that are pinned to it.
async fn bring_down(w: &mut World, way: &'static str) -> Vec<MessageId> {
    let mut ids = Vec::new();
    for _ in 0..3 {
        let id = w.put(pinned(text("pinned"), way)).await;
        w.answer(way, broken()).await;
        w.reaches(id, State::Waiting, None).await;
        ids.push(id);
    }
    ids
}

async fn faults() {
    let mut w = World::new(&[way("a"), way("b").behind()]).await;
    let pinned_ones = bring_down(&mut w, "a").await;
    let free = w.put(text("free")).await;
    assert_eq!(w.answer("b", sent()).await.attempt.id, free);
    let pinned_too = w.put(pinned(text("pinned"), "a")).await;
    w.hand.advance(29 * SECOND);
    w.looked("b").await;
    assert!(w.idle("a") && w.show(pinned_too).await.attempts == 0);
    assert!(pinned_ones.len() == 3);
    let seen = w.shared.lanes.now().get(&"a".parse().expect("an id")).expect("a lane").seen();
    assert!(matches!(seen.health, martlet::routing::breaker::Health::Down { .. }), "{seen:?}");
    assert_eq!((seen.since, seen.words.as_deref()), (Some(START), Some("no connection")));
}

async fn half_open() {
    let mut w = World::new(&[way("a"), way("b")]).await;
    bring_down(&mut w, "a").await;
    w.store.put((0..5).map(|_| pinned(text("many"), "a")).collect(), false).await.expect("a store");
    w.hand.advance(30 * SECOND);
    let tries = w.job("a").await;
    w.looked("b").await;
    assert!(w.idle("a"), "one at a time");
    let _ = tries.reply.send(vec![(0, broken())]);
    w.reaches(tries.attempt.id, State::Waiting, None).await;
    w.looked("b").await;
    assert!(w.idle("a"), "and for longer");
    w.hand.advance(5 * MINUTE);
    let tries = w.job("a").await;
    w.looked("b").await;
    assert!(w.idle("a"));
    let _ = tries.reply.send(vec![(0, sent())]);
    for _ in 0..7 {
        w.answer("a", sent()).await;
    }
}

async fn stuck() {
    let mut w = World::new(&[way("a").window(2), way("b").behind()]).await;
    w.store.put((0..2).map(|_| text("silence")).collect(), false).await.expect("a store");
    let silent = [w.job("a").await, w.job("a").await];
    // Full, and no more than that.
    let waits = w.put(text("waits")).await;
    w.hand.advance(29 * SECOND);
    w.looked("b").await;
    assert_eq!(w.show(waits).await.attempts, 0);
    w.hand.advance(SECOND);
    assert_eq!(w.answer("b", sent()).await.attempt.id, waits);
    // It only was slow: an answer brings it back.
    for job in silent {
        let _ = job.reply.send(vec![(0, sent())]);
        w.reaches(job.attempt.id, State::Closed, Some(Closed::Relayed)).await;
    }
    let next = w.put(pinned(text("next"), "a")).await;
    assert_eq!(w.answer("a", sent()).await.attempt.id, next);
}

async fn afresh() {
    let mut w = World::new(&[way("a"), way("b").behind()]).await;
    let id = w.put(text("one")).await;
    w.answer("a", broken()).await;
    assert_eq!(w.answer("b", sent()).await.attempt.id, id, "a is not down yet");
    w.reaches(id, State::Closed, Some(Closed::Relayed)).await;
}

async fn error_rate() {
    let mut w = World::new(&[way("a"), way("b").behind()]).await;
    for n in 0..21 {
        let id = w.put(pinned(text("one"), "a")).await;
        let job = w.job("a").await;
        assert_eq!(job.attempt.id, id);
        let outcome = if n % 2 == 0 { broken() } else { never(Scope::Recipient) };
        let _ = job.reply.send(vec![(0, outcome)]);
        let (state, result) = if n % 2 == 0 { (State::Waiting, None) } else { (State::Closed, Some(Closed::Failed)) };
        w.reaches(id, state, result).await;
    }
    let id = w.put(text("one")).await;
    assert_eq!(w.answer("b", sent()).await.attempt.id, id);
}

fn lane_of(w: &World, name: &str) -> Arc<Lane> {
    w.shared.lanes.now().get(&name.parse().expect("an id")).expect("a lane").clone()
}

async fn paused() {
    let mut w = World::new(&[way("a"), way("b").behind()]).await;
    assert!(w.shared.pause(&"a".parse().expect("an id"), true).await.expect("a store"));
    assert!(!w.shared.pause(&"a".parse().expect("an id"), true).await.expect("a store"), "it is already");
    let id = w.put(text("one")).await;
    assert_eq!(w.answer("b", sent()).await.attempt.id, id);
    let mut w = w.crash(&[way("a"), way("b").behind()]).await;
    assert_eq!(lane_of(&w, "a").seen().paused, Some(START));
    let waits = w.put(pinned(text("two"), "a")).await;
    w.hand.advance(HOUR);
    w.looked("b").await;
    assert_eq!(w.show(waits).await.attempts, 0);
    assert!(w.shared.pause(&"a".parse().expect("an id"), false).await.expect("a store"));
    assert_eq!(w.answer("a", sent()).await.attempt.id, waits);
    let w = w.crash(&[way("a")]).await;
    assert_eq!(lane_of(&w, "a").seen().paused, None);
}

async fn tried_at_once() {
    let mut w = World::new(&[way("a")]).await;
    bring_down(&mut w, "a").await;
    let id = w.put(pinned(text("four"), "a")).await;
    assert!(w.shared.try_now(&"a".parse().expect("an id")));
    assert!(!w.shared.try_now(&"nobody".parse().expect("an id")));
    let job = w.job("a").await;
    assert_eq!(job.attempt.id, id);
    let _ = job.reply.send(vec![(0, sent())]);
    w.reaches(id, State::Closed, Some(Closed::Relayed)).await;
}

async fn under_a_queue() {
    let mut w = World::new(&[way("a").window(4), way("b").window(4), way("c").window(4)]).await;
    let many = 120;
    let number = |n: usize| format!("+1201555{n:04}");
    let mut waits = std::collections::BTreeSet::new();
    for n in 0..many {
        let mut new = text("many");
        if let Payload::Text(text) = &mut new.payload {
            text.to = Destination::try_from(number(n)).expect("a number");
        }
        waits.insert(w.put(new).await);
    }
    // B breaks after its first few, for good.
    let (mut a, mut b, mut c) =
        (w.jobs.remove("a").expect("a"), w.jobs.remove("b").expect("b"), w.jobs.remove("c").expect("c"));
    let mut by_b = 0;
    let all = async {
        while !waits.is_empty() {
            let (job, from_b) = tokio::select! {
                Some(job) = a.recv() => (job, false),
                Some(job) = b.recv() => (job, true),
                Some(job) = c.recv() => (job, false),
            };
            let breaks = from_b && by_b >= 5;
            by_b += usize::from(from_b);
            if !breaks {
                assert!(waits.remove(&job.attempt.id), "sent twice");
            }
            let _ = job.reply.send(vec![(0, if breaks { broken() } else { sent() })]);
        }
    };
    tokio::time::timeout(3 * PATIENCE, all).await.expect("all of them go, in no time of the clock");
    assert!(by_b <= 5 + 3 + 4, "{by_b}: three faults and what was under way beside them");
    assert_eq!(w.clock.now(), START);
}
