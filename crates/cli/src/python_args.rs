//! By which Python models run whose code is Python, and the limits of their workers: options of `kilter server`, and the environment of
//! every other command.

use std::{env, path::PathBuf, time::Duration};

use clap::Args;
use kilter_app::{PythonOptions, PythonSource, WorkerSettings};
use kilter_domain::time::{Span, Timestamp};

use crate::byte_size::Size;

/// The variable with the interpreter.
const PYTHON: &str = "KILTER_MODEL_PYTHON";
/// The variable with the environment.
const ENVIRONMENT: &str = "KILTER_MODEL_ENVIRONMENT";

/// Models of Python.
#[derive(Clone, Debug, Args)]
pub(crate) struct PythonArgs {
    /// Run models of Python (any `pyfunc` of MLflow) in worker processes, with this interpreter. For the packages of each model one
    /// environment is made by pip in the data folder. Without this option the code of no model runs.
    #[arg(long, value_name = "PATH", env = PYTHON, hide_env_values = true)]
    python: Option<PathBuf>,
    /// Run models of Python in this environment, which you made: its folder, or its interpreter. Nothing is installed then.
    #[arg(long, value_name = "PATH", env = ENVIRONMENT, hide_env_values = true)]
    python_environment: Option<PathBuf>,
    /// Worker processes of a model of Python.
    #[arg(long, value_name = "N", default_value_t = WorkerSettings::default().workers as u16, value_parser = clap::value_parser!(u16).range(1..=256))]
    python_workers: u16,
    /// The longest duration of a call of a model of Python, like `30s`; then its worker is ended and the request answered 504.
    #[arg(long, value_name = "TIME", default_value = "30s")]
    python_timeout: Span,
    /// The most memory that a worker of Python may allocate, like `4GiB`.
    #[arg(long, value_name = "SIZE", default_value = "4GiB")]
    python_memory: Size,
    /// Requests that may wait for the workers of a model; more are answered 503.
    #[arg(long, value_name = "N", default_value_t = WorkerSettings::default().max_waiting)]
    python_queue: usize,
    /// Rows of waiting requests that are joined into one call of a model; 1 joins none.
    #[arg(long, value_name = "N", default_value_t = WorkerSettings::default().batch_rows)]
    python_batch_rows: usize,
    /// How many milliseconds a free worker waits for more requests to join; 0 joins what waits already.
    #[arg(long, value_name = "MS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=1_000))]
    python_batch_delay_ms: u64,
    /// A worker of Python is replaced after this many calls; 0 never.
    #[arg(long, value_name = "N", default_value_t = WorkerSettings::default().recycle_after)]
    python_recycle: u64,
}

impl PythonArgs {
    /// What is given; `None` where no Python is named.
    pub(crate) fn options(&self) -> Option<PythonOptions> {
        let timeout = Timestamp(0).after(self.python_timeout).millis();
        let workers = WorkerSettings {
            workers: usize::from(self.python_workers),
            request_timeout: Duration::from_millis(u64::try_from(timeout).unwrap_or(0).max(1)),
            memory_bytes: self.python_memory.bytes() as u64,
            recycle_after: self.python_recycle,
            max_waiting: self.python_queue,
            batch_rows: self.python_batch_rows.max(1),
            batch_delay: Duration::from_millis(self.python_batch_delay_ms),
            ..WorkerSettings::default()
        };
        Some(PythonOptions { source: source(self.python_environment.clone(), self.python.clone())?, workers })
    }
}

/// What the environment names, with the limits of the defaults.
pub(crate) fn from_environment() -> Option<PythonOptions> {
    let named = |name| env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from);
    Some(PythonOptions { source: source(named(ENVIRONMENT), named(PYTHON))?, workers: WorkerSettings::default() })
}

/// An environment that somebody made goes before one that is to be made.
fn source(environment: Option<PathBuf>, python: Option<PathBuf>) -> Option<PythonSource> {
    environment.map(PythonSource::Environment).or(python.map(PythonSource::Interpreter))
}
