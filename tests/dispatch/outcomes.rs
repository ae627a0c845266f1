//! A trial per row of "Which outcome leads where", named like it.

use libtest_mimic::Trial;
use martlet::{sms::Body, smtp::Notify};

use super::*;
use crate::support::{run_async, trial};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("outcomes: sent, segments left: the next one at once, by the same gateway", || run_async(parts_left())),
        trial("outcomes: sent, all segments, no receipts: relayed, told where asked", || run_async(relayed())),
        trial("outcomes: sent, all segments, receipts: sent until the wait is over", || run_async(receipts())),
        trial("outcomes: later, of the message: waits its backoff, never before Retry-After", || run_async(deferred())),
        trial("outcomes: later, of the gateway: it rests, another takes over at once", || run_async(gateway_rests())),
        trial("outcomes: never, of the message: failed, told, charge and link taken back", || run_async(failed())),
        trial("outcomes: never, partly sent: told how far it came, charge and link stay", || run_async(partly())),
        trial("outcomes: never, of the gateway: like later", || run_async(broken_account())),
        trial("outcomes: unsure, report: not sent again, told that it may have arrived", || run_async(unsure_told())),
        trial("outcomes: unsure, retry: sent again after the backoff", || run_async(unsure_again())),
        trial("outcomes: unsure, hold: waits for a person", || run_async(unsure_held())),
        trial("outcomes: an answer that never comes is unsure", || run_async(dropped())),
        trial("outcomes: found trying after a crash: unsure, of several segments too", || run_async(crashed())),
        trial("outcomes: a gateway that splits otherwise by now gets what was frozen", || run_async(frozen())),
        trial("outcomes: what nobody took yet is cut anew for the next gateway", || run_async(cut_anew())),
        trial("outcomes: data goes in parts to every gateway, all of them", || run_async(data_in_parts())),
        trial("outcomes: who is told what, and what is kept where nobody may be", || run_async(told())),
        trial("outcomes: what no gateway can carry fails at once, pinned or not", || run_async(not_carried())),
    ]
}

const RELAYED: Option<Closed> = Some(Closed::Relayed);
const FAILED: Option<Closed> = Some(Closed::Failed);

async fn parts_left() {
    let mut w = World::new(&[way("a").split(Split::Udh), way("b").split(Split::Udh)]).await;
    let id = w.put(pinned(long(), "a")).await;
    let first = w.answer("a", sent()).await;
    assert_eq!((first.parts.clone(), first.attempt.segments.len(), first.attempt.n), (0..1, 3, 1));
    let second = w.answer("a", later(Scope::Message)).await;
    assert_eq!(second.parts, 1..2);
    let shown = w.reaches(id, State::Waiting, None).await;
    assert_eq!(shown.next, Some(START + 30 * SECOND));
    w.hand.advance(30 * SECOND);
    // Only what was not sent goes again.
    assert_eq!(w.answer("a", sent()).await.parts, 1..2);
    assert_eq!(w.answer("a", sent()).await.parts, 2..3);
    w.reaches(id, State::Closed, RELAYED).await;
    assert!(w.idle("b") && w.reports().await.is_empty());
}

async fn relayed() {
    let mut w = World::new(&[way("a")]).await;
    let quiet = w.put(text("one")).await;
    w.answer("a", sent()).await;
    w.reaches(quiet, State::Closed, RELAYED).await;
    assert!(w.reports().await.is_empty(), "success is told only where it was asked for");
    let mut asked = text("two");
    if let Payload::Text(text) = &mut asked.payload {
        text.origin.notify = Notify { success: true, failure: true, delay: false };
    }
    let asked = w.put(asked).await;
    w.answer("a", sent()).await;
    w.reaches(asked, State::Closed, RELAYED).await;
    let reports = w.reports().await;
    assert!(reports.len() == 1 && reports[0].contains("Action: relayed"), "{reports:?}");
    assert_eq!((w.links().await, w.used().await), (1, 2));
}

async fn receipts() {
    let mut w = World::new(&[way("a").receipts()]).await;
    let id = w.put(text("one")).await;
    w.answer("a", sent()).await;
    w.reaches(id, State::Sent, None).await;
    w.hand.advance(71 * HOUR);
    w.has_swept().await;
    assert_eq!(w.show(id).await.state, State::Sent);
    w.hand.advance(HOUR);
    w.swept(id, State::Closed, RELAYED).await;
}

async fn deferred() {
    let mut w = World::new(&[way("a")]).await;
    let id = w.put(text("one")).await;
    w.answer("a", later(Scope::Recipient)).await;
    assert_eq!(w.reaches(id, State::Waiting, None).await.next, Some(START + 30 * SECOND));
    w.hand.advance(29 * SECOND);
    w.looked("a").await;
    assert_eq!(w.show(id).await.attempts, 1);
    w.hand.advance(SECOND);
    let wish = fault(Scope::Message, "come back later").after(Some(10 * MINUTE));
    assert_eq!(w.answer("a", Outcome::Later(wish)).await.attempt.n, 2);
    let due = w.reaches(id, State::Waiting, None).await.next;
    assert_eq!(due, Some(START + 30 * SECOND + 10 * MINUTE), "longer than its own pause, so it counts");
    w.hand.advance(10 * MINUTE - SECOND);
    w.looked("a").await;
    assert_eq!(w.show(id).await.attempts, 2);
    w.hand.advance(SECOND);
    assert_eq!(w.answer("a", sent()).await.attempt.n, 3);
    w.reaches(id, State::Closed, RELAYED).await;
}

async fn gateway_rests() {
    let mut w = World::new(&[way("a"), way("b").behind()]).await;
    let id = w.put(text("one")).await;
    let wish = fault(Scope::Gateway, "too many").after(Some(2 * MINUTE));
    w.answer("a", Outcome::Later(wish)).await;
    w.answer("b", sent()).await;
    let shown = w.reaches(id, State::Closed, RELAYED).await;
    assert_eq!((shown.attempts, w.clock.now()), (2, START), "at once");
    let waits = w.put(pinned(text("two"), "a")).await;
    w.hand.advance(2 * MINUTE - SECOND);
    w.looked("b").await;
    assert_eq!(w.show(waits).await.attempts, 0, "it rests as long as it asked for");
    w.hand.advance(SECOND);
    w.answer("a", sent()).await;
    w.reaches(waits, State::Closed, RELAYED).await;
}

async fn failed() {
    let mut w = World::new(&[way("a")]).await;
    let id = w.put(text("one")).await;
    w.answer("a", never(Scope::Recipient)).await;
    w.reaches(id, State::Closed, FAILED).await;
    assert_eq!((w.links().await, w.used().await), (0, 0));
    let reports = w.reports().await;
    assert_eq!(reports.len(), 1);
    for line in [
        "Action: failed",
        "Status: 5.1.1",
        "Original-Envelope-Id: env-7",
        "Original-Recipient: rfc822;phone@example.test",
        "Final-Recipient: rfc822; \"sms:+12015550123\"@sms.example.test",
        "Remote-MTA: x-gateway; a",
        "Diagnostic-Code: x-sms; no such subscriber",
        "In-Reply-To: <m1@example.test>",
    ] {
        assert!(reports[0].contains(&format!("\r\n{line}\r\n")), "{line}: {}", reports[0]);
    }
    assert!(reports[0].contains(&format!("Last-Attempt-Date: {}", START.rfc5322())));
}

async fn partly() {
    let mut w = World::new(&[way("a").split(Split::Udh)]).await;
    let id = w.put(long()).await;
    w.answer("a", sent()).await;
    w.answer("a", never(Scope::Message)).await;
    w.reaches(id, State::Closed, FAILED).await;
    assert_eq!((w.links().await, w.used().await), (1, 1));
    assert!(w.reports().await[0].contains("1 of 3 parts"));
}

async fn broken_account() {
    let mut w = World::new(&[way("a"), way("b").behind()]).await;
    let id = w.put(text("one")).await;
    w.answer("a", never(Scope::Gateway)).await;
    w.answer("b", sent()).await;
    w.reaches(id, State::Closed, RELAYED).await;
    assert!(w.reports().await.is_empty());
}

async fn unsure_told() {
    let mut w = World::new(&[way("a")]).await;
    let id = w.put(text("one")).await;
    w.answer("a", unsure()).await;
    w.reaches(id, State::Closed, FAILED).await;
    let reports = w.reports().await;
    assert!(reports.len() == 1 && reports[0].contains("may have arrived") && reports[0].contains("Status: 4.4.2"));
    assert_eq!((w.links().await, w.used().await), (1, 1), "the phone may have it and answer");
    w.hand.advance(6 * DAY);
    w.has_swept().await;
    assert!(w.idle("a"));
}

async fn unsure_again() {
    let mut w = World::new(&[way("a").on_unsure(OnUnsure::Retry)]).await;
    let id = w.put(text("one")).await;
    w.answer("a", unsure()).await;
    assert_eq!(w.reaches(id, State::Waiting, None).await.next, Some(START + 30 * SECOND));
    w.hand.advance(30 * SECOND);
    w.answer("a", sent()).await;
    w.reaches(id, State::Closed, RELAYED).await;
}

async fn unsure_held() {
    let mut w = World::new(&[way("a").on_unsure(OnUnsure::Hold)]).await;
    let released = w.put(text("one")).await;
    w.answer("a", unsure()).await;
    w.reaches(released, State::Held, None).await;
    let forgotten = w.put(text("two")).await;
    w.answer("a", unsure()).await;
    w.reaches(forgotten, State::Held, None).await;
    w.hand.advance(DAY);
    w.looked("a").await;
    assert!(w.store.admin(released, martlet::store::Hand::Release).await.expect("a store"));
    assert_eq!(w.answer("a", sent()).await.attempt.id, released);
    w.reaches(released, State::Closed, RELAYED).await;
    // Held until its time is over: it may have arrived all the same.
    w.hand.advance(4 * DAY);
    w.swept(forgotten, State::Closed, Some(Closed::Expired)).await;
    let reports = w.reports().await;
    let told = reports.iter().filter(|r| r.contains("may have arrived") && r.contains("Status: 4.4.2")).count();
    assert_eq!(told, 1, "{reports:?}");
    assert_eq!(w.used().await, 3, "nobody knows that it was not sent");
}

async fn dropped() {
    let mut w = World::new(&[way("a")]).await;
    let id = w.put(text("one")).await;
    drop(w.job("a").await);
    w.reaches(id, State::Closed, FAILED).await;
    assert!(w.reports().await[0].contains("Status: 4.4.2"));
}

async fn crashed() {
    let ways = [way("a").split(Split::Udh)];
    let mut w = World::new(&ways).await;
    let id = w.put(long()).await;
    w.answer("a", sent()).await;
    let under_way = w.job("a").await;
    w.hand.advance(MINUTE);
    let mut w = w.crash(&ways).await;
    w.reaches(id, State::Closed, FAILED).await;
    let reports = w.reports().await;
    assert!(reports.len() == 1 && reports[0].contains("may have arrived"), "{reports:?}");
    assert!(reports[0].contains(&format!("Last-Attempt-Date: {}", START.rfc5322())), "when it was tried, not found");
    assert!(w.idle("a"), "nothing of it goes out again");
    drop(under_way);
}

async fn frozen() {
    let mut w = World::new(&[way("a").split(Split::Udh)]).await;
    let id = w.put(long()).await;
    let first = w.answer("a", sent()).await;
    let cut: Vec<_> = first.attempt.segments.iter().map(|s| (s.body.clone(), s.udh.clone())).collect();
    w.answer("a", later(Scope::Message)).await;
    w.reaches(id, State::Waiting, None).await;
    // The configuration says otherwise after a restart, and another gateway is there too.
    let mut w = w.crash(&[way("a").split(Split::Provider), way("b")]).await;
    w.hand.advance(30 * SECOND);
    for part in 1..3u8 {
        let job = w.answer("a", sent()).await;
        assert_eq!(job.parts, part..part + 1);
        let got: Vec<_> = job.attempt.segments.iter().map(|s| (s.body.clone(), s.udh.clone())).collect();
        assert_eq!(got, cut);
    }
    w.reaches(id, State::Closed, RELAYED).await;
    assert!(w.idle("b"));
}

async fn cut_anew() {
    let mut w = World::new(&[way("a").split(Split::Udh), way("b").behind()]).await;
    let id = w.put(long()).await;
    w.answer("a", later(Scope::Gateway)).await;
    let whole = w.answer("b", sent()).await;
    assert_eq!((whole.attempt.segments.len(), whole.parts.clone()), (1, 0..1));
    assert_eq!(whole.attempt.segments[0].body, whole.attempt.content.body, "the whole, not its first part");
    w.reaches(id, State::Closed, RELAYED).await;
}

async fn data_in_parts() {
    let mut w = World::new(&[way("a")]).await;
    let id = w.put(data()).await;
    let mut octets = 0;
    for part in 0..3u8 {
        let job = w.answer("a", sent()).await;
        assert_eq!((job.parts.clone(), job.attempt.segments.len()), (part..part + 1, 3));
        match &job.attempt.segments[usize::from(part)].body {
            Body::Binary(data) => octets += data.len(),
            Body::Text(_) => panic!("data stays data"),
        }
    }
    assert_eq!(octets, 300);
    w.reaches(id, State::Closed, RELAYED).await;
}

/// Of one text and its end: how many reports, how many dead letters.
async fn telling(change: impl FnOnce(&mut Origin), end: Event) -> (usize, usize) {
    let mut w = World::new(&[way("a")]).await;
    let mut new = text("one");
    if let Payload::Text(text) = &mut new.payload {
        change(&mut text.origin);
    }
    let id = w.put(new).await;
    match end {
        Event::Fails => {
            w.answer("a", never(Scope::Recipient)).await;
            w.reaches(id, State::Closed, FAILED).await;
        }
        Event::Arrives => {
            w.answer("a", sent()).await;
            w.reaches(id, State::Closed, RELAYED).await;
        }
        Event::Waits => {
            w.answer("a", Outcome::Later(fault(Scope::Message, "not now").after(Some(DAY)))).await;
            w.reaches(id, State::Waiting, None).await;
            w.hand.advance(5 * HOUR);
            let warned = async {
                while !w.show(id).await.events.iter().any(|e| e.what == "warned") {
                    w.hand.advance(SECOND);
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            tokio::time::timeout(PATIENCE, warned).await.expect("it is marked as warned");
        }
    }
    (w.reports().await.len(), w.store.dead_letters(10).await.expect("a store").len())
}

enum Event {
    Fails,
    Waits,
    Arrives,
}

async fn told() {
    use Event::{Arrives, Fails, Waits};
    let notify = |success, failure, delay| move |o: &mut Origin| o.notify = Notify { success, failure, delay };
    let never = |o: &mut Origin| o.notify = Notify::NEVER;
    let nobody = |o: &mut Origin| o.report_to = None;
    let automatic = |o: &mut Origin| o.auto_replied = true;
    let default = |_: &mut Origin| ();
    assert_eq!(telling(default, Fails).await, (1, 0));
    assert_eq!(telling(default, Waits).await, (1, 0));
    assert_eq!(telling(default, Arrives).await, (0, 0), "never success unless asked");
    assert_eq!(telling(notify(true, false, false), Fails).await, (0, 1), "without FAILURE: a dead letter");
    assert_eq!(telling(notify(true, false, false), Waits).await, (0, 0), "without DELAY: no warning");
    assert_eq!(telling(notify(true, false, false), Arrives).await, (1, 0));
    for (what, silent) in [("NEVER", never as fn(&mut Origin)), ("null sender", nobody), ("auto-reply", automatic)] {
        assert_eq!(telling(silent, Fails).await, (0, 1), "{what}");
        assert_eq!(telling(silent, Waits).await, (0, 1), "{what}");
        assert_eq!(telling(silent, Arrives).await, (0, 0), "{what}");
    }
}

async fn not_carried() {
    let w = World::new(&[way("a").words_only(), way("b").words_only()]).await;
    for new in [data(), pinned(data(), "a")] {
        let id = w.put(new).await;
        w.reaches(id, State::Closed, FAILED).await;
    }
    let reports = w.reports().await;
    assert!(reports.len() == 2 && reports.iter().all(|r| r.contains("no gateway can carry")), "{reports:?}");
    assert_eq!(w.used().await, 0);
}
