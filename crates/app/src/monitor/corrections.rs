//! When a window is judged again: more of its labels are known, or some were corrected or taken back.
//!
//! Invariants: a correction is a label of a prediction that had one before; labels that merely come late are none. What
//! every label of a window was when it was judged, its reading says by the place of the newest in the log.

use std::{collections::HashMap, rc::Rc, sync::Arc};

use kilter_domain::{alert::MonitorKind, ids::EndpointName, time::Timestamp};
use kilter_lake::LogKind;
use kilter_serving::prediction_log::column;
use kilter_store::{monitor as readings, monitor::Reading};

use crate::{
    app::App,
    components::label_marks::LabelMark,
    error::AppError,
    monitor::{evaluate::Scene, readings::COVERAGE, window::Window},
    prediction::{
        logged::{LoggedPredictions, numbers, texts},
        partition_index,
    },
};

/// Predictions whose label was given anew since the last look, each with the place of its newest label in the log.
pub(crate) type Corrections = HashMap<Arc<str>, i64>;

impl App {
    /// The corrections among labels that became known from `from` to `now` and came since `mark`, and the mark after them.
    /// Where no label came, nothing is read.
    pub(super) fn corrections(
        &self,
        endpoint: &EndpointName,
        (from, now): (Timestamp, Timestamp),
    ) -> Result<(Corrections, LabelMark), AppError> {
        let mark = self.components().label_marks.find(endpoint);
        let always = (Timestamp(i64::MIN), Timestamp(i64::MAX));
        let rows = partition_index::partitions(self, LogKind::Labels, endpoint, always)?
            .iter()
            .map(|partition| partition.rows)
            .sum();
        if let Some(mark) = mark.filter(|mark| mark.rows == rows) {
            return Ok((Corrections::new(), mark));
        }
        let span = (from, Timestamp(now.millis().saturating_add(1)));
        let table =
            partition_index::read_log_columns(self, LogKind::Labels, endpoint, span, &[column::ID, column::SEQUENCE])?;
        let labels = texts(&table, column::ID).into_iter().zip(numbers(&table, column::SEQUENCE));
        let labels = labels.filter_map(|(id, sequence)| Some((id?, sequence)));
        let (corrections, newest) = corrected(labels, mark.map_or(i64::MIN, |mark| mark.sequence));
        Ok((corrections, LabelMark { rows, sequence: newest }))
    }
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

impl Scene<'_> {
    /// The rows of a window, if more of their labels are known than when it was last judged, or some were corrected.
    pub(super) fn worth_judging(&self, window: Window) -> Result<Option<Rc<LoggedPredictions>>, AppError> {
        let known = self.known_coverage(window)?;
        if let Some(known) = known.filter(|known| known.share >= 1.0)
            && !self.is_corrected(window, known.through)?
        {
            return Ok(None);
        }
        let rows = self.rows(window, None)?;
        let is_worth = known.is_none_or(|known| {
            is_worth_a_look(known.labelled, &rows) || self.has_corrected(rows.ids.iter(), known.through)
        });
        Ok(Some(rows).filter(|rows| is_worth && !rows.is_empty()))
    }

    /// On how many labels a window was last judged.
    fn known_coverage(&self, window: Window) -> Result<Option<Coverage>, AppError> {
        let history = self.app.store().read(|reader| {
            let kind = Some(MonitorKind::Performance);
            readings::history(reader, self.endpoint, kind, COVERAGE, (window.start, window.end), 1000)
        })?;
        let of_this = history.into_iter().filter(|reading| {
            reading.window_start == window.start
                && reading.version.as_ref().is_some_and(|(_, number)| self.family.contains(number))
        });
        let coverage = |reading: Reading| Coverage {
            labelled: reading.count,
            share: reading.value.unwrap_or(0.0),
            through: reading.detail["labels_through"].as_i64().unwrap_or(i64::MIN),
        };
        Ok(of_this.map(coverage).next_back())
    }

    /// Whether a label of a window that was judged on labels up to the place `through` was corrected since.
    pub(super) fn is_corrected(&self, window: Window, through: i64) -> Result<bool, AppError> {
        if self.corrections.is_empty() {
            return Ok(false);
        }
        let span = (window.start, window.end);
        let table =
            partition_index::read_log_columns(self.app, LogKind::Predictions, self.endpoint, span, &[column::ID])?;
        Ok(self.has_corrected(texts(&table, column::ID).iter().flatten(), through))
    }

    /// The same of rows that are read already.
    pub(super) fn has_corrected<'i>(&self, mut ids: impl Iterator<Item = &'i Arc<str>>, through: i64) -> bool {
        !self.corrections.is_empty() && ids.any(|id| self.corrections.get(id).is_some_and(|newest| *newest > through))
    }
}

/// The labels that a judgement of performance rested on.
#[derive(Clone, Copy)]
struct Coverage {
    labelled: u64,
    share: f64,
    /// The place of the newest of them in the log.
    through: i64,
}

/// Whether enough labels came since a window was judged on `judged` of them: each look may err, so they are few.
fn is_worth_a_look(judged: u64, rows: &LoggedPredictions) -> bool {
    let (known, all) = (rows.labelled() as u64, rows.len() as u64);
    known != judged && (known == all || known < judged || 4 * known >= 5 * judged)
}

/// The place of the newest label of some rows.
pub(super) fn labels_through(rows: &LoggedPredictions) -> Option<i64> {
    rows.label_sequences.iter().flatten().copied().max()
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
