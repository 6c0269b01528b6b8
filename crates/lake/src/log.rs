//! The prediction log at rest: what was predicted and what turned out to be true, an endpoint at a time, in
//! numbered Parquet partitions.
//!
//! Holds true: a partition appears whole or not at all and never changes; adding the same rows under the same number
//! again is no error, so that whoever crashed between adding and noting it may just repeat. A damaged or foreign file
//! is named, and does not keep the others from being read.
//!
//! Deliberately absent: what the columns mean besides the time, and a list of partitions elsewhere (`app` keeps
//! digests in the store and compares with [`Lake::verify`]).

use std::{
    collections::HashMap,
    fmt,
    fs::{self, File},
    ops::Range,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use kilter_domain::{
    digest::Digest,
    ids::EndpointName,
    table::{Column, Table},
    time::Timestamp,
};
use parquet::file::{
    metadata::ParquetMetaData,
    reader::{FileReader, SerializedFileReader},
};

use crate::{
    error::LakeError,
    format::{Format, Source, io},
    parquet::{ParquetTable, damaged, guarded, rows},
    read::{MemoryBound, ReadOptions},
    write::{Target, parquet_bytes},
};

/// The column that orders the rows of the log: when it was predicted, or when the label came to be known.
/// Names that begin with `_` are Kilter's own, so no feature bears this one.
pub const TIME_COLUMN: &str = "_time";

/// What a partition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LogKind {
    Predictions,
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

/// One file of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    pub seq: u64,
    pub path: PathBuf,
    pub rows: u64,
    /// Its length as a file.
    pub bytes: u64,
    /// The first and the last time in it.
    pub min_time: Timestamp,
    pub max_time: Timestamp,
}

/// All partitions of one kind and endpoint, by number, and the files that should be some but are not.
#[derive(Debug, Default)]
pub struct Listing {
    pub partitions: Vec<Partition>,
    pub damaged: Vec<LakeError>,
}

/// Rows of a span of time, and the files that could not be read.
#[derive(Debug)]
pub struct LogRows {
    pub table: Table,
    pub damaged: Vec<LakeError>,
}

/// The folder of all logs: `<root>/<kind>/<endpoint>/<number>.parquet`.
#[derive(Clone, Debug)]
pub struct Lake {
    root: PathBuf,
    /// What footers said. A log is read many times a window, and has a file for each of its seals.
    known: Arc<Mutex<Footers>>,
}

/// Partitions by their files, each with the length and the time by which a file that was changed would be noticed.
type Footers = HashMap<PathBuf, ((u64, Option<SystemTime>), Partition)>;

impl Lake {
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), known: Arc::default() }
    }

    /// The folder of one log; it exists once a partition was added.
    pub fn folder(&self, kind: LogKind, endpoint: &EndpointName) -> PathBuf {
        self.root.join(kind.to_string()).join(endpoint.as_str())
    }

    /// Adds rows as partition `seq`, and says what was written and its digest. When it returns, the rows survive a
    /// loss of power.
    ///
    /// # Errors
    /// A table without rows or without a complete time column [`TIME_COLUMN`]; a partition of this number with other rows;
    /// or what the disk answers, then nothing was added.
    pub fn append(
        &self,
        kind: LogKind,
        endpoint: &EndpointName,
        seq: u64,
        table: &Table,
    ) -> Result<(Partition, Digest), LakeError> {
        let folder = self.folder(kind, endpoint);
        let path = folder.join(format!("{seq:012}.parquet"));
        let (min, max) = span(&folder, table)?;
        fs::create_dir_all(&folder).map_err(|source| io("create", &folder, source))?;
        let notes = [("kilter.min_time", min.to_string()), ("kilter.max_time", max.to_string())];
        let bytes = parquet_bytes(&path, table, &notes)?;
        let digest = Digest::of(&bytes);
        if !Target::create(&path)?.write_new(&bytes)? && digest_of(&path)? != digest {
            return Err(LakeError::PartitionExists { path: folder, seq });
        }
        let (min_time, max_time) = (Timestamp(min), Timestamp(max));
        let (rows, bytes) = (table.rows() as u64, bytes.len() as u64);
        Ok((Partition { seq, path, rows, bytes, min_time, max_time }, digest))
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
        let folder = self.folder(kind, endpoint);
        let mut listing = Listing::default();
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(listing),
            entries => entries.map_err(|source| io("list", &folder, source))?,
        };
        for entry in entries {
            let path = entry.map_err(|source| io("list", &folder, source))?.path();
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
        let file = fs::metadata(path).map_err(|source| io("read", path, source))?;
        let stamp = (file.len(), file.modified().ok());
        let known = self.known().get(path).filter(|(seen, _)| *seen == stamp).map(|(_, partition)| partition.clone());
        if let Some(partition) = known {
            return Ok(partition);
        }
        let found = guarded(path, || partition(path))?;
        self.known().insert(path.to_owned(), (stamp, found.clone()));
        Ok(found)
    }

    fn known(&self) -> MutexGuard<'_, Footers> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the rows whose time lies in `times`, by partition and then in the order they were added.
    /// Partitions may have different columns: what one lacks is missing there, and a column that holds different
    /// things in two of them is read as text. Damaged partitions are left out and told in the answer.
    ///
    /// # Errors
    /// Rows that need more memory than allowed, or a column in the options that no partition has.
    pub fn read(
        &self,
        kind: LogKind,
        endpoint: &EndpointName,
        times: Range<Timestamp>,
        options: &ReadOptions,
    ) -> Result<LogRows, LakeError> {
        let Listing { mut partitions, mut damaged } = self.list(kind, endpoint)?;
        partitions.retain(|partition| partition.min_time < times.end && partition.max_time >= times.start);
        let files: Vec<_> = partitions.into_iter().map(|partition| partition.path).collect();
        if files.is_empty() {
            return Ok(LogRows { table: Table::default(), damaged });
        }
        let source = Source { path: self.folder(kind, endpoint), format: Format::Parquet, files };
        let table = rows_within(source, times, options, &mut damaged)?;
        Ok(LogRows { table, damaged })
    }

    /// Checks that a partition still has the bytes that were added.
    ///
    /// # Errors
    /// When it has others, or cannot be read.
    pub fn verify(&self, partition: &Partition, expected: Digest) -> Result<(), LakeError> {
        match digest_of(&partition.path)? {
            found if found == expected => Ok(()),
            found => Err(LakeError::Changed { path: partition.path.clone(), expected, found }),
        }
    }
}

/// The partition that a file is, by its name and its footer.
fn partition(path: &Path) -> Result<Partition, LakeError> {
    let seq = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
    let seq = seq.filter(|_| path.extension().is_some_and(|ending| ending == "parquet"));
    let seq = seq.ok_or_else(|| damaged(path, "its name is not that of a partition (`<number>.parquet`)"))?;
    let file = File::open(path).map_err(|source| io("open", path, source))?;
    let bytes = file.metadata().map_err(|source| io("read", path, source))?.len();
    let reader = SerializedFileReader::new(file).map_err(|error| damaged(path, error))?;
    let metadata = reader.metadata();
    let time = |key| note(metadata, key).ok_or_else(|| damaged(path, format!("it has no note `{key}`")));
    let (min_time, max_time) = (time("kilter.min_time")?, time("kilter.max_time")?);
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

fn rows_within(
    source: Source,
    times: Range<Timestamp>,
    options: &ReadOptions,
    damaged: &mut Vec<LakeError>,
) -> Result<Table, LakeError> {
    let path = source.path.clone();
    let mut wanted = options.clone();
    if let Some(names) = &mut wanted.columns {
        names.push(TIME_COLUMN.to_owned());
    }
    let read = ParquetTable::plan(source, &wanted, true)?;
    let columns = read.read_past_damage(&MemoryBound { bytes: options.memory_bytes }, damaged)?;
    let named = read.columns.into_iter().map(|(name, _)| name).zip(columns).collect();
    let table = Table::new(named).map_err(|source| LakeError::Table { path, source })?;
    let Some(Column::Time(at)) = table.get(TIME_COLUMN) else { return Ok(table) };
    let within = |row: &usize| at[*row].is_some_and(|at| times.contains(&Timestamp(at)));
    let rows: Vec<usize> = (0..table.rows()).filter(within).take(options.limit.unwrap_or(usize::MAX)).collect();
    let asked = |name: &str| options.columns.as_ref().is_none_or(|names| names.iter().any(|asked| asked == name));
    Ok(table.take(&rows).select(asked))
}

fn digest_of(path: &Path) -> Result<Digest, LakeError> {
    let mut hasher = blake3::Hasher::new();
    File::open(path)
        .and_then(|file| hasher.update_reader(file).map(drop))
        .map_err(|source| io("read", path, source))?;
    Ok(Digest::from_raw(*hasher.finalize().as_bytes()))
}
