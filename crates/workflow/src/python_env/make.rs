//! Making an environment from a lock, with `uv`, and keeping it as long as it is used.
//!
//! Invariants: a folder counts once its record stands beside it, which is written last; two runs do not make one at the same time;
//! one that a run uses is not removed.

use std::{
    collections::BTreeMap,
    env, fs,
    fs::File,
    io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, SystemTime},
};

use kilter_blobs::atomic;
use kilter_domain::digest::Digest;

use super::{
    error::{EnvironmentError, hint_for, reason_in},
    installed,
    lock::{LockKind, PythonLock},
    record::PythonEnvironment,
    uses::on_path,
};
use crate::{
    attempt_folder::AttemptFolder,
    executor::{Attempt, CancelToken, Command, End, execute},
    options::RunOptions,
    plan::Environment,
};

/// Environments that are kept of one project; those that were not used for longest go.
const MAX_ENVIRONMENTS: usize = 8;
/// How long `uv` may take.
const TIMEOUT: Duration = Duration::from_secs(60 * 60);
const GRACE: Duration = Duration::from_secs(5);
/// Between two looks whether another run has made it.
const POLL: Duration = Duration::from_millis(100);
const LOG_BYTES: u64 = 4 << 20;
const TAIL_LINES: usize = 20;
/// A record whose time is older than this gets a new one when it is used.
const RENEWED_AFTER: Duration = Duration::from_secs(24 * 60 * 60);
/// Variables of this process that would send `uv` elsewhere.
const LEFT_OUT: [&str; 6] =
    ["VIRTUAL_ENV", "CONDA_PREFIX", "UV_PROJECT_ENVIRONMENT", "UV_PROJECT", "PYTHONPATH", "PYTHONHOME"];

/// An environment that is whole.
pub(crate) struct ReadyEnvironment {
    pub folder: PathBuf,
    pub record: PythonEnvironment,
    /// Keeps it from removal.
    pub held: File,
}

/// What environments are made with, and where.
pub(crate) struct EnvironmentMaker {
    folder: PathBuf,
    attempts: PathBuf,
    uv: Option<PathBuf>,
    cancel: CancelToken,
    explain_only: bool,
}

impl EnvironmentMaker {
    pub(crate) fn new(options: &RunOptions) -> Self {
        Self {
            folder: options.state_folder.join("environments"),
            attempts: options.state_folder.join("tmp"),
            uv: options.uv.clone(),
            cancel: options.cancel.clone(),
            explain_only: options.explain_only,
        }
    }

    pub(crate) fn explains_only(&self) -> bool {
        self.explain_only
    }

    /// What is known of the environment with this identity, which was made before, also where its folder is gone.
    pub(crate) fn known(&self, identity: &Digest) -> Option<PythonEnvironment> {
        Place::of(&self.folder, identity).record()
    }

    /// The environment of a lock with its identity: as it was made before, else made now.
    pub(crate) fn whole(
        &self,
        (lock, identity): (&PythonLock, &Digest),
        stated: &Environment,
        project: &Path,
        starting: &dyn Fn(&str),
    ) -> Result<ReadyEnvironment, EnvironmentError> {
        let place = Place::of(&self.folder, identity);
        if let Some(record) = place.whole() {
            let held = place.hold(&self.cancel)?;
            // It may have been removed before it was held.
            if place.whole().is_some() {
                place.renew();
                return Ok(ReadyEnvironment { folder: place.folder, record, held });
            }
        }
        let made = self.make(&place, lock, stated, project, starting)?;
        prune(&self.folder);
        Ok(made)
    }

    fn make(
        &self,
        place: &Place,
        lock: &PythonLock,
        stated: &Environment,
        project: &Path,
        starting: &dyn Fn(&str),
    ) -> Result<ReadyEnvironment, EnvironmentError> {
        let exclusive = place.lock(true, &self.cancel)?;
        let record = match place.whole() {
            // Another run has made it meanwhile.
            Some(record) => record,
            None => {
                starting(lock.path.as_str());
                place.clear()?;
                self.install(place, lock, stated, project)?;
                let asked = installed::ask(&place.folder.join("bin/python"), &self.folder).ok_or_else(|| {
                    EnvironmentError::Silent { lock: lock.path.to_string(), folder: place.folder.clone() }
                })?;
                let record = PythonEnvironment { lock: Some(lock.path.to_string()), ..asked.with_content(project)? };
                place.keep(&record)?;
                record
            }
        };
        drop(exclusive);
        let held = place.hold(&self.cancel)?;
        Ok(ReadyEnvironment { folder: place.folder.clone(), record, held })
    }

    fn install(
        &self,
        place: &Place,
        lock: &PythonLock,
        stated: &Environment,
        project: &Path,
    ) -> Result<(), EnvironmentError> {
        let uv = self.uv.clone().or_else(|| on_path("uv")).filter(|uv| uv.is_file());
        let uv = uv.ok_or_else(|| EnvironmentError::NoUv { lock: lock.path.to_string() })?;
        let (uv, folder) = (uv.display().to_string(), place.folder.display().to_string());
        let python = stated.python.iter().flat_map(|python| ["--python".to_owned(), python.clone()]);
        let (python, refreshing): (Vec<String>, _) = (python.collect(), lock.refreshing(project)?);
        let words = |first: &[&str], rest: &[String]| -> Vec<String> {
            [uv.as_str()].iter().chain(first).map(|word| (*word).to_owned()).chain(rest.iter().cloned()).collect()
        };
        match lock.kind {
            LockKind::Uv => {
                let first = ["sync", "--frozen", "--no-install-project", "--no-progress"];
                self.run_uv(lock, words(&first, &[python, refreshing].concat()), project, &folder)
            }
            LockKind::Requirements => {
                let target = [python.as_slice(), std::slice::from_ref(&folder)].concat();
                self.run_uv(lock, words(&["venv", "--no-project", "--quiet"], &target), project, &folder)?;
                let name = lock.path.below(project).display().to_string();
                let mut first = vec!["pip", "install", "--no-progress", "--python", folder.as_str(), "--requirements"];
                first.push(&name);
                if lock.has_hashes(&lock.files(project)?) {
                    first.push("--require-hashes");
                }
                self.run_uv(lock, words(&first, &refreshing), project, &folder)
            }
        }
    }

    fn run_uv(
        &self,
        lock: &PythonLock,
        words: Vec<String>,
        project: &Path,
        environment: &str,
    ) -> Result<(), EnvironmentError> {
        let scratch = AttemptFolder::create(&self.attempts, "environment")?;
        let attempt = Attempt {
            command: Command::Program(words),
            folder: lock.folder(project),
            environment: variables(environment),
            log: scratch.log(),
            log_limit_bytes: LOG_BYTES,
            timeout: Some(TIMEOUT),
            grace: GRACE,
            tee: None,
            mark: Some(scratch.mark()),
        };
        let outcome = execute(&attempt, &self.cancel)?;
        match outcome.end {
            end if end.is_success() => Ok(()),
            End::Cancelled => Err(EnvironmentError::Cancelled),
            End::TimedOut => {
                let (lock, minutes) = (lock.path.to_string(), TIMEOUT.as_secs() / 60);
                Err(EnvironmentError::TimedOut { lock, minutes })
            }
            _ => {
                let log = fs::read(scratch.log()).unwrap_or_default();
                let log = String::from_utf8_lossy(&log);
                let lines: Vec<&str> = log.lines().collect();
                let tail = lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n");
                let (reason, hint) = (reason_in(&log), hint_for(&log));
                Err(EnvironmentError::NotMade { lock: lock.path.to_string(), reason, hint, tail })
            }
        }
    }
}

/// The environment of `uv`: that of this process, where its index, its proxies and its cache are stated.
fn variables(environment: &str) -> BTreeMap<String, String> {
    let own = env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let kept = own.filter(|(name, _)| !LEFT_OUT.contains(&name.as_str()));
    kept.chain([("UV_PROJECT_ENVIRONMENT".to_owned(), environment.to_owned()), ("NO_COLOR".to_owned(), "1".to_owned())])
        .collect()
}

/// Where an environment lies: its folder, its record and its lock.
struct Place {
    folder: PathBuf,
    record: PathBuf,
    lock: PathBuf,
}

impl Place {
    fn of(root: &Path, identity: &Digest) -> Self {
        let name = &identity.to_string()[..16];
        let at = |ending: &str| root.join(format!("{name}{ending}"));
        Self { folder: at(""), record: at(".json"), lock: at(".lock") }
    }

    fn record(&self) -> Option<PythonEnvironment> {
        serde_json::from_slice(&fs::read(&self.record).ok()?).ok()
    }

    /// The record of an environment whose folder is there and complete.
    fn whole(&self) -> Option<PythonEnvironment> {
        let is_there = self.folder.join("bin/python").is_file() && self.folder.join(COMPLETE).is_file();
        self.record().filter(|_| is_there)
    }

    fn keep(&self, record: &PythonEnvironment) -> Result<(), EnvironmentError> {
        let text = serde_json::to_vec_pretty(record).unwrap_or_default();
        atomic::write_atomic(&self.record, &text)?;
        Ok(atomic::write_atomic(&self.folder.join(COMPLETE), b"")?)
    }

    fn clear(&self) -> Result<(), EnvironmentError> {
        match fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(EnvironmentError::Keep { path: self.folder.clone(), source: error })
            }
            _ => Ok(()),
        }
    }

    /// A lock that others who use it share.
    fn hold(&self, cancel: &CancelToken) -> Result<File, EnvironmentError> {
        self.lock(false, cancel)
    }

    fn lock(&self, exclusive: bool, cancel: &CancelToken) -> Result<File, EnvironmentError> {
        let failed = |source| EnvironmentError::Keep { path: self.lock.clone(), source };
        atomic::create_dirs(self.lock.parent().unwrap_or(&self.lock))?;
        let file = File::options().create(true).truncate(false).write(true).open(&self.lock).map_err(failed)?;
        loop {
            let tried = if exclusive { file.try_lock() } else { file.try_lock_shared() };
            match tried {
                Ok(()) => return Ok(file),
                Err(fs::TryLockError::WouldBlock) if cancel.is_cancelled() => return Err(EnvironmentError::Cancelled),
                Err(fs::TryLockError::WouldBlock) => thread::sleep(POLL),
                Err(fs::TryLockError::Error(source)) => return Err(failed(source)),
            }
        }
    }

    fn renew(&self) {
        let age = self.record.metadata().and_then(|found| found.modified()).ok().and_then(|at| at.elapsed().ok());
        if age.is_some_and(|age| age > RENEWED_AFTER) {
            // One that looks older than it is costs being made again, no more.
            let _ =
                File::options().append(true).open(&self.record).and_then(|file| file.set_modified(SystemTime::now()));
        }
    }
}

/// Says that `uv` was done with the folder.
const COMPLETE: &str = ".kilter-complete";

/// An environment as it lies in a state folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEnvironment {
    /// Its folder.
    pub folder: PathBuf,
    /// When it was made, or used: to the day.
    pub used: SystemTime,
}

impl StoredEnvironment {
    /// Removes it unless a run uses it; whether it is gone. What is known of its packages stays.
    ///
    /// # Errors
    /// If the system does not remove a file.
    pub fn remove(&self) -> io::Result<bool> {
        let lock = self.folder.with_extension("lock");
        let file = File::options().create(true).truncate(false).write(true).open(&lock)?;
        match file.try_lock() {
            Ok(()) => {
                // An interrupted removal leaves nothing that counts as whole.
                match fs::remove_file(self.folder.join(COMPLETE)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                    _ => fs::remove_dir_all(&self.folder).map(|()| true),
                }
            }
            Err(fs::TryLockError::WouldBlock) => Ok(false),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }
}

/// The environments in a state folder, the one that was not used for longest first.
pub fn list(state: &Path) -> Vec<StoredEnvironment> {
    let entries = fs::read_dir(state.join("environments")).into_iter().flatten().flatten();
    let folders = entries.map(|entry| entry.path()).filter(|path| path.is_dir() && !path.ends_with("found"));
    let used = |folder: &PathBuf| {
        let record = folder.with_extension("json").metadata().or_else(|_| folder.metadata());
        record.and_then(|found| found.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
    };
    let mut found: Vec<StoredEnvironment> =
        folders.map(|folder| StoredEnvironment { used: used(&folder), folder }).collect();
    found.sort_by(|a, b| (a.used, &a.folder).cmp(&(b.used, &b.folder)));
    found
}

fn prune(environments: &Path) {
    let all = environments.parent().map(list).unwrap_or_default();
    let surplus = all.len().saturating_sub(MAX_ENVIRONMENTS);
    for environment in &all[..surplus] {
        // One that stays costs its bytes, no more.
        let _ = environment.remove();
    }
}
