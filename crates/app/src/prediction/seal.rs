//! From the prediction log to the lake: sealed segments become Parquet partitions, then the segment goes.
//!
//! Holds true: partition numbers follow from segment numbers, so whoever crashes in between repeats the same; a
//! segment is dropped only when all its rows stand in partitions that the store knows.

use kilter_domain::{
    ids::EndpointName,
    table::{Column, Table},
};
use kilter_lake::{LogKind, TIME_COLUMN};
use kilter_serving::{
    SegmentId,
    log::{PredictionLog, column},
};
use kilter_store::prediction::{Partition, PartitionKind, add_partition};

use crate::{App, error::AppError};

/// Tables that one segment may become, of each kind.
const TABLES_OF_SEGMENT: u64 = 1_000;

impl App {
    /// Seals what was recorded so far at an endpoint and moves every sealed segment into the lake.
    pub fn seal(&self, endpoint: &EndpointName) -> Result<(), AppError> {
        let Some(serving) = self.serving(endpoint) else { return Ok(()) };
        serving.log().rotate()?;
        for segment in serving.log().sealed() {
            self.settle(endpoint, serving.log(), segment)?;
        }
        Ok(())
    }

    fn settle(&self, endpoint: &EndpointName, log: &PredictionLog, segment: SegmentId) -> Result<(), AppError> {
        let tables = log.read_tables(segment)?;
        for damage in &tables.damage {
            tracing::error!(%endpoint, %damage, "part of a segment of the prediction log cannot be read");
        }
        for (at, prediction) in tables.predictions.iter().enumerate() {
            let table = ordered_by(&prediction.table, column::TIME)?;
            self.append(endpoint, LogKind::Predictions, number(segment, at), &table)?;
        }
        for (at, labels) in tables.labels.iter().enumerate() {
            self.append(endpoint, LogKind::Labels, number(segment, at), &ordered_by(labels, column::KNOWN_AT)?)?;
        }
        log.drop_sealed(segment)?;
        Ok(())
    }

    fn append(&self, endpoint: &EndpointName, kind: LogKind, seq: u64, table: &Table) -> Result<(), AppError> {
        if table.rows() == 0 {
            return Ok(());
        }
        let (written, digest) = self.lake().append(kind, endpoint, seq, table)?;
        let partition = Partition {
            kind: match kind {
                LogKind::Predictions => PartitionKind::Predictions,
                LogKind::Labels => PartitionKind::Labels,
            },
            endpoint: endpoint.clone(),
            seq: i64::try_from(written.seq).unwrap_or(i64::MAX),
            path: written.path.display().to_string(),
            rows: written.rows,
            bytes: written.bytes,
            digest,
            min_time: written.min_time,
            max_time: written.max_time,
        };
        self.store().write(move |tx| add_partition(tx, &partition).map(|_| ()))?;
        Ok(())
    }
}

fn number(segment: SegmentId, at: usize) -> u64 {
    segment.0 * TABLES_OF_SEGMENT + (at as u64).min(TABLES_OF_SEGMENT - 1)
}

/// The table with the column that the lake orders by.
fn ordered_by(table: &Table, time: &str) -> Result<Table, AppError> {
    let mut ordered = Table::default();
    for (name, column) in table.columns() {
        let name = if name == time { TIME_COLUMN } else { name };
        ordered.push(name, as_time(name, column.clone()))?;
    }
    Ok(ordered)
}

fn as_time(name: &str, column: Column) -> Column {
    match column {
        Column::Int(values) if name == TIME_COLUMN => Column::Time(values),
        other => other,
    }
}
