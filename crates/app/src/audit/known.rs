//! The newest checkpoint that this data folder knows, whatever became of the database: in memory, and in a file beside it.

use std::{fs, io, path::PathBuf};

use kilter_blobs::read_bounded_text;

use crate::{
    app::App,
    causes::StorageError,
    private_files,
    signed_note::{NoteError, SignedNote},
};

/// The file of the data folder with the newest checkpoint. A database that is replaced by an older copy of itself does not go on from it.
const FILE: &str = "newest-checkpoint";
const MAX_BYTES: u64 = 1 << 20;

fn path(app: &App) -> PathBuf {
    app.folder().join(FILE)
}

/// The checkpoint of the file; `None` where there is none yet. The inner error says that the file holds something else.
pub(super) fn read(app: &App) -> Result<Result<Option<SignedNote>, NoteError>, StorageError> {
    let path = path(app);
    match read_bounded_text(&path, MAX_BYTES) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Ok(None)),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(Err(NoteError::NotANote("it is no text"))),
        Err(source) => Err(StorageError::ReadFile { path, source }),
        Ok(text) => Ok(text.parse().map(Some)),
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
