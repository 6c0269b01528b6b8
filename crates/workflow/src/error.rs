//! Why a run did not start, and why a step failed.

use std::path::PathBuf;

use crate::executor::{End, RunnerError};
use kilter_blobs::{BlobError, UnsafePath};
use kilter_domain::ids::StepName;

use super::{code_deps::CodeError, lockfile::LockfileError, locks::LockError, metrics::MetricsError, plan::PlanError};

/// Why a run did not start. Nothing was executed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error(transparent)]
    Data(#[from] LockfileError),
    #[error("could not open what Kilter keeps in `{}`", .folder.display())]
    State { folder: PathBuf, source: BlobError },
    #[error("there is no project in `{}`; go to the folder of kilter.toml, or create one with `kilter init`", .folder.display())]
    NoProject { folder: PathBuf, source: std::io::Error },
    #[error("the parameter `{path}` cannot be set to another value: [params] has no such entry")]
    UnknownParam { path: String },
    #[error("the lock file of the environment, `{path}`, cannot be read; create it, or correct `lock` in [env]")]
    EnvironmentLock { path: String, source: BlobError },
    #[error(transparent)]
    Runner(#[from] RunnerError),
}

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    #[error("the step {end}{}", after(*.attempts))]
    Ended { end: End, attempts: u32 },
    #[error(transparent)]
    Start(#[from] RunnerError),
    #[error("the command succeeded but did not write its output `{output}`{hint}")]
    MissingOutput { output: String, hint: String },
    #[error("output `{output}` cannot be kept")]
    BadOutput { output: String, source: BlobError },
    #[error(
        "output `{output}` has {bytes} bytes, more than the {limit} that it may have; let the step write less, or write \
         `max_output = \"{enough}GiB\"` into [step.{step}] (nothing of it was kept)"
    )]
    OutputTooLarge { step: StepName, output: String, bytes: u64, limit: u64, enough: u64 },
    #[error("output `{output}` cannot be put at `{path}`")]
    OutputPlace { output: String, path: String, source: UnsafePath },
    #[error("output `{output}` could not be put in place")]
    Place { output: String, source: BlobError },
    #[error("output `{output}` holds no metrics")]
    Metrics { output: String, source: MetricsError },
    #[error("the step cannot run in `{folder}`")]
    Folder { folder: String, source: UnsafePath },
    #[error("input `{input}` changed while the run was using it; its result was thrown away, run it again")]
    InputChanged { input: String },
    #[error(
        "input `{input}` is made by step `{step}`, which is not part of this run, and has not been made before; run `{step}` too"
    )]
    NotMade { input: String, step: String },
    #[error("the code it depends on cannot be found out")]
    Code(#[from] CodeError),
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error(transparent)]
    Store(#[from] BlobError),
}

fn after(attempts: u32) -> String {
    if attempts > 1 { format!(" in each of {attempts} attempts") } else { String::new() }
}

impl StepError {
    pub(crate) fn is_cancelled(&self) -> bool {
        matches!(self, Self::Ended { end: End::Cancelled, .. } | Self::Lock(LockError::Cancelled { .. }))
    }
}
