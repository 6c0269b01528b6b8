//! The bytes of a folder.

use std::{fs, path::Path};

/// The bytes of the files below a folder; links are not followed.
pub(super) fn bytes_below(folder: &Path) -> u64 {
    let (mut bytes, mut folders) = (0u64, vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(found) if found.is_dir() => folders.push(entry.path()),
                Ok(found) if found.is_file() => bytes = bytes.saturating_add(found.len()),
                _ => {}
            }
        }
    }
    bytes
}
