//! Datasets that lie elsewhere are brought here: from an object store, an `https://` address, or a query.
//!
//! Invariants: a copy has its name only when it is whole; what has the version that is pinned is not read again; nothing of an
//! address that may be secret is in a message.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    time::Duration,
};

use kilter_blobs::{BlobError, HashCache, atomic};
use kilter_domain::{
    contract::{DatabaseSource, Dataset, Location},
    digest::Digest,
    ids::DatasetName,
};
use kilter_lake::write_table;
use kilter_storage::{Downloaded, ObjectFacts, ObjectStorage, StorageUrl, download};
use kilter_store::{DatabaseUrl, query::read_query};
use kilter_workflow::{FetchedDataset, LockedDataset};

use crate::{
    private_files::temporary_folder,
    project::{
        copies,
        fetch_error::{FetchCause, FetchError},
        folder::Project,
    },
};

/// The bytes that a dataset has at most.
const MAX_BYTES: u64 = 64 << 30;
/// Files of a folder in an object store at most.
const MAX_FILES: usize = 10_000;
/// The bytes of values that a query gives at most: they are held in memory.
const MAX_QUERY_BYTES: u64 = 2 << 30;
/// The longest that a database may take.
const QUERY_PATIENCE: Duration = Duration::from_secs(30 * 60);
/// The longest query that is read.
const MAX_QUERY_TEXT: u64 = 1 << 20;

/// The project with copies of all its datasets that lie elsewhere; those that it has already are not looked for.
pub(crate) fn with_copies(
    project: &Project,
    is_locked: bool,
    is_given: &dyn Fn(&DatasetName) -> bool,
) -> Result<Project, FetchError> {
    let is_here = |dataset: &DatasetName| is_given(dataset) || project.copies.contains_key(dataset);
    let mut copies = fetch_datasets(project, is_locked, &is_here)?;
    copies.extend(project.copies.clone());
    Ok(project.with_copies(copies))
}

/// Brings every dataset of a project here that lies elsewhere, but those that `is_given` says something else stands for. With
/// `is_locked` the copy that `kilter.lock` pins is used, if it is here, and nobody is asked.
///
/// # Errors
/// The first that cannot be read.
pub fn fetch_datasets(
    project: &Project,
    is_locked: bool,
    is_given: &dyn Fn(&DatasetName) -> bool,
) -> Result<BTreeMap<DatasetName, FetchedDataset>, FetchError> {
    let mut fetched = BTreeMap::new();
    for dataset in project.contract.data.iter().filter(|dataset| !is_given(&dataset.name)) {
        let Some(Location::Remote(address)) = &dataset.path else { continue };
        let pin = copies::pin_of(&project.folder, &dataset.name).filter(|pin| pin.path == *address);
        let fetch = Fetch { project: &project.folder, dataset, address, pin };
        let copy = fetch.fetch(is_locked);
        let copy = copy.map_err(|cause| FetchError { dataset: dataset.name.clone(), cause })?;
        fetched.insert(dataset.name.clone(), copy);
    }
    Ok(fetched)
}

struct Fetch<'a> {
    project: &'a Path,
    dataset: &'a Dataset,
    address: &'a str,
    /// What the lock pins of this very address.
    pin: Option<LockedDataset>,
}

/// What became of a look at a dataset.
enum Fetched {
    /// It is what is pinned.
    Unchanged,
    New {
        path: PathBuf,
        version: Option<String>,
    },
}

impl Fetch<'_> {
    fn fetch(&self, is_locked: bool) -> Result<FetchedDataset, FetchCause> {
        if let Some(pinned) = self.pinned().filter(|_| is_locked) {
            return Ok(pinned);
        }
        let above = copies::copies_folder(self.project);
        let disk = |path: &Path, source| BlobError::Io { attempted: "make a folder in", path: path.to_owned(), source };
        let work = temporary_folder(&above, "part.").map_err(|source| disk(&above, source))?;
        let (scheme, rest) = self.address.split_once(':').unwrap_or_default();
        let fetched = match scheme {
            "s3" => self.fetch_objects(work.path())?,
            "sql" => self.run_query(rest, &work.path().join(format!("{}.parquet", self.dataset.name)))?,
            _ => self.download(work.path())?,
        };
        match fetched {
            Fetched::Unchanged => self.pinned().ok_or_else(|| FetchCause::NoObject(self.address.to_owned())),
            Fetched::New { path, version } => Ok(FetchedDataset { path: self.place(&path)?, version }),
        }
    }

    /// The copy that is pinned, if it is here.
    fn pinned(&self) -> Option<FetchedDataset> {
        let pin = self.pin.as_ref()?;
        let path = copies::copy_of(self.project, &pin.content.digest)?;
        Some(FetchedDataset { path, version: pin.version.clone() })
    }

    /// The version that need not be read again.
    fn known(&self) -> Option<String> {
        self.pinned().and_then(|pinned| pinned.version)
    }

    /// Gives what was fetched its name.
    fn place(&self, path: &Path) -> Result<PathBuf, FetchCause> {
        let content = HashCache::in_memory().content_of(path)?;
        if let Some(known) = copies::copy_of(self.project, &content.digest) {
            return Ok(known);
        }
        let folder = copies::folder_of(self.project, &content.digest);
        let name = path.file_name().unwrap_or_default();
        // The folder gets its name when the file is in it: a copy that is found is whole.
        let staged = path.with_extension("staged");
        let place = || {
            fs::create_dir(&staged)?;
            fs::rename(path, staged.join(name))?;
            File::open(&staged)?.sync_all()?;
            fs::rename(&staged, &folder)
        };
        place().map_err(|source| BlobError::Io { attempted: "place", path: folder.clone(), source })?;
        atomic::sync_dir(&copies::copies_folder(self.project))?;
        Ok(folder.join(name))
    }

    fn download(&self, work: &Path) -> Result<Fetched, FetchCause> {
        let path = self.address.split(['?', '#']).next().unwrap_or_default();
        let target = work.join(file_name(path, self.dataset));
        Ok(match download(self.address, self.known().as_deref(), &target, MAX_BYTES)? {
            Downloaded::Unchanged => Fetched::Unchanged,
            Downloaded::New(version) => Fetched::New { path: target, version },
        })
    }

    fn fetch_objects(&self, work: &Path) -> Result<Fetched, FetchCause> {
        let address = || self.address.to_owned();
        let rest = self.address.trim_start_matches("s3://");
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        let url = format!("s3://{bucket}").parse::<StorageUrl>();
        let storage = ObjectStorage::open(&url.map_err(|error| FetchCause::Address(error.to_string()))?)?;
        if key.is_empty() || key.ends_with('/') {
            return self.fetch_folder(&storage, key.trim_end_matches('/'), work);
        }
        let facts = storage.facts(key)?.ok_or_else(|| FetchCause::NoObject(address()))?;
        let version = facts.version.clone().or_else(|| facts.etag.clone());
        if version.is_some() && version == self.known() {
            return Ok(Fetched::Unchanged);
        }
        check_size(self.address, facts.bytes)?;
        let target = work.join(file_name(key, self.dataset));
        fetch_object(&storage, key, &target)?;
        Ok(Fetched::New { path: target, version })
    }

    /// All objects below a prefix, with their paths below it.
    fn fetch_folder(&self, storage: &ObjectStorage, prefix: &str, work: &Path) -> Result<Fetched, FetchCause> {
        let address = || self.address.to_owned();
        let mut found: Vec<ObjectFacts> = storage.list(prefix)?;
        // Tools mark a folder by an object without bytes.
        found.retain(|object| object.bytes > 0);
        found.sort_by(|one, other| one.key.cmp(&other.key));
        if found.is_empty() {
            return Err(FetchCause::NoObject(address()));
        }
        if found.len() > MAX_FILES {
            let (found, limit) = (format!("{} objects", found.len()), MAX_FILES.to_string());
            return Err(FetchCause::TooMuch { address: address(), found, limit });
        }
        check_size(self.address, found.iter().map(|object| object.bytes).sum())?;
        let versions: Vec<_> = found.iter().map(|object| (&object.key, &object.version, &object.etag)).collect();
        let version = Digest::of(format!("{versions:?}").as_bytes()).to_string();
        if Some(&version) == self.known().as_ref() {
            return Ok(Fetched::Unchanged);
        }
        let target = work.join(self.dataset.name.as_str());
        for object in &found {
            let below = object.key.strip_prefix(prefix).unwrap_or(&object.key).trim_start_matches('/');
            let inside = below.parse::<kilter_blobs::TreePath>();
            let inside = inside.map_err(|error| FetchCause::Address(format!("{}: {error}", object.key)))?;
            let path = inside.below(&target);
            atomic::create_dirs(path.parent().unwrap_or(&target))?;
            fetch_object(storage, &object.key, &path)?;
        }
        Ok(Fetched::New { path: target, version: Some(version) })
    }

    fn run_query(&self, file: &str, target: &Path) -> Result<Fetched, FetchCause> {
        let path = self.project.join(file);
        let sql = kilter_blobs::read_bounded_text(&path, MAX_QUERY_TEXT);
        let sql = sql.map_err(|source| BlobError::Io { attempted: "read the query", path, source })?;
        let url = self.database()?;
        let failed = |source| FetchCause::Query { file: file.to_owned(), source };
        let table = read_query(&url, &sql, MAX_QUERY_BYTES, QUERY_PATIENCE).map_err(failed)?;
        write_table(target, &table)?;
        Ok(Fetched::New { path: target.to_owned(), version: None })
    }

    fn database(&self) -> Result<DatabaseUrl, FetchCause> {
        let (text, place) = match &self.dataset.database {
            Some(DatabaseSource::Variable(name)) => (std::env::var(name).ok(), format!("the variable {name}")),
            Some(DatabaseSource::File(file)) => {
                (fs::read_to_string(self.project.join(file)).ok(), format!("the file {file}"))
            }
            None => (None, "`database`".to_owned()),
        };
        let text = text.ok_or_else(|| {
            FetchCause::Address(format!(
                "{place} has no address of a database: set it to postgres://USER@HOST:5432/NAME"
            ))
        })?;
        text.trim().parse().map_err(|error| FetchCause::Address(format!("{place}: {error}")))
    }
}

fn check_size(address: &str, bytes: u64) -> Result<(), FetchCause> {
    if bytes <= MAX_BYTES {
        return Ok(());
    }
    let (found, limit) = (format!("{bytes} bytes"), MAX_BYTES.to_string());
    Err(FetchCause::TooMuch { address: address.to_owned(), found, limit })
}

fn fetch_object(storage: &ObjectStorage, key: &str, target: &Path) -> Result<(), FetchCause> {
    let failed = |source| BlobError::Io { attempted: "create", path: target.to_owned(), source };
    let file = File::create_new(target).map_err(failed)?;
    match storage.fetch(key, target, file)? {
        Some(_) => Ok(()),
        None => Err(FetchCause::NoObject(format!("{}/{key}", storage.url()))),
    }
}

/// The last part of an address, whose ending says what the file is.
fn file_name(address: &str, dataset: &Dataset) -> String {
    let last = address.rsplit('/').next().unwrap_or_default();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let plain: String = last.chars().map(|c| if is_plain(c) { c } else { '_' }).take(200).collect();
    if plain.trim_matches('.').is_empty() { dataset.name.to_string() } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_copy_is_that_of_the_file_and_never_a_path() {
        let text = "[project]\nname = \"x\"\n[data.d]\npath = \"https://h/x\"\n";
        let project = Project::of(Path::new("."), text.to_owned()).unwrap();
        let dataset = &project.contract.data[0];
        for (address, expected) in [
            ("https://h/a/b.parquet", "b.parquet"),
            ("https://h/a/b c.csv", "b_c.csv"),
            ("https://h/", "d"),
            ("https://h/..", "d"),
            ("key", "key"),
        ] {
            assert_eq!(file_name(address, dataset), expected, "{address}");
        }
    }
}
