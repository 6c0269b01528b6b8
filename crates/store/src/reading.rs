//! A store that is only read: while another process writes it, or where nobody can write.

use std::path::Path;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::{StoreError, migrate};

/// How a database that is only read is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Beside a writer: its commits are seen.
    Shared,
    /// On a folder in which nobody can write, so that no commit comes and nothing of the file's own can be made beside it.
    Immutable,
}

/// Opens the database at `path` and finds out how; one that was never made, is older or is newer is an error.
pub(crate) fn access(path: &Path) -> Result<Access, StoreError> {
    let (connection, access) = open(path)?;
    migrate::check_is_current(&connection)?;
    Ok(access)
}

/// A connection to a database of ours, of any age, that cannot change anything.
pub(crate) fn open(path: &Path) -> Result<(Connection, Access), StoreError> {
    let opened = connect(path, Access::Shared).and_then(|connection| {
        // The file is looked at only now.
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0)).map(|_| connection)
    });
    let (connection, access) = match opened {
        Ok(connection) => (connection, Access::Shared),
        Err(error) if cannot_write_beside(&error) && !has_log(path) => {
            let failed = |error: rusqlite::Error| StoreError::of("open the database", error.into());
            (connect(path, Access::Immutable).map_err(failed)?, Access::Immutable)
        }
        Err(error) => return Err(StoreError::of("open the database", error.into())),
    };
    migrate::recognise(&connection, path)?;
    Ok((connection, access))
}

/// Whether no migration was ever applied to the file.
pub(crate) fn is_empty(path: &Path) -> Result<bool, StoreError> {
    Ok(migrate::applied(&open(path)?.0)?.is_empty())
}

/// A connection that cannot change anything.
pub(crate) fn connect(path: &Path, access: Access) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    match access {
        Access::Shared => Connection::open_with_flags(path, flags),
        Access::Immutable => Connection::open_with_flags(immutable_uri(path), flags | OpenFlags::SQLITE_OPEN_URI),
    }
}

/// Whether SQLite wanted to make a file beside the database and could not.
fn cannot_write_beside(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
}

/// Whether commits wait in the log that are not in the file yet: without it the file is of an earlier time.
fn has_log(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    std::fs::metadata(log).is_ok_and(|log| log.len() > 0)
}

/// The name of the file as SQLite reads it from an address.
fn immutable_uri(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let plain = path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    format!("file:{plain}?immutable=1")
}

#[cfg(test)]
mod tests {
    use crate::{Store, page::PageRequest, project};

    use super::*;

    #[test]
    fn thirty_two_look_while_one_writes() {
        let dir = tempfile::tempdir().unwrap();
        let writer = Store::open(dir.path()).unwrap();
        std::thread::scope(|scope| {
            let reads: Vec<_> = (0..32)
                .map(|_| {
                    scope.spawn(|| {
                        let store = Store::open_for_reading(dir.path())?;
                        store.read(|reader| project::list(reader, &PageRequest::first(10)).map(|page| page.items.len()))
                    })
                })
                .collect();
            for read in reads {
                assert_eq!(read.join().unwrap().unwrap(), 0);
            }
        });
        let reading = Store::open_for_reading(dir.path()).unwrap();
        let refused = reading.write(|_| Ok(())).unwrap_err();
        assert!(matches!(refused, StoreError::ReadOnly { .. }), "{refused}");
        drop(writer);
    }

    #[test]
    fn a_file_that_nobody_can_write_is_read_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        drop(Store::open(dir.path()).unwrap());
        let path = dir.path().join(crate::DATABASE_FILE);
        assert!(!has_log(&path), "the last to close leaves no log");
        let files = || std::fs::read_dir(dir.path()).unwrap().count();
        let before = files();
        let connection = connect(&path, Access::Immutable).unwrap();
        let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap();
        assert!(tables > 0);
        drop(connection);
        assert_eq!(files(), before, "nothing is made beside the file");
    }

    #[test]
    fn what_is_not_there_is_not_made() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Store::open_for_reading(dir.path()).is_err());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
