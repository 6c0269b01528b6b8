//! Registered models and their versions that come from another server, with the numbers and times that they had there.
//!
//! Invariants: a model of a contract is not changed; a number that was ever given is not given again. An import is no event: nobody
//! is told of a model that was registered elsewhere, long ago.

use kilter_domain::{
    registry::{AliasName, RegisteredName},
    transfer::{RegisteredModelRecord, VersionRecord},
};

use super::keys;
use crate::{
    Reader, StoreError, Tx,
    database::named_params,
    statement::statements,
    tracking::{import::pairs, logged_model, run, tags},
};

/// Numbers that may be missing below that of a version that comes.
const MAX_GAP: u32 = 100_000;

statements! {
    FIND = "read the registered model": "
        SELECT key, project FROM registered_model WHERE name = :name";
    PUT = "bring the registered model": "
        INSERT INTO registered_model (name, project, description, created, updated, last_number)
        VALUES (:name, NULL, :description, :created, :updated, 0)
        ON CONFLICT (name) DO UPDATE SET description = excluded.description, updated = excluded.updated";
    PUT_ALIAS = "bring the alias": "
        INSERT INTO registered_model_alias (model, alias, number) VALUES (:model, :alias, :number)
        ON CONFLICT (model, alias) DO UPDATE SET number = excluded.number";
    PUT_VERSION = "bring the version": "
        INSERT INTO registered_version (model, number, description, user_id, stage, source, storage_location, run_id, run_link,
                                        logged_model, status, status_message, created, updated)
        VALUES (:model, :number, :description, :user_id, :stage, :source, :storage_location, :run_id, :run_link,
                :logged_model, :status, :status_message, :created, :updated)
        ON CONFLICT (model, number) DO UPDATE
        SET description = excluded.description, stage = excluded.stage, status = excluded.status,
            status_message = excluded.status_message, updated = excluded.updated";
    GIVE_NUMBER = "bring the version": "
        UPDATE registered_model SET last_number = last_number + 1 WHERE key = :model AND last_number < :number";
}

/// Brings a registered model with its tags and aliases. Its versions come before its aliases, so it comes twice.
///
/// # Errors
/// When a contract governs the model of this name, or an alias is none.
pub fn put_model(tx: &Tx, record: &RegisteredModelRecord) -> Result<(), StoreError> {
    let name = name(&record.name)?;
    if let Some((_, Some(project))) = find(tx, &name)? {
        return Err(governed(&name, &project));
    }
    let row = named_params! {
        ":name": name.as_str(), ":description": record.description, ":created": record.created, ":updated": record.updated,
    };
    tx.execute(&PUT, row)?;
    let model = keys::model_key(tx, &name)?;
    tags::OF_REGISTERED_MODEL.put(tx, model, pairs(&record.tags))?;
    for (alias, number) in &record.aliases {
        let alias: AliasName = alias.parse().map_err(|error| invalid(PUT_ALIAS.attempt, &error))?;
        keys::version_keys(tx, &name, *number)?;
        tx.execute(&PUT_ALIAS, named_params! { ":model": model, ":alias": alias.as_str(), ":number": *number })?;
    }
    Ok(())
}

/// Brings a version with its tags.
///
/// # Errors
/// When its model is not there, or a contract governs it.
pub fn put_version(tx: &Tx, record: &VersionRecord) -> Result<(), StoreError> {
    let name = name(&record.model)?;
    let model = match find(tx, &name)? {
        None => return Err(keys::missing_model(&name)),
        Some((_, Some(project))) => return Err(governed(&name, &project)),
        Some((model, None)) => model,
    };
    give_numbers(tx, (&name, model), record.number)?;
    let logged_model = record.source.strip_prefix("models:/").filter(|id| id.starts_with("m-"));
    let row = named_params! {
        ":model": model, ":number": record.number, ":description": record.description, ":user_id": record.user_id,
        ":stage": record.stage.as_str(), ":source": record.source, ":storage_location": storage_location(tx, &record.source)?,
        ":run_id": record.run_id, ":run_link": record.run_link, ":logged_model": logged_model,
        ":status": record.status.as_str(), ":status_message": record.status_message, ":created": record.created,
        ":updated": record.updated,
    };
    tx.execute(&PUT_VERSION, row)?;
    let (_, version) = keys::version_keys(tx, &name, record.number)?;
    tags::OF_REGISTERED_VERSION.put(tx, version, pairs(&record.tags))
}

/// Numbers up to this one are given.
fn give_numbers(tx: &Tx, (name, model): (&RegisteredName, i64), number: u32) -> Result<(), StoreError> {
    for _ in 0..MAX_GAP {
        if tx.execute(&GIVE_NUMBER, named_params! { ":model": model, ":number": number })? == 0 {
            return Ok(());
        }
    }
    let reason = format!("version {number} of `{name}` is more than {MAX_GAP} numbers behind the last one");
    Err(StoreError::Conflict { attempted: GIVE_NUMBER.attempt, reason })
}

/// Where clients read the files of what a client named.
fn storage_location(reader: &Reader, source: &str) -> Result<String, StoreError> {
    if let Some(id) = source.strip_prefix("models:/").filter(|id| id.starts_with("m-")) {
        let found = logged_model::find(reader, id)?;
        return Ok(found.map_or_else(|| source.to_owned(), |model| model.artifact_uri));
    }
    if let Some((id, path)) = source.strip_prefix("runs:/").and_then(|rest| rest.split_once('/')) {
        let found = run::find(reader, id)?;
        return Ok(found.map_or_else(|| source.to_owned(), |run| format!("{}/{path}", run.artifact_uri)));
    }
    Ok(source.to_owned())
}

fn name(text: &str) -> Result<RegisteredName, StoreError> {
    text.parse().map_err(|error| invalid(PUT.attempt, &error))
}

fn invalid(attempted: &'static str, error: &dyn std::error::Error) -> StoreError {
    StoreError::Invalid { attempted, reason: error.to_string() }
}

fn find(reader: &Reader, name: &RegisteredName) -> Result<Option<(i64, Option<String>)>, StoreError> {
    let read = |row: &crate::database::Row| Ok((row.get("key")?, row.get("project")?));
    reader.one(&FIND, named_params! { ":name": name.as_str() }, read)
}

fn governed(name: &RegisteredName, project: &str) -> StoreError {
    let reason = format!("the registered model `{name}` is governed by the contract of the project `{project}`");
    StoreError::Conflict { attempted: PUT.attempt, reason }
}
