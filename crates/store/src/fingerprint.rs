//! What the database was when it was closed, so that whatever changes it in between is noticed.
//!
//! SQLite keeps no checksums of its pages: a bit that flips within a value is a value. When the store is closed the digest of
//! the file is written beside it; when it is opened the two are compared, and the note goes. After a crash there is none.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use crate::presence::beside;

const ENDING: &str = "-digest";

/// Writes what the closed database is. Best effort: without the note nothing is compared.
pub(crate) fn write(database: &Path) {
    let path = note(database);
    let written = digest(database).and_then(|digest| match digest {
        Some(digest) => fs::write(&path, digest),
        None => Ok(()),
    });
    if let Err(error) = written {
        tracing::warn!(%error, path = %path.display(), "the digest of the database could not be written");
        let _ = fs::remove_file(&path);
    }
}

/// Whether the database is still what it was when it was closed; `None` when nobody knows. The note is taken away.
pub(crate) fn take_fingerprint(database: &Path) -> Option<bool> {
    let found = compare(database);
    let _ = fs::remove_file(note(database));
    found
}

/// As [`take`], and the note stays.
pub(crate) fn compare(database: &Path) -> Option<bool> {
    let noted = fs::read_to_string(note(database)).ok()?;
    let found = digest(database).ok()??;
    Some(noted == found)
}

fn note(database: &Path) -> PathBuf {
    beside(database, ENDING)
}

/// The digest of a database that is one file, whatever its size; `None` while there is a journal beside it.
fn digest(database: &Path) -> io::Result<Option<String>> {
    let has_journal = fs::metadata(beside(database, "-wal")).is_ok_and(|journal| journal.len() > 0);
    let mut file = File::open(database)?;
    if has_journal {
        return Ok(None);
    }
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(Some(hasher.finalize().to_hex().to_string())),
            Ok(count) => drop(hasher.update(&buffer[..count])),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_changed_while_it_was_closed_is_noticed_once() {
        let dir = tempfile::tempdir().unwrap();
        let database = dir.path().join("kilter.db");
        fs::write(&database, b"pages").unwrap();
        assert_eq!(take_fingerprint(&database), None, "nobody knows");
        write(&database);
        assert_eq!(
            (compare(&database), take_fingerprint(&database), take_fingerprint(&database)),
            (Some(true), Some(true), None)
        );
        write(&database);
        fs::write(&database, b"pagfs").unwrap();
        assert_eq!(take_fingerprint(&database), Some(false));
        write(&database);
        fs::write(dir.path().join("kilter.db-wal"), b"frames").unwrap();
        assert_eq!(take_fingerprint(&database), None, "a journal is to be read first");
    }

    #[test]
    fn a_large_database_is_compared_too() {
        let dir = tempfile::tempdir().unwrap();
        let database = dir.path().join("kilter.db");
        // Past the 512 MiB up to which it was compared once; a hole on the disk.
        let mut file = File::create(&database).unwrap();
        file.set_len((512 << 20) + 4096).unwrap();
        write(&database);
        assert_eq!(compare(&database), Some(true));
        io::Write::write_all(&mut file, &[1]).unwrap();
        assert_eq!(compare(&database), Some(false));
    }
}
