//! Copies of the whole database, and whether the file is sound.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::Path,
    sync::Arc,
};

use rusqlite::{Connection, OpenFlags, params};

use crate::{StoreError, statement::statements};

statements! {
    COPY = "copy the database": "VACUUM INTO ?1";
    CHECK = "check the database file": "PRAGMA integrity_check(100)";
}

/// Copies what is durable in `from` now into the new file `to`.
pub(crate) fn write_copy(from: &Path, to: &Path) -> Result<(), StoreError> {
    let Some(name) = to.to_str() else {
        let reason = format!("{} is not UTF-8", to.display());
        return Err(StoreError::Invalid { attempted: COPY.attempt, reason });
    };
    let failed = |attempted| {
        let path = to.to_owned();
        move |source: io::Error| StoreError::Folder { attempted, path, source: Arc::new(source) }
    };
    // Made here and not by SQLite, so that a file that is there is never written into.
    OpenOptions::new().write(true).create_new(true).open(to).map_err(failed("make the copy"))?;
    let copied = fill(from, name)
        .map_err(|error| StoreError::of(COPY.attempt, error.into()))
        .and_then(|()| File::open(to).and_then(|file| file.sync_all()).map_err(failed("write the copy to disk")));
    if copied.is_err() {
        let _ = fs::remove_file(to);
    }
    copied
}

fn fill(from: &Path, to: &str) -> rusqlite::Result<()> {
    let connection = Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.execute(COPY.sql, params![to]).map(drop)
}
