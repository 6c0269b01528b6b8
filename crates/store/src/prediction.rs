//! The index of the prediction log and of the label log: which Parquet file holds what.
//!
//! Invariants: a partition is identified by kind, endpoint and sequence; naming it again with the same bytes changes
//! nothing, with others it is refused; a merged partition and those that it stands for change places in one
//! transaction. Out of scope: the rows themselves; those are the lake's.

use std::ops::Range;

use kilter_domain::{digest::Digest, ids::EndpointName, replica::ReplicaId, time::Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    Page, PageRequest, Reader, StoreError, Tx,
    audit::{AuditedTx, Change},
    database::{self, Row, named_params},
    row,
    statement::statements,
};

const LIST: &str = "partition";

statements! {
    INSERT = "index the partition": "
        INSERT INTO partition (kind, endpoint, seq, path, rows, bytes, digest, min_time, max_time)
        VALUES (:kind, :endpoint, :seq, :path, :rows, :bytes, :digest, :min_time, :max_time)";
    FIND = "read the partition": "
        SELECT * FROM partition WHERE kind = :kind AND endpoint = :endpoint AND seq = :seq";
    OVERLAPPING = "list the partitions of a window": "
        SELECT * FROM partition
        WHERE kind = :kind AND endpoint = :endpoint AND max_time >= :start AND min_time < :end AND seq > :above
          AND merged_into IS NULL
        ORDER BY seq LIMIT :limit";
    NUMBERED = "list the partitions of a segment": "
        SELECT * FROM partition WHERE kind = :kind AND endpoint = :endpoint AND seq BETWEEN :first AND :last
        ORDER BY seq LIMIT 1000";
    EARLIEST = "find the beginning of the log": "
        SELECT min(min_time) FROM partition WHERE kind = :kind AND endpoint = :endpoint AND merged_into IS NULL";
    LAST_SEQ = "find the end of the log": "
        SELECT max(seq) FROM partition WHERE endpoint = :endpoint AND seq BETWEEN :first AND :last";
    MERGED = "list the partitions that were merged": "
        SELECT * FROM partition WHERE kind = :kind AND endpoint = :endpoint AND merged_into IS NOT NULL
          AND seq BETWEEN :first AND :last
        ORDER BY seq LIMIT :limit";
    MERGE = "merge the partition": "
        UPDATE partition SET merged_into = :into
        WHERE kind = :kind AND endpoint = :endpoint AND seq = :seq AND merged_into IS NULL";
    FORGET = "take the partition out of the index": "
        DELETE FROM partition WHERE kind = :kind AND endpoint = :endpoint AND seq = :seq";
    NOTE_SERVED = "note a file of counts": "
        INSERT INTO served_file (endpoint, path, hour) VALUES (:endpoint, :path, :hour)
        ON CONFLICT (endpoint, path) DO NOTHING";
    SERVED = "list the files of counts": "
        SELECT path, hour FROM served_file WHERE endpoint = :endpoint AND hour BETWEEN :first AND :last
        ORDER BY path LIMIT 100000";
    FORGET_SERVED = "forget old files of counts": "
        DELETE FROM served_file WHERE endpoint = :endpoint AND hour < :before";
    RECORDING = "read how far the log was sealed": "
        SELECT * FROM recording WHERE endpoint = :endpoint AND replica = :replica";
    SEALED = "write how far the log was sealed": "
        INSERT INTO recording (endpoint, replica, sealed_through, next_sequence)
        VALUES (:endpoint, :replica, :sealed_through, :next_sequence)
        ON CONFLICT (endpoint, replica) DO UPDATE SET
            sealed_through = CASE WHEN excluded.sealed_through > recording.sealed_through
                                  THEN excluded.sealed_through ELSE recording.sealed_through END,
            next_sequence = CASE WHEN excluded.next_sequence > recording.next_sequence
                                 THEN excluded.next_sequence ELSE recording.next_sequence END";
}

/// Which log a partition belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartitionKind {
    /// Rows that were answered.
    Predictions,
    /// What became known of them.
    Labels,
}

/// One file of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Predictions or labels.
    pub kind: PartitionKind,
    /// The endpoint that it belongs to.
    pub endpoint: EndpointName,
    /// Its number in the log.
    pub seq: i64,
    /// Below the lake's root.
    pub path: String,
    /// How many rows it has.
    pub rows: u64,
    /// How many bytes it has.
    pub bytes: u64,
    /// Of its bytes.
    pub digest: Digest,
    /// The earliest and the latest event time in it.
    pub min_time: Timestamp,
    /// The last time in it.
    pub max_time: Timestamp,
}

/// Puts a partition into the index; whether it is new.
///
/// # Errors
/// When its place is taken by other bytes.
pub fn add_partition(tx: &Tx, partition: &Partition) -> Result<bool, StoreError> {
    match find_partition(tx, partition.kind, &partition.endpoint, partition.seq)? {
        Some(present) if present.digest == partition.digest => return Ok(false),
        Some(present) => {
            let reason = format!(
                "partition {} of `{}` holds {} already, not {}",
                partition.seq,
                partition.endpoint,
                present.digest.short(),
                partition.digest.short()
            );
            return Err(StoreError::Conflict { attempted: INSERT.attempt, reason });
        }
        None => {}
    }
    let params = named_params! {
        ":kind": row::name_of(&partition.kind)?, ":endpoint": partition.endpoint.as_str(), ":seq": partition.seq,
        ":path": partition.path, ":rows": partition.rows, ":bytes": partition.bytes,
        ":digest": partition.digest.to_string(), ":min_time": partition.min_time.millis(),
        ":max_time": partition.max_time.millis(),
    };
    tx.execute(&INSERT, params)?;
    Ok(true)
}

/// The partition in this place.
pub fn find_partition(
    reader: &Reader,
    kind: PartitionKind,
    endpoint: &EndpointName,
    seq: i64,
) -> Result<Option<Partition>, StoreError> {
    let params = named_params! { ":kind": row::name_of(&kind)?, ":endpoint": endpoint.as_str(), ":seq": seq };
    reader.one(&FIND, params, partition)
}

/// Every partition with a number in `first..=last`, merged or not; at most a thousand.
pub fn list_numbered(
    reader: &Reader,
    kind: PartitionKind,
    endpoint: &EndpointName,
    (first, last): (i64, i64),
) -> Result<Vec<Partition>, StoreError> {
    let params = named_params! {
        ":kind": row::name_of(&kind)?, ":endpoint": endpoint.as_str(), ":first": first, ":last": last,
    };
    reader.all(&NUMBERED, params, partition)
}

/// The highest number of a partition that a replica sealed at an endpoint, of either kind.
pub fn last_seq(reader: &Reader, endpoint: &EndpointName, replica: ReplicaId) -> Result<Option<i64>, StoreError> {
    let Range { start, end } = replica.partitions();
    let params = named_params! { ":endpoint": endpoint.as_str(), ":first": start, ":last": end - 1 };
    Ok(reader.one(&LAST_SEQ, params, |row| row.get(0))?.flatten())
}

/// The time of the earliest prediction of an endpoint that is in the lake.
pub fn earliest(reader: &Reader, endpoint: &EndpointName) -> Result<Option<Timestamp>, StoreError> {
    let params = named_params! { ":kind": row::name_of(&PartitionKind::Predictions)?, ":endpoint": endpoint.as_str() };
    let found: Option<Option<i64>> = reader.one(&EARLIEST, params, |row| row.get(0))?;
    Ok(found.flatten().map(Timestamp))
}

/// Partitions of a replica whose rows stand in a larger one since, and whose files may go.
pub fn list_merged(
    reader: &Reader,
    kind: PartitionKind,
    endpoint: &EndpointName,
    replica: ReplicaId,
    limit: u32,
) -> Result<Vec<Partition>, StoreError> {
    let Range { start, end } = replica.partitions();
    let params = named_params! {
        ":kind": row::name_of(&kind)?, ":endpoint": endpoint.as_str(), ":first": start, ":last": end - 1,
        ":limit": limit,
    };
    reader.all(&MERGED, params, partition)
}

/// Puts a merged partition into the index, in the place of those that it holds.
///
/// # Errors
/// When one of them is not in the index any more, or was merged already.
pub fn merge_partitions(tx: &Tx, merged: &Partition, sources: &[i64]) -> Result<(), StoreError> {
    add_partition(tx, merged)?;
    for seq in sources {
        let params = named_params! {
            ":kind": row::name_of(&merged.kind)?, ":endpoint": merged.endpoint.as_str(), ":seq": seq,
            ":into": merged.seq,
        };
        if tx.execute(&MERGE, params)? != 1 {
            let reason = format!("partition {seq} of `{}` is not in the index, or is merged already", merged.endpoint);
            return Err(StoreError::Conflict { attempted: MERGE.attempt, reason });
        }
    }
    Ok(())
}

/// Someone accepts that the rows of a partition are lost: it leaves the index, and the audit log keeps what it was.
///
/// # Errors
/// When the index knows no such partition.
pub fn accept_loss(
    audited: &AuditedTx,
    kind: PartitionKind,
    endpoint: &EndpointName,
    seq: i64,
) -> Result<Partition, StoreError> {
    let found = find_partition(audited.tx(), kind, endpoint, seq)?;
    let object = format!("partition:{endpoint}/{}/{seq}", row::name_of(&kind)?);
    let found = found.ok_or_else(|| StoreError::NotFound { what: "partition", id: object.clone() })?;
    let digest = found.digest.to_string();
    let change =
        Change { object_digest: Some(&digest), before: Some("kept"), after: Some("lost"), ..Change::of(&object) };
    audited.record_change(&change)?;
    forget_partition(audited.tx(), kind, endpoint, seq)?;
    Ok(found)
}

/// Takes a partition out of the index.
pub fn forget_partition(tx: &Tx, kind: PartitionKind, endpoint: &EndpointName, seq: i64) -> Result<(), StoreError> {
    let params = named_params! { ":kind": row::name_of(&kind)?, ":endpoint": endpoint.as_str(), ":seq": seq };
    tx.execute(&FORGET, params).map(drop)
}

/// How far the log that a replica has of an endpoint was moved into partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// The endpoint that it belongs to.
    pub endpoint: EndpointName,
    /// Whose log it is.
    pub replica: ReplicaId,
    /// The last segment of which every record stands in a partition; 0 before the first.
    pub sealed_through: i64,
    /// No record that is not sealed yet has a lower sequence number.
    pub next_sequence: i64,
}

/// How far the log that a replica has of an endpoint was sealed; `None` before its folder was made for the first time.
pub fn find_recording(
    reader: &Reader,
    endpoint: &EndpointName,
    replica: ReplicaId,
) -> Result<Option<Recording>, StoreError> {
    let params = named_params! { ":endpoint": endpoint.as_str(), ":replica": replica.number() };
    reader.one(&RECORDING, params, |row| {
        Ok(Recording {
            endpoint: row::parsed(row, "endpoint")?,
            replica: row::replica(row, "replica")?,
            sealed_through: row.get("sealed_through")?,
            next_sequence: row.get("next_sequence")?,
        })
    })
}

/// Writes how far the log was sealed. The numbers only grow.
pub fn record_sealed(tx: &Tx, recording: &Recording) -> Result<(), StoreError> {
    let params = named_params! {
        ":endpoint": recording.endpoint.as_str(), ":replica": recording.replica.number(), ":sealed_through": recording.sealed_through,
        ":next_sequence": recording.next_sequence,
    };
    tx.execute(&SEALED, params).map(drop)
}

/// Partitions with an event in `times`, in their order; those that were merged into another are left out.
pub fn list_partitions(
    reader: &Reader,
    kind: PartitionKind,
    endpoint: &EndpointName,
    times: Range<Timestamp>,
    page: &PageRequest,
) -> Result<Page<Partition>, StoreError> {
    let params = named_params! {
        ":kind": row::name_of(&kind)?, ":endpoint": endpoint.as_str(), ":start": times.start.millis(),
        ":end": times.end.millis(), ":above": page.above(LIST)?, ":limit": page.probe(),
    };
    Ok(page.page(LIST, reader.all(&OVERLAPPING, params, |row| Ok((row.get("seq")?, partition(row)?)))?))
}

pub(crate) fn partition(row: &Row) -> database::Result<Partition> {
    Ok(Partition {
        kind: row::word(row, "kind")?,
        endpoint: row::parsed(row, "endpoint")?,
        seq: row.get("seq")?,
        path: row.get("path")?,
        rows: row.get("rows")?,
        bytes: row.get("bytes")?,
        digest: row::parsed(row, "digest")?,
        min_time: row::time(row, "min_time")?,
        max_time: row::time(row, "max_time")?,
    })
}

/// Notes a file in which what was served in an hour is counted; noting it again changes nothing.
pub fn note_served(tx: &Tx, endpoint: &EndpointName, path: &str, hour: i64) -> Result<(), StoreError> {
    tx.execute(&NOTE_SERVED, named_params! { ":endpoint": endpoint.as_str(), ":path": path, ":hour": hour }).map(drop)
}

/// The files in which what was served in the hours `first..=last` is counted, by path.
pub fn list_served(reader: &Reader, endpoint: &EndpointName, first: i64, last: i64) -> Result<Vec<String>, StoreError> {
    let params = named_params! { ":endpoint": endpoint.as_str(), ":first": first, ":last": last };
    reader.all(&SERVED, params, |row| row.get("path"))
}

/// Forgets files of counts of hours before `before`.
pub fn forget_served(tx: &Tx, endpoint: &EndpointName, before: i64) -> Result<(), StoreError> {
    tx.execute(&FORGET_SERVED, named_params! { ":endpoint": endpoint.as_str(), ":before": before }).map(drop)
}
