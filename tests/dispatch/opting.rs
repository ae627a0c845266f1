//! Phones that have opted out: nothing goes to them by the number that they said no to, whenever they said it.

use libtest_mimic::Trial;
use martlet::{
    gateway::inbox::{About, Event, Fate, Noted, OptOut, Part, Word},
    routing::Ours,
};

use super::{events::inbox, *};
use crate::support::{run_async, trial};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("opting: what waits when a phone opts out is not sent, and its sender is told", || run_async(waiting())),
        trial("opting: another number goes on, and the choice leaves the one out", || run_async(another_number())),
        trial("opting: two gateways of one number are one", || run_async(one_number())),
        trial("opting: the answer to an opting out goes all the same", || run_async(confirmation())),
        trial("opting: a network's refusal feeds the list, and the text goes by another number", || {
            run_async(refused_by_the_network())
        }),
        trial("opting: a network's refusal without another number is an NDR", || run_async(refused_for_good())),
        trial("opting: a receipt that says so feeds the list", || run_async(receipt())),
        trial("opting: a network's own word feeds the list and takes it back", || run_async(word())),
        trial("opting: in parts, what is left does not go out", || run_async(in_parts())),
    ]
}

const NUMBER: &str = "+12025550100";
const OTHER: &str = "+12025550199";

fn opting(ours: Ours, out: bool) -> Opting {
    Opting { phone: PHONE.to_owned(), ours, out, how: How::Hand }
}

fn number(written: &str) -> Ours {
    Ours::number(written).expect("a number")
}

fn gateway(name: &str) -> Ours {
    Ours::Gateway(name.parse().expect("an id"))
}

fn numbered(id: &'static str, number: &str) -> Way {
    way(id).with(|s| s.number = Some(number.to_owned()))
}

async fn listed(w: &World) -> Vec<(Ours, How)> {
    let lines = w.store.opt_outs(Some(PHONE), None, 10).await.expect("a store");
    lines.into_iter().map(|line| (line.ours, line.how)).collect()
}

/// It failed because its phone has opted out: told, and given back.
async fn not_sent(w: &World, id: MessageId) {
    let shown = w.reaches(id, State::Closed, Some(Closed::Failed)).await;
    assert!(shown.events.iter().all(|event| event.what != "begun"), "{shown:?}");
    let reports = w.reports().await;
    assert!(reports.iter().any(|r| r.contains("Status: 5.7.1") && r.contains("opted out")), "{reports:?}");
}

async fn waiting() {
    let mut w = World::new(&[way("a").window(1)]).await;
    let first = w.put(text("one")).await;
    let job = w.job("a").await;
    assert_eq!(job.attempt.id, first);
    let second = w.put(text("two")).await;
    let used = w.used().await;
    assert_eq!(w.store.opt(vec![opting(gateway("a"), true)]).await, Ok(vec![true]));
    assert_eq!(w.store.opt(vec![opting(gateway("a"), true)]).await, Ok(vec![false]), "so it is already");
    let _ = job.reply.send(vec![(0, sent())]);
    w.reaches(first, State::Closed, Some(Closed::Relayed)).await;
    not_sent(&w, second).await;
    assert_eq!(w.used().await, used - 1, "given back");
    // Over a restart too; and taken back, it is as before.
    let mut w = w.crash(&[way("a")]).await;
    let third = w.put(text("three")).await;
    not_sent(&w, third).await;
    assert_eq!(w.store.opt(vec![opting(gateway("a"), false)]).await, Ok(vec![true]));
    let fourth = w.put(text("four")).await;
    assert_eq!(w.answer("a", sent()).await.attempt.id, fourth);
}

async fn another_number() {
    let mut w = World::new(&[numbered("a", NUMBER), numbered("b", OTHER).behind()]).await;
    w.store.opt(vec![opting(number(NUMBER), true)]).await.expect("a store");
    for words in ["one", "two"] {
        let id = w.put(text(words)).await;
        assert_eq!(w.answer("b", sent()).await.attempt.id, id, "though a is preferred");
        w.reaches(id, State::Closed, Some(Closed::Relayed)).await;
    }
    let pinned = w.put(pinned(text("three"), "a")).await;
    not_sent(&w, pinned).await;
    assert!(w.idle("a"));
    w.store.opt(vec![opting(number(OTHER), true)]).await.expect("a store");
    let id = w.put(text("four")).await;
    not_sent(&w, id).await;
    assert!(w.idle("b"));
}

async fn one_number() {
    let mut w = World::new(&[numbered("a", NUMBER), numbered("b", NUMBER.trim_start_matches('+'))]).await;
    w.store.opt(vec![opting(number(NUMBER), true)]).await.expect("a store");
    let id = w.put(text("one")).await;
    not_sent(&w, id).await;
    assert!(w.idle("a") && w.idle("b"));
}

async fn confirmation() {
    let mut w = World::new(&[way("a")]).await;
    w.store.opt(vec![opting(gateway("a"), true)]).await.expect("a store");
    let mut new = text("You get no more texts.");
    if let Payload::Text(text) = &mut new.payload {
        text.confirms = true;
    }
    let id = w.put(new).await;
    w.answer("a", sent()).await;
    w.reaches(id, State::Closed, Some(Closed::Relayed)).await;
}

async fn refused_by_the_network() {
    let mut w = World::new(&[numbered("a", NUMBER), numbered("b", OTHER).behind()]).await;
    let id = w.put(text("one")).await;
    w.answer("a", Outcome::Never(Fault::opt_out("unsubscribed recipient"))).await;
    assert_eq!(w.answer("b", sent()).await.attempt.id, id);
    let shown = w.reaches(id, State::Closed, Some(Closed::Relayed)).await;
    assert!(shown.events.iter().any(|event| event.what == "opted out"), "{shown:?}");
    assert_eq!(listed(&w).await, [(number(NUMBER), How::Provider)]);
    let id = w.put(text("two")).await;
    assert_eq!(w.answer("b", sent()).await.attempt.id, id);
}

async fn refused_for_good() {
    let mut w = World::new(&[way("a")]).await;
    let id = w.put(text("one")).await;
    w.answer("a", Outcome::Never(Fault::opt_out("unsubscribed recipient"))).await;
    w.reaches(id, State::Closed, Some(Closed::Failed)).await;
    let reports = w.reports().await;
    assert!(reports.len() == 1 && reports[0].contains("Status: 5.7.1"), "{reports:?}");
    assert_eq!(listed(&w).await, [(gateway("a"), How::Provider)]);
    let next = w.put(text("two")).await;
    not_sent(&w, next).await;
    // The door says so too, where it is told by whom the text could go.
    let new = New { candidates: vec![gateway("a")], ..text("three") };
    assert_eq!(w.store.put(vec![new], false).await.expect("a store"), [Err(Refused::OptedOut)]);
    let new = New { candidates: vec![gateway("a"), gateway("b")], ..text("four") };
    assert!(w.store.put(vec![new], false).await.expect("a store")[0].is_ok());
}

async fn receipt() {
    let mut w = World::new(&[way("a").receipts()]).await;
    let inbox = inbox(&w);
    let id = w.put(text("one")).await;
    w.answer("a", sent()).await;
    w.reaches(id, State::Sent, None).await;
    let fate = Fate::Failed(Fault::opt_out("the recipient replied STOP"));
    let said = Event::Receipt(Word {
        about: About::Theirs(RemoteId::new("r-1").expect("an id")),
        part: Part::Named,
        total: None,
        fate,
        at: None,
        reused: false,
    });
    assert_eq!(inbox.hand(said).await, Ok(Noted::New));
    w.reaches(id, State::Closed, Some(Closed::Failed)).await;
    assert_eq!(listed(&w).await, [(gateway("a"), How::Provider)]);
}

async fn word() {
    let w = World::new(&[way("a")]).await;
    let inbox = inbox(&w);
    let said = |number: Option<&str>, out| {
        Event::OptOut(OptOut { phone: PHONE.trim_start_matches('+').to_owned(), number: number.map(Into::into), out })
    };
    // Gateway a has a number, by the settings of the journey; what was dialled is none that any gateway has.
    assert_eq!(inbox.hand(said(None, true)).await, Ok(Noted::New));
    assert_eq!(inbox.hand(said(None, true)).await, Ok(Noted::Again));
    assert_eq!(listed(&w).await, [(number(NUMBER), How::Provider)]);
    assert_eq!(inbox.hand(said(Some(OTHER), true)).await, Ok(Noted::New));
    assert_eq!(listed(&w).await, [(number(NUMBER), How::Provider), (number(OTHER), How::Provider)]);
    assert_eq!(inbox.hand(said(Some(OTHER), false)).await, Ok(Noted::New));
    assert_eq!(listed(&w).await, []);
}

async fn in_parts() {
    let mut w = World::new(&[way("a").split(Split::Udh)]).await;
    let id = w.put(long()).await;
    let job = w.job("a").await;
    w.store.opt(vec![opting(gateway("a"), true)]).await.expect("a store");
    let _ = job.reply.send(vec![(0, sent())]);
    let shown = w.reaches(id, State::Closed, Some(Closed::Failed)).await;
    assert_eq!(shown.segments.iter().filter(|s| s.state == SegmentState::Sent).count(), 1);
    assert_eq!(shown.events.iter().filter(|event| event.what == "begun").count(), 1);
}
