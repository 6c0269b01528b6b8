//! Labels: what turned out to be true of predictions; and predictions of the past that are brought in.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};
use kilter_api::{self as api, Code, Problem};
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

/// Names a file of past predictions: it gets its entry in the audit log, once, and its rows may be sent.
#[utoipa::path(
    post, path = "/api/v1/endpoints/{endpoint}/predictions/imports", tag = "predictions",
    params(("endpoint" = String, Path)), request_body = api::PredictionFile,
    responses((status = 200, body = api::PredictionFileKnown), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem))
)]
pub(crate) async fn begin_import(
    caller: Caller,
    State(state): State<AppState>,
    Path(endpoint): Path<String>,
    extract::Json(file): extract::Json<api::PredictionFile>,
) -> Result<Json<api::PredictionFileKnown>, ApiError> {
    let (app, context) = (state.app(), caller.context(&state));
    let endpoint: EndpointName = parse_param(&endpoint)?;
    let api::PredictionFile { sha256, rows, reason } = file;
    let file = prediction::PredictionFile { sha256, rows, reason };
    let begin = move || prediction::begin_import(&app, &context, &endpoint, &file).map_err(|error| problem_of(&error));
    Ok(Json(api::PredictionFileKnown { audit_seq: blocking(begin).await? }))
}

/// The most past predictions of a request.
const MAX_PAST_ROWS: usize = 100_000;

/// Records past predictions with their own times, at most 100,000 in a request. Ids that are recorded already are left as they are, and rows
/// that cannot be recorded are told one by one; what was imported survives any end of the process.
#[utoipa::path(
    post, path = "/api/v1/endpoints/{endpoint}/predictions", tag = "predictions",
    params(("endpoint" = String, Path)), request_body = api::PastPredictions,
    responses((status = 200, body = api::PastPredictionsKept), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem), (status = 413, body = Problem), (status = 503, body = Problem), (status = 507, body = Problem))
)]
pub(crate) async fn import_predictions(
    caller: Caller,
    State(state): State<AppState>,
    Path(endpoint): Path<String>,
    extract::JsonBody(body): extract::JsonBody,
) -> Result<Json<api::PastPredictionsKept>, ApiError> {
    let (app, context) = (state.app(), caller.context(&state));
    let endpoint: EndpointName = parse_param(&endpoint)?;
    let import = move || {
        let past: api::PastPredictions = serde_json::from_slice(&body)
            .map_err(|error| Problem::new(Code::RequestInvalid, format!("the body cannot be read: {error}")))?;
        if past.ids.len() > MAX_PAST_ROWS {
            let detail =
                format!("the request has {} predictions; at most {MAX_PAST_ROWS} are accepted", past.ids.len());
            return Err(Problem::new(Code::BodyTooLarge, detail));
        }
        let past = past_predictions(past);
        let done = prediction::import_predictions(&app, &context, &endpoint, &past);
        let done = done.map_err(|error| problem_of(&error))?;
        let refused = done.refused.into_iter().map(|(row, reason)| api::RefusedPrediction {
            row,
            id: past.ids[row].chars().take(MAX_SHOWN_ID).collect(),
            reason,
        });
        Ok(api::PastPredictionsKept {
            imported: done.imported,
            known: done.known,
            refused: refused.collect(),
            left_out: done.left_out.into_iter().collect(),
        })
    };
    Ok(Json(blocking(import).await?))
}

/// Characters of an id that a refusal repeats.
const MAX_SHOWN_ID: usize = 80;

fn past_predictions(past: api::PastPredictions) -> prediction::PastPredictions {
    let texts = |texts: Vec<Option<String>>| texts.into_iter().map(|text| text.map(Arc::from)).collect();
    prediction::PastPredictions {
        sha256: past.sha256,
        ids: past.ids.into_iter().map(Arc::from).collect(),
        times: past.times,
        versions: past.versions,
        scores: past.scores,
        predicted: past.predicted.map(texts),
        probabilities: past.probabilities,
        labels: past.labels,
        known_at: past.known_at,
        features: past.features.into_iter().map(|column| (column.name, column.values)).collect(),
    }
}
