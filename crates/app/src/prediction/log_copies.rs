//! Copies of the unsealed prediction log in the object store, for whoever must not lose a record with its machine:
//! `log/ENDPOINT/SEGMENT/FIRST_RECORD.klog`, an object for each group of records that was written together.
//!
//! Invariants: a record is acknowledged after its copy is in the store; copies of a segment are deleted after its partitions are in
//! the index. Out of scope: when a segment is sealed.

use kilter_domain::ids::EndpointName;
use kilter_serving::{
    SegmentId,
    prediction_log::{GroupCopier, RecordGroup},
};
use kilter_storage::{CachedStorage, Created, ObjectError};

use crate::{
    app::{App, RecordAck},
    causes::StorageError,
};

/// Where the copies of all logs lie.
const FOLDER: &str = "log";

/// What keeps copies of the records of an endpoint; `None` where the disk is enough.
pub(super) fn copier(app: &App, endpoint: &EndpointName) -> Option<GroupCopier> {
    let storage = copies_in(app)?.clone();
    let endpoint = endpoint.clone();
    Some(GroupCopier::new(move |group| copy(&storage, &endpoint, group).map_err(|error| error.to_string())))
}

fn copy(storage: &CachedStorage, endpoint: &EndpointName, group: RecordGroup) -> Result<(), ObjectError> {
    let key = format!("{}/{:020}.klog", folder(endpoint, group.segment), group.first_sequence);
    let bytes = group.bytes;
    match storage.create(&key, bytes.clone())? {
        Created::New => Ok(()),
        // The answer to an earlier request for these bytes was lost.
        Created::Exists if storage.read(&key, bytes.len() as u64)?.is_some_and(|found| found == bytes) => Ok(()),
        Created::Exists => Err(ObjectError::Key { key, reason: "there is a copy of other records".to_owned() }),
    }
}

/// Deletes the copies of a segment whose records are in the lake.
pub(super) fn delete_copies(app: &App, endpoint: &EndpointName, segment: SegmentId) -> Result<(), StorageError> {
    let Some(storage) = copies_in(app) else { return Ok(()) };
    let copies = storage.storage().list(&folder(endpoint, segment))?;
    Ok(storage.delete_objects(&copies.into_iter().map(|copy| copy.key).collect::<Vec<_>>())?)
}

fn copies_in(app: &App) -> Option<&CachedStorage> {
    app.storage().filter(|_| app.options().record_ack == RecordAck::Storage)
}

/// Where the copies of a log lie.
pub(super) fn folder_of(endpoint: &EndpointName) -> String {
    format!("{FOLDER}/{endpoint}")
}

/// Where the copies of a segment lie.
pub(super) fn folder(endpoint: &EndpointName, segment: SegmentId) -> String {
    format!("{}/{:012}", folder_of(endpoint), segment.0)
}
