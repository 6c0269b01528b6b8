//! Sending a package.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use kilter_blobs::{BlobError, PlainFile};
use serde_json::json;

use super::{
    address::OciAddress,
    client::Client,
    error::OciError,
    facts::{ArtifactFacts, Attachment, MAX_ATTACHMENT_BYTES},
    manifest::{
        self, Descriptor, FILE_METADATA, FILE_PATH, MANIFEST_TYPE, MAX_MANIFEST_BYTES, digest_of, layer_type, to_bytes,
    },
    options::RegistryOptions,
    referrers,
};
use crate::{
    error::PackageError,
    files::{self, is_executable},
    model_signature::SIGNATURE_PATH,
    statement::BUNDLE_TYPE,
};

/// What was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// The artifact, by its digest.
    pub address: OciAddress,
    /// Files of the package.
    pub files: usize,
    /// Bytes of the files together.
    pub bytes: u64,
    /// Bytes that the registry did not have yet.
    pub sent_bytes: u64,
    /// Documents that refer to the package: signature, approvals, results of gates.
    pub attachments: usize,
}

/// A file of a package as a layer.
struct Layer {
    path: PathBuf,
    descriptor: Descriptor,
}

pub(crate) async fn push(
    folder: &Path,
    facts: &ArtifactFacts,
    address: &OciAddress,
    options: &RegistryOptions,
) -> Result<Pushed, OciError> {
    let layers = layers(folder)?;
    let attachments = attachments(folder, facts)?;
    let descriptors: Vec<Descriptor> = layers.iter().map(|layer| layer.descriptor.clone()).collect();
    let bytes = descriptors.iter().map(|layer| layer.size).sum();
    let (config, config_bytes) = manifest::config(facts, &descriptors);
    let document = to_bytes(&manifest::of_package(facts, config.clone(), descriptors));
    let subject = Descriptor::of(MANIFEST_TYPE, &document);
    // What will not be taken in the end is not begun.
    if document.len() as u64 > MAX_MANIFEST_BYTES {
        let reason = format!("it has {} files, more than a manifest of a registry can name", layers.len());
        return Err(OciError::Content { path: folder.to_owned(), reason });
    }
    if address.is_digest() && address.reference != subject.digest {
        let (expected, found) = (address.reference.clone(), subject.digest);
        return Err(OciError::Digest { what: "the package".to_owned(), expected, found });
    }
    let client = Client::new(address, "pull,push", options)?;
    let mut sent_bytes = 0;
    for layer in &layers {
        if !client.has_blob(&layer.descriptor.digest).await? {
            client.put_file(&layer.descriptor, &layer.path).await?;
            sent_bytes += layer.descriptor.size;
        }
    }
    client.put_bytes(&config, &config_bytes).await?;
    // The signature first: whoever sees the tag can verify it.
    client.put_manifest(&subject.digest, MANIFEST_TYPE, &document).await?;
    attach(&client, &attachments, &subject, facts).await?;
    if !address.is_digest() {
        client.put_manifest(&address.reference, MANIFEST_TYPE, &document).await?;
    }
    let address = address.with_reference(&subject.digest);
    Ok(Pushed { address, files: layers.len(), bytes, sent_bytes, attachments: attachments.len() })
}

/// Sends documents about a package that are not there yet. The same bytes at another time are the same statement.
async fn attach(
    client: &Client,
    attachments: &[Attachment],
    subject: &Descriptor,
    facts: &ArtifactFacts,
) -> Result<(), OciError> {
    if attachments.is_empty() {
        return Ok(());
    }
    let types: BTreeSet<&str> = attachments.iter().map(|attachment| attachment.media_type.as_str()).collect();
    let mut known: BTreeSet<(String, String)> = BTreeSet::new();
    for other in referrers::list(client, &subject.digest).await? {
        if other.artifact_type.as_deref().is_some_and(|kind| types.contains(kind)) {
            let stored = client.manifest(&other.digest).await?;
            let stored = stored.and_then(|stored| serde_json::from_slice::<manifest::Manifest>(&stored.bytes).ok());
            known.extend(stored.as_ref().and_then(named_content));
        }
    }
    for attachment in attachments {
        let manifest = manifest::of_attachment(attachment, subject, facts.at.map(|at| at.to_string()));
        if named_content(&manifest).is_some_and(|content| known.insert(content)) {
            client.put_bytes(&manifest.config, b"{}").await?;
            client.put_bytes(&manifest.layers[0], &attachment.bytes).await?;
            referrers::put(client, &manifest).await?;
        }
    }
    Ok(())
}

/// The name of a document about a package, and the digest of its bytes.
fn named_content(manifest: &manifest::Manifest) -> Option<(String, String)> {
    Some((manifest::title_of(manifest)?.to_owned(), manifest.layers.first()?.digest.clone()))
}

/// The signature in the folder, and what was handed in.
fn attachments(folder: &Path, facts: &ArtifactFacts) -> Result<Vec<Attachment>, OciError> {
    let path = folder.join(SIGNATURE_PATH);
    let mut found = facts.attachments.clone();
    if path.is_file() {
        let failed = |source| OciError::File { path: path.clone(), source };
        let bytes = kilter_blobs::read_bounded(&path, MAX_ATTACHMENT_BYTES).map_err(failed)?;
        found.insert(0, Attachment { name: SIGNATURE_PATH.to_owned(), media_type: BUNDLE_TYPE.to_owned(), bytes });
    }
    Ok(found)
}

/// The files of a package but its signature, in the order of their paths. The signature is sent as a document that refers to the
/// package: a new key does not change the artifact.
fn layers(folder: &Path) -> Result<Vec<Layer>, OciError> {
    let files = files::list(folder).map_err(|error| of_package(folder, error))?;
    if files.is_empty() {
        return Err(OciError::Content { path: folder.to_owned(), reason: "it holds no file".to_owned() });
    }
    files.into_iter().map(layer).collect()
}

fn layer((name, path, metadata): PlainFile) -> Result<Layer, OciError> {
    let (hash, size) = files::hash_file(&path).map_err(|error| of_package(&path, error))?;
    let name = name.to_string();
    let mut annotations = std::collections::BTreeMap::from([(FILE_PATH.to_owned(), name.clone())]);
    if is_executable(&metadata) {
        let metadata = json!({
            "name": name.rsplit('/').next().unwrap_or(&name), "mode": 0o755, "uid": 0, "gid": 0, "size": size,
            "mtime": "1970-01-01T00:00:00Z", "typeflag": b'0',
        });
        annotations.insert(FILE_METADATA.to_owned(), metadata.to_string());
    }
    let (media_type, digest) = (layer_type(&name).to_owned(), digest_of(&hash));
    Ok(Layer { path, descriptor: Descriptor { media_type, digest, size, artifact_type: None, annotations } })
}

/// Why the files of a package are not sent.
fn of_package(folder: &Path, error: PackageError) -> OciError {
    match error {
        PackageError::Blob(BlobError::Io { path, source, .. }) => OciError::File { path, source },
        PackageError::Blob(BlobError::NotPlain { path, what }) => {
            OciError::Content { path, reason: format!("it is {what}") }
        }
        PackageError::Blob(BlobError::Path { path, source }) => OciError::Content { path, reason: source.to_string() },
        error => OciError::Content { path: folder.to_owned(), reason: error.to_string() },
    }
}
