//! What the server tells of itself.

use axum::response::IntoResponse;
use serde_json::json;

/// The version of MLflow whose API this is: clients decide by it what they may ask for.
const MLFLOW_VERSION: &str = "3.18.0";

/// Which ways of transfer there are: files go through this server, whole and as a stream.
pub(super) async fn server_info() -> impl IntoResponse {
    axum::Json(json!({
        "store_type": "SqlStore",
        "workspaces_enabled": false,
        "trace_archival_enabled": false,
        "multipart_uploads_enabled": false,
        "multipart_downloads_enabled": false,
        "presigned_upload_run_id_supported": false,
        "presigned_upload_model_id_supported": false,
        "features_enabled": { "gateway": false },
    }))
}

pub(super) async fn version() -> &'static str {
    MLFLOW_VERSION
}
