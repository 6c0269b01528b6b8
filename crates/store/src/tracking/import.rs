//! Experiments, runs and logged models that come from another server, with the ids and times that they had there.
//!
//! Invariants: the same thing again changes nothing; what is there and did not come stays. Out of scope: rights, and runs that the
//! platform executes, which nobody brings.

use kilter_domain::{
    time::Timestamp,
    tracking::{ExperimentId, Lifecycle, MetricPoint},
    transfer::{DatasetRecord, ExperimentRecord, LoggedModelRecord, PointsRecord, RunRecord, Texts},
};

use super::{
    dataset::{self, Input, TrackedDataset},
    experiment,
    logged_model::{self, ModelLink, ModelLinkKind, ModelMetric},
    metric, param, run, tags,
};
use crate::{
    StoreError, Tx,
    audit::{AuditedTx, Change},
    database::named_params,
    statement::statements,
};

statements! {
    INSERT_EXPERIMENT = "bring the experiment": "
        INSERT INTO experiment (key, name, project, artifact_location, lifecycle, created, updated)
        VALUES (:key, :name, NULL, :location, :lifecycle, :created, :updated)";
    UPDATE_EXPERIMENT = "bring the experiment": "
        UPDATE experiment SET name = :name, lifecycle = :lifecycle, updated = :updated WHERE key = :key";
    PUT_RUN = "bring the run": "
        INSERT INTO tracked_run (id, experiment, name, user_id, status, lifecycle, started, ended, deleted, artifact_uri)
        VALUES (:id, :experiment, :name, :user_id, :status, :lifecycle, :started, :ended, :deleted, :artifact_uri)
        ON CONFLICT (id) DO UPDATE
        SET name = excluded.name, user_id = excluded.user_id, status = excluded.status, lifecycle = excluded.lifecycle,
            started = excluded.started, ended = excluded.ended,
            deleted = CASE WHEN excluded.deleted IS NULL THEN NULL ELSE coalesce(tracked_run.deleted, excluded.deleted) END
        WHERE tracked_run.experiment = excluded.experiment";
    PUT_MODEL = "bring the logged model": "
        INSERT INTO logged_model (id, experiment, source_run, name, model_type, status, status_message, lifecycle, created, updated,
                                  deleted, artifact_uri)
        VALUES (:id, :experiment, :source_run, :name, :model_type, :status, '', :lifecycle, :created, :updated, :deleted,
                :artifact_uri)
        ON CONFLICT (id) DO UPDATE
        SET source_run = excluded.source_run, name = excluded.name, model_type = excluded.model_type, status = excluded.status,
            lifecycle = excluded.lifecycle, updated = excluded.updated,
            deleted = CASE WHEN excluded.deleted IS NULL THEN NULL ELSE coalesce(logged_model.deleted, excluded.deleted) END
        WHERE logged_model.experiment = excluded.experiment";
}

/// The pairs of texts, borrowed.
pub(crate) fn pairs(texts: &Texts) -> impl Iterator<Item = (&str, &str)> {
    texts.iter().map(|(name, value)| (name.as_str(), value.as_str()))
}

fn deleted_at(lifecycle: Lifecycle, at: Timestamp) -> Option<i64> {
    (lifecycle == Lifecycle::Deleted).then_some(at.millis())
}

/// Brings an experiment under its number.
///
/// # Errors
/// When another one has its name, or the one with its number is that of a project.
pub fn put_experiment(tx: &Tx, record: &ExperimentRecord) -> Result<(), StoreError> {
    let refused = |reason: String| StoreError::Conflict { attempted: INSERT_EXPERIMENT.attempt, reason };
    if experiment::find_by_name(tx, &record.name)?.is_some_and(|found| found.id != record.id) {
        return Err(refused(format!("there is an experiment `{}` already", record.name)));
    }
    let found = experiment::find(tx, record.id)?;
    if let Some(project) = found.as_ref().and_then(|found| found.project.as_ref()) {
        return Err(refused(format!("the experiment `{}` is that of the project `{project}`", record.name)));
    }
    let (key, lifecycle) = (record.id.0, record.lifecycle.as_str());
    match found {
        Some(_) => {
            let row = named_params! {
                ":key": key, ":name": record.name, ":lifecycle": lifecycle, ":updated": record.updated,
            };
            tx.execute(&UPDATE_EXPERIMENT, row)?;
        }
        None => {
            let row = named_params! {
                ":key": key, ":name": record.name, ":location": record.artifact_location, ":lifecycle": lifecycle,
                ":created": record.created, ":updated": record.updated,
            };
            tx.execute(&INSERT_EXPERIMENT, row)?;
            tx.keep_keys_above("experiment")?;
        }
    }
    tags::OF_EXPERIMENT.put(tx, key, pairs(&record.tags))
}

/// Brings a run with its parameters, its tags, and what it read and made.
///
/// # Errors
/// When it is there in another experiment, or with another value of a parameter.
pub fn put_run(tx: &Tx, record: &RunRecord, at: Timestamp) -> Result<(), StoreError> {
    if let Some(project) = experiment::get(tx, record.experiment)?.project {
        let reason =
            format!("experiment {} is that of the project `{project}`, whose runs are evidence", record.experiment);
        return Err(StoreError::Conflict { attempted: PUT_RUN.attempt, reason });
    }
    let row = named_params! {
        ":id": record.id, ":experiment": record.experiment.0, ":name": record.name, ":user_id": record.user_id,
        ":status": record.status.as_str(), ":lifecycle": record.lifecycle.as_str(), ":started": record.started,
        ":ended": record.ended, ":deleted": deleted_at(record.lifecycle, at), ":artifact_uri": record.artifact_uri,
    };
    if tx.execute(&PUT_RUN, row)? == 0 {
        return Err(elsewhere(PUT_RUN.attempt, "run", &record.id, record.experiment));
    }
    let key = run::key_of(tx, &record.id)?;
    tags::OF_RUN.put(tx, key, pairs(&record.tags))?;
    param::log_params(tx, &record.id, pairs(&record.params))?;
    let inputs: Vec<Input> = record.inputs.iter().map(input).collect();
    dataset::log_inputs(tx, &record.id, &inputs)?;
    let link = |model: &String, kind, step| ModelLink { model: model.clone(), kind, step };
    let read = record.input_models.iter().map(|model| link(model, ModelLinkKind::Input, 0));
    let made = record.output_models.iter().map(|(model, step)| link(model, ModelLinkKind::Output, *step));
    logged_model::link(tx, &record.id, &read.chain(made).collect::<Vec<_>>())
}

fn elsewhere(attempted: &'static str, what: &str, id: &str, experiment: ExperimentId) -> StoreError {
    let reason = format!("there is a {what} `{id}` already, and not in experiment {experiment}");
    StoreError::Conflict { attempted, reason }
}

fn input(record: &DatasetRecord) -> Input {
    let dataset = TrackedDataset {
        name: record.name.clone(),
        digest: record.digest.clone(),
        source_type: record.source_type.clone(),
        source: record.source.clone(),
        schema: record.schema.clone(),
        profile: record.profile.clone(),
    };
    Input { dataset, tags: record.tags.clone() }
}

/// Brings a part of a history.
///
/// # Errors
/// When there is no such run.
pub fn put_points(tx: &Tx, record: &PointsRecord) -> Result<(), StoreError> {
    let point = |point: &kilter_domain::transfer::Point| MetricPoint {
        metric: record.metric.clone(),
        step: point.0,
        at: Timestamp(point.1),
        value: point.2.number(),
    };
    let points: Vec<MetricPoint> = record.points.iter().map(point).collect();
    points.chunks(metric::MAX_POINTS).try_for_each(|points| metric::log_metrics(tx, &record.run, points))
}

/// Brings a logged model with its parameters, tags and metrics.
///
/// # Errors
/// When it is there in another experiment.
pub fn put_logged_model(tx: &Tx, record: &LoggedModelRecord, at: Timestamp) -> Result<(), StoreError> {
    let row = named_params! {
        ":id": record.id, ":experiment": record.experiment.0, ":source_run": record.source_run, ":name": record.name,
        ":model_type": record.model_type, ":status": record.status.as_str(), ":lifecycle": record.lifecycle.as_str(),
        ":created": record.created, ":updated": record.updated, ":deleted": deleted_at(record.lifecycle, at),
        ":artifact_uri": record.artifact_uri,
    };
    if tx.execute(&PUT_MODEL, row)? == 0 {
        return Err(elsewhere(PUT_MODEL.attempt, "logged model", &record.id, record.experiment));
    }
    logged_model::put_params(tx, &record.id, &record.params)?;
    logged_model::put_tags(tx, &record.id, pairs(&record.tags))?;
    let measured = record.metrics.iter().map(|measured| {
        let point = MetricPoint {
            metric: measured.metric.clone(),
            step: measured.point.0,
            at: Timestamp(measured.point.1),
            value: measured.point.2.number(),
        };
        let dataset = (measured.dataset_name.clone(), measured.dataset_digest.clone());
        (record.id.clone(), ModelMetric { run: measured.run.clone(), dataset, point })
    });
    logged_model::log_metrics(tx, &measured.collect::<Vec<_>>())
}

/// Records that what `source` has was brought.
pub fn record_import(audited: &AuditedTx, source: &str) -> Result<u64, StoreError> {
    audited.record_change(&Change { after: Some("imported"), ..Change::of(&format!("import:{source}")) })
}
