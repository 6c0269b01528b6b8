//! The Python environments of steps: made from the lock of the project, or found as they are installed.
//!
//! Invariants: a step with a lock sees the packages of the lock and no others; an environment is used only once it is whole;
//! what is installed is part of the key of every step that runs Python, package by package. A step without Python costs nothing
//! here.
//!
//! Out of scope: resolving versions (`uv` does it), and packages of other languages.

mod error;
mod installed;
mod local_package;
mod lock;
mod make;
mod record;
mod uses;
mod version;

use std::{
    collections::BTreeMap,
    fs::File,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use kilter_blobs::TreePath;
use kilter_domain::digest::Digest;

use crate::{
    options::RunOptions,
    plan::{Environment, Step},
};

pub use error::EnvironmentError;
pub use make::{StoredEnvironment, list as stored_environments};
pub use record::PythonEnvironment;
pub(crate) use record::platform;

use installed::InstalledCache;
use lock::PythonLock;
use make::EnvironmentMaker;
use uses::{Interpreter, PythonUse};

/// The environments of one run. Each is made, or looked at, at most once.
pub(crate) struct PythonEnvironments {
    project: PathBuf,
    stated: Environment,
    installed: InstalledCache,
    locked: Option<(PythonLock, Mutex<Locked>)>,
    maker: EnvironmentMaker,
    used: Mutex<BTreeMap<Digest, Arc<PythonEnvironment>>>,
}

/// What is known of the environment of the lock.
#[derive(Default)]
struct Locked {
    /// What it is made from, looked at once.
    identity: Option<Digest>,
    record: Option<Arc<PythonEnvironment>>,
    /// Its folder, kept from removal as long as the run lasts.
    folder: Option<(PathBuf, File)>,
}

/// The Python of a step: what goes into its key, and what it runs in.
#[derive(Clone, Debug, Default)]
pub(crate) struct StepPython {
    /// The digest that the record of the step names; `None` for a step without Python.
    pub digest: Option<Digest>,
    /// Fields of the key.
    pub fields: BTreeMap<String, String>,
    /// Whether the step runs in the environment of the lock.
    pub is_locked: bool,
}

impl PythonEnvironments {
    pub(crate) fn new(stated: &Environment, options: &RunOptions) -> Self {
        let lock = stated.lock.as_ref().and_then(PythonLock::of).map(|lock| (lock, Mutex::default()));
        Self {
            project: options.project_folder.clone(),
            stated: stated.clone(),
            installed: InstalledCache::new(&options.state_folder),
            locked: lock,
            maker: EnvironmentMaker::new(options),
            used: Mutex::default(),
        }
    }

    /// What the result of `step` depends on. Makes the environment of the lock where nothing is known of it yet and the run
    /// may execute steps; `starting` is called before that.
    pub(crate) fn of_step(&self, step: &Step, starting: &dyn Fn(&str)) -> Result<StepPython, EnvironmentError> {
        let python = PythonUse::of(step, &self.project);
        if !python.uses_python() {
            return Ok(StepPython::default());
        }
        let mut found = StepPython::default();
        if let Some((lock, locked)) = self.locked.as_ref().filter(|_| python.uses_path) {
            found.is_locked = true;
            let mut locked = locked.lock().unwrap_or_else(PoisonError::into_inner);
            match self.locked_record(lock, &mut locked, starting)? {
                Some(record) => self.add(&mut found, &record),
                None => drop(found.fields.insert("environment".to_owned(), "not made yet".to_owned())),
            }
        }
        for interpreter in &python.interpreters {
            let path = match interpreter {
                Interpreter::Word(_) if found.is_locked => continue,
                Interpreter::Word(word) => uses::on_path(word),
                Interpreter::At(path) => Some(path.clone()),
            };
            let record = path.map(|path| self.installed.of(&path, &self.project)).transpose()?;
            let Some(record) = record.flatten() else { continue };
            self.check_version(&record)?;
            self.add(&mut found, &record);
        }
        Ok(found)
    }

    /// The folder of the environment of the lock, made where it is not there, and whether it was made by this call.
    pub(crate) fn locked_folder(&self, starting: &dyn Fn(&str)) -> Result<Option<(PathBuf, bool)>, EnvironmentError> {
        let Some((lock, locked)) = &self.locked else { return Ok(None) };
        let mut locked = locked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((folder, _)) = &locked.folder {
            return Ok(Some((folder.clone(), false)));
        }
        let identity = self.identity(lock, &mut locked)?;
        let made = self.maker.whole((lock, &identity), &self.stated, &self.project, starting)?;
        let is_new = locked.record.as_ref().is_none_or(|known| known.digest() != made.record.digest());
        locked.record = Some(Arc::new(made.record));
        locked.folder = Some((made.folder.clone(), made.held));
        Ok(Some((made.folder, is_new)))
    }

    /// The environments that steps of this run named.
    pub(crate) fn used(&self) -> Vec<PythonEnvironment> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).values().map(|found| (**found).clone()).collect()
    }

    fn locked_record(
        &self,
        lock: &PythonLock,
        locked: &mut Locked,
        starting: &dyn Fn(&str),
    ) -> Result<Option<Arc<PythonEnvironment>>, EnvironmentError> {
        let identity = self.identity(lock, locked)?;
        if locked.record.is_none() {
            locked.record = self.maker.known(&identity).map(Arc::new);
        }
        if locked.record.is_none() && !self.maker.explains_only() {
            let made = self.maker.whole((lock, &identity), &self.stated, &self.project, starting)?;
            locked.record = Some(Arc::new(made.record));
            locked.folder = Some((made.folder, made.held));
        }
        Ok(locked.record.clone())
    }

    fn identity(&self, lock: &PythonLock, locked: &mut Locked) -> Result<Digest, EnvironmentError> {
        match locked.identity {
            Some(identity) => Ok(identity),
            None => Ok(*locked.identity.insert(lock.identity(&self.stated, &self.project)?)),
        }
    }

    fn check_version(&self, found: &PythonEnvironment) -> Result<(), EnvironmentError> {
        let Some(asked) = self.stated.python.as_deref() else { return Ok(()) };
        match version::fits(asked, &found.version) {
            Some(false) => Err(EnvironmentError::OtherPython {
                asked: asked.to_owned(),
                found: found.version.clone(),
                path: found.path.clone(),
            }),
            Some(true) | None => Ok(()),
        }
    }

    fn add(&self, found: &mut StepPython, record: &Arc<PythonEnvironment>) {
        let digest = record.digest();
        match found.digest {
            None => {
                found.fields.extend(record.key_fields());
                found.digest = Some(digest);
            }
            // A step with two interpreters: the second counts as a whole.
            Some(first) if first != digest => {
                found.fields.insert(format!("environment.{}", digest.short()), digest.to_string());
            }
            Some(_) => {}
        }
        self.used.lock().unwrap_or_else(PoisonError::into_inner).insert(digest, Arc::clone(record));
    }
}

/// The files that belong to a lock, relative to the project: itself, what it includes, and local packages that it names.
pub(crate) fn files_of_lock(path: &TreePath, project: &Path) -> Result<Vec<String>, EnvironmentError> {
    PythonLock::of(path).map_or(Ok(Vec::new()), |lock| lock.project_files(project))
}

/// The folder of programs of an environment.
pub(crate) fn programs(environment: &Path) -> PathBuf {
    environment.join("bin")
}
