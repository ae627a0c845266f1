//! What one transaction writes: a list for each table, each written by one statement.
//!
//! Lists are JSON arrays of arrays of small values; everything long (rows, payloads, mails) lies in one heap of
//! octets, bound once, from which the statements cut their slices. All statements of a transaction go to SQLite in
//! one call: a call costs a change of threads, a statement hardly anything.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use serde::Serialize;
use sqlx::{AssertSqlSafe, SqliteConnection};

macro_rules! tables {
    ($($name:ident => $sql:expr,)*) => {
        /// A list and the statement that writes it, in this order. `$J` stands for the list, `$1` is the heap.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Table { $($name,)* }
        const STATEMENTS: &[&str] = &[$($sql,)*];
    };
}

tables! {
    QueueNew => "INSERT INTO queue (id, lane, stage, priority, ord, wake, expires, warn_at, about, row, mate) \
        SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7, value->>8, \
        substr($1, value->>9, value->>10), value->>11 FROM json_each($J)",
    QueueSave => "INSERT INTO queue (id, lane, stage, priority, ord, wake, expires, warn_at, about, row, mate) \
        SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7, value->>8, \
        substr($1, value->>9, value->>10), value->>11 FROM json_each($J) WHERE true \
        ON CONFLICT (id) DO UPDATE SET lane = excluded.lane, stage = excluded.stage, ord = excluded.ord, \
        wake = excluded.wake, expires = excluded.expires, warn_at = excluded.warn_at, row = excluded.row, \
        mate = excluded.mate",
    QueueGone => "DELETE FROM queue WHERE id IN (SELECT value->>0 FROM json_each($J))",
    Closed => "INSERT OR REPLACE INTO closed (id, at, texts, row) \
        SELECT value->>0, value->>1, value->>2, substr($1, value->>3, value->>4) FROM json_each($J)",
    ClosedGone => "DELETE FROM closed WHERE id IN (SELECT value->>0 FROM json_each($J))",
    Body => "INSERT INTO body (id, payload) SELECT value->>0, substr($1, value->>1, value->>2) FROM json_each($J)",
    BodySave => "UPDATE body SET payload = substr($1, j.value->>1, j.value->>2) FROM json_each($J) AS j \
        WHERE body.id = j.value->>0",
    Frozen => "INSERT OR REPLACE INTO frozen (id, segments) SELECT value->>0, value->>1 FROM json_each($J)",
    Event => "INSERT INTO event (id, k, at, what, gateway, segment, cause) SELECT value->>0, value->>1, value->>2, \
        value->>3, value->>4, value->>5, value->>6 FROM json_each($J)",
    Original => "INSERT OR IGNORE INTO original (id, at, headers, body) SELECT value->>0, value->>1, \
        substr($1, value->>2, value->>3), CASE WHEN value->>4 IS NULL THEN NULL \
        ELSE substr($1, value->>4, value->>5) END FROM json_each($J)",
    Dead => "INSERT INTO dead (id, at, kind, about, cause, data) SELECT value->>0, value->>1, value->>2, value->>3, \
        value->>4, substr($1, value->>5, value->>6) FROM json_each($J)",
    MailId => "INSERT OR REPLACE INTO mailid (message_id, id) SELECT value->>0, value->>1 FROM json_each($J)",
    Usage => "INSERT OR REPLACE INTO usage (pool, month, used) SELECT value->>0, value->>1, value->>2 \
        FROM json_each($J)",
    Brake => "INSERT OR REPLACE INTO brake (k, until, n) SELECT value->>0, value->>1, value->>2 FROM json_each($J)",
    Rate => "INSERT INTO brake (k, until, n) SELECT value->>0, value->>1, value->>2 FROM json_each($J) WHERE true \
        ON CONFLICT (k) DO UPDATE SET n = n + excluded.n",
    FingerprintsOld => "INSERT OR REPLACE INTO fingerprint (hash, id, until) SELECT hash, id, until \
        FROM fingerprint_young WHERE EXISTS (SELECT 1 FROM json_each($J)) ORDER BY hash, rowid; \
        DELETE FROM fingerprint_young",
    Fingerprint => "INSERT INTO fingerprint_young (hash, id, until) SELECT value->>0, value->>1, value->>2 \
        FROM json_each($J)",
    Fair => "INSERT OR REPLACE INTO fair (lane, priority, flow, finish) SELECT value->>0, value->>1, value->>2, \
        value->>3 FROM json_each($J)",
    Tally => "INSERT INTO tally (name, n) SELECT value->>0, value->>1 FROM json_each($J) WHERE true \
        ON CONFLICT (name) DO UPDATE SET n = n + excluded.n",
    Ref => "INSERT OR REPLACE INTO ref (gateway, norm, item, segment) SELECT value->>0, value->>1, value->>2, \
        value->>3 FROM json_each($J)",
    Parked => "INSERT INTO parked (norm, gateway, state, part, total, at, fault, reused) SELECT value->>0, value->>1, \
        value->>2, value->>3, value->>4, value->>5, value->>6, value->>7 FROM json_each($J)",
    ParkedGone => "DELETE FROM parked WHERE (norm, gateway, state, part) IN \
        (SELECT value->>0, value->>1, value->>2, value->>3 FROM json_each($J))",
    ParkedOld => "DELETE FROM parked WHERE at < (SELECT max(value->>0) FROM json_each($J))",
    GatewayDay => "INSERT INTO gateway_day (gateway, day, segments) SELECT value->>0, value->>1, value->>2 \
        FROM json_each($J) WHERE true \
        ON CONFLICT (gateway, day) DO UPDATE SET segments = segments + excluded.segments",
    GatewayPause => "INSERT OR IGNORE INTO gateway_pause (gateway, since) SELECT value->>0, value->>1 FROM json_each($J)",
    GatewayOn => "DELETE FROM gateway_pause WHERE gateway IN (SELECT value->>0 FROM json_each($J))",
    Poll => "INSERT OR REPLACE INTO poll (gateway, name, definition, position) SELECT value->>0, value->>1, value->>2, value->>3 \
        FROM json_each($J)",
    Link => "INSERT OR REPLACE INTO link (phone, gateway, number, mailbox, message, renewed, expires) \
        SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6 FROM json_each($J)",
    LinkLeft => "DELETE FROM link WHERE (phone, message, gateway) IN (SELECT value->>0, value->>1, value->>2 \
        FROM json_each($J))",
    LinkGone => "DELETE FROM link WHERE (phone, message) IN (SELECT value->>0, value->>1 FROM json_each($J))",
    Mo => "INSERT INTO mo (id, state, row, media) SELECT value->>0, value->>3, substr($1, value->>1, value->>2), \
        value->>4 FROM json_each($J)",
    Media => "INSERT INTO media (mo, n, gateway, since, wake, kind, name, place, why, data) SELECT value->>0, \
        value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7, value->>8, \
        CASE WHEN value->>9 IS NULL THEN NULL ELSE substr($1, value->>9, value->>10) END FROM json_each($J)",
    MediaLater => "UPDATE media SET wake = j.value->>2, tries = j.value->>3, why = j.value->>4 FROM json_each($J) AS j \
        WHERE media.mo = j.value->>0 AND media.n = j.value->>1",
    MediaHere => "UPDATE media SET wake = NULL, place = NULL, why = NULL, kind = j.value->>2, \
        name = coalesce(media.name, j.value->>3), data = substr($1, j.value->>4, j.value->>5) FROM json_each($J) AS j \
        WHERE media.mo = j.value->>0 AND media.n = j.value->>1",
    MediaMissing => "UPDATE media SET wake = NULL, place = NULL, why = j.value->>2 FROM json_each($J) AS j \
        WHERE media.mo = j.value->>0 AND media.n = j.value->>1",
    MediaNothing => "UPDATE media SET wake = NULL, place = NULL, why = NULL FROM json_each($J) AS j \
        WHERE media.mo = j.value->>0 AND media.n = j.value->>1",
    MoReady => "UPDATE mo SET state = 0 WHERE state = 3 AND id IN (SELECT value->>0 FROM json_each($J)) \
        AND NOT EXISTS (SELECT 1 FROM media WHERE media.mo = mo.id AND media.wake IS NOT NULL)",
    MediaGone => "DELETE FROM media WHERE mo IN (SELECT value->>0 FROM json_each($J))",
    MoParked => "UPDATE mo SET state = 1 WHERE id IN (SELECT value->>0 FROM json_each($J))",
    MoHeld => "UPDATE mo SET state = 2 WHERE id IN (SELECT value->>0 FROM json_each($J))",
    MoGone => "DELETE FROM mo WHERE id IN (SELECT value->>0 FROM json_each($J))",
    Seen => "INSERT OR REPLACE INTO seen (k, until) SELECT value->>0, value->>1 FROM json_each($J)",
    Conflict => "INSERT OR REPLACE INTO conflict (id, phone, gateway, open, until, asked, row) SELECT value->>0, \
        value->>1, value->>2, value->>3, value->>4, value->>5, value->>6 FROM json_each($J)",
    OptOut => "INSERT OR IGNORE INTO optout (phone, ours, since, how) SELECT value->>0, value->>1, value->>2, value->>3 \
        FROM json_each($J)",
    OptOutGone => "DELETE FROM optout WHERE (phone, ours) IN (SELECT value->>0, value->>1 FROM json_each($J))",
    ConflictOver => "UPDATE conflict SET open = 0 WHERE id IN (SELECT value->>0 FROM json_each($J))",
}

/// A slice of the heap, as `substr` counts: from 1.
#[derive(Debug, Clone, Copy)]
pub struct Slice {
    pub from: usize,
    pub len: usize,
}

/// The lists of one transaction.
pub struct Writes {
    heap: Vec<u8>,
    lists: Vec<Vec<u8>>,
}

impl Writes {
    pub fn new() -> Self {
        Self { heap: Vec::new(), lists: vec![Vec::new(); STATEMENTS.len()] }
    }

    /// Adds one line, a tuple of plain values.
    pub fn push(&mut self, table: Table, line: &impl Serialize) {
        let list = &mut self.lists[table as usize];
        list.push(if list.is_empty() { b'[' } else { b',' });
        serde_json::to_writer(list, line).expect("invariant: lines are tuples of plain values");
    }

    /// Puts octets on the heap.
    pub fn octets(&mut self, data: &[u8]) -> Slice {
        let from = self.heap.len() + 1;
        self.heap.extend_from_slice(data);
        Slice { from, len: data.len() }
    }

    /// Puts a value on the heap as JSON.
    pub fn json(&mut self, value: &impl Serialize) -> Slice {
        let from = self.heap.len() + 1;
        serde_json::to_writer(&mut self.heap, value).expect("invariant: rows and payloads have string keys");
        Slice { from, len: self.heap.len() + 1 - from }
    }

    pub fn is_empty(&self) -> bool {
        self.lists.iter().all(Vec::is_empty)
    }

    /// About how much this adds to the write-ahead log, in octets.
    pub fn size(&self) -> usize {
        self.heap.len() + self.lists.iter().map(Vec::len).sum::<usize>()
    }

    /// Writes all lists in one call, inside the transaction that `conn` is in.
    pub async fn run(self, conn: &mut SqliteConnection, texts: &Texts) -> Result<(), sqlx::Error> {
        if self.is_empty() { Ok(()) } else { self.call(conn, texts, false).await }
    }

    /// The same, and the commit in that call too.
    pub async fn run_and_commit(self, conn: &mut SqliteConnection, texts: &Texts) -> Result<(), sqlx::Error> {
        self.call(conn, texts, true).await
    }

    async fn call(self, conn: &mut SqliteConnection, texts: &Texts, commit: bool) -> Result<(), sqlx::Error> {
        let mask = self.lists.iter().enumerate().filter(|(_, l)| !l.is_empty()).fold(0u64, |m, (i, _)| m | 1 << i);
        let mut query = sqlx::query(AssertSqlSafe(texts.of(mask, commit))).bind(self.heap);
        for mut list in self.lists {
            if !list.is_empty() {
                list.push(b']');
                query = query.bind(String::from_utf8(list).expect("invariant: JSON is UTF-8"));
            }
        }
        query.execute(conn).await.map(drop)
    }
}

/// The texts of the combined statements seen so far, so that SQLite's prepared ones are found again.
#[derive(Default)]
pub struct Texts(Mutex<HashMap<(u64, bool), Arc<str>>>);

impl Texts {
    fn of(&self, mask: u64, commit: bool) -> Arc<str> {
        let mut texts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = texts.entry((mask, commit)).or_insert_with(|| {
            let chosen = STATEMENTS.iter().enumerate().filter(|(i, _)| mask & 1 << i != 0);
            let numbered = chosen.enumerate().map(|(n, (_, sql))| sql.replace("$J", &format!("${}", n + 2)));
            numbered.chain(commit.then(|| "COMMIT".to_owned())).collect::<Vec<_>>().join(";\n").into()
        });
        text.clone()
    }
}
