//! The newest checkpoint that this data folder knows, whatever became of the database: in memory, and in a file beside it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use kilter_blobs::read_bounded_text;

use crate::{
    app::App,
    causes::StorageError,
    private_files,
    signed_note::{SignedNote, parse_notes},
};

/// The file of the data folder with the newest checkpoint. A database that is replaced by an older copy of itself does not go on from it.
const FILE: &str = "newest-checkpoint";
const MAX_BYTES: u64 = 1 << 20;

fn path(app: &App) -> PathBuf {
    app.folder().join(FILE)
}

/// The checkpoint of the file; `None` where there is none yet.
pub(super) fn read(app: &App) -> Result<Option<SignedNote>, StorageError> {
    Ok(read_notes(&path(app))?.pop())
}

/// The notes of a file; none where there is no file.
pub(super) fn read_notes(path: &Path) -> Result<Vec<SignedNote>, StorageError> {
    let failed = |source| StorageError::ReadFile { path: path.to_owned(), source };
    match read_bounded_text(path, MAX_BYTES) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(failed(error)),
        Ok(text) => {
            parse_notes(&text).map_err(|error| failed(io::Error::new(io::ErrorKind::InvalidData, error.to_string())))
        }
    }
}

/// Keeps a checkpoint in the file, in the place of the one before.
pub(super) fn write(app: &App, note: &str) -> Result<(), StorageError> {
    let path = path(app);
    private_files::write_private_file(&path, note.as_bytes()).map_err(|source| StorageError::WriteFile { path, source })
}

/// Whether the data folder can be written at all.
pub(super) fn is_writable(app: &App) -> bool {
    fs::metadata(app.folder()).is_ok_and(|folder| !folder.permissions().readonly())
}
