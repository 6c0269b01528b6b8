//! The replica's side: what it recorded goes to the server, segment by segment, in the order of the log.
//!
//! Invariants: a segment is let go of only after the server has all its records on its disk; until then it is sent again, in the same
//! parts.

use kilter_domain::ids::EndpointName;
use kilter_serving::{
    SegmentId,
    prediction_log::{Entry, encode_records},
};

use crate::{
    prediction::predict,
    replication::{error::ReplicationError, replica::Replica},
};

/// Rows of one request at most, where a record has no more by itself.
const MAX_ROWS: usize = 5_000;

/// Records on their way to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The number of the first of them in the log of the replica.
    pub first: u64,
    /// The number of the last of them.
    pub last: u64,
    /// The records, as [`kilter_serving::prediction_log::decode_records`] reads them.
    pub bytes: Vec<u8>,
}

impl Replica {
    /// Endpoints with records that the server does not have yet, each with its segments, oldest first. What was recorded so far is
    /// sealed.
    ///
    /// # Errors
    /// When a log does not seal.
    pub fn undelivered(&self) -> Result<Vec<(EndpointName, Vec<SegmentId>)>, ReplicationError> {
        let mut found = Vec::new();
        for (endpoint, serving) in self.app.components().endpoints.list() {
            serving.log().rotate()?;
            let segments = serving.log().sealed();
            if !segments.is_empty() {
                found.push((endpoint, segments));
            }
        }
        Ok(found)
    }

    /// The records of a segment, in parts that the server takes.
    ///
    /// # Errors
    /// When the segment cannot be read.
    pub fn deliveries(&self, endpoint: &EndpointName, segment: SegmentId) -> Result<Vec<Delivery>, ReplicationError> {
        let Some(serving) = predict::serving(&self.app, endpoint) else { return Ok(Vec::new()) };
        let contents = serving.log().read(segment)?;
        for damage in &contents.damage {
            tracing::error!(%endpoint, %damage, "part of a segment cannot be read, and is not sent to the server");
        }
        parts(&contents.entries).into_iter().map(delivery).collect()
    }

    /// The server has all records of a segment.
    ///
    /// # Errors
    /// When its file cannot be removed.
    pub fn delivered(&self, endpoint: &EndpointName, segment: SegmentId) -> Result<(), ReplicationError> {
        let Some(serving) = predict::serving(&self.app, endpoint) else { return Ok(()) };
        if let Some(aside) = serving.log().drop_sealed(segment)? {
            tracing::error!(%endpoint, kept_aside = %aside.display(), "a damaged segment is kept aside");
        }
        Ok(())
    }
}

/// Entries in parts of [`MAX_ROWS`] rows; one that has more is a part of its own.
fn parts(entries: &[Entry]) -> Vec<&[Entry]> {
    let (mut parts, mut from, mut rows) = (Vec::new(), 0, 0);
    for (at, entry) in entries.iter().enumerate() {
        if at > from && rows + entry.record.rows() > MAX_ROWS {
            parts.push(&entries[from..at]);
            (from, rows) = (at, 0);
        }
        rows += entry.record.rows();
    }
    if from < entries.len() {
        parts.push(&entries[from..]);
    }
    parts
}

fn delivery(part: &[Entry]) -> Result<Delivery, ReplicationError> {
    let bytes = encode_records(part.iter().map(|entry| &entry.record))?;
    let sequence = |entry: Option<&Entry>| entry.map_or(0, |entry| entry.sequence);
    Ok(Delivery { first: sequence(part.first()), last: sequence(part.last()), bytes })
}

#[cfg(test)]
mod tests {
    use kilter_domain::{table::Column, time::Timestamp};
    use kilter_serving::{LabelBatch, Record};

    use super::*;

    #[test]
    fn parts_hold_all_entries_in_order_and_no_more_rows_than_they_may() {
        let entry = |(sequence, rows): (usize, &usize)| Entry {
            sequence: sequence as u64,
            record: Record::Labels(LabelBatch {
                recorded_at: Timestamp(0),
                ids: vec!["a".into(); *rows],
                values: Column::Text(vec![None; *rows]),
                known_at: vec![Timestamp(0); *rows],
            }),
        };
        let of = |rows: &[usize]| -> Vec<Vec<u64>> {
            let entries: Vec<Entry> = rows.iter().enumerate().map(entry).collect();
            let parts = parts(&entries);
            parts.iter().map(|part| part.iter().map(|entry| entry.sequence).collect()).collect()
        };
        assert_eq!(of(&[]), Vec::<Vec<u64>>::new());
        assert_eq!(of(&[1, MAX_ROWS - 1, 1, 2]), [vec![0, 1], vec![2, 3]]);
        assert_eq!(of(&[3 * MAX_ROWS, 1, MAX_ROWS]), [vec![0], vec![1], vec![2]]);
    }
}
