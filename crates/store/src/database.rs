//! The border to the database: statements with named parameters in, rows out, in terms that every database has.
//!
//! Invariants: nothing outside of this module names a driver. Statements are written in the common subset of SQLite and
//! PostgreSQL; parameters are named `:name`.

mod error;
mod params;
mod row;
mod sqlite;
mod value;

pub use self::error::DatabaseError;
pub(crate) use self::{
    error::{ErrorKind, Result},
    params::{Binding, Params},
    row::{Row, unreadable},
    value::{ToValue, Value, ValueRef},
};

/// `named_params! { ":name": value, … }`: parameters for a statement.
macro_rules! named_params {
    ($($name:literal: $value:expr),* $(,)?) => {
        &[$(($name, &$value as &dyn $crate::database::ToValue)),*] as $crate::database::Params<'_>
    };
}
pub(crate) use named_params;

/// One connection.
pub(crate) enum Connection {
    Sqlite(rusqlite::Connection),
}

impl Connection {
    /// A connection to SQLite, which keeps the statements that it prepared.
    pub(crate) fn sqlite(connection: rusqlite::Connection) -> Self {
        connection.set_prepared_statement_cache_capacity(256);
        Self::Sqlite(connection)
    }

    /// Runs a statement that returns no rows; the number of rows that it changed.
    pub(crate) fn execute(&self, sql: &str, params: Params<'_>, binding: Binding) -> Result<usize> {
        match self {
            Self::Sqlite(connection) => sqlite::execute(connection, sql, params, binding),
        }
    }

    /// Runs a query and hands each row to `read`, until it answers `false`.
    pub(crate) fn query(
        &self,
        sql: &str,
        params: Params<'_>,
        binding: Binding,
        read: &mut dyn FnMut(&Row<'_>) -> Result<bool>,
    ) -> Result<()> {
        match self {
            Self::Sqlite(connection) => sqlite::query(connection, sql, params, binding, read),
        }
    }

    /// Runs statements that have no parameters.
    pub(crate) fn batch(&self, sql: &str) -> Result<()> {
        match self {
            Self::Sqlite(connection) => Ok(connection.execute_batch(sql)?),
        }
    }

    /// Whether a transaction is open.
    pub(crate) fn is_in_transaction(&self) -> bool {
        match self {
            Self::Sqlite(connection) => !connection.is_autocommit(),
        }
    }

    /// Rows that it inserted, changed or deleted since it was opened.
    pub(crate) fn total_changes(&self) -> u64 {
        match self {
            Self::Sqlite(connection) => connection.total_changes(),
        }
    }

    /// The key that the last insert made.
    pub(crate) fn last_key(&self) -> i64 {
        match self {
            Self::Sqlite(connection) => connection.last_insert_rowid(),
        }
    }
}
