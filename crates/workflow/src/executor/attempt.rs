//! What is executed, and how it ended.

use std::{collections::BTreeMap, fmt, io, path::PathBuf, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

/// Receives pieces of the output as they come, from another thread.
pub type Tee = Arc<dyn Fn(&[u8]) + Send + Sync>;

/// What to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// A line for `sh -c`.
    Shell(String),
    /// A program (looked up in the PATH of `environment`) and its arguments, no shell between.
    Program(Vec<String>),
}

/// One attempt of one step.
#[derive(Clone)]
pub struct Attempt {
    /// What to start.
    pub command: Command,
    /// Working directory.
    pub folder: PathBuf,
    /// The whole environment of the child: nothing else is inherited.
    pub environment: BTreeMap<String, String>,
    /// Standard output and standard error, as they came; the file is created or truncated.
    pub log: PathBuf,
    /// Most bytes kept of the log: the first half and the last half of them.
    pub log_limit_bytes: u64,
    /// The process group is ended when it takes longer.
    pub timeout: Option<Duration>,
    /// Time between SIGTERM and SIGKILL.
    pub grace: Duration,
    /// Also receives the output while it comes.
    pub tee: Option<Tee>,
    /// Where to note which process runs, so that the next start can end it if this process is killed.
    pub mark: Option<PathBuf>,
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "value")]
pub enum End {
    /// By itself, with this exit code.
    Exited(i32),
    /// By a signal that was not ours.
    Signalled(i32),
    /// By us, because its time was over.
    TimedOut,
    /// By us, because the run was cancelled.
    Cancelled,
}

impl End {
    /// Whether it ended by itself, with exit code 0.
    pub fn is_success(&self) -> bool {
        *self == Self::Exited(0)
    }

    /// The code a shell would show: 128 + signal for a killed process.
    pub fn exit_code(&self) -> Option<i32> {
        match self {
            Self::Exited(code) => Some(*code),
            Self::Signalled(signal) => Some(128 + signal),
            Self::TimedOut | Self::Cancelled => None,
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(0) => write!(out, "succeeded"),
            Self::Exited(127) => write!(out, "ended with exit code 127 (a command was not found)"),
            Self::Exited(137) => write!(out, "ended with exit code 137 (killed, often for lack of memory)"),
            Self::Exited(code) => write!(out, "ended with exit code {code}"),
            Self::Signalled(9) => write!(out, "was killed (signal 9), often for lack of memory"),
            Self::Signalled(signal) => write!(out, "was ended by signal {signal}"),
            Self::TimedOut => write!(out, "took longer than its timeout and was stopped"),
            Self::Cancelled => write!(out, "was cancelled"),
        }
    }
}

/// What an attempt cost and how it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// How the process ended.
    pub end: End,
    /// Milliseconds from start to end.
    pub wall_ms: u64,
    /// User and system time of the process and the descendants it waited for.
    pub cpu_ms: u64,
    /// Peak resident memory of the largest of them; `None` when it stayed below this process's own peak, which the
    /// kernel counts into every child that it starts.
    pub max_rss_bytes: Option<u64>,
    /// Bytes of output that were left out of the log.
    pub log_bytes_left_out: u64,
}

/// Why an attempt did not start, or could not be watched.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// There is no program to start.
    #[error("the command is empty; write what the step runs, like run = \"python train.py\"")]
    EmptyCommand,
    /// The system did not start the program.
    #[error("could not start `{program}` in `{}`; check that it is installed and on the PATH", .folder.display())]
    Start {
        /// The program as the command names it.
        program: String,
        /// The working folder of the attempt.
        folder: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// The output of the process cannot be kept.
    #[error("could not write the log `{}`", .path.display())]
    Log {
        /// The path of the log.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// The system does not report the end of the process.
    #[error("could not wait for process {pid}")]
    Wait {
        /// The id of the process.
        pid: u32,
        /// What the system answered.
        source: io::Error,
    },
    /// The folder that puts `kilter` on the PATH of steps cannot be written.
    #[error("could not make `kilter` available to steps in `{}`", .path.display())]
    Tool {
        /// The path that could not be written.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
}
