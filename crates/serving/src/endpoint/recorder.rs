//! What is recorded of what versions did in a request.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use kilter_domain::{table::Table, time::Timestamp};
use kilter_inference::Task;

use super::{InferError, ModelOutput, ServedVersion, handle::Tally};
use crate::{
    input_rules::InputMarks,
    prediction_log::{
        AppendTicket, CanaryDraw, Durability, LogError, PredictionBatch, PredictionLog, Probabilities, RecordDetails,
        Role,
    },
    recording_policy::RecordingPolicy,
};

/// What all records of one request share.
#[derive(Clone)]
pub(super) struct Recorder {
    pub(super) log: Option<Arc<PredictionLog>>,
    pub(super) tally: Arc<Tally>,
    pub(super) policy: Arc<RecordingPolicy>,
    pub(super) consumer: Option<Arc<str>>,
    pub(super) now: Timestamp,
}

/// What one version did in one request.
pub(super) struct VersionShare {
    pub(super) role: Role,
    pub(super) answers: ModelOutput,
    pub(super) latency_us: u64,
    pub(super) ids: Vec<Arc<str>>,
    pub(super) times: Vec<Timestamp>,
    pub(super) features: Table,
    pub(super) marks: Option<InputMarks>,
    pub(super) draw: Option<CanaryDraw>,
}

impl Recorder {
    /// The record of it, and the probabilities that no record needs: those of two classes.
    pub(super) fn batch(&self, version: &ServedVersion, share: VersionShare) -> (PredictionBatch, Option<Vec<f32>>) {
        let VersionShare { role, answers, latency_us, ids, times, features, marks, draw } = share;
        let ModelOutput { scores, labels, probabilities } = answers;
        let classes = version.signature().classes.len();
        let (recorded, spared) = match version.signature().task {
            Task::Multiclass => (probabilities.map(|values| Probabilities { classes, values }), None),
            Task::Binary | Task::Regression => (None, probabilities),
        };
        let batch = PredictionBatch {
            version: version.version(),
            role,
            consumer: self.consumer.clone(),
            recorded_at: self.now,
            latency_us,
            ids,
            event_times: times,
            features,
            scores,
            labels,
            probabilities: recorded,
            details: (marks.is_some() || draw.is_some()).then(|| {
                let InputMarks { flagged, imputed, .. } = marks.unwrap_or_default();
                Box::new(RecordDetails { flagged, imputed, sample_share: None, draw })
            }),
        };
        (batch, spared)
    }

    /// Queues what the policy records of a batch whose rows are of these entities (or drawn by their ids).
    pub(super) fn submit(
        &self,
        batch: &PredictionBatch,
        entities: Option<&[Arc<str>]>,
    ) -> Result<Option<AppendTicket>, LogError> {
        let Some(log) = &self.log else { return Ok(None) };
        self.policy.recorded(batch, entities).map(|recorded| log.submit(&recorded)).transpose()
    }

    /// Records what a caller will be answered. In buffered mode a failure is counted; in durable mode it costs the answer.
    pub(super) fn record(
        &self,
        batch: &PredictionBatch,
        entities: Option<&[Arc<str>]>,
    ) -> Result<Option<AppendTicket>, InferError> {
        match self.submit(batch, entities) {
            Ok(pending) => Ok(pending),
            Err(_) if self.log.as_ref().is_some_and(|log| log.durability() == Durability::Buffered) => {
                self.tally.unrecorded_rows.fetch_add(batch.rows() as u64, Relaxed);
                Ok(None)
            }
            Err(source) => Err(InferError::NotRecorded { source }),
        }
    }
}
