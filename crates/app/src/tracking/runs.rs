//! Runs of clients: begun, logged to, ended, deleted and restored.

use kilter_domain::{
    actor::Action,
    time::Timestamp,
    tracking::{ExperimentId, Lifecycle, RunStatus},
};
use kilter_store::{
    StoreError, Tx,
    tracking::{
        Tags,
        batch::{self, Batch},
        dataset::{self, Input},
        logged_run::{self, LoggedRun},
        run::{self, NewTrackedRun, RunChange, TrackedRun},
    },
};

use serde_json::Value;

use super::{TrackingError, access};
use crate::{app::App, context::RequestContext};

/// The tag of a run that lists its models.
const MODELS_TAG: &str = "mlflow.log-model.history";
const MAX_MODELS_BYTES: usize = 1_000_000;

/// A run that a client begins.
#[derive(Clone, Debug, PartialEq)]
pub struct NewClientRun {
    /// Its id; handed in.
    pub id: String,
    /// Of which experiment.
    pub experiment: ExperimentId,
    /// How people call it.
    pub name: String,
    /// Who logs it, as the client says.
    pub user_id: String,
    /// When it began.
    pub started: Timestamp,
    /// Its tags.
    pub tags: Tags,
}

/// Begins a run.
///
/// # Errors
/// When there is no such experiment, or it is deleted.
pub fn create_run(app: &App, context: &RequestContext, new: NewClientRun) -> Result<LoggedRun, TrackingError> {
    let of = access::experiment(app, context, Action::Run, new.experiment)?;
    if of.lifecycle == Lifecycle::Deleted {
        return Err(TrackingError::Deleted { what: "experiment", id: of.id.to_string() });
    }
    let begun = NewTrackedRun {
        artifact_uri: format!("{}/{}/artifacts", of.artifact_location.trim_end_matches('/'), new.id),
        id: new.id.clone(),
        experiment: new.experiment,
        name: new.name,
        user_id: new.user_id,
        status: RunStatus::Running,
        started: Some(new.started),
    };
    let tags = new.tags;
    Ok(app.store().write(move |tx| {
        let run = run::create(tx, &begun, &tags)?;
        Ok(LoggedRun::begun(run, tags))
    })?)
}

/// A run with everything that it logged.
///
/// # Errors
/// When there is no such run, or its project may not be read.
pub fn get_run(app: &App, context: &RequestContext, id: &str) -> Result<LoggedRun, TrackingError> {
    access::authorize_reading(app, context, id)?;
    Ok(app.store().read(|reader| logged_run::read(reader, id))?)
}

/// Gives a run another name, status or end.
///
/// # Errors
/// When there is no such run, or it is deleted.
pub fn change_run(
    app: &App,
    context: &RequestContext,
    id: &str,
    change: RunChange,
) -> Result<TrackedRun, TrackingError> {
    write_active(app, context, id, move |tx, id| run::update(tx, id, &change))
}

/// Deletes a run so that it can be restored, or restores it.
///
/// # Errors
/// When there is no such run.
pub fn set_run_lifecycle(
    app: &App,
    context: &RequestContext,
    id: &str,
    lifecycle: Lifecycle,
) -> Result<(), TrackingError> {
    access::authorize_change(app, context, id)?;
    let (id, at) = (id.to_owned(), context.at);
    Ok(app.store().write(move |tx| run::set_lifecycle(tx, &id, lifecycle, at))?)
}

/// Logs a batch: all of it, or nothing.
///
/// # Errors
/// When there is no such run, it is deleted, or a parameter was logged with another value.
pub fn log_batch(app: &App, context: &RequestContext, id: &str, batch: Batch) -> Result<(), TrackingError> {
    access::authorize_change(app, context, id)?;
    let id = id.to_owned();
    Ok(app.store().write(move |tx| batch::log(tx, &id, &batch))?)
}

/// Deletes a tag of a run.
///
/// # Errors
/// When there is no such run or tag, or the run is deleted.
pub fn delete_run_tag(app: &App, context: &RequestContext, id: &str, name: &str) -> Result<(), TrackingError> {
    let tag = name.to_owned();
    match write_active(app, context, id, move |tx, id| run::delete_tag(tx, id, &tag))? {
        true => Ok(()),
        false => Err(TrackingError::not_found("tag", name)),
    }
}

/// Adds a model to the tag of a run that lists its models; what the tag is when it is no list is lost.
///
/// # Errors
/// When there is no such run, it is deleted, or the list has more than 1,000,000 bytes.
pub fn note_model(app: &App, context: &RequestContext, id: &str, model: Value) -> Result<(), TrackingError> {
    write_active(app, context, id, move |tx, id| {
        let before = run::list_tags(tx, id)?.remove(MODELS_TAG);
        let mut models: Vec<Value> = before.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        models.push(model);
        let text = Value::Array(models).to_string();
        if text.len() > MAX_MODELS_BYTES {
            let reason = format!("the tag {MODELS_TAG} would have more than {MAX_MODELS_BYTES} bytes");
            return Err(StoreError::Invalid { attempted: "note the model", reason });
        }
        run::put_tags(tx, id, [(MODELS_TAG, text.as_str())])
    })
}

/// Records datasets that a run read.
///
/// # Errors
/// When there is no such run, or it is deleted.
pub fn log_inputs(app: &App, context: &RequestContext, id: &str, inputs: Vec<Input>) -> Result<(), TrackingError> {
    write_active(app, context, id, move |tx, id| dataset::log_inputs(tx, id, &inputs))
}

pub(super) fn write_active<T: Send + 'static>(
    app: &App,
    context: &RequestContext,
    id: &str,
    work: impl FnOnce(&Tx, &str) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, TrackingError> {
    access::authorize_change(app, context, id)?;
    let id = id.to_owned();
    Ok(app.store().write(move |tx| {
        run::check_active(tx, &id)?;
        work(tx, &id)
    })?)
}
