//! An endpoint over a model that answers as it is told.

mod answers;
mod candidates;
mod input_rules;
mod recording;
mod recording_policy;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use kilter_domain::{
    deployment::AdmissionPolicy,
    digest::Digest,
    model::VersionState,
    table::{Column, Table},
    time::Timestamp,
};
use kilter_inference::{Infinite, Input, InputKind, Missing, PredictError, Signature, Task};
use kilter_stats::{
    drift::NumericReference,
    profile::{ColumnCounts, ReferenceDistribution},
};
use serde_json::Value;

use super::*;
use crate::{
    column_stats::{ColumnKind, ColumnStats, TrackedColumn},
    counters::ScoreEdges,
    prediction_log::{Durability, LogOptions, PredictionBatch, PredictionLog, Record, Role, VersionRef},
    v2::Limits,
};

const NOW: Timestamp = Timestamp(1_000_000);

/// Answers each row with its `x` plus its own number; may be told to fail or to panic.
struct Fake {
    signature: Signature,
    add: f64,
    fails: Arc<AtomicBool>,
    panics: bool,
}

fn input(name: &str, kind: InputKind, missing: Missing) -> Input {
    Input { name: name.into(), kind, missing, infinite: Infinite::Refused, optional: false }
}

/// A column that requests may leave out.
fn plan() -> Input {
    Input { optional: true, ..input("plan", InputKind::Text, Missing::Allowed) }
}

fn signature() -> Signature {
    Signature {
        inputs: vec![input("x", InputKind::Number, Missing::Refused), plan()],
        task: Task::Binary,
        classes: vec!["no".into(), "yes".into()],
        target: None,
    }
}

impl Predictor for Fake {
    fn memory_bytes(&self) -> u64 {
        0
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn format(&self) -> kilter_inference::Format {
        kilter_inference::Format::Onnx
    }

    fn predict(&self, table: &Table) -> Result<ModelOutput, PredictError> {
        assert!(!self.panics, "told to panic");
        if self.fails.load(Ordering::SeqCst) {
            return Err(PredictError::Node { node: "n".into(), reason: "told to fail".into() });
        }
        for input in &self.signature.inputs {
            if table.get(&input.name).is_none() {
                return Err(PredictError::MissingColumns { columns: vec![input.name.clone()], nearest: None });
            }
        }
        let x = table.column("x").unwrap();
        if let Some(row) = (0..table.rows()).find(|row| x.is_missing(*row)) {
            return Err(PredictError::MissingValue { column: "x".into(), row });
        }
        let scores: Vec<f64> = x.numbers().unwrap().iter().map(|x| x + self.add).collect();
        let label = |score: &f64| if *score > 0.5 { "yes".into() } else { "no".into() };
        let labels = Some(scores.iter().map(label).collect());
        let probabilities = Some(scores.iter().flat_map(|score| [1.0 - *score as f32, *score as f32]).collect());
        Ok(ModelOutput { scores, labels, probabilities })
    }
}

fn fake(add: f64) -> Fake {
    Fake { signature: signature(), add, fails: Arc::default(), panics: false }
}

fn admission(number: u64) -> LoadRequest {
    let digest = Digest::of(&number.to_le_bytes());
    let version = VersionRef { number, digest };
    LoadRequest {
        version,
        model: digest,
        state: VersionState::Approved,
        admits: AdmissionPolicy::Approved,
        threshold: None,
    }
}

fn version(number: u64, fake: Fake) -> Arc<ServedVersion> {
    let edges = ScoreEdges::new(vec![0.25, 0.5, 0.75]);
    Arc::new(ServedVersion::with_predictor(Arc::new(fake), &admission(number), edges).unwrap())
}

struct World {
    endpoint: Endpoint,
    log: Arc<PredictionLog>,
    _dir: tempfile::TempDir,
}

impl World {
    fn new(options: LogOptions) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let log = Arc::new(PredictionLog::open(dir.path(), options).unwrap().0);
        let options = EndpointOptions { limits: Limits::default(), id_prefix: "p".into() };
        let endpoint = Endpoint::new("churn".parse().unwrap(), options, Some(log.clone()));
        Self { endpoint, log, _dir: dir }
    }

    fn serving(champion: &Arc<ServedVersion>, candidate: Option<Candidate>) -> Self {
        let world = Self::new(LogOptions::default());
        world.endpoint.deploy(Routes::new(champion.clone(), candidate, &[]).unwrap());
        world
    }

    fn infer(&self, body: &str) -> Result<Value, InferError> {
        let request = self.endpoint.read(body.as_bytes(), EventTimes::Now)?;
        let response = self.endpoint.infer(request, NOW)?;
        Ok(serde_json::from_slice(&response.to_json()).unwrap())
    }

    fn batches(&self) -> Vec<PredictionBatch> {
        let segments = self.log.sealed().into_iter().chain(self.log.active());
        let entries = segments.flat_map(|segment| self.log.read(segment).unwrap().entries);
        let of = |record| match record {
            Record::Predictions(batch) => Some(batch),
            Record::Labels(_) => None,
        };
        entries.filter_map(|entry| of(entry.record)).collect()
    }

    /// The batches once there are that many: nobody waits for the record of a shadow.
    fn batches_of(&self, count: usize) -> Vec<PredictionBatch> {
        for _ in 0..200 {
            if self.batches().len() >= count {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        self.batches()
    }
}

fn body(ids: &[&str], x: &[f64]) -> String {
    let (rows, ids, x) = (x.len(), serde_json::to_string(ids).unwrap(), serde_json::to_string(x).unwrap());
    format!(
        r#"{{"parameters":{{"consumer":"crm"}},"inputs":[
        {{"name":"x","shape":[{rows}],"datatype":"FP64","data":{x}}},
        {{"name":"__id","shape":[{rows}],"datatype":"BYTES","data":{ids}}}]}}"#
    )
}

fn many_ids(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("customer-{n}")).collect()
}
