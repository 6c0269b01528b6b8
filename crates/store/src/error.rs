//! Why the store refused or failed: what was attempted, on which thing, and what to do next.
//!
//! Invariants: an error is cheap to clone, because one failed commit is returned to every writer in its batch.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use kilter_domain::replica::ReplicaId;

use crate::database::{DatabaseError, ErrorKind};

/// Why the store did not do what was asked. Nothing of a failed write is kept.
#[derive(Debug, Clone, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum StoreError {
    /// Another process has the data folder open.
    #[error("the data folder {} is in use by {holder}: stop it, or give this one another folder", .dir.display())]
    InUse { dir: PathBuf, holder: String },
    /// The store was opened to be read.
    #[error("{} was opened to be read only, so nothing is changed in it", .path.display())]
    ReadOnly { path: PathBuf },
    /// The schema is older than this program, and nobody may change it now.
    #[error(
        "the database has an older schema: let `kilter server` or `kilter run` open it once, which brings it up to date"
    )]
    OlderSchema,
    /// The folder or its lock could not be made or opened.
    #[error("could not {attempted} {}", .path.display())]
    Folder { attempted: &'static str, path: PathBuf, source: Arc<io::Error> },
    /// The database was written by a newer version of this program.
    #[error(
        "the database has schema {found}, this program knows up to {known}: open it with the version that wrote it, or a newer one"
    )]
    NewerSchema { found: u32, known: u32 },
    /// A migration was applied with another text than the one built in.
    #[error(
        "migration {number} (`{name}`) was applied with another text than the one built in: this database belongs to another build; open it with that one"
    )]
    ForeignMigration { number: u32, name: String },
    /// The file is a database, but not one of ours.
    #[error(
        "{} is not a kilter database: give an empty folder, or the folder of a kilter server; if it was one, it is \
         damaged: put a backup in its place (`kilter restore`)", .path.display()
    )]
    ForeignDatabase { path: PathBuf },
    /// The database, or a file that belongs to it, was deleted, moved or replaced while it was open.
    #[error(
        "{} was deleted, moved or replaced while the server runs, so nothing can be kept any more: stop the server, \
         restore the data folder (`kilter restore`), start again", .path.display()
    )]
    Vanished { path: PathBuf },
    /// The database file holds bytes that no database writes.
    #[error(
        "could not {attempted}: {} is damaged ({reason}); stop the server, keep a copy of the folder, and put a backup \
         in its place (`kilter restore`); `kilter doctor` checks every file", .path.display()
    )]
    Damaged { attempted: String, path: PathBuf, reason: String },
    /// There is no such thing.
    #[error("there is no {what} `{id}`")]
    NotFound { what: &'static str, id: String },
    /// It contradicts what is already there.
    #[error("could not {attempted}: {reason}")]
    Conflict { attempted: &'static str, reason: String },
    /// A parameter of a run was logged with another value.
    #[error(
        "could not log the parameter `{name}` of run `{run}`: it is `{present}` already and cannot become `{given}`"
    )]
    ParamChanged { run: String, name: String, present: String, given: String },
    /// The run was deleted, and takes nothing more until it is restored.
    #[error("could not log to the run `{id}`: it is deleted; restore it first")]
    RunDeleted { id: String },
    /// The thing is no longer in the state that the caller judged.
    #[error("{object} is {actual}, not {expected}: read it again and decide anew")]
    Moved { object: String, expected: String, actual: String },
    /// A value that cannot be kept.
    #[error("could not {attempted}: {reason}")]
    Invalid { attempted: &'static str, reason: String },
    /// A page was asked for with a cursor of another list, or one that was never given out.
    #[error("`{0}` is not a cursor of this list: begin again without one")]
    InvalidCursor(String),
    /// A write closure tried to write through the store instead of through its own transaction.
    #[error("a write inside a write would wait for itself: use the transaction that was handed in")]
    NestedWrite,
    /// No connection became free in time.
    #[error("no reader became free within {waited_seconds} s: too many long reads at once; try again")]
    Busy { waited_seconds: u64 },
    /// A program that does not heed the folder's lock holds the database.
    #[error("could not {attempted}: another program (a database shell?) holds the database; close it and try again")]
    Locked { attempted: &'static str },
    /// The disk is full; nothing of this write was kept, everything acknowledged before is.
    #[error("could not {attempted}: the disk is full; nothing of it was kept. free some space and try again")]
    DiskFull { attempted: String },
    /// SQLite rolled the shared transaction back (disk full or failing) while another write of the batch ran.
    #[error(
        "a write that shared this commit hit a full or failing disk and took it along; nothing of it was kept: try again"
    )]
    RolledBack,
    /// A commit failed in a way that leaves it unknown what the disk holds; the store refuses writes until it is opened again.
    #[error("the disk failed while committing ({reason}); writes are refused until the store is opened again")]
    Failing { reason: String },
    /// The server of the database does not answer. Nothing of this write was kept.
    #[error(
        "could not {attempted}: the database {database} does not answer ({reason}); nothing of it was kept: try again"
    )]
    Unavailable { attempted: String, database: String, reason: String },
    /// The server answers and does not let us in: credentials, a database that is not there, encryption.
    #[error("could not {attempted}: the server of {database} refuses the connection ({reason})")]
    ConnectionRefused { attempted: String, database: String, reason: String },
    /// The connection was lost while committing, and the server did not say afterwards what became of it.
    #[error(
        "the connection to {database} was lost while committing, and it does not say what became of it: read what is \
         there before you try again"
    )]
    CommitUnknown { database: String },
    /// Another process has the lease of a replica.
    #[error(
        "replica {replica} of the database is in use by {holder}: two data folders are copies of each other; stop that process, \
         or choose another --data; the lease of a process that is gone runs out within {seconds} s"
    )]
    ReplicaInUse { replica: ReplicaId, holder: String, seconds: i64 },
    /// A write under a lease that another process has taken since.
    #[error(
        "the lease `{name}` is another server's by now, which goes on with the work; nothing of this write was kept"
    )]
    LeaseLost { name: String },
    /// No number is left for another data folder.
    #[error("the database has {} replicas, which is as many as there can be", ReplicaId::MAX)]
    TooManyReplicas,
    /// The database takes no writes.
    #[error(
        "could not {attempted}: the database {database} takes no writes (a standby, or set to read only): give the address \
         of the primary"
    )]
    DatabaseReadOnly { attempted: String, database: String },
    /// The database of the server holds what is not ours.
    #[error("the database {database} holds tables that are not Kilter's: give an empty one")]
    ForeignServer { database: String },
    /// What only a file can do was asked of a server.
    #[error("{database} is no file: copy it with the tools of its server (`pg_dump`)")]
    NotAFile { database: String },
    /// What only a server can do was asked of a file.
    #[error("{database} is a file, which one process has: it needs no leases")]
    NotAServer { database: String },
    /// The writer has stopped.
    #[error("the store is closed")]
    Closed,
    /// The database failed in another way.
    #[error("could not {attempted}")]
    Sql { attempted: String, source: Arc<DatabaseError> },
}

impl StoreError {
    /// What `error` means for someone who attempted this.
    pub(crate) fn of(attempted: &'static str, error: DatabaseError) -> Self {
        match error.kind() {
            ErrorKind::DiskFull => Self::DiskFull { attempted: attempted.to_owned() },
            ErrorKind::Constraint => Self::Conflict { attempted, reason: error.message() },
            ErrorKind::Locked => Self::Locked { attempted },
            _ => Self::Sql { attempted: attempted.to_owned(), source: Arc::new(error) },
        }
    }

    /// [`Self::Failing`] when the disk itself failed, so that nobody can say what it holds; else the error as it is.
    pub(crate) fn or_failing(self, database: &Path) -> Self {
        match self.in_database(database) {
            Self::Sql { attempted, source } if source.kind() == ErrorKind::Disk => {
                Self::Failing { reason: format!("could not {attempted} in {}: {source}", database.display()) }
            }
            other => other,
        }
    }

    /// The same error with the name of the server, where the server is what is wrong.
    pub(crate) fn at_server(self, name: &str) -> Self {
        let database = name.to_owned();
        match self {
            Self::Sql { attempted, source } if source.kind() == ErrorKind::Unavailable => {
                Self::Unavailable { attempted, database, reason: source.message() }
            }
            Self::Sql { attempted, source } if source.kind() == ErrorKind::Refused => {
                Self::ConnectionRefused { attempted, database, reason: source.message() }
            }
            Self::Sql { attempted, source } if source.kind() == ErrorKind::ReadOnly => {
                Self::DatabaseReadOnly { attempted, database }
            }
            other => other,
        }
    }

    /// The same error with the name of the file, where the file itself is what is wrong.
    pub(crate) fn in_database(self, database: &Path) -> Self {
        match self {
            Self::Sql { attempted, source } if source.kind() == ErrorKind::Damaged => {
                Self::Damaged { attempted, path: database.to_owned(), reason: source.message() }
            }
            other => other,
        }
    }

    /// Whether nothing can be written any more until the store is opened again.
    pub(crate) const fn is_final(&self) -> bool {
        matches!(self, Self::Failing { .. } | Self::Vanished { .. } | Self::Damaged { .. })
    }
}
