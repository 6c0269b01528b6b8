//! The REST API of MLflow, as its clients use it: a thin border over the use cases of tracking.
//!
//! Invariants: codes, statuses and the texts that clients compare are those of MLflow's server; whatever it does not know is a
//! 404, which clients take for an older server. Out of scope: traces, prompts and what else is for language models.

mod artifacts;
mod body;
mod experiments;
mod files;
mod logged_models;
mod message;
mod metrics;
mod model_versions;
mod presigned;
mod registered_models;
mod registry_json;
mod run_json;
mod run_names;
mod runs;
mod search_query;
mod server_info;
mod validate;
mod webhooks;

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{MethodFilter, MethodRouter, get, on, post},
};
use kilter_api::mlflow_routes::{self, MLFLOW_ROUTES};
use kilter_app::{App, RequestContext};

use self::{body::Body, message::Message, webhooks::Asked};
use crate::{
    caller::Caller,
    error::{ApiError, MlflowError},
    state::{AppState, blocking_with},
};

/// Who asks, or why that is not known.
type Asking = Result<Caller, ApiError>;

/// What answers a request: the body, as JSON.
type Operation = fn(&App, &RequestContext, &Message) -> Result<Body, MlflowError>;

/// Which operation answers a route of [`MLFLOW_ROUTES`].
fn operation(method: &str, path: &str) -> Option<Operation> {
    match path.strip_prefix("/api/2.0/mlflow-artifacts/").and_then(|path| path.split('/').next()) {
        Some("artifacts") if path == mlflow_routes::ARTIFACTS => return Some(artifacts::list),
        Some("mpu") => return Some(presigned::multipart),
        Some("presigned") => return Some(presigned::download_of_path),
        _ => {}
    }
    let path = path.strip_prefix(mlflow_routes::V2)?;
    Some(match (method, path) {
        (_, "/experiments/create") => experiments::create,
        (_, "/experiments/get") => experiments::get,
        (_, "/experiments/get-by-name") => experiments::get_by_name,
        (_, "/experiments/update") => experiments::update,
        (_, "/experiments/delete") => experiments::delete,
        (_, "/experiments/restore") => experiments::restore,
        (_, "/experiments/set-experiment-tag") => experiments::set_tag,
        (_, "/experiments/delete-experiment-tag") => experiments::delete_tag,
        (_, "/experiments/search") => experiments::search,
        (_, "/experiments/search-datasets") => experiments::search_datasets,
        (_, "/artifacts/list") => artifacts::list_of_run,
        (_, "/artifacts/presigned-upload-url") => presigned::upload,
        (_, "/artifacts/presigned-download-url") => presigned::download,
        (_, "/runs/create") => runs::create,
        (_, "/runs/search") => runs::search,
        (_, "/runs/get") => runs::get,
        (_, "/runs/update") => runs::update,
        (_, "/runs/delete") => runs::delete,
        (_, "/runs/restore") => runs::restore,
        (_, "/runs/log-metric") => runs::log_metric,
        (_, "/runs/log-parameter") => runs::log_param,
        (_, "/runs/log-batch") => runs::log_batch,
        (_, "/runs/log-model") => runs::log_model,
        (_, "/runs/log-inputs") => runs::log_inputs,
        (_, "/runs/set-tag") => runs::set_tag,
        (_, "/runs/delete-tag") => runs::delete_tag,
        (_, "/runs/outputs") => runs::log_outputs,
        (_, "/logged-models") => logged_models::create,
        (_, "/logged-models/search") => logged_models::search,
        ("GET", "/logged-models/{model_id}") => logged_models::get,
        ("PATCH", "/logged-models/{model_id}") => logged_models::finalize,
        ("DELETE", "/logged-models/{model_id}") => logged_models::delete,
        (_, "/logged-models/{model_id}/params") => logged_models::log_params,
        (_, "/logged-models/{model_id}/tags") => logged_models::set_tags,
        (_, "/logged-models/{model_id}/tags/{tag_key}") => logged_models::delete_tag,
        (_, "/logged-models/{model_id}/artifacts/directories") => artifacts::list_of_model,
        (_, "/metrics/get-history") => metrics::history,
        (_, "/metrics/get-history-bulk") => metrics::history_of_many,
        (_, "/metrics/get-history-bulk-interval") => metrics::history_by_interval,
        _ => return registry_operation(method, path),
    })
}

/// Which operation answers a route of the registry.
fn registry_operation(method: &str, path: &str) -> Option<Operation> {
    Some(match (method, path) {
        (_, "/registered-models/create") => registered_models::create,
        (_, "/registered-models/get") => registered_models::get,
        (_, "/registered-models/search") => registered_models::search,
        (_, "/registered-models/update") => registered_models::update,
        (_, "/registered-models/rename") => registered_models::rename,
        (_, "/registered-models/delete") => registered_models::delete,
        (_, "/registered-models/get-latest-versions") => registered_models::latest_versions,
        (_, "/registered-models/set-tag") => registered_models::set_tag,
        (_, "/registered-models/delete-tag") => registered_models::delete_tag,
        ("GET", "/registered-models/alias") => registered_models::get_by_alias,
        ("POST", "/registered-models/alias") => registered_models::set_alias,
        ("DELETE", "/registered-models/alias") => registered_models::delete_alias,
        (_, "/model-versions/create") => model_versions::create,
        (_, "/model-versions/get") => model_versions::get,
        (_, "/model-versions/search") => model_versions::search,
        (_, "/model-versions/get-download-uri") => model_versions::download_uri,
        (_, "/model-versions/update") => model_versions::update,
        (_, "/model-versions/transition-stage") => model_versions::transition_stage,
        (_, "/model-versions/delete") => model_versions::delete,
        (_, "/model-versions/set-tag") => model_versions::set_tag,
        (_, "/model-versions/delete-tag") => model_versions::delete_tag,
        _ => return None,
    })
}

/// The routes of MLflow's API, below both prefixes that its clients use.
pub(crate) fn router() -> Router<AppState> {
    let mut router = special_routes();
    for (method, path) in MLFLOW_ROUTES {
        let Some(operation) = operation(method, path) else { continue };
        let filter = match *method {
            "GET" => MethodFilter::GET,
            "PATCH" => MethodFilter::PATCH,
            "DELETE" => MethodFilter::DELETE,
            _ => MethodFilter::POST,
        };
        for path in [(*path).to_owned(), mlflow_routes::ajax(path)] {
            let answer = move |caller: Asking, State(state): State<AppState>, message: Message<'static>| async move {
                answer(caller?, state, message, operation).await
            };
            router = router.route(&path, on(filter, answer));
        }
    }
    router
}

/// The routes that answer with something else than a message, or take something else.
fn special_routes() -> Router<AppState> {
    let both = |router: Router<AppState>, path: &str, methods: MethodRouter<AppState>| {
        router.route(path, methods.clone()).route(&mlflow_routes::ajax(path), methods)
    };
    let router = Router::new()
        .route(mlflow_routes::VERSION, get(server_info::version))
        .route(mlflow_routes::RUN_FILE, get(files::download_of_run))
        .route(mlflow_routes::VERSION_FILE, get(files::download_of_version));
    let router = both(router, mlflow_routes::SERVER_INFO, get(server_info::server_info));
    let router = both(router, mlflow_routes::LOGGED_MODEL_FILE, get(files::download_of_model));
    let router = both(router, mlflow_routes::UPLOAD, post(files::upload));
    let on_webhooks = |filter, asked| {
        on(filter, move |caller: Asking, state: State<AppState>, message: Message<'static>| async move {
            webhooks::answer(caller, state, message, asked).await
        })
    };
    let all = on_webhooks(MethodFilter::GET, Asked::List).merge(on_webhooks(MethodFilter::POST, Asked::Create));
    let one = on_webhooks(MethodFilter::GET, Asked::Get)
        .merge(on_webhooks(MethodFilter::PATCH, Asked::Update))
        .merge(on_webhooks(MethodFilter::DELETE, Asked::Delete));
    let router = both(router, mlflow_routes::WEBHOOKS, all);
    let router = both(router, mlflow_routes::WEBHOOK, one);
    let router = both(router, mlflow_routes::WEBHOOK_TEST, on_webhooks(MethodFilter::POST, Asked::Test));
    let proxy = get(artifacts::download).put(artifacts::upload).delete(artifacts::delete);
    both(router, mlflow_routes::ARTIFACT, proxy)
}

/// What is not there, as clients know it of an older server: a page, and no error of the API.
pub(crate) fn unknown_route() -> Response {
    let page = "<!doctype html><title>404 Not Found</title><h1>Not Found</h1>";
    (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response()
}

async fn answer(
    caller: Caller,
    state: AppState,
    message: Message<'static>,
    operation: Operation,
) -> Result<Body, MlflowError> {
    let (app, context) = (state.app(), caller.context(&state));
    blocking_with(move || operation(&app, &context, &message), || MlflowError::internal("the request met a fault"))
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_has_an_operation() {
        for (method, path) in MLFLOW_ROUTES {
            assert!(mlflow_routes::SPECIAL.contains(path) || operation(method, path).is_some(), "{method} {path}");
        }
    }
}
