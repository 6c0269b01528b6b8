//! Why golden requests are not recorded or asked.

use kilter_domain::table::TableError;
use kilter_inference::PredictError;
use kilter_serving::{InferError, RouteError};

/// Why golden requests are not recorded or asked. Another answer than the recorded one is no error.
#[derive(Debug, thiserror::Error)]
pub enum GoldenError {
    /// The model does not accept the rows.
    #[error("could not score golden requests")]
    Predict(#[source] PredictError),
    /// Rows cannot be put into one table.
    #[error(transparent)]
    Table(#[from] TableError),
    /// Requests and answers do not belong together.
    #[error("there are {requests} golden requests and {answers} answers")]
    Lines {
        /// Lines of requests.
        requests: usize,
        /// Lines of answers.
        answers: usize,
    },
    /// The version cannot be routed to.
    #[error("this cannot be served")]
    Route(#[from] RouteError),
    /// The version does not answer the request.
    #[error(transparent)]
    Infer(#[from] InferError),
    /// The answer is not of the V2 protocol.
    #[error("could not read or write the golden answer document")]
    Answer(#[source] serde_json::Error),
}
