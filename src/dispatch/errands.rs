//! Errands of rules: programs, HTTP requests, SQL statements, mails for folders. Each kind has a lane of its own.
//!
//! What fails for a while is tried again as messages are, until it expires; what fails for good, or expires, is told to the
//! postmaster and kept as a dead letter. What a crash interrupts is done again: at least once, never lost.

use std::time::Duration;

use super::{Shared, sweep::closing};
use crate::{
    ground::{Enhanced, Fault, Scope, Timestamp},
    report::Told,
    store::{Closed, DeadLetter, Errand, Item, New, Next, SegmentState, Settle},
};

/// The postmaster hears of the same rule's trouble once in this time.
const TELL_AGAIN: Duration = Duration::from_secs(3_600);

/// An errand that could not be done in its time.
pub async fn expire(shared: &Shared, item: &Item, errand: &Errand) {
    let why = item.cause.clone().unwrap_or_else(|| "it could not be done in time".to_owned());
    let fault = Fault::new(Scope::Message, Enhanced::new(5, 4, 7), &why);
    let told = failed(shared, item, errand, &why, "expired");
    shared.store.settle(closing(item, Next::Closed(Closed::Expired), Some(fault), "expired", told)).await;
}

/// An errand that was under way when an earlier run ended is done again: its id is the same, so that whoever it reaches
/// can tell.
pub async fn interrupted(shared: &Shared, item: &Item) {
    let fault = Fault::new(Scope::Message, Enhanced::new(4, 4, 2), "the daemon stopped before it was done");
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

/// What the postmaster is told of an errand that takes long.
pub(super) fn late(shared: &Shared, item: &Item, errand: &Errand) -> Option<New> {
    let why = item.cause.as_deref().unwrap_or("it waits for others");
    let text = format!(
        "An errand of a rule could not be done so far. It is tried again until {}.\n\n{}",
        item.expires.rfc5322(),
        about(item, errand, why)
    );
    notice(shared, errand, "late", &format!("rule {:?}: {} waits", errand.rule, errand.craft().word()), &text)
}

/// What follows from an errand that ends undone: the postmaster is told, and it is kept.
fn failed(shared: &Shared, item: &Item, errand: &Errand, why: &str, kind: &'static str) -> Told {
    let text = format!("An errand of a rule was not done, and is not tried again.\n\n{}", about(item, errand, why));
    let subject = format!("rule {:?}: {} failed", errand.rule, errand.craft().word());
    Told { errand: notice(shared, errand, "failed", &subject, &text), dead: Some(dead(errand, kind, why)) }
}

fn about(item: &Item, errand: &Errand, why: &str) -> String {
    let (rule, word, target, id) = (&errand.rule, errand.craft().word(), errand.target(), item.id);
    format!(
        "Rule:     {rule}\nErrand:   {word} {target}\nId:       {id}\nAttempts: {}\nCause:    {why}\n\n\
         `martlet queue show {id}` tells its history.\n",
        item.attempts
    )
}

/// Once an hour for each rule and kind of trouble: a script that fails fails for every message.
fn notice(shared: &Shared, errand: &Errand, what: &str, subject: &str, text: &str) -> Option<New> {
    let until: Timestamp = shared.clock.now() + TELL_AGAIN;
    let key = format!("errand {what} {} {}", errand.craft().word(), errand.rule);
    shared.reporter.notice(&key, subject, text, until)
}

/// An errand that ended undone, as it is kept: without its values, which may hold secrets.
pub(super) fn dead(errand: &Errand, kind: &'static str, why: &str) -> DeadLetter {
    let data = match &errand.deed {
        crate::store::Deed::Append(append) => append.data.to_vec(),
        _ => format!("Rule: {}\nErrand: {} {}\n", errand.rule, errand.craft().word(), errand.target()).into_bytes(),
    };
    DeadLetter { kind, about: errand.about, cause: why.to_owned(), data }
}
