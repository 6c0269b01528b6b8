//! Documents about versions, the inventory of all models, and objectives.

use axum::{
    Json,
    extract::{Path, State},
};
use kilter_api::{self as api, Problem};
use kilter_app::{
    authz::{self, act},
    documents::{self, Block, DocumentKind},
    objective::{self, MeasuredObjective},
};
use kilter_domain::ids::ModelName;

use crate::{
    api::{bad_request, models::version_name, parse_param},
    caller::{Allowed, Caller},
    error::{ApiError, problem_of},
    extract,
    state::{AppState, blocking},
};

/// A document about a version: `card`, `annex-iv` or `sr-26-2`.
#[utoipa::path(
    get, path = "/api/v1/models/{model}/versions/{version}/documents/{kind}", tag = "models",
    params(("model" = String, Path), ("version" = u32, Path), ("kind" = String, Path)),
    responses((status = 200, body = api::Document), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem))
)]
pub(crate) async fn get_document(
    _: Caller,
    State(state): State<AppState>,
    Path((model, version, kind)): Path<(String, String, String)>,
) -> Result<Json<api::Document>, ApiError> {
    let (app, now) = (state.app(), state.now());
    let (model, number) = version_name(&model, &version)?;
    let kind = match kind.as_str() {
        "card" => DocumentKind::Card,
        "annex-iv" => DocumentKind::AnnexIv,
        "sr-26-2" => DocumentKind::Sr262,
        other => return Err(bad_request(format!("`{other}` is no document: name card, annex-iv or sr-26-2")).into()),
    };
    let found =
        blocking(move || documents::document(&app, &model, number, kind, now).map_err(|error| problem_of(&error)));
    Ok(Json(document(&found.await?)))
}

/// Writes parts of the card of a version.
#[utoipa::path(
    post, path = "/api/v1/models/{model}/versions/{version}/card", tag = "models",
    params(("model" = String, Path), ("version" = u32, Path)), request_body = api::CardParts,
    responses((status = 200, body = api::Document), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem))
)]
pub(crate) async fn write_card(
    caller: Caller,
    State(state): State<AppState>,
    Path((model, version)): Path<(String, String)>,
    extract::Json(body): extract::Json<api::CardParts>,
) -> Result<Json<api::Document>, ApiError> {
    let (app, now, context) = (state.app(), state.now(), caller.context(&state));
    let (model, number) = version_name(&model, &version)?;
    let written = blocking(move || {
        let edit = documents::CardEdit { parts: &body.parts, revision: body.revision };
        documents::set_card(&app, &context, (&model, number), edit).map_err(|error| problem_of(&error))?;
        documents::document(&app, &model, number, DocumentKind::Card, now).map_err(|error| problem_of(&error))
    });
    Ok(Json(document(&written.await?)))
}

fn document(found: &documents::Document) -> api::Document {
    let block = |block: &Block| match block.clone() {
        Block::Text(text) => api::DocumentBlock::Text { text },
        Block::Table { headings, rows } => api::DocumentBlock::Table { headings, rows },
        Block::Gap(text) => api::DocumentBlock::Gap { text },
        Block::Human { part, text } => api::DocumentBlock::Human { part, text },
    };
    let section = |section: &documents::Section| api::DocumentSection {
        heading: section.heading.clone(),
        blocks: section.blocks.iter().map(block).collect(),
    };
    api::Document {
        title: found.title.clone(),
        front_matter: found.front_matter.clone(),
        sections: found.sections.iter().map(section).collect(),
        gaps: found.gaps(),
        revision: found.revision,
    }
}

/// Every model with its risk tier, owner, dates and findings.
#[utoipa::path(get, path = "/api/v1/inventory", tag = "models", responses((status = 200, body = api::Inventory), (status = 401, body = Problem)))]
pub(crate) async fn get_inventory(
    caller: Caller,
    State(state): State<AppState>,
) -> Result<Json<api::Inventory>, ApiError> {
    let (app, now) = (state.app(), state.now());
    let readable = authz::readable(&app, &caller.context(&state));
    let found = blocking(move || documents::inventory(&app, now).map_err(|error| problem_of(&error))).await?;
    let items = found.into_iter().filter(|entry| readable.has_project(entry.project.as_str())).map(|entry| {
        api::InventoryEntry {
            project: entry.project.to_string(),
            model: entry.model.to_string(),
            risk: format!("{:?}", entry.risk).to_lowercase(),
            owner: entry.owner,
            live: entry
                .live
                .into_iter()
                .map(|(endpoint, version)| api::LiveVersion { endpoint: endpoint.to_string(), version })
                .collect(),
            versions: entry.versions,
            approved: entry.approved,
            review_due: entry.review_due,
            findings: entry.findings,
        }
    });
    Ok(Json(api::Inventory { items: items.collect() }))
}

/// The objectives of a model with what they came to.
#[utoipa::path(
    get, path = "/api/v1/models/{model}/objectives", tag = "models", params(("model" = String, Path)),
    responses((status = 200, body = api::Objectives), (status = 401, body = Problem), (status = 404, body = Problem))
)]
pub(crate) async fn list_objectives(
    _: Caller,
    State(state): State<AppState>,
    Path(model): Path<String>,
) -> Result<Json<api::Objectives>, ApiError> {
    let (app, model): (_, ModelName) = (state.app(), parse_param(&model)?);
    let found = blocking(move || objective::objectives(&app, &model).map_err(|error| problem_of(&error)));
    Ok(Json(objectives(found.await?)))
}

/// Measures the objectives of a model now, whether or not they are due.
#[utoipa::path(
    post, path = "/api/v1/models/{model}/objectives/measure", tag = "models", params(("model" = String, Path)),
    request_body = api::MeasureObjectives,
    responses((status = 200, body = api::Objectives), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem))
)]
pub(crate) async fn measure_objectives(
    Allowed(by): Allowed<act::Run>,
    State(state): State<AppState>,
    Path(model): Path<String>,
    extract::Json(api::MeasureObjectives {}): extract::Json<api::MeasureObjectives>,
) -> Result<Json<api::Objectives>, ApiError> {
    let (app, model): (_, ModelName) = (state.app(), parse_param(&model)?);
    let found = blocking(move || objective::measure_objectives(&app, &by, &model).map_err(|error| problem_of(&error)));
    Ok(Json(objectives(found.await?)))
}

fn objectives(found: Vec<MeasuredObjective>) -> api::Objectives {
    let objective = |measured: MeasuredObjective| {
        let readings = measured.readings.into_iter().map(|reading| api::ObjectiveReading {
            at: reading.at,
            value: reading.value,
            is_met: reading.is_met,
            version: reading.number,
            note: reading.note,
        });
        api::Objective {
            name: measured.objective.name,
            kpi: measured.objective.kpi,
            baseline: measured.objective.baseline,
            target: measured.objective.target.map(|(op, number)| format!("{op} {number}")),
            review_due: measured.review_due,
            readings: readings.collect(),
            metrics: measured.metrics,
        }
    };
    api::Objectives { items: found.into_iter().map(objective).collect() }
}
