//! Writing and reading a package.

use std::path::Path;

use kilter_blobs::{BlobStore, Tree, atomic};
use kilter_domain::{digest::Digest, table::Table};
use kilter_evaluation::reference::Reference;
use kilter_lake::{ReadOptions, read_table, write_table};

use crate::{Manifest, error::PackageError, golden::GoldenRequests};

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
const CONTRACT_PATH: &str = "flow/kilter.toml";
/// The score of each row of the labelled sample.
pub const SAMPLE_SCORE: &str = "__score";
/// The loss of each row of the labelled sample.
pub const SAMPLE_LOSS: &str = "__loss";
/// Rows of the labelled sample at most.
pub const SAMPLE_ROWS: usize = 5_000;
/// A package part larger than this is not read into memory.
const MAX_BYTES: u64 = 2 << 30;

/// A package in memory.
pub struct Package {
    /// Its identity: the digest of the tree of its parts.
    pub digest: Digest,
    /// What it says about itself.
    pub manifest: Manifest,
    /// What monitors compare with.
    pub reference: Reference,
    /// The model as ONNX.
    pub model_bytes: Vec<u8>,
    /// The blob of the labelled sample; packages of the first layout have none.
    sample: Option<Digest>,
    /// The blob of the golden requests, where the contract asked for some.
    golden: Option<Digest>,
}

/// What a package is made of.
pub struct Parts<'t> {
    /// What it says about itself.
    pub manifest: Manifest,
    /// What monitors compare with.
    pub reference: Reference,
    /// Held-out rows with label, [`SAMPLE_SCORE`] and [`SAMPLE_LOSS`]; at most [`SAMPLE_ROWS`].
    pub sample: Option<&'t Table>,
    /// Requests with the answers of this model at this threshold.
    pub golden: Option<&'t GoldenRequests>,
    /// The model as ONNX.
    pub model_bytes: Vec<u8>,
    /// The text of the contract that was in force.
    pub contract: &'t str,
}

impl Package {
    /// Puts the parts together and stores them; `scratch` is a folder of ours for the time of the call.
    ///
    /// # Errors
    /// If a part cannot be written.
    pub fn put(blobs: &BlobStore, scratch: &Path, parts: Parts<'_>) -> Result<Self, PackageError> {
        let Parts { manifest, reference, sample, golden, model_bytes, contract } = parts;
        let json = |value: serde_json::Result<String>| {
            value.map_err(|source| PackageError::Document { what: "package", source })
        };
        let files: [(&str, Vec<u8>); 4] = [
            (MANIFEST_PATH, json(serde_json::to_string_pretty(&manifest))?.into_bytes()),
            (PROFILE_PATH, reference.to_bytes()?),
            (CONTRACT_PATH, contract.as_bytes().to_vec()),
            (MODEL_PATH, model_bytes),
        ];
        for (path, bytes) in &files {
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
        let [.., (_, model_bytes)] = files;
        let (sample, golden) = (part_at(&tree, SAMPLE_PATH), part_at(&tree, GOLDEN_PATH));
        Ok(Self { digest: content.digest, manifest, reference, model_bytes, sample, golden })
    }

    /// Reads a package back; every part is verified against its digest.
    ///
    /// # Errors
    /// If a part is missing, damaged, or not of its layout.
    pub fn load(blobs: &BlobStore, digest: Digest) -> Result<Self, PackageError> {
        let tree = blobs.tree(&digest)?;
        let part = |path: &str| {
            let found =
                part_at(&tree, path).ok_or_else(|| PackageError::PartMissing { digest, part: path.to_owned() })?;
            Ok::<_, PackageError>(blobs.read(&found, MAX_BYTES)?)
        };
        let read = |bytes: &[u8]| serde_json::from_slice(bytes);
        let manifest =
            read(&part(MANIFEST_PATH)?).map_err(|source| PackageError::Document { what: "package", source })?;
        let reference = match part_at(&tree, PROFILE_PATH) {
            Some(_) => Reference::from_bytes(&part(PROFILE_PATH)?)?,
            None => serde_json::from_slice(&part(REFERENCE_PATH)?)
                .map_err(|source| PackageError::Document { what: "reference", source })?,
        };
        let (sample, golden) = (part_at(&tree, SAMPLE_PATH), part_at(&tree, GOLDEN_PATH));
        Ok(Self { digest, manifest, reference, model_bytes: part(MODEL_PATH)?, sample, golden })
    }

    /// Labelled held-out rows with the columns of [`SAMPLE_SCORE`] and [`SAMPLE_LOSS`]; `None` for packages that were
    /// made before there was one. `scratch` is a folder of ours for the time of the call.
    ///
    /// # Errors
    /// If the blob is missing or damaged.
    pub fn sample(&self, blobs: &BlobStore, scratch: &Path) -> Result<Option<Table>, PackageError> {
        self.sample.map(|digest| table_of(blobs, &digest, &scratch.join("sample.parquet"))).transpose()
    }

    /// Whether there are requests to ask the model again.
    pub fn has_golden(&self) -> bool {
        self.golden.is_some()
    }

    /// The golden requests with their answers; `None` if the contract asked for none. `scratch` as in [`Package::sample`].
    ///
    /// # Errors
    /// If the blob is missing or damaged.
    pub fn golden(&self, blobs: &BlobStore, scratch: &Path) -> Result<Option<GoldenRequests>, PackageError> {
        let table = self.golden.map(|digest| table_of(blobs, &digest, &scratch.join("golden.parquet"))).transpose()?;
        Ok(table.as_ref().map(GoldenRequests::from_table).transpose()?)
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
fn table_of(blobs: &BlobStore, digest: &Digest, path: &Path) -> Result<Table, PackageError> {
    atomic::write_atomic(path, &blobs.read(digest, MAX_BYTES)?)?;
    Ok(read_table(path, &ReadOptions::default())?)
}
