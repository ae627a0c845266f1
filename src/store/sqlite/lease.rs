//! Prefetch: which items go next. In memory only, so that a crash gives them back.
//!
//! One index serves every question: (lane, stage, priority, ord). Of each lane, ready items come by rank and those
//! that have fallen due since by their moment; the two are merged one by one, so neither starves the other.

use std::{
    collections::{HashMap, hash_map::Entry},
    time::Duration,
};

use sqlx::{AssertSqlSafe, Row as _, SqliteConnection};

use super::{
    Shared,
    handover::Handed,
    load::{decode, id, payload},
    media,
    row::{Kind, Row, lane_of},
};
use crate::{
    ground::{MessageId, Timestamp},
    store::{Item, Key},
};

/// Items given out, with the version of the row they were given out from.
#[derive(Default)]
pub struct Leases(HashMap<MessageId, u32>);

impl Leases {
    pub fn version(&self, id: MessageId) -> Option<u32> {
        self.0.get(&id).copied()
    }

    pub fn end<'a>(&mut self, ids: impl IntoIterator<Item = &'a MessageId>) {
        for id in ids {
            self.0.remove(id);
        }
    }
}

/// Candidates of one lane: `$N` its name, `$K` its place in the question, `$1` now, `$2` how many.
const LANE: &str = "\
    SELECT * FROM (SELECT id, 0, priority, ord, $K FROM queue \
    WHERE lane = $N AND stage = 0 AND expires > $1 ORDER BY priority, ord LIMIT $2) UNION ALL \
    SELECT * FROM (SELECT id, 1, priority, ord, $K FROM queue \
    WHERE lane = $N AND stage = 1 AND priority = 0 AND ord <= $1 AND expires > $1 ORDER BY ord LIMIT $2) UNION ALL \
    SELECT * FROM (SELECT id, 1, priority, ord, $K FROM queue \
    WHERE lane = $N AND stage = 1 AND priority = 1 AND ord <= $1 AND expires > $1 ORDER BY ord LIMIT $2) UNION ALL \
    SELECT * FROM (SELECT id, 1, priority, ord, $K FROM queue \
    WHERE lane = $N AND stage = 1 AND priority = 2 AND ord <= $1 AND expires > $1 ORDER BY ord LIMIT $2)";

/// Lanes that one statement asks about: SQLite joins at most 500 questions, and each lane asks four.
const TOGETHER: usize = 64;

/// The statement for this many lanes.
pub fn candidates_sql(lanes: usize) -> String {
    (0..lanes)
        .map(|n| LANE.replace("$N", &format!("${}", n + 3)).replace("$K", &n.to_string()))
        .collect::<Vec<_>>()
        .join(" UNION ALL ")
}

const FULL: &str = "SELECT 0, q.row, b.payload, f.segments FROM queue q JOIN body b ON b.id = q.id \
    LEFT JOIN frozen f ON f.id = q.id WHERE q.id IN (SELECT value FROM json_each($1))";

struct Candidate {
    id: MessageId,
    deferred: bool,
    priority: i64,
    ord: i64,
    /// Its place among the keys.
    key: usize,
}

/// Leases what is due without asking the database, as [`lease`] would; `None`: it must be asked.
pub fn at_hand(shared: &Shared, keys: &[(Key, usize)], limit: usize, now: Timestamp) -> Option<Vec<Item>> {
    let (lanes, room): (Vec<String>, Vec<usize>) = keys.iter().map(|(key, room)| (lane_of(key), *room)).unzip();
    let handed = shared.handovers().take(&lanes, &room, limit, now)?;
    Some(handed_over(shared, handed))
}

/// Leases up to `limit` items that are due, of each key at most so many as stand beside it.
pub async fn lease(
    shared: &Shared,
    conn: &mut SqliteConnection,
    keys: &[(Key, usize)],
    limit: usize,
    now: Timestamp,
) -> Result<Vec<Item>, sqlx::Error> {
    if keys.is_empty() || limit == 0 {
        return Ok(Vec::new());
    }
    let (lanes, room): (Vec<String>, Vec<usize>) = keys.iter().map(|(key, room)| (lane_of(key), *room)).unzip();
    let happened = shared.handovers().happened(&lanes);
    let (chosen, all) = candidates(shared, conn, &lanes, room, limit, now).await?;
    let wanted = chosen.len();
    let leased = fetch(shared, conn, chosen, now).await?;
    if all && leased.len() == wanted && wanted < limit {
        shared.handovers().is_empty(lanes, happened);
    }
    Ok(leased)
}

/// Leases what was handed over. Some of it may be leased already, by who looked into the database at the same time.
fn handed_over(shared: &Shared, handed: Vec<Handed>) -> Vec<Item> {
    let mut served: HashMap<(String, u8), i64> = HashMap::new();
    let mut items = Vec::with_capacity(handed.len());
    let mut leases = shared.leases();
    for Handed { item, lane, rank } in handed {
        if let Entry::Vacant(free) = leases.0.entry(item.id) {
            // The version of a row that nobody has touched.
            free.insert(0);
            let most = served.entry((lane, item.priority as u8)).or_default();
            *most = rank.max(*most);
            items.push(item);
        }
    }
    drop(leases);
    shared.fair().served_all(served);
    items
}

/// Which items of these lanes go next, and whether these are all that are due and not leased.
async fn candidates(
    shared: &Shared,
    conn: &mut SqliteConnection,
    lanes: &[String],
    mut room: Vec<usize>,
    limit: usize,
    now: Timestamp,
) -> Result<(Vec<MessageId>, bool), sqlx::Error> {
    let out = shared.leases().0.len();
    let most = i64::try_from(limit.saturating_add(out)).unwrap_or(i64::MAX);
    let mut found = Vec::new();
    for (chunk, some) in lanes.chunks(TOGETHER).enumerate() {
        let mut query = sqlx::query(AssertSqlSafe(candidates_sql(some.len()))).bind(now.0).bind(most);
        for lane in some {
            query = query.bind(lane);
        }
        for row in query.fetch_all(&mut *conn).await? {
            let deferred = row.try_get::<i64, _>(1)? == 1;
            let key = chunk * TOGETHER + usize::try_from(row.try_get::<i64, _>(4)?).unwrap_or(usize::MAX / 2);
            found.push(Candidate { id: id(&row, 0)?, deferred, priority: row.try_get(2)?, ord: row.try_get(3)?, key });
        }
    }
    let leases = shared.leases();
    found.retain(|candidate| !leases.0.contains_key(&candidate.id));
    drop(leases);
    let due = found.len();
    let mut has_room = |candidate: &Candidate| match room.get_mut(candidate.key) {
        Some(left) if *left > 0 => {
            *left -= 1;
            true
        }
        _ => false,
    };
    let chosen: Vec<_> =
        merge(found).into_iter().filter(&mut has_room).take(limit).map(|candidate| candidate.id).collect();
    let all = chosen.len() == due;
    Ok((chosen, all))
}

/// Reads and leases these, as far as they are due still.
async fn fetch(
    shared: &Shared,
    conn: &mut SqliteConnection,
    chosen: Vec<MessageId>,
    now: Timestamp,
) -> Result<Vec<Item>, sqlx::Error> {
    if chosen.is_empty() {
        return Ok(Vec::new());
    }
    let ids = serde_json::to_string(&chosen).expect("invariant: ids are strings");
    let mut items = HashMap::with_capacity(chosen.len());
    for row in sqlx::query(FULL).bind(ids).fetch_all(conn).await? {
        let stored = decode(&row, 1)?;
        if let Some(payload) = payload(&row)? {
            items.insert(stored.id, (stored, payload, row.try_get::<Option<String>, _>(3)?));
        }
    }
    let mut leased = Vec::with_capacity(chosen.len());
    let mut served: HashMap<(String, u8), i64> = HashMap::new();
    let mut leases = shared.leases();
    for id in chosen {
        let Some((row, payload, frozen)) = items.remove(&id).filter(|(row, ..)| is_due(row, now)) else { continue };
        let rank = served.entry((row.key.clone(), row.priority as u8)).or_default();
        *rank = row.rank.max(*rank);
        leases.0.insert(id, row.version);
        leased.push(row.item(payload, frozen));
    }
    drop(leases);
    shared.fair().served_all(served);
    Ok(leased)
}

/// The others that may go out as one text: as many as one segment has room for, if they are of a few words.
const MATES: &str = "SELECT 0, q.row, b.payload FROM queue q JOIN body b ON b.id = q.id \
    WHERE q.mate = $1 AND q.id <> $2 ORDER BY q.id LIMIT 64";

/// Leases the mates of an item that are due and that nobody has leased.
pub async fn mates(
    shared: &Shared,
    conn: &mut SqliteConnection,
    mate: &str,
    of: MessageId,
    now: Timestamp,
) -> Result<Vec<Item>, sqlx::Error> {
    let rows = sqlx::query(MATES).bind(mate).bind(of.to_string()).fetch_all(conn).await?;
    let mut leased = Vec::new();
    let mut leases = shared.leases();
    for row in rows {
        let (stored, payload) = (decode(&row, 1)?, payload(&row)?);
        let free = is_due(&stored, now) && stored.expires > now && !leases.0.contains_key(&stored.id);
        if let Some(payload) = payload.filter(|_| free) {
            leases.0.insert(stored.id, stored.version);
            leased.push(stored.item(payload, None));
        }
    }
    Ok(leased)
}

fn is_due(row: &Row, now: Timestamp) -> bool {
    row.is_waiting() && row.next <= now && row.kind != Kind::Segment
}

/// By priority; within one, ready and fallen-due items in turn.
fn merge(found: Vec<Candidate>) -> Vec<Candidate> {
    let (mut due, mut ready): (Vec<_>, Vec<_>) = found.into_iter().partition(|candidate| candidate.deferred);
    let mut merged: Vec<(i64, usize, bool, Candidate)> = Vec::with_capacity(due.len() + ready.len());
    for list in [&mut due, &mut ready] {
        list.sort_by_key(|candidate| (candidate.priority, candidate.ord));
        let (mut place, mut priority) = (0, -1);
        for candidate in list.drain(..) {
            place = if candidate.priority == priority { place + 1 } else { 0 };
            priority = candidate.priority;
            merged.push((priority, place, candidate.deferred, candidate));
        }
    }
    merged.sort_by_key(|(priority, place, deferred, _)| (*priority, *place, !*deferred));
    merged.into_iter().map(|(.., candidate)| candidate).collect()
}

/// Whatever waits for a moment that the clock had before it was set back by `by` waits for the same moment of the new
/// time; how many did.
pub async fn set_back(conn: &mut SqliteConnection, now: Timestamp, by: Duration) -> Result<u64, sqlx::Error> {
    const WAITING: &str = "\
        UPDATE queue SET ord = CASE stage WHEN 1 THEN max($1, ord - $2) ELSE ord END, \
        row = CAST(json_set(CAST(row AS TEXT), '$.next', max($1, CAST(row AS TEXT)->>'next' - $2)) AS BLOB) \
        WHERE stage IN (0, 1) AND lane IS NOT NULL AND CAST(row AS TEXT)->>'next' > $1";
    let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
    media::set_back(conn, now, by).await?;
    Ok(sqlx::query(WAITING).bind(now.0).bind(by).execute(conn).await?.rows_affected())
}

/// What [`next_due`] would find, where that is known.
pub fn next_known(shared: &Shared, keys: &[Key]) -> Option<Option<Timestamp>> {
    let lanes: Vec<String> = keys.iter().map(lane_of).collect();
    shared.handovers().next(&lanes)
}

/// When the next item that nobody has leased falls due; for one that is due already, a moment that is over.
pub async fn next_due(
    shared: &Shared,
    conn: &mut SqliteConnection,
    keys: &[Key],
) -> Result<Option<Timestamp>, sqlx::Error> {
    let lanes: Vec<String> = keys.iter().map(lane_of).collect();
    let now = shared.clock.now();
    let leased: Vec<MessageId> = shared.leases().0.keys().copied().collect();
    let limit = i64::try_from(leased.len() + 1).unwrap_or(i64::MAX);
    let leased = serde_json::to_string(&leased).expect("invariant: ids are strings");
    let mut next: Option<Timestamp> = None;
    for some in lanes.chunks(TOGETHER) {
        let query = sqlx::query(AssertSqlSafe(next_sql(some.len())));
        let mut query = query.bind(limit).bind(&leased).bind(now.0);
        for lane in some {
            query = query.bind(lane);
        }
        for row in query.fetch_all(&mut *conn).await? {
            let due = decode(&row, 1)?.next;
            next = Some(next.map_or(due, |next| next.min(due)));
        }
    }
    shared.handovers().next_is(&lanes, next, now);
    Ok(next)
}

/// The head of each list of a lane that nobody has leased (`$2`) and whose time (`$3`) is not over; `$1` is one more
/// than are leased, `$N` the lane.
const HEADS: &str = "\
    SELECT id FROM (SELECT id FROM (SELECT id FROM queue WHERE lane = $N AND stage = 0 AND expires > $3 ORDER BY priority, ord LIMIT $1) \
    WHERE id NOT IN (SELECT value FROM json_each($2)) LIMIT 1) UNION ALL \
    SELECT id FROM (SELECT id FROM (SELECT id FROM queue WHERE lane = $N AND stage = 1 AND priority = 0 AND expires > $3 ORDER BY ord LIMIT $1) \
    WHERE id NOT IN (SELECT value FROM json_each($2)) LIMIT 1) UNION ALL \
    SELECT id FROM (SELECT id FROM (SELECT id FROM queue WHERE lane = $N AND stage = 1 AND priority = 1 AND expires > $3 ORDER BY ord LIMIT $1) \
    WHERE id NOT IN (SELECT value FROM json_each($2)) LIMIT 1) UNION ALL \
    SELECT id FROM (SELECT id FROM (SELECT id FROM queue WHERE lane = $N AND stage = 1 AND priority = 2 AND expires > $3 ORDER BY ord LIMIT $1) \
    WHERE id NOT IN (SELECT value FROM json_each($2)) LIMIT 1)";

/// The statement for this many lanes.
pub fn next_sql(lanes: usize) -> String {
    let heads: Vec<String> = (0..lanes).map(|n| HEADS.replace("$N", &format!("${}", n + 4))).collect();
    format!("SELECT 0, q.row FROM queue q WHERE q.id IN ({})", heads.join(" UNION ALL "))
}
