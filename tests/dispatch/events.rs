//! What gateways hand in: durable before it is acknowledged, and it settles what it is about.

use libtest_mimic::Trial;
use martlet::{
    accounts::Accounts,
    address::{Originator, Region},
    dispatch::events::Events,
    gateway::inbox::{About, Busy, Desk, Event, Fate, Inbox, Incoming, Noted, Part, Word},
    inbound::{self, Inbound},
    sms::{Body, Segment},
};

use super::*;
use crate::support::{run_async, trial};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("events: a receipt ends a message: delivered, told where asked", || run_async(delivered())),
        trial("events: a receipt of failure ends it with a report", || run_async(failed())),
        trial("events: a receipt that overtakes the answer waits for it", || run_async(overtaken())),
        trial("events: a text is kept before it is acknowledged, and once", || run_async(kept())),
        trial("events: nothing is acknowledged that the store did not take", || run_async(busy())),
    ]
}

fn numbers() -> HashMap<GatewayId, String> {
    HashMap::from([("a".parse().expect("an id"), "+12025550100".to_owned())])
}

/// An inbox of gateway `a`, whose number is 20205550100.
pub fn inbox(w: &World) -> Inbox {
    let (desk, handed) = Desk::open();
    let settings = inbound::Settings {
        hostname: "sms.example.test".into(),
        sms_domain: "sms.example.test".into(),
        domains: Vec::new(),
        tags: true,
        call_log: true,
        default: None,
        postmaster: mailbox("postmaster@example.test").into(),
        assemble_for: HOUR,
        conflict_wait: HOUR,
        conflict_text: "{choices}".into(),
        empty_text: None,
        region: "US".parse::<Region>().expect("a region"),
        originators: martlet::address::originator::Originators::Auto,
        expire: 5 * DAY,
        zone: jiff::tz::TimeZone::UTC,
        opting: None,
        gateways: inbound::Gateways { numbers: numbers(), ..inbound::Gateways::default() }.into(),
        brakes: martlet::accounts::Brakes::default(),
        flood_phone: None,
        flood_gateway: None,
        rules: martlet::ground::Swap::default(),
        hands: w.shared.errands.clone(),
        node: martlet::address::Node::new("sms.example.test", 1),
        warn_after: HOUR,
        media_types: martlet::mail::media::Types::default(),
        media_text: 1 << 20,
        routes: martlet::ground::Swap::default(),
        each_has_a_login: false.into(),
    };
    let accounts = Accounts::new(HashMap::new(), settings.region, 3);
    let events = Events {
        store: w.store.clone(),
        clock: w.clock.clone(),
        reporter: w.shared.reporter.clone(),
        inbound: Inbound::new(w.store.clone(), w.clock.clone(), accounts, w.shared.reporter.clone(), settings),
        numbers: numbers().into(),
    };
    tokio::spawn(events.run(handed));
    desk.inbox("a".parse().expect("an id"))
}

fn word(fate: Fate) -> Event {
    Event::Receipt(Word {
        about: About::Theirs(RemoteId::new("r-1").expect("an id")),
        part: Part::Named,
        total: None,
        fate,
        at: None,
        reused: false,
    })
}

async fn delivered() {
    let mut w = World::new(&[way("a").receipts()]).await;
    let inbox = inbox(&w);
    let mut asked = text("one");
    if let Payload::Text(text) = &mut asked.payload {
        text.origin.notify = Notify { success: true, failure: true, delay: false };
    }
    let id = w.put(asked).await;
    w.answer("a", sent()).await;
    w.reaches(id, State::Sent, None).await;
    assert_eq!(inbox.hand(word(Fate::UnderWay)).await, Ok(Noted::Again), "sent it is already");
    assert_eq!(inbox.hand(word(Fate::Delivered)).await, Ok(Noted::New));
    w.reaches(id, State::Closed, Some(Closed::Delivered)).await;
    assert_eq!(inbox.hand(word(Fate::Failed(fault(Scope::Recipient, "late")))).await, Ok(Noted::Again));
    w.reaches(id, State::Closed, Some(Closed::Delivered)).await;
    let reports = w.reports().await;
    assert!(reports.len() == 1 && reports[0].contains("Action: delivered"), "{reports:?}");
}

async fn failed() {
    let mut w = World::new(&[way("a").receipts()]).await;
    let inbox = inbox(&w);
    let id = w.put(text("one")).await;
    w.answer("a", sent()).await;
    w.reaches(id, State::Sent, None).await;
    let gone = Fault::new(Scope::Recipient, Enhanced::new(5, 1, 1), "absent for good");
    assert_eq!(inbox.hand(word(Fate::Failed(gone))).await, Ok(Noted::New));
    w.reaches(id, State::Closed, Some(Closed::Failed)).await;
    let reports = w.reports().await;
    assert!(reports.len() == 1 && reports[0].contains("Status: 5.1.1") && reports[0].contains("absent for good"));
}

async fn overtaken() {
    let mut w = World::new(&[way("a").receipts()]).await;
    let inbox = inbox(&w);
    let id = w.put(text("one")).await;
    let job = w.job("a").await;
    inbox.hand(word(Fate::Delivered)).await.expect("kept");
    assert_eq!(w.show(id).await.state, State::Trying, "the answer has not come yet");
    let _ = job.reply.send(vec![(0, sent())]);
    w.swept(id, State::Closed, Some(Closed::Delivered)).await;
}

fn incoming() -> Event {
    Event::Segment(Incoming {
        from: PHONE.into(),
        number: None,
        segment: Segment { body: Body::Text("yes".into()), udh: Vec::new() },
        reference: RemoteId::new("mo-1"),
        sent: Some(START),
        media: Vec::new(),
        trace: martlet::address::Trace::default(),
    })
}

async fn kept() {
    let w = World::new(&[way("a")]).await;
    let inbox = inbox(&w);
    assert_eq!(inbox.hand(incoming()).await, Ok(Noted::New));
    let stored = w.store.unassembled(10).await.expect("a store");
    let mo = &stored[0].mo;
    assert_eq!((stored.len(), mo.number.as_deref()), (1, Some("+12025550100")));
    assert!(matches!(&mo.from, Originator::Number(number) if number.as_str() == PHONE));
    assert_eq!(inbox.hand(incoming()).await, Ok(Noted::Again));
    assert_eq!(w.store.unassembled(10).await.expect("a store").len(), 1);
}

async fn busy() {
    let w = World::new(&[way("a")]).await;
    let inbox = inbox(&w);
    w.store.close().await;
    assert_eq!(inbox.hand(incoming()).await, Err(Busy));
    assert_eq!(inbox.hand(word(Fate::Delivered)).await, Err(Busy));
}
