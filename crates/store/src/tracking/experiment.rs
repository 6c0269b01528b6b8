//! Experiments: what runs are logged under. One that has a project is under its contract.
//!
//! Invariants: a name is taken until its experiment is collected, deleted or not; experiment 0 is there from the first start.

use kilter_domain::{
    ids::ProjectName,
    time::Timestamp,
    tracking::{ExperimentId, Lifecycle},
};

use super::tags::{self, Tags};
use crate::{
    Reader, StoreError, Tx,
    database::{self, Params, Row, ToValue, named_params},
    row,
    statement::statements,
};

/// Below this address the platform itself keeps artifacts.
pub const OWN_ARTIFACTS: &str = "mlflow-artifacts:/";

statements! {
    INSERT_DEFAULT = "record the default experiment": "
        INSERT INTO experiment (key, name, project, artifact_location, lifecycle, created, updated)
        VALUES (0, 'Default', NULL, :location, 'active', 0, 0) ON CONFLICT DO NOTHING";
    INSERT = "record the experiment": "
        INSERT INTO experiment (name, project, artifact_location, lifecycle, created, updated)
        VALUES (:name, :project, :location, 'active', :at, :at) RETURNING key";
    PUT_LOCATION = "record where artifacts of the experiment lie": "
        UPDATE experiment SET artifact_location = :location WHERE key = :key";
    ADOPT = "put the experiment under its project": "
        UPDATE experiment SET project = :project WHERE key = :key";
    UPDATE = "change the experiment": "
        UPDATE experiment SET name = :name, lifecycle = :lifecycle, updated = :at WHERE key = :key";
    TOUCH = "change the experiment": "
        UPDATE experiment SET updated = :at WHERE key = :key";
    FIND = "read the experiment": "
        SELECT * FROM experiment WHERE key = :key";
    FIND_BY_NAME = "read the experiment": "
        SELECT * FROM experiment WHERE name = :name";
    FIND_BY_ARTIFACT = "read the experiment": "
        SELECT * FROM experiment
        WHERE project > '' AND substr(:address, 1, length(artifact_location) + 1) = artifact_location || '/'
        ORDER BY length(artifact_location) DESC LIMIT 1";
    BELOW_ARTIFACT = "list experiments": "
        SELECT * FROM experiment
        WHERE project > '' AND substr(artifact_location || '/', 1, length(:address)) = :address ORDER BY project";
    FIND_BY_PROJECT = "read the experiment": "
        SELECT * FROM experiment WHERE project = :project";
}

/// An experiment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Experiment {
    /// Its number.
    pub id: ExperimentId,
    /// Its name.
    pub name: String,
    /// The project whose runs it has; `None` where it is under no contract.
    pub project: Option<ProjectName>,
    /// Below which address each run has its folder.
    pub artifact_location: String,
    /// Whether it is deleted.
    pub lifecycle: Lifecycle,
    /// When it was made.
    pub created: Timestamp,
    /// When it was changed last.
    pub updated: Timestamp,
}

/// Where the artifacts of a new experiment lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// At this address.
    At(String),
    /// In a folder of its own below this address.
    Below(String),
}

impl Location {
    fn of(&self, id: ExperimentId) -> String {
        match self {
            Self::At(address) => address.clone(),
            Self::Below(root) => format!("{}/{id}", root.strip_suffix('/').unwrap_or(root)),
        }
    }
}

/// Makes sure that experiment 0 is there.
pub fn ensure_default(tx: &Tx, root: &str) -> Result<(), StoreError> {
    let location = Location::Below(root.to_owned()).of(ExperimentId::DEFAULT);
    tx.execute(&INSERT_DEFAULT, named_params! { ":location": location }).map(drop)
}

/// Records an experiment.
///
/// # Errors
/// When there is one of this name, deleted or not.
pub fn create(tx: &Tx, name: &str, location: &Location, at: Timestamp) -> Result<Experiment, StoreError> {
    if find_by_name(tx, name)?.is_some() {
        let reason = format!("there is an experiment `{name}` already");
        return Err(StoreError::Conflict { attempted: INSERT.attempt, reason });
    }
    insert(tx, name, None, location, at)
}

fn insert(
    tx: &Tx,
    name: &str,
    project: Option<&ProjectName>,
    location: &Location,
    at: Timestamp,
) -> Result<Experiment, StoreError> {
    // A folder of its own has the number of the experiment as its name.
    let (Location::At(first) | Location::Below(first)) = location;
    let params = named_params! {
        ":name": name, ":project": project.map(ProjectName::as_str), ":location": first, ":at": at.millis(),
    };
    let id = ExperimentId(tx.one(&INSERT, params, |row| row.get(0))?.ok_or(StoreError::RolledBack)?);
    let artifact_location = location.of(id);
    if artifact_location != *first {
        tx.execute(&PUT_LOCATION, named_params! { ":key": id.0, ":location": artifact_location })?;
    }
    let (name, project) = (name.to_owned(), project.cloned());
    Ok(Experiment { id, name, project, artifact_location, lifecycle: Lifecycle::Active, created: at, updated: at })
}

/// The experiment of a project, which has its name; it is made where it is missing.
pub fn ensure_of_project(tx: &Tx, project: &ProjectName, at: Timestamp) -> Result<Experiment, StoreError> {
    if let Some(found) = tx.one(&FIND_BY_PROJECT, named_params! { ":project": project.as_str() }, experiment)? {
        return Ok(found);
    }
    match find_by_name(tx, project.as_str())? {
        Some(found) => {
            tx.execute(&ADOPT, named_params! { ":key": found.id.0, ":project": project.as_str() })?;
            get(tx, found.id)
        }
        None => insert(tx, project.as_str(), Some(project), &Location::Below(OWN_ARTIFACTS.to_owned()), at),
    }
}

/// Gives an experiment another name or puts it into another part of its life.
///
/// # Errors
/// When there is no such experiment, or another one has the name.
pub fn update(
    tx: &Tx,
    id: ExperimentId,
    (name, lifecycle): (&str, Lifecycle),
    at: Timestamp,
) -> Result<Experiment, StoreError> {
    if find_by_name(tx, name)?.is_some_and(|found| found.id != id) {
        let reason = format!("there is an experiment `{name}` already");
        return Err(StoreError::Conflict { attempted: UPDATE.attempt, reason });
    }
    let params = named_params! { ":key": id.0, ":name": name, ":lifecycle": lifecycle.as_str(), ":at": at.millis() };
    tx.execute(&UPDATE, params)?;
    get(tx, id)
}

/// The experiment, if there is one.
pub fn find(reader: &Reader, id: ExperimentId) -> Result<Option<Experiment>, StoreError> {
    reader.one(&FIND, named_params! { ":key": id.0 }, experiment)
}

/// The experiment, or an error that names it.
pub fn get(reader: &Reader, id: ExperimentId) -> Result<Experiment, StoreError> {
    find(reader, id)?.ok_or_else(|| StoreError::NotFound { what: "experiment", id: id.to_string() })
}

/// The experiments with these keys and their tags, in this order; those that are not there are left out.
pub fn read_by_keys(reader: &Reader, keys: &[i64]) -> Result<Vec<(Experiment, Tags)>, StoreError> {
    let rows: Vec<_> = keys.iter().map(|key| [(":key", key as &dyn ToValue)]).collect();
    let rows: Vec<Params<'_>> = rows.iter().map(|row| row.as_slice()).collect();
    let owners: Vec<_> = keys.iter().map(|key| [(":owner", key as &dyn ToValue)]).collect();
    let owners: Vec<Params<'_>> = owners.iter().map(|row| row.as_slice()).collect();
    let found = reader.one_each(&FIND, &rows, experiment)?;
    let tags = tags::OF_EXPERIMENT.list_each(reader, &owners)?;
    Ok(found.into_iter().zip(tags).filter_map(|(found, tags)| Some((found?, tags))).collect())
}

/// The experiment of this name, deleted or not.
pub fn find_by_name(reader: &Reader, name: &str) -> Result<Option<Experiment>, StoreError> {
    reader.one(&FIND_BY_NAME, named_params! { ":name": name }, experiment)
}

/// The experiment of a project whose artifacts lie above a path below the root of all artifacts, or at it.
pub fn find_by_artifact(reader: &Reader, path: &str) -> Result<Option<Experiment>, StoreError> {
    let address = format!("{OWN_ARTIFACTS}{}/", path.trim_matches('/'));
    reader.one(&FIND_BY_ARTIFACT, named_params! { ":address": address }, experiment)
}

/// The experiments of projects whose artifacts lie below a path below the root of all artifacts, or at it.
pub fn list_below_artifact(reader: &Reader, path: &str) -> Result<Vec<Experiment>, StoreError> {
    let address = format!("{OWN_ARTIFACTS}{}/", path.trim_matches('/'));
    reader.all(&BELOW_ARTIFACT, named_params! { ":address": address }, experiment)
}

/// Writes tags of an experiment.
pub fn put_tags<'t>(
    tx: &Tx,
    id: ExperimentId,
    tags: impl IntoIterator<Item = (&'t str, &'t str)>,
    at: Timestamp,
) -> Result<(), StoreError> {
    tags::OF_EXPERIMENT.put(tx, id.0, tags)?;
    tx.execute(&TOUCH, named_params! { ":key": id.0, ":at": at.millis() }).map(drop)
}

/// Deletes a tag of an experiment; whether it was there.
pub fn delete_tag(tx: &Tx, id: ExperimentId, name: &str, at: Timestamp) -> Result<bool, StoreError> {
    tx.execute(&TOUCH, named_params! { ":key": id.0, ":at": at.millis() })?;
    tags::OF_EXPERIMENT.delete(tx, id.0, name)
}

/// The tags of an experiment.
pub fn list_tags(reader: &Reader, id: ExperimentId) -> Result<Tags, StoreError> {
    tags::OF_EXPERIMENT.list(reader, id.0)
}

fn experiment(row: &Row) -> database::Result<Experiment> {
    Ok(Experiment {
        id: ExperimentId(row.get("key")?),
        name: row.get("name")?,
        project: row::maybe_parsed(row, "project")?,
        artifact_location: row.get("artifact_location")?,
        lifecycle: row::word(row, "lifecycle")?,
        created: row::time(row, "created")?,
        updated: row::time(row, "updated")?,
    })
}
