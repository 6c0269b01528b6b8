//! One row of an answer.

use super::{
    error::{DatabaseError, Result},
    stored_value::StoredValue,
    value::{FromValue, Mismatch, ValueRef},
};

/// A row, while it is read.
pub(crate) enum Row<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(&'r tokio_postgres::Row),
}

/// How a column is named: by its name or its place.
pub(crate) trait ColumnIndex: Copy {
    fn place_in(self, row: &Row<'_>) -> Result<usize>;
    fn name(self) -> String;
}

impl ColumnIndex for usize {
    fn place_in(self, _: &Row<'_>) -> Result<usize> {
        Ok(self)
    }

    fn name(self) -> String {
        self.to_string()
    }
}

impl ColumnIndex for &str {
    fn place_in(self, row: &Row<'_>) -> Result<usize> {
        match row {
            Row::Sqlite(row) => Ok(row.as_ref().column_index(self)?),
            Row::Postgres(row) => {
                let place = row.columns().iter().position(|column| column.name() == self);
                place.ok_or_else(|| unreadable(self, "there is no such column".into()))
            }
        }
    }

    fn name(self) -> String {
        self.to_owned()
    }
}

impl Row<'_> {
    /// The value of a column.
    ///
    /// # Errors
    /// When there is no such column, and when the value is of another kind.
    pub(crate) fn get<I: ColumnIndex, T: FromValue>(&self, column: I) -> Result<T> {
        T::from_value(self.value(column)?).map_err(|mismatch| unreadable(column, mismatch))
    }

    /// The value as it stands there.
    pub(crate) fn value<I: ColumnIndex>(&self, column: I) -> Result<ValueRef<'_>> {
        let place = column.place_in(self)?;
        match self {
            Self::Sqlite(row) => sqlite_value(row.get_ref(place)?).map_err(|error| unreadable(column, error)),
            Self::Postgres(row) => Ok(row.try_get::<_, StoredValue<'_>>(place)?.0),
        }
    }
}

fn sqlite_value(stored: rusqlite::types::ValueRef<'_>) -> std::result::Result<ValueRef<'_>, Mismatch> {
    use rusqlite::types::ValueRef as Sqlite;
    Ok(match stored {
        Sqlite::Null => ValueRef::Null,
        Sqlite::Integer(number) => ValueRef::Integer(number),
        Sqlite::Real(number) => ValueRef::Real(number),
        Sqlite::Blob(bytes) => ValueRef::Blob(bytes),
        Sqlite::Text(text) => ValueRef::Text(std::str::from_utf8(text)?),
    })
}

/// The error for a value that could not be read.
pub(crate) fn unreadable(column: impl ColumnIndex, reason: Mismatch) -> DatabaseError {
    DatabaseError::Column { column: column.name(), reason: reason.to_string() }
}
