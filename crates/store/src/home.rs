//! Where the database is: a file of this machine, or a server. What readers and the writer need of it.
//!
//! Invariants: a commit into a file that lost its name counts as failed; a commit whose answer was lost with the
//! connection is looked up afterwards, so that nobody has to guess.

use std::{
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use crate::{
    DatabaseUrl, StoreError, StoreOptions,
    database::{Connection, PostgresConnector},
    presence::Presence,
    reading::{self, Access},
};

const READER_PRAGMAS: &str = "PRAGMA query_only = ON; PRAGMA busy_timeout = 5000; PRAGMA cache_size = -4096; \
                              PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;";
/// How long a write waits for a server that does not answer.
const PATIENCE: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Where the database is.
#[derive(Clone)]
pub(crate) enum Home {
    File(FileHome),
    Server(ServerHome),
}

/// A file of SQLite.
#[derive(Clone)]
pub(crate) struct FileHome {
    pub path: PathBuf,
    pub access: Access,
    pub presence: Presence,
}

/// A server of PostgreSQL.
#[derive(Clone)]
pub(crate) struct ServerHome {
    pub connector: PostgresConnector,
}

impl Home {
    /// The file, where it is one.
    pub(crate) fn file(&self) -> Option<&FileHome> {
        match self {
            Self::File(file) => Some(file),
            Self::Server(_) => None,
        }
    }

    /// The database for a person: a path, or an address without its secrets.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::File(file) => file.path.display().to_string(),
            Self::Server(server) => server.connector.name().to_owned(),
        }
    }

    /// A connection that only reads.
    pub(crate) fn open_reader(&self) -> Result<Connection, StoreError> {
        match self {
            Self::File(file) => open_file(&file.path, file.access),
            Self::Server(server) => server.connect("open a reader"),
        }
    }

    /// A connection beside that of the writer.
    pub(crate) fn open_beside(&self) -> Result<Connection, StoreError> {
        match self {
            Self::File(file) => Err(StoreError::NotAServer { database: file.path.display().to_string() }),
            Self::Server(server) => server.connect("renew the leases"),
        }
    }

    /// The same error with what is known of the place.
    pub(crate) fn explain(&self, error: StoreError) -> StoreError {
        match self {
            Self::File(file) => error.in_database(&file.path),
            Self::Server(server) => error.at_server(server.connector.name()),
        }
    }

    /// Whether whoever was told of a commit may rely on it; `connection` is the one that committed. Where its answer was
    /// lost the server is asked what became of it.
    pub(crate) fn confirm(&self, connection: &Connection, committed: Result<(), StoreError>) -> Result<(), StoreError> {
        match self {
            Self::File(file) => {
                let committed = committed.map_err(|error| error.or_failing(&file.path));
                file.presence.check().and(committed)
            }
            Self::Server(server) => match connection.lost_commit() {
                Some(number) if committed.is_err() => server.look_up(number, committed),
                _ => committed.map_err(|error| self.explain(error)),
            },
        }
    }

    /// A connection that works in place of one that was lost; `None` where the present one is alive.
    pub(crate) fn renew(&self, connection: &Connection) -> Result<Option<Connection>, StoreError> {
        match self {
            Self::Server(server) if connection.is_closed() => {
                ServerHome::connect_patiently(|| server.connect("write")).map(Some)
            }
            _ => Ok(None),
        }
    }
}

fn open_file(path: &Path, access: Access) -> Result<Connection, StoreError> {
    let failed = |error| StoreError::of("open a reader", error);
    let connection = reading::connect(path, access).map_err(|error| failed(error.into()))?;
    let connection = Connection::sqlite(connection);
    connection.batch(READER_PRAGMAS).map_err(failed)?;
    Ok(connection)
}

impl ServerHome {
    pub(crate) fn of(url: &DatabaseUrl, options: StoreOptions) -> Result<Self, StoreError> {
        let connector = PostgresConnector::new(url.secret(), options.durability.postgres_options());
        let failed = |error| StoreError::of("open the database", error).at_server(&url.to_string());
        let connector = connector.map_err(failed)?;
        Ok(Self { connector })
    }

    /// A new connection.
    pub(crate) fn connect(&self, attempted: &'static str) -> Result<Connection, StoreError> {
        let failed = |error| StoreError::of(attempted, error).at_server(self.connector.name());
        self.connector.connect().map(Connection::postgres).map_err(failed)
    }

    /// Tries `open` until the server answers, at most [`PATIENCE`], with longer and longer pauses.
    fn connect_patiently<T>(open: impl Fn() -> Result<T, StoreError>) -> Result<T, StoreError> {
        let deadline = Instant::now() + PATIENCE;
        let mut pause = FIRST_PAUSE;
        loop {
            match open() {
                Ok(opened) => return Ok(opened),
                Err(error) if Instant::now() + pause > deadline => return Err(error),
                Err(_) => thread::sleep(pause),
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// What became of a commit that was sent and never answered.
    fn look_up(&self, number: i64, committed: Result<(), StoreError>) -> Result<(), StoreError> {
        // The lost session may still hold the lock of the only writer: a look needs none.
        let found = Self::connect_patiently(|| {
            let connection = self.connect("look up a commit")?;
            let has = connection.has_commit(number).map_err(|error| StoreError::of("look up a commit", error))?;
            Ok((connection, has))
        });
        match found {
            Ok((_, true)) => Ok(()),
            Ok((_, false)) => committed.map_err(|error| error.at_server(self.connector.name())),
            Err(_) => Err(StoreError::CommitUnknown { database: self.connector.name().to_owned() }),
        }
    }
}
