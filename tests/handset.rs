//! The handset as a gateway: what it answers, what it hands in, and what its phones show meanwhile.

use std::{sync::Arc, time::Duration};

use libtest_mimic::Trial;
use martlet::{
    address::Destination,
    gateway::{
        Attempt, Gateway, Job, Kind,
        handset::{Behaviour, NotTaken, Phones, Settings, State},
        inbox::{Busy, Desk, Event, Fate, Handed, Incoming, Noted},
        start,
    },
    ground::{Clock, Hand, MessageId, Outcome, Scope, Timestamp},
    sms::{Body, Content, Segment, udh},
};
use tokio::sync::{mpsc, oneshot};

use crate::support::{run_async, trial};

pub fn trials() -> Vec<Trial> {
    let t = |name: &str, test: fn()| trial(&format!("handset::{name}"), test);
    vec![
        t("a_delivered_text_has_a_receipt", || run_async(delivered())),
        t("a_delayed_text_has_its_receipt_later", || run_async(delayed())),
        t("a_receipt_that_cannot_be_kept_comes_again", || run_async(receipt_again())),
        t("a_silent_network_leaves_it_unsure", || run_async(silent())),
        t("a_lost_text_has_no_receipt", || run_async(lost())),
        t("what_is_typed_shows_once_it_is_durable", || run_async(typed())),
        t("a_long_text_is_typed_in_parts", || run_async(typed_long())),
        t("the_end_of_the_gateway_is_the_end_of_its_inbox", || run_async(end())),
    ]
}

const PHONE: &str = "+12025550123";

struct Set {
    phones: Phones,
    gateway: Gateway,
    handed: mpsc::Receiver<Handed>,
    hand: Hand,
}

fn set() -> Set {
    let (clock, hand) = Clock::manual(Timestamp(1_795_000_000_000));
    let phones = Phones::new(clock);
    let (desk, handed) = Desk::open();
    let inbox = desk.inbox("phone".parse().expect("id"));
    let gateway = start("phone".parse().expect("id"), Kind::Handset(Settings::new(phones.clone())), inbox);
    Set { phones, gateway: gateway.expect("starts"), handed, hand }
}

fn phone() -> Destination {
    PHONE.to_owned().try_into().expect("a number")
}

impl Set {
    /// Begins an attempt at one text.
    async fn begin(&self, words: &str) -> oneshot::Receiver<Vec<(u8, Outcome)>> {
        let (reply, answer) = oneshot::channel();
        let attempt = Attempt {
            id: MessageId::new(),
            n: 1,
            to: phone(),
            content: Content::text(words),
            segments: vec![Segment { body: Body::Text(words.to_owned()), udh: Vec::new() }],
            parts: 1,
            wire: None,
            sender: None,
            sender_phone: None,
            pid: None,
            dcs: None,
            value: Vec::new(),
            trace: martlet::address::Trace::default(),
            validity: Duration::from_secs(600),
        };
        self.gateway.jobs.send(Job { attempt: Arc::new(attempt), parts: 0..1, reply }).await.expect("it runs");
        answer
    }

    async fn send(&self, words: &str) -> Outcome {
        self.begin(words).await.await.expect("an answer").remove(0).1
    }

    /// The next event, answered.
    async fn next(&mut self, answer: Result<Noted, Busy>) -> Event {
        let handed = self.handed.recv().await.expect("an event");
        assert_eq!(handed.gateway.as_str(), "phone");
        let _ = handed.answer.send(answer);
        handed.event
    }

    fn shown(&self) -> Vec<(String, State)> {
        let phones = self.phones.read();
        phones.into_iter().flat_map(|phone| phone.texts).map(|text| (text.words, text.state)).collect()
    }
}

fn word(event: Event) -> (String, Fate) {
    match event {
        Event::Receipt(word) => (word.about.theirs().expect("an id").as_str().to_owned(), word.fate),
        Event::Segment(_) | Event::Notice(_) | Event::OptOut(_) | Event::Page(_) => panic!("no receipt"),
    }
}

fn incoming(event: Event) -> Incoming {
    match event {
        Event::Segment(incoming) => incoming,
        Event::Receipt(_) | Event::Notice(_) | Event::OptOut(_) | Event::Page(_) => panic!("no text"),
    }
}

async fn delivered() {
    let mut set = set();
    let Outcome::Sent(Some(reference)) = set.send("Hello").await else { panic!("not sent") };
    assert_eq!(word(set.next(Ok(Noted::New)).await), (reference.as_str().to_owned(), Fate::Delivered));
    assert_eq!(set.shown(), [("Hello".to_owned(), State::Delivered)]);
}

async fn delayed() {
    let mut set = set();
    set.phones.behave(None, Behaviour::Delay);
    assert!(matches!(set.send("Hello").await, Outcome::Sent(Some(_))));
    assert!(matches!(set.shown()[..], [(_, State::Coming(_))]));
    set.hand.advance(Duration::from_secs(15));
    assert_eq!(word(set.next(Ok(Noted::New)).await).1, Fate::Delivered);
    assert_eq!(set.shown(), [("Hello".to_owned(), State::Delivered)]);
}

async fn receipt_again() {
    let mut set = set();
    assert!(matches!(set.send("Hello").await, Outcome::Sent(Some(_))));
    let mut changes = set.phones.changes();
    let first = word(set.next(Err(Busy)).await);
    // The courier says that it has noted the refusal; from then on the receipt is owed again.
    changes.changed().await.expect("phones");
    set.hand.advance(Duration::from_secs(1));
    assert_eq!(word(set.next(Ok(Noted::New)).await), first);
}

async fn silent() {
    let set = set();
    set.phones.behave(None, Behaviour::Silent);
    let mut changes = set.phones.changes();
    let mut answer = set.begin("Hello").await;
    changes.changed().await.expect("phones");
    assert_eq!(set.shown(), [("Hello".to_owned(), State::Silent)], "the phone has it");
    // When the gateway begins to wait cannot be seen from here.
    let mut outcomes = loop {
        set.hand.advance(Duration::from_secs(4));
        match answer.try_recv() {
            Ok(outcomes) => break outcomes,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    let outcome = outcomes.remove(0).1;
    assert!(matches!(outcome, Outcome::Unsure(fault) if fault.scope == Scope::Message));
}

async fn lost() {
    let mut set = set();
    set.phones.behave(None, Behaviour::Lose);
    assert!(matches!(set.send("gone").await, Outcome::Sent(Some(_))));
    set.phones.behave(None, Behaviour::Deliver);
    let Outcome::Sent(Some(second)) = set.send("here").await else { panic!("not sent") };
    set.hand.advance(Duration::from_secs(3_600));
    assert_eq!(word(set.next(Ok(Noted::New)).await).0, second.as_str(), "of the second only");
    assert_eq!(set.shown()[0], ("gone".to_owned(), State::Lost));
}

async fn typed() {
    let mut set = set();
    let phones = set.phones.clone();
    let typing = tokio::spawn(async move { phones.type_text(&phone(), "On my way").await });
    let handed = set.handed.recv().await.expect("an event");
    assert!(set.shown().is_empty(), "nothing is durable yet");
    handed.answer.send(Ok(Noted::New)).expect("it waits");
    assert_eq!(typing.await.expect("ends"), Ok(()));
    assert_eq!(set.shown(), [("On my way".to_owned(), State::Typed)]);
    let incoming = incoming(handed.event);
    assert_eq!((incoming.from.as_str(), &incoming.segment.body), (PHONE, &Body::Text("On my way".to_owned())));
    assert!(incoming.reference.is_some() && incoming.sent.is_some());

    let phones = set.phones.clone();
    let typing = tokio::spawn(async move { phones.type_text(&phone(), "again").await });
    set.next(Err(Busy)).await;
    assert_eq!(typing.await.expect("ends"), Err(NotTaken::Busy));
    assert_eq!(set.shown().len(), 1, "what was not kept does not show");
}

async fn typed_long() {
    let mut set = set();
    let phones = set.phones.clone();
    let words = "many words ".repeat(40);
    let long = words.clone();
    let typing = tokio::spawn(async move { phones.type_text(&phone(), &long).await });
    let mut parts = Vec::new();
    let mut whole = String::new();
    for _ in 0..3 {
        let incoming = incoming(set.next(Ok(Noted::New)).await);
        let concat = udh::concat(&incoming.segment.udh).expect("a part");
        parts.push((concat.seq, concat.total));
        match incoming.segment.body {
            Body::Text(words) => whole.push_str(&words),
            Body::Binary(_) => panic!("data"),
        }
    }
    assert_eq!(typing.await.expect("ends"), Ok(()));
    assert_eq!((parts, whole), (vec![(1, 3), (2, 3), (3, 3)], words));
    assert_eq!(set.phones.type_text(&phone(), &"ж".repeat(9_000)).await, Err(NotTaken::TooLong));
}

async fn end() {
    let Set { phones, gateway, mut handed, .. } = set();
    let Gateway { jobs, task, .. } = gateway;
    drop(jobs);
    task.await.expect("a clean end");
    assert!(handed.recv().await.is_none(), "no inbox is left");
    assert_eq!(phones.type_text(&phone(), "late").await, Err(NotTaken::Busy));
}
