//! Datasets by digest, and `kilter.lock`, where they are pinned.
//!
//! Invariants: the file is the same text for the same pins; sections that are not ours are kept.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use kilter_blobs::{BlobError, BlobStore, Content, HashCache, UnsafePath, atomic};
use kilter_domain::{ids::DatasetName, plural::counted};
use serde::{Deserialize, Serialize};

use super::{dataset_profile::DatasetProfile, options::RunOptions};
use kilter_blobs::read_bounded_text;

const HEADER: &str = "# Written by `kilter run`: the data that was used, by digest. Commit it beside kilter.toml.\n\n";
const VERSION: i64 = 1;
/// Longest lock that is read.
const MAX_LOCK_BYTES: u64 = 64 << 20;

/// A dataset as it was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LockedDataset {
    /// As the contract states it, or where it lay instead.
    pub path: String,
    /// Which of its versions it was where it lies elsewhere: what the store says that changes with its bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its digest, size and number of files.
    #[serde(flatten)]
    pub content: Content,
    /// Its rows and columns.
    #[serde(flatten)]
    pub profile: DatasetProfile,
}

/// Why a dataset could not be pinned.
#[derive(Debug, thiserror::Error)]
pub enum LockfileError {
    /// The path of the dataset does not exist.
    #[error("dataset `{dataset}`: there is nothing at `{}`; put the data there, or correct `path` in [data.{dataset}]", .path.display())]
    Missing {
        /// The name of the dataset.
        dataset: DatasetName,
        /// The path that was looked at.
        path: PathBuf,
    },
    /// The path of the dataset is an address, such as `s3://…`.
    #[error("dataset `{dataset}`: `{path}` is no local path, and no copy of it was brought here")]
    NotLocal {
        /// The name of the dataset.
        dataset: DatasetName,
        /// The path as the contract states it.
        path: String,
    },
    /// The path is relative, and leads out of the project.
    #[error("dataset `{dataset}`: `{}` leaves the project; move the data into it, or write an absolute path", .path.display())]
    Leaves {
        /// The name of the dataset.
        dataset: DatasetName,
        /// The path as the contract states it.
        path: PathBuf,
        /// What is wrong with the path.
        source: UnsafePath,
    },
    /// The dataset cannot be read, hashed or stored.
    #[error("dataset `{dataset}` could not be read")]
    Read {
        /// The name of the dataset.
        dataset: DatasetName,
        /// What failed.
        source: BlobError,
    },
    /// The dataset is a table with an error.
    #[error("dataset `{dataset}` is not a whole table: {reason}")]
    Table {
        /// The name of the dataset.
        dataset: DatasetName,
        /// What is wrong with the table, in a sentence.
        reason: String,
    },
    /// `kilter.lock` is not TOML of the version that this program writes.
    #[error("`{}` cannot be read as a lock: {reason}; restore it from Git, or delete it to pin the data anew", .path.display())]
    Unreadable {
        /// The path of the lock file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// `kilter.lock` cannot be opened, or is too large.
    #[error("could not read `{}`", .path.display())]
    ReadLock {
        /// The path of the lock file.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// `kilter.lock` cannot be written.
    #[error("could not write kilter.lock")]
    WriteLock {
        /// What failed.
        source: BlobError,
    },
    /// Data is not what the lock file pins, and the run must not pin it anew.
    #[error("{changes}, and the run is --locked; run without it to pin the data as it is now")]
    Locked {
        /// What differs, dataset by dataset.
        changes: String,
    },
}

#[derive(Serialize, Deserialize, Default)]
struct LockFile {
    version: i64,
    #[serde(default)]
    data: BTreeMap<DatasetName, LockedDataset>,
    #[serde(flatten)]
    others: toml::Table,
}

/// What `kilter.lock` says.
#[derive(Default)]
pub struct Lockfile {
    file: LockFile,
}

impl Lockfile {
    /// Reads the lock; an absent file pins nothing.
    ///
    /// # Errors
    /// When the file cannot be read, is no TOML, or has another version than this program writes.
    pub fn read(path: &Path) -> Result<Self, LockfileError> {
        let bad = |reason: String| LockfileError::Unreadable { path: path.to_owned(), reason };
        match path.metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            _ => {}
        }
        let text = read_bounded_text(path, MAX_LOCK_BYTES)
            .map_err(|source| LockfileError::ReadLock { path: path.to_owned(), source })?;
        let file: LockFile = toml::from_str(&text).map_err(|error| bad(error.message().to_owned()))?;
        match file.version {
            VERSION => Ok(Self { file }),
            other => Err(bad(format!("its version is {other}, and this program writes {VERSION}"))),
        }
    }

    /// The text of a lock that pins these datasets and nothing else; `None` if a value has no form in TOML.
    pub fn text_of(data: &BTreeMap<DatasetName, LockedDataset>) -> Option<String> {
        let file = LockFile { version: VERSION, data: data.clone(), others: toml::Table::new() };
        toml::to_string(&file).ok().map(|text| HEADER.to_owned() + &text)
    }

    /// The pinned datasets.
    pub fn data(&self) -> &BTreeMap<DatasetName, LockedDataset> {
        &self.file.data
    }

    /// Pins these datasets; whether that changed anything.
    pub(crate) fn pin(&mut self, pins: &BTreeMap<DatasetName, LockedDataset>) -> bool {
        let before = self.file.data.clone();
        self.file.data.extend(pins.iter().map(|(name, pin)| (name.clone(), pin.clone())));
        self.file.data != before
    }

    pub(crate) fn write(mut self, path: &Path) -> Result<(), LockfileError> {
        self.file.version = VERSION;
        let bad =
            |error: toml::ser::Error| LockfileError::Unreadable { path: path.to_owned(), reason: error.to_string() };
        let text = HEADER.to_owned() + &toml::to_string(&self.file).map_err(bad)?;
        atomic::write_atomic(path, text.as_bytes()).map_err(|source| LockfileError::WriteLock { source })
    }
}

impl LockedDataset {
    /// `was … now …` for a person.
    pub fn change(dataset: &DatasetName, was: Option<&Self>, now: &Self) -> String {
        match was {
            Some(was) => format!("{dataset} changed: was {}, now {}", was.summary(), now.summary()),
            None => format!("{dataset} is not pinned yet: it is {}", now.summary()),
        }
    }

    fn summary(&self) -> String {
        let size = match self.profile.rows {
            Some(rows) => counted(rows, "row"),
            None => counted(self.content.bytes, "byte"),
        };
        format!("{} ({size})", self.content.digest.short())
    }
}

/// Finds the files of a dataset.
pub(crate) fn locate(dataset: &DatasetName, path: &Path, options: &RunOptions) -> Result<PathBuf, LockfileError> {
    let missing = |path: &Path| LockfileError::Missing { dataset: dataset.clone(), path: path.to_owned() };
    let found = match options.data_overrides.get(dataset) {
        Some(other) => other.clone(),
        None if is_remote(path) && options.fetched.contains_key(dataset) => options.fetched[dataset].path.clone(),
        None if is_remote(path) => {
            return Err(LockfileError::NotLocal { dataset: dataset.clone(), path: path.display().to_string() });
        }
        None if path.is_absolute() => path.to_owned(),
        None => {
            let plain = path.strip_prefix(".").unwrap_or(path);
            // A link to a disk with more room is fine for reading; only the words of the path may not leave.
            let parts = plain.to_str().ok_or(UnsafePath::NotUtf8).and_then(|text| text.parse());
            let inside: kilter_blobs::TreePath = parts.map_err(|source| LockfileError::Leaves {
                dataset: dataset.clone(),
                path: path.to_owned(),
                source,
            })?;
            inside.below(&options.project_folder)
        }
    };
    match found.exists() {
        true => Ok(found),
        false => Err(missing(&found)),
    }
}

fn is_remote(path: &Path) -> bool {
    let text = path.to_string_lossy();
    text.split_once(':').is_some_and(|(scheme, _)| {
        scheme.len() > 1 && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-".contains(c))
    })
}

/// Hashes a dataset, and describes it unless `before` or the state folder knows this very content.
pub(crate) fn lock_dataset(
    dataset: &DatasetName,
    stated: &Path,
    before: Option<&LockedDataset>,
    options: &RunOptions,
    blobs: &BlobStore,
    hashes: &HashCache,
) -> Result<LockedDataset, LockfileError> {
    let path = locate(dataset, stated, options)?;
    let failed = |source| LockfileError::Read { dataset: dataset.clone(), source };
    let content = hashes.content_of(&path).map_err(failed)?;
    let is_other = options.data_overrides.contains_key(dataset);
    let fetched = options.fetched.get(dataset).filter(|_| !is_other && is_remote(stated));
    // What was fetched lies under its digest already.
    let is_kept = !is_other && fetched.is_none() && !options.explain_only && content.bytes <= options.keep_data_bytes;
    if is_kept && !blobs.has_content(&content) {
        blobs.put(&path, hashes).map_err(failed)?;
    }
    let shown = if is_other { &path } else { stated };
    let version = fetched.and_then(|fetched| fetched.version.clone());
    let pinned = |profile| LockedDataset {
        path: shown.display().to_string(),
        version: version.clone(),
        content: content.clone(),
        profile,
    };
    if let Some(known) = before.filter(|known| known.content == content) {
        return Ok(pinned(known.profile.clone()));
    }
    let remembered = options.state_folder.join("profiles").join(format!("{}.json", content.digest));
    let known = fs::read(&remembered).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    if let Some(profile) = known {
        return Ok(pinned(profile));
    }
    let table_failed = |reason| LockfileError::Table { dataset: dataset.clone(), reason };
    let profile = (options.describe)(&path).map_err(table_failed)?;
    if let (Ok(bytes), false) = (serde_json::to_vec(&profile), options.explain_only) {
        atomic::write_atomic(&remembered, &bytes).map_err(failed)?;
    }
    Ok(pinned(profile))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kilter_domain::digest::Digest;
    use proptest::prelude::*;

    fn pinned(text: &str) -> LockedDataset {
        let content: Content = serde_json::from_value(serde_json::json!({
            "kind": "file", "digest": Digest::of(text.as_bytes()), "bytes": text.len(), "files": 1
        }))
        .unwrap();
        LockedDataset {
            path: "data/a.csv".to_owned(),
            version: None,
            content,
            profile: DatasetProfile { rows: Some(3), ..DatasetProfile::default() },
        }
    }

    #[test]
    fn a_lock_reads_back_and_keeps_what_others_wrote() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kilter.lock");
        fs::write(&path, "version = 1\n[env]\nimage = \"sha256:1\"\n").unwrap();
        let mut lock = Lockfile::read(&path).unwrap();
        let pins = BTreeMap::from([("b".parse().unwrap(), pinned("b")), ("a".parse().unwrap(), pinned("a"))]);
        assert!(lock.pin(&pins));
        lock.write(&path).unwrap();
        let first = fs::read_to_string(&path).unwrap();
        assert!(first.contains("image = \"sha256:1\"") && first.find("[data.a]") < first.find("[data.b]"), "{first}");
        let mut lock = Lockfile::read(&path).unwrap();
        assert_eq!(lock.data(), &pins);
        assert!(!lock.pin(&pins));
        lock.write(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), first);
    }

    #[test]
    fn a_damaged_or_newer_lock_is_an_error_that_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kilter.lock");
        for (text, expected) in [
            ("version = 2", "its version is 2"),
            ("<<<<<<< HEAD", "restore it from Git"),
            ("version = 1\n[data.a]\npath = 3", "restore it from Git"),
            ("version = 1\n[data.\"../x\"]\npath = \"a\"", "restore it from Git"),
        ] {
            fs::write(&path, text).unwrap();
            let error = Lockfile::read(&path).err().unwrap().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn remote_and_leaving_paths_are_told_from_local_ones() {
        for (path, remote) in [("s3://b/k", true), ("sql:select 1", true), ("data/a.csv", false), ("a:b/c", false)] {
            assert_eq!(is_remote(Path::new(path)), remote, "{path}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_lock_or_an_error(text in "(version = 1\n)?(\\[data\\.[a-z]\\]\n|[a-z]+ = [\"0-9a-z]+\n){0,6}|.{0,50}") {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("kilter.lock");
            fs::write(&path, text).unwrap();
            let _ = Lockfile::read(&path);
        }
    }
}
