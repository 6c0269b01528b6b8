//! Where windows lie: `served/ENDPOINT/VERSION-DIGEST/2026-11-28T18.champion.bin`.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use kilter_domain::time::{HOUR_MS, Timestamp};
use kilter_serving::{
    VersionRef,
    column_stats::{HourBucket, hour_of},
};

use crate::{
    causes::StorageError,
    column_stats::{file, sums::Span},
};

const ENDING: &str = "bin";

/// The file of a slot.
pub(super) fn path(endpoint: &Path, version: VersionRef, slot: &HourBucket) -> PathBuf {
    let hour = Timestamp(slot.hour * HOUR_MS).to_string();
    let hour = hour.split(':').next().unwrap_or_default();
    let name = format!("{hour}.{}.{ENDING}", slot.role);
    endpoint.join(format!("{}-{}", version.number, version.digest.short())).join(name)
}

/// The hour of a file; `None` for what is no window.
fn hour(path: &Path) -> Option<i64> {
    let name = path.file_name()?.to_str()?;
    let [hour, role, ENDING] = name.split('.').collect::<Vec<_>>()[..] else { return None };
    file::role(role)?;
    Some(hour_of(format!("{hour}:00:00Z").parse().ok()?))
}

/// The windows of a span, in order.
pub(super) fn list(endpoint: &Path, span: Span) -> Result<Vec<PathBuf>, StorageError> {
    let mut found = Vec::new();
    for folder in entries(endpoint)? {
        let files = if folder.is_dir() { entries(&folder)? } else { vec![] };
        found.extend(files.into_iter().filter(|path| hour(path).is_some_and(|hour| span.has(hour))));
    }
    found.sort();
    Ok(found)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, StorageError> {
    let failed = |source| StorageError::ReadFile { path: folder.to_owned(), source };
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.path()).map_err(failed)).collect(),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(vec![]),
        Err(error) => Err(failed(error)),
    }
}

/// The bytes of a file; `None` when there is none.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, StorageError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(StorageError::ReadFile { path: path.to_owned(), source }),
    }
}

/// Keeps a file that cannot be read out of the way of the hour that goes on.
pub(super) fn set_aside(path: &Path) -> Result<(), StorageError> {
    let aside = path.with_extension("damaged");
    fs::rename(path, &aside).map_err(|source| StorageError::WriteFile { path: aside, source })
}

/// Removes windows from before an hour, and folders that are empty then. What cannot be removed is tried again.
pub(super) fn prune(endpoint: &Path, before: i64) {
    for folder in entries(endpoint).unwrap_or_default() {
        let files = entries(&folder).unwrap_or_default();
        let old: Vec<&PathBuf> = files.iter().filter(|path| hour(path).is_some_and(|hour| hour < before)).collect();
        for path in &old {
            if let Err(error) = fs::remove_file(path) {
                tracing::warn!(path = %path.display(), %error, "could not remove an old file of column statistics");
            }
        }
        if !old.is_empty() && old.len() == files.len() {
            // Another hour may have begun in it meanwhile: then it stays.
            let _ = fs::remove_dir(&folder);
        }
    }
}
