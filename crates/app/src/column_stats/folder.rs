//! Where windows lie: `served/ENDPOINT/VERSION-DIGEST/2026-11-28T18.champion.bin`; where several servers share a database,
//! `2026-11-28T18.champion.3.bin` is of replica 3.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use kilter_domain::{
    replica::ReplicaId,
    time::{HOUR_MS, Timestamp},
};
use kilter_serving::{
    VersionRef,
    column_stats::{HourBucket, hour_of},
};

use crate::{
    causes::StorageError,
    column_stats::{file, sums::Span},
};

const ENDING: &str = "bin";
/// Counts of an hour are in its file so long after it.
const KEPT_WITHIN_MS: i64 = 10 * 60 * 1_000;

/// The file of a slot that a replica counts into.
pub(super) fn path(endpoint: &Path, version: VersionRef, slot: &HourBucket, replica: ReplicaId) -> PathBuf {
    let hour = Timestamp(slot.hour * HOUR_MS).to_string();
    let hour = hour.split(':').next().unwrap_or_default();
    let of_replica = if replica == ReplicaId::ONLY { String::new() } else { format!(".{replica}") };
    let name = format!("{hour}.{}{of_replica}.{ENDING}", slot.role);
    endpoint.join(format!("{}-{}", version.number, version.digest.short())).join(name)
}

/// The hour of a file; `None` for what is no window.
fn hour(path: &Path) -> Option<i64> {
    let name = path.file_name()?.to_str()?;
    let (hour, role) = match name.split('.').collect::<Vec<_>>()[..] {
        [hour, role, ENDING] | [hour, role, _, ENDING] => (hour, role),
        _ => return None,
    };
    file::role(role)?;
    Some(hour_of(format!("{hour}:00:00Z").parse().ok()?))
}

/// Whether the copy of another replica's file was made when nothing was counted into that any more.
pub(super) fn is_final_copy(path: &Path) -> bool {
    let ended = hour(path).map(|hour| (hour + 1).saturating_mul(HOUR_MS).saturating_add(KEPT_WITHIN_MS));
    let copied = fs::metadata(path).and_then(|file| file.modified()).ok();
    let copied = copied.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    copied
        .zip(ended)
        .is_some_and(|(copied, ended)| i64::try_from(copied.as_millis()).is_ok_and(|copied| copied > ended))
}

/// The replica whose file has this name.
pub(crate) fn replica_of(name: &str) -> ReplicaId {
    match name.rsplit('/').next().unwrap_or(name).split('.').collect::<Vec<_>>()[..] {
        [_, _, replica, _] => replica.parse().ok().and_then(ReplicaId::new).unwrap_or_default(),
        _ => ReplicaId::ONLY,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_each_replica_have_names_of_their_own() {
        let hour = |name: &str| hour(Path::new(name)).is_some();
        assert!(hour("2026-11-28T18.champion.bin") && hour("2026-11-28T18.champion.3.bin"));
        assert!(!hour("2026-11-28T18.nobody.bin") && !hour("2026-11-28T18.bin"));
        let of = |name: &str| replica_of(name).number();
        assert_eq!([of("1-ab/2026-11-28T18.champion.bin"), of("1-ab/2026-11-28T18.shadow.3.bin")], [0, 3]);
    }
}
