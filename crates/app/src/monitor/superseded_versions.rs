//! Versions that no longer answer and whose labels come only now: how good they were is still worth knowing.
//!
//! Invariants: a window is judged against the version that answered it, under that version's number. A breach raises an
//! alert where it is news: when the version that serves now was trained without the window's labels, and no alert about
//! performance was raised since the old version went live. That a window holds says nothing of the version that serves.

use kilter_domain::{alert::MonitorKind, contract::Monitor, ids::EndpointName, time::Timestamp};
use kilter_store::{PageRequest, deployment as deployments, deployment::Deployment, monitor::alert as alerts};

use crate::{
    app::App,
    error::AppError,
    monitor::evaluate::{MAX_MATURING, Scene},
};

/// Earlier deployments that are looked at, newest first.
const MAX_PAST: u32 = 12;

impl App {
    /// The deployments that served before the live one and whose labels may still come, newest first.
    pub(super) fn replaced(&self, endpoint: &EndpointName) -> Result<Vec<Deployment>, AppError> {
        let page = PageRequest::first(4 * MAX_PAST);
        let listed = self.store().read(|reader| deployments::list(reader, Some(endpoint), &page))?;
        let served = listed.items.into_iter().filter(|past| past.live_since.is_some() && past.live_until.is_some());
        Ok(served.take(MAX_PAST as usize).collect())
    }
}

impl Scene<'_> {
    /// Judges what a version that was replaced answered, as its labels come. `news_from` is the newest event that the
    /// version which serves now was trained on. Whether labels came.
    pub(super) fn past(&mut self, news_from: Option<Timestamp>) -> Result<bool, AppError> {
        let (Some(since), Some(until)) = (self.live.live_since, self.live.live_until) else { return Ok(false) };
        let mut came = false;
        for window in self.calendar.ended(since, self.context.at, self.most_maturing()) {
            // The window in which it was replaced is judged for the version that took over: one version's readings of a
            // window would hide the other's, and both would be judged anew at each look.
            if window.end > until {
                continue;
            }
            let Some(rows) = self.worth_judging(window)? else { continue };
            came = true;
            self.is_news = news_from.is_none_or(|through| through < window.end) && !self.was_alarmed(since)?;
            let mut made = vec![self.judged_coverage(window, &rows)];
            made.extend(self.watch(MonitorKind::Performance, window)?);
            made.extend(self.watch(MonitorKind::Bias, window)?);
            self.record_readings(made)?;
        }
        Ok(came)
    }
}

impl Scene<'_> {
    /// Whether an alert about performance was raised since a moment.
    fn was_alarmed(&self, since: Timestamp) -> Result<bool, AppError> {
        let filter = alerts::AlertFilter { endpoint: Some(self.endpoint.clone()), open: false };
        let newest = self.app.store().read(|reader| alerts::list(reader, &filter, &PageRequest::first(100)))?;
        // That a promotion made it worse is said of the version after it.
        let is_about_it = |alert: &&alerts::Alert| !alert.cause.ends_with("/promotion");
        let alarmed = |alert: &alerts::Alert| alert.monitor == MonitorKind::Performance && alert.opened >= since;
        Ok(newest.items.iter().filter(is_about_it).any(alarmed))
    }
}

/// Windows whose labels are waited for: those that the stated delay holds open, and some more.
pub(super) fn most_maturing(monitor: &Monitor, delay: Option<kilter_domain::time::Span>) -> usize {
    let waiting = delay.map_or(0, |delay| delay.millis() / monitor.every.millis().max(1));
    MAX_MATURING + usize::try_from(waiting).unwrap_or(0).min(1_000)
}
