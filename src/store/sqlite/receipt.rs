//! Receipts: matched by (gateway, the network's id), parked when they overtake the answer, never backwards.
//!
//! A receipt changes segments only. When the network's word on the whole message is final, the item is *answered*: the
//! caller settles it (attempt 0), reports included. Until then the sweep gives it out again, so that neither a crash
//! nor a receipt that overtook its settlement loses the answer.

use std::time::Duration;

use super::{
    attempt,
    load::Need,
    row::{Stage, Tally, lane_of},
    work::{Entry, Work},
    write::Table,
};
use crate::{
    ground::{GatewayId, MessageId, RemoteId, Timestamp},
    store::{Closed, Item, Key, Part, Receipt, Reference, SegmentState, Settle, Why},
};

/// Receipts that may wait for their message.
const PARKED: i64 = 100_000;
/// How long the caller of a receipt has to settle an answered item before the sweep gives it out again.
const SETTLE_WITHIN: Duration = Duration::from_secs(60);

/// How long after a receipt the answer may come whose name it has, where another has that name.
const NEXT_WITHIN: Duration = Duration::from_secs(300);

/// A network's id in normal form: hexadecimal ones differ in case and in leading zeros between answer and receipt. What has
/// letters of both cases is no number that somebody wrote, but a word: there the case tells one from the other. Decimal
/// and hexadecimal ones are told apart by the definition of a provider (`[ids]`), never by their looks.
pub fn norm(id: &RemoteId) -> String {
    let id = id.as_str().trim();
    let of_one_case = !(id.bytes().any(|b| b.is_ascii_uppercase()) && id.bytes().any(|b| b.is_ascii_lowercase()));
    if id.len() <= 32 && of_one_case && id.bytes().all(|b| b.is_ascii_hexdigit()) {
        let short = id.trim_start_matches('0');
        return if short.is_empty() { "0".to_owned() } else { short.to_ascii_lowercase() };
    }
    id.to_owned()
}

/// What must be known to take this receipt.
pub fn need(receipt: &Receipt, need: &mut Need) {
    match &receipt.reference {
        Reference::Theirs(id) => {
            need.refs.insert((receipt.gateway.as_str().to_owned(), norm(id)));
            need.parked.insert(norm(id));
            need.rows.extend(echoed(id).map(|(id, _)| id));
        }
        Reference::Ours(id, _) => drop(need.rows.insert(*id)),
    }
    need.payloads = true;
    need.parked_count = true;
}

/// Takes a receipt; the item if it changed one of its segments.
pub fn receipt(work: &mut Work<'_>, receipt: &Receipt) -> Option<Item> {
    let theirs = match &receipt.reference {
        Reference::Ours(id, n) => return ours(work, *id, *n, receipt),
        Reference::Theirs(theirs) => theirs,
    };
    let key = (receipt.gateway.as_str().to_owned(), norm(theirs));
    if !work.refs.contains_key(&key)
        && let Some((id, n)) = echoed(theirs).filter(|(id, _)| went_by(work, *id, receipt))
    {
        return ours(work, id, n, receipt);
    }
    if let Some((id, n)) = work.refs.get(&key).copied() {
        if apply(work, id, n, receipt, SETTLE_WITHIN) {
            return item(work, id);
        }
        if !(receipt.reused && is_final(work, id, n)) {
            return None;
        }
        // All is known of that one: it is a repetition, or of the next one under this name, whose answer is on its way.
    }
    let known = work.parked.entry(key.clone()).or_default();
    if known.iter().any(|parked| same(parked, receipt)) {
        return None;
    }
    if work.parked_count >= PARKED {
        work.count(Tally::Dropped, 1);
        return None;
    }
    // Judged by when it came: the network's own clock may stand wrong.
    known.push(Receipt { at: work.now, ..receipt.clone() });
    work.parked_count += 1;
    work.count(Tally::Parked, 1);
    let fault = receipt.fault.as_ref().and_then(|fault| serde_json::to_string(fault).ok());
    let line = (&key.1, &key.0, receipt.state, written(&receipt.part), receipt.total, work.now, fault, receipt.reused);
    work.writes.push(Table::Parked, &line);
    None
}

/// Whether two parked receipts under one name say the same.
pub fn same(one: &Receipt, other: &Receipt) -> bool {
    one.state == other.state && one.part == other.part
}

/// A part as the table of parked receipts has it.
fn written(part: &Part) -> String {
    match part {
        Part::Named => String::new(),
        Part::Number(n) => format!("n{n}"),
        Part::Counted(event) => format!("c{event}"),
    }
}

/// The part that [`written`] wrote.
pub fn part_of(written: &str) -> Option<Part> {
    if written.is_empty() {
        return Some(Part::Named);
    }
    match written.split_at_checked(1)? {
        ("n", n) => n.parse().ok().map(Part::Number),
        ("c", event) => Some(Part::Counted(event.to_owned())),
        _ => None,
    }
}

/// An id of ours as a provider repeats it: its digits, of segments with `-` and the number from 1 behind them.
fn echoed(id: &RemoteId) -> Option<(MessageId, u8)> {
    let (id, n) = id.as_str().split_once('-').map_or((id.as_str(), Some(1)), |(id, n)| (id, n.parse::<u8>().ok()));
    let sound = id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit());
    Some((id.parse().ok().filter(|_| sound)?, n?.checked_sub(1)?))
}

/// Whether the last attempt at it was made by the gateway that brings the receipt.
fn went_by(work: &Work<'_>, id: MessageId, receipt: &Receipt) -> bool {
    work.row(id).is_some_and(|row| row.attempts > 0 && row.gateway.as_ref() == Some(&receipt.gateway))
}

/// A receipt that names a message by our id: it stands in the store before any attempt, so nothing is parked.
fn ours(work: &mut Work<'_>, id: MessageId, n: u8, receipt: &Receipt) -> Option<Item> {
    let known = went_by(work, id, receipt) && apply(work, id, n, receipt, SETTLE_WITHIN);
    known.then(|| item(work, id)).flatten()
}

/// Applies the receipts that came before the settlement which names their ids.
pub fn overtook(work: &mut Work<'_>, settle: &Settle, gateway: Option<&GatewayId>) {
    let Some(gateway) = gateway else { return };
    for (n, _, id) in &settle.segments {
        if let Some(id) = id {
            unpark(work, &(gateway.as_str().to_owned(), norm(id)), settle.id, *n);
        }
    }
}

/// Applies what is parked under `key`; whether it changed anything.
fn unpark(work: &mut Work<'_>, key: &(String, String), id: MessageId, n: u8) -> bool {
    let mut changed = false;
    let mut kept = Vec::new();
    let knows_parts = work.rows.get(&id).is_some_and(|entry| entry.payload.is_some());
    for receipt in work.parked.remove(key).unwrap_or_default() {
        // Of how many parts it is one stands in the text: the sweep reads that, a settlement does not.
        if receipt.part != Part::Named && receipt.total.is_none() && !knows_parts {
            kept.push(receipt);
            continue;
        }
        let tried = work.row(id).and_then(|row| row.tried);
        let before = receipt.reused && tried.is_some_and(|tried| receipt.at < tried);
        // Not of this one: the next one under the name shall find it, but no repetition of today that of tomorrow.
        let of_another = before || receipt.reused && is_final(work, id, n);
        if of_another && work.now < receipt.at + NEXT_WITHIN {
            kept.push(receipt);
            continue;
        }
        changed |= !before && apply(work, id, n, &receipt, Duration::ZERO);
        work.writes.push(Table::ParkedGone, &(&key.1, &key.0, receipt.state, written(&receipt.part)));
        work.count(Tally::Parked, -1);
    }
    if !kept.is_empty() {
        work.parked.insert(key.clone(), kept);
    }
    changed
}

/// One page of the sweep: parked receipts matched again, and answered items that nobody settled.
pub fn sweep(work: &mut Work<'_>, now: Timestamp) -> Vec<Item> {
    let mut ids = work.unsettled.clone();
    let matched: Vec<_> = work.refs.iter().map(|(key, at)| (key.clone(), *at)).collect();
    for (key, (id, n)) in matched {
        if unpark(work, &key, id, n) && !ids.contains(&id) {
            ids.push(id);
        }
    }
    for id in work.unsettled.clone() {
        let again = now + SETTLE_WITHIN;
        work.change(id, |row| row.next = again);
    }
    if work.parked_old > 0 {
        let cut = now - super::load::PARKED_FOR;
        work.writes.push(Table::ParkedOld, &(cut,));
        work.count(Tally::Parked, -work.parked_old);
    }
    ids.into_iter().filter_map(|id| item(work, id)).collect()
}

/// The item with its payload, if that is still kept.
fn item(work: &Work<'_>, id: MessageId) -> Option<Item> {
    let Entry { row, payload, .. } = work.rows.get(&id)?;
    payload.clone().map(|payload| row.item(payload, None))
}

/// Whether nothing more is to be heard of that segment.
fn is_final(work: &Work<'_>, id: MessageId, n: u8) -> bool {
    let state = work.row(id).and_then(|row| row.segments.get(usize::from(n))).map(|segment| segment.state);
    matches!(state, Some(SegmentState::Delivered | SegmentState::Failed))
}

fn goes(from: SegmentState, to: SegmentState) -> bool {
    match to {
        SegmentState::Delivered | SegmentState::Failed => {
            !matches!(from, SegmentState::Delivered | SegmentState::Failed)
        }
        SegmentState::Sent => {
            matches!(from, SegmentState::Waiting | SegmentState::Trying | SegmentState::Unsure)
        }
        SegmentState::Waiting | SegmentState::Trying | SegmentState::Unsure => false,
    }
}

/// What is heard of a text concerns all that went out in it; the sweep gives out those that led it not.
fn apply(work: &mut Work<'_>, id: MessageId, n: u8, receipt: &Receipt, within: Duration) -> bool {
    for mate in work.row(id).map(|row| row.mates.clone()).unwrap_or_default() {
        if work.row(mate).is_some_and(|row| row.leader == Some(id)) {
            apply_one(work, mate, n, receipt, Duration::ZERO);
        }
    }
    apply_one(work, id, n, receipt, within)
}

fn apply_one(work: &mut Work<'_>, id: MessageId, n: u8, receipt: &Receipt, within: Duration) -> bool {
    let at = work.now + within;
    let Some(n) = part(work, id, n, receipt) else { return false };
    let Some(row) = work.row(id) else { return false };
    let state = row.segments.get(usize::from(n)).map_or(SegmentState::Waiting, |segment| segment.state);
    let closed = row.stage == Stage::Closed;
    // A closed item keeps its end, but a word of delivery is better than what was known.
    let allowed = match row.result {
        Some(Closed::Relayed) => receipt.state == SegmentState::Delivered,
        Some(Closed::Failed) => {
            receipt.state == SegmentState::Delivered && (row.unsure || state == SegmentState::Unsure)
        }
        Some(_) => false,
        None => goes(state, receipt.state),
    };
    if !allowed {
        return false;
    }
    work.change(id, |row| {
        row.reach(n.saturating_add(1));
        row.segments[usize::from(n)].state = receipt.state;
        if receipt.fault.is_some() {
            row.fault.clone_from(&receipt.fault);
        }
        if row.stage == Stage::Sent && row.is_answered() {
            row.stage = Stage::Answered;
            row.next = at;
        }
        if closed && row.segments.iter().all(|segment| segment.state == SegmentState::Delivered) {
            row.result = Some(Closed::Delivered);
            row.unsure = false;
        }
    });
    let word = match receipt.state {
        SegmentState::Delivered => "delivered",
        SegmentState::Failed => "failed",
        _ => "on its way",
    };
    let cause = receipt.fault.as_ref().map_or_else(|| word.to_owned(), ToString::to_string);
    work.event(id, "receipt", Some(&receipt.gateway), Some(n.saturating_add(1)), Some(&cause));
    if closed {
        attempt::withdraw(work, id);
    }
    proven(work, id);
    true
}

/// What is held because nobody knew whether it went out goes on when the network speaks of it: with what is left, at the
/// gateway that has the rest.
fn proven(work: &mut Work<'_>, id: MessageId) {
    let Some(row) = work.row(id) else { return };
    let known = |state| matches!(state, SegmentState::Waiting | SegmentState::Sent | SegmentState::Delivered);
    let held = row.stage == Stage::Held && row.why == Some(Why::Unsure);
    let Some(gateway) = row.gateway.clone() else { return };
    if held && row.segments.iter().all(|segment| known(segment.state)) {
        let now = work.now;
        work.change(id, |row| {
            row.key = lane_of(&Key::Gateway(gateway));
            row.wait(now, now);
        });
        work.event(id, "proven", None, None, None);
    }
}

/// Which segment the receipt is about, where the network cut the message by itself; `None`: it was counted already.
fn part(work: &mut Work<'_>, id: MessageId, n: u8, receipt: &Receipt) -> Option<u8> {
    let parts = work.rows.get(&id).and_then(|entry| entry.payload.as_ref()?.text()).map(|text| text.parts);
    let total = match receipt.part {
        Part::Named => receipt.total,
        Part::Number(_) | Part::Counted(_) => receipt.total.or(parts),
    };
    if let Some(total) = total {
        // What the network sends in parts is complete with all of them.
        let whole = |row: &super::row::Row| row.segments.len() <= 1 && row.stage != Stage::Closed;
        if work.row(id).is_some_and(|row| total > 1 && whole(row)) {
            let state = work.row(id).and_then(|row| row.segments.first()).map_or(SegmentState::Sent, |s| s.state);
            work.change(id, |row| {
                row.reach(total);
                row.segments.iter_mut().skip(1).for_each(|segment| segment.state = state);
            });
        }
    }
    match &receipt.part {
        Part::Named => Some(n),
        Part::Number(n) => Some(*n),
        Part::Counted(event) => {
            let row = work.row(id)?;
            if row.heard.iter().any(|heard| heard == event) {
                return None;
            }
            let open = |segment: &&crate::store::SegmentRow| goes(segment.state, receipt.state);
            let n = row.segments.iter().find(open)?.n.checked_sub(1)?;
            work.change(id, |row| row.heard.push(event.clone()));
            Some(n)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_a_normal_form() {
        for (given, expected) in [
            ("00A1B2", "a1b2"),
            ("a1b2", "a1b2"),
            ("0", "0"),
            ("000", "0"),
            ("0042", "42"),
            ("SM12ab", "SM12ab"),
            ("x-0A", "x-0A"),
            ("42", "42"),
            ("0x42", "0x42"),
            // Words of base 62 and the like: another case is another id.
            ("aB1", "aB1"),
            ("Ab1", "Ab1"),
            ("00aB", "00aB"),
            ("123456789012345678901234567890123", "123456789012345678901234567890123"),
        ] {
            assert_eq!(norm(&RemoteId::new(given).expect("an id")), expected, "{given}");
        }
    }

    #[test]
    fn parts_are_written_and_read() {
        for part in [Part::Named, Part::Number(0), Part::Number(254), Part::Counted(String::new()), {
            Part::Counted("n7é".to_owned())
        }] {
            assert_eq!(part_of(&written(&part)), Some(part));
        }
        for strange in ["n", "n256", "x1", "é"] {
            assert_eq!(part_of(strange), None, "{strange}");
        }
    }

    #[test]
    fn receipts_never_go_backwards() {
        use SegmentState::*;
        assert!(goes(Sent, Delivered) && goes(Unsure, Sent) && goes(Trying, Failed));
        for (from, to) in [(Delivered, Sent), (Delivered, Failed), (Failed, Delivered), (Sent, Sent), (Sent, Waiting)] {
            assert!(!goes(from, to), "{from:?} → {to:?}");
        }
    }
}
