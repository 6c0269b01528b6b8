//! What versions answered, by column: kept on a timer and when the server stops, read over the API, named in gauges.
//!
//! Invariants: at most [`MAX_COLUMNS`] columns are gauges of one page, and how many were left out is a metric. Deliberately
//! absent: judgements; a profile is compared with the version's own reference, and monitors judge.

use axum::{
    Json,
    extract::{Path, State},
};
use kilter_api::{self as api, ColumnStatsQuery, Problem};
use kilter_app::{
    App,
    column_stats::{self, ColumnReading, Span, VersionColumnStats},
};
use kilter_domain::{
    ids::EndpointName,
    time::{DAY_MS, Timestamp},
};
use kilter_serving::{Role, column_stats::ColumnKind};

use crate::{
    api::{bad_request, endpoints::require_endpoint, monitors::level_of, parse_param, read},
    caller::Caller,
    error::{ApiError, problem_of},
    extract,
    state::{AppState, blocking},
};

/// What the versions of an endpoint were asked and answered, by column, beside the reference of each. Rows are counted by
/// the hour in which they came; hours that lie partly in the span count whole.
#[utoipa::path(
    get, path = "/api/v1/endpoints/{endpoint}/columns", tag = "monitoring", params(("endpoint" = String, Path), ColumnStatsQuery),
    responses((status = 200, body = api::ColumnStats), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem))
)]
pub(crate) async fn get_column_stats(
    _: Caller,
    State(state): State<AppState>,
    Path(endpoint): Path<String>,
    wanted: extract::Query<ColumnStatsQuery>,
) -> Result<Json<api::ColumnStats>, ApiError> {
    let (app, endpoint) = (state.app(), parse_param(&endpoint)?);
    let span = span_of(&wanted.0, state.now())?;
    Ok(Json(blocking(move || profile_of(&app, &endpoint, span)).await?))
}

fn span_of(query: &ColumnStatsQuery, now: Timestamp) -> Result<Span, Problem> {
    let until = query.until.unwrap_or(now);
    let since = query.since.unwrap_or(Timestamp(until.millis().saturating_sub(DAY_MS)));
    match since <= until {
        true => Ok(Span { since, until }),
        false => Err(bad_request(format!("`since` is {since}, which is after `until`: {until}"))),
    }
}

fn profile_of(app: &App, endpoint: &EndpointName, span: Span) -> Result<api::ColumnStats, Problem> {
    read(app, |reader| require_endpoint(reader, endpoint))?;
    let found = column_stats::endpoint_column_stats(app, endpoint, span).map_err(|error| problem_of(&error))?;
    Ok(api::ColumnStats {
        endpoint: endpoint.to_string(),
        since: span.since,
        until: span.until,
        versions: found.versions.iter().map(version).collect(),
        unreadable_files: found.unreadable,
        lost_rows: found.lost_rows,
    })
}

fn version(found: &VersionColumnStats) -> api::VersionColumnStats {
    api::VersionColumnStats {
        model: found.model.to_string(),
        version: found.number,
        role: match found.role {
            // Nothing is counted of what was brought in or asked for by its number; what was answered for a candidate counts as
            // the champion's.
            Role::Champion | Role::Imported | Role::Pinned | Role::Fallback => api::ServingRole::Champion,
            Role::Candidate => api::ServingRole::Candidate,
            Role::Shadow => api::ServingRole::Shadow,
        },
        from: found.from,
        to: found.to,
        rows: found.rows,
        columns: found.columns.iter().map(column).collect(),
    }
}

fn column(found: &ColumnReading) -> api::ColumnSummary {
    let outside = found.outside();
    api::ColumnSummary {
        column: found.name.clone(),
        kind: match found.kind {
            ColumnKind::Feature => api::ColumnKind::Feature,
            ColumnKind::Score => api::ColumnKind::Score,
            ColumnKind::Prediction => api::ColumnKind::Prediction,
        },
        data_type: if outside.is_some() { api::ColumnDataType::Numeric } else { api::ColumnDataType::Categorical },
        rows: found.rows(),
        missing_share: found.missing_share(),
        reference_missing_share: found.reference_missing,
        unseen_share: found.unseen_share(),
        unseen_values: found.unseen_values(),
        out_of_range_share: found.out_of_range_share(),
        below: outside.map(|[below, ..]| below),
        above: outside.map(|[_, above, _]| above),
        infinite: outside.map(|[.., infinite]| infinite),
        distances: found
            .distances
            .iter()
            .map(|distance| api::ColumnDistance {
                measure: distance.measure.name().to_owned(),
                value: distance.value,
                expected: distance.expected,
                effect: distance.effect,
            })
            .collect(),
        compared: found.compared.clone(),
        level: level_of(found.level),
    }
}
