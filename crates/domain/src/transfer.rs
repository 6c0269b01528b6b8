//! Things of tracking and of the registry as they go from one server to another, with the ids and times that they have there.
//!
//! Invariants: equal things have equal JSON: names are sorted, and NaN is a word. Out of scope: how they are read and written.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    registry::{RegistrationStatus, Stage},
    tracking::{ExperimentId, Lifecycle, ModelStatus, RunStatus},
};

/// A time in ms since 1970, whatever a client wrote.
pub type Millis = i64;

/// Texts by name: tags and parameters.
pub type Texts = BTreeMap<String, String>;

/// One thing, whole or (a history) in parts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Record {
    /// An experiment.
    Experiment(ExperimentRecord),
    /// A run without the histories of its metrics.
    Run(Box<RunRecord>),
    /// A part of the history of a metric of a run.
    Points(PointsRecord),
    /// A logged model.
    LoggedModel(Box<LoggedModelRecord>),
    /// A registered model without its versions.
    RegisteredModel(RegisteredModelRecord),
    /// A version of a registered model.
    Version(Box<VersionRecord>),
}

/// An experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExperimentRecord {
    /// Its number.
    pub id: ExperimentId,
    /// Its name.
    pub name: String,
    /// Where its artifacts lie.
    pub artifact_location: String,
    /// Whether it is deleted.
    pub lifecycle: Lifecycle,
    /// When it was made.
    pub created: Millis,
    /// When it was changed last.
    pub updated: Millis,
    /// Its tags.
    pub tags: Texts,
}

/// A run without the histories of its metrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Its id.
    pub id: String,
    /// Of which experiment.
    pub experiment: ExperimentId,
    /// How people call it.
    pub name: String,
    /// Who logged it.
    pub user_id: String,
    /// Where it stands.
    pub status: RunStatus,
    /// Whether it is deleted.
    pub lifecycle: Lifecycle,
    /// When it began.
    pub started: Option<Millis>,
    /// When it ended.
    pub ended: Option<Millis>,
    /// The address of its artifacts.
    pub artifact_uri: String,
    /// Its parameters.
    pub params: Texts,
    /// Its tags.
    pub tags: Texts,
    /// The datasets that it read.
    pub inputs: Vec<DatasetRecord>,
    /// The logged models that it read.
    pub input_models: Vec<String>,
    /// The logged models that it made, with the step of each.
    pub output_models: BTreeMap<String, i64>,
}

/// A dataset that a run read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DatasetRecord {
    /// Its name.
    pub name: String,
    /// What the client knows its content by.
    pub digest: String,
    /// Of which kind its source is.
    pub source_type: String,
    /// Where it comes from.
    pub source: String,
    /// Its columns, as the client writes them.
    pub schema: Option<String>,
    /// Counts about it, as the client writes them.
    pub profile: Option<String>,
    /// What is said of the reading.
    pub tags: Texts,
}

/// A part of the history of a metric of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PointsRecord {
    /// The run, by its id.
    pub run: String,
    /// The metric.
    pub metric: String,
    /// The points.
    pub points: Vec<Point>,
}

/// One point of a metric: step, time in ms, and value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point(pub i64, pub i64, pub Value);

/// A measured value. An infinity is the largest number there is, as MLflow's server keeps it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Value(f64);

impl Value {
    /// The value of a measurement.
    pub fn of(measured: f64) -> Self {
        // The sign of a zero is not kept by every database.
        Self(if measured.is_nan() { f64::NAN } else { measured.clamp(-f64::MAX, f64::MAX) + 0.0 })
    }

    /// As a number; NaN too.
    pub const fn number(self) -> f64 {
        self.0
    }

    /// The same bits for the same value.
    pub fn bits(self) -> u64 {
        self.0.to_bits()
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        if self.0.is_nan() { out.serialize_str("NaN") } else { out.serialize_f64(self.0) }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Read {
            Number(f64),
            Word(String),
        }
        match Read::deserialize(from)? {
            Read::Number(number) => Ok(Self::of(number)),
            Read::Word(word) => word.parse().map(Self::of).map_err(serde::de::Error::custom),
        }
    }
}

/// A logged model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoggedModelRecord {
    /// Its id.
    pub id: String,
    /// Of which experiment.
    pub experiment: ExperimentId,
    /// The run that made it.
    pub source_run: Option<String>,
    /// How people call it.
    pub name: String,
    /// What it is for.
    pub model_type: String,
    /// How far it is.
    pub status: ModelStatus,
    /// Whether it is deleted.
    pub lifecycle: Lifecycle,
    /// When it was made.
    pub created: Millis,
    /// When it was changed last.
    pub updated: Millis,
    /// The address of its files.
    pub artifact_uri: String,
    /// Its parameters.
    pub params: Texts,
    /// Its tags.
    pub tags: Texts,
    /// The latest points of its metrics.
    pub metrics: Vec<ModelMetricRecord>,
}

/// The latest point of a metric of a logged model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelMetricRecord {
    /// The metric.
    pub metric: String,
    /// In which run, by its id.
    pub run: String,
    /// The name of the dataset on which it was measured; empty: on none.
    pub dataset_name: String,
    /// Its digest.
    pub dataset_digest: String,
    /// The point.
    pub point: Point,
}

/// A registered model without its versions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RegisteredModelRecord {
    /// Its name.
    pub name: String,
    /// What people wrote of it.
    pub description: String,
    /// When it was made.
    pub created: Millis,
    /// When it was changed last.
    pub updated: Millis,
    /// Its tags.
    pub tags: Texts,
    /// Its aliases, with the number of the version of each.
    pub aliases: BTreeMap<String, u32>,
}

/// A version of a registered model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VersionRecord {
    /// Its model.
    pub model: String,
    /// Its number.
    pub number: u32,
    /// What people wrote of it.
    pub description: String,
    /// Who made it.
    pub user_id: String,
    /// What it is meant for.
    pub stage: Stage,
    /// Where its files are, as the client said.
    pub source: String,
    /// The run that made it; empty: none.
    pub run_id: String,
    /// An address of that run elsewhere.
    pub run_link: String,
    /// Whether its files are there.
    pub status: RegistrationStatus,
    /// Why it is so.
    pub status_message: String,
    /// When it was made.
    pub created: Millis,
    /// When it was changed last.
    pub updated: Millis,
    /// Its tags.
    pub tags: Texts,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_written_so_that_it_comes_back() {
        for (value, text) in [
            (0.1, "0.1"),
            (-0.0, "0.0"),
            (f64::NAN, "\"NaN\""),
            (f64::INFINITY, "1.7976931348623157e+308"),
            (f64::NEG_INFINITY, "-1.7976931348623157e+308"),
        ] {
            let written = serde_json::to_string(&Value::of(value)).unwrap();
            assert_eq!(written, text);
            let read: Value = serde_json::from_str(&written).unwrap();
            assert_eq!(read.bits(), Value::of(value).bits());
        }
        assert!(serde_json::from_str::<Value>("\"much\"").is_err());
    }
}
