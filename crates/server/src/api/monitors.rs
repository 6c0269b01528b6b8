//! What the monitors of an endpoint measured: the newest reading of each rule, and readings window by window.
//!
//! Invariants: a reading that rests on labels says how many of its window's are known; one that was not measured has no
//! value. Out of scope: judgements; a reading carries the one that was made with it.

use std::collections::HashMap;

use axum::{
    Json,
    extract::{Path, State},
};
use kilter_api::{self as api, PageQuery, Problem, ReadingQuery};
use kilter_app::{
    App,
    monitor::{Level, level_of_drift},
};
use kilter_domain::{
    alert::MonitorKind,
    ids::EndpointName,
    rule::{MAX_PARTS, MetricId},
    time::{Interval, Timestamp},
};
use kilter_store::{
    PageRequest, Reader, StoreError,
    monitor::{self as store, Reading, ReadingFilter, RuleStatus},
};

use crate::{
    api::{cursor, endpoints::require_endpoint, page_request, parse_param, read},
    caller::Caller,
    error::ApiError,
    extract,
    state::{AppState, blocking},
};

/// Metrics of an endpoint that are listed at most.
const MAX_METRICS: u32 = 1_000;
/// Windows of a page whose labels are counted at most.
const MAX_WINDOWS: u32 = 10_000;

/// The newest reading of every rule (and of every other metric) of an endpoint, by kind and metric.
#[utoipa::path(
    get, path = "/api/v1/endpoints/{endpoint}/readings/latest", tag = "monitoring", params(("endpoint" = String, Path)),
    responses((status = 200, body = api::Page<api::Reading>), (status = 401, body = Problem), (status = 404, body = Problem))
)]
pub(crate) async fn list_latest_readings(
    _: Caller,
    State(state): State<AppState>,
    Path(endpoint): Path<String>,
) -> Result<Json<api::Page<api::Reading>>, ApiError> {
    let (app, endpoint, now) = (state.app(), parse_param(&endpoint)?, state.now());
    let items = blocking(move || latest(&app, &endpoint, now, MAX_METRICS)).await?;
    Ok(Json(api::Page { items, next: None }))
}

/// Readings of an endpoint, newest first. A window is read again while labels come, so it may stand here several times.
#[utoipa::path(
    get, path = "/api/v1/endpoints/{endpoint}/readings", tag = "monitoring", params(("endpoint" = String, Path), ReadingQuery),
    responses((status = 200, body = api::Page<api::Reading>), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem))
)]
pub(crate) async fn list_readings(
    _: Caller,
    State(state): State<AppState>,
    Path(endpoint): Path<String>,
    wanted: extract::Query<ReadingQuery>,
) -> Result<Json<api::Page<api::Reading>>, ApiError> {
    let (app, endpoint, wanted) = (state.app(), parse_param(&endpoint)?, wanted.0);
    let page = page_request(&PageQuery { limit: wanted.limit, cursor: wanted.cursor })?;
    let monitor = wanted.monitor.map(Into::into);
    let filter = ReadingFilter { monitor, metric: wanted.metric.as_deref().map(parse_param).transpose()? };
    let part = wanted.part;
    Ok(Json(blocking(move || list_matching(&app, &endpoint, &filter, part.as_deref(), &page)).await?))
}

/// The newest reading of every metric of an endpoint.
///
/// # Errors
/// When nothing of that name is registered, or the metadata cannot be read.
pub(crate) fn latest(
    app: &App,
    endpoint: &EndpointName,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<api::Reading>, Problem> {
    read(app, |reader| {
        require_endpoint(reader, endpoint)?;
        readings_with_coverage(reader, endpoint, &store::latest(reader, endpoint, now, limit)?, None)
    })
}

fn list_matching(
    app: &App,
    endpoint: &EndpointName,
    filter: &ReadingFilter,
    part: Option<&str>,
    page: &PageRequest,
) -> Result<api::Page<api::Reading>, Problem> {
    read(app, |reader| {
        require_endpoint(reader, endpoint)?;
        let found = store::list(reader, endpoint, filter, page)?;
        Ok(api::Page { items: readings_with_coverage(reader, endpoint, &found.items, part)?, next: cursor(found.next) })
    })
}

/// Readings in the words of `api`, with the labels that are known by now.
fn readings_with_coverage(
    reader: &Reader,
    endpoint: &EndpointName,
    readings: &[Reading],
    part: Option<&str>,
) -> Result<Vec<api::Reading>, StoreError> {
    let resting = || readings.iter().filter(|reading| rests_on_labels(reading));
    let span = resting()
        .map(|reading| reading.window)
        .reduce(|span, window| Interval::new(span.start.min(window.start), span.end.max(window.end)));
    let mut coverage: HashMap<Interval, f64> = HashMap::new();
    if let Some(span) = span {
        let kind = Some(MonitorKind::Performance);
        let labelled = store::history(reader, endpoint, kind, &MetricId::LabelCoverage, span, MAX_WINDOWS)?;
        let shares = labelled.iter().filter_map(|found| Some((found.window, found.value?)));
        coverage.extend(shares);
    }
    let one = |reading: &Reading| {
        let coverage = coverage.get(&reading.window).copied().filter(|_| rests_on_labels(reading));
        let whole = reading_of(reading, coverage);
        part.map_or(whole.clone(), |part| reading_of_part(whole, reading, part))
    };
    Ok(readings.iter().map(one).collect())
}

fn rests_on_labels(reading: &Reading) -> bool {
    !reading.estimated && matches!(reading.monitor, MonitorKind::Performance | MonitorKind::Bias)
}

fn reading_of(reading: &Reading, coverage: Option<f64>) -> api::Reading {
    let outcome = reading.detail.outcome.as_ref();
    let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
    api::Reading {
        endpoint: reading.endpoint.to_string(),
        monitor: reading.monitor.into(),
        metric: reading.metric.to_string(),
        part: None,
        rule: outcome.map(|outcome| outcome.rule.clone()),
        default_rule: reading.detail.is_default_rule,
        window_start: reading.window.start,
        window_end: reading.window.end,
        value: finite(reading.value),
        low: finite(reading.low),
        high: finite(reading.high),
        bound_low: finite(outcome.and_then(|outcome| outcome.limits.low)),
        bound_high: finite(outcome.and_then(|outcome| outcome.limits.high)),
        count: reading.count,
        verdict: reading.verdict.map(verdict_of),
        reason: outcome.map(|outcome| outcome.text.clone()),
        as_of: reading.as_of,
        estimated: reading.estimated,
        provisional: coverage.is_some_and(|coverage| coverage < 1.0),
        coverage,
        level: level_of_drift(reading).map(level_of),
        model: reading.version.as_ref().map(|version| version.model.to_string()),
        version: reading.version.as_ref().map(|version| version.number),
    }
}

/// A reading with the numbers of one of its parts; without any where the part was not measured.
fn reading_of_part(whole: api::Reading, reading: &Reading, name: &str) -> api::Reading {
    let mut parts = reading.detail.outcome.iter().flat_map(|outcome| &outcome.parts);
    let found = parts.find(|part| part.name == name);
    let measured = found.and_then(|part| part.measurement.as_ref());
    let finite = |value: f64| Some(value).filter(|value| value.is_finite());
    let end =
        |of: fn((f64, f64)) -> f64| measured.and_then(|measured| measured.interval).and_then(|both| finite(of(both)));
    api::Reading {
        part: Some(name.to_owned()),
        value: measured.and_then(|measured| finite(measured.value)),
        low: end(|both| both.0),
        high: end(|both| both.1),
        count: measured.map_or(0, |measured| measured.count),
        verdict: found.map(|part| verdict_of(RuleStatus::from(&part.verdict))),
        reason: match found {
            Some(_) => measured.and_then(|measured| measured.note.clone()),
            None => Some(format!("`{name}` was not measured in this window, or is not among the {MAX_PARTS} worst")),
        },
        ..whole
    }
}

const fn verdict_of(verdict: RuleStatus) -> api::Verdict {
    match verdict {
        RuleStatus::Passed => api::Verdict::Passed,
        RuleStatus::Failed => api::Verdict::Failed,
        RuleStatus::Undecided => api::Verdict::Undecided,
    }
}

/// A level of drift in the words of the API.
pub(crate) const fn level_of(level: Level) -> api::DriftLevel {
    match level {
        Level::Calm => api::DriftLevel::Calm,
        Level::Unjudged => api::DriftLevel::NotCompared,
        Level::TooFew => api::DriftLevel::TooFew,
        Level::Info => api::DriftLevel::Note,
        Level::Warn => api::DriftLevel::Warn,
        Level::Alert => api::DriftLevel::Alert,
    }
}
