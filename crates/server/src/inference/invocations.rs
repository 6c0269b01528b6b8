//! The routes of MLflow's scoring server: data frames in, predictions out. Failures answer `{"error_code", "message"}`.
//!
//! MLflow's server has one model. Here the address names the endpoint, as with SageMaker and MLflow's deployments
//! (`/endpoints/NAME/invocations`); without a name it is the one that `?endpoint=` names, or the only one at which the caller
//! may predict.

use axum::{
    extract::{FromRequest, Path, Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use kilter_api::{Code, Problem};
use kilter_app::{
    App, RequestContext,
    authz::{self, Subject},
    prediction,
};
use kilter_domain::{actor::Action, ids::EndpointName};
use kilter_serving::{
    Endpoint,
    scoring::{self, JsonFormat, ScoringFormat},
    v2::ResponseBody,
};
use serde::Deserialize;

use crate::{
    caller::Caller,
    error::{ApiError, MlflowError, V2Error, problem_of},
    extract::Query,
    inference::{
        body::{InferenceBody, is_of_a_browser, respond},
        endpoint::{ask, serving},
    },
    state::{AppState, blocking},
};

/// Endpoints that a refusal names.
const MAX_NAMED: usize = 12;

/// Which endpoint is meant.
#[derive(Deserialize)]
pub(crate) struct EndpointQuery {
    endpoint: Option<String>,
}

/// Rows in one of the formats of MLflow's scoring server.
pub(crate) struct RowsBody {
    body: InferenceBody,
    format: ScoringFormat,
}

impl FromRequest<AppState> for RowsBody {
    type Rejection = MlflowError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, MlflowError> {
        let refused = |problem: Problem| V2Error::from(ApiError::from(problem));
        let format = format_of(request.headers()).map_err(refused)?;
        Ok(Self { body: InferenceBody::read(request, state).await.map_err(refused)?, format })
    }
}

/// The format that the type of the body names. A client that is no browser may leave it out.
fn format_of(headers: &HeaderMap) -> Result<ScoringFormat, Problem> {
    let json = ScoringFormat::Json(JsonFormat::Mlflow);
    let mut stated = headers.get_all(header::CONTENT_TYPE).into_iter();
    let text = match (stated.next(), stated.next()) {
        (None, _) if !is_of_a_browser(headers) => return Ok(json),
        (None, _) => "none",
        (Some(only), None) => only.to_str().unwrap_or("?"),
        (Some(_), Some(_)) => "several",
    };
    let mut parts = text.split(';').map(|part| part.trim().to_ascii_lowercase());
    let kind = parts.next().unwrap_or_default();
    let is_utf8 = |part: &String| part.is_empty() || part == "charset=utf-8" || part == "charset=\"utf-8\"";
    let others: Vec<String> = parts.filter(|part| !is_utf8(part)).collect();
    match kind.as_str() {
        "application/json" if others.is_empty() => Ok(json),
        "text/csv" if others.is_empty() => Ok(ScoringFormat::Csv),
        _ => {
            let stated: String = text.chars().take(80).collect();
            let detail = format!(
                "the body states its type as `{stated}`, and must be JSON (application/json) or CSV (text/csv), in UTF-8"
            );
            Err(Problem::new(Code::MediaTypeUnsupported, detail))
        }
    }
}

/// Whether the server takes rows.
#[utoipa::path(get, path = "/ping", tag = "inference", responses((status = 200, description = "The server is ready"), (status = 503, description = "It is not")))]
pub(crate) async fn ping(State(state): State<AppState>) -> Response {
    answer_ping(state.readiness().ready)
}

/// Whether an endpoint takes rows.
#[utoipa::path(get, path = "/endpoints/{endpoint}/ping", tag = "inference", params(("endpoint" = String, Path)), responses((status = 200, description = "It is ready"), (status = 404, description = "There is no such endpoint"), (status = 503, description = "Nothing serves")))]
pub(crate) async fn ping_endpoint(
    State(state): State<AppState>,
    Path(endpoint): Path<String>,
) -> Result<Response, MlflowError> {
    Ok(answer_ping(serving(&state.app(), &endpoint)?.endpoint().ready().ready))
}

/// As MLflow's server: a status, and an empty line of JSON.
fn answer_ping(is_ready: bool) -> Response {
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(header::CONTENT_TYPE, "application/json")], "\n").into_response()
}

/// Predictions of rows, by the endpoint that is named or the only one there is.
#[utoipa::path(post, path = "/invocations", tag = "inference", params(("endpoint" = Option<String>, Query, description = "Which endpoint, where there are several")), responses((status = 200, description = "The predictions; recorded before they are given"), (status = 400, description = "The rows do not fit the model, or several endpoints are there and none is named"), (status = 403, description = "The caller may predict nowhere"), (status = 404, description = "Nothing serves")))]
pub(crate) async fn invocations(
    caller: Caller,
    State(state): State<AppState>,
    query: Result<Query<EndpointQuery>, ApiError>,
    rows: RowsBody,
) -> Result<Response, MlflowError> {
    let Query(EndpointQuery { endpoint }) = query?;
    let (app, context) = (state.app(), caller.context(&state));
    let name = match endpoint {
        None => only_endpoint(&app, &context)?,
        Some(name) => {
            let known: EndpointName = name.parse().map_err(|_| unknown(&name))?;
            let subject = Subject::Endpoint(known.clone());
            blocking(move || {
                authz::require(&app, &context, Action::Predict, &subject).map_err(|error| problem_of(&error))
            })
            .await?;
            known.to_string()
        }
    };
    predictions(&state, &name, rows).await
}

/// Predictions of rows.
#[utoipa::path(post, path = "/endpoints/{endpoint}/invocations", tag = "inference", params(("endpoint" = String, Path)), responses((status = 200, description = "The predictions; recorded before they are given"), (status = 400, description = "The rows do not fit the model"), (status = 404, description = "Nothing serves")))]
pub(crate) async fn endpoint_invocations(
    _: Caller,
    State(state): State<AppState>,
    Path(endpoint): Path<String>,
    rows: RowsBody,
) -> Result<Response, MlflowError> {
    predictions(&state, &endpoint, rows).await
}

/// The only endpoint that answers and at which the caller may predict.
fn only_endpoint(app: &App, context: &RequestContext) -> Result<String, MlflowError> {
    let may = |name: &EndpointName| {
        authz::grant_in_memory(app, context, Action::Predict, &Subject::Endpoint(name.clone())).is_some()
    };
    let open = prediction::open_endpoints(app).into_iter();
    let open = open.filter(|(name, serving)| serving.endpoint().routes().champion().is_some() && may(name));
    let mut names: Vec<String> = open.map(|(name, _)| name.to_string()).collect();
    match names.len() {
        1 => Ok(names.remove(0)),
        0 => Err(MlflowError::not_found("no endpoint answers here: deploy a version with `kilter deploy`")),
        count => {
            names.truncate(MAX_NAMED);
            let named = names.join(", ");
            Err(MlflowError::invalid(format!(
                "{count} endpoints answer here ({named}): ask /endpoints/NAME/invocations, or /invocations?endpoint=NAME"
            )))
        }
    }
}

async fn predictions(state: &AppState, endpoint: &str, rows: RowsBody) -> Result<Response, MlflowError> {
    let RowsBody { body, format } = rows;
    let serving = serving(&state.app(), endpoint)?;
    let (accepted, asked) = (body.accepted(), (body.bytes().len(), body.version()));
    let read = move |endpoint: &Endpoint| scoring::read(endpoint, body.bytes(), format);
    let (bytes, answered) = ask(state, serving, asked, read, |answer| scoring::write_predictions(&answer)).await?;
    Ok(respond(ResponseBody { bytes, json_length: None }, answered, accepted).await)
}

fn unknown(name: &str) -> MlflowError {
    MlflowError::not_found(format!("there is no endpoint `{}` here", name.chars().take(80).collect::<String>()))
}

/// A failure of the inference protocol, in the words of MLflow's scoring server.
impl From<V2Error> for MlflowError {
    fn from(failure: V2Error) -> Self {
        let V2Error { status, error } = failure;
        let code = match status {
            401 => "UNAUTHENTICATED",
            403 => "PERMISSION_DENIED",
            404 => "RESOURCE_DOES_NOT_EXIST",
            400..500 => "BAD_REQUEST",
            503 | 504 | 507 => "TEMPORARILY_UNAVAILABLE",
            _ => "INTERNAL_ERROR",
        };
        Self::new(status, code, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_of_a_body_says_its_format() {
        let of = |headers: &[(header::HeaderName, &str)]| {
            let headers = headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap()));
            format_of(&HeaderMap::from_iter(headers)).map_err(|problem| problem.status)
        };
        let json = Ok(ScoringFormat::Json(JsonFormat::Mlflow));
        let kind = |text| (header::CONTENT_TYPE, text);
        assert_eq!(of(&[]), json);
        assert_eq!(of(&[kind("application/json")]), json);
        assert_eq!(of(&[kind("Application/JSON; charset=utf-8")]), json);
        assert_eq!(of(&[kind("text/csv; charset=UTF-8")]), Ok(ScoringFormat::Csv));
        let refused = ["application/json; format=pandas-split", "text/csv; charset=latin-1", "text/plain", ""];
        for text in refused {
            assert_eq!(of(&[kind(text)]), Err(415), "{text}");
        }
        assert_eq!(of(&[(header::ORIGIN, "http://localhost")]), Err(415));
    }
}
