//! Media of segments from phones: taken with them, fetched piece by piece, gone when the mail is queued.

use std::collections::HashSet;

use sqlx::{Row as _, SqliteConnection, sqlite::SqliteRow};

use super::{
    load::{bad, id},
    work::Work,
    write::Table,
};
use crate::{
    ground::{GatewayId, MessageId, Timestamp},
    mail::{At, Elsewhere, MediaType, Piece},
    store::{Due, Fetch, Fetched, MoSegment, Piecemeal},
};

/// Whether something must be fetched before a segment goes on.
pub fn waits(mo: &MoSegment) -> bool {
    mo.media.iter().any(|piece| matches!(piece.at, At::Elsewhere(_)))
}

/// What tells media apart, for segments that look alike otherwise.
pub fn look(piece: &Piece) -> &[u8] {
    match &piece.at {
        At::Elsewhere(place) => place.url.as_bytes(),
        At::Here(data) => data,
        At::Missing(why) => why.as_bytes(),
    }
}

/// Writes what came with a segment.
pub fn take(work: &mut Work<'_>, segment: MessageId, mo: &MoSegment) {
    for (n, piece) in mo.media.iter().enumerate() {
        let (mut wake, mut place, mut why, mut data) = (None, None, None, None);
        match &piece.at {
            At::Elsewhere(elsewhere) => {
                wake = Some(work.now);
                place = Some(serde_json::to_string(elsewhere).expect("invariant: names and numbers"));
            }
            At::Here(octets) => data = Some(work.writes.octets(octets)),
            At::Missing(words) => why = Some(words),
        }
        let (from, len) = data.map_or((None, None), |at| (Some(at.from), Some(at.len)));
        let (gateway, kind, name) = (&mo.gateway, &piece.kind, &piece.name);
        let line = (segment, n, gateway, mo.received, wake, kind, name, place, why, from, len);
        work.writes.push(Table::Media, &line);
    }
}

/// Writes what became of fetching a piece; the segment goes on when nothing is left to fetch.
pub fn fetched(work: &mut Work<'_>, fetched: &Fetched) {
    let Fetched { segment, gateway, n, outcome } = fetched;
    let number = u32::from(*n) + 1;
    match outcome {
        Fetch::Later { at, tries, why } => {
            work.writes.push(Table::MediaLater, &(segment, n, at, tries, why));
            return;
        }
        Fetch::Here { kind, name, data } => {
            let at = work.writes.octets(data);
            work.writes.push(Table::MediaHere, &(segment, n, kind, name, at.from, at.len));
            let cause = format!("{number}: {kind}, {} octets", data.len());
            work.event(*segment, "fetched", Some(gateway), None, Some(&cause));
        }
        Fetch::Missing(why) => {
            work.writes.push(Table::MediaMissing, &(segment, n, why));
            // Without the address, which stands in brackets.
            let words = why.split(" (<").next().unwrap_or_default();
            work.event(*segment, "not fetched", Some(gateway), None, Some(&format!("{number}: {words}")));
        }
        Fetch::Nothing => work.writes.push(Table::MediaNothing, &(segment, n)),
    }
    work.writes.push(Table::MoReady, &(segment,));
}

fn list(names: &impl serde::Serialize) -> String {
    serde_json::to_string(names).expect("invariant: ids are strings")
}

pub async fn media_due(
    conn: &mut SqliteConnection,
    now: Timestamp,
    busy: &[MessageId],
    full: &[GatewayId],
) -> Result<Option<Due>, sqlx::Error> {
    let sql = "SELECT mo FROM media WHERE wake <= $1 AND mo NOT IN (SELECT value FROM json_each($2)) \
        AND gateway NOT IN (SELECT value FROM json_each($3)) ORDER BY wake LIMIT 1";
    let first = sqlx::query(sql).bind(now.0).bind(list(&busy)).bind(list(&full)).fetch_optional(&mut *conn).await?;
    let Some(first) = first else { return Ok(None) };
    let segment = id(&first, 0)?;
    let sql =
        "SELECT n, gateway, since, wake, tries, kind, place, why, length(data) FROM media WHERE mo = $1 ORDER BY n";
    let rows = sqlx::query(sql).bind(segment.to_string()).fetch_all(&mut *conn).await?;
    // Gone between the two.
    let Some(first) = rows.first() else { return Ok(None) };
    let gateway = first.try_get::<&str, _>(1)?.parse().map_err(bad)?;
    let mut due = Due { segment, gateway, since: Timestamp(first.try_get(2)?), have: 0, pieces: Vec::new() };
    for row in &rows {
        due.have += u64::try_from(row.try_get::<Option<i64>, _>(8)?.unwrap_or(0)).unwrap_or(0);
        if row.try_get::<Option<i64>, _>(3)?.is_some_and(|wake| wake <= now.0) {
            due.pieces.push(piecemeal(row)?);
        }
    }
    Ok(Some(due))
}

fn piecemeal(row: &SqliteRow) -> Result<Piecemeal, sqlx::Error> {
    let place: Option<&str> = row.try_get(6)?;
    let from: Elsewhere = serde_json::from_str(place.unwrap_or_default()).map_err(bad)?;
    Ok(Piecemeal {
        n: u8::try_from(row.try_get::<i64, _>(0)?).map_err(bad)?,
        kind: kind(row, 5)?,
        from,
        tries: u32::try_from(row.try_get::<i64, _>(4)?).unwrap_or(u32::MAX),
        why: row.try_get(7)?,
    })
}

fn kind(row: &SqliteRow, column: usize) -> Result<Option<MediaType>, sqlx::Error> {
    row.try_get::<Option<&str>, _>(column)?.map(str::parse).transpose().map_err(bad)
}

pub async fn next_media(conn: &mut SqliteConnection, others: &[MessageId]) -> Result<Option<Timestamp>, sqlx::Error> {
    let sql = "SELECT min(wake) FROM media WHERE wake IS NOT NULL AND mo NOT IN (SELECT value FROM json_each($1))";
    let row = sqlx::query(sql).bind(list(&others)).fetch_one(conn).await?;
    Ok(row.try_get::<Option<i64>, _>(0)?.map(Timestamp))
}

pub async fn media(conn: &mut SqliteConnection, segments: &[MessageId]) -> Result<Vec<Piece>, sqlx::Error> {
    let sql = "SELECT kind, name, place, why, data FROM media WHERE mo = $1 ORDER BY n";
    let mut all = Vec::new();
    let mut seen = HashSet::new();
    for segment in segments.iter().filter(|segment| seen.insert(**segment)) {
        for row in sqlx::query(sql).bind(segment.to_string()).fetch_all(&mut *conn).await? {
            let (place, why): (Option<&str>, Option<&str>) = (row.try_get(2)?, row.try_get(3)?);
            let at = match (row.try_get::<Option<&[u8]>, _>(4)?, place, why) {
                (Some(data), ..) => At::Here(data.into()),
                (None, Some(place), _) => At::Elsewhere(serde_json::from_str(place).map_err(bad)?),
                (None, None, Some(why)) => At::Missing(why.to_owned()),
                // A layout.
                (None, None, None) => continue,
            };
            all.push(Piece { kind: kind(&row, 0)?, name: row.try_get(1)?, at });
        }
    }
    Ok(all)
}

/// The wall clock was set back: what waits for a moment of the old time waits for the same moment of the new one.
pub async fn set_back(conn: &mut SqliteConnection, now: Timestamp, by: i64) -> Result<(), sqlx::Error> {
    const WAITING: &str = "UPDATE media SET wake = max($1, wake - $2), since = min($1, since) WHERE wake > $1";
    sqlx::query(WAITING).bind(now.0).bind(by).execute(conn).await.map(drop)
}
