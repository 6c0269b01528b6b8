//! A request that was read, the response to it, and why there is none.

use std::sync::Arc;

use kilter_domain::ids::EndpointName;

use super::{Routes, ScoreError, routes::ClassColumns};
use crate::{
    prediction_log::{LogError, VersionRef},
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
        "version `{version}` of model `{endpoint}` answers nobody here; `GET /v2/models/{endpoint}` lists those that do"
    )]
    VersionNotServed { endpoint: EndpointName, version: String },
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
    /// Whether another request could do better, and the same one never can.
    pub const fn is_the_callers(&self) -> bool {
        match self {
            Self::Request(_) | Self::VersionNotServed { .. } => true,
            Self::Score { reason, .. } => reason.is_caller_error(),
            Self::NothingServed { .. } | Self::NotRecorded { .. } => false,
        }
    }

    /// The row whose value the model refused, where it was one row's.
    pub const fn row(&self) -> Option<usize> {
        match self {
            Self::Score { reason: ScoreError::Predict(error), .. } => error.row(),
            _ => None,
        }
    }

    /// The same refusal with another number of its row: that of a table from which the rows of the request were taken.
    pub fn in_row(mut self, row: usize) -> Self {
        if let Self::Score { reason: ScoreError::Predict(error), .. } = &mut self {
            error.set_row(row);
        }
        self
    }

    /// The HTTP status that says the same.
    pub const fn status(&self) -> u16 {
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
    /// The score of each row, as [`ModelOutput::scores`](crate::endpoint::ModelOutput).
    pub scores: Vec<f64>,
    /// The predicted class of each row; `None` for a regression.
    pub labels: Option<Vec<Arc<str>>>,
    /// Row-major `rows × classes`.
    pub probabilities: Option<Vec<f32>>,
    pub(super) outputs: Vec<String>,
    pub(super) format: OutputFormat,
    pub(super) columns: Arc<ClassColumns>,
    pub(super) made_ids: bool,
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

    /// Hands the answer to `write`, with the outputs that are wanted. `model_version` is the version of the first row.
    pub fn write<T>(&self, write: impl FnOnce(&Answer<'_>) -> T) -> T {
        let versions: Vec<u64> = self.versions.iter().map(|version| version.number).collect();
        let first = versions.first().copied().unwrap_or_default();
        write(&Answer {
            model_name: &self.model_name,
            model_version: &first.to_string(),
            id: self.id.as_deref(),
            ids: &self.ids,
            versions: &versions,
            scores: &self.scores,
            labels: self.labels.as_deref(),
            probabilities: self.probabilities.as_deref(),
            wanted: &self.outputs,
            made_ids: self.made_ids,
        })
    }
}
