//! Queueing: duplicates, quotas, ranks, and the lines of new items.
//!
//! The one writer sees every use of a pool, and what it decides is written in the transaction that it read in: a limit
//! of 10 lets 10 through however many ask at once.

use super::{
    brake,
    fair::Flow,
    load::Need,
    optout,
    row::{Row, lane_of},
    work::Work,
    write::Table,
};
use crate::ground::MessageId;
use crate::store::{Charge, New, Payload, Placed, Refused};

/// What must be known to put these.
pub fn need<'a>(batch: impl IntoIterator<Item = &'a New>, need: &mut Need, careful: bool) {
    for new in batch {
        if let Some(print) = &new.fingerprint {
            need.fingerprints.insert(hex(&print.hash));
        }
        if let Some(charge) = &new.charge {
            need.pools.insert((charge.pool.as_str().to_owned(), charge.month.0));
        }
        brake::need(new, need);
        if let (false, Payload::Text(text)) = (new.candidates.is_empty(), &new.payload) {
            need.opted.insert(text.to.as_str().to_owned());
        }
        if careful {
            need.existing.insert(new.id);
        }
    }
}

/// Queues a batch; with `all`, everything or nothing.
pub fn put(work: &mut Work<'_>, batch: &[New], all: bool) -> Vec<Result<Placed, Refused>> {
    let mut answers: Vec<_> = batch.iter().map(|new| decide(work, new)).collect();
    if all && answers.iter().any(Result::is_err) {
        for (new, answer) in batch.iter().zip(&mut answers) {
            if let Ok(placed) = *answer {
                if matches!(placed, Placed::New(_)) {
                    undo(work, new);
                }
                *answer = Err(Refused::WithOthers);
            }
        }
        return answers;
    }
    for (new, answer) in batch.iter().zip(&answers) {
        if matches!(answer, Ok(Placed::New(_))) {
            enqueue(work, new);
        }
    }
    answers
}

/// Queues what follows from a step: what is there already is left alone, what is refused leaves an event.
pub fn errands(work: &mut Work<'_>, errands: &[New]) {
    let fresh: Vec<_> = errands.iter().filter(|new| !work.existing.contains(&new.id)).cloned().collect();
    for (new, answer) in fresh.iter().zip(put(work, &fresh, false)) {
        let why = match answer {
            Ok(_) => continue,
            Err(Refused::Braked(braked)) => format!("a brake took hold: {}", braked.kind.word()),
            Err(Refused::OptedOut) => "its phone has opted out".to_owned(),
            Err(Refused::Quota { .. } | Refused::WithOthers) => "its account has no room left this month".to_owned(),
        };
        work.event(new.id, "refused", None, None, Some(&why));
    }
}

fn decide(work: &mut Work<'_>, new: &New) -> Result<Placed, Refused> {
    let print = new.fingerprint.map(|print| (hex(&print.hash), print.until));
    if let Some(before) = print.as_ref().and_then(|(hash, _)| known(work, hash)) {
        return Ok(Placed::Before(before));
    }
    if new.payload.text().is_some_and(|text| optout::from_all(work, text.to.as_str(), &new.candidates)) {
        return Err(Refused::OptedOut);
    }
    if let Some(Charge { pool, month, amount, limit }) = &new.charge {
        let used = work.used(pool.as_str(), month.0);
        let after = used.saturating_add(*amount);
        if let Some(limit) = limit.filter(|limit| after > *limit) {
            return Err(Refused::Quota { used, limit });
        }
    }
    if let Some(braked) = work.brakes.check(&new.brakes, work.now) {
        return Err(Refused::Braked(braked));
    }
    if let Some(Charge { pool, month, amount, .. }) = &new.charge {
        let after = work.used(pool.as_str(), month.0).saturating_add(*amount);
        work.set_used(pool.as_str(), month.0, after);
    }
    brake::count(work, new);
    if let Some((hash, until)) = print {
        work.fingerprints.insert(hash, (new.id, until));
    }
    Ok(Placed::New(new.id))
}

/// Whose message has this fingerprint already.
fn known(work: &Work<'_>, hash: &str) -> Option<MessageId> {
    let before = work.fingerprints.get(hash).map(|(id, _)| *id);
    before.or_else(|| work.shared.young().of(hash, work.now))
}

fn undo(work: &mut Work<'_>, new: &New) {
    brake::take_back(work, new);
    if let Some(charge) = &new.charge {
        let used = work.used(charge.pool.as_str(), charge.month.0);
        work.set_used(charge.pool.as_str(), charge.month.0, used.saturating_sub(charge.amount));
    }
    if let Some(print) = &new.fingerprint {
        work.fingerprints.remove(&hex(&print.hash));
    }
}

fn enqueue(work: &mut Work<'_>, new: &New) {
    let (flow, cost) = match &new.payload {
        Payload::Text(text) => (text.account.as_str().to_owned(), text.parts),
        Payload::Mail(mail) => (mail.to.as_str().to_ascii_lowercase(), 1),
        Payload::Errand(errand) => (errand.rule.clone(), 1),
    };
    let flow = Flow { lane: lane_of(&new.key), priority: new.priority as u8, flow };
    let (rank, times) = work.shared.fair().rank(&flow, cost);
    work.fair.extend(times);

    let row = Row::new(new, work.now, rank);
    let at = work.writes.json(&new.payload);
    work.writes.push(Table::Body, &(new.id, at.from, at.len));
    work.queue_line(Table::QueueNew, &row);
    if let Some(tally) = row.tally() {
        work.count(tally, 1);
    }
    work.event(new.id, "accepted", None, None, new.note);
    if let Some(why) = &new.held {
        work.event(new.id, "held", None, None, Some(why));
    }
    if let Some(mid) = &row.mid {
        work.writes.push(Table::MailId, &(mid, new.id));
    }
    if let Some(print) = &new.fingerprint {
        work.fresh.add(print, new.id);
    }
    if let Some(original) = new.original.as_ref().filter(|original| work.originals.insert(original.id.0)) {
        let headers = work.writes.octets(&original.headers);
        let body = original.body.as_ref().map(|body| work.writes.octets(body));
        let (from, len) = body.map_or((None, None), |body| (Some(body.from), Some(body.len)));
        work.writes.push(Table::Original, &(original.id, work.now, headers.from, headers.len, from, len));
    }
    if row.is_waiting() {
        work.wakes.lane(&row.key);
        work.brought.new_item(&row, &new.payload, |kind| work.shared.handovers().wanted(kind));
    }
}

/// Octets as hexadecimal digits.
pub fn hex(octets: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let pair = |octet: &u8| [DIGITS[usize::from(octet >> 4)], DIGITS[usize::from(octet & 15)]];
    octets.iter().flat_map(pair).map(char::from).collect()
}
