//! Whether a package is what it claims to be: its files are those that are listed, its signature is of a key that is trusted, and
//! its model answers the golden requests as it did when it was packed.
//!
//! Invariants: the three checks are made one by one, and each says what it found; a check that fails does not hide the others.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use kilter_blobs::{BlobError, read_bounded};
use kilter_domain::{digest::Digest, error_chain::with_causes};
use kilter_inference::{Format, Model};
use kilter_keys::PublicKey;
use kilter_serving::{ServedVersion, VersionRef};

use crate::{
    error::PackageError,
    files::FolderFiles,
    golden::{GoldenRequests, GoldenResult},
    layout::{EXPECTED_PATH, MANIFEST_PATH, MAX_BYTES, MAX_MANIFEST_BYTES, REQUESTS_PATH, model_path},
    manifest::{Manifest, SCHEMA},
    model_signature::{FileHashes, SIGNATURE_PATH, signed_files},
    statement::{Bundle, MAX_BUNDLE_BYTES, SignatureError},
};

/// What one of the checks found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckResult {
    /// It holds; with what was looked at.
    Passed(String),
    /// It does not hold, and why.
    Failed(String),
    /// There was nothing to check, and why.
    Skipped(String),
}

impl CheckResult {
    /// Whether it does not hold.
    pub const fn is_failure(&self) -> bool {
        matches!(self, Self::Failed(_))
    }

    /// What was found, for a person.
    pub fn detail(&self) -> &str {
        match self {
            Self::Passed(detail) | Self::Failed(detail) | Self::Skipped(detail) => detail,
        }
    }
}

/// What the checks of a package found.
#[derive(Clone, Debug)]
pub struct Verified {
    /// Its identity: the digest of the tree of its files.
    pub digest: Digest,
    /// What it says about itself; `None` where that cannot be read.
    pub manifest: Option<Manifest>,
    /// Whether its files are those that the manifest lists.
    pub hashes: CheckResult,
    /// Whether a trusted key signed these files.
    pub signature: CheckResult,
    /// Whether its model answers the golden requests as before.
    pub golden: CheckResult,
}

impl Verified {
    /// Whether no check failed and a trusted key signed it.
    pub const fn is_valid(&self) -> bool {
        !self.hashes.is_failure() && matches!(self.signature, CheckResult::Passed(_)) && !self.golden.is_failure()
    }
}

/// Which keys are trusted: by id, the public key or why it is not trusted.
pub type TrustedKeys<'k> = &'k dyn Fn(&str) -> Result<PublicKey, String>;

/// Checks the package in `folder`.
///
/// # Errors
/// If the folder cannot be read, or has something that no package has, such as a symbolic link.
pub fn verify_folder(folder: &Path, keys: TrustedKeys<'_>) -> Result<Verified, PackageError> {
    if !folder.is_dir() {
        return Err(PackageError::NoFolder(folder.to_owned()));
    }
    let files = FolderFiles::read(folder)?;
    let manifest = read_manifest(folder);
    let hashes = match &manifest {
        Ok(manifest) => check_hashes(manifest, &files.hashes),
        Err(reason) => CheckResult::Failed(reason.clone()),
    };
    let signature = match read_signature(folder)? {
        None => CheckResult::Skipped(format!("there is no {SIGNATURE_PATH}: nobody vouches for the package")),
        Some(text) => check_signature(&text, &files.hashes, keys),
    };
    let golden = match &manifest {
        Ok(manifest) => check_golden(folder, manifest),
        Err(reason) => CheckResult::Failed(reason.clone()),
    };
    Ok(Verified { digest: files.digest(), manifest: manifest.ok(), hashes, signature, golden })
}

fn read_manifest(folder: &Path) -> Result<Manifest, String> {
    let bytes = read_part(folder, MANIFEST_PATH, MAX_MANIFEST_BYTES).map_err(|error| with_causes(&error))?;
    Manifest::parse(&bytes).map_err(|error| with_causes(&error))
}

fn read_part(folder: &Path, path: &str, limit: u64) -> Result<Vec<u8>, PackageError> {
    let place = folder.join(path);
    read_bounded(&place, limit).map_err(|source| BlobError::Io { attempted: "read", path: place, source }.into())
}

/// The text of the signature; it is a plain file or nothing.
fn read_signature(folder: &Path) -> Result<Option<Vec<u8>>, PackageError> {
    let place: PathBuf = folder.join(SIGNATURE_PATH);
    match fs::symlink_metadata(&place) {
        Ok(found) if found.is_file() => read_part(folder, SIGNATURE_PATH, MAX_BUNDLE_BYTES).map(Some),
        Ok(_) => Err(BlobError::NotPlain { path: place, what: "no plain file" }.into()),
        Err(_) => Ok(None),
    }
}

/// Compares files with the list of the manifest.
pub fn check_hashes(manifest: &Manifest, found: &FileHashes) -> CheckResult {
    if manifest.schema < SCHEMA {
        return CheckResult::Skipped(format!("layout {} lists no files", manifest.schema));
    }
    let listed = manifest.listed();
    for (path, hash) in &listed {
        match found.get(path) {
            None => return CheckResult::Failed(format!("`{path}` is listed and not there")),
            Some(other) if other != hash => {
                return CheckResult::Failed(format!("`{path}` has other bytes than package.json lists"));
            }
            Some(_) => {}
        }
    }
    match found.keys().find(|path| *path != MANIFEST_PATH && !listed.contains_key(*path)) {
        Some(path) => CheckResult::Failed(format!("`{path}` is there and not listed")),
        None => CheckResult::Passed(format!("{} files are as package.json lists them", listed.len())),
    }
}

/// Compares files with those that a trusted key signed.
pub fn check_signature(bundle: &[u8], found: &FileHashes, keys: TrustedKeys<'_>) -> CheckResult {
    let signed = || -> Result<(String, FileHashes), String> {
        let said = |error: SignatureError| with_causes(&error);
        let bundle = Bundle::parse(bundle).map_err(said)?;
        let key = keys(bundle.key_id())?;
        Ok((key.id(), signed_files(&bundle, &key).map_err(said)?))
    };
    match signed() {
        Err(reason) => CheckResult::Failed(reason),
        Ok((key, signed)) => match first_difference(&signed, found) {
            Some(difference) => CheckResult::Failed(difference),
            None => CheckResult::Passed(format!("key {} signed these {} files", &key[..12], signed.len())),
        },
    }
}

/// What differs between the signed files and those that are there.
pub fn first_difference(signed: &FileHashes, found: &FileHashes) -> Option<String> {
    for (path, hash) in signed {
        match found.get(path) {
            None => return Some(format!("`{path}` was signed and is not there")),
            Some(other) if other != hash => return Some(format!("`{path}` has other bytes than were signed")),
            Some(_) => {}
        }
    }
    found.keys().find(|path| !signed.contains_key(*path)).map(|path| format!("`{path}` was not signed"))
}

/// Asks the model in a folder its golden requests.
fn check_golden(folder: &Path, manifest: &Manifest) -> CheckResult {
    if !folder.join(REQUESTS_PATH).is_file() && manifest.sha256_of(REQUESTS_PATH).is_none() {
        return CheckResult::Skipped("the package has no golden requests".to_owned());
    }
    if manifest.format == Format::Pyfunc {
        return CheckResult::Skipped("its model is one of Python, which is asked where it is deployed".to_owned());
    }
    match ask_golden(folder, manifest) {
        Ok(asked) if asked.differing == 0 => CheckResult::Passed(asked.sentence()),
        Ok(asked) => CheckResult::Failed(asked.sentence()),
        Err(error) => CheckResult::Failed(with_causes(&error)),
    }
}

fn ask_golden(folder: &Path, manifest: &Manifest) -> Result<GoldenResult, PackageError> {
    let (digest, model) = read_model(folder, manifest.format)?;
    let (requests, expected) =
        (read_part(folder, REQUESTS_PATH, MAX_BYTES)?, read_part(folder, EXPECTED_PATH, MAX_BYTES)?);
    let golden = GoldenRequests::from_lines(&manifest.signature, &requests, &expected)?;
    let version = VersionRef { number: 0, digest };
    let version = ServedVersion::for_validation(Arc::new(model), version, Some(manifest.threshold));
    Ok(golden.ask(version, None)?)
}

/// The model in a folder; its bytes are not kept beside it.
fn read_model(folder: &Path, format: Format) -> Result<(Digest, Model), PackageError> {
    let bytes = read_part(folder, model_path(format), MAX_BYTES)?;
    let digest = Digest::of(&bytes);
    let model = Model::from_bytes(&bytes).map_err(|source| PackageError::Model { digest, source })?;
    Ok((digest, model))
}
