//! The index of the prediction log: which partitions there are, as the store knows them.
//!
//! Invariants: rows are read of the partitions of the index and of no other file; one that is missing or has other bytes
//! than were added is an error that names it, never fewer rows.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use kilter_domain::{digest::Digest, ids::EndpointName, table::Table, time::Timestamp};
use kilter_lake::{KnownPartition, Lake, LakeError, LogKind, ReadOptions};
use kilter_store::{
    DatabaseUrl, PageRequest, Reader, Store, StoreError, deployment, prediction as index,
    prediction::{Partition, PartitionKind},
};

use crate::{app::App, causes::StorageError};

/// Times that a read begins anew because partitions were merged meanwhile.
const MAX_RETRIES: usize = 3;

/// The target of the log lines that tell each read of whole rows.
pub(crate) const WHOLE_ROWS_READ: &str = "kilter::log_read";

/// A kind of log in the words of the index.
pub(crate) const fn kind_of(kind: LogKind) -> PartitionKind {
    match kind {
        LogKind::Predictions => PartitionKind::Predictions,
        LogKind::Labels => PartitionKind::Labels,
    }
}

/// A partition in the words of the lake.
pub(crate) fn known(partition: &Partition) -> KnownPartition {
    KnownPartition { seq: u64::try_from(partition.seq).unwrap_or(0), digest: partition.digest, bytes: partition.bytes }
}

fn known_all(partitions: &[Partition]) -> Vec<KnownPartition> {
    partitions.iter().map(known).collect()
}

/// Every partition of a log that touches `start..end`, by number.
pub(crate) fn list_partitions(
    reader: &Reader,
    kind: LogKind,
    endpoint: &EndpointName,
    (start, end): (Timestamp, Timestamp),
) -> Result<Vec<Partition>, StoreError> {
    let mut found = Vec::new();
    let mut page = PageRequest::first(1000);
    loop {
        let listed = index::list_partitions(reader, kind_of(kind), endpoint, start..end, &page)?;
        found.extend(listed.items);
        match listed.next {
            Some(cursor) => page = PageRequest::first(1000).after(cursor),
            None => return Ok(found),
        }
    }
}

/// Every partition of a log that touches `start..end`.
pub(crate) fn partitions(
    app: &App,
    kind: LogKind,
    endpoint: &EndpointName,
    span: (Timestamp, Timestamp),
) -> Result<Vec<Partition>, StorageError> {
    Ok(app.store().read(|reader| list_partitions(reader, kind, endpoint, span))?)
}

/// The digest of an indexed partition, merged or not.
pub(crate) fn indexed(app: &App, kind: LogKind, endpoint: &EndpointName, seq: u64) -> Option<Digest> {
    let seq = i64::try_from(seq).ok()?;
    let found = app.store().read(|reader| index::find_partition(reader, kind_of(kind), endpoint, seq));
    found.ok().flatten().map(|partition| partition.digest)
}

/// The rows of a log with a time in `start..end`.
pub(crate) fn read_log(
    app: &App,
    kind: LogKind,
    endpoint: &EndpointName,
    start: Timestamp,
    end: Timestamp,
) -> Result<Table, StorageError> {
    tracing::debug!(target: WHOLE_ROWS_READ, ?kind, %endpoint, %start, %end, "rows of a log are read");
    read_listed(
        || partitions(app, kind, endpoint, (start, end)),
        |listed| app.lake().read(kind, endpoint, &known_all(listed), start..end, &ReadOptions::default()),
    )
}

/// The columns of a partition, and the times of its first and last row.
#[derive(Clone, Debug)]
pub(crate) struct PartitionColumns {
    pub min_time: Timestamp,
    pub max_time: Timestamp,
    pub names: BTreeSet<String>,
}

/// The columns of each partition of a log that touches `start..end`.
pub(crate) fn partition_columns(
    app: &App,
    kind: LogKind,
    endpoint: &EndpointName,
    span: (Timestamp, Timestamp),
) -> Result<Vec<PartitionColumns>, StorageError> {
    read_listed(
        || partitions(app, kind, endpoint, span),
        |listed| {
            let columns = |partition: &Partition| {
                let columns = app.lake().columns(kind, endpoint, &known(partition))?;
                let names = columns.into_iter().map(|(name, _)| name).collect();
                Ok(PartitionColumns { min_time: partition.min_time, max_time: partition.max_time, names })
            };
            listed.iter().map(columns).collect()
        },
    )
}

/// The same rows with some of their columns alone.
pub(crate) fn read_log_columns(
    app: &App,
    kind: LogKind,
    endpoint: &EndpointName,
    (start, end): (Timestamp, Timestamp),
    columns: &[&str],
) -> Result<Table, StorageError> {
    let columns = Some(columns.iter().map(|column| (*column).to_owned()).collect());
    let options = ReadOptions { columns, ..ReadOptions::default() };
    read_listed(
        || partitions(app, kind, endpoint, (start, end)),
        |listed| app.lake().read(kind, endpoint, &known_all(listed), start..end, &options),
    )
}

/// Reads what the index lists, and begins anew when a partition was merged, and its file removed, meanwhile.
pub(crate) fn read_listed<L: PartialEq, T>(
    list: impl Fn() -> Result<L, StorageError>,
    read: impl Fn(&L) -> Result<T, LakeError>,
) -> Result<T, StorageError> {
    let mut listed = list()?;
    let mut retries = 0;
    loop {
        match read(&listed) {
            Err(error @ (LakeError::PartitionMissing { .. } | LakeError::Io { .. })) if retries < MAX_RETRIES => {
                let again = list()?;
                // Once more also of the same list: a file may have been given its name while it was opened.
                if again == listed && retries > 0 {
                    return Err(error.into());
                }
                (listed, retries) = (again, retries + 1);
            }
            found => return Ok(found?),
        }
    }
}

/// The files of a log, each compared with what was written.
pub(crate) fn log_files(app: &App, kind: LogKind, endpoint: &EndpointName) -> Result<Vec<PathBuf>, StorageError> {
    let always = (Timestamp(i64::MIN), Timestamp(i64::MAX));
    read_listed(
        || partitions(app, kind, endpoint, always),
        |listed| listed.iter().map(|partition| app.lake().verify(kind, endpoint, &known(partition))).collect(),
    )
}

/// A log as SQL sees it: its sealed partitions.
#[derive(Clone, Debug)]
pub struct LogTable {
    /// Whether it has predictions or labels.
    pub kind: LogKind,
    /// The endpoint whose log it is.
    pub endpoint: EndpointName,
    /// Rows in sealed partitions.
    pub rows: u64,
    /// The last time among them.
    pub until: Timestamp,
    /// The partitions, as they are listed in the metadata.
    pub partitions: Vec<KnownPartition>,
}

impl LogTable {
    /// The files of the log, each compared with what was written.
    ///
    /// # Errors
    /// When one is missing or has other bytes.
    pub fn files(&self, lake: &Lake) -> Result<Vec<PathBuf>, LakeError> {
        self.partitions.iter().map(|known| lake.verify(self.kind, &self.endpoint, known)).collect()
    }
}

/// The logs of a data folder that have sealed partitions, also while a server has the folder.
///
/// # Errors
/// When there is no database, or it cannot be read.
pub fn log_tables(folder: &Path, database: Option<&DatabaseUrl>) -> Result<Vec<LogTable>, StorageError> {
    let store = match database {
        None => Store::open_for_reading(folder)?,
        Some(url) => Store::open_server_for_reading(url)?,
    };
    let mut tables = Vec::new();
    for kind in [LogKind::Predictions, LogKind::Labels] {
        for endpoint in endpoints(&store)? {
            let always = (Timestamp(i64::MIN), Timestamp(i64::MAX));
            let found = store.read(|reader| list_partitions(reader, kind, &endpoint, always))?;
            let Some(until) = found.iter().map(|partition| partition.max_time).max() else { continue };
            let rows = found.iter().map(|partition| partition.rows).sum();
            tables.push(LogTable { kind, endpoint, rows, until, partitions: found.iter().map(known).collect() });
        }
    }
    Ok(tables)
}

/// The endpoints of a data folder, by name.
pub(crate) fn endpoints(store: &Store) -> Result<Vec<EndpointName>, StoreError> {
    let mut found = Vec::new();
    let mut page = PageRequest::first(1000);
    loop {
        let listed = store.read(|reader| deployment::list_endpoints(reader, None, &page))?;
        found.extend(listed.items.into_iter().map(|endpoint| endpoint.name));
        match listed.next {
            Some(cursor) => page = PageRequest::first(1000).after(cursor),
            None => break,
        }
    }
    found.sort();
    Ok(found)
}

/// Partition numbers of one segment, of each kind.
pub(crate) const NUMBERS_OF_SEGMENT: u64 = 1_000;

/// Numbers from here on are of merged partitions.
pub(crate) const FIRST_MERGED: u64 = 900;
