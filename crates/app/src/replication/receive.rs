//! The server's side: records of a replica go into the log of the endpoint, once, in the order in which the replica made them.
//!
//! Invariants: what is answered for is on the disk; a part that comes again changes nothing. How far each replica came is a file, written
//! before its records (as what is attempted) and after them: only where a crash lay between the two, or the file was lost, are the ids
//! looked up in the log. Times that are still to come are those of now; columns that the contract drops are dropped here too.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError},
    time::SystemTime,
};

use kilter_blobs::atomic;
use kilter_domain::{digest::Digest, error_chain::with_causes, ids::EndpointName, time::Timestamp};
use kilter_serving::{
    AppendTicket, Durability, PredictionBatch, Record, Role, prediction_log::decode_records,
    recording_policy::RecordingPolicy,
};
use kilter_store::{deployment as deployments, model as versions};
use serde::{Deserialize, Serialize};

use crate::{
    app::App,
    causes::{NoLiveVersion, StorageError},
    components::serving::Serving,
    prediction::{label_checks, predict},
    project::folder::Project,
    registered,
    replication::{cache, error::ReplicationError},
};

/// Replicas of which it is remembered how far they came, per endpoint; beyond it the one that sent nothing for the longest is forgotten.
const MAX_REPLICAS: usize = 1_000;

/// Records of a replica, as they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedRecords<'r> {
    /// The replica that made them.
    pub replica: &'r str,
    /// The number of the first record in the log of the replica.
    pub first: u64,
    /// The number of the last one.
    pub last: u64,
    /// The records.
    pub bytes: &'r [u8],
}

/// What became of records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// The number of the last record of the replica that is on the disk.
    pub through: u64,
    /// Rows that were recorded.
    pub rows: usize,
    /// Rows that were recorded before.
    pub known: usize,
}

/// How far a replica came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    /// Everything up to this record is on the disk.
    through: u64,
    /// Records up to this one may be, or may not.
    attempted: u64,
}

/// Records what a replica answered. It is on the disk when this returns.
///
/// # Errors
/// When nothing was ever live at the endpoint, the bytes are no records, or they are of versions that are not registered; then none of
/// them is recorded.
pub fn receive_records(
    app: &App,
    endpoint: &EndpointName,
    received: &ReceivedRecords<'_>,
    now: Timestamp,
) -> Result<Received, ReplicationError> {
    let ReceivedRecords { replica, first, last, .. } = *received;
    if !cache::is_replica_id(replica) || first == 0 || last < first {
        let reason = "a request names its replica (letters, digits and `-`) and its first and last record, from 1 on";
        return Err(ReplicationError::Refused(reason.to_owned()));
    }
    let serving = predict::serving(app, endpoint).ok_or_else(|| NoLiveVersion { endpoint: endpoint.clone() })?;
    let records = decode_records(received.bytes)?;
    let project = project_of(app, endpoint)?;
    check_versions(app, &project, &records)?;
    // Two requests of one replica side by side would both find their records new.
    let lock = app.components().endpoints.change_lock(endpoint);
    let _alone = lock.lock().unwrap_or_else(PoisonError::into_inner);
    let place = place_of(app, endpoint, replica)?;
    let position = read_position(&place)?;
    let rows = || records.iter().map(Record::rows).sum();
    if position.is_some_and(|position| last <= position.through) {
        return Ok(Received { through: position.unwrap_or_default().through, rows: 0, known: rows() });
    }
    // The first records of a new replica were never here; those behind what was attempted neither.
    let is_new = match position {
        None => first == 1,
        Some(position) => first > position.attempted.max(position.through),
    };
    let before = position.unwrap_or_default();
    write_position(&place, Position { attempted: last, ..before })?;
    let policy =
        RecordingPolicy { dropped: project.contract.record.drop.iter().cloned().collect(), ..Default::default() };
    let done = append(app, endpoint, &serving, records, (is_new, &policy), now)?;
    write_position(&place, Position { through: last, attempted: last })?;
    Ok(Received { through: last, ..done })
}

fn project_of(app: &App, endpoint: &EndpointName) -> Result<Arc<Project>, ReplicationError> {
    let found = app.store().read(|reader| deployments::find_endpoint(reader, endpoint))?;
    let found = found.ok_or_else(|| NoLiveVersion { endpoint: endpoint.clone() })?;
    Ok(Arc::new(registered::recorded_project(app, &found.project)?))
}

/// Refuses records of versions that are not those of the model here.
fn check_versions(app: &App, project: &Project, records: &[Record]) -> Result<(), ReplicationError> {
    let batches = || records.iter().filter_map(predictions);
    if batches().any(|batch| batch.role == Role::Imported) {
        return Err(ReplicationError::Refused(
            "past predictions are brought in by `kilter prediction import`".to_owned(),
        ));
    }
    let named: BTreeSet<(u64, Digest)> = batches().map(|batch| (batch.version.number, batch.version.digest)).collect();
    let model = project.model();
    for (number, digest) in named {
        let found = match u32::try_from(number) {
            Ok(number) => app.store().read(|reader| versions::find(reader, &model, number))?,
            Err(_) => None,
        };
        if found.is_none_or(|version| version.digest != digest) {
            return Err(ReplicationError::Refused(format!(
                "{model}@{number} is not registered here as the replica has it"
            )));
        }
    }
    Ok(())
}

fn predictions(record: &Record) -> Option<&PredictionBatch> {
    match record {
        Record::Predictions(batch) => Some(batch),
        Record::Labels(_) => None,
    }
}

/// Writes records that were not written yet, and waits for the disk once.
fn append(
    app: &App,
    endpoint: &EndpointName,
    serving: &Serving,
    records: Vec<Record>,
    (is_new, policy): (bool, &RecordingPolicy),
    now: Timestamp,
) -> Result<Received, ReplicationError> {
    let known = match is_new {
        true => Default::default(),
        false => {
            let ids: Vec<Arc<str>> =
                records.iter().filter_map(predictions).flat_map(|batch| &batch.ids).cloned().collect();
            label_checks::recorded_versions(app, endpoint, &ids)?
        }
    };
    let (mut done, mut tickets): (_, Vec<AppendTicket>) = (Received::default(), Vec::new());
    for record in records {
        match record {
            Record::Labels(mut labels) => {
                labels.recorded_at = labels.recorded_at.min(now);
                labels.known_at.iter_mut().for_each(|time| *time = (*time).min(now));
                done.rows += labels.rows();
                tickets.push(serving.log().submit_labels(&labels)?);
            }
            Record::Predictions(batch) => {
                let number = batch.version.number;
                let is_known = |row: &usize| known.contains(&(batch.ids[*row].clone(), number));
                let rows: Vec<usize> = (0..batch.rows()).filter(|row| !is_known(row)).collect();
                done.known += batch.rows() - rows.len();
                if rows.is_empty() {
                    continue;
                }
                let mut part = if rows.len() == batch.rows() { batch } else { batch.take(&rows) };
                part.recorded_at = part.recorded_at.min(now);
                part.event_times.iter_mut().for_each(|time| *time = (*time).min(now));
                done.rows += part.rows();
                if let Some(recorded) = policy.recorded(&part, None) {
                    tickets.push(serving.log().submit(&recorded)?);
                }
            }
        }
    }
    for ticket in tickets {
        ticket.wait()?;
    }
    // What is acknowledged at once is brought to the disk by sealing it.
    if serving.log().durability() == Durability::Buffered {
        serving.log().rotate()?;
    }
    Ok(done)
}

/// The file that says how far a replica came.
fn place_of(app: &App, endpoint: &EndpointName, replica: &str) -> Result<PathBuf, StorageError> {
    let folder = app.folder().join("replicas").join(endpoint.as_str());
    let place = folder.join(format!("{replica}.json"));
    if !place.is_file() {
        forget_oldest(&folder);
    }
    Ok(place)
}

/// Makes room for one more replica. One that is forgotten has its ids looked up if it comes again.
fn forget_oldest(folder: &Path) {
    let entries = folder.read_dir().into_iter().flatten().flatten();
    let age =
        |entry: &fs::DirEntry| entry.metadata().and_then(|found| found.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let mut known: Vec<(SystemTime, PathBuf)> = entries.map(|entry| (age(&entry), entry.path())).collect();
    known.sort();
    for (_, path) in known.iter().take((known.len() + 1).saturating_sub(MAX_REPLICAS)) {
        if let Err(error) = fs::remove_file(path) {
            tracing::warn!(path = %path.display(), %error, "how far a replica came is not forgotten");
        }
    }
}

/// A file that cannot be read is as good as none: the ids are looked up then.
fn read_position(place: &Path) -> Result<Option<Position>, StorageError> {
    let Some(text) = cache::read(place, 1 << 12)? else { return Ok(None) };
    let read = serde_json::from_str(&text).inspect_err(|error| {
        tracing::error!(path = %place.display(), error = with_causes(error), "how far a replica came cannot be read");
    });
    // Whatever was attempted: nothing of it is taken for new.
    Ok(Some(read.unwrap_or(Position { through: 0, attempted: u64::MAX })))
}

fn write_position(place: &Path, position: Position) -> Result<(), StorageError> {
    let text = serde_json::to_vec(&position).map_err(|source| StorageError::Document { what: "position", source })?;
    if let Some(folder) = place.parent() {
        atomic::create_dirs(folder)?;
    }
    Ok(atomic::write_atomic(place, &text)?)
}
