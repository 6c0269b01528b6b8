//! What is past its retention: it leaves the index, with an entry of the audit log that says how much and until when.
//!
//! Invariants: a partition that expired is read by nobody from the commit on; its file goes afterwards, and only then its row,
//! so that whoever is ended in between goes on. What expired already expires once. Out of scope: how long something is kept.

use kilter_domain::{ids::EndpointName, time::Timestamp};

use crate::{
    Reader, StoreError,
    audit::{AuditedTx, Change},
    database::named_params,
    prediction::{Partition, PartitionKind, partition},
    row,
    statement::statements,
};

/// Readings that are deleted in one go.
const READINGS_AT_ONCE: u32 = 5_000;

statements! {
    // A partition that stands for itself is in the place of nothing: its rows are gone.
    EXPIRE = "let the partition expire": "
        UPDATE partition SET merged_into = seq
        WHERE kind = :kind AND endpoint = :endpoint AND seq = :seq AND merged_into IS NULL";
    EXPIRED = "list the partitions that expired": "
        SELECT * FROM partition WHERE kind = :kind AND endpoint = :endpoint AND merged_into = seq
        ORDER BY seq LIMIT :limit";
    NEWEST_RECORD = "find the newest record of the log": "
        SELECT max(max_time) FROM partition WHERE endpoint = :endpoint AND merged_into IS NULL";
    OLD_READINGS = "count old readings": "
        SELECT count(*) FROM reading WHERE endpoint = :endpoint AND window_end < :before";
    DELETE_READINGS = "delete old readings": "
        DELETE FROM reading WHERE key IN (
            SELECT key FROM reading WHERE endpoint = :endpoint AND window_end < :before ORDER BY key LIMIT :limit)";
    LOG_SIZE = "measure the prediction log": "
        SELECT count(*) AS files, CAST(coalesce(sum(rows), 0) AS BIGINT) AS rows,
               CAST(coalesce(sum(bytes), 0) AS BIGINT) AS bytes
        FROM partition WHERE kind = :kind AND endpoint = :endpoint";
}

/// Lets partitions of a log expire, and records how many rows went; how many partitions did. Those that expired or were merged
/// meanwhile stay as they are.
pub fn expire_partitions(
    audited: &AuditedTx,
    kind: PartitionKind,
    endpoint: &EndpointName,
    partitions: &[Partition],
    before: Timestamp,
) -> Result<usize, StoreError> {
    let (mut expired, mut rows) = (0, 0);
    for partition in partitions {
        let params = named_params! {
            ":kind": row::name_of(&kind)?, ":endpoint": endpoint.as_str(), ":seq": partition.seq,
        };
        if audited.tx().execute(&EXPIRE, params)? == 1 {
            expired += 1;
            rows += partition.rows;
        }
    }
    if expired > 0 {
        let object = format!("log:{endpoint}/{}", row::name_of(&kind)?);
        record(audited, &object, &format!("{rows} rows in {expired} partitions"), before)?;
    }
    Ok(expired)
}

/// Records that rows of a partition went which stays with its others under a new number.
pub fn record_shortened(
    audited: &AuditedTx,
    kind: PartitionKind,
    endpoint: &EndpointName,
    rows: u64,
    before: Timestamp,
) -> Result<(), StoreError> {
    let object = format!("log:{endpoint}/{}", row::name_of(&kind)?);
    record(audited, &object, &format!("{rows} rows of a partition"), before)
}

fn record(audited: &AuditedTx, object: &str, gone: &str, before: Timestamp) -> Result<(), StoreError> {
    let after = format!("none before {before}");
    audited.record_change(&Change { before: Some(gone), after: Some(&after), ..Change::of(object) }).map(drop)
}

/// Partitions that expired and whose files may be there still; at most `limit`.
pub fn list_expired(
    reader: &Reader,
    kind: PartitionKind,
    endpoint: &EndpointName,
    limit: u32,
) -> Result<Vec<Partition>, StoreError> {
    let params = named_params! { ":kind": row::name_of(&kind)?, ":endpoint": endpoint.as_str(), ":limit": limit };
    reader.all(&EXPIRED, params, partition)
}

/// The time of the newest record in the partitions of an endpoint.
pub fn newest_record(reader: &Reader, endpoint: &EndpointName) -> Result<Option<Timestamp>, StoreError> {
    let newest = reader.one(&NEWEST_RECORD, named_params! { ":endpoint": endpoint.as_str() }, |row| row.get(0))?;
    Ok(newest.flatten().map(Timestamp))
}

/// Readings of windows that ended before `before`.
pub fn count_old_readings(reader: &Reader, endpoint: &EndpointName, before: Timestamp) -> Result<u64, StoreError> {
    let params = named_params! { ":endpoint": endpoint.as_str(), ":before": before.millis() };
    Ok(reader.one(&OLD_READINGS, params, |row| row.get(0))?.unwrap_or(0))
}

/// Deletes readings of windows that ended before `before`, a few thousand at most, and records how many; 0: none is left.
pub fn delete_readings(audited: &AuditedTx, endpoint: &EndpointName, before: Timestamp) -> Result<usize, StoreError> {
    let params = named_params! {
        ":endpoint": endpoint.as_str(), ":before": before.millis(), ":limit": READINGS_AT_ONCE,
    };
    let deleted = audited.tx().execute(&DELETE_READINGS, params)?;
    if deleted > 0 {
        record(audited, &format!("readings:{endpoint}"), &format!("{deleted} readings"), before)?;
    }
    Ok(deleted)
}

/// Records that garbage was collected, and how much.
pub fn record_collection(audited: &AuditedTx, collected: &str) -> Result<u64, StoreError> {
    audited.record_change(&Change { after: Some(collected), ..Change::of("garbage") })
}

/// Files, rows and bytes in the index of the prediction log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogSize {
    /// Partitions, also those that wait to be removed.
    pub files: u64,
    /// Their rows.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// How large the sealed part of a log is.
pub fn log_size(reader: &Reader, kind: PartitionKind, endpoint: &EndpointName) -> Result<LogSize, StoreError> {
    let params = named_params! { ":kind": row::name_of(&kind)?, ":endpoint": endpoint.as_str() };
    let size = reader.one(&LOG_SIZE, params, |row| {
        Ok(LogSize { files: row.get("files")?, rows: row.get("rows")?, bytes: row.get("bytes")? })
    })?;
    Ok(size.unwrap_or_default())
}
