//! Asks for the right of each route, by the one table of rights.
//!
//! Invariants: a route that has no row is used by nobody; a right is asked for in the project that the request is about,
//! by its contract in force; a prediction asks in memory. Out of scope: rights of intentions that name their
//! project in the body (they ask themselves), and proof of who asks.

use axum::{
    RequestPartsExt,
    extract::{FromRequestParts, MatchedPath, RawPathParams, Request, State},
    http::Method,
    middleware::Next,
    response::Response,
};
use kilter_api::{
    Code, Problem,
    rights::{ProjectScope, Requirement, requirement_of_route},
};
use kilter_app::authz::Subject;

use crate::{
    caller::{Caller, allow},
    error::error_response,
    openapi,
    state::AppState,
};

/// Passes on what the caller may do, and refuses the rest.
pub(crate) async fn enforce(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let Some(route) = request.extensions().get::<MatchedPath>().map(|route| route.as_str().to_owned()) else {
        return next.run(request).await;
    };
    let (action, of) = match asked(request.method(), &route) {
        Some(Requirement::Right(action, of)) => (action, of),
        Some(_) => return next.run(request).await,
        None => {
            let detail =
                format!("{} {route} has no row in the table of rights, so nobody may use it", request.method());
            return error_response(&route, Problem::new(Code::PermissionDenied, detail));
        }
    };
    let (mut parts, body) = request.into_parts();
    let caller = match Caller::from_request_parts(&mut parts, &state).await {
        Ok(caller) => caller,
        Err(refused) => return error_response(parts.uri.path(), *refused.0),
    };
    let path = parts.uri.path().to_owned();
    let allowed = match parts.extract::<RawPathParams>().await {
        Ok(params) => allow(&state, caller, (action, of), subject(of, &params)).await,
        Err(_) => Err(Problem::new(Code::RequestInvalid, "the path is not UTF-8 once its escapes are read")),
    };
    match allowed {
        Ok(grant) => {
            parts.extensions.insert(grant);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(problem) => error_response(&path, problem),
    }
}

/// What the route asks for; `None` where it has no row. A method that it does not take is refused behind this.
fn asked(method: &Method, route: &str) -> Option<Requirement> {
    let method = if *method == Method::HEAD { &Method::GET } else { method };
    match requirement_of_route(method.as_str(), route) {
        None if !openapi::has(method, route) => Some(Requirement::Nothing("this address does not take the method")),
        requirement => requirement,
    }
}

/// What the right is asked about; `None` where the path names nothing that there could be, or the body names it.
fn subject(of: ProjectScope, params: &RawPathParams) -> Option<Subject> {
    let param = |name: &str| params.iter().find(|(found, _)| *found == name).map(|(_, value)| value);
    match of {
        // The inference protocols call an endpoint a model; KServe's V1 writes `:predict` behind it, which is in no name.
        ProjectScope::Endpoint => {
            let named = param("endpoint").or_else(|| param("model"))?;
            named.split(':').next()?.parse().ok().map(Subject::Endpoint)
        }
        ProjectScope::Model => param("model")?.parse().ok().map(Subject::Model),
        ProjectScope::Alert => param("id").map(|id| Subject::Alert(id.to_owned())),
        ProjectScope::Run => param("id").map(|id| Subject::Run(id.to_owned())),
        ProjectScope::AnyProject => Some(Subject::AnyProject),
        ProjectScope::EveryProject => Some(Subject::EveryProject),
        ProjectScope::Platform => Some(Subject::Platform),
        ProjectScope::Named => None,
    }
}
