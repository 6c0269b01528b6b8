//! Sending a package.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use kilter_blobs::TreePath;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{
    address::OciAddress,
    client::Client,
    error::OciError,
    facts::{ArtifactFacts, Attachment},
    manifest::{
        self, Descriptor, FILE_METADATA, FILE_PATH, MANIFEST_TYPE, MAX_MANIFEST_BYTES, SIGNATURE_PATH, hex, layer_type,
        to_bytes,
    },
    options::RegistryOptions,
    referrers,
};

/// What the signature of a package is.
pub(crate) const SIGNATURE_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// Longest signature.
const MAX_SIGNATURE_BYTES: u64 = 16 << 20;

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
    let client = Client::new(address, "pull,push", options)?;
    let mut sent_bytes = 0;
    for layer in &layers {
        if !client.has_blob(&layer.descriptor.digest).await? {
            client.put_file(&layer.descriptor, &layer.path).await?;
            sent_bytes += layer.descriptor.size;
        }
    }
    let descriptors: Vec<Descriptor> = layers.iter().map(|layer| layer.descriptor.clone()).collect();
    let bytes = descriptors.iter().map(|layer| layer.size).sum();
    let (config, config_bytes) = manifest::config(facts, &descriptors);
    client.put_bytes(&config, &config_bytes).await?;
    let document = to_bytes(&manifest::of_package(facts, config, descriptors));
    if document.len() as u64 > MAX_MANIFEST_BYTES {
        let reason = format!("it has {} files, more than a manifest of a registry can name", layers.len());
        return Err(OciError::Content { path: folder.to_owned(), reason });
    }
    let subject = Descriptor::of(MANIFEST_TYPE, &document);
    // The signature first: whoever sees the tag can verify it.
    client.put_manifest(&subject.digest, MANIFEST_TYPE, &document).await?;
    let attachments = attachments(folder, facts)?;
    for attachment in &attachments {
        attach(&client, attachment, &subject, facts).await?;
    }
    if !address.is_digest() {
        client.put_manifest(&address.reference, MANIFEST_TYPE, &document).await?;
    } else if address.reference != subject.digest {
        let (expected, found) = (address.reference.clone(), subject.digest);
        return Err(OciError::Digest { what: "the package".to_owned(), expected, found });
    }
    let address = address.with_reference(&subject.digest);
    Ok(Pushed { address, files: layers.len(), bytes, sent_bytes, attachments: attachments.len() })
}

async fn attach(
    client: &Client,
    attachment: &Attachment,
    subject: &Descriptor,
    facts: &ArtifactFacts,
) -> Result<(), OciError> {
    let known = referrers::list(client, &subject.digest).await?;
    let manifest = manifest::of_attachment(attachment, subject, facts.at.map(|at| at.to_string()));
    for other in known.iter().filter(|other| other.artifact_type.as_ref() == manifest.artifact_type.as_ref()) {
        // The same bytes at another time are the same statement.
        let stored = client.manifest(&other.digest).await?;
        let same = stored.and_then(|stored| serde_json::from_slice::<manifest::Manifest>(&stored.bytes).ok());
        if same.is_some_and(|same| same.layers == manifest.layers) {
            return Ok(());
        }
    }
    client.put_bytes(&manifest.config, b"{}").await?;
    client.put_bytes(&manifest.layers[0], &attachment.bytes).await?;
    referrers::put(client, &manifest).await
}

/// The signature in the folder, and what was handed in.
fn attachments(folder: &Path, facts: &ArtifactFacts) -> Result<Vec<Attachment>, OciError> {
    let path = folder.join(SIGNATURE_PATH);
    let failed = |source| OciError::File { path: path.clone(), source };
    let mut found = facts.attachments.clone();
    if path.is_file() {
        let bytes = kilter_blobs::read_bounded(&path, MAX_SIGNATURE_BYTES).map_err(failed)?;
        found.insert(0, Attachment { name: SIGNATURE_PATH.to_owned(), media_type: SIGNATURE_TYPE.to_owned(), bytes });
    }
    Ok(found)
}

/// The files of a package but its signature, in the order of their paths.
fn layers(folder: &Path) -> Result<Vec<Layer>, OciError> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        let failed = |source| OciError::File { path: at.clone(), source };
        for entry in std::fs::read_dir(&at).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let kind = path.symlink_metadata().map_err(failed)?;
            match () {
                () if kind.is_dir() => folders.push(path),
                () if !kind.is_file() => {
                    let reason = "it is neither a file nor a folder".to_owned();
                    return Err(OciError::Content { path, reason });
                }
                () if path == folder.join(SIGNATURE_PATH) => {}
                () => found.push(layer(folder, path)?),
            }
        }
    }
    if found.is_empty() {
        return Err(OciError::Content { path: folder.to_owned(), reason: "it holds no file".to_owned() });
    }
    found.sort_by(|a, b| a.descriptor.annotations[FILE_PATH].cmp(&b.descriptor.annotations[FILE_PATH]));
    Ok(found)
}

fn layer(folder: &Path, path: PathBuf) -> Result<Layer, OciError> {
    use std::os::unix::fs::PermissionsExt;
    let name = path.strip_prefix(folder).ok().and_then(Path::to_str).unwrap_or_default().to_owned();
    if let Err(reason) = name.parse::<TreePath>() {
        return Err(OciError::Content { path, reason: reason.to_string() });
    }
    let failed = |source| OciError::File { path: path.clone(), source };
    let file = File::open(&path).map_err(failed)?;
    let is_executable = file.metadata().map_err(failed)?.permissions().mode() & 0o111 != 0;
    let (digest, size) = digest_of(file).map_err(failed)?;
    let mut annotations = std::collections::BTreeMap::from([(FILE_PATH.to_owned(), name.clone())]);
    if is_executable {
        let metadata = json!({
            "name": name.rsplit('/').next().unwrap_or(&name), "mode": 0o755, "uid": 0, "gid": 0, "size": size,
            "mtime": "1970-01-01T00:00:00Z", "typeflag": b'0',
        });
        annotations.insert(FILE_METADATA.to_owned(), metadata.to_string());
    }
    let descriptor =
        Descriptor { media_type: layer_type(&name).to_owned(), digest, size, artifact_type: None, annotations };
    Ok(Layer { path, descriptor })
}

fn digest_of(mut file: File) -> io::Result<(String, u64)> {
    let (mut hash, mut size, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 20]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok((hex(&hash.finalize()), size)),
            count => {
                hash.update(&buffer[..count]);
                size += count as u64;
            }
        }
    }
}
