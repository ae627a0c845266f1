//! Short reads: for people, for sweepers, for the inbound journey.

use sqlx::{Row as _, SqliteConnection, sqlite::SqliteRow};

use super::{
    Shared,
    inbound::Kept,
    load::{bad, decode, id, payload},
    row::{Kind, Row, Stage, Tally, trying_lane},
};
use crate::{
    ground::{AccountName, GatewayId, MessageId, Timestamp},
    store::{
        Conflict, Counts, DeadLetterRow, Event, Filter, Item, Link, MoSegment, Month, Original, OriginalId, Payload,
        Shown, State, StoredSegment,
    },
};

type Result<T> = std::result::Result<T, sqlx::Error>;

fn limit(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

// ---- for sweepers ----

/// What is over: open items past their expiry, sent ones past their wait for a receipt.
pub const OVERDUE: &str = "q.wake <= $1 AND (q.stage = 4 OR q.stage <= 2 AND q.expires <= $1) ORDER BY q.wake LIMIT $2";
/// What its sender must be warned of.
pub const LATE: &str = "q.wake <= $1 AND q.stage <= 2 AND q.warn_at <= $1 ORDER BY q.wake LIMIT $2";

const ITEM: &str = "SELECT 0, q.row, b.payload, f.segments FROM queue q JOIN body b ON b.id = q.id \
    LEFT JOIN frozen f ON f.id = q.id WHERE ";

fn items(rows: &[SqliteRow]) -> Result<Vec<Item>> {
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        if let Some(payload) = payload(row)? {
            items.push(decode(row, 1)?.item(payload, row.try_get(3)?));
        }
    }
    Ok(items)
}

pub async fn interrupted(shared: &Shared, conn: &mut SqliteConnection, n: usize) -> Result<Vec<Item>> {
    let sql = format!("{ITEM} q.lane > '!' AND q.lane < $1 LIMIT $2");
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(trying_lane(shared.epoch)).bind(limit(n));
    items(&query.fetch_all(conn).await?)
}

pub async fn item(conn: &mut SqliteConnection, wanted: MessageId) -> Result<Option<Item>> {
    let sql = format!("{ITEM} q.id = $1");
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(wanted.to_string());
    Ok(items(&query.fetch_all(conn).await?)?.pop())
}

pub async fn overdue(conn: &mut SqliteConnection, now: Timestamp, n: usize) -> Result<Vec<Item>> {
    due(conn, OVERDUE, now, n).await
}

pub async fn late(conn: &mut SqliteConnection, now: Timestamp, n: usize) -> Result<Vec<Item>> {
    due(conn, LATE, now, n).await
}

async fn due(conn: &mut SqliteConnection, which: &str, now: Timestamp, n: usize) -> Result<Vec<Item>> {
    let sql = format!("{ITEM} {which}");
    items(&sqlx::query(sqlx::AssertSqlSafe(sql)).bind(now.0).bind(limit(n)).fetch_all(conn).await?)
}

// ---- for people ----

pub async fn show(conn: &mut SqliteConnection, wanted: MessageId) -> Result<Option<Shown>> {
    let sql = "SELECT 0, row FROM queue WHERE id = $1 UNION ALL SELECT 1, row FROM closed WHERE id = $1";
    let found = sqlx::query(sql).bind(wanted.to_string()).fetch_optional(&mut *conn).await?;
    let mut shown = match found {
        Some(row) => shown(decode(&row, 1)?),
        None => match segment(conn, wanted).await? {
            Some(shown) => shown,
            None => return Ok(None),
        },
    };
    let sql = "SELECT at, what, gateway, segment, cause FROM event WHERE id = $1 ORDER BY k";
    for row in sqlx::query(sql).bind(wanted.to_string()).fetch_all(conn).await? {
        shown.events.push(event(&row)?);
    }
    Ok(Some(shown))
}

/// A segment from a phone that is not done with.
async fn segment(conn: &mut SqliteConnection, wanted: MessageId) -> Result<Option<Shown>> {
    let row =
        sqlx::query("SELECT id, row, media, state FROM mo WHERE id = $1").bind(wanted.to_string()).fetch_optional(conn);
    let Some(row) = row.await? else { return Ok(None) };
    let StoredSegment { id, mo, .. } = stored(&row)?;
    let state = row.try_get::<i64, _>(3)?;
    let parked = state == 1;
    Ok(Some(Shown {
        id,
        to: "***".to_owned(),
        kind: "segment".into(),
        state: if parked { State::Held } else { State::Waiting },
        result: None,
        attempts: 0,
        gateway: Some(mo.gateway),
        segments: Vec::new(),
        next: None,
        cause: (state == 3).then(|| "its media are fetched".to_owned()),
        account: None,
        created: mo.received,
        events: Vec::new(),
    }))
}

fn event(row: &SqliteRow) -> Result<Event> {
    let gateway: Option<&str> = row.try_get(2)?;
    let segment: Option<i64> = row.try_get(3)?;
    Ok(Event {
        at: Timestamp(row.try_get(0)?),
        what: row.try_get(1)?,
        gateway: gateway.map(str::parse).transpose().map_err(bad)?,
        segment: segment.and_then(|n| u8::try_from(n).ok()),
        cause: row.try_get(4)?,
    })
}

fn shown(row: Row) -> Shown {
    Shown {
        to: row.masked(),
        kind: match row.kind {
            Kind::Text => "text".into(),
            Kind::Mail => "mail".into(),
            Kind::Run => "run".into(),
            Kind::Call => "call".into(),
            Kind::Sql => "sql".into(),
            Kind::Append => "append".into(),
            Kind::Segment => "segment".into(),
        },
        state: row.state(),
        result: row.result,
        attempts: row.attempts,
        next: matches!(row.stage, Stage::Ready | Stage::Deferred).then_some(row.next),
        cause: row.fault.map(|fault| fault.text),
        id: row.id,
        gateway: row.gateway,
        segments: row.segments,
        account: row.account,
        created: row.created,
        events: Vec::new(),
    }
}

/// The newest first, without their histories; an empty filter shows all states, a limit of 0 is 100.
pub async fn list(conn: &mut SqliteConnection, filter: &Filter) -> Result<Vec<Shown>> {
    let wants = |state| filter.states.is_empty() || filter.states.contains(&state);
    let n = if filter.limit == 0 { 100 } else { filter.limit };
    let stages: Vec<i64> =
        [(State::Waiting, vec![0, 1]), (State::Held, vec![2]), (State::Trying, vec![3]), (State::Sent, vec![4, 5])]
            .into_iter()
            .filter(|(state, _)| wants(*state))
            .flat_map(|(_, stages)| stages)
            .collect();
    let mut rows = Vec::new();
    if !stages.is_empty() {
        let sql = "SELECT 0, row FROM queue WHERE stage IN (SELECT value FROM json_each($1)) ORDER BY id DESC LIMIT $2";
        let stages = serde_json::to_string(&stages).map_err(bad)?;
        rows.extend(sqlx::query(sql).bind(stages).bind(limit(n)).fetch_all(&mut *conn).await?);
    }
    if wants(State::Closed) {
        let sql = "SELECT 0, row FROM closed WHERE CAST(row AS TEXT)->>'kind' <> 'segment' ORDER BY id DESC LIMIT $1";
        rows.extend(sqlx::query(sql).bind(limit(n)).fetch_all(conn).await?);
    }
    let rows: Result<Vec<Row>> = rows.iter().map(|row| decode(row, 1)).collect();
    let mut rows = rows?;
    rows.sort_by_key(|row| std::cmp::Reverse(row.id));
    rows.truncate(n);
    Ok(rows.into_iter().map(shown).collect())
}

pub async fn original(conn: &mut SqliteConnection, wanted: OriginalId) -> Result<Option<Original>> {
    let sql = "SELECT headers, body FROM original WHERE id = $1";
    let row = sqlx::query(sql).bind(wanted.0.to_string()).fetch_optional(conn).await?;
    row.map(|row| {
        let headers: &[u8] = row.try_get(0)?;
        let body: Option<&[u8]> = row.try_get(1)?;
        Ok(Original { id: wanted, headers: headers.into(), body: body.map(Into::into) })
    })
    .transpose()
}

pub async fn sent_mail(conn: &mut SqliteConnection, message_id: &str) -> Result<Option<MessageId>> {
    let row = sqlx::query("SELECT id FROM mailid WHERE message_id = $1").bind(message_id.to_owned());
    row.fetch_optional(conn).await?.map(|row| id(&row, 0)).transpose()
}

pub async fn counts(conn: &mut SqliteConnection, now: Timestamp) -> Result<Counts> {
    let mut counts = Counts::default();
    for row in sqlx::query("SELECT name, n FROM tally").fetch_all(&mut *conn).await? {
        let n = u64::try_from(row.try_get::<i64, _>(1)?).unwrap_or(0);
        let name: &str = row.try_get(0)?;
        match Tally::ALL.into_iter().find(|tally| tally.name() == name) {
            Some(Tally::Waiting) => counts.waiting = n,
            Some(Tally::Held) => counts.held = n,
            Some(Tally::Trying) => counts.trying = n,
            Some(Tally::Sent) => counts.sent = n,
            Some(Tally::Mails) => counts.mails_waiting = n,
            Some(Tally::Errands) => counts.errands_waiting = n,
            Some(Tally::Unassembled) => counts.unassembled = n,
            Some(Tally::Dead) => counts.dead_letters = n,
            Some(Tally::Parked) => counts.parked_receipts = n,
            Some(Tally::Dropped) => counts.dropped_receipts = n,
            Some(Tally::OptedOut) => counts.opted_out = n,
            None => {}
        }
    }
    let oldest = "SELECT 0, row FROM queue WHERE stage <= 1 ORDER BY id LIMIT 1";
    if let Some(row) = sqlx::query(oldest).fetch_optional(conn).await? {
        counts.oldest = Some(now.since(decode(&row, 1)?.created));
    }
    Ok(counts)
}

pub async fn usage(conn: &mut SqliteConnection, pool: &AccountName, month: Month) -> Result<u64> {
    let query = sqlx::query("SELECT used FROM usage WHERE pool = $1 AND month = $2");
    let row = query.bind(pool.as_str().to_owned()).bind(i64::from(month.0)).fetch_optional(conn).await?;
    let used = row.map(|row| row.try_get::<i64, _>(0)).transpose()?;
    Ok(used.and_then(|used| u64::try_from(used).ok()).unwrap_or(0))
}

pub async fn dead_letters(conn: &mut SqliteConnection, n: usize) -> Result<Vec<DeadLetterRow>> {
    let sql = "SELECT id, at, kind, about, cause, length(data) FROM dead ORDER BY id DESC LIMIT $1";
    let rows = sqlx::query(sql).bind(limit(n)).fetch_all(conn).await?;
    let letter = |row: &SqliteRow| {
        Ok(DeadLetterRow {
            id: id(row, 0)?,
            at: Timestamp(row.try_get(1)?),
            kind: row.try_get(2)?,
            about: row.try_get::<Option<&str>, _>(3)?.map(str::parse).transpose().map_err(bad)?,
            cause: row.try_get(4)?,
            size: u64::try_from(row.try_get::<i64, _>(5)?).unwrap_or(0),
        })
    };
    rows.iter().map(letter).collect()
}

// ---- inbound ----

fn stored(row: &SqliteRow) -> Result<StoredSegment> {
    let mo: MoSegment = serde_json::from_slice(row.try_get::<&[u8], _>(1)?).map_err(bad)?;
    let media = u8::try_from(row.try_get::<i64, _>(2)?).map_err(bad)?;
    Ok(StoredSegment { id: id(row, 0)?, mo, media })
}

pub async fn unassembled(conn: &mut SqliteConnection, n: usize) -> Result<Vec<StoredSegment>> {
    let sql = "SELECT id, row, media FROM mo WHERE state = 0 ORDER BY id LIMIT $1";
    sqlx::query(sql).bind(limit(n)).fetch_all(conn).await?.iter().map(stored).collect()
}

/// Segments that wait until a flood is over.
pub async fn held_segments(conn: &mut SqliteConnection, n: usize) -> Result<Vec<StoredSegment>> {
    let sql = "SELECT id, row, media FROM mo WHERE state = 2 ORDER BY id LIMIT $1";
    sqlx::query(sql).bind(limit(n)).fetch_all(conn).await?.iter().map(stored).collect()
}

pub async fn links(conn: &mut SqliteConnection, phone: &str, now: Timestamp) -> Result<Vec<Link>> {
    // With max(), SQLite takes the other columns from the row that has it: the latest renewal of each link. Of two in
    // the same millisecond the younger message wins.
    let sql = "SELECT l.gateway, l.number, l.mailbox, l.renewed, l.expires, l.message, b.payload, \
        max(printf('%020d', l.renewed) || l.message) \
        FROM link l LEFT JOIN body b ON b.id = l.message WHERE l.phone = $1 AND l.expires > $2 \
        GROUP BY l.gateway, l.number, l.mailbox ORDER BY l.renewed DESC, l.message DESC";
    let rows = sqlx::query(sql).bind(phone.to_owned()).bind(now.0).fetch_all(conn).await?;
    rows.iter().map(link).collect()
}

fn link(row: &SqliteRow) -> Result<Link> {
    let payload: Option<&[u8]> = row.try_get(6)?;
    let payload: Option<Payload> = payload.map(serde_json::from_slice).transpose().map_err(bad)?;
    let origin = payload.as_ref().and_then(Payload::origin);
    let number: String = row.try_get(1)?;
    Ok(Link {
        gateway: row.try_get::<&str, _>(0)?.parse().map_err(bad)?,
        number: (!number.is_empty()).then_some(number),
        mailbox: row.try_get::<&str, _>(2)?.parse().map_err(|_| bad("a link's address"))?,
        renewed: Timestamp(row.try_get(3)?),
        expires: Timestamp(row.try_get(4)?),
        message: id(row, 5)?,
        message_id: origin.and_then(|origin| origin.message_id.clone()),
        references: origin.map(|origin| origin.references.clone()).unwrap_or_default(),
        subject: origin.and_then(|origin| origin.subject.clone()),
    })
}

const CONFLICT: &str = "SELECT id, phone, gateway, open, until, asked, row FROM conflict WHERE ";

/// The open conflict here; else the latest one of this phone at all, not open, for the time it was asked.
pub async fn conflict(conn: &mut SqliteConnection, phone: &str, gateway: &GatewayId) -> Result<Option<Conflict>> {
    let sql = format!("{CONFLICT} phone = $1 ORDER BY (open = 1 AND gateway = $2) DESC, asked DESC");
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(phone.to_owned()).bind(gateway.as_str().to_owned());
    let rows = query.fetch_all(&mut *conn).await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let mut found = read_conflict(conn, first).await?;
    found.open &= found.gateway == *gateway;
    for row in &rows {
        found.asked = found.asked.max(Timestamp(row.try_get(5)?));
    }
    Ok(Some(found))
}

pub async fn stale_conflicts(conn: &mut SqliteConnection, now: Timestamp, n: usize) -> Result<Vec<Conflict>> {
    let sql = format!("{CONFLICT} open = 1 AND until <= $1 ORDER BY until LIMIT $2");
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(now.0).bind(limit(n));
    let mut stale = Vec::new();
    for row in query.fetch_all(&mut *conn).await? {
        stale.push(read_conflict(conn, &row).await?);
    }
    Ok(stale)
}

async fn read_conflict(conn: &mut SqliteConnection, row: &SqliteRow) -> Result<Conflict> {
    let kept: Kept = serde_json::from_str(row.try_get::<&str, _>(6)?).map_err(bad)?;
    let ids = serde_json::to_string(&kept.waiting).map_err(bad)?;
    let sql = "SELECT id, row, media FROM mo WHERE id IN (SELECT value FROM json_each($1)) ORDER BY id";
    let waiting: Result<Vec<_>> = sqlx::query(sql).bind(ids).fetch_all(conn).await?.iter().map(stored).collect();
    Ok(Conflict {
        id: id(row, 0)?,
        phone: row.try_get(1)?,
        gateway: row.try_get::<&str, _>(2)?.parse().map_err(bad)?,
        choices: kept.choices,
        waiting: waiting?,
        until: Timestamp(row.try_get(4)?),
        asked: Timestamp(row.try_get(5)?),
        open: row.try_get::<i64, _>(3)? == 1,
    })
}
