//! Whether a promotion made it worse: the metric of the answers since, beside what the version before reached.
//!
//! Invariants: windows count once their labels are complete, because labels that come early are no fair sample. The two
//! are other rows, so the difference is that of two independent samples: `after - before`, with the standard errors of
//! both (their 95 % half-widths over 1.96) added in squares. They are compared when the labelled answers reach
//! [`FIRST_COMPARISON`], and each time they have doubled; comparison `k` errs with `ERROR / 2^(k+1)`, so that all of them together
//! err with at most [`ERROR`]. Out of scope: whose fault it is; the world may have changed meanwhile.

use std::{collections::BTreeMap, rc::Rc};

use kilter_domain::{
    alert::{AlertTopic, Hysteresis, MonitorKind},
    rule::{MetricId, RuleOutcome, RuleVerdict},
    time::{Interval, Span, Timestamp},
};
use kilter_evaluation::{
    labelled_predictions::{LabelledPredictions, headline, larger_is_better},
    measurement,
};
use kilter_stats::{Estimate, distributions::normal_margin};
use kilter_store::{PageRequest, deployment as deployments, monitor as readings, monitor::ReadingFilter};

use crate::{
    alert::lifecycle::{EndpointAlerts, WindowResult},
    deployment::auto_rollback::judged_metric,
    model::load,
    monitor::error::MonitorError,
    monitor::version_context::VersionContext,
    prediction::{
        logged::{LoggedPredictions, PredictionFilter},
        window_sample::{self, WindowQuery, WindowSample},
    },
};

/// Labelled answers at the first comparison.
const FIRST_COMPARISON: usize = 50;
/// The chance that a promotion which changed nothing is called worse, over all comparisons.
const ERROR: f64 = 0.01;
/// Readings of how many labels windows have that are read at most.
const MAX_READINGS: u32 = 10_000;
/// Looks at most.
const MAX_COMPARISONS: u32 = 20;
/// The share of a window's rows whose label is known, from which its labels count as complete before their delay is over.
const COMPLETE: f64 = 0.9;

impl VersionContext<'_> {
    /// Compares the answers since the promotion with those before it, where enough labels came since the last comparison.
    pub(super) fn judge_promotion(&self) -> Result<(), MonitorError> {
        let Some(since) = self.took_over else { return Ok(()) };
        let compared = self.last_comparison()?;
        let number = compared.map_or(0, |rows| comparison_number(rows) + 1);
        if number > MAX_COMPARISONS {
            return Ok(());
        }
        // The first windows since then: what comes later says more about the world than about the promotion.
        let most = self.at.max_maturing();
        let every = self.at.monitor.every;
        let reach = Span { count: every.count.saturating_mul(most as i64), unit: every.unit };
        let windows = &self.at.calendar.ended(since, since.after(reach).min(self.at.context.at), most)[..];
        let Some(last) = windows.last() else { return Ok(()) };
        if self.judged_labels(since, *last)? < FIRST_COMPARISON << number {
            return Ok(());
        }
        let after = self.complete(&self.answers(since, last.end)?, windows);
        let after = after.filter(|row| self.siblings.contains(&after.versions[row]));
        if after.len() < FIRST_COMPARISON << number {
            return Ok(());
        }
        let Some(before) = self.before(since)? else { return Ok(()) };
        let task = self.package.manifest.signature.task;
        let name = judged_metric(self.at.monitor).unwrap_or_else(|| headline(task).to_owned());
        let signature = &self.package.manifest.signature;
        let outcomes = after.outcomes(signature.task, &signature.classes, self.package.manifest.threshold);
        let (Ok(now), Ok(then)) = (outcomes.metric(&name), before.outcomes.metric(&name)) else { return Ok(()) };
        let change = difference(&now, &then, 1.0 - ERROR / f64::from(2u32.pow(comparison_number(after.len()) + 1)));
        self.note_change(*last, &after, &change)?;
        let sign = if larger_is_better(&name, outcomes.metric_task()) { 1.0 } else { -1.0 };
        let is_worse = if sign > 0.0 { change.high < 0.0 } else { change.low > 0.0 };
        let outcome = self.change_outcome(&name, (&now, &then), (&change, is_worse), (since, before.version));
        // It fires at once: a comparison is made once, not once per window.
        let at = self.at.alerts();
        let alerts = EndpointAlerts { hysteresis: Hysteresis { fire_after: 1, ..at.hysteresis }, ..at };
        let outcomes = [outcome];
        alerts.update(WindowResult::unexplained(&AlertTopic::Promotion, *last, &outcomes))?;
        Ok(())
    }

    /// On how many labels the windows since the promotion were judged: to know it no row is read.
    fn judged_labels(&self, since: Timestamp, last: Interval) -> Result<usize, MonitorError> {
        let span = Interval::new(since, last.end);
        let kind = Some(MonitorKind::Performance);
        let read = self.at.app.store().read(|reader| {
            readings::history(reader, self.at.endpoint, kind, &MetricId::LabelCoverage, span, MAX_READINGS)
        })?;
        let newest: BTreeMap<Timestamp, u64> =
            read.into_iter().map(|reading| (reading.window.start, reading.count)).collect();
        Ok(usize::try_from(newest.into_values().sum::<u64>()).unwrap_or(usize::MAX))
    }

    /// On how many labelled answers of this version the promotion was compared last.
    fn last_comparison(&self) -> Result<Option<usize>, MonitorError> {
        let filter = ReadingFilter { monitor: Some(MonitorKind::Performance), metric: Some(MetricId::PromotionChange) };
        let page = PageRequest::first(1);
        let newest =
            self.at.app.store().read(|reader| readings::list(reader, self.at.endpoint, &filter, &page))?.items.pop();
        let is_ours = |reading: &readings::Reading| {
            reading.version.as_ref().is_some_and(|version| self.siblings.contains(&version.number))
        };
        Ok(newest.filter(is_ours).map(|reading| usize::try_from(reading.count).unwrap_or(usize::MAX)))
    }

    /// What was answered in a time, within the bound on what is held.
    fn answers(&self, start: Timestamp, end: Timestamp) -> Result<WindowSample, MonitorError> {
        let (endpoint, who, as_of) = (self.at.endpoint, PredictionFilter::Answers, self.at.context.at);
        let window = Interval { start, end };
        let query = WindowQuery {
            endpoint,
            who,
            versions: None,
            window,
            as_of,
            reference: None,
            searched: None,
            groups: (&[], 0),
        };
        Ok(window_sample::read_window(self.at.app, query)?)
    }

    /// The rows of windows whose labels are complete, with their labels. Of more rows than are held, an even share says which are.
    fn complete(&self, sample: &WindowSample, windows: &[Interval]) -> LoggedPredictions {
        let (answered, labelled) = (&sample.rows, &sample.labelled);
        let window_of =
            |event: Timestamp| windows.iter().position(|window| (window.start..window.end).contains(&event));
        let mut counts: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
        for (event, label) in answered.events.iter().zip(&answered.labels) {
            let Some(window) = window_of(*event) else { continue };
            let (rows, labelled) = counts.entry(window).or_default();
            *rows += 1;
            *labelled += usize::from(label.is_some());
        }
        let is_complete = |window: usize| {
            let is_over = self.at.delay.is_some_and(|delay| windows[window].end.after(delay) <= self.at.context.at);
            is_over || counts.get(&window).is_some_and(|&(rows, labelled)| labelled as f64 >= COMPLETE * rows as f64)
        };
        labelled
            .filter(|row| labelled.labels[row].is_some() && window_of(labelled.events[row]).is_some_and(is_complete))
    }

    /// The newest labelled answers of the version that served before.
    fn before(&self, since: Timestamp) -> Result<Option<Before>, MonitorError> {
        let moment = Timestamp(since.millis() - 1);
        let live = self.at.app.store().read(|reader| deployments::live_at(reader, self.at.endpoint, moment))?;
        let Some(live) = live else { return Ok(None) };
        let windows = self.at.calendar.ended(Timestamp(i64::MIN), since, self.at.max_maturing());
        let Some(first) = windows.first() else { return Ok(None) };
        let answered = self.complete(&self.answers(first.start, since)?, &windows);
        let answered = answered.filter(|row| answered.versions[row] == live.number);
        let package = load::read_version(self.at.app, &live.model, live.number)?;
        let signature = &package.manifest.signature;
        let outcomes = answered.outcomes(signature.task, &signature.classes, package.manifest.threshold);
        Ok((outcomes.len() >= FIRST_COMPARISON).then_some(Before { version: live.number, outcomes }))
    }

    fn note_change(&self, window: Interval, after: &LoggedPredictions, change: &Estimate) -> Result<(), MonitorError> {
        let reading = self.counted(
            (MonitorKind::Performance, MetricId::PromotionChange),
            window,
            &WindowSample::whole(Rc::new(after.clone())),
            (change.value, after.len() as u64),
        );
        self.at.record_readings(vec![readings::Reading { low: Some(change.low), high: Some(change.high), ..reading }])
    }

    fn change_outcome(
        &self,
        name: &str,
        (now, then): (&Estimate, &Estimate),
        (change, is_worse): (&Estimate, bool),
        (since, before): (Timestamp, u32),
    ) -> RuleOutcome {
        let shown =
            |estimate: &Estimate| format!("{:.4} ({:.4} to {:.4})", estimate.value, estimate.low, estimate.high);
        let text = format!(
            "since version {} took over on {}, {name} is {} on {} labelled answers; version {before} reached {} on {} before",
            self.deployment.number,
            since.civil().date(),
            shown(now),
            now.count,
            shown(then),
            then.count
        );
        let rule = format!("{name} >= that of version {before}");
        let verdict = if is_worse { RuleVerdict::Failed } else { RuleVerdict::Passed };
        let measured = Some(measurement(change));
        RuleOutcome { measured, is_relative: true, ..RuleOutcome::new(rule, MetricId::named(name), verdict, text) }
    }
}

/// What the version before reached.
struct Before {
    version: u32,
    outcomes: LabelledPredictions,
}

/// The number of the comparison on so many labelled answers.
fn comparison_number(rows: usize) -> u32 {
    (rows / FIRST_COMPARISON).max(1).ilog2()
}

/// `now - then` of two independent samples.
fn difference(now: &Estimate, then: &Estimate, level: f64) -> Estimate {
    let error = |estimate: &Estimate| (estimate.high - estimate.low) / 2.0 / normal_margin(estimate.level);
    let margin = normal_margin(level) * error(now).hypot(error(then));
    let value = now.value - then.value;
    Estimate { value, low: value - margin, high: value + margin, level, count: now.count }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(value: f64, half: f64) -> Estimate {
        Estimate { value, low: value - half, high: value + half, level: 0.95, count: 200 }
    }

    #[test]
    fn comparisons_are_made_each_time_the_labels_have_doubled() {
        assert_eq!([50, 99, 100, 199, 200, 50 << 7].map(comparison_number), [0, 0, 1, 1, 2, 7]);
    }

    #[test]
    fn a_difference_of_two_samples_has_the_errors_of_both() {
        let change = difference(&estimate(0.7, 0.03), &estimate(0.8, 0.04), 0.95);
        assert!((change.value + 0.1).abs() < 1e-12 && (change.high - change.low - 0.1).abs() < 1e-9, "{change:?}");
        assert!(difference(&estimate(0.7, 0.03), &estimate(0.8, 0.04), 0.995).high < -0.02);
        assert!(difference(&estimate(0.78, 0.03), &estimate(0.8, 0.04), 0.995).high > 0.0);
    }
}
