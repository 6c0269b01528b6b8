//! The virtual environments of models: one per lock, made once, or one that the operator made.
//!
//! Invariants: an environment has its name only when every package of its lock is installed; two processes that need the same one make it
//! once. What is installed is what `requirements.txt` of the model names, from where pip of this machine takes packages.

use std::{
    env, fs,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use kilter_domain::digest::Digest;

/// The largest lock that is read.
const MAX_LOCK_BYTES: u64 = 1 << 20;
/// The file of the packages in a model folder, and that of the version of Python.
const REQUIREMENTS: &str = "requirements.txt";
const PYTHON_ENV: &str = "python_env.yaml";
/// What pip gets of our environment: where packages come from. No token of the server is among it.
const PIP_VARIABLES: [&str; 12] = [
    "PATH",
    "HOME",
    "TMPDIR",
    "LANG",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
];

/// Why there is no Python for a model.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum EnvironmentError {
    #[error("`{}` is no Python that runs: {reason}", python.display())]
    NoPython { python: PathBuf, reason: String },
    #[error(
        "the model folder has no `{REQUIREMENTS}`, so its packages are not known; log the model with MLflow, or name an environment that has them with `--python-environment`"
    )]
    NoLock,
    #[error("the model was made with Python {wanted}, and `{}` is {found}; name a Python {wanted} with `--python`", python.display())]
    OtherPython { wanted: String, found: String, python: PathBuf },
    #[error("the environment of the model could not be made: {step} failed: {reason}; the whole of it is in {}", log.display())]
    Install { step: &'static str, reason: String, log: PathBuf },
    #[error("`{}` cannot be read or written", path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// Where the Pythons of models come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Environments {
    /// One environment for all models, which the operator made: its folder, or its interpreter.
    Ready(PathBuf),
    /// One per lock, made below `folder` with the interpreter `python`.
    PerLock {
        /// The interpreter that makes them.
        python: PathBuf,
        /// The folder in which they are.
        folder: PathBuf,
    },
}

impl Environments {
    /// The interpreter for a model folder; its environment is made where it is not there yet, which takes minutes.
    ///
    /// # Errors
    /// If there is no such Python, the model states no packages, or they cannot be installed.
    pub fn interpreter(&self, model: &Path) -> Result<PathBuf, EnvironmentError> {
        match self {
            Self::Ready(place) => {
                let python = if place.is_dir() { place.join("bin/python") } else { place.clone() };
                version_of(&python).map(|_| python)
            }
            Self::PerLock { python, folder } => {
                let lock = Lock::read(model)?;
                let found = version_of(python)?;
                lock.check_version(&found, python)?;
                let place = folder.join(lock.digest(&found).to_string());
                if !place.join("bin/python").is_file() {
                    make(python, &place, model)?;
                }
                Ok(place.join("bin/python"))
            }
        }
    }
}

/// The packages of a model, and the Python that it was made with.
struct Lock {
    requirements: String,
    python: Option<String>,
}

impl Lock {
    fn read(model: &Path) -> Result<Self, EnvironmentError> {
        let requirements = read_bounded(&model.join(REQUIREMENTS))?.ok_or(EnvironmentError::NoLock)?;
        let python = read_bounded(&model.join(PYTHON_ENV))?.as_deref().and_then(stated_python);
        Ok(Self { requirements, python })
    }

    /// Pickled code of one minor version does not run in another.
    fn check_version(&self, found: &str, python: &Path) -> Result<(), EnvironmentError> {
        let minor = |version: &str| version.split('.').take(2).collect::<Vec<_>>().join(".");
        match &self.python {
            Some(wanted) if minor(wanted) != minor(found) => Err(EnvironmentError::OtherPython {
                wanted: minor(wanted),
                found: found.to_owned(),
                python: python.to_owned(),
            }),
            _ => Ok(()),
        }
    }

    fn digest(&self, python: &str) -> Digest {
        Digest::of(format!("{python}\n{}", self.requirements).as_bytes())
    }
}

/// `python: 3.11.7` of the YAML that MLflow writes.
fn stated_python(text: &str) -> Option<String> {
    let stated = text.lines().find_map(|line| line.strip_prefix("python:"))?;
    let version = stated.trim().trim_matches(['\'', '"']);
    let is_version = version.starts_with(|first: char| first.is_ascii_digit())
        && version.chars().all(|one| one.is_ascii_digit() || one == '.');
    is_version.then(|| version.to_owned())
}

fn read_bounded(path: &Path) -> Result<Option<String>, EnvironmentError> {
    let failed = |source| EnvironmentError::Io { path: path.to_owned(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut text = String::new();
    file.take(MAX_LOCK_BYTES + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > MAX_LOCK_BYTES {
        return Err(failed(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 1 MiB")));
    }
    Ok(Some(text))
}

/// The version of an interpreter, like `3.11.7`.
fn version_of(python: &Path) -> Result<String, EnvironmentError> {
    let no_python = |reason: String| EnvironmentError::NoPython { python: python.to_owned(), reason };
    let asked = Command::new(python)
        .args(["-I", "-c", "import sys; print('.'.join(map(str, sys.version_info[:3])))"])
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .map_err(|error| no_python(error.to_string()))?;
    let version = String::from_utf8_lossy(&asked.stdout).trim().to_owned();
    match asked.status.success() && version.starts_with(|first: char| first.is_ascii_digit()) {
        true => Ok(version),
        false => Err(no_python(last_line(&asked))),
    }
}

/// Makes an environment beside its place, and gives it its name when it is whole.
fn make(python: &Path, place: &Path, model: &Path) -> Result<(), EnvironmentError> {
    let failed = |source| EnvironmentError::Io { path: place.to_owned(), source };
    let above = place.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(above).map_err(failed)?;
    // Another process that makes it is waited for.
    let guard = File::create(place.with_extension("lock")).map_err(failed)?;
    guard.lock().map_err(failed)?;
    if place.join("bin/python").is_file() {
        return Ok(());
    }
    tracing::info!(environment = %place.display(), "the environment of a model is made");
    let log = place.with_extension("log");
    let beside = tempfile::Builder::new().prefix("new.").tempdir_in(above).map_err(failed)?;
    let run = |step, command: &mut Command| run(step, command, &log);
    run("python -m venv", pip_environment(Command::new(python).args(["-m", "venv"]).arg(beside.path())))?;
    let pip = ["-m", "pip", "install", "--no-input", "--disable-pip-version-check", "-r", REQUIREMENTS];
    run("pip install", pip_environment(Command::new(beside.path().join("bin/python")).args(pip).current_dir(model)))?;
    fs::rename(beside.path(), place).map_err(failed)?;
    Ok(())
}

fn pip_environment(command: &mut Command) -> &mut Command {
    let is_kept = |name: &str| PIP_VARIABLES.contains(&name) || name.starts_with("PIP_");
    let kept = env::vars_os().filter(|(name, _)| name.to_str().is_some_and(is_kept));
    command.env_clear().envs(kept).stdin(Stdio::null())
}

fn run(step: &'static str, command: &mut Command, log: &Path) -> Result<(), EnvironmentError> {
    let failed = |reason| EnvironmentError::Install { step, reason, log: log.to_owned() };
    let output = command.output().map_err(|error| failed(error.to_string()))?;
    // Without its log the error still says the last line.
    let _ = fs::write(log, [&output.stdout[..], &output.stderr].concat());
    if output.status.success() { Ok(()) } else { Err(failed(last_line(&output))) }
}

fn last_line(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let last = text.lines().rev().find(|line| !line.trim().is_empty()).map(str::trim);
    last.map_or_else(|| output.status.to_string(), |line| line.chars().take(400).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_version_is_read_as_one() {
        assert_eq!(stated_python("python: '3.11.7'\n").as_deref(), Some("3.11.7"));
        assert_eq!(stated_python("build_dependencies:\n- python: 3\n"), None);
        assert_eq!(stated_python("python: rm -rf\n"), None);
    }
}
