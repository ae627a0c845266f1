//! How much: requests a second, segments a day, the life that is passed on.

use libtest_mimic::Trial;

use super::*;
use crate::support::{run_async, trial};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("bounds: a rate of one a second is one a second", || run_async(one_a_second())),
        trial("bounds: a gateway that waits for its rate is full, not down", || run_async(full_by_rate())),
        trial("bounds: daily_max counts segments, and the next tier steps in", || run_async(daily())),
        trial("bounds: daily_max holds over a restart, and the day begins where the zone is", || {
            run_async(over_night())
        }),
        trial("bounds: what was not sent takes nothing of the day", || run_async(given_back())),
        trial("bounds: a message in parts takes all of them at once, and goes on", || run_async(in_parts())),
        trial("bounds: a message that no day can hold fails at once", || run_async(too_long())),
        trial(
            "bounds: validity is what is left of a life, and never more than the gateway's",
            || run_async(validity()),
        ),
    ]
}

fn daily_max(most: u64) -> impl FnOnce(&mut lane::Settings) {
    move |s| s.bounds.daily_max = Some(most)
}

async fn one_a_second() {
    let mut w = World::new(&[way("a").with(|s| s.bounds.rate = Some(1.0)), way("b")]).await;
    w.store.put((0..4).map(|_| pinned(text("many"), "a")).collect(), false).await.expect("a store");
    for n in 0..4 {
        w.answer("a", sent()).await;
        w.looked("b").await;
        assert!(w.idle("a"), "{n}: a second one in the same second");
        w.hand.advance(Duration::from_millis(999));
        w.looked("b").await;
        assert!(w.idle("a"), "{n}: too early");
        w.hand.advance(Duration::from_millis(1));
    }
}

async fn full_by_rate() {
    let mut w = World::new(&[way("a").with(|s| s.bounds.rate = Some(0.5)), way("b").behind()]).await;
    w.store.put((0..3).map(|n| from(text("many"), n)).collect(), false).await.expect("a store");
    w.answer("a", sent()).await;
    w.looked("b").await;
    assert!(w.idle("b"), "the next tier is for a gateway that is down");
    w.hand.advance(2 * SECOND);
    w.answer("a", sent()).await;
    w.hand.advance(2 * SECOND);
    w.answer("a", sent()).await;
}

async fn daily() {
    let mut w = World::new(&[way("a").with(daily_max(4)), way("b").behind()]).await;
    let first = w.put(long()).await;
    assert_eq!(w.answer("a", sent()).await.attempt.id, first, "three of four");
    w.reaches(first, State::Closed, Some(Closed::Relayed)).await;
    let second = w.put(long()).await;
    assert_eq!(w.answer("b", sent()).await.attempt.id, second, "three do not fit any more");
    w.reaches(second, State::Closed, Some(Closed::Relayed)).await;
    let third = w.put(from(text("one"), 1)).await;
    assert_eq!(w.answer("a", sent()).await.attempt.id, third, "one does");
    w.reaches(third, State::Closed, Some(Closed::Relayed)).await;
    let fourth = w.put(from(text("two"), 2)).await;
    assert_eq!(w.answer("b", sent()).await.attempt.id, fourth);
}

/// From another person, so that no conversation decides.
fn from(mut new: New, n: u8) -> New {
    if let Payload::Text(text) = &mut new.payload {
        text.origin.reply_to = None;
        text.reference = n;
    }
    new
}

async fn over_night() {
    // START is 2027-01-15T08:00:00Z: in Auckland it is nine in the evening.
    let zone = jiff::tz::TimeZone::get("Pacific/Auckland").expect("a zone");
    let ways = |zone: &jiff::tz::TimeZone| {
        let zone = zone.clone();
        [
            way("a").with(move |s| {
                s.bounds.daily_max = Some(2);
                s.bounds.zone = zone;
            }),
            way("b"),
        ]
    };
    let mut w = World::new(&ways(&zone)).await;
    for _ in 0..2 {
        w.put(pinned(text("many"), "a")).await;
        w.answer("a", sent()).await;
    }
    let waits = w.put(pinned(text("three"), "a")).await;
    w.looked("b").await;
    assert!(w.idle("a"));
    let mut w = w.crash(&ways(&zone)).await;
    w.looked("b").await;
    assert!(w.idle("a"), "remembered");
    w.hand.advance(3 * HOUR - SECOND);
    w.looked("b").await;
    assert_eq!(w.show(waits).await.attempts, 0, "a second before midnight");
    w.hand.advance(SECOND);
    assert_eq!(w.answer("a", sent()).await.attempt.id, waits);
}

async fn given_back() {
    let ways = [way("a").with(daily_max(1))];
    let mut w = World::new(&ways).await;
    let id = w.put(text("one")).await;
    w.answer("a", later(Scope::Message)).await;
    w.reaches(id, State::Waiting, None).await;
    let refused = w.put(text("two")).await;
    w.answer("a", never(Scope::Recipient)).await;
    w.reaches(refused, State::Closed, Some(Closed::Failed)).await;
    // The store counts as the lane does.
    let mut w = w.crash(&ways).await;
    w.hand.advance(30 * SECOND);
    assert_eq!(w.answer("a", unsure()).await.attempt.id, id);
    w.reaches(id, State::Closed, Some(Closed::Failed)).await;
    let w = w.crash(&[way("a").with(daily_max(1)), way("b")]).await;
    let mut w = w;
    let waits = w.put(pinned(text("three"), "a")).await;
    w.looked("b").await;
    assert!(w.idle("a") && w.show(waits).await.attempts == 0, "an unsure one may have gone out");
}

async fn in_parts() {
    let mut w = World::new(&[way("a").split(Split::Udh).with(daily_max(3)), way("b").behind()]).await;
    let id = w.put(long()).await;
    for part in 0..3u8 {
        assert_eq!(w.answer("a", sent()).await.parts, part..part + 1);
    }
    w.reaches(id, State::Closed, Some(Closed::Relayed)).await;
    let next = w.put(from(text("one"), 1)).await;
    assert_eq!(w.answer("b", sent()).await.attempt.id, next, "the day is over");
}

async fn too_long() {
    let w = World::new(&[way("a").with(daily_max(2))]).await;
    let id = w.put(long()).await;
    w.reaches(id, State::Closed, Some(Closed::Failed)).await;
}

async fn validity() {
    let mut w = World::new(&[way("a").with(|s| s.validity = Some(2 * DAY)), way("b")]).await;
    for (left, passed) in [(5 * DAY, 2 * DAY), (DAY, DAY)] {
        let mut new = pinned(text("one"), "a");
        new.expires = w.clock.now() + left;
        w.put(new).await;
        assert_eq!(w.answer("a", sent()).await.attempt.validity, passed);
    }
}
