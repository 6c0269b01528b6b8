//! Labels that were corrected since the last evaluation.
//!
//! Invariants: a correction is a label of a prediction that had one before; labels that merely come late are none.

use std::{collections::HashMap, sync::Arc};

use kilter_domain::{
    ids::EndpointName,
    time::{Interval, Timestamp},
};
use kilter_lake::LogKind;
use kilter_serving::prediction_log::column;

use crate::{
    app::App,
    components::label_marks::LabelMark,
    monitor::error::MonitorError,
    prediction::{
        logged::{numbers, texts},
        partition_index,
    },
};

/// Predictions whose label was given anew since the last evaluation, each with the place of its newest label in the log.
pub(crate) type Corrections = HashMap<Arc<str>, i64>;

/// The corrections among labels that became known within `span` (its end included) and came since the last mark, and the
/// mark after them. Where no label came, nothing is read.
pub(super) fn find_corrections(
    app: &App,
    endpoint: &EndpointName,
    span: Interval,
) -> Result<(Corrections, LabelMark), MonitorError> {
    let mark = app.components().label_marks.find(endpoint);
    let always = (Timestamp(i64::MIN), Timestamp(i64::MAX));
    let partitions = partition_index::partitions(app, LogKind::Labels, endpoint, always)?;
    let rows = partitions.iter().map(|partition| partition.rows).sum();
    if let Some(mark) = mark.filter(|mark| mark.rows == rows) {
        return Ok((Corrections::new(), mark));
    }
    let span = (span.start, Timestamp(span.end.millis().saturating_add(1)));
    let columns = [column::ID, column::SEQUENCE];
    let table = partition_index::read_log_columns(app, LogKind::Labels, endpoint, span, &columns)?;
    let labels = texts(&table, column::ID).into_iter().zip(numbers(&table, column::SEQUENCE));
    let labels = labels.filter_map(|(id, sequence)| Some((id?, sequence)));
    let (corrections, newest) = corrected(labels, mark.map_or(i64::MIN, |mark| mark.sequence));
    Ok((corrections, LabelMark { rows, sequence: newest }))
}

/// The ids that have several labels of which the newest stands behind `after`, and the place of the newest label.
fn corrected(labels: impl Iterator<Item = (Arc<str>, i64)>, after: i64) -> (Corrections, i64) {
    let mut newest = after;
    let mut seen: HashMap<Arc<str>, (u32, i64)> = HashMap::new();
    for (id, sequence) in labels {
        newest = newest.max(sequence);
        let (times, last) = seen.entry(id).or_insert((0, sequence));
        *times += 1;
        *last = sequence.max(*last);
    }
    let corrections = seen.into_iter().filter(|(_, (times, last))| *times > 1 && *last > after);
    (corrections.map(|(id, (_, last))| (id, last)).collect(), newest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_that_comes_late_is_no_correction() {
        let label = |id: &str, sequence: i64| (Arc::from(id), sequence);
        let labels = [label("a", 1), label("b", 2), label("a", 3), label("c", 4), label("b", 5)];
        let (all, newest) = corrected(labels.iter().cloned(), i64::MIN);
        assert_eq!((all.get("a"), all.get("b"), all.get("c"), newest), (Some(&3), Some(&5), None, 5));
        let (since, _) = corrected(labels.iter().cloned(), 3);
        assert_eq!((since.len(), since.get("b")), (1, Some(&5)));
        assert_eq!(corrected(std::iter::empty(), 7), (Corrections::new(), 7));
    }
}
