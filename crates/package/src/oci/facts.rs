//! What an artifact says beside the files of its package.

use kilter_domain::time::Timestamp;

/// The largest document about a package that is sent or received: a signature of 100,000 files is smaller.
pub const MAX_ATTACHMENT_BYTES: u64 = 32 << 20;

/// What an artifact says about its package beside the files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArtifactFacts {
    /// The name of the model.
    pub name: String,
    /// The version of the model.
    pub version: String,
    /// One line.
    pub description: Option<String>,
    /// SPDX expressions.
    pub licenses: Vec<String>,
    /// The commit of the code.
    pub revision: Option<String>,
    /// What is known only after the package was made: its signature, approvals, results of gates.
    pub attachments: Vec<Attachment>,
    /// When they are sent; the artifact itself carries no time, so that it has one digest for ever.
    pub at: Option<Timestamp>,
}

/// A document about a package that is no part of it: its signature, an approval, the result of a gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// The name of its file.
    pub name: String,
    /// What it is, for tools that look for it.
    pub media_type: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}
