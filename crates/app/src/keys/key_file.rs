//! Where a private key is: a file of the data folder, a file that the operator names, or a text that the operator hands in.

use std::{
    io,
    path::{Path, PathBuf},
};

use kilter_blobs::read_bounded_text;
use kilter_domain::signing_key::KeyPurpose;
use kilter_keys::{NewKey, PrivateKey};

use crate::{
    app::{App, KeySource},
    causes::StorageError,
    keys::error::SigningKeyError,
    private_files,
};

/// The folder with keys below the data folder.
const FOLDER: &str = "keys";
const MAX_BYTES: u64 = 64 * 1024;

/// The file of the data folder that holds the key of a purpose.
fn own_path(app: &App, purpose: KeyPurpose) -> PathBuf {
    app.folder().join(FOLDER).join(format!("{purpose}.pem"))
}

/// Where the key of a purpose is, for a person.
pub(super) fn place(app: &App, purpose: KeyPurpose) -> String {
    match app.options().keys.of(purpose) {
        None => format!("in {}", own_path(app, purpose).display()),
        Some(KeySource::File(path)) => format!("in {}", path.display()),
        Some(KeySource::Text(_)) => "of the environment".to_owned(),
    }
}

/// Whether the operator gives the key of a purpose.
pub(super) fn is_given(app: &App, purpose: KeyPurpose) -> bool {
    app.options().keys.of(purpose).is_some()
}

/// Reads the key of a purpose; `None` where the data folder has none yet.
pub(super) fn read(app: &App, purpose: KeyPurpose) -> Result<Option<PrivateKey>, SigningKeyError> {
    let text = match app.options().keys.of(purpose) {
        Some(KeySource::Text(text)) => text.clone(),
        Some(KeySource::File(path)) => read_private(path, purpose)?,
        None => match read_private(&own_path(app, purpose), purpose) {
            Err(SigningKeyError::Storage(StorageError::ReadFile { source, .. }))
                if source.kind() == io::ErrorKind::NotFound =>
            {
                return Ok(None);
            }
            read => read?,
        },
    };
    let key = PrivateKey::from_pem(&text, purpose);
    key.map(Some).map_err(|source| SigningKeyError::Key { purpose, place: place(app, purpose), source })
}

fn read_private(path: &Path, purpose: KeyPurpose) -> Result<String, SigningKeyError> {
    let failed = |source| StorageError::ReadFile { path: path.to_owned(), source };
    let text = read_bounded_text(path, MAX_BYTES).map_err(failed)?;
    match private_files::open_to_others(path) {
        None => Ok(text),
        Some(_) => Err(SigningKeyError::OpenToOthers { purpose, path: path.to_owned() }),
    }
}

/// Makes a key of the data folder, in the place of the one that is there.
pub(super) fn make(app: &App, purpose: KeyPurpose) -> Result<PrivateKey, SigningKeyError> {
    let path = own_path(app, purpose);
    let failed = |source| SigningKeyError::Key { purpose, place: place(app, purpose), source };
    let NewKey { key, pem } = PrivateKey::generate(purpose).map_err(failed)?;
    private_files::write_private_file(&path, pem.as_bytes())
        .map_err(|source| StorageError::WriteFile { path, source })?;
    Ok(key)
}
