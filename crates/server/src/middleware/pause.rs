//! While a past is played into the platform, its clock is that of the past: whoever acts has to wait for the present.

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderValue, Method, header},
    middleware::Next,
    response::Response,
};
use kilter_api::{
    Code, Problem,
    rights::{Requirement, requirement_of_route},
};
use kilter_domain::actor::Action;

use crate::{error::error_response, state::AppState};

/// Routes that ask by a body, and change nothing.
const ASKED_BY_BODY: [&str; 2] = ["/api/v1/tracked-runs/search", "/api/v1/tracked-runs/series"];

/// Answers what only reads, and asks whoever acts to come back.
pub(crate) async fn refuse_acts(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    if !state.is_paused() || route.is_none_or(|route| reads(request.method(), route)) {
        return next.run(request).await;
    }
    let detail = format!("{} {} acts, and the past is still played", request.method(), request.uri().path());
    let mut response = error_response(request.uri().path(), Problem::new(Code::PastPlayed, detail));
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("10"));
    response
}

fn reads(method: &Method, route: &str) -> bool {
    let right = requirement_of_route(method.as_str(), route);
    method.is_safe()
        || ASKED_BY_BODY.contains(&route)
        || matches!(right, Some(Requirement::Right(Action::Read | Action::Audit, _)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reads_is_answered_while_a_past_is_played_and_what_acts_is_not() {
        for route in ["/api/v1/tracked-runs/search", "/api/v1/tracked-runs/series", "/api/v1/audit/verify"] {
            assert!(reads(&Method::POST, route), "{route}");
        }
        assert!(reads(&Method::GET, "/api/v1/models"));
        let acts = [
            "/api/v1/models/{model}/versions/{version}/approve",
            "/api/v1/endpoints/{endpoint}/rollback",
            "/api/v1/runs",
        ];
        for route in acts.into_iter().chain(["/v2/models/{model}/infer", "/api/v1/accounts", "/api/v1/session"]) {
            assert!(!reads(&Method::POST, route), "{route}");
        }
    }
}
