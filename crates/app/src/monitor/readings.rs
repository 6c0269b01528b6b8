//! What a look leaves behind: readings of rules, of rows and labels, and of the evidence.
//!
//! Invariants: the readings of a window and the evidence after it are written together, or neither is.

use kilter_domain::{
    alert::MonitorKind,
    rule::{Measurement, RuleOutcome},
};
use kilter_stats::{compare::Level, drift::Measure};
use kilter_store::monitor::{self as readings, Reading, RuleStatus, evidence as kept};
use serde_json::json;

use crate::monitor::{
    alert::lifecycle::{Basis, Subject},
    corrections::labels_through,
    evaluate::Scene,
    window::Window,
};
use crate::{causes::StorageError, error::AppError, gate::judge::subject, prediction::logged::LoggedPredictions};

/// The reading that every window gets when it is first looked at.
pub(super) const ROWS: &str = "rows";
/// The reading of the evidence that something changed.
const EVIDENCE: &str = "evidence";
/// The reading of how many labels a judgement of performance rests on.
pub(super) const COVERAGE: &str = "labelled";

/// The level of a drift reading, in the words of `kilter drift`: that of its effect, where the evidence supports one.
pub fn level_of_drift(reading: &Reading) -> Option<Level> {
    let (function, _) = reading.metric.split_once('(').filter(|_| reading.monitor == MonitorKind::Drift)?;
    let measure = Measure::named(function).ok()?;
    Some(match reading.value {
        None => Level::TooFew,
        // Chance is not excluded yet.
        Some(value) if value > 0.0 && reading.low == Some(0.0) => Level::Calm,
        Some(value) => Level::of_effect(measure, value),
    })
}

impl Scene<'_> {
    pub(super) fn reading(
        &self,
        subject_of: Subject,
        window: Window,
        rows: usize,
        (outcome, is_default): (&RuleOutcome, bool),
    ) -> Reading {
        let measured = outcome.measured.as_ref();
        let mut detail = serde_json::to_value(outcome).unwrap_or_else(|_| json!({}));
        if is_default {
            detail["default"] = json!(true);
        }
        Reading {
            value: measured.map(|measured| measured.value),
            low: measured.and_then(|measured| Some(measured.interval?.0)),
            high: measured.and_then(|measured| Some(measured.interval?.1)),
            count: measured.map_or(rows as u64, |measured| measured.count),
            verdict: Some(match measured {
                Some(_) => RuleStatus::from(&outcome.verdict),
                None => RuleStatus::Undecided,
            }),
            estimated: subject_of.basis == Basis::Estimated,
            detail,
            ..self.unmeasured(subject_of.kind, &subject(&outcome.rule), window)
        }
    }

    /// A reading of the live version that has nothing measured yet.
    fn unmeasured(&self, monitor: MonitorKind, metric: &str, window: Window) -> Reading {
        let version = Some((self.live.model.clone(), self.live.number));
        let reading = Reading::unmeasured(self.endpoint, monitor, metric, window.start..window.end, self.context.at);
        Reading { version, ..reading }
    }

    /// How many rows a window has: the mark that it was looked at.
    pub(super) fn seen(&self, window: Window, rows: &LoggedPredictions) -> Reading {
        self.counted(MonitorKind::Usage, ROWS, window, rows, rows.len() as f64, rows.len() as u64)
    }

    /// How many labels the judgement of a window rests on.
    pub(super) fn judged_coverage(&self, window: Window, rows: &LoggedPredictions) -> Reading {
        let share = rows.labelled() as f64 / rows.len().max(1) as f64;
        let reading = self.counted(MonitorKind::Performance, COVERAGE, window, rows, share, rows.labelled() as u64);
        let through = labels_through(rows);
        Reading {
            detail: json!({ "rows": rows.len(), "labelled": rows.labelled(), "labels_through": through }),
            ..reading
        }
    }

    /// An estimate that no rule bounds.
    pub(super) fn estimated(
        &self,
        name: &str,
        window: Window,
        rows: &LoggedPredictions,
        estimate: &Measurement,
    ) -> Reading {
        let metric = format!("estimated({name})");
        let reading = self.counted(MonitorKind::Performance, &metric, window, rows, estimate.value, estimate.count);
        let (low, high) = estimate.interval.unzip();
        Reading { low, high, estimated: true, ..reading }
    }

    pub(super) fn counted(
        &self,
        monitor: MonitorKind,
        metric: &str,
        window: Window,
        rows: &LoggedPredictions,
        value: f64,
        count: u64,
    ) -> Reading {
        Reading {
            value: Some(value),
            count,
            detail: json!({ "rows": rows.len(), "labelled": rows.labelled() }),
            ..self.unmeasured(monitor, metric, window)
        }
    }

    /// Readings and evidence of a window stand together, or neither does.
    pub(super) fn record(&self, window: Window, made: Vec<Reading>) -> Result<(), AppError> {
        let document = serde_json::to_value(&self.evidence)
            .map_err(|source| StorageError::Document { what: "evidence", source })?;
        let (endpoint, model, number) = (self.endpoint.clone(), self.live.model.clone(), self.live.number);
        let kept = kept::Evidence { endpoint, model, number, through: window.end, document };
        Ok(self.app.store().write(move |tx| {
            readings::record(tx, &made)?;
            kept::put(tx, &kept)
        })?)
    }

    pub(super) fn record_readings(&self, made: Vec<Reading>) -> Result<(), AppError> {
        Ok(self.app.store().write(move |tx| readings::record(tx, &made))?)
    }

    /// The evidence after a window, as a reading.
    pub(super) fn believed(&self, window: Window, rows: &LoggedPredictions) -> Reading {
        let value = self.evidence.detector();
        let reading = self.counted(MonitorKind::Drift, EVIDENCE, window, rows, value, rows.len() as u64);
        Reading { detail: self.evidence.summary(self.budget), ..reading }
    }
}
