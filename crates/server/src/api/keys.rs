//! Signing keys: listed, exported, rotated, revoked.

use axum::{
    Json,
    extract::{Path, State},
};
use kilter_api::{self as api, Problem};
use kilter_app::{authz::act, keys};
use kilter_store::signing_key as store;

use crate::{
    api::reason_or_default,
    caller::{Allowed, Caller},
    error::{ApiError, problem_of},
    extract,
    state::{AppState, blocking},
};

/// The public keys, newest first.
#[utoipa::path(get, path = "/api/v1/keys", tag = "keys", responses((status = 200, body = api::Page<api::SigningKey>), (status = 401, body = Problem), (status = 403, body = Problem)))]
pub(crate) async fn list_keys(
    _: Caller,
    State(state): State<AppState>,
) -> Result<Json<api::Page<api::SigningKey>>, ApiError> {
    let app = state.app();
    let found = blocking(move || keys::list_keys(&app).map_err(|error| problem_of(&error))).await?;
    Ok(Json(api::Page { items: found.iter().map(signing_key).collect(), next: None }))
}

/// One public key, by its id or how it begins.
#[utoipa::path(get, path = "/api/v1/keys/{id}", tag = "keys", params(("id" = String, Path)), responses((status = 200, body = api::SigningKey), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn get_key(
    _: Caller,
    State(state): State<AppState>,
    Path(id): Path<String>,
) -> Result<Json<api::SigningKey>, ApiError> {
    let app = state.app();
    let found = blocking(move || keys::find_key(&app, &id).map_err(|error| problem_of(&error))).await?;
    Ok(Json(signing_key(&found)))
}

/// Makes a new key of this server, which signs from now on. What the old one signed stays believed.
#[utoipa::path(post, path = "/api/v1/keys/rotate", tag = "keys", request_body = api::RotateKey, responses((status = 200, body = api::SigningKey), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn rotate_key(
    Allowed(by): Allowed<act::Administer>,
    State(state): State<AppState>,
    extract::Json(body): extract::Json<api::RotateKey>,
) -> Result<Json<api::SigningKey>, ApiError> {
    let app = state.app();
    let reason = reason_or_default(body.reason);
    let rotate = move || keys::rotate_key(&app, &by, body.purpose.into(), &reason).map_err(|error| problem_of(&error));
    Ok(Json(signing_key(&blocking(rotate).await?)))
}

/// Revokes a key: nothing that it signed is believed any more.
#[utoipa::path(post, path = "/api/v1/keys/{id}/revoke", tag = "keys", params(("id" = String, Path)), request_body = api::Reason, responses((status = 200, body = api::SigningKey), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn revoke_key(
    Allowed(by): Allowed<act::Administer>,
    State(state): State<AppState>,
    Path(id): Path<String>,
    extract::Json(body): extract::Json<api::Reason>,
) -> Result<Json<api::SigningKey>, ApiError> {
    let app = state.app();
    let reason = reason_or_default(body.reason);
    let revoke = move || keys::revoke_key(&app, &by, &id, &reason).map_err(|error| problem_of(&error));
    Ok(Json(signing_key(&blocking(revoke).await?)))
}

fn signing_key(key: &store::SigningKey) -> api::SigningKey {
    api::SigningKey {
        id: key.id.clone(),
        purpose: key.purpose.into(),
        state: key.state.into(),
        since: key.since,
        ended: key.ended,
        public_key: key.public_key.clone(),
    }
}
