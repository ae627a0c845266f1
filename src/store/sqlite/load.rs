//! What a batch of operations must know: loaded in one call, before any of them is decided.
//!
//! Most batches need one call. A second one follows only for what was not in the queue (closed items: late answers)
//! and for reports that a late answer withdraws.

use std::collections::HashSet;

use sqlx::{AssertSqlSafe, Row as _, SqliteConnection, sqlite::SqliteRow};

use super::{
    brake::Counter,
    receipt,
    row::Row,
    work::{Place, Work},
};
use crate::{
    ground::{GatewayId, MessageId, RemoteId, Timestamp},
    store::{Payload, Receipt, SegmentState},
};

/// Keys to look up, gathered over a batch.
#[derive(Default)]
pub struct Need {
    pub rows: HashSet<MessageId>,
    /// Payloads of those rows too.
    pub payloads: bool,
    /// Reports about these messages.
    pub about: HashSet<MessageId>,
    pub fingerprints: HashSet<String>,
    pub pools: HashSet<(String, u32)>,
    pub refs: HashSet<(String, String)>,
    /// Ids in normal form that parked receipts may wait for.
    pub parked: HashSet<String>,
    pub seen: HashSet<String>,
    /// Phones that may be on the opt-out list, and whether those of `rows` may.
    pub opted: HashSet<String>,
    pub opted_rows: bool,
    pub brakes: HashSet<String>,
    pub existing: HashSet<MessageId>,
    pub segments: HashSet<MessageId>,
    /// Where the sweep over parked receipts goes on.
    pub sweep: Option<(String, Timestamp)>,
    pub parked_count: bool,
}

/// Parked receipts looked at in one sweep, and unsettled answers given out by one.
const SWEEP: usize = 500;
/// Parked receipts are forgotten after a day.
pub const PARKED_FOR: std::time::Duration = std::time::Duration::from_secs(86_400);

const BEGIN: &str = "BEGIN IMMEDIATE";
const ROWS: &str = "SELECT 1, row, NULL FROM queue WHERE id IN (SELECT value FROM json_each($1))";
const ROWS_FULL: &str = "SELECT 1, q.row, b.payload FROM queue q LEFT JOIN body b ON b.id = q.id \
    WHERE q.id IN (SELECT value FROM json_each($1))";
const CLOSED: &str = "SELECT 2, c.row, b.payload, c.texts FROM closed c LEFT JOIN body b ON b.id = c.id \
    WHERE c.id IN (SELECT value FROM json_each($1))";
const ABOUT: &str = "SELECT 3, row, NULL FROM queue WHERE about IN (SELECT value FROM json_each($2))";
const FINGERPRINTS: &str = "SELECT 4, hash, id, until FROM fingerprint WHERE hash IN (SELECT value FROM json_each($3))";
const POOLS: &str = "SELECT 5, pool, month, used FROM usage \
    WHERE (pool, month) IN (SELECT value->>0, value->>1 FROM json_each($4))";
const REFS: &str = "SELECT 6, gateway, norm, item, segment FROM ref \
    WHERE (gateway, norm) IN (SELECT value->>0, value->>1 FROM json_each($5)); \
    SELECT 1, q.row, b.payload FROM ref r JOIN queue q ON q.id = r.item LEFT JOIN body b ON b.id = q.id \
    WHERE (r.gateway, r.norm) IN (SELECT value->>0, value->>1 FROM json_each($5)); \
    SELECT 2, c.row, b.payload, c.texts FROM ref r JOIN closed c ON c.id = r.item LEFT JOIN body b ON b.id = c.id \
    WHERE (r.gateway, r.norm) IN (SELECT value->>0, value->>1 FROM json_each($5))";
const PARKED: &str = "SELECT 7, gateway, norm, state, at, fault, reused, part, total FROM parked \
    WHERE norm IN (SELECT value FROM json_each($6))";
const SEEN: &str = "SELECT 8, k FROM seen WHERE until > $9 AND k IN (SELECT value FROM json_each($7))";
const BRAKES: &str = "SELECT 15, k, until, n FROM brake WHERE until > $9 AND k IN (SELECT value FROM json_each($15))";
const OPTED: &str = "SELECT 16, phone, ours FROM optout WHERE phone IN (SELECT value FROM json_each($16))";
/// Of the phones of these items.
const OPTED_ROWS: &str = "SELECT 16, o.phone, o.ours FROM queue q JOIN optout o ON o.phone = CAST(q.row AS TEXT)->>'to' \
    WHERE q.id IN (SELECT value FROM json_each($1))";
const EXISTING: &str = "SELECT 9, id FROM queue WHERE id IN (SELECT value FROM json_each($8)); \
    SELECT 9, id FROM closed WHERE id IN (SELECT value FROM json_each($8))";
const PARKED_COUNT: &str = "SELECT 10, n FROM tally WHERE name = 'parked'";
const SEGMENTS: &str = "SELECT 14, id, media FROM mo WHERE id IN (SELECT value FROM json_each($14))";
/// The page of parked receipts behind `$10`, those that match, and answered items that nobody settled in time.
const SWEEPING: &str = "\
    SELECT 6, r.gateway, r.norm, r.item, r.segment FROM \
    (SELECT * FROM parked WHERE norm > $10 ORDER BY norm LIMIT $11) p \
    JOIN ref r ON r.gateway = p.gateway AND r.norm = p.norm; \
    SELECT 7, p.gateway, p.norm, p.state, p.at, p.fault, p.reused, p.part, p.total FROM \
    (SELECT * FROM parked WHERE norm > $10 ORDER BY norm LIMIT $11) p \
    JOIN ref r ON r.gateway = p.gateway AND r.norm = p.norm; \
    SELECT 1, q.row, b.payload FROM (SELECT * FROM parked WHERE norm > $10 ORDER BY norm LIMIT $11) p \
    JOIN ref r ON r.gateway = p.gateway AND r.norm = p.norm JOIN queue q ON q.id = r.item \
    LEFT JOIN body b ON b.id = q.id; \
    SELECT 2, c.row, b.payload, c.texts FROM (SELECT * FROM parked WHERE norm > $10 ORDER BY norm LIMIT $11) p \
    JOIN ref r ON r.gateway = p.gateway AND r.norm = p.norm JOIN closed c ON c.id = r.item \
    LEFT JOIN body b ON b.id = c.id; \
    SELECT 11, max(norm), count(*) FROM (SELECT norm FROM parked WHERE norm > $10 ORDER BY norm LIMIT $11); \
    SELECT 12, q.row, b.payload FROM queue q LEFT JOIN body b ON b.id = q.id \
    WHERE q.lane = '?' AND q.stage = 5 AND q.priority IN (0, 1, 2) AND q.ord <= $13 LIMIT $11; \
    SELECT 13, count(*) FROM parked WHERE at < $12";

impl Need {
    fn statements(&self, somebody_opted_out: bool) -> Vec<&'static str> {
        let rows = if self.payloads { ROWS_FULL } else { ROWS };
        [
            (!self.rows.is_empty(), rows),
            (!self.about.is_empty(), ABOUT),
            (!self.fingerprints.is_empty(), FINGERPRINTS),
            (!self.pools.is_empty(), POOLS),
            (!self.refs.is_empty(), REFS),
            (!self.parked.is_empty(), PARKED),
            (!self.seen.is_empty(), SEEN),
            (!self.brakes.is_empty(), BRAKES),
            (somebody_opted_out && !self.opted.is_empty(), OPTED),
            (somebody_opted_out && self.opted_rows, OPTED_ROWS),
            (!self.existing.is_empty(), EXISTING),
            (!self.segments.is_empty(), SEGMENTS),
            (self.parked_count, PARKED_COUNT),
            (self.sweep.is_some(), SWEEPING),
        ]
        .into_iter()
        .filter_map(|(wanted, sql)| wanted.then_some(sql))
        .collect()
    }

    /// Begins a transaction and loads everything named into `work`, in one call.
    pub async fn begin_and_load(&self, conn: &mut SqliteConnection, work: &mut Work<'_>) -> Result<(), sqlx::Error> {
        let statements = self.statements(work.shared.has_opted_out());
        if statements.is_empty() {
            sqlx::query(BEGIN).execute(&mut *conn).await?;
        } else {
            self.call(conn, &[&[BEGIN], statements.as_slice()].concat(), work).await?;
        }
        let missing: HashSet<_> = self.rows.iter().copied().filter(|id| !work.rows.contains_key(id)).collect();
        if !missing.is_empty() {
            let need = Self { rows: missing, ..Self::default() };
            need.call(conn, &[CLOSED], work).await?;
        }
        self.load_mates(conn, work).await?;
        let late = work.rows.values().filter(|entry| entry.row.unsure).map(|entry| entry.row.id);
        let about: HashSet<_> = late.filter(|id| !self.about.contains(id)).collect();
        if !about.is_empty() {
            Self { about, ..Self::default() }.call(conn, &[ABOUT], work).await?;
        }
        Ok(())
    }

    /// Those that went out with what is loaded: a word of the network concerns them too.
    async fn load_mates(&self, conn: &mut SqliteConnection, work: &mut Work<'_>) -> Result<(), sqlx::Error> {
        let missing = |work: &Work<'_>, of: &[MessageId]| -> HashSet<MessageId> {
            of.iter().copied().filter(|id| !work.rows.contains_key(id)).collect()
        };
        let all: Vec<MessageId> = work.rows.values().flat_map(|entry| entry.row.mates.iter().copied()).collect();
        for sql in [ROWS, CLOSED] {
            let rows = missing(work, &all);
            if !rows.is_empty() {
                Self { rows, ..Self::default() }.call(conn, &[sql], work).await?;
            }
        }
        Ok(())
    }

    async fn call(
        &self,
        conn: &mut SqliteConnection,
        statements: &[&str],
        work: &mut Work<'_>,
    ) -> Result<(), sqlx::Error> {
        let sweep = self.sweep.clone().unwrap_or((String::new(), work.now));
        let limit = i64::try_from(SWEEP).unwrap_or(i64::MAX);
        let rows = sqlx::query(AssertSqlSafe(statements.join("; ")))
            .bind(json(&self.rows))
            .bind(json(&self.about))
            .bind(json(&self.fingerprints))
            .bind(json(&self.pools))
            .bind(json(&self.refs))
            .bind(json(&self.parked))
            .bind(json(&self.seen))
            .bind(json(&self.existing))
            .bind(work.now.0)
            .bind(sweep.0)
            .bind(limit)
            .bind((sweep.1 - PARKED_FOR).0)
            .bind(sweep.1.0)
            .bind(json(&self.segments))
            .bind(json(&self.brakes))
            .bind(json(&self.opted))
            .fetch_all(conn)
            .await?;
        for row in &rows {
            take(row, work)?;
        }
        Ok(())
    }
}

fn json(keys: &impl serde::Serialize) -> String {
    serde_json::to_string(keys).expect("invariant: keys are plain values")
}

fn take(row: &SqliteRow, work: &mut Work<'_>) -> Result<(), sqlx::Error> {
    match row.try_get::<i64, _>(0)? {
        1 => work.loaded(decode(row, 1)?, Place::Open, payload(row)?),
        2 => {
            let texts = row.try_get::<Option<i64>, _>(3)?.is_some();
            work.loaded(decode(row, 1)?, Place::Closed { texts }, payload(row)?);
        }
        3 => {
            let report: Row = decode(row, 1)?;
            if let Some(about) = report.about {
                work.reports.entry(about).or_default().push(report.id);
            }
            work.loaded(report, Place::Open, None);
        }
        4 => {
            let until = Timestamp(row.try_get(3)?);
            if until > work.now {
                work.fingerprints.insert(row.try_get(1)?, (id(row, 2)?, until));
            }
        }
        5 => {
            let used = row.try_get::<i64, _>(3)?;
            let month = u32::try_from(row.try_get::<i64, _>(2)?).map_err(bad)?;
            work.used.insert((row.try_get(1)?, month), u64::try_from(used).unwrap_or(0));
        }
        6 => {
            let segment = u8::try_from(row.try_get::<i64, _>(4)?).map_err(bad)?;
            work.refs.insert((row.try_get(1)?, row.try_get(2)?), (id(row, 3)?, segment));
        }
        7 => {
            let (gateway, norm): (String, String) = (row.try_get(1)?, row.try_get(2)?);
            let receipt = parked(row, &gateway, &norm)?;
            let receipts = work.parked.entry((gateway, norm)).or_default();
            if !receipts.iter().any(|known| receipt::same(known, &receipt)) {
                receipts.push(receipt);
            }
        }
        8 => drop(work.seen.insert(row.try_get(1)?)),
        9 => drop(work.existing.insert(id(row, 1)?)),
        15 => {
            let n = u64::try_from(row.try_get::<i64, _>(3)?).unwrap_or(0);
            work.brakes.loaded(row.try_get(1)?, Counter { n, until: Timestamp(row.try_get(2)?) });
        }
        16 => {
            let ours = row.try_get::<&str, _>(2)?.parse().map_err(bad)?;
            work.opted.entry(row.try_get(1)?).or_default().insert(ours);
        }
        14 => drop(work.segments.insert(id(row, 1)?, row.try_get(2)?)),
        10 => work.parked_count = row.try_get(1)?,
        11 => {
            let page: i64 = row.try_get(2)?;
            let last: Option<String> = row.try_get(1)?;
            let more = usize::try_from(page).is_ok_and(|page| page >= SWEEP);
            work.sweep_cursor = Some(last.filter(|_| more).unwrap_or_default());
        }
        12 => {
            let item: Row = decode(row, 1)?;
            work.unsettled.push(item.id);
            work.loaded(item, Place::Open, payload(row)?);
        }
        13 => work.parked_old = row.try_get(1)?,
        _ => {}
    }
    Ok(())
}

fn parked(row: &SqliteRow, gateway: &str, norm: &str) -> Result<Receipt, sqlx::Error> {
    let state: String = row.try_get(3)?;
    let fault: Option<String> = row.try_get(5)?;
    Ok(Receipt {
        gateway: gateway.parse::<GatewayId>().map_err(bad)?,
        reference: RemoteId::new(norm).ok_or_else(|| bad("an empty id"))?.into(),
        part: receipt::part_of(row.try_get(7)?).ok_or_else(|| bad("a part of a parked receipt"))?,
        total: row.try_get::<Option<i64>, _>(8)?.map(u8::try_from).transpose().map_err(bad)?,
        state: serde_json::from_value::<SegmentState>(state.into()).map_err(bad)?,
        fault: fault.map(|fault| serde_json::from_str(&fault)).transpose().map_err(bad)?,
        at: Timestamp(row.try_get(4)?),
        reused: row.try_get(6)?,
    })
}

/// What stands in the database and cannot be read.
pub fn bad(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> sqlx::Error {
    sqlx::Error::Decode(why.into())
}

pub fn decode(row: &SqliteRow, column: usize) -> Result<Row, sqlx::Error> {
    serde_json::from_slice(row.try_get::<&[u8], _>(column)?).map_err(bad)
}

pub fn payload(row: &SqliteRow) -> Result<Option<Payload>, sqlx::Error> {
    let payload: Option<&[u8]> = row.try_get(2)?;
    payload.map(|payload| serde_json::from_slice(payload).map_err(bad)).transpose()
}

pub fn id(row: &SqliteRow, column: usize) -> Result<MessageId, sqlx::Error> {
    row.try_get::<&str, _>(column)?.parse().map_err(bad)
}
