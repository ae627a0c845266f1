//! A random walk over everything that can happen to a few messages, crashes included: whatever the order, nothing is
//! begun again once the network has it, nothing vanishes, and the counted depths are the real ones.

use std::collections::HashMap;

use libtest_mimic::Trial;
use martlet::store::*;
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};

use super::*;
use crate::support::{run_async, trial};

pub fn trials() -> Vec<Trial> {
    vec![trial("store::walk::nothing_is_lost_or_sent_twice", || run_async(walk()))]
}

const STEPS: usize = 1000;
const ITEMS: usize = 6;

/// What is known of one message from outside.
#[derive(Default)]
struct Known {
    /// Numbers of the attempts that were begun; the last may still be answered.
    attempt: u32,
    /// A settlement said that the network has it.
    taken: bool,
}

async fn walk() {
    let mut runner = TestRunner::deterministic();
    let steps = proptest::collection::vec((0..ITEMS, 0..12u8), STEPS);
    let steps = steps.new_tree(&mut runner).expect("steps").current();
    let mut w = World::new().await;
    let mut known: HashMap<MessageId, Known> = HashMap::new();
    let mut ids = Vec::new();
    for _ in 0..ITEMS {
        let id = w.put(text()).await;
        known.insert(id, Known::default());
        ids.push(id);
    }
    for (n, (item, what)) in steps.into_iter().enumerate() {
        let id = ids[item];
        let before = w.state(id).await;
        if matches!(before.0, State::Closed | State::Sent) && n % 3 == 0 {
            ids[item] = w.put(text()).await;
            known.insert(ids[item], Known::default());
            continue;
        }
        if what == 11 && n % 5 == 0 {
            w = w.crash().await;
        } else {
            step(&w, id, what, known.get_mut(&id).expect("known")).await;
        }
        check(&w, &known).await;
    }
    assert!(known.values().filter(|known| known.taken).count() > 10, "the walk went somewhere");
}

async fn step(w: &World, id: MessageId, what: u8, known: &mut Known) {
    let reference = format!("of-{id}");
    let n = known.attempt;
    let settled = |known: &mut Known, counted: bool| known.taken |= counted;
    match what {
        0 => drop(w.store.admin(id, Hand::Hold).await.expect("store")),
        1 => drop(w.store.admin(id, Hand::Release).await.expect("store")),
        2 if id.to_string().ends_with('0') => drop(w.cancel(id).await),
        3..=5 => {
            let items = w.store.lease(&[Key::Any], 100, w.now()).await.expect("store");
            let wanted = items.iter().find(|item| item.id == id);
            if let Some(item) = wanted {
                assert!(!known.taken, "leased although the network has it");
                let begun = w.store.begin(vec![begin(item)]).await.expect("store")[0];
                known.attempt = begun.expect("leased a moment ago");
            }
            w.store.give_back(&items.iter().map(|item| item.id).collect::<Vec<_>>());
        }
        6 => {
            let counted = w.store.settle(sent(id, n.max(1), &reference)).await;
            assert!(!(counted && known.taken), "settled twice");
            settled(known, counted);
        }
        7 => drop(w.store.settle(unsure(id, n.max(1), vec![report(id)])).await),
        8 => drop(w.store.settle(settle(id, n.max(1), Next::Waiting { at: START, pin: None }, "deferred")).await),
        9 => drop(w.store.settle(settle(id, n.max(1), Next::Held(Why::Unsure), "unsure")).await),
        10 => drop(w.store.receipt(receipt(&reference, SegmentState::Delivered)).await.expect("store")),
        _ => drop(w.store.match_parked(w.now()).await.expect("store")),
    }
}

async fn check(w: &World, known: &HashMap<MessageId, Known>) {
    let all = w.store.list(Filter { states: Vec::new(), limit: 100_000 }).await.expect("store");
    let texts = all.iter().filter(|shown| shown.kind == "text").count();
    assert_eq!(texts, known.len(), "nothing vanishes");
    let count = |kind: &str, state| {
        all.iter().filter(|shown| (kind.is_empty() || shown.kind == kind) && shown.state == state).count() as u64
    };
    let counts = w.store.counts().await.expect("store");
    assert_eq!(counts.waiting, count("text", State::Waiting));
    assert_eq!(counts.mails_waiting, count("mail", State::Waiting));
    assert_eq!(counts.held, count("", State::Held));
    assert_eq!(counts.trying, count("", State::Trying));
    assert_eq!(counts.sent, count("", State::Sent));
    for shown in all.iter().filter(|shown| shown.kind == "text") {
        let known = &known[&shown.id];
        assert_eq!(shown.attempts, known.attempt);
        let gone = matches!(shown.state, State::Sent | State::Closed);
        assert!(gone || !known.taken, "what the network has never waits again: {shown:?}");
    }
}
