//! Signatures of packages: made when a version is registered, verified before it serves.
//!
//! Invariants: a version serves only if a key that is trusted signed exactly its files. Versions that were registered before the
//! platform signed are the exception, by the time of their registration: nobody could have signed them.

use kilter_domain::{digest::Digest, ids::ModelName, signing_key::KeyPurpose};
use kilter_package::{
    CheckResult, Export, FileHashes, Package, SCHEMA, check_signature as compare_signature, model_signature,
};
use kilter_store::{model::Version, package_signature as signatures, signing_key as keys};

use crate::{
    app::App,
    authz::AuthorizedContext,
    keys::{self as signing_keys},
    model::error::VersionError,
};

/// Signs a package with the key of this platform, and keeps the signature beside it. The id of the key.
///
/// # Errors
/// If the package does not list its files, or there is no key.
pub(crate) fn sign_package(
    app: &App,
    context: &AuthorizedContext,
    model: &ModelName,
    package: &Package,
) -> Result<String, VersionError> {
    let (digest, schema) = (package.digest, package.manifest.schema);
    let files = package.file_hashes().ok_or(kilter_package::PackageError::Unlisted { digest, schema })?;
    sign_files(app, context, model, (digest, files))
}

/// The same for files that were hashed already.
pub(crate) fn sign_files(
    app: &App,
    context: &AuthorizedContext,
    model: &ModelName,
    (digest, files): (Digest, FileHashes),
) -> Result<String, VersionError> {
    let key = signing_keys::signing_key(app, context, KeyPurpose::Package)?;
    let bundle = model_signature::sign(&key, model.as_str(), &files).map_err(kilter_package::PackageError::from)?;
    let (id, text) = (key.public().id(), bundle.to_json());
    let event = context.audit_event("package.sign", "", vec![format!("model:{model}")]);
    let of_key = id.clone();
    app.store().write(move |tx| signatures::put(&tx.audited(event), &digest, &of_key, &text))?;
    Ok(id)
}

/// The signature of a package by a key that is trusted, the newest first; else the newest of all.
pub(crate) fn find_signature(app: &App, digest: &Digest) -> Result<Option<signatures::PackageSignature>, VersionError> {
    let all = app.store().read(|reader| signatures::list(reader, digest))?;
    let mut first = None;
    for signature in all {
        if signing_keys::trusted_key(app, &signature.signing_key, KeyPurpose::Package)?.is_some() {
            return Ok(Some(signature));
        }
        first.get_or_insert(signature);
    }
    Ok(first)
}

/// Refuses a version whose package no trusted key signed as it is.
pub(crate) fn check_signed(app: &App, version: &Version, package: &Package) -> Result<(), VersionError> {
    let refused =
        |reason: String| VersionError::NotSigned { model: version.model.clone(), number: version.number, reason };
    if package.manifest.schema < SCHEMA && is_older_than_signing(app, version)? {
        return Ok(());
    }
    let files = match package.file_hashes() {
        Some(listed) => listed,
        None => Export { blobs: app.blobs(), tree: package.tree(), signature: None }.hash()?,
    };
    match check_signature_of(app, &version.digest, &files)? {
        CheckResult::Passed(_) => Ok(()),
        CheckResult::Failed(reason) | CheckResult::Skipped(reason) => Err(refused(reason)),
    }
}

/// The id of the key whose signature of a version is valid; `None` where none is.
pub(crate) fn valid_signer(app: &App, version: &Version, package: &Package) -> Result<Option<String>, VersionError> {
    match check_signed(app, version, package) {
        Ok(()) => Ok(find_signature(app, &version.digest)?.map(|signature| signature.signing_key)),
        Err(VersionError::NotSigned { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What the signature of a package says about these files.
pub(crate) fn check_signature_of(app: &App, digest: &Digest, files: &FileHashes) -> Result<CheckResult, VersionError> {
    let Some(signature) = find_signature(app, digest)? else {
        return Ok(CheckResult::Skipped("it has no signature".to_owned()));
    };
    Ok(compare_signature(signature.bundle.as_bytes(), files, &|id| signing_keys::find_trusted_key(app, id)))
}

/// Whether a version was registered before this platform had a key for packages.
fn is_older_than_signing(app: &App, version: &Version) -> Result<bool, VersionError> {
    let keys = app.store().read(keys::list)?;
    let of_packages = keys.iter().filter(|key| key.purpose == KeyPurpose::Package);
    let first = of_packages.map(|key| key.since).min();
    Ok(first.is_none_or(|first| version.created < first))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::golden_replay::tests::{TestFolder, trained};

    #[test]
    fn a_package_that_lists_no_files_is_not_signed_as_an_empty_list() {
        let folder = tempfile::tempdir().unwrap();
        let test = TestFolder::open(folder.path());
        crate::registration::register_to_run(&test.app, &test.context, &test.project).unwrap();
        let (model, number) = (test.project.model(), test.version(&trained().0, None));
        let version = test.app.store().read(|reader| kilter_store::model::get(reader, &model, number)).unwrap();
        let mut package = Package::load(test.app.blobs(), version.digest).unwrap();
        assert!(package.file_hashes().is_some_and(|files| files.len() > 5));
        package.manifest.schema = 2;
        let error = sign_package(&test.app, &test.context, &model, &package).unwrap_err().to_string();
        assert!(
            error.contains("has layout 2, which lists no files") && error.contains("kilter package sign"),
            "{error}"
        );
        let signed = test.app.store().read(|reader| signatures::list(reader, &version.digest)).unwrap();
        assert_eq!(signed.len(), 1, "that of its registration");
    }
}
