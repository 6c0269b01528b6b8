//! A version that is loaded: let in by its state, and counted while it serves.

use std::{
    borrow::Cow,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use kilter_domain::{
    deployment::AdmissionPolicy,
    digest::Digest,
    model::VersionState,
    table::{Column, Table},
};
use kilter_inference::{Attributions, ExplainError, InputKind, PredictError, Signature, Task, WorkerCounts};

use super::{
    pace::Pace,
    predictor::{ModelSlot, NotLoaded, Predictor, Resident},
};
use crate::{
    column_stats::ColumnStats,
    counters::{Counters, ScoreEdges, VersionCounts},
    input_rules::{InputRules, RejectedInput},
    model_output::ModelOutput,
    prediction_log::VersionRef,
    v2::list,
};

/// The most attributions of one answer (rows x scores x columns): 8 MB of them.
const MAX_ATTRIBUTIONS: usize = 1 << 20;

impl ModelOutput {
    /// The answers with the labels that a binary version gives at this threshold; others decide as the model itself.
    pub fn at_threshold(mut self, threshold: f64, signature: &Signature) -> Self {
        if let Some(decides) = DecisionThreshold::of(Some(threshold), signature) {
            decides.apply(&mut self);
        }
        self
    }
}

/// What the control plane says of a version when it is to be served; its state is checked again here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LoadRequest {
    /// Which version it is.
    pub version: VersionRef,
    /// Digest of the model file's bytes, as the version's evidence states it.
    pub model: Digest,
    /// The state of the version now.
    pub state: VersionState,
    /// Which states this place takes: production takes approved ones.
    pub admits: AdmissionPolicy,
    /// From which score on a binary version answers its second class; `None`: as the model itself decides.
    pub threshold: Option<f64>,
}

/// Why a version was not let in. The endpoint goes on serving what it served.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum LoadRejected {
    #[error("version {version} may not be served here: it is {state}, {}; {}", needs(*.admits), .state.next_step())]
    State { version: VersionRef, state: VersionState, admits: AdmissionPolicy },
}

fn needs(admits: AdmissionPolicy) -> &'static str {
    match admits {
        AdmissionPolicy::Approved => "and must be approved",
        AdmissionPolicy::Validated => "and must be validated or approved",
        AdmissionPolicy::BreakGlass => "and must be a candidate, validated or approved",
    }
}

/// A version that serves, and what it did so far.
pub struct ServedVersion {
    version: VersionRef,
    /// What its canary is drawn by: of the model's bytes and the version's number alone, so that a replay draws the
    /// same entities again. The digest of the package will not do: it holds the id of a run.
    salt: u64,
    model: Arc<dyn ModelSlot>,
    decides: Option<DecisionThreshold>,
    counters: Counters,
    pace: Pace,
    column_stats: Option<Arc<ColumnStats>>,
    input_rules: InputRules,
}

/// The operating threshold of a binary version with the two classes that it tells apart.
#[derive(Clone)]
struct DecisionThreshold {
    threshold: f64,
    classes: [Arc<str>; 2],
}

impl DecisionThreshold {
    fn of(threshold: Option<f64>, signature: &Signature) -> Option<Self> {
        let [no, yes] = signature.classes.as_slice() else { return None };
        let classes = [Arc::from(no.as_str()), Arc::from(yes.as_str())];
        threshold.filter(|_| signature.task == Task::Binary).map(|threshold| Self { threshold, classes })
    }

    /// The class of each row by its score. A score that is no number keeps the label of the model.
    fn apply(&self, answers: &mut ModelOutput) {
        let Some(labels) = &mut answers.labels else { return };
        for (label, score) in labels.iter_mut().zip(&answers.scores).filter(|(_, score)| !score.is_nan()) {
            *label = Arc::clone(&self.classes[usize::from(*score >= self.threshold)]);
        }
    }
}

impl std::fmt::Debug for ServedVersion {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "ServedVersion({})", self.version)
    }
}

/// Why a loaded version did not answer.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum ScoreError {
    #[error(transparent)]
    Predict(#[from] PredictError),
    #[error(transparent)]
    NotLoaded(#[from] NotLoaded),
    #[error(transparent)]
    Rejected(Box<RejectedInput>),
    #[error(
        "the request lacks {}, which the model reads; send every input, with null where a value is not known (the model \
         takes {})",
        list(.missing),
        list(.known)
    )]
    MissingInputs { missing: Vec<String>, known: Vec<String> },
    #[error("the answer is not explained: {0}; ask without `explain`, or take `kilter explain`")]
    Explain(ExplainError),
    #[error(
        "an explanation of {rows} rows with {columns} columns is more than one answer holds; ask for at most {most} rows at once"
    )]
    ExplainsTooMuch { rows: usize, columns: usize, most: usize },
    #[error("the model panicked; this is a bug of kilter, please report it with the request")]
    Panicked,
    #[error("the model answered {found} rows for {rows}; this is a bug of kilter, please report it with the request")]
    WrongCount { found: usize, rows: usize },
}

impl ScoreError {
    /// Whether another request could do better, and the same one never can.
    pub const fn is_caller_error(&self) -> bool {
        match self {
            Self::MissingInputs { .. } | Self::Rejected(_) | Self::Explain(_) | Self::ExplainsTooMuch { .. } => true,
            Self::Predict(error) => error.is_caller_error(),
            Self::NotLoaded(_) | Self::Panicked | Self::WrongCount { .. } => false,
        }
    }
}

impl From<RejectedInput> for ScoreError {
    fn from(rejected: RejectedInput) -> Self {
        Self::Rejected(Box::new(rejected))
    }
}

impl ScoreError {
    /// The row whose value is at fault, where it is one row's.
    pub fn row(&self) -> Option<usize> {
        match self {
            Self::Predict(error) => error.row(),
            Self::Rejected(rejected) => Some(rejected.row),
            _ => None,
        }
    }

    /// The same with another number of its row.
    pub(super) fn in_row(mut self, number_of: impl FnOnce(usize) -> usize) -> Self {
        let Some(row) = self.row() else { return self };
        match &mut self {
            Self::Predict(error) => error.set_row(number_of(row)),
            Self::Rejected(rejected) => rejected.row = number_of(row),
            _ => {}
        }
        self
    }
}

impl ServedVersion {
    /// Serves a predictor whose version is in a state that may serve here. Its maker has verified what it was made of.
    pub fn with_predictor(
        predictor: Arc<dyn Predictor>,
        admission: &LoadRequest,
        edges: ScoreEdges,
    ) -> Result<Self, LoadRejected> {
        Self::with_model(Arc::new(Resident(predictor)), admission, edges)
    }

    /// Serves a model that is loaded when it is asked for.
    pub fn with_model(
        model: Arc<dyn ModelSlot>,
        admission: &LoadRequest,
        edges: ScoreEdges,
    ) -> Result<Self, LoadRejected> {
        check_state(admission)?;
        let decides = DecisionThreshold::of(admission.threshold, model.signature());
        let counters = Counters::new(edges);
        let version = admission.version;
        let (pace, salt) = (Pace::default(), salt(admission));
        let input_rules = InputRules::default();
        Ok(Self { version, salt, model, decides, counters, pace, column_stats: None, input_rules })
    }

    /// Counts every row that it answers into `profile` too.
    pub fn with_column_stats(mut self, column_stats: Arc<ColumnStats>) -> Self {
        self.column_stats = Some(column_stats);
        self
    }

    /// Holds every row against these rules before it is scored.
    pub fn with_input_rules(mut self, rules: InputRules) -> Self {
        self.input_rules = rules;
        self
    }

    /// The rules for its inputs.
    pub const fn input_rules(&self) -> &InputRules {
        &self.input_rules
    }

    /// What it answers, counted by the frozen references of its columns; `None` where nobody asked for it.
    pub fn column_stats(&self) -> Option<&Arc<ColumnStats>> {
        self.column_stats.as_ref()
    }

    /// A version that answers no caller: its golden requests are asked of it before it is admitted anywhere.
    pub fn for_validation(predictor: Arc<dyn Predictor>, version: VersionRef, threshold: Option<f64>) -> Self {
        let decides = DecisionThreshold::of(threshold, predictor.signature());
        let (counters, pace) = (Counters::new(ScoreEdges::default()), Pace::default());
        let (salt, input_rules) = (version.number, InputRules::default());
        let model = Arc::new(Resident(predictor));
        Self { version, salt, model, decides, counters, pace, column_stats: None, input_rules }
    }

    /// The same model with counters of its own and without rules: what it is asked in trial stands in no count of what it
    /// served, and is what it was trained to answer, whatever it refuses or marks when it serves.
    pub fn with_own_counters(&self) -> Self {
        let Self { version, salt, .. } = *self;
        let (decides, model) = (self.decides.clone(), self.model.clone());
        let (counters, pace) = (Counters::new(ScoreEdges::default()), Pace::default());
        let input_rules = InputRules::default();
        Self { version, salt, model, decides, counters, pace, column_stats: None, input_rules }
    }

    /// Which version it is.
    pub const fn version(&self) -> VersionRef {
        self.version
    }

    pub(super) const fn salt(&self) -> u64 {
        self.salt
    }

    /// What it takes and what it answers.
    pub fn signature(&self) -> &Signature {
        self.model.signature()
    }

    /// Its model: whether it is in memory, and why not.
    pub fn model(&self) -> &dyn ModelSlot {
        &*self.model
    }

    /// What it did since it was loaded.
    pub fn counts(&self) -> VersionCounts {
        self.counters.snapshot()
    }

    pub(super) const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Whether something outside of our own kernels answers.
    pub fn is_external(&self) -> bool {
        self.model.is_external()
    }

    /// What its worker processes did; `None` where it has none.
    pub fn worker_counts(&self) -> Option<WorkerCounts> {
        self.model.worker_counts()
    }

    /// How long scoring so many rows will take, by what it took so far; `None` before it scored any, and where that says
    /// nothing because others may be waited for.
    pub(super) fn expected_time(&self, rows: usize) -> Option<Duration> {
        self.pace.expected(rows).filter(|_| !self.is_external())
    }

    /// Scores all rows and counts them. A failure is not counted yet: whose fault it is, the caller knows.
    pub(super) fn score(&self, table: &Table) -> Result<(ModelOutput, u64), ScoreError> {
        let model = self.model.get()?;
        let begin = Instant::now();
        // A candidate that panics must not take the champion's answer with it.
        let answers = std::panic::catch_unwind(AssertUnwindSafe(|| model.predict(table)));
        let mut answers = answers.map_err(|_| ScoreError::Panicked)??;
        if answers.scores.len() != table.rows() {
            return Err(ScoreError::WrongCount { found: answers.scores.len(), rows: table.rows() });
        }
        if let Some(decides) = &self.decides {
            decides.apply(&mut answers);
        }
        let latency = begin.elapsed();
        self.counters.scored(&answers.scores, latency);
        self.pace.note(table.rows(), latency);
        Ok((answers, u64::try_from(latency.as_micros()).unwrap_or(u64::MAX)))
    }

    /// What each column adds to the scores of the rows of `table`.
    pub(super) fn explain(&self, table: &Table) -> Result<Attributions, ScoreError> {
        let signature = self.signature();
        let (rows, columns) = (table.rows(), signature.inputs.len().max(1));
        let most = MAX_ATTRIBUTIONS / (columns * signature.classes.len().max(1));
        if rows > most {
            return Err(ScoreError::ExplainsTooMuch { rows, columns, most });
        }
        let model = self.model.get()?;
        let explained = std::panic::catch_unwind(AssertUnwindSafe(|| model.explain(table)));
        explained.map_err(|_| ScoreError::Panicked)?.map_err(|error| match error {
            ExplainError::Predict(error) => ScoreError::Predict(error),
            error => ScoreError::Explain(error),
        })
    }

    /// The table with every input that the model reads: optional ones that were not sent are missing throughout. A request
    /// that lacks another is refused: a client that lost a feature must not get an answer as if all were well.
    pub(super) fn complete<'t>(&self, table: &'t Table) -> Result<Cow<'t, Table>, ScoreError> {
        let signature = self.signature();
        let missing: Vec<String> = signature.absent(table).map(|input| input.name.clone()).collect();
        if !missing.is_empty() {
            let known = signature.inputs.iter().map(|input| input.name.clone()).collect();
            return Err(ScoreError::MissingInputs { missing, known });
        }
        let optional = signature.inputs.iter().filter(|input| input.optional && table.get(&input.name).is_none());
        let absent: Vec<_> = optional.collect();
        if absent.is_empty() {
            return Ok(Cow::Borrowed(table));
        }
        let mut table = table.clone();
        for input in absent {
            // The column is not there and has the right length, so it fits.
            let _ = table.push(input.name.clone(), missing_column(input.kind, table.rows()));
        }
        Ok(Cow::Owned(table))
    }
}

/// Two versions of one model, which differ in their threshold, draw other entities too.
fn salt(admission: &LoadRequest) -> u64 {
    let model = admission.model.raw().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    model ^ admission.version.number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn check_state(admission: &LoadRequest) -> Result<(), LoadRejected> {
    let LoadRequest { version, state, admits, .. } = *admission;
    if admits.accepts(state) { Ok(()) } else { Err(LoadRejected::State { version, state, admits }) }
}

fn missing_column(kind: InputKind, rows: usize) -> Column {
    match kind {
        InputKind::Number => Column::Float(vec![f64::NAN; rows]),
        InputKind::Integer => Column::Int(vec![None; rows]),
        InputKind::Boolean => Column::Bool(vec![None; rows]),
        InputKind::Text => Column::Text(vec![None; rows]),
        InputKind::Time => Column::Time(vec![None; rows]),
    }
}
