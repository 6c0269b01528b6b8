//! Registered models.

use std::collections::BTreeMap;

use kilter_domain::{
    ids::ProjectName,
    registry::{RegisteredName, RegistryEvent, Stage},
    time::Timestamp,
};

use super::{
    Tags, alias, event, keys,
    version::{self, RegisteredVersion},
};
use crate::{
    Reader, StoreError, Tx,
    database::{self, Params, Row, ToValue, named_params},
    row,
    statement::statements,
    tracking::tags,
};

statements! {
    INSERT = "register the model": "
        INSERT INTO registered_model (name, project, description, created, updated, last_number)
        VALUES (:name, NULL, :description, :at, :at, 0) RETURNING key";
    FIND_BY_KEY = "read the registered model": "
        SELECT * FROM registered_model WHERE key = :key";
    DESCRIBE = "describe the registered model": "
        UPDATE registered_model SET description = :description, updated = :at WHERE key = :key";
    RENAME = "rename the registered model": "
        UPDATE registered_model SET name = :name, updated = :at WHERE key = :key";
    RENAME_VERSIONS = "rename the registered model": "
        UPDATE registered_version SET updated = :at WHERE model = :key";
    DELETE = "delete the registered model": "
        DELETE FROM registered_model WHERE key = :key";
}

/// A model that is about to be registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRegisteredModel {
    /// Its name.
    pub name: RegisteredName,
    /// What it is for.
    pub description: String,
    /// Its tags.
    pub tags: Tags,
}

/// A registered model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisteredModel {
    /// Its name.
    pub name: RegisteredName,
    /// The project whose contract it is under.
    pub project: Option<ProjectName>,
    /// What it is for.
    pub description: String,
    /// When it was registered.
    pub created: Timestamp,
    /// When it was changed last.
    pub updated: Timestamp,
    /// Its tags.
    pub tags: Tags,
    /// Which version each alias names.
    pub aliases: BTreeMap<String, u32>,
    /// The newest version of each stage, the oldest first.
    pub latest: Vec<RegisteredVersion>,
}

/// Registers a model that is under no contract.
///
/// # Errors
/// When there is one of this name.
pub fn create(tx: &Tx, new: &NewRegisteredModel, at: Timestamp) -> Result<RegisteredModel, StoreError> {
    refuse_taken(tx, INSERT.attempt, &new.name)?;
    let params = named_params! { ":name": new.name.as_str(), ":description": new.description, ":at": at.millis() };
    let key: i64 = tx.one(&INSERT, params, |row| row.get(0))?.ok_or(StoreError::RolledBack)?;
    tags::OF_REGISTERED_MODEL.put(tx, key, new.tags.iter().map(|(name, value)| (name.as_str(), value.as_str())))?;
    emit_created(tx, key, new)?;
    get(tx, &new.name)
}

pub(super) fn emit_created(tx: &Tx, key: i64, new: &NewRegisteredModel) -> Result<(), StoreError> {
    let NewRegisteredModel { name, description, tags } = new.clone();
    event::emit(tx, key, &RegistryEvent::ModelCreated { name, tags, description })
}

fn refuse_taken(tx: &Tx, attempted: &'static str, name: &RegisteredName) -> Result<(), StoreError> {
    match keys::find_model_key(tx, name)? {
        None => Ok(()),
        Some(_) => {
            Err(StoreError::Conflict { attempted, reason: format!("there is a registered model `{name}` already") })
        }
    }
}

/// The model, if it is registered.
pub fn find(reader: &Reader, name: &RegisteredName) -> Result<Option<RegisteredModel>, StoreError> {
    match keys::find_model_key(reader, name)? {
        None => Ok(None),
        Some(key) => Ok(read_by_keys(reader, &[key])?.pop()),
    }
}

/// The model, or an error that names it.
pub fn get(reader: &Reader, name: &RegisteredName) -> Result<RegisteredModel, StoreError> {
    find(reader, name)?.ok_or_else(|| keys::missing_model(name))
}

/// Whose contract it is under, without all else that belongs to it.
///
/// # Errors
/// When there is no such model.
pub fn project(reader: &Reader, name: &RegisteredName) -> Result<Option<ProjectName>, StoreError> {
    let params = named_params! { ":key": keys::model_key(reader, name)? };
    Ok(reader.one(&FIND_BY_KEY, params, |row| row::maybe_parsed(row, "project"))?.flatten())
}

/// The models with these keys, in this order; those that are not there are left out.
pub fn read_by_keys(reader: &Reader, keys: &[i64]) -> Result<Vec<RegisteredModel>, StoreError> {
    let rows: Vec<_> = keys.iter().map(|key| [(":key", key as &dyn ToValue)]).collect();
    let rows: Vec<Params<'_>> = rows.iter().map(|row| row.as_slice()).collect();
    let owners: Vec<_> = keys.iter().map(|key| [(":owner", key as &dyn ToValue)]).collect();
    let owners: Vec<Params<'_>> = owners.iter().map(|row| row.as_slice()).collect();
    let found = reader.one_each(&FIND_BY_KEY, &rows, model)?;
    let tags = tags::OF_REGISTERED_MODEL.list_each(reader, &owners)?;
    let aliases = alias::of_models(reader, &owners)?;
    let latest = version::latest_of_each(reader, &owners)?;
    let parts = found.into_iter().zip(tags).zip(aliases.into_iter().zip(latest));
    let whole = parts.filter_map(|((found, tags), (aliases, latest))| {
        found.map(|found| RegisteredModel { tags, aliases: aliases.into_iter().collect(), latest, ..found })
    });
    Ok(whole.collect())
}

/// The newest version of each of these stages (empty: of every one), with their aliases.
///
/// # Errors
/// When there is no such model.
pub fn latest_versions(
    reader: &Reader,
    name: &RegisteredName,
    stages: &[Stage],
) -> Result<Vec<RegisteredVersion>, StoreError> {
    let latest = get(reader, name)?.latest;
    Ok(latest.into_iter().filter(|version| stages.is_empty() || stages.contains(&version.stage)).collect())
}

/// Says what a model is for.
///
/// # Errors
/// When there is no such model.
pub fn describe(
    tx: &Tx,
    name: &RegisteredName,
    description: &str,
    at: Timestamp,
) -> Result<RegisteredModel, StoreError> {
    let params = named_params! { ":key": keys::model_key(tx, name)?, ":description": description, ":at": at.millis() };
    tx.execute(&DESCRIBE, params)?;
    get(tx, name)
}

/// Gives a model another name.
///
/// # Errors
/// When there is no such model, or another one has the name.
pub fn rename(
    tx: &Tx,
    name: &RegisteredName,
    new: &RegisteredName,
    at: Timestamp,
) -> Result<RegisteredModel, StoreError> {
    let key = keys::model_key(tx, name)?;
    refuse_taken(tx, RENAME.attempt, new)?;
    tx.execute(&RENAME, named_params! { ":key": key, ":name": new.as_str(), ":at": at.millis() })?;
    tx.execute(&RENAME_VERSIONS, named_params! { ":key": key, ":at": at.millis() })?;
    get(tx, new)
}

/// Deletes a model with its versions. Their files stay.
///
/// # Errors
/// When there is no such model.
pub fn delete(tx: &Tx, name: &RegisteredName) -> Result<(), StoreError> {
    tx.execute(&DELETE, named_params! { ":key": keys::model_key(tx, name)? }).map(drop)
}

/// Writes a tag of a model.
///
/// # Errors
/// When there is no such model.
pub fn put_tag(tx: &Tx, name: &RegisteredName, (key, value): (&str, &str)) -> Result<(), StoreError> {
    tags::OF_REGISTERED_MODEL.put(tx, keys::model_key(tx, name)?, [(key, value)])
}

/// Deletes a tag of a model, if it is there.
///
/// # Errors
/// When there is no such model.
pub fn delete_tag(tx: &Tx, name: &RegisteredName, key: &str) -> Result<(), StoreError> {
    tags::OF_REGISTERED_MODEL.delete(tx, keys::model_key(tx, name)?, key).map(drop)
}

fn model(row: &Row) -> database::Result<RegisteredModel> {
    Ok(RegisteredModel {
        name: row::parsed(row, "name")?,
        project: row::maybe_parsed(row, "project")?,
        description: row.get("description")?,
        created: row::time(row, "created")?,
        updated: row::time(row, "updated")?,
        tags: Tags::new(),
        aliases: BTreeMap::new(),
        latest: Vec::new(),
    })
}
