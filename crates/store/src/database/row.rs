//! One row of an answer.

use super::{
    DatabaseError, Result,
    value::{FromValue, Mismatch, ValueRef},
};

/// A row, while it is read.
pub(crate) enum Row<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
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
        use rusqlite::types::ValueRef as Sqlite;
        let place = column.place_in(self)?;
        let Row::Sqlite(row) = self;
        Ok(match row.get_ref(place)? {
            Sqlite::Null => ValueRef::Null,
            Sqlite::Integer(number) => ValueRef::Integer(number),
            Sqlite::Real(number) => ValueRef::Real(number),
            Sqlite::Blob(bytes) => ValueRef::Blob(bytes),
            Sqlite::Text(text) => match std::str::from_utf8(text) {
                Ok(text) => ValueRef::Text(text),
                Err(error) => return Err(unreadable(column, error.into())),
            },
        })
    }
}

/// The error for a value that could not be read.
pub(crate) fn unreadable(column: impl ColumnIndex, reason: Mismatch) -> DatabaseError {
    DatabaseError::Column { column: column.name(), reason: reason.to_string() }
}
