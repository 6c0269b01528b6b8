//! Versions of the platform as clients of the registry see them: under the same numbers, with tags that say where they stand.

use kilter_domain::{
    digest::Digest,
    ids::{ModelName, ProjectName},
    model::{VersionLabel, VersionState},
    registry::{InvalidRegisteredName, RegisteredName, RegistryEvent, Stage},
    time::Timestamp,
};

use super::{NewRegisteredModel, NewRegisteredVersion, RegisteredVersion, Tags, alias, event, keys, model, version};
use crate::{
    StoreError, Tx,
    audit::{AuditedTx, Change},
    database::named_params,
    row,
    statement::statements,
    tracking::{experiment::OWN_ARTIFACTS, tags},
};

/// What the tags of the platform begin with; clients do not set them.
pub const TAG_PREFIX: &str = "kilter.";
/// The tag that says where a version is in its life.
pub const STATE_TAG: &str = "kilter.state";
/// The tag that says which package a version is.
pub const DIGEST_TAG: &str = "kilter.digest";
/// The folder below the root of all artifacts that has the packages of versions, by model and number.
pub const PACKAGES: &str = "registered-models";

/// Characters of what is said of a status at most.
const MAX_STATUS_MESSAGE: usize = 4000;

statements! {
    INSERT = "register the model": "
        INSERT INTO registered_model (name, project, description, created, updated, last_number)
        VALUES (:name, :project, '', :at, :at, 0) RETURNING key";
    ADOPT = "put the registered model under its contract": "
        UPDATE registered_model SET project = :project, updated = :at WHERE key = :key";
    ALIASES = "list the aliases of a version": "
        SELECT alias, since FROM alias WHERE model = :model AND number = :number AND until IS NULL ORDER BY alias";
    END_ALIAS = "end the alias": "
        UPDATE alias SET until = :until WHERE model = :model AND alias = :alias AND until IS NULL";
    STAGE = "read the stage of a version": "
        SELECT stage FROM registered_version WHERE key = :key";
    OF_STAGE = "list the versions of a stage": "
        SELECT key, number FROM registered_version
        WHERE model = :model AND stage = :stage AND number <> :number ORDER BY number";
    NOTE = "say why the version stays where it is": "
        UPDATE registered_version SET status_message = :message WHERE key = :key";
    MOVE = "move the version to a stage": "
        UPDATE registered_version SET stage = :stage, updated = :at WHERE key = :key";
}

fn registered(name: &ModelName) -> Result<RegisteredName, StoreError> {
    let invalid =
        |error: InvalidRegisteredName| StoreError::Invalid { attempted: INSERT.attempt, reason: error.to_string() };
    name.as_str().parse().map_err(invalid)
}

/// Puts the registered model of this name under the contract of a project; makes it where clients have not.
pub(crate) fn adopt(tx: &Tx, name: &ModelName, project: &ProjectName, at: Timestamp) -> Result<(), StoreError> {
    let name = registered(name)?;
    match keys::find_model_key(tx, &name)? {
        Some(key) => {
            let params = named_params! { ":key": key, ":project": project.as_str(), ":at": at.millis() };
            tx.execute(&ADOPT, params).map(drop)
        }
        None => {
            let params = named_params! { ":name": name.as_str(), ":project": project.as_str(), ":at": at.millis() };
            let key: i64 = tx.one(&INSERT, params, |row| row.get(0))?.ok_or(StoreError::RolledBack)?;
            let new = NewRegisteredModel { name, description: String::new(), tags: Tags::new() };
            model::emit_created(tx, key, &new)
        }
    }
}

/// A version that the platform makes.
pub(crate) struct PlatformVersion<'v> {
    pub model: &'v ModelName,
    pub digest: &'v Digest,
    pub state: VersionState,
    pub run: Option<&'v str>,
    pub user: String,
}

/// Records a version of the platform, with what a client says of it, if one does; its number. Clients read its package.
pub(crate) fn create(
    tx: &Tx,
    new: &PlatformVersion<'_>,
    said: &NewRegisteredVersion,
    at: Timestamp,
) -> Result<u32, StoreError> {
    let name = registered(new.model)?;
    let key = keys::model_key(tx, &name)?;
    let number = keys::next_number(tx, key, at)?;
    let package = format!("{OWN_ARTIFACTS}{PACKAGES}/{name}/{number}");
    let mut row = said.clone();
    row.tags.retain(|tag, _| !tag.starts_with(TAG_PREFIX));
    row.tags.insert(STATE_TAG.to_owned(), new.state.as_str().to_owned());
    row.tags.insert(DIGEST_TAG.to_owned(), new.digest.to_string());
    if row.source.is_empty() {
        row.source.clone_from(&package);
    }
    if let Some(run) = new.run {
        run.clone_into(&mut row.run_id);
    }
    row.storage_location = package;
    row.user_id.clone_from(&new.user);
    version::insert(tx, (key, &name, number), &row, at)?;
    Ok(number)
}

/// Says why a version stays where it is.
///
/// # Errors
/// When there is no such version.
pub fn note_status(tx: &Tx, name: &RegisteredName, number: u32, message: &str) -> Result<(), StoreError> {
    let (_, key) = keys::version_keys(tx, name, number)?;
    let message: String = message.chars().take(MAX_STATUS_MESSAGE).collect();
    tx.execute(&NOTE, named_params! { ":key": key, ":message": message }).map(drop)
}

/// Says where a version of the platform is now. What its aliases and its stage say of it ends
/// with the states of which it is true.
pub(crate) fn put_state(
    audited: &AuditedTx,
    model: &ModelName,
    number: u32,
    state: VersionState,
) -> Result<(), StoreError> {
    let (tx, name) = (audited.tx(), registered(model)?);
    let (key, version) = keys::version_keys(tx, &name, number)?;
    tags::OF_REGISTERED_VERSION.put(tx, version, [(STATE_TAG, state.as_str())])?;
    tx.execute(&NOTE, named_params! { ":key": version, ":message": "" })?;
    let params = named_params! { ":model": model.as_str(), ":number": number };
    let held: Vec<(String, Timestamp)> = tx.all(&ALIASES, params, |row| Ok((row.get(0)?, row::time(row, "since")?)))?;
    for (alias, since) in held.into_iter().filter(|(alias, _)| !VersionLabel::of_alias(alias).fits(state)) {
        let (object, before) = (format!("alias:{model}@{alias}"), number.to_string());
        audited.record_change(&Change { before: Some(&before), ..Change::of(&object) })?;
        let until = since.max(audited.at()).millis();
        tx.execute(&END_ALIAS, named_params! { ":model": model.as_str(), ":alias": alias, ":until": until })?;
        event::emit(tx, key, &RegistryEvent::AliasDeleted { name: name.clone(), alias })?;
    }
    let stage: Stage =
        tx.one(&STAGE, named_params! { ":key": version }, |row| row::word(row, "stage"))?.unwrap_or_default();
    match VersionLabel::of_stage(stage) {
        Some(label) if !label.fits(state) => move_one(audited, (&name, number, version), (stage, Stage::Archived)),
        _ => Ok(()),
    }
}

/// Moves a version of a model under a contract to a stage, and, where `archives_others`, those that are in it to
/// [`Stage::Archived`]; each move has its entry.
///
/// # Errors
/// When there is no such version.
pub fn put_stage(
    audited: &AuditedTx,
    (name, number): (&RegisteredName, u32),
    (stage, archives_others): (Stage, bool),
) -> Result<RegisteredVersion, StoreError> {
    let tx = audited.tx();
    let (model, key) = keys::version_keys(tx, name, number)?;
    if archives_others {
        let params = named_params! { ":model": model, ":stage": stage.as_str(), ":number": number };
        let others: Vec<(i64, u32)> = tx.all(&OF_STAGE, params, |row| Ok((row.get(0)?, row.get(1)?)))?;
        for (other, number) in others {
            move_one(audited, (name, number, other), (stage, Stage::Archived))?;
        }
    }
    let before: Stage =
        tx.one(&STAGE, named_params! { ":key": key }, |row| row::word(row, "stage"))?.unwrap_or_default();
    if before != stage {
        move_one(audited, (name, number, key), (before, stage))?;
    }
    keys::touch(tx, model, audited.at())?;
    version::get(tx, name, number)
}

fn move_one(
    audited: &AuditedTx,
    (name, number, key): (&RegisteredName, u32, i64),
    (before, after): (Stage, Stage),
) -> Result<(), StoreError> {
    let object = format!("stage:{name}/{number}");
    let change = Change { before: Some(before.as_str()), after: Some(after.as_str()), ..Change::of(&object) };
    audited.record_change(&change)?;
    let params = named_params! { ":key": key, ":stage": after.as_str(), ":at": audited.at().millis() };
    audited.tx().execute(&MOVE, params).map(drop)
}

/// An alias of a model under a contract names another version now, or none. What a client set before the contract gives way.
pub(crate) fn note_alias(tx: &Tx, name: &ModelName, alias: &str, number: Option<u32>) -> Result<(), StoreError> {
    let name = registered(name)?;
    let key = keys::model_key(tx, &name)?;
    alias::forget(tx, key, alias)?;
    let alias = alias.to_owned();
    let event = match number {
        Some(version) => RegistryEvent::AliasCreated { name, alias, version },
        None => RegistryEvent::AliasDeleted { name, alias },
    };
    event::emit(tx, key, &event)
}
