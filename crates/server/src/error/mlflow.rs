//! A refusal in the words of MLflow: its code, its status, and the texts that its clients compare.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use kilter_api::Problem;
use kilter_app::{registry::RegistryError, tracking::TrackingError, webhook::WebhookError};
use serde_json::{Value, json};

use super::answered::{RETRY_AFTER, problem_of};

/// Why a request of MLflow's API was refused or failed.
#[derive(Debug)]
pub(crate) struct MlflowError {
    status: u16,
    code: &'static str,
    message: String,
}

impl MlflowError {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// A value that is not what the parameter takes.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "INVALID_PARAMETER_VALUE", message)
    }

    /// A parameter that is not there.
    pub(crate) fn missing(path: &str) -> Self {
        Self::invalid(format!("Missing value for required parameter '{path}'."))
    }

    /// A value, as JSON, that is not what the parameter takes.
    pub(crate) fn invalid_value(path: &str, value: &Value, hint: &str) -> Self {
        let hint = if hint.is_empty() { ".".to_owned() } else { format!(": {hint}") };
        let shown: String = value.to_string().chars().take(500).collect();
        Self::invalid(format!("Invalid value {shown} for parameter '{path}' supplied{hint}"))
    }

    pub(crate) fn too_long(path: &str, limit: usize) -> Self {
        Self::invalid(format!("'{path}' exceeds the maximum length of {limit} characters"))
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, "RESOURCE_DOES_NOT_EXIST", message)
    }

    pub(crate) fn internal(message: &str) -> Self {
        Self::new(500, "INTERNAL_ERROR", message)
    }
}

impl From<Problem> for MlflowError {
    fn from(problem: Problem) -> Self {
        let (status, code) = match problem.status {
            401 => (401, "UNAUTHENTICATED"),
            403 => (403, "PERMISSION_DENIED"),
            404 => (404, "RESOURCE_DOES_NOT_EXIST"),
            409 => (409, "RESOURCE_CONFLICT"),
            429 => (429, "REQUEST_LIMIT_EXCEEDED"),
            503 => (503, "TEMPORARILY_UNAVAILABLE"),
            504 => (504, "DEADLINE_EXCEEDED"),
            // As MLflow, which has one status for all that is wrong with a request.
            400..500 => (400, "INVALID_PARAMETER_VALUE"),
            _ => (500, "INTERNAL_ERROR"),
        };
        let hint = if problem.hint.is_empty() { String::new() } else { format!(" ({})", problem.hint) };
        Self::new(status, code, format!("{}{hint}", problem.detail))
    }
}

impl From<WebhookError> for MlflowError {
    fn from(error: WebhookError) -> Self {
        match &error {
            WebhookError::NotFound(missing) => Self::not_found(format!("Webhook with ID {} not found.", missing.id)),
            WebhookError::Denied(_) | WebhookError::Storage(_) => problem_of(&error).into(),
        }
    }
}

impl From<TrackingError> for MlflowError {
    fn from(error: TrackingError) -> Self {
        match &error {
            TrackingError::NotFound(missing) => Self::not_found(match missing.what {
                "run" => format!("Run with id={} not found", missing.id),
                "experiment" => format!("No Experiment with id={} exists", missing.id),
                what => format!("No {what} with name: {} exists", missing.id),
            }),
            TrackingError::NameTaken { name, is_deleted } => {
                let how = match is_deleted {
                    true => {
                        " in deleted state. You can restore the experiment, or permanently delete it to use its name again."
                    }
                    false => ".",
                };
                Self::new(400, "RESOURCE_ALREADY_EXISTS", format!("Experiment(name={name}) already exists{how}"))
            }
            TrackingError::Deleted { what, id } => {
                Self::invalid(format!("The {what} {id} must be in the 'active' state. Current state is deleted."))
            }
            TrackingError::ParamChanged { run, name, present, given } => Self::invalid(format!(
                "Changing param values is not allowed. Param with key='{name}' was already logged with value='{present}' for run ID='{run}'. \
                 Attempted logging new value '{given}'."
            )),
            TrackingError::Kept { .. } | TrackingError::Search(_) => Self::invalid(error.to_string()),
            TrackingError::Denied(_) | TrackingError::Storage(_) => problem_of(&error).into(),
        }
    }
}

impl From<RegistryError> for MlflowError {
    fn from(error: RegistryError) -> Self {
        match error {
            RegistryError::NotFound(missing) => Self::not_found(match (missing.what, missing.id.rsplit_once('/')) {
                ("registered model", _) => format!("Registered Model with name={} not found", missing.id),
                ("registered version", Some((name, number))) => {
                    format!("Model Version (name={name}, version={number}) not found")
                }
                ("version", None) => format!("Latest version not found for model {}.", missing.id),
                (what, _) => format!("There is no {what} {}", missing.id),
            }),
            RegistryError::NameTaken { name } => {
                Self::new(400, "RESOURCE_ALREADY_EXISTS", format!("Registered Model (name={name}) already exists."))
            }
            RegistryError::Governed { .. } | RegistryError::Refused { .. } => {
                Self::new(403, "PERMISSION_DENIED", error.to_string())
            }
            RegistryError::Tracking(error) => error.into(),
            RegistryError::Denied(_) | RegistryError::Storage(_) => problem_of(&error).into(),
            RegistryError::Package(error) => problem_of(&*error).into(),
            RegistryError::NoAlias { .. }
            | RegistryError::FilesElsewhere { .. }
            | RegistryError::NoModel { .. }
            | RegistryError::Flavor { .. }
            | RegistryError::TooLarge { .. }
            | RegistryError::Alias(_)
            | RegistryError::NothingToArchive { .. }
            | RegistryError::Source { .. }
            | RegistryError::Scheme { .. }
            | RegistryError::Search(_) => Self::invalid(error.to_string()),
        }
    }
}

impl IntoResponse for MlflowError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = json!({ "error_code": self.code, "message": self.message }).to_string();
        let mut response = (status, [(header::CONTENT_TYPE, "application/json")], body).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        if status == StatusCode::UNAUTHORIZED {
            let ways = HeaderValue::from_static("Bearer, Basic realm=\"kilter\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, ways);
        }
        response
    }
}
