//! The audit table: listed and verified.

use axum::{Json, extract::State};
use kilter_api::{self as api, PageQuery, Problem};
use kilter_app::App;
use kilter_store::{PageRequest, audit as store};

use crate::{
    api::{page_of, page_request, read},
    caller::Caller,
    error::ApiError,
    extract,
    state::{AppState, blocking},
};

/// Entries of the audit table, newest first.
#[utoipa::path(get, path = "/api/v1/audit", tag = "audit", params(PageQuery), responses((status = 200, body = api::Page<api::AuditEntry>), (status = 400, body = Problem), (status = 401, body = Problem)))]
pub(crate) async fn list_audit(
    _: Caller,
    State(state): State<AppState>,
    listing: extract::Query<PageQuery>,
) -> Result<Json<api::Page<api::AuditEntry>>, ApiError> {
    let (app, page) = (state.app(), page_request(&listing.0)?);
    Ok(Json(blocking(move || audit(&app, &page)).await?))
}

/// Reads the whole audit table and compares it with itself and with every state.
#[utoipa::path(get, path = "/api/v1/audit/verify", tag = "audit", responses((status = 200, body = api::AuditCheck), (status = 401, body = Problem)))]
pub(crate) async fn check_audit(_: Caller, State(state): State<AppState>) -> Result<Json<api::AuditCheck>, ApiError> {
    let app = state.app();
    Ok(Json(blocking(move || verify_audit(&app)).await?))
}

/// Entries of the audit table, newest first.
///
/// # Errors
/// When the metadata cannot be read, or the cursor is of another list.
pub fn audit(app: &App, page: &PageRequest) -> Result<api::Page<api::AuditEntry>, Problem> {
    read(app, |reader| Ok(page_of(store::list(reader, page)?, entry)))
}

/// Reads the whole audit table and compares it with itself and with every state.
///
/// # Errors
/// When the metadata cannot be read.
pub fn verify_audit(app: &App) -> Result<api::AuditCheck, Problem> {
    let found = read(app, store::verify)?;
    let errors: Vec<String> = found.faults.iter().map(ToString::to_string).collect();
    Ok(api::AuditCheck { entries: found.entries, valid: errors.is_empty(), unsealed_rows: found.unsealed_rows, errors })
}

fn entry(record: &store::Record) -> api::AuditEntry {
    let entry = &record.entry;
    api::AuditEntry {
        seq: entry.seq,
        at: entry.at,
        actor: entry.actor.to_string(),
        action: entry.action.clone(),
        object: entry.object.clone(),
        before: entry.before.clone(),
        after: entry.after.clone(),
        reason: record.reason.clone(),
        outcome: entry.outcome.into(),
    }
}
