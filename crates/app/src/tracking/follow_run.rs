//! A run as it goes on: what changed since it was looked at last.
//!
//! Invariants: what was sent once is not sent again. Out of scope: points that are logged behind ones with a higher step that were
//! sent already; the history of the metric has them.

use std::collections::BTreeMap;

use kilter_domain::tracking::MetricPoint;
use kilter_store::{
    Reader, StoreError,
    tracking::{
        Tags,
        logged_run::{self, LoggedRun},
        metric,
        run::TrackedRun,
    },
};

use super::{TrackingError, access};
use crate::{app::App, context::RequestContext};

/// Points of one metric that are told of at once.
const MAX_POINTS: u32 = 1_000;

/// What is known of a run already.
#[derive(Clone, Debug)]
pub struct SeenRun {
    run: TrackedRun,
    params: BTreeMap<String, String>,
    tags: Tags,
    /// Of each metric the last point that was told.
    metrics: BTreeMap<String, MetricPoint>,
}

impl SeenRun {
    /// Whether nothing more is expected of the run.
    pub const fn has_ended(&self) -> bool {
        self.run.status.is_ended()
    }
}

/// What changed in a run.
#[derive(Clone, Debug, PartialEq)]
pub struct TrackedRunChange {
    /// The run as it is now.
    pub run: TrackedRun,
    /// Parameters that are new.
    pub params: BTreeMap<String, String>,
    /// Tags that are new, or have another value.
    pub tags: Tags,
    /// The names of tags that are gone.
    pub removed_tags: Vec<String>,
    /// Of each metric the points behind the last one that was told, oldest first. The first time: its latest point.
    pub points: BTreeMap<String, Vec<MetricPoint>>,
}

/// What changed in a run since it was `seen` last (of each metric at most 1,000 points: the next look has more), and what is known of it now; `None` where nothing changed.
///
/// # Errors
/// When there is no such run, or its project may not be read.
pub fn follow_run(
    app: &App,
    context: &RequestContext,
    id: &str,
    seen: Option<SeenRun>,
) -> Result<(Option<TrackedRunChange>, SeenRun), TrackingError> {
    access::authorize_reading(app, context, id)?;
    Ok(app.store().read(|reader| {
        let now = logged_run::read(reader, id)?;
        match seen {
            None => Ok(first(now)),
            Some(seen) => since(reader, now, seen),
        }
    })?)
}

fn first(now: LoggedRun) -> (Option<TrackedRunChange>, SeenRun) {
    let metrics: BTreeMap<_, _> = now.metrics.into_iter().map(|point| (point.metric.clone(), point)).collect();
    let change = TrackedRunChange {
        run: now.run.clone(),
        params: now.params.clone(),
        tags: now.tags.clone(),
        removed_tags: Vec::new(),
        points: metrics.iter().map(|(name, point)| (name.clone(), vec![point.clone()])).collect(),
    };
    (Some(change), SeenRun { run: now.run, params: now.params, tags: now.tags, metrics })
}

fn since(
    reader: &Reader,
    now: LoggedRun,
    mut seen: SeenRun,
) -> Result<(Option<TrackedRunChange>, SeenRun), StoreError> {
    let mut points = BTreeMap::new();
    for latest in now.metrics {
        let of_metric = match seen.metrics.get(&latest.metric) {
            Some(last) if is_same(last, &latest) => continue,
            Some(last) => metric::points_after(reader, &now.run.id, last, MAX_POINTS)?,
            None => vec![latest.clone()],
        };
        let Some(last) = of_metric.last().cloned() else { continue };
        seen.metrics.insert(latest.metric.clone(), last);
        points.insert(latest.metric, of_metric);
    }
    let params = added(&seen.params, &now.params);
    let tags = added(&seen.tags, &now.tags);
    let removed_tags: Vec<_> = seen.tags.keys().filter(|name| !now.tags.contains_key(*name)).cloned().collect();
    let is_unchanged =
        seen.run == now.run && points.is_empty() && params.is_empty() && tags.is_empty() && removed_tags.is_empty();
    let change = (!is_unchanged).then(|| TrackedRunChange { run: now.run.clone(), params, tags, removed_tags, points });
    Ok((change, SeenRun { run: now.run, params: now.params, tags: now.tags, metrics: seen.metrics }))
}

/// NaN is the same as NaN here.
fn is_same(one: &MetricPoint, other: &MetricPoint) -> bool {
    (one.step, one.at) == (other.step, other.at)
        && (one.value == other.value || (one.value.is_nan() && other.value.is_nan()))
}

/// What `now` has that `before` did not have, or had with another value.
fn added(before: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    now.iter()
        .filter(|(name, value)| before.get(*name) != Some(value))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
