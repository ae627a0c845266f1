//! Moving the write-ahead log into the database, beside the writer and never on its path.
//!
//! A passive checkpoint waits for nobody. Under constant writing it never catches up, and the log would grow for ever;
//! so when the log is very large, the last short pass runs between two transactions of the writer.

use std::{path::PathBuf, sync::Arc, time::Duration};

use sqlx::{Row as _, SqliteConnection};

use super::Shared;

/// A checkpoint is due when about this much was written since the last.
pub const DUE: usize = 4 << 20;
/// Above this size the log is brought to its beginning, even if the writer has to wait for one pass.
const LARGE: u64 = 128 << 20;
/// What little was written is moved after this time.
const IDLE: Duration = Duration::from_secs(30);

/// Runs until the store closes; then empties the log.
pub async fn run(shared: Arc<Shared>, mut conn: SqliteConnection, done: tokio::sync::oneshot::Receiver<()>) {
    let mut done = done;
    loop {
        tokio::select! {
            () = shared.log_grew.notified() => {}
            () = tokio::time::sleep(IDLE) => {}
            _ = &mut done => break,
        }
        if shared.written.swap(0, std::sync::atomic::Ordering::Relaxed) > 0 {
            pass(&shared, &mut conn).await;
        }
    }
    // A reader beside the daemon may hold it up: the log is then emptied by whoever opens the database next.
    let _ = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_optional(&mut conn).await;
    let _ = sqlx::Connection::close(conn).await;
}

async fn pass(shared: &Shared, conn: &mut SqliteConnection) {
    if passive(conn).await {
        return;
    }
    let mut log = shared.settings.path.clone().into_os_string();
    log.push("-wal");
    let size = tokio::fs::metadata(PathBuf::from(log)).await.map_or(0, |meta| meta.len());
    if size > LARGE {
        passive(conn).await;
        let _writer_waits = shared.gate.lock().await;
        passive(conn).await;
    }
}

/// Whether the whole log was moved.
async fn passive(conn: &mut SqliteConnection) -> bool {
    let row = sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").fetch_one(conn).await;
    row.is_ok_and(
        |row| matches!((row.try_get::<i64, _>(1), row.try_get::<i64, _>(2)), (Ok(log), Ok(moved)) if log == moved),
    )
}
