//! Which endpoint a request is for, and why it has no answer, in the words that all protocols share.

use std::sync::Arc;

use kilter_app::{
    App,
    causes::NoLiveVersion,
    deployment,
    prediction::{self, Serving},
};
use kilter_domain::ids::EndpointName;
use kilter_serving::{Endpoint, InferError, InferRequest, InferResponse, endpoint::AnsweredBy};

use crate::{
    error::V2Error,
    inference::answer::{AnswerError, answer},
    state::AppState,
};

/// The endpoint that a request calls `model`.
///
/// # Errors
/// 404 when nothing of that name is served, 503 when its live version could not be loaded.
pub(crate) fn serving(app: &App, model: &str) -> Result<Arc<Serving>, V2Error> {
    let unknown = || V2Error { status: 404, error: format!("there is no model `{model}` here") };
    let name: EndpointName = model.parse().map_err(|_| unknown())?;
    prediction::serving(app, &name).ok_or_else(|| match deployment::project_at(app, &name) {
        _ if deployment::refused_at(app, &name).is_some() => V2Error { status: 503, error: unanswered(&name) },
        Ok(Some(_)) => V2Error { status: 404, error: NoLiveVersion { endpoint: name }.to_string() },
        _ => unknown(),
    })
}

/// The number of a version in an address. What is no number is no version that there could be.
///
/// # Errors
/// 404 when no such version answers there.
pub(crate) fn version_number(serving: &Serving, version: &str) -> Result<u64, V2Error> {
    serving.endpoint().version_metadata(version)?;
    version.parse().map_err(|_| V2Error { status: 404, error: format!("there is no version `{version}`") })
}

/// As [`answer`], by one version where its number is given, with the versions that answered or the reason why there is no answer.
pub(crate) async fn ask<T: Send + 'static>(
    state: &AppState,
    serving: Arc<Serving>,
    (bytes, version): (usize, Option<u64>),
    read: impl FnOnce(&Endpoint) -> Result<InferRequest, InferError> + Send + 'static,
    write: impl FnOnce(InferResponse) -> T + Send + 'static,
) -> Result<(T, AnsweredBy), V2Error> {
    let read = move |endpoint: &Endpoint| {
        let request = read(endpoint)?;
        match version {
            None => Ok(request),
            Some(number) => request.at_version(number, endpoint),
        }
    };
    let write = |response: InferResponse| {
        let answered = response.answered;
        (write(response), answered)
    };
    answer(state, serving, bytes, read, write).await.map_err(|error| refused(&state.app(), error))
}

/// Why nothing answers. Where a version is live and was refused, the reason itself is the operator's to read.
fn refused(app: &App, error: AnswerError) -> V2Error {
    match error {
        AnswerError::Fault => V2Error { status: 500, error: "the request met a fault".to_owned() },
        AnswerError::Infer(error) => match &error {
            InferError::NothingServed { endpoint } if deployment::refused_at(app, endpoint).is_some() => {
                V2Error { status: error.status(), error: unanswered(endpoint) }
            }
            _ => error.into(),
        },
    }
}

fn unanswered(endpoint: &EndpointName) -> String {
    format!("the live version of `{endpoint}` could not be loaded; see `kilter status`")
}
