//! Plain files and what else a folder may have.

use std::{
    fs::{self, File, Metadata},
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::{Path, PathBuf},
};

use crate::{error::BlobError, path::TreePath};

/// Deepest folder that is walked.
const MAX_DEPTH: usize = 128;

/// A plain file of a folder: its path below the folder, where it is, and what the system says of it.
pub type PlainFile = (TreePath, PathBuf, Metadata);

/// All plain files below `folder`, in the order of their paths.
///
/// # Errors
/// If there is a symbolic link, a device or a pipe, a folder is nested more than 128 deep, there are more than `max` files, or the
/// folder cannot be read.
pub fn plain_files(folder: &Path, max: usize) -> Result<Vec<PlainFile>, BlobError> {
    let mut found = walk_at_most(folder, max)?;
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found)
}

/// All plain files below `folder`, in no particular order. Symbolic links, devices and pipes are refused, as is a
/// folder nested deeper than [`MAX_DEPTH`].
pub(crate) fn walk(folder: &Path) -> Result<Vec<PlainFile>, BlobError> {
    walk_at_most(folder, usize::MAX)
}

fn walk_at_most(folder: &Path, max: usize) -> Result<Vec<PlainFile>, BlobError> {
    let mut found = Vec::new();
    let mut folders = vec![(folder.to_owned(), 0)];
    while let Some((current, depth)) = folders.pop() {
        let failed = |source| BlobError::io("read the folder", &current, source);
        for entry in fs::read_dir(&current).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let path = entry.path();
            let metadata = entry.metadata().map_err(|source| BlobError::io("read", &path, source))?;
            if metadata.is_dir() && depth < MAX_DEPTH {
                folders.push((path, depth + 1));
            } else if metadata.is_file() {
                let relative = path.strip_prefix(folder).unwrap_or(&path);
                let name = TreePath::of_relative(relative);
                let name = name.map_err(|source| BlobError::Path { path: path.clone(), source })?;
                if found.len() == max {
                    return Err(BlobError::TooManyFiles { path: folder.to_owned(), max });
                }
                found.push((name, path, metadata));
            } else {
                return Err(BlobError::NotPlain { path, what: kind_of(&metadata) });
            }
        }
    }
    Ok(found)
}

pub(crate) fn kind_of(found: &Metadata) -> &'static str {
    let kind = found.file_type();
    match () {
        () if kind.is_symlink() => "a symbolic link",
        () if kind.is_dir() => "a folder nested too deeply",
        () if kind.is_fifo() => "a pipe",
        () if kind.is_socket() => "a socket",
        () => "a device",
    }
}

/// Opens a plain file for reading; devices and pipes could block for ever.
pub(crate) fn open_plain(path: &Path) -> Result<File, BlobError> {
    let found = fs::metadata(path).map_err(|source| BlobError::io("read", path, source))?;
    if found.is_file() {
        File::open(path).map_err(|source| BlobError::io("read", path, source))
    } else {
        Err(BlobError::NotPlain { path: path.to_owned(), what: kind_of(&found) })
    }
}

pub(crate) fn is_executable(found: &Metadata) -> bool {
    found.is_file() && found.mode() & 0o111 != 0
}
