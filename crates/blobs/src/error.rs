//! What can go wrong with bytes, said so that a person knows what to do next.

use std::{
    io,
    path::{Path, PathBuf},
};

use kilter_domain::digest::Digest;
use kilter_storage::ObjectError;

use crate::{path::UnsafePath, tree::TreeError};

/// Why an operation on the store did not happen. Nothing that was stored before is lost by any of these.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum BlobError {
    #[error("the store holds no object {digest}; run the step that made it again, or copy the object from a backup")]
    NotFound { digest: Digest },
    #[error("object {expected} holds other bytes ({found}): the disk or someone changed `{}`; delete that file and make it again", .path.display())]
    Corrupt { expected: Digest, found: Digest, path: PathBuf },
    #[error("{what} is {bytes} bytes long, more than the {limit} that may be read at once")]
    TooLarge { what: String, bytes: u64, limit: u64 },
    #[error("the disk is full: could not {attempted} `{}`; free some space and try again, nothing was lost", .path.display())]
    DiskFull { attempted: &'static str, path: PathBuf, source: io::Error },
    #[error("could not {attempted} `{}`", .path.display())]
    Io { attempted: &'static str, path: PathBuf, source: io::Error },
    #[error("`{}` is {what}, and only plain files and folders can be stored; replace it by a copy of what it stands for", .path.display())]
    NotPlain { path: PathBuf, what: &'static str },
    #[error("`{}` has more than {max} files", .path.display())]
    TooManyFiles { path: PathBuf, max: usize },
    #[error("`{}` changed while it was read; wait until it is written completely and try again", .path.display())]
    Changed { path: PathBuf },
    #[error("the path `{}` is not allowed in a tree", .path.display())]
    Path { path: PathBuf, source: UnsafePath },
    #[error("object {digest} is not a tree of files")]
    Tree { digest: Digest, source: TreeError },
    #[error("`{}` exists already; nothing was written over it", .path.display())]
    Exists { path: PathBuf },
    #[error(transparent)]
    Storage(#[from] ObjectError),
}

impl BlobError {
    /// Wraps an I/O error; a full disk or an exhausted quota gets its own words.
    pub(crate) fn io(attempted: &'static str, path: impl AsRef<Path>, source: io::Error) -> Self {
        let path = path.as_ref().to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { attempted, path, source },
            _ => Self::Io { attempted, path, source },
        }
    }

    /// True when a disk or a quota is full.
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::DiskFull { .. })
    }

    /// True when a stored object has other bytes than were written.
    pub const fn is_damaged(&self) -> bool {
        match self {
            Self::Corrupt { .. } => true,
            Self::Storage(error) => error.is_damaged(),
            _ => false,
        }
    }
}
