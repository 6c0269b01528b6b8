//! The documents of an artifact: manifest, config, index of referrers.

use std::collections::BTreeMap;

use kilter_inference::Format;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::facts::{ArtifactFacts, Attachment};
use crate::{layout::model_path, sha256::hex};

pub(crate) const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const MODEL_TYPE: &str = "application/vnd.cncf.model.manifest.v1+json";
const CONFIG_TYPE: &str = "application/vnd.cncf.model.config.v1+json";
const EMPTY_TYPE: &str = "application/vnd.oci.empty.v1+json";
/// The path of a layer in the package.
pub(crate) const FILE_PATH: &str = "org.cncf.model.filepath";
/// Mode and size of the file of a layer.
pub(crate) const FILE_METADATA: &str = "org.cncf.model.file.metadata+json";
pub(crate) const CREATED: &str = "org.opencontainers.image.created";
const TITLE: &str = "org.opencontainers.image.title";
/// Longest manifest that registries take.
pub(crate) const MAX_MANIFEST_BYTES: u64 = 4 << 20;

/// What is at a digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    pub media_type: String,
    pub digest: String,
    pub size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Descriptor {
    pub(crate) fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: digest_of(&kilter_keys::sha256(bytes)),
            size: bytes.len() as u64,
            artifact_type: None,
            annotations: BTreeMap::new(),
        }
    }

    pub(crate) fn empty() -> Self {
        Self::of(EMPTY_TYPE, b"{}")
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    pub schema_version: u32,
    #[serde(default)]
    pub media_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    pub config: Descriptor,
    pub layers: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Index {
    pub schema_version: u32,
    #[serde(default)]
    pub media_type: String,
    #[serde(default)]
    pub manifests: Vec<Descriptor>,
}

impl Index {
    pub(crate) fn new(manifests: Vec<Descriptor>) -> Self {
        Self { schema_version: 2, media_type: INDEX_TYPE.to_owned(), manifests }
    }
}

pub(crate) fn to_bytes(document: &impl Serialize) -> Vec<u8> {
    // Maps with text keys and plain values always have a JSON form.
    serde_json::to_vec(document).unwrap_or_default()
}

/// A SHA-256 as registries write digests.
pub(crate) fn digest_of(sha256: &[u8; 32]) -> String {
    format!("sha256:{}", hex(sha256))
}

/// The config of a model: what it is, and the digests of its layers. It has no time, so that equal packages are equal artifacts.
pub(crate) fn config(facts: &ArtifactFacts, layers: &[Descriptor]) -> (Descriptor, Vec<u8>) {
    let mut descriptor = json!({ "name": facts.name, "version": facts.version });
    let mut put = |name: &str, value: Value| {
        if !value.is_null() && value != json!([]) {
            descriptor[name] = value;
        }
    };
    put("description", json!(facts.description));
    put("licenses", json!(facts.licenses));
    put("revision", json!(facts.revision));
    let digests: Vec<&str> = layers.iter().map(|layer| layer.digest.as_str()).collect();
    let document = json!({
        "descriptor": descriptor,
        "config": { "format": format_of(layers) },
        "modelfs": { "type": "layers", "diffIds": digests },
    });
    let bytes = to_bytes(&document);
    (Descriptor::of(CONFIG_TYPE, &bytes), bytes)
}

/// What the file of the model is, as the specification of artifacts calls it.
fn format_of(layers: &[Descriptor]) -> &'static str {
    let paths = layers.iter().filter_map(|layer| layer.annotations.get(FILE_PATH));
    let is_model = |format: &Format| paths.clone().any(|path| path == model_path(*format));
    Format::ALL.into_iter().find(is_model).unwrap_or_default().library()
}

/// The manifest of a package.
pub(crate) fn of_package(facts: &ArtifactFacts, config: Descriptor, layers: Vec<Descriptor>) -> Manifest {
    let mut annotations = BTreeMap::from([(TITLE.to_owned(), facts.name.clone())]);
    annotations.insert("org.opencontainers.image.version".to_owned(), facts.version.clone());
    Manifest {
        schema_version: 2,
        media_type: MANIFEST_TYPE.to_owned(),
        artifact_type: Some(MODEL_TYPE.to_owned()),
        config,
        layers,
        subject: None,
        annotations,
    }
}

/// The manifest of a document about a package.
pub(crate) fn of_attachment(attachment: &Attachment, subject: &Descriptor, created: Option<String>) -> Manifest {
    let mut layer = Descriptor::of(&attachment.media_type, &attachment.bytes);
    layer.annotations.insert(TITLE.to_owned(), attachment.name.clone());
    let created = created.map(|at| (CREATED.to_owned(), at));
    let annotations = created.into_iter().chain([(TITLE.to_owned(), attachment.name.clone())]).collect();
    let subject = Descriptor { annotations: BTreeMap::new(), artifact_type: None, ..subject.clone() };
    Manifest {
        schema_version: 2,
        media_type: MANIFEST_TYPE.to_owned(),
        artifact_type: Some(attachment.media_type.clone()),
        config: Descriptor::empty(),
        layers: vec![layer],
        subject: Some(subject),
        annotations,
    }
}

/// The name of the file that a document about a package is.
pub(crate) fn title_of(manifest: &Manifest) -> Option<&str> {
    let layer = manifest.layers.first()?;
    layer.annotations.get(TITLE).or_else(|| manifest.annotations.get(TITLE)).map(String::as_str)
}

/// What the file at a path is to tools that know models: weights, settings of them, code, data, words.
pub(crate) fn layer_type(path: &str) -> &'static str {
    match path.split('/').next().unwrap_or_default() {
        "model" => "application/vnd.cncf.model.weight.v1.raw",
        "MLmodel" | "package.json" => "application/vnd.cncf.model.weight.config.v1.raw",
        "code" | "flow" | "env" => "application/vnd.cncf.model.code.v1.raw",
        "data" | "sample" | "reference" | "golden" => "application/vnd.cncf.model.dataset.v1.raw",
        _ => "application/vnd.cncf.model.doc.v1.raw",
    }
}
