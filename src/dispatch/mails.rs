//! The mail lane: replies and reports on their way into mailboxes.
//!
//! A refusal for good sends a reply to the next step of its ladder, at last to the dead letters; never a bounce.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::{
    Shared, fastrand,
    pull::{Places, pull},
};
use crate::{
    ground::{Enhanced, Fault, Outcome, Scope},
    mail::without_files,
    observe::{self, METRICS, metrics::Metrics},
    store::{About, Begin, Closed, DeadLetter, Item, Key, Mail, New, Next, SegmentState, Settle},
};

/// How mail servers say that a mail is larger than they take.
const TOO_LARGE: [Enhanced; 2] = [Enhanced::new(5, 3, 4), Enhanced::new(5, 2, 3)];

/// Mails with pictures are copied as they are handed over: of those larger than this few go at once.
const HEAVY: usize = 256 << 10;
const HEAVY_AT_ONCE: usize = 2;

/// Hands over what is due until stopped.
pub async fn run(shared: Arc<Shared>) {
    let places = Places::new(shared.mail_window.subscribe(), |window| *window);
    let heavy = Arc::new(Semaphore::new(HEAVY_AT_ONCE));
    pull(shared, Key::Mailbox, places, move |shared, item| {
        let heavy = Arc::clone(&heavy);
        async move { step(&shared, item, &heavy).await }
    })
    .await;
}

async fn step(shared: &Shared, item: Item, heavy: &Semaphore) {
    let large = item.payload.mail().is_some_and(|mail| mail.data.len() > HEAVY);
    let _place = if large { heavy.acquire().await.ok() } else { None };
    if shared.stop.is_cancelled() {
        return shared.store.give_back(&[item.id]);
    }
    let begin = Begin { id: item.id, gateway: None, parts: 0..1, frozen: None, link: None, spend: None, ours: None };
    let Some(attempt) = shared.begin(begin).await else { return };
    let Some(mail) = item.payload.mail() else { return };
    let outcome = shared.mailbox.now().deliver(mail.from.as_deref(), &mail.to, &mail.data).await;
    let (word, fault) = match &outcome {
        Outcome::Sent(_) => ("delivered", None),
        Outcome::Later(fault) | Outcome::Unsure(fault) => ("deferred", Some(fault)),
        Outcome::Never(fault) => ("refused", Some(fault)),
    };
    observe::log::mail_outcome(item.id, attempt, word, fault);
    Metrics::count(&METRICS.mails, word);
    settle(shared, &item, mail, attempt, outcome).await;
}

async fn settle(shared: &Shared, item: &Item, mail: &Mail, attempt: u32, outcome: Outcome) {
    let now = shared.clock.now();
    let mut settlement = Settle {
        id: item.id,
        attempt,
        segments: vec![(0, SegmentState::Sent, None)],
        next: Next::Closed(Closed::Relayed),
        fault: None,
        event: "sent",
        errands: Vec::new(),
        refund: None,
        unlink: false,
        dead: None,
        withdraw: false,
    };
    match outcome {
        Outcome::Sent(_) => {}
        Outcome::Later(fault) | Outcome::Unsure(fault) => {
            let pause = shared.settings.backoff.at_least(fault.after, attempt, fastrand());
            settlement.segments = vec![(0, SegmentState::Waiting, None)];
            settlement.next = Next::Waiting { at: now + pause, pin: None };
            settlement.fault = Some(fault);
            settlement.event = "deferred";
        }
        Outcome::Never(fault) => refused(&mut settlement, item, mail, fault, now),
    }
    shared.store.settle(settlement).await;
}

/// The next step of the ladder, or the dead letters. What is too large for the mail server goes on without its files, so that the
/// words arrive; the whole is kept as a dead letter.
fn refused(settlement: &mut Settle, item: &Item, mail: &Mail, fault: Fault, now: crate::ground::Timestamp) {
    settlement.event = "failed";
    let smaller = TOO_LARGE.contains(&fault.code).then(|| without_files(&mail.data)).flatten();
    if let Some(data) = smaller {
        settlement.segments = vec![(0, SegmentState::Failed, None)];
        settlement.next = Next::Closed(Closed::Failed);
        settlement.dead = Some(dead(item, mail, "refused", &fault.to_string()));
        settlement.errands.push(New::mail(Mail { data: data.into(), ..mail.clone() }, now, item.expires));
        settlement.fault = Some(fault);
        return;
    }
    let mut steps = mail.ladder.iter().filter(|step| **step != mail.to).cloned();
    if let Some(to) = steps.next() {
        settlement.segments = vec![(0, SegmentState::Waiting, None)];
        settlement.next = Next::Redirect { to, ladder: steps.collect(), at: now };
    } else {
        settlement.segments = vec![(0, SegmentState::Failed, None)];
        settlement.next = Next::Closed(Closed::Failed);
        settlement.dead = Some(dead(item, mail, "refused", &fault.to_string()));
    }
    settlement.fault = Some(fault);
}

pub(super) fn dead(item: &Item, mail: &Mail, kind: &'static str, cause: &str) -> DeadLetter {
    let about = match mail.about {
        About::Report(about) => about,
        About::Reply => Some(item.id),
    };
    DeadLetter { kind, about, cause: cause.to_owned(), data: mail.data.to_vec() }
}

/// A mail that could not be handed over in its time.
pub async fn expire(shared: &Shared, item: &Item) {
    let Some(mail) = item.payload.mail() else { return };
    let why = item.cause.clone().unwrap_or_else(|| "the mail server did not take it in time".to_owned());
    let fault = Fault::new(Scope::Message, Enhanced::new(5, 4, 7), &why);
    shared
        .store
        .settle(Settle {
            id: item.id,
            attempt: 0,
            segments: Vec::new(),
            next: Next::Closed(Closed::Expired),
            fault: Some(fault),
            event: "expired",
            errands: Vec::new(),
            refund: None,
            unlink: false,
            dead: Some(dead(item, mail, "expired", &why)),
            withdraw: false,
        })
        .await;
}

/// A mail whose hand-over was under way when an earlier run ended goes again: its Message-ID is stable, so a second
/// copy is recognisable, and a lost one would not be.
pub async fn interrupted(shared: &Shared, item: &Item) {
    let fault = Fault::new(Scope::Message, Enhanced::new(4, 4, 2), "the daemon stopped before the answer came");
    shared
        .store
        .settle(Settle {
            id: item.id,
            attempt: item.attempts,
            segments: vec![(0, SegmentState::Waiting, None)],
            next: Next::Waiting { at: shared.clock.now(), pin: None },
            fault: Some(fault),
            event: "deferred",
            errands: Vec::new(),
            refund: None,
            unlink: false,
            dead: None,
            withdraw: false,
        })
        .await;
}
