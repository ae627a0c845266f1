//! SQLite behind the contract.
pub(super) struct Sqlite;
