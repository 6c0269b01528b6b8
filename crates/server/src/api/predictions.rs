//! Labels: what turned out to be true of predictions.

use axum::{
    Json,
    extract::{Path, State},
};
use kilter_api::{self as api, Problem};
use kilter_app::{App, prediction};
use kilter_domain::{error_chain::with_causes, ids::EndpointName, time::Timestamp};

use crate::{
    api::{label_body, parse_param},
    caller::Caller,
    error::{ApiError, problem_of},
    extract,
    state::{AppState, blocking},
};

/// Keeps labels, at most 100,000 in a request. Late, corrected and unknown ids are all taken, and a time that is still to come
/// by more than five minutes is refused with all of the request; what was answered survives any end of the process.
#[utoipa::path(
    post, path = "/api/v1/endpoints/{endpoint}/labels", tag = "predictions",
    params(("endpoint" = String, Path)), request_body = api::Labels,
    responses((status = 200, body = api::LabelsKept), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem), (status = 413, body = Problem), (status = 503, body = Problem), (status = 507, body = Problem))
)]
pub(crate) async fn send_labels(
    _: Caller,
    State(state): State<AppState>,
    Path(endpoint): Path<String>,
    extract::JsonBody(body): extract::JsonBody,
) -> Result<Json<api::LabelsKept>, ApiError> {
    let (app, now) = (state.app(), state.now());
    let endpoint: EndpointName = parse_param(&endpoint)?;
    let keep = move || {
        let label_body::LabelRequest { labels, count_known } = label_body::read(&body, now)?;
        store_labels(&app, &endpoint, labels, count_known, now)
    };
    Ok(Json(blocking(keep).await?))
}

/// Names of ids that one answer holds at most.
const MAX_UNKNOWN_IDS: usize = 10;

fn store_labels(
    app: &App,
    endpoint: &EndpointName,
    labels: prediction::Labels,
    is_counted: bool,
    now: Timestamp,
) -> Result<api::LabelsKept, Problem> {
    let (ids, values) = (labels.ids.clone(), labels.values.clone());
    prediction::label(app, endpoint, labels, now).map_err(|error| problem_of(&error))?;
    let found = is_counted.then(|| prediction::known_ids(app, endpoint, &ids));
    let found = found.and_then(|found| found_out(found, endpoint));
    let unknown = found.iter().flat_map(|found| &found.unknown).take(MAX_UNKNOWN_IDS);
    Ok(api::LabelsKept {
        labels: ids.len(),
        unknown_ids: unknown.map(ToString::to_string).collect(),
        // Where the log is too long to be looked through, nothing is said.
        known_ids: found.filter(|found| found.is_whole).map(|found| found.known),
        unknown_labels: found_out(prediction::check_labels(app, endpoint, &values), endpoint)
            .flatten()
            .filter(|check| check.unknown > 0)
            .map(|check| check.sentence()),
    })
}

/// What could be found out about labels. They are kept already: a database that is away must not make a failure of it.
fn found_out<T>(found: Result<T, impl std::error::Error>, endpoint: &EndpointName) -> Option<T> {
    found
        .inspect_err(|error| {
            tracing::warn!(%endpoint, error = with_causes(error), "labels were kept, and could not be compared with the predictions");
        })
        .ok()
}
