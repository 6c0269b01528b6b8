//! What the log remembers: rows that were predicted, and what turned out to be true of them.

use std::{fmt, sync::Arc};

use kilter_domain::{
    digest::Digest,
    table::{Column, Table},
    time::Timestamp,
};

/// The version that made a prediction: its number in the registry (a person's name for it) and its digest (its identity).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VersionRef {
    /// Its number in the model.
    pub number: u64,
    /// Of its package.
    pub digest: Digest,
}

impl fmt::Display for VersionRef {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.number)
    }
}

/// In which role a version scored the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// The live version; its answer went to the caller.
    Champion,
    /// The canary; its answer went to the caller.
    Candidate,
    /// Scored beside the champion; its answer went nowhere but here.
    Shadow,
    /// Answered elsewhere, before: it was brought in with its own time.
    Imported,
    /// A request asked for the version by its number; its answer went to the caller. It is a test: it counts for no monitor and
    /// no comparison.
    Pinned,
    /// The live version in place of a canary that failed on the request; its answer went to the caller.
    Fallback,
}

impl Role {
    /// As it is stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Champion => "champion",
            Self::Candidate => "candidate",
            Self::Shadow => "shadow",
            Self::Imported => "imported",
            Self::Pinned => "pinned",
            Self::Fallback => "fallback",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// Rows that one version scored in one request. All columns have as many entries as `ids`.
#[derive(Clone, Debug, PartialEq)]
pub struct PredictionBatch {
    /// Who answered.
    pub version: VersionRef,
    /// As what.
    pub role: Role,
    /// Who asked; unknown when the caller did not say.
    pub consumer: Option<Arc<str>>,
    /// When the answer was made.
    pub recorded_at: Timestamp,
    /// Time the version took for all rows of the request, in microseconds.
    pub latency_us: u64,
    /// Prediction ids; labels find their row by them.
    pub ids: Vec<Arc<str>>,
    /// When the events happened; equals `recorded_at` unless a backfill or replay said otherwise.
    pub event_times: Vec<Timestamp>,
    /// What went in, as the model was given it, and the columns that are only recorded. A shadow's batch holds only
    /// the columns that the champion's batch of the same ids does not hold, and may have none.
    pub features: Table,
    /// The score of each row: probability of the positive class, predicted value, or probability of `labels`.
    pub scores: Vec<f64>,
    /// The predicted class of each row; `None` for a regression.
    pub labels: Option<Vec<Arc<str>>>,
    /// Row-major class probabilities for more than two classes; `None` otherwise (two classes: the score says it all).
    pub probabilities: Option<Probabilities>,
    /// What is said of a few records only; mostly `None`.
    pub details: Option<Box<RecordDetails>>,
}

/// What is said of a few records only.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecordDetails {
    /// For each row the input rules that it broke and that mark it; `None`: none. Empty: no row broke one.
    pub flagged: Vec<Option<Arc<str>>>,
    /// For each row the input rules by which other values were put into the features; as `flagged`.
    pub imputed: Vec<Option<Arc<str>>>,
    /// The share of rows that are recorded, if it is not all of them: each row stands for `1 / share` rows.
    pub sample_share: Option<f64>,
    /// How the rows were drawn, if two versions shared the traffic.
    pub draw: Option<CanaryDraw>,
}

/// How rows were drawn while two versions shared the traffic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CanaryDraw {
    /// The share of the entities that was the candidate's, in percent.
    pub percent: u8,
    /// For each row the hash by which its entity (else its id) was drawn. Another candidate draws by other hashes.
    pub entities: Vec<u64>,
}

/// Class probabilities, `rows × classes`, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Probabilities {
    /// How many classes there are.
    pub classes: usize,
    /// Row-major, rows times classes.
    pub values: Vec<f32>,
}

impl RecordDetails {
    fn take(&self, rows: &[usize]) -> Self {
        let pick = |marks: &[Option<Arc<str>>]| match marks {
            [] => Vec::new(),
            marks => rows.iter().map(|row| marks[*row].clone()).collect(),
        };
        let draw = self.draw.as_ref().map(|draw| draw.take(rows));
        Self { flagged: pick(&self.flagged), imputed: pick(&self.imputed), sample_share: self.sample_share, draw }
    }
}

impl CanaryDraw {
    /// That of some rows.
    pub(crate) fn take(&self, rows: &[usize]) -> Self {
        Self { percent: self.percent, entities: rows.iter().map(|row| self.entities[*row]).collect() }
    }
}

impl PredictionBatch {
    /// Some of its rows.
    ///
    /// # Panics
    /// When a row is out of bounds.
    pub fn take(&self, rows: &[usize]) -> Self {
        fn pick<T: Clone>(values: &[T], rows: &[usize]) -> Vec<T> {
            rows.iter().map(|row| values[*row].clone()).collect()
        }
        let of_row = |Probabilities { classes, values }: &Probabilities| Probabilities {
            classes: *classes,
            values: rows.iter().flat_map(|row| &values[row * classes..(row + 1) * classes]).copied().collect(),
        };
        Self {
            version: self.version,
            role: self.role,
            consumer: self.consumer.clone(),
            recorded_at: self.recorded_at,
            latency_us: self.latency_us,
            ids: pick(&self.ids, rows),
            event_times: pick(&self.event_times, rows),
            features: if self.features.names().is_empty() { Table::default() } else { self.features.take(rows) },
            scores: pick(&self.scores, rows),
            labels: self.labels.as_ref().map(|labels| pick(labels, rows)),
            probabilities: self.probabilities.as_ref().map(of_row),
            details: self.details.as_ref().map(|details| Box::new(details.take(rows))),
        }
    }

    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.ids.len()
    }
}

/// What turned out to be true, by prediction id. A label may be late, may correct an earlier one of the same id (the one
/// recorded last wins: by sequence number, clocks jump) and may belong to an id that nobody knows (yet): all are kept.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelBatch {
    /// When Kilter received them.
    pub recorded_at: Timestamp,
    /// Prediction ids.
    pub ids: Vec<Arc<str>>,
    /// The truth: text for a class, a number for a regression. A missing value withdraws an earlier label.
    pub values: Column,
    /// When each label became known to the world.
    pub known_at: Vec<Timestamp>,
}

impl LabelBatch {
    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.ids.len()
    }
}

/// One acknowledged entry of the log.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// Rows that were answered.
    Predictions(PredictionBatch),
    /// What became known of them.
    Labels(LabelBatch),
}

impl Record {
    /// How many rows it has.
    pub fn rows(&self) -> usize {
        match self {
            Self::Predictions(batch) => batch.rows(),
            Self::Labels(batch) => batch.rows(),
        }
    }
}

/// A record and its place in the order of all records of its log. The order is this number, never a clock.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its place in the order of the log.
    pub sequence: u64,
    /// What was recorded.
    pub record: Record,
}

/// The number of a segment file; numbers grow and are never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SegmentId(pub u64);

impl fmt::Display for SegmentId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:010}", self.0)
    }
}
