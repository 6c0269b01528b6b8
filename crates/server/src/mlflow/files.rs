//! Files as MLflow's web pages and tools ask for them: by the run or the logged model whose they are.

use axum::{
    extract::{FromRequest, Request, State},
    http::{HeaderMap, Method, header},
    response::Response,
};
use kilter_app::{App, RequestContext, registry, tracking};

use super::{
    artifacts::{self, checked_path},
    body::Body,
    message::Message,
    validate,
};
use crate::{
    caller::Caller,
    error::{ApiError, MlflowError},
    state::{AppState, blocking_with},
};

/// Bytes of a file that a page may upload.
const MAX_UPLOAD_BYTES: usize = 10 << 20;

/// `get-artifact?path=&run_id=`: a file of a run.
pub(super) async fn download_of_run(
    caller: Result<Caller, ApiError>,
    State(state): State<AppState>,
    headers: HeaderMap,
    message: Message<'static>,
) -> Result<Response, MlflowError> {
    let find = |app: &App, context: &RequestContext, message: &Message| {
        let run = tracking::get_run(app, context, message.run_id()?)?.run;
        path_below(&run.artifact_uri, message.required("path")?)
    };
    download(caller?, state, headers, message, find).await
}

/// `model-versions/get-artifact?name=&version=&path=`: a file of a version of a registered model.
pub(super) async fn download_of_version(
    caller: Result<Caller, ApiError>,
    State(state): State<AppState>,
    headers: HeaderMap,
    message: Message<'static>,
) -> Result<Response, MlflowError> {
    let find = |app: &App, context: &RequestContext, message: &Message| {
        let path = message.required("path")?;
        let (name, number) = validate::version(message)?;
        path_below(&registry::get_version(app, context, (&name, number))?.storage_location, path)
    };
    download(caller?, state, headers, message, find).await
}

/// `logged-models/{id}/artifacts/files?artifact_file_path=`: a file of a logged model.
pub(super) async fn download_of_model(
    caller: Result<Caller, ApiError>,
    State(state): State<AppState>,
    headers: HeaderMap,
    message: Message<'static>,
) -> Result<Response, MlflowError> {
    let find = |app: &App, context: &RequestContext, message: &Message| {
        let Some(path) = message.text("artifact_file_path")?.filter(|path| !path.is_empty()) else {
            let missing = "Request must include the \"artifact_file_path\" query parameter.";
            return Err(MlflowError::new(400, "BAD_REQUEST", missing));
        };
        let model = tracking::get_logged_model(app, context, message.required("model_id")?, false)?;
        path_below(&model.artifact_uri, path)
    };
    download(caller?, state, headers, message, find).await
}

async fn download(
    caller: Caller,
    state: AppState,
    headers: HeaderMap,
    message: Message<'static>,
    find: fn(&App, &RequestContext, &Message) -> Result<String, MlflowError>,
) -> Result<Response, MlflowError> {
    let (app, context) = (state.app(), caller.context(&state));
    let fault = || MlflowError::internal("the request met a fault");
    let path = blocking_with(move || find(&app, &context, &message), fault).await?;
    artifacts::send(caller, state, headers, path).await
}

/// The path of a file below the root of all artifacts.
fn path_below(uri: &str, path: &str) -> Result<String, MlflowError> {
    let path = checked_path(path, "path")?;
    match tracking::own_folder(uri) {
        Some(root) if !path.is_empty() => Ok(format!("{root}/{path}")),
        Some(_) => Err(MlflowError::missing("path")),
        None => Err(artifacts::kept_elsewhere(uri)),
    }
}

/// `upload-artifact?run_uuid=&path=`: keeps the body, a small file, as an artifact of a run.
pub(super) async fn upload(
    caller: Result<Caller, ApiError>,
    State(state): State<AppState>,
    request: Request,
) -> Result<Body, MlflowError> {
    let caller = caller?;
    if is_of_form(request.headers()) {
        return Err(MlflowError::invalid("Request must specify data."));
    }
    let (parts, body) = request.into_parts();
    let mut asked = Request::from_parts(parts.clone(), axum::body::Body::empty());
    *asked.method_mut() = Method::GET;
    let message = Message::from_request(asked, &state).await?;
    for name in ["run_uuid", "path"] {
        if message.text(name)?.is_none_or(str::is_empty) {
            return Err(MlflowError::invalid(format!("Request must specify {name}.")));
        }
    }
    let announced = axum::body::HttpBody::size_hint(&body).exact();
    let bytes =
        state.bodies().read(body, announced, MAX_UPLOAD_BYTES).await.map_err(|problem| match problem.known() {
            Some(kilter_api::Code::BodyTooLarge) => {
                MlflowError::invalid("Artifact size is too large. Max size is 10MB.")
            }
            _ => problem.into(),
        })?;
    if bytes.is_empty() {
        return Err(MlflowError::invalid("Request must specify data."));
    }
    let (app, context) = (state.app(), caller.context(&state));
    let keep = move || {
        let run = tracking::get_run(&app, &context, message.run_id()?)?.run;
        let path = path_below(&run.artifact_uri, message.required("path")?)?;
        Ok(tracking::put_artifact(&app, &context, &path, &mut &bytes[..])?)
    };
    blocking_with(keep, || MlflowError::internal("the request met a fault")).await?;
    Ok(Body::empty())
}

/// Whether a form of a web page could have sent the body: such a type says nothing of a file, and needs no leave of another origin.
fn is_of_form(headers: &HeaderMap) -> bool {
    const TYPES: [&str; 3] = ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"];
    let stated = headers.get_all(header::CONTENT_TYPE).into_iter().map(|value| value.to_str().unwrap_or(TYPES[0]));
    stated
        .flat_map(|stated| stated.split([';', ',']))
        .any(|part| TYPES.contains(&part.trim().to_ascii_lowercase().as_str()))
}
