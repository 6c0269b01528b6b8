//! Why a step has no Python environment.

use std::{io, path::PathBuf};

use kilter_blobs::BlobError;

use crate::executor::RunnerError;

/// Why a step has no Python environment.
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    /// The lock needs `uv`, and there is none.
    #[error(
        "the environment of `{lock}` is made by `uv`, which is not on the PATH; install it (`pip install uv`), or name it by KILTER_UV"
    )]
    NoUv {
        /// The lock file, relative to the project.
        lock: String,
    },
    /// A lock, or a file that belongs to it, cannot be read.
    #[error(
        "`{path}`, which the environment of the steps is made from, cannot be read; create it, or correct `lock` in [env]"
    )]
    Unreadable {
        /// The file, relative to the project.
        path: String,
        /// What the system answered.
        source: io::Error,
    },
    /// A package that is a folder has more files than are looked at.
    #[error(
        "the package `{}` has more than {max} files; move what is no part of it elsewhere, or name a wheel of it", .path.display()
    )]
    TooManyFiles {
        /// The folder.
        path: PathBuf,
        /// Files that a package may have.
        max: usize,
    },
    /// `uv` did not make the environment.
    #[error("the environment of `{lock}` could not be made: {reason}; {hint}")]
    NotMade {
        /// The lock file, relative to the project.
        lock: String,
        /// What `uv` says, in one line.
        reason: String,
        /// What to do.
        hint: &'static str,
        /// The last lines of what `uv` wrote.
        tail: String,
    },
    /// It took too long.
    #[error(
        "the environment of `{lock}` was not made in {minutes} minutes; see whether the package index answers, and run again"
    )]
    TimedOut {
        /// The lock file, relative to the project.
        lock: String,
        /// How long it may take.
        minutes: u64,
    },
    /// The run was cancelled meanwhile.
    #[error("the run was cancelled while its environment was made")]
    Cancelled,
    /// What `uv` made is no environment that answers.
    #[error("the environment of `{lock}` does not answer with its packages; delete `{}` and run again", .folder.display())]
    Silent {
        /// The lock file, relative to the project.
        lock: String,
        /// Where it is.
        folder: PathBuf,
    },
    /// The Python that a step finds is not the one that the contract asks for.
    #[error(
        "[env] python asks for {asked}, and the step would run with {found} (`{}`); install that version, name it in the command \
         (`python{asked}`), or state a lock, from which the environment is made",
        .path.display()
    )]
    OtherPython {
        /// The version of the contract.
        asked: String,
        /// The version that is there.
        found: String,
        /// The interpreter.
        path: PathBuf,
    },
    /// The folder of environments cannot be written.
    #[error("the environment of the steps cannot be kept in `{}`", .path.display())]
    Keep {
        /// The path that could not be written or locked.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// The record of an environment cannot be written.
    #[error(transparent)]
    Store(#[from] BlobError),
    /// `uv` cannot be started or watched.
    #[error(transparent)]
    Start(#[from] RunnerError),
}

impl EnvironmentError {
    /// The last lines of what `uv` wrote.
    pub(crate) fn tail(&self) -> Option<&str> {
        match self {
            Self::NotMade { tail, .. } => Some(tail),
            _ => None,
        }
    }
}

/// What to do about what `uv` wrote.
pub(crate) fn hint_for(log: &str) -> &'static str {
    let says = |words: &str| log.contains(words);
    match () {
        () if says("Hash mismatch") => {
            "a package is not the one that was locked: do not install it before you know why; lock anew if the change is wanted"
        }
        () if says("No interpreter found") || says("No download found") => {
            "install that version of Python, or correct `python` in [env]"
        }
        () if says("network was disabled")
            || says("error sending request")
            || says("Failed to fetch")
            || says("dns error") =>
        {
            "see whether the package index can be reached; what was fetched before is taken from the cache of uv"
        }
        () if says("requires-python") || says("incompatible with the project") => {
            "let `python` in [env] and `requires-python` in pyproject.toml agree"
        }
        () if says("No solution found") => "correct the versions in the lock; no set of packages satisfies them",
        () if says("Failed to build") => {
            "a package has no wheel for this machine: install what its build needs, or lock another version"
        }
        () => "try the same with `uv` by hand",
    }
}

/// The line of what `uv` wrote that says what is wrong, with its causes.
pub(crate) fn reason_in(log: &str) -> String {
    let lines: Vec<&str> = log.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let start = lines.iter().position(|line| line.starts_with("error:") || line.starts_with("×")).unwrap_or(0);
    let said = lines.iter().skip(start).take_while(|line| !line.starts_with("hint:")).take(6);
    let clean = said.map(|line| {
        let line = line.trim_start_matches("error:").trim_start_matches("cause:").trim_start_matches("Caused by:");
        line.trim_start_matches(['×', '├', '╰', '─', '▶', '│', ' ']).trim()
    });
    let text = clean.collect::<Vec<_>>().join(": ").replace(":: ", ": ");
    if text.is_empty() { "`uv` says nothing".to_owned() } else { text.chars().take(400).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_uv_writes_becomes_a_reason_and_a_way_out() {
        let mismatch = "Using Python 3.11.7\nerror: Failed to download `hello==1.0`\n  cause: Hash mismatch for `hello==1.0`\n\n  Expected:\n    sha256:8e\n";
        assert_eq!(
            reason_in(mismatch),
            "Failed to download `hello==1.0`: Hash mismatch for `hello==1.0`: Expected: sha256:8e"
        );
        assert!(hint_for(mismatch).starts_with("a package is not the one that was locked"));
        let version = "error: No interpreter found for Python 3.99 in managed installations or search path";
        assert_eq!(hint_for(version), "install that version of Python, or correct `python` in [env]");
        let offline = "  × Failed to fetch: `http://127.0.0.1:9/simple/x/`\n  ╰─▶ error sending request\n";
        assert_eq!(reason_in(offline), "Failed to fetch: `http://127.0.0.1:9/simple/x/`: error sending request");
        assert!(hint_for(offline).contains("index can be reached"));
        assert_eq!(reason_in(""), "`uv` says nothing");
    }
}
