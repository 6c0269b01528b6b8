//! Every address there is. A route and its part of the OpenAPI document are one declaration.

use std::{collections::BTreeSet, sync::LazyLock};

use axum::{
    Router,
    extract::State,
    http::{Method, Uri},
    middleware::from_fn_with_state,
};
use kilter_api::{Code, Problem};
use utoipa::{
    OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    acts, auth::Caller, cross_origin, health, metrics, observe, problem::Failure, profiles, readings, rights, runs,
    state::House, v1, v2,
};

#[derive(OpenApi)]
#[openapi(
    info(title = "Kilter", description = "Keeps machine-learning models in kilter.", license(name = "Apache-2.0", identifier = "Apache-2.0")),
    components(schemas(Problem)),
    tags(
        (name = "inference", description = "Open Inference Protocol (V2)"),
        (name = "runs", description = "Runs: asked for, followed, cancelled, looked at"),
        (name = "ship", description = "Models, versions, deployments"),
        (name = "watch", description = "How it stands, monitors, alerts, labels"),
        (name = "govern", description = "The audit table"),
        (name = "operations", description = "Is it alive, is it ready, what does it offer"),
    )
)]
struct Document;

fn all() -> OpenApiRouter<House> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(health::health))
        .routes(routes!(health::ready))
        .routes(routes!(metrics::metrics))
        .routes(routes!(document))
        .routes(routes!(v1::status))
        .routes(routes!(v1::models))
        .routes(routes!(v1::version))
        .routes(routes!(v1::deployments))
        .routes(routes!(v1::alerts))
        .routes(routes!(v1::audit))
        .routes(routes!(v1::verify_audit))
        .routes(routes!(v1::endpoint))
        .routes(routes!(v1::labels))
        .routes(routes!(readings::monitors))
        .routes(routes!(readings::readings))
        .routes(routes!(profiles::profile))
        .routes(routes!(acts::deploy))
        .routes(routes!(acts::roll_back))
        .routes(routes!(acts::approve))
        .routes(routes!(acts::reject))
        .routes(routes!(acts::acknowledge))
        .routes(routes!(acts::mute))
        .routes(routes!(acts::unmute))
        .routes(routes!(acts::resolve))
        .routes(routes!(runs::start, runs::list))
        .routes(routes!(runs::show))
        .routes(routes!(runs::events))
        .routes(routes!(runs::cancel))
        .routes(routes!(runs::log))
        .routes(routes!(v2::server))
        .routes(routes!(v2::live))
        .routes(routes!(v2::ready))
        .routes(routes!(v2::model))
        .routes(routes!(v2::model_ready))
        .routes(routes!(v2::infer))
        .routes(routes!(v2::version))
        .routes(routes!(v2::version_ready))
        .routes(routes!(v2::infer_version))
}

/// The OpenAPI 3.1 document of every address.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = all().into_openapi();
    let bearer = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
    if let Some(components) = &mut document.components {
        components.add_security_scheme("token", bearer);
    }
    document
}

/// Whether there is a route of this method and path, as the router writes it.
pub(crate) fn has(method: &Method, path: &str) -> bool {
    static ROUTES: LazyLock<BTreeSet<(String, String)>> = LazyLock::new(|| {
        // The document is made of the same declarations as the router.
        let document = serde_json::to_value(openapi()).unwrap_or_default();
        let paths = document["paths"].as_object().into_iter().flatten();
        paths
            .flat_map(|(path, methods)| {
                let methods = methods.as_object().into_iter().flatten();
                methods.map(|(method, _)| (method.to_uppercase(), path.clone())).collect::<Vec<_>>()
            })
            .collect()
    });
    ROUTES.contains(&(method.as_str().to_owned(), path.to_owned()))
}

/// The router with everything around it that bounds and observes a request.
pub fn router(house: House) -> Router {
    let (router, _) = all().split_for_parts();
    router
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(from_fn_with_state(house.clone(), rights::enforce))
        .layer(from_fn_with_state(house.clone(), cross_origin::protect))
        .layer(from_fn_with_state(house.clone(), observe::observe))
        .with_state(house)
}

/// The OpenAPI 3.1 document of every address.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "operations", responses((status = 200, description = "The document")))]
async fn document(_: Caller, State(_): State<House>) -> axum::Json<utoipa::openapi::OpenApi> {
    axum::Json(openapi())
}

async fn no_route(method: Method, uri: Uri) -> Failure {
    Problem::new(Code::RouteNotFound, format!("there is nothing at {method} {}", uri.path())).at(uri.path()).into()
}

async fn no_method(method: Method, uri: Uri) -> Failure {
    Problem::new(Code::MethodNotAllowed, format!("{} does not take {method}", uri.path())).at(uri.path()).into()
}
