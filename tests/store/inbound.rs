//! Segments from phones: taken once, resolved in one transaction, conflicts.

use libtest_mimic::Trial;
use martlet::{
    address::Originator,
    mail::{At, Elsewhere, MediaType, Piece},
    sms::{Body, Segment},
    store::*,
};

use super::*;
use crate::support::{run_async, trial};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("store::inbound::a_reference_is_taken_once", || run_async(a_reference_is_taken_once())),
        trial("store::inbound::look_alikes_are_one_for_a_day", || run_async(look_alikes_are_one_for_a_day())),
        trial("store::inbound::without_marks_nothing_is_a_duplicate", || run_async(without_marks())),
        trial("store::inbound::resolved_in_one_transaction", || run_async(resolved_in_one_transaction())),
        trial("store::inbound::a_conflict_opens_and_ends", || run_async(a_conflict_opens_and_ends())),
        trial("store::inbound::a_text_waits_for_its_media", || run_async(a_text_waits_for_its_media())),
        trial("store::inbound::media_tell_look_alikes_apart", || run_async(media_tell_look_alikes_apart())),
    ]
}

fn mo(words: &str, reference: Option<&str>, sent: Option<i64>) -> MoSegment {
    MoSegment {
        media: Vec::new(),
        trace: martlet::address::Trace::default(),
        gateway: gateway(),
        number: None,
        from: Originator::Number("+15550001111".into()),
        segment: Segment { body: Body::Text(words.into()), udh: Vec::new() },
        reference: reference.map(remote),
        sent: sent.map(martlet::ground::Timestamp),
        received: START,
    }
}

async fn take(w: &World, segment: MoSegment) -> bool {
    matches!(w.store.take(vec![segment]).await.expect("store")[0], Taken::New(_))
}

async fn a_reference_is_taken_once() {
    let w = World::new().await;
    let taken = w.store.take(vec![mo("a", Some("1"), None), mo("b", Some("1"), None)]).await.expect("store");
    assert_eq!(taken[1], Taken::Duplicate, "inside one batch");
    assert!(!take(&w, mo("a", Some("1"), None)).await);
    assert!(take(&w, MoSegment { gateway: "other".parse().expect("id"), ..mo("a", Some("1"), None) }).await);
    w.hand.advance(35 * DAY - HOUR);
    assert!(!take(&w, mo("a", Some("1"), None)).await);
    w.hand.advance(HOUR);
    assert!(take(&w, mo("a", Some("1"), None)).await);
}

async fn look_alikes_are_one_for_a_day() {
    let w = World::new().await;
    assert!(take(&w, mo("a", None, Some(5))).await);
    assert!(!take(&w, mo("a", None, Some(5))).await);
    assert!(!take(&w, mo("a", Some("9"), Some(5))).await, "a look-alike with an id");
    assert!(take(&w, mo("a", None, Some(6))).await);
    assert!(take(&w, mo("b", None, Some(5))).await);
    let mut part = mo("a", None, Some(5));
    part.segment.udh = vec![0, 3, 1, 2, 1];
    assert!(take(&w, part).await);
    w.hand.advance(DAY);
    assert!(take(&w, mo("a", None, Some(5))).await);
}

async fn without_marks() {
    let w = World::new().await;
    for _ in 0..3 {
        assert!(take(&w, mo("ok", None, None)).await);
    }
    assert_eq!(w.store.unassembled(10).await.expect("store").len(), 3);
}

async fn resolved_in_one_transaction() {
    let w = World::new().await;
    for words in ["one", "two"] {
        assert!(take(&w, mo(words, None, None)).await);
    }
    assert_eq!(w.store.counts().await.expect("store").unassembled, 2);
    let c = w.crash().await;
    let found = c.store.unassembled(10).await.expect("store");
    assert_eq!(found[0].mo.segment.body, Body::Text("one".into()), "oldest first, and durable");
    let mail = report(found[0].id);
    let mail_id = mail.id;
    let dead = DeadLetter { kind: "withheld", about: None, cause: "x".into(), data: Vec::new() };
    let step = InboundStep {
        done: vec![found[0].id],
        errands: vec![mail],
        dead: vec![dead],
        events: vec![(found[0].id, "routed", "call log".into())],
        ..InboundStep::default()
    };
    c.store.resolve(step).await.expect("store");
    let counts = c.store.counts().await.expect("store");
    assert_eq!((counts.unassembled, counts.mails_waiting, counts.dead_letters), (1, 1, 1));
    assert_eq!(c.store.unassembled(10).await.expect("store").len(), 1);
    assert_eq!(c.state(mail_id).await, (State::Waiting, None));
    assert_eq!(c.events(found[0].id).await, ["taken", "routed"], "why it went there");
    assert_eq!(c.show(found[1].id).await.kind, "segment");
}

fn elsewhere(url: &str) -> Piece {
    let place = Elsewhere { url: url.to_owned(), login: true, most: 9, hosts: vec!["a.example".to_owned()] };
    Piece { kind: Some("image/png".parse().expect("a type")), name: None, at: At::Elsewhere(place) }
}

fn here(data: &[u8]) -> Piece {
    Piece { kind: None, name: Some("x".to_owned()), at: At::Here(data.into()) }
}

async fn a_text_waits_for_its_media() {
    let w = World::new().await;
    let gone = Piece::missing(None, "it is gone");
    let media =
        vec![elsewhere("https://a.example/1"), here(b"octets\0"), gone.clone(), elsewhere("https://a.example/2")];
    assert!(take(&w, MoSegment { media, ..mo("look", Some("1"), None) }).await);
    assert!(take(&w, MoSegment { media: vec![here(b"x")], ..mo("at once", Some("2"), None) }).await);
    let ready = w.store.unassembled(10).await.expect("store");
    assert_eq!(ready.len(), 1, "what is here waits for nothing");
    assert_eq!((ready[0].media, w.store.media(&[ready[0].id]).await.expect("store")), (1, vec![here(b"x")]));

    let due = w.store.media_due(w.clock.now(), &[], &[]).await.expect("store").expect("something to fetch");
    assert_eq!((due.have, due.since, due.pieces.len()), (7, START, 2));
    assert_eq!((due.pieces[1].n, due.pieces[1].from.url.as_str()), (3, "https://a.example/2"));
    assert!(w.store.media_due(w.clock.now(), &[due.segment], &[]).await.expect("store").is_none(), "it is busy");
    assert!(w.store.media_due(w.clock.now(), &[], &[gateway()]).await.expect("store").is_none(), "its gateway is");
    let fetched = |n, outcome| Fetched { segment: due.segment, gateway: gateway(), n, outcome };
    let png: MediaType = "image/png".parse().expect("a type");
    let got = Fetch::Here { kind: png.clone(), name: Some("cat.png".into()), data: b"\x89PNG"[..].into() };
    w.store.media_fetched(fetched(0, got)).await.expect("store");
    let at = w.clock.now() + HOUR;
    w.store
        .media_fetched(fetched(3, Fetch::Later { at, tries: 1, why: "the server answered 503".into() }))
        .await
        .expect("store");

    // What is here stays, what is not is asked for again at its time.
    let c = w.crash().await;
    assert!(c.store.media_due(c.clock.now(), &[], &[]).await.expect("store").is_none());
    assert_eq!(c.store.next_media(&[]).await.expect("store"), Some(at));
    assert_eq!(c.store.unassembled(10).await.expect("store").len(), 1);
    assert_eq!(c.show(due.segment).await.cause.as_deref(), Some("its media are fetched"));
    c.hand.advance(HOUR);
    let again = c.store.media_due(c.clock.now(), &[], &[]).await.expect("store").expect("its time has come");
    assert_eq!((again.have, again.pieces.len(), again.pieces[0].n, again.pieces[0].tries), (11, 1, 3, 1));
    assert_eq!(again.pieces[0].why.as_deref(), Some("the server answered 503"));
    c.store.media_fetched(fetched(3, Fetch::Missing("never (<https://a.example/2>)".into()))).await.expect("store");
    let ready = c.store.unassembled(10).await.expect("store");
    assert_eq!((ready.len(), ready[0].id, ready[0].media), (2, due.segment, 4));
    let png = Piece { kind: Some(png), name: Some("cat.png".into()), at: At::Here(b"\x89PNG"[..].into()) };
    let never = Piece::missing(png.kind.clone(), "never (<https://a.example/2>)");
    assert_eq!(c.store.media(&[due.segment]).await.expect("store"), [png, here(b"octets\0"), gone, never]);
    assert_eq!(c.events(due.segment).await, ["taken", "fetched", "not fetched"]);
    c.store.resolve(InboundStep { done: vec![due.segment], ..InboundStep::default() }).await.expect("store");
    assert_eq!(c.store.media(&[due.segment]).await.expect("store"), [], "gone with their text");
    assert_eq!(c.store.media(&[ready[1].id]).await.expect("store").len(), 1, "and no others");
    // The layout of a message is nothing to be told of.
    assert!(take(&c, MoSegment { media: vec![elsewhere("https://a.example/3")], ..mo("", None, None) }).await);
    let due = c.store.media_due(c.clock.now(), &[], &[]).await.expect("store").expect("something to fetch");
    let layout = Fetched { segment: due.segment, gateway: gateway(), n: 0, outcome: Fetch::Nothing };
    c.store.media_fetched(layout).await.expect("store");
    assert_eq!(c.store.media(&[due.segment]).await.expect("store"), []);
    assert_eq!(c.store.unassembled(10).await.expect("store").len(), 2);
}

async fn media_tell_look_alikes_apart() {
    let w = World::new().await;
    let with = |piece| MoSegment { media: vec![piece], ..mo("", None, Some(5)) };
    assert!(take(&w, with(elsewhere("https://a.example/1"))).await);
    assert!(!take(&w, with(elsewhere("https://a.example/1"))).await);
    assert!(take(&w, with(elsewhere("https://a.example/2"))).await);
    assert!(take(&w, with(here(b"1"))).await);
    assert!(!take(&w, with(here(b"1"))).await);
    assert!(take(&w, mo("", None, Some(5))).await);
}

async fn a_conflict_opens_and_ends() {
    let w = World::new().await;
    assert!(take(&w, mo("who?", None, None)).await);
    let waiting = w.store.unassembled(1).await.expect("store");
    let conflict = Conflict {
        id: MessageId::new(),
        phone: "+15550001111".into(),
        gateway: gateway(),
        choices: vec![mailbox("alice@example.test"), mailbox("bob@example.test")],
        waiting: waiting.clone(),
        until: START + HOUR,
        asked: START,
        open: true,
    };
    let step = InboundStep { parked: vec![waiting[0].id], conflict: Some(conflict.clone()), ..InboundStep::default() };
    w.store.resolve(step).await.expect("store");
    assert!(w.store.unassembled(10).await.expect("store").is_empty(), "it waits for the answer");
    let found = async |gateway: &str| {
        w.store.conflict("+15550001111", &gateway.parse().expect("id")).await.expect("store").expect("known")
    };
    let here = found("main").await;
    assert_eq!((here.open, here.choices.len(), here.waiting.len()), (true, 2, 1));
    assert_eq!(here.waiting[0].mo.segment.body, Body::Text("who?".into()));
    let there = found("other").await;
    assert_eq!((there.open, there.asked), (false, START), "asked, but not open there");
    assert!(w.store.conflict("+15559999999", &gateway()).await.expect("store").is_none());
    assert!(w.store.stale_conflicts(START, 10).await.expect("store").is_empty());
    assert_eq!(w.store.stale_conflicts(START + HOUR, 10).await.expect("store")[0].id, conflict.id);
    let done = vec![waiting[0].id];
    let step = InboundStep { done, settled: Some(conflict.id), ..InboundStep::default() };
    w.store.resolve(step).await.expect("store");
    assert!(!found("main").await.open);
    assert!(w.store.stale_conflicts(START + HOUR, 10).await.expect("store").is_empty());
    assert_eq!(w.store.counts().await.expect("store").unassembled, 0);
}
