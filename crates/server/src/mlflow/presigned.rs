//! Ways past the server: uploads in parts, and addresses that a client asks an object store by. This server keeps artifacts itself, so it
//! answers what MLflow's server answers where its store has none of these; `server-info` says so before.

use kilter_app::{App, RequestContext, tracking};

use super::{artifacts::checked_path, body::Body, message::Message};
use crate::error::MlflowError;

/// The longest that an address may be valid, in seconds.
const MAX_SECONDS: i64 = 604_800;

/// `mlflow-artifacts/mpu/{create,complete,abort}/{path}`.
pub(super) fn multipart(_: &App, _: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    checked_path(message.required("artifact_path")?, "artifact_path")?;
    message.required("path")?;
    Err(not_supported("Multipart upload"))
}

/// `mlflow-artifacts/presigned/{path}`.
pub(super) fn download_of_path(_: &App, _: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    checked_path(message.required("artifact_path")?, "artifact_path")?;
    Err(not_supported("Multipart download"))
}

/// `artifacts/presigned-upload-url`: of a run or of a logged model.
pub(super) fn upload(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    checked_path(message.required("path")?, "path")?;
    let named = |name| Ok::<_, MlflowError>(message.text(name)?.filter(|id| !id.is_empty()));
    let uri = match (named("run_id")?, named("model_id")?) {
        (Some(run), None) => tracking::get_run(app, context, run)?.run.artifact_uri,
        (None, Some(model)) => tracking::get_logged_model(app, context, model, false)?.artifact_uri,
        _ => return Err(MlflowError::invalid("Exactly one of run_id and model_id must be provided.")),
    };
    Err(match proxied(&uri) {
        Some(scheme) => MlflowError::invalid(format!(
            "Presigned upload is not supported for proxied artifact storage (artifact URI scheme: {scheme}). This endpoint requires \
             a direct cloud storage artifact URI."
        )),
        None => not_supported("Presigned upload"),
    })
}

/// `artifacts/presigned-download-url`: of a run.
pub(super) fn download(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let run = message.required("run_id")?;
    checked_path(message.required("path")?, "path")?;
    let seconds = message.int("expiration")?.unwrap_or(900);
    if !(1..=MAX_SECONDS).contains(&seconds) {
        let text = format!("expiration must be between 1 and {MAX_SECONDS} seconds (got {seconds}).");
        return Err(MlflowError::invalid(text));
    }
    let uri = tracking::get_run(app, context, run)?.run.artifact_uri;
    Err(match proxied(&uri) {
        Some(scheme) => MlflowError::invalid(format!(
            "Presigned download is not supported for runs with proxied artifact storage (artifact URI scheme: {scheme}). This \
             endpoint requires a run with a direct cloud storage artifact URI."
        )),
        None => not_supported("Presigned download"),
    })
}

/// The scheme of an address whose files come and go through a server.
fn proxied(uri: &str) -> Option<&str> {
    let (scheme, _) = uri.split_once(':')?;
    ["http", "https", "mlflow-artifacts"].contains(&scheme).then_some(scheme)
}

fn not_supported(what: &str) -> MlflowError {
    MlflowError::new(501, "NOT_IMPLEMENTED", format!("{what} is not supported for the current artifact repository"))
}
