//! Why a file is not a model, why rows could not be answered, and why answers cannot be explained.

use std::time::Duration;

use kilter_domain::table::ColumnType;
use kilter_stats::Unmeasured;

use crate::signature::InputKind;

/// Why bytes could not be loaded as a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum LoadError {
    #[error("the bytes are not an ONNX model: {reason} (at byte {at}); the file may be cut off or of another format")]
    NotOnnx { at: usize, reason: String },
    #[error("the {format} model cannot be read: {reason}")]
    BrokenFile { format: &'static str, reason: String },
    #[error("this {format} model is not among those that Kilter runs: {reason}")]
    NotRun { format: &'static str, reason: String },
    #[error("the ONNX graph is broken: {0}")]
    BrokenGraph(String),
    #[error(
        "the operator `{operator}` of node `{node}` is not among those that Kilter runs (trees, linear models, support \
         vectors, neighbours, small networks, text and their preparation)"
    )]
    UnknownOperator { operator: String, node: String },
    #[error("the operator `{operator}` of node `{node}` cannot be used: {reason}")]
    BadOperator { operator: String, node: String, reason: String },
    #[error("the model is larger than is accepted: {what} is {size}, at most {limit} is allowed")]
    TooLarge { what: String, size: u64, limit: u64 },
    #[error("the metadata entry `{key}` of the model file cannot be read: {reason}")]
    BadSignature { key: String, reason: String },
    #[error("the model's outputs are not those of a classifier or regressor: {0}")]
    UnknownOutputs(String),
    #[error("it is a model of Python (a model folder of MLflow), and no Python is named that may run it")]
    NeedsPython,
    #[error("the model could not be loaded by {runtime}: {reason}")]
    Runtime { runtime: &'static str, reason: String },
}

impl LoadError {
    /// Whether another runtime of ONNX may take a file that our own executor refuses with it.
    pub const fn is_of_executor(&self) -> bool {
        matches!(
            self,
            Self::UnknownOperator { .. } | Self::BadOperator { .. } | Self::BrokenGraph(_) | Self::UnknownOutputs(_)
        )
    }

    /// What to do next.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::NotOnnx { .. } => {
                "write the model as ONNX (skl2onnx for scikit-learn), or with `save_model` of LightGBM (text) or XGBoost (`.json` or `.ubj`), \
                 or train one with `kilter train`"
            }
            Self::BrokenFile { .. } => "write the model again with `save_model` of its library",
            Self::NotRun { .. } => {
                "train it with another objective or without the setting that is named, or convert it to ONNX (onnxmltools)"
            }
            Self::UnknownOperator { .. } | Self::BadOperator { .. } => {
                "train an estimator of other operators (`docs/reference/onnx.md` lists them), get onnxruntime for the others \
                 (`tools/fetch-onnxruntime`, docs/guides/serve-any-model.md), or use `kilter train`"
            }
            Self::BrokenGraph(_) | Self::BadSignature { .. } => "export the model again, with its graph in one file",
            Self::TooLarge { .. } => "train a smaller model, with fewer or smaller trees",
            Self::UnknownOutputs(_) => {
                "export a classifier (its label and its probabilities) or a regressor (one value a row)"
            }
            Self::NeedsPython => {
                "running the Python code of a model is the decision of the operator: start the server with `--python PATH`, or set \
                 KILTER_MODEL_PYTHON for a command (docs/guides/serve-any-model.md)"
            }
            Self::Runtime { .. } => {
                "load the model by the same libraries outside of Kilter, correct what is named, and log it again"
            }
        }
    }
}

/// Why rows could not be answered.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum PredictError {
    #[error("{}", absent(.columns, .nearest))]
    MissingColumns { columns: Vec<String>, nearest: Option<String> },
    #[error(
        "the model takes {width} columns as the one block `{input}`, and the rows have {}: {}; leave the others out, or \
         call the columns `{input}_0` to `{input}_{}`", .found.len(), listed(.found), width - 1
    )]
    BlockWidth { input: String, width: usize, found: Vec<String> },
    #[error("the column `{column}` holds {found:?} values where the model takes {expected:?}: row {row} is `{value}`")]
    WrongType { column: String, row: usize, value: String, found: ColumnType, expected: InputKind },
    #[error("the column `{column}` has no value in row {row}, and the model does not take missing values there")]
    MissingValue { column: String, row: usize },
    #[error(
        "the column `{column}` is `{value}` in row {row}; the model takes finite numbers within the range of float32"
    )]
    NotFinite { column: String, row: usize, value: String },
    #[error(
        "{rows} rows with {classes} classes each are more numbers than one answer holds ({limit}): score fewer rows at once"
    )]
    TooMuch { rows: usize, classes: usize, limit: usize },
    #[error("could not run the node `{node}` of the model: {reason}")]
    Node { node: String, reason: String },
    #[error(transparent)]
    Executor(#[from] ExecutorError),
}

impl PredictError {
    /// Whether the rows are at fault: another request could do better, and the same one never can.
    pub const fn is_caller_error(&self) -> bool {
        match self {
            Self::MissingColumns { .. }
            | Self::WrongType { .. }
            | Self::MissingValue { .. }
            | Self::NotFinite { .. }
            | Self::TooMuch { .. }
            | Self::Executor(ExecutorError::Refused { .. } | ExecutorError::TooLarge { .. }) => true,
            Self::BlockWidth { .. } | Self::Node { .. } | Self::Executor(_) => false,
        }
    }

    /// The row whose value is at fault, where it is one row's.
    pub const fn row(&self) -> Option<usize> {
        match self {
            Self::WrongType { row, .. } | Self::MissingValue { row, .. } | Self::NotFinite { row, .. } => Some(*row),
            Self::MissingColumns { .. }
            | Self::BlockWidth { .. }
            | Self::TooMuch { .. }
            | Self::Node { .. }
            | Self::Executor(_) => None,
        }
    }

    /// Gives the row at fault another number; nothing happens where no row is.
    pub const fn set_row(&mut self, number: usize) {
        if let Self::WrongType { row, .. } | Self::MissingValue { row, .. } | Self::NotFinite { row, .. } = self {
            *row = number;
        }
    }
}

/// Why a model that runs outside of our own kernels did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum ExecutorError {
    #[error("the model refuses the rows: {reason}")]
    Refused { reason: String },
    #[error("the rows are {bytes} bytes for one call of the model, at most {limit} are sent; score fewer rows at once")]
    TooLarge { bytes: u64, limit: u64 },
    #[error("the model failed: {reason}")]
    Failed { reason: String },
    #[error("the model did not answer within {} ms; its worker was ended and another one is started", .limit.as_millis())]
    TimedOut { limit: Duration },
    #[error("the worker of the model ended before it answered: {reason}")]
    Lost { reason: String },
    #[error("{waiting} requests wait for the workers of the model, more are not taken; try again")]
    Overloaded { waiting: usize },
}

/// Why a model or its answers cannot be explained.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum ExplainError {
    #[error("this model cannot be explained exactly: {0}; permutation importance needs no look inside")]
    Opaque(String),
    #[error(
        "the file does not say {0}, from which attributions start; hand in rows of the training data as a background"
    )]
    NoTraining(&'static str),
    #[error("the background has no rows; hand in rows of the training data")]
    NoBackground,
    #[error("the rows could not be explained")]
    Predict(#[from] PredictError),
    #[error("the attributions could not be computed: {0}")]
    Unmeasured(#[from] Unmeasured),
}

/// Columns that are named in one error.
const SHOWN_COLUMNS: usize = 20;

/// What an error says of columns that are not there.
fn absent(columns: &[String], nearest: &Option<String>) -> String {
    let hint = nearest.as_ref().map_or(String::new(), |name| format!("; did you mean `{name}`?"));
    match columns.len() {
        1 => format!("the column {} is missing{hint}", listed(columns)),
        _ => format!("the columns {} are missing{hint}", listed(columns)),
    }
}

fn listed(columns: &[String]) -> String {
    let shown: Vec<String> = columns.iter().take(SHOWN_COLUMNS).map(|name| format!("`{name}`")).collect();
    match columns.len() - shown.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
