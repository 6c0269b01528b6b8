//! Metrics of runs as lines of a chart: reduced to so many points, without losing a spike.

use axum::{Json, extract::State};
use kilter_api::{self as api, Problem};
use kilter_app::tracking::{self, ReducedHistory};
use kilter_domain::{plural::counted, tracking::HistoryPoint};

use crate::{
    api::bad_request,
    caller::Caller,
    error::{ApiError, problem_of},
    extract,
    state::{AppState, blocking},
};

const MAX_RUNS: usize = 20;
const POINTS: u32 = 2_000;
const MAX_POINTS: u32 = 10_000;

/// One metric of up to twenty runs, each as columns of at most so many points; no extreme value is lost.
#[utoipa::path(
    post, path = "/api/v1/tracked-runs/series", tag = "runs", request_body = api::AskSeries,
    responses((status = 200, body = api::MetricSeries), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem))
)]
pub(crate) async fn metric_series(
    caller: Caller,
    State(state): State<AppState>,
    extract::Json(body): extract::Json<api::AskSeries>,
) -> Result<Json<api::MetricSeries>, ApiError> {
    let points = body.points.unwrap_or(POINTS);
    if body.ids.is_empty() || body.ids.len() > MAX_RUNS {
        let detail = format!("`ids` names {}", counted(body.ids.len(), "run"));
        return Err(bad_request(detail).hint(format!("name 1 to {MAX_RUNS} runs")).into());
    }
    if !(4..=MAX_POINTS).contains(&points) {
        let detail = format!("`points` is {points}");
        return Err(bad_request(detail).hint(format!("ask for 4 to {MAX_POINTS} points of a run")).into());
    }
    let (first, last) = (body.first.unwrap_or(i64::MIN), body.last.unwrap_or(i64::MAX));
    if first > last {
        let detail = format!("`first` is {first}, behind `last`, which is {last}");
        return Err(bad_request(detail).hint("give the smaller step first").into());
    }
    let (app, context) = (state.app(), caller.context(&state));
    let found = blocking(move || {
        let asked = (body.metric.as_str(), first..=last);
        tracking::reduced_histories(&app, &context, &body.ids, asked, points as usize)
            .map_err(|error| problem_of(&error))
    });
    let found = found.await?;
    let caption = caption(&found);
    Ok(Json(api::MetricSeries { series: found.into_iter().map(series).collect(), caption }))
}

fn series(history: ReducedHistory) -> api::RunSeries {
    let value = |point: &HistoryPoint| Some(point.value).filter(|value| value.is_finite());
    api::RunSeries {
        id: history.run,
        count: history.count,
        steps: history.points.iter().map(|point| point.step).collect(),
        values: history.points.iter().map(value).collect(),
    }
}

/// What stands below the chart.
fn caption(found: &[ReducedHistory]) -> String {
    let count: u64 = found.iter().map(|history| history.count).sum();
    let all = found.iter().all(|history| history.count == history.points.len() as u64);
    let how = match all {
        true => "every one drawn",
        false => "of which the first, last, smallest and largest of each part are drawn",
    };
    format!("{}, {how}", counted(usize::try_from(count).unwrap_or(usize::MAX), "point"))
}
