//! What a database answers when it does not do what it was asked.

use rusqlite::ErrorCode;
use tokio_postgres::error::DbError;

/// The answer of the database.
pub(crate) type Result<T> = std::result::Result<T, DatabaseError>;

/// An error of the database, or of a value on its way there or back.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// SQLite's own error.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// PostgreSQL's own error, or that of the connection to it.
    #[error(transparent)]
    Postgres(#[from] tokio_postgres::Error),
    /// An address of another kind.
    #[error("it does not begin with postgres://")]
    Scheme,
    /// A way to encrypt that does not always encrypt, or one that is not known.
    #[error("`sslmode` is none of disable, require and verify-full")]
    EncryptionMode,
    /// There is no certificate of an authority to trust.
    #[error("certificates cannot be read: {0}")]
    Certificates(String),
    /// The threads that drive connections could not be started.
    #[error("no thread could be started for the connections to the database")]
    Runtime(#[source] std::io::Error),
    /// The connection is gone.
    #[error("the connection to the database is closed")]
    Closed,
    /// A value in a row is not what every statement of ours writes there.
    #[error("the column `{column}` cannot be read: {reason}")]
    Column {
        /// Its name, or its place.
        column: String,
        /// What stood there, and what was expected.
        reason: String,
    },
    /// A value that no column holds.
    #[error("the value {value} cannot be kept: {reason}")]
    Parameter {
        /// The value as text.
        value: String,
        /// Why not.
        reason: String,
    },
    /// A statement and its parameters do not belong together: a mistake in the program.
    #[error("the statement and its parameters differ in `{0}`")]
    ParameterName(String),
}

/// What an error means for whoever wrote or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorKind {
    /// What was to be written contradicts what is there, or a trigger refused it.
    Constraint,
    DiskFull,
    /// Another program holds the database.
    Locked,
    /// The disk failed, so that nobody can say what it holds.
    Disk,
    /// The database holds what no statement of ours wrote.
    Damaged,
    /// The database does not answer, or not for now: it may again.
    Unavailable,
    /// The server does not let us in; another attempt would not help.
    Refused,
    /// The database takes no writes: a standby, or one that was set so.
    ReadOnly,
    /// Everything else.
    Other,
}

impl DatabaseError {
    pub(crate) fn kind(&self) -> ErrorKind {
        match self {
            Self::Sqlite(error) => sqlite_kind(error),
            Self::Postgres(error) => postgres_kind(error),
            Self::Closed => ErrorKind::Unavailable,
            Self::Certificates(_) => ErrorKind::Refused,
            Self::Column { .. } => ErrorKind::Damaged,
            Self::Parameter { .. }
            | Self::ParameterName(_)
            | Self::Runtime(_)
            | Self::Scheme
            | Self::EncryptionMode => ErrorKind::Other,
        }
    }

    /// The database's own words. Triggers speak in whole sentences, constraints in table and column.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Sqlite(rusqlite::Error::SqliteFailure(_, Some(message))) => message.clone(),
            Self::Postgres(error) => error.as_db_error().map_or_else(|| connection_text(error), postgres_message),
            other => other.to_string(),
        }
    }
}

/// A broken constraint by its name and table; what a trigger says as it is.
fn postgres_message(error: &DbError) -> String {
    match (error.constraint(), error.table()) {
        (Some(constraint), Some(table)) => format!("{} ({constraint} of {table})", error.message()),
        _ => error.message().to_owned(),
    }
}

const NO_ENCRYPTION: &str = "server does not support TLS";

/// Whether encryption failed by what the server is, not by a connection that broke.
fn is_of_encryption(error: &tokio_postgres::Error) -> bool {
    let mut causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    causes.any(|cause| {
        let inner = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        inner.is_some_and(|inner| inner.is::<rustls::Error>()) || cause.to_string() == NO_ENCRYPTION
    })
}

/// The driver's words; where the server has no encryption, with the way out.
fn connection_text(error: &tokio_postgres::Error) -> String {
    match chain_text(error) {
        text if text.ends_with(NO_ENCRYPTION) => {
            format!("{text}; if you trust the network, write ?sslmode=disable behind its address")
        }
        text => text,
    }
}

/// The driver says the cause in the errors below its own.
fn chain_text(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain_text(source)),
        None => error.to_string(),
    }
}

/// By the classes of the SQL standard and PostgreSQL's own (appendix A of its manual).
fn postgres_kind(error: &tokio_postgres::Error) -> ErrorKind {
    let Some(code) = error.code() else {
        // Another attempt would find the same certificate.
        return if is_of_encryption(error) { ErrorKind::Refused } else { ErrorKind::Unavailable };
    };
    match code.code() {
        "P0001" => ErrorKind::Constraint,
        "53100" => ErrorKind::DiskFull,
        "58030" => ErrorKind::Disk,
        "25006" => ErrorKind::ReadOnly,
        "3D000" => ErrorKind::Refused,
        "55P03" => ErrorKind::Locked,
        "53300" => ErrorKind::Unavailable,
        "XX001" | "XX002" => ErrorKind::Damaged,
        code if code.starts_with("28") => ErrorKind::Refused,
        code if code.starts_with("23") => ErrorKind::Constraint,
        code if code.starts_with("08") || code.starts_with("57P") => ErrorKind::Unavailable,
        _ => ErrorKind::Other,
    }
}

fn sqlite_kind(error: &rusqlite::Error) -> ErrorKind {
    match error.sqlite_error_code() {
        Some(ErrorCode::ConstraintViolation) => ErrorKind::Constraint,
        Some(ErrorCode::DiskFull) => ErrorKind::DiskFull,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => ErrorKind::Locked,
        Some(ErrorCode::SystemIoFailure) => ErrorKind::Disk,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => ErrorKind::Damaged,
        _ if is_unreadable(error) => ErrorKind::Damaged,
        _ => ErrorKind::Other,
    }
}

const fn is_unreadable(error: &rusqlite::Error) -> bool {
    matches!(
        error,
        rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::Utf8Error(..)
    )
}
