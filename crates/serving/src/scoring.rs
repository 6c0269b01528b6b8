//! Rows and predictions in the formats of MLflow's scoring server (`/invocations`) and of KServe's V1 protocol
//! (`:predict`): data frames as JSON or CSV, `instances` and `inputs`.
//!
//! Each becomes the same [`Request`](crate::v2::Request) that a body of the inference protocol becomes, so that all are
//! scored, counted and recorded in one way. Columns whose names are no inputs are left out, as MLflow does; names that begin
//! with `__` are read as in the inference protocol.
//!
//! Invariants: numbers, texts and truth values of a column are not mixed, and whole numbers are never rounded; what a body
//! says costs memory only for the values that it has.
//! Out of scope: HTTP, and which endpoint is meant.

mod cells;
mod csv;
mod frame;
mod json;
mod response;
mod schema;

use crate::{
    endpoint::{Endpoint, EventTimes, InferError, InferRequest},
    v2::{Limits, Request, V2Error},
};

pub use csv::read_csv;
pub use json::{JsonFormat, read_json};
pub use response::write_predictions;
pub use schema::InputSchema;

/// In which format a body has its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScoringFormat {
    /// JSON of MLflow or KServe.
    Json(JsonFormat),
    /// CSV with a line of names.
    Csv,
}

/// Reads the rows of a body for what an endpoint serves now.
///
/// # Errors
/// When nothing is live there, or the body does not fit its format or the model.
pub fn read(endpoint: &Endpoint, body: &[u8], format: ScoringFormat) -> Result<InferRequest, InferError> {
    let routes = endpoint.routes();
    let Some(champion) = routes.champion() else {
        return Err(InferError::NothingServed { endpoint: endpoint.name().clone() });
    };
    let schema = InputSchema { known: routes.known(), signature: champion.signature() };
    endpoint.accept(read_rows(body, format, schema, endpoint.limits())?, EventTimes::Now)
}

fn read_rows(body: &[u8], format: ScoringFormat, schema: InputSchema<'_>, limits: &Limits) -> Result<Request, V2Error> {
    match format {
        ScoringFormat::Json(format) => read_json(body, format, schema, limits),
        ScoringFormat::Csv => read_csv(body, schema, limits),
    }
}

#[cfg(test)]
mod tests;
