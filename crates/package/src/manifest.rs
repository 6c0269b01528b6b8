//! What a package says about itself: `package.json`.
//!
//! Invariants: a manifest of a later layout is refused by its number before anything else of it is read; its list of files has safe
//! relative paths, each once, with sizes and SHA-256. Layouts 1 and 2 have no list.

use std::collections::{BTreeMap, BTreeSet};

use kilter_blobs::TreePath;
use kilter_domain::{
    digest::Digest,
    ids::{ModelName, ProjectName},
    input_rule::InputRule,
    time::Timestamp,
};
use kilter_inference::{Format, Input, Signature};
use serde::{Deserialize, Serialize};

use crate::sha256;

/// The layout that this program writes. It reads all up to this one.
pub const SCHEMA: u32 = 3;
/// Files that a package lists at most.
pub const MAX_FILES: usize = 100_000;

/// What a package says about itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this layout.
    pub schema: u32,
    /// The project whose contract made it.
    pub project: ProjectName,
    /// The model that it is a version of.
    pub model: ModelName,
    /// The run that made it.
    pub run: String,
    /// Of which kind the file of the model is.
    #[serde(default, skip_serializing_if = "is_onnx")]
    pub format: Format,
    /// What the model reads and answers.
    pub signature: Signature,
    /// Columns that requests may carry for the record though the model does not read them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recorded: Vec<Input>,
    /// What the version accepts of its inputs, by the contract that it was packed under.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub input_rules: Vec<InputRule>,
    /// The digest of each dataset it was made from, by name.
    pub datasets: BTreeMap<String, Digest>,
    /// The newest event that the model was trained on; `None` if the data has no event time.
    pub trained_through: Option<Timestamp>,
    /// Rows that the model was trained on.
    pub trained_rows: u64,
    /// The operating threshold of a binary model on its score, from 0 to 1.
    pub threshold: f64,
    /// The version whose model this is, if the two differ in their threshold alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tuned_from: Option<u32>,
    /// How the package was made; `None` in layouts before 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<Making>,
    /// Every other file of the package but the signature, sorted by path; empty in layouts before 3.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<PackedFile>,
}

fn is_onnx(format: &Format) -> bool {
    *format == Format::Onnx
}

/// How a package was made, and who answers for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Making {
    /// The version of Kilter.
    pub kilter: String,
    /// When it was packed.
    pub at: Timestamp,
    /// The Python that its steps ran, like `3.11.7`; `None` where they ran none, or it was not recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub python: Option<String>,
    /// The commit of the code; `None` where the project is not in Git.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<PackedCommit>,
    /// Who answers for the model, as the contract says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The licence, as the contract says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// Files of the code that were not as the run used them when it was packed; they are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed_code: Vec<String>,
}

/// The commit of the code, and whether tracked files differed from it: then `flow/dirty.patch` has the difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackedCommit {
    /// The id of the commit, in hex.
    pub id: String,
    /// Whether tracked files differed.
    pub dirty: bool,
}

/// One file of a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackedFile {
    /// Below the folder, with `/` between its parts.
    pub path: String,
    /// The size of the file.
    pub bytes: u64,
    /// The SHA-256 of its bytes, in hex.
    pub sha256: String,
}

/// Why a text is no manifest of a package.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum ManifestError {
    #[error("package.json cannot be read")]
    Json(#[from] serde_json::Error),
    #[error(
        "the package has layout {found}, this version of Kilter knows up to {SCHEMA}: read it with a later version"
    )]
    Future { found: u32 },
    #[error("package.json lists `{path}`, which {reason}")]
    File { path: String, reason: String },
    #[error("package.json lists more than {MAX_FILES} files")]
    TooMany,
}

#[derive(Deserialize)]
struct Layout {
    schema: u32,
}

impl Manifest {
    /// Reads `package.json`.
    ///
    /// # Errors
    /// If the layout is a later one, the text is no manifest, or its list has an unsafe path, a path twice or no SHA-256.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let Layout { schema } = serde_json::from_slice(bytes)?;
        if schema > SCHEMA {
            return Err(ManifestError::Future { found: schema });
        }
        let manifest: Self = serde_json::from_slice(bytes)?;
        manifest.check_files()?;
        Ok(manifest)
    }

    fn check_files(&self) -> Result<(), ManifestError> {
        if self.files.len() > MAX_FILES {
            return Err(ManifestError::TooMany);
        }
        let mut seen = BTreeSet::new();
        for file in &self.files {
            let wrong = |reason: String| ManifestError::File { path: file.path.chars().take(200).collect(), reason };
            file.path.parse::<TreePath>().map_err(|error| wrong(format!("is no path inside of a package: {error}")))?;
            if !seen.insert(&file.path) {
                return Err(wrong("is listed twice".to_owned()));
            }
            sha256::of_hex(&file.sha256).ok_or_else(|| wrong("has no SHA-256 in hex".to_owned()))?;
        }
        Ok(())
    }

    /// The SHA-256 of a listed file.
    pub fn sha256_of(&self, path: &str) -> Option<[u8; 32]> {
        let file = self.files.iter().find(|file| file.path == path)?;
        sha256::of_hex(&file.sha256)
    }

    /// The SHA-256 of every listed file.
    pub(crate) fn listed(&self) -> BTreeMap<String, [u8; 32]> {
        let hash = |file: &PackedFile| Some((file.path.clone(), sha256::of_hex(&file.sha256)?));
        self.files.iter().filter_map(hash).collect()
    }
}
