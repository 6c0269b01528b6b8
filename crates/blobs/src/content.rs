//! What a path has: a file or a tree, by digest.

use kilter_domain::digest::Digest;
use serde::{Deserialize, Serialize};

use crate::tree::Tree;

/// Whether a digest names a file or a tree of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContentKind {
    /// One file: the digest is that of its bytes.
    File,
    /// A folder: the digest is that of its manifest.
    Tree,
}

/// What stands at a path: equal contents have equal digests.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Content {
    /// File or folder.
    pub kind: ContentKind,
    /// Of the file's bytes, or of the tree's manifest.
    pub digest: Digest,
    /// Of the file, or of all files of the tree.
    pub bytes: u64,
    /// Number of files: 1, or those of the tree.
    pub files: u64,
    /// Whether a single file may be executed; a tree knows it of each file.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub executable: bool,
}

impl Content {
    pub(crate) fn file(digest: Digest, bytes: u64, executable: bool) -> Self {
        Self { kind: ContentKind::File, digest, bytes, files: 1, executable }
    }

    pub(crate) fn tree(tree: &Tree) -> Self {
        let digest = Digest::of(&tree.to_bytes());
        let files = tree.entries().len() as u64;
        Self { kind: ContentKind::Tree, digest, bytes: tree.bytes(), files, executable: false }
    }
}
