//! The evaluation of an endpoint: the windows that ended, and older ones whose labels have matured meanwhile.
//!
//! Invariant: the rows of a window are read from the log once per evaluation ([`WindowData`]), whatever asks for them.

use kilter_domain::{
    alert::MonitorKind,
    ids::EndpointName,
    rule::MetricId,
    time::{Interval, Timestamp},
};
use kilter_lake::LogKind;
use kilter_store::monitor as readings;

use crate::{
    app::App,
    authz::AuthorizedContext,
    model::load,
    monitor::error::MonitorError,
    monitor::{
        default_rules, endpoint_monitor::EndpointMonitor, superseded_versions::replaced, unknown_classes::KnownClasses,
        usage, version_context::VersionContext, window_data::WindowData,
    },
    prediction::{live, partition_index},
    project::folder::Project,
};

/// Windows that one evaluation reads at most; a longer absence leaves the oldest unread.
const MAX_WINDOWS: usize = 400;
/// Readings of the past that are compared with what is there.
const MAX_READINGS: u32 = 10_000;
/// What is measured of a window without labels.
const WINDOW_KINDS: [MonitorKind; 3] = [MonitorKind::Data, MonitorKind::Drift, MonitorKind::Usage];

/// Evaluates the windows of an endpoint that ended up to `now`, and again those whose labels came since.
///
/// # Errors
/// If the store, the log or a package cannot be read, or the store cannot be written.
pub fn evaluate_monitors(
    app: &App,
    now: Timestamp,
    project: &Project,
    endpoint: &EndpointName,
) -> Result<(), MonitorError> {
    let context = &AuthorizedContext::system("reconcile", now);
    let Some(monitor) = &project.contract.monitor else { return Ok(()) };
    let live = app.store().read(|reader| kilter_store::deployment::live(reader, endpoint))?;
    let Some(live) = live else { return Ok(()) };
    let package = match load::read_version(app, &live.model, live.number) {
        // No version answers, and the reason is shown where people look: there is nothing to evaluate.
        Err(refused) if refused.is_of_the_version() && live::refused_at(app, endpoint).is_some() => return Ok(()),
        read => read?,
    };
    usage::tally_errors(app, context, endpoint)?;
    let (at, mark) = EndpointMonitor::open(app, context, project, monitor, endpoint)?;
    let mut version = VersionContext::live(&at, live, package)?;
    version.evaluate_past_windows()?;
    version.evaluate_new_windows()?;
    let has_labels = version.evaluate_labelled_windows()?;
    if has_labels {
        version.judge_promotion()?;
    }
    at.check_label_arrival()?;
    if evaluate_replaced(&version)? || has_labels || !at.corrections.is_empty() {
        version.known_classes().check_labels()?;
    }
    app.components().label_marks.set(endpoint, mark);
    Ok(())
}

/// Evaluates the versions before the live one, whose labels may come only now; whether some came.
fn evaluate_replaced(live: &VersionContext) -> Result<bool, MonitorError> {
    let mut has_labels = false;
    for past in replaced(live.at)? {
        if past.model == live.deployment.model && !live.siblings.contains(&past.number) {
            let trained_through = live.package.manifest.trained_through;
            has_labels |= VersionContext::replaced(live, past)?.evaluate_after_replacement(trained_through)?;
        }
    }
    Ok(has_labels)
}

impl<'a> VersionContext<'a> {
    /// Windows from before the endpoint was made, of predictions that were brought in, where rows were added since they were
    /// evaluated. No alert moves for them, and nothing is learned about later windows.
    fn evaluate_past_windows(&mut self) -> Result<(), MonitorError> {
        let Some(past) = self.at.calendar.past() else { return Ok(()) };
        let (app, endpoint) = (self.at.app, self.at.endpoint);
        let span = (Timestamp(i64::MIN), past.end);
        let partitions = partition_index::partitions(app, LogKind::Predictions, endpoint, span)?;
        let rows = partitions.iter().map(|partition| partition.rows).sum();
        if !app.components().past_marks.has_changed(endpoint, rows) {
            return Ok(());
        }
        let counts = app.store().read(|reader| {
            readings::history(reader, endpoint, Some(MonitorKind::Usage), &MetricId::Rows, past, MAX_READINGS)
        })?;
        let was_news = std::mem::replace(&mut self.is_news, false);
        for window in self.at.calendar.ended(Timestamp(i64::MIN), past.end, MAX_WINDOWS) {
            self.newest = None;
            let data = self.read_window(window, self.longest_span(|_, kind| WINDOW_KINDS.contains(&kind)))?;
            let (rows, known) = (data.rows(), counts.iter().filter(|reading| reading.window == window));
            if rows.row_count() == 0 || known.map(|reading| reading.count).max() == Some(rows.row_count()) {
                continue;
            }
            let mut readings = vec![self.row_count_reading(window, &rows)];
            for kind in WINDOW_KINDS {
                readings.extend(self.judge_rules(kind, &data)?);
            }
            self.at.record_readings(readings)?;
        }
        self.is_news = was_news;
        app.components().past_marks.set(endpoint, rows);
        Ok(())
    }

    /// Windows that ended since the last evaluation: rows, evidence, quality, drift, usage, estimates.
    fn evaluate_new_windows(&mut self) -> Result<(), MonitorError> {
        let past = self.at.calendar.past().map(|past| past.end);
        let evaluated = self.newest_evaluated()?.max(past.unwrap_or(Timestamp(i64::MIN)));
        let kinds = WINDOW_KINDS;
        for window in self.at.calendar.ended(evaluated, self.at.sealed_until, MAX_WINDOWS) {
            self.newest = None;
            let data = self.read_window(
                window,
                self.longest_span(|watched, kind| kinds.contains(&kind) || default_rules::is_estimate(&watched.rule)),
            )?;
            let rows = data.rows();
            let reference = self.compared.as_ref().unwrap_or(&self.package.reference);
            self.evidence.update(reference, &rows.rows, window);
            self.evidence.check_alarm(self.at.budget);
            let mut readings = vec![self.row_count_reading(window, &rows), self.drift_evidence_reading(window, &rows)];
            for kind in kinds {
                readings.extend(self.judge_rules(kind, &data)?);
            }
            readings.extend(self.judge_estimates(&data)?);
            self.record(window, readings)?;
            self.newest = Some(data);
        }
        Ok(())
    }

    /// Windows since this version went live whose labels are not all known: performance and bias, again. Whether labels
    /// came.
    fn evaluate_labelled_windows(&mut self) -> Result<bool, MonitorError> {
        let mut has_labels = false;
        for window in self.at.calendar.ended(self.since, self.at.sealed_until, self.at.max_maturing()) {
            let Some(data) = self.read_labelled_window(window)? else { continue };
            has_labels = true;
            if self.is_past(window) {
                let was_news = std::mem::replace(&mut self.is_news, false);
                let readings = self.judge_labelled_window(&data)?;
                self.is_news = was_news;
                self.at.record_readings(readings)?;
                continue;
            }
            self.update_losses(&data);
            let readings = self.judge_labelled_window(&data)?;
            self.record(window, readings)?;
        }
        self.newest = None;
        Ok(has_labels)
    }

    /// Whether a window is from before the endpoint was made: no alert moves for it, and nothing is learned from it.
    fn is_past(&self, window: Interval) -> bool {
        self.at.calendar.past().is_some_and(|past| window.end <= past.end)
    }

    /// What the live version can answer, and the windows in which labels may say otherwise.
    fn known_classes(&self) -> KnownClasses<'a> {
        let from = self.package.manifest.trained_through.unwrap_or(Timestamp(i64::MIN));
        let windows = self.at.calendar.ended(from, self.at.context.at, self.at.max_maturing());
        KnownClasses { at: self.at, package: self.package.clone(), version: self.deployment.number, windows }
    }

    /// Lets the labels that came since the last evaluation bet, once enough of the window's labels are known.
    fn update_losses(&mut self, window: &WindowData) {
        let (window, sample) = (window.window, window.rows());
        let enough = self.at.monitor.min_labelled * sample.row_count() as f64;
        if (sample.labelled_count() as f64) < enough {
            return;
        }
        let (manifest, rows) = (&self.package.manifest, sample.labelled);
        let outcomes = rows.outcomes(manifest.signature.task, &manifest.signature.classes, manifest.threshold);
        if outcomes.label_check().is_beyond() {
            return;
        }
        let sequences: Vec<i64> =
            outcomes.rows.iter().map(|&row| rows.label_sequences[row].unwrap_or(i64::MIN)).collect();
        let reference = self.compared.as_ref().unwrap_or(&self.package.reference);
        self.evidence.update_losses(reference, &outcomes.losses(), &sequences, window);
        self.evidence.check_alarm(self.at.budget);
    }

    /// The end of the newest window that was read and is over; nothing before the endpoint's first window counts.
    fn newest_evaluated(&self) -> Result<Timestamp, MonitorError> {
        let (kind, now) = (MonitorKind::Usage, self.at.context.at);
        let found = self
            .at
            .app
            .store()
            .read(|reader| readings::newest_ended(reader, self.at.endpoint, kind, &MetricId::Rows, now))?;
        Ok(found.map_or(Timestamp(i64::MIN), |reading| reading.window.end))
    }
}
