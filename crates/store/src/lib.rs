//! Metadata: what the platform knows, in one SQLite file.
//!
//! For every room that must remember something across a restart: projects, datasets, runs, gates, models,
//! deployments, the index of the prediction log, readings and alerts, and the ledger of who changed what.
//!
//! Holds true:
//! - A write that returned `Ok` survives `kill -9` and power loss (WAL, `synchronous=FULL`).
//! - No state changes without its ledger entry, no entry stands without its change: only [`audit::Audited`]
//!   can change a life, it writes the entry itself, and triggers refuse whatever goes round it.
//! - One bad write fails alone, though many share a commit.
//! - Every list is paged, every queue bounded.
//!
//! Deliberately absent: a clock (except for the day a migration was applied), ids, policy. They are handed in.

pub mod actor;
pub mod audit;
mod copy;
pub mod dataset;
pub mod deployment;
mod doorbell;
mod error;
pub mod gate;
pub mod lease;
mod lock;
mod migrate;
pub mod model;
pub mod monitor;
mod options;
pub mod page;
pub mod prediction;
pub mod project;
mod reader;
mod reading;
mod row;
pub mod run;
pub mod setting;
mod statement;
mod writer;

use std::{path::Path, sync::Arc, time::Duration};

pub use error::StoreError;
pub use options::{Durability, StoreOptions};
pub use page::{Cursor, Page, PageRequest};
pub use reader::Reader;
pub use writer::Tx;

use crate::{doorbell::Doorbell, lock::FolderLock, reader::ReaderPool, reading::Access, writer::Writer};

/// The name of the database file inside of the data folder.
pub const DATABASE_FILE: &str = "kilter.db";

/// The open store. Cloning is cheap; the database closes when the last clone is dropped.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

// Fields drop in this order. The writer finishes its queue and, being the last connection, folds the write-ahead log
// into the file; only then may others come in.
struct Inner {
    readers: ReaderPool,
    /// `None` where the store is only read.
    writer: Option<Writer>,
    doorbell: Arc<Doorbell>,
    _lock: Option<FolderLock>,
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
        let lock = FolderLock::take(dir.as_ref())?;
        let path = dir.as_ref().join(DATABASE_FILE);
        let mut connection = writer::connect(&path, options.durability)?;
        migrate::migrate(&mut connection, migrate::MIGRATIONS)?;
        writer::harden(&connection)?;
        let readers = ReaderPool::new(&path, Access::Shared);
        let doorbell = Arc::new(Doorbell::default());
        let writer = Writer::start(Tx::new(connection), Arc::clone(&doorbell))?;
        Ok(Self { inner: Arc::new(Inner { readers, writer: Some(writer), doorbell, _lock: Some(lock) }) })
    }

    /// Opens the store in `dir` to read it, while another process has it or where nobody can write. Nothing is made,
    /// migrated or locked; every write is refused.
    ///
    /// # Errors
    /// When there is no database, when it is not ours, and when its schema is not the one of this program.
    pub fn open_for_reading(dir: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = dir.as_ref().join(DATABASE_FILE);
        let readers = ReaderPool::new(&path, reading::access(&path)?);
        Ok(Self { inner: Arc::new(Inner { readers, writer: None, doorbell: Arc::default(), _lock: None }) })
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
        match &self.inner.writer {
            Some(writer) => writer.write(work),
            None => Err(StoreError::ReadOnly { path: self.inner.readers.path().to_owned() }),
        }
    }

    /// Runs `work` on one consistent snapshot of everything that was durable when it began.
    ///
    /// # Errors
    /// What `work` returned, or why no reader could be had.
    pub fn read<T>(&self, work: impl FnOnce(&Reader) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.inner.readers.read(work)
    }

    /// How many commits there were since the store was opened: what to hand to [`Store::wait_for_commit`].
    pub fn commits(&self) -> u64 {
        self.inner.doorbell.commits()
    }

    /// Waits until there is a commit after `seen`, but not longer than `at_most`; the number of commits then.
    ///
    /// Read [`Store::commits`] *before* looking at what is to be done, and no change is missed.
    pub fn wait_for_commit(&self, seen: u64, at_most: Duration) -> u64 {
        self.inner.doorbell.wait(seen, at_most)
    }

    /// Writes a copy of everything that is durable now into a new file, while reads and writes go on.
    ///
    /// # Errors
    /// When there is a file already: it is left as it is. A copy that fails is removed.
    pub fn copy_to(&self, file: impl AsRef<Path>) -> Result<(), StoreError> {
        copy::copy(self.inner.readers.path(), file.as_ref())
    }

    /// What SQLite finds wrong with the file, page by page; empty when it is sound. At most a hundred sentences.
    pub fn check_file(&self) -> Result<Vec<String>, StoreError> {
        self.read(|reader| reader.all(&copy::CHECK, [], |row| row.get::<_, String>(0)))
            .map(|found| if found == ["ok"] { Vec::new() } else { found })
    }
}
