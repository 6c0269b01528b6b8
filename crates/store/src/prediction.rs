//! The index of the prediction log and of the label log: which Parquet file holds what.
//!
//! Holds true: a partition is told by kind, endpoint and sequence; naming it again with the same bytes changes
//! nothing, with others it is refused. Deliberately absent: the rows themselves; those are the lake's.

use kilter_domain::{digest::Digest, ids::EndpointName, time::Timestamp};
use rusqlite::{Row, named_params};
use serde::{Deserialize, Serialize};

use crate::{Page, PageRequest, Reader, StoreError, Tx, row, statement::statements};

const LIST: &str = "partition";

statements! {
    INSERT = "index the partition": "
        INSERT INTO partition (kind, endpoint, seq, path, rows, bytes, digest, min_time, max_time)
        VALUES (:kind, :endpoint, :seq, :path, :rows, :bytes, :digest, :min_time, :max_time)";
    FIND = "read the partition": "
        SELECT * FROM partition WHERE kind = :kind AND endpoint = :endpoint AND seq = :seq";
    NEXT_SEQ = "find the end of the log": "
        SELECT coalesce(max(seq) + 1, 0) FROM partition WHERE kind = :kind AND endpoint = :endpoint";
    OVERLAPPING = "list the partitions of a window": "
        SELECT * FROM partition
        WHERE kind = :kind AND endpoint = :endpoint AND max_time >= :start AND min_time < :end AND seq > :above
        ORDER BY seq LIMIT :limit";
}

/// Which log a partition belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartitionKind {
    Predictions,
    Labels,
}

/// One file of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    pub kind: PartitionKind,
    pub endpoint: EndpointName,
    pub seq: i64,
    /// Below the lake's root.
    pub path: String,
    pub rows: u64,
    pub bytes: u64,
    pub digest: Digest,
    /// The earliest and the latest event time in it.
    pub min_time: Timestamp,
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
            let because = format!(
                "partition {} of `{}` holds {} already, not {}",
                partition.seq,
                partition.endpoint,
                present.digest.short(),
                partition.digest.short()
            );
            return Err(StoreError::Conflict { attempted: INSERT.attempt, because });
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

/// The sequence number of the next partition of a log.
pub fn next_seq(reader: &Reader, kind: PartitionKind, endpoint: &EndpointName) -> Result<i64, StoreError> {
    let params = named_params! { ":kind": row::name_of(&kind)?, ":endpoint": endpoint.as_str() };
    Ok(reader.one(&NEXT_SEQ, params, |row| row.get(0))?.unwrap_or(0))
}

/// Partitions with an event in `start..end`, in their order.
pub fn list_partitions(
    reader: &Reader,
    kind: PartitionKind,
    endpoint: &EndpointName,
    start: Timestamp,
    end: Timestamp,
    page: &PageRequest,
) -> Result<Page<Partition>, StoreError> {
    let params = named_params! {
        ":kind": row::name_of(&kind)?, ":endpoint": endpoint.as_str(), ":start": start.millis(),
        ":end": end.millis(), ":above": page.above(LIST)?, ":limit": page.probe(),
    };
    Ok(page.page(LIST, reader.all(&OVERLAPPING, params, |row| Ok((row.get("seq")?, partition(row)?)))?))
}

fn partition(row: &Row) -> rusqlite::Result<Partition> {
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
