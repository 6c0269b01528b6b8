//! From a run to a version: execute the steps, pack what they made, hold it against the gates, approve what may be.
//!
//! Invariants: a version is judged on rows that it was not trained on, by the policy that is frozen into it; a refusal
//! is a result with its reason, not an error. People, schedules, alerts and replays train through this one function.

use kilter_domain::{
    contract::OnSuccess,
    event::EventKind,
    gate::Verdict,
    ids::DatasetName,
    run::{Cause, RunState},
    tracking::MetricPoint,
};
use kilter_store::{
    dataset as datasets, run as runs,
    tracking::{artifact, metric, param},
};
use kilter_workflow::{RunEvent, RunOptions, RunRecord};
use serde_json::json;

use crate::{
    app::App,
    authz::AuthorizedContext,
    causes::StorageError,
    gate::data_checks,
    project::{fetch, folder::Project},
    training::{
        TrainError,
        data::{self, FinishedRun},
        existing_version, package_run,
        request::{self, RunTicket, Training, TrainingOutcome},
        run_artifacts,
        training_source::{self, DATASET_ROWS},
    },
};

/// Runs the steps of a project as the run of a ticket, and takes what they made as far as the contract lets it.
pub(crate) fn train(
    app: &App,
    project: &Project,
    training: Training,
    ticket: RunTicket,
    observer: &mut dyn FnMut(RunEvent),
) -> Result<TrainingOutcome, TrainError> {
    let id = ticket.id.clone();
    let scratch = app.scratch(&id)?;
    let mut training = training;
    let given = |dataset: &DatasetName| training.data.contains_key(dataset);
    let project = &fetch::with_copies(project, training.overrides.locked, &given)?;
    let data = data_checks::check_data(project, &training.data, training.context.at)?;
    if !ticket.is_queued {
        queue_run(app, project, &training, &id)?;
    }
    begin_run(app, &training, &id)?;
    if let Some(verdict @ Verdict::Failed { .. }) = &data {
        return Ok(record_data_refusal(app, training, id, verdict)?);
    }
    let held_out = data::hold_out(project, &training.data, scratch.path())?;
    if let Some(held_out) = &held_out {
        training.data.insert(held_out.dataset.clone(), held_out.rest.clone());
    }
    let mut record = match execute_workflow(app, project, &training, &ticket, observer) {
        Ok(record) => record,
        Err(error) => {
            let document = json!({ "error": error.to_string() });
            let end = RunEnd { state: RunState::Failed, document, record: None };
            end_run(app, project, &training.context, &id, end)?;
            return Err(error);
        }
    };
    let unchanged = existing_version::unchanged_version(app, project, &training, &record)?;
    record.unchanged = unchanged.as_ref().map(|(version, _)| version.clone());
    record_run(app, project, &training.context, &id, &record)?;
    let unchanged = unchanged.map(|(version, state)| (version.number, state));
    let version = match (record.state, &project.contract.package) {
        _ if unchanged.is_some() => None,
        (RunState::Succeeded, Some(package)) => {
            let run = FinishedRun { project, training: &training, record: &record, scratch: scratch.path() };
            let made = package_run::package_run(app, &run, package, held_out.map(|held_out| held_out.rows))?;
            match keeps_drafts(project, &training.cause) {
                true => Some(package_run::judge_draft(app, project, &training, &made, data)?),
                false => Some(package_run::judge_version(app, project, &training, &made, data)?),
            }
        }
        _ => None,
    };
    Ok(TrainingOutcome { run: id, record, version, unchanged, cause: training.cause, refused: None })
}

fn execute_workflow(
    app: &App,
    project: &Project,
    training: &Training,
    ticket: &RunTicket,
    observer: &mut dyn FnMut(RunEvent),
) -> Result<RunRecord, TrainError> {
    let plan = kilter_workflow::Plan::of(&project.contract)?;
    let options = RunOptions {
        // The project's own folder, or ours if outputs do not go into the project.
        state_folder: match training.outputs_root {
            Some(_) => app.folder().join("runs"),
            None => project.folder.join(".kilter"),
        },
        data_folder: Some(app.folder().to_owned()),
        outputs_root: training.outputs_root.clone(),
        data_overrides: training.data.clone(),
        fetched: project.copies.clone(),
        param_overrides: training.overrides.params.clone(),
        force: training.overrides.force.clone(),
        locked: training.overrides.locked,
        only: if training.steps.is_empty() { None } else { Some(plan.with_upstream(&training.steps)?) },
        cancel: ticket.cancel.clone(),
        ..RunOptions::new(
            &ticket.id,
            training.cause.clone(),
            &project.folder,
            &app.options().tool,
            training.now.clone(),
        )
    };
    Ok(kilter_workflow::execute(&plan, &options, observer)?)
}

/// Ends a run before its first step, because its data may not be trained on.
fn record_data_refusal(
    app: &App,
    training: Training,
    id: String,
    verdict: &Verdict,
) -> Result<TrainingOutcome, StorageError> {
    let (reason, at) = (verdict.reasons().join("; "), training.context.at);
    let draft = training.context.decision_event(EventKind::DataAlert, reason.clone(), &data_checks::numbers(verdict));
    let document = json!({ "error": reason, "data": verdict });
    let run = id.clone();
    app.store().write(move |tx| {
        runs::advance(&tx.audited(draft), &run, RunState::Running, RunState::Failed, Some(&document)).map(|_| ())
    })?;
    let record = RunRecord {
        run: id.clone(),
        cause: training.cause.clone(),
        state: RunState::Failed,
        started: at,
        ended: at,
        data: Default::default(),
        params: Default::default(),
        git: None,
        environments: vec![],
        steps: vec![],
        unchanged: None,
    };
    Ok(TrainingOutcome {
        run: id,
        record,
        version: None,
        unchanged: None,
        cause: training.cause,
        refused: Some(reason),
    })
}

/// Writes the row of a run that will begin.
pub(crate) fn queue_run(app: &App, project: &Project, training: &Training, id: &str) -> Result<(), StorageError> {
    let new = runs::NewRun {
        id: id.to_owned(),
        project: project.name.clone(),
        cause: training.cause.clone(),
        record: json!({ DATASET_ROWS: training_source::watched_rows(project, training.context.at) }),
    };
    let draft = training.context.audit_event("run_queued", request::cause_sentence(&training.cause), vec![]);
    app.store().write(move |tx| runs::create(&tx.audited(draft), &new).map(|_| ()))?;
    Ok(())
}

fn begin_run(app: &App, training: &Training, id: &str) -> Result<(), StorageError> {
    let draft = training.context.audit_event("run_started", request::cause_sentence(&training.cause), vec![]);
    let id = id.to_owned();
    app.store().write(move |tx| {
        runs::advance(&tx.audited(draft), &id, RunState::Queued, RunState::Running, None).map(|_| ())
    })?;
    Ok(())
}

/// Ends a run that an error kept from ending by itself.
pub(crate) fn end_unfinished(
    app: &App,
    context: &AuthorizedContext,
    id: &str,
    reason: &str,
) -> Result<(), StorageError> {
    let found = app.store().read(|reader| runs::get(reader, id))?;
    let document = json!({ "error": reason });
    let (id, draft) = (id.to_owned(), context.audit_event(EventKind::TrainingFailed.as_str(), reason, vec![]));
    app.under_no_lease().store().write(move |tx| {
        let audited = tx.audited(draft);
        let mut state = found.state;
        if state == RunState::Queued {
            state = runs::advance(&audited, &id, state, RunState::Running, None)?.state;
        }
        match state {
            RunState::Running => runs::advance(&audited, &id, state, RunState::Failed, Some(&document)).map(|_| ()),
            _ => Ok(()),
        }
    })?;
    Ok(())
}

fn record_run(
    app: &App,
    project: &Project,
    context: &AuthorizedContext,
    id: &str,
    record: &RunRecord,
) -> Result<(), StorageError> {
    let document = serde_json::to_value(record).map_err(|source| StorageError::Document { what: "run", source })?;
    end_run(app, project, context, id, RunEnd { state: record.state, document, record: Some(record) })
}

/// How a run ended.
struct RunEnd<'a> {
    state: RunState,
    document: serde_json::Value,
    /// What it did; `None` if an error kept it from ending by itself.
    record: Option<&'a RunRecord>,
}

fn end_run(
    app: &App,
    project: &Project,
    context: &AuthorizedContext,
    id: &str,
    RunEnd { state, document, record }: RunEnd<'_>,
) -> Result<(), StorageError> {
    let (action, reason) = match state {
        RunState::Succeeded => ("run_succeeded".to_owned(), String::new()),
        RunState::Cancelled => ("run_cancelled".to_owned(), String::new()),
        _ => (EventKind::TrainingFailed.as_str().to_owned(), failure(&document, record)),
    };
    let draft = context.audit_event(&action, reason, vec![]);
    let (id, at) = (id.to_owned(), context.at);
    let params: Vec<(String, String)> = record.map(logged_params).unwrap_or_default();
    let points: Vec<MetricPoint> = record
        .map(RunRecord::metrics)
        .unwrap_or_default()
        .into_iter()
        .map(|(metric, value)| MetricPoint { metric, step: 0, at, value })
        .collect();
    let artifacts = record.map(|record| run_artifacts::of_record(app, &project.name, record, at)).transpose()?;
    let datasets = record.map(|record| seen_datasets(project, record, at)).transpose()?.unwrap_or_default();
    // A run is of the process that executes it, whoever has its project by now.
    app.under_no_lease().store().write(move |tx| {
        datasets.iter().try_for_each(|seen| datasets::record(tx, seen).map(|_| ()))?;
        param::log_params(tx, &id, params.iter().map(|(name, value)| (name.as_str(), value.as_str())))?;
        metric::log_metrics(tx, &id, &points)?;
        artifact::put_of_run(tx, &id, artifacts.as_deref().unwrap_or_default())?;
        let mut document = document;
        document[DATASET_ROWS] = runs::get(tx, &id)?.record[DATASET_ROWS].take();
        runs::advance(&tx.audited(draft), &id, RunState::Running, state, Some(&document)).map(|_| ())
    })?;
    Ok(())
}

/// Whether the contract keeps what the platform trains by itself until a person submits it.
fn keeps_drafts(project: &Project, cause: &Cause) -> bool {
    cause.is_automatic()
        && project.contract.retrain.as_ref().is_some_and(|retrain| retrain.on_success == OnSuccess::Draft)
}

fn failure(document: &serde_json::Value, record: Option<&RunRecord>) -> String {
    let of_step = record.and_then(RunRecord::failed_step).and_then(kilter_workflow::StepRecord::failure);
    of_step.or_else(|| Some(document.get("error")?.as_str()?.to_owned())).unwrap_or_else(|| "the run ended".to_owned())
}

fn logged_params(record: &RunRecord) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (name, value) in &record.params {
        flatten(name, value, &mut found);
    }
    found
}

/// `{train: {lr: 0.1}}` as `train.lr = 0.1`.
fn flatten(name: &str, value: &serde_json::Value, found: &mut Vec<(String, String)>) {
    match value {
        serde_json::Value::Object(inner) => {
            inner.iter().for_each(|(key, value)| flatten(&format!("{name}.{key}"), value, found));
        }
        serde_json::Value::String(text) => found.push((name.to_owned(), text.clone())),
        other => found.push((name.to_owned(), other.to_string())),
    }
}

/// The versions of datasets that a run saw, with schema and profile.
fn seen_datasets(
    project: &Project,
    record: &RunRecord,
    at: kilter_domain::time::Timestamp,
) -> Result<Vec<datasets::DatasetVersion>, StorageError> {
    let document =
        |columns| serde_json::to_value(columns).map_err(|source| StorageError::Document { what: "dataset", source });
    let seen = record.data.iter().map(|(dataset, pin)| {
        Ok(datasets::DatasetVersion {
            project: project.name.clone(),
            dataset: dataset.clone(),
            digest: pin.content.digest,
            rows: pin.profile.rows.unwrap_or(0),
            bytes: pin.content.bytes,
            source: pin.path.clone(),
            schema: pin.profile.columns.iter().map(|column| (column.name.clone(), json!(column.kind))).collect(),
            profile: document(&pin.profile.columns)?,
            first_seen: at,
        })
    });
    seen.collect()
}
