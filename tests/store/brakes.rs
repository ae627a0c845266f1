//! Brakes: exact under load, taken back with their entry, remembered over a restart, forgotten with their time.

use libtest_mimic::Trial;
use martlet::store::*;

use super::*;
use crate::support::{run_async, trial};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("store::brakes::a_brake_is_exact_under_load", || run_async(exact_under_load())),
        trial("store::brakes::what_is_known_does_not_count", || run_async(known())),
        trial("store::brakes::refused_as_a_whole_nothing_counts", || run_async(as_a_whole())),
        trial("store::brakes::a_duplicate_counts_nothing", || run_async(duplicates())),
        trial("store::brakes::counters_survive_and_end", || run_async(survive_and_end())),
    ]
}

fn brake(w: &World, limit: u64) -> Brake {
    let key = BrakeKey::of("rate", &[b"alice"]);
    Brake { kind: BrakeKind::Rate, key, amount: 1, limit, until: w.now() + HOUR, unless_known: None }
}

fn with(brake: &Brake) -> New {
    New { brakes: vec![brake.clone()], ..text() }
}

async fn exact_under_load() {
    let w = World::new().await;
    let brake = brake(&w, 10);
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let (store, new) = (w.store.clone(), with(&brake));
            tokio::spawn(async move { store.put(vec![new], false).await.expect("store")[0] })
        })
        .collect();
    let mut through = 0;
    for task in tasks {
        match task.await.expect("task") {
            Ok(_) => through += 1,
            Err(refused) => {
                let braked = Braked { kind: BrakeKind::Rate, limit: 10, until: brake.until };
                assert_eq!(refused, Refused::Braked(braked));
            }
        }
    }
    assert_eq!((through, w.leasable().await.len()), (10, 10));
    let would = w.store.would_refuse(std::slice::from_ref(&brake)).await.expect("store");
    assert_eq!(would.map(|braked| braked.kind), Some(BrakeKind::Rate));
}

async fn known() {
    let w = World::new().await;
    let number = |n: u8| {
        let known = BrakeKey::of("number", &[&[n]]);
        with(&Brake { unless_known: Some((known, w.now() + 30 * DAY)), ..brake(&w, 2) })
    };
    let put = async |new: New| w.store.put(vec![new], false).await.expect("store")[0].is_ok();
    assert!(put(number(1)).await && put(number(1)).await && put(number(1)).await, "one new number");
    assert!(put(number(2)).await);
    assert!(!put(number(3)).await, "a third one is too many");
    assert!(put(number(1)).await && put(number(2)).await, "those that are known go on");
    w.hand.advance(HOUR);
    assert!(put(number(3)).await, "the next stretch");
}

async fn as_a_whole() {
    let w = World::new().await;
    let (first, second) = (brake(&w, 2), brake(&w, 2));
    let known = (BrakeKey::of("number", &[b"9"]), w.now() + DAY);
    let learns = || with(&Brake { unless_known: Some(known), ..first.clone() });
    let batch = vec![learns(), with(&second), with(&second)];
    let answers = w.store.put(batch, true).await.expect("store");
    assert!(matches!(answers[2], Err(Refused::Braked(_))));
    assert_eq!(answers[..2], [Err(Refused::WithOthers), Err(Refused::WithOthers)]);
    // Nothing was counted, and nothing became known: two go through, and the first of them as a new number.
    assert!(w.store.put(vec![learns(), with(&second)], true).await.expect("store").iter().all(Result::is_ok));
    assert!(w.store.put(vec![with(&second)], true).await.expect("store")[0].is_err());
}

async fn duplicates() {
    let w = World::new().await;
    let print = Some(Fingerprint { hash: [7; 32], until: w.now() + HOUR });
    let same = || New { fingerprint: print, ..with(&brake(&w, 1)) };
    let id = w.put(same()).await;
    for _ in 0..3 {
        assert_eq!(w.store.put(vec![same()], false).await.expect("store"), [Ok(Placed::Before(id))]);
    }
    assert!(w.store.put(vec![with(&brake(&w, 1))], false).await.expect("store")[0].is_err());
}

async fn survive_and_end() {
    let w = World::new().await;
    let brake = brake(&w, 1);
    w.put(with(&brake)).await;
    let w = w.crash().await;
    assert!(w.store.put(vec![with(&brake)], false).await.expect("store")[0].is_err(), "a crash is no fresh start");
    w.hand.advance(HOUR);
    assert!(w.store.put(vec![with(&brake)], false).await.expect("store")[0].is_ok());
}
