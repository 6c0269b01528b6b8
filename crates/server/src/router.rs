//! The router with everything around it that bounds and observes a request.

use axum::{
    Router,
    http::{HeaderMap, Method, Uri},
    middleware::from_fn_with_state,
    response::{IntoResponse, Response},
};
use kilter_api::{Code, Problem, mlflow_routes};

use crate::{
    error::{ApiError, error_response},
    middleware::{authorize, cross_origin, observe, pause},
    mlflow,
    openapi::all,
    state::AppState,
    ui,
};

/// The router with everything around it that bounds and observes a request.
pub fn router(state: AppState) -> Router {
    let (router, _) = all().split_for_parts();
    router
        .merge(mlflow::router())
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(from_fn_with_state(state.clone(), authorize::enforce))
        .layer(from_fn_with_state(state.clone(), pause::refuse_acts))
        .layer(from_fn_with_state(state.clone(), cross_origin::protect))
        .layer(from_fn_with_state(state.clone(), observe::observe))
        .with_state(state)
}

async fn no_route(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if let Some(response) = ui::answer(&method, uri.path(), &headers) {
        return response;
    }
    if mlflow_routes::is_below(uri.path()) {
        return mlflow::unknown_route();
    }
    error_response(
        uri.path(),
        Problem::new(Code::RouteNotFound, format!("there is nothing at {method} {}", uri.path())),
    )
}

async fn no_method(method: Method, uri: Uri) -> Response {
    if mlflow_routes::is_below(uri.path()) {
        let detail = format!("{} does not take {method}", uri.path());
        return ApiError::from(Problem::new(Code::MethodNotAllowed, detail).at(uri.path())).into_response();
    }
    error_response(uri.path(), Problem::new(Code::MethodNotAllowed, format!("{} does not take {method}", uri.path())))
}
