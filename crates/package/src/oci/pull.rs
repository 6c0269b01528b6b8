//! Receiving a package.
//!
//! Invariant: the folder of a package appears under its name when it is whole. Until then what has come lies beside it, under a name
//! of its own, where the next try finds it.

use std::{
    collections::BTreeSet,
    fs,
    io::ErrorKind,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use kilter_blobs::{TreePath, atomic};
use serde_json::Value;

use super::{
    address::{OciAddress, is_sha256},
    client::Client,
    error::OciError,
    facts::{Attachment, MAX_ATTACHMENT_BYTES},
    manifest::{self, CREATED, Descriptor, FILE_METADATA, FILE_PATH, INDEX_TYPE, MODEL_TYPE, Manifest},
    options::RegistryOptions,
    referrers,
};
use crate::{manifest::MAX_FILES, model_signature::SIGNATURE_PATH, statement::BUNDLE_TYPE};

/// Bytes of the documents that refer to a package together, its signature apart: they are in memory at once.
const MAX_ATTACHMENTS_BYTES: u64 = 64 << 20;

/// What was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// The artifact, by its digest.
    pub address: OciAddress,
    /// Files of the package.
    pub files: usize,
    /// Bytes of the files together.
    pub bytes: u64,
    /// Whether a signature came with it.
    pub is_signed: bool,
    /// Other documents that refer to the package: approvals, results of gates.
    pub attachments: Vec<Attachment>,
    /// Documents that refer to it and did not come: larger than 32 MiB, together more than 64 MiB, or not what they say.
    pub attachments_left_out: usize,
}

/// What refers to an artifact.
#[derive(Default)]
struct Referring {
    /// The newest signature, with the time that it was sent.
    signature: Option<(String, Vec<u8>)>,
    others: Vec<Attachment>,
    left_out: usize,
}

pub(crate) async fn pull(address: &OciAddress, folder: &Path, options: &RegistryOptions) -> Result<Pulled, OciError> {
    if folder.symlink_metadata().is_ok() {
        return Err(OciError::Exists { path: folder.to_owned() });
    }
    let client = Client::new(address, "pull", options)?;
    let stored = client.manifest(&address.reference).await?;
    let stored = stored.ok_or_else(|| OciError::NotFound { what: "artifact", address: address.to_string() })?;
    let not_a_package =
        |reason: &str| OciError::NotAPackage { address: address.to_string(), reason: reason.to_owned() };
    if stored.descriptor.media_type == INDEX_TYPE {
        return Err(not_a_package("it is an index of several artifacts; name one of them by its digest"));
    }
    let manifest: Manifest = serde_json::from_slice(&stored.bytes)
        .map_err(|error| not_a_package(&format!("its manifest is none: {error}")))?;
    if manifest.artifact_type.as_deref() != Some(MODEL_TYPE) {
        let found = manifest.artifact_type.as_deref().unwrap_or(&manifest.config.media_type).to_owned();
        return Err(not_a_package(&format!("its type is `{found}`, and not `{MODEL_TYPE}`")));
    }
    let layers = named_layers(&manifest, &not_a_package)?;
    let partial = partial_folder(folder, &stored.descriptor.digest);
    for (path, layer) in &layers {
        receive(&client, &partial, path, layer).await?;
    }
    let referring = referring(&client, &stored.descriptor.digest).await?;
    if let Some((_, signature)) = &referring.signature {
        atomic::write_atomic(&partial.join(SIGNATURE_PATH), signature).map_err(|error| file_error(&partial, &error))?;
    }
    let failed = |source| OciError::File { path: folder.to_owned(), source };
    match fs::rename(&partial, folder) {
        Err(error) if matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::DirectoryNotEmpty) => {
            return Err(OciError::Exists { path: folder.to_owned() });
        }
        done => done.map_err(failed)?,
    }
    Ok(Pulled {
        address: address.with_reference(&stored.descriptor.digest),
        files: layers.len(),
        bytes: layers.iter().map(|(_, layer)| layer.size).sum(),
        is_signed: referring.signature.is_some(),
        attachments: referring.others,
        attachments_left_out: referring.left_out,
    })
}

/// The layers with their places in the package, each of which is one, and leaves nothing of the folder.
fn named_layers<'m>(
    manifest: &'m Manifest,
    refused: &dyn Fn(&str) -> OciError,
) -> Result<Vec<(TreePath, &'m Descriptor)>, OciError> {
    if manifest.layers.len() > MAX_FILES {
        return Err(refused(&format!("it has more than {MAX_FILES} files")));
    }
    let (mut seen, mut found) = (BTreeSet::new(), Vec::new());
    for layer in &manifest.layers {
        let name = layer.annotations.get(FILE_PATH);
        let name = name.ok_or_else(|| refused("a layer does not say which file it is"))?;
        if !layer.media_type.ends_with(".raw") {
            return Err(refused(&format!(
                "`{name}` is a layer of type `{}`; only files as they are can be read",
                layer.media_type
            )));
        }
        if !is_sha256(&layer.digest) {
            return Err(refused(&format!("`{name}` has no digest by SHA-256")));
        }
        let path: TreePath = name.parse().map_err(|error| refused(&format!("`{name}` leaves the package: {error}")))?;
        // File systems may fold case.
        if path.as_str() == SIGNATURE_PATH || !seen.insert(path.as_str().to_lowercase()) {
            return Err(refused(&format!("`{name}` stands in it twice")));
        }
        found.push((path, layer));
    }
    let above = |path: &TreePath| {
        path.as_str().match_indices('/').map(|(at, _)| path.as_str()[..at].to_lowercase()).collect::<Vec<_>>()
    };
    match found.iter().find(|(path, _)| above(path).iter().any(|folder| seen.contains(folder))) {
        Some((path, _)) => Err(refused(&format!("`{path}` lies below a file"))),
        None => Ok(found),
    }
}

/// Where a package lies until it is whole.
fn partial_folder(folder: &Path, digest: &str) -> PathBuf {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let short: String = digest.chars().skip("sha256:".len()).take(12).collect();
    folder.with_file_name(format!(".{name}.{short}.partial"))
}

async fn receive(client: &Client, partial: &Path, path: &TreePath, layer: &Descriptor) -> Result<(), OciError> {
    let target = path.below(partial);
    atomic::create_dirs(target.parent().unwrap_or(partial)).map_err(|error| file_error(&target, &error))?;
    client.get_file(layer, &target).await?;
    let mode = if is_executable(layer) { 0o755 } else { 0o644 };
    let set = fs::set_permissions(&target, fs::Permissions::from_mode(mode));
    set.map_err(|source| OciError::File { path: target, source })
}

fn is_executable(layer: &Descriptor) -> bool {
    let metadata = layer.annotations.get(FILE_METADATA).and_then(|text| serde_json::from_str::<Value>(text).ok());
    metadata.and_then(|metadata| metadata.get("mode")?.as_u64()).is_some_and(|mode| mode & 0o111 != 0)
}

fn file_error(path: &Path, error: &kilter_blobs::BlobError) -> OciError {
    OciError::File { path: path.to_owned(), source: std::io::Error::other(error.to_string()) }
}

/// The newest signature, and other documents that refer to the package. Everybody who may write to the registry may add some: one that is
/// too large, or is not what it says, is left out and counted.
async fn referring(client: &Client, digest: &str) -> Result<Referring, OciError> {
    let (mut found, mut bytes) = (Referring::default(), 0);
    for descriptor in referrers::list(client, digest).await? {
        let Some(stored) = client.manifest(&descriptor.digest).await? else { continue };
        // What is no document of ours is somebody else's.
        let Ok(manifest) = serde_json::from_slice::<Manifest>(&stored.bytes) else { continue };
        let [layer] = &manifest.layers[..] else { continue };
        if manifest.subject.as_ref().is_none_or(|subject| subject.digest != digest) {
            continue;
        }
        let Some(name) = manifest::title_of(&manifest).filter(|name| is_file_name(name)) else { continue };
        let is_signature = layer.media_type == BUNDLE_TYPE && name == SIGNATURE_PATH;
        let together = if is_signature { layer.size } else { layer.size.saturating_add(bytes) };
        if layer.size > MAX_ATTACHMENT_BYTES || together > MAX_ATTACHMENTS_BYTES {
            found.left_out += 1;
            continue;
        }
        let content = match client.get_bytes(layer).await {
            Ok(content) => content,
            Err(OciError::Digest { .. } | OciError::NotFound { .. } | OciError::Protocol { .. }) => {
                found.left_out += 1;
                continue;
            }
            Err(error) => return Err(error),
        };
        if is_signature {
            let created = manifest.annotations.get(CREATED).cloned().unwrap_or_default();
            if found.signature.as_ref().is_none_or(|(at, _)| *at <= created) {
                found.signature = Some((created, content));
            }
        } else {
            bytes = together;
            let (name, media_type) = (name.to_owned(), layer.media_type.clone());
            found.others.push(Attachment { name, media_type, bytes: content });
        }
    }
    Ok(found)
}

fn is_file_name(name: &str) -> bool {
    !name.contains('/') && name.parse::<TreePath>().is_ok()
}
