//! No queue keeps another from its gateway.

use libtest_mimic::Trial;

use super::*;
use crate::support::{run_async, trial};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("fair: a long queue at a slow gateway delays nobody else", || run_async(pinned_backlog())),
        trial("fair: what one busy gateway alone can carry delays nobody else", || run_async(data_backlog())),
        trial("fair: an urgent text goes before a queue of others", || run_async(urgent())),
        trial("fair: a window is never exceeded", || run_async(window())),
        trial("fair: what falls due is seen while another queue waits", || run_async(due_beside_a_queue())),
    ]
}

async fn fill(w: &World, many: usize, make: impl Fn() -> New) {
    w.store.put((0..many).map(|_| make()).collect(), false).await.expect("a store");
}

async fn pinned_backlog() {
    let mut w = World::new(&[way("slow").window(1), way("b").window(600)]).await;
    fill(&w, 700, || pinned(text("many"), "slow")).await;
    let held = w.job("slow").await;
    w.looked("b").await;
    w.looked("b").await;
    assert!(w.idle("slow"));
    drop(held);
}

async fn data_backlog() {
    let mut w = World::new(&[way("slow").window(1), way("b").words_only()]).await;
    fill(&w, 400, || new(Content { body: martlet::sms::Body::Binary(vec![7; 9]), udh: Vec::new() }, 1)).await;
    let held = w.job("slow").await;
    let id = w.put(text("words")).await;
    assert_eq!(w.answer("b", sent()).await.attempt.id, id);
    // And nothing of what waits is forgotten.
    let _ = held.reply.send(vec![(0, sent())]);
    for n in 1..400 {
        if n % 50 == 0 {
            w.hand.advance(MINUTE);
        }
        w.answer("slow", sent()).await;
    }
    assert!(w.idle("b"));
}

async fn urgent() {
    let mut w = World::new(&[way("a").window(1)]).await;
    fill(&w, 50, || New { priority: Priority::Bulk, ..pinned(text("many"), "a") }).await;
    let first = w.job("a").await;
    let id = w.put(New { priority: Priority::Urgent, ..text("fire") }).await;
    let _ = first.reply.send(vec![(0, sent())]);
    assert_eq!(w.answer("a", sent()).await.attempt.id, id, "after one slot");
}

async fn window() {
    let mut w = World::new(&[way("a").window(3)]).await;
    fill(&w, 20, || text("many")).await;
    let mut held = vec![w.job("a").await, w.job("a").await, w.job("a").await];
    w.hand.advance(MINUTE);
    for n in 3..20 {
        assert!(w.idle("a"), "a fourth at once");
        let done: Job = held.remove(0);
        let _ = done.reply.send(vec![(0, sent())]);
        held.push(w.job("a").await);
        assert_eq!(held.len(), 3, "{n}");
    }
}

async fn due_beside_a_queue() {
    let mut w = World::new(&[way("full").window(1), way("b")]).await;
    fill(&w, 5, || pinned(text("waits"), "full")).await;
    let held = w.job("full").await;
    let mut soon = pinned(text("soon"), "b");
    soon.due = START + 7 * SECOND;
    let id = w.put(soon).await;
    // The lanes look at a queue that is due and cannot go; they must still wake for the other.
    w.looked("b").await;
    w.hand.advance(7 * SECOND);
    assert_eq!(w.answer("b", sent()).await.attempt.id, id);
    drop(held);
}
