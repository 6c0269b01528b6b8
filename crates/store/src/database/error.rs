//! What a database answers when it does not do what it was asked.

use rusqlite::ErrorCode;

/// The answer of the database.
pub(crate) type Result<T> = std::result::Result<T, DatabaseError>;

/// An error of the database, or of a value on its way there or back.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// SQLite's own error.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
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
    /// Everything else.
    Other,
}

impl DatabaseError {
    pub(crate) fn kind(&self) -> ErrorKind {
        match self {
            Self::Sqlite(error) => sqlite_kind(error),
            Self::Column { .. } => ErrorKind::Damaged,
            Self::Parameter { .. } | Self::ParameterName(_) => ErrorKind::Other,
        }
    }

    /// The database's own words. Triggers speak in whole sentences, constraints in table and column.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Sqlite(rusqlite::Error::SqliteFailure(_, Some(message))) => message.clone(),
            other => other.to_string(),
        }
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
