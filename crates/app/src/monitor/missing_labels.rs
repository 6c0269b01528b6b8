//! Labels that stop coming: each window when its labels should be there, beside the windows before it.
//!
//! Invariants: only where the contract says how long labels take; a window is judged once, on all answers whichever
//! version gave them, and again only when its labels come after all; what lacks its labels is no part of what is usual.

use kilter_domain::{
    alert::{AlertTopic, MonitorKind},
    reading::ReadingDetail,
    rule::{Limits, MetricId, RuleOutcome, RuleVerdict},
    time::{Interval, Span, Timestamp},
};
use kilter_evaluation::column_stats::exact;
use kilter_store::{
    PageRequest, monitor as readings,
    monitor::{Reading, ReadingFilter, RuleStatus},
};

use crate::{
    alert::lifecycle::WindowResult,
    monitor::endpoint_monitor::EndpointMonitor,
    monitor::error::MonitorError,
    prediction::{
        logged::{self, PredictionFilter},
        window_sample::{self, WindowQuery},
    },
};

/// What is asked of it, in the words of a rule.
const RULE: &str = "labels >= usual / 2";
/// Windows that say what is usual, at least.
const MIN_USUAL: usize = 3;
/// Readings that say what is usual at most, newest first.
const MAX_USUAL: u32 = 100;
/// Windows that one evaluation judges at most; after a longer absence the oldest are left unjudged.
const MAX_DUE: usize = 60;

/// The labels of one window.
#[derive(Clone, Copy, Debug)]
struct Labels {
    window: Interval,
    rows: usize,
    share: f64,
}

impl EndpointMonitor<'_> {
    /// Judges the windows whose labels are due since the last evaluation, and the newest of them again while it lacks them.
    pub(super) fn check_label_arrival(&self) -> Result<(), MonitorError> {
        let Some(delay) = self.delay else { return Ok(()) };
        let mut known = self.known_labels()?;
        let seen = known.first().map_or(Timestamp(i64::MIN), |newest| newest.window.end);
        if let Some(newest) = known.first().filter(|newest| newest.verdict == Some(RuleStatus::Failed)) {
            let window = newest.window;
            let labels = self.labels_of(window)?;
            if let Some(outcome @ RuleOutcome { verdict: RuleVerdict::Passed, .. }) = self.judged(labels, &known[1..]) {
                known[0] = self.note_labels(labels, Some(&outcome))?;
                // What came since says so: against the window itself, which breached, nothing older could.
                self.update_missing_labels(Interval { end: self.context.at, ..window }, outcome)?;
            }
        }
        for window in self.calendar.ended(seen, due_before(self.context.at, delay, self.monitor.every), MAX_DUE) {
            let labels = self.labels_of(window)?;
            let outcome = self.judged(labels, &known);
            known.insert(0, self.note_labels(labels, outcome.as_ref())?);
            if let Some(outcome) = outcome {
                self.update_missing_labels(window, outcome)?;
            }
        }
        Ok(())
    }

    /// The newest reading of each window whose labels were due, newest first.
    fn known_labels(&self) -> Result<Vec<Reading>, MonitorError> {
        let filter = ReadingFilter { monitor: Some(MonitorKind::Data), metric: Some(MetricId::LabelArrival) };
        let page = PageRequest::first(MAX_USUAL);
        let mut found = self.app.store().read(|reader| readings::list(reader, self.endpoint, &filter, &page))?.items;
        // What a clock that was ahead left is no part of what is known.
        found.retain(|reading| reading.window.end <= self.context.at && reading.as_of <= self.context.at);
        found.dedup_by_key(|reading| reading.window.start);
        Ok(found)
    }

    fn labels_of(&self, window: Interval) -> Result<Labels, MonitorError> {
        let (span, endpoint) = ((window.start, window.end), self.endpoint);
        let (who, as_of) = (PredictionFilter::Answers, self.context.at);
        let (rows, labelled) = if window_sample::may_exceed_bound(self.app, endpoint, span)? {
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
            let sample = window_sample::read_window(self.app, query)?;
            (usize::try_from(sample.row_count()).unwrap_or(usize::MAX), sample.labelled_count())
        } else {
            let answered = logged::logged_labels(self.app, endpoint, who, span, as_of)?;
            (answered.len(), answered.labelled() as u64)
        };
        Ok(Labels { window, rows, share: labelled as f64 / rows.max(1) as f64 })
    }

    /// The outcome of the rule on a window; `None` where it has too few rows, or nothing is usual yet.
    fn judged(&self, labels: Labels, before: &[Reading]) -> Option<RuleOutcome> {
        let least_rows = self.monitor.min_rows.max(1);
        let is_usual = |reading: &&Reading| reading.verdict != Some(RuleStatus::Failed) && reading.count >= least_rows;
        let usual = median(before.iter().filter(is_usual).filter_map(|reading| reading.value).collect())?;
        (labels.rows as u64 >= least_rows).then(|| beside(labels, usual, self.monitor.min_labelled))
    }

    fn note_labels(&self, labels: Labels, outcome: Option<&RuleOutcome>) -> Result<Reading, MonitorError> {
        let reading = Reading {
            value: (labels.rows > 0).then_some(labels.share),
            count: labels.rows as u64,
            verdict: outcome.map(|outcome| RuleStatus::from(&outcome.verdict)),
            detail: outcome.cloned().map(ReadingDetail::from).unwrap_or_default(),
            ..Reading::unmeasured(
                self.endpoint,
                MonitorKind::Data,
                MetricId::LabelArrival,
                labels.window,
                self.context.at,
            )
        };
        self.record_readings(vec![reading.clone()])?;
        Ok(reading)
    }

    fn update_missing_labels(&self, window: Interval, outcome: RuleOutcome) -> Result<(), MonitorError> {
        let outcomes = [outcome];
        let result = WindowResult::unexplained(&AlertTopic::MissingLabels, window, &outcomes);
        self.alerts().update(result)?;
        Ok(())
    }
}

/// Windows that ended up to here should have their labels: whoever sends them is given a quarter of the delay more, and a
/// window at least.
pub(crate) fn due_before(now: Timestamp, delay: Span, every: Span) -> Timestamp {
    let grace = every.millis().max(delay.millis() / 4);
    Timestamp(now.before(delay).millis().saturating_sub(grace))
}

/// The middle of what windows before reached; `None` while they are too few.
fn median(mut shares: Vec<f64>) -> Option<f64> {
    if shares.len() < MIN_USUAL {
        return None;
    }
    shares.sort_by(f64::total_cmp);
    Some(shares[shares.len() / 2])
}

/// A window lacks its labels when it has less than half of what is usual, and less than what may be judged.
fn beside(labels: Labels, usual: f64, min_labelled: f64) -> RuleOutcome {
    let Labels { window, rows, share } = labels;
    let least = (usual / 2.0).min(min_labelled);
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    let span = format!("{}..{}", moment(window.start), moment(window.end));
    let (verdict, begin) = match share < least {
        true => (RuleVerdict::Failed, "labels stopped: "),
        false => (RuleVerdict::Passed, ""),
    };
    let text = format!("{begin}{} of the rows of {span} have a label, {} was usual", percent(share), percent(usual));
    RuleOutcome {
        measured: Some(exact(share, rows)),
        limits: Limits { low: Some(least), high: None },
        ..RuleOutcome::new(RULE, MetricId::LabelArrival, verdict, text)
    }
}

/// A time as a date where it is midnight.
fn moment(time: Timestamp) -> String {
    let text = time.to_string();
    text.strip_suffix("T00:00:00Z").map_or_else(|| text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(share: f64) -> Labels {
        let window = Interval { start: "2024-05-01".parse().unwrap(), end: "2024-06-01".parse().unwrap() };
        Labels { window, rows: 1_000, share }
    }

    #[test]
    fn far_fewer_labels_than_usual_have_stopped() {
        let stopped = beside(labels(0.03), 0.97, 0.3);
        assert!(stopped.is_failed());
        assert_eq!(
            stopped.text,
            "labels stopped: 3 % of the rows of 2024-05-01..2024-06-01 have a label, 97 % was usual"
        );
        assert!(beside(labels(0.31), 0.97, 0.3).is_passed(), "enough to be judged");
        assert!(beside(labels(0.2), 0.3, 0.3).is_passed(), "few are usual here");
    }

    #[test]
    fn nothing_is_usual_before_some_windows_were_seen() {
        assert_eq!(median(vec![0.9, 1.0]), None);
        assert_eq!(median(vec![0.1, 1.0, 0.9]), Some(0.9));
    }

    #[test]
    fn labels_are_due_when_their_delay_and_some_grace_have_passed() {
        let now: Timestamp = "2024-06-01".parse().unwrap();
        let due = |delay: Span| due_before(now, delay, Span::days(1)).to_string();
        assert_eq!(due(Span::days(2)), "2024-05-29T00:00:00Z");
        assert_eq!(due(Span::days(20)), "2024-05-07T00:00:00Z");
    }
}
