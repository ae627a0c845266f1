//! Segments from phones: taken once, done with in one transaction, and the conflicts they open.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::{
    load::Need,
    media, optout,
    put::{self, hex},
    row::{Kind, Row, Stage, Tally},
    work::Work,
    write::Table,
};
use crate::{
    ground::{MessageId, Timestamp},
    sms::Body,
    store::{Conflict, InboundStep, MoSegment, Priority, Taken},
};

/// Two segments that look alike are one within this time.
const ALIKE: Duration = Duration::from_secs(24 * 3600);

/// What must be known to take these.
pub fn need_take(segments: &[MoSegment], need: &mut Need) {
    need.seen.extend(segments.iter().flat_map(marks).map(|(mark, _)| mark));
}

/// What must be known for this step.
pub fn need_resolve(step: &InboundStep, need: &mut Need, careful: bool) {
    need.segments.extend(&step.done);
    optout::need(&step.opting, need);
    put::need(&step.errands, need, careful);
}

/// By what a segment is recognised, and whether the mark is its look.
fn marks(mo: &MoSegment) -> Vec<(String, bool)> {
    let mut marks = Vec::new();
    if let Some(reference) = &mo.reference {
        marks.push((format!("r:{}:{}", mo.gateway, reference.as_str()), false));
    }
    if let Some(sent) = mo.sent {
        let mut hash = Sha256::new();
        for part in [mo.gateway.as_str(), mo.from.as_str()] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        hash.update(sent.0.to_be_bytes());
        hash.update(&mo.segment.udh);
        match &mo.segment.body {
            Body::Text(words) => {
                hash.update([0, b't']);
                hash.update(words.as_bytes());
            }
            Body::Binary(data) => {
                hash.update([0, b'b']);
                hash.update(data);
            }
        }
        for piece in &mo.media {
            hash.update([0, b'm']);
            hash.update(media::look(piece));
        }
        marks.push((format!("a:{}", hex(&hash.finalize())), true));
    }
    marks
}

/// Stores segments that were not here before.
pub fn take(work: &mut Work<'_>, segments: &[MoSegment]) -> Vec<Taken> {
    segments.iter().map(|mo| take_one(work, mo)).collect()
}

fn take_one(work: &mut Work<'_>, mo: &MoSegment) -> Taken {
    let marks = marks(mo);
    if marks.iter().any(|(mark, _)| work.seen.contains(mark)) {
        return Taken::Duplicate;
    }
    for (mark, alike) in marks {
        let until = work.now + if alike { ALIKE } else { work.shared.settings.dedupe };
        work.writes.push(Table::Seen, &(&mark, until));
        work.seen.insert(mark);
    }
    let id = MessageId::new();
    let at = work.writes.json(mo);
    let state = if media::waits(mo) { 3 } else { 0 };
    work.writes.push(Table::Mo, &(id, at.from, at.len, state, mo.media.len()));
    media::take(work, id, mo);
    work.event(id, "taken", Some(&mo.gateway), None, None);
    work.count(Tally::Unassembled, 1);
    Taken::New(id)
}

/// Segments done, what was made of them, and the conflict, together. A step over a segment that is done already comes
/// from an old view and changes nothing: what is left of it is still to be read, and a step made from that counts.
pub fn resolve(work: &mut Work<'_>, step: &InboundStep) {
    if step.done.iter().any(|id| !work.segments.contains_key(id)) {
        return;
    }
    for id in &step.done {
        if work.segments.remove(id).is_some_and(|media| media > 0) {
            work.writes.push(Table::MediaGone, &(id,));
        }
        work.count(Tally::Unassembled, -1);
        work.writes.push(Table::MoGone, &(id,));
        let row = remains(*id, work.now);
        work.closed_line(&row, false);
    }
    for id in &step.parked {
        work.writes.push(Table::MoParked, &(id,));
    }
    for id in &step.held {
        work.writes.push(Table::MoHeld, &(id,));
    }
    if let Some(conflict) = &step.conflict {
        let line = (
            conflict.id,
            &conflict.phone,
            &conflict.gateway,
            u8::from(conflict.open),
            conflict.until,
            conflict.asked,
            kept(conflict),
        );
        work.writes.push(Table::Conflict, &line);
    }
    if let Some(id) = step.settled {
        work.writes.push(Table::ConflictOver, &(id,));
    }
    for letter in &step.dead {
        work.bury(letter);
    }
    for (id, what, cause) in &step.events {
        work.event(*id, what, None, None, Some(cause));
    }
    optout::opt(work, &step.opting);
    put::errands(work, &step.errands);
}

/// What is kept of a conflict beside its columns: its choices and the segments that wait.
#[derive(serde::Serialize, serde::Deserialize)]
pub struct Kept {
    pub choices: Vec<crate::address::Mailbox>,
    pub waiting: Vec<MessageId>,
}

fn kept(conflict: &Conflict) -> String {
    let waiting = conflict.waiting.iter().map(|segment| segment.id).collect();
    serde_json::to_string(&Kept { choices: conflict.choices.clone(), waiting })
        .expect("invariant: addresses and ids are strings")
}

/// What remains of a segment that is done with: a name for its history.
fn remains(id: MessageId, now: Timestamp) -> Row {
    Row {
        id,
        kind: Kind::Segment,
        key: String::new(),
        priority: Priority::Normal,
        stage: Stage::Closed,
        rank: 0,
        next: now,
        expires: now,
        warn_at: None,
        warned: false,
        created: now,
        to: String::new(),
        account: None,
        about: None,
        mid: None,
        attempts: 0,
        tried: None,
        epoch: 0,
        version: 0,
        gateway: None,
        segments: Vec::new(),
        begun: None,
        mate: None,
        mates: Vec::new(),
        leader: None,
        ours: None,
        heard: Vec::new(),
        spend: None,
        fault: None,
        why: None,
        unsure: false,
        result: Some(crate::store::Closed::Relayed),
    }
}
