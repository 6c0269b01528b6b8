//! The prediction log at rest: what was predicted and what turned out to be true, an endpoint at a time, in
//! numbered Parquet partitions.
//!
//! Invariants: a partition is written beside its place ([`Lake::stage`]), noted in the index of the caller, and then named
//! ([`Lake::publish`]): whatever is interrupted, [`Lake::recover`] completes or removes it. A named partition never
//! changes. With an object store behind the folder ([`Lake::with_storage`]), a staged partition is in that store already, and a
//! named file is a copy that may go. Rows are read of the partitions that the index knows, each compared with its digest: one that is missing or
//! has other bytes is an error that names it, never fewer rows.
//!
//! Out of scope: what the columns mean besides the time, and the index itself (`app` keeps it in the store).

mod bucket;
mod id_filter;
mod names;
mod partition;
mod scan;
mod stamp;

use std::{
    collections::HashMap,
    fmt,
    fs::{self, File},
    ops::Range,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use kilter_domain::{
    digest::Digest,
    ids::EndpointName,
    table::{Column, ColumnType, Table},
    time::Timestamp,
};
use kilter_storage::CachedStorage;
use parquet::file::{
    metadata::ParquetMetaData,
    reader::{FileReader, SerializedFileReader},
};

use self::stamp::Stamp;
use crate::{
    claims,
    error::{LakeError, damaged},
    format::Format,
    parquet::{ParquetTable, guarded, rows},
    read::{ReadOptions, schema_of},
    read_options::MemoryBound,
    source::{Source, io},
    write::{Target, create_folder, parquet_bytes, sync_folder},
};

pub use self::names::{ID_COLUMN, TIME_COLUMN};
pub use self::partition::{KnownPartition, Listing, Partition, StagedPartition};

/// What a partition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LogKind {
    /// Rows that were scored, with their answers.
    Predictions,
    /// What became known of them later, by prediction id.
    Labels,
}

impl fmt::Display for LogKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Predictions => "predictions",
            Self::Labels => "labels",
        })
    }
}

/// The folder of all logs: `<root>/<kind>/<endpoint>/<number>.parquet`, alone or in front of an object store.
#[derive(Clone)]
pub struct Lake {
    root: PathBuf,
    /// Where the partitions are kept; `None`: in the folder alone.
    storage: Option<CachedStorage>,
    /// What was found in the files. A log is read many times a window, and has a file for each of its seals.
    cached_files: Arc<Mutex<HashMap<PathBuf, CachedFile>>>,
}

/// What was found in a file, while its stamp is the same.
#[derive(Debug)]
struct CachedFile {
    stamp: Stamp,
    /// What its footer said.
    partition: Option<Partition>,
    /// The digest of its bytes.
    digest: Option<Digest>,
}

impl Lake {
    /// The lake below `root`; nothing is made or read yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), storage: None, cached_files: Arc::default() }
    }

    /// The folder of one log; it exists once a partition was added.
    pub fn folder(&self, kind: LogKind, endpoint: &EndpointName) -> PathBuf {
        self.root.join(kind.to_string()).join(endpoint.as_str())
    }

    /// The file of a partition.
    pub fn path_of(&self, kind: LogKind, endpoint: &EndpointName, seq: u64) -> PathBuf {
        self.folder(kind, endpoint).join(file_name(seq))
    }

    /// Writes rows as partition `seq`, under a name that nobody reads. When it returns, the bytes survive a loss of power, and are in
    /// the object store if there is one.
    ///
    /// # Errors
    /// A table without rows or without a complete time column [`TIME_COLUMN`]; or what the disk or the object store answers.
    pub fn stage(
        &self,
        kind: LogKind,
        endpoint: &EndpointName,
        seq: u64,
        table: &Table,
    ) -> Result<StagedPartition, LakeError> {
        let folder = self.folder(kind, endpoint);
        let path = folder.join(file_name(seq));
        let (min, max) = span(&folder, table)?;
        create_folder(&folder)?;
        let notes = [(MIN_TIME, min.to_string()), (MAX_TIME, max.to_string())];
        let bytes = parquet_bytes(&path, table, &notes, ID_COLUMN)?;
        let digest = Digest::of(&bytes);
        Target::create(&staged_path(&path))?.write(&bytes)?;
        self.upload(kind, endpoint, (seq, digest), &staged_path(&path))?;
        let (min_time, max_time) = (Timestamp(min), Timestamp(max));
        let (rows, bytes) = (table.rows() as u64, bytes.len() as u64);
        Ok(StagedPartition { partition: Partition { seq, path, rows, bytes, min_time, max_time }, digest })
    }

    /// Gives a staged partition its name; doing it twice is harmless.
    ///
    /// # Errors
    /// What the disk answers; [`Lake::recover`] completes it then.
    pub fn publish(&self, staged: &StagedPartition) -> Result<(), LakeError> {
        let path = &staged.partition.path;
        name_staged(path)?;
        let stamp = Stamp::of(path)?;
        let found = CachedFile { stamp, partition: Some(staged.partition.clone()), digest: Some(staged.digest) };
        self.known().insert(path.clone(), found);
        self.count(staged.partition.bytes)
    }

    /// Completes what was interrupted: a staged partition that the index knows gets its name, any other half-made file
    /// goes. How many were completed and how many removed.
    ///
    /// # Errors
    /// What the disk answers.
    pub fn recover(
        &self,
        kind: LogKind,
        endpoint: &EndpointName,
        indexed: &dyn Fn(u64) -> Option<Digest>,
    ) -> Result<(usize, usize), LakeError> {
        let (mut completed, mut removed) = (0, 0);
        for path in self.files(kind, endpoint)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let Some(name) = name.strip_prefix('.') else { continue };
            let seq = name.strip_suffix(STAGED).and_then(|name| name.strip_suffix(".parquet")?.parse().ok());
            let known = seq.and_then(|seq: u64| Some((seq, indexed(seq)?)));
            match known.filter(|(_, digest)| digest_of(&path).is_ok_and(|found| found == *digest)) {
                Some((seq, _)) => {
                    name_staged(&self.path_of(kind, endpoint, seq))?;
                    completed += 1;
                }
                None => {
                    fs::remove_file(&path).map_err(|source| io("remove", &path, source))?;
                    removed += 1;
                }
            }
        }
        Ok((completed, removed))
    }

    /// The highest number that a file of an endpoint bears, of those that are asked for, whether the index knows it or not.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn highest(&self, endpoint: &EndpointName, is_asked: &dyn Fn(u64) -> bool) -> Result<Option<u64>, LakeError> {
        let mut highest = None;
        for kind in [LogKind::Predictions, LogKind::Labels] {
            let numbers = self.files(kind, endpoint)?.into_iter().filter_map(|path| number(&path));
            let numbers = numbers.filter(|number| is_asked(*number));
            highest = highest.max(numbers.max());
        }
        Ok(highest)
    }

    /// Every file in the folder of a log, half-made ones too.
    fn files(&self, kind: LogKind, endpoint: &EndpointName) -> Result<Vec<PathBuf>, LakeError> {
        let folder = self.folder(kind, endpoint);
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|source| io("list", &folder, source))?,
        };
        entries.map(|entry| entry.map(|entry| entry.path()).map_err(|source| io("list", &folder, source))).collect()
    }

    /// The endpoints that have a log of this kind, by name. Folders that bear no endpoint's name are not ours.
    ///
    /// # Errors
    /// Only when the folder cannot be listed.
    pub fn endpoints(&self, kind: LogKind) -> Result<Vec<EndpointName>, LakeError> {
        let folder = self.root.join(kind.to_string());
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|source| io("list", &folder, source))?,
        };
        let mut endpoints = Vec::new();
        for entry in entries {
            let name = entry.map_err(|source| io("list", &folder, source))?.file_name();
            endpoints.extend(name.to_str().and_then(|name| name.parse::<EndpointName>().ok()));
        }
        endpoints.sort();
        Ok(endpoints)
    }

    /// All partitions, read from the footers of the files. A log that was never written is empty.
    ///
    /// # Errors
    /// Only when the folder cannot be listed.
    pub fn list(&self, kind: LogKind, endpoint: &EndpointName) -> Result<Listing, LakeError> {
        let mut listing = Listing::default();
        for path in self.files(kind, endpoint)? {
            if path.file_name().unwrap_or_default().to_string_lossy().starts_with('.') {
                continue;
            }
            match self.partition(&path) {
                Ok(partition) => listing.partitions.push(partition),
                Err(error) => listing.damaged.push(error),
            }
        }
        listing.partitions.sort_by_key(|partition| partition.seq);
        listing.damaged.sort_by_key(ToString::to_string);
        Ok(listing)
    }

    /// The partition that a file is. Its footer is read once.
    fn partition(&self, path: &Path) -> Result<Partition, LakeError> {
        let stamp = Stamp::of(path)?;
        let known =
            self.known().get(path).filter(|found| found.stamp == stamp).and_then(|found| found.partition.clone());
        if let Some(partition) = known {
            return Ok(partition);
        }
        let found = guarded(path, || partition(path))?;
        self.remember(path.to_owned(), stamp, |known| known.partition = Some(found.clone()));
        Ok(found)
    }

    /// Adds to what is known of a file with this stamp.
    fn remember(&self, path: PathBuf, stamp: Stamp, add: impl FnOnce(&mut CachedFile)) {
        let mut known = self.known();
        let found = known.entry(path).or_insert(CachedFile { stamp, partition: None, digest: None });
        if found.stamp != stamp {
            *found = CachedFile { stamp, partition: None, digest: None };
        }
        add(found);
    }

    fn known(&self) -> MutexGuard<'_, HashMap<PathBuf, CachedFile>> {
        self.cached_files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the rows of these partitions whose time lies in `times`, by partition and then in the order they were added.
    /// Partitions may have different columns: what one lacks is missing there, and a column that holds different things in
    /// two of them is read as text.
    ///
    /// # Errors
    /// A partition that is missing or does not have the bytes that were added, rows that need more memory than allowed, or
    /// a column in the options that no partition has.
    pub fn read(
        &self,
        kind: LogKind,
        endpoint: &EndpointName,
        known: &[KnownPartition],
        times: Range<Timestamp>,
        options: &ReadOptions,
    ) -> Result<Table, LakeError> {
        if known.is_empty() {
            return Ok(Table::default());
        }
        let files = known.iter().map(|known| self.verify(kind, endpoint, known)).collect::<Result<Vec<_>, _>>()?;
        rows_within(Source { path: self.folder(kind, endpoint), format: Format::Parquet, files }, times, options)
    }

    /// Reads all rows of these partitions, in the order they were added.
    ///
    /// # Errors
    /// As [`Lake::read`]; and when there is none.
    pub fn read_partitions(
        &self,
        kind: LogKind,
        endpoint: &EndpointName,
        known: &[KnownPartition],
    ) -> Result<Table, LakeError> {
        let path = self.folder(kind, endpoint);
        let files = known.iter().map(|known| self.verify(kind, endpoint, known)).collect::<Result<Vec<_>, _>>()?;
        if files.is_empty() {
            return Err(LakeError::EmptyFolder { path });
        }
        let options = ReadOptions::default();
        let read = ParquetTable::plan(Source { path: path.clone(), format: Format::Parquet, files }, &options, true)?;
        let columns = read.read(usize::MAX, &MemoryBound { bytes: options.memory_bytes })?;
        let named = read.columns.into_iter().map(|(name, _)| name).zip(columns).collect();
        Table::new(named).map_err(|source| LakeError::Table { path, source })
    }

    /// Names and types of the columns of a partition.
    ///
    /// # Errors
    /// As [`Lake::read`].
    pub fn columns(
        &self,
        kind: LogKind,
        endpoint: &EndpointName,
        known: &KnownPartition,
    ) -> Result<Vec<(String, ColumnType)>, LakeError> {
        Ok(schema_of(&self.verify(kind, endpoint, known)?)?.columns)
    }

    /// Whether one of `ids` may stand in the column [`ID_COLUMN`] of a partition: no when that is sure, by the filter that
    /// the partition keeps of its ids.
    ///
    /// # Errors
    /// As [`Lake::read`].
    pub fn may_hold(
        &self,
        kind: LogKind,
        endpoint: &EndpointName,
        known: &KnownPartition,
        ids: &[Arc<str>],
    ) -> Result<bool, LakeError> {
        let path = self.verify(kind, endpoint, known)?;
        guarded(&path, || id_filter::may_hold(&path, ids))
    }

    /// As [`Lake::may_hold`] of a file in the folder, without comparing its bytes: an answer that decides nothing, only where to look
    /// first.
    ///
    /// # Errors
    /// When it is not there, or cannot be read.
    pub fn may_hold_unchecked(
        &self,
        kind: LogKind,
        endpoint: &EndpointName,
        known: &KnownPartition,
        ids: &[Arc<str>],
    ) -> Result<bool, LakeError> {
        let path = self.path_of(kind, endpoint, known.seq);
        guarded(&path, || id_filter::may_hold(&path, ids))
    }

    /// Checks that a partition still has the bytes that were added, and says where they are: also under the name that it has until
    /// [`Lake::publish`], which a kill after the index was written leaves. The bytes of a file are read once, and again when its
    /// stamp has changed. What is not in the folder, or damaged there, is fetched from the object store if there is one.
    ///
    /// # Errors
    /// When it is missing, has others, or cannot be read.
    pub fn verify(&self, kind: LogKind, endpoint: &EndpointName, known: &KnownPartition) -> Result<PathBuf, LakeError> {
        let path = self.path_of(kind, endpoint, known.seq);
        self.note_use(&path);
        match self.verify_file(&path, known) {
            Err(error) if error.is_damaged() && self.storage.is_some() => {
                self.fetch(kind, endpoint, known, &path)?;
                self.verify_file(&path, known)
            }
            verified => verified,
        }
    }

    /// Checks the file of a partition in the folder.
    fn verify_file(&self, path: &Path, known: &KnownPartition) -> Result<PathBuf, LakeError> {
        let stamp = match Stamp::of(path) {
            Err(LakeError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                let staged = staged_path(path);
                let is_staged = digest_of(&staged).is_ok_and(|digest| digest == known.digest);
                return match is_staged {
                    true => Ok(staged),
                    // It was given its name while it was looked for.
                    false if path.exists() => self.verify_file(path, known),
                    false => Err(LakeError::PartitionMissing { path: path.to_owned() }),
                };
            }
            stamp => stamp?,
        };
        let seen = self.known().get(path).filter(|found| found.stamp == stamp).and_then(|found| found.digest);
        let found = match seen {
            Some(digest) => digest,
            None => digest_of(path)?,
        };
        if found != known.digest {
            return Err(LakeError::Changed { path: path.to_owned(), expected: known.digest, found });
        }
        if seen.is_none() {
            self.remember(path.to_owned(), stamp, |known| known.digest = Some(found));
        }
        Ok(path.to_owned())
    }
}

const STAGED: &str = ".staged";
/// Notes in the footer of a partition: its first and its last time, in milliseconds.
const MIN_TIME: &str = "kilter.min_time";
const MAX_TIME: &str = "kilter.max_time";

fn file_name(seq: u64) -> String {
    format!("{seq:012}.parquet")
}

/// Where a partition is written before it has its name. The leading dot keeps readers away.
fn staged_path(path: &Path) -> PathBuf {
    path.with_file_name(format!(".{}{STAGED}", path.file_name().unwrap_or_default().to_string_lossy()))
}

fn name_staged(path: &Path) -> Result<(), LakeError> {
    match fs::rename(staged_path(path), path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && path.exists() => Ok(()),
        Err(source) => Err(io("name", path, source)),
        Ok(()) => sync_folder(path),
    }
}

/// The number that a file of a log bears in its name.
fn number(path: &Path) -> Option<u64> {
    path.file_stem()?.to_str()?.parse().ok().filter(|_| path.extension().is_some_and(|ending| ending == "parquet"))
}

/// The partition that a file is, by its name and its footer.
fn partition(path: &Path) -> Result<Partition, LakeError> {
    let seq = number(path).ok_or_else(|| damaged(path, "its name is not that of a partition (`<number>.parquet`)"))?;
    let file = File::open(path).map_err(|source| io("open", path, source))?;
    let bytes = file.metadata().map_err(|source| io("read", path, source))?.len();
    claims::check_footer(&file, path)?;
    let reader = SerializedFileReader::new(file).map_err(|error| damaged(path, error))?;
    let metadata = reader.metadata();
    let time = |key| note(metadata, key).ok_or_else(|| damaged(path, format!("it has no note `{key}`")));
    let (min_time, max_time) = (time(MIN_TIME)?, time(MAX_TIME)?);
    Ok(Partition { seq, path: path.to_owned(), rows: rows(metadata, path)?, bytes, min_time, max_time })
}

fn note(metadata: &ParquetMetaData, key: &str) -> Option<Timestamp> {
    let notes = metadata.file_metadata().key_value_metadata()?;
    let value = notes.iter().find(|note| note.key == key)?.value.as_deref()?;
    value.parse().ok().map(Timestamp)
}

/// The first and the last time of a table, in milliseconds.
fn span(folder: &Path, table: &Table) -> Result<(i64, i64), LakeError> {
    let no_time = |row| LakeError::NoTime { path: folder.to_owned(), column: TIME_COLUMN, row };
    let Some(Column::Time(times)) = table.get(TIME_COLUMN) else { return Err(no_time(None)) };
    if let Some(row) = times.iter().position(Option::is_none) {
        return Err(no_time(Some(row)));
    }
    let times = || times.iter().flatten().copied();
    times().min().zip(times().max()).ok_or_else(|| no_time(None))
}

fn rows_within(source: Source, times: Range<Timestamp>, options: &ReadOptions) -> Result<Table, LakeError> {
    let path = source.path.clone();
    let mut wanted = options.clone();
    if let Some(names) = &mut wanted.columns {
        names.push(TIME_COLUMN.to_owned());
    }
    let read = ParquetTable::plan(source, &wanted, true)?;
    let columns = read.read(usize::MAX, &MemoryBound { bytes: options.memory_bytes })?;
    let named = read.columns.into_iter().map(|(name, _)| name).zip(columns).collect();
    let table = Table::new(named).map_err(|source| LakeError::Table { path, source })?;
    let mut rows = rows_in(&table, &times);
    rows.truncate(options.limit.unwrap_or(usize::MAX));
    let asked = |name: &str| options.columns.as_ref().is_none_or(|names| names.iter().any(|asked| asked == name));
    Ok(table.into_rows(&rows).into_columns(asked))
}

/// The rows of a table whose time lies in `times`; all of a table without times.
fn rows_in(table: &Table, times: &Range<Timestamp>) -> Vec<usize> {
    match table.get(TIME_COLUMN) {
        Some(Column::Time(at)) => {
            let is_in = |row: &usize| at[*row].is_some_and(|at| times.contains(&Timestamp(at)));
            (0..table.rows()).filter(is_in).collect()
        }
        _ => (0..table.rows()).collect(),
    }
}

fn digest_of(path: &Path) -> Result<Digest, LakeError> {
    let mut hasher = blake3::Hasher::new();
    File::open(path)
        .and_then(|file| hasher.update_reader(file).map(drop))
        .map_err(|source| io("read", path, source))?;
    Ok(Digest::from_raw(*hasher.finalize().as_bytes()))
}
