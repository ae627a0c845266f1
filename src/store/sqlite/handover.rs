//! From hand to hand: what was just committed goes to a lane without being looked for in the database.
//!
//! As long as lanes keep up, what is due in them is what the last transactions brought. A lane that has looked and found
//! that nothing else is due (and when something will be) is given new items as they are committed; it looks again as
//! soon as anything happened that new items do not explain: an item waits anew, was given back, changed by hand.
//! What can go wrong: that a lane is told "nothing" while something waits. So everything that is not understood ends the
//! knowledge, a commit between looking and knowing does, and after [`TRUSTED`] it ends by itself. An item that is handed
//! over wrongly begins nothing: an attempt begins only from the row as it was leased.

use std::{collections::HashMap, time::Duration};

use super::{
    bells::{KINDS, Wakes, kind_of},
    row::{Row, Stage},
};
use crate::{
    ground::Timestamp,
    store::{Item, Payload},
};

/// Items that may lie here for a lane that does not fetch them.
const MOST: usize = 256;
/// A mail that is larger is read from the database.
const SMALL: usize = 64 << 10;
/// For so long a lane believes that there is nothing else.
const TRUSTED: Duration = Duration::from_secs(20);

/// A new item, and where it stands in its lane.
pub struct Handed {
    pub item: Item,
    pub lane: String,
    pub rank: i64,
}

/// What a transaction does to what waits, of all kinds of lanes.
#[derive(Default)]
pub struct Brought {
    items: Vec<Handed>,
    /// New items that fall due later.
    later: Vec<(usize, Timestamp)>,
    /// Kinds of which something waits that is in neither list.
    other: Wakes,
}

impl Brought {
    /// A new item that waits. `wanted` says of a kind whether somebody would be given it.
    pub fn new_item(&mut self, row: &Row, payload: &Payload, wanted: impl Fn(usize) -> bool) {
        let Some(kind) = kind_of(&row.key) else { return self.other = Wakes::ALL };
        let small = match payload {
            Payload::Text(_) => true,
            Payload::Mail(mail) => mail.data.len() <= SMALL,
            Payload::Errand(_) => false,
        };
        if !small || !wanted(kind) {
            return self.other.lane(&row.key);
        }
        match row.stage {
            Stage::Ready => {
                self.items.push(Handed { item: row.item(payload.clone(), None), lane: row.key.clone(), rank: row.rank })
            }
            _ => self.later.push((kind, row.next)),
        }
    }

    /// An item waits in this lane that is not new.
    pub fn changed(&mut self, lane: &str) {
        self.other.lane(lane);
    }

    pub fn everything(&mut self) {
        self.other = Wakes::ALL;
    }
}

/// The handovers of each kind of lane.
#[derive(Default)]
pub struct Handovers([Handover; KINDS]);

/// Of one kind.
#[derive(Default)]
struct Handover {
    /// Counts what happened to what waits.
    happened: u64,
    /// Lanes in which nothing was due but what is leased, when so much had happened.
    empty: Option<(Vec<String>, u64)>,
    known: Option<Known>,
}

/// All that is due in these lanes and not leased.
struct Known {
    lanes: Vec<String>,
    items: Vec<Handed>,
    /// When the next of those that wait for their moment falls due.
    next: Timestamp,
    since: Timestamp,
}

impl Handovers {
    pub fn wanted(&self, kind: usize) -> bool {
        self.0[kind].known.is_some()
    }

    /// A transaction is committed.
    pub fn committed(&mut self, brought: Brought) {
        for kind in (0..KINDS).filter(|kind| brought.other.has(*kind)) {
            self.0[kind].stir();
        }
        for (kind, at) in brought.later {
            self.0[kind].falls_due(at);
        }
        for item in brought.items {
            if let Some(kind) = kind_of(&item.lane) {
                self.0[kind].comes(item);
            }
        }
    }

    /// Something may wait that nobody was told of.
    pub fn stir(&mut self) {
        self.0.iter_mut().for_each(Handover::stir);
    }

    /// What happened so far in the kind of these lanes: to be asked before the database is.
    pub fn happened(&self, lanes: &[String]) -> u64 {
        of(lanes).map_or(0, |kind| self.0[kind].happened)
    }

    /// Everything that is due in these lanes, of each no more than stands beside it; `None`: the database must be asked.
    pub fn take(&mut self, lanes: &[String], room: &[usize], limit: usize, now: Timestamp) -> Option<Vec<Handed>> {
        let handover = &mut self.0[of(lanes)?];
        let known = handover.known.as_mut()?;
        if known.lanes != lanes || known.next <= now || now < known.since || now.since(known.since) > TRUSTED {
            handover.known = None;
            return None;
        }
        let mut left: HashMap<&str, usize> = lanes.iter().map(String::as_str).zip(room.iter().copied()).collect();
        let fits = |handed: &Handed| match left.get_mut(handed.lane.as_str()) {
            Some(left) if *left > 0 => {
                *left -= 1;
                true
            }
            _ => false,
        };
        // Who goes first when not all can go is a question for the database.
        if known.items.len() > limit || !known.items.iter().all(fits) {
            handover.known = None;
            return None;
        }
        let mut items = std::mem::take(&mut known.items);
        items.retain(|handed| handed.item.expires > now);
        items.sort_by_key(|handed| (handed.item.priority as u8, handed.rank));
        Some(items)
    }

    /// The database was asked when so much had `happened`, and everything that is due in these lanes is leased now.
    pub fn is_empty(&mut self, lanes: Vec<String>, happened: u64) {
        if let Some(kind) = of(&lanes) {
            self.0[kind].empty = Some((lanes, happened));
        }
    }

    /// When the next item in these lanes falls due, if that is known: `Some(None)` is never.
    pub fn next(&self, lanes: &[String]) -> Option<Option<Timestamp>> {
        let known = self.0[of(lanes)?].known.as_ref().filter(|known| known.lanes == lanes)?;
        let due = known.items.iter().map(|handed| handed.item.created).min();
        let next = Some(known.next).filter(|next| *next < Timestamp::NEVER);
        Some(due.into_iter().chain(next).min())
    }

    /// The database was asked when the next item falls due.
    pub fn next_is(&mut self, lanes: &[String], next: Option<Timestamp>, now: Timestamp) {
        let Some(handover) = of(lanes).map(|kind| &mut self.0[kind]) else { return };
        let next = next.unwrap_or(Timestamp::NEVER);
        match handover.empty.take() {
            Some((empty, happened)) if empty == lanes && happened == handover.happened && next > now => {
                handover.known = Some(Known { lanes: empty, items: Vec::new(), next, since: now });
            }
            _ => {}
        }
    }
}

impl Handover {
    fn stir(&mut self) {
        self.happened += 1;
        self.known = None;
    }

    fn falls_due(&mut self, at: Timestamp) {
        self.happened += 1;
        if let Some(known) = &mut self.known {
            known.next = known.next.min(at);
        }
    }

    fn comes(&mut self, handed: Handed) {
        self.happened += 1;
        let Some(known) = self.known.as_mut().filter(|known| known.lanes.contains(&handed.lane)) else { return };
        known.items.push(handed);
        if known.items.len() > MOST {
            self.known = None;
        }
    }
}

/// The kind of these lanes, which are of one.
fn of(lanes: &[String]) -> Option<usize> {
    lanes.first().and_then(|lane| kind_of(lane))
}
