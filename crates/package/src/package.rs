//! Writing and reading a package.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use kilter_blobs::{BlobError, BlobStore, Tree, TreePath, atomic};
use kilter_domain::{digest::Digest, table::Table};
use kilter_evaluation::reference::Reference;
use kilter_inference::Format;
use kilter_keys::sha256;
use kilter_lake::{ReadOptions, read_table, write_table};

use crate::{
    documents,
    error::PackageError,
    files,
    golden::GoldenRequests,
    layout::{
        CONTRACT_PATH, EXPECTED_PATH, GOLDEN_PATH, MANIFEST_PATH, MAX_BYTES, PROFILE_PATH, REFERENCE_PATH,
        REQUESTS_PATH, SAMPLE_PATH, model_path,
    },
    manifest::{Manifest, PackedFile, SCHEMA},
    model_folder,
    model_signature::FileHashes,
    sha256::{Sha256, hex},
};

/// Files that [`Package::put`] writes itself; none of them is carried over from another package.
const OWN: [&str; 16] = [
    MANIFEST_PATH,
    model_path(Format::Onnx),
    model_path(Format::LightGbm),
    model_path(Format::XgboostJson),
    model_path(Format::XgboostUbjson),
    model_path(Format::Pyfunc),
    PROFILE_PATH,
    SAMPLE_PATH,
    REQUESTS_PATH,
    EXPECTED_PATH,
    CONTRACT_PATH,
    "MLmodel",
    "model/MLmodel",
    "pyfunc/kilter_pyfunc.py",
    "env/python_env.yaml",
    "env/requirements.txt",
];
/// The score of each row of the labelled sample.
pub const SAMPLE_SCORE: &str = "__score";
/// The loss of each row of the labelled sample.
pub const SAMPLE_LOSS: &str = "__loss";
/// Rows of the labelled sample at most.
pub const SAMPLE_ROWS: usize = 5_000;

/// A package in memory: what it says. The file of its model is read where it is loaded ([`Package::read_model`]).
pub struct Package {
    /// Its identity: the digest of the tree of its parts.
    pub digest: Digest,
    /// What it says about itself.
    pub manifest: Manifest,
    /// What monitors compare with.
    pub reference: Reference,
    /// The digest of the file of the model.
    pub model: Digest,
    /// The size of the file of the model, in bytes.
    model_size: u64,
    /// The size of the other parts that are in memory, as they are stored, in bytes.
    document_bytes: u64,
    /// The SHA-256 of every part that was read; the manifest has that of the others.
    read: FileHashes,
    tree: Tree,
}

/// What a package is made of.
pub struct Parts<'t> {
    /// What it says about itself; its list of files is written here.
    pub manifest: Manifest,
    /// What monitors compare with.
    pub reference: Reference,
    /// Held-out rows with label, [`SAMPLE_SCORE`] and [`SAMPLE_LOSS`]; at most [`SAMPLE_ROWS`].
    pub sample: Option<&'t Table>,
    /// Requests with the answers of this model at this threshold.
    pub golden: Option<&'t GoldenRequests>,
    /// The file of the model, of the manifest's format.
    pub model_bytes: Vec<u8>,
    /// The text of the contract that was in force.
    pub contract: &'t str,
    /// Further files by path: code, data requirements, evidence, documents.
    pub files: BTreeMap<String, PartSource>,
}

/// Where the bytes of a further file are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartSource {
    /// Here.
    Bytes(Vec<u8>),
    /// In a file, which is copied.
    File(PathBuf),
    /// In the store.
    Blob(Digest),
}

impl Package {
    /// Puts the parts together and stores them; `scratch` is a folder of ours for the time of the call.
    ///
    /// # Errors
    /// If a part cannot be read or written, or a further file has no path inside of a package.
    pub fn put(blobs: &BlobStore, scratch: &Path, parts: Parts<'_>) -> Result<Self, PackageError> {
        let Parts { mut manifest, reference, sample, golden, model_bytes, contract, files } = parts;
        manifest.schema = SCHEMA;
        let mut folder = PartFolder { root: scratch, packed: Vec::new() };
        for (path, source) in files {
            if !OWN.contains(&path.as_str()) {
                folder.put(&path, &source, blobs)?;
            }
        }
        folder.write(PROFILE_PATH, &reference.to_bytes()?)?;
        folder.write(CONTRACT_PATH, contract.as_bytes())?;
        folder.write(model_path(manifest.format), &model_bytes)?;
        for (path, text) in loader_files(&manifest, &model_bytes)? {
            folder.write(path, text.as_bytes())?;
        }
        if let Some(sample) = sample {
            write_table(&folder.place(SAMPLE_PATH)?, sample)?;
            folder.note(SAMPLE_PATH)?;
        }
        if let Some(golden) = golden {
            let (requests, expected) = golden.to_lines()?;
            folder.write(REQUESTS_PATH, &requests)?;
            folder.write(EXPECTED_PATH, &expected)?;
        }
        let place = folder.place(MANIFEST_PATH)?;
        manifest.files = folder.packed();
        let document = serde_json::to_vec_pretty(&manifest)
            .map_err(|source| PackageError::Document { what: "package", source })?;
        write_file(&place, &document)?;
        let content = blobs.put_tree(scratch)?;
        let tree = blobs.tree(&content.digest)?;
        let read = FileHashes::from([(MANIFEST_PATH.to_owned(), sha256(&document))]);
        let (model, model_size) = (Digest::of(&model_bytes), model_bytes.len() as u64);
        let digest = content.digest;
        let document_bytes = document.len() as u64;
        Ok(Self { digest, manifest, reference, model, model_size, document_bytes, read, tree })
    }

    /// Reads a package back, but for the file of its model; every part is verified against its digest, and against the SHA-256 that the
    /// manifest lists.
    ///
    /// # Errors
    /// If a part is missing, damaged, or not of its layout.
    pub fn load(blobs: &BlobStore, digest: Digest) -> Result<Self, PackageError> {
        let tree = blobs.tree(&digest)?;
        let mut read = FileHashes::new();
        let mut document_bytes = 0;
        let mut part = |path: &str| {
            let found =
                part_at(&tree, path).ok_or_else(|| PackageError::PartMissing { digest, part: path.to_owned() })?;
            let bytes = blobs.read(&found, MAX_BYTES)?;
            read.insert(path.to_owned(), sha256(&bytes));
            document_bytes += bytes.len() as u64;
            Ok::<_, PackageError>(bytes)
        };
        let manifest = Manifest::parse(&part(MANIFEST_PATH)?)?;
        let reference = match part_at(&tree, PROFILE_PATH) {
            Some(_) => Reference::from_bytes(&part(PROFILE_PATH)?)?,
            None => serde_json::from_slice(&part(REFERENCE_PATH)?)
                .map_err(|source| PackageError::Document { what: "reference", source })?,
        };
        let path = model_path(manifest.format);
        let file = tree.entry(path).ok_or_else(|| PackageError::PartMissing { digest, part: path.to_owned() })?;
        let (model, model_size) = (file.digest, file.bytes);
        let package = Self { digest, manifest, reference, model, model_size, document_bytes, read, tree };
        package.check_listed()?;
        Ok(package)
    }

    /// Reads the file of the model, verified as [`Package::load`] verifies the other parts.
    ///
    /// # Errors
    /// If it is missing or damaged, or is not the file that the manifest lists.
    pub fn read_model(&self, blobs: &BlobStore) -> Result<Vec<u8>, PackageError> {
        let path = model_path(self.manifest.format);
        let bytes = blobs.read(&self.model, MAX_BYTES)?;
        match self.file_hashes() {
            Some(listed) if listed.get(path) != Some(&sha256(&bytes)) => {
                Err(PackageError::NotAsListed { digest: self.digest, part: path.to_owned() })
            }
            _ => Ok(bytes),
        }
    }

    /// Refuses a package whose files are not those that its manifest lists.
    fn check_listed(&self) -> Result<(), PackageError> {
        let Some(listed) = self.file_hashes() else { return Ok(()) };
        let not_as_listed = |part: &str| PackageError::NotAsListed { digest: self.digest, part: part.to_owned() };
        if let Some((path, _)) = self.read.iter().find(|(path, hash)| listed.get(*path) != Some(hash)) {
            return Err(not_as_listed(path));
        }
        let mut in_tree = self.tree.entries().iter().map(|entry| entry.path.as_str());
        let other = in_tree.find(|path| !listed.contains_key(*path));
        let missing = || listed.keys().map(String::as_str).find(|path| part_at(&self.tree, path).is_none());
        other.or_else(missing).map_or(Ok(()), |part| Err(not_as_listed(part)))
    }

    /// The SHA-256 of every file of the package, as the manifest lists them; `None` for layouts before 3, which list nothing.
    pub fn file_hashes(&self) -> Option<FileHashes> {
        let mut listed = (self.manifest.schema == SCHEMA).then(|| self.manifest.listed())?;
        listed.extend(self.read.get(MANIFEST_PATH).map(|hash| (MANIFEST_PATH.to_owned(), *hash)));
        Some(listed)
    }

    /// The files of the package, as they are stored.
    pub const fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Every file of the package that a version with another threshold carries over as it is.
    pub fn carried_files(&self) -> BTreeMap<String, PartSource> {
        let is_carried = |path: &str| !OWN.contains(&path) && ![GOLDEN_PATH, REFERENCE_PATH].contains(&path);
        let entries = self.tree.entries().iter().filter(|entry| is_carried(entry.path.as_str()));
        entries.map(|entry| (entry.path.to_string(), PartSource::Blob(entry.digest))).collect()
    }

    /// Labelled held-out rows with the columns of [`SAMPLE_SCORE`] and [`SAMPLE_LOSS`]; `None` for packages that were
    /// made before there was one. `scratch` is a folder of ours for the time of the call.
    ///
    /// # Errors
    /// If the blob is missing or damaged.
    pub fn sample(&self, blobs: &BlobStore, scratch: &Path) -> Result<Option<Table>, PackageError> {
        let found = part_at(&self.tree, SAMPLE_PATH);
        found.map(|digest| table_of(blobs, &digest, &scratch.join("sample.parquet"))).transpose()
    }

    /// Whether there are requests to ask the model again.
    pub fn has_golden(&self) -> bool {
        [REQUESTS_PATH, GOLDEN_PATH].iter().any(|path| part_at(&self.tree, path).is_some())
    }

    /// The golden requests with their answers; `None` if the contract asked for none. `scratch` as in [`Package::sample`].
    ///
    /// # Errors
    /// If the blob is missing or damaged.
    pub fn golden(&self, blobs: &BlobStore, scratch: &Path) -> Result<Option<GoldenRequests>, PackageError> {
        let at = |path: &str| part_at(&self.tree, path);
        if let (Some(requests), Some(expected)) = (at(REQUESTS_PATH), at(EXPECTED_PATH)) {
            let (requests, expected) = (blobs.read(&requests, MAX_BYTES)?, blobs.read(&expected, MAX_BYTES)?);
            for (path, bytes) in [(REQUESTS_PATH, &requests), (EXPECTED_PATH, &expected)] {
                if self.manifest.sha256_of(path) != Some(sha256(bytes)) {
                    return Err(PackageError::NotAsListed { digest: self.digest, part: path.to_owned() });
                }
            }
            return Ok(Some(GoldenRequests::from_lines(&self.manifest.signature, &requests, &expected)?));
        }
        let table =
            at(GOLDEN_PATH).map(|digest| table_of(blobs, &digest, &scratch.join("golden.parquet"))).transpose()?;
        Ok(table.as_ref().map(GoldenRequests::from_table).transpose()?)
    }

    /// The size of the file of the model, in bytes.
    pub const fn model_size(&self) -> u64 {
        self.model_size
    }

    /// The size of the parts that are in memory, as they are stored, in bytes.
    pub const fn document_bytes(&self) -> u64 {
        self.document_bytes
    }
}

/// What tools of MLflow need to load the model.
fn loader_files(manifest: &Manifest, model: &[u8]) -> Result<[(&'static str, String); 5], PackageError> {
    let bytes = model.len() as u64;
    // A model of Python states its environment itself.
    let stated = |path: &str| match manifest.format {
        Format::Pyfunc => model_folder::text_in(model, path),
        _ => Ok(None),
    };
    Ok([
        ("MLmodel", documents::mlmodel(manifest, bytes, true)),
        ("model/MLmodel", documents::mlmodel(manifest, bytes, false)),
        ("pyfunc/kilter_pyfunc.py", documents::PYFUNC.to_owned()),
        ("env/python_env.yaml", stated("python_env.yaml")?.unwrap_or_else(|| documents::python_env(manifest))),
        (
            "env/requirements.txt",
            stated("requirements.txt")?.unwrap_or_else(|| documents::requirements(manifest.format)),
        ),
    ])
}

/// A new file, and the SHA-256 of what is written to it.
struct HashedCopy {
    file: File,
    sha256: Sha256,
}

impl Write for HashedCopy {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.sha256.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// The folder in which a package is put together. The store syncs what it takes; nothing here has to survive.
struct PartFolder<'f> {
    root: &'f Path,
    packed: Vec<PackedFile>,
}

impl PartFolder<'_> {
    /// Where a part goes; its folder is there.
    fn place(&self, path: &str) -> Result<PathBuf, PackageError> {
        let wrong = |source| BlobError::Path { path: path.into(), source };
        let target = path.parse::<TreePath>().map_err(wrong)?.below(self.root);
        let folder = target.parent().unwrap_or(self.root);
        fs::create_dir_all(folder).map_err(|source| BlobError::Io {
            attempted: "create the folder",
            path: folder.to_owned(),
            source,
        })?;
        Ok(target)
    }

    fn write(&mut self, path: &str, bytes: &[u8]) -> Result<(), PackageError> {
        write_file(&self.place(path)?, bytes)?;
        let sha256 = hex(&sha256(bytes));
        self.packed.push(PackedFile { path: path.to_owned(), bytes: bytes.len() as u64, sha256 });
        Ok(())
    }

    /// Writes a part of any size; its bytes pass through once.
    fn put(&mut self, path: &str, source: &PartSource, blobs: &BlobStore) -> Result<(), PackageError> {
        let place = self.place(path)?;
        let failed = |source| BlobError::Io { attempted: "write", path: place.clone(), source };
        let mut copy = HashedCopy { file: File::create(&place).map_err(failed)?, sha256: Sha256::new() };
        let bytes = match source {
            PartSource::Bytes(bytes) => copy.write_all(bytes).map(|()| bytes.len() as u64).map_err(failed)?,
            PartSource::Blob(digest) => blobs.write_to(digest, &mut copy)?,
            // A pipe would wait for a writer.
            PartSource::File(file) if !file.is_file() => {
                return Err(BlobError::NotPlain { path: file.clone(), what: "no file" }.into());
            }
            PartSource::File(file) => atomic::read_into(file, &mut copy)?.1,
        };
        self.packed.push(PackedFile { path: path.to_owned(), bytes, sha256: hex(&copy.sha256.finish()) });
        Ok(())
    }

    /// Lists a part that someone else wrote.
    fn note(&mut self, path: &str) -> Result<(), PackageError> {
        let (hash, bytes) = files::hash_file(&self.place(path)?)?;
        self.packed.push(PackedFile { path: path.to_owned(), bytes, sha256: hex(&hash) });
        Ok(())
    }

    fn packed(mut self) -> Vec<PackedFile> {
        self.packed.sort_by(|a, b| a.path.cmp(&b.path));
        self.packed
    }
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<(), PackageError> {
    fs::write(path, bytes).map_err(|source| BlobError::Io { attempted: "write", path: path.to_owned(), source }.into())
}

fn part_at(tree: &Tree, path: &str) -> Option<Digest> {
    tree.entry(path).map(|entry| entry.digest)
}

/// A stored table; the reader wants a file.
fn table_of(blobs: &BlobStore, digest: &Digest, path: &Path) -> Result<Table, PackageError> {
    write_file(path, &blobs.read(digest, MAX_BYTES)?)?;
    Ok(read_table(path, &ReadOptions::default())?)
}
