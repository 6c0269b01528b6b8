//! What an evaluation leaves behind: readings of rules, of rows and labels, and of the evidence.
//!
//! Invariants: the readings of a window and the evidence after it are written together, or neither is.

use kilter_domain::{
    alert::{AlertTopic, MonitorKind},
    ids::VersionId,
    reading::ReadingDetail,
    rule::{Arg, Function, Measurement, MetricId, Quantity, RuleOutcome},
    time::Interval,
};
use kilter_stats::{compare::Level, drift::Measure};
use kilter_store::{
    monitor as readings,
    monitor::{Reading, RuleStatus, evidence as kept},
};

use crate::{
    causes::StorageError,
    monitor::error::MonitorError,
    monitor::{labelled_window::labels_through, rows_read::RowsRead, version_context::VersionContext},
    prediction::window_sample::WindowSample,
};

/// The level of a drift reading, in the words of `kilter drift`: that of its effect, where the evidence supports one.
pub fn level_of_drift(reading: &Reading) -> Option<Level> {
    let MetricId::Quantity(Quantity::Call { function, .. }) = &reading.metric else { return None };
    let measure = Measure::named(function.name()).ok().filter(|_| reading.monitor == MonitorKind::Drift)?;
    Some(match reading.value {
        None => Level::TooFew,
        // Chance is not excluded yet.
        Some(value) if value > 0.0 && reading.low == Some(0.0) => Level::Calm,
        Some(value) => Level::of_effect(measure, value),
    })
}

impl VersionContext<'_> {
    pub(super) fn reading(
        &self,
        topic: &AlertTopic,
        window: Interval,
        read: RowsRead,
        (outcome, is_default): (&RuleOutcome, bool),
    ) -> Reading {
        let measured = outcome.measured.as_ref();
        let sample_share = read.share;
        let detail = ReadingDetail { is_default_rule: is_default, sample_share, ..outcome.clone().into() };
        Reading {
            value: measured.map(|measured| measured.value),
            low: measured.and_then(|measured| Some(measured.interval?.0)),
            high: measured.and_then(|measured| Some(measured.interval?.1)),
            count: measured.map_or(read.rows, |measured| measured.count),
            verdict: Some(match measured {
                Some(_) => RuleStatus::from(&outcome.verdict),
                None => RuleStatus::Undecided,
            }),
            estimated: *topic == AlertTopic::EstimatedPerformance,
            detail,
            ..self.unmeasured(topic.monitor(), outcome.metric.clone(), window)
        }
    }

    /// A reading of the live version that has nothing measured yet.
    fn unmeasured(&self, monitor: MonitorKind, metric: MetricId, window: Interval) -> Reading {
        let version = Some(VersionId::new(self.deployment.model.clone(), self.deployment.number));
        let reading = Reading::unmeasured(self.at.endpoint, monitor, metric, window, self.at.context.at);
        Reading { version, ..reading }
    }

    /// How many rows a window has: the mark that it was evaluated.
    pub(super) fn row_count_reading(&self, window: Interval, rows: &WindowSample) -> Reading {
        self.counted((MonitorKind::Usage, MetricId::Rows), window, rows, (rows.represented(), rows.row_count()))
    }

    /// How many labels the judgement of a window rests on.
    pub(super) fn label_coverage_reading(&self, window: Interval, rows: &WindowSample) -> Reading {
        let share = rows.labelled_count() as f64 / rows.row_count().max(1) as f64;
        let reading = self.counted(
            (MonitorKind::Performance, MetricId::LabelCoverage),
            window,
            rows,
            (share, rows.labelled_count()),
        );
        let through = match &rows.totals {
            Some(totals) => Some(totals.labels_through.clone()).filter(|through| !through.is_empty()),
            None => labels_through(&rows.rows),
        };
        Reading { detail: ReadingDetail { labels_through: through, ..reading.detail }, ..reading }
    }

    /// An estimate that no rule bounds.
    pub(super) fn estimate_reading(
        &self,
        name: &str,
        window: Interval,
        rows: &WindowSample,
        estimate: &Measurement,
    ) -> Reading {
        let args = vec![Arg::Name(name.to_owned())];
        let metric = MetricId::Quantity(Quantity::Call { function: Function::Estimated, args, condition: None });
        let reading = self.counted((MonitorKind::Performance, metric), window, rows, (estimate.value, estimate.count));
        let (low, high) = estimate.interval.unzip();
        let detail = ReadingDetail { sample_share: rows.rows.sample_share(), ..reading.detail };
        Reading { low, high, estimated: true, detail, ..reading }
    }

    /// A reading of a value that rests on `count` rows, with how many rows and labels the window has.
    pub(super) fn counted(
        &self,
        (monitor, metric): (MonitorKind, MetricId),
        window: Interval,
        rows: &WindowSample,
        (value, count): (f64, u64),
    ) -> Reading {
        Reading {
            value: Some(value),
            count,
            detail: ReadingDetail {
                rows: Some(rows.row_count()),
                labelled: Some(rows.labelled_count()),
                sample_share: rows.recorded_share(),
                ..ReadingDetail::default()
            },
            ..self.unmeasured(monitor, metric, window)
        }
    }

    /// Readings and evidence of a window stand together, or neither does.
    pub(super) fn record(&self, window: Interval, new: Vec<Reading>) -> Result<(), MonitorError> {
        let document = serde_json::to_value(&self.evidence)
            .map_err(|source| StorageError::Document { what: "evidence", source })?;
        let (endpoint, model, number) =
            (self.at.endpoint.clone(), self.deployment.model.clone(), self.deployment.number);
        let kept = kept::Evidence { endpoint, model, number, through: window.end, document };
        Ok(self.at.app.store().write(move |tx| {
            readings::record(tx, &new)?;
            kept::put(tx, &kept)
        })?)
    }

    /// The evidence after a window, as a reading.
    pub(super) fn drift_evidence_reading(&self, window: Interval, rows: &WindowSample) -> Reading {
        let value = self.evidence.detector();
        let reading =
            self.counted((MonitorKind::Drift, MetricId::DriftEvidence), window, rows, (value, rows.rows.len() as u64));
        let sample_share = rows.rows.sample_share();
        let evidence = Some(self.evidence.summary(self.at.budget));
        Reading { detail: ReadingDetail { evidence, sample_share, ..reading.detail }, ..reading }
    }
}
