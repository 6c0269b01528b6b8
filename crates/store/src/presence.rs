//! Whether the files of the open database still bear their names.
//!
//! A file that is deleted or replaced under an open database takes writes as before, and they are gone with the process.
//! One look at the names costs some microseconds a commit.

use std::{
    ffi::OsString,
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use crate::StoreError;

/// The files of a database as they were when it was opened.
#[derive(Clone)]
pub(crate) struct Presence {
    files: Vec<(PathBuf, (u64, u64))>,
}

impl Presence {
    /// Remembers the database and its write-ahead log.
    pub(crate) fn of(database: &Path) -> Self {
        let files = [database.to_owned(), beside(database, "-wal")];
        Self { files: files.into_iter().filter_map(|path| Some((path.clone(), identity(&path).ok()?))).collect() }
    }

    /// Whether each file is still the one that was opened.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        for (path, opened) in &self.files {
            match identity(path) {
                Ok(found) if found == *opened => {}
                // What else keeps the disk from answering is reported by the next write.
                Err(error) if !is_gone(&error) => {}
                _ => return Err(StoreError::Vanished { path: path.clone() }),
            }
        }
        Ok(())
    }

    /// Whether the database, without its journal, is still the file that was opened.
    pub(crate) fn check_database(&self) -> Result<(), StoreError> {
        Self { files: self.files.iter().take(1).cloned().collect() }.check()
    }

    /// The database itself.
    pub(crate) fn database(&self) -> PathBuf {
        self.files.first().map(|(path, _)| path.clone()).unwrap_or_default()
    }
}

/// A file of SQLite beside the database.
pub(crate) fn beside(database: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(database);
    name.push(ending);
    name.into()
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::metadata(path).map(|found| (found.dev(), found.ino()))
}

fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
