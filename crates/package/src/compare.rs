//! How two package folders differ: in what they say of themselves, and file by file.

use std::path::Path;

use serde_json::Value;

use crate::{
    error::PackageError,
    files::FolderFiles,
    layout::{MANIFEST_PATH, MAX_MANIFEST_BYTES},
    manifest::Manifest,
    model_signature::FileHashes,
    sha256::hex,
};

/// One difference between two packages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageDifference {
    /// A field of the manifest (`threshold`), or the path of a file.
    pub what: String,
    /// What the first has; empty if it has nothing.
    pub first: String,
    /// What the second has; empty if it has nothing.
    pub second: String,
}

/// How the packages in two folders differ; nothing where their files are the same.
///
/// # Errors
/// If a folder cannot be read, or is no package.
pub fn compare_folders(first: &Path, second: &Path) -> Result<Vec<PackageDifference>, PackageError> {
    let read = |folder: &Path| -> Result<(Value, FileHashes), PackageError> {
        if !folder.is_dir() {
            return Err(PackageError::NoFolder(folder.to_owned()));
        }
        let files = FolderFiles::read(folder)?;
        let path = folder.join(MANIFEST_PATH);
        let bytes = kilter_blobs::read_bounded(&path, MAX_MANIFEST_BYTES)
            .map_err(|source| kilter_blobs::BlobError::Io { attempted: "read", path, source })?;
        let mut document = serde_json::to_value(Manifest::parse(&bytes)?)
            .map_err(|source| PackageError::Document { what: "package", source })?;
        if let Some(fields) = document.as_object_mut() {
            fields.remove("files");
        }
        Ok((document, files.hashes))
    };
    let ((first, first_files), (second, second_files)) = (read(first)?, read(second)?);
    let mut found = Vec::new();
    compare_values("", &first, &second, &mut found);
    let mut paths: Vec<&String> = first_files.keys().chain(second_files.keys()).collect();
    paths.sort();
    paths.dedup();
    for path in paths.into_iter().filter(|path| *path != MANIFEST_PATH) {
        let (one, other) = (first_files.get(path), second_files.get(path));
        if one != other {
            let shown =
                |hash: Option<&[u8; 32]>| hash.map_or_else(String::new, |hash| format!("sha256 {:.12}", hex(hash)));
            found.push(PackageDifference { what: path.clone(), first: shown(one), second: shown(other) });
        }
    }
    Ok(found)
}

fn compare_values(path: &str, first: &Value, second: &Value, found: &mut Vec<PackageDifference>) {
    if first == second {
        return;
    }
    if let (Value::Object(one), Value::Object(other)) = (first, second) {
        let mut keys: Vec<&String> = one.keys().chain(other.keys().filter(|key| !one.contains_key(*key))).collect();
        keys.sort();
        for key in keys {
            let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            let (one, other) = (one.get(key).unwrap_or(&Value::Null), other.get(key).unwrap_or(&Value::Null));
            compare_values(&below, one, other, found);
        }
        return;
    }
    let shown = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string().chars().take(200).collect(),
    };
    found.push(PackageDifference { what: path.to_owned(), first: shown(first), second: shown(second) });
}
