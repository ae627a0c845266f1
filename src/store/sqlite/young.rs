//! The youngest fingerprints: in memory as in their table, until many of them are sorted in at once.
//!
//! A fingerprint is a digest, so each new one falls on another page of a table that is sorted by them: a quarter of all
//! pages that accepting a mail writes. Those of one transaction go to the end of a small table instead, which is whole in
//! memory as well; [`MOST`] of them are moved in one transaction. What can go wrong: only what is committed may be known
//! here, or a mail that was never stored would be taken for one that was.

use std::collections::HashMap;

use sqlx::{Row as _, SqliteConnection, sqlite::SqliteRow};

use super::{load::id, put::hex};
use crate::{
    ground::{MessageId, Timestamp},
    store::Fingerprint,
};

/// How many are young at the most, about.
const MOST: usize = 2048;

/// Fingerprints in hexadecimal digits, whose message each is, and until when it counts.
#[derive(Default)]
pub struct Young(HashMap<String, (MessageId, Timestamp)>);

impl Young {
    pub async fn read(conn: &mut SqliteConnection) -> Result<Self, sqlx::Error> {
        let rows = sqlx::query("SELECT hash, id, until FROM fingerprint_young ORDER BY rowid").fetch_all(conn).await?;
        let one = |row: &SqliteRow| Ok((row.try_get(0)?, (id(row, 1)?, Timestamp(row.try_get(2)?))));
        rows.iter().map(one).collect::<Result<_, sqlx::Error>>().map(Self)
    }

    /// Whose message this is.
    pub fn of(&self, hash: &str, now: Timestamp) -> Option<MessageId> {
        self.0.get(hash).filter(|(_, until)| *until > now).map(|(id, _)| *id)
    }

    /// Time to sort them in.
    pub fn are_many(&self) -> bool {
        self.0.len() >= MOST
    }

    /// What a transaction brought, which is committed; `sorted`: the others were sorted in by it.
    pub fn committed(&mut self, fresh: Fresh) {
        if fresh.sorted {
            self.0.clear();
        }
        self.0.extend(fresh.prints);
    }
}

/// What one transaction makes of them.
#[derive(Default)]
pub struct Fresh {
    prints: Vec<(String, (MessageId, Timestamp))>,
    /// All that were young go to the others.
    pub sorted: bool,
}

impl Fresh {
    pub fn add(&mut self, print: &Fingerprint, id: MessageId) {
        self.prints.push((hex(&print.hash), (id, print.until)));
    }

    /// The lines of the table, in the order in which they came.
    pub fn lines(&self) -> impl Iterator<Item = (&str, MessageId, Timestamp)> {
        self.prints.iter().map(|(hash, (id, until))| (hash.as_str(), *id, *until))
    }
}
