//! Runs and experiments as MLflow's clients read them. A list that is empty is left out, as the protocol does.

use kilter_domain::{
    time::Timestamp,
    tracking::{HistoryPoint, MetricPoint, RunStatus},
};
use kilter_store::tracking::{
    Tags, dataset::Input, experiment::Experiment, logged_model::ModelLinkKind, logged_run::LoggedRun, run::TrackedRun,
};
use serde::{Serialize, Serializer};

/// A name and its value.
#[derive(Serialize)]
pub(super) struct KeyValue<'r> {
    key: &'r str,
    value: &'r str,
}

/// An experiment.
#[derive(Serialize)]
pub(super) struct ExperimentJson<'r> {
    experiment_id: String,
    name: &'r str,
    artifact_location: &'r str,
    lifecycle_stage: &'static str,
    last_update_time: i64,
    creation_time: i64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<KeyValue<'r>>,
    workspace: &'static str,
}

impl<'r> ExperimentJson<'r> {
    pub(super) fn of(experiment: &'r Experiment, tags: &'r Tags) -> Self {
        Self {
            experiment_id: experiment.id.to_string(),
            name: &experiment.name,
            artifact_location: &experiment.artifact_location,
            lifecycle_stage: experiment.lifecycle.as_str(),
            last_update_time: experiment.updated.millis(),
            creation_time: experiment.created.millis(),
            tags: pairs(tags),
            workspace: "default",
        }
    }
}

/// Where a run stands.
#[derive(Serialize)]
pub(super) struct RunInfoJson<'r> {
    run_id: &'r str,
    run_uuid: &'r str,
    run_name: &'r str,
    experiment_id: String,
    user_id: &'r str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time: Option<i64>,
    artifact_uri: &'r str,
    lifecycle_stage: &'static str,
}

impl<'r> RunInfoJson<'r> {
    pub(super) fn of(run: &'r TrackedRun) -> Self {
        Self {
            run_id: &run.id,
            run_uuid: &run.id,
            run_name: &run.name,
            experiment_id: run.experiment.to_string(),
            user_id: &run.user_id,
            status: status_word(run.status),
            start_time: run.started.map(Timestamp::millis),
            end_time: run.ended.map(Timestamp::millis),
            artifact_uri: &run.artifact_uri,
            lifecycle_stage: run.lifecycle.as_str(),
        }
    }
}

/// A run with what it logged.
#[derive(Serialize)]
pub(super) struct RunJson<'r> {
    info: RunInfoJson<'r>,
    data: RunDataJson<'r>,
    inputs: RunInputsJson<'r>,
    outputs: RunOutputsJson<'r>,
}

#[derive(Serialize)]
struct RunDataJson<'r> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    metrics: Vec<MetricJson<'r>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    params: Vec<KeyValue<'r>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<KeyValue<'r>>,
}

#[derive(Serialize)]
struct RunInputsJson<'r> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dataset_inputs: Vec<InputJson<'r>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    model_inputs: Vec<ModelLinkJson<'r>>,
}

#[derive(Serialize)]
struct RunOutputsJson<'r> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    model_outputs: Vec<ModelLinkJson<'r>>,
}

#[derive(Serialize)]
struct ModelLinkJson<'r> {
    model_id: &'r str,
    step: i64,
}

#[derive(Serialize)]
struct InputJson<'r> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<KeyValue<'r>>,
    dataset: DatasetJson<'r>,
}

#[derive(Serialize)]
struct DatasetJson<'r> {
    name: &'r str,
    digest: &'r str,
    source_type: &'r str,
    source: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<&'r str>,
}

impl<'r> RunJson<'r> {
    pub(super) fn of(logged: &'r LoggedRun) -> Self {
        Self {
            info: RunInfoJson::of(&logged.run),
            data: RunDataJson {
                metrics: logged.metrics.iter().map(MetricJson::latest).collect(),
                params: pairs(&logged.params),
                tags: pairs(&logged.tags),
            },
            inputs: RunInputsJson {
                dataset_inputs: logged.inputs.iter().map(input).collect(),
                model_inputs: links(logged, ModelLinkKind::Input),
            },
            outputs: RunOutputsJson { model_outputs: links(logged, ModelLinkKind::Output) },
        }
    }
}

fn links(logged: &LoggedRun, kind: ModelLinkKind) -> Vec<ModelLinkJson<'_>> {
    let of_kind = logged.models.iter().filter(|link| link.kind == kind);
    of_kind.map(|link| ModelLinkJson { model_id: &link.model, step: link.step }).collect()
}

fn input(input: &Input) -> InputJson<'_> {
    let dataset = &input.dataset;
    InputJson {
        tags: pairs(&input.tags),
        dataset: DatasetJson {
            name: &dataset.name,
            digest: &dataset.digest,
            source_type: &dataset.source_type,
            source: &dataset.source,
            schema: dataset.schema.as_deref(),
            profile: dataset.profile.as_deref(),
        },
    }
}

/// A point of a metric; with the run where points of several stand together.
#[derive(Serialize)]
pub(super) struct MetricJson<'r> {
    key: &'r str,
    #[serde(serialize_with = "number")]
    value: f64,
    timestamp: i64,
    step: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_id: Option<&'r str>,
}

impl<'r> MetricJson<'r> {
    pub(super) fn of(key: &'r str, point: &HistoryPoint, run_id: Option<&'r str>) -> Self {
        Self { key, value: point.value, timestamp: point.at.millis(), step: point.step, run_id }
    }

    fn latest(point: &'r MetricPoint) -> Self {
        Self { key: &point.metric, value: point.value, timestamp: point.at.millis(), step: point.step, run_id: None }
    }
}

/// NaN is a text. An infinity is the largest number there is, as MLflow's server keeps it.
pub(super) fn number<S: Serializer>(value: &f64, out: S) -> Result<S::Ok, S::Error> {
    match value {
        value if value.is_nan() => out.serialize_str("NaN"),
        value => out.serialize_f64(value.clamp(-f64::MAX, f64::MAX)),
    }
}

pub(super) fn pairs(map: &Tags) -> Vec<KeyValue<'_>> {
    map.iter().map(|(key, value)| KeyValue { key, value }).collect()
}

/// The words of MLflow for where a run stands.
const STATUS_WORDS: [(RunStatus, &str); 5] = [
    (RunStatus::Running, "RUNNING"),
    (RunStatus::Scheduled, "SCHEDULED"),
    (RunStatus::Finished, "FINISHED"),
    (RunStatus::Failed, "FAILED"),
    (RunStatus::Killed, "KILLED"),
];

fn status_word(status: RunStatus) -> &'static str {
    STATUS_WORDS.iter().find(|(of, _)| *of == status).map_or("RUNNING", |(_, word)| word)
}

/// Where a run stands, by MLflow's word.
pub(super) fn status_of(word: &str) -> Option<RunStatus> {
    STATUS_WORDS.iter().find(|(_, of)| *of == word).map(|(status, _)| *status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_json_lacks_travel_as_mlflow_sends_them() {
        let point = |value| HistoryPoint { step: 1, at: Timestamp(2), value };
        let json = |value| serde_json::to_value(MetricJson::of("m", &point(value), None)).unwrap()["value"].clone();
        assert_eq!(json(f64::NAN), "NaN");
        assert_eq!((json(f64::INFINITY), json(f64::NEG_INFINITY)), (f64::MAX.into(), f64::MIN.into()));
        assert_eq!(json(0.1), 0.1);
    }

    #[test]
    fn every_status_has_one_word() {
        for status in RunStatus::ALL {
            assert_eq!(status_of(status_word(status)), Some(status));
        }
    }
}
