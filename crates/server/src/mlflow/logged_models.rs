//! `logged-models*`.

use std::collections::BTreeMap;

use kilter_app::{
    App, RequestContext, new_id,
    tracking::{self, ModelQuery, NewClientModel},
};
use kilter_domain::{
    search::{DatasetSelector, LoggedModelOrder, PageToken},
    time::Timestamp,
};
use kilter_store::tracking::{
    Tags,
    logged_model::{LoggedModel, ModelMetric, ModelStatus},
};
use serde::Serialize;
use serde_json::Value;

use super::{
    body::Body,
    message::Message,
    run_json::{KeyValue, number, pairs},
    run_names, search_query, validate,
};
use crate::error::MlflowError;

#[derive(Serialize)]
struct Found<'r> {
    model: ModelJson<'r>,
}

#[derive(Serialize)]
struct FoundModels<'r> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    models: Vec<ModelJson<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

#[derive(Serialize)]
struct ModelJson<'r> {
    info: ModelInfoJson<'r>,
    data: ModelDataJson<'r>,
}

#[derive(Serialize)]
struct ModelInfoJson<'r> {
    model_id: &'r str,
    experiment_id: String,
    name: &'r str,
    creation_timestamp_ms: i64,
    last_updated_timestamp_ms: i64,
    artifact_uri: &'r str,
    status: &'static str,
    model_type: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_run_id: Option<&'r str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<KeyValue<'r>>,
}

#[derive(Serialize)]
struct ModelDataJson<'r> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    params: Vec<KeyValue<'r>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    metrics: Vec<ModelMetricJson<'r>>,
}

#[derive(Serialize)]
struct ModelMetricJson<'r> {
    key: &'r str,
    #[serde(serialize_with = "number")]
    value: f64,
    timestamp: i64,
    step: i64,
    model_id: &'r str,
    #[serde(skip_serializing_if = "str::is_empty")]
    dataset_name: &'r str,
    #[serde(skip_serializing_if = "str::is_empty")]
    dataset_digest: &'r str,
    run_id: &'r str,
}

impl<'r> ModelJson<'r> {
    fn of(model: &'r LoggedModel) -> Self {
        let metric = |ModelMetric { run, dataset, point }: &'r ModelMetric| ModelMetricJson {
            key: &point.metric,
            value: point.value,
            timestamp: point.at.millis(),
            step: point.step,
            model_id: &model.id,
            dataset_name: &dataset.0,
            dataset_digest: &dataset.1,
            run_id: run,
        };
        Self {
            info: ModelInfoJson {
                model_id: &model.id,
                experiment_id: model.experiment.to_string(),
                name: &model.name,
                creation_timestamp_ms: Timestamp::millis(model.created),
                last_updated_timestamp_ms: model.updated.millis(),
                artifact_uri: &model.artifact_uri,
                status: STATUS_WORDS.iter().find(|(of, ..)| *of == model.status).map_or("", |(_, word, _)| word),
                model_type: &model.model_type,
                source_run_id: model.source_run.as_deref(),
                tags: pairs(&model.tags),
            },
            data: ModelDataJson { params: pairs(&model.params), metrics: model.metrics.iter().map(metric).collect() },
        }
    }
}

/// MLflow's words and numbers for how far a model is.
const STATUS_WORDS: [(ModelStatus, &str, i64); 3] = [
    (ModelStatus::Pending, "LOGGED_MODEL_PENDING", 1),
    (ModelStatus::Ready, "LOGGED_MODEL_READY", 2),
    (ModelStatus::UploadFailed, "LOGGED_MODEL_UPLOAD_FAILED", 3),
];

fn found(model: &LoggedModel) -> Result<Body, MlflowError> {
    Body::of(&Found { model: ModelJson::of(model) })
}

pub(super) fn create(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let experiment = validate::experiment_id(message.required("experiment_id")?)?;
    let id = format!("m-{}", new_id().replace('-', ""));
    let name = match message.text("name")?.filter(|name| !name.is_empty()) {
        None => run_names::of(&id),
        Some(name) if name.contains(['/', ':', '.', '%', '"', '\'']) => {
            return Err(MlflowError::invalid(format!(
                "Invalid model name ({name}) provided. Model name must be a non-empty string and cannot contain the following \
                 characters: ('/', ':', '.', '%', '\"', \"'\")"
            )));
        }
        Some(name) => name.to_owned(),
    };
    let new = NewClientModel {
        id,
        experiment,
        source_run: message.text("source_run_id")?.filter(|run| !run.is_empty()).map(str::to_owned),
        name,
        model_type: message.text("model_type")?.unwrap_or_default().to_owned(),
        params: pairs_of(message, "params", validate::MAX_PARAM_VALUE)?,
        tags: pairs_of(message, "tags", validate::MAX_TAG_VALUE)?,
    };
    found(&tracking::create_logged_model(app, context, new)?)
}

fn pairs_of(message: &Message, field: &str, limit: usize) -> Result<BTreeMap<String, String>, MlflowError> {
    let mut read = BTreeMap::new();
    for (place, pair) in message.list(field)?.iter().enumerate() {
        let pair = Message::of(pair);
        let key = pair.required("key")?;
        validate::name(&format!("{field}[{place}].key"), key)?;
        read.insert(key.to_owned(), validate::cut(limit, pair.text("value")?.unwrap_or_default()).to_owned());
    }
    Ok(read)
}

pub(super) fn get(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let with_deleted = message.text("allow_deleted")?.is_some_and(|word| word.eq_ignore_ascii_case("true"));
    found(&tracking::get_logged_model(app, context, message.required("model_id")?, with_deleted)?)
}

pub(super) fn finalize(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let id = message.required("model_id")?;
    let Some(stated) = message.value("status") else { return Err(MlflowError::missing("status")) };
    let is_stated = |(_, word, of): &&(ModelStatus, &str, i64)| match stated {
        Value::String(text) => text == word || text == &of.to_string(),
        other => other.as_i64() == Some(*of),
    };
    let status = STATUS_WORDS.iter().find(is_stated).map(|(status, ..)| *status);
    let status = status.ok_or_else(|| MlflowError::invalid_value("status", stated, "it is no status of a model"))?;
    found(&tracking::finalize_logged_model(app, context, id, status)?)
}

pub(super) fn delete(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    tracking::delete_logged_model(app, context, message.required("model_id")?)?;
    Ok(Body::empty())
}

pub(super) fn log_params(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let params = pairs_of(message, "params", validate::MAX_PARAM_VALUE)?;
    tracking::describe_logged_model(app, context, message.required("model_id")?, (params, Tags::new()))?;
    Ok(Body::empty())
}

pub(super) fn set_tags(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let id = message.required("model_id")?;
    let tags = pairs_of(message, "tags", validate::MAX_TAG_VALUE)?;
    tracking::describe_logged_model(app, context, id, (BTreeMap::new(), tags))?;
    found(&tracking::get_logged_model(app, context, id, false)?)
}

pub(super) fn delete_tag(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    tracking::delete_logged_model_tag(app, context, message.required("model_id")?, message.required("tag_key")?)?;
    Ok(Body::empty())
}

pub(super) fn search(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let ids = message.texts("experiment_ids")?;
    if ids.is_empty() {
        return Err(MlflowError::missing("experiment_ids"));
    }
    let experiments = ids.iter().map(|id| validate::experiment_id(id)).collect::<Result<Vec<_>, _>>()?;
    let mut datasets = Vec::new();
    for dataset in message.list("datasets")? {
        let dataset = Message::of(dataset);
        let selector = DatasetSelector::parse(dataset.text("dataset_name")?, dataset.text("dataset_digest")?);
        datasets.extend(selector.map_err(|error| MlflowError::invalid(error.to_string()))?);
    }
    let order_by = message.list("order_by")?.iter().map(order).collect::<Result<Vec<_>, _>>()?;
    let token: PageToken = search_query::token(message)?;
    let query = ModelQuery {
        experiments: &experiments,
        datasets,
        filter: message.text("filter")?.unwrap_or_default(),
        order_by: &order_by,
        token,
        limit: search_query::limit(message, 100, 1000)?,
    };
    let found = tracking::search_logged_models(app, context, query)?;
    let models = found.items.iter().map(ModelJson::of).collect();
    Body::of(&FoundModels { models, next_page_token: found.next.map(|next| next.to_string()) })
}

fn order(item: &Value) -> Result<LoggedModelOrder, MlflowError> {
    let item = Message::of(item);
    let text = |name| Ok::<_, MlflowError>(item.text(name)?.map(str::to_owned));
    Ok(LoggedModelOrder {
        field_name: item.required("field_name")?.to_owned(),
        is_ascending: item.value("ascending").and_then(Value::as_bool).unwrap_or(true),
        dataset_name: text("dataset_name")?,
        dataset_digest: text("dataset_digest")?,
    })
}
