//! What refers to an artifact: by the API of the registry, or by a tag where it has none.
//!
//! A registry without that API keeps a document with a `subject` and does not list it: then whoever sends it also writes the list,
//! under the tag `sha256-…`, as the standard says.

use reqwest::Response;

use super::{
    client::Client,
    error::OciError,
    manifest::{Descriptor, INDEX_TYPE, Index, MAX_MANIFEST_BYTES, Manifest, to_bytes},
};

/// Referrers that are listed of one artifact at most.
const MAX_REFERRERS: usize = 1_000;
/// Says that the registry has listed a document by its subject.
const SUBJECT_HEADER: &str = "oci-subject";

/// The tag of the list where there is no API.
fn tag(digest: &str) -> String {
    digest.replacen(':', "-", 1)
}

/// The documents that refer to the artifact with this digest.
pub(crate) async fn list(client: &Client, digest: &str) -> Result<Vec<Descriptor>, OciError> {
    let (path, attempted) = (format!("referrers/{digest}"), "list what refers to an artifact");
    let listed = client.document(&path, attempted, MAX_MANIFEST_BYTES).await;
    let bytes = match listed {
        Ok(Some(bytes)) => Some(bytes),
        // Some registries refuse a route that they do not know instead of saying that there is none.
        Ok(None) | Err(OciError::Refused { .. } | OciError::Protocol { .. }) => {
            client.manifest(&tag(digest)).await?.map(|stored| stored.bytes)
        }
        Err(error) => return Err(error),
    };
    let Some(bytes) = bytes else { return Ok(Vec::new()) };
    let index: Index = serde_json::from_slice(&bytes)
        .map_err(|error| client.transport().protocol(format!("its list of referrers is none: {error}")))?;
    if index.manifests.len() > MAX_REFERRERS {
        return Err(client.transport().protocol(format!("it lists more than {MAX_REFERRERS} referrers")));
    }
    Ok(index.manifests)
}

/// Keeps a document that refers to an artifact, and lists it.
pub(crate) async fn put(client: &Client, manifest: &Manifest) -> Result<(), OciError> {
    let bytes = to_bytes(manifest);
    let mut descriptor = Descriptor::of(&manifest.media_type, &bytes);
    let response = client.put_manifest(&descriptor.digest, &manifest.media_type, &bytes).await?;
    let subject = manifest.subject.as_ref().map(|subject| subject.digest.as_str()).unwrap_or_default();
    if is_listed(&response) {
        return Ok(());
    }
    descriptor.artifact_type = manifest.artifact_type.clone();
    descriptor.annotations = manifest.annotations.clone();
    let mut known = list(client, subject).await?;
    if known.iter().any(|other| other.digest == descriptor.digest) {
        return Ok(());
    }
    known.push(descriptor);
    client.put_manifest(&tag(subject), INDEX_TYPE, &to_bytes(&Index::new(known))).await.map(|_| ())
}

fn is_listed(response: &Response) -> bool {
    response.headers().contains_key(SUBJECT_HEADER)
}
