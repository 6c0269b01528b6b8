//! Metadata: what the platform knows, in one SQLite file or in a database of PostgreSQL.
//!
//! For every room that must remember something across a restart: projects, datasets, runs, gates, models,
//! deployments, the index of the prediction log, readings and alerts, and the audit log of who changed what.
//!
//! Invariants:
//! - A write that returned `Ok` survives `kill -9` and power loss (WAL, `synchronous=FULL`).
//! - No state changes without its audit entry, no entry stands without its change: only [`audit::AuditedTx`]
//!   can change a life, it writes the entry itself, and triggers refuse whatever goes round it.
//! - One bad write fails alone, though many share a commit.
//! - Every list is paged, every queue bounded.
//!
//! Out of scope: a clock (except for the day a migration was applied), ids, policy. They are handed in.

#![warn(missing_docs)]

pub mod account;
pub mod audit;
mod backup;
pub mod checkpoint;
pub mod clock;
mod commit_notify;
mod database;
pub mod dataset;
pub mod delivery;
pub mod deployment;
mod error;
mod fingerprint;
pub mod gate;
mod home;
pub mod lease;
mod lock;
mod metadata_copy;
mod migrate;
pub mod model;
pub mod monitor;
mod options;
pub mod package_signature;
pub mod page;
pub mod prediction;
mod presence;
pub mod project;
pub mod query;
mod reader;
mod reading;
pub mod registry;
pub mod replica;
pub mod retention;
mod row;
pub mod run;
pub mod search;
pub mod setting;
pub mod signing_key;
mod statement;
pub mod token;
pub mod tracking;
mod url;
pub mod webhook;
mod writer;

use std::{
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use kilter_domain::{
    replica::ReplicaId,
    time::{Span, Timestamp},
};

pub use database::{DatabaseError, QueryError};
pub use error::StoreError;
pub use metadata_copy::{CopiedTable, copy_metadata};
pub use options::{Durability, StoreOptions};
pub use page::{Cursor, Page, PageRequest};
pub use reader::Reader;
pub use url::{DatabaseUrl, InvalidDatabaseUrl};
pub use writer::Tx;

use crate::{
    commit_notify::CommitNotifier,
    database::{CommitListener, Connection},
    home::{FileHome, Home, ServerHome},
    lease::Lease,
    lock::FolderLock,
    presence::Presence,
    reader::ReaderPool,
    reading::Access,
    writer::Writer,
};

/// The name of the database file inside of the data folder.
pub const DATABASE_FILE: &str = "kilter.db";

/// The open store. Cloning is cheap; the database closes when the last clone is dropped.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
    /// The lease that each write is under.
    lease: Option<Arc<Lease>>,
}

// Fields drop in this order. The writer finishes its queue and, being the last connection, folds the write-ahead log
// into the file; then its digest is noted; only then may others come in.
struct Inner {
    readers: ReaderPool,
    /// `None` where the store is only read.
    writer: Option<Writer>,
    /// Writes that neither wait for others nor wake anybody: the renewal of leases.
    beside: Mutex<Option<Tx>>,
    replica: Arc<AtomicU32>,
    commit_notifier: Arc<CommitNotifier>,
    /// Hears of the commits of other servers.
    _listener: Option<CommitListener>,
    note: Option<ClosingNote>,
    _lock: Option<FolderLock>,
}

/// Notes what the database is when it is closed.
struct ClosingNote {
    presence: Presence,
    was_changed: bool,
}

impl Drop for ClosingNote {
    fn drop(&mut self) {
        if self.presence.check_database().is_ok() {
            fingerprint::write(&self.presence.database());
        }
    }
}

impl Inner {
    /// With a writer on `connection`.
    fn open(home: Home, connection: Connection) -> Result<Self, StoreError> {
        let mut inner = Self::reading(home.clone());
        let tx = Tx::new(connection, Arc::clone(&inner.replica));
        inner.writer = Some(Writer::start(tx, Arc::clone(&inner.commit_notifier), home)?);
        Ok(inner)
    }

    /// Without a writer.
    fn reading(home: Home) -> Self {
        Self {
            readers: ReaderPool::new(home),
            writer: None,
            beside: Mutex::default(),
            replica: Arc::default(),
            commit_notifier: Arc::default(),
            _listener: None,
            note: None,
            _lock: None,
        }
    }
}

impl Store {
    /// Opens the store in `dir`, makes folder and database when they are missing, and migrates an older schema.
    ///
    /// # Errors
    /// When another process has `dir` open, when the schema is newer than this program, when the file is not ours,
    /// and when the disk fails. None of these changes the database.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::open_with(dir, StoreOptions::default())
    }

    /// As [`Store::open`], with choices.
    pub fn open_with(dir: impl AsRef<Path>, options: StoreOptions) -> Result<Self, StoreError> {
        let lock = FolderLock::acquire(dir.as_ref())?;
        let path = dir.as_ref().join(DATABASE_FILE);
        let was_changed = fingerprint::take_fingerprint(&path) == Some(false);
        let connection = Self::connect(&path, options).map_err(|error| error.in_database(&path))?;
        let presence = Presence::of(&path);
        let home = Home::File(FileHome { path, access: Access::Shared, presence: presence.clone() });
        let note = Some(ClosingNote { presence, was_changed });
        let inner = Inner { note, _lock: Some(lock), ..Inner::open(home, Connection::sqlite(connection))? };
        Self::of(inner).with_audit_tree()
    }

    /// Opens the store in the database of a PostgreSQL server, `postgres://USER@HOST:5432/NAME`, and migrates an older
    /// schema. Any number of processes may have it open, each with a data folder of its own: `dir`, made when missing.
    ///
    /// # Errors
    /// When another process has `dir` open, when the server does not answer or refuses,
    /// when the schema is newer than this program, and when the database holds what is not ours.
    pub fn open_server(dir: impl AsRef<Path>, url: &DatabaseUrl, options: StoreOptions) -> Result<Self, StoreError> {
        let lock = FolderLock::acquire(dir.as_ref())?;
        let home = Home::Server(ServerHome::of(url, options)?);
        let Home::Server(server) = &home else { return Err(StoreError::Closed) };
        let writer = server.connect("open the database")?;
        let connector = &server.connector;
        let failed = |error| home.explain(StoreError::of("open the database", error));
        migrate::migrate_server(&writer, connector.name()).map_err(|error| home.explain(error))?;
        let mut inner = Inner { _lock: Some(lock), ..Inner::open(home.clone(), writer)? };
        let commit_notifier = Arc::clone(&inner.commit_notifier);
        inner._listener = Some(connector.listen(move || commit_notifier.notify()).map_err(failed)?);
        Self::of(inner).with_audit_tree()
    }

    /// Opens the database of a server to read it, while other processes write it. Every write is refused.
    ///
    /// # Errors
    /// As [`Store::open_server`], and when the schema is older than this program.
    pub fn open_server_for_reading(url: &DatabaseUrl) -> Result<Self, StoreError> {
        let home = Home::Server(ServerHome::of(url, StoreOptions::default())?);
        migrate::check_server_is_current(&home.open_reader()?, &home.name()).map_err(|error| home.explain(error))?;
        Ok(Self::of(Inner::reading(home)))
    }

    fn of(inner: Inner) -> Self {
        Self { inner: Arc::new(inner), lease: None }
    }

    /// With the Merkle tree over an audit log that is from before there was one.
    fn with_audit_tree(self) -> Result<Self, StoreError> {
        if !self.read(audit::tree::is_complete)? {
            while self.write(audit::tree::extend)? {}
        }
        Ok(self)
    }

    /// The same store, each of whose writes is refused once the lease is another process's: what a process that was paused
    /// decided before is not written after.
    #[must_use]
    pub fn under(&self, lease: Lease) -> Self {
        Self { inner: Arc::clone(&self.inner), lease: Some(Arc::new(lease)) }
    }

    /// Whether the database is on a server, which other processes may write too.
    pub fn is_shared(&self) -> bool {
        self.home().file().is_none()
    }

    /// The database for a person: the path of its file, or its address without secrets.
    pub fn database_name(&self) -> String {
        self.home().name()
    }

    /// When the database was made, by its own clock: it tells databases apart, wherever they are moved to.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn made_at(&self) -> Result<Timestamp, StoreError> {
        let made = self.read(|reader| reader.one(&migrate::MADE_AT, &[], |row| row.get(0).map(Timestamp)))?;
        made.ok_or(StoreError::OlderSchema)
    }

    fn connect(path: &Path, options: StoreOptions) -> Result<rusqlite::Connection, StoreError> {
        let mut connection = writer::connect(path, options.durability)?;
        migrate::migrate(&mut connection, migrate::MIGRATIONS)?;
        writer::harden(&connection)?;
        Ok(connection)
    }

    /// Whether `dir` holds no database, or one that nothing was ever written into: what [`Store::open`] would begin with.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn is_new(dir: impl AsRef<Path>) -> Result<bool, StoreError> {
        let path = dir.as_ref().join(DATABASE_FILE);
        match std::fs::metadata(&path) {
            Ok(found) if found.len() > 0 => reading::is_empty(&path).map_err(|error| error.in_database(&path)),
            Ok(_) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
            Err(source) => Err(StoreError::Folder { attempted: "read", path, source: Arc::new(source) }),
        }
    }

    /// The database, where it is not what it was when it was closed: something else wrote it, or a bit flipped.
    pub fn changed_while_closed(&self) -> Option<std::path::PathBuf> {
        self.inner.note.as_ref().filter(|note| note.was_changed).map(|note| note.presence.database())
    }

    /// Whether the database of a store that is only read is still what it was when it was closed; `None` when nobody
    /// knows, as while a server has it.
    pub fn is_as_closed(&self) -> Option<bool> {
        self.home().file().and_then(|file| fingerprint::compare(&file.path))
    }

    /// Whether the files of the database are still those that were opened.
    ///
    /// # Errors
    /// [`StoreError::Vanished`] with the file that is not.
    pub fn check_presence(&self) -> Result<(), StoreError> {
        self.home().file().map_or(Ok(()), |file| file.presence.check())
    }

    fn home(&self) -> &Home {
        self.inner.readers.home()
    }

    /// Opens the store in `dir` to read it, while another process has it or where nobody can write. Nothing is made,
    /// migrated or locked; every write is refused.
    ///
    /// # Errors
    /// When there is no database, when it is not ours, and when its schema is not the one of this program.
    pub fn open_for_reading(dir: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = dir.as_ref().join(DATABASE_FILE);
        if let Err(source) = std::fs::metadata(&path) {
            return Err(StoreError::Folder { attempted: "open the database", path, source: Arc::new(source) });
        }
        let access = reading::access(&path).map_err(|error| error.in_database(&path))?;
        let presence = Presence::of(&path);
        Ok(Self::of(Inner::reading(Home::File(FileHome { path, access, presence }))))
    }

    /// Runs `work` in a transaction and returns its answer once it is durable.
    ///
    /// Writes that wait together share one commit; each keeps its own savepoint, so an error (or a panic) in `work`
    /// undoes this write and no other.
    ///
    /// # Errors
    /// What `work` returned, or why the commit failed; either way nothing of the write is kept.
    pub fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Tx) -> Result<T, StoreError> + Send + 'static,
    {
        let lease = self.lease.clone();
        let work = move |tx: &Tx| {
            lease.iter().try_for_each(|lease| lease::check(tx, lease))?;
            work(tx)
        };
        match &self.inner.writer {
            Some(writer) => writer.write(work).map_err(|error| self.home().explain(error)),
            None => Err(StoreError::ReadOnly { path: self.home().name().into() }),
        }
    }

    /// Runs statements on a connection to the server that is for this alone, each as a transaction of its own: they wait for no
    /// write, and nobody hears of them.
    fn write_beside<T>(&self, work: impl FnOnce(&Tx) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut beside = self.inner.beside.lock().unwrap_or_else(PoisonError::into_inner);
        let tx = match beside.take().filter(|tx| !tx.connection.is_closed()) {
            Some(tx) => tx,
            None => Tx::new(self.home().open_beside()?, Arc::clone(&self.inner.replica)),
        };
        work(beside.insert(tx)).map_err(|error| self.home().explain(error))
    }

    /// Takes a lease by the clock of the database; `None` while another process holds it.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn acquire_lease(&self, name: &str, holder: &str, span: Span) -> Result<Option<Lease>, StoreError> {
        let (name, holder) = (name.to_owned(), holder.to_owned());
        self.write(move |tx| lease::acquire(tx, &name, &holder, tx.database_time()?, span))
    }

    /// Renews leases by the clock of the database, also those that ran out and that nobody took; the names of those that others
    /// have. It waits for no write, and nobody hears of it.
    ///
    /// # Errors
    /// When the database does not answer; then each is held until it runs out.
    pub fn renew_leases(&self, leases: &[Lease], span: Span) -> Result<Vec<String>, StoreError> {
        self.write_beside(|tx| lease::renew(tx, leases, span))
    }

    /// From now on what is written names this replica as the one that does it.
    pub fn write_as(&self, replica: ReplicaId) {
        self.inner.replica.store(replica.number(), Ordering::Relaxed);
    }

    /// The replica that this process is; [`ReplicaId::ONLY`] on a file.
    pub fn replica(&self) -> ReplicaId {
        ReplicaId::new(self.inner.replica.load(Ordering::Relaxed)).unwrap_or_default()
    }

    /// Writes until when this replica has sealed what it answered; `None` where it answers nobody. It waits for no write, and nobody
    /// hears of it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn note_sealed(&self, until: Option<Timestamp>) -> Result<(), StoreError> {
        self.write_beside(|tx| replica::note_sealed(tx, until))
    }

    /// Runs `work` on one consistent snapshot of everything that was durable when it began.
    ///
    /// # Errors
    /// What `work` returned, or why no reader could be had.
    pub fn read<T>(&self, work: impl FnOnce(&Reader) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.inner.readers.read(work).map_err(|error| {
            let vanished = self.check_presence().err().filter(|_| matches!(error, StoreError::Sql { .. }));
            vanished.unwrap_or_else(|| self.home().explain(error))
        })
    }

    /// Calls `listener` after each commit that changed something, in the thread that writes: it must return at once and may
    /// not write.
    pub fn on_commit(&self, listener: impl Fn() + Send + Sync + 'static) {
        self.inner.commit_notifier.subscribe(Box::new(listener));
    }

    /// Writes a copy of everything that is durable now into a new file, while reads and writes go on.
    ///
    /// # Errors
    /// When there is a file already: it is left as it is. A copy that fails is removed.
    pub fn copy_to(&self, file: impl AsRef<Path>) -> Result<(), StoreError> {
        match self.home() {
            Home::File(home) => backup::write_copy(&home.path, file.as_ref()),
            Home::Server(_) => Err(StoreError::NotAFile { database: self.home().name() }),
        }
    }

    /// What SQLite finds wrong with the file, page by page; empty when it is sound. At most a hundred sentences.
    pub fn check_file(&self) -> Result<Vec<String>, StoreError> {
        if self.home().file().is_none() {
            // A server checks its own pages.
            return Ok(Vec::new());
        }
        self.read(|reader| reader.all(&backup::CHECK, &[], |row| row.get::<_, String>(0)))
            .map(|found| if found == ["ok"] { Vec::new() } else { found })
    }
}
