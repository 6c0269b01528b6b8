//! Every address there is. A route and its part of the OpenAPI document are one declaration.

use std::{collections::BTreeSet, sync::LazyLock};

use axum::{extract::State, http::Method};
use kilter_api::Problem;
use utoipa::{
    OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    api::{
        alerts, approvals, audit, changes, columns, deployments, documents, endpoints, events, experiments, garbage,
        health, identity, imports, inbox, keys, lineage, models, monitors, predictions, replication, runs, series,
        sessions, status, tracked_runs,
    },
    caller::Caller,
    inference::{invocations, kserve_v1, repository, rest_v2, statistics},
    metrics,
    state::AppState,
};

#[derive(OpenApi)]
#[openapi(
    info(title = "Kilter", description = "Keeps machine-learning models in kilter.", license(name = "Apache-2.0", identifier = "Apache-2.0")),
    components(schemas(Problem)),
    tags(
        (name = "inference", description = "Predictions: the Open Inference Protocol (V2), KServe V1, and the routes of MLflow's scoring server"),
        (name = "runs", description = "Runs: start, follow, cancel, read"),
        (name = "models", description = "Models and their versions: read, submit, approve, reject, review, waive, retire, revoke"),
        (name = "deployments", description = "Endpoints and deployments: read, deploy, roll back"),
        (name = "predictions", description = "Predictions: what each rests on, and their labels"),
        (name = "monitoring", description = "Status, readings of monitors, statistics of columns"),
        (name = "alerts", description = "Alerts: read, acknowledge, mute, resolve"),
        (name = "identity", description = "Accounts, logins, tokens"),
        (name = "audit", description = "The audit log: read, verify, prove, erase a reason"),
        (name = "keys", description = "Keys that sign packages and checkpoints: read, rotate, revoke"),
        (name = "operations", description = "Liveness, readiness, metrics, this document"),
    )
)]
struct Document;

pub(crate) fn all() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(health::get_health))
        .routes(routes!(health::get_readiness))
        .routes(routes!(metrics::get_metrics))
        .routes(routes!(document))
        .routes(routes!(status::get_status))
        .routes(routes!(lineage::get_as_of))
        .routes(routes!(lineage::get_prediction))
        .routes(routes!(models::list_models))
        .routes(routes!(models::get_version))
        .routes(routes!(deployments::list_deployments))
        .routes(routes!(alerts::list_alerts))
        .routes(routes!(audit::list_audit))
        .routes(routes!(audit::check_audit, audit::check_audit_against))
        .routes(routes!(audit::list_audit_bodies))
        .routes(routes!(changes::follow_changes))
        .routes(routes!(audit::get_checkpoint))
        .routes(routes!(audit::get_consistency))
        .routes(routes!(audit::get_audit_entry))
        .routes(routes!(audit::get_audit_receipt))
        .routes(routes!(audit::erase_reason))
        .routes(routes!(endpoints::get_endpoint))
        .routes(routes!(predictions::send_labels))
        .routes(routes!(predictions::begin_import))
        .routes(routes!(predictions::import_predictions))
        .routes(routes!(replication::get_serving_plan))
        .routes(routes!(replication::get_package_files))
        .routes(routes!(replication::get_package_file))
        .routes(routes!(replication::keep_records))
        .routes(routes!(monitors::list_latest_readings))
        .routes(routes!(monitors::list_readings))
        .routes(routes!(columns::get_column_stats))
        .routes(routes!(deployments::deploy))
        .routes(routes!(deployments::roll_back))
        .routes(routes!(experiments::get_comparison))
        .routes(routes!(experiments::list_exposures))
        .routes(routes!(experiments::decide_experiment))
        .routes(routes!(models::approve))
        .routes(routes!(models::reject))
        .routes(routes!(models::sign_package))
        .merge(versions())
        .routes(routes!(alerts::acknowledge))
        .routes(routes!(alerts::mute))
        .routes(routes!(alerts::unmute))
        .routes(routes!(alerts::resolve))
        .routes(routes!(keys::list_keys))
        .routes(routes!(keys::get_key))
        .routes(routes!(keys::rotate_key))
        .routes(routes!(keys::revoke_key))
        .routes(routes!(garbage::collect_garbage))
        .routes(routes!(events::list_events))
        .routes(routes!(events::replay_events))
        .merge(people())
        .routes(routes!(runs::start_run, runs::list_runs))
        .routes(routes!(runs::get_run))
        .routes(routes!(runs::get_run_events))
        .routes(routes!(runs::cancel_run))
        .routes(routes!(runs::get_step_log))
        .merge(tracking())
        .merge(inference())
}

/// Accounts, sessions and tokens.
fn people() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(identity::list_accounts, identity::create_account))
        .routes(routes!(identity::change_account))
        .routes(routes!(identity::set_password))
        .routes(routes!(identity::log_in))
        .routes(routes!(identity::begin_provider_login))
        .routes(routes!(identity::finish_provider_login))
        .routes(routes!(sessions::login_options))
        .routes(routes!(sessions::begin_session))
        .routes(routes!(sessions::end_session))
        .routes(routes!(identity::who_am_i))
        .routes(routes!(identity::list_tokens, identity::create_token))
        .routes(routes!(identity::revoke_token))
}

/// The addresses of the inference protocols.
fn inference() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(rest_v2::server))
        .routes(routes!(rest_v2::live))
        .routes(routes!(rest_v2::ready))
        .routes(routes!(statistics::all_statistics))
        .routes(routes!(rest_v2::model))
        .routes(routes!(rest_v2::model_config))
        .routes(routes!(rest_v2::model_ready))
        .routes(routes!(rest_v2::infer))
        .routes(routes!(statistics::model_statistics))
        .routes(routes!(rest_v2::version))
        .routes(routes!(rest_v2::version_config))
        .routes(routes!(rest_v2::version_ready))
        .routes(routes!(rest_v2::infer_version))
        .routes(routes!(statistics::version_statistics))
        .routes(routes!(repository::repository_index))
        .routes(routes!(repository::load_model))
        .routes(routes!(repository::unload_model))
        .routes(routes!(kserve_v1::v1_live))
        .routes(routes!(kserve_v1::v1_models))
        .routes(routes!(kserve_v1::v1_model, kserve_v1::v1_predict))
        .routes(routes!(invocations::ping))
        .routes(routes!(invocations::invocations))
        .routes(routes!(invocations::ping_endpoint))
        .routes(routes!(invocations::endpoint_invocations))
}

/// The addresses of what clients logged, here and elsewhere.
fn tracking() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(tracked_runs::search_tracked_runs))
        .routes(routes!(series::metric_series))
        .routes(routes!(tracked_runs::get_tracked_run))
        .routes(routes!(tracked_runs::follow_tracked_run))
        .routes(routes!(imports::import_mlflow))
        .routes(routes!(imports::finish_mlflow_import))
}

/// The addresses that judge versions and write about them.
fn versions() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(approvals::submit))
        .routes(routes!(approvals::return_version))
        .routes(routes!(approvals::review))
        .routes(routes!(approvals::retire))
        .routes(routes!(approvals::revoke))
        .routes(routes!(approvals::list_waivers, approvals::grant_waiver))
        .routes(routes!(approvals::revoke_waiver))
        .routes(routes!(documents::get_document))
        .routes(routes!(documents::write_card))
        .routes(routes!(documents::list_objectives))
        .routes(routes!(documents::measure_objectives))
        .routes(routes!(documents::get_inventory))
        .routes(routes!(inbox::get_inbox))
        .routes(routes!(inbox::list_proposals))
        .routes(routes!(inbox::accept_proposal))
        .routes(routes!(inbox::reject_proposal))
        .routes(routes!(inbox::list_break_glass, inbox::deploy_break_glass))
        .routes(routes!(inbox::review_break_glass))
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

/// The OpenAPI 3.1 document of every address.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "operations", responses((status = 200, description = "The document")))]
async fn document(_: Caller, State(_): State<AppState>) -> axum::Json<utoipa::openapi::OpenApi> {
    axum::Json(openapi())
}
