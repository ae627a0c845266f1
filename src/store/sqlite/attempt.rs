//! Attempts: written down before they are made, settled once, answered late.
//!
//! An attempt begins only from the very row that was leased: whatever touched the item since has raised its version.
//! A settlement counts for the last attempt alone; after an unsure one, its real outcome may still come and wins.

use super::{
    load::Need,
    optout, put,
    receipt::{self, norm},
    row::{Row, Stage},
    work::{Place, Work},
    write::Table,
};
use crate::{
    ground::{GatewayId, MessageId, RemoteId},
    store::{Begin, Closed, Next, Payload, SegmentState, Settle, Why},
};

/// What must be known to begin these.
pub fn need_begin(batch: &[Begin], need: &mut Need) {
    need.rows.extend(batch.iter().map(|begin| begin.id));
    need.opted_rows |= batch.iter().any(|begin| begin.ours.is_some());
}

/// Writes attempts down; `None` where the item can no longer begin.
pub fn begin(work: &mut Work<'_>, batch: &[Begin]) -> Vec<Option<u32>> {
    batch.iter().map(|begin| begin_one(work, begin)).collect()
}

/// Writes the attempt at several messages down that go out as one text, the first leading: all of them, or none.
pub fn begin_together(work: &mut Work<'_>, batch: &[Begin]) -> Vec<Option<u32>> {
    if !batch.iter().all(|begin| can_begin(work, begin)) {
        // Those that still can are leased anew.
        batch.iter().for_each(|begin| work.wake(begin.id));
        return vec![None; batch.len()];
    }
    let numbers = begin(work, batch);
    let Some((leader, mates)) = batch.split_first() else { return numbers };
    let ids: Vec<MessageId> = mates.iter().map(|mate| mate.id).collect();
    for mate in &ids {
        work.change(*mate, |row| row.leader = Some(leader.id));
        work.event(*mate, "joined", leader.gateway.as_ref(), None, Some(&format!("in one text with {}", leader.id)));
    }
    work.event(
        leader.id,
        "joined",
        leader.gateway.as_ref(),
        None,
        Some(&format!("in one text with {} more", ids.len())),
    );
    work.change(leader.id, |row| row.mates = ids);
    numbers
}

/// Is it as it was leased, and may its phone be written to?
fn can_begin(work: &Work<'_>, begin: &Begin) -> bool {
    let leased = work.shared.leases().version(begin.id);
    let Some(row) = work.row(begin.id) else { return false };
    let opted = |ours| optout::from_all(work, &row.to, std::slice::from_ref(ours));
    row.is_waiting() && Some(row.version) == leased && !begin.ours.as_ref().is_some_and(opted)
}

fn begin_one(work: &mut Work<'_>, begin: &Begin) -> Option<u32> {
    if !can_begin(work, begin) {
        // It may have opted out since it was leased: whoever leases it next sees that.
        work.wake(begin.id);
        return None;
    }
    let row = work.row(begin.id)?;
    let left = left_behind(row, begin);
    let (epoch, now) = (work.shared.epoch, work.now);
    work.change(begin.id, |row| {
        row.stage = Stage::Trying;
        row.epoch = epoch;
        row.attempts += 1;
        row.tried = Some(now);
        row.unsure = false;
        row.begun = Some((begin.parts.start, begin.parts.end));
        row.spend = begin.spend;
        row.mates.clear();
        row.leader = None;
        row.ours.clone_from(&begin.ours);
        if begin.gateway.is_some() {
            row.gateway.clone_from(&begin.gateway);
        }
        row.reach(begin.parts.end);
        for n in begin.parts.clone() {
            let segment = &mut row.segments[usize::from(n)];
            if !matches!(segment.state, SegmentState::Sent | SegmentState::Delivered | SegmentState::Failed) {
                segment.state = SegmentState::Trying;
            }
        }
    });
    if let Some(frozen) = &begin.frozen {
        work.writes.push(Table::Frozen, &(begin.id, frozen));
    }
    if let (Some(spend), Some(gateway)) = (begin.spend, &begin.gateway) {
        work.spend(gateway, spend, 1);
    }
    let segment = (begin.parts.len() == 1).then(|| begin.parts.start.saturating_add(1));
    work.event(begin.id, "begun", begin.gateway.as_ref(), segment, None);
    if let Some(link) = &begin.link {
        let number = link.number.as_deref().unwrap_or("");
        let line = (&link.phone, &link.gateway, number, &link.mailbox, begin.id, work.now, link.expires);
        work.writes.push(Table::Link, &line);
        if let Some(other) = left {
            work.writes.push(Table::LinkLeft, &(&link.phone, begin.id, other));
        }
    }
    work.row(begin.id).map(|row| row.attempts)
}

/// The gateway that this message goes on from: the phone has had nothing of it from there.
fn left_behind(row: &Row, begin: &Begin) -> Option<GatewayId> {
    let untouched = |state| matches!(state, SegmentState::Waiting | SegmentState::Failed);
    let other = row.gateway.clone().filter(|other| begin.gateway.as_ref() != Some(other));
    other.filter(|_| row.segments.iter().all(|segment| untouched(segment.state)))
}

/// What must be known to settle this.
pub fn need(settle: &Settle, need: &mut Need, careful: bool) {
    need.rows.insert(settle.id);
    if settle.withdraw {
        need.about.insert(settle.id);
    }
    need.payloads |= matches!(settle.next, Next::Redirect { .. });
    need.parked.extend(settle.segments.iter().filter_map(|(_, _, id)| id.as_ref()).map(norm));
    if let Some(refund) = &settle.refund {
        need.pools.insert((refund.pool.as_str().to_owned(), refund.month.0));
    }
    need.opted_rows |= says_opted_out(settle);
    put::need(&settle.errands, need, careful);
}

fn says_opted_out(settle: &Settle) -> bool {
    settle.fault.as_ref().is_some_and(|fault| fault.opted_out)
}

/// Whether a settlement counts, and whether it comes late.
fn counts(row: &Row, place: Place, settle: &Settle) -> Option<bool> {
    if settle.attempt == 0 {
        // Only what waits is put off: a person may have held it since it was leased.
        let open = match settle.next {
            Next::Waiting { .. } => row.is_waiting(),
            _ => !matches!(row.stage, Stage::Trying | Stage::Closed),
        };
        return open.then_some(false);
    }
    if settle.attempt != row.attempts {
        return None;
    }
    if row.stage == Stage::Trying {
        return Some(false);
    }
    let kept = place != (Place::Closed { texts: false });
    (row.unsure && kept && settle.event != "unsure").then_some(true)
}

/// Settles messages that went out as one text, the leading one first in the list and last in the doing: what the network
/// said of it meanwhile concerns the others too.
pub fn settle_together(work: &mut Work<'_>, all: &[Settle]) -> bool {
    let Some((leader, mates)) = all.split_first() else { return false };
    for mate in mates {
        settle(work, mate);
    }
    settle(work, leader)
}

/// Writes an outcome and everything that follows from it; `false` where the attempt is not the last one any more.
pub fn settle(work: &mut Work<'_>, settle: &Settle) -> bool {
    let entry = work.rows.get(&settle.id);
    let Some(late) = entry.and_then(|entry| counts(&entry.row, entry.place, settle)) else {
        return false;
    };
    if late {
        work.event(settle.id, "late", None, None, None);
    }
    if late || settle.withdraw {
        withdraw(work, settle.id);
    }
    // Its receipts came while the answer was lost: it is with the network, whatever became of the answer.
    let proven = settle.event == "unsure" && work.row(settle.id).is_some_and(is_with_the_network);
    if proven {
        let pin = work.row(settle.id).and_then(|row| row.gateway.clone());
        let sent = Settle { next: Next::Waiting { at: work.now, pin }, event: "proven", ..bare(settle) };
        return self::settle(work, &sent);
    }
    give_back_the_day(work, settle, late);
    segments(work, settle);
    advance(work, settle);

    let gateway = work.row(settle.id).and_then(|row| row.gateway.clone()).filter(|_| settle.attempt > 0);
    let segment = match settle.segments.as_slice() {
        [(n, ..)] => Some(n.saturating_add(1)),
        _ => None,
    };
    let cause = settle.fault.as_ref().map(ToString::to_string);
    work.event(settle.id, settle.event, gateway.as_ref(), segment, cause.as_deref());
    receipt::overtook(work, settle, gateway.as_ref());

    if says_opted_out(settle) {
        optout::refused(work, settle.id);
    }
    if let Some(refund) = &settle.refund {
        let used = work.used(refund.pool.as_str(), refund.month.0);
        work.set_used(refund.pool.as_str(), refund.month.0, used.saturating_sub(refund.amount));
    }
    if settle.unlink {
        let phone = work.row(settle.id).map(|row| row.to.clone()).unwrap_or_default();
        work.writes.push(Table::LinkGone, &(phone, settle.id));
    }
    if let Some(letter) = &settle.dead {
        work.bury(letter);
    }
    put::errands(work, &settle.errands);
    true
}

/// The network spoke of all that the attempt was about.
fn is_with_the_network(row: &Row) -> bool {
    let (from, to) = row.begun.unwrap_or_default();
    let known = |n: u8| {
        let state = row.segments.get(usize::from(n)).map(|segment| segment.state);
        matches!(state, Some(SegmentState::Sent | SegmentState::Delivered | SegmentState::Failed))
    };
    row.stage == Stage::Trying && from < to && (from..to).all(known)
}

/// A settlement without what follows from being unsure: its lane goes on with the next segment, or finds that all are
/// sent.
fn bare(settle: &Settle) -> Settle {
    Settle {
        id: settle.id,
        attempt: settle.attempt,
        segments: Vec::new(),
        next: Next::Closed(Closed::Relayed),
        fault: None,
        event: settle.event,
        errands: Vec::new(),
        refund: None,
        unlink: false,
        dead: None,
        withdraw: false,
    }
}

/// Takes reports about a message back, as far as nobody has begun to send them.
pub fn withdraw(work: &mut Work<'_>, about: MessageId) {
    for report in work.reports.get(&about).cloned().unwrap_or_default() {
        if work.row(report).is_some_and(|row| row.is_open_for_hands() && row.attempts == 0) {
            work.change(report, |row| close(row, Closed::Cancelled));
            work.event(report, "withdrawn", None, None, None);
        }
    }
}

/// An attempt of which nothing went out takes nothing of its gateway's day.
fn give_back_the_day(work: &mut Work<'_>, settle: &Settle, late: bool) {
    let kept = |(_, state, _): &(u8, SegmentState, Option<RemoteId>)| {
        matches!(state, SegmentState::Sent | SegmentState::Delivered | SegmentState::Unsure)
    };
    if settle.attempt == 0 || late || settle.segments.is_empty() || settle.segments.iter().any(kept) {
        return;
    }
    let spent = work.row(settle.id).and_then(|row| Some((row.gateway.clone()?, row.spend?)));
    if let Some((gateway, spend)) = spent {
        work.spend(&gateway, spend, -1);
    }
}

/// Writes the outcome of each segment; a segment that the network has taken never goes back.
fn segments(work: &mut Work<'_>, settle: &Settle) {
    let rest = match (&settle.next, settle.event) {
        (_, "unsure") | (Next::Held(Why::Unsure), _) => SegmentState::Unsure,
        (Next::Sent { .. } | Next::Closed(Closed::Delivered | Closed::Relayed), _) => SegmentState::Sent,
        (Next::Closed(_), _) => SegmentState::Failed,
        _ => SegmentState::Waiting,
    };
    let mut refs: Vec<(u8, &RemoteId)> = Vec::new();
    work.change(settle.id, |row| {
        for (n, state, id) in &settle.segments {
            row.reach(n.saturating_add(1));
            let segment = &mut row.segments[usize::from(*n)];
            if goes(segment.state, *state) {
                segment.state = *state;
            }
            if let Some(id) = id {
                segment.reference = Some(id.as_str().to_owned());
                if row.leader.is_none() {
                    refs.push((*n, id));
                }
            }
        }
        row.spend = None;
        let tried = row.segments.iter_mut().filter(|segment| segment.state == SegmentState::Trying);
        tried.for_each(|segment| segment.state = rest);
    });
    let gateway = work.row(settle.id).and_then(|row| row.gateway.clone());
    for (n, id) in refs {
        if let Some(gateway) = &gateway {
            let key = (gateway.as_str().to_owned(), norm(id));
            work.writes.push(Table::Ref, &(&key.0, &key.1, settle.id, n));
            work.refs.insert(key, (settle.id, n));
        }
    }
}

fn goes(from: SegmentState, to: SegmentState) -> bool {
    match from {
        SegmentState::Delivered => false,
        SegmentState::Sent => matches!(to, SegmentState::Delivered | SegmentState::Failed),
        _ => true,
    }
}

pub fn close(row: &mut Row, result: Closed) {
    row.stage = Stage::Closed;
    row.result = Some(result);
    row.why = None;
}

/// Moves the item to its next state.
fn advance(work: &mut Work<'_>, settle: &Settle) {
    let now = work.now;
    work.change(settle.id, |row| {
        row.begun = None;
        row.result = None;
        row.unsure = settle.attempt > 0 && settle.event == "unsure";
        if settle.attempt > 0 || settle.fault.is_some() {
            row.fault.clone_from(&settle.fault);
        }
        match &settle.next {
            Next::Waiting { at, pin } => {
                if let Some(pin) = pin {
                    row.key = super::row::lane_of(&crate::store::Key::Gateway(pin.clone()));
                }
                row.wait(*at, now);
            }
            Next::Held(why) => {
                row.stage = Stage::Held;
                row.why = Some(*why);
            }
            Next::Sent { until } => {
                // Receipts for all of it may have come while the last segment was under way.
                let answered = row.is_answered();
                row.stage = if answered { Stage::Answered } else { Stage::Sent };
                row.next = if answered { now } else { *until };
            }
            Next::Closed(result) => close(row, *result),
            Next::Redirect { to, at, .. } => {
                row.attempts = 0;
                row.segments.clear();
                row.to = to.as_str().to_owned();
                row.wait(*at, now);
            }
        }
    });
    if let Next::Redirect { to, ladder, .. } = &settle.next {
        let payload = work.rows.get_mut(&settle.id).and_then(|entry| entry.payload.as_mut());
        if let Some(Payload::Mail(mail)) = payload {
            mail.to = to.clone();
            mail.ladder.clone_from(ladder);
            let payload = Payload::Mail(mail.clone());
            let at = work.writes.json(&payload);
            work.writes.push(Table::BodySave, &(settle.id, at.from, at.len));
        }
    }
}
