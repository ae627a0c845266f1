//! Brakes in one transaction: checked all before any of them counts, taken back with their entry.

use std::collections::{HashMap, HashSet};

use sqlx::{Row as _, SqliteConnection};

use super::{load::Need, put::hex, work::Work, write::Table};
use crate::{
    ground::{MessageId, Timestamp},
    rules::{Mark, rates::PREFIX},
    store::{Brake, BrakeKey, Braked, New},
};

/// A counter, or what is known, until its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counter {
    pub n: u64,
    pub until: Timestamp,
}

/// The counters of one transaction.
#[derive(Default)]
pub struct Counters {
    all: HashMap<String, Counter>,
    touched: HashSet<String>,
    /// What became known in this transaction, and with which entry.
    learned: HashMap<String, MessageId>,
}

/// What is known is written anew only in the last half of its time.
const RENEW: u32 = 2;

fn text(key: BrakeKey) -> String {
    hex(&key.0)
}

impl Counters {
    /// A counter as it stands in the database.
    pub fn loaded(&mut self, key: String, counter: Counter) {
        self.all.entry(key).or_insert(counter);
    }

    fn at(&self, key: &str, now: Timestamp) -> Option<Counter> {
        self.all.get(key).copied().filter(|counter| counter.until > now)
    }

    fn set(&mut self, key: String, counter: Counter) {
        self.all.insert(key.clone(), counter);
        self.touched.insert(key);
    }

    fn counts(&self, brake: &Brake, now: Timestamp) -> bool {
        brake.unless_known.is_none_or(|(known, _)| self.at(&text(known), now).is_none())
    }

    fn refuses(&self, brake: &Brake, now: Timestamp) -> Option<Braked> {
        let counter = self.at(&text(brake.key), now);
        let after = counter.map_or(0, |counter| counter.n).saturating_add(brake.amount);
        let until = counter.map_or(brake.until, |counter| counter.until);
        (after > brake.limit).then_some(Braked { kind: brake.kind, limit: brake.limit, until })
    }

    /// The first brake that would take hold.
    pub fn check(&self, brakes: &[Brake], now: Timestamp) -> Option<Braked> {
        brakes.iter().filter(|brake| self.counts(brake, now)).find_map(|brake| self.refuses(brake, now))
    }

    /// The lines that changed.
    pub fn changed(&mut self) -> Vec<(String, Timestamp, u64)> {
        let touched = std::mem::take(&mut self.touched);
        let line = |key: String| self.all.get(&key).map(|counter| (key.clone(), counter.until, counter.n));
        touched.into_iter().filter_map(line).collect()
    }

    fn count(&mut self, brake: &Brake, entry: MessageId, now: Timestamp) {
        let counts = self.counts(brake, now);
        if let Some((known, until)) = brake.unless_known {
            let known = text(known);
            match self.at(&known, now) {
                Some(counter) if counter.until.since(now) > until.since(now) / RENEW => {}
                Some(_) => self.set(known, Counter { n: 1, until }),
                None => {
                    self.learned.insert(known.clone(), entry);
                    self.set(known, Counter { n: 1, until });
                }
            }
        }
        if counts {
            let key = text(brake.key);
            let counter = self.at(&key, now).unwrap_or(Counter { n: 0, until: brake.until });
            self.set(key, Counter { n: counter.n.saturating_add(brake.amount), ..counter });
        }
    }

    fn take_back(&mut self, brake: &Brake, entry: MessageId, now: Timestamp) {
        if let Some((known, _)) = brake.unless_known {
            let known = text(known);
            if self.learned.get(&known) != Some(&entry) {
                return;
            }
            self.learned.remove(&known);
            self.set(known, Counter { n: 0, until: now });
        }
        let key = text(brake.key);
        if let Some(counter) = self.at(&key, now) {
            self.set(key, Counter { n: counter.n.saturating_sub(brake.amount), ..counter });
        }
    }
}

/// What must be known of the brakes of an entry.
pub fn need(new: &New, need: &mut Need) {
    for brake in &new.brakes {
        need.brakes.insert(text(brake.key));
        need.brakes.extend(brake.unless_known.map(|(known, _)| text(known)));
    }
}

/// Counts an entry that nothing refuses.
pub fn count(work: &mut Work<'_>, new: &New) {
    for brake in &new.brakes {
        work.brakes.count(brake, new.id, work.now);
    }
}

/// Takes back what an entry counted in this transaction.
pub fn take_back(work: &mut Work<'_>, new: &New) {
    for brake in &new.brakes {
        work.brakes.take_back(brake, new.id, work.now);
    }
}

/// Writes the counters that changed.
pub fn save(work: &mut Work<'_>) {
    for (key, until, n) in work.brakes.changed() {
        // SQLite's integers end at 2^63.
        let n = i64::try_from(n).unwrap_or(i64::MAX);
        work.writes.push(Table::Brake, &(key, until, n));
    }
}

/// Adds to what senders are counted by: counters of other names in the same table.
pub fn keep(work: &mut Work<'_>, marks: &[Mark]) {
    for Mark { slot, until, n } in marks {
        work.writes.push(Table::Rate, &(slot, until, n));
    }
}

/// What senders were counted by and still counts.
pub async fn rates(conn: &mut SqliteConnection, now: Timestamp) -> Result<Vec<Mark>, sqlx::Error> {
    /// A bound for damage; a counter has 256 slots.
    const MOST: i64 = 1_000_000;
    let sql = "SELECT k, until, n FROM brake WHERE k >= $1 AND k < $2 AND until > $3 ORDER BY k LIMIT $4";
    let behind = PREFIX.replace(':', ";");
    let rows = sqlx::query(sql).bind(PREFIX).bind(behind).bind(now.0).bind(MOST).fetch_all(conn).await?;
    let mark = |row: &sqlx::sqlite::SqliteRow| {
        let n = u64::try_from(row.try_get::<i64, _>(2)?).unwrap_or(0);
        Ok(Mark { slot: row.try_get(0)?, until: Timestamp(row.try_get(1)?), n })
    };
    rows.iter().map(mark).collect()
}

/// The first of these brakes that would refuse an entry now.
pub async fn would_refuse(
    conn: &mut SqliteConnection,
    brakes: &[Brake],
    now: Timestamp,
) -> Result<Option<Braked>, sqlx::Error> {
    let keys: Vec<String> = (brakes.iter())
        .flat_map(|brake| std::iter::once(brake.key).chain(brake.unless_known.map(|(known, _)| known)))
        .map(text)
        .collect();
    let keys = serde_json::to_string(&keys).expect("invariant: keys are strings");
    let sql = "SELECT k, until, n FROM brake WHERE until > $2 AND k IN (SELECT value FROM json_each($1))";
    let mut counters = Counters::default();
    for row in sqlx::query(sql).bind(keys).bind(now.0).fetch_all(conn).await? {
        let n = u64::try_from(row.try_get::<i64, _>(2)?).unwrap_or(0);
        counters.loaded(row.try_get(0)?, Counter { n, until: Timestamp(row.try_get(1)?) });
    }
    Ok(counters.check(brakes, now))
}
