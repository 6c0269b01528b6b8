//! From the prediction log to the lake: sealed segments become Parquet partitions, then the segment goes.
//!
//! Invariants: partition numbers follow from segment numbers, and those are never used twice; a segment is dropped only
//! when all its rows stand in partitions that the store knows. Whoever crashes in between repeats: what is compared then
//! are the rows, so that another version of this program, which writes other bytes, may go on.

use std::{collections::HashSet, sync::Arc};

use kilter_domain::{
    ids::EndpointName,
    replica::ReplicaId,
    table::{Column, Table},
    time::Timestamp,
};
use kilter_lake::{LogKind, StagedPartition, TIME_COLUMN};
use kilter_serving::{
    SegmentId,
    prediction_log::{PredictionLog, SegmentTables, column},
};
use kilter_store::{
    prediction as index,
    prediction::{Partition, Recording, add_partition},
};

use crate::{
    app::App,
    causes::StorageError,
    prediction::{
        log_copies,
        partition_index::{self, NUMBERS_OF_SEGMENT, kind_of, known},
        predict,
    },
};

/// As [`compact_log`], and notes that everything of before `now` is sealed.
///
/// # Errors
/// Those of [`compact_log`].
pub(crate) fn compact_log_until(app: &App, endpoint: &EndpointName, now: Timestamp) -> Result<(), StorageError> {
    let Some(serving) = predict::serving(app, endpoint) else { return Ok(()) };
    let appended = serving.log().counts().appended;
    compact_log(app, endpoint)?;
    serving.set_sealed(now, appended);
    Ok(())
}

/// Seals what was recorded so far at an endpoint and moves every sealed segment into the lake.
///
/// # Errors
/// When a segment cannot be sealed, read or written as a partition; it stays and is tried again by the next call.
pub fn compact_log(app: &App, endpoint: &EndpointName) -> Result<(), StorageError> {
    let Some(serving) = predict::serving(app, endpoint) else { return Ok(()) };
    let _sealing = serving.lock_sealing();
    serving.log().rotate()?;
    for segment in serving.log().sealed() {
        compact_segment(app, endpoint, serving.log(), segment)?;
    }
    Ok(())
}

fn compact_segment(
    app: &App,
    endpoint: &EndpointName,
    log: &PredictionLog,
    segment: SegmentId,
) -> Result<(), StorageError> {
    hand_over(app, endpoint, log.read_tables(segment)?, segment)?;
    log_copies::delete_copies(app, endpoint, segment)?;
    log.drop_sealed(segment)?;
    Ok(())
}

/// Writes the records of a segment as partitions, and notes that its log is sealed through `through`; those that stand in a
/// partition already are left out.
pub(super) fn hand_over(
    app: &App,
    endpoint: &EndpointName,
    tables: SegmentTables,
    through: SegmentId,
) -> Result<(), StorageError> {
    let segment = tables.segment;
    for damage in &tables.damage {
        tracing::error!(%endpoint, %damage, "part of a segment of the prediction log cannot be read");
    }
    let predictions = tables.predictions.into_iter().map(|table| (LogKind::Predictions, column::TIME, table));
    let labels = tables.labels.into_iter().map(|table| (LogKind::Labels, column::KNOWN_AT, table));
    let mut staged = Vec::new();
    for (kind, time, table) in predictions.chain(labels) {
        let table = ordered_by(table, time)?;
        staged
            .extend(stage_partition(app, endpoint, kind, segment, staged.len() as u64, table)?.map(|new| (kind, new)));
    }
    let new: Vec<Partition> = staged.iter().map(|(kind, new)| indexed(endpoint, *kind, new)).collect();
    let sealed = Recording {
        endpoint: endpoint.clone(),
        replica: ReplicaId::of_segment(segment.0),
        sealed_through: i64::try_from(through.0).unwrap_or(i64::MAX),
        next_sequence: i64::try_from(tables.next_sequence.max(1)).unwrap_or(i64::MAX),
    };
    app.store().write(move |tx| {
        new.iter().try_for_each(|partition| add_partition(tx, partition).map(drop))?;
        index::record_sealed(tx, &sealed)
    })?;
    Ok(staged.iter().try_for_each(|(_, new)| app.lake().publish(new))?)
}

/// Writes the rows of a table that stand in no partition of the segment yet, under the segment's next free number.
fn stage_partition(
    app: &App,
    endpoint: &EndpointName,
    kind: LogKind,
    segment: SegmentId,
    staged: u64,
    table: Table,
) -> Result<Option<StagedPartition>, StorageError> {
    let first = segment.0.saturating_mul(NUMBERS_OF_SEGMENT);
    let numbers = (number(first), number(first + NUMBERS_OF_SEGMENT - 1));
    let present = app.store().read(|reader| index::list_numbered(reader, kind_of(kind), endpoint, numbers))?;
    let table = without(app, endpoint, kind, &present, table)?;
    if table.rows() == 0 {
        return Ok(None);
    }
    let next = present.last().map_or(first, |last| known(last).seq + 1) + staged;
    let next = free_number(app, kind, endpoint, next)?;
    Ok(Some(app.lake().stage(kind, endpoint, next, &table)?))
}

/// The first number from `from` on that the index does not know.
pub(super) fn free_number(app: &App, kind: LogKind, endpoint: &EndpointName, from: u64) -> Result<u64, StorageError> {
    let mut seq = from;
    while app.store().read(|reader| index::find_partition(reader, kind_of(kind), endpoint, number(seq)))?.is_some() {
        seq += 1;
    }
    Ok(seq)
}

/// The rows of a table that no partition of its segment holds.
fn without(
    app: &App,
    endpoint: &EndpointName,
    kind: LogKind,
    present: &[Partition],
    table: Table,
) -> Result<Table, StorageError> {
    if present.is_empty() {
        return Ok(table);
    }
    // Whoever indexed them may have been ended before they had their names.
    app.lake().recover(kind, endpoint, &|seq| partition_index::indexed(app, kind, endpoint, seq))?;
    let mut held: HashSet<RowKey> = HashSet::new();
    for partition in present {
        held.extend(row_keys(&app.lake().read_partitions(kind, endpoint, &[known(partition)])?));
    }
    let rows: Vec<usize> =
        row_keys(&table).enumerate().filter(|(_, key)| !held.contains(key)).map(|(row, _)| row).collect();
    Ok(if rows.len() == table.rows() { table } else { table.take(&rows) })
}

/// A partition for the index.
pub(crate) fn indexed(endpoint: &EndpointName, kind: LogKind, staged: &StagedPartition) -> Partition {
    let written = &staged.partition;
    Partition {
        kind: kind_of(kind),
        endpoint: endpoint.clone(),
        seq: number(written.seq),
        path: format!("{kind}/{endpoint}/{:012}.parquet", written.seq),
        rows: written.rows,
        bytes: written.bytes,
        digest: staged.digest,
        min_time: written.min_time,
        max_time: written.max_time,
    }
}

fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// What tells a row of the log from every other: its place in the order, when it was recorded, its id, and its role.
type RowKey = (Option<i64>, Option<i64>, Option<Arc<str>>, Option<Arc<str>>);

fn row_keys(table: &Table) -> impl Iterator<Item = RowKey> {
    let whole = |name: &str, row: usize| match table.get(name) {
        Some(Column::Int(values) | Column::Time(values)) => values[row],
        _ => None,
    };
    let text = |name: &str, row: usize| table.get(name).and_then(|column| column.label(row));
    (0..table.rows()).map(move |row| {
        (whole(column::SEQUENCE, row), whole(column::RECORDED_AT, row), text(column::ID, row), text(column::ROLE, row))
    })
}

/// The table with the column that the lake orders by. A segment is large: its columns are moved.
fn ordered_by(table: Table, time: &str) -> Result<Table, StorageError> {
    let (names, columns) = table.into_parts();
    let mut ordered = Table::default();
    for (name, column) in names.as_slice().iter().zip(columns) {
        let name = if name == time { TIME_COLUMN } else { name };
        ordered.push(name, as_time(name, column))?;
    }
    Ok(ordered)
}

fn as_time(name: &str, column: Column) -> Column {
    match column {
        Column::Int(values) if name == TIME_COLUMN => Column::Time(values),
        other => other,
    }
}
