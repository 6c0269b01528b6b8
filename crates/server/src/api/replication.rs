//! What replicas ask of a server: what answers where, the packages, and to keep what they recorded.
//!
//! Invariants: who waits for a change is woken by it, waits for [`MAX_WAIT`] at most and keeps one of a bounded number of places; a file is
//! never in memory as a whole.

use std::time::{Duration, Instant};

use axum::{
    Json, RequestExt,
    body::Bytes,
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use kilter_api::{self as api, Problem};
use kilter_app::{
    App, RequestContext,
    replication::{self, ReceivedRecords, SignedPlan},
};
use kilter_domain::{digest::Digest, ids::ModelName};
use kilter_store::audit;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    api::{bad_request, parse_param, read},
    caller::Caller,
    error::{ApiError, problem_of},
    extract,
    net::file_body::file_body,
    state::{AppState, blocking},
    upstream::RECORDS_TYPE,
};

/// The longest that a request waits for a change.
const MAX_WAIT: Duration = Duration::from_secs(20);
/// How often somebody who waits looks whether there was a commit.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// The plan is made again after this time also without a commit of this process: other servers may share the database.
const MAKE_EVERY: Duration = Duration::from_secs(2);

/// How long to wait for a change.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlanQuery {
    /// Seconds to wait for a plan other than that of `If-None-Match`; 20 at most. Default: 0.
    wait: Option<u64>,
}

/// What answers at the endpoints that the caller may follow: a signed statement, and one of the approval of each version. With `If-None-Match`
/// the answer is 304 if nothing changed, after waiting for `wait` seconds.
#[utoipa::path(
    get, path = "/api/v1/serving-plan", tag = "deployments", params(PlanQuery),
    responses(
        (status = 200, body = api::ServingPlan), (status = 304, description = "It is as `If-None-Match` says"),
        (status = 401, body = Problem), (status = 403, body = Problem), (status = 409, body = Problem)
    )
)]
pub(crate) async fn get_serving_plan(
    caller: Caller,
    State(state): State<AppState>,
    headers: HeaderMap,
    query: extract::Query<PlanQuery>,
) -> Result<Response, ApiError> {
    let known = headers.get(header::IF_NONE_MATCH).cloned();
    let place = state.place_to_follow();
    let wait = Duration::from_secs(query.0.wait.unwrap_or(0)).min(MAX_WAIT);
    let until = Instant::now() + if place.is_some() { wait } else { Duration::ZERO };
    let mut made_at_entry = None;
    loop {
        let (seen, made) = (state.signals().counts().commits, Instant::now());
        let (app, context) = (state.app(), caller.context(&state));
        let plan = move || plan_after(&app, &context, made_at_entry);
        let (plan, entry) = blocking(plan).await?;
        made_at_entry = Some(entry);
        let tag = plan.as_ref().map(|plan| format!("\"{}\"", plan.tag()));
        let is_other = |tag: &String| known.as_ref().is_none_or(|known| known.as_bytes() != tag.as_bytes());
        if let (Some(plan), Some(tag)) = (plan, tag.filter(is_other)) {
            let app = state.app();
            let sign = move || plan.sign(&app).map(signed).map_err(|error| problem_of(&error));
            let signed = Json(blocking(sign).await?);
            let tag = HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("\"\""));
            return Ok(([(header::ETAG, tag)], signed).into_response());
        }
        loop {
            if Instant::now() >= until || state.is_stopping() {
                return Ok(StatusCode::NOT_MODIFIED.into_response());
            }
            tokio::time::sleep(LOOK_EVERY).await;
            if state.signals().counts().commits != seen || made.elapsed() >= MAKE_EVERY {
                break;
            }
        }
    }
}

/// The plan, and the last entry of the audit log; no plan if that is `made_at` still: every change of what answers has an entry.
fn plan_after(
    app: &App,
    context: &RequestContext,
    made_at: Option<u64>,
) -> Result<(Option<replication::ServingPlan>, u64), Problem> {
    let entry = read(app, audit::size)?;
    if made_at == Some(entry) {
        return Ok((None, entry));
    }
    let plan = replication::serving_plan(app, context).map_err(|error| problem_of(&error))?;
    Ok((Some(plan), entry))
}

fn signed(plan: SignedPlan) -> api::ServingPlan {
    let approval = |one: replication::SignedApproval| api::SignedApproval {
        model: one.model,
        version: one.version,
        statement: one.statement,
    };
    let key = |key: replication::OfferedKey| api::TrustedKey { id: key.id, public_key: key.public_key };
    api::ServingPlan {
        plan: plan.plan,
        approvals: plan.approvals.into_iter().map(approval).collect(),
        keys: plan.keys.into_iter().map(key).collect(),
        hash_key: plan.hash_key.map(api::Secret),
    }
}

/// The files and the signatures of a package, by the digest of the package.
#[utoipa::path(
    get, path = "/api/v1/models/{model}/packages/{digest}", tag = "models",
    params(("model" = String, Path), ("digest" = String, Path)),
    responses((status = 200, body = api::PackageFiles), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem))
)]
pub(crate) async fn get_package_files(
    _: Caller,
    State(state): State<AppState>,
    Path((model, digest)): Path<(String, String)>,
) -> Result<Json<api::PackageFiles>, ApiError> {
    let (app, model, package): (_, ModelName, Digest) = (state.app(), parse_param(&model)?, parse_param(&digest)?);
    let list = move || replication::package_files(&app, &model, &package).map_err(|error| problem_of(&error));
    let listing = blocking(list).await?;
    let file = |entry: &kilter_app::replication::PackageEntry| api::PackageFile {
        path: entry.path.to_string(),
        digest: entry.digest.to_string(),
        bytes: entry.bytes,
        executable: entry.executable,
    };
    let files = listing.tree.entries().iter().map(file).collect();
    Ok(Json(api::PackageFiles { digest: package.to_string(), files, signatures: listing.signatures }))
}

/// A file of a package, by its digest. `Range: bytes=N-` answers what comes behind the first N bytes.
#[utoipa::path(
    get, path = "/api/v1/models/{model}/packages/{digest}/files/{file}", tag = "models",
    params(("model" = String, Path), ("digest" = String, Path), ("file" = String, Path)),
    responses(
        (status = 200, description = "The bytes of the file", content_type = "application/octet-stream"),
        (status = 206, description = "The bytes behind those that are there already", content_type = "application/octet-stream"),
        (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem)
    )
)]
pub(crate) async fn get_package_file(
    _: Caller,
    State(state): State<AppState>,
    headers: HeaderMap,
    Path((model, digest, file)): Path<(String, String, String)>,
) -> Result<Response, ApiError> {
    let (app, model): (_, ModelName) = (state.app(), parse_param(&model)?);
    let (package, wanted): (Digest, Digest) = (parse_param(&digest)?, parse_param(&file)?);
    let open =
        move || replication::open_package_file(&app, &model, &package, &wanted).map_err(|error| problem_of(&error));
    let (mut file, bytes) = blocking(open).await?;
    let from = headers.get(header::RANGE).and_then(|range| rest_from(range, bytes));
    let start = from.unwrap_or(0);
    let begin = move || {
        std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(start))?;
        Ok(file)
    };
    let mut response = Response::new(file_body(begin, bytes - start, state.options().limits.write));
    let octets = HeaderValue::from_static("application/octet-stream");
    response.headers_mut().insert(header::CONTENT_TYPE, octets);
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(bytes - start));
    if from.is_some()
        && let Ok(range) = HeaderValue::from_str(&format!("bytes {start}-{}/{bytes}", bytes - 1))
    {
        response.headers_mut().insert(header::CONTENT_RANGE, range);
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(response)
}

/// The first byte of `bytes=N-`, if the file has it; another range is answered with the whole file (RFC 9110, 14.2).
fn rest_from(range: &HeaderValue, bytes: u64) -> Option<u64> {
    let from = range.to_str().ok()?.strip_prefix("bytes=")?.strip_suffix('-')?;
    from.parse().ok().filter(|from| *from < bytes)
}

/// Which records of a replica a request has.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecordsQuery {
    /// The replica that made them: letters, digits and `-`.
    replica: String,
    /// The number of the first record in the log of the replica, from 1 on.
    first: u64,
    /// The number of the last one.
    last: u64,
}

/// Keeps what a replica recorded, in the order of its log. What was answered survives any end of the process; the same again changes
/// nothing.
#[utoipa::path(
    post, path = "/api/v1/endpoints/{endpoint}/records", tag = "predictions",
    params(("endpoint" = String, Path), RecordsQuery),
    request_body(content = String, content_type = "application/vnd.kilter.records"),
    responses((status = 200, body = api::RecordsKept), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem), (status = 413, body = Problem), (status = 415, body = Problem), (status = 503, body = Problem), (status = 507, body = Problem))
)]
pub(crate) async fn keep_records(
    _: Caller,
    State(state): State<AppState>,
    Path(endpoint): Path<String>,
    mut request: Request,
) -> Result<Json<api::RecordsKept>, ApiError> {
    extract::check_type(request.headers(), &[RECORDS_TYPE])?;
    let extract::Query(query): extract::Query<RecordsQuery> = request.extract_parts_with_state(&state).await?;
    let body: Bytes = extract::read(request, &state, state.options().limits.body).await?;
    let (app, endpoint, now) = (state.app(), parse_param(&endpoint)?, state.now());
    let RecordsQuery { replica, first, last } = query;
    if body.is_empty() {
        return Err(bad_request("the request has no records".to_owned()).into());
    }
    let keep = move || {
        let received = ReceivedRecords { replica: &replica, first, last, bytes: &body };
        let kept = replication::receive_records(&app, &endpoint, &received, now).map_err(|error| problem_of(&error))?;
        Ok(api::RecordsKept { through: kept.through, rows: kept.rows, known: kept.known })
    };
    Ok(Json(blocking(keep).await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_of_a_file_is_asked_for_by_its_first_byte() {
        let of = |range: &'static str| rest_from(&HeaderValue::from_static(range), 10);
        assert_eq!([of("bytes=0-"), of("bytes=4-"), of("bytes=9-")], [Some(0), Some(4), Some(9)]);
        for other in ["bytes=10-", "bytes=-3", "bytes=1-2", "lines=1-", "bytes=x-", ""] {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
