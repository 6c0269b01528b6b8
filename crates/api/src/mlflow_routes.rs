//! The routes of MLflow's REST API that the server has.

/// Before the paths of most routes.
pub const V2: &str = "/api/2.0/mlflow";
/// Lists artifacts by path.
pub const ARTIFACTS: &str = "/api/2.0/mlflow-artifacts/artifacts";
/// An artifact by its path.
pub const ARTIFACT: &str = "/api/2.0/mlflow-artifacts/artifacts/{*path}";
/// What MLflow's own web pages ask, and no client: not there.
const GRAPHQL: &str = "/graphql";
/// What the server tells of itself.
pub const SERVER_INFO: &str = "/api/3.0/mlflow/server-info";
/// The version of MLflow whose API this is.
pub const VERSION: &str = "/version";

/// A file of a run.
pub const RUN_FILE: &str = "/get-artifact";
/// A file of a version of a registered model.
pub const VERSION_FILE: &str = "/model-versions/get-artifact";
/// A file of a logged model.
pub const LOGGED_MODEL_FILE: &str = "/api/2.0/mlflow/logged-models/{model_id}/artifacts/files";
/// Takes a small file of a run.
pub const UPLOAD: &str = "/api/2.0/mlflow/upload-artifact";

/// Whom clients of the registry want told.
pub const WEBHOOKS: &str = "/api/2.0/mlflow/webhooks";
/// One of them.
pub const WEBHOOK: &str = "/api/2.0/mlflow/webhooks/{webhook_id}";
/// Tries one of them.
pub const WEBHOOK_TEST: &str = "/api/2.0/mlflow/webhooks/{webhook_id}/test";

/// The routes that answer with something else than a message, or take something else.
pub const SPECIAL: &[&str] = &[
    ARTIFACT,
    SERVER_INFO,
    VERSION,
    RUN_FILE,
    VERSION_FILE,
    LOGGED_MODEL_FILE,
    UPLOAD,
    WEBHOOKS,
    WEBHOOK,
    WEBHOOK_TEST,
];

/// What they ask for, for the page of rights.
pub const WHO_MAY: &str = "the right to read, or to run, in the project of the experiment or of the registered model; any account where it has none";

/// As [`WHO_MAY`], of webhooks.
pub const WHO_MAY_ADMINISTER: &str = "an account that administers the platform; anyone where nobody has an account";

/// Method and path of each. MLflow's web pages use them below `/ajax-api` too.
pub const MLFLOW_ROUTES: &[(&str, &str)] = &[
    ("POST", "/api/2.0/mlflow/experiments/create"),
    ("GET", "/api/2.0/mlflow/experiments/get"),
    ("GET", "/api/2.0/mlflow/experiments/get-by-name"),
    ("POST", "/api/2.0/mlflow/experiments/update"),
    ("POST", "/api/2.0/mlflow/experiments/delete"),
    ("POST", "/api/2.0/mlflow/experiments/restore"),
    ("POST", "/api/2.0/mlflow/experiments/set-experiment-tag"),
    ("POST", "/api/2.0/mlflow/experiments/delete-experiment-tag"),
    ("GET", "/api/2.0/mlflow/experiments/search"),
    ("POST", "/api/2.0/mlflow/experiments/search"),
    ("POST", "/api/2.0/mlflow/experiments/search-datasets"),
    ("POST", "/api/2.0/mlflow/runs/create"),
    ("GET", "/api/2.0/mlflow/runs/get"),
    ("POST", "/api/2.0/mlflow/runs/search"),
    ("POST", "/api/2.0/mlflow/runs/update"),
    ("POST", "/api/2.0/mlflow/runs/delete"),
    ("POST", "/api/2.0/mlflow/runs/restore"),
    ("POST", "/api/2.0/mlflow/runs/log-metric"),
    ("POST", "/api/2.0/mlflow/runs/log-parameter"),
    ("POST", "/api/2.0/mlflow/runs/log-batch"),
    ("POST", "/api/2.0/mlflow/runs/log-model"),
    ("POST", "/api/2.0/mlflow/runs/log-inputs"),
    ("POST", "/api/2.0/mlflow/runs/set-tag"),
    ("POST", "/api/2.0/mlflow/runs/delete-tag"),
    ("POST", "/api/2.0/mlflow/runs/outputs"),
    ("POST", "/api/2.0/mlflow/logged-models"),
    ("POST", "/api/2.0/mlflow/logged-models/search"),
    ("GET", "/api/2.0/mlflow/logged-models/{model_id}"),
    ("PATCH", "/api/2.0/mlflow/logged-models/{model_id}"),
    ("DELETE", "/api/2.0/mlflow/logged-models/{model_id}"),
    ("POST", "/api/2.0/mlflow/logged-models/{model_id}/params"),
    ("PATCH", "/api/2.0/mlflow/logged-models/{model_id}/tags"),
    ("DELETE", "/api/2.0/mlflow/logged-models/{model_id}/tags/{tag_key}"),
    ("GET", "/api/2.0/mlflow/logged-models/{model_id}/artifacts/directories"),
    ("POST", "/api/2.0/mlflow/registered-models/create"),
    ("GET", "/api/2.0/mlflow/registered-models/get"),
    ("GET", "/api/2.0/mlflow/registered-models/search"),
    ("PATCH", "/api/2.0/mlflow/registered-models/update"),
    ("POST", "/api/2.0/mlflow/registered-models/rename"),
    ("DELETE", "/api/2.0/mlflow/registered-models/delete"),
    ("GET", "/api/2.0/mlflow/registered-models/get-latest-versions"),
    ("POST", "/api/2.0/mlflow/registered-models/get-latest-versions"),
    ("POST", "/api/2.0/mlflow/registered-models/set-tag"),
    ("DELETE", "/api/2.0/mlflow/registered-models/delete-tag"),
    ("GET", "/api/2.0/mlflow/registered-models/alias"),
    ("POST", "/api/2.0/mlflow/registered-models/alias"),
    ("DELETE", "/api/2.0/mlflow/registered-models/alias"),
    ("POST", "/api/2.0/mlflow/model-versions/create"),
    ("GET", "/api/2.0/mlflow/model-versions/get"),
    ("GET", "/api/2.0/mlflow/model-versions/search"),
    ("GET", "/api/2.0/mlflow/model-versions/get-download-uri"),
    ("PATCH", "/api/2.0/mlflow/model-versions/update"),
    ("POST", "/api/2.0/mlflow/model-versions/transition-stage"),
    ("DELETE", "/api/2.0/mlflow/model-versions/delete"),
    ("POST", "/api/2.0/mlflow/model-versions/set-tag"),
    ("DELETE", "/api/2.0/mlflow/model-versions/delete-tag"),
    ("GET", "/api/2.0/mlflow/metrics/get-history"),
    ("GET", "/api/2.0/mlflow/metrics/get-history-bulk"),
    ("GET", "/api/2.0/mlflow/metrics/get-history-bulk-interval"),
    ("GET", LOGGED_MODEL_FILE),
    ("GET", "/api/2.0/mlflow/artifacts/list"),
    ("POST", "/api/2.0/mlflow/artifacts/presigned-upload-url"),
    ("POST", "/api/2.0/mlflow/artifacts/presigned-download-url"),
    ("POST", UPLOAD),
    ("GET", RUN_FILE),
    ("GET", VERSION_FILE),
    ("GET", ARTIFACTS),
    ("GET", ARTIFACT),
    ("PUT", ARTIFACT),
    ("DELETE", ARTIFACT),
    ("POST", "/api/2.0/mlflow-artifacts/mpu/create/{*artifact_path}"),
    ("POST", "/api/2.0/mlflow-artifacts/mpu/complete/{*artifact_path}"),
    ("POST", "/api/2.0/mlflow-artifacts/mpu/abort/{*artifact_path}"),
    ("GET", "/api/2.0/mlflow-artifacts/presigned/{*artifact_path}"),
    ("POST", WEBHOOKS),
    ("GET", WEBHOOKS),
    ("GET", WEBHOOK),
    ("PATCH", WEBHOOK),
    ("DELETE", WEBHOOK),
    ("POST", WEBHOOK_TEST),
    ("GET", SERVER_INFO),
    ("GET", VERSION),
];

/// The path that MLflow's web pages use for a route: `/ajax-api/…` for `/api/…`.
pub fn ajax(path: &str) -> String {
    path.replacen("/api/", "/ajax-api/", 1)
}

/// The route that stands in [`MLFLOW_ROUTES`] for a path of either kind.
pub fn route_of(path: &str) -> Option<&'static str> {
    let is_path = |(_, route): &&(&str, &'static str)| *route == path || ajax(route) == path;
    MLFLOW_ROUTES.iter().find(is_path).map(|(_, route)| *route)
}

/// Whether an address is that of an artifact.
pub fn is_artifact(path: &str) -> bool {
    let below = |root: &str| path.strip_prefix(root).is_some_and(|rest| rest.starts_with('/'));
    let of_model = || below("/api/2.0/mlflow/logged-models") || below("/ajax-api/2.0/mlflow/logged-models");
    below(ARTIFACTS)
        || below("/ajax-api/2.0/mlflow-artifacts/artifacts")
        || [RUN_FILE, VERSION_FILE].contains(&path)
        || (path.ends_with("/artifacts/files") && of_model())
}

/// Whether an address belongs to MLflow's API, whatever is there.
pub fn is_below(path: &str) -> bool {
    let is_outside = [RUN_FILE, VERSION_FILE, GRAPHQL].contains(&path);
    is_outside || ["/api/2.0/", "/api/3.0/", "/ajax-api/"].iter().any(|prefix| path.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_the_web_use_the_same_routes_below_another_prefix() {
        assert_eq!(route_of("/ajax-api/2.0/mlflow/runs/get"), Some("/api/2.0/mlflow/runs/get"));
        assert_eq!(route_of("/ajax-api/3.0/mlflow/server-info"), Some(SERVER_INFO));
        assert_eq!(route_of("/api/2.0/mlflow/nothing"), None);
        assert!(
            is_artifact("/api/2.0/mlflow-artifacts/artifacts/0/x") && is_artifact(&ajax(&format!("{ARTIFACTS}/0/x")))
        );
        let file = LOGGED_MODEL_FILE.replace("{model_id}", "m-1");
        assert!(is_artifact(RUN_FILE) && is_artifact(&file) && is_artifact(&ajax(&file)));
        assert!(is_below(GRAPHQL) && is_below(RUN_FILE) && !is_below("/api/v1/runs"));
        assert!(!is_artifact(ARTIFACTS) && !is_artifact("/api/2.0/mlflow/runs/get"));
    }
}
