//! What only time brings: warnings, expiry, rest after a jump of the clock, stopping.

use libtest_mimic::Trial;

use super::*;
use crate::support::{run_async, trial};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("time: warned once, after warn_after", || run_async(warned())),
        trial("time: what was over all the while is told of its end alone", || run_async(over_at_start())),
        trial(
            "time: waiting expires, told with what happened; charge and link are taken back",
            || run_async(expired()),
        ),
        trial("time: partly sent expires, told how far it came", || run_async(expired_partly())),
        trial("time: an attempt under way is not cut off by expiry", || run_async(expiry_meets_an_attempt())),
        trial("time: a jump of the clock expires nothing for ten minutes", || run_async(jumped())),
        trial("time: a clock that steps back ends a gateway's rest", || run_async(stepped_back())),
        trial("time: a gateway that is gone from the configuration keeps its messages until then", || {
            run_async(removed())
        }),
        trial("time: old rows go as fast as they come", || run_async(purged())),
        trial("time: stopping begins nothing new, and what is under way is settled", || run_async(stopped())),
    ]
}

const EXPIRED: Option<Closed> = Some(Closed::Expired);

async fn warned() {
    let mut w = World::new(&[way("a")]).await;
    let id = w.put(text("one")).await;
    let wish = fault(Scope::Message, "not now").after(Some(DAY));
    w.answer("a", Outcome::Later(wish)).await;
    w.reaches(id, State::Waiting, None).await;
    w.hand.advance(4 * HOUR - 5 * MINUTE);
    w.has_swept().await;
    assert!(w.reports().await.is_empty());
    w.hand.advance(5 * MINUTE);
    w.has_swept().await;
    let reports = w.reports().await;
    assert_eq!(reports.len(), 1);
    for line in ["Action: delayed", "Status: 4.4.5", "Diagnostic-Code: x-sms; not now"] {
        assert!(reports[0].contains(&format!("\r\n{line}\r\n")), "{line}: {}", reports[0]);
    }
    assert!(reports[0].contains(&format!("Will-Retry-Until: {}", (START + 5 * DAY).rfc5322())));
    assert!(reports[0].contains(&format!("Last-Attempt-Date: {}", START.rfc5322())), "{}", reports[0]);
    w.hand.advance(12 * HOUR);
    w.has_swept().await;
    assert_eq!(w.reports().await.len(), 1, "once");
    assert_eq!(w.show(id).await.events.iter().filter(|e| e.what == "warned").count(), 1);
}

async fn over_at_start() {
    let w = World::new(&[way("a").window(0)]).await;
    let id = w.put(text("one")).await;
    w.hand.advance(6 * DAY);
    w.swept(id, State::Closed, EXPIRED).await;
    let reports = w.reports().await;
    assert!(reports.len() == 1 && reports[0].contains("Action: failed"), "{reports:?}");
}

async fn expired() {
    let mut w = World::new(&[way("a")]).await;
    let mut new = text("one");
    new.warn_at = None;
    let id = w.put(new).await;
    let wish = fault(Scope::Message, "not now").after(Some(DAY));
    w.answer("a", Outcome::Later(wish)).await;
    w.reaches(id, State::Waiting, None).await;
    assert_eq!(w.links().await, 1);
    let mut again = 1;
    while w.show(id).await.state != State::Closed {
        w.hand.advance(DAY);
        if again < 5 {
            let wish = fault(Scope::Message, "not now").after(Some(DAY));
            w.answer("a", Outcome::Later(wish)).await;
            again += 1;
            w.reaches(id, State::Waiting, None).await;
        } else {
            w.swept(id, State::Closed, EXPIRED).await;
        }
    }
    assert_eq!((w.used().await, w.links().await), (0, 0));
    let reports = w.reports().await;
    assert_eq!(reports.len(), 1);
    for line in ["Action: failed", "Status: 4.4.7", "Diagnostic-Code: x-sms; not now"] {
        assert!(reports[0].contains(&format!("\r\n{line}\r\n")), "{line}: {}", reports[0]);
    }
    assert!(reports[0].contains(&format!("Last-Attempt-Date: {}", (START + 4 * DAY).rfc5322())), "{}", reports[0]);
}

async fn expired_partly() {
    let mut w = World::new(&[way("a").split(Split::Udh)]).await;
    let id = w.put(long()).await;
    w.answer("a", sent()).await;
    w.answer("a", Outcome::Later(fault(Scope::Message, "not now").after(Some(DAY)))).await;
    w.reaches(id, State::Waiting, None).await;
    // Its gateway is gone: nobody else may send the rest.
    let mut w = w.crash(&[way("b").split(Split::Udh)]).await;
    w.hand.advance(5 * DAY);
    w.swept(id, State::Closed, EXPIRED).await;
    let reports = w.reports().await;
    assert!(reports.iter().any(|r| r.contains("1 of 3 parts") && r.contains("Status: 4.4.7")), "{reports:?}");
    assert_eq!(w.used().await, 1, "one part was sent and paid for");
    assert!(w.idle("b"));
}

async fn expiry_meets_an_attempt() {
    let mut w = World::new(&[way("a")]).await;
    let id = w.put(text("one")).await;
    let job = w.job("a").await;
    assert_eq!(job.attempt.validity, 5 * DAY);
    w.hand.advance(6 * DAY);
    w.has_swept().await;
    assert_eq!(w.show(id).await.state, State::Trying);
    let _ = job.reply.send(vec![(0, sent())]);
    w.reaches(id, State::Closed, Some(Closed::Relayed)).await;
}

async fn jumped() {
    let mut w = World::new(&[way("a")]).await;
    w.has_swept().await;
    let mut new = text("one");
    new.warn_at = None;
    new.due = w.clock.now() + HOUR;
    let id = w.put(new).await;
    w.hand.set(START + 30 * DAY);
    w.hand.advance(9 * MINUTE);
    w.looked("a").await;
    assert_eq!(w.show(id).await.state, State::Waiting, "neither expired nor sent");
    w.hand.set(START + 10 * MINUTE);
    w.hand.advance(HOUR);
    assert_eq!(w.answer("a", sent()).await.attempt.id, id, "the clock was put right");
    w.reaches(id, State::Closed, Some(Closed::Relayed)).await;
}

async fn stepped_back() {
    let mut w = World::new(&[way("a")]).await;
    let id = w.put(text("one")).await;
    w.answer("a", later(Scope::Gateway)).await;
    w.reaches(id, State::Waiting, None).await;
    w.hand.set(START - DAY);
    w.hand.advance(MINUTE);
    let mut new = text("two");
    new.due = w.clock.now();
    let other = w.put(new).await;
    // What waited for a moment of the old time was set back with the clock: both go.
    let went = [w.answer("a", sent()).await.attempt.id, w.answer("a", sent()).await.attempt.id];
    assert!(went.contains(&id) && went.contains(&other), "{went:?}");
}

async fn removed() {
    let w = World::new(&[way("a").window(0)]).await;
    let mut new = pinned(text("one"), "a");
    new.warn_at = None;
    let id = w.put(new).await;
    let mut w = w.crash(&[way("b")]).await;
    w.looked("b").await;
    assert_eq!(w.show(id).await.state, State::Waiting);
    let mut w = w.crash(&[way("a"), way("b")]).await;
    assert_eq!(w.answer("a", sent()).await.attempt.id, id, "and it is there again");
}

async fn purged() {
    let mut w = World::new(&[way("a").window(64)]).await;
    let many = 1_200;
    let batch: Vec<New> = (0..many).map(|_| text("old")).collect();
    let last = batch[many - 1].id;
    w.store.put(batch, false).await.expect("a store");
    for _ in 0..many {
        w.answer("a", sent()).await;
    }
    w.reaches(last, State::Closed, Some(Closed::Relayed)).await;
    w.hand.advance(91 * DAY);
    let gone = async {
        while w.store.show(last).await.expect("a store").is_some() {
            w.hand.advance(SECOND);
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("the last of them goes too");
    assert!(w.clock.now() < START + 91 * DAY + 3 * HOUR, "batch after batch, not one in ten minutes");
}

async fn stopped() {
    let mut w = World::new(&[way("a").window(2)]).await;
    let ids = [w.put(text("one")).await, w.put(text("two")).await, w.put(text("three")).await];
    let jobs = [w.job("a").await, w.job("a").await];
    w.shared.stop.cancel();
    while w.loops.join_next().await.is_some() {}
    w.shared.tasks.close();
    for job in jobs {
        let _ = job.reply.send(vec![(0, sent())]);
    }
    w.shared.tasks.wait().await;
    let mut states = Vec::new();
    for id in ids {
        states.push(w.show(id).await.state);
    }
    states.sort_by_key(|state| format!("{state:?}"));
    assert_eq!(states, [State::Closed, State::Closed, State::Waiting]);
    assert!(w.idle("a"));
    let mut w = w.crash(&[way("a")]).await;
    w.answer("a", sent()).await;
}
