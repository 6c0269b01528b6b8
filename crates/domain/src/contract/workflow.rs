//! `[step.*]`: commands, what they read and write, and how they are run.

use crate::{
    ids::{DatasetName, StepName},
    time::Span,
};

/// A step of the workflow: one command.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// `NAME` of `[step.NAME]`.
    pub name: StepName,
    /// The shell command, with `{in.NAME}`, `{out.NAME}` and `{params.NAME}` to be filled in.
    pub run: String,
    /// What it reads, in the order of the file.
    pub inputs: Vec<Input>,
    /// What it writes, in the order of the file.
    pub outputs: Vec<Output>,
    /// Dotted subtrees of `[params]` that the step may see: `train`, `train.lr`.
    pub params: Vec<String>,
    /// The output whose JSON holds metrics.
    pub metrics: Option<String>,
    /// How often, and with which pauses, a failed attempt is repeated. Default: never.
    pub retry: Retry,
    /// When an attempt is ended with its whole process group; `None`: never.
    pub timeout: Option<Span>,
    /// What it needs of the machine.
    pub needs: Needs,
    /// The most bytes of one output. Default [`DEFAULT_MAX_OUTPUT_BYTES`].
    pub max_output_bytes: u64,
    /// Values to try; `None`: the step runs once.
    pub sweep: Option<Sweep>,
    /// Globs of the files that are the step's code, relative to the project.
    pub code: Vec<String>,
    /// Names of the environment variables that are handed through; all others are scrubbed.
    pub env: Vec<String>,
    /// Where it runs, relative to the project; empty: at its root.
    pub cwd: String,
    /// Whether an equal run may be answered from the cache. Default true.
    pub cache: bool,
    /// Whether equal inputs give equal outputs. Default true.
    pub deterministic: bool,
}

/// What an output may have, unless the step says otherwise: what is written by mistake must not fill the disk a second
/// time.
pub const DEFAULT_MAX_OUTPUT_BYTES: u64 = 64 << 30;

/// What a step reads, under the name that `{in.NAME}` uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// The name of the placeholder: `{in.NAME}`.
    pub name: String,
    /// What it stands for.
    pub source: Source,
}

/// Where an input comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The file of `[data.NAME]`.
    Dataset(DatasetName),
    /// An output of an earlier step.
    Output {
        /// The step that writes it.
        step: StepName,
        /// The name of the output there.
        output: String,
    },
}

/// What a step writes, under the name that `{out.NAME}` uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The name of the placeholder: `{out.NAME}`.
    pub name: String,
    /// Relative to the project, inside of it.
    pub path: String,
}

/// When a failed step is tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// How often after the first try. Default 0.
    pub times: u32,
    /// What is worth another try; empty: any failure.
    pub on: Vec<RetryOn>,
    /// The wait before the first retry; it doubles each time. Default 1s.
    pub backoff: Span,
}

impl Default for Retry {
    fn default() -> Self {
        Self { times: 0, on: Vec::new(), backoff: Span::seconds(1) }
    }
}

/// A kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryOn {
    /// `exit:137`.
    Exit(i32),
    /// `signal:9`.
    Signal(i32),
    /// `timeout`.
    Timeout,
}

/// What a step needs of its machine.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Needs {
    /// Cores.
    pub cpu: Option<f64>,
    /// Memory in bytes; `None`: not stated.
    pub memory_bytes: Option<u64>,
    /// Graphics processors; `None`: not stated.
    pub gpu: Option<u32>,
}

/// Many runs of a step with other parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Sweep {
    /// Combinations that are tried, at least 1.
    pub trials: u32,
    /// Default 1.
    pub parallel: u32,
    /// `max auc`: the metric.
    pub metric: String,
    /// `max` or `min`.
    pub maximize: bool,
    /// Parameter name and where to look.
    pub search: Vec<(String, SearchSpace)>,
}

/// Where a parameter is searched.
#[derive(Clone, Debug, PartialEq)]
pub enum SearchSpace {
    /// `log 1e-5..1e-1`.
    Log {
        /// The lower end, included.
        low: f64,
        /// The upper end, included.
        high: f64,
    },
    /// `float 0.1..0.9`.
    Float {
        /// The lower end, included.
        low: f64,
        /// The upper end, included.
        high: f64,
    },
    /// `int 3..10`, both ends included.
    Int {
        /// The lower end, included.
        low: i64,
        /// The upper end, included.
        high: i64,
    },
    /// `[1, 2, "auto"]`.
    Choice(Vec<serde_json::Value>),
}
