//! Forgetting: texts after their time, histories after theirs, what has expired of the look-up tables.
//!
//! A small batch at a time, so that nobody waits for it. Tables without an index on time are walked in pages.

use sqlx::{Row as _, SqliteConnection};

use super::{load::decode, receipt::norm, row::Tally, work::Work};
use crate::{
    ground::{RemoteId, Timestamp},
    store::Day,
};

/// Items of each kind in one batch.
const BATCH: i64 = 500;
/// Rows of a walked table in one batch.
const PAGE: i64 = 2_000;
/// What a gateway sent on each day is of interest for so long.
const DAYS_KEPT: std::time::Duration = std::time::Duration::from_secs(40 * 86_400);

/// How far the walks have come.
#[derive(Default)]
pub struct Cursors {
    link: String,
    fingerprint: String,
    seen: String,
    brake: String,
}

pub async fn run(
    conn: &mut SqliteConnection,
    work: &mut Work<'_>,
    cursors: &mut Cursors,
    now: Timestamp,
) -> Result<u64, sqlx::Error> {
    let settings = &work.shared.settings;
    let (closed, texts) = (now - settings.keep_closed, now - settings.keep_texts);
    let mut gone = 0;
    gone += forget_texts(conn, texts.max(closed)).await?;
    gone += forget_closed(conn, closed).await?;
    let old = "DELETE FROM original WHERE id IN (SELECT id FROM original WHERE at < $1 LIMIT $2)";
    gone += delete(conn, old, texts).await?;
    let old = "DELETE FROM dead WHERE id IN (SELECT id FROM dead WHERE at < $1 LIMIT $2)";
    let letters = delete(conn, old, closed).await?;
    work.count(Tally::Dead, -i64::try_from(letters).unwrap_or(0));
    gone += letters;
    // Whether a phone was asked is of interest for an hour.
    let old = "DELETE FROM conflict WHERE id IN (SELECT id FROM conflict WHERE open = 0 AND asked < $1 AND until < $1 LIMIT $2)";
    gone += delete(conn, old, now - std::time::Duration::from_secs(86_400)).await?;
    let (day, _) = Day::of(now - DAYS_KEPT, &jiff::tz::TimeZone::UTC);
    sqlx::query("DELETE FROM gateway_day WHERE day < $1").bind(day.0).execute(&mut *conn).await?;
    gone += walk(conn, &mut cursors.link, LINK, now).await?;
    let old =
        "DELETE FROM fingerprint_young WHERE rowid IN (SELECT rowid FROM fingerprint_young WHERE until <= $1 LIMIT $2)";
    gone += delete(conn, old, now).await?;
    gone += walk(conn, &mut cursors.fingerprint, FINGERPRINT, now).await?;
    gone += walk(conn, &mut cursors.seen, SEEN, now).await?;
    gone += walk(conn, &mut cursors.brake, BRAKE, now).await?;
    let idle = work.shared.fair().prune();
    if !idle.is_empty() {
        let keys: Vec<_> = idle.iter().map(|flow| (&flow.lane, flow.priority, &flow.flow)).collect();
        let keys = serde_json::to_string(&keys).expect("invariant: names and numbers");
        let sql = "DELETE FROM fair WHERE (lane, priority, flow) IN \
            (SELECT value->>0, value->>1, value->>2 FROM json_each($1))";
        sqlx::query(sql).bind(keys).execute(&mut *conn).await?;
        work.fair.retain(|flow, _| !idle.contains(flow));
    }
    sqlx::query("PRAGMA incremental_vacuum(500)").fetch_all(conn).await?;
    Ok(gone)
}

async fn delete(conn: &mut SqliteConnection, sql: &'static str, before: Timestamp) -> Result<u64, sqlx::Error> {
    Ok(sqlx::query(sql).bind(before.0).bind(BATCH).execute(conn).await?.rows_affected())
}

async fn forget_texts(conn: &mut SqliteConnection, before: Timestamp) -> Result<u64, sqlx::Error> {
    let old = "SELECT id FROM closed WHERE texts = 1 AND at < $1 LIMIT $2";
    let rows = sqlx::query(old).bind(before.0).bind(BATCH).fetch_all(&mut *conn).await?;
    let ids: Result<Vec<&str>, _> = rows.iter().map(|row| row.try_get::<&str, _>(0)).collect();
    let ids = ids?;
    if ids.is_empty() {
        return Ok(0);
    }
    let sql = "DELETE FROM body WHERE id IN (SELECT value FROM json_each($1)); \
        DELETE FROM frozen WHERE id IN (SELECT value FROM json_each($1)); \
        UPDATE closed SET texts = NULL WHERE id IN (SELECT value FROM json_each($1))";
    let json = serde_json::to_string(&ids).expect("invariant: ids are strings");
    sqlx::query(sql).bind(json).execute(conn).await?;
    Ok(rows.len() as u64)
}

async fn forget_closed(conn: &mut SqliteConnection, before: Timestamp) -> Result<u64, sqlx::Error> {
    let old = "SELECT id, row FROM closed WHERE texts IS NULL AND at < $1 LIMIT $2";
    let rows = sqlx::query(old).bind(before.0).bind(BATCH).fetch_all(&mut *conn).await?;
    if rows.is_empty() {
        return Ok(0);
    }
    let (mut ids, mut refs, mut mids) = (Vec::new(), Vec::new(), Vec::new());
    for row in &rows {
        ids.push(row.try_get::<&str, _>(0)?);
        let row = decode(row, 1)?;
        let known = row.segments.iter().filter_map(|segment| RemoteId::new(segment.reference.as_deref()?));
        if let Some(gateway) = &row.gateway {
            refs.extend(known.map(|id| (gateway.clone(), norm(&id), row.id)));
        }
        mids.extend(row.mid);
    }
    let json = |value: serde_json::Result<String>| value.expect("invariant: plain values");
    let sql = "DELETE FROM event WHERE id IN (SELECT value FROM json_each($1)); \
        DELETE FROM closed WHERE id IN (SELECT value FROM json_each($1)); \
        DELETE FROM ref WHERE (gateway, norm, item) IN (SELECT value->>0, value->>1, value->>2 FROM json_each($2)); \
        DELETE FROM mailid WHERE message_id IN (SELECT value FROM json_each($3))";
    sqlx::query(sql)
        .bind(json(serde_json::to_string(&ids)))
        .bind(json(serde_json::to_string(&refs)))
        .bind(json(serde_json::to_string(&mids)))
        .execute(conn)
        .await?;
    Ok(rows.len() as u64)
}

/// A table to walk: the key behind the next page (none at the end), and what has expired within a page.
type Walk = (&'static str, &'static str);

const LINK: Walk = (
    "SELECT max(phone), count(*) FROM (SELECT phone FROM link WHERE phone > $1 ORDER BY phone LIMIT $2)",
    "DELETE FROM link WHERE phone > $1 AND phone <= $2 AND expires <= $3",
);
const FINGERPRINT: Walk = (
    "SELECT max(hash), count(*) FROM (SELECT hash FROM fingerprint WHERE hash > $1 ORDER BY hash LIMIT $2)",
    "DELETE FROM fingerprint WHERE hash > $1 AND hash <= $2 AND until <= $3",
);
const SEEN: Walk = (
    "SELECT max(k), count(*) FROM (SELECT k FROM seen WHERE k > $1 ORDER BY k LIMIT $2)",
    "DELETE FROM seen WHERE k > $1 AND k <= $2 AND until <= $3",
);

const BRAKE: Walk = (
    "SELECT max(k), count(*) FROM (SELECT k FROM brake WHERE k > $1 ORDER BY k LIMIT $2)",
    "DELETE FROM brake WHERE k > $1 AND k <= $2 AND until <= $3",
);

async fn walk(
    conn: &mut SqliteConnection,
    cursor: &mut String,
    (page, expired): Walk,
    now: Timestamp,
) -> Result<u64, sqlx::Error> {
    let row = sqlx::query(page).bind(&*cursor).bind(PAGE).fetch_one(&mut *conn).await?;
    let Some(last) = row.try_get::<Option<String>, _>(0)? else {
        cursor.clear();
        return Ok(0);
    };
    let gone = sqlx::query(expired).bind(&*cursor).bind(&last).bind(now.0).execute(conn).await?.rows_affected();
    if row.try_get::<i64, _>(1)? < PAGE {
        cursor.clear();
    } else {
        *cursor = last;
    }
    Ok(gone)
}
