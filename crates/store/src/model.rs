//! Models and their versions: what each is made of, where it stands, and (in [`alias`]) which one bore which name when.
//!
//! Invariants: numbers are those of the [registry](crate::registry), without gaps; a version is never edited, only its state moves, and only with its entry.

pub mod act;
pub mod alias;
pub mod card;

use kilter_domain::{
    actor::Actor,
    digest::Digest,
    ids::{ModelName, ProjectName},
    model::VersionState,
    time::Timestamp,
};
use serde_json::Value;

use crate::{
    Page, PageRequest, Reader, StoreError,
    audit::{AuditedTx, Change, table},
    database::{self, Row, named_params},
    project::refuse_alike,
    registry::{
        NewRegisteredVersion,
        platform::{self, PlatformVersion},
    },
    row,
    statement::statements,
};

const MODELS: &str = "model";
const VERSIONS: &str = "version";

statements! {
    INSERT_MODEL = "register the model": "
        INSERT INTO model (name, project, created, audit_seq) VALUES (:name, :project, :created, :audit_seq)";
    ALIKE_MODEL = "find a model that is called alike": "
        SELECT name FROM model WHERE lower(name) = lower(:name) LIMIT 1";
    FIND_MODEL = "read the model": "
        SELECT * FROM model WHERE name = :name";
    NEWEST_MODELS = "list models": "
        SELECT * FROM model WHERE (project = :project OR :project IS NULL) AND key < :below
        ORDER BY key DESC LIMIT :limit";
    INSERT = "record the version": "
        INSERT INTO model_version (model, number, state, run, makers, digest, signature, policy, policy_digest, metrics,
                                   created, audit_seq)
        VALUES (:model, :number, :state, :run, :makers, :digest, :signature, :policy, :policy_digest, :metrics,
                :created, :audit_seq)";
    MOVE = "move the version": "
        UPDATE model_version SET state = :state, audit_seq = :audit_seq
        WHERE model = :model AND number = :number AND state = :expected";
    FIND = "read the version": "
        SELECT * FROM model_version WHERE model = :model AND number = :number";
    FIND_BY_DIGEST = "find the version of a digest": "
        SELECT * FROM model_version WHERE digest = :digest ORDER BY key DESC LIMIT :limit";
    FIND_BY_RUN = "find the versions of a run": "
        SELECT * FROM model_version WHERE run = :run ORDER BY key DESC LIMIT :limit";
    OF_REVOKED = "find approved versions that were made from a revoked one": "
        SELECT DISTINCT made.number, source.number AS source FROM model_version AS source
        JOIN model_version AS made ON made.run = source.run AND made.model = source.model
        WHERE source.model = :model AND source.state = 'revoked' AND made.state = 'approved'
          AND made.number > source.number
        LIMIT :limit";
    OTHER_POLICY = "find versions that another policy judged": "
        SELECT number FROM model_version
        WHERE model = :model AND state IN ('validated', 'approved') AND policy_digest <> :policy AND number < :below
        ORDER BY number DESC LIMIT :limit";
    NEWEST = "list versions": "
        SELECT * FROM model_version
        WHERE model = :model AND (state = :state OR :state IS NULL) AND number < :below
        ORDER BY number DESC LIMIT :limit";
}

/// A registered model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// Its name.
    pub name: ModelName,
    /// The project that it belongs to.
    pub project: ProjectName,
    /// When it was recorded.
    pub created: Timestamp,
    /// The number of its entry in the audit log.
    pub audit_seq: u64,
}

/// A version that is about to be recorded as a draft.
#[derive(Clone, Debug, PartialEq)]
pub struct NewVersion {
    /// The model that it belongs to.
    pub model: ModelName,
    /// The run that made it; `None` for one that was imported.
    pub run: Option<String>,
    /// Who made it: author of the code, starter of the run. None of them may approve it where four eyes are asked for.
    pub makers: Vec<Actor>,
    /// The digest of the package: its identity.
    pub digest: Digest,
    /// What the model takes and answers, as JSON.
    pub signature: Value,
    /// The text of the policy that it is judged by, frozen.
    pub policy: String,
    /// What was measured when it was packaged, as JSON.
    pub metrics: Value,
}

/// A version of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    /// The model that it belongs to.
    pub model: ModelName,
    /// The number of the version in its model.
    pub number: u32,
    /// Where it is in its life.
    pub state: VersionState,
    /// The run that it comes from.
    pub run: Option<String>,
    /// Who had a part in it, and may not approve it.
    pub makers: Vec<Actor>,
    /// Of its bytes.
    pub digest: Digest,
    /// What the model takes and answers, as JSON.
    pub signature: Value,
    /// The text of the policy that it is judged by.
    pub policy: String,
    /// Of the policy that it was judged by.
    pub policy_digest: Digest,
    /// What was measured when it was packaged, as JSON.
    pub metrics: Value,
    /// When it was recorded.
    pub created: Timestamp,
    /// The entry of its last change.
    pub audit_seq: u64,
}

/// The name of a version in the audit log.
pub fn object(model: &ModelName, number: u32) -> String {
    format!("version:{model}/{number}")
}

/// Registers a model; one that is registered for the same project already is left as it is.
///
/// # Errors
/// When the name belongs to another project, or there is no such project.
pub fn register(audited: &AuditedTx, name: &ModelName, project: &ProjectName) -> Result<Model, StoreError> {
    match find_model(audited.tx(), name)? {
        Some(model) if model.project == *project => return Ok(model),
        Some(model) => {
            let reason = format!("the name `{name}` belongs to project `{}`", model.project);
            return Err(StoreError::Conflict { attempted: INSERT_MODEL.attempt, reason });
        }
        None => {}
    }
    refuse_alike(audited, (&ALIKE_MODEL, INSERT_MODEL.attempt), "a model", name.as_str())?;
    let object = format!("model:{name}");
    let change = Change { after: Some("registered"), ..Change::of(&object) };
    let created = audited.at();
    let params = named_params! { ":name": name.as_str(), ":project": project.as_str(), ":created": created.millis() };
    let audit_seq = audited.write_row(&table::MODEL, &change, &INSERT_MODEL, params)?;
    platform::adopt(audited.tx(), name, project, created)?;
    Ok(Model { name: name.clone(), project: project.clone(), created, audit_seq })
}

/// The model, if it is registered.
pub fn find_model(reader: &Reader, name: &ModelName) -> Result<Option<Model>, StoreError> {
    reader.one(&FIND_MODEL, named_params! { ":name": name.as_str() }, model)
}

/// Models of a project, or all, newest first.
pub fn list_models(
    reader: &Reader,
    project: Option<&ProjectName>,
    page: &PageRequest,
) -> Result<Page<Model>, StoreError> {
    let params = named_params! {
        ":project": project.map(ProjectName::as_str), ":below": page.below(MODELS)?, ":limit": page.probe()
    };
    Ok(page.page(MODELS, reader.all(&NEWEST_MODELS, params, |row| Ok((row.get("key")?, model(row)?)))?))
}

/// Records a draft under the model's next number.
///
/// # Errors
/// When there is no such model or run.
pub fn create(audited: &AuditedTx, new: &NewVersion) -> Result<Version, StoreError> {
    create_registered(audited, new, &NewRegisteredVersion::default())
}

/// As [`create`], with what a client of the registry says of the version.
///
/// # Errors
/// When there is no such model or run.
pub fn create_registered(
    audited: &AuditedTx,
    new: &NewVersion,
    registration: &NewRegisteredVersion,
) -> Result<Version, StoreError> {
    let tx = audited.tx();
    let missing = || StoreError::NotFound { what: "model", id: new.model.to_string() };
    find_model(tx, &new.model)?.ok_or_else(missing)?;
    let registered = PlatformVersion {
        model: &new.model,
        digest: &new.digest,
        state: VersionState::Draft,
        run: new.run.as_deref(),
        user: new.makers.first().map(|maker| maker.name().to_owned()).unwrap_or_default(),
    };
    let number = platform::create(tx, &registered, registration, audited.at())?;
    let state = VersionState::Draft.as_str();
    let object = object(&new.model, number);
    let digest = new.digest.to_string();
    let change = Change { object_digest: Some(&digest), after: Some(state), ..Change::of(&object) };
    let params = named_params! {
        ":model": new.model.as_str(), ":number": number, ":state": state, ":run": new.run,
        ":makers": row::text_of(INSERT.attempt, &new.makers)?, ":digest": digest,
        ":signature": row::text_of(INSERT.attempt, &new.signature)?, ":policy": new.policy,
        ":policy_digest": Digest::of(new.policy.as_bytes()).to_string(),
        ":metrics": row::text_of(INSERT.attempt, &new.metrics)?, ":created": audited.at().millis(),
    };
    audited.write_row(&table::VERSION, &change, &INSERT, params)?;
    get(tx, &new.model, number)
}

/// Moves a version from the state that the caller judged to the next one.
///
/// # Errors
/// When there is no such version, or when it has moved meanwhile.
pub fn advance(
    audited: &AuditedTx,
    model: &ModelName,
    number: u32,
    expected: VersionState,
    next: VersionState,
) -> Result<Version, StoreError> {
    let object = object(model, number);
    let version = get(audited.tx(), model, number)?;
    let (before, after) = (expected.as_str(), next.as_str());
    audited.check_unmoved(&object, before, version.state.as_str())?;
    let digest = version.digest.to_string();
    let change = Change { object: &object, object_digest: Some(&digest), before: Some(before), after: Some(after) };
    let params = named_params! { ":model": model.as_str(), ":number": number, ":expected": before, ":state": after };
    audited.write_row(&table::VERSION, &change, &MOVE, params)?;
    platform::put_state(audited, model, number, next)?;
    get(audited.tx(), model, number)
}

/// The version, if there is one.
pub fn find(reader: &Reader, model: &ModelName, number: u32) -> Result<Option<Version>, StoreError> {
    reader.one(&FIND, named_params! { ":model": model.as_str(), ":number": number }, version)
}

/// The version, or an error that names it.
pub fn get(reader: &Reader, model: &ModelName, number: u32) -> Result<Version, StoreError> {
    find(reader, model, number)?
        .ok_or_else(|| StoreError::NotFound { what: "version", id: format!("{model}/{number}") })
}

/// Versions with these bytes, newest first; at most a hundred.
pub fn find_by_digest(reader: &Reader, digest: &Digest) -> Result<Vec<Version>, StoreError> {
    reader.all(&FIND_BY_DIGEST, named_params! { ":digest": digest.to_string(), ":limit": 100 }, version)
}

/// Versions that a run made, newest first; at most a hundred.
pub fn find_by_run(reader: &Reader, run: &str) -> Result<Vec<Version>, StoreError> {
    reader.all(&FIND_BY_RUN, named_params! { ":run": run, ":limit": 100 }, version)
}

/// Versions of a model, of one state or of all, newest first.
pub fn list(
    reader: &Reader,
    model: &ModelName,
    state: Option<VersionState>,
    page: &PageRequest,
) -> Result<Page<Version>, StoreError> {
    let params = named_params! {
        ":model": model.as_str(), ":state": state.map(VersionState::as_str),
        ":below": page.below(VERSIONS)?, ":limit": page.probe(),
    };
    Ok(page.page(VERSIONS, reader.all(&NEWEST, params, |row| Ok((row.get("number")?, version(row)?)))?))
}

/// Approved versions of the same run as an earlier one that was revoked, with the number of that one: they hold its model, with another
/// threshold. At most a thousand.
pub fn made_from_revoked(reader: &Reader, model: &ModelName) -> Result<Vec<(u32, u32)>, StoreError> {
    let params = named_params! { ":model": model.as_str(), ":limit": 1000 };
    reader.all(&OF_REVOKED, params, |row| Ok((row.get("number")?, row.get("source")?)))
}

/// Validated and approved versions below a number into which another policy is frozen, newest first; at most a thousand.
pub fn of_other_policy(
    reader: &Reader,
    model: &ModelName,
    policy: &Digest,
    below: u32,
) -> Result<Vec<u32>, StoreError> {
    let params =
        named_params! { ":model": model.as_str(), ":policy": policy.to_string(), ":below": below, ":limit": 1000 };
    reader.all(&OTHER_POLICY, params, |row| row.get(0))
}

fn model(row: &Row) -> database::Result<Model> {
    Ok(Model {
        name: row::parsed(row, "name")?,
        project: row::parsed(row, "project")?,
        created: row::time(row, "created")?,
        audit_seq: row.get("audit_seq")?,
    })
}

fn version(row: &Row) -> database::Result<Version> {
    Ok(Version {
        model: row::parsed(row, "model")?,
        number: row.get("number")?,
        state: row::word(row, "state")?,
        run: row.get("run")?,
        makers: row::document(row, "makers")?,
        digest: row::parsed(row, "digest")?,
        signature: row::document(row, "signature")?,
        policy: row.get("policy")?,
        policy_digest: row::parsed(row, "policy_digest")?,
        metrics: row::document(row, "metrics")?,
        created: row::time(row, "created")?,
        audit_seq: row.get("audit_seq")?,
    })
}
