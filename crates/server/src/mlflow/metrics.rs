//! `metrics/*`: the history of a metric, whole or reduced to so many points.

use kilter_app::{App, RequestContext, tracking};
use kilter_domain::{search::PageToken, tracking::MetricPoint};
use serde::Serialize;

use super::{body::Body, message::Message, run_json::MetricJson, search_query};
use crate::error::MlflowError;

/// Runs whose histories are asked for at once at most.
const MAX_RUNS: usize = 100;
/// Points of the histories of several runs together at most.
const MAX_POINTS: u64 = 25_000;
/// Points of one run at most where a history is reduced.
const MAX_POINTS_OF_RUN: usize = 2_500;

#[derive(Serialize)]
struct History<'r> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    metrics: Vec<MetricJson<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

pub(super) fn history(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let (id, key) = (message.run_id()?, message.required("metric_key")?);
    let token = search_query::token(message)?;
    let wanted = match message.int("max_results")? {
        None => u64::MAX,
        Some(wanted) => u64::try_from(wanted).ok().filter(|wanted| *wanted > 0).ok_or_else(|| {
            let message =
                format!("Invalid value {wanted} for parameter 'max_results' supplied. It must be a positive integer.");
            MlflowError::invalid(message)
        })?,
    };
    let offset = token.offset;
    let range = offset..offset.saturating_add(wanted).saturating_add(1);
    let mut points = tracking::metric_history(app, context, id, key, range)?;
    let has_more = points.len() as u64 > wanted;
    if has_more {
        points.pop();
    }
    let next_page_token = has_more.then(|| PageToken { offset: offset + points.len() as u64 }.to_string());
    let metrics = points.iter().map(|point| MetricJson::of(point, None)).collect();
    Body::of(&History { metrics, next_page_token })
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

fn metrics_of_runs(found: &[(String, Vec<MetricPoint>)]) -> Result<Body, MlflowError> {
    let metrics = found.iter().flat_map(|(id, points)| points.iter().map(|point| MetricJson::of(point, Some(id))));
    Body::of(&History { metrics: metrics.collect(), next_page_token: None })
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
        let points = tracking::metric_history(app, context, &id, key, 0..left)?;
        left -= points.len() as u64;
        found.push((id, points));
    }
    metrics_of_runs(&found)
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
    metrics_of_runs(&found)
}
