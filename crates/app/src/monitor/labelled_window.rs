//! When a window is judged again: more of its labels are known, or some were corrected or taken back.
//!
//! Invariant: how far the log of labels was read when a window was judged, its reading says.

use std::{ops::ControlFlow, rc::Rc, sync::Arc};

use kilter_domain::{alert::MonitorKind, log_position::LogPosition, rule::MetricId, time::Interval};
use kilter_lake::LogKind;
use kilter_serving::prediction_log::column;
use kilter_store::{monitor as readings, monitor::Reading};

use crate::{
    components::window_labels::ReadLabels,
    monitor::error::MonitorError,
    monitor::{
        default_rules::is_estimate, rule_span::covered, version_context::VersionContext, window_data::WindowData,
    },
    prediction::{
        log_place::texts,
        log_scan,
        logged::{self, LoggedPredictions, PredictionFilter},
        window_sample::{self, WindowSample},
    },
};

impl<'a> VersionContext<'a> {
    /// A window, if more of its labels are known than when it was last judged, or some were corrected. Where rules reach
    /// back beyond it, ids and labels alone are read first.
    pub(super) fn read_labelled_window(&mut self, window: Interval) -> Result<Option<WindowData<'a>>, MonitorError> {
        let known = self.known_coverage(window)?;
        if let Some(known) = known.as_ref().filter(|known| known.share >= 1.0)
            && !self.is_corrected(window, &known.through)?
        {
            return Ok(None);
        }
        let longest = self.longest_span(|watched, kind| {
            matches!(kind, MonitorKind::Performance | MonitorKind::Bias) && !is_estimate(&watched.rule)
        });
        let is_at_hand = |data: &WindowData<'_>| data.window == window && data.covers(covered(window, longest));
        // The newest window stays at hand while older ones are looked through.
        let at_hand = if self.newest.as_ref().is_some_and(is_at_hand) { self.newest.take() } else { None };
        let is_large = window_sample::may_exceed_bound(self.at.app, self.at.endpoint, (window.start, window.end))?;
        let data = match (at_hand, longest) {
            (Some(data), _) => data,
            _ if is_large && !self.may_have_new_labels(known.as_ref(), window) => return Ok(None),
            (None, Some(_))
                if !is_large && !self.has_new_labels(known.as_ref(), window, &self.read_labels(window)?)? =>
            {
                return Ok(None);
            }
            (None, longest) => self.read_window(window, longest)?,
        };
        let rows = data.rows();
        if is_large {
            let read =
                ReadLabels { log_rows: self.at.label_rows, rows: rows.row_count(), labelled: rows.labelled_count() };
            let labels = &self.at.app.components().window_labels;
            labels.set(window.start, self.at.endpoint, self.deployment.number, read);
        }
        Ok(if self.has_new_labels(known.as_ref(), window, &rows)? { Some(data) } else { None })
    }

    /// Whether enough labels may have come for a window since it was read last, by how many came at all.
    fn may_have_new_labels(&self, known: Option<&Coverage>, window: Interval) -> bool {
        let labels = &self.at.app.components().window_labels;
        let read = labels.find(window.start, self.at.endpoint, self.deployment.number);
        let (Some(known), Some(read), true) = (known, read, self.at.corrections.is_empty()) else { return true };
        has_enough_new_labels(known.labelled, (read.most(self.at.label_rows), read.rows))
    }

    /// The ids and labels of a window alone.
    fn read_labels(&self, window: Interval) -> Result<WindowSample, MonitorError> {
        let (at, span) = (self.at, (window.start, window.end));
        let rows = logged::logged_labels(at.app, at.endpoint, PredictionFilter::Answers, span, at.context.at)?;
        Ok(WindowSample::whole(Rc::new(rows.of_versions(&self.siblings))))
    }

    /// Whether rows have more labels than those of the last judgement, or others.
    fn has_new_labels(
        &self,
        known: Option<&Coverage>,
        window: Interval,
        rows: &WindowSample,
    ) -> Result<bool, MonitorError> {
        let count = (rows.labelled_count(), rows.row_count());
        match known {
            _ if count.1 == 0 => Ok(false),
            None => Ok(true),
            Some(known) if has_enough_new_labels(known.labelled, count) => Ok(true),
            Some(known) if rows.totals.is_some() => self.is_corrected(window, &known.through),
            Some(known) => Ok(self.has_corrected(rows.rows.ids.iter(), &known.through)),
        }
    }

    /// On how many labels a window was last judged.
    fn known_coverage(&self, window: Interval) -> Result<Option<Coverage>, MonitorError> {
        let history = self.at.app.store().read(|reader| {
            let kind = Some(MonitorKind::Performance);
            readings::history(reader, self.at.endpoint, kind, &MetricId::LabelCoverage, window, 1000)
        })?;
        let of_this = history.into_iter().filter(|reading| {
            reading.window.start == window.start
                && reading.version.as_ref().is_some_and(|version| self.siblings.contains(&version.number))
        });
        let coverage = |reading: Reading| Coverage {
            labelled: reading.count,
            share: reading.value.unwrap_or(0.0),
            through: reading.detail.labels_through.unwrap_or_default(),
        };
        Ok(of_this.map(coverage).next_back())
    }

    /// Whether a label of a window that was judged on labels up to the place `through` was corrected since.
    pub(super) fn is_corrected(&self, window: Interval, through: &LogPosition) -> Result<bool, MonitorError> {
        if self.at.corrections.is_empty() {
            return Ok(false);
        }
        let span = (window.start, window.end);
        let columns = Some(&[column::ID][..]);
        Ok(log_scan::with_log(self.at.app, LogKind::Predictions, self.at.endpoint, span, |log| {
            let mut is_corrected = false;
            log.scan(columns, &mut |_, batch| {
                is_corrected = self.has_corrected(texts(&batch, column::ID).iter().flatten(), through);
                if is_corrected { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
            Ok(is_corrected)
        })?)
    }

    /// The same of rows that are read already.
    pub(super) fn has_corrected<'i>(&self, mut ids: impl Iterator<Item = &'i Arc<str>>, through: &LogPosition) -> bool {
        !self.at.corrections.is_empty()
            && ids.any(|id| self.at.corrections.get(id).is_some_and(|labels| !through.covers_all(labels)))
    }
}

/// The labels that a judgement of performance rested on.
struct Coverage {
    labelled: u64,
    share: f64,
    /// How far the log was read for them.
    through: LogPosition,
}

/// Whether enough labels came since a window was judged on `judged` of them: each judgement may err, so they are few.
fn has_enough_new_labels(judged: u64, (known, all): (u64, u64)) -> bool {
    known != judged && (known == all || known < judged || 4 * known >= 5 * judged)
}

/// How far the log was read for the labels of some rows; `None` where none has a label.
pub(super) fn labels_through(rows: &LoggedPredictions) -> Option<LogPosition> {
    let position: LogPosition = rows.label_sequences.iter().flatten().copied().collect();
    (!position.is_empty()).then_some(position)
}
