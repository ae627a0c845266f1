//! One transaction in memory: what was loaded, what the operations make of it, what is written.
//!
//! Operations are plain functions on [`Work`]; they never wait and never fail. If the database refuses the result, the
//! work is thrown away and made again from the operations, so nothing here may touch what outlives it (the virtual
//! times of fair queueing and the numbers of events excepted: a gap in those harms nobody).

use std::collections::{HashMap, HashSet};

use super::{
    Shared,
    bells::Wakes,
    brake,
    fair::Flow,
    handover::Brought,
    optout,
    row::{Kind, Row, SEVERAL, Stage, Tally},
    write::{Table, Writes},
    young::Fresh,
};
use crate::{
    ground::{GatewayId, MessageId, Timestamp},
    store::{Day, DeadLetter, Payload, Receipt, Spend},
};

/// Where a row was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Open,
    Closed { texts: bool },
}

/// A loaded row and what became of it.
pub struct Entry {
    pub row: Row,
    pub place: Place,
    pub payload: Option<Payload>,
    tally: Option<Tally>,
    dirty: bool,
}

/// What becomes known when the transaction is committed, and not before.
pub struct After {
    pub wakes: Wakes,
    pub brought: Brought,
    pub fresh: Fresh,
}

/// A receipt's address: gateway and the id in normal form.
pub type RefKey = (String, String);

pub struct Work<'a> {
    pub now: Timestamp,
    pub shared: &'a Shared,
    pub rows: HashMap<MessageId, Entry>,
    /// Reports by the message they are about.
    pub reports: HashMap<MessageId, Vec<MessageId>>,
    pub fingerprints: HashMap<String, (MessageId, Timestamp)>,
    pub used: HashMap<(String, u32), u64>,
    pub refs: HashMap<RefKey, (MessageId, u8)>,
    pub parked: HashMap<RefKey, Vec<Receipt>>,
    pub parked_count: i64,
    pub seen: HashSet<String>,
    pub brakes: brake::Counters,
    pub opted: optout::Lists,
    /// Segments from phones that are not done with, and how many media came with each.
    pub segments: HashMap<MessageId, i64>,
    /// Ids that exist already: looked up only when a settlement failed once.
    pub existing: HashSet<MessageId>,
    /// Items that [`super::receipt::sweep`] gives out.
    pub unsettled: Vec<MessageId>,
    pub sweep_cursor: Option<String>,
    pub parked_old: i64,
    /// Originals that this transaction stores already.
    pub originals: HashSet<MessageId>,
    /// Virtual times that moved on.
    pub fair: HashMap<Flow, i64>,
    /// Work for lanes came up.
    pub wakes: Wakes,
    /// And what it is.
    pub brought: Brought,
    /// Fingerprints that this transaction brings.
    pub fresh: Fresh,
    pub writes: Writes,
    tallies: HashMap<&'static str, i64>,
    /// Segments that gateways took of their days, or gave back.
    days: HashMap<(GatewayId, Day), i64>,
    touched_pools: HashSet<(String, u32)>,
}

impl<'a> Work<'a> {
    pub fn new(shared: &'a Shared, now: Timestamp) -> Self {
        Self {
            now,
            shared,
            rows: HashMap::new(),
            reports: HashMap::new(),
            fingerprints: HashMap::new(),
            used: HashMap::new(),
            refs: HashMap::new(),
            parked: HashMap::new(),
            parked_count: 0,
            seen: HashSet::new(),
            brakes: brake::Counters::default(),
            opted: optout::Lists::new(),
            segments: HashMap::new(),
            existing: HashSet::new(),
            unsettled: Vec::new(),
            sweep_cursor: None,
            parked_old: 0,
            originals: HashSet::new(),
            fair: HashMap::new(),
            wakes: Wakes::default(),
            brought: Brought::default(),
            fresh: Fresh::default(),
            writes: Writes::new(),
            tallies: HashMap::new(),
            days: HashMap::new(),
            touched_pools: HashSet::new(),
        }
    }

    /// A row from the database; what is known already stays.
    pub fn loaded(&mut self, row: Row, place: Place, payload: Option<Payload>) {
        let tally = row.tally();
        let entry = self.rows.entry(row.id).or_insert(Entry { row, place, payload: None, tally, dirty: false });
        if entry.payload.is_none() {
            entry.payload = payload;
        }
    }

    pub fn row(&self, id: MessageId) -> Option<&Row> {
        self.rows.get(&id).map(|entry| &entry.row)
    }

    /// Changes a row; it is saved at the end.
    pub fn change(&mut self, id: MessageId, change: impl FnOnce(&mut Row)) {
        if let Some(entry) = self.rows.get_mut(&id) {
            change(&mut entry.row);
            entry.row.version += 1;
            entry.dirty = true;
            if entry.row.is_waiting() {
                self.wakes.lane(&entry.row.key);
                self.brought.changed(&entry.row.key);
            }
        }
    }

    /// Lanes look anew at this one, if it waits.
    pub fn wake(&mut self, id: MessageId) {
        if let Some(entry) = self.rows.get(&id).filter(|entry| entry.row.is_waiting()) {
            self.wakes.lane(&entry.row.key);
            self.brought.changed(&entry.row.key);
        }
    }

    pub fn event(
        &mut self,
        id: MessageId,
        what: &str,
        gateway: Option<&GatewayId>,
        segment: Option<u8>,
        cause: Option<&str>,
    ) {
        let line = (id, self.shared.event_number(), self.now, what, gateway, segment, cause);
        self.writes.push(Table::Event, &line);
    }

    pub fn count(&mut self, tally: Tally, by: i64) {
        *self.tallies.entry(tally.name()).or_default() += by;
    }

    /// What a gateway takes of its day, or gives back.
    pub fn spend(&mut self, gateway: &GatewayId, spend: Spend, sign: i64) {
        *self.days.entry((gateway.clone(), spend.day)).or_default() += sign * i64::from(spend.segments);
    }

    pub fn used(&self, pool: &str, month: u32) -> u64 {
        self.used.get(&(pool.to_owned(), month)).copied().unwrap_or(0)
    }

    pub fn set_used(&mut self, pool: &str, month: u32, used: u64) {
        let key = (pool.to_owned(), month);
        self.used.insert(key.clone(), used);
        self.touched_pools.insert(key);
    }

    pub fn bury(&mut self, letter: &DeadLetter) {
        let data = &letter.data[..letter.data.len().min(DeadLetter::MOST)];
        let at = self.writes.octets(data);
        let cause = crate::ground::outcome::one_line(&letter.cause, 512);
        let line = (MessageId::new(), self.now, letter.kind, letter.about, cause, at.from, at.len);
        self.writes.push(Table::Dead, &line);
        self.count(Tally::Dead, 1);
    }

    /// Turns the changed rows into lines and gives out what is to be written.
    pub fn finish(mut self) -> (Writes, After) {
        let mut rows: Vec<_> = std::mem::take(&mut self.rows).into_values().filter(|entry| entry.dirty).collect();
        rows.sort_by_key(|entry| entry.row.id);
        for entry in &rows {
            self.save(entry);
        }
        for key in std::mem::take(&mut self.touched_pools) {
            let used = self.used.get(&key).copied().unwrap_or(0);
            self.writes.push(Table::Usage, &(&key.0, key.1, used));
        }
        brake::save(&mut self);
        for (flow, finish) in std::mem::take(&mut self.fair) {
            self.writes.push(Table::Fair, &(flow.lane, flow.priority, flow.flow, finish));
        }
        for ((gateway, day), by) in std::mem::take(&mut self.days) {
            if by != 0 {
                self.writes.push(Table::GatewayDay, &(gateway, day, by));
            }
        }
        for (name, by) in std::mem::take(&mut self.tallies) {
            if by != 0 {
                self.writes.push(Table::Tally, &(name, by));
            }
        }
        self.fresh.sorted = self.shared.young().are_many();
        if self.fresh.sorted {
            self.writes.push(Table::FingerprintsOld, &[true]);
        }
        for line in self.fresh.lines() {
            self.writes.push(Table::Fingerprint, &line);
        }
        (self.writes, After { wakes: self.wakes, brought: self.brought, fresh: self.fresh })
    }

    fn save(&mut self, entry: &Entry) {
        let row = &entry.row;
        let closed = row.stage == Stage::Closed;
        match (entry.place, closed) {
            (Place::Open, false) => self.queue_line(Table::QueueSave, row),
            (Place::Open, true) => {
                self.writes.push(Table::QueueGone, &(row.id,));
                self.closed_line(row, true);
            }
            (Place::Closed { texts }, true) => self.closed_line(row, texts),
            (Place::Closed { .. }, false) => {
                self.writes.push(Table::ClosedGone, &(row.id,));
                self.queue_line(Table::QueueSave, row);
            }
        }
        let tally = row.tally();
        if tally != entry.tally {
            if let Some(was) = entry.tally {
                self.count(was, -1);
            }
            if let Some(is) = tally {
                self.count(is, 1);
            }
        }
    }

    pub fn queue_line(&mut self, table: Table, row: &Row) {
        let at = self.writes.json(row);
        let (lane, stage) = (row.lane(), row.stage as u8);
        if let Some(lane) = lane.as_ref().filter(|lane| lane.starts_with(SEVERAL)) {
            self.shared.sets().insert(lane.clone());
        }
        let (priority, ord, wake) = (row.priority as u8, row.ord(), row.wake());
        let (mate, warning) = (row.joins(), row.warning());
        let line = (row.id, lane, stage, priority, ord, wake, row.expires, warning, row.about, at.from, at.len, mate);
        self.writes.push(table, &line);
    }

    pub fn closed_line(&mut self, row: &Row, texts: bool) {
        let at = self.writes.json(row);
        let texts = (texts && row.kind != Kind::Segment).then_some(1);
        self.writes.push(Table::Closed, &(row.id, self.now, texts, at.from, at.len));
    }
}
