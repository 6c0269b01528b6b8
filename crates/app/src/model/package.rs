//! A version's package: the model, its reference, what it was made from; one tree of blobs whose digest is its identity.
//!
//! Invariants: nothing in a package changes after it was put; what is known only later (verdicts, approvals,
//! deployments) never enters it. A package that lacks a part, or whose bytes do not match their names, is refused.

use std::path::Path;

use kilter_blobs::{BlobStore, Tree, atomic};
use kilter_domain::{
    digest::Digest,
    ids::{ModelName, ProjectName},
    table::Table,
    time::Timestamp,
};
use kilter_evaluation::reference::Reference;
use kilter_inference::{Input, Model, Signature};
use kilter_lake::{ReadOptions, read_table, write_table};
use serde::{Deserialize, Serialize};

use crate::{error::AppError, model::golden::requests::GoldenRequests};

/// The path of the model inside of a package.
pub const MODEL_PATH: &str = "model/model.onnx";
const MANIFEST_PATH: &str = "package.json";
const PROFILE_PATH: &str = "reference/profile.bin";
/// Labelled held-out rows with their losses: what causes of drift are weighed on.
const SAMPLE_PATH: &str = "reference/sample.parquet";
/// Golden requests with the answers that the model gave to them.
const GOLDEN_PATH: &str = "golden/requests.parquet";
/// The reference as the first layout kept it.
const REFERENCE_PATH: &str = "reference.json";
const POLICY_PATH: &str = "flow/kilter.toml";
/// The score of each row of the labelled sample.
pub const SAMPLE_SCORE: &str = "__score";
/// The loss of each row of the labelled sample.
pub const SAMPLE_LOSS: &str = "__loss";
/// Rows of the labelled sample at most.
pub const SAMPLE_ROWS: usize = 5_000;
/// A package part larger than this is not read into memory.
const MAX_BYTES: u64 = 2 << 30;

/// What a package says about itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this layout.
    pub schema: u32,
    pub project: ProjectName,
    pub model: ModelName,
    /// The run that made it.
    pub run: String,
    pub signature: Signature,
    /// Columns that requests may carry for the record though the model does not read them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recorded: Vec<Input>,
    /// The digest of each dataset it was made from, by name.
    pub datasets: std::collections::BTreeMap<String, Digest>,
    /// The newest event that the model was trained on, where the data has a clock.
    pub trained_through: Option<Timestamp>,
    pub trained_rows: u64,
    /// The operating threshold of a binary model on its score.
    pub threshold: f64,
    /// The version whose model this is, where the two differ in their threshold alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tuned_from: Option<u32>,
}

/// A package in memory.
pub struct Package {
    pub digest: Digest,
    pub manifest: Manifest,
    pub reference: Reference,
    pub model_bytes: Vec<u8>,
    /// The blob of the labelled sample; packages of the first layout have none.
    sample: Option<Digest>,
    /// The blob of the golden requests, where the contract asked for some.
    golden: Option<Digest>,
}

/// What a package carries beside its model to be judged by.
pub struct Evidence<'t> {
    pub reference: Reference,
    pub sample: Option<&'t Table>,
    pub golden: Option<&'t GoldenRequests>,
}

impl Package {
    /// Puts the parts together and stores them; `scratch` is a folder of ours for the time of the call.
    pub fn put(
        blobs: &BlobStore,
        scratch: &Path,
        manifest: Manifest,
        Evidence { reference, sample, golden }: Evidence<'_>,
        model_bytes: Vec<u8>,
        policy: &str,
    ) -> Result<Self, AppError> {
        let json =
            |value: serde_json::Result<String>| value.map_err(|source| AppError::Document { what: "package", source });
        let parts: [(&str, Vec<u8>); 4] = [
            (MANIFEST_PATH, json(serde_json::to_string_pretty(&manifest))?.into_bytes()),
            (PROFILE_PATH, reference.to_bytes()?),
            (POLICY_PATH, policy.as_bytes().to_vec()),
            (MODEL_PATH, model_bytes),
        ];
        for (path, bytes) in &parts {
            let target = scratch.join(path);
            if let Some(folder) = target.parent() {
                atomic::create_dirs(folder)?;
            }
            atomic::write_atomic(&target, bytes)?;
        }
        if let Some(sample) = sample {
            write_table(&scratch.join(SAMPLE_PATH), sample)?;
        }
        if let Some(golden) = golden {
            atomic::create_dirs(&scratch.join("golden"))?;
            write_table(&scratch.join(GOLDEN_PATH), &golden.to_table()?)?;
        }
        let content = blobs.put_tree(scratch)?;
        let tree = blobs.tree(&content.digest)?;
        let [.., (_, model_bytes)] = parts;
        let (sample, golden) = (part_at(&tree, SAMPLE_PATH), part_at(&tree, GOLDEN_PATH));
        Ok(Self { digest: content.digest, manifest, reference, model_bytes, sample, golden })
    }

    /// Reads a package back; every part is verified against its digest.
    pub fn load(blobs: &BlobStore, digest: Digest) -> Result<Self, AppError> {
        let tree = blobs.tree(&digest)?;
        let part = |path: &str| {
            let found =
                part_at(&tree, path).ok_or_else(|| AppError::BrokenPackage { digest, part: path.to_owned() })?;
            Ok::<_, AppError>(blobs.read(&found, MAX_BYTES)?)
        };
        let read = |bytes: &[u8]| serde_json::from_slice(bytes);
        let manifest = read(&part(MANIFEST_PATH)?).map_err(|source| AppError::Document { what: "package", source })?;
        let reference = match part_at(&tree, PROFILE_PATH) {
            Some(_) => Reference::from_bytes(&part(PROFILE_PATH)?)?,
            None => serde_json::from_slice(&part(REFERENCE_PATH)?)
                .map_err(|source| AppError::Document { what: "reference", source })?,
        };
        let (sample, golden) = (part_at(&tree, SAMPLE_PATH), part_at(&tree, GOLDEN_PATH));
        Ok(Self { digest, manifest, reference, model_bytes: part(MODEL_PATH)?, sample, golden })
    }

    /// The model, ready to answer.
    pub fn model(&self) -> Result<Model, AppError> {
        Model::from_onnx(&self.model_bytes).map_err(|source| AppError::Model { digest: self.digest, source })
    }

    /// Labelled held-out rows with the columns of [`SAMPLE_SCORE`] and [`SAMPLE_LOSS`]; `None` for packages that were
    /// made before there was one. `scratch` is a folder of ours for the time of the call.
    pub fn sample(&self, blobs: &BlobStore, scratch: &Path) -> Result<Option<Table>, AppError> {
        self.sample.map(|digest| table_of(blobs, &digest, &scratch.join("sample.parquet"))).transpose()
    }

    /// Whether there are requests to ask the model again.
    pub fn has_golden(&self) -> bool {
        self.golden.is_some()
    }

    /// The golden requests with their answers; `scratch` as in [`Package::sample`].
    pub fn golden(&self, blobs: &BlobStore, scratch: &Path) -> Result<Option<GoldenRequests>, AppError> {
        let table = self.golden.map(|digest| table_of(blobs, &digest, &scratch.join("golden.parquet"))).transpose()?;
        table.as_ref().map(GoldenRequests::from_table).transpose()
    }

    /// The size of the model in bytes.
    pub fn model_size(&self) -> u64 {
        self.model_bytes.len() as u64
    }
}

fn part_at(tree: &Tree, path: &str) -> Option<Digest> {
    tree.entries().iter().find(|entry| entry.path.as_str() == path).map(|entry| entry.digest)
}

/// A stored table; the reader wants a file.
fn table_of(blobs: &BlobStore, digest: &Digest, path: &Path) -> Result<Table, AppError> {
    atomic::write_atomic(path, &blobs.read(digest, MAX_BYTES)?)?;
    Ok(read_table(path, &ReadOptions::default())?)
}
