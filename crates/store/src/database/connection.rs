//! One connection, whichever database it leads to.

use super::{
    dialect::Dialect,
    error::{DatabaseError, Result},
    params::{Binding, Params},
    postgres::PostgresConnection,
    row::Row,
    sqlite,
    value::Value,
};

/// One connection.
pub(crate) enum Connection {
    Sqlite(rusqlite::Connection),
    Postgres(Box<PostgresConnection>),
}

impl Connection {
    /// A connection to SQLite, which keeps the statements that it prepared.
    pub(crate) fn sqlite(connection: rusqlite::Connection) -> Self {
        connection.set_prepared_statement_cache_capacity(256);
        Self::Sqlite(connection)
    }

    /// A connection to PostgreSQL.
    pub(crate) fn postgres(connection: PostgresConnection) -> Self {
        Self::Postgres(Box::new(connection))
    }

    /// Runs a statement that returns no rows; the number of rows that it changed.
    pub(crate) fn execute(&self, sql: &str, params: Params<'_>, binding: Binding) -> Result<usize> {
        match self {
            Self::Sqlite(connection) => sqlite::execute(connection, sql, params, binding),
            Self::Postgres(connection) => connection.execute(sql, params, binding),
        }
    }

    /// Runs each statement once for each of its rows; a server gets all of them before it answers the first, an insert as one
    /// statement where it can be one: then no two of its rows may concern the same row of a table that they update.
    pub(crate) fn execute_batches(&self, batches: &[(&str, &[Params<'_>])]) -> Result<()> {
        match self {
            Self::Sqlite(connection) => {
                batches.iter().try_for_each(|(sql, rows)| sqlite::execute_each(connection, sql, rows))
            }
            Self::Postgres(connection) => connection.execute_batches(batches),
        }
    }

    /// Runs a query once for each of `rows`, and hands the place of those parameters and each row of the answer to `read`, until that
    /// says `false`; a server gets all of them before it answers the first.
    pub(crate) fn query_each(
        &self,
        sql: &str,
        rows: &[Params<'_>],
        read: &mut dyn FnMut(usize, &Row<'_>) -> Result<bool>,
    ) -> Result<()> {
        match self {
            Self::Sqlite(connection) => sqlite::query_each(connection, sql, rows, read),
            Self::Postgres(connection) => connection.query_each(sql, rows, read),
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
            Self::Postgres(connection) => connection.query(sql, params, binding, read),
        }
    }

    /// How its database spells statements.
    pub(crate) const fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Runs a query that was put together for this one time, in the dialect of the database and with a value for each of its
    /// numbered parameters. It is not kept: as many differ as clients ask.
    pub(crate) fn query_once(
        &self,
        sql: &str,
        values: &[Value],
        read: &mut dyn FnMut(&Row<'_>) -> Result<bool>,
    ) -> Result<()> {
        match self {
            Self::Sqlite(connection) => sqlite::query_once(connection, sql, values, read),
            Self::Postgres(connection) => connection.query_once(sql, values, read),
        }
    }

    /// Runs statements that have no parameters.
    pub(crate) fn batch(&self, sql: &str) -> Result<()> {
        match self {
            Self::Sqlite(connection) => Ok(connection.execute_batch(sql)?),
            Self::Postgres(connection) => connection.batch(sql),
        }
    }

    /// Whether a transaction is open.
    pub(crate) fn is_in_transaction(&self) -> bool {
        match self {
            Self::Sqlite(connection) => !connection.is_autocommit(),
            Self::Postgres(connection) => connection.is_in_transaction(),
        }
    }

    /// Rows that it inserted, changed or deleted since it was opened.
    pub(crate) fn total_changes(&self) -> u64 {
        match self {
            Self::Sqlite(connection) => connection.total_changes(),
            Self::Postgres(connection) => connection.total_changes(),
        }
    }

    /// Begins a transaction that sees one moment and changes nothing.
    pub(crate) fn begin_read(&self) -> Result<()> {
        match self {
            Self::Sqlite(connection) => Ok(connection.execute_batch("BEGIN DEFERRED")?),
            Self::Postgres(connection) => connection.begin(BEGIN_READ),
        }
    }

    /// Begins a transaction that writes: the only one of all servers, until it ends. Answers the number of the last migration
    /// that a server has; a file has only one process, which made its schema.
    pub(crate) fn begin_write(&self) -> Result<Option<u32>> {
        match self {
            Self::Sqlite(connection) => Ok(connection.execute_batch("BEGIN IMMEDIATE").map(|()| None)?),
            Self::Postgres(connection) => connection.begin_at_level(BEGIN_WRITE).map(Some),
        }
    }

    /// Begins a transaction that changes the schema of a server, while no server writes.
    pub(crate) fn begin_migration(&self) -> Result<()> {
        match self {
            Self::Sqlite(connection) => Ok(connection.execute_batch("BEGIN IMMEDIATE")?),
            Self::Postgres(connection) => connection.begin(TAKE_LOCK),
        }
    }

    /// The time on the clock of the database, in milliseconds.
    pub(crate) fn clock(&self) -> Result<i64> {
        let (sql, mut now) = match self {
            Self::Sqlite(_) => ("SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER)", None),
            Self::Postgres(_) => ("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)", None),
        };
        self.query(sql, &[], Binding::All, &mut |row| {
            now = Some(row.get(0)?);
            Ok(false)
        })?;
        now.ok_or(DatabaseError::Closed)
    }

    /// Makes durable what the transaction wrote. Where it changed something, every process with the database hears of it.
    pub(crate) fn commit(&self) -> Result<()> {
        match self {
            Self::Sqlite(connection) => Ok(connection.execute_batch("COMMIT")?),
            Self::Postgres(connection) => connection.commit(),
        }
    }

    /// Whether the connection is gone.
    pub(crate) fn is_closed(&self) -> bool {
        match self {
            Self::Sqlite(_) => false,
            Self::Postgres(connection) => connection.is_closed(),
        }
    }

    /// The commit that was sent on this connection and never answered.
    pub(crate) fn lost_commit(&self) -> Option<i64> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(connection) => connection.lost_commit(),
        }
    }

    /// Whether a commit of this process is in the database, once no other transaction writes any more.
    pub(crate) fn has_commit(&self, number: i64) -> Result<bool> {
        match self {
            Self::Sqlite(_) => Ok(true),
            Self::Postgres(connection) => {
                // Waits for the lock of the transaction that was lost, should the server still be busy with it.
                connection.begin(TAKE_LOCK)?;
                let found = connection.has_commit(number);
                connection.end("ROLLBACK")?;
                found
            }
        }
    }

    /// What is left to do before the last connection goes.
    pub(crate) fn close(&self) {
        match self {
            // Statistics for the planner, bounded by SQLite itself; a failure here loses nothing.
            Self::Sqlite(connection) => drop(connection.execute_batch("PRAGMA optimize;")),
            Self::Postgres(_) => {}
        }
    }

    /// Undoes the transaction.
    pub(crate) fn roll_back(&self) -> Result<()> {
        match self {
            Self::Sqlite(connection) => Ok(connection.execute_batch("ROLLBACK")?),
            Self::Postgres(connection) => connection.end("ROLLBACK"),
        }
    }
}

/// Compiling a statement takes longer than any of ours takes to read 100,000 rows.
const BEGIN_READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL jit = off";

/// Writes of all servers follow each other, so that the audit log has no gaps and keys grow as they are committed. The
/// lock ends with its transaction.
const TAKE_LOCK: &str = "BEGIN; SELECT pg_advisory_xact_lock(1263094868)";
/// The same, and how far the schema is by now.
const BEGIN_WRITE: &str =
    "BEGIN; SELECT pg_advisory_xact_lock(1263094868); SELECT CAST(max(number) AS TEXT) FROM migration";
