//! The JSON of MLflow's REST API as records.

use std::collections::BTreeMap;

use kilter_domain::{
    registry::{RegistrationStatus, Stage},
    tracking::{ExperimentId, Lifecycle, ModelStatus, RunStatus},
    transfer::{
        DatasetRecord, ExperimentRecord, LoggedModelRecord, ModelMetricRecord, Point, RegisteredModelRecord, RunRecord,
        Texts, Value, VersionRecord,
    },
};
use serde::{Deserialize, Deserializer, de::Error};

use crate::{TransferError, source::SourceRun};

/// A whole number, which some servers write as a text.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Int(pub(crate) i64);

impl<'de> Deserialize<'de> for Int {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(from)? {
            serde_json::Value::Null => Ok(Self(0)),
            serde_json::Value::String(text) => text.parse().map(Self).map_err(D::Error::custom),
            serde_json::Value::Number(number) => {
                number.as_i64().map(Self).ok_or_else(|| D::Error::custom(format!("{number} is no whole number")))
            }
            other => Err(D::Error::custom(format!("{other} is no number"))),
        }
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Pair {
    key: String,
    #[serde(default)]
    value: String,
}

pub(crate) fn texts(pairs: Vec<Pair>) -> Texts {
    pairs.into_iter().map(|pair| (pair.key, pair.value)).collect()
}

#[derive(Debug, Deserialize)]
#[serde(default)]
pub(crate) struct ExperimentJson {
    experiment_id: String,
    name: String,
    artifact_location: String,
    lifecycle_stage: String,
    creation_time: Int,
    last_update_time: Int,
    tags: Vec<Pair>,
}

impl Default for ExperimentJson {
    fn default() -> Self {
        Self {
            experiment_id: String::new(),
            name: String::new(),
            artifact_location: String::new(),
            lifecycle_stage: "active".to_owned(),
            creation_time: Int(0),
            last_update_time: Int(0),
            tags: Vec::new(),
        }
    }
}

impl ExperimentJson {
    pub(crate) fn record(self) -> Result<ExperimentRecord, TransferError> {
        Ok(ExperimentRecord {
            id: experiment_id(&self.experiment_id)?,
            lifecycle: lifecycle(&self.lifecycle_stage),
            name: self.name,
            artifact_location: self.artifact_location,
            created: self.creation_time.0,
            updated: self.last_update_time.0,
            tags: texts(self.tags),
        })
    }
}

pub(crate) fn experiment_id(text: &str) -> Result<ExperimentId, TransferError> {
    text.parse().map_err(|_| TransferError::unreadable(format!("experiment `{text}`"), "its id is no number"))
}

pub(crate) fn lifecycle(word: &str) -> Lifecycle {
    if word == "deleted" { Lifecycle::Deleted } else { Lifecycle::Active }
}

#[derive(Debug, Deserialize)]
pub(crate) struct RunJson {
    info: RunInfoJson,
    #[serde(default)]
    data: RunDataJson,
    #[serde(default)]
    inputs: InputsJson,
    #[serde(default)]
    outputs: OutputsJson,
}

#[derive(Debug, Deserialize)]
struct RunInfoJson {
    run_id: String,
    #[serde(default)]
    run_name: String,
    experiment_id: String,
    #[serde(default)]
    user_id: String,
    #[serde(default)]
    status: String,
    start_time: Option<Int>,
    end_time: Option<Int>,
    #[serde(default)]
    artifact_uri: String,
    #[serde(default)]
    lifecycle_stage: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RunDataJson {
    metrics: Vec<MetricJson>,
    params: Vec<Pair>,
    tags: Vec<Pair>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct MetricJson {
    pub(crate) key: String,
    value: Value,
    timestamp: Int,
    #[serde(default)]
    step: Int,
    /// Only in answers about many runs, and in those of logged models.
    #[serde(default)]
    pub(crate) run_id: String,
    #[serde(default)]
    dataset_name: Option<String>,
    #[serde(default)]
    dataset_digest: Option<String>,
}

impl MetricJson {
    pub(crate) fn point(&self) -> Point {
        Point(self.step.0, self.timestamp.0, self.value)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct InputsJson {
    dataset_inputs: Vec<DatasetInputJson>,
    model_inputs: Vec<ModelLinkJson>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct OutputsJson {
    model_outputs: Vec<ModelLinkJson>,
}

#[derive(Debug, Deserialize)]
struct ModelLinkJson {
    model_id: String,
    #[serde(default)]
    step: Int,
}

#[derive(Debug, Deserialize)]
struct DatasetInputJson {
    #[serde(default)]
    tags: Vec<Pair>,
    dataset: DatasetJson,
}

#[derive(Debug, Deserialize)]
struct DatasetJson {
    name: String,
    digest: String,
    #[serde(default)]
    source_type: String,
    #[serde(default)]
    source: String,
    schema: Option<String>,
    profile: Option<String>,
}

pub(crate) fn run_status(word: &str) -> RunStatus {
    match word {
        "SCHEDULED" => RunStatus::Scheduled,
        "FINISHED" => RunStatus::Finished,
        "FAILED" => RunStatus::Failed,
        "KILLED" => RunStatus::Killed,
        _ => RunStatus::Running,
    }
}

impl RunJson {
    pub(crate) fn run(self) -> Result<SourceRun, TransferError> {
        let dataset = |input: DatasetInputJson| DatasetRecord {
            name: input.dataset.name,
            digest: input.dataset.digest,
            source_type: input.dataset.source_type,
            source: input.dataset.source,
            schema: input.dataset.schema,
            profile: input.dataset.profile,
            tags: texts(input.tags),
        };
        let mut inputs: Vec<DatasetRecord> = self.inputs.dataset_inputs.into_iter().map(dataset).collect();
        inputs.sort_by(|a, b| (&a.name, &a.digest).cmp(&(&b.name, &b.digest)));
        let mut input_models: Vec<String> = self.inputs.model_inputs.into_iter().map(|link| link.model_id).collect();
        input_models.sort();
        let output = |link: ModelLinkJson| (link.model_id, link.step.0);
        let record = RunRecord {
            experiment: experiment_id(&self.info.experiment_id)?,
            id: self.info.run_id,
            name: self.info.run_name,
            user_id: self.info.user_id,
            status: run_status(&self.info.status),
            lifecycle: lifecycle(&self.info.lifecycle_stage),
            started: self.info.start_time.map(|time| time.0),
            ended: self.info.end_time.map(|time| time.0).filter(|time| *time != 0),
            artifact_uri: self.info.artifact_uri,
            params: texts(self.data.params),
            tags: texts(self.data.tags),
            inputs,
            input_models,
            output_models: self.outputs.model_outputs.into_iter().map(output).collect(),
        };
        let latest = self.data.metrics.into_iter().map(|metric| (metric.key.clone(), metric.point()));
        Ok(SourceRun { record, latest: latest.collect() })
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct LoggedModelJson {
    info: LoggedModelInfoJson,
    #[serde(default)]
    data: LoggedModelDataJson,
}

#[derive(Debug, Deserialize)]
struct LoggedModelInfoJson {
    model_id: String,
    experiment_id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    creation_timestamp_ms: Int,
    #[serde(default)]
    last_updated_timestamp_ms: Int,
    #[serde(default)]
    artifact_uri: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    model_type: Option<String>,
    source_run_id: Option<String>,
    #[serde(default)]
    tags: Vec<Pair>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct LoggedModelDataJson {
    params: Vec<Pair>,
    metrics: Vec<MetricJson>,
}

impl LoggedModelJson {
    pub(crate) fn record(self) -> Result<LoggedModelRecord, TransferError> {
        let measured = |metric: MetricJson| ModelMetricRecord {
            point: metric.point(),
            metric: metric.key,
            run: metric.run_id,
            dataset_name: metric.dataset_name.unwrap_or_default(),
            dataset_digest: metric.dataset_digest.unwrap_or_default(),
        };
        let mut metrics: Vec<ModelMetricRecord> = self.data.metrics.into_iter().map(measured).collect();
        sort_metrics(&mut metrics);
        Ok(LoggedModelRecord {
            experiment: experiment_id(&self.info.experiment_id)?,
            id: self.info.model_id,
            source_run: self.info.source_run_id.filter(|run| !run.is_empty()),
            name: self.info.name,
            model_type: self.info.model_type.unwrap_or_default(),
            status: match self.info.status.as_str() {
                "LOGGED_MODEL_PENDING" => ModelStatus::Pending,
                "LOGGED_MODEL_UPLOAD_FAILED" => ModelStatus::UploadFailed,
                _ => ModelStatus::Ready,
            },
            lifecycle: Lifecycle::Active,
            created: self.info.creation_timestamp_ms.0,
            updated: self.info.last_updated_timestamp_ms.0,
            artifact_uri: self.info.artifact_uri,
            params: texts(self.data.params),
            tags: texts(self.info.tags),
            metrics,
        })
    }
}

pub(crate) fn sort_metrics(metrics: &mut [ModelMetricRecord]) {
    metrics.sort_by(|a, b| {
        let key = |m: &ModelMetricRecord| {
            (m.metric.clone(), m.dataset_name.clone(), m.dataset_digest.clone(), m.run.clone(), m.point.0, m.point.1)
        };
        key(a).cmp(&key(b))
    });
}

#[derive(Debug, Deserialize)]
pub(crate) struct RegisteredModelJson {
    name: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    creation_timestamp: Int,
    #[serde(default)]
    last_updated_timestamp: Int,
    #[serde(default)]
    tags: Vec<Pair>,
    #[serde(default)]
    aliases: Vec<AliasJson>,
}

#[derive(Debug, Deserialize)]
struct AliasJson {
    alias: String,
    version: Int,
}

impl RegisteredModelJson {
    pub(crate) fn record(self) -> Result<RegisteredModelRecord, TransferError> {
        let alias = |alias: AliasJson| Ok((alias.alias, number(&self.name, alias.version.0)?));
        Ok(RegisteredModelRecord {
            aliases: self.aliases.into_iter().map(alias).collect::<Result<BTreeMap<_, _>, TransferError>>()?,
            name: self.name,
            description: self.description.unwrap_or_default(),
            created: self.creation_timestamp.0,
            updated: self.last_updated_timestamp.0,
            tags: texts(self.tags),
        })
    }
}

fn number(model: &str, version: i64) -> Result<u32, TransferError> {
    let read = u32::try_from(version).ok().filter(|number| *number > 0);
    read.ok_or_else(|| TransferError::unreadable(format!("the model `{model}`"), format!("{version} is no version")))
}

#[derive(Debug, Deserialize)]
pub(crate) struct VersionJson {
    name: String,
    version: Int,
    #[serde(default)]
    creation_timestamp: Int,
    #[serde(default)]
    last_updated_timestamp: Int,
    user_id: Option<String>,
    current_stage: Option<String>,
    description: Option<String>,
    source: Option<String>,
    run_id: Option<String>,
    status: Option<String>,
    status_message: Option<String>,
    run_link: Option<String>,
    #[serde(default)]
    tags: Vec<Pair>,
}

impl VersionJson {
    pub(crate) fn record(self) -> Result<VersionRecord, TransferError> {
        let number = number(&self.name, self.version.0)?;
        Ok(VersionRecord {
            model: self.name,
            number,
            description: self.description.unwrap_or_default(),
            user_id: self.user_id.unwrap_or_default(),
            stage: stage(self.current_stage.as_deref()),
            source: self.source.unwrap_or_default(),
            run_id: self.run_id.unwrap_or_default(),
            run_link: self.run_link.unwrap_or_default(),
            status: version_status(self.status.as_deref()),
            status_message: self.status_message.unwrap_or_default(),
            created: self.creation_timestamp.0,
            updated: self.last_updated_timestamp.0,
            tags: texts(self.tags),
        })
    }
}

pub(crate) fn stage(word: Option<&str>) -> Stage {
    word.and_then(|word| word.parse().ok()).unwrap_or_default()
}

pub(crate) fn version_status(word: Option<&str>) -> RegistrationStatus {
    match word {
        Some("PENDING_REGISTRATION") => RegistrationStatus::PendingRegistration,
        Some("FAILED_REGISTRATION") => RegistrationStatus::FailedRegistration,
        _ => RegistrationStatus::Ready,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value as Json, json};

    use super::*;

    /// Names that answers have, and one that they have not.
    const NAMES: [&str; 16] = [
        "info",
        "data",
        "inputs",
        "outputs",
        "run_id",
        "experiment_id",
        "status",
        "start_time",
        "metrics",
        "params",
        "tags",
        "key",
        "value",
        "name",
        "version",
        "else",
    ];

    /// Documents of any shape, with names that mean something.
    fn documents() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            any::<i64>().prop_map(Json::from),
            any::<f64>().prop_map(Json::from),
            prop_oneof![Just("FINISHED".to_owned()), Just("NaN".to_owned()), Just("7".to_owned()), ".{0,8}"]
                .prop_map(Json::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
                prop::collection::vec((prop::sample::select(&NAMES[..]), inner), 0..6)
                    .prop_map(|fields| fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
            ]
        })
    }

    fn read<T: for<'de> Deserialize<'de>>(document: &Json) -> Option<T> {
        serde_json::from_value(document.clone()).ok()
    }

    proptest! {
        #[test]
        fn no_answer_of_a_server_is_more_than_an_error(document in documents()) {
            let _ = read::<ExperimentJson>(&document).map(ExperimentJson::record);
            let _ = read::<RunJson>(&document).map(RunJson::run);
            let _ = read::<MetricJson>(&document).map(|metric| metric.point());
            let _ = read::<LoggedModelJson>(&document).map(LoggedModelJson::record);
            let _ = read::<RegisteredModelJson>(&document).map(RegisteredModelJson::record);
            let _ = read::<VersionJson>(&document).map(VersionJson::record);
        }

        #[test]
        fn numbers_are_the_same_as_texts(id in 0..i64::MAX, at in any::<i64>()) {
            let as_number = json!({ "experiment_id": id.to_string(), "creation_time": at });
            let as_text = json!({ "experiment_id": id.to_string(), "creation_time": at.to_string() });
            let record = |document| read::<ExperimentJson>(document).map(|read| read.record().unwrap());
            prop_assert_eq!(record(&as_number).unwrap(), record(&as_text).unwrap());
            prop_assert_eq!(record(&as_number).unwrap().created, at);
        }
    }
}
