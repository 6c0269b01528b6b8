//! The native API of runs: ask for one, follow it, cancel it, look at it.
//!
//! Invariants: a run that was taken goes on without whoever asked; a folder is only taken from someone who can read the
//! data folder, because a run executes what stands in it. Out of scope: other machines.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
};
use kilter_api::{self as api, Code, FOLDER_KEY_HEADER, PageQuery, Problem};
use kilter_app::{
    App, Project, RequestContext,
    authz::{self, act},
    registered, runs as app_runs,
    training::{RunOverrides, RunRequest, cause_sentence},
};
use kilter_domain::{
    digest::Digest,
    ids::{ProjectName, StepName},
    run::{RunState, StepState},
};
use kilter_store::{
    PageRequest, Reader, StoreError, model as versions,
    run::{self as runs, Run, RunFilter},
};
use kilter_workflow::{Force, RunRecord, StepRecord, UnchangedVersion};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    api::{bad_request, cursor, models::version_with_gates, page_request, parse_param, read, run_events},
    caller::{Allowed, Caller},
    error::{ApiError, problem_of},
    extract,
    state::{AppState, blocking},
};

/// The longest that a request for events waits for the next one.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often it is asked whether a run of another server ended.
const ELSEWHERE_EVERY: Duration = Duration::from_millis(500);

/// Asks for a run of a project. It goes on without whoever asked; its events tell how far it is.
#[utoipa::path(
    post, path = "/api/v1/runs", tag = "runs", request_body = api::NewRun,
    responses((status = 202, body = api::RunStarted), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem))
)]
pub(crate) async fn start_run(
    caller: Caller,
    State(state): State<AppState>,
    headers: HeaderMap,
    extract::Json(body): extract::Json<api::NewRun>,
) -> Result<(StatusCode, Json<api::RunStarted>), ApiError> {
    let has_key = headers.get(FOLDER_KEY_HEADER).is_some_and(|key| state.is_folder_key(key.as_bytes()));
    let (app, context) = (state.app(), caller.context(&state));
    let steps = body.steps.iter().map(|step| parse_param(step)).collect::<Result<BTreeSet<_>, _>>()?;
    let force = if body.force { Force::All } else { Force::None };
    let overrides = RunOverrides { force, locked: body.locked, params: body.params.clone() };
    let clock = state.clone();
    let id = blocking(move || {
        let project = project_to_run(&app, &context, &body, has_key)?;
        let request = RunRequest { steps, overrides, now: Arc::new(move || clock.now()) };
        app_runs::start_run(&app, &context, project, request).map_err(|error| problem_of(&error))
    });
    Ok((StatusCode::ACCEPTED, Json(api::RunStarted { id: id.await? })))
}

/// The project that is asked for, as its folder on this machine states it.
fn project_to_run(app: &App, context: &RequestContext, body: &api::NewRun, has_key: bool) -> Result<Project, Problem> {
    let project = match (&body.folder, &body.project) {
        (Some(_), _) if !has_key => {
            let detail = format!("{} may not name a folder of this machine to run in", context.actor);
            return Err(Problem::new(Code::PermissionDenied, detail).hint(format!(
                "name a registered project instead, or send `{FOLDER_KEY_HEADER}` with the `key` of `server.json` in the data folder"
            )));
        }
        (Some(folder), _) => Project::open(&PathBuf::from(folder)).map_err(|error| problem_of(&error))?,
        (None, Some(project)) => {
            let project: ProjectName = parse_param(project)?;
            // Who may not run it learns nothing of its folder.
            authz::require(
                app,
                context,
                kilter_domain::actor::Action::Run,
                &kilter_app::authz::Subject::Project(project.clone()),
            )
            .map_err(|error| problem_of(&error))?;
            let folder = registered::project_folder(app, &project).map_err(|error| problem_of(&error))?;
            let folder =
                folder.ok_or_else(|| not_here(format!("this server knows no folder of a project `{project}`")))?;
            let opened = Project::open(&folder).map_err(|error| problem_of(&error))?;
            if opened.name != project {
                return Err(bad_request(format!(
                    "the folder of project `{project}` now holds project `{}`",
                    opened.name
                )));
            }
            opened
        }
        (None, None) => return Err(bad_request("name a `project`, or a `folder` of this machine".to_owned())),
    };
    let is_other = |digest: &String| *digest != Digest::of(project.text.as_bytes()).to_string();
    if body.contract.as_ref().is_some_and(is_other) {
        return Err(Problem::new(
            Code::InvalidState,
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

/// Runs, newest first.
#[utoipa::path(get, path = "/api/v1/runs", tag = "runs", params(PageQuery), responses((status = 200, body = api::Page<api::RunSummary>), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem)))]
pub(crate) async fn list_runs(
    caller: Caller,
    State(state): State<AppState>,
    listing: extract::Query<PageQuery>,
) -> Result<Json<api::Page<api::RunSummary>>, ApiError> {
    let (app, page) = (state.app(), page_request(&listing.0)?);
    let readable = authz::readable(&app, &caller.context(&state));
    let mut found = blocking(move || runs(&app, &page)).await?;
    found.items.retain(|run| readable.has_project(&run.project));
    Ok(Json(found))
}

/// One run with its steps, its metrics, the version that it made and what each gate said.
#[utoipa::path(get, path = "/api/v1/runs/{id}", tag = "runs", params(("id" = String, Path)), responses((status = 200, body = api::Run), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn get_run(
    _: Caller,
    State(state): State<AppState>,
    Path(id): Path<String>,
) -> Result<Json<api::Run>, ApiError> {
    let app = state.app();
    Ok(Json(blocking(move || run(&app, &id)).await?))
}

/// Which events.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventsAfter {
    /// The number of the last event that is known.
    #[serde(default)]
    after: u64,
}

/// What happened in a run after a number. Waits up to ten seconds for the next event; a run that ended, or of an earlier
/// process, has none any more.
#[utoipa::path(get, path = "/api/v1/runs/{id}/events", tag = "runs", params(("id" = String, Path), EventsAfter), responses((status = 200, body = api::RunProgress), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn get_run_events(
    _: Caller,
    State(state): State<AppState>,
    Path(id): Path<String>,
    asked: extract::Query<EventsAfter>,
) -> Result<Json<api::RunProgress>, ApiError> {
    let app = state.app();
    // An answer comes well before the time limit of a request.
    let patience = PATIENCE.min(state.options().limits.request / 2);
    let progress = blocking(move || {
        let Some(found) = app_runs::run_events(&app, &id, asked.0.after, patience) else {
            run(&app, &id)?;
            return progress_elsewhere(&app, &id, asked.0.after, patience);
        };
        let events = found.events.iter().filter_map(|(number, event)| run_events::event(*number, event)).collect();
        Ok(api::RunProgress { events, has_ended: found.has_ended })
    });
    Ok(Json(progress.await?))
}

/// The events of a run that is not of this process: which server executes it, and its end once that is known.
fn progress_elsewhere(app: &App, id: &str, after: u64, patience: Duration) -> Result<api::RunProgress, Problem> {
    let until = Instant::now() + patience;
    loop {
        let executing = app_runs::executing_replica(app, id).map_err(|error| problem_of(&error))?;
        let Some(replica) = executing else { return Ok(api::RunProgress { events: Vec::new(), has_ended: true }) };
        if after == 0 {
            let text = format!("run {id} is executed by replica {replica}; that server has its events");
            let events = vec![api::RunEvent { number: 1, kind: api::RunEventKind::Started, text }];
            return Ok(api::RunProgress { events, has_ended: false });
        }
        if Instant::now() + ELSEWHERE_EVERY > until {
            return Ok(api::RunProgress { events: Vec::new(), has_ended: false });
        }
        thread::sleep(ELSEWHERE_EVERY);
    }
}

/// Asks a run to stop. Its steps are ended, and it is `cancelled` once they are.
#[utoipa::path(post, path = "/api/v1/runs/{id}/cancel", tag = "runs", params(("id" = String, Path)), request_body = api::Reason, responses((status = 200, body = api::Run), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn cancel_run(
    Allowed(by): Allowed<act::Run>,
    State(state): State<AppState>,
    Path(id): Path<String>,
    extract::Json(body): extract::Json<api::Reason>,
) -> Result<Json<api::Run>, ApiError> {
    let app = state.app();
    let cancelled = blocking(move || {
        let run = run(&app, &id)?;
        let reason = body.reason.unwrap_or_else(|| "no reason given (API)".to_owned());
        match app_runs::cancel_run(&app, &by, &id, &reason).map_err(|error| problem_of(&error))? {
            true => Ok(run),
            false => Err(Problem::new(
                Code::InvalidState,
                format!("run `{id}` does not go on here, so it cannot be cancelled"),
            )
            .hint("see its state with `kilter runs show`")),
        }
    });
    Ok(Json(cancelled.await?))
}

/// The log of a step, of the execution that made its result.
#[utoipa::path(get, path = "/api/v1/runs/{id}/steps/{step}/log", tag = "runs", params(("id" = String, Path), ("step" = String, Path)), responses((status = 200, body = api::StepLog), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn get_step_log(
    _: Caller,
    State(state): State<AppState>,
    Path((id, step)): Path<(String, String)>,
) -> Result<Json<api::StepLog>, ApiError> {
    let (app, step) = (state.app(), parse_param(&step)?);
    Ok(Json(blocking(move || step_log(&app, &id, &step)).await?))
}

/// Runs, newest first.
///
/// # Errors
/// When the metadata cannot be read, or the cursor is of another list.
pub fn runs(app: &App, page: &PageRequest) -> Result<api::Page<api::RunSummary>, Problem> {
    read(app, |reader| {
        let found = runs::list(reader, &RunFilter::default(), page)?;
        let items = found.items.iter().map(|run| summary_with_version(reader, run));
        Ok(api::Page { items: items.collect::<Result<_, StoreError>>()?, next: cursor(found.next) })
    })
}

/// One run with what came of it.
///
/// # Errors
/// When there is no such run, or the metadata cannot be read.
pub fn run(app: &App, id: &str) -> Result<api::Run, Problem> {
    let (run, made) = read(app, |reader| Ok((runs::get(reader, id)?, made_by(reader, id)?)))?;
    let record = record_of(&run);
    let unchanged = record.as_ref().and_then(|record| record.unchanged.clone());
    let named = made.map(|made| UnchangedVersion { model: made.model, number: made.number }).or(unchanged.clone());
    let version = named.map(|of| version_with_gates(app, &of.model, of.number)).transpose()?;
    let number = version.as_ref().filter(|_| unchanged.is_none()).map(|version| version.number);
    Ok(api::Run {
        summary: summary(&run, number),
        version,
        unchanged: unchanged.is_some(),
        data_refused: run.record.get("data").is_some() && record.is_none(),
        reason: reason(&run, record.as_ref()),
        steps: record.iter().flat_map(|record| &record.steps).map(step).collect(),
        record: if record.is_some() { run.record } else { serde_json::Value::Null },
    })
}

/// The log of a step of a run.
///
/// # Errors
/// When there is no such run or step, or its log is gone.
pub fn step_log(app: &App, id: &str, name: &StepName) -> Result<api::StepLog, Problem> {
    let text = app_runs::step_log(app, id, name).map_err(|error| problem_of(&error))?;
    Ok(api::StepLog { run: id.to_owned(), step: name.to_string(), text })
}

/// The version that a run made: the first, because later ones of the same run differ in their threshold alone.
fn made_by(reader: &Reader, run: &str) -> Result<Option<versions::Version>, StoreError> {
    Ok(versions::find_by_run(reader, run)?.pop())
}

fn record_of(run: &Run) -> Option<RunRecord> {
    serde_json::from_value(run.record.clone()).ok()
}

/// Why it made nothing.
fn reason(run: &Run, record: Option<&RunRecord>) -> Option<String> {
    let of_step = record.and_then(RunRecord::failed_step).and_then(StepRecord::failure);
    of_step.or_else(|| Some(run.record.get("error")?.as_str()?.to_owned()))
}

/// What a list has of a run.
pub(crate) fn summary_with_version(reader: &Reader, run: &Run) -> Result<api::RunSummary, StoreError> {
    let version = made_by(reader, &run.id)?.map(|version| version.number);
    Ok(summary(run, version))
}

fn summary(run: &Run, version: Option<u32>) -> api::RunSummary {
    api::RunSummary {
        id: run.id.clone(),
        project: run.project.to_string(),
        state: state(run.state),
        cause: cause_sentence(&run.cause),
        created: run.created,
        ended: run.ended,
        version,
    }
}

const fn state(state: RunState) -> api::RunState {
    match state {
        RunState::Queued => api::RunState::Queued,
        RunState::Running => api::RunState::Running,
        RunState::Succeeded => api::RunState::Succeeded,
        RunState::Failed => api::RunState::Failed,
        RunState::Cancelled => api::RunState::Cancelled,
        RunState::Refused => api::RunState::Refused,
    }
}

fn step(record: &StepRecord) -> api::RunStep {
    api::RunStep {
        name: record.step.to_string(),
        state: step_state(record.state),
        wall_ms: record.wall_ms,
        made_by: record.made_by.clone(),
        has_log: record.log.is_some() || record.log_file.is_some(),
        metrics: record.metrics.clone(),
        error: record.error.clone(),
    }
}

const fn step_state(state: StepState) -> api::StepState {
    match state {
        StepState::Queued => api::StepState::Queued,
        StepState::Running => api::StepState::Running,
        StepState::Succeeded => api::StepState::Succeeded,
        StepState::Failed => api::StepState::Failed,
        StepState::Cancelled => api::StepState::Cancelled,
        StepState::Cached => api::StepState::Cached,
        StepState::Skipped => api::StepState::Skipped,
        StepState::Refused => api::StepState::Refused,
    }
}

/// A run whose folder or contract cannot be used as it was asked for.
pub(crate) fn not_here(detail: String) -> Problem {
    Problem::new(Code::NotFound, detail).hint(
        "a server runs projects in folders of its own machine: bring the project's folder there, and run `kilter run` there \
         once, in the folder and with the server's data folder (`--data`)",
    )
}
