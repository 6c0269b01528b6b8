//! What waits for people: the inbox, contracts that ask for less, versions that answer without their approval.

use axum::{
    Json,
    extract::{Path, State},
};
use kilter_api::{self as api, PageQuery, Problem};
use kilter_app::{approval, authz, break_glass, inbox};
use kilter_domain::ids::{EndpointName, ModelName};
use kilter_store::{
    deployment::break_glass::{self as broken, BreakGlass, BreakGlassState},
    project::proposal::{Proposal, ProposalState},
};

use crate::{
    api::{endpoints::deployment, page_of, page_request, parse_param, read, reason_or_default},
    caller::Caller,
    error::{ApiError, problem_of},
    extract,
    state::{AppState, blocking},
};

/// What waits for people, what is due first at the top.
#[utoipa::path(get, path = "/api/v1/inbox", tag = "models", responses((status = 200, body = api::Inbox), (status = 401, body = Problem)))]
pub(crate) async fn get_inbox(caller: Caller, State(state): State<AppState>) -> Result<Json<api::Inbox>, ApiError> {
    let (app, context) = (state.app(), caller.context(&state));
    let readable = authz::readable(&app, &context);
    let items = blocking(move || inbox::inbox(&app, &context).map_err(|error| problem_of(&error))).await?;
    let items = items.into_iter().filter(|item| readable.has_project(item.project.as_str())).map(inbox_item);
    Ok(Json(api::Inbox { items: items.collect() }))
}

fn inbox_item(item: inbox::InboxItem) -> api::InboxItem {
    use inbox::InboxKind as Kind;
    api::InboxItem {
        kind: match item.kind {
            Kind::BreakGlass => api::InboxKind::BreakGlass,
            Kind::Policy => api::InboxKind::Policy,
            Kind::Review => api::InboxKind::Review,
            Kind::Card => api::InboxKind::Card,
            Kind::Approval => api::InboxKind::Approval,
            Kind::Gate => api::InboxKind::Gate,
            Kind::Submission => api::InboxKind::Submission,
            Kind::ApprovalEnds => api::InboxKind::ApprovalEnds,
            Kind::WaiverEnds => api::InboxKind::WaiverEnds,
        },
        project: item.project.to_string(),
        subject: item.subject,
        text: item.text,
        roles: item.roles.iter().map(ToString::to_string).collect(),
        since: item.since,
        due: item.due,
        command: item.command,
        is_mine: item.is_mine,
    }
}

/// Contracts that ask for less than the one in force, newest first.
#[utoipa::path(
    get, path = "/api/v1/models/{model}/proposals", tag = "models", params(("model" = String, Path)),
    responses((status = 200, body = api::PolicyProposals), (status = 401, body = Problem), (status = 404, body = Problem))
)]
pub(crate) async fn list_proposals(
    _: Caller,
    State(state): State<AppState>,
    Path(model): Path<String>,
) -> Result<Json<api::PolicyProposals>, ApiError> {
    let (app, model): (_, ModelName) = (state.app(), parse_param(&model)?);
    let found = blocking(move || approval::proposals(&app, &model).map_err(|error| problem_of(&error)));
    Ok(Json(api::PolicyProposals { items: found.await?.iter().map(proposal).collect() }))
}

/// Lets a proposed contract come into force.
#[utoipa::path(
    post, path = "/api/v1/models/{model}/proposals/{id}/accept", tag = "models",
    params(("model" = String, Path), ("id" = String, Path)), request_body = api::Reason,
    responses((status = 200, body = api::PolicyProposal), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem))
)]
pub(crate) async fn accept_proposal(
    caller: Caller,
    State(state): State<AppState>,
    Path((model, id)): Path<(String, String)>,
    extract::Json(body): extract::Json<api::Reason>,
) -> Result<Json<api::PolicyProposal>, ApiError> {
    let (app, context) = (state.app(), caller.context(&state));
    let (model, reason): (ModelName, _) = (parse_param(&model)?, reason_or_default(body.reason));
    let decided = blocking(move || {
        approval::accept_policy(&app, &context, (&model, &id), &reason).map_err(|error| problem_of(&error))
    });
    Ok(Json(proposal(&decided.await?)))
}

/// Refuses a proposed contract; a reason must be given.
#[utoipa::path(
    post, path = "/api/v1/models/{model}/proposals/{id}/reject", tag = "models",
    params(("model" = String, Path), ("id" = String, Path)), request_body = api::Reason,
    responses((status = 200, body = api::PolicyProposal), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem))
)]
pub(crate) async fn reject_proposal(
    caller: Caller,
    State(state): State<AppState>,
    Path((model, id)): Path<(String, String)>,
    extract::Json(body): extract::Json<api::Reason>,
) -> Result<Json<api::PolicyProposal>, ApiError> {
    let (app, context) = (state.app(), caller.context(&state));
    let (model, reason): (ModelName, _) = (parse_param(&model)?, body.reason.unwrap_or_default());
    let decided = blocking(move || {
        approval::reject_policy(&app, &context, (&model, &id), &reason).map_err(|error| problem_of(&error))
    });
    Ok(Json(proposal(&decided.await?)))
}

fn proposal(found: &Proposal) -> api::PolicyProposal {
    api::PolicyProposal {
        id: found.id.clone(),
        project: found.project.to_string(),
        changes: found.changes.clone(),
        state: match found.state {
            ProposalState::Open => api::ProposalState::Open,
            ProposalState::Accepted => api::ProposalState::Accepted,
            ProposalState::Rejected => api::ProposalState::Rejected,
            ProposalState::Superseded => api::ProposalState::Superseded,
        },
        by: found.by.to_string(),
        created: found.created,
        decided_by: found.decided_by.as_ref().map(ToString::to_string),
        decided: found.decided,
        base: found.base.to_string(),
        text: found.text.clone(),
    }
}

/// Versions that were let answer at an endpoint without their approval, newest first.
#[utoipa::path(
    get, path = "/api/v1/endpoints/{endpoint}/break-glass", tag = "deployments",
    params(("endpoint" = String, Path), PageQuery),
    responses((status = 200, body = api::Page<api::BreakGlass>), (status = 401, body = Problem))
)]
pub(crate) async fn list_break_glass(
    _: Caller,
    State(state): State<AppState>,
    Path(endpoint): Path<String>,
    listing: extract::Query<PageQuery>,
) -> Result<Json<api::Page<api::BreakGlass>>, ApiError> {
    let (app, page) = (state.app(), page_request(&listing.0)?);
    let endpoint: EndpointName = parse_param(&endpoint)?;
    let found =
        blocking(move || read(&app, |reader| Ok(page_of(broken::list(reader, &endpoint, &page)?, break_glass_of))));
    Ok(Json(found.await?))
}

/// Lets a version answer at once without its approval, in an emergency. It must be reviewed within 72 hours.
#[utoipa::path(
    post, path = "/api/v1/endpoints/{endpoint}/break-glass", tag = "deployments",
    params(("endpoint" = String, Path)), request_body = api::BreakGlassDeploy,
    responses((status = 200, body = api::Deployment), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem))
)]
pub(crate) async fn deploy_break_glass(
    caller: Caller,
    State(state): State<AppState>,
    Path(endpoint): Path<String>,
    extract::Json(body): extract::Json<api::BreakGlassDeploy>,
) -> Result<Json<api::Deployment>, ApiError> {
    let (app, context) = (state.app(), caller.context(&state));
    let endpoint: EndpointName = parse_param(&endpoint)?;
    let deployed = blocking(move || {
        break_glass::break_glass(&app, &context, &endpoint, body.version, &body.reason)
            .map_err(|error| problem_of(&error))
    });
    Ok(Json(deployment(&deployed.await?)))
}

/// Says whether a version had to answer without its approval. If not, it is taken away.
#[utoipa::path(
    post, path = "/api/v1/endpoints/{endpoint}/break-glass/{id}/review", tag = "deployments",
    params(("endpoint" = String, Path), ("id" = String, Path)), request_body = api::BreakGlassReview,
    responses((status = 200, body = api::BreakGlass), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem))
)]
pub(crate) async fn review_break_glass(
    caller: Caller,
    State(state): State<AppState>,
    Path((endpoint, id)): Path<(String, String)>,
    extract::Json(body): extract::Json<api::BreakGlassReview>,
) -> Result<Json<api::BreakGlass>, ApiError> {
    let (app, context) = (state.app(), caller.context(&state));
    let endpoint: EndpointName = parse_param(&endpoint)?;
    let reviewed = blocking(move || {
        break_glass::review_break_glass(&app, &context, (&endpoint, &id), body.justified, &body.reason)
            .map_err(|error| problem_of(&error))
    });
    Ok(Json(break_glass_of(&reviewed.await?)))
}

/// A break-glass, in the words of `api`.
pub(crate) fn break_glass_of(found: &BreakGlass) -> api::BreakGlass {
    api::BreakGlass {
        id: found.id.clone(),
        endpoint: found.endpoint.to_string(),
        model: found.model.to_string(),
        version: found.number,
        state: match found.state {
            BreakGlassState::Open => api::BreakGlassState::Open,
            BreakGlassState::Justified => api::BreakGlassState::Justified,
            BreakGlassState::Unjustified => api::BreakGlassState::Unjustified,
        },
        by: found.by.to_string(),
        reason: found.reason.clone(),
        at: found.at,
        due: found.due,
        reviewed_by: found.reviewed_by.as_ref().map(ToString::to_string),
    }
}
