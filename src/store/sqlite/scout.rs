//! The connection that looks for what goes next: one for all lanes, one question after the other.
//!
//! Lanes look at the queue for every commit. A connection of the pool is pinged whenever it is given back, in a task of
//! its own: twice the work of the question itself. So this one stays with them; one that failed, or whose caller went
//! away in the middle of a question, is opened anew.

use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::{Mutex, MutexGuard};

use super::{
    Sqlite, lease,
    schema::{self, down},
};
use crate::{
    ground::{MessageId, Timestamp},
    store::{Down, Item, Key},
};

#[derive(Default)]
pub struct Scout(Mutex<Option<SqliteConnection>>);

/// Out on a question. Nobody else leases meanwhile.
struct Out<'a> {
    home: MutexGuard<'a, Option<SqliteConnection>>,
    conn: SqliteConnection,
}

impl Out<'_> {
    fn back<T>(mut self, found: Result<T, sqlx::Error>) -> Result<T, Down> {
        if found.is_ok() {
            *self.home = Some(self.conn);
        }
        found.map_err(|e| down(&e))
    }
}

impl Scout {
    pub async fn close(&self) {
        if let Some(conn) = self.0.lock().await.take() {
            let _ = conn.close().await;
        }
    }
}

impl Sqlite {
    async fn scout(&self) -> Result<Out<'_>, Down> {
        let mut home = self.scout.0.lock().await;
        let conn = match home.take() {
            Some(conn) => conn,
            None if self.shared.readers.is_closed() => return Err(Down::Broken("it is closed".to_owned())),
            None => schema::reader(&self.shared.settings.path).await.map_err(|e| down(&e))?,
        };
        Ok(Out { home, conn })
    }

    pub async fn lease(&self, keys: &[(Key, usize)], limit: usize, now: Timestamp) -> Result<Vec<Item>, Down> {
        if let Some(items) = lease::at_hand(&self.shared, keys, limit, now) {
            return Ok(items);
        }
        let mut out = self.scout().await?;
        let found = lease::lease(&self.shared, &mut out.conn, keys, limit, now).await;
        out.back(found)
    }

    pub async fn lease_mates(&self, mate: &str, of: MessageId, now: Timestamp) -> Result<Vec<Item>, Down> {
        let mut out = self.scout().await?;
        let found = lease::mates(&self.shared, &mut out.conn, mate, of, now).await;
        out.back(found)
    }

    pub async fn next_due(&self, keys: &[Key]) -> Result<Option<Timestamp>, Down> {
        if let Some(next) = lease::next_known(&self.shared, keys) {
            return Ok(next);
        }
        let mut out = self.scout().await?;
        let found = lease::next_due(&self.shared, &mut out.conn, keys).await;
        out.back(found)
    }
}
