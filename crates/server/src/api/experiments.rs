//! What is on its way at an endpoint beside what is live: compared, listed, decided.

use axum::{
    Json,
    extract::{Path, State},
};
use kilter_api::{self as api, ComparisonQuery, ExposureQuery, Problem};
use kilter_app::deployment::{self, ComparedMetric, Difference, ExperimentDecision, ExperimentState, MetricComparison};
use kilter_domain::ids::EndpointName;

use crate::{
    api::{bad_request, endpoints::deployment as in_words, parse_param, reason_or_default},
    caller::Caller,
    error::{ApiError, problem_of},
    extract,
    state::{AppState, blocking},
};

/// Exposures that are listed where nothing else is said, and at most.
const LISTED: u32 = 1_000;
const MAX_LISTED: u32 = 10_000;

/// A candidate beside the live version: how the entities fell, the difference of each metric with an interval that holds at all times
/// at once, and what the experiment of the contract says. The same rows give the same numbers at any later time.
#[utoipa::path(
    get, path = "/api/v1/endpoints/{endpoint}/comparison", tag = "deployments", params(("endpoint" = String, Path), ComparisonQuery),
    responses((status = 200, body = api::Comparison), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem))
)]
pub(crate) async fn get_comparison(
    _: Caller,
    State(state): State<AppState>,
    Path(endpoint): Path<String>,
    wanted: extract::Query<ComparisonQuery>,
) -> Result<Json<api::Comparison>, ApiError> {
    let (app, now) = (state.app(), state.now());
    let (endpoint, ComparisonQuery { version, as_of }): (EndpointName, _) = (parse_param(&endpoint)?, wanted.0);
    let as_of = as_of.unwrap_or(now);
    if as_of > now {
        return Err(bad_request(format!("`as_of` is {as_of}, which is not over yet")).into());
    }
    let found = blocking(move || {
        deployment::experiment_at(&app, &endpoint, version, as_of).map_err(|error| problem_of(&error))
    });
    Ok(Json(comparison(found.await?)))
}

/// Which entity met which version first while two versions shared the traffic.
#[utoipa::path(
    get, path = "/api/v1/endpoints/{endpoint}/exposures", tag = "deployments", params(("endpoint" = String, Path), ExposureQuery),
    responses((status = 200, body = api::Exposures), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem))
)]
pub(crate) async fn list_exposures(
    _: Caller,
    State(state): State<AppState>,
    Path(endpoint): Path<String>,
    wanted: extract::Query<ExposureQuery>,
) -> Result<Json<api::Exposures>, ApiError> {
    let (app, now) = (state.app(), state.now());
    let (endpoint, ExposureQuery { version, after, limit }): (EndpointName, _) = (parse_param(&endpoint)?, wanted.0);
    let limit = limit.unwrap_or(LISTED);
    if !(1..=MAX_LISTED).contains(&limit) {
        return Err(bad_request(format!("`limit` is {limit}; write 1 to {MAX_LISTED}")).into());
    }
    let after = usize::try_from(after.unwrap_or(0)).unwrap_or(usize::MAX);
    let found = blocking(move || {
        deployment::exposures_at(&app, &endpoint, version, now, (after, limit as usize))
            .map_err(|error| problem_of(&error))
    });
    let found = found.await?;
    let exposures = found.exposures.into_iter().map(|one| api::Exposure {
        entity: format!("{:016x}", one.entity),
        at: one.at,
        version: one.version,
        percent: one.percent,
        id: one.id.to_string(),
    });
    Ok(Json(api::Exposures { exposures: exposures.collect(), total: found.total }))
}

/// Ends an experiment: the new version goes live, or is taken back. The numbers of that moment are in its entry.
#[utoipa::path(
    post, path = "/api/v1/endpoints/{endpoint}/experiment/decision", tag = "deployments",
    params(("endpoint" = String, Path)), request_body = api::DecideExperiment,
    responses((status = 200, body = api::Deployment), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem))
)]
pub(crate) async fn decide_experiment(
    caller: Caller,
    State(state): State<AppState>,
    Path(endpoint): Path<String>,
    extract::Json(body): extract::Json<api::DecideExperiment>,
) -> Result<Json<api::Deployment>, ApiError> {
    let (app, context) = (state.app(), caller.context(&state));
    let endpoint: EndpointName = parse_param(&endpoint)?;
    let reason = reason_or_default(body.reason);
    let decision = match body.decision {
        api::ExperimentDecision::Promote => ExperimentDecision::Promote,
        api::ExperimentDecision::Stop => ExperimentDecision::Stop,
    };
    let decided = blocking(move || {
        deployment::decide_experiment(&app, &context, &endpoint, decision, &reason).map_err(|error| problem_of(&error))
    });
    Ok(Json(in_words(&decided.await?)))
}

fn comparison(found: ExperimentState) -> api::Comparison {
    let ExperimentState { comparison, result, is_over } = found;
    api::Comparison {
        champion: comparison.champion,
        candidate: comparison.candidate,
        since: comparison.since,
        until: comparison.until,
        result: result.map(|result| match result {
            deployment::ExperimentResult::NotEnoughData { .. } => api::ExperimentResult::NotEnoughData,
            deployment::ExperimentResult::Undecided(_) => api::ExperimentResult::Undecided,
            deployment::ExperimentResult::Better(_) => api::ExperimentResult::Better,
            deployment::ExperimentResult::Worse(_) => api::ExperimentResult::Worse,
            deployment::ExperimentResult::Mismatch => api::ExperimentResult::Mismatch,
        }),
        is_over,
        sample_ratio: comparison.sample_ratio.map(|ratio| api::SampleRatio {
            percent: ratio.percent,
            champion_entities: ratio.champion.1,
            candidate_entities: ratio.candidate.1,
            p_value: ratio.p_value,
            is_mismatch: ratio.is_mismatch(),
        }),
        metrics: comparison.metrics.iter().map(metric).collect(),
    }
}

fn metric(found: &MetricComparison) -> api::MetricComparison {
    let known = found.difference.known();
    // An end that is not finite bounds nothing.
    let end = |end: f64| Some(end).filter(|end| end.is_finite());
    api::MetricComparison {
        metric: match found.metric {
            ComparedMetric::Loss => api::ComparedMetric::Loss,
            ComparedMetric::Label => api::ComparedMetric::Label,
            ComparedMetric::Score => api::ComparedMetric::Score,
            ComparedMetric::Latency => api::ComparedMetric::Latency,
            ComparedMetric::ErrorRate => api::ComparedMetric::ErrorRate,
        },
        difference: known.map(|known| known.value),
        low: known.and_then(|known| end(known.low)),
        high: known.and_then(|known| end(known.high)),
        count: known.map(|known| known.count),
        missing: match &found.difference {
            Difference::Known(_) => None,
            Difference::NotEnoughData { have, need } => Some(format!("not enough data: {have} of {need} values")),
            Difference::Undefined(reason) => Some((*reason).to_owned()),
        },
    }
}
