//! Opening the log of an endpoint: numbers go on behind everything that was sealed, and what is missing is said.
//!
//! Invariants: no number of a segment, a record or a partition is used twice, also when the folder of the log was lost or
//! an older copy of it was put back.

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use kilter_domain::{audit::Outcome, ids::EndpointName, table::Column, time::Timestamp};
use kilter_lake::LogKind;
use kilter_serving::{
    Endpoint, EndpointOptions, LogOptions, PredictionLog, SegmentId,
    prediction_log::{Recovery, column, segments_in},
};
use kilter_store::{deployment, prediction as index, prediction::Recording};

use crate::{
    app::{App, RecordAck},
    authz::AuthorizedContext,
    causes::StorageError,
    components::serving::{Loss, SealMark, Serving},
    prediction::{
        log_copies, log_recovery,
        partition_index::{self, NUMBERS_OF_SEGMENT, kind_of, known},
        predict,
    },
};

/// Opens an endpoint with its log; one that is open is left as it is.
pub(crate) fn open_serving(app: &App, name: &EndpointName) -> Result<Arc<Serving>, StorageError> {
    app.components().endpoints.find_or_open(name, || open_anew(app, name))
}

fn open_anew(app: &App, name: &EndpointName) -> Result<Serving, StorageError> {
    let folder = app.folder().join("log").join(name.as_str());
    let replica = app.store().replica();
    let mut recording = app.store().read(|reader| index::find_recording(reader, name, replica))?;
    let mut is_copied = app.options().record_ack == RecordAck::Storage;
    if let Some(known) = &recording
        && log_recovery::recover(app, name, known, &segments_in(&folder)?)?
    {
        recording = app.store().read(|reader| index::find_recording(reader, name, replica))?;
        is_copied = true;
    }
    let first = first_numbers(app, name, recording.as_ref())?;
    let copying = LogOptions { copy_group: log_copies::copier(app, name), ..first.clone() };
    let (log, recovery) = PredictionLog::open(&folder, copying)?;
    log_recovery(name, &recovery);
    // Of a folder that is gone with its log nothing is lost that was acknowledged by the object store.
    let is_known = |_: &&Recording| !(is_copied && recovery.found.is_empty());
    let losses = recording.as_ref().filter(is_known).map(|recording| losses(&folder, recording, &recovery.found));
    let losses = losses.unwrap_or_default();
    for loss in &losses {
        tracing::error!(endpoint = %name, %loss, "part of the prediction log is missing");
    }
    for kind in [LogKind::Predictions, LogKind::Labels] {
        app.lake().recover(kind, name, &|seq| partition_index::indexed(app, kind, name, seq))?;
    }
    record_log_start(app, name, recording, &log, first.first_sequence)?;
    let log = Arc::new(log);
    let options = EndpointOptions { limits: kilter_serving::Limits::default(), id_prefix: app.new_id() };
    let endpoint = Endpoint::new(name.clone(), options, Some(log.clone()));
    let is_empty = recovery.sealed.is_empty() && recovery.active_rows == 0;
    let sealed = Mutex::new(SealMark { until: Timestamp(0), appended: is_empty.then_some(0) });
    Ok(Serving { endpoint, log, sealing: Mutex::default(), merges: Mutex::default(), sealed, losses })
}

fn log_recovery(endpoint: &EndpointName, recovery: &Recovery) {
    for damage in &recovery.damage {
        tracing::error!(%endpoint, %damage, "part of the prediction log cannot be read");
    }
    if let Some(torn) = &recovery.torn {
        let (bytes, segment, kept) = (torn.bytes, torn.segment, torn.kept_aside.display());
        tracing::warn!(
            %endpoint, %segment, bytes, kept_aside = %kept,
            "the last bytes of the prediction log are no whole record: a crash ended a write that was never \
             acknowledged, or the file was changed; they are set aside"
        );
    }
}

/// The first numbers of this replica that are free, whatever the folder of the log says.
fn first_numbers(
    app: &App,
    endpoint: &EndpointName,
    recording: Option<&Recording>,
) -> Result<LogOptions, StorageError> {
    let replica = app.store().replica();
    let indexed = app.store().read(|reader| index::last_seq(reader, endpoint, replica))?;
    let positive = |number: i64| u64::try_from(number).unwrap_or(1).max(1);
    // The lake may hold partitions of other replicas.
    let of_files = app.lake().highest(endpoint, &|seq| replica.has_partition(seq))?;
    let partition = indexed.and_then(|seq| u64::try_from(seq).ok()).max(of_files);
    let first_of_replica = replica.segments().start + 1;
    let behind_partitions = partition.map_or(first_of_replica, |seq| seq / NUMBERS_OF_SEGMENT + 1);
    let sealed = recording.map_or(first_of_replica, |recording| positive(recording.sealed_through.saturating_add(1)));
    let first_sequence = match (recording, indexed) {
        (Some(recording), _) => positive(recording.next_sequence),
        // Of a data folder from before these numbers were kept.
        (None, Some(seq)) => sequence_behind(app, endpoint, seq)?,
        (None, None) => positive(replica.sequences().start + 1),
    };
    Ok(LogOptions { first_segment: sealed.max(behind_partitions), first_sequence, ..app.options().recording.clone() })
}

/// The first sequence number behind the rows of the segment that a partition came from.
fn sequence_behind(app: &App, endpoint: &EndpointName, seq: i64) -> Result<u64, StorageError> {
    let numbers = i64::try_from(NUMBERS_OF_SEGMENT).unwrap_or(i64::MAX);
    let first = seq / numbers * numbers;
    let mut behind = 1;
    for kind in [LogKind::Predictions, LogKind::Labels] {
        let range = (first, first + numbers - 1);
        for partition in app.store().read(|reader| index::list_numbered(reader, kind_of(kind), endpoint, range))? {
            let rows = match app.lake().read_partitions(kind, endpoint, &[known(&partition)]) {
                Ok(rows) => rows,
                // It is told when its rows are asked for; here its number only cannot be counted on.
                Err(_) => continue,
            };
            if let Some(Column::Int(values)) = rows.get(column::SEQUENCE) {
                let highest = values.iter().flatten().max().and_then(|highest| u64::try_from(*highest).ok());
                behind = behind.max(highest.map_or(1, |highest| highest.saturating_add(1)));
            }
        }
    }
    Ok(behind)
}

/// Writes down that the log was made, so that a folder that is missing later is known to be lost; and that what lies
/// before its first segment is not waited for.
fn record_log_start(
    app: &App,
    endpoint: &EndpointName,
    recording: Option<Recording>,
    log: &PredictionLog,
    first_sequence: u64,
) -> Result<(), StorageError> {
    let Some(first) = log.sealed().into_iter().chain(log.active()).min() else { return Ok(()) };
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    // Segments from before the folder had a number of its own lie below.
    let replica = app.store().replica();
    let sealed_through = number(first.0.saturating_sub(1).max(replica.segments().start));
    if recording.is_some_and(|recording| recording.sealed_through >= sealed_through) {
        return Ok(());
    }
    let recording =
        Recording { endpoint: endpoint.clone(), replica, sealed_through, next_sequence: number(first_sequence.max(1)) };
    app.store().write(move |tx| match deployment::find_endpoint(tx, &recording.endpoint)? {
        Some(_) => index::record_sealed(tx, &recording),
        None => Ok(()),
    })?;
    Ok(())
}

/// Writes what was found missing into the audit table, once.
pub(crate) fn record_losses(
    app: &App,
    context: &AuthorizedContext,
    endpoint: &EndpointName,
) -> Result<(), StorageError> {
    let Some(serving) = predict::serving(app, endpoint).filter(|serving| !serving.losses.is_empty()) else {
        return Ok(());
    };
    let object = format!("endpoint:{endpoint}");
    for loss in &serving.losses {
        let draft = context.audit_event("recording.keep", loss.to_string(), vec![]);
        let (object, reason) = (object.clone(), loss.to_string());
        app.store().write(move |tx| {
            let newest = kilter_store::audit::list_of_object(tx, &object, &kilter_store::PageRequest::first(20))?;
            let is_known = newest.items.iter().any(|record| record.reason.as_deref() == Some(reason.as_str()));
            match is_known {
                true => Ok(()),
                false => tx.audited(draft).record_refusal(&object, Outcome::Failed).map(drop),
            }
        })?;
    }
    Ok(())
}

/// Runs of segments that are missing between what was sealed and what is there. The newest segment is never deleted, so
/// one at least is there.
pub(crate) fn losses(folder: &Path, recording: &Recording, found: &[SegmentId]) -> Vec<Loss> {
    let first = u64::try_from(recording.sealed_through).unwrap_or(0).saturating_add(1);
    let mut expected = first;
    let mut losses = Vec::new();
    let mut missing = |from: u64, to: u64| losses.push(Loss { folder: folder.to_owned(), first: from, last: to });
    for SegmentId(found) in found.iter().copied().filter(|found| found.0 >= first) {
        if found > expected {
            missing(expected, found - 1);
        }
        expected = found + 1;
    }
    if expected == first {
        missing(first, first);
    }
    losses
}

#[cfg(test)]
mod tests {
    use kilter_domain::replica::ReplicaId;

    use super::*;

    fn missing(sealed_through: i64, found: &[u64]) -> Vec<(u64, u64)> {
        let (endpoint, replica) = ("churn".parse().unwrap(), ReplicaId::ONLY);
        let recording = Recording { endpoint, replica, sealed_through, next_sequence: 1 };
        let found: Vec<SegmentId> = found.iter().copied().map(SegmentId).collect();
        losses(Path::new("log"), &recording, &found).iter().map(|loss| (loss.first, loss.last)).collect()
    }

    #[test]
    fn segments_between_what_was_sealed_and_what_is_there_are_lost() {
        assert_eq!(missing(4, &[5, 6]), []);
        assert_eq!(missing(4, &[4, 5]), [], "sealed, and not deleted yet");
        assert_eq!(missing(4, &[]), [(5, 5)], "the folder is gone");
        assert_eq!(missing(4, &[7, 9]), [(5, 6), (8, 8)]);
        assert_eq!(missing(4, &[3]), [(5, 5)], "an older copy of the folder");
    }
}
