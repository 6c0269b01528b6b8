//! `metrics/*`: the history of a metric, in parts or reduced to so many points.

use kilter_app::{App, RequestContext, tracking};
use kilter_domain::{
    search::{HistoryToken, InvalidPageToken},
    tracking::HistoryPoint,
};
use serde::Serialize;

use super::{body::Body, message::Message, run_json::MetricJson};
use crate::error::MlflowError;

/// Runs whose histories are asked for at once at most.
const MAX_RUNS: usize = 100;
/// Points of the histories of several runs together at most.
const MAX_POINTS: u64 = 25_000;
/// Points of one run at most where a history is reduced.
const MAX_POINTS_OF_RUN: usize = 2_500;

/// Points of a history that are read, written and sent at a time.
const PART: u64 = 5_000;

#[derive(Serialize)]
struct Histories<'r> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    metrics: Vec<MetricJson<'r>>,
}

/// A history of any length, in parts: of none more is in memory than the part that is sent.
pub(super) fn history(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let (id, key) = (message.run_id()?, message.required("metric_key")?);
    let start = message.text("page_token")?.unwrap_or_default().parse();
    let start = start.map_err(|error: InvalidPageToken| MlflowError::invalid(error.to_string()))?;
    let left = match message.int("max_results")? {
        None => u64::MAX,
        Some(wanted) => u64::try_from(wanted).ok().filter(|wanted| *wanted > 0).ok_or_else(|| {
            let message =
                format!("Invalid value {wanted} for parameter 'max_results' supplied. It must be a positive integer.");
            MlflowError::invalid(message)
        })?,
    };
    let run = (id.to_owned(), key.to_owned());
    Body::of_parts(HistoryParts {
        app: app.clone(),
        context: context.clone(),
        run,
        start,
        left,
        parts: 0,
        is_over: false,
    })
}

/// What of a history is still to be sent.
struct HistoryParts {
    app: App,
    context: RequestContext,
    /// The run, and the name of the metric.
    run: (String, String),
    start: HistoryToken,
    left: u64,
    parts: u64,
    is_over: bool,
}

impl HistoryParts {
    /// The next part: text of one JSON document, which the last part ends.
    fn read(&mut self) -> Result<Vec<u8>, MlflowError> {
        // One more than are wanted says whether there is another page.
        let limit = self.left.saturating_add(1).min(PART);
        let (id, key) = (self.run.0.as_str(), self.run.1.as_str());
        // At most PART.
        let mut points = tracking::metric_history(&self.app, &self.context, (id, key), &self.start, limit as u32)?;
        let has_more = points.len() as u64 > self.left;
        self.is_over = has_more || (points.len() as u64) < limit;
        if has_more {
            points.pop();
        }
        self.left -= points.len() as u64;
        self.start.offset += points.len() as u64;
        self.start.after = points.last().copied().or(self.start.after);
        let mut text = Vec::with_capacity(96 * points.len() + 128);
        for (place, point) in points.iter().enumerate() {
            let before: &[u8] = if self.parts + place as u64 > 0 { b"," } else { b"{\"metrics\":[" };
            text.extend_from_slice(before);
            write_json(&mut text, &MetricJson::of(key, point, None))?;
        }
        let has_metrics = self.parts > 0 || !points.is_empty();
        self.parts += 1;
        if self.is_over {
            text.extend_from_slice(if has_metrics { b"]" } else { b"{" });
            if has_more {
                text.extend_from_slice(b",\"next_page_token\":");
                write_json(&mut text, &self.start.to_string())?;
            }
            text.push(b'}');
        }
        Ok(text)
    }
}

impl Iterator for HistoryParts {
    type Item = Result<Vec<u8>, MlflowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let read = self.read();
        self.is_over |= read.is_err();
        Some(read)
    }
}

fn write_json(into: &mut Vec<u8>, value: &impl Serialize) -> Result<(), MlflowError> {
    serde_json::to_writer(into, value).map_err(|error| MlflowError::internal(&error.to_string()))
}

/// The runs that are asked for, once each.
fn run_ids(message: &Message, name: &str, request: &str) -> Result<Vec<String>, MlflowError> {
    let mut ids = message.texts(name)?;
    if ids.is_empty() {
        return Err(MlflowError::invalid(format!("{request} request must specify at least one run_id.")));
    }
    if ids.len() > MAX_RUNS {
        let count = ids.len();
        let message =
            format!("{request} request cannot specify more than {MAX_RUNS} run_ids. Received {count} run_ids.");
        return Err(MlflowError::invalid(message));
    }
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

fn metrics_of_runs(key: &str, found: &[(String, Vec<HistoryPoint>)]) -> Result<Body, MlflowError> {
    let mut metrics = Vec::new();
    for (id, points) in found {
        metrics.extend(points.iter().map(|point| MetricJson::of(key, point, Some(id))));
    }
    Body::of(&Histories { metrics })
}

pub(super) fn history_of_many(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let request = "GetMetricHistoryBulk";
    let ids = run_ids(message, "run_id", request)?;
    let Some(key) = message.text("metric_key")? else {
        return Err(MlflowError::invalid(format!("{request} request must specify a metric_key.")));
    };
    let wanted = message.int("max_results")?.and_then(|wanted| u64::try_from(wanted).ok());
    let mut left = wanted.unwrap_or(MAX_POINTS).min(MAX_POINTS);
    let mut found = Vec::new();
    for id in ids {
        let (mut start, mut points) = (HistoryToken::default(), Vec::new());
        loop {
            let limit = left.min(PART);
            // At most PART.
            let part = match limit {
                0 => break,
                limit => tracking::metric_history(app, context, (&id, key), &start, limit as u32)?,
            };
            let is_last = (part.len() as u64) < limit;
            left -= part.len() as u64;
            start.after = part.last().copied();
            points.extend(part);
            if is_last {
                break;
            }
        }
        found.push((id, points));
    }
    metrics_of_runs(key, &found)
}

pub(super) fn history_by_interval(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let ids = run_ids(message, "run_ids", "GetMetricHistoryBulkInterval")?;
    let key = message.required("metric_key")?;
    let wanted = match message.int("max_results")? {
        None => MAX_POINTS_OF_RUN,
        Some(wanted) => usize::try_from(wanted)
            .ok()
            .filter(|wanted| (1..=MAX_POINTS_OF_RUN).contains(wanted))
            .ok_or_else(|| MlflowError::invalid(format!("max_results must be between 1 and {MAX_POINTS_OF_RUN}.")))?,
    };
    let steps = match (message.int("start_step")?, message.int("end_step")?) {
        (None, None) => i64::MIN..=i64::MAX,
        (Some(start), Some(end)) if start <= end => start..=end,
        (Some(start), Some(end)) => {
            let found = format!("Found start_step={start} and end_step={end}.");
            return Err(MlflowError::invalid(format!("end_step must be greater than start_step. {found}")));
        }
        _ => {
            let message = "If either start step or end step are specified, both must be specified.";
            return Err(MlflowError::invalid(message));
        }
    };
    let found = tracking::reduced_histories(app, context, &ids, (key, steps), wanted)?;
    let found: Vec<_> = found.into_iter().map(|history| (history.run, history.points)).collect();
    metrics_of_runs(key, &found)
}
