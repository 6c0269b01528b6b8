//! Versions of registered models.

use kilter_domain::{
    ids::ProjectName,
    registry::{RegisteredName, RegistrationStatus, RegistryEvent, Stage},
    time::Timestamp,
};

use super::{Tags, alias, event, keys};
use crate::{
    Reader, StoreError, Tx,
    database::{self, Params, Row, ToValue, named_params},
    row,
    statement::statements,
    tracking::tags,
};

statements! {
    INSERT = "register the version": "
        INSERT INTO registered_version (model, number, description, user_id, stage, source, storage_location, run_id, run_link,
                                        logged_model, status, status_message, created, updated)
        VALUES (:model, :number, :description, :user_id, 'None', :source, :storage_location, :run_id, :run_link,
                :logged_model, 'ready', '', :at, :at) RETURNING key";
    FIND_BY_KEY = "read the registered version": "
        SELECT registered_version.*, registered_model.name AS model_name, registered_model.project AS project
        FROM registered_version JOIN registered_model ON registered_model.key = registered_version.model
        WHERE registered_version.key = :key";
    LATEST = "read the newest versions of a model": "
        SELECT key FROM registered_version
        WHERE model = :owner
          AND number IN (SELECT max(number) FROM registered_version WHERE model = :owner GROUP BY stage)
        ORDER BY number";
    DESCRIBE = "describe the registered version": "
        UPDATE registered_version SET description = :description, updated = :at WHERE key = :key";
    MOVE = "move the registered version to a stage": "
        UPDATE registered_version SET stage = :stage, updated = :at WHERE key = :key";
    ARCHIVE_OTHERS = "archive the versions of a stage": "
        UPDATE registered_version SET stage = 'Archived', updated = :at
        WHERE model = :model AND stage = :stage AND number <> :number";
    DELETE = "delete the registered version": "
        DELETE FROM registered_version WHERE key = :key";
}

/// A version that is about to be registered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewRegisteredVersion {
    /// Where its files are, as the client said.
    pub source: String,
    /// Where clients read them.
    pub storage_location: String,
    /// The run that made it, by its id; empty where none is named.
    pub run_id: String,
    /// An address of this run.
    pub run_link: String,
    /// The logged model that it is, by its id.
    pub logged_model: Option<String>,
    /// What it is.
    pub description: String,
    /// Who registered it.
    pub user_id: String,
    /// Its tags.
    pub tags: Tags,
}

/// A version of a registered model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisteredVersion {
    /// The model that it belongs to.
    pub model: RegisteredName,
    /// The project whose contract the model is under.
    pub project: Option<ProjectName>,
    /// Its number in the model.
    pub number: u32,
    /// What it is.
    pub description: String,
    /// Who registered it.
    pub user_id: String,
    /// What it is meant for.
    pub stage: Stage,
    /// Where its files are, as the client said.
    pub source: String,
    /// Where clients read them.
    pub storage_location: String,
    /// The run that made it, by its id; empty where none is known.
    pub run_id: String,
    /// An address of this run.
    pub run_link: String,
    /// The logged model that it is, by its id.
    pub logged_model: Option<String>,
    /// Whether its files are there.
    pub status: RegistrationStatus,
    /// What is to be said of its status.
    pub status_message: String,
    /// When it was registered.
    pub created: Timestamp,
    /// When it was changed last.
    pub updated: Timestamp,
    /// Its tags.
    pub tags: Tags,
    /// The aliases that name it.
    pub aliases: Vec<String>,
}

/// Registers the next version of a model.
///
/// # Errors
/// When there is no such model.
pub fn create(
    tx: &Tx,
    name: &RegisteredName,
    new: &NewRegisteredVersion,
    at: Timestamp,
) -> Result<RegisteredVersion, StoreError> {
    let model = keys::model_key(tx, name)?;
    let number = keys::next_number(tx, model, at)?;
    insert(tx, (model, name, number), new, at)?;
    get(tx, name, number)
}

/// Records the version under a number that was given for it.
pub(super) fn insert(
    tx: &Tx,
    (model, name, number): (i64, &RegisteredName, u32),
    new: &NewRegisteredVersion,
    at: Timestamp,
) -> Result<(), StoreError> {
    let params = named_params! {
        ":model": model, ":number": number, ":description": new.description, ":user_id": new.user_id,
        ":source": new.source, ":storage_location": new.storage_location, ":run_id": new.run_id,
        ":run_link": new.run_link, ":logged_model": new.logged_model, ":at": at.millis(),
    };
    let key: i64 = tx.one(&INSERT, params, |row| row.get(0))?.ok_or(StoreError::RolledBack)?;
    let tags = new.tags.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    tags::OF_REGISTERED_VERSION.put(tx, key, tags)?;
    let created = RegistryEvent::VersionCreated {
        name: name.clone(),
        version: number,
        source: new.source.clone(),
        run_id: new.run_id.clone(),
        tags: new.tags.clone(),
        description: new.description.clone(),
    };
    event::emit(tx, model, &created)
}

/// The version, or an error that names it.
pub fn get(reader: &Reader, name: &RegisteredName, number: u32) -> Result<RegisteredVersion, StoreError> {
    let (_, key) = keys::version_keys(reader, name, number)?;
    read_by_keys(reader, &[key])?.pop().ok_or_else(|| keys::missing_version(name, number))
}

/// The versions with these keys, in this order; those that are not there are left out.
pub fn read_by_keys(reader: &Reader, keys: &[i64]) -> Result<Vec<RegisteredVersion>, StoreError> {
    let rows: Vec<_> = keys.iter().map(|key| [(":key", key as &dyn ToValue)]).collect();
    let rows: Vec<Params<'_>> = rows.iter().map(|row| row.as_slice()).collect();
    let owners: Vec<_> = keys.iter().map(|key| [(":owner", key as &dyn ToValue)]).collect();
    let owners: Vec<Params<'_>> = owners.iter().map(|row| row.as_slice()).collect();
    let found = reader.one_each(&FIND_BY_KEY, &rows, version)?;
    let tags = tags::OF_REGISTERED_VERSION.list_each(reader, &owners)?;
    let aliases = alias::of_versions(reader, &owners)?;
    let parts = found.into_iter().zip(tags).zip(aliases);
    let whole =
        parts.filter_map(|((found, tags), aliases)| found.map(|found| RegisteredVersion { tags, aliases, ..found }));
    Ok(whole.collect())
}

/// The newest version of each stage of the models whose keys stand in `owners`, the oldest first.
pub(super) fn latest_of_each(
    reader: &Reader,
    owners: &[Params<'_>],
) -> Result<Vec<Vec<RegisteredVersion>>, StoreError> {
    let keys: Vec<Vec<i64>> = reader.all_each(&LATEST, owners, |row| row.get(0))?;
    let mut versions = read_by_keys(reader, &keys.concat())?.into_iter();
    Ok(keys.iter().map(|keys| versions.by_ref().take(keys.len()).collect()).collect())
}

/// Says what a version is.
///
/// # Errors
/// When there is no such version.
pub fn describe(
    tx: &Tx,
    (name, number): (&RegisteredName, u32),
    description: &str,
    at: Timestamp,
) -> Result<RegisteredVersion, StoreError> {
    let (_, key) = keys::version_keys(tx, name, number)?;
    tx.execute(&DESCRIBE, named_params! { ":key": key, ":description": description, ":at": at.millis() })?;
    get(tx, name, number)
}

/// Moves a version to a stage, and, where `archives_others`, those that are in it to [`Stage::Archived`].
///
/// # Errors
/// When there is no such version.
pub fn put_stage(
    tx: &Tx,
    (name, number): (&RegisteredName, u32),
    (stage, archives_others): (Stage, bool),
    at: Timestamp,
) -> Result<RegisteredVersion, StoreError> {
    let (model, key) = keys::version_keys(tx, name, number)?;
    if archives_others {
        let params = named_params! { ":model": model, ":number": number, ":stage": stage.as_str(), ":at": at.millis() };
        tx.execute(&ARCHIVE_OTHERS, params)?;
    }
    tx.execute(&MOVE, named_params! { ":key": key, ":stage": stage.as_str(), ":at": at.millis() })?;
    keys::touch(tx, model, at)?;
    get(tx, name, number)
}

/// Deletes a version, with the aliases that name it. Its number is not given again.
///
/// # Errors
/// When there is no such version.
pub fn delete(tx: &Tx, (name, number): (&RegisteredName, u32), at: Timestamp) -> Result<(), StoreError> {
    let (model, key) = keys::version_keys(tx, name, number)?;
    alias::remove_of_version(tx, model, number)?;
    tx.execute(&DELETE, named_params! { ":key": key })?;
    keys::touch(tx, model, at)
}

/// Writes a tag of a version.
///
/// # Errors
/// When there is no such version.
pub fn put_tag(tx: &Tx, (name, number): (&RegisteredName, u32), (key, value): (&str, &str)) -> Result<(), StoreError> {
    let (model, version) = keys::version_keys(tx, name, number)?;
    tags::OF_REGISTERED_VERSION.put(tx, version, [(key, value)])?;
    let (key, value) = (key.to_owned(), value.to_owned());
    event::emit(tx, model, &RegistryEvent::VersionTagSet { name: name.clone(), version: number, key, value })
}

/// Deletes a tag of a version, if it is there.
///
/// # Errors
/// When there is no such version.
pub fn delete_tag(tx: &Tx, (name, number): (&RegisteredName, u32), key: &str) -> Result<(), StoreError> {
    let (model, version) = keys::version_keys(tx, name, number)?;
    tags::OF_REGISTERED_VERSION.delete(tx, version, key)?;
    event::emit(
        tx,
        model,
        &RegistryEvent::VersionTagDeleted { name: name.clone(), version: number, key: key.to_owned() },
    )
}

fn version(row: &Row) -> database::Result<RegisteredVersion> {
    Ok(RegisteredVersion {
        model: row::parsed(row, "model_name")?,
        project: row::maybe_parsed(row, "project")?,
        number: row.get("number")?,
        description: row.get("description")?,
        user_id: row.get("user_id")?,
        stage: row::word(row, "stage")?,
        source: row.get("source")?,
        storage_location: row.get("storage_location")?,
        run_id: row.get("run_id")?,
        run_link: row.get("run_link")?,
        logged_model: row.get("logged_model")?,
        status: row::word(row, "status")?,
        status_message: row.get("status_message")?,
        created: row::time(row, "created")?,
        updated: row::time(row, "updated")?,
        tags: Tags::new(),
        aliases: Vec::new(),
    })
}
