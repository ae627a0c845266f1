//! Connections and tables: the settings that make SQLite durable, and migrations, forward only.

use std::{path::Path, time::Duration};

use sqlx::{
    ConnectOptions, SqlSafeStr, SqliteConnection, SqlitePool,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
    sqlite::{SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::store::Down;

/// How long a write waits for a lock that someone else holds (an administrator's shell).
const BUSY: Duration = Duration::from_secs(2);

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(BUSY)
        .row_buffer_size(1024)
        .statement_cache_capacity(128)
        .disable_statement_logging()
}

/// The writer's connection, also used for checkpoints: `auto_vacuum` and `secure_delete` come before the first table.
pub async fn writer(path: &Path) -> Result<SqliteConnection, sqlx::Error> {
    options(path)
        .auto_vacuum(SqliteAutoVacuum::Incremental)
        .pragma("secure_delete", "FAST")
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("wal_autocheckpoint", "0")
        .foreign_keys(false)
        .connect()
        .await
}

fn reading(path: &Path) -> SqliteConnectOptions {
    options(path).read_only(true).foreign_keys(false).pragma("query_only", "ON")
}

/// One connection for reads.
pub async fn reader(path: &Path) -> Result<SqliteConnection, sqlx::Error> {
    reading(path).connect().await
}

/// A few connections for short reads.
pub async fn readers(path: &Path) -> Result<SqlitePool, sqlx::Error> {
    SqlitePoolOptions::new()
        .max_connections(4)
        .min_connections(1)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(reading(path))
        .await
}

fn migrator() -> Migrator {
    let step = |version, name: &'static str, sql: &'static str| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    Migrator::with_migrations(vec![
        step(1, "first layout", include_str!("migrations/0001.sql")),
        step(2, "gateways", include_str!("migrations/0002.sql")),
        step(5, "brakes", include_str!("migrations/0005.sql")),
        step(6, "keys of hooks", include_str!("migrations/0006.sql")),
        step(13, "names given out again", include_str!("migrations/0013.sql")),
        step(8, "errands", include_str!("migrations/0008.sql")),
        step(10, "opt-outs", include_str!("migrations/0010.sql")),
        step(11, "mates", include_str!("migrations/0011.sql")),
        step(14, "parts of parked receipts, positions of polls", include_str!("migrations/0014.sql")),
        step(15, "young fingerprints", include_str!("migrations/0015.sql")),
        step(12, "media", include_str!("migrations/0012.sql")),
    ])
}

/// Brings the tables up to date; a database of a newer version is refused.
pub async fn migrate(conn: &mut SqliteConnection) -> Result<(), Down> {
    match migrator().run(conn).await {
        Ok(()) => Ok(()),
        Err(MigrateError::VersionMissing(version)) => Err(Down::Broken(format!(
            "its tables are of layout {version}, which this version does not know: it was used by a newer martlet"
        ))),
        Err(MigrateError::Execute(e)) => Err(down(&e)),
        Err(e) => Err(Down::Broken(format!("its tables cannot be brought up to date: {e}"))),
    }
}

/// What an error of the database means to a caller.
pub fn down(error: &sqlx::Error) -> Down {
    /// SQLITE_FULL.
    const FULL: &str = "13";
    match error {
        sqlx::Error::Database(e) if e.code().as_deref() == Some(FULL) => Down::Full,
        sqlx::Error::Database(e) => Down::Broken(e.message().to_owned()),
        sqlx::Error::Decode(e) => Down::Broken(format!("a row cannot be read: {e}")),
        e => Down::Broken(e.to_string()),
    }
}
