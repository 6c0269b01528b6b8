//! Garbage: found, and removed where that is asked for.

use std::time::{Duration, Instant};

use axum::{Json, extract::State};
use kilter_api::{self as api, Problem};
use kilter_app::{
    App,
    authz::{Authorized, act},
    garbage::{self, Collection, GarbageKind, GarbageOptions},
};
use kilter_domain::time::DAY_MS;

use crate::{
    api::bad_request,
    caller::Allowed,
    error::{ApiError, problem_of},
    extract,
    state::{AppState, blocking},
};

/// How long one request removes. Who asks again goes on where it stopped.
const PATIENCE: Duration = Duration::from_secs(30);

/// Finds what nothing needs any more or is past its retention, and removes it if that is asked for.
#[utoipa::path(
    post, path = "/api/v1/gc", tag = "operations", request_body = api::CollectGarbage,
    responses((status = 200, body = api::GarbageCollection), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem))
)]
pub(crate) async fn collect_garbage(
    Allowed(by): Allowed<act::Administer>,
    State(state): State<AppState>,
    extract::Json(body): extract::Json<api::CollectGarbage>,
) -> Result<Json<api::GarbageCollection>, ApiError> {
    let app = state.app();
    Ok(Json(blocking(move || collect(&app, &by, &body)).await?))
}

fn collect(
    app: &App,
    by: &Authorized<act::Administer>,
    body: &api::CollectGarbage,
) -> Result<api::GarbageCollection, Problem> {
    let usual = GarbageOptions::new(by.at);
    let unused = body.unused.unwrap_or(usual.unused);
    if unused.millis() < DAY_MS {
        return Err(bad_request(format!("`unused` is {unused}: what was used within a day always stays")));
    }
    let deleted = body.deleted.unwrap_or(usual.deleted);
    let options = GarbageOptions { deletes: body.delete, unused, deleted, cache_bytes: body.cache_bytes, ..usual };
    let began = Instant::now();
    let collection = garbage::collect_garbage(app, by, &options, &|| began.elapsed() < PATIENCE);
    Ok(answer(&collection.map_err(|error| problem_of(&error))?, body.delete))
}

fn answer(found: &Collection, deleted: bool) -> api::GarbageCollection {
    let garbage = found.garbage.iter().map(|garbage| api::Garbage {
        kind: kind(garbage.kind),
        place: garbage.place.clone(),
        count: garbage.count,
        bytes: garbage.bytes,
        before: garbage.before,
    });
    api::GarbageCollection {
        deleted,
        garbage: garbage.collect(),
        bytes: found.bytes(),
        skipped: found.skipped.clone(),
        complete: found.is_complete,
    }
}

const fn kind(kind: GarbageKind) -> api::GarbageKind {
    match kind {
        GarbageKind::Predictions => api::GarbageKind::Predictions,
        GarbageKind::Labels => api::GarbageKind::Labels,
        GarbageKind::Readings => api::GarbageKind::Readings,
        GarbageKind::Packages => api::GarbageKind::Packages,
        GarbageKind::StepResults => api::GarbageKind::StepResults,
        GarbageKind::StepBlobs => api::GarbageKind::StepBlobs,
        GarbageKind::Profiles => api::GarbageKind::Profiles,
        GarbageKind::DatasetCopies => api::GarbageKind::DatasetCopies,
        GarbageKind::Environments => api::GarbageKind::Environments,
        GarbageKind::TrainingFiles => api::GarbageKind::TrainingFiles,
        GarbageKind::Artifacts => api::GarbageKind::Artifacts,
        GarbageKind::DeletedRuns => api::GarbageKind::DeletedRuns,
        GarbageKind::DeletedModels => api::GarbageKind::DeletedModels,
        GarbageKind::DeletedExperiments => api::GarbageKind::DeletedExperiments,
    }
}
