//! Models that clients logged, before or without their registration, and which runs read or made them.

use std::collections::BTreeMap;

pub use kilter_domain::tracking::ModelStatus;
use kilter_domain::{
    time::Timestamp,
    tracking::{ExperimentId, Lifecycle, MetricPoint},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    metric,
    names::{check_length, check_name},
    param::MAX_VALUE_BYTES,
    run,
    tags::{self, Tags},
};
use crate::{
    Reader, StoreError, Tx,
    database::{self, Params, Row, ToValue, named_params},
    row,
    statement::statements,
};

/// The tag with the versions of registered models that a logged model is.
const VERSIONS_TAG: &str = "mlflow.modelVersions";
/// Versions that the tag has at most.
const MAX_NOTED_VERSIONS: usize = 200;

statements! {
    INSERT = "record the logged model": "
        INSERT INTO logged_model (id, experiment, source_run, name, model_type, status, status_message, lifecycle, created, updated,
                                  deleted, artifact_uri)
        VALUES (:id, :experiment, :source_run, :name, :model_type, 'pending', '', 'active', :at, :at, NULL, :artifact_uri)
        RETURNING key";
    FIND = "read the logged model": "
        SELECT * FROM logged_model WHERE id = :id";
    FIND_BY_KEY = "read the logged model": "
        SELECT * FROM logged_model WHERE key = :key";
    UPDATE = "change the logged model": "
        UPDATE logged_model SET status = :status, lifecycle = :lifecycle, deleted = :deleted, updated = :at WHERE key = :key";
    PUT_PARAM = "log a parameter of a model": "
        INSERT INTO logged_model_param (model, name, value) VALUES (:model, :name, :value)
        ON CONFLICT (model, name) DO UPDATE SET value = excluded.value";
    PARAMS = "list the parameters of a logged model": "
        SELECT name, value FROM logged_model_param WHERE model = :owner ORDER BY name";
    PUT_METRIC = "log a metric of a model": "
        INSERT INTO logged_model_metric (model, metric, dataset_name, dataset_digest, run, step, at, value, is_nan)
        VALUES (:model, :metric, :dataset_name, :dataset_digest, :run, :step, :at, :value, :is_nan)
        ON CONFLICT (model, metric, dataset_name, dataset_digest, run) DO UPDATE
        SET step = excluded.step, at = excluded.at, value = excluded.value, is_nan = excluded.is_nan
        WHERE (excluded.step, excluded.at, excluded.value)
            >= (logged_model_metric.step, logged_model_metric.at, logged_model_metric.value)";
    METRICS = "list the metrics of a logged model": "
        SELECT step, at, value, is_nan, name, dataset_name, dataset_digest, run
        FROM logged_model_metric JOIN metric ON metric.key = logged_model_metric.metric
        WHERE model = :owner ORDER BY name, dataset_name, dataset_digest, run";
    LINK = "record the model of a run": "
        INSERT INTO run_model (run, model, kind, step) VALUES (:run, :model, :kind, :step)
        ON CONFLICT (run, kind, model) DO UPDATE SET step = excluded.step";
    LINKS = "list the models of a run": "
        SELECT model, kind, step FROM run_model WHERE run = :run ORDER BY kind, step, model";
}

/// A model that is about to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLoggedModel {
    /// Handed in.
    pub id: String,
    /// Of which experiment.
    pub experiment: ExperimentId,
    /// The run that made it.
    pub source_run: Option<String>,
    /// How people call it.
    pub name: String,
    /// What it is for, as the client says.
    pub model_type: String,
    /// The address of its files.
    pub artifact_uri: String,
}

/// The latest point of a metric of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelMetric {
    /// The run in which it was measured, by its id.
    pub run: String,
    /// On which dataset, by name and digest; empty: on none.
    pub dataset: (String, String),
    /// The point.
    pub point: MetricPoint,
}

/// A model that a client logged.
#[derive(Clone, Debug, PartialEq)]
pub struct LoggedModel {
    /// Its id.
    pub id: String,
    /// Of which experiment.
    pub experiment: ExperimentId,
    /// The run that made it.
    pub source_run: Option<String>,
    /// How people call it.
    pub name: String,
    /// What it is for, as the client said.
    pub model_type: String,
    /// How far it is.
    pub status: ModelStatus,
    /// Whether it is deleted.
    pub lifecycle: Lifecycle,
    /// When it was made.
    pub created: Timestamp,
    /// When it was changed last.
    pub updated: Timestamp,
    /// The address of its files.
    pub artifact_uri: String,
    /// Its parameters.
    pub params: BTreeMap<String, String>,
    /// Its tags.
    pub tags: Tags,
    /// The latest points of its metrics.
    pub metrics: Vec<ModelMetric>,
}

/// Whether a run read a model or made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelLinkKind {
    /// It read it.
    Input,
    /// It made it.
    Output,
}

/// A model that a run read or made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelLink {
    /// The model, by its id.
    pub model: String,
    /// Whether it was read or made.
    pub kind: ModelLinkKind,
    /// At which step.
    pub step: i64,
}

/// Records a model, with its parameters and tags.
///
/// # Errors
/// When there is one with this id.
pub fn create(
    tx: &Tx,
    new: &NewLoggedModel,
    (params, tags): (&BTreeMap<String, String>, &Tags),
    at: Timestamp,
) -> Result<LoggedModel, StoreError> {
    if find_key(tx, &new.id)?.is_some() {
        let reason = format!("there is a logged model `{}` already", new.id);
        return Err(StoreError::Conflict { attempted: INSERT.attempt, reason });
    }
    let row = named_params! {
        ":id": new.id, ":experiment": new.experiment.0, ":source_run": new.source_run, ":name": new.name,
        ":model_type": new.model_type, ":at": at.millis(), ":artifact_uri": new.artifact_uri,
    };
    tx.one(&INSERT, row, |row| row.get::<_, i64>(0))?.ok_or(StoreError::RolledBack)?;
    put_params(tx, &new.id, params)?;
    put_tags(tx, &new.id, tags.iter().map(|(name, value)| (name.as_str(), value.as_str())))?;
    get(tx, &new.id)
}

/// Writes parameters of a model.
///
/// # Errors
/// When there is no such model, or a name or value is too long.
pub fn put_params(tx: &Tx, id: &str, params: &BTreeMap<String, String>) -> Result<(), StoreError> {
    let key = key_of(tx, id)?;
    for (name, value) in params {
        check_name(PUT_PARAM.attempt, name)?;
        check_length(PUT_PARAM.attempt, ("value", MAX_VALUE_BYTES), value)?;
        tx.execute(&PUT_PARAM, named_params! { ":model": key, ":name": name, ":value": value })?;
    }
    Ok(())
}

/// Writes tags of a model.
///
/// # Errors
/// When there is no such model, or a name is too long.
pub fn put_tags<'t>(tx: &Tx, id: &str, tags: impl IntoIterator<Item = (&'t str, &'t str)>) -> Result<(), StoreError> {
    tags::OF_LOGGED_MODEL.put(tx, key_of(tx, id)?, tags)
}

/// Notes on a model that it is a version of a registered one, in the tag that clients of MLflow read; the newest
/// 200 stay.
///
/// # Errors
/// When there is no such model.
pub fn note_version(tx: &Tx, id: &str, (name, number): (&str, u32)) -> Result<(), StoreError> {
    let key = key_of(tx, id)?;
    let noted = tags::OF_LOGGED_MODEL.list(tx, key)?.remove(VERSIONS_TAG);
    // What a client wrote into the tag is no list of versions: it goes.
    let mut versions: Vec<Value> = noted.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    versions.push(json!({ "name": name, "version": number }));
    let surplus = versions.len().saturating_sub(MAX_NOTED_VERSIONS);
    let text = Value::from(versions.split_off(surplus)).to_string();
    tags::OF_LOGGED_MODEL.put(tx, key, [(VERSIONS_TAG, text.as_str())])
}

/// Deletes a tag of a model; whether it was there.
///
/// # Errors
/// When there is no such model.
pub fn delete_tag(tx: &Tx, id: &str, name: &str) -> Result<bool, StoreError> {
    tags::OF_LOGGED_MODEL.delete(tx, key_of(tx, id)?, name)
}

/// Puts a model into another part of its life, or says how far it is.
///
/// # Errors
/// When there is no such model.
pub fn update(
    tx: &Tx,
    id: &str,
    (status, lifecycle): (ModelStatus, Lifecycle),
    at: Timestamp,
) -> Result<LoggedModel, StoreError> {
    let deleted = (lifecycle == Lifecycle::Deleted).then_some(at.millis());
    let params = named_params! {
        ":key": key_of(tx, id)?, ":status": status.as_str(), ":lifecycle": lifecycle.as_str(), ":deleted": deleted,
        ":at": at.millis(),
    };
    tx.execute(&UPDATE, params)?;
    get(tx, id)
}

/// Logs points of metrics for models; the latest of each metric, dataset and run stays.
///
/// # Errors
/// When there is no such model.
pub fn log_metrics(tx: &Tx, metrics: &[(String, ModelMetric)]) -> Result<(), StoreError> {
    for (model, ModelMetric { run, dataset: (name, digest), point }) in metrics {
        let is_nan = point.value.is_nan();
        let params = named_params! {
            ":model": key_of(tx, model)?, ":metric": metric::ensure_key(tx, &point.metric)?, ":dataset_name": name,
            ":dataset_digest": digest, ":run": run, ":step": point.step, ":at": point.at.millis(),
            ":value": if is_nan { 0.0 } else { point.value }, ":is_nan": is_nan,
        };
        tx.execute(&PUT_METRIC, params)?;
    }
    Ok(())
}

/// Records models that a run read or made.
///
/// # Errors
/// When there is no such run.
pub fn link(tx: &Tx, run: &str, links: &[ModelLink]) -> Result<(), StoreError> {
    let key = run::key_of(tx, run)?;
    for ModelLink { model, kind, step } in links {
        let kind = match kind {
            ModelLinkKind::Input => "input",
            ModelLinkKind::Output => "output",
        };
        tx.execute(&LINK, named_params! { ":run": key, ":model": model, ":kind": kind, ":step": *step })?;
    }
    Ok(())
}

/// The models of each run whose key stands in `rows`.
pub(crate) fn links_of_each(reader: &Reader, rows: &[Params<'_>]) -> Result<Vec<Vec<ModelLink>>, StoreError> {
    reader.all_each(&LINKS, rows, |row| {
        Ok(ModelLink { model: row.get("model")?, kind: row::word(row, "kind")?, step: row.get("step")? })
    })
}

/// The model, if there is one.
pub fn find(reader: &Reader, id: &str) -> Result<Option<LoggedModel>, StoreError> {
    match find_key(reader, id)? {
        None => Ok(None),
        Some(key) => Ok(read_by_keys(reader, &[key])?.pop()),
    }
}

/// The model, or an error that names it.
pub fn get(reader: &Reader, id: &str) -> Result<LoggedModel, StoreError> {
    find(reader, id)?.ok_or_else(|| missing(id))
}

/// The models with these keys, in this order; those that are not there are left out.
pub fn read_by_keys(reader: &Reader, keys: &[i64]) -> Result<Vec<LoggedModel>, StoreError> {
    let rows: Vec<_> = keys.iter().map(|key| [(":key", key as &dyn ToValue)]).collect();
    let rows: Vec<Params<'_>> = rows.iter().map(|row| row.as_slice()).collect();
    let owners: Vec<_> = keys.iter().map(|key| [(":owner", key as &dyn ToValue)]).collect();
    let owners: Vec<Params<'_>> = owners.iter().map(|row| row.as_slice()).collect();
    let found = reader.one_each(&FIND_BY_KEY, &rows, model)?;
    let params = reader.all_each(&PARAMS, &owners, |row| Ok((row.get(0)?, row.get(1)?)))?;
    let tags = tags::OF_LOGGED_MODEL.list_each(reader, &owners)?;
    let metrics = reader.all_each(&METRICS, &owners, model_metric)?;
    let parts = found.into_iter().zip(params).zip(tags.into_iter().zip(metrics));
    let whole = parts.filter_map(|((found, params), (tags, metrics))| {
        found.map(|found| LoggedModel { params: params.into_iter().collect(), tags, metrics, ..found })
    });
    Ok(whole.collect())
}

fn find_key(reader: &Reader, id: &str) -> Result<Option<i64>, StoreError> {
    reader.one(&FIND, named_params! { ":id": id }, |row| row.get("key"))
}

fn key_of(reader: &Reader, id: &str) -> Result<i64, StoreError> {
    find_key(reader, id)?.ok_or_else(|| missing(id))
}

fn missing(id: &str) -> StoreError {
    StoreError::NotFound { what: "logged model", id: id.to_owned() }
}

fn model(row: &Row) -> database::Result<LoggedModel> {
    Ok(LoggedModel {
        id: row.get("id")?,
        experiment: ExperimentId(row.get("experiment")?),
        source_run: row.get("source_run")?,
        name: row.get("name")?,
        model_type: row.get("model_type")?,
        status: row::word(row, "status")?,
        lifecycle: row::word(row, "lifecycle")?,
        created: row::time(row, "created")?,
        updated: row::time(row, "updated")?,
        artifact_uri: row.get("artifact_uri")?,
        params: BTreeMap::new(),
        tags: Tags::new(),
        metrics: Vec::new(),
    })
}

fn model_metric(row: &Row) -> database::Result<ModelMetric> {
    let dataset = (row.get("dataset_name")?, row.get("dataset_digest")?);
    Ok(ModelMetric { run: row.get("run")?, dataset, point: metric::latest_point(row)? })
}
