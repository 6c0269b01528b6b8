//! How values stand in a row: times as milliseconds, names and digests as text, documents as JSON.

use std::{error::Error, str::FromStr};

use kilter_domain::{replica::ReplicaId, time::Timestamp};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    StoreError,
    database::{self, DatabaseError, Row},
};

/// A document of at most this many bytes is kept in a column; larger ones belong into files.
const MAX_DOCUMENT_BYTES: usize = 16 * 1024 * 1024;

/// A text that parses into `T`, because it was written from one.
pub(crate) fn parsed<T>(row: &Row, column: &str) -> database::Result<T>
where
    T: FromStr,
    T::Err: Error + Send + Sync + 'static,
{
    let text: String = row.get(column)?;
    text.parse().map_err(|error| database::unreadable(column, Box::new(error)))
}

/// As [`parsed`], where there may be none.
pub(crate) fn maybe_parsed<T>(row: &Row, column: &str) -> database::Result<Option<T>>
where
    T: FromStr,
    T::Err: Error + Send + Sync + 'static,
{
    if row.value(column)?.is_null() { Ok(None) } else { parsed(row, column).map(Some) }
}

/// A document that reads into `T`.
pub(crate) fn document<T: DeserializeOwned>(row: &Row, column: &str) -> database::Result<T> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|error| database::unreadable(column, Box::new(error)))
}

/// As [`document`], where there may be none.
pub(crate) fn maybe_document<T: DeserializeOwned>(row: &Row, column: &str) -> database::Result<Option<T>> {
    if row.value(column)?.is_null() { Ok(None) } else { document(row, column).map(Some) }
}

/// A word of a closed set (a state, a kind), written as its serialised name.
pub(crate) fn word<T: DeserializeOwned>(row: &Row, column: &str) -> database::Result<T> {
    let text: String = row.get(column)?;
    serde_json::from_value(Value::String(text)).map_err(|error| database::unreadable(column, Box::new(error)))
}

/// As [`word`], where there may be none.
pub(crate) fn maybe_word<T: DeserializeOwned>(row: &Row, column: &str) -> database::Result<Option<T>> {
    if row.value(column)?.is_null() { Ok(None) } else { word(row, column).map(Some) }
}

/// A state that is a word only, of an enum that is serialised with the tag `state`.
pub(crate) fn tagged<T: DeserializeOwned>(row: &Row, column: &str) -> database::Result<T> {
    let text: String = row.get(column)?;
    let state = serde_json::json!({ "state": text });
    serde_json::from_value(state).map_err(|error| database::unreadable(column, Box::new(error)))
}

/// A time.
pub(crate) fn time(row: &Row, column: &str) -> database::Result<Timestamp> {
    row.get(column).map(Timestamp)
}

/// A time that may not have come yet.
pub(crate) fn maybe_time(row: &Row, column: &str) -> database::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp))
}

/// A word that is not one of its closed set.
/// The number of a replica.
pub(crate) fn replica(row: &Row, column: &str) -> database::Result<ReplicaId> {
    let number: u32 = row.get(column)?;
    ReplicaId::new(number).ok_or_else(|| no_word(column, &number.to_string()))
}

pub(crate) fn no_word(column: &str, word: &str) -> DatabaseError {
    database::unreadable(column, format!("`{word}` is not a word of its set").into())
}

/// The text of a document for its column.
pub(crate) fn text_of(attempted: &'static str, document: &(impl Serialize + ?Sized)) -> Result<String, StoreError> {
    let invalid = |reason| StoreError::Invalid { attempted, reason };
    let text = serde_json::to_string(document).map_err(|error| invalid(error.to_string()))?;
    match text.len() {
        0..=MAX_DOCUMENT_BYTES => Ok(text),
        bytes => Err(invalid(format!("a document of {bytes} bytes is too large (at most {MAX_DOCUMENT_BYTES})"))),
    }
}

/// As [`text_of`], refusing what would not read back: JSON has no infinity and no NaN.
pub(crate) fn readable_text_of<T>(attempted: &'static str, document: &T) -> Result<String, StoreError>
where
    T: Serialize + DeserializeOwned,
{
    let text = text_of(attempted, document)?;
    match serde_json::from_str::<T>(&text) {
        Ok(_) => Ok(text),
        Err(error) => Err(StoreError::Invalid { attempted, reason: format!("it would not read back: {error}") }),
    }
}

/// The serialised name of a word of a closed set.
pub(crate) fn name_of(word: &impl Serialize) -> Result<String, StoreError> {
    match serde_json::to_value(word) {
        Ok(Value::String(name)) => Ok(name),
        other => Err(StoreError::Invalid {
            attempted: "write a word of a closed set",
            reason: format!("it does not serialise as a text: {other:?}"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_that_would_not_read_back_is_refused() {
        assert!(matches!(readable_text_of("keep it", &f64::INFINITY), Err(StoreError::Invalid { .. })));
        assert_eq!(readable_text_of("keep it", &0.1).unwrap(), "0.1");
    }

    #[test]
    fn a_document_that_belongs_into_a_file_is_refused() {
        let error = text_of("keep it", &"x".repeat(MAX_DOCUMENT_BYTES)).unwrap_err();
        assert!(error.to_string().contains("too large"), "{error}");
    }
}
