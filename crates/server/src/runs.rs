//! The native API of runs: ask for one, follow it, cancel it, look at it.
//!
//! Holds true: a run that was taken goes on without whoever asked; a folder is only taken from someone who can read the
//! data folder, because a run executes what stands in it. Deliberately absent: other machines.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
};
use kilter_api::{self as api, Code, Problem};
use kilter_app::{
    App, Project, RequestContext,
    training::{RunOverrides, RunRequest},
};
use kilter_domain::{digest::Digest, ids::ProjectName};
use kilter_workflow::Force;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    auth::Caller,
    extract,
    failure::problem_of,
    problem::Failure,
    run_views,
    state::{House, blocking},
    v1::{name, page_request, wrong},
};

/// The header with the key of the data folder.
pub(crate) const FOLDER_KEY_HEADER: &str = "x-kilter-folder-key";
/// The longest that a request for events waits for the next one.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks for a run of a project. It goes on without whoever asked; its events tell how far it is.
#[utoipa::path(
    post, path = "/api/v1/runs", tag = "runs", request_body = api::NewRun,
    responses((status = 202, body = api::RunStarted), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem))
)]
pub(crate) async fn start(
    caller: Caller,
    State(house): State<House>,
    headers: HeaderMap,
    extract::Json(body): extract::Json<api::NewRun>,
) -> Result<(StatusCode, Json<api::RunStarted>), Failure> {
    let has_key = headers.get(FOLDER_KEY_HEADER).is_some_and(|key| house.is_folder_key(key.as_bytes()));
    let (app, act) = (house.app(), caller.act(&house));
    let steps = body.steps.iter().map(|step| name(step)).collect::<Result<BTreeSet<_>, _>>()?;
    let force = if body.force { Force::All } else { Force::None };
    let overrides = RunOverrides { force, locked: body.locked, params: body.params.clone() };
    let clock = house.clone();
    let id = blocking(move || {
        let project = project_to_run(&app, &act, &body, has_key)?;
        let request = RunRequest { steps, overrides, now: Arc::new(move || clock.now()) };
        app.start_run(&act, project, request).map_err(|error| problem_of(&error))
    });
    Ok((StatusCode::ACCEPTED, Json(api::RunStarted { id: id.await? })))
}

/// The project that is asked for, as its folder on this machine states it.
fn project_to_run(app: &App, act: &RequestContext, body: &api::NewRun, has_key: bool) -> Result<Project, Problem> {
    let project = match (&body.folder, &body.project) {
        (Some(_), _) if !has_key => {
            let detail = format!("{} may not name a folder of this machine to run in", act.actor);
            return Err(Problem::new(Code::RightMissing, detail).hint(format!(
                "name a registered project instead, or send `{FOLDER_KEY_HEADER}` with the `key` of `server.json` in the data folder"
            )));
        }
        (Some(folder), _) => Project::open(&PathBuf::from(folder)).map_err(|error| problem_of(&error))?,
        (None, Some(project)) => {
            let project: ProjectName = name(project)?;
            // Who may not run it learns nothing of its folder.
            app.require(act, kilter_domain::actor::Action::Run, &kilter_app::authz::Subject::Project(project.clone()))
                .map_err(|error| problem_of(&error))?;
            let folder = app.project_folder(&project).map_err(|error| problem_of(&error))?;
            let folder = folder
                .ok_or_else(|| run_views::not_here(format!("this server knows no folder of a project `{project}`")))?;
            let opened = Project::open(&folder).map_err(|error| problem_of(&error))?;
            if opened.name != project {
                return Err(wrong(format!("the folder of project `{project}` now holds project `{}`", opened.name)));
            }
            opened
        }
        (None, None) => return Err(wrong("name a `project`, or a `folder` of this machine".to_owned())),
    };
    let is_other = |digest: &String| *digest != Digest::of(project.text.as_bytes()).to_string();
    if body.contract.as_ref().is_some_and(is_other) {
        return Err(Problem::new(
            Code::WrongState,
            format!("the contract of project `{}` on the machine of the server is not the one at hand", project.name),
        )
        .hint("bring the project's folder to that machine as it is here, then run it again"));
    }
    if project.contract.steps.is_empty() {
        let detail = format!("the contract of project `{}` states no step", project.name);
        return Err(Problem::new(Code::ContractInvalid, detail).hint("add a [step.NAME] with `run = \"…\"`"));
    }
    Ok(project)
}

/// Which part of the list of runs.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunListing {
    /// Rows at most: 1 to 1000, 100 when nothing is said.
    limit: Option<u32>,
    /// Where the page before ended: its `next`.
    cursor: Option<String>,
}

/// Runs, newest first.
#[utoipa::path(get, path = "/api/v1/runs", tag = "runs", params(RunListing), responses((status = 200, body = api::Page<api::RunSummary>), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem)))]
pub(crate) async fn list(
    caller: Caller,
    State(house): State<House>,
    listing: extract::Query<RunListing>,
) -> Result<Json<api::Page<api::RunSummary>>, Failure> {
    let (app, page) = (house.app(), page_request(listing.0.limit, listing.0.cursor.as_deref())?);
    let readable = app.readable(caller.actor());
    let mut found = blocking(move || run_views::runs(&app, &page)).await?;
    found.items.retain(|run| readable.has_project(&run.project));
    Ok(Json(found))
}

/// One run with its steps, its metrics, the version that it made and what each gate said.
#[utoipa::path(get, path = "/api/v1/runs/{id}", tag = "runs", params(("id" = String, Path)), responses((status = 200, body = api::Run), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn show(
    _: Caller,
    State(house): State<House>,
    Path(id): Path<String>,
) -> Result<Json<api::Run>, Failure> {
    let app = house.app();
    Ok(Json(blocking(move || run_views::run(&app, &id)).await?))
}

/// Which events.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventsAfter {
    /// The number of the last event that is known.
    #[serde(default)]
    after: u64,
}

/// What happened in a run after a number. Waits up to ten seconds for the next event; a run that ended, or of an earlier
/// process, has none any more.
#[utoipa::path(get, path = "/api/v1/runs/{id}/events", tag = "runs", params(("id" = String, Path), EventsAfter), responses((status = 200, body = api::RunProgress), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn events(
    _: Caller,
    State(house): State<House>,
    Path(id): Path<String>,
    asked: extract::Query<EventsAfter>,
) -> Result<Json<api::RunProgress>, Failure> {
    let app = house.app();
    // An answer comes well before the time limit of a request.
    let patience = PATIENCE.min(house.options().limits.request / 2);
    let progress = blocking(move || {
        let Some(found) = app.run_events(&id, asked.0.after, patience) else {
            run_views::run(&app, &id)?;
            return Ok(api::RunProgress { events: Vec::new(), has_ended: true });
        };
        let events = found.events.iter().filter_map(|(number, event)| run_views::event(*number, event)).collect();
        Ok(api::RunProgress { events, has_ended: found.has_ended })
    });
    Ok(Json(progress.await?))
}

/// Asks a run to stop. Its steps are ended, and it is `cancelled` once they are.
#[utoipa::path(post, path = "/api/v1/runs/{id}/cancel", tag = "runs", params(("id" = String, Path)), request_body = api::Reason, responses((status = 200, body = api::Run), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn cancel(
    caller: Caller,
    State(house): State<House>,
    Path(id): Path<String>,
    extract::Json(body): extract::Json<api::Reason>,
) -> Result<Json<api::Run>, Failure> {
    let (app, act) = (house.app(), caller.act(&house));
    let cancelled = blocking(move || {
        let run = run_views::run(&app, &id)?;
        let reason = body.reason.unwrap_or_else(|| "asked for over the API".to_owned());
        match app.cancel_run(&act, &id, &reason).map_err(|error| problem_of(&error))? {
            true => Ok(run),
            false => Err(Problem::new(
                Code::WrongState,
                format!("run `{id}` does not go on here, so it cannot be cancelled"),
            )
            .hint("see its state with `kilter run show`")),
        }
    });
    Ok(Json(cancelled.await?))
}

/// The log of a step, of the execution that made its result.
#[utoipa::path(get, path = "/api/v1/runs/{id}/steps/{step}/log", tag = "runs", params(("id" = String, Path), ("step" = String, Path)), responses((status = 200, body = api::StepLog), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn log(
    _: Caller,
    State(house): State<House>,
    Path((id, step)): Path<(String, String)>,
) -> Result<Json<api::StepLog>, Failure> {
    let (app, step) = (house.app(), name(&step)?);
    Ok(Json(blocking(move || run_views::step_log(&app, &id, &step)).await?))
}
