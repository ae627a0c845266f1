//! The state table: each row, each way out of it, and what a crash leaves.

use std::time::Duration;

use libtest_mimic::Trial;
use martlet::{ground::Timestamp, store::*};

use super::*;
use crate::support::{run_async, trial};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("store::states::waiting_begins_once", || run_async(waiting_begins_once())),
        trial("store::states::waiting_is_due_at_its_moment", || run_async(waiting_is_due_at_its_moment())),
        trial("store::states::waiting_is_held_and_released", || run_async(waiting_is_held_and_released())),
        trial("store::states::what_is_held_is_not_put_off", || run_async(what_is_held_is_not_put_off())),
        trial("store::states::waiting_is_cancelled", || run_async(waiting_is_cancelled())),
        trial("store::states::waiting_and_held_expire", || run_async(waiting_and_held_expire())),
        trial("store::states::held_is_cancelled", || run_async(held_is_cancelled())),
        trial("store::states::trying_is_settled_each_way", || run_async(trying_is_settled_each_way())),
        trial("store::states::trying_allows_no_hand", || run_async(trying_allows_no_hand())),
        trial("store::states::an_old_attempt_does_not_count", || run_async(an_old_attempt_does_not_count())),
        trial("store::states::a_late_answer_wins", || run_async(a_late_answer_wins())),
        trial(
            "store::states::a_late_answer_finds_it_held_or_waiting",
            || run_async(a_late_answer_finds_it_elsewhere()),
        ),
        trial("store::states::a_begun_report_is_not_withdrawn", || run_async(a_begun_report_is_not_withdrawn())),
        trial("store::states::sent_is_over_in_time", || run_async(sent_is_over_in_time())),
        trial("store::states::closed_stays_closed", || run_async(closed_stays_closed())),
        trial("store::states::a_crash_leaves_each_state", || run_async(a_crash_leaves_each_state())),
        trial("store::states::parts_go_one_by_one", || run_async(parts_go_one_by_one())),
        trial("store::states::mail_climbs_its_ladder", || run_async(mail_climbs_its_ladder())),
        trial("store::states::a_stale_lease_begins_nothing", || run_async(a_stale_lease_begins_nothing())),
        trial("store::states::warned_once", || run_async(warned_once())),
    ]
}

async fn waiting_begins_once() {
    let w = World::new().await;
    let id = w.put(text()).await;
    assert_eq!(w.state(id).await, (State::Waiting, None));
    let item = w.lease(id).await;
    assert!(w.store.lease(&[Key::Any], 10, w.now()).await.expect("store").is_empty(), "one lease at a time");
    assert_eq!(w.store.begin(vec![begin(&item), begin(&item)]).await.expect("store"), [Some(1), None]);
    assert_eq!(w.state(id).await, (State::Trying, None));
    assert_eq!(w.store.begin(vec![begin(&item)]).await.expect("store"), [None]);
    assert_eq!(w.events(id).await, ["accepted", "begun"]);
}

async fn waiting_is_due_at_its_moment() {
    let w = World::new().await;
    let mut new = text();
    new.due = START + HOUR;
    let id = w.put(new).await;
    let keys = [Key::Any, Key::Mailbox];
    assert_eq!(w.store.next_due(&keys).await.expect("store"), Some(START + HOUR));
    assert!(w.leasable().await.is_empty());
    w.hand.advance(HOUR);
    assert_eq!(w.leasable().await, [id]);
    let _leased = w.lease(id).await;
    assert_eq!(w.store.next_due(&keys).await.expect("store"), None, "what is leased is not due for others");
}

async fn waiting_is_held_and_released() {
    let w = World::new().await;
    let id = w.put(text()).await;
    assert!(!w.store.admin(id, Hand::Release).await.expect("store"));
    assert!(w.store.admin(id, Hand::Hold).await.expect("store"));
    assert_eq!(w.state(id).await, (State::Held, None));
    assert!(w.leasable().await.is_empty());
    assert!(!w.store.admin(id, Hand::Hold).await.expect("store"));
    assert!(w.store.admin(id, Hand::Release).await.expect("store"));
    assert_eq!(w.leasable().await, [id]);
    assert_eq!(w.events(id).await, ["accepted", "held", "released"]);
}

/// The dispatcher has it leased, and would put it off; meanwhile a person holds it.
async fn what_is_held_is_not_put_off() {
    let w = World::new().await;
    let id = w.put(text()).await;
    let item = w.lease(id).await;
    assert!(w.store.admin(id, Hand::Hold).await.expect("store"));
    let later = Next::Waiting { at: w.now() + MINUTE, pin: None };
    assert!(!w.store.settle(settle(item.id, 0, later, "deferred")).await);
    assert_eq!(w.state(id).await, (State::Held, None));
    assert_eq!(w.events(id).await, ["accepted", "held"]);
    assert!(w.store.admin(id, Hand::Release).await.expect("store"));
    assert_eq!(w.state(id).await, (State::Waiting, None));
}

async fn waiting_is_cancelled() {
    let w = World::new().await;
    let id = w.put(text()).await;
    let item = w.lease(id).await;
    assert!(w.cancel(id).await, "leased is not begun");
    assert_eq!(w.state(id).await, (State::Closed, Some(Closed::Cancelled)));
    assert_eq!(w.store.begin(vec![begin(&item)]).await.expect("store"), [None]);
    assert!(!w.store.admin(id, Hand::Retry).await.expect("store"));
}

async fn waiting_and_held_expire() {
    let w = World::new().await;
    let (a, b) = (w.put(text()).await, w.put(text()).await);
    assert!(w.store.admin(b, Hand::Hold).await.expect("store"));
    assert!(w.store.overdue(w.now(), 10).await.expect("store").is_empty());
    w.hand.advance(5 * DAY);
    assert!(w.leasable().await.is_empty(), "what has expired is not sent");
    let mut overdue: Vec<_> = w.store.overdue(w.now(), 10).await.expect("store").iter().map(|i| i.id).collect();
    overdue.sort();
    assert_eq!(overdue, [a, b]);
    for id in [a, b] {
        assert!(w.store.settle(settle(id, 0, Next::Closed(Closed::Expired), "expired")).await);
        assert!(!w.store.settle(settle(id, 0, Next::Closed(Closed::Expired), "expired")).await);
        assert_eq!(w.state(id).await, (State::Closed, Some(Closed::Expired)));
    }
    assert!(w.store.overdue(w.now(), 10).await.expect("store").is_empty());
}

async fn held_is_cancelled() {
    let w = World::new().await;
    let id = w.put(text()).await;
    assert!(w.store.admin(id, Hand::Hold).await.expect("store"));
    assert!(w.cancel(id).await);
    assert_eq!(w.state(id).await, (State::Closed, Some(Closed::Cancelled)));
}

async fn trying_is_settled_each_way() {
    let w = World::new().await;
    let until = START + HOUR;
    let cases = [
        (Next::Waiting { at: until, pin: None }, "deferred", (State::Waiting, None)),
        (Next::Held(Why::Unsure), "unsure", (State::Held, None)),
        (Next::Sent { until }, "sent", (State::Sent, None)),
        (Next::Closed(Closed::Delivered), "sent", (State::Closed, Some(Closed::Delivered))),
        (Next::Closed(Closed::Relayed), "sent", (State::Closed, Some(Closed::Relayed))),
        (Next::Closed(Closed::Failed), "failed", (State::Closed, Some(Closed::Failed))),
    ];
    for (next, event, expected) in cases {
        let (id, n) = w.tried().await;
        let errand = report(id);
        let errand_id = errand.id;
        let settlement = Settle { errands: vec![errand], ..settle(id, n, next.clone(), event) };
        assert!(w.store.settle(settlement.clone()).await, "{next:?}");
        assert_eq!(w.state(id).await, expected, "{next:?}");
        assert_eq!(w.events(id).await, ["accepted", "begun", event]);
        assert_eq!(w.state(errand_id).await, (State::Waiting, None));
        assert!(!w.store.settle(settlement).await, "the same settlement counts once: {next:?}");
    }
}

async fn trying_allows_no_hand() {
    let w = World::new().await;
    let (id, _) = w.tried().await;
    for hand in [Hand::Hold, Hand::Release, Hand::Retry] {
        assert!(!w.store.admin(id, hand).await.expect("store"), "{hand:?}");
    }
    assert!(!w.cancel(id).await);
    w.hand.advance(6 * DAY);
    assert!(w.store.overdue(w.now(), 10).await.expect("store").is_empty(), "an attempt ends by its settlement");
    assert!(!w.store.settle(settle(id, 0, Next::Closed(Closed::Expired), "expired")).await);
}

async fn an_old_attempt_does_not_count() {
    let w = World::new().await;
    let (id, first) = w.tried().await;
    let again = Next::Waiting { at: START, pin: None };
    assert!(w.store.settle(Settle { fault: Some(fault("busy")), ..settle(id, first, again, "deferred") }).await);
    assert_eq!(w.show(id).await.cause.as_deref(), Some("busy"));
    assert_eq!(w.begin(id).await, 2);
    assert!(!w.store.settle(sent(id, first, "x")).await);
    assert!(w.store.settle(sent(id, 2, "x")).await);
    assert_eq!(w.show(id).await.cause, None);
}

async fn a_late_answer_wins() {
    let w = World::new().await;
    let (id, n) = w.tried().await;
    let ndr = report(id);
    let ndr_id = ndr.id;
    assert!(w.store.settle(unsure(id, n, vec![ndr])).await);
    assert_eq!(w.state(id).await, (State::Closed, Some(Closed::Failed)));
    assert!(!w.store.settle(unsure(id, n, vec![report(id)])).await, "still unsure is no news");
    assert!(w.store.settle(sent(id, n, "r1")).await);
    assert_eq!(w.state(id).await, (State::Sent, None));
    assert_eq!(w.state(ndr_id).await, (State::Closed, Some(Closed::Cancelled)));
    assert_eq!(w.events(ndr_id).await, ["accepted", "withdrawn"]);
    assert_eq!(w.events(id).await, ["accepted", "begun", "unsure", "late", "sent"]);
    assert!(!w.store.settle(sent(id, n, "r1")).await, "once");
    let item = w.store.receipt(receipt("r1", SegmentState::Delivered)).await.expect("store").expect("changed");
    assert_eq!(item.segments[0].state, SegmentState::Delivered);
    let counts = w.store.counts().await.expect("store");
    assert_eq!((counts.sent, counts.mails_waiting, counts.trying), (1, 0, 0));
}

async fn a_late_answer_finds_it_elsewhere() {
    let w = World::new().await;
    for next in [Next::Held(Why::Unsure), Next::Waiting { at: START, pin: None }] {
        let (id, n) = w.tried().await;
        assert!(w.store.settle(settle(id, n, next, "unsure")).await);
        assert!(w.store.settle(sent(id, n, "")).await);
        assert_eq!(w.state(id).await, (State::Sent, None));
    }
    // Once the next attempt has begun, the old answer is too late.
    let (id, n) = w.tried().await;
    assert!(w.store.settle(settle(id, n, Next::Waiting { at: START, pin: None }, "unsure")).await);
    w.begin(id).await;
    assert!(!w.store.settle(sent(id, n, "")).await);
}

async fn a_begun_report_is_not_withdrawn() {
    let w = World::new().await;
    let (id, n) = w.tried().await;
    let ndr = report(id);
    let ndr_id = ndr.id;
    assert!(w.store.settle(unsure(id, n, vec![ndr])).await);
    w.begin(ndr_id).await;
    assert!(w.store.settle(sent(id, n, "r1")).await);
    assert_eq!(w.state(ndr_id).await, (State::Trying, None));
}

async fn sent_is_over_in_time() {
    let w = World::new().await;
    let (id, n) = w.tried().await;
    assert!(w.store.settle(sent(id, n, "r1")).await);
    w.hand.advance(71 * HOUR);
    assert!(w.store.overdue(w.now(), 10).await.expect("store").is_empty());
    w.hand.advance(HOUR);
    assert_eq!(w.store.overdue(w.now(), 10).await.expect("store")[0].state, State::Sent);
    assert!(w.store.settle(settle(id, 0, Next::Closed(Closed::Relayed), "relayed")).await);
    assert_eq!(w.state(id).await, (State::Closed, Some(Closed::Relayed)));
}

async fn closed_stays_closed() {
    let w = World::new().await;
    let (id, n) = w.tried().await;
    assert!(w.store.settle(settle(id, n, Next::Closed(Closed::Failed), "failed")).await);
    assert!(!w.store.settle(settle(id, 0, Next::Closed(Closed::Expired), "expired")).await);
    assert!(!w.store.settle(sent(id, n, "r1")).await);
    assert!(!w.cancel(id).await);
    assert!(!w.store.warn(id, None, None).await.expect("store"));
    assert_eq!(w.state(id).await, (State::Closed, Some(Closed::Failed)));
}

async fn a_crash_leaves_each_state() {
    let w = World::new().await;
    let waiting = w.put(text()).await;
    let (sent_id, n) = w.tried().await;
    assert!(w.store.settle(sent(sent_id, n, "r1")).await);
    let (closed, n) = w.tried().await;
    assert!(w.store.settle(settle(closed, n, Next::Closed(Closed::Failed), "failed")).await);
    let held = w.put(text()).await;
    assert!(w.store.admin(held, Hand::Hold).await.expect("store"));
    let (trying, n) = w.tried().await;
    let leased = w.lease(waiting).await;
    assert_eq!(leased.id, waiting);
    assert!(w.store.interrupted(10).await.expect("store").is_empty(), "its own attempts are under way");

    let c = w.crash().await;
    assert_eq!(c.leasable().await, [waiting], "a lease promises nothing");
    assert_eq!(c.state(held).await, (State::Held, None));
    assert_eq!(c.state(sent_id).await, (State::Sent, None));
    assert_eq!(c.state(closed).await, (State::Closed, Some(Closed::Failed)));
    let found = c.store.interrupted(10).await.expect("store");
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].id, found[0].attempts, found[0].begun.clone()), (trying, n, Some(0..1)));
    assert_eq!(found[0].segments[0].state, SegmentState::Trying);
    assert!(c.store.settle(unsure(trying, n, vec![report(trying)])).await);
    assert!(c.store.interrupted(10).await.expect("store").is_empty());
    assert_eq!(c.show(trying).await.segments[0].state, SegmentState::Unsure);
    assert_eq!(c.show(trying).await.cause.as_deref(), Some("the line broke"));
    assert!(c.store.receipt(receipt("r1", SegmentState::Delivered)).await.expect("store").is_some());
}

async fn parts_go_one_by_one() {
    let w = World::new().await;
    let id = w.put(text()).await;
    for part in 0..3u8 {
        let item = w.lease(id).await;
        assert_eq!(item.frozen.as_deref(), (part > 0).then_some("[1,2,3]"));
        let frozen = (part == 0).then(|| "[1,2,3]".to_owned());
        let begun = Begin { parts: part..part + 1, frozen, ..begin(&item) };
        let n = w.store.begin(vec![begun]).await.expect("store")[0].expect("begins");
        let next = if part < 2 {
            Next::Waiting { at: START, pin: Some(gateway()) }
        } else {
            Next::Sent { until: START + DAY }
        };
        let segments = vec![(part, SegmentState::Sent, Some(remote(&format!("p{part}"))))];
        assert!(w.store.settle(Settle { segments, ..settle(id, n, next, "sent") }).await);
        assert!(w.leasable().await.is_empty(), "pinned: not for any gateway");
    }
    let shown = w.show(id).await;
    let references: Vec<_> = shown.segments.iter().filter_map(|s| s.reference.as_deref()).collect();
    assert_eq!(references, ["p0", "p1", "p2"]);
    let ids = ["p2", "p0", "p1"];
    for (place, reference) in ids.iter().enumerate() {
        let item = w.store.receipt(receipt(reference, SegmentState::Delivered)).await.expect("store").expect("changed");
        let all = item.segments.iter().all(|s| s.state == SegmentState::Delivered);
        assert_eq!(all, place == 2, "delivered when all segments are");
    }
    assert!(w.store.settle(settle(id, 0, Next::Closed(Closed::Delivered), "delivered")).await);
}

async fn mail_climbs_its_ladder() {
    let w = World::new().await;
    let id = w.put(report(MessageId::new())).await;
    let n = w.begin(id).await;
    let to = mailbox("postmaster@example.test");
    let next = Next::Redirect { to: to.clone(), ladder: Vec::new(), at: START };
    assert!(w.store.settle(settle(id, n, next, "deferred")).await);
    let item = w.lease(id).await;
    let mail = item.payload.mail().expect("a mail");
    assert_eq!((&mail.to, mail.ladder.len(), item.attempts), (&to, 0, 0));
    assert_eq!(&mail.data[..10], b"Subject: \xff");
    assert_eq!(w.store.sent_mail(&mail.message_id).await.expect("store"), Some(id));
    assert_eq!(w.store.sent_mail("nobody@x").await.expect("store"), None);
}

async fn a_stale_lease_begins_nothing() {
    let w = World::new().await;
    let id = w.put(text()).await;
    let old = w.lease(id).await;
    // Held and released while it was leased: the lane's copy is out of date.
    assert!(w.store.admin(id, Hand::Hold).await.expect("store"));
    assert!(w.store.admin(id, Hand::Release).await.expect("store"));
    assert_eq!(w.store.begin(vec![begin(&old)]).await.expect("store"), [None]);
    assert_eq!(w.begin(id).await, 1);
    let given = w.put(text()).await;
    let item = w.lease(given).await;
    w.store.give_back(&[given]);
    assert_eq!(w.store.begin(vec![begin(&item)]).await.expect("store"), [None], "what was given back is not leased");
}

async fn warned_once() {
    let w = World::new().await;
    let id = w.put(text()).await;
    assert!(w.store.late(w.now(), 10).await.expect("store").is_empty());
    w.hand.advance(4 * HOUR);
    assert_eq!(w.store.late(w.now(), 10).await.expect("store")[0].id, id);
    assert!(w.store.warn(id, Some(report(id)), None).await.expect("store"));
    assert!(!w.store.warn(id, Some(report(id)), None).await.expect("store"));
    assert!(w.store.late(w.now(), 10).await.expect("store").is_empty());
    assert_eq!(w.store.counts().await.expect("store").mails_waiting, 1);
    assert!(w.lease(id).await.warned);
    let never: Timestamp = Timestamp::NEVER;
    assert_eq!(w.store.overdue(never - Duration::from_secs(1), 10).await.expect("store").len(), 2);
}
