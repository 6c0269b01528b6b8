//! Who may write a path now, across all runs on this machine: a file lock for each output, shared by its readers.
//!
//! Invariants: the kernel releases the locks of a killed process; locks are taken in one order, so nobody waits for
//! somebody who waits for them.

use std::{
    collections::BTreeMap,
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::executor::CancelToken;
use kilter_domain::digest::Digest;

/// How often a lock that somebody else holds is tried again.
const POLL: Duration = Duration::from_millis(20);

/// Why a path could not be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// The run was cancelled before another run released the path.
    #[error("the run was cancelled while it waited for another run to finish with `{}`", .path.display())]
    Cancelled {
        /// The path that was waited for.
        path: PathBuf,
    },
    /// The file of the lock cannot be opened or locked.
    #[error("could not lock `{}`", .path.display())]
    Io {
        /// The path that should be locked.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
}

/// Locks that are held until this is dropped.
pub(crate) struct Locks(#[expect(dead_code, reason = "dropping a file releases its lock")] Vec<File>);

/// Which paths are wanted, and whether they will be written.
#[derive(Default)]
pub(crate) struct Wanted(BTreeMap<PathBuf, bool>);

impl Wanted {
    pub(crate) fn read(&mut self, path: PathBuf) {
        self.0.entry(path).or_insert(false);
    }

    pub(crate) fn write(&mut self, path: PathBuf) {
        self.0.insert(path, true);
    }

    /// Takes all locks; `waiting` gets the first path that somebody else holds.
    pub(crate) fn take(
        self,
        folder: &Path,
        cancel: &CancelToken,
        waiting: &mut dyn FnMut(&Path),
    ) -> Result<Locks, LockError> {
        let mut is_reported = false;
        let mut locks = Vec::new();
        for (path, exclusive) in self.0 {
            let failed = |source| LockError::Io { path: path.clone(), source };
            let file = open(folder, &path).map_err(failed)?;
            loop {
                let outcome = if exclusive { file.try_lock() } else { file.try_lock_shared() };
                match outcome {
                    Ok(()) => break,
                    Err(TryLockError::WouldBlock) if !is_reported => {
                        waiting(&path);
                        is_reported = true;
                    }
                    Err(TryLockError::WouldBlock) if cancel.sleep(POLL) => return Err(LockError::Cancelled { path }),
                    Err(TryLockError::WouldBlock) => {}
                    Err(TryLockError::Error(source)) => return Err(failed(source)),
                }
            }
            locks.push(file);
        }
        Ok(Locks(locks))
    }
}

fn open(folder: &Path, path: &Path) -> io::Result<File> {
    fs::create_dir_all(folder)?;
    let name = Digest::of(path.as_os_str().as_encoded_bytes()).to_string();
    File::options().create(true).truncate(false).write(true).open(folder.join(&name[..32]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    fn wanted(read: &[&str], write: &[&str]) -> Wanted {
        let mut wanted = Wanted::default();
        read.iter().for_each(|path| wanted.read(path.into()));
        write.iter().for_each(|path| wanted.write(path.into()));
        wanted
    }

    #[test]
    fn readers_share_and_a_writer_waits_until_they_are_gone() {
        let folder = tempfile::tempdir().unwrap();
        let cancel = CancelToken::new();
        let never = &mut |path: &Path| panic!("waited for {}", path.display());
        let first = wanted(&["x"], &["y"]).take(folder.path(), &cancel, never).unwrap();
        let second = wanted(&["x"], &["z"]).take(folder.path(), &cancel, never).unwrap();
        let (reports, waits) = mpsc::channel();
        std::thread::scope(|scope| {
            let third = scope.spawn(|| {
                let report = &mut |path: &Path| reports.send(path.to_owned()).unwrap();
                wanted(&[], &["x"]).take(folder.path(), &cancel, report).is_ok()
            });
            assert_eq!(waits.recv().unwrap(), Path::new("x"));
            drop((first, second));
            assert!(third.join().unwrap());
        });
    }

    #[test]
    fn a_cancelled_run_stops_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let cancel = CancelToken::new();
        let _held = wanted(&[], &["x"]).take(folder.path(), &cancel, &mut |_| {}).unwrap();
        let outcome = wanted(&["x"], &[]).take(folder.path(), &cancel, &mut |_| cancel.cancel());
        assert!(matches!(outcome.err(), Some(LockError::Cancelled { .. })));
    }
}
