//! Labels that were corrected since the last evaluation.
//!
//! Invariants: a correction is a label of a prediction that had one before; labels that merely come late are none.

use std::{
    collections::{HashMap, HashSet},
    ops::ControlFlow,
    sync::Arc,
};

use kilter_domain::{
    ids::EndpointName,
    log_position::LogPosition,
    time::{Interval, Timestamp},
};
use kilter_lake::{LakeError, LogKind};
use kilter_serving::prediction_log::column;
use kilter_stats::hash::{fnv1a, mixed};

use crate::{
    app::App,
    components::label_marks::LabelMark,
    monitor::error::MonitorError,
    prediction::{
        log_place::{numbers, texts},
        log_scan, partition_index,
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
    let (before, max_ids) = (mark.map(|mark| mark.position).unwrap_or_default(), app.components().window_bound.ids());
    let found = log_scan::with_log(app, LogKind::Labels, endpoint, span, |log| {
        let columns = [column::ID, column::SEQUENCE];
        let scan = |take: &mut dyn FnMut(&Arc<str>, i64)| {
            log.scan(Some(&columns), &mut |_, batch| {
                for (id, sequence) in texts(&batch, column::ID).iter().zip(numbers(&batch, column::SEQUENCE)) {
                    id.iter().for_each(|id| take(id, sequence));
                }
                ControlFlow::Continue(())
            })
        };
        corrected(log.max_rows().div_ceil(max_ids.max(1) as u64).max(1), &scan, &before)
    });
    let (corrections, position) = found?;
    Ok((corrections, LabelMark { rows, position }))
}

/// Hands over each label's id and its place in the log.
type ScanLabels<'s> = dyn Fn(&mut dyn FnMut(&Arc<str>, i64)) -> Result<(), LakeError> + 's;

/// The ids that have several labels of which one was not read up to `before`, and up to which label was read now. Ids are looked for
/// in so many buckets, one after the other: what is held is the ids of one bucket, as hashes, and those that were corrected.
fn corrected(
    buckets: u64,
    scan: &ScanLabels<'_>,
    before: &LogPosition,
) -> Result<(Corrections, LogPosition), LakeError> {
    let (mut corrections, mut position) = (Corrections::new(), before.clone());
    for bucket in 0..buckets {
        let (mut once, mut again) = (HashSet::new(), HashSet::new());
        scan(&mut |id, sequence| {
            position.add(sequence);
            let hash = fnv1a(id.bytes());
            if mixed(hash) % buckets == bucket && !once.insert(hash) {
                again.insert(hash);
            }
        })?;
        if again.is_empty() {
            continue;
        }
        drop(once);
        scan(&mut |id, sequence| {
            if again.contains(&fnv1a(id.bytes())) {
                corrections.entry(id.clone()).or_default().add(sequence);
            }
        })?;
        corrections.retain(|_, labels| !before.covers_all(labels));
    }
    Ok((corrections, position))
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
        let corrected = |labels: &[(Arc<str>, i64)], before: &LogPosition| {
            let of = |buckets: u64| {
                let scan = |take: &mut dyn FnMut(&Arc<str>, i64)| {
                    labels.iter().for_each(|(id, sequence)| take(id, *sequence));
                    Ok(())
                };
                corrected(buckets, &scan, before).unwrap()
            };
            assert_eq!(of(1), of(3), "whatever passes it takes");
            of(1)
        };
        let (all, read) = corrected(&labels, &LogPosition::default());
        assert_eq!((all.get("a"), all.get("b"), all.get("c")), (Some(&up_to(&[3])), Some(&up_to(&[5])), None));
        assert_eq!(read, up_to(&[5]));
        let (since, _) = corrected(&labels, &up_to(&[3]));
        assert_eq!((since.len(), since.get("b")), (1, Some(&up_to(&[5]))));
        assert_eq!(corrected(&[], &up_to(&[7])), (Corrections::new(), up_to(&[7])));
        // Another replica sealed its correction later, under a lower number than what was read.
        let two = ReplicaId::new(2).unwrap().sequences().start;
        let (late, _) = corrected(&[label("a", two + 9), label("a", 1)], &up_to(&[two + 9]));
        assert_eq!(late.len(), 1);
    }
}
