//! A stored package as a folder.

use std::path::{Path, PathBuf};

use kilter_blobs::atomic;
use kilter_domain::{ids::ModelName, time::Timestamp};
use kilter_package::{SIGNATURE_PATH, oci::ArtifactFacts};
use kilter_store::{
    model::{self as versions, Version},
    run as runs,
};
use kilter_workflow::RunRecord;

use crate::{app::App, model::signature, publish::error::PublishError};

/// A package of the platform in a folder of its own.
pub struct StoredPackage {
    /// The folder.
    pub folder: PathBuf,
    /// The version that it is of.
    pub version: Version,
    /// The run that made it; `None` if its record is not one of this program's.
    pub run: Option<RunRecord>,
}

/// Writes the package of a version into a folder below `above`, named after it. Every file is compared with its digest.
///
/// # Errors
/// When there is no such version, or its package cannot be read or written.
pub fn check_out(app: &App, model: &ModelName, number: u32, above: &Path) -> Result<StoredPackage, PublishError> {
    let (version, run) = app.store().read(|reader| {
        let version = versions::get(reader, model, number)?;
        let run = version.run.as_ref().map(|run| runs::find(reader, run)).transpose()?.flatten();
        Ok((version, run))
    })?;
    let folder = above.join(format!("{model}-{number}"));
    app.blobs().checkout_tree(&version.digest, &folder)?;
    // The signature is kept beside the package, and leaves with it.
    if let Some(signature) = signature::find_signature(app, &version.digest)? {
        atomic::write_atomic(&folder.join(SIGNATURE_PATH), signature.bundle.as_bytes())?;
    }
    let run = run.and_then(|run| serde_json::from_value(run.record).ok());
    Ok(StoredPackage { folder, version, run })
}

impl StoredPackage {
    /// What an artifact says about it.
    pub fn facts(&self, at: Timestamp) -> ArtifactFacts {
        let git = self.run.as_ref().and_then(|run| run.git.as_ref());
        ArtifactFacts {
            name: self.version.model.to_string(),
            version: self.version.number.to_string(),
            revision: git.filter(|git| !git.dirty).map(|git| git.commit.clone()),
            at: Some(at),
            ..ArtifactFacts::default()
        }
    }
}
