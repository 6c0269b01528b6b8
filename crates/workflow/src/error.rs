//! Why a run did not start, and why a step failed.

use std::path::PathBuf;

use crate::executor::{End, RunnerError};
use kilter_blobs::{BlobError, UnsafePath};
use kilter_domain::ids::StepName;

use super::{
    code_deps::CodeError, lockfile::LockfileError, locks::LockError, metrics::MetricsError, plan_error::PlanError,
    python_env::EnvironmentError,
};

/// Why a run did not start. Nothing was executed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The steps that are wanted do not make a plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A dataset cannot be pinned, or is not what `kilter.lock` pins.
    #[error(transparent)]
    Data(#[from] LockfileError),
    /// The folder with the blobs and the cache cannot be opened.
    #[error("could not open what Kilter keeps in `{}`", .folder.display())]
    State {
        /// The state folder.
        folder: PathBuf,
        /// What failed there.
        source: BlobError,
    },
    /// The project folder does not exist, or cannot be entered.
    #[error("there is no project in `{}`; go to the folder of kilter.toml, or create one with `kilter init`", .folder.display())]
    NoProject {
        /// The folder that was given.
        folder: PathBuf,
        /// What the system answered.
        source: std::io::Error,
    },
    /// Another value is given for a parameter that the contract does not have.
    #[error("the parameter `{path}` cannot be set to another value: [params] has no such entry")]
    UnknownParam {
        /// The dotted path of the parameter: `train.lr`.
        path: String,
    },
    /// The lock file of the packages cannot be read.
    #[error("the lock file of the environment, `{path}`, cannot be read; create it, or correct `lock` in [env]")]
    EnvironmentLock {
        /// Its path, relative to the project.
        path: String,
        /// What failed.
        source: BlobError,
    },
    /// `kilter` cannot be made available to the steps.
    #[error(transparent)]
    Runner(#[from] RunnerError),
}

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// Its last attempt did not succeed.
    #[error("the step {end}{}", after(*.attempts))]
    Ended {
        /// How the last attempt ended.
        end: End,
        /// Attempts that there were, at least 1.
        attempts: u32,
    },
    /// An attempt could not be started or watched.
    #[error(transparent)]
    Start(#[from] RunnerError),
    /// A declared output was not written.
    #[error("the command succeeded but did not write its output `{output}`{hint}")]
    MissingOutput {
        /// The name of the output in the contract.
        output: String,
        /// What to do, to go on behind the sentence.
        hint: String,
    },
    /// An output cannot be read or stored.
    #[error("output `{output}` cannot be kept")]
    BadOutput {
        /// The name of the output in the contract.
        output: String,
        /// What failed.
        source: BlobError,
    },
    /// An output is larger than `max_output`.
    #[error(
        "output `{output}` has {bytes} bytes, more than the {limit} that it may have; let the step write less, or write \
         `max_output = \"{enough}GiB\"` into [step.{step}] (nothing of it was kept)"
    )]
    OutputTooLarge {
        /// The name of the step.
        step: StepName,
        /// The name of the output in the contract.
        output: String,
        /// The size of what was written, in bytes.
        bytes: u64,
        /// The largest size that is accepted, in bytes.
        limit: u64,
        /// The `max_output` that would do, in GiB, rounded up.
        enough: u64,
    },
    /// The path of an output leads out of the project, for example by a link.
    #[error("output `{output}` cannot be put at `{path}`")]
    OutputPlace {
        /// The name of the output in the contract.
        output: String,
        /// The path as the contract states it.
        path: String,
        /// What is wrong with the path.
        source: UnsafePath,
    },
    /// An output is stored, and cannot be written to its path.
    #[error("output `{output}` could not be put in place")]
    Place {
        /// The name of the output in the contract.
        output: String,
        /// What failed.
        source: BlobError,
    },
    /// The metrics file of the step cannot be read as metrics.
    #[error("output `{output}` holds no metrics")]
    Metrics {
        /// The name of the output in the contract.
        output: String,
        /// What is wrong with the file.
        source: MetricsError,
    },
    /// The working folder of the step leads out of the project, for example by a link.
    #[error("the step cannot run in `{folder}`")]
    Folder {
        /// The folder as the contract states it.
        folder: String,
        /// What is wrong with the path.
        source: UnsafePath,
    },
    /// An input was written by somebody else while the step was executed.
    #[error("input `{input}` changed while the run was using it; its result was thrown away, run it again")]
    InputChanged {
        /// The name of the input.
        input: String,
    },
    /// The output of another step is needed, and no earlier run has made it.
    #[error(
        "input `{input}` is made by step `{step}`, which is not part of this run, and has not been made before; run `{step}` too"
    )]
    NotMade {
        /// The name of the input.
        input: String,
        /// The step whose output it is.
        step: String,
    },
    /// The code that is part of its key cannot be found.
    #[error("the code it depends on cannot be found out")]
    Code(#[from] CodeError),
    /// The Python environment that it runs in cannot be made, or is another one than the contract states.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// The paths of its inputs and outputs cannot be locked.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The blob store or the cache cannot be read or written.
    #[error(transparent)]
    Store(#[from] BlobError),
}

fn after(attempts: u32) -> String {
    if attempts > 1 { format!(" in each of {attempts} attempts") } else { String::new() }
}

impl StepError {
    pub(crate) fn is_cancelled(&self) -> bool {
        matches!(
            self,
            Self::Ended { end: End::Cancelled, .. }
                | Self::Lock(LockError::Cancelled { .. })
                | Self::Environment(EnvironmentError::Cancelled)
        )
    }
}
