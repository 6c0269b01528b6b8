//! Performance that is estimated from calibrated scores, before labels are in.
//!
//! Invariants: an estimate is never called measured; where no rule bounds it, its reading has neither bound nor verdict.

use std::collections::BTreeMap;

use kilter_domain::{
    alert::{AlertTopic, MonitorKind},
    rule::Measurement,
};
use kilter_evaluation::{labelled_predictions::headline, measurement};
use kilter_inference::Task;
use kilter_stats::performance_estimation::Expected;
use kilter_store::monitor::Reading;

use crate::{
    monitor::error::MonitorError,
    monitor::{version_context::VersionContext, window_data::WindowData},
    prediction::logged::LoggedPredictions,
};

/// Draws behind the interval of an estimate.
const MAX_DRAWS: usize = 200;
/// Of a large window fewer: fifty draws find its standard deviation, which is small, to a tenth of itself.
const MIN_DRAWS: usize = 50;
/// Rows that are drawn for one estimate, about.
const MAX_DRAWN_ROWS: usize = 20_000_000;

impl VersionContext<'_> {
    /// Judges the rules about estimates on a window; without one the estimate of the headline metric is read alone.
    pub(super) fn judge_estimates(&mut self, data: &WindowData) -> Result<Vec<Reading>, MonitorError> {
        let rules = self.rules(MonitorKind::Performance, true);
        if !rules.is_empty() {
            return self.judge(&AlertTopic::EstimatedPerformance, &rules, data);
        }
        let answered = data.rows();
        if answered.row_count() < self.at.monitor.min_rows {
            return Ok(vec![]);
        }
        let name = headline(self.package.manifest.signature.task);
        let estimate = self.estimates(&answered.rows).remove(name);
        Ok(estimate
            .map(|estimate| self.estimate_reading(name, data.window, &answered, &estimate))
            .into_iter()
            .collect())
    }

    /// The metrics of a binary version as its calibrated scores expect them.
    pub(super) fn estimates(&self, answered: &LoggedPredictions) -> BTreeMap<String, Measurement> {
        let mut found = BTreeMap::new();
        let (Some(calibration), Task::Binary) =
            (&self.package.reference.calibration, self.package.manifest.signature.task)
        else {
            return found;
        };
        let threshold = self.package.manifest.threshold;
        let scores: Vec<f64> = answered.scores.iter().copied().filter(|score| score.is_finite()).collect();
        let decisions: Vec<bool> = scores.iter().map(|score| *score >= threshold).collect();
        let Ok(expected) = Expected::new(&scores, &decisions, calibration) else { return found };
        let draws = (MAX_DRAWN_ROWS / scores.len().max(1)).clamp(MIN_DRAWS, MAX_DRAWS);
        for name in ["auc", "accuracy", "f1", "precision", "recall"] {
            if let Ok(estimate) = expected.estimate(name, calibration, 0.95, draws, 0) {
                found.insert(name.to_owned(), Measurement { estimated: true, ..measurement(&estimate) });
            }
        }
        found
    }
}
