//! Errands of rules: programs, HTTP requests, SQL statements, mails for folders. Each kind has a lane of its own.
//!
//! What fails for a while is tried again as messages are, until it expires; what fails for good, or expires, is told to the
//! postmaster and kept as a dead letter. What a crash interrupts is done again: at least once, never lost.

use std::{sync::Arc, time::Duration};

use super::{
    Shared, fastrand,
    pull::{Places, pull},
    sweep::closing,
};
use crate::{
    errand::Tag,
    ground::{Enhanced, Fault, Outcome, Scope, Timestamp},
    mailbox::imap,
    observe::{self, METRICS},
    report::Told,
    store::{
        self, Begin, Closed, Craft, DeadLetter, Deed, Errand, Item, Key, New, NewLink, Next, SegmentState, Settle,
    },
};

/// How long a stop waits for errands under way.
const GRACE: Duration = Duration::from_secs(5);
/// The postmaster hears of the same rule's trouble once in this time.
const TELL_AGAIN: Duration = Duration::from_secs(3_600);
/// And of a mailbox server that lets nobody in, once in this.
const TELL_TOMORROW: Duration = Duration::from_secs(86_400);

/// Does what is due of each kind until stopped.
pub async fn run(shared: Arc<Shared>) {
    let lane = |craft: Craft| {
        let places = Places::new(shared.errand_window.subscribe(), move |window| window.of(craft));
        pull(shared.clone(), Key::Errand(craft), places, |shared, item| async move { step(&shared, item).await })
    };
    tokio::join!(lane(Craft::Run), lane(Craft::Call), lane(Craft::Sql), lane(Craft::Append));
}

/// How many errands of each kind are under way at once.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    pub programs: usize,
    pub calls: usize,
    pub statements: usize,
    pub folders: usize,
}

impl Window {
    fn of(self, craft: Craft) -> usize {
        let of_craft = match craft {
            Craft::Run => self.programs,
            Craft::Call => self.calls,
            Craft::Sql => self.statements,
            Craft::Append => self.folders,
        };
        of_craft.max(1)
    }
}

async fn step(shared: &Shared, item: Item) {
    if shared.stop.is_cancelled() {
        return shared.store.give_back(&[item.id]);
    }
    let Some(errand) = item.payload.errand() else { return shared.store.give_back(&[item.id]) };
    let link = link(shared, errand);
    let begin = Begin { id: item.id, gateway: None, parts: 0..1, frozen: None, link, spend: None, ours: None };
    let Some(attempt) = shared.begin(begin).await else { return };
    let outcome = tokio::select! {
        outcome = attempted(shared, &item, errand, attempt) => outcome,
        () = cut_off(shared) => {
            Outcome::Later(Fault::new(Scope::Message, Enhanced::new(4, 3, 2), "the daemon stopped before it was done"))
        }
    };
    let (word, fault) = match &outcome {
        Outcome::Sent(_) => ("done", None),
        Outcome::Later(fault) | Outcome::Unsure(fault) => ("later", Some(fault)),
        Outcome::Never(fault) => ("never", Some(fault)),
    };
    observe::log::errand(item.id, errand.craft().word(), &errand.rule, attempt, word, fault);
    METRICS.errand(errand.craft().word(), word);
    settle(shared, &item, errand, attempt, outcome).await;
}

async fn attempted(shared: &Shared, item: &Item, errand: &Errand, attempt: u32) -> Outcome {
    let tag = Tag { id: item.id, attempt, trace: errand.trace.through(&shared.settings.node) };
    match &errand.deed {
        Deed::Run(program) => shared.errands.run(&tag, program).await,
        Deed::Call(call) => shared.errands.call(&tag, call).await,
        Deed::Sql(statement) => shared.errands.sql(statement).await,
        Deed::Append(mail) => append(shared, mail, attempt).await,
    }
}

async fn append(shared: &Shared, mail: &store::Append, attempt: u32) -> Outcome {
    let folders = shared.folders.now();
    let Some(folders) = folders.as_ref() else {
        // The configuration is what changed: it waits for `mailbox.imap` to be back.
        return Outcome::Later(Fault::new(Scope::Gateway, Enhanced::new(4, 3, 5), "no `mailbox.imap` is configured"));
    };
    let given = imap::Append {
        folder: &mail.folder,
        message_id: &mail.message_id,
        phone: mail.phone.as_deref(),
        data: &mail.data,
        seen: mail.seen,
        date: Some(mail.date),
        again: attempt > 1,
    };
    folders.append(&given).await
}

/// A stop does not wait for whatever a program takes: it is done again.
async fn cut_off(shared: &Shared) {
    shared.stop.cancelled().await;
    tokio::time::sleep(GRACE).await;
}

/// What the phone answers to a text that another host sends for us goes to whoever wrote it.
fn link(shared: &Shared, errand: &Errand) -> Option<NewLink> {
    let answers = errand.answers.as_ref().filter(|_| shared.settings.call_log)?;
    Some(NewLink {
        phone: answers.phone.clone(),
        gateway: answers.gateway.clone(),
        number: shared.lanes.now().get(&answers.gateway).and_then(|lane| lane.settings.number.clone()),
        mailbox: answers.origin.reply_to.clone()?,
        expires: shared.clock.now() + shared.settings.keep_links,
    })
}

async fn settle(shared: &Shared, item: &Item, errand: &Errand, attempt: u32, outcome: Outcome) {
    let now = shared.clock.now();
    let mut settlement = Settle {
        id: item.id,
        attempt,
        segments: vec![(0, SegmentState::Sent, None)],
        next: Next::Closed(Closed::Relayed),
        fault: None,
        event: "done",
        errands: Vec::new(),
        refund: None,
        unlink: false,
        dead: None,
        withdraw: false,
    };
    match outcome {
        Outcome::Sent(_) => {}
        // Whatever may have been done is done again: the id tells.
        Outcome::Later(fault) | Outcome::Unsure(fault) => {
            let pause = shared.settings.backoff.at_least(fault.after, attempt, fastrand());
            settlement.segments = vec![(0, SegmentState::Waiting, None)];
            settlement.next = Next::Waiting { at: now + pause, pin: None };
            settlement.errands.extend(locked_out(shared, errand, &fault));
            settlement.fault = Some(fault);
            settlement.event = "deferred";
        }
        Outcome::Never(fault) => {
            let told = failed(shared, item, errand, &fault.text, "failed");
            settlement.segments = vec![(0, SegmentState::Failed, None)];
            settlement.next = Next::Closed(Closed::Failed);
            settlement.event = "failed";
            settlement.unlink = true;
            settlement.errands.extend(told.errand);
            settlement.dead = told.dead;
            settlement.fault = Some(fault);
        }
    }
    shared.store.settle(settlement).await;
}

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

/// What only a person can mend is told at once, and once a day for all that waits for it: the mailbox server refuses our
/// login, or its certificate does not fit.
fn locked_out(shared: &Shared, errand: &Errand, fault: &Fault) -> Option<New> {
    let is_ours = matches!(errand.deed, Deed::Append(_)) && fault.scope == Scope::Gateway && fault.code.subject() == 7;
    let text = format!(
        "Texts cannot be put into folders by IMAP:\n\n    {fault}\n\nThey are kept, and tried again until `queue.expire`; \
         behind that a phone's text goes by mail. Look at `imap_user`, `imap_password` and `imap_ca` in [mailbox]; `martlet reload` puts in force \
         what they say then.\n\n`martlet queue list` shows what waits.\n"
    );
    let until = shared.clock.now() + TELL_TOMORROW;
    let key = format!("folders {}", fault.code);
    is_ours.then(|| shared.reporter.notice(&key, "folders: no session with the mailbox server", &text, until)).flatten()
}

/// What follows from an errand that ends undone: the postmaster is told, and it is kept.
fn failed(shared: &Shared, item: &Item, errand: &Errand, why: &str, kind: &'static str) -> Told {
    if let Some(mail) = &errand.otherwise {
        let now = shared.clock.now();
        return Told {
            errand: Some(New::mail((**mail).clone(), now, now + item.expires.since(item.created))),
            dead: None,
        };
    }
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
