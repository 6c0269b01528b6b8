//! The native API: read the request, earn the permission, state the intention, answer.

use axum::{
    Json,
    extract::{Path, State},
};
use kilter_api::{self as api, Code, Problem};
use kilter_app::{App, AppError, prediction};
use kilter_domain::{ids::EndpointName, time::Timestamp};
use kilter_store::page::{DEFAULT_LIMIT, MAX_LIMIT, PageRequest};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    auth::Caller,
    extract,
    failure::problem_of,
    labels,
    problem::Failure,
    state::{House, blocking},
    views,
};

/// What there is and how it stands.
#[utoipa::path(get, path = "/api/v1/status", tag = "watch", responses((status = 200, body = api::Status), (status = 401, body = Problem)))]
pub(crate) async fn status(caller: Caller, State(house): State<House>) -> Result<Json<api::Status>, Failure> {
    let (app, now) = (house.app(), house.now());
    let readable = app.readable(caller.actor());
    let mut status = blocking(move || views::status(&app, now)).await?;
    status.endpoints.retain(|endpoint| readable.has_project(&endpoint.project));
    status.alerts.retain(|alert| readable.has_endpoint(&alert.endpoint));
    status.tasks = house.tasks();
    // What is one project's own bears its name.
    status.tasks.retain(|task| task.name.split_once(" of ").is_none_or(|(_, project)| readable.has_project(project)));
    Ok(Json(status))
}

/// Every model with its versions, newest first.
#[utoipa::path(get, path = "/api/v1/models", tag = "ship", params(Listing), responses((status = 200, body = api::Page<api::Model>), (status = 400, body = Problem), (status = 401, body = Problem)))]
pub(crate) async fn models(
    caller: Caller,
    State(house): State<House>,
    listing: extract::Query<Listing>,
) -> Result<Json<api::Page<api::Model>>, Failure> {
    let (app, page) = (house.app(), listing.0.page()?);
    let readable = app.readable(caller.actor());
    let mut found = blocking(move || views::models(&app, &page)).await?;
    found.items.retain(|one| readable.has_project(&one.project));
    Ok(Json(found))
}

/// One version with what each gate said.
#[utoipa::path(
    get, path = "/api/v1/models/{model}/versions/{version}", tag = "ship",
    params(("model" = String, Path), ("version" = u32, Path)),
    responses((status = 200, body = api::Version), (status = 401, body = Problem), (status = 404, body = Problem))
)]
pub(crate) async fn version(
    _: Caller,
    State(house): State<House>,
    Path((model, version)): Path<(String, String)>,
) -> Result<Json<api::Version>, Failure> {
    let (app, model) = (house.app(), name(&model)?);
    let number = version.parse().map_err(|_| wrong(format!("`{version}` is not the number of a version")))?;
    Ok(Json(blocking(move || views::version_with_gates(&app, &model, number)).await?))
}

/// Deployments, newest first.
#[utoipa::path(get, path = "/api/v1/deployments", tag = "ship", params(Listing), responses((status = 200, body = api::Page<api::Deployment>), (status = 400, body = Problem), (status = 401, body = Problem)))]
pub(crate) async fn deployments(
    caller: Caller,
    State(house): State<House>,
    listing: extract::Query<Listing>,
) -> Result<Json<api::Page<api::Deployment>>, Failure> {
    let (app, page) = (house.app(), listing.0.page()?);
    let readable = app.readable(caller.actor());
    let mut found = blocking(move || views::deployments(&app, None, &page)).await?;
    found.items.retain(|one| readable.has_endpoint(&one.endpoint));
    Ok(Json(found))
}

/// Alerts, newest first.
#[utoipa::path(get, path = "/api/v1/alerts", tag = "watch", params(Listing), responses((status = 200, body = api::Page<api::Alert>), (status = 400, body = Problem), (status = 401, body = Problem)))]
pub(crate) async fn alerts(
    caller: Caller,
    State(house): State<House>,
    listing: extract::Query<Listing>,
) -> Result<Json<api::Page<api::Alert>>, Failure> {
    let (app, page) = (house.app(), listing.0.page()?);
    let readable = app.readable(caller.actor());
    let mut found = blocking(move || views::alerts(&app, listing.0.open, &page)).await?;
    found.items.retain(|one| readable.has_endpoint(&one.endpoint));
    Ok(Json(found))
}

/// Entries of the audit table, newest first.
#[utoipa::path(get, path = "/api/v1/audit", tag = "govern", params(Listing), responses((status = 200, body = api::Page<api::AuditEntry>), (status = 400, body = Problem), (status = 401, body = Problem)))]
pub(crate) async fn audit(
    _: Caller,
    State(house): State<House>,
    listing: extract::Query<Listing>,
) -> Result<Json<api::Page<api::AuditEntry>>, Failure> {
    let (app, page) = (house.app(), listing.0.page()?);
    Ok(Json(blocking(move || views::audit(&app, &page)).await?))
}

/// Reads the whole audit table and compares it with itself and with every state.
#[utoipa::path(get, path = "/api/v1/audit/verify", tag = "govern", responses((status = 200, body = api::AuditCheck), (status = 401, body = Problem)))]
pub(crate) async fn verify_audit(_: Caller, State(house): State<House>) -> Result<Json<api::AuditCheck>, Failure> {
    let app = house.app();
    Ok(Json(blocking(move || views::verify_audit(&app)).await?))
}

/// One endpoint and what serves there.
#[utoipa::path(
    get, path = "/api/v1/endpoints/{endpoint}", tag = "watch", params(("endpoint" = String, Path)),
    responses((status = 200, body = api::EndpointStatus), (status = 401, body = Problem), (status = 404, body = Problem))
)]
pub(crate) async fn endpoint(
    _: Caller,
    State(house): State<House>,
    Path(endpoint): Path<String>,
) -> Result<Json<api::EndpointStatus>, Failure> {
    let (app, endpoint, now) = (house.app(), name(&endpoint)?, house.now());
    Ok(Json(blocking(move || views::endpoint(&app, &endpoint, now)).await?))
}

/// Keeps labels, at most 100,000 in a request. Late, corrected and unknown ids are all taken, and a time that is still to come
/// by more than five minutes is refused with all of the request; what was answered survives any end of the process.
#[utoipa::path(
    post, path = "/api/v1/endpoints/{endpoint}/labels", tag = "watch",
    params(("endpoint" = String, Path)), request_body = api::Labels,
    responses((status = 200, body = api::LabelsKept), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem), (status = 413, body = Problem), (status = 503, body = Problem), (status = 507, body = Problem))
)]
pub(crate) async fn labels(
    _: Caller,
    State(house): State<House>,
    Path(endpoint): Path<String>,
    extract::JsonBody(body): extract::JsonBody,
) -> Result<Json<api::LabelsKept>, Failure> {
    let (app, now) = (house.app(), house.now());
    let endpoint: EndpointName = name(&endpoint)?;
    let keep = move || {
        let labels::Sent { labels, count_known } = labels::read(&body, now)?;
        kept(&app, &endpoint, labels, count_known, now).map_err(|error| problem_of(&error))
    };
    Ok(Json(blocking(keep).await?))
}

/// Names of ids that one answer holds at most.
const UNKNOWN_NAMED: usize = 10;

fn kept(
    app: &App,
    endpoint: &EndpointName,
    labels: prediction::Labels,
    is_counted: bool,
    now: Timestamp,
) -> Result<api::LabelsKept, AppError> {
    let (ids, values) = (labels.ids.clone(), labels.values.clone());
    app.label(endpoint, labels, now)?;
    let found = if is_counted { Some(app.known_ids(endpoint, &ids)?) } else { None };
    let unknown = found.iter().flat_map(|found| &found.unknown).take(UNKNOWN_NAMED);
    Ok(api::LabelsKept {
        labels: ids.len(),
        unknown_ids: unknown.map(ToString::to_string).collect(),
        // Where the log is too long to be looked through, nothing is said.
        known_ids: found.filter(|found| found.is_whole).map(|found| found.known),
        unknown_labels: app
            .check_labels(endpoint, &values)?
            .filter(|check| check.unknown > 0)
            .map(|check| check.sentence()),
    })
}

/// Which part of a list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listing {
    /// Rows at most: 1 to 1000, 100 when nothing is said.
    limit: Option<u32>,
    /// Where the page before ended: its `next`.
    cursor: Option<String>,
    /// Only alerts that are not over; other lists pass it over.
    #[serde(default)]
    open: bool,
}

impl Listing {
    fn page(&self) -> Result<PageRequest, Problem> {
        page_request(self.limit, self.cursor.as_deref())
    }
}

/// The page that is asked for.
pub(crate) fn page_request(limit: Option<u32>, cursor: Option<&str>) -> Result<PageRequest, Problem> {
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(wrong(format!("`limit` is {limit}; a page has 1 to {MAX_LIMIT} rows")));
    }
    let page = PageRequest::first(limit);
    Ok(match cursor {
        // Any text reads as a cursor; the list finds out whether it is one of its own.
        Some(cursor) => page.after(name(cursor)?),
        None => page,
    })
}

pub(crate) fn wrong(detail: String) -> Problem {
    Problem::new(Code::RequestInvalid, detail)
}

pub(crate) fn name<T: std::str::FromStr<Err: std::error::Error + 'static>>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|error| Problem::of(Code::RequestInvalid, &error))
}
