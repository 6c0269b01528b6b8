//! Versions that no longer answer and whose labels come only now: how good they were is still worth knowing.
//!
//! Invariants: a window is judged against the version that answered it, under that version's number. A breach raises an
//! alert where it is news: when the version that serves now was trained without the window's labels, and no alert about
//! performance was raised since the old version went live. That a window holds says nothing of the version that serves.

use kilter_domain::{
    alert::{AlertTopic, MonitorKind},
    time::Timestamp,
};
use kilter_store::{PageRequest, deployment as deployments, deployment::Deployment, monitor::alert as alerts};

use crate::{
    monitor::error::MonitorError,
    monitor::{endpoint_monitor::EndpointMonitor, version_context::VersionContext},
};

/// Earlier deployments that are evaluated, newest first.
const MAX_PAST: u32 = 12;

/// The deployments that served before the live one and whose labels may still come, newest first.
pub(super) fn replaced(at: &EndpointMonitor) -> Result<Vec<Deployment>, MonitorError> {
    let page = PageRequest::first(4 * MAX_PAST);
    let listed = at.app.store().read(|reader| deployments::list(reader, Some(at.endpoint), &page))?;
    let served = listed.items.into_iter().filter(|past| past.live_since.is_some() && past.live_until.is_some());
    Ok(served.take(MAX_PAST as usize).collect())
}

impl VersionContext<'_> {
    /// Judges what a version that was replaced answered, as its labels come. `news_from` is the newest event that the
    /// version which serves now was trained on. Whether labels came.
    pub(super) fn evaluate_after_replacement(&mut self, news_from: Option<Timestamp>) -> Result<bool, MonitorError> {
        let (Some(since), Some(until)) = (self.deployment.live_since, self.deployment.live_until) else {
            return Ok(false);
        };
        let mut has_labels = false;
        for window in self.at.calendar.ended(since, self.at.context.at, self.at.max_maturing()) {
            // The window in which it was replaced is judged for the version that took over: one version's readings of a
            // window would hide the other's, and both would be judged anew at each evaluation.
            if window.end > until {
                continue;
            }
            let Some(data) = self.read_labelled_window(window)? else { continue };
            has_labels = true;
            self.is_news = news_from.is_none_or(|through| through < window.end) && !self.was_alarmed(since)?;
            let readings = self.judge_labelled_window(&data)?;
            self.at.record_readings(readings)?;
        }
        Ok(has_labels)
    }

    /// Whether an alert about performance was raised since a moment.
    fn was_alarmed(&self, since: Timestamp) -> Result<bool, MonitorError> {
        let filter = alerts::AlertFilter { endpoint: Some(self.at.endpoint.clone()), open: false };
        let newest = self.at.app.store().read(|reader| alerts::list(reader, &filter, &PageRequest::first(100)))?;
        // An alert about a promotion is about the version after it.
        let is_about_it = |topic: &AlertTopic| {
            topic.monitor() == MonitorKind::Performance
                && !matches!(topic, AlertTopic::Promotion | AlertTopic::Objective(_))
        };
        Ok(newest.items.iter().any(|alert| is_about_it(&alert.key.topic) && alert.opened >= since))
    }
}
