//! `runs/*`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use kilter_app::{
    App, RequestContext, new_id,
    tracking::{self, Batch, NewClientRun},
};
use kilter_domain::{
    time::Timestamp,
    tracking::{ExperimentId, Lifecycle, MetricPoint},
};
use kilter_store::tracking::{
    Tags,
    dataset::{Input, TrackedDataset},
    logged_model::{ModelLink, ModelLinkKind, ModelMetric},
    run::{NAME_TAG, RunChange},
};
use serde::Serialize;
use serde_json::Value;

use super::{
    body::Body,
    message::Message,
    run_json::{RunInfoJson, RunJson, status_of},
    run_names, search_query, validate,
};
use crate::error::MlflowError;

#[derive(Serialize)]
struct Found<'r> {
    run: RunJson<'r>,
}

#[derive(Serialize)]
struct Updated<'r> {
    run_info: RunInfoJson<'r>,
}

pub(super) fn create(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let experiment = match message.text("experiment_id")?.filter(|id| !id.is_empty()) {
        None => ExperimentId::DEFAULT,
        Some(id) => validate::experiment_id(id)?,
    };
    let mut tags = Tags::new();
    for (key, value) in tags_of(message)? {
        tags.insert(key, value);
    }
    let id = new_id().replace('-', "");
    let stated = message.text("run_name")?.filter(|name| !name.is_empty());
    let name = match (stated, tags.get(NAME_TAG)) {
        (Some(name), Some(tag)) if name != tag => {
            return Err(MlflowError::invalid(format!(
                "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values (run_name='{name}', \
                 mlflow.runName='{tag}')."
            )));
        }
        (Some(name), _) => name.to_owned(),
        (None, Some(tag)) if !tag.is_empty() => tag.clone(),
        (None, _) => run_names::of(&id),
    };
    let new = NewClientRun {
        id,
        experiment,
        name,
        user_id: message.text("user_id")?.unwrap_or_default().to_owned(),
        started: message.int("start_time")?.map_or(context.at, Timestamp),
        tags,
    };
    Body::of(&Found { run: RunJson::of(&tracking::create_run(app, context, new)?) })
}

#[derive(Serialize)]
struct FoundRuns<'r> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    runs: Vec<RunJson<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

pub(super) fn search(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let ids = message.texts("experiment_ids")?;
    let ids = ids.iter().map(|id| validate::experiment_id(id)).collect::<Result<Vec<_>, _>>()?;
    let limit = search_query::limit(message, 1000, 50_000)?;
    let stated = search_query::Stated::of(message, "run_view_type")?;
    let found = tracking::search_runs(app, context, &ids, &stated.query(limit))?;
    let runs = found.items.iter().map(RunJson::of).collect();
    Body::of(&FoundRuns { runs, next_page_token: found.next.map(|next| next.to_string()) })
}

pub(super) fn get(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    Body::of(&Found { run: RunJson::of(&tracking::get_run(app, context, message.run_id()?)?) })
}

pub(super) fn update(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let id = message.run_id()?;
    let status = match message.value("status") {
        None => None,
        Some(word) => {
            let read = word.as_str().and_then(status_of);
            Some(read.ok_or_else(|| MlflowError::invalid_value("status", word, "it is no status of a run"))?)
        }
    };
    let name = message.text("run_name")?.filter(|name| !name.is_empty()).map(str::to_owned);
    let ended = message.int("end_time")?.map(Timestamp);
    let change = RunChange { name, status, started: None, ended };
    let changed = tracking::change_run(app, context, id, change)?;
    Body::of(&Updated { run_info: RunInfoJson::of(&changed) })
}

pub(super) fn delete(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    tracking::set_run_lifecycle(app, context, message.run_id()?, Lifecycle::Deleted)?;
    Ok(Body::empty())
}

pub(super) fn restore(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    tracking::set_run_lifecycle(app, context, message.run_id()?, Lifecycle::Active)?;
    Ok(Body::empty())
}

pub(super) fn log_metric(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let id = message.run_id()?;
    let metrics = vec![point(message, format_args!(""))?];
    let model_metrics = model_metric(id, message, &metrics[0])?.into_iter().collect();
    tracking::log_batch(app, context, id, Batch { metrics, model_metrics, ..Batch::default() })?;
    Ok(Body::empty())
}

pub(super) fn log_param(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let id = message.run_id()?;
    let params = vec![pair(message, format_args!(""), validate::MAX_PARAM_VALUE)?];
    tracking::log_batch(app, context, id, Batch { params, ..Batch::default() })?;
    Ok(Body::empty())
}

pub(super) fn set_tag(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let id = message.run_id()?;
    let tags = vec![pair(message, format_args!(""), validate::MAX_TAG_VALUE)?];
    tracking::log_batch(app, context, id, Batch { tags, ..Batch::default() })?;
    Ok(Body::empty())
}

pub(super) fn delete_tag(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let (id, key) = (message.run_id()?, message.required("key")?);
    let missing = |error| match error {
        tracking::TrackingError::NotFound(missing) if missing.what == "tag" => {
            MlflowError::not_found(format!("No tag with name: {key} in run with id {id}"))
        }
        other => other.into(),
    };
    tracking::delete_run_tag(app, context, id, key).map_err(missing)?;
    Ok(Body::empty())
}

pub(super) fn log_batch(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let id = message.run_id()?;
    if message.bytes() > validate::MAX_BATCH_BYTES {
        return Err(MlflowError::invalid(format!(
            "Batched logging API requests must be at most {} bytes, got a request of size {}.",
            validate::MAX_BATCH_BYTES,
            message.bytes()
        )));
    }
    let (metrics, params) = (message.list("metrics")?, message.list("params")?);
    let tags = tags_of(message)?;
    validate::count("metrics", validate::MAX_METRICS, metrics.len())?;
    validate::count("params", validate::MAX_PARAMS, params.len())?;
    validate::count("tags", validate::MAX_TAGS, tags.len())?;
    let whole = metrics.len() + params.len() + tags.len();
    validate::count("metrics, params, and tags", validate::MAX_ENTITIES, whole)?;
    let read = each(metrics, |metric, place| {
        let point = point(metric, format_args!("metrics[{place}]."))?;
        Ok((model_metric(id, metric, &point)?, point))
    })?;
    let (model_metrics, metrics): (Vec<_>, Vec<_>) = read.into_iter().unzip();
    let model_metrics = model_metrics.into_iter().flatten().collect();
    let params = each(params, |param, place| pair(param, format_args!("params[{place}]."), validate::MAX_PARAM_VALUE))?;
    check_unique(&params)?;
    tracking::log_batch(app, context, id, Batch { metrics, params, tags, model_metrics })?;
    Ok(Body::empty())
}

fn each<T>(values: &[Value], read: impl Fn(&Message, usize) -> Result<T, MlflowError>) -> Result<Vec<T>, MlflowError> {
    values.iter().enumerate().map(|(place, value)| read(&Message::of(value), place)).collect()
}

fn check_unique(params: &[(String, String)]) -> Result<(), MlflowError> {
    let mut seen = BTreeSet::new();
    let twice: Vec<&str> = params.iter().map(|(key, _)| key.as_str()).filter(|key| !seen.insert(*key)).collect();
    match twice.is_empty() {
        true => Ok(()),
        false => Err(MlflowError::invalid(format!(
            "Duplicate parameter keys have been submitted: {twice:?}. Please ensure the request contains only one param value per param key."
        ))),
    }
}

/// A point of a metric; `path` stands before the names of its fields in an error.
fn point(message: &Message, path: fmt::Arguments<'_>) -> Result<MetricPoint, MlflowError> {
    let missing = |field: &str| MlflowError::missing(&format!("{path}{field}"));
    let key = message.text("key")?.filter(|key| !key.is_empty()).ok_or_else(|| missing("key"))?;
    validate::name_at(format_args!("{path}name"), key)?;
    let value = message.number("value")?.ok_or_else(|| missing("value"))?;
    let at = message.int("timestamp")?.ok_or_else(|| missing("timestamp"))?;
    if at < 0 {
        let hint = format!("metric '{key}' (value={value}). Timestamp must be a nonnegative long (64-bit integer) ");
        return Err(MlflowError::invalid_value(&format!("{path}timestamp"), &at.into(), &hint));
    }
    let step = message.int("step")?.unwrap_or_default();
    // The largest number there is stands for an infinity, as MLflow's server keeps it.
    let value = if value.is_nan() { value } else { value.clamp(-f64::MAX, f64::MAX) };
    Ok(MetricPoint { metric: key.to_owned(), step, at: Timestamp(at), value })
}

/// The metric of a logged model that a point is too, if it names one.
fn model_metric(
    run: &str,
    message: &Message,
    point: &MetricPoint,
) -> Result<Option<(String, ModelMetric)>, MlflowError> {
    let Some(model) = message.text("model_id")?.filter(|id| !id.is_empty()) else { return Ok(None) };
    let field = |name| Ok::<_, MlflowError>(message.text(name)?.unwrap_or_default().to_owned());
    let dataset = (field("dataset_name")?, field("dataset_digest")?);
    Ok(Some((model.to_owned(), ModelMetric { run: run.to_owned(), dataset, point: point.clone() })))
}

/// A parameter or a tag. A value that is too long is cut.
fn pair(message: &Message, path: fmt::Arguments<'_>, limit: usize) -> Result<(String, String), MlflowError> {
    let missing = || MlflowError::missing(&format!("{path}key"));
    let key = message.text("key")?.filter(|key| !key.is_empty()).ok_or_else(missing)?;
    validate::name_at(format_args!("{path}key"), key)?;
    let value = message.text("value")?.unwrap_or_default();
    Ok((key.to_owned(), validate::cut(limit, value).to_owned()))
}

fn tags_of(message: &Message) -> Result<Vec<(String, String)>, MlflowError> {
    each(message.list("tags")?, |tag, place| pair(tag, format_args!("tags[{place}]."), validate::MAX_TAG_VALUE))
}

pub(super) fn log_inputs(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let id = message.run_id()?;
    let datasets = message.list("datasets")?;
    validate::count("datasets", 1000, datasets.len())?;
    let inputs = each(datasets, dataset_input)?;
    if !inputs.is_empty() {
        tracking::log_inputs(app, context, id, inputs)?;
    }
    let models = each(message.list("models")?, |model, _| model_link(model, ModelLinkKind::Input))?;
    if !models.is_empty() {
        tracking::log_models(app, context, id, models)?;
    }
    Ok(Body::empty())
}

pub(super) fn log_outputs(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let id = message.run_id()?;
    let models = each(message.list("models")?, |model, _| model_link(model, ModelLinkKind::Output))?;
    tracking::log_models(app, context, id, models)?;
    Ok(Body::empty())
}

/// `log-model`: notes a model in the tag of the run that lists its models, as clients before logged models have it.
pub(super) fn log_model(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let (id, text) = (message.run_id()?, message.required("model_json")?);
    let malformed = || MlflowError::invalid(format!("Malformed model info. \n {text} \n is not a valid JSON."));
    let model: Value = serde_json::from_str(text).map_err(|_| malformed())?;
    let model = model.as_object().ok_or_else(malformed)?;
    let is_missing = |field: &&&str| !model.contains_key(**field);
    let missing: Vec<_> =
        ["artifact_path", "flavors", "utc_time_created", "run_id"].iter().filter(is_missing).collect();
    if !missing.is_empty() {
        let shown: Vec<String> = missing.iter().map(|field| format!("'{field}'")).collect();
        let text = format!("Model json is missing mandatory fields: {{{}}}", shown.join(", "));
        return Err(MlflowError::invalid(text));
    }
    let mut kept = serde_json::Map::new();
    for field in ["run_id", "artifact_path", "utc_time_created", "model_uuid", "flavors"] {
        model.get(field).map(|value| kept.insert(field.to_owned(), value.clone()));
    }
    if let Some(Value::Object(flavors)) = kept.get_mut("flavors") {
        for flavor in flavors.values_mut().filter_map(Value::as_object_mut) {
            flavor.remove("config");
        }
    }
    tracking::note_model(app, context, id, Value::Object(kept))?;
    Ok(Body::empty())
}

fn model_link(model: &Message, kind: ModelLinkKind) -> Result<ModelLink, MlflowError> {
    Ok(ModelLink { model: model.required("model_id")?.to_owned(), kind, step: model.int("step")?.unwrap_or_default() })
}

fn dataset_input(input: &Message, place: usize) -> Result<Input, MlflowError> {
    let path = |field: &str| format!("datasets[{place}].{field}");
    let dataset = Message::of(input.value("dataset").ok_or_else(|| MlflowError::missing(&path("dataset")))?);
    let required = |field: &str, limit: usize| {
        let text = dataset.text(field)?.filter(|text| !text.is_empty());
        let text = text.ok_or_else(|| MlflowError::missing(&path(&format!("dataset.{field}"))))?;
        validate::length(&path(&format!("dataset.{field}")), limit, text)?;
        Ok::<_, MlflowError>(text.to_owned())
    };
    let optional = |field: &str, limit: usize| {
        let text = dataset.text(field)?.filter(|text| !text.is_empty());
        text.map_or(Ok(()), |text| validate::length(&path(&format!("dataset.{field}")), limit, text))?;
        Ok::<_, MlflowError>(text.map(str::to_owned))
    };
    let read = TrackedDataset {
        name: required("name", 500)?,
        digest: required("digest", 36)?,
        source_type: required("source_type", 1000)?,
        source: required("source", 65_535)?,
        schema: optional("schema", 1_048_575)?,
        profile: optional("profile", 16_777_215)?,
    };
    let mut tags = BTreeMap::new();
    for tag in input.list("tags")? {
        let tag = Message::of(tag);
        let key = tag.required("key")?;
        let value = tag.text("value")?.unwrap_or_default();
        validate::length(&path("tags.key"), 255, key)?;
        validate::length(&path("tags.value"), 500, value)?;
        tags.insert(key.to_owned(), value.to_owned());
    }
    Ok(Input { dataset: read, tags })
}
