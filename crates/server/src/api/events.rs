//! Events on their way to webhooks and mail: listed, sent again.

use axum::{Json, extract::State};
use kilter_api::{self as api, PageQuery, Problem};
use kilter_app::{authz::act, events};
use kilter_store::delivery::{Again, Delivery, DeliveryState};

use crate::{
    api::{page_of, page_request},
    caller::{Allowed, Caller},
    error::{ApiError, problem_of},
    extract,
    state::{AppState, blocking},
};

/// Deliveries of events, newest first.
#[utoipa::path(get, path = "/api/v1/events", tag = "operations", params(api::DeliveryQuery), responses((status = 200, body = api::Page<api::Delivery>), (status = 401, body = Problem), (status = 403, body = Problem)))]
pub(crate) async fn list_events(
    caller: Caller,
    State(state): State<AppState>,
    query: extract::Query<api::DeliveryQuery>,
) -> Result<Json<api::Page<api::Delivery>>, ApiError> {
    let (app, context) = (state.app(), caller.context(&state));
    let api::DeliveryQuery { state: wanted, limit, cursor } = query.0;
    let page = page_request(&PageQuery { limit, cursor })?;
    let found = blocking(move || {
        events::list_deliveries(&app, &context, wanted.map(stored), &page).map_err(|error| problem_of(&error))
    });
    Ok(Json(page_of(found.await?, delivery)))
}

/// Sends events again that were delivered or given up.
#[utoipa::path(
    post, path = "/api/v1/events/replay", tag = "operations", request_body = api::ReplayEvents,
    responses((status = 200, body = api::EventsReplayed), (status = 401, body = Problem), (status = 403, body = Problem))
)]
pub(crate) async fn replay_events(
    Allowed(by): Allowed<act::Administer>,
    State(state): State<AppState>,
    extract::Json(body): extract::Json<api::ReplayEvents>,
) -> Result<Json<api::EventsReplayed>, ApiError> {
    let app = state.app();
    let again = Again { first: body.first, last: body.last, target: body.target, state: body.state.map(stored) };
    let count = blocking(move || events::replay(&app, &by, again).map_err(|error| problem_of(&error))).await?;
    Ok(Json(api::EventsReplayed { deliveries: count as u64 }))
}

const fn stored(state: api::DeliveryState) -> DeliveryState {
    match state {
        api::DeliveryState::Pending => DeliveryState::Pending,
        api::DeliveryState::Delivered => DeliveryState::Delivered,
        api::DeliveryState::Dead => DeliveryState::Dead,
    }
}

fn delivery(delivery: &Delivery) -> api::Delivery {
    api::Delivery {
        target: delivery.target.clone(),
        seq: delivery.seq,
        state: match delivery.state {
            DeliveryState::Pending => api::DeliveryState::Pending,
            DeliveryState::Delivered => api::DeliveryState::Delivered,
            DeliveryState::Dead => api::DeliveryState::Dead,
        },
        attempts: delivery.attempts,
        at: delivery.at,
        detail: delivery.detail.clone(),
    }
}
