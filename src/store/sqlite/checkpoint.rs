//! Moving the write-ahead log into the database, beside the writer and never on its path.
//!
//! A passive checkpoint waits for nobody. Under constant writing it never catches up, and the log would grow for ever;
//! so when the log is very large, the last short pass runs between two transactions of the writer.

use std::{sync::Arc, time::Duration};

use sqlx::{Row as _, SqliteConnection};

use super::Shared;

/// A checkpoint is due when about this much was written since the last.
pub const DUE: usize = 4 << 20;
/// Above this size the log is brought to its beginning, even if the writer has to wait for one short pass. Frames of
/// 4 KiB: 64 MiB.
const LARGE: i64 = 16 << 10;
/// How often the last pass is repeated for readers that are just finishing.
const TRIES: u32 = 20;
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
    let frames = passive(conn).await.map_or(0, |moved| moved.log);
    if frames < LARGE {
        return;
    }
    // While that pass ran the writer went on: what it added in the meantime is moved while it waits, and its next
    // transaction begins the log anew.
    let _writer_waits = shared.gate.lock().await;
    // A reader that was at work when the writer stopped holds back what came after its beginning; reads are short,
    // and while the writer waits nobody begins one on the log.
    for _ in 0..TRIES {
        if passive(conn).await.is_some_and(|moved| moved.log == moved.done) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// What a pass saw and did, in frames. Equal only says that it moved all that was there when it began.
struct Moved {
    log: i64,
    done: i64,
}

async fn passive(conn: &mut SqliteConnection) -> Option<Moved> {
    let row = sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").fetch_one(conn).await.ok()?;
    Some(Moved { log: row.try_get(1).ok()?, done: row.try_get(2).ok()? })
}
