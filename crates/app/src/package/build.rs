//! A version as a folder or an archive, and beside it what became of it: signed statements.

use std::path::Path;

use kilter_blobs::atomic;
use kilter_domain::{digest::Digest, ids::ModelName, time::Timestamp};
use kilter_package::Export;
use kilter_store::model as versions;

use crate::{
    app::App,
    model::signature,
    package::{error::PackageUseError, evidence},
};

/// Where a package goes.
#[derive(Clone, Copy, Debug, Default)]
pub struct PackageTarget<'t> {
    /// A folder, which must not be there.
    pub folder: Option<&'t Path>,
    /// A tar archive, which must not be there.
    pub archive: Option<&'t Path>,
    /// A folder for the statements about the package.
    pub evidence: Option<&'t Path>,
}

/// What was built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuiltPackage {
    /// The identity of the package.
    pub digest: Digest,
    /// Its files, without the signature.
    pub files: usize,
    /// Bytes of all its files.
    pub bytes: u64,
    /// The id of the key that signed it; `None` for a version from before packages were signed.
    pub signed_by: Option<String>,
    /// The names of the statements that were written.
    pub statements: Vec<String>,
}

/// Writes the package of a version with its signature, and the statements about it as of `at`.
///
/// # Errors
/// If there is no such version, something is in the way, or a file is missing or damaged.
pub fn build_package(
    app: &App,
    (model, number): (&ModelName, u32),
    target: &PackageTarget<'_>,
    at: Timestamp,
) -> Result<BuiltPackage, PackageUseError> {
    let version = app.store().read(|reader| versions::get(reader, model, number))?;
    let tree = app.blobs().tree(&version.digest)?;
    let signature = signature::find_signature(app, &version.digest)?;
    let export = Export {
        blobs: app.blobs(),
        tree: &tree,
        signature: signature.as_ref().map(|signature| signature.bundle.as_str()),
    };
    if let Some(folder) = target.folder {
        export.to_folder(folder)?;
    }
    if let Some(archive) = target.archive {
        export.to_archive(&format!("{model}-{number}"), archive)?;
    }
    let mut statements = Vec::new();
    if let Some(folder) = target.evidence {
        for (name, bundle) in evidence::statements(app, &version, &export, at)? {
            atomic::write_atomic(&folder.join(&name), bundle.to_json().as_bytes())?;
            statements.push(name);
        }
    }
    Ok(BuiltPackage {
        digest: version.digest,
        files: tree.entries().len(),
        bytes: tree.bytes(),
        signed_by: signature.map(|signature| signature.signing_key),
        statements,
    })
}
