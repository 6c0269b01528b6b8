//! Whether a file was changed since it was last looked at, without reading it.

use std::{fs, os::unix::fs::MetadataExt, path::Path};

use crate::{error::LakeError, source::io};

/// By what a file that was changed is noticed: its length, its inode, and when its bytes and its inode changed last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    bytes: u64,
    inode: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    pub(super) fn of(path: &Path) -> Result<Self, LakeError> {
        let file = fs::metadata(path).map_err(|source| io("read", path, source))?;
        Ok(Self {
            bytes: file.len(),
            inode: file.ino(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        })
    }
}
