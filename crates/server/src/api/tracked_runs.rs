//! The native API of tracked runs: searched, looked at, followed while they go on.
//!
//! Invariants: whoever follows a run is asked for the right to read it again with each look, and comes again after a while, so that a
//! token that was withdrawn ends. Followers are bounded. Out of scope: writing; clients log over the API of MLflow.

use std::{
    convert::Infallible,
    time::{Duration, Instant},
};

use axum::{
    Json,
    extract::{Path, State},
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use kilter_api::{self as api, Code, Problem};
use kilter_app::{
    App, RequestContext,
    tracking::{self, FoundPage, Query, SeenRun, TrackedRunChange},
};
use kilter_domain::{search::PageToken, tracking::MetricPoint};
use kilter_store::{
    page::{DEFAULT_LIMIT, MAX_LIMIT},
    run as executed_runs,
    tracking::{dataset::CONTEXT_TAG, logged_model::ModelLinkKind, logged_run::LoggedRun},
};
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    api::{bad_request, parse_param, read, runs::summary_with_version},
    caller::Caller,
    error::{ApiError, problem_of},
    extract,
    state::{AppState, blocking},
};

/// How often a run is looked at that is followed.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long a run is followed before whoever follows it comes again.
const LONGEST_FOLLOWING: Duration = Duration::from_secs(10 * 60);
/// How often a word is sent when nothing happens, so that the connection stays.
const ALIVE_EVERY: Duration = Duration::from_secs(15);

/// Searches runs of clients and of the platform: parameters, metrics, tags and datasets are in the filter language of searches.
#[utoipa::path(
    post, path = "/api/v1/tracked-runs/search", tag = "runs", request_body = api::SearchTrackedRuns,
    responses((status = 200, body = api::Page<api::TrackedRun>), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem))
)]
pub(crate) async fn search_tracked_runs(
    caller: Caller,
    State(state): State<AppState>,
    extract::Json(body): extract::Json<api::SearchTrackedRuns>,
) -> Result<Json<api::Page<api::TrackedRun>>, ApiError> {
    let (app, context) = (state.app(), caller.context(&state));
    Ok(Json(blocking(move || search(&app, &context, &body)).await?))
}

fn search(
    app: &App,
    context: &RequestContext,
    body: &api::SearchTrackedRuns,
) -> Result<api::Page<api::TrackedRun>, Problem> {
    let limit = body.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(bad_request(format!("`limit` is {limit}; a page has 1 to {MAX_LIMIT} runs")));
    }
    let token: PageToken = body.cursor.as_deref().map_or(Ok(PageToken { offset: 0 }), parse_param)?;
    let query = Query { filter: &body.filter, order_by: &body.order_by, view: body.deleted.into(), token, limit };
    let found = tracking::search_runs_by_name(app, context, &body.experiments, &query);
    let FoundPage { items, next } = found.map_err(|error| problem_of(&error))?;
    let executed = executed(app, items.iter().map(|(run, _)| run.run.id.as_str()))?;
    let items = items.into_iter().zip(executed);
    let items = items.map(|((run, experiment), executed)| tracked_run(run, experiment.name, executed)).collect();
    Ok(api::Page { items, next: next.map(|next| next.to_string()) })
}

/// What the platform says of each of these runs; `None` of those that a client executed.
fn executed<'r>(app: &App, ids: impl Iterator<Item = &'r str>) -> Result<Vec<Option<api::RunSummary>>, Problem> {
    let ids: Vec<&str> = ids.collect();
    read(app, |reader| {
        let found = executed_runs::find_each(reader, &ids)?;
        found.iter().map(|run| run.as_ref().map(|run| summary_with_version(reader, run)).transpose()).collect()
    })
}

/// One run with what it logged.
#[utoipa::path(get, path = "/api/v1/tracked-runs/{id}", tag = "runs", params(("id" = String, Path)), responses((status = 200, body = api::TrackedRun), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn get_tracked_run(
    caller: Caller,
    State(state): State<AppState>,
    Path(id): Path<String>,
) -> Result<Json<api::TrackedRun>, ApiError> {
    let (app, context) = (state.app(), caller.context(&state));
    let found = blocking(move || {
        let run = tracking::get_run(&app, &context, &id).map_err(|error| problem_of(&error))?;
        let experiment = tracking::get_experiment(&app, &context, run.run.experiment);
        let (experiment, _) = experiment.map_err(|error| problem_of(&error))?;
        let executed = executed(&app, std::iter::once(id.as_str()))?.pop().flatten();
        Ok(tracked_run(run, experiment.name, executed))
    });
    Ok(Json(found.await?))
}

/// What changes in a run, as server-sent events: `change` (a `TrackedRunChange`) each time something did, then `end` when the run is over.
/// The stream ends after ten minutes; who still wants to follow it asks again.
#[utoipa::path(get, path = "/api/v1/tracked-runs/{id}/events", tag = "runs", params(("id" = String, Path)), responses((status = 200, body = api::TrackedRunChange, content_type = "text/event-stream"), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn follow_tracked_run(
    caller: Caller,
    State(state): State<AppState>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let Some(place) = state.place_to_follow() else {
        let detail = "as many runs are followed as this server allows";
        return Err(Problem::new(Code::Overloaded, detail).into());
    };
    let until = Instant::now() + LONGEST_FOLLOWING;
    let mut following = Following {
        state,
        caller,
        id,
        seen: None,
        commits: 0,
        has_news: true,
        found: None,
        is_over: false,
        until,
        _place: place,
    };
    // Whoever may not read the run, or names none, has an error as answer.
    following.read_change().await?;
    let events = futures::stream::unfold(following, Following::next);
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE_EVERY)).into_response())
}

/// Someone who follows a run.
struct Following {
    state: AppState,
    caller: Caller,
    id: String,
    seen: Option<SeenRun>,
    /// Commits of this server when the run was looked at.
    commits: u64,
    /// Whether the last look found something, so that there may be more.
    has_news: bool,
    /// What it found and nobody was told yet.
    found: Option<TrackedRunChange>,
    /// Whether the last event was sent.
    is_over: bool,
    until: Instant,
    _place: OwnedSemaphorePermit,
}

impl Following {
    /// The next event, once there is one.
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        loop {
            if let Some(change) = self.found.take() {
                let event = Event::default().event("change").json_data(change_of(&change)).ok()?;
                return Some((Ok(event), self));
            }
            if self.is_over || self.state.is_stopping() || Instant::now() >= self.until {
                return None;
            }
            if !self.has_news && self.seen.as_ref().is_some_and(SeenRun::has_ended) {
                self.is_over = true;
                return Some((Ok(Event::default().event("end").data("{}")), self));
            }
            tokio::time::sleep(LOOK_EVERY).await;
            // An end without the event `end`: whoever asks again learns why.
            self.read_change().await.ok()?;
        }
    }

    /// Reads what changed since the last time.
    async fn read_change(&mut self) -> Result<(), Problem> {
        let (app, context) = (self.state.app(), self.caller.context(&self.state));
        let commits = self.state.signals().counts().commits;
        if !self.has_news && commits == self.commits && !app.store().is_shared() {
            return Ok(());
        }
        let (id, seen) = (self.id.clone(), self.seen.take());
        let looked =
            blocking(move || tracking::follow_run(&app, &context, &id, seen).map_err(|error| problem_of(&error)));
        let (change, seen) = looked.await?;
        (self.commits, self.has_news, self.seen) = (commits, change.is_some(), Some(seen));
        self.found = change;
        Ok(())
    }
}

fn tracked_run(run: LoggedRun, experiment: String, executed: Option<api::RunSummary>) -> api::TrackedRun {
    let made = run.models.into_iter().filter(|link| link.kind == ModelLinkKind::Output);
    let inputs = run.inputs.into_iter().map(|input| api::TrackedInput {
        context: input.tags.get(CONTEXT_TAG).cloned(),
        name: input.dataset.name,
        digest: input.dataset.digest,
    });
    api::TrackedRun {
        id: run.run.id,
        name: run.run.name,
        experiment,
        user: run.run.user_id,
        status: run.run.status,
        is_deleted: run.run.deleted.is_some(),
        started: run.run.started,
        ended: run.run.ended,
        artifact_uri: run.run.artifact_uri,
        executed,
        params: run.params,
        metrics: run.metrics.iter().map(|point| (point.metric.clone(), metric_value(point))).collect(),
        tags: run.tags,
        datasets: inputs.collect(),
        models: made.map(|link| link.model).collect(),
    }
}

fn metric_value(point: &MetricPoint) -> api::MetricValue {
    api::MetricValue { value: (!point.value.is_nan()).then_some(point.value), step: point.step, at: point.at }
}

fn change_of(change: &TrackedRunChange) -> api::TrackedRunChange {
    let metrics = change.points.iter().map(|(name, points)| (name.clone(), points.iter().map(metric_value).collect()));
    api::TrackedRunChange {
        name: change.run.name.clone(),
        status: change.run.status,
        params: change.params.clone(),
        tags: change.tags.clone(),
        removed_tags: change.removed_tags.clone(),
        metrics: metrics.collect(),
    }
}
