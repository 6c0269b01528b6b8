//! What people decide about versions besides a yes or a no: submitted, returned, reviewed, retired, revoked; and waivers.

use axum::{
    Json,
    extract::{Path, State},
};
use kilter_api::{self as api, PageQuery, Problem};
use kilter_app::{
    App, RequestContext,
    approval::{self, ApproveError},
    deployment::Withdrawn,
};
use kilter_domain::{
    ids::{GateName, ModelName},
    time::Timestamp,
};
use kilter_store::gate::waiver as store;

use crate::{
    api::{
        models::{version_name, version_with_standing},
        page_of, page_request, parse_param, read, reason_or_default,
        standing::{review_outcome, waiver},
    },
    caller::Caller,
    error::{ApiError, problem_of},
    extract,
    state::{AppState, blocking},
};

/// Submits a draft to its gates, or has a candidate judged again by the verdicts that stand.
#[utoipa::path(
    post, path = "/api/v1/models/{model}/versions/{version}/submit", tag = "models",
    params(("model" = String, Path), ("version" = u32, Path)), request_body = api::Reason,
    responses((status = 200, body = api::Submission), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem))
)]
pub(crate) async fn submit(
    caller: Caller,
    State(state): State<AppState>,
    Path((model, version)): Path<(String, String)>,
    extract::Json(body): extract::Json<api::Reason>,
) -> Result<Json<api::Submission>, ApiError> {
    let of = Target::of(caller, &state, (&model, &version))?;
    let reason = reason_or_default(body.reason);
    let submitted = blocking(move || {
        let submitted = approval::submit(&of.app, &of.context, &of.model, of.number, &reason).map_err(problem)?;
        Ok(api::Submission { version: of.version()?, open: submitted.open })
    });
    Ok(Json(submitted.await?))
}

/// Takes a validated version back to candidate; a reason must be given.
#[utoipa::path(
    post, path = "/api/v1/models/{model}/versions/{version}/return", tag = "models",
    params(("model" = String, Path), ("version" = u32, Path)), request_body = api::Reason,
    responses((status = 200, body = api::Version), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem))
)]
pub(crate) async fn return_version(
    caller: Caller,
    State(state): State<AppState>,
    Path((model, version)): Path<(String, String)>,
    extract::Json(body): extract::Json<api::Reason>,
) -> Result<Json<api::Version>, ApiError> {
    let of = Target::of(caller, &state, (&model, &version))?;
    let reason = body.reason.unwrap_or_default();
    let returned = blocking(move || {
        approval::take_back(&of.app, &of.context, &of.model, of.number, &reason).map_err(problem)?;
        of.version()
    });
    Ok(Json(returned.await?))
}

/// Measures a version again, in the name of someone who did not make it.
#[utoipa::path(
    post, path = "/api/v1/models/{model}/versions/{version}/review", tag = "models",
    params(("model" = String, Path), ("version" = u32, Path)), request_body = api::Reason,
    responses((status = 200, body = api::Review), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem))
)]
pub(crate) async fn review(
    caller: Caller,
    State(state): State<AppState>,
    Path((model, version)): Path<(String, String)>,
    extract::Json(body): extract::Json<api::Reason>,
) -> Result<Json<api::Review>, ApiError> {
    let of = Target::of(caller, &state, (&model, &version))?;
    let reason = reason_or_default(body.reason);
    let reviewed = blocking(move || {
        let reviewed = approval::review(&of.app, &of.context, &of.model, of.number, &reason).map_err(problem)?;
        let rule = |rule: approval::RuleReview| api::RuleReview {
            gate: rule.gate,
            rule: rule.rule,
            recorded: rule.recorded,
            measured: rule.measured,
            text: rule.text,
        };
        Ok(api::Review {
            outcome: review_outcome(reviewed.outcome).unwrap_or(api::ReviewOutcome::NotMeasured),
            rows: reviewed.rows,
            golden_rows: reviewed.golden.0,
            golden_differing: reviewed.golden.1,
            rules: reviewed.rules.into_iter().map(rule).collect(),
        })
    });
    Ok(Json(reviewed.await?))
}

/// Takes a version out of use for good. Where it is live, a replacement must be named.
#[utoipa::path(
    post, path = "/api/v1/models/{model}/versions/{version}/retire", tag = "models",
    params(("model" = String, Path), ("version" = u32, Path)), request_body = api::Retire,
    responses((status = 200, body = api::Withdrawal), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem))
)]
pub(crate) async fn retire(
    caller: Caller,
    State(state): State<AppState>,
    Path((model, version)): Path<(String, String)>,
    extract::Json(body): extract::Json<api::Retire>,
) -> Result<Json<api::Withdrawal>, ApiError> {
    let of = Target::of(caller, &state, (&model, &version))?;
    let reason = reason_or_default(body.reason);
    let retired = blocking(move || {
        let retirement =
            approval::Retirement { reason: &reason, replacement: body.replacement, retain_until: body.retain_until };
        let withdrawn = approval::retire(&of.app, &of.context, &of.model, of.number, retirement).map_err(problem)?;
        of.withdrawal(withdrawn)
    });
    Ok(Json(retired.await?))
}

/// Forbids a version for good: wherever it serves, what was approved before it answers again, or nothing does. A reason must
/// be given.
#[utoipa::path(
    post, path = "/api/v1/models/{model}/versions/{version}/revoke", tag = "models",
    params(("model" = String, Path), ("version" = u32, Path)), request_body = api::Reason,
    responses((status = 200, body = api::Withdrawal), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem))
)]
pub(crate) async fn revoke(
    caller: Caller,
    State(state): State<AppState>,
    Path((model, version)): Path<(String, String)>,
    extract::Json(body): extract::Json<api::Reason>,
) -> Result<Json<api::Withdrawal>, ApiError> {
    let of = Target::of(caller, &state, (&model, &version))?;
    let reason = body.reason.unwrap_or_default();
    let revoked = blocking(move || {
        let withdrawn = approval::revoke(&of.app, &of.context, &of.model, of.number, &reason).map_err(problem)?;
        of.withdrawal(withdrawn)
    });
    Ok(Json(revoked.await?))
}

/// Waivers of a model, newest first.
#[utoipa::path(
    get, path = "/api/v1/models/{model}/waivers", tag = "models", params(("model" = String, Path), PageQuery),
    responses((status = 200, body = api::Page<api::Waiver>), (status = 401, body = Problem), (status = 404, body = Problem))
)]
pub(crate) async fn list_waivers(
    _: Caller,
    State(state): State<AppState>,
    Path(model): Path<String>,
    listing: extract::Query<PageQuery>,
) -> Result<Json<api::Page<api::Waiver>>, ApiError> {
    let (app, now, page) = (state.app(), state.now(), page_request(&listing.0)?);
    let model: ModelName = parse_param(&model)?;
    let found = blocking(move || {
        approval::project_of(&app, &model).map_err(problem)?;
        read(&app, |reader| Ok(page_of(store::list(reader, &model, &page)?, |one| waiver(one, now))))
    });
    Ok(Json(found.await?))
}

/// Lets versions of a model miss one rule of one gate until a time.
#[utoipa::path(
    post, path = "/api/v1/models/{model}/waivers", tag = "models", params(("model" = String, Path)),
    request_body = api::GrantWaiver,
    responses((status = 200, body = api::Waiver), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem))
)]
pub(crate) async fn grant_waiver(
    caller: Caller,
    State(state): State<AppState>,
    Path(model): Path<String>,
    extract::Json(body): extract::Json<api::GrantWaiver>,
) -> Result<Json<api::Waiver>, ApiError> {
    let (app, now, context) = (state.app(), state.now(), caller.context(&state));
    let scope = approval::WaiverScope { model: parse_param(&model)?, number: body.version };
    let gate: GateName = parse_param(&body.gate)?;
    let granted = blocking(move || {
        let new = approval::NewWaiver { gate: &gate, rule: &body.rule, until: body.until, reason: &body.reason };
        approval::grant_waiver(&app, &context, &scope, &new).map_err(problem)
    });
    Ok(Json(waiver(&granted.await?, now)))
}

/// Ends a waiver before its time; what relies on it lapses.
#[utoipa::path(
    post, path = "/api/v1/models/{model}/waivers/{id}/revoke", tag = "models",
    params(("model" = String, Path), ("id" = String, Path)), request_body = api::Reason,
    responses((status = 200, body = api::Waiver), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem))
)]
pub(crate) async fn revoke_waiver(
    caller: Caller,
    State(state): State<AppState>,
    Path((model, id)): Path<(String, String)>,
    extract::Json(body): extract::Json<api::Reason>,
) -> Result<Json<api::Waiver>, ApiError> {
    let (app, now, context) = (state.app(), state.now(), caller.context(&state));
    let (model, reason): (ModelName, _) = (parse_param(&model)?, reason_or_default(body.reason));
    let revoked = blocking(move || approval::revoke_waiver(&app, &context, (&model, &id), &reason).map_err(problem));
    Ok(Json(waiver(&revoked.await?, now)))
}

/// The version of a request, and who asks.
struct Target {
    app: App,
    context: RequestContext,
    now: Timestamp,
    model: ModelName,
    number: u32,
}

impl Target {
    fn of(caller: Caller, state: &AppState, (model, version): (&str, &str)) -> Result<Self, Problem> {
        let (model, number) = version_name(model, version)?;
        Ok(Self { app: state.app(), now: state.now(), context: caller.context(state), model, number })
    }

    fn version(&self) -> Result<api::Version, Problem> {
        version_with_standing(&self.app, &self.model, self.number, self.now)
    }

    fn withdrawal(&self, withdrawn: Vec<Withdrawn>) -> Result<api::Withdrawal, Problem> {
        let endpoint = |one: Withdrawn| api::WithdrawnEndpoint {
            endpoint: one.endpoint.to_string(),
            was_live: one.was_live,
            answers: one.answers,
        };
        Ok(api::Withdrawal { version: self.version()?, endpoints: withdrawn.into_iter().map(endpoint).collect() })
    }
}

fn problem(error: ApproveError) -> Problem {
    problem_of(&error)
}
