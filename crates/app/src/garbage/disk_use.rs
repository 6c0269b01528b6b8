//! How much of the disk each part of a data folder has.
//!
//! Out of scope: what may be removed of it ([`collect_garbage`](super::collect_garbage)).

use std::path::Path;

use kilter_lake::LogKind;
use kilter_store::{DATABASE_FILE, retention};

use crate::{
    app::App,
    causes::StorageError,
    data_folder::bucket,
    garbage::{bytes::bytes_below, step_cache},
    prediction::partition_index::{endpoints, kind_of},
};

/// A part of a data folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DiskKind {
    /// The database with its journal; nothing where it lies on a server.
    Database,
    /// Packages of versions, where they lie in the folder.
    Blobs,
    /// Segments of the prediction log that are not sealed yet.
    Log,
    /// Partitions of the prediction log.
    Partitions,
    /// Column statistics.
    ColumnStats,
    /// Results, logs and blobs of runs whose outputs do not go into their project.
    Runs,
    /// Caches of steps in the folders of projects.
    StepCaches,
    /// Copies of what lies in an object store.
    StorageCache,
    /// Files that are there for a short while.
    Temporary,
}

impl DiskKind {
    /// Every part.
    pub const ALL: [Self; 9] = [
        Self::Database,
        Self::Blobs,
        Self::Log,
        Self::Partitions,
        Self::ColumnStats,
        Self::Runs,
        Self::StepCaches,
        Self::StorageCache,
        Self::Temporary,
    ];

    /// The word in documents and labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Blobs => "blobs",
            Self::Log => "log",
            Self::Partitions => "partitions",
            Self::ColumnStats => "column_stats",
            Self::Runs => "runs",
            Self::StepCaches => "step_caches",
            Self::StorageCache => "storage_cache",
            Self::Temporary => "temporary",
        }
    }
}

/// What a data folder has of the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskUse {
    /// Bytes of each part, in the order of [`DiskKind::ALL`].
    pub bytes: Vec<(DiskKind, u64)>,
}

/// Measures the parts of a data folder: partitions by their index, everything else by looking at the files.
///
/// # Errors
/// When the metadata cannot be read. Files that vanish meanwhile count for nothing.
pub fn measure_disk_use(app: &App) -> Result<DiskUse, StorageError> {
    let folder = app.folder();
    let below = |names: &[&str]| names.iter().map(|name| bytes_below(&folder.join(name))).sum::<u64>();
    let database = ["", "-wal", "-shm"].map(|ending| file_bytes(&folder.join(format!("{DATABASE_FILE}{ending}"))));
    let own = folder.canonicalize().ok();
    let of_projects = step_cache::state_folders(app)?.into_iter().filter(|state| {
        let is_own =
            state.path().canonicalize().ok().is_some_and(|path| own.as_ref().is_some_and(|own| path.starts_with(own)));
        !is_own
    });
    let step_caches: u64 = of_projects.map(|state| bytes_below(state.path())).sum();
    let bytes = |kind| match kind {
        DiskKind::Database => Ok(database.iter().sum()),
        DiskKind::Blobs => Ok(below(&["blobs"])),
        DiskKind::Log => Ok(below(&["log"])),
        // In an object store they have nothing of this disk but their copies.
        DiskKind::Partitions if app.storage().is_some() => Ok(0),
        DiskKind::Partitions => partition_bytes(app),
        DiskKind::ColumnStats => Ok(below(&["served"])),
        DiskKind::Runs => Ok(below(&["runs", "actions", "profiles"])),
        DiskKind::StepCaches => Ok(step_caches),
        DiskKind::StorageCache => Ok(below(&[bucket::CACHE_FOLDER])),
        DiskKind::Temporary => Ok(below(&["tmp", "scratch", "known"])),
    };
    let measured = DiskKind::ALL.into_iter().map(|kind| Ok((kind, bytes(kind)?)));
    Ok(DiskUse { bytes: measured.collect::<Result<_, StorageError>>()? })
}

fn partition_bytes(app: &App) -> Result<u64, StorageError> {
    let mut bytes = 0;
    for endpoint in endpoints(app.store())? {
        for kind in [LogKind::Predictions, LogKind::Labels] {
            bytes += app.store().read(|reader| retention::log_size(reader, kind_of(kind), &endpoint))?.bytes;
        }
    }
    Ok(bytes)
}

fn file_bytes(path: &Path) -> u64 {
    path.metadata().map_or(0, |found| found.len())
}
