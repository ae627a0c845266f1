//! Reads about gateways: what they spent, who is paused, who talks to whom, what waits for them.

use std::collections::HashMap;

use sqlx::{Row as _, SqliteConnection};

use super::{load::bad, row::lane_of};
use crate::{
    ground::Timestamp,
    store::{Day, Key, Position, Remembered, Talk},
};

type Result<T> = std::result::Result<T, sqlx::Error>;

pub async fn remembered(conn: &mut SqliteConnection, from: Day) -> Result<Remembered> {
    let mut known = Remembered::default();
    for row in sqlx::query("SELECT gateway, since FROM gateway_pause").fetch_all(&mut *conn).await? {
        known.paused.push((row.try_get::<&str, _>(0)?.parse().map_err(bad)?, Timestamp(row.try_get(1)?)));
    }
    let sql = "SELECT gateway, day, segments FROM gateway_day WHERE day >= $1";
    for row in sqlx::query(sql).bind(from.0).fetch_all(conn).await? {
        let segments = u64::try_from(row.try_get::<i64, _>(2)?).unwrap_or(0);
        known.spent.push((row.try_get::<&str, _>(0)?.parse().map_err(bad)?, Day(row.try_get(1)?), segments));
    }
    Ok(known)
}

/// Of all polls of all gateways.
pub async fn positions(conn: &mut SqliteConnection) -> Result<Vec<Position>> {
    let rows = sqlx::query("SELECT gateway, name, definition, position FROM poll").fetch_all(conn).await?;
    let read = |row: &sqlx::sqlite::SqliteRow| {
        Ok(Position {
            gateway: row.try_get::<&str, _>(0)?.parse().map_err(bad)?,
            poll: row.try_get(1)?,
            definition: row.try_get(2)?,
            position: row.try_get(3)?,
        })
    };
    rows.iter().map(read).collect()
}

/// Of each phone the links of its newest messages only: a phone that gets thousands costs no more than any other.
pub const TALKS: &str = "\
    SELECT l.phone, l.gateway, l.number, l.mailbox FROM json_each($1) p \
    JOIN link l ON l.phone = p.value \
    AND l.message IN (SELECT message FROM link WHERE phone = p.value ORDER BY message DESC LIMIT 32) \
    WHERE l.expires > $2 ORDER BY l.phone, l.renewed DESC, l.message DESC";

pub async fn talks(conn: &mut SqliteConnection, phones: &[&str], now: Timestamp) -> Result<HashMap<String, Vec<Talk>>> {
    let phones = serde_json::to_string(phones).map_err(bad)?;
    let mut found: HashMap<String, Vec<Talk>> = HashMap::new();
    for row in sqlx::query(TALKS).bind(phones).bind(now.0).fetch_all(conn).await? {
        let number: String = row.try_get(2)?;
        let talk = Talk {
            gateway: row.try_get::<&str, _>(1)?.parse().map_err(bad)?,
            number: (!number.is_empty()).then_some(number),
            mailbox: row.try_get::<&str, _>(3)?.parse().map_err(|_| bad("a link's address"))?,
        };
        let of_phone = found.entry(row.try_get(0)?).or_default();
        if !of_phone.contains(&talk) {
            of_phone.push(talk);
        }
    }
    Ok(found)
}

pub async fn waiting(conn: &mut SqliteConnection, keys: &[Key]) -> Result<Vec<u64>> {
    let mut counts = Vec::with_capacity(keys.len());
    for key in keys {
        let sql = "SELECT count(*) FROM queue WHERE lane = $1";
        let row = sqlx::query(sql).bind(lane_of(key)).fetch_one(&mut *conn).await?;
        counts.push(u64::try_from(row.try_get::<i64, _>(0)?).unwrap_or(0));
    }
    Ok(counts)
}

/// Lanes of several gateways, one step of the index for each.
pub async fn sets(conn: &mut SqliteConnection) -> Result<Vec<String>> {
    let sql = "WITH RECURSIVE found (lane) AS (\
        SELECT min(lane) FROM queue WHERE lane >= 's:' AND lane < 's;' UNION ALL \
        SELECT (SELECT min(lane) FROM queue WHERE lane > found.lane AND lane < 's;') FROM found \
        WHERE found.lane IS NOT NULL) SELECT lane FROM found WHERE lane IS NOT NULL";
    sqlx::query(sql).fetch_all(conn).await?.iter().map(|row| row.try_get(0)).collect()
}
