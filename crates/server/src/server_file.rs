//! `server.json` in the data folder: by it commands find the server that has the folder.

use std::{io, io::Write, os::unix::fs::OpenOptionsExt, path::Path};

use kilter_api::ServerFile;

/// Writes where `data` is answered for.
pub(crate) fn write(data: &Path, file: &ServerFile) {
    let written = serde_json::to_vec(file)
        .map_err(Into::into)
        .and_then(|text| write_private(&data.join(ServerFile::NAME), &text));
    if let Err(error) = written {
        tracing::warn!(%error, "commands will not find this server by its data folder: name it with --server");
    }
}

/// Removes what [`write`] wrote.
pub(crate) fn remove(data: &Path) {
    // Left behind it misleads nobody.
    let _ = std::fs::remove_file(data.join(ServerFile::NAME));
}

/// Writes a file that only its owner can read.
fn write_private(path: &Path, text: &[u8]) -> io::Result<()> {
    // One that stayed behind may be readable for others, and keeps its mode.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text)
}
