//! `experiments/*`.

use kilter_app::{
    App, RequestContext,
    tracking::{self, NewExperiment},
};
use kilter_domain::tracking::{ExperimentId, Lifecycle};
use kilter_store::tracking::{Tags, experiment::Experiment};
use serde::Serialize;

use super::{body::Body, message::Message, run_json::ExperimentJson, search_query, validate};
use crate::error::MlflowError;

/// Experiments whose datasets may be searched at once.
const MAX_DATASET_EXPERIMENTS: usize = 20;

#[derive(Serialize)]
struct Created {
    experiment_id: String,
}

#[derive(Serialize)]
struct Found<'r> {
    experiment: ExperimentJson<'r>,
}

pub(super) fn create(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let name = message.required("name")?;
    validate::length("name", validate::MAX_EXPERIMENT_NAME, name)?;
    let location = message.text("artifact_location")?.filter(|location| !location.is_empty());
    location.map_or(Ok(()), check_location)?;
    let new = NewExperiment {
        name: name.to_owned(),
        artifact_location: location.map(|location| location.trim_end_matches('/').to_owned()),
        tags: tags(message)?,
    };
    let made = tracking::create_experiment(app, context, new)?;
    Body::of(&Created { experiment_id: made.id.to_string() })
}

/// A location is an address of a folder: what comes after a `?` or `#` is none.
fn check_location(location: &str) -> Result<(), MlflowError> {
    let wrong = |why: &str| Err(MlflowError::invalid(format!("Invalid artifact_location '{location}': {why}")));
    let path = location.split_once(":/").map_or(location, |(_, path)| path);
    match () {
        () if location.contains(['?', '#']) => wrong("it may have no query and no fragment"),
        () if path.split(['/', '\\']).any(|part| part == "..") => wrong("it may not contain '..'"),
        () if location.chars().count() > 2048 => wrong("it is longer than 2048 characters"),
        () => Ok(()),
    }
}

fn tags(message: &Message) -> Result<Tags, MlflowError> {
    let mut tags = Tags::new();
    for tag in message.list("tags")? {
        let tag = Message::of(tag);
        let (key, value) = (tag.required("key")?, tag.text("value")?.unwrap_or_default());
        check_tag(key, value)?;
        tags.insert(key.to_owned(), value.to_owned());
    }
    Ok(tags)
}

fn check_tag(key: &str, value: &str) -> Result<(), MlflowError> {
    validate::name("key", key)?;
    validate::length("value", validate::MAX_EXPERIMENT_TAG_VALUE, value)
}

pub(super) fn get(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let id = validate::experiment_id(message.required("experiment_id")?)?;
    found(&tracking::get_experiment(app, context, id)?)
}

pub(super) fn get_by_name(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let name = message.required("experiment_name")?;
    let missing = |error| match error {
        tracking::TrackingError::NotFound(_) => {
            MlflowError::not_found(format!("Could not find experiment with name '{name}'"))
        }
        other => other.into(),
    };
    found(&tracking::get_experiment_by_name(app, context, name).map_err(missing)?)
}

fn found((experiment, tags): &(Experiment, Tags)) -> Result<Body, MlflowError> {
    Body::of(&Found { experiment: ExperimentJson::of(experiment, tags) })
}

#[derive(Serialize)]
struct FoundExperiments<'r> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    experiments: Vec<ExperimentJson<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

pub(super) fn search(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    // Clients always say how many they want; MLflow's server takes none for 0, and refuses it.
    let limit = search_query::limit(message, 0, 50_000)?;
    let stated = search_query::Stated::of(message, "view_type")?;
    let found = tracking::search_experiments(app, context, &stated.query(limit))?;
    let experiments = found.items.iter().map(|(found, tags)| ExperimentJson::of(found, tags)).collect();
    Body::of(&FoundExperiments { experiments, next_page_token: found.next.map(|next| next.to_string()) })
}

#[derive(Serialize)]
struct DatasetJson {
    experiment_id: String,
    name: String,
    digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<String>,
}

#[derive(Serialize)]
struct FoundDatasets {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dataset_summaries: Vec<DatasetJson>,
}

pub(super) fn search_datasets(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let ids = message.texts("experiment_ids")?;
    if ids.is_empty() {
        return Err(MlflowError::invalid("SearchDatasets request must specify at least one experiment_id."));
    }
    if ids.len() > MAX_DATASET_EXPERIMENTS {
        return Err(MlflowError::invalid(format!(
            "SearchDatasets request cannot specify more than {MAX_DATASET_EXPERIMENTS} experiment_ids. Received {} experiment_ids.",
            ids.len()
        )));
    }
    let ids = ids.iter().map(|id| validate::experiment_id(id)).collect::<Result<Vec<_>, _>>()?;
    let found = tracking::search_datasets(app, context, &ids)?.into_iter();
    let json = |(experiment, (name, digest, context)): (ExperimentId, _)| DatasetJson {
        experiment_id: experiment.to_string(),
        name,
        digest,
        context,
    };
    Body::of(&FoundDatasets { dataset_summaries: found.map(json).collect() })
}

pub(super) fn update(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let id = validate::experiment_id(message.required("experiment_id")?)?;
    let name = message.required("new_name")?;
    validate::length("name", validate::MAX_EXPERIMENT_NAME, name)?;
    tracking::change_experiment(app, context, id, (Some(name), Lifecycle::Active))?;
    Ok(Body::empty())
}

pub(super) fn delete(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    set_lifecycle(app, context, message, Lifecycle::Deleted)
}

pub(super) fn restore(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    set_lifecycle(app, context, message, Lifecycle::Active)
}

fn set_lifecycle(
    app: &App,
    context: &RequestContext,
    message: &Message,
    lifecycle: Lifecycle,
) -> Result<Body, MlflowError> {
    let id = validate::experiment_id(message.required("experiment_id")?)?;
    tracking::change_experiment(app, context, id, (None, lifecycle))?;
    Ok(Body::empty())
}

pub(super) fn set_tag(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let id = validate::experiment_id(message.required("experiment_id")?)?;
    let (key, value) = (message.required("key")?, message.text("value")?.unwrap_or_default());
    check_tag(key, value)?;
    tracking::put_experiment_tag(app, context, id, (key, value))?;
    Ok(Body::empty())
}

pub(super) fn delete_tag(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let id = validate::experiment_id(message.required("experiment_id")?)?;
    tracking::delete_experiment_tag(app, context, id, message.required("key")?)?;
    Ok(Body::empty())
}
