//! Segments → whole texts, in any order, with gaps. Pure.
//!
//! A set is known by our number (else the gateway), the originator, the reference with its width, and the total
//! (TS 23.040 9.2.3.24.1). The same place with other content starts a new set. What is still missing parts after
//! `assemble_for` is delivered with a mark.

use std::{collections::HashMap, time::Duration};

use crate::{
    address::Originator,
    ground::{MessageId, Timestamp},
    sms::{
        Body, Content, Segment, join,
        split::Reference,
        udh::{self, Concat},
    },
    store::StoredSegment,
};

/// A text of a phone, whole or as whole as it will be.
#[derive(Debug)]
pub struct Assembled {
    /// Of the first of its segments to arrive: the text's own id, stable over restarts.
    pub id: MessageId,
    pub segments: Vec<StoredSegment>,
    pub content: Content,
    /// How many parts never came.
    pub missing: u8,
}

#[derive(PartialEq, Eq, Hash)]
struct Place {
    ours: String,
    from: Originator,
    reference: Reference,
    total: u8,
}

/// Splits what waits into texts that can go on; the rest stays for later. Oldest first.
pub fn assemble(waiting: Vec<StoredSegment>, now: Timestamp, assemble_for: Duration) -> Vec<Assembled> {
    let mut ready = Vec::new();
    let mut open: HashMap<Place, Vec<(Concat, StoredSegment)>> = HashMap::new();
    for stored in waiting {
        let Some(concat) = udh::concat(&stored.mo.segment.udh).filter(|c| c.total > 1) else {
            ready.push(alone(stored));
            continue;
        };
        let place = Place {
            ours: stored.mo.number.clone().unwrap_or_else(|| format!("@{}", stored.mo.gateway)),
            from: stored.mo.from.clone(),
            reference: concat.reference,
            total: concat.total,
        };
        let set = open.entry(place).or_default();
        match set.iter().find(|(have, _)| have.seq == concat.seq) {
            // The same part again under another network id: it goes with the set and adds nothing.
            Some((_, have)) if have.mo.segment == stored.mo.segment => set.push((concat, stored)),
            Some(_) => {
                ready.extend(whole(std::mem::take(set)));
                set.push((concat, stored));
            }
            None => set.push((concat, stored)),
        }
        if is_complete(set) {
            ready.extend(whole(std::mem::take(set)));
        }
    }
    let over = |set: &[(Concat, StoredSegment)]| {
        set.iter().map(|(_, s)| s.mo.received).min().is_some_and(|first| first + assemble_for <= now)
    };
    ready.extend(open.into_values().filter(|set| over(set)).filter_map(whole));
    ready.sort_by_key(|set| set.id);
    ready
}

fn is_complete(set: &[(Concat, StoredSegment)]) -> bool {
    let total = set.first().map_or(0, |(concat, _)| concat.total);
    (1..=total).all(|seq| set.iter().any(|(concat, _)| concat.seq == seq))
}

fn alone(stored: StoredSegment) -> Assembled {
    let Segment { body, udh } = stored.mo.segment.clone();
    Assembled {
        id: stored.id,
        content: Content { body, udh: udh::without_concat(&udh) },
        segments: vec![stored],
        missing: 0,
    }
}

fn whole(mut set: Vec<(Concat, StoredSegment)>) -> Option<Assembled> {
    let id = set.iter().map(|(_, stored)| stored.id).min()?;
    set.sort_by_key(|(concat, stored)| (concat.seq, stored.id));
    let mut parts: Vec<(Option<Concat>, &Segment)> = Vec::with_capacity(set.len());
    for (concat, stored) in &set {
        if parts.last().is_none_or(|(last, _)| last.is_none_or(|l| l.seq != concat.seq)) {
            parts.push((Some(*concat), &stored.mo.segment));
        }
    }
    let joined = join::join(&parts);
    Some(Assembled {
        id,
        content: joined.content,
        missing: joined.missing,
        segments: set.into_iter().map(|(_, stored)| stored).collect(),
    })
}

impl Assembled {
    /// The words, trimmed; `None` for binary data.
    pub fn words(&self) -> Option<&str> {
        match &self.content.body {
            Body::Text(words) => Some(words),
            Body::Binary(_) => None,
        }
    }

    /// How many media came with it.
    pub fn media(&self) -> usize {
        self.segments.iter().map(|segment| usize::from(segment.media)).sum()
    }

    /// The segment that came first: its gateway, originator and times speak for the text.
    pub fn first(&self) -> &StoredSegment {
        self.segments.iter().min_by_key(|s| s.id).expect("a text is made of at least one segment")
    }
}
