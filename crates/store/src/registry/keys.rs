//! The integers that stand for models and their versions, and the next number of a version.

use kilter_domain::{registry::RegisteredName, time::Timestamp};

use crate::{Reader, StoreError, Tx, database::named_params, statement::statements};

statements! {
    FIND_MODEL = "read the registered model": "
        SELECT key FROM registered_model WHERE name = :name";
    FIND_VERSION = "read the registered version": "
        SELECT key FROM registered_version WHERE model = :model AND number = :number";
    NEXT_NUMBER = "number the version": "
        UPDATE registered_model SET last_number = last_number + 1, updated = :at WHERE key = :key RETURNING last_number";
    TOUCH = "change the registered model": "
        UPDATE registered_model SET updated = :at WHERE key = :key";
}

pub(super) fn find_model_key(reader: &Reader, name: &RegisteredName) -> Result<Option<i64>, StoreError> {
    reader.one(&FIND_MODEL, named_params! { ":name": name.as_str() }, |row| row.get("key"))
}

pub(super) fn model_key(reader: &Reader, name: &RegisteredName) -> Result<i64, StoreError> {
    find_model_key(reader, name)?.ok_or_else(|| missing_model(name))
}

/// The keys of a model and of its version.
pub(super) fn version_keys(reader: &Reader, name: &RegisteredName, number: u32) -> Result<(i64, i64), StoreError> {
    let absent = || missing_version(name, number);
    let model = find_model_key(reader, name)?.ok_or_else(absent)?;
    let params = named_params! { ":model": model, ":number": number };
    let version = reader.one(&FIND_VERSION, params, |row| row.get("key"))?.ok_or_else(absent)?;
    Ok((model, version))
}

/// The next number of a model, which no other version gets.
pub(super) fn next_number(tx: &Tx, model: i64, at: Timestamp) -> Result<u32, StoreError> {
    let params = named_params! { ":key": model, ":at": at.millis() };
    tx.one(&NEXT_NUMBER, params, |row| row.get(0))?.ok_or(StoreError::RolledBack)
}

/// Something of the model changed.
pub(super) fn touch(tx: &Tx, model: i64, at: Timestamp) -> Result<(), StoreError> {
    tx.execute(&TOUCH, named_params! { ":key": model, ":at": at.millis() }).map(drop)
}

pub(super) fn missing_model(name: &RegisteredName) -> StoreError {
    StoreError::NotFound { what: "registered model", id: name.to_string() }
}

pub(super) fn missing_version(name: &RegisteredName, number: u32) -> StoreError {
    StoreError::NotFound { what: "registered version", id: format!("{name}/{number}") }
}
