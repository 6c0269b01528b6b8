//! Registered models and their versions: listed, shown, approved, rejected.

use axum::{
    Json,
    extract::{Path, State},
};
use kilter_api::{self as api, PageQuery, Problem};
use kilter_app::{App, approval, authz, package};
use kilter_domain::{actor::Role, gate::ApprovalConditions, ids::ModelName, time::Timestamp};
use kilter_store::{
    PageRequest, Reader, StoreError, gate as gates,
    model::{self as store, Version},
};

use crate::{
    api::{
        MAX_ROWS, bad_request, cursor, deployments::deployed, gates::gate_verdict, page_request, parse_param, read,
        reason_or_default, standing,
    },
    caller::Caller,
    error::{ApiError, problem_of},
    extract,
    state::{AppState, blocking},
};

/// Every model with its versions, newest first.
#[utoipa::path(get, path = "/api/v1/models", tag = "models", params(PageQuery), responses((status = 200, body = api::Page<api::Model>), (status = 400, body = Problem), (status = 401, body = Problem)))]
pub(crate) async fn list_models(
    caller: Caller,
    State(state): State<AppState>,
    listing: extract::Query<PageQuery>,
) -> Result<Json<api::Page<api::Model>>, ApiError> {
    let (app, page) = (state.app(), page_request(&listing.0)?);
    let readable = authz::readable(&app, &caller.context(&state));
    let mut found = blocking(move || models(&app, &page)).await?;
    found.items.retain(|one| readable.has_project(&one.project));
    Ok(Json(found))
}

/// One version with what each gate said.
#[utoipa::path(
    get, path = "/api/v1/models/{model}/versions/{version}", tag = "models",
    params(("model" = String, Path), ("version" = u32, Path)),
    responses((status = 200, body = api::Version), (status = 401, body = Problem), (status = 404, body = Problem))
)]
pub(crate) async fn get_version(
    _: Caller,
    State(state): State<AppState>,
    Path((model, version)): Path<(String, String)>,
) -> Result<Json<api::Version>, ApiError> {
    let (app, now) = (state.app(), state.now());
    let (model, number) = version_name(&model, &version)?;
    Ok(Json(blocking(move || version_with_standing(&app, &model, number, now)).await?))
}

/// Says yes to a validated version. It is approved once everyone whom the contract asks has said so.
#[utoipa::path(
    post, path = "/api/v1/models/{model}/versions/{version}/approve", tag = "models",
    params(("model" = String, Path), ("version" = u32, Path)), request_body = api::Approve,
    responses((status = 200, body = api::Approval), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem))
)]
pub(crate) async fn approve(
    caller: Caller,
    State(state): State<AppState>,
    Path((model, version)): Path<(String, String)>,
    extract::Json(body): extract::Json<api::Approve>,
) -> Result<Json<api::Approval>, ApiError> {
    let (app, context, now) = (state.app(), caller.context(&state), state.now());
    let (model, number) = version_name(&model, &version)?;
    let reason = reason_or_default(body.reason);
    let approval = blocking(move || {
        let conditions = ApprovalConditions { max_traffic_percent: body.max_traffic_percent, until: body.until };
        let role = body.role.map(|role| match role {
            api::ApproverRole::Validator => Role::Validator,
            api::ApproverRole::Owner => Role::Owner,
        });
        let yes = approval::Yes { reason: &reason, conditions, role };
        let approved = approval::approve(&app, &context, &model, number, yes).map_err(|error| problem_of(&error))?;
        let version = version_with_standing(&app, &model, number, now)?;
        let deployed = approved.deployed.iter().map(deployed).collect();
        Ok(api::Approval { version, missing: approved.missing, deployed })
    });
    Ok(Json(approval.await?))
}

/// Says no to a version. It is final; a reason must be given.
#[utoipa::path(
    post, path = "/api/v1/models/{model}/versions/{version}/reject", tag = "models",
    params(("model" = String, Path), ("version" = u32, Path)), request_body = api::Reason,
    responses((status = 200, body = api::Version), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem))
)]
pub(crate) async fn reject(
    caller: Caller,
    State(state): State<AppState>,
    Path((model, version)): Path<(String, String)>,
    extract::Json(body): extract::Json<api::Reason>,
) -> Result<Json<api::Version>, ApiError> {
    let (app, context, now) = (state.app(), caller.context(&state), state.now());
    let (model, number) = version_name(&model, &version)?;
    let reason = body.reason.unwrap_or_default();
    let rejected = blocking(move || {
        approval::reject(&app, &context, &model, number, &reason).map_err(|error| problem_of(&error))?;
        version_with_standing(&app, &model, number, now)
    });
    Ok(Json(rejected.await?))
}

/// Signs the package of a version again, with the key of this server.
#[utoipa::path(
    post, path = "/api/v1/models/{model}/versions/{version}/sign", tag = "models",
    params(("model" = String, Path), ("version" = u32, Path)),
    request_body = api::SignPackage,
    responses((status = 200, body = api::PackageSignature), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem))
)]
pub(crate) async fn sign_package(
    caller: Caller,
    State(state): State<AppState>,
    Path((model, version)): Path<(String, String)>,
    extract::Json(api::SignPackage {}): extract::Json<api::SignPackage>,
) -> Result<Json<api::PackageSignature>, ApiError> {
    let (app, context) = (state.app(), caller.context(&state));
    let (model, number) = version_name(&model, &version)?;
    let sign = move || package::sign_version(&app, &context, &model, number).map_err(|error| problem_of(&error));
    Ok(Json(api::PackageSignature { signed_by: blocking(sign).await? }))
}

pub(crate) fn version_name(model: &str, version: &str) -> Result<(ModelName, u32), Problem> {
    let number = version.parse().map_err(|_| bad_request(format!("`{version}` is not the number of a version")))?;
    Ok((parse_param(model)?, number))
}

/// Every model with its versions.
///
/// # Errors
/// When the metadata cannot be read.
pub fn models(app: &App, page: &PageRequest) -> Result<api::Page<api::Model>, Problem> {
    read(app, |reader| {
        let found = store::list_models(reader, None, page)?;
        let items = found.items.into_iter().map(|model| model_of(reader, model)).collect::<Result<_, _>>()?;
        Ok(api::Page { items, next: cursor(found.next) })
    })
}

/// One model with its versions.
///
/// # Errors
/// When there is none of that name, or the metadata cannot be read.
pub fn model(app: &App, name: &ModelName) -> Result<api::Model, Problem> {
    read(app, |reader| match store::find_model(reader, name)? {
        Some(model) => model_of(reader, model),
        None => Err(StoreError::NotFound { what: "model", id: name.to_string() }),
    })
}

fn model_of(reader: &Reader, model: store::Model) -> Result<api::Model, StoreError> {
    let versions = store::list(reader, &model.name, None, &PageRequest::first(MAX_ROWS))?.items;
    Ok(api::Model {
        name: model.name.to_string(),
        project: model.project.to_string(),
        created: model.created,
        versions: versions.iter().map(version).collect(),
    })
}

/// One version with what each gate and person said.
///
/// # Errors
/// When there is no such version, or the metadata cannot be read.
pub(crate) fn version_with_standing(
    app: &App,
    name: &ModelName,
    number: u32,
    now: Timestamp,
) -> Result<api::Version, Problem> {
    let version = version_with_gates(app, name, number)?;
    let standing = approval::standing(app, name, number, now).map_err(|error| problem_of(&error))?;
    Ok(api::Version { standing: Some(standing::standing(&standing, now)), ..version })
}

/// One version with what each gate said.
///
/// # Errors
/// When there is no such version, or the metadata cannot be read.
pub fn version_with_gates(app: &App, name: &ModelName, number: u32) -> Result<api::Version, Problem> {
    read(app, |reader| {
        let found = store::get(reader, name, number)?;
        let judged = gates::standing_verdicts(reader, name, number)?;
        let gates = judged.iter().map(gate_verdict).collect();
        Ok(api::Version { gates, ..version(&found) })
    })
}

fn version(version: &Version) -> api::Version {
    api::Version {
        model: version.model.to_string(),
        number: version.number,
        state: version.state.into(),
        digest: version.digest.to_string(),
        run: version.run.clone(),
        created: version.created,
        metrics: version.metrics.clone(),
        gates: Vec::new(),
        standing: None,
    }
}
