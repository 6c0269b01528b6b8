//! Whether the package of a version is what it claims to be; and its signature made again, where its key is gone.

use kilter_domain::{error_chain::with_causes, ids::ModelName};
use kilter_package::{CheckResult, Export, FileHashes, Verified, check_hashes};
use kilter_store::{model as versions, model::Version};

use crate::{
    app::App,
    authz::{Subject, access_map, act},
    context::RequestContext,
    model::{golden_replay, load, signature},
    package::error::PackageUseError,
};

/// Checks the package of a version as it is stored.
///
/// # Errors
/// If there is no such version, or the metadata cannot be read. What a check finds is no error.
pub fn verify_version(app: &App, model: &ModelName, number: u32) -> Result<Verified, PackageUseError> {
    let version = app.store().read(|reader| versions::get(reader, model, number))?;
    Ok(verify(app, &version)?.0)
}

/// What the checks of a version find, and the SHA-256 of its files; of those that cannot be read, nothing.
fn verify(app: &App, version: &Version) -> Result<(Verified, FileHashes), PackageUseError> {
    let failed = |reason: String| {
        let verified = Verified {
            digest: version.digest,
            manifest: None,
            hashes: CheckResult::Failed(reason.clone()),
            signature: CheckResult::Failed(reason.clone()),
            golden: CheckResult::Failed(reason),
        };
        (verified, FileHashes::new())
    };
    let tree = match app.blobs().tree(&version.digest) {
        Ok(tree) => tree,
        Err(error) => return Ok(failed(with_causes(&error))),
    };
    let found = Export { blobs: app.blobs(), tree: &tree, signature: None }.hash();
    let (files, package) = match (found, load::load_stored(app, version.digest)) {
        (Ok(files), Ok(package)) => (files, package),
        (Err(error), _) => return Ok(failed(with_causes(&error))),
        (_, Err(error)) => return Ok(failed(with_causes(&error))),
    };
    let manifest = package.0.manifest.clone();
    let verified = Verified {
        digest: version.digest,
        hashes: check_hashes(&manifest, &files),
        signature: signature::check_signature_of(app, &version.digest, &files)?,
        golden: ask_golden(app, version, &package),
        manifest: Some(manifest),
    };
    Ok((verified, files))
}

fn ask_golden(app: &App, version: &Version, (package, model): &load::LoadedVersion) -> CheckResult {
    match golden_replay::replay_golden(app, package, model) {
        Ok(asked) if asked.rows == 0 => CheckResult::Skipped("the package has no golden requests".to_owned()),
        Ok(asked) if asked.differing == 0 => CheckResult::Passed(asked.sentence()),
        Ok(asked) => CheckResult::Failed(asked.sentence()),
        Err(error) => CheckResult::Failed(format!("version {}: {}", version.number, with_causes(&error))),
    }
}

/// Signs the package of a version with the key of this platform, if its files and golden requests are as they were registered.
///
/// # Errors
/// If the actor may not administer the project of the model, there is no such version, or a check fails.
pub fn sign_version(
    app: &App,
    context: &RequestContext,
    model: &ModelName,
    number: u32,
) -> Result<String, PackageUseError> {
    let by = access_map::require_act::<act::Administer>(app, context, &Subject::Model(model.clone()))?;
    let version = app.store().read(|reader| versions::get(reader, model, number))?;
    let (verified, files) = verify(app, &version)?;
    for check in [&verified.hashes, &verified.golden] {
        if let CheckResult::Failed(reason) = check {
            return Err(PackageUseError::Invalid(reason.clone()));
        }
    }
    Ok(signature::sign_files(app, &by, model, (version.digest, files))?)
}
