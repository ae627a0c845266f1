//! Receipts: before and after the settlement, never backwards, parked and bounded.

use libtest_mimic::Trial;
use martlet::store::*;

use super::*;
use crate::support::{run_async, trial};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("store::receipts::one_that_overtakes_its_settlement", || run_async(overtaking())),
        trial("store::receipts::never_backwards", || run_async(never_backwards())),
        trial("store::receipts::an_answer_survives_a_crash", || run_async(an_answer_survives_a_crash())),
        trial("store::receipts::a_failure_carries_its_fault", || run_async(a_failure_carries_its_fault())),
        trial("store::receipts::strangers_are_forgotten_after_a_day", || run_async(strangers_are_forgotten())),
        trial("store::receipts::a_delivery_is_better_than_relayed", || run_async(better_than_relayed())),
        trial("store::receipts::a_name_given_out_again", || run_async(a_name_given_out_again())),
        trial("store::receipts::what_is_held_as_unsure_goes_on", || run_async(held_as_unsure())),
        trial("store::receipts::parked_ones_are_bounded", || run_async(parked_ones_are_bounded())),
        trial("store::receipts::parts_that_overtake_their_settlement", || run_async(early_parts())),
        trial("store::receipts::counts_that_overtake_their_settlement", || run_async(early_counts())),
        trial("store::receipts::ids_in_normal_form", || run_async(ids_in_normal_form())),
        trial("store::receipts::positions_of_polls_survive_a_crash", || run_async(positions())),
    ]
}

/// Nobody knew whether it went out, and a person was to decide; then the network speaks of it.
async fn held_as_unsure() {
    for (state, free) in [(SegmentState::Delivered, true), (SegmentState::Sent, true), (SegmentState::Failed, false)] {
        let w = World::new().await;
        let mut new = text();
        let Payload::Text(text) = &mut new.payload else { panic!("a text") };
        text.parts = 3;
        let id = w.put(new).await;
        let n = w.begin(id).await;
        let held = Settle { next: Next::Held(Why::Unsure), ..unsure(id, n, Vec::new()) };
        assert!(w.store.settle(held).await);
        assert_eq!(w.state(id).await, (State::Held, None));
        let word = Receipt { reference: Reference::Ours(id, 0), ..receipt("r", state) };
        assert!(w.store.receipt(word).await.expect("store").is_some());
        if free {
            assert!(w.leasable().await.is_empty(), "only the gateway that it went by knows how far it came");
            let item = w.lease(id).await;
            assert_eq!((item.key, item.segments[0].state), (Key::Gateway(gateway()), state));
            assert_eq!(w.events(id).await, ["accepted", "begun", "unsure", "receipt", "proven"]);
        } else {
            assert_eq!(w.state(id).await, (State::Held, None));
        }
    }
    // What a person holds stays held, whatever the network says.
    let w = World::new().await;
    let (id, n) = w.tried().await;
    let pin = Some(gateway());
    let again = Settle { next: Next::Waiting { at: w.now(), pin }, ..unsure(id, n, Vec::new()) };
    assert!(w.store.settle(again).await);
    assert!(w.store.admin(id, Hand::Hold).await.expect("store"));
    let word = Receipt { reference: Reference::Ours(id, 0), ..receipt("r", SegmentState::Sent) };
    assert!(w.store.receipt(word).await.expect("store").is_some());
    assert_eq!(w.state(id).await, (State::Held, None));
}

async fn parked_ones_are_bounded() {
    let w = World::new().await;
    let mut conn = durable::raw(&w).await;
    let full = "INSERT INTO tally (name, n) VALUES ('parked', 100000)";
    sqlx::query(full).execute(&mut conn).await.expect("as if so many were parked");
    assert!(w.store.receipt(receipt("one more", SegmentState::Delivered)).await.expect("store").is_none());
    let counts = w.store.counts().await.expect("store");
    assert_eq!((counts.parked_receipts, counts.dropped_receipts), (100_000, 1));
}

async fn overtaking() {
    let w = World::new().await;
    let (id, n) = w.tried().await;
    assert!(w.store.receipt(receipt("00AB", SegmentState::Delivered)).await.expect("store").is_none());
    assert!(w.store.receipt(receipt("00AB", SegmentState::Delivered)).await.expect("store").is_none());
    let other = Receipt { gateway: "other".parse().expect("id"), ..receipt("ab", SegmentState::Failed) };
    assert!(w.store.receipt(other).await.expect("store").is_none());
    assert_eq!(w.store.counts().await.expect("store").parked_receipts, 2);
    assert!(w.store.match_parked(w.now()).await.expect("store").is_empty());
    assert!(w.store.settle(sent(id, n, "ab")).await);
    assert_eq!(w.events(id).await, ["accepted", "begun", "sent", "receipt"]);
    let matched = w.store.match_parked(w.now()).await.expect("store");
    assert_eq!((matched[0].id, matched[0].segments[0].state), (id, SegmentState::Delivered));
    assert_eq!(w.store.counts().await.expect("store").parked_receipts, 1, "the other gateway's");
    assert!(w.store.settle(settle(id, 0, Next::Closed(Closed::Delivered), "delivered")).await);
    w.hand.advance(HOUR);
    assert!(w.store.match_parked(w.now()).await.expect("store").is_empty());
}

/// A modem's reference wraps around: the word on the next text may come before its answer, and under an old name.
async fn a_name_given_out_again() {
    let w = World::new().await;
    let word = || Receipt { reused: true, ..receipt("mr7", SegmentState::Delivered) };
    let parked = async || w.store.counts().await.expect("store").parked_receipts;
    let (first, n) = w.tried().await;
    assert!(w.store.settle(sent(first, n, "mr7")).await);
    assert!(w.store.receipt(word()).await.expect("store").is_some());
    assert!(w.store.settle(settle(first, 0, Next::Closed(Closed::Delivered), "delivered")).await);

    w.hand.advance(MINUTE);
    let (second, n) = w.tried().await;
    assert!(w.store.receipt(word()).await.expect("store").is_none(), "its answer is on its way");
    assert!(w.store.match_parked(w.now()).await.expect("store").is_empty());
    assert_eq!(parked().await, 1, "the sweep leaves it");
    assert!(w.store.settle(sent(second, n, "mr7")).await);
    let matched = w.store.match_parked(w.now()).await.expect("store");
    assert_eq!((matched[0].id, matched[0].segments[0].state), (second, SegmentState::Delivered));
    assert!(w.store.settle(settle(second, 0, Next::Closed(Closed::Delivered), "delivered")).await);

    assert!(w.store.receipt(word()).await.expect("store").is_none(), "said once more");
    w.hand.advance(MINUTE);
    let (third, n) = w.tried().await;
    assert!(w.store.settle(sent(third, n, "mr7")).await);
    assert!(w.store.match_parked(w.now()).await.expect("store").is_empty(), "it was there before this one was tried");
    assert_eq!(w.events(third).await, ["accepted", "begun", "sent"]);
    w.hand.advance(HOUR);
    w.store.match_parked(w.now()).await.expect("store");
    assert_eq!(parked().await, 0);
}

async fn never_backwards() {
    let w = World::new().await;
    let (id, n) = w.tried().await;
    assert!(w.store.settle(sent(id, n, "r")).await);
    let states = [SegmentState::Delivered, SegmentState::Sent, SegmentState::Failed, SegmentState::Delivered];
    let changed: Vec<_> = {
        let mut changed = Vec::new();
        for state in states {
            changed.push(w.store.receipt(receipt("r", state)).await.expect("store").is_some());
        }
        changed
    };
    assert_eq!(changed, [true, false, false, false]);
    assert_eq!(w.show(id).await.segments[0].state, SegmentState::Delivered);
    assert_eq!(w.store.counts().await.expect("store").parked_receipts, 0);
}

async fn an_answer_survives_a_crash() {
    let w = World::new().await;
    let (id, n) = w.tried().await;
    assert!(w.store.settle(sent(id, n, "r")).await);
    assert!(w.store.receipt(receipt("r", SegmentState::Delivered)).await.expect("store").is_some());
    assert!(w.store.match_parked(w.now()).await.expect("store").is_empty(), "its caller settles it now");
    let c = w.crash().await;
    w.hand.advance(HOUR);
    assert_eq!(c.store.match_parked(c.now()).await.expect("store")[0].id, id, "nobody did");
    w.hand.advance(72 * HOUR);
    assert!(c.store.overdue(c.now(), 10).await.expect("store").is_empty(), "an answered item is not relayed");
    assert_eq!(c.store.match_parked(c.now()).await.expect("store")[0].id, id);
}

async fn a_failure_carries_its_fault() {
    let w = World::new().await;
    let (id, n) = w.tried().await;
    assert!(w.store.settle(sent(id, n, "r")).await);
    let failed = Receipt { fault: Some(fault("absent subscriber")), ..receipt("r", SegmentState::Failed) };
    let item = w.store.receipt(failed).await.expect("store").expect("changed");
    assert_eq!((item.state, item.cause.as_deref()), (State::Sent, Some("absent subscriber")));
    let errands = vec![report(id)];
    let end = Settle { errands, ..settle(id, 0, Next::Closed(Closed::Failed), "failed") };
    assert!(w.store.settle(end).await);
    assert_eq!(w.show(id).await.cause.as_deref(), Some("absent subscriber"));
}

async fn strangers_are_forgotten() {
    let w = World::new().await;
    w.store.receipt(Receipt { at: w.now(), ..receipt("stranger", SegmentState::Delivered) }).await.expect("store");
    w.store.match_parked(w.now()).await.expect("store");
    assert_eq!(w.store.counts().await.expect("store").parked_receipts, 1);
    w.hand.advance(DAY + HOUR);
    w.store.match_parked(w.now()).await.expect("store");
    assert_eq!(w.store.counts().await.expect("store").parked_receipts, 0);
}

async fn better_than_relayed() {
    let w = World::new().await;
    for (result, after) in [(Closed::Relayed, Closed::Delivered), (Closed::Expired, Closed::Expired)] {
        let (id, n) = w.tried().await;
        let reference = format!("id-{result:?}");
        assert!(w.store.settle(sent(id, n, &reference)).await);
        assert!(w.store.settle(settle(id, 0, Next::Closed(result), "relayed")).await);
        let changed = w.store.receipt(receipt(&reference, SegmentState::Delivered)).await.expect("store");
        assert_eq!(changed.is_some(), after == Closed::Delivered);
        assert_eq!(w.state(id).await, (State::Closed, Some(after)));
    }
}

/// Puts and begins a text that the network cuts into so many parts by itself.
async fn tried_in(w: &World, parts: u8) -> (MessageId, u32) {
    let mut new = text();
    let Payload::Text(words) = &mut new.payload else { panic!("a text") };
    words.parts = parts;
    let id = w.put(new).await;
    (id, w.begin(id).await)
}

fn states(item: &Item) -> Vec<SegmentState> {
    item.segments.iter().map(|segment| segment.state).collect()
}

/// Receipts of parts that overtake their answer are of their parts still, over a crash too.
async fn early_parts() {
    use SegmentState::{Delivered, Sent};
    let w = World::new().await;
    let (id, n) = tried_in(&w, 3).await;
    let of = |part| Receipt { part, ..receipt("r", Delivered) };
    for part in [Part::Number(2), Part::Number(0), Part::Number(2)] {
        assert!(w.store.receipt(of(part)).await.expect("store").is_none());
    }
    assert_eq!(w.store.counts().await.expect("store").parked_receipts, 2, "a repetition is one");
    let c = w.crash().await;
    assert!(w.store.settle(sent(id, n, "r")).await);
    let matched = w.store.match_parked(w.now()).await.expect("store");
    assert_eq!(states(&matched[0]), [Delivered, Sent, Delivered]);
    assert!(w.store.match_parked(w.now()).await.expect("store").is_empty());
    let last = w.store.receipt(of(Part::Number(1))).await.expect("store").expect("the last one");
    assert_eq!(states(&last), [Delivered; 3]);
    assert_eq!(w.store.counts().await.expect("store").parked_receipts, 0);
    // Those that a crash left parked.
    assert_eq!(c.store.counts().await.expect("store").parked_receipts, 2);
}

/// The same, where the network counts its parts and names none.
async fn early_counts() {
    use SegmentState::{Delivered, Sent};
    let w = World::new().await;
    let (id, n) = tried_in(&w, 3).await;
    let of = |event: &str| Receipt { part: Part::Counted(event.to_owned()), ..receipt("r", Delivered) };
    for event in ["e-1", "e-2", "e-1"] {
        assert!(w.store.receipt(of(event)).await.expect("store").is_none());
    }
    assert!(w.store.settle(sent(id, n, "r")).await);
    let matched = w.store.match_parked(w.now()).await.expect("store");
    assert_eq!(states(&matched[0]), [Delivered, Delivered, Sent]);
    assert!(w.store.receipt(of("e-2")).await.expect("store").is_none(), "said once more");
    assert_eq!(states(&w.store.receipt(of("e-3")).await.expect("store").expect("the third")), [Delivered; 3]);
    // Where the network says of how many, nobody has to look into the text.
    let (id, n) = w.tried().await;
    let of_two = |part| Receipt { part: Part::Number(part), total: Some(2), ..receipt("s", Delivered) };
    assert!(w.store.receipt(of_two(1)).await.expect("store").is_none());
    assert!(w.store.settle(sent(id, n, "s")).await);
    let all: Vec<_> = w.show(id).await.segments.iter().map(|segment| segment.state).collect();
    assert_eq!(all, [Sent, Delivered]);
}

/// Ids that differ in writing alone are one, others never.
async fn ids_in_normal_form() {
    let w = World::new().await;
    for (answered, told, same) in [
        ("00AB", "ab", true),
        ("ab", "00AB", true),
        ("0042", "42", true),
        ("SM1", "sm1", false),
        ("aB1", "Ab1", false),
        ("ab-1", "AB-1", false),
        ("1a2b", "6699", false),
    ] {
        let (id, n) = w.tried().await;
        assert!(w.store.settle(sent(id, n, answered)).await);
        let matched = w.store.receipt(receipt(told, SegmentState::Delivered)).await.expect("store");
        assert_eq!(matched.map(|item| item.id), same.then_some(id), "{answered} {told}");
    }
}

async fn positions() {
    let w = World::new().await;
    assert!(w.store.positions().await.expect("store").is_empty());
    let at = |poll: &str, definition: &str, position: &str| Position {
        gateway: gateway(),
        poll: poll.into(),
        definition: definition.into(),
        position: position.into(),
    };
    for position in [at("inbox", "acme", "7"), at("reports", "acme", "é;'"), at("inbox", "emca", "9")] {
        w.store.page(Page { position: Some(position), ..Page::default() }).await.expect("store");
    }
    let c = w.crash().await;
    let mut all = c.store.positions().await.expect("store");
    all.sort_by(|a, b| a.poll.cmp(&b.poll));
    assert_eq!(all, [at("inbox", "emca", "9"), at("reports", "acme", "é;'")]);
}
