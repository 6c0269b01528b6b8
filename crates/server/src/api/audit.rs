//! The audit log: listed, verified, proved, and a reason of it erased.

use axum::{
    Json,
    extract::{Path, State},
};
use kilter_api::{self as api, PageQuery, Problem};
use kilter_app::{
    App,
    audit::{self as app_audit, Given},
    authz::act,
};
use kilter_store::{PageRequest, audit as store};

use crate::{
    api::{bad_request, page_of, page_request, parse_param, read, reason_or_default},
    caller::{Allowed, Caller},
    error::{ApiError, problem_of},
    extract,
    state::{AppState, blocking},
};

/// Checkpoints and keys that one request may give.
const MAX_GIVEN: usize = 1000;
/// Entries of which one answer has what is hashed.
const MAX_BODIES: u32 = 1000;

/// Entries of the audit log, newest first.
#[utoipa::path(get, path = "/api/v1/audit", tag = "audit", params(PageQuery), responses((status = 200, body = api::Page<api::AuditEntry>), (status = 400, body = Problem), (status = 401, body = Problem)))]
pub(crate) async fn list_audit(
    _: Caller,
    State(state): State<AppState>,
    listing: extract::Query<PageQuery>,
) -> Result<Json<api::Page<api::AuditEntry>>, ApiError> {
    let (app, page) = (state.app(), page_request(&listing.0)?);
    Ok(Json(blocking(move || audit(&app, &page)).await?))
}

/// What is hashed of entries of the audit log, oldest first: with it, whoever does not trust this server verifies the log.
#[utoipa::path(get, path = "/api/v1/audit/bodies", tag = "audit", params(api::AuditBodiesQuery), responses((status = 200, body = api::AuditBodies), (status = 400, body = Problem), (status = 401, body = Problem)))]
pub(crate) async fn list_audit_bodies(
    _: Caller,
    State(state): State<AppState>,
    query: extract::Query<api::AuditBodiesQuery>,
) -> Result<Json<api::AuditBodies>, ApiError> {
    let (app, api::AuditBodiesQuery { after, limit }) = (state.app(), query.0);
    Ok(Json(blocking(move || audit_bodies(&app, after, limit.unwrap_or(MAX_BODIES))).await?))
}

/// Reads the whole audit log and compares it with itself, with every state, and with its checkpoints.
#[utoipa::path(get, path = "/api/v1/audit/verify", tag = "audit", responses((status = 200, body = api::AuditCheck), (status = 401, body = Problem)))]
pub(crate) async fn check_audit(_: Caller, State(state): State<AppState>) -> Result<Json<api::AuditCheck>, ApiError> {
    let app = state.app();
    Ok(Json(blocking(move || verify_audit(&app, &api::VerifyAudit::default())).await?))
}

/// The same, and compares it with checkpoints that were kept elsewhere.
#[utoipa::path(post, path = "/api/v1/audit/verify", tag = "audit", request_body = api::VerifyAudit, responses((status = 200, body = api::AuditCheck), (status = 400, body = Problem), (status = 401, body = Problem)))]
pub(crate) async fn check_audit_against(
    _: Caller,
    State(state): State<AppState>,
    extract::Json(body): extract::Json<api::VerifyAudit>,
) -> Result<Json<api::AuditCheck>, ApiError> {
    let app = state.app();
    Ok(Json(blocking(move || verify_audit(&app, &body)).await?))
}

/// One entry with everything that is hashed of it.
#[utoipa::path(get, path = "/api/v1/audit/{entry}", tag = "audit", params(("entry" = u64, Path)), responses((status = 200, body = api::AuditRecord), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn get_audit_entry(
    _: Caller,
    State(state): State<AppState>,
    Path(seq): Path<String>,
) -> Result<Json<api::AuditRecord>, ApiError> {
    let (app, seq) = (state.app(), entry_number(&seq)?);
    let found = move || app_audit::find_entry(&app, seq).map_err(|error| problem_of(&error));
    Ok(Json(record(&blocking(found).await?)))
}

/// The receipt of an entry: the entry, the proof that the log has it, and a signed checkpoint.
#[utoipa::path(get, path = "/api/v1/audit/{entry}/receipt", tag = "audit", params(("entry" = u64, Path)), responses((status = 200, body = api::AuditReceipt), (status = 401, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn get_audit_receipt(
    _: Caller,
    State(state): State<AppState>,
    Path(seq): Path<String>,
) -> Result<Json<api::AuditReceipt>, ApiError> {
    let (app, seq) = (state.app(), entry_number(&seq)?);
    let now = state.now();
    let receipt = move || app_audit::receipt(&app, now, seq).map_err(|error| problem_of(&error));
    let receipt = blocking(receipt).await?;
    let reason = receipt.reason.map(|reason| api::ReceiptReason { salt: reason.salt, text: reason.text });
    Ok(Json(api::AuditReceipt { format: receipt.format, entry: receipt.entry, proof: receipt.proof, reason }))
}

/// Erases the reason of an entry, which may name a person. The log still verifies.
#[utoipa::path(post, path = "/api/v1/audit/{entry}/erase-reason", tag = "audit", params(("entry" = u64, Path)), request_body = api::Reason, responses((status = 200, body = api::AuditRecord), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn erase_reason(
    Allowed(by): Allowed<act::Administer>,
    State(state): State<AppState>,
    Path(seq): Path<String>,
    extract::Json(body): extract::Json<api::Reason>,
) -> Result<Json<api::AuditRecord>, ApiError> {
    let (app, seq) = (state.app(), entry_number(&seq)?);
    let reason = reason_or_default(body.reason);
    let erase = move || app_audit::erase_reason(&app, &by, seq, &reason).map_err(|error| problem_of(&error));
    Ok(Json(record(&blocking(erase).await?)))
}

/// The newest signed checkpoint, the keys that sign, and the places to which it is published.
#[utoipa::path(get, path = "/api/v1/audit/checkpoint", tag = "audit", responses((status = 200, body = api::AuditHead), (status = 401, body = Problem)))]
pub(crate) async fn get_checkpoint(_: Caller, State(state): State<AppState>) -> Result<Json<api::AuditHead>, ApiError> {
    let app = state.app();
    Ok(Json(blocking(move || head(&app)).await?))
}

/// The proof that the log of one size begins with that of a smaller one.
#[utoipa::path(get, path = "/api/v1/audit/consistency", tag = "audit", params(api::ConsistencyQuery), responses((status = 200, body = api::ConsistencyProof), (status = 400, body = Problem), (status = 401, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn get_consistency(
    _: Caller,
    State(state): State<AppState>,
    query: extract::Query<api::ConsistencyQuery>,
) -> Result<Json<api::ConsistencyProof>, ApiError> {
    let (app, asked) = (state.app(), query.0);
    let proof = move || app_audit::consistency(&app, asked.from, asked.to).map_err(|error| problem_of(&error));
    let proof = blocking(proof).await?;
    Ok(Json(api::ConsistencyProof {
        from: proof.from.0,
        to: proof.to.0,
        from_root: app_audit::encode(&proof.from.1),
        to_root: app_audit::encode(&proof.to.1),
        hashes: proof.hashes.iter().map(app_audit::encode).collect(),
        from_checkpoint: proof.checkpoints.0,
        to_checkpoint: proof.checkpoints.1,
    }))
}

fn entry_number(text: &str) -> Result<u64, Problem> {
    text.parse().map_err(|_| bad_request(format!("`{text}` is not the number of an entry")))
}

/// Entries of the audit log, newest first.
///
/// # Errors
/// When the metadata cannot be read, or the cursor is of another list.
pub fn audit(app: &App, page: &PageRequest) -> Result<api::Page<api::AuditEntry>, Problem> {
    read(app, |reader| Ok(page_of(store::list(reader, page)?, entry)))
}

fn audit_bodies(app: &App, after: u64, limit: u32) -> Result<api::AuditBodies, Problem> {
    if !(1..=MAX_BODIES).contains(&limit) {
        return Err(bad_request(format!("`limit` is {limit}; an answer has 1 to {MAX_BODIES} entries")));
    }
    // One more than is answered says whether there are others.
    let mut found = read(app, |reader| store::list_bodies_after(reader, after, limit + 1))?;
    let is_more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = found.last().map(|(seq, _)| *seq).filter(|_| is_more);
    let body = |(seq, body): (u64, Vec<u8>)| api::AuditBody { seq, body: String::from_utf8_lossy(&body).into_owned() };
    Ok(api::AuditBodies { items: found.into_iter().map(body).collect(), next })
}

/// Reads the whole audit log and compares it with itself, with every state, with its checkpoints, and with those that are given.
///
/// # Errors
/// When the metadata cannot be read, or what is given is no checkpoint or key.
pub fn verify_audit(app: &App, given: &api::VerifyAudit) -> Result<api::AuditCheck, Problem> {
    if given.checkpoints.len().max(given.keys.len()) > MAX_GIVEN {
        return Err(bad_request(format!("at most {MAX_GIVEN} checkpoints and keys are verified at once")));
    }
    let given = Given {
        checkpoints: given.checkpoints.iter().map(|note| parse_param(note)).collect::<Result<_, _>>()?,
        keys: given.keys.iter().map(|key| parse_param(key)).collect::<Result<_, _>>()?,
    };
    let found = app_audit::verify_log(app, &given).map_err(|error| problem_of(&error))?;
    let of_log = found.verification.faults.iter().map(ToString::to_string);
    let errors: Vec<String> = of_log.chain(found.faults.iter().map(ToString::to_string)).collect();
    Ok(api::AuditCheck {
        entries: found.verification.entries,
        valid: errors.is_empty(),
        unsealed_rows: found.verification.unsealed_rows,
        checkpoints: found.checkpoints,
        errors,
    })
}

fn head(app: &App) -> Result<api::AuditHead, Problem> {
    let newest = app_audit::newest_checkpoint(app).map_err(|error| problem_of(&error))?;
    let keys = app_audit::verifier_keys(app).map_err(|error| problem_of(&error))?;
    let places = app_audit::place_states(app).map_err(|error| problem_of(&error))?;
    let checkpoint = newest.map(|found| api::Checkpoint { size: found.size, at: found.at, note: found.note });
    let places = places.into_iter().map(|state| {
        let (failing_since, error) = state.place.failure.unzip();
        api::CheckpointPlace {
            place: state.place.place,
            is_current: state.is_current,
            size: state.place.size,
            at: state.place.at,
            failing_since,
            error,
        }
    });
    Ok(api::AuditHead { checkpoint, keys: keys.iter().map(ToString::to_string).collect(), places: places.collect() })
}

/// An entry, in the words of `api`.
pub(crate) fn entry(record: &store::Record) -> api::AuditEntry {
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

fn record(found: &store::Record) -> api::AuditRecord {
    api::AuditRecord {
        entry: entry(found),
        on_behalf: found.entry.on_behalf.as_ref().map(ToString::to_string),
        object_digest: found.entry.object_digest.clone(),
        evidence: found.entry.evidence.clone(),
        is_reason_erased: found.entry.reason_hash.is_some() && found.reason.is_none(),
        body: String::from_utf8_lossy(&found.body).into_owned(),
        leaf: found.leaf.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}
