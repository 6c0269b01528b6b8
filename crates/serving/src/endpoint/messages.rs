//! A request that was read, the response to it, and why there is none.

use std::sync::Arc;

use kilter_domain::ids::EndpointName;
use kilter_inference::{ExecutorError, PredictError};

use super::{Explanation, NotLoaded, Routes, ScoreError, routes::ClassColumns};
use crate::{
    input_rules::InputMarks,
    prediction_log::{LogError, Role, VersionRef},
    v2::{Answer, OutputFormat, ResponseBody, Rows, V2Error, write_formatted, write_response},
};

/// Whether a request may say when its events happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventTimes {
    /// Live: the event is the request.
    Now,
    /// Replay and backfill: the request says it.
    Stated,
}

/// Rows to score. Made of a body by [`Endpoint::read`], or of a table in process by [`Endpoint::request`].
#[derive(Clone, Debug)]
pub struct InferRequest {
    pub(super) rows: Rows,
    pub(super) id: Option<String>,
    pub(super) consumer: Option<Arc<str>>,
    pub(super) outputs: Vec<String>,
    pub(super) format: OutputFormat,
    /// Whether attributions are wanted.
    pub(super) explains: bool,
    /// What was served when the request was read: it decided what the columns mean.
    pub(super) routes: Arc<Routes>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum InferError {
    #[error(transparent)]
    Request(#[from] V2Error),
    #[error(
        "the endpoint `{endpoint}` has no live version; deploy an approved version with \
         `kilter deploy {endpoint} --version N`"
    )]
    NothingServed { endpoint: EndpointName },
    #[error(
        "version `{version}` is not deployed at `{endpoint}` now; versions that answer a request which names them: {deployed}"
    )]
    VersionNotServed { endpoint: EndpointName, version: String, deployed: String },
    #[error("version {version} could not score the request: {reason}")]
    Score { version: VersionRef, reason: ScoreError },
    #[error("the answer was made but could not be recorded, so it is withheld: {}", publicly(.source))]
    NotRecorded {
        #[source]
        source: LogError,
    },
}

/// Why, without the server's paths: those stand in the source, for the server's own log.
fn publicly(error: &LogError) -> &'static str {
    match error {
        LogError::DiskFull { .. } => "the server's disk is full; try again later",
        LogError::Busy { .. } => "the server's disk cannot keep up; try again",
        LogError::TooLarge { .. } => "its rows are too many bytes for one record; send fewer at once",
        _ => "the server's log says why; try again later",
    }
}

impl InferError {
    /// Why the process that runs the model did not answer, where one runs it.
    pub const fn executor(&self) -> Option<&ExecutorError> {
        match self {
            Self::Score { reason: ScoreError::Predict(PredictError::Executor(error)), .. } => Some(error),
            _ => None,
        }
    }

    /// Why the model was not in memory, where that is why there is no answer.
    pub const fn not_loaded(&self) -> Option<&NotLoaded> {
        match self {
            Self::Score { reason: ScoreError::NotLoaded(reason), .. } => Some(reason),
            _ => None,
        }
    }

    /// Whether another request could do better, and the same one never can.
    pub const fn is_the_callers(&self) -> bool {
        match self {
            Self::Request(_) | Self::VersionNotServed { .. } => true,
            Self::Score { reason, .. } => reason.is_caller_error(),
            Self::NothingServed { .. } | Self::NotRecorded { .. } => false,
        }
    }

    /// The row whose value the model refused, where it was one row's.
    pub fn row(&self) -> Option<usize> {
        match self {
            Self::Score { reason, .. } => reason.row(),
            _ => None,
        }
    }

    /// The same refusal with another number of its row: that of a table from which the rows of the request were taken.
    pub fn in_row(self, row: usize) -> Self {
        match self {
            Self::Score { version, reason } => Self::Score { version, reason: reason.in_row(|_| row) },
            other => other,
        }
    }

    /// The HTTP status that says the same.
    pub const fn status(&self) -> u16 {
        match self.executor() {
            Some(ExecutorError::TimedOut { .. }) => return 504,
            Some(ExecutorError::Lost { .. } | ExecutorError::Overloaded { .. }) => return 503,
            _ => {}
        }
        if self.not_loaded().is_some() {
            return 503;
        }
        match self {
            Self::Request(error) => error.status(),
            Self::Score { reason, .. } if reason.is_caller_error() => 400,
            Self::Score { .. } => 500,
            Self::VersionNotServed { .. } => 404,
            Self::NotRecorded { source: LogError::DiskFull { .. } } => 507,
            Self::NotRecorded { source: LogError::TooLarge { .. } } => 413,
            Self::NothingServed { .. } | Self::NotRecorded { .. } => 503,
        }
    }

    /// A stable name for programs.
    pub const fn code(&self) -> &'static str {
        match self.executor() {
            Some(ExecutorError::TimedOut { .. }) => return "timed_out",
            Some(ExecutorError::Lost { .. } | ExecutorError::Overloaded { .. }) => return "overloaded",
            _ => {}
        }
        match self.not_loaded() {
            Some(NotLoaded::Failed { .. }) => return "no_live_version",
            Some(_) => return "overloaded",
            None => {}
        }
        match self {
            Self::Request(V2Error::BodyTooLarge { .. }) => "body_too_large",
            Self::Request(_) => "bad_request",
            Self::NothingServed { .. } => "no_live_version",
            Self::VersionNotServed { .. } => "not_found",
            Self::Score { reason, .. } if reason.is_caller_error() => "bad_request",
            Self::Score { .. } => "prediction_failed",
            Self::NotRecorded { .. } => "prediction_not_recorded",
        }
    }
}

/// The answer to a request; one entry a row, in the order of the request.
#[derive(Clone, Debug, PartialEq)]
pub struct InferResponse {
    /// The name that the request used.
    pub model_name: String,
    /// The id of the request, given back.
    pub id: Option<String>,
    /// Prediction ids.
    pub ids: Vec<Arc<str>>,
    /// Which version answered each row.
    pub versions: Vec<VersionRef>,
    /// Which versions answered, each with its role.
    pub answered: AnsweredBy,
    /// The score of each row, as [`ModelOutput::scores`](crate::endpoint::ModelOutput).
    pub scores: Vec<f64>,
    /// The predicted class of each row; `None` for a regression.
    pub labels: Option<Vec<Arc<str>>>,
    /// Row-major `rows × classes`.
    pub probabilities: Option<Vec<f32>>,
    pub(super) outputs: Vec<String>,
    pub(super) format: OutputFormat,
    pub(super) columns: Arc<ClassColumns>,
    /// Why, where the request asked for it.
    pub explanation: Option<Explanation>,
    pub(super) made_ids: bool,
    pub(super) marked: Option<Box<MarkedRows>>,
}

/// Which versions answered a request, each with its role: one, or the live version and a canary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AnsweredBy([Option<(u64, Role)>; 2]);

impl AnsweredBy {
    pub(super) fn add(&mut self, number: u64, role: Role) {
        let [first, second] = &mut self.0;
        let place = if first.is_none() { first } else { second };
        *place = Some((number, role));
    }

    /// The number of each version that answered, with its role.
    pub fn iter(&self) -> impl Iterator<Item = (u64, Role)> {
        self.0.into_iter().flatten()
    }
}

/// How many rows of a request each input rule marked, or put another value into.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MarkedRows {
    flagged: Vec<(Arc<str>, usize)>,
    imputed: Vec<(Arc<str>, usize)>,
}

impl MarkedRows {
    pub(super) fn add(&mut self, marks: &InputMarks) {
        add(&mut self.flagged, marks.flags());
        add(&mut self.imputed, marks.imputations());
    }

    /// `range(age)=2, unseen(plan)=1`: each rule with the number of rows that it marked; `None`: none.
    pub fn flagged(&self) -> Option<String> {
        sentence(&self.flagged)
    }

    /// The same of the rules that put another value in.
    pub fn imputed(&self) -> Option<String> {
        sentence(&self.imputed)
    }
}

fn add(all: &mut Vec<(Arc<str>, usize)>, more: &[(Arc<str>, usize)]) {
    for (rule, rows) in more {
        match all.iter_mut().find(|(known, _)| known == rule) {
            Some((_, count)) => *count += rows,
            None => all.push((rule.clone(), *rows)),
        }
    }
}

fn sentence(counts: &[(Arc<str>, usize)]) -> Option<String> {
    let parts: Vec<String> = counts.iter().map(|(rule, rows)| format!("{rule}={rows}")).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

impl InferResponse {
    /// The answer as a V2 JSON body. `model_version` is the version of the first row.
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(|answer| write_response(answer, &mut out));
        out
    }

    /// The answer as a V2 body in the format that the request asked for.
    pub fn to_body(&self) -> ResponseBody {
        match self.format.is_plain() {
            true => ResponseBody { bytes: self.to_json(), json_length: None },
            false => self.write(|answer| write_formatted(answer, &self.format, self.classes())),
        }
    }

    /// Whether the request named this output among those that it wants.
    pub(crate) fn is_asked_for(&self, output: &str) -> bool {
        self.outputs.iter().any(|asked| asked == output)
    }

    /// The classes in the order of the probabilities; empty for a regression.
    pub fn classes(&self) -> &[String] {
        self.columns.classes()
    }

    /// What input rules say of the rows; `None`: nothing.
    pub fn marked(&self) -> Option<&MarkedRows> {
        self.marked.as_deref()
    }

    /// Hands the answer to `write`, with the outputs that are wanted. `model_version` is the version of the first row.
    pub fn write<T>(&self, write: impl FnOnce(&Answer<'_>) -> T) -> T {
        let versions: Vec<u64> = self.versions.iter().map(|version| version.number).collect();
        let first = versions.first().copied().unwrap_or_default();
        let flagged = self.marked().and_then(MarkedRows::flagged);
        let imputed = self.marked().and_then(MarkedRows::imputed);
        let is_told = |role: &Role| matches!(role, Role::Pinned | Role::Fallback);
        let route = self.answered.iter().map(|(_, role)| role).find(is_told).map(Role::as_str);
        write(&Answer {
            model_name: &self.model_name,
            model_version: &first.to_string(),
            id: self.id.as_deref(),
            ids: &self.ids,
            versions: &versions,
            scores: &self.scores,
            labels: self.labels.as_deref(),
            probabilities: self.probabilities.as_deref(),
            explanation: self.explanation.as_ref(),
            wanted: &self.outputs,
            made_ids: self.made_ids,
            flagged: flagged.as_deref(),
            imputed: imputed.as_deref(),
            route,
        })
    }
}
