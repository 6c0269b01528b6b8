//! Labels that were corrected since the last evaluation.
//!
//! Invariants: a correction is a label of a prediction that had one before; labels that merely come late are none.

use std::{collections::HashMap, sync::Arc};

use kilter_domain::{
    ids::EndpointName,
    log_position::LogPosition,
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

/// Predictions whose label was given anew since the last evaluation, each with the places of its labels in the log.
pub(crate) type Corrections = HashMap<Arc<str>, LogPosition>;

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
    if let Some(mark) = mark.as_ref().filter(|mark| mark.rows == rows) {
        return Ok((Corrections::new(), mark.clone()));
    }
    let span = (span.start, Timestamp(span.end.millis().saturating_add(1)));
    let columns = [column::ID, column::SEQUENCE];
    let table = partition_index::read_log_columns(app, LogKind::Labels, endpoint, span, &columns)?;
    let labels = texts(&table, column::ID).into_iter().zip(numbers(&table, column::SEQUENCE));
    let labels = labels.filter_map(|(id, sequence)| Some((id?, sequence)));
    let (corrections, position) = corrected(labels.collect(), mark.map(|mark| mark.position).unwrap_or_default());
    Ok((corrections, LabelMark { rows, position }))
}

/// The ids that have several labels of which one was not read up to `before`, and up to which label was read now.
fn corrected(labels: Vec<(Arc<str>, i64)>, before: LogPosition) -> (Corrections, LogPosition) {
    let mut times: HashMap<&str, u32> = HashMap::new();
    for (id, _) in &labels {
        *times.entry(id).or_default() += 1;
    }
    let (mut corrections, mut position) = (Corrections::new(), before.clone());
    for (id, sequence) in &labels {
        position.add(*sequence);
        if times[&**id] > 1 {
            corrections.entry(id.clone()).or_default().add(*sequence);
        }
    }
    corrections.retain(|_, labels| !before.covers_all(labels));
    (corrections, position)
}

#[cfg(test)]
mod tests {
    use kilter_domain::replica::ReplicaId;

    use super::*;

    #[test]
    fn a_label_that_comes_late_is_no_correction() {
        let label = |id: &str, sequence: i64| (Arc::from(id), sequence);
        let labels = [label("a", 1), label("b", 2), label("a", 3), label("c", 4), label("b", 5)];
        let up_to = |sequences: &[i64]| sequences.iter().copied().collect::<LogPosition>();
        let (all, read) = corrected(labels.to_vec(), LogPosition::default());
        assert_eq!((all.get("a"), all.get("b"), all.get("c")), (Some(&up_to(&[3])), Some(&up_to(&[5])), None));
        assert_eq!(read, up_to(&[5]));
        let (since, _) = corrected(labels.to_vec(), up_to(&[3]));
        assert_eq!((since.len(), since.get("b")), (1, Some(&up_to(&[5]))));
        assert_eq!(corrected(vec![], up_to(&[7])), (Corrections::new(), up_to(&[7])));
        // Another replica sealed its correction later, under a lower number than what was read.
        let two = ReplicaId::new(2).unwrap().sequences().start;
        let (late, _) = corrected(vec![label("a", two + 9), label("a", 1)], up_to(&[two + 9]));
        assert_eq!(late.len(), 1);
    }
}
