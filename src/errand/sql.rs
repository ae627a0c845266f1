//! SQL statements of rules: named in the configuration, with bound values only, on SQLite or PostgreSQL.
//!
//! Values are bound as text. A pool for each database, connections made when they are needed. What can go wrong: no
//! connection, a lock, a server that goes down (later); a statement that is wrong or breaks a constraint (never).

use std::{collections::HashMap, fmt, str::FromStr, time::Duration};

use sqlx::{
    AssertSqlSafe, ConnectOptions,
    postgres::{PgConnectOptions, PgPool, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions},
};

use super::{later, never};
use crate::ground::{Outcome, Secret};

/// Where a database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Engine {
    /// A file that is there already.
    Sqlite(std::path::PathBuf),
    /// `postgres://user:password@host/name`.
    Postgres(Secret<String>),
}

/// A database that statements may run on.
#[derive(Debug, Clone)]
pub struct Database {
    pub name: String,
    pub engine: Engine,
    /// Connections at once.
    pub connections: u32,
    /// For one statement, waiting for a connection included.
    pub timeout: Duration,
}

/// A statement as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    pub name: String,
    pub database: String,
    pub sql: String,
}

enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// Pools and statements by their names.
#[derive(Default)]
pub struct Databases {
    pools: HashMap<String, (Pool, Duration)>,
    statements: HashMap<String, Prepared>,
}

impl Database {
    /// Can its URL be read?
    ///
    /// # Errors
    /// Why not, without the URL.
    pub fn check(&self) -> Result<(), String> {
        match &self.engine {
            Engine::Sqlite(_) => Ok(()),
            Engine::Postgres(url) => postgres(url).map(drop),
        }
    }

    fn pool(&self) -> Option<Pool> {
        Some(match &self.engine {
            Engine::Sqlite(path) => {
                let options = SqliteConnectOptions::new()
                    .filename(path)
                    .create_if_missing(false)
                    .busy_timeout(self.timeout)
                    .disable_statement_logging();
                let pool = SqlitePoolOptions::new().max_connections(self.connections).acquire_timeout(self.timeout);
                Pool::Sqlite(pool.connect_lazy_with(options))
            }
            Engine::Postgres(url) => {
                let most = self.timeout.as_millis().to_string();
                let options = postgres(url).ok()?.options([("statement_timeout", most)]).disable_statement_logging();
                let pool = PgPoolOptions::new().max_connections(self.connections).acquire_timeout(self.timeout);
                Pool::Postgres(pool.connect_lazy_with(options))
            }
        })
    }
}

fn postgres(url: &Secret<String>) -> Result<PgConnectOptions, String> {
    let known = ["postgres://", "postgresql://"].iter().any(|scheme| url.expose().starts_with(scheme));
    // Its words may quote the URL.
    let read = PgConnectOptions::from_str(url.expose()).ok().filter(|_| known);
    read.ok_or_else(|| "this is no postgres:// URL".to_owned())
}

impl Databases {
    /// Nothing is connected yet. Must be called on the runtime.
    pub fn new(databases: &[Database], statements: &[Prepared]) -> Self {
        let pools = databases.iter().filter_map(|one| Some((one.name.clone(), (one.pool()?, one.timeout)))).collect();
        Self { pools, statements: statements.iter().map(|one| (one.name.clone(), one.clone())).collect() }
    }

    /// Runs it for what it does.
    pub async fn execute(&self, name: &str, values: &[String]) -> Result<(), Outcome> {
        let (statement, pool, timeout) = self.find(name)?;
        let sql = AssertSqlSafe(statement.sql.clone());
        let done = async {
            match pool {
                Pool::Sqlite(pool) => {
                    let query = values.iter().fold(sqlx::query(sql), |query, value| query.bind(value.clone()));
                    query.execute(pool).await.map(drop)
                }
                Pool::Postgres(pool) => {
                    let query = values.iter().fold(sqlx::query(sql), |query, value| query.bind(value.clone()));
                    query.execute(pool).await.map(drop)
                }
            }
        };
        within(timeout, done).await
    }

    /// Runs it for its first row, if there is one.
    pub async fn returns_rows(&self, name: &str, values: &[String]) -> Result<bool, Outcome> {
        let (statement, pool, timeout) = self.find(name)?;
        let sql = AssertSqlSafe(statement.sql.clone());
        let found = async {
            match pool {
                Pool::Sqlite(pool) => {
                    let query = values.iter().fold(sqlx::query(sql), |query, value| query.bind(value.clone()));
                    query.fetch_optional(pool).await.map(|row| row.is_some())
                }
                Pool::Postgres(pool) => {
                    let query = values.iter().fold(sqlx::query(sql), |query, value| query.bind(value.clone()));
                    query.fetch_optional(pool).await.map(|row| row.is_some())
                }
            }
        };
        within(timeout, found).await
    }

    fn find(&self, name: &str) -> Result<(&Prepared, &Pool, Duration), Outcome> {
        // A reload may have taken it away: it may come back.
        let statement = self.statements.get(name).ok_or_else(|| later(format!("there is no statement {name}")))?;
        let found = self.pools.get(&statement.database);
        let (pool, timeout) = found.ok_or_else(|| later(format!("there is no database {}", statement.database)))?;
        Ok((statement, pool, *timeout))
    }
}

async fn within<T>(timeout: Duration, work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, Outcome> {
    match tokio::time::timeout(timeout, work).await {
        Ok(done) => done.map_err(|error| outcome(&error)),
        Err(_) => Err(later("the database did not answer in time")),
    }
}

/// A refused statement is refused again; what is the server's trouble passes.
fn outcome(error: &sqlx::Error) -> Outcome {
    let sqlx::Error::Database(database) = error else {
        return match error {
            sqlx::Error::Configuration(_) | sqlx::Error::Encode(_) => never("the database refuses the statement"),
            sqlx::Error::PoolTimedOut => later("no connection to the database in time"),
            // Its words may name users and hosts, no values.
            other => later(format!("the database: {other}")),
        };
    };
    let code = database.code().unwrap_or_default().into_owned();
    // Words of a database quote values, but for those about the statement itself.
    let about = if code.starts_with("42") || code == "1" { database.message() } else { "" };
    let words = format!("the database refuses the statement: {code} {about}");
    if is_passing(&code) { later(words) } else { never(words) }
}

/// SQLSTATE classes of PostgreSQL: connection, resources, an operator's hand, the system, a lost transaction; and the
/// primary codes of SQLite: busy, locked, no memory, I/O, full, cannot open.
fn is_passing(code: &str) -> bool {
    if code.len() == 5 && !code.starts_with("SQLITE") {
        return ["08", "40", "53", "55", "57", "58"].iter().any(|class| code.starts_with(class)) || code == "25006";
    }
    let primary = code.parse::<u32>().map_or(0, |code| code & 0xff);
    matches!(primary, 5 | 6 | 7 | 10 | 13 | 14)
}

/// Names only.
impl fmt::Debug for Databases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.statements.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_tried_again() {
        for code in ["08006", "40001", "53300", "57P01", "5", "261", "10", "14"] {
            assert!(is_passing(code), "{code}");
        }
        for code in ["42P01", "23505", "22P02", "42601", "1", "19", "1555", "8", ""] {
            assert!(!is_passing(code), "{code}");
        }
    }
}
