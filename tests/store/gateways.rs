//! What the store remembers of gateways: their days, pauses, who talks to whom, keys of several.

use libtest_mimic::Trial;

use super::*;
use crate::support::{run_async, trial};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("store: a gateway's day counts what began, and what was not sent is given back", || run_async(days())),
        trial("store: days and pauses survive a crash", || run_async(remembered())),
        trial("store: who talks to a phone, the latest first, and no more than the newest", || run_async(talks())),
        trial("store: a message that goes on by another gateway leaves no link behind", || run_async(moved_on())),
        trial("store: keys of several gateways are known, and each is leased by itself", || run_async(several())),
    ]
}

const TODAY: Day = Day(20_270_115);

fn spending(item: &Item, segments: u8) -> Begin {
    Begin { spend: Some(Spend { day: TODAY, segments }), ..begin(item) }
}

async fn spent(w: &World) -> u64 {
    w.store.remembered(TODAY).await.expect("store").spent.iter().map(|(_, _, n)| n).sum()
}

/// Leases the one that is due and begins it.
async fn begun(w: &World, segments: u8) -> (MessageId, u32) {
    let item = w.store.lease(&[Key::Any], 1, w.now()).await.expect("store").pop().expect("one is due");
    let n = w.store.begin(vec![spending(&item, segments)]).await.expect("store")[0].expect("it begins");
    (item.id, n)
}

async fn days() {
    let w = World::new().await;
    let outcomes = [
        (SegmentState::Sent, Next::Closed(Closed::Relayed), "sent", 3),
        (SegmentState::Failed, Next::Closed(Closed::Failed), "failed", 0),
        (SegmentState::Waiting, Next::Held(Why::Person), "deferred", 0),
        (SegmentState::Unsure, Next::Held(Why::Unsure), "unsure", 3),
    ];
    let mut all = 0;
    for (state, next, event, kept) in outcomes {
        w.put(text()).await;
        let (id, n) = begun(&w, 3).await;
        assert_eq!(spent(&w).await, all + 3, "{event}: counted when it begins");
        let settlement = Settle { segments: vec![(0, state, None)], ..settle(id, n, next, event) };
        assert!(w.store.settle(settlement.clone()).await);
        all += kept;
        assert_eq!(spent(&w).await, all, "{event}");
        w.store.settle(settlement).await;
        assert_eq!(spent(&w).await, all, "{event}: once");
    }
}

async fn remembered() {
    let w = World::new().await;
    w.put(text()).await;
    begun(&w, 2).await;
    let (a, b): (GatewayId, GatewayId) = ("a".parse().expect("an id"), "b".parse().expect("an id"));
    for (id, paused) in [(&a, true), (&b, true), (&b, false), (&a, true)] {
        w.store.pause(id, paused).await.expect("store");
        w.hand.advance(HOUR);
    }
    let w = w.crash().await;
    let known = w.store.remembered(TODAY).await.expect("store");
    assert_eq!(known.paused, [(a, START)], "since the first time");
    assert_eq!(known.spent.iter().map(|(_, day, n)| (*day, *n)).collect::<Vec<_>>(), [(TODAY, 2)]);
    assert!(w.store.remembered(Day(TODAY.0 + 1)).await.expect("store").spent.is_empty());
}

/// A message to `phone` by `mailbox` over gateway `by`, begun now.
async fn written(w: &World, phone: &str, mailbox: &str, by: &str) {
    let id = w.put(text()).await;
    let item = w.store.lease(&[Key::Any], 1, w.now()).await.expect("store").pop().expect("one is due");
    assert_eq!(item.id, id);
    let gateway: GatewayId = by.parse().expect("an id");
    let link = NewLink {
        phone: phone.to_owned(),
        gateway: gateway.clone(),
        number: None,
        mailbox: mailbox.parse().expect("an address"),
        expires: w.now() + 72 * HOUR,
    };
    let begin = Begin { gateway: Some(gateway), link: Some(link), ..begin(&item) };
    assert!(w.store.begin(vec![begin]).await.expect("store")[0].is_some());
}

async fn talks() {
    let w = World::new().await;
    let (one, two) = ("+12015550101", "+12015550102");
    for (phone, mailbox, by) in [
        (one, "alice@example.test", "a"),
        (one, "bob@example.test", "b"),
        (one, "alice@example.test", "c"),
        (two, "alice@example.test", "a"),
    ] {
        written(&w, phone, mailbox, by).await;
        w.hand.advance(Duration::from_millis(1));
    }
    let of = async |w: &World, phone: &str| {
        let found = w.store.talks(&[one, two, "+12015550103"], w.now()).await.expect("store");
        let talks = found.get(phone).cloned().unwrap_or_default();
        talks.iter().map(|t| format!("{} {}", t.mailbox.as_str(), t.gateway)).collect::<Vec<_>>()
    };
    assert_eq!(of(&w, one).await, ["alice@example.test c", "bob@example.test b", "alice@example.test a"]);
    assert_eq!(of(&w, two).await, ["alice@example.test a"]);
    assert!(of(&w, "+12015550103").await.is_empty());
    // A phone that gets hundreds: only the newest are looked at.
    for _ in 0..40 {
        written(&w, one, "carol@example.test", "d").await;
        w.hand.advance(Duration::from_millis(1));
    }
    assert_eq!(of(&w, one).await, ["carol@example.test d"]);
    w.hand.advance(73 * HOUR);
    assert!(of(&w, two).await.is_empty(), "no longer live");
}

async fn moved_on() {
    let w = World::new().await;
    let id = w.put(text()).await;
    let phone = "+12015550101";
    for (by, state, live) in
        [("a", SegmentState::Waiting, 1), ("b", SegmentState::Unsure, 1), ("c", SegmentState::Waiting, 2)]
    {
        let item = w.store.lease(&[Key::Any], 1, w.now()).await.expect("store").pop().expect("one is due");
        let gateway: GatewayId = by.parse().expect("an id");
        let link = NewLink {
            phone: phone.to_owned(),
            gateway: gateway.clone(),
            number: None,
            mailbox: "alice@example.test".parse().expect("an address"),
            expires: w.now() + HOUR,
        };
        let begin = Begin { gateway: Some(gateway), link: Some(link), ..begin(&item) };
        let n = w.store.begin(vec![begin]).await.expect("store")[0].expect("it begins");
        let links = w.store.links(phone, w.now()).await.expect("store");
        assert_eq!(links.len(), live, "{by}: what may have arrived by another gateway stays");
        let next = Next::Waiting { at: w.now(), pin: None };
        let settlement = Settle { segments: vec![(0, state, None)], ..settle(id, n, next, "deferred") };
        assert!(w.store.settle(settlement).await);
    }
}

async fn several() {
    let w = World::new().await;
    let id = |name: &str| -> GatewayId { name.parse().expect("an id") };
    let keys: Vec<Key> = (0..150).map(|n| Key::Several(vec![id("a"), id(&format!("b{n}"))])).collect();
    let mut new: Vec<New> = keys.iter().map(|key| New { key: key.clone(), ..text() }).collect();
    new.push(New { key: Key::Group(id("g")), ..text() });
    w.store.put(new, false).await.expect("store");
    assert_eq!(w.store.sets().len(), 150);
    let w = w.crash().await;
    assert_eq!(w.store.sets().len(), 150, "read from the index");
    let known: std::collections::BTreeSet<Key> = w.store.sets().into_iter().collect();
    assert!(keys.iter().all(|key| known.contains(key)));
    let items = w.store.lease(&keys, 200, w.now()).await.expect("store");
    let leased: std::collections::BTreeSet<Key> = items.iter().map(|item| item.key.clone()).collect();
    assert_eq!((items.len(), leased), (150, known));
    assert!(w.store.lease(&[Key::Any, Key::Gateway(id("g"))], 9, w.now()).await.expect("store").is_empty());
    let group = w.store.lease(&[Key::Group(id("g"))], 9, w.now()).await.expect("store");
    assert_eq!(group.first().map(|item| item.key.clone()), Some(Key::Group(id("g"))));
    let waiting = w.store.waiting(&[keys[0].clone(), Key::Any, Key::Group(id("g"))]).await.expect("store");
    assert_eq!(waiting, [1, 0, 1]);
}
