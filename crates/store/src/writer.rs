//! Writes: one thread, one connection, many writes to a commit.
//!
//! The writer takes what is queued (at most [`BATCH`]) into one transaction, gives each write its own savepoint,
//! commits once, and only then answers all of them. Under load the cost of an fsync is shared by the batch.
//!
//! Invariants: an answer of `Ok` is given after the commit that holds the write. A write that fails or panics is
//! rolled back to its savepoint; its neighbours never notice.

use std::{
    any::Any,
    ops::Deref,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle, ThreadId},
};

use rusqlite::config::DbConfig;

use crate::{
    Durability, Reader, StoreError,
    commit_notify::CommitNotifier,
    database::{self, Binding, Connection, DatabaseError, Params, Row, Value},
    home::Home,
    migrate,
    statement::Statement,
};

/// Writes that share a commit at most.
const BATCH: usize = 64;
/// Writes that may wait; more wait in their own threads.
const QUEUE: usize = 1024;

// recursive_triggers: without it a REPLACE would delete an audit log row past the trigger that forbids it.
const WRITER_PRAGMAS: &str = "PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON; \
                              PRAGMA recursive_triggers = ON; PRAGMA busy_timeout = 5000; PRAGMA cache_size = -16384; \
                              PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 4000; \
                              PRAGMA journal_size_limit = 67108864; PRAGMA trusted_schema = OFF;";

/// A transaction: everything a [`Reader`] can see, its own changes included, and the right to change it.
pub struct Tx {
    reader: Reader,
    replica: Arc<AtomicU32>,
}

impl Tx {
    /// On a connection of the process that is the replica with this number, once that is known.
    pub(crate) fn new(connection: Connection, replica: Arc<AtomicU32>) -> Self {
        Self { reader: Reader::new(connection), replica }
    }

    /// The number of the replica that writes.
    pub(crate) fn replica(&self) -> u32 {
        self.replica.load(Ordering::Relaxed)
    }

    /// Runs a statement that returns no rows; the number of rows it changed.
    pub(crate) fn execute(&self, statement: &Statement, params: Params<'_>) -> Result<usize, StoreError> {
        let failed = |error| StoreError::of(statement.attempt, error);
        self.connection.execute(statement.sql, params, Binding::All).map_err(failed)
    }

    /// Runs each statement once for each of its rows.
    pub(crate) fn execute_batches(&self, batches: &[(&Statement, &[Params<'_>])]) -> Result<(), StoreError> {
        let attempt = batches.first().map_or("write rows", |(statement, _)| statement.attempt);
        let texts: Vec<(&str, &[Params<'_>])> =
            batches.iter().map(|(statement, rows)| (statement.sql, *rows)).collect();
        self.connection.execute_batches(&texts).map_err(|error| StoreError::of(attempt, error))
    }

    /// As [`Tx::execute`], with parameters of which the statement may leave some out.
    pub(crate) fn execute_some(&self, statement: &Statement, params: Params<'_>) -> Result<usize, StoreError> {
        let failed = |error| StoreError::of(statement.attempt, error);
        self.connection.execute(statement.sql, params, Binding::Some).map_err(failed)
    }

    /// The first `columns` values of a row that is there; the statement may leave parameters out.
    pub(crate) fn values(
        &self,
        attempted: &'static str,
        sql: &str,
        params: Params<'_>,
        columns: usize,
    ) -> Result<Vec<Value>, StoreError> {
        let mut found = None;
        let mut read = |row: &Row<'_>| {
            let values = (0..columns).map(|column| Ok(row.value(column)?.to_owned()));
            found = Some(values.collect::<database::Result<Vec<Value>>>()?);
            Ok(false)
        };
        self.connection
            .query(sql, params, Binding::Some, &mut read)
            .map_err(|error| StoreError::of(attempted, error))?;
        found.ok_or_else(|| StoreError::Invalid { attempted, reason: "there is no such row".to_owned() })
    }

    /// Keys that a table gives by itself stay above those that were given by hand. SQLite does so anyway.
    pub(crate) fn keep_keys_above(&self, table: &'static str) -> Result<(), StoreError> {
        if let Connection::Postgres(_) = self.connection {
            let sql = format!(
                "SELECT setval(pg_get_serial_sequence('{table}', 'key'), max(key)) FROM {table} HAVING max(key) > 0"
            );
            self.batch("keep the keys of a table apart", &sql)?;
        }
        Ok(())
    }

    fn batch(&self, attempt: &'static str, sql: &str) -> Result<(), StoreError> {
        self.connection.batch(sql).map_err(|error| StoreError::of(attempt, error))
    }
}

impl Deref for Tx {
    type Target = Reader;

    fn deref(&self) -> &Reader {
        &self.reader
    }
}

/// Opens the one connection that writes.
pub(crate) fn connect(path: &Path, durability: Durability) -> Result<rusqlite::Connection, StoreError> {
    let failed = |error: rusqlite::Error| StoreError::of("open the database", error.into());
    let connection = rusqlite::Connection::open(path).map_err(failed)?;
    migrate::recognise(&connection, path)?;
    connection.execute_batch(WRITER_PRAGMAS).map_err(failed)?;
    connection.pragma_update(None, "synchronous", durability.synchronous()).map_err(failed)?;
    Ok(connection)
}

/// Forbids what only a migration may do, such as writing into the schema table.
pub(crate) fn harden(connection: &rusqlite::Connection) -> Result<(), StoreError> {
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)
        .map(|_| ())
        .map_err(|error| StoreError::of("open the database", error.into()))
}

/// The queue in front of the writer thread.
pub(crate) struct Writer {
    queue: Option<SyncSender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
    id: ThreadId,
}

impl Writer {
    pub(crate) fn start(tx: Tx, commit_notifier: Arc<CommitNotifier>, home: Home) -> Result<Self, StoreError> {
        let (queue, jobs) = sync_channel(QUEUE);
        let thread = thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || serve(tx, &jobs, &commit_notifier, &home))
            .map_err(|_| StoreError::Closed)?;
        Ok(Self { queue: Some(queue), id: thread.thread().id(), thread: Some(thread) })
    }

    pub(crate) fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Tx) -> Result<T, StoreError> + Send + 'static,
    {
        if thread::current().id() == self.id {
            return Err(StoreError::NestedWrite);
        }
        let (reply, answer) = sync_channel(1);
        let job = Write { work: Some(work), outcome: None, reply };
        let queue = self.queue.as_ref().ok_or(StoreError::Closed)?;
        queue.send(Box::new(job)).map_err(|_| StoreError::Closed)?;
        match answer.recv().map_err(|_| StoreError::Closed)? {
            Ok(outcome) => outcome,
            Err(panic) => resume_unwind(panic),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        // A write closure may own the last clone of the store: the writer cannot wait for itself.
        if let Some(thread) = self.thread.take().filter(|_| thread::current().id() != self.id) {
            let _ = thread.join();
        }
    }
}

/// A write that waits for its commit.
trait Job: Send {
    /// Does the work; whether its changes are to be kept.
    fn run(&mut self, tx: &Tx) -> bool;
    /// Makes its answer an error.
    fn fail(&mut self, error: StoreError);
    /// Answers the caller, now that it is known what became of the commit.
    fn settle(self: Box<Self>, commit: Result<(), StoreError>);
}

type WriteResult<T> = Result<Result<T, StoreError>, Box<dyn Any + Send>>;

struct Write<T, F> {
    work: Option<F>,
    outcome: Option<WriteResult<T>>,
    reply: SyncSender<WriteResult<T>>,
}

impl<T, F> Job for Write<T, F>
where
    T: Send,
    F: FnOnce(&Tx) -> Result<T, StoreError> + Send,
{
    fn run(&mut self, tx: &Tx) -> bool {
        let Some(work) = self.work.take() else { return false };
        // A panic leaves nothing half-done behind: its savepoint is rolled back, and the caller panics in its own thread.
        let outcome = catch_unwind(AssertUnwindSafe(|| work(tx)));
        let keep = matches!(outcome, Ok(Ok(_)));
        self.outcome = Some(outcome);
        keep
    }

    fn fail(&mut self, error: StoreError) {
        self.outcome = Some(Ok(Err(error)));
    }

    fn settle(mut self: Box<Self>, commit: Result<(), StoreError>) {
        let answer = match (self.outcome.take(), commit) {
            (Some(Ok(Ok(_))) | None, Err(error)) => Ok(Err(error)),
            (Some(outcome), _) => outcome,
            (None, Ok(())) => Ok(Err(StoreError::Closed)),
        };
        // The caller may be gone (its thread was cut off); its write is durable all the same.
        let _ = self.reply.send(answer);
    }
}

fn serve(mut tx: Tx, jobs: &Receiver<Box<dyn Job>>, commit_notifier: &CommitNotifier, home: &Home) {
    let mut failing = None;
    while let Ok(first) = jobs.recv() {
        let mut batch = vec![first];
        batch.extend(jobs.try_iter().take(BATCH - 1));
        match &failing {
            None => failing = commit(&mut tx, batch, commit_notifier, home),
            Some(error) => settle(batch, &Err(StoreError::clone(error))),
        }
    }
    tx.connection.close();
}

/// Runs a batch to its commit and answers it. Returns why nothing can be written any more, if that is so.
fn commit(tx: &mut Tx, batch: Vec<Box<dyn Job>>, commit_notifier: &CommitNotifier, home: &Home) -> Option<StoreError> {
    match home.renew(&tx.connection) {
        Ok(None) => {}
        Ok(Some(connection)) => *tx = Tx::new(connection, Arc::clone(&tx.replica)),
        Err(error) => {
            settle(batch, &Err(error));
            return None;
        }
    }
    let mut batch = batch.into_iter().peekable();
    while batch.peek().is_some() {
        let mut open = Vec::new();
        let changes = tx.connection.total_changes();
        let committed = fill(tx, &mut batch, &mut open);
        let committed = home.confirm(&tx.connection, committed);
        match &committed {
            Ok(()) if tx.connection.total_changes() == changes => {}
            Ok(()) => commit_notifier.notify(),
            Err(_) if tx.connection.is_in_transaction() => drop(tx.connection.roll_back()),
            Err(_) => {}
        }
        settle(open, &committed);
        if let Err(error) = &committed
            && error.is_final()
        {
            tracing::error!(%error, "the store refuses further writes");
            settle(batch.collect(), &committed);
            return Some(error.clone());
        }
    }
    None
}

/// One transaction over as much of the batch as it can hold; what it took moves to `open`.
fn fill(
    tx: &Tx,
    batch: &mut impl Iterator<Item = Box<dyn Job>>,
    open: &mut Vec<Box<dyn Job>>,
) -> Result<(), StoreError> {
    let begun = tx.connection.begin_write().map_err(|error| StoreError::of("begin a write", error));
    let begun = begun.and_then(migrate::refuse_newer);
    let mut savepoint = Savepoint::None;
    for mut job in batch {
        let ran = begun.clone().and_then(|()| savepoint.begin(tx, open.last_mut()));
        let ran = ran.and_then(|()| savepoint.run(tx, &mut *job));
        open.push(job);
        ran?;
    }
    savepoint.end(tx, open.last_mut())?;
    tx.connection.commit().map_err(|error| StoreError::of("commit a write", error))
}

/// Where a transaction stands with the savepoint of its writes. A write is released together with the savepoint of the next one:
/// one way to a server and back, where there were two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Savepoint {
    /// There was no write yet.
    None,
    /// It is set, and nothing was kept behind it.
    Clean,
    /// It is set, and a write behind it is kept.
    Dirty,
}

impl Savepoint {
    /// Sets it for the next write; `last` is the write before.
    fn begin(&mut self, tx: &Tx, last: Option<&mut Box<dyn Job>>) -> Result<(), StoreError> {
        match self {
            Self::Clean => {}
            Self::None => tx.batch("begin a write", "SAVEPOINT one_write")?,
            Self::Dirty => release(tx, last, "RELEASE one_write; SAVEPOINT one_write")?,
        }
        *self = Self::Clean;
        Ok(())
    }

    /// Runs one write behind it. An error here is the transaction's, not the write's own.
    fn run(&mut self, tx: &Tx, job: &mut dyn Job) -> Result<(), StoreError> {
        let keep = job.run(tx);
        if tx.connection.is_closed() {
            return Err(StoreError::of("write", DatabaseError::Closed));
        }
        // A full disk or a failing one makes SQLite roll the whole transaction back, the neighbours included.
        if !tx.connection.is_in_transaction() {
            return Err(StoreError::RolledBack);
        }
        if keep {
            *self = Self::Dirty;
            return Ok(());
        }
        tx.batch("undo a write", UNDO)
    }

    /// Releases the last write before the commit, which would say nothing of a statement that failed in it.
    fn end(self, tx: &Tx, last: Option<&mut Box<dyn Job>>) -> Result<(), StoreError> {
        if self == Self::Dirty { release(tx, last, "RELEASE one_write") } else { Ok(()) }
    }
}

const UNDO: &str = "ROLLBACK TO one_write";

/// Releases the write `last` by `sql`. PostgreSQL keeps nothing of a write of which a statement failed, whatever the write made of
/// the error: then it is undone, and the savepoint stays.
fn release(tx: &Tx, last: Option<&mut Box<dyn Job>>, sql: &str) -> Result<(), StoreError> {
    tx.batch("finish a write", sql).or_else(|error| {
        if let Some(last) = last {
            last.fail(error);
        }
        tx.batch("undo a write", UNDO)
    })
}

fn settle(jobs: Vec<Box<dyn Job>>, commit: &Result<(), StoreError>) {
    jobs.into_iter().for_each(|job| job.settle(commit.clone()));
}

#[cfg(test)]
mod tests;
