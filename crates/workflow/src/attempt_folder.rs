//! The folder in which one attempt works: fresh, its own, gone when the attempt is over.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
};

use crate::executor::ProcessMark;
use kilter_blobs::{BlobError, TreePath, atomic};

static COUNTER: AtomicU64 = AtomicU64::new(0);

/// A fresh folder, and a lock that says that its run is alive.
pub(crate) struct AttemptFolder {
    folder: PathBuf,
    lock_path: PathBuf,
    _lock: File,
}

impl AttemptFolder {
    /// A folder below `root` that no other attempt on this machine has.
    pub(crate) fn create(root: &Path, step: &str) -> Result<Self, BlobError> {
        let name = format!("{step}.{}.{}", process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
        let (folder, lock_path) = (root.join(&name), root.join(format!("{name}.lock")));
        let failed = |source| BlobError::Io { attempted: "create", path: lock_path.clone(), source };
        atomic::create_dirs(root)?;
        let lock = File::create(&lock_path).map_err(failed)?;
        lock.lock().map_err(failed)?;
        let scratch = Self { folder, lock_path: lock_path.clone(), _lock: lock };
        atomic::create_dirs(&scratch.folder)?;
        Ok(scratch)
    }

    pub(crate) fn log(&self) -> PathBuf {
        log_of(&self.folder)
    }

    pub(crate) fn params(&self) -> PathBuf {
        self.folder.join("params.json")
    }

    pub(crate) fn column_roles(&self) -> PathBuf {
        self.folder.join("column_roles.json")
    }

    pub(crate) fn mark(&self) -> PathBuf {
        mark_of(&self.folder)
    }

    /// Where an output is written; it has the name it will have, because tools look at endings.
    pub(crate) fn output(&self, output: &str, declared: &TreePath) -> PathBuf {
        self.folder.join("out").join(output).join(file_name(declared))
    }

    /// Where contents are put that are compared.
    pub(crate) fn compared(&self) -> PathBuf {
        self.folder.join("compared")
    }

    /// Where an input is checked out that another run has replaced.
    pub(crate) fn input(&self, input: &str, declared: &TreePath) -> PathBuf {
        self.folder.join("in").join(input).join(file_name(declared))
    }
}

impl Drop for AttemptFolder {
    fn drop(&mut self) {
        // What stays is swept by the next run.
        let _ = fs::remove_dir_all(&self.folder);
        let _ = fs::remove_file(&self.lock_path);
    }
}

fn file_name(path: &TreePath) -> &str {
    path.as_str().rsplit('/').next().unwrap_or(path.as_str())
}

fn log_of(folder: &Path) -> PathBuf {
    folder.join("log")
}

fn mark_of(folder: &Path) -> PathBuf {
    folder.join("process")
}

/// Ends what killed runs left running, and removes their folders.
pub fn sweep(root: &Path) {
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    for lock_path in entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "lock")) {
        let is_dead = File::open(&lock_path).is_ok_and(|lock| lock.try_lock().is_ok());
        if is_dead {
            let folder = lock_path.with_extension("");
            ProcessMark::read(&mark_of(&folder)).map(|mark| mark.end());
            ProcessMark::end_attempt(&log_of(&folder));
            // A leftover that cannot be removed now is tried again by the next run.
            let _ = fs::remove_dir_all(&folder);
            let _ = fs::remove_file(&lock_path);
        }
    }
}
