//! One attempt at one text: begin ══▶ job → judge → settle with its report ══▶

use std::sync::Arc;

use tokio::sync::oneshot;

use super::{
    Shared, fastrand,
    lane::{Lane, Slot},
    mates,
    policy::{Circumstances, Tell, Verdict, judge, judge_interrupted, was_sent},
    vitals::Moment,
};
use crate::{
    gateway::{Attempt, Job, Split},
    ground::{Enhanced, Fault, Outcome, Scope, Timestamp},
    observe::{self, metrics::Metrics},
    report::Kind,
    sms::{
        Segment, national,
        split::{self, Reference},
    },
    store::{Begin, Closed, Item, NewLink, Next, Note, SegmentState, Settle, Text},
};

/// Carries out one attempt from a lease to its settlement; `mates` were leased to go out with it in one text.
pub async fn step(shared: &Shared, lane: &Lane, item: Item, mates: Vec<Item>, slot: &mut Slot) {
    let now = shared.clock.now();
    let over = item.expires <= now || shared.stop.is_cancelled();
    let Some(own) = item.payload.text().filter(|_| !over) else {
        // The sweeper closes what is over: it knows whether the clock can be trusted.
        let ids: Vec<_> = std::iter::once(&item).chain(&mates).map(|item| item.id).collect();
        return shared.store.give_back(&ids);
    };
    let joined = mates::join(shared, &item, mates, now).await;
    let text = joined.text.as_ref().unwrap_or(own);
    let segments = match segments_of(shared, &item, text, lane) {
        Ok(segments) => segments,
        Err(fault) => {
            shared.store.give_back(&joined.ids());
            return fail(shared, &item, fault).await;
        }
    };
    let requests = u8::try_from(segments.len()).unwrap_or(u8::MAX);
    let Some(n) = next_segment(&item, requests) else {
        // Everything was sent already: only a receipt or its time can be missing.
        shared.store.give_back(&joined.ids());
        return finish(shared, lane, &item, requests).await;
    };
    let frozen = (requests > 1 && kept(&item).is_none())
        .then(|| serde_json::to_string(&segments).expect("segments are plain data: strings and octets"));
    let mut begins = vec![Begin { frozen, spend: slot.spend(), ..begin_of(shared, lane, &item, own, n) }];
    let others = joined.mates.iter().filter_map(|mate| Some((mate, mate.payload.text()?)));
    begins.extend(others.map(|(mate, text)| begin_of(shared, lane, mate, text, n)));
    let Some(attempts) = shared.begin_together(begins).await else { return };
    if slot.spend().is_none() {
        lane.vitals().partly(false);
    }
    let attempt = attempts.first().copied().unwrap_or_default();
    let outcomes = run(shared, lane, (&item, joined.expires(&item)), text, segments, (n, attempt), now).await;
    slot.end(item.id, &outcomes);
    let begun: Vec<Item> = std::iter::once(item)
        .chain(joined.mates)
        .zip(attempts)
        .map(|(item, attempts)| Item { attempts, last_attempt: Some(now), ..item })
        .collect();
    for (item, text) in begun.iter().filter_map(|item| Some((item, item.payload.text()?))) {
        unshown(shared, lane, item, text, n).await;
    }
    settle(shared, lane, &begun, &outcomes, requests).await;
}

/// An attempt at one message, as it is written down.
fn begin_of(shared: &Shared, lane: &Lane, item: &Item, text: &Text, n: u8) -> Begin {
    Begin {
        id: item.id,
        gateway: Some(lane.id.clone()),
        parts: n..n + 1,
        frozen: None,
        link: link_of(shared, lane, text),
        spend: None,
        ours: (!text.confirms).then(|| lane.ours()),
    }
}

/// A gateway that cannot show the wished sender shows its own number: once, and the history says so.
async fn unshown(shared: &Shared, lane: &Lane, item: &Item, text: &Text, n: u8) {
    if n > 0 || text.sender.as_ref().is_none_or(|sender| lane.shows(sender)) {
        return;
    }
    observe::log::unshown(item.id, &lane.id);
    let cause = "the gateway cannot show the wished sender and used its own number".to_owned();
    let note = Note { id: item.id, what: "unshown", gateway: lane.id.clone(), cause };
    if let Err(down) = shared.store.note(vec![note]).await {
        observe::log::store_down("note", down);
    }
}

/// The segmentation that a message in parts keeps: from the first part that went out, whatever the gateway is configured
/// to do by now. Until then each gateway is given what it can take.
fn kept(item: &Item) -> Option<&str> {
    item.frozen.as_deref().filter(|_| item.segments.iter().any(|s| was_sent(s.state)))
}

/// What this gateway is to be given.
fn segments_of(shared: &Shared, item: &Item, text: &Text, lane: &Lane) -> Result<Vec<Segment>, Fault> {
    if let Some(frozen) = kept(item) {
        return serde_json::from_str(frozen)
            .map_err(|_| Fault::new(Scope::Message, Enhanced::new(5, 3, 5), "its stored segments cannot be read"));
    }
    let reference = Reference::Eight(text.reference);
    let whole = || vec![Segment { body: text.content.body.clone(), udh: text.content.udh.clone() }];
    let traits = lane.traits();
    let cut = match traits.split {
        Split::Provider if !needs_parts(text) => Ok(whole()),
        // A coding that the sender gave leaves no choice of tables.
        Split::Udh if traits.shift_tables && text.dcs.is_none() => {
            split::split(&national::choose(&text.content, &shared.settings.shift_tables, reference), reference)
        }
        Split::Provider | Split::Udh => split::split(&text.content, reference),
        Split::Separate => split::separate(&text.content),
    };
    cut.map_err(|_| {
        Fault::new(Scope::Message, Enhanced::new(5, 3, 4), "the text takes more segments than a message may have")
    })
}

/// Binary over one segment always goes in parts with its header, whatever the gateway does with words.
fn needs_parts(text: &Text) -> bool {
    matches!(text.content.body, crate::sms::Body::Binary(_)) && text.parts > 1
}

/// The first segment (from 0) that was not sent yet.
fn next_segment(item: &Item, requests: u8) -> Option<u8> {
    (0..requests).find(|n| !item.segments.iter().any(|s| s.n == n + 1 && was_sent(s.state)))
}

fn link_of(shared: &Shared, lane: &Lane, text: &Text) -> Option<NewLink> {
    let mailbox = text.origin.reply_to.clone().filter(|_| shared.settings.call_log)?;
    Some(NewLink {
        phone: text.to.as_str().to_owned(),
        gateway: lane.id.clone(),
        number: lane.settings.number.clone(),
        mailbox,
        expires: shared.clock.now() + shared.settings.keep_links,
    })
}

async fn run(
    shared: &Shared,
    lane: &Lane,
    (item, expires): (&Item, Timestamp),
    text: &Text,
    segments: Vec<Segment>,
    (n, attempt): (u8, u32),
    now: Timestamp,
) -> Vec<(u8, Outcome)> {
    let left = expires.since(now);
    let attempt = Attempt {
        id: item.id,
        n: attempt,
        to: text.to.clone(),
        content: text.content.clone(),
        segments,
        parts: text.parts,
        wire: text.wire.clone(),
        sender: text.sender.clone().filter(|sender| lane.shows(sender)),
        sender_phone: text.sender_phone.clone(),
        pid: text.pid,
        dcs: text.dcs,
        value: text.value.clone(),
        trace: text.trace.through(&shared.settings.node),
        validity: lane.settings.validity.map_or(left, |most| left.min(most)),
    };
    let (reply, answer) = oneshot::channel();
    let job = Job { attempt: Arc::new(attempt), parts: n..n + 1, reply };
    if lane.jobs().send(job).await.is_err() {
        let fault = Fault::new(Scope::Gateway, Enhanced::new(4, 3, 2), "the gateway is not running");
        return vec![(n, Outcome::Later(fault))];
    }
    let mut outcomes = answer.await.unwrap_or_default();
    if !outcomes.iter().any(|(part, _)| *part == n) {
        let fault = Fault::new(Scope::Message, Enhanced::new(4, 4, 2), "the gateway gave no answer");
        outcomes.push((n, Outcome::Unsure(fault)));
    }
    outcomes
}

/// Judges the outcome for every message that was in the text, the leading one first, and writes it in one transaction.
async fn settle(shared: &Shared, lane: &Lane, items: &[Item], outcomes: &[(u8, Outcome)], requests: u8) {
    let Some(leader) = items.first() else { return };
    // The same pause for all of them: they may go out together again.
    let at = circumstances(shared, lane, leader, requests);
    let mut settlements = Vec::with_capacity(items.len());
    for item in items {
        for (_, outcome) in outcomes {
            let (word, fault) = words_of(outcome);
            observe::log::outcome(item.id, &lane.id, item.attempts, word, fault);
            observe::METRICS.attempt(lane.id.as_str(), word);
        }
        let verdict = judge(item, outcomes, &at);
        settlements.push(settlement(shared, item, item.attempts, verdict, Some(lane)).await);
    }
    let first = settlements.first();
    if let (Some(text), true) =
        (leader.payload.text(), first.and_then(|s| s.fault.as_ref()).is_some_and(|f| f.opted_out))
    {
        observe::log::opting(Some(&lane.id), &text.to.masked(), true, "provider");
        Metrics::count(&observe::METRICS.opt_outs, "provider");
    }
    if first.is_some_and(|settle| matches!(&settle.next, Next::Waiting { pin: Some(_), .. })) {
        lane.vitals().partly(true);
    }
    written(shared.store.settle_together(settlements).await);
}

fn circumstances(shared: &Shared, lane: &Lane, item: &Item, requests: u8) -> Circumstances {
    let now = shared.clock.now();
    let lanes = shared.lanes.now();
    let text = item.payload.text();
    let at = Moment::of(&shared.clock);
    let could = |other: &Lane| other.id != lane.id && other.standing(at).up && text.is_some_and(|t| other.carries(t));
    let elsewhere = lanes.members(&item.key).into_iter().any(|other| could(other));
    Circumstances {
        now,
        gateway: lane.id.clone(),
        on_unsure: lane.settings.on_unsure,
        backoff: shared.settings.backoff,
        jitter: fastrand(),
        receipt_wait: lane.traits().receipts.then_some(shared.settings.receipt_wait),
        requests,
        elsewhere,
    }
}

/// Writes a verdict with its report in one transaction.
async fn conclude(shared: &Shared, item: &Item, attempt: u32, verdict: Verdict, lane: Option<&Lane>) {
    let settlement = settlement(shared, item, attempt, verdict, lane).await;
    written(shared.store.settle(settlement).await);
}

fn written(counts: bool) {
    if !counts {
        observe::log::oddity("settle", "a later attempt exists; this outcome is kept in the history only");
    }
}

/// What a verdict makes of a message, with the report that is due.
async fn settlement(shared: &Shared, item: &Item, attempt: u32, verdict: Verdict, lane: Option<&Lane>) -> Settle {
    let kind = match verdict.tell {
        Tell::Nothing => None,
        Tell::Failed => Some(Kind::Failed),
        Tell::Unsure => Some(Kind::Unsure),
        Tell::Relayed => Some(Kind::Relayed),
    };
    let gateway = lane.map(|lane| &lane.id);
    let mut told = crate::report::Told::default();
    if let Some(kind) = kind {
        let sent = sent_segments(item, &verdict);
        told = shared.reporter.tell(item, kind, verdict.fault.as_ref(), gateway, sent).await;
    }
    let refund = item.payload.text().and_then(|text| text.charged.clone()).filter(|_| verdict.refund);
    Settle {
        id: item.id,
        attempt,
        segments: verdict.segments,
        next: verdict.next,
        fault: verdict.fault,
        event: verdict.event,
        errands: told.errand.into_iter().collect(),
        refund,
        unlink: verdict.unlink,
        dead: told.dead,
        withdraw: false,
    }
}

fn sent_segments(item: &Item, verdict: &Verdict) -> usize {
    sent_before(item) + verdict.segments.iter().filter(|(_, state, _)| *state == SegmentState::Sent).count()
}

/// How many of its segments the network has taken.
pub fn sent_before(item: &Item) -> usize {
    item.segments.iter().filter(|s| matches!(s.state, SegmentState::Sent | SegmentState::Delivered)).count()
}

/// Closes a message that none of the gateways it may use can ever carry.
pub async fn cannot_carry(shared: &Shared, item: &Item) {
    fail(
        shared,
        item,
        Fault::new(Scope::Message, Enhanced::new(5, 4, 4), "no gateway can carry a message of this kind"),
    )
    .await;
}

/// Closes a message whose phone has opted out, since it was accepted, of every number that it could go by.
pub async fn opted_out(shared: &Shared, item: &Item) {
    let why = "the phone has opted out of texts from here";
    fail(shared, item, Fault::new(Scope::Recipient, Enhanced::new(5, 7, 1), why)).await;
}

/// Puts a message off that only a busy gateway can carry, for the shortest pause.
pub async fn put_off(shared: &Shared, item: &Item) {
    wait_until(shared, item, shared.clock.now() + shared.settings.backoff.min, None).await;
}

/// Puts a message off until a gateway's day begins.
pub async fn tomorrow(shared: &Shared, item: &Item, at: Timestamp) {
    let why = "the gateways that can carry it have sent their daily maximum";
    wait_until(shared, item, at, Some(Fault::new(Scope::Message, Enhanced::new(4, 4, 5), why))).await;
}

async fn wait_until(shared: &Shared, item: &Item, at: Timestamp, fault: Option<Fault>) {
    let verdict = Verdict {
        segments: Vec::new(),
        next: Next::Waiting { at, pin: None },
        event: "deferred",
        fault,
        tell: Tell::Nothing,
        refund: false,
        unlink: false,
    };
    let settlement = settlement(shared, item, 0, verdict, None).await;
    // Where a person has held it meanwhile, it stays held.
    shared.store.settle(settlement).await;
    shared.store.give_back(&[item.id]);
}

async fn fail(shared: &Shared, item: &Item, fault: Fault) {
    let verdict = Verdict {
        segments: Vec::new(),
        next: Next::Closed(Closed::Failed),
        event: "failed",
        fault: Some(fault),
        tell: Tell::Failed,
        refund: !item.segments.iter().any(|s| was_sent(s.state)),
        unlink: false,
    };
    conclude(shared, item, 0, verdict, None).await;
    shared.store.give_back(&[item.id]);
}

/// All segments were sent, but the message is still open: it closes now.
async fn finish(shared: &Shared, lane: &Lane, item: &Item, requests: u8) {
    let at = circumstances(shared, lane, item, requests);
    let verdict = judge(item, &[], &at);
    conclude(shared, item, 0, verdict, Some(lane)).await;
    shared.store.give_back(&[item.id]);
}

/// Follows `on_unsure` for an attempt of an earlier run.
pub async fn interrupted(shared: &Shared, item: &Item) {
    let lanes = shared.lanes.now();
    let lane = item.gateway.as_ref().and_then(|id| lanes.get(id));
    let segments = item.payload.text().map_or(1, |text| text.parts);
    let at = match lane {
        Some(lane) => circumstances(shared, lane, item, segments),
        None => orphaned(shared, item),
    };
    let choice = at.on_unsure.word();
    observe::log::interrupted(item.id, item.gateway.as_ref(), choice);
    let verdict = judge_interrupted(item, &at);
    conclude(shared, item, item.attempts, verdict, lane.map(AsRef::as_ref)).await;
}

/// The gateway of the attempt is not configured any more: the careful choice.
fn orphaned(shared: &Shared, item: &Item) -> Circumstances {
    Circumstances {
        now: shared.clock.now(),
        gateway: item.gateway.clone().unwrap_or_else(|| "gone".parse().expect("a sound id")),
        on_unsure: super::policy::OnUnsure::Report,
        backoff: shared.settings.backoff,
        jitter: fastrand(),
        receipt_wait: None,
        requests: 1,
        elsewhere: false,
    }
}

/// The word of an outcome in logs and metrics.
fn words_of(outcome: &Outcome) -> (&'static str, Option<&Fault>) {
    match outcome {
        Outcome::Sent(_) => ("sent", None),
        Outcome::Later(fault) => ("later", Some(fault)),
        Outcome::Never(fault) => ("never", Some(fault)),
        Outcome::Unsure(fault) => ("unsure", Some(fault)),
    }
}
