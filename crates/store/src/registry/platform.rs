//! Versions of the platform as clients of the registry see them: under the same numbers, with tags that say where they stand.

use kilter_domain::{
    digest::Digest,
    ids::{ModelName, ProjectName},
    model::VersionState,
    registry::{InvalidRegisteredName, RegisteredName},
    time::Timestamp,
};

use super::{NewRegisteredModel, NewRegisteredVersion, Tags, keys, model, version};
use crate::{
    StoreError, Tx,
    database::named_params,
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

statements! {
    INSERT = "register the model": "
        INSERT INTO registered_model (name, project, description, created, updated, last_number)
        VALUES (:name, :project, '', :at, :at, 0) RETURNING key";
    ADOPT = "put the registered model under its contract": "
        UPDATE registered_model SET project = :project, updated = :at WHERE key = :key";
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

/// Records a version of the platform; its number.
pub(crate) fn create(tx: &Tx, new: &PlatformVersion<'_>, at: Timestamp) -> Result<u32, StoreError> {
    let name = registered(new.model)?;
    let key = keys::model_key(tx, &name)?;
    let number = keys::next_number(tx, key, at)?;
    let source = format!("{OWN_ARTIFACTS}{PACKAGES}/{name}/{number}");
    let row = NewRegisteredVersion {
        storage_location: source.clone(),
        source,
        run_id: new.run.unwrap_or_default().to_owned(),
        user_id: new.user.clone(),
        tags: Tags::from([
            (STATE_TAG.to_owned(), new.state.as_str().to_owned()),
            (DIGEST_TAG.to_owned(), new.digest.to_string()),
        ]),
        ..NewRegisteredVersion::default()
    };
    version::insert(tx, (key, &name, number), &row, at)?;
    Ok(number)
}

/// Says where a version of the platform is now.
pub(crate) fn put_state(tx: &Tx, name: &ModelName, number: u32, state: VersionState) -> Result<(), StoreError> {
    let (_, key) = keys::version_keys(tx, &registered(name)?, number)?;
    tags::OF_REGISTERED_VERSION.put(tx, key, [(STATE_TAG, state.as_str())])
}
