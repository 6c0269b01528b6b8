//! Rows of production whose labels are complete: the ones that a threshold is chosen and judged on.

use kilter_domain::time::Timestamp;
use kilter_evaluation::labelled_predictions::LabelledPredictions;

use crate::prediction::logged::LoggedPredictions;

/// Without a stated delay, windows count whose labels are known to this share.
pub(crate) const MATURE: f64 = 0.9;

/// Rows of production with complete labels, as the live model scores them.
pub(crate) struct CompleteLabels {
    pub answered: LoggedPredictions,
    pub outcomes: LabelledPredictions,
}

/// The end of the newest window of `every` milliseconds from which back labels are complete; `None` where none is.
pub(crate) fn mature_until(answered: &LoggedPredictions, every: i64) -> Option<Timestamp> {
    let every = every.max(1);
    let mut windows: std::collections::BTreeMap<i64, (usize, usize)> = Default::default();
    for (event, label) in answered.events.iter().zip(&answered.labels) {
        let (rows, labelled) = windows.entry(event.millis().div_euclid(every)).or_default();
        *rows += 1;
        *labelled += usize::from(label.is_some());
    }
    let is_mature = |&(_, &(rows, labelled)): &(&i64, &(usize, usize))| labelled as f64 >= MATURE * rows as f64;
    let newest = windows.iter().rev().find(is_mature)?.0;
    Some(Timestamp((newest + 1).saturating_mul(every)))
}
