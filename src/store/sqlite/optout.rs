//! The opt-out list in one transaction, and short reads of it. While nobody has opted out, nothing asks the database.

use std::collections::{HashMap, HashSet};

use sqlx::{Row as _, SqliteConnection};

use super::{
    load::{Need, bad},
    row::Tally,
    work::Work,
    write::Table,
};
use crate::{
    ground::{MessageId, Timestamp},
    routing::Ours,
    store::{How, OptedOut, Opting},
};

type Result<T> = std::result::Result<T, sqlx::Error>;

/// The list as far as a transaction knows it: of each phone, what it has opted out of.
pub type Lists = HashMap<String, HashSet<Ours>>;

/// What must be known to change these.
pub fn need(changes: &[Opting], need: &mut Need) {
    need.opted.extend(changes.iter().map(|change| change.phone.clone()));
}

/// Changes the list; whether each changed anything.
pub fn opt(work: &mut Work<'_>, changes: &[Opting]) -> Vec<bool> {
    changes.iter().map(|change| opt_one(work, change)).collect()
}

fn opt_one(work: &mut Work<'_>, change: &Opting) -> bool {
    let list = work.opted.entry(change.phone.clone()).or_default();
    if change.out {
        if !list.insert(change.ours.clone()) {
            return false;
        }
        let line = (&change.phone, &change.ours, work.now, change.how);
        work.writes.push(Table::OptOut, &line);
        work.count(Tally::OptedOut, 1);
        // Before the commit: whoever asks too early looks into the table for nothing.
        work.shared.somebody_opted_out();
    } else {
        if !list.remove(&change.ours) {
            return false;
        }
        work.writes.push(Table::OptOutGone, &(&change.phone, &change.ours));
        work.count(Tally::OptedOut, -1);
    }
    true
}

/// Has the phone opted out of all of these? Of none at all nobody can.
pub fn from_all(work: &Work<'_>, phone: &str, candidates: &[Ours]) -> bool {
    !candidates.is_empty()
        && work.opted.get(phone).is_some_and(|list| candidates.iter().all(|ours| list.contains(ours)))
}

/// The network refused a text because its phone has opted out of texts from that number.
pub fn refused(work: &mut Work<'_>, id: MessageId) {
    let Some(row) = work.row(id) else { return };
    let Some(ours) = row.ours.clone() else { return };
    let change = Opting { phone: row.to.clone(), ours, out: true, how: How::Provider };
    if opt_one(work, &change) {
        work.event(id, "opted out", None, None, Some("by the network's word"));
    }
}

/// Is anybody on the list?
pub async fn any(conn: &mut SqliteConnection) -> Result<bool> {
    sqlx::query("SELECT EXISTS (SELECT 1 FROM optout)").fetch_one(conn).await?.try_get(0)
}

/// What each of these phones has opted out of.
pub async fn lists(conn: &mut SqliteConnection, phones: &[&str]) -> Result<Lists> {
    let phones = serde_json::to_string(phones).map_err(bad)?;
    let sql = "SELECT phone, ours FROM optout WHERE phone IN (SELECT value FROM json_each($1))";
    let mut lists = Lists::new();
    for row in sqlx::query(sql).bind(phones).fetch_all(conn).await? {
        let ours = row.try_get::<&str, _>(1)?.parse().map_err(bad)?;
        lists.entry(row.try_get(0)?).or_default().insert(ours);
    }
    Ok(lists)
}

/// The list by phone, behind `after`; of one phone only, where one is named.
pub async fn page(
    conn: &mut SqliteConnection,
    phone: Option<&str>,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<OptedOut>> {
    let sql = "SELECT phone, ours, since, how FROM optout WHERE phone > $1 AND ($2 IS NULL OR phone = $2) \
        ORDER BY phone, ours LIMIT $3";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = sqlx::query(sql).bind(after.unwrap_or_default()).bind(phone).bind(limit).fetch_all(conn).await?;
    let line = |row: &sqlx::sqlite::SqliteRow| {
        let how: String = row.try_get(3)?;
        Ok(OptedOut {
            phone: row.try_get(0)?,
            ours: row.try_get::<&str, _>(1)?.parse().map_err(bad)?,
            since: Timestamp(row.try_get(2)?),
            how: serde_json::from_value(how.into()).map_err(bad)?,
        })
    };
    rows.iter().map(line).collect()
}
