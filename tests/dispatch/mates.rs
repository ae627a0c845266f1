//! Consolidation: short texts that wait go out as one, and each mail has its own end and its own report.

use libtest_mimic::Trial;
use martlet::{
    gateway::inbox::{About, Event, Fate, Part, Word},
    sms::Body,
};

use super::{events::inbox, *};
use crate::support::{run_async, trial};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("mates: what waits for one phone goes out as one text, in order", || run_async(as_one())),
        trial("mates: only what is alike and has room in one segment", || run_async(alike_and_room())),
        trial("mates: each has its own report on a failure, and its charge back", || run_async(own_reports())),
        trial("mates: not now is not now for each; they go out together again", || run_async(deferred())),
        trial("mates: a receipt ends them all, each with the report it asked for", || run_async(receipts())),
        trial("mates: a crash under way leaves each unsure, with its own report", || run_async(crash())),
        trial("mates: a crash before the attempt loses nothing, and nothing goes twice", || run_async(crash_before())),
        trial("mates: what is held or taken out meanwhile stays out", || run_async(taken_out())),
        trial("mates: a phone that opts out gets none of them", || run_async(opted_out())),
    ]
}

/// A text that may go out with others, of a mail with this id.
fn short(words: &str, mail: &str) -> New {
    let mut new = text(words);
    if let Payload::Text(text) = &mut new.payload {
        text.origin.message_id = Some(format!("{mail}@example.test"));
    }
    mated(new)
}

fn mated(mut new: New) -> New {
    new.mate = new.payload.text().and_then(|text| Mate::of(text, &new.key));
    new
}

fn change(mut new: New, change: impl FnOnce(&mut Text)) -> New {
    if let Payload::Text(text) = &mut new.payload {
        change(text);
    }
    mated(new)
}

fn words_of(job: &Job) -> &str {
    match &job.attempt.content.body {
        Body::Text(words) => words,
        Body::Binary(_) => panic!("data"),
    }
}

/// A gateway of one slot that is busy with a text of its own: whatever is put now waits.
async fn busy(way: Way) -> (World, MessageId, Job) {
    let mut w = World::new(&[way.window(1)]).await;
    let first = w.put(text("the first")).await;
    let job = w.job("a").await;
    (w, first, job)
}

/// The first text is answered: what waits may go.
async fn free(w: &World, first: MessageId, job: Job) {
    let _ = job.reply.send(vec![(0, Outcome::Sent(RemoteId::new("r-0")))]);
    until_not_trying(w, first).await;
}

async fn until_not_trying(w: &World, id: MessageId) {
    let wait = async {
        while w.show(id).await.state == State::Trying {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("it is settled");
}

async fn as_one() {
    let (mut w, first, job) = busy(way("a")).await;
    let mut ids = Vec::new();
    for (words, mail) in [("one", "m-1"), ("two", "m-2"), ("three", "m-3")] {
        ids.push(w.put(short(words, mail)).await);
    }
    free(&w, first, job).await;
    let job = w.answer("a", sent()).await;
    assert_eq!((words_of(&job), job.attempt.parts), ("one\ntwo\nthree", 1));
    for id in &ids {
        let shown = w.reaches(*id, State::Closed, Some(Closed::Relayed)).await;
        assert_eq!(shown.attempts, 1);
        assert!(shown.events.iter().any(|event| event.what == "joined"), "{shown:?}");
    }
    assert!(w.idle("a"));
    w.looked("a").await;
}

async fn alike_and_room() {
    let (mut w, first, job) = busy(way("a")).await;
    let long = "x".repeat(100);
    w.put(short("one", "m-1")).await;
    w.put(short(&long, "m-2")).await;
    // 3 + 1 + 100 + 1 + 100 are more than 160; the next one still has room.
    w.put(short(&long, "m-3")).await;
    w.put(short("four", "m-4")).await;
    // Neither by another account, nor to another phone, nor under another name, nor what asks to go by itself.
    w.put(change(short("bob's", "m-5"), |text| text.account = "bob@example.test".parse().expect("a name"))).await;
    let other = Destination::try_from("+12015550199".to_owned()).expect("a number");
    w.put(change(short("elsewhere", "m-6"), |text| text.to = other)).await;
    w.put(change(short("named", "m-7"), |text| text.sender = "Acme".parse().ok())).await;
    w.put(text("not asked for")).await;
    assert!(mated(data()).mate.is_none() && mated(super::long()).mate.is_none());
    free(&w, first, job).await;
    let mut seen = Vec::new();
    for _ in 0..6 {
        seen.push(words_of(&w.answer("a", sent()).await).to_owned());
    }
    seen.sort();
    let mut expected =
        vec![format!("one\n{long}\nfour"), long.clone(), "bob's".into(), "elsewhere".into(), "named".into()];
    expected.push("not asked for".to_owned());
    expected.sort();
    assert_eq!(seen, expected);
    // Letters that need UCS-2 leave less room for all.
    let id = w.put(text("busy again")).await;
    let job = w.job("a").await;
    w.put(short(&"y".repeat(60), "m-8")).await;
    w.put(short("жжжжжжжжжжжж", "m-9")).await;
    free(&w, id, job).await;
    let lengths = [w.answer("a", sent()).await, w.answer("a", sent()).await].map(|job| words_of(&job).chars().count());
    assert!(lengths.contains(&60) && lengths.contains(&12), "{lengths:?}");
}

async fn own_reports() {
    let (mut w, first, job) = busy(way("a")).await;
    let (one, two) = (w.put(short("one", "m-1")).await, w.put(short("two", "m-2")).await);
    let quiet = change(short("three", "m-3"), |text| text.origin.notify = Notify::NEVER);
    let three = w.put(quiet).await;
    let used = w.used().await;
    free(&w, first, job).await;
    w.answer("a", never(Scope::Recipient)).await;
    for id in [one, two, three] {
        w.reaches(id, State::Closed, Some(Closed::Failed)).await;
    }
    let reports = w.reports().await;
    assert_eq!(reports.len(), 2, "{reports:?}");
    for mail in ["<m-1@example.test>", "<m-2@example.test>"] {
        assert_eq!(
            reports.iter().filter(|r| r.contains(&format!("In-Reply-To: {mail}"))).count(),
            1,
            "{mail}: {reports:?}"
        );
    }
    assert_eq!(w.store.counts().await.expect("a store").dead_letters, 1, "the one that wants no report");
    assert_eq!(w.used().await, used - 3);
}

async fn deferred() {
    let (mut w, first, job) = busy(way("a")).await;
    let (one, two) = (w.put(short("one", "m-1")).await, w.put(short("two", "m-2")).await);
    free(&w, first, job).await;
    w.answer("a", later(Scope::Message)).await;
    for id in [one, two] {
        w.reaches(id, State::Waiting, None).await;
    }
    w.hand.advance(HOUR);
    let job = w.answer("a", sent()).await;
    assert_eq!((words_of(&job), job.attempt.n), ("one\ntwo", 2));
    for id in [one, two] {
        w.reaches(id, State::Closed, Some(Closed::Relayed)).await;
    }
    assert_eq!(w.reports().await.len(), 0);
}

async fn receipts() {
    let (mut w, first, job) = busy(way("a").receipts()).await;
    let inbox = inbox(&w);
    let asks = |new| change(new, |text| text.origin.notify = Notify { success: true, failure: true, delay: false });
    let one = w.put(asks(short("one", "m-1"))).await;
    let two = w.put(short("two", "m-2")).await;
    let three = w.put(asks(short("three", "m-3"))).await;
    free(&w, first, job).await;
    w.answer("a", sent()).await;
    for id in [one, two, three] {
        w.reaches(id, State::Sent, None).await;
    }
    let said = Word {
        about: About::Theirs(RemoteId::new("r-1").expect("an id")),
        part: Part::Named,
        total: None,
        fate: Fate::Delivered,
        at: None,
        reused: false,
    };
    inbox.hand(Event::Receipt(said)).await.expect("kept");
    for id in [one, two, three] {
        w.swept(id, State::Closed, Some(Closed::Delivered)).await;
    }
    let reports = w.reports().await;
    assert!(reports.len() == 2 && reports.iter().all(|r| r.contains("Action: delivered")), "{reports:?}");
}

async fn crash() {
    let (mut w, first, job) = busy(way("a")).await;
    let (one, two) = (w.put(short("one", "m-1")).await, w.put(short("two", "m-2")).await);
    free(&w, first, job).await;
    let _under_way = w.job("a").await;
    let w = w.crash(&[way("a")]).await;
    for id in [one, two] {
        let shown = w.reaches(id, State::Closed, Some(Closed::Failed)).await;
        assert!(shown.events.iter().any(|event| event.what == "unsure"), "{shown:?}");
    }
    let reports = w.reports().await;
    assert!(reports.len() == 2 && reports.iter().all(|r| r.contains("Status: 4.4.2")), "{reports:?}");
}

async fn crash_before() {
    let (mut w, _, _job) = busy(way("a")).await;
    let (one, two) = (w.put(short("one", "m-1")).await, w.put(short("two", "m-2")).await);
    assert_eq!(w.show(two).await.state, State::Waiting);
    let mut after = w.crash(&[way("a").window(1)]).await;
    let job = after.answer("a", sent()).await;
    assert_eq!(words_of(&job), "one\ntwo");
    for id in [one, two] {
        after.reaches(id, State::Closed, Some(Closed::Relayed)).await;
    }
    assert!(after.idle("a"));
    w = after;
    w.looked("a").await;
}

async fn taken_out() {
    let (mut w, first, job) = busy(way("a")).await;
    let mut ids = Vec::new();
    for (words, mail) in [("one", "m-1"), ("two", "m-2"), ("three", "m-3"), ("four", "m-4")] {
        ids.push(w.put(short(words, mail)).await);
    }
    assert_eq!(w.store.admin(ids[0], martlet::store::Hand::Hold).await, Ok(true));
    assert_eq!(w.store.admin(ids[2], martlet::store::Hand::Hold).await, Ok(true));
    free(&w, first, job).await;
    assert_eq!(words_of(&w.answer("a", sent()).await), "two\nfour");
    w.reaches(ids[3], State::Closed, Some(Closed::Relayed)).await;
    w.store.admin(ids[2], martlet::store::Hand::Release).await.expect("a store");
    assert_eq!(words_of(&w.answer("a", sent()).await), "three");
    assert_eq!(w.show(ids[0]).await.state, State::Held);
}

async fn opted_out() {
    let (mut w, first, job) = busy(way("a")).await;
    let (one, two) = (w.put(short("one", "m-1")).await, w.put(short("two", "m-2")).await);
    let ours = martlet::routing::Ours::Gateway("a".parse().expect("an id"));
    let opting = Opting { phone: PHONE.to_owned(), ours, out: true, how: How::Word };
    w.store.opt(vec![opting]).await.expect("a store");
    free(&w, first, job).await;
    for id in [one, two] {
        let shown = w.reaches(id, State::Closed, Some(Closed::Failed)).await;
        assert_eq!(shown.attempts, 0);
    }
    assert!(w.idle("a"));
    assert_eq!(w.reports().await.len(), 2);
}
