//! What is brought from another tracking server.

use axum::{Json, extract::State};
use kilter_api::{self as api, Code, Problem};
use kilter_app::{
    authz::act,
    tracking::{finish_import, import_records},
};

use crate::{
    caller::Allowed,
    error::{ApiError, problem_of},
    extract,
    state::{AppState, blocking},
};

/// Kinds of which the end of an import tells at most.
const MAX_COUNTS: usize = 100;

/// Brings things that another tracking server has: all of them, or none. The same again changes nothing.
#[utoipa::path(
    post, path = "/api/v1/imports/mlflow", tag = "operations", request_body = api::ImportRecords,
    responses((status = 200, body = api::Imported), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem), (status = 409, body = Problem), (status = 413, body = Problem))
)]
pub(crate) async fn import_mlflow(
    Allowed(by): Allowed<act::Administer>,
    State(state): State<AppState>,
    extract::JsonBody(body): extract::JsonBody,
) -> Result<Json<api::Imported>, ApiError> {
    let app = state.app();
    let bring = move || {
        let asked: api::ImportRecords = serde_json::from_slice(&body)
            .map_err(|error| Problem::new(Code::RequestInvalid, format!("the body cannot be read: {error}")))?;
        let records = asked.records.len();
        import_records(&app, &by, asked.records).map_err(|error| problem_of(&error))?;
        Ok(api::Imported { records })
    };
    Ok(Json(blocking(bring).await?))
}

/// Records in the audit log that an import came to its end, with its counts.
#[utoipa::path(
    post, path = "/api/v1/imports/mlflow/finish", tag = "operations", request_body = api::ImportFinished,
    responses((status = 200, body = api::Imported), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem))
)]
pub(crate) async fn finish_mlflow_import(
    Allowed(by): Allowed<act::Administer>,
    State(state): State<AppState>,
    extract::Json(body): extract::Json<api::ImportFinished>,
) -> Result<Json<api::Imported>, ApiError> {
    let app = state.app();
    let finish = move || {
        let counts = body.counts.iter().take(MAX_COUNTS);
        let counts = counts.map(|count| {
            let api::ImportCount { kind, source, here, brought, here_digest, .. } = count;
            format!("{kind}: {source} there, {here} here, {brought} brought, {here_digest}")
        });
        finish_import(&app, &by, &body.source, counts.collect()).map_err(|error| problem_of(&error))?;
        Ok(api::Imported { records: 0 })
    };
    Ok(Json(blocking(finish).await?))
}
