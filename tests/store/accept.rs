//! Accepting: quotas, duplicates, originals, order, and the wake-up of lanes.

use std::collections::HashMap;

use libtest_mimic::Trial;
use martlet::store::*;
use sqlx::Row as _;

use super::*;
use crate::support::{run_async, trial};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("store::accept::a_quota_is_exact_under_load", || run_async(a_quota_is_exact_under_load())),
        trial("store::accept::one_refusal_or_all", || run_async(one_refusal_or_all())),
        trial("store::accept::refunds_go_to_their_month", || run_async(refunds_go_to_their_month())),
        trial("store::accept::a_fingerprint_is_one_message", || run_async(a_fingerprint_is_one_message())),
        trial("store::accept::many_fingerprints_are_sorted_in", || run_async(many_fingerprints_are_sorted_in())),
        trial("store::accept::an_original_is_stored_once", || run_async(an_original_is_stored_once())),
        trial("store::accept::urgent_first_and_accounts_in_turn", || run_async(urgent_first_and_accounts_in_turn())),
        trial("store::accept::lanes_are_woken", || run_async(lanes_are_woken())),
        trial("store::accept::depths_are_counted", || run_async(depths_are_counted())),
        trial("store::accept::people_see_no_texts", || run_async(people_see_no_texts())),
        trial("store::accept::links_are_written_and_taken_back", || run_async(links_are_written_and_taken_back())),
    ]
}

const MONTH: Month = Month(2027 * 12);

fn charged(limit: Option<u64>, amount: u64) -> New {
    let pool = "pool".parse().expect("a name");
    New { charge: Some(Charge { pool, month: MONTH, amount, limit }), ..text() }
}

async fn used(w: &World) -> u64 {
    w.store.usage(&"pool".parse().expect("a name"), MONTH).await.expect("store")
}

async fn a_quota_is_exact_under_load() {
    let w = World::new().await;
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let store = w.store.clone();
            tokio::spawn(async move { store.put(vec![charged(Some(10), 1)], false).await.expect("store")[0] })
        })
        .collect();
    let mut through = 0;
    for task in tasks {
        match task.await.expect("task") {
            Ok(_) => through += 1,
            Err(refused) => assert_eq!(refused, Refused::Quota { used: 10, limit: 10 }),
        }
    }
    assert_eq!((through, used(&w).await, w.leasable().await.len()), (10, 10, 10));
}

async fn one_refusal_or_all() {
    let w = World::new().await;
    let batch = || vec![charged(Some(5), 3), charged(Some(5), 3), charged(Some(5), 2), text()];
    let answers = w.store.put(batch(), true).await.expect("store");
    assert_eq!(answers[1], Err(Refused::Quota { used: 3, limit: 5 }));
    for n in [0, 2, 3] {
        assert_eq!(answers[n], Err(Refused::WithOthers));
    }
    assert_eq!((used(&w).await, w.leasable().await.len()), (0, 0));
    let answers = w.store.put(batch(), false).await.expect("store");
    assert_eq!(answers.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true, true]);
    assert_eq!((used(&w).await, w.leasable().await.len()), (5, 3));
    assert!(w.store.put(vec![charged(None, 7)], false).await.expect("store")[0].is_ok(), "unlimited, but counted");
    assert_eq!(used(&w).await, 12);
}

async fn refunds_go_to_their_month() {
    let w = World::new().await;
    let id = w.put(charged(Some(10), 3)).await;
    let n = w.begin(id).await;
    let refund = Some(Refund { pool: "pool".parse().expect("a name"), month: MONTH, amount: 3 });
    let failed = Settle { refund, ..settle(id, n, Next::Closed(Closed::Failed), "failed") };
    assert!(w.store.settle(failed.clone()).await);
    assert_eq!(used(&w).await, 0);
    assert!(!w.store.settle(failed).await);
    assert_eq!(used(&w).await, 0, "once");
}

async fn a_fingerprint_is_one_message() {
    let w = World::new().await;
    let print = |byte| Some(Fingerprint { hash: [byte; 32], until: w.now() + HOUR });
    let with = |byte| New { fingerprint: print(byte), ..charged(Some(10), 1) };
    let id = w.put(with(1)).await;
    let (first, second) = (with(2), with(2));
    let in_one = first.id;
    let answers = w.store.put(vec![with(1), first, second], false).await.expect("store");
    assert_eq!(answers, [Ok(Placed::Before(id)), Ok(Placed::New(in_one)), Ok(Placed::Before(in_one))]);
    assert_eq!(used(&w).await, 2, "a duplicate costs nothing");
    // Refused as a whole, it leaves no fingerprint.
    let refused = vec![with(3), charged(Some(1), 9)];
    assert!(w.store.put(refused, true).await.expect("store").iter().all(Result::is_err));
    assert!(matches!(w.store.put(vec![with(3)], true).await.expect("store")[0], Ok(Placed::New(_))));
    w.hand.advance(HOUR);
    assert!(
        matches!(w.store.put(vec![with(1)], false).await.expect("store")[0], Ok(Placed::New(_))),
        "its time is over"
    );
}

/// The youngest lie apart until there are many: known young, sorted in, over a restart, and until their time is over.
async fn many_fingerprints_are_sorted_in() {
    let w = World::new().await;
    let print = |n: u16| {
        let mut hash = [0; 32];
        // In no order, like digests.
        hash[..2].copy_from_slice(&n.wrapping_mul(40_503).to_be_bytes());
        Some(Fingerprint { hash, until: START + HOUR })
    };
    let batch = |from: u16| (from..from + 500).map(|n| New { fingerprint: print(n), ..text() }).collect::<Vec<_>>();
    let mut ids = Vec::new();
    for from in (0..3000).step_by(500) {
        for placed in w.store.put(batch(from), false).await.expect("store") {
            let Ok(Placed::New(id)) = placed else { panic!("it is new: {placed:?}") };
            ids.push(id);
        }
    }
    let mut conn = super::durable::raw(&w).await;
    let sql = "SELECT (SELECT count(*) FROM fingerprint_young), (SELECT count(*) FROM fingerprint)";
    let row = sqlx::query(sql).fetch_one(&mut conn).await.expect("a row");
    let (young, old): (i64, i64) = (row.get(0), row.get(1));
    assert_eq!((young + old, young > 0, old >= 2000), (3000, true, true), "{young} young, {old} sorted");
    let restarted = w.crash().await;
    for w in [&w, &restarted] {
        for from in (0..3000).step_by(500) {
            let again = w.store.put(batch(from), false).await.expect("store");
            let before = &ids[usize::from(from)..][..500];
            assert!(again.iter().zip(before).all(|(again, id)| *again == Ok(Placed::Before(*id))), "from {from}");
        }
    }
    w.hand.advance(HOUR);
    let again =
        w.store.put(vec![New { fingerprint: print(2999), ..text() }, New { fingerprint: print(0), ..text() }], false);
    let again = again.await.expect("store");
    assert!(again.iter().all(|placed| matches!(placed, Ok(Placed::New(_)))), "their time is over: {again:?}");
}

async fn an_original_is_stored_once() {
    let w = World::new().await;
    let id = OriginalId(MessageId::new());
    let headers: Arc<[u8]> = Arc::from(&b"Subject: \xe9\r\n"[..]);
    let original = Some(Arc::new(Original { id, headers: headers.clone(), body: None }));
    let batch = vec![New { original: original.clone(), ..text() }, New { original: original.clone(), ..text() }];
    assert_eq!(w.store.put(batch, false).await.expect("store").len(), 2);
    assert!(w.store.put(vec![New { original, ..text() }], false).await.expect("store")[0].is_ok());
    let stored = w.store.original(id).await.expect("store").expect("it is there");
    assert_eq!((&*stored.headers, stored.body), (&*headers, None));
    let whole = Original { id: OriginalId(MessageId::new()), headers, body: Some(Arc::from(&b""[..])) };
    let id = whole.id;
    w.put(New { original: Some(whole.into()), ..text() }).await;
    assert_eq!(w.store.original(id).await.expect("store").expect("there").body.as_deref(), Some(&b""[..]));
}

async fn urgent_first_and_accounts_in_turn() {
    let w = World::new().await;
    let bulk: Vec<_> = (0..200).map(|_| New { priority: Priority::Bulk, ..text_of("mailing") }).collect();
    w.store.put(bulk, false).await.expect("store");
    let mailing: Vec<_> = (0..200).map(|_| text_of("mailing")).collect();
    w.store.put(mailing, false).await.expect("store");
    let served = w.store.lease(&[Key::Any], 20, w.now()).await.expect("store");
    assert!(served.iter().all(|item| item.priority == Priority::Normal));
    let alice: Vec<_> = (0..5).map(|_| text_of("alice")).collect();
    w.store.put(alice, false).await.expect("store");
    let urgent = w.put(New { priority: Priority::Urgent, ..text_of("mailing") }).await;
    let next = w.store.lease(&[Key::Any], 11, w.now()).await.expect("store");
    assert_eq!(next[0].id, urgent);
    let mut by_account: HashMap<String, u32> = HashMap::new();
    for item in &next[1..] {
        *by_account.entry(item.payload.text().expect("a text").account.to_string()).or_default() += 1;
    }
    assert!(by_account["alice"] >= 4, "not behind the mailing: {by_account:?}");
    assert!(by_account["mailing"] >= 4, "nor does she hold it up: {by_account:?}");
}

async fn lanes_are_woken() {
    let w = World::new().await;
    let wait = std::time::Duration::from_secs(5);
    let changed = w.store.changed(&Key::Any);
    let id = w.put(text()).await;
    tokio::time::timeout(wait, changed).await.expect("put wakes, though nobody was polling");
    w.lease(id).await;
    let changed = w.store.changed(&Key::Any);
    w.store.give_back(&[id]);
    tokio::time::timeout(wait, changed).await.expect("giving back wakes");
    w.store.admin(id, Hand::Hold).await.expect("store");
    let changed = w.store.changed(&Key::Any);
    w.store.admin(id, Hand::Release).await.expect("store");
    tokio::time::timeout(wait, changed).await.expect("releasing wakes");
    let n = w.begin(id).await;
    let changed = w.store.changed(&Key::Any);
    assert!(w.store.settle(settle(id, n, Next::Waiting { at: START + HOUR, pin: None }, "deferred")).await);
    tokio::time::timeout(wait, changed).await.expect("a new moment wakes");
}

async fn depths_are_counted() {
    let w = World::new().await;
    let first = w.put(text()).await;
    w.hand.advance(HOUR);
    let held = w.put(text()).await;
    w.store.admin(held, Hand::Hold).await.expect("store");
    w.put(report(first)).await;
    let (id, n) = w.tried().await;
    assert!(w.store.settle(sent(id, n, "r")).await);
    w.tried().await;
    let letter = DeadLetter { kind: "bounce", about: Some(first), cause: "x\r\ny".into(), data: vec![0; 3 << 20] };
    w.store.bury(letter).await.expect("store");
    let c = w.store.counts().await.expect("store");
    assert_eq!((c.waiting, c.held, c.trying, c.sent, c.mails_waiting, c.dead_letters), (1, 1, 1, 1, 1, 1));
    assert_eq!(c.oldest, Some(HOUR));
    let letters = w.store.dead_letters(10).await.expect("store");
    assert_eq!((letters[0].size, letters[0].cause.as_str(), letters[0].about), (3 << 20, "x  y", Some(first)));
}

async fn people_see_no_texts() {
    let w = World::new().await;
    let id = w.put(text()).await;
    w.put(report(id)).await;
    let (done, n) = w.tried().await;
    assert!(w.store.settle(settle(done, n, Next::Closed(Closed::Failed), "failed")).await);
    let all = w.store.list(Filter::default()).await.expect("store");
    assert_eq!(all.len(), 3);
    assert_eq!(all[0].id, done, "the newest first");
    let closed = Filter { states: vec![State::Closed], limit: 10 };
    assert_eq!(w.store.list(closed).await.expect("store").len(), 1);
    let waiting = Filter { states: vec![State::Waiting], limit: 1 };
    assert_eq!(w.store.list(waiting).await.expect("store").len(), 1);
    let seen = serde_json::to_string(&(all, w.show(id).await)).expect("json");
    for secret in ["secret words", "+15550001111", "Not delivered"] {
        assert!(!seen.contains(secret), "{secret}");
    }
    assert!(w.store.show(MessageId::new()).await.expect("store").is_none());
}

async fn links_are_written_and_taken_back() {
    let w = World::new().await;
    let links = async || w.store.links("+15550001111", w.now()).await.expect("store");
    assert!(links().await.is_empty());
    let (first, n1) = w.tried().await;
    w.hand.advance(HOUR);
    let (second, n2) = w.tried().await;
    let found = links().await;
    assert_eq!(found.len(), 1, "the same sender renews its link");
    assert_eq!((found[0].message, found[0].renewed), (second, START + HOUR));
    assert_eq!(found[0].message_id.as_deref(), Some("m1@example.test"));
    assert_eq!((found[0].references.len(), found[0].subject.as_deref()), (1, Some("Lunch")));
    // A failure takes back its own renewal only.
    let failed = |id, n| Settle { unlink: true, ..settle(id, n, Next::Closed(Closed::Failed), "failed") };
    assert!(w.store.settle(failed(second, n2)).await);
    assert_eq!(links().await[0].message, first);
    assert!(w.store.settle(failed(first, n1)).await);
    assert!(links().await.is_empty());
    // Another sender is another link; unsure keeps it.
    let (third, n3) = w.tried().await;
    let fourth = w.put(text()).await;
    let item = w.lease(fourth).await;
    w.hand.advance(HOUR);
    let bob = NewLink { mailbox: mailbox("bob@example.test"), ..link() };
    w.store.begin(vec![Begin { link: Some(bob), ..begin(&item) }]).await.expect("store");
    assert!(w.store.settle(unsure(third, n3, Vec::new())).await);
    let found: Vec<_> = links().await.into_iter().map(|link| link.mailbox).collect();
    assert_eq!(found, [mailbox("bob@example.test"), mailbox("alice@example.test")], "the latest first");
    w.hand.advance(72 * HOUR);
    assert!(links().await.is_empty(), "they end");
}
