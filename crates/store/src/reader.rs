//! Reads: a few read-only connections, each answering from one snapshot. Readers never wait for the writer.

use std::{
    sync::{Condvar, Mutex, PoisonError},
    time::{Duration, Instant},
};

use kilter_domain::time::Timestamp;

use crate::{
    StoreError,
    database::{self, Binding, Connection, Dialect, Params, Row},
    home::Home,
    statement::{BuiltStatement, Statement},
};

const READERS: usize = 4;
const WAIT: Duration = Duration::from_secs(10);
/// A view of the database. Every room reads through this, also inside of a write.
pub struct Reader {
    pub(crate) connection: Connection,
}

impl Reader {
    pub(crate) const fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// The first row, if there is one.
    pub(crate) fn one<T>(
        &self,
        statement: &Statement,
        params: Params<'_>,
        read: impl FnOnce(&Row) -> database::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        let (mut found, mut read) = (None, Some(read));
        self.each(statement, params, &mut |row| {
            if let Some(read) = read.take() {
                found = Some(read(row)?);
            }
            Ok(false)
        })?;
        Ok(found)
    }

    /// The first row of the answer to each of `rows` of parameters, if there is one: one way to a server and back.
    pub(crate) fn one_each<T>(
        &self,
        statement: &Statement,
        rows: &[Params<'_>],
        mut read: impl FnMut(&Row) -> database::Result<T>,
    ) -> Result<Vec<Option<T>>, StoreError> {
        let mut found: Vec<Option<T>> = rows.iter().map(|_| None).collect();
        let mut keep = |place: usize, row: &Row<'_>| {
            found[place] = Some(read(row)?);
            Ok(false)
        };
        let answered = self.connection.query_each(statement.sql, rows, &mut keep);
        answered.map_err(|error| StoreError::of(statement.attempt, error))?;
        Ok(found)
    }

    /// All rows of the answer to each of `rows` of parameters: one way to a server and back. The statement bounds them.
    pub(crate) fn all_each<T>(
        &self,
        statement: &Statement,
        rows: &[Params<'_>],
        mut read: impl FnMut(&Row) -> database::Result<T>,
    ) -> Result<Vec<Vec<T>>, StoreError> {
        let mut found: Vec<Vec<T>> = rows.iter().map(|_| Vec::new()).collect();
        let mut keep = |place: usize, row: &Row<'_>| {
            found[place].push(read(row)?);
            Ok(true)
        };
        let answered = self.connection.query_each(statement.sql, rows, &mut keep);
        answered.map_err(|error| StoreError::of(statement.attempt, error))?;
        Ok(found)
    }

    /// All rows. The statement bounds them.
    pub(crate) fn all<T>(
        &self,
        statement: &Statement,
        params: Params<'_>,
        mut read: impl FnMut(&Row) -> database::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let mut found = Vec::new();
        self.each(statement, params, &mut |row| {
            found.push(read(row)?);
            Ok(true)
        })?;
        Ok(found)
    }

    /// How the database spells statements.
    pub(crate) const fn dialect(&self) -> Dialect {
        self.connection.dialect()
    }

    /// Row by row of a statement that was put together for this one time, until `read` answers `false`.
    pub(crate) fn each_built(
        &self,
        statement: &BuiltStatement,
        read: &mut dyn FnMut(&Row) -> database::Result<bool>,
    ) -> Result<(), StoreError> {
        let failed = |error| StoreError::of(statement.attempt, error);
        self.connection.query_once(&statement.sql, &statement.values, read).map_err(failed)
    }

    /// The time on the clock of the database: one for all who share it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn database_time(&self) -> Result<Timestamp, StoreError> {
        self.connection.clock().map(Timestamp).map_err(|error| StoreError::of("read the clock of the database", error))
    }

    /// Row by row, until `read` answers `false`.
    pub(crate) fn each(
        &self,
        statement: &Statement,
        params: Params<'_>,
        read: &mut dyn FnMut(&Row) -> database::Result<bool>,
    ) -> Result<(), StoreError> {
        let failed = |error| StoreError::of(statement.attempt, error);
        self.connection.query(statement.sql, params, Binding::All, read).map_err(failed)
    }
}

/// Read-only connections, opened when first needed, at most [`READERS`] of them.
pub(crate) struct ReaderPool {
    home: Home,
    state: Mutex<PoolState>,
    returned: Condvar,
}

#[derive(Default)]
struct PoolState {
    idle: Vec<Reader>,
    open: usize,
}

impl ReaderPool {
    pub(crate) fn new(home: Home) -> Self {
        Self { home, state: Mutex::default(), returned: Condvar::new() }
    }

    /// Runs `work` inside of one read transaction.
    pub(crate) fn read<T>(&self, work: impl FnOnce(&Reader) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let pooled = self.checkout()?;
        let reader = pooled.reader.as_ref().ok_or(StoreError::Closed)?;
        reader.connection.begin_read().map_err(|error| StoreError::of("begin a read", error))?;
        work(reader)
    }

    /// Where the database is.
    pub(crate) const fn home(&self) -> &Home {
        &self.home
    }

    fn checkout(&self) -> Result<PooledReader<'_>, StoreError> {
        let deadline = Instant::now() + WAIT;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(reader) = state.idle.pop() {
                if reader.connection.is_closed() {
                    state.open -= 1;
                    continue;
                }
                return Ok(PooledReader { pool: self, reader: Some(reader) });
            }
            if state.open < READERS {
                state.open += 1;
                drop(state);
                // The guard gives the place back also when opening fails.
                let mut pooled = PooledReader { pool: self, reader: None };
                pooled.reader = Some(Reader::new(self.home.open_reader()?));
                return Ok(pooled);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(StoreError::Busy { waited_seconds: WAIT.as_secs() });
            }
            (state, _) = self.returned.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// A reader of the pool; it goes back with its transaction ended, also when the work panics.
struct PooledReader<'p> {
    pool: &'p ReaderPool,
    reader: Option<Reader>,
}

impl Drop for PooledReader<'_> {
    fn drop(&mut self) {
        let sound = self
            .reader
            .take()
            .filter(|reader| !reader.connection.is_in_transaction() || reader.connection.roll_back().is_ok())
            .filter(|reader| !reader.connection.is_closed());
        let mut state = self.pool.state.lock().unwrap_or_else(PoisonError::into_inner);
        match sound {
            Some(reader) => state.idle.push(reader),
            None => state.open -= 1,
        }
        drop(state);
        self.pool.returned.notify_one();
    }
}
