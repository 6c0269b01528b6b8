//! From copies in the object store back to the prediction log, where the folder that had it is lost.
//!
//! Invariants: nothing is recovered while the folder has a segment that is not sealed; recovery comes before the log is opened, so
//! that no number is used twice. What was acknowledged by the disk alone has no copy. What a replica acknowledged that is gone with its
//! machine is sealed by another one.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use kilter_domain::{ids::EndpointName, replica::ReplicaId, table::Table};
use kilter_serving::{SegmentId, prediction_log::tables_of_groups};
use kilter_storage::{CachedStorage, ObjectError};
use kilter_store::{prediction as index, prediction::Recording};

use crate::{
    app::App,
    causes::StorageError,
    prediction::{compact, log_copies},
};

/// A group has one record more than four megabytes at most, and a record at most 64.
const MAX_COPY_BYTES: u64 = 80 << 20;

/// Seals what the folder of a log has lost and the object store has copies of; whether there was something. `found` are the segments
/// that the folder has.
///
/// # Errors
/// When segments are missing, and copies cannot be read or written as partitions: then it is not known yet what is lost.
pub(super) fn recover(
    app: &App,
    endpoint: &EndpointName,
    recording: &Recording,
    found: &[SegmentId],
) -> Result<bool, StorageError> {
    if found.iter().any(|segment| is_unsealed(recording, *segment)) {
        return Ok(false);
    }
    seal_copies(app, endpoint, recording, |segment| segment)
}

/// Seals what another replica, which is gone, acknowledged by copies. To be called under its lease: then it does not come back
/// meanwhile. If it does later, with its folder, it finds its records in partitions. A process that was only paused goes on with its
/// last segment, and makes copies of more records of it: so that one does not count as sealed.
///
/// # Errors
/// When copies cannot be read or written as partitions; they stay then.
pub(crate) fn recover_gone(app: &App, endpoint: &EndpointName, replica: ReplicaId) -> Result<(), StorageError> {
    let noted = app.store().read(|reader| index::find_recording(reader, endpoint, replica))?;
    let nothing = || {
        let first = |number: Option<i64>| number.unwrap_or(i64::MAX);
        let sealed_through = first(i64::try_from(replica.segments().start).ok());
        Recording { endpoint: endpoint.clone(), replica, sealed_through, next_sequence: replica.sequences().start + 1 }
    };
    let before = |segment: SegmentId| SegmentId(segment.0.saturating_sub(1));
    seal_copies(app, endpoint, &noted.unwrap_or_else(nothing), before).map(drop)
}

/// The replicas that have copies of records of an endpoint in the object store.
///
/// # Errors
/// When the store does not answer.
pub(crate) fn replicas_with_copies(app: &App, endpoint: &EndpointName) -> Result<BTreeSet<ReplicaId>, StorageError> {
    let Some(storage) = app.storage() else { return Ok(BTreeSet::new()) };
    let copies = storage.storage().list(&log_copies::folder_of(endpoint))?;
    Ok(copies.iter().filter_map(|copy| segment_of(&copy.key)).map(|segment| ReplicaId::of_segment(segment.0)).collect())
}

/// Seals the segments of a replica that are not sealed, from their copies; whether there were any. After each the log counts as sealed
/// as far as `through` says. Copies of sealed segments are of no use any more.
fn seal_copies(
    app: &App,
    endpoint: &EndpointName,
    recording: &Recording,
    through: impl Fn(SegmentId) -> SegmentId,
) -> Result<bool, StorageError> {
    let Some(storage) = app.storage() else { return Ok(false) };
    let mut sealed = Vec::new();
    let mut segments: BTreeMap<SegmentId, Vec<String>> = BTreeMap::new();
    for copy in storage.storage().list(&log_copies::folder_of(endpoint))? {
        // Those of other replicas are under way there.
        let is_own = |segment: &SegmentId| recording.replica.segments().contains(&segment.0);
        match segment_of(&copy.key).filter(is_own) {
            Some(segment) if is_unsealed(recording, segment) => segments.entry(segment).or_default().push(copy.key),
            Some(_) => sealed.push(copy.key),
            None => {}
        }
    }
    storage.delete_objects(&sealed)?;
    for (segment, keys) in &mut segments {
        keys.sort();
        let tables =
            tables_of_groups(*segment, Path::new(&log_copies::folder(endpoint, *segment)), &read_all(storage, keys)?);
        let rows = tables.predictions.as_ref().map_or(0, Table::rows);
        compact::hand_over(app, endpoint, tables, through(*segment))?;
        storage.delete_objects(keys)?;
        tracing::warn!(%endpoint, %segment, rows, "a segment that is not in the data folder was sealed from its copies");
    }
    Ok(!segments.is_empty())
}

/// The segment that a copy is of, by its key.
fn segment_of(key: &str) -> Option<SegmentId> {
    key.rsplit('/').nth(1).and_then(|number| number.parse().ok()).map(SegmentId)
}

fn is_unsealed(recording: &Recording, segment: SegmentId) -> bool {
    i64::try_from(segment.0).is_ok_and(|number| number > recording.sealed_through)
}

fn read_all(storage: &CachedStorage, keys: &[String]) -> Result<Vec<Vec<u8>>, ObjectError> {
    let read = |key: &String| Ok(storage.read(key, MAX_COPY_BYTES)?.unwrap_or_default());
    keys.iter().map(read).collect()
}
