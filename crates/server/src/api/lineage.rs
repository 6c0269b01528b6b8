//! What an answer, or a moment, rests on.

use axum::{
    Json,
    extract::{Path, State},
};
use kilter_api::{self as api, Problem};
use kilter_app::{
    App, authz, lineage as app_lineage,
    lineage::{PredictionLineage, RunLineage, ServingAsOf, VersionLineage},
    training::cause_sentence,
};
use kilter_domain::{actor::Role, ids::ProjectName, time::Timestamp};
use kilter_store::gate::{Approval, Decision};

use crate::{
    api::{audit::entry, gates::gate_verdict, standing::waiver},
    caller::Caller,
    error::{ApiError, problem_of},
    extract,
    state::{AppState, blocking},
};

/// What served at a moment: versions, shares, who approved them on what evidence, and from which data, code and run they are.
#[utoipa::path(get, path = "/api/v1/status/as-of", tag = "monitoring", params(api::AsOfQuery), responses((status = 200, body = api::AsOf), (status = 400, body = Problem), (status = 401, body = Problem)))]
pub(crate) async fn get_as_of(
    caller: Caller,
    State(state): State<AppState>,
    query: extract::Query<api::AsOfQuery>,
) -> Result<Json<api::AsOf>, ApiError> {
    let (app, at) = (state.app(), query.0.at);
    let readable = authz::readable(&app, &caller.context(&state));
    let mut found = blocking(move || as_of(&app, at)).await?;
    found.endpoints.retain(|endpoint| readable.has_project(&endpoint.project));
    Ok(Json(found))
}

/// One prediction, and everything that it rests on.
#[utoipa::path(get, path = "/api/v1/predictions/{id}", tag = "predictions", params(("id" = String, Path)), responses((status = 200, body = api::PredictionLineage), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn get_prediction(
    caller: Caller,
    State(state): State<AppState>,
    Path(id): Path<String>,
) -> Result<Json<api::PredictionLineage>, ApiError> {
    let app = state.app();
    let readable = authz::readable(&app, &caller.context(&state));
    let found = blocking(move || prediction(&app, &id, |project| readable.has_project(project.as_str())));
    Ok(Json(found.await?))
}

/// What served at a moment.
///
/// # Errors
/// If the metadata cannot be read.
pub fn as_of(app: &App, at: Timestamp) -> Result<api::AsOf, Problem> {
    let found = app_lineage::as_of(app, at).map_err(|error| problem_of(&error))?;
    let endpoints = found.into_iter().map(|endpoint| api::EndpointAsOf {
        name: endpoint.name.to_string(),
        project: endpoint.project.to_string(),
        serving: endpoint.serving.iter().map(serving).collect(),
    });
    Ok(api::AsOf { at, endpoints: endpoints.collect() })
}

/// One prediction of the projects that may be read.
///
/// # Errors
/// If there is none of that id, or the log cannot be read.
pub fn prediction(
    app: &App,
    id: &str,
    may_read: impl Fn(&ProjectName) -> bool,
) -> Result<api::PredictionLineage, Problem> {
    let found = app_lineage::prediction_lineage(app, id, may_read).map_err(|error| problem_of(&error))?;
    let PredictionLineage { endpoint, project, answer, serving: of, version: alone } = found;
    Ok(api::PredictionLineage {
        id: answer.id,
        endpoint: endpoint.to_string(),
        project: project.to_string(),
        at: answer.at,
        recorded_at: answer.recorded_at,
        version: answer.version,
        role: serving_role(&answer.role),
        score: answer.score,
        predicted: answer.predicted,
        consumer: answer.consumer,
        serving: of.as_ref().map(serving),
        lineage: alone.as_ref().map(version),
    })
}

/// As what a version answered, by the word of the log.
fn serving_role(word: &str) -> api::ServingRole {
    use api::ServingRole::{Candidate, Champion, Fallback, Pinned, Shadow};
    [Candidate, Shadow, Pinned, Fallback].into_iter().find(|role| role.as_str() == word).unwrap_or(Champion)
}

fn serving(serving: &ServingAsOf) -> api::ServingVersion {
    let (first, last) = (serving.entries.first(), serving.entries.last());
    api::ServingVersion {
        deployment: serving.deployment.id.clone(),
        stage: serving.stage.into(),
        share_percent: serving.share_percent,
        since: last.map_or(serving.deployment.created, |record| record.entry.at),
        requested_by: first.map(|record| record.entry.actor.to_string()).unwrap_or_default(),
        reason: first.and_then(|record| record.reason.clone()),
        version: version(&serving.lineage),
        entries: serving.entries.iter().map(entry).collect(),
    }
}

fn version(lineage: &VersionLineage) -> api::VersionLineage {
    let version = &lineage.version;
    api::VersionLineage {
        model: version.model.to_string(),
        number: version.number,
        state: lineage.state.into(),
        digest: version.digest.to_string(),
        policy_digest: version.policy_digest.to_string(),
        makers: version.makers.iter().map(ToString::to_string).collect(),
        run: lineage.run.as_ref().map(run),
        gates: lineage.gates.iter().map(gate_verdict).collect(),
        approvals: lineage.approvals.iter().map(decided).collect(),
        waivers: lineage.waivers.iter().map(|found| waiver(found, lineage.at)).collect(),
        entries: lineage.entries.iter().map(entry).collect(),
    }
}

fn run(run: &RunLineage) -> api::RunLineage {
    api::RunLineage {
        id: run.id.clone(),
        cause: cause_sentence(&run.cause),
        created: run.created,
        data: run.data.iter().map(|(name, digest)| (name.clone(), digest.to_string())).collect(),
        commit: run.commit.clone(),
        is_dirty: run.is_dirty,
    }
}

fn decided(approval: &Approval) -> api::Decided {
    api::Decided {
        by: approval.by.to_string(),
        role: match approval.role {
            Role::Validator => api::ApproverRole::Validator,
            _ => api::ApproverRole::Owner,
        },
        is_approval: approval.decision == Decision::Approved,
        at: approval.at,
        expires: approval.expires,
        entry: approval.audit_seq,
    }
}
