//! The Open Inference Protocol (V2) as JSON: bytes to columns, answers to bytes, metadata and health bodies.
//!
//! What is accepted: one tensor a column (`[rows]` or `[rows, 1]`), or one block `[rows, width]` for all numeric inputs
//! in the order of the model's signature; data flat or nested; `null` for a missing value. Three inputs are Kilter's own
//! and are no features: `__id` (prediction ids), `__entity` (what a canary's split sticks to), `__time` (event times,
//! replay and backfill only). Parameters of the request: `prediction_id`, `entity`, `consumer`, `time`.
//!
//! Holds true: 64-bit integers are never rounded; sizes are checked before anything is allocated for them; every
//! error is a 4xx that names the input. Nesting is bounded, whatever the body says.
//! Deliberately absent: HTTP, routing, models.

mod client;
mod data;
mod datatype;
mod decode;
mod error;
mod metadata;
mod parameters;
mod request;
mod response;

pub use client::{read_answers, write_request};
pub use datatype::Datatype;
pub use decode::{KnownInputs, Rows};
pub(crate) use error::list;
pub use error::{InputProblem, V2Error};
pub use metadata::{ErrorBody, Live, ModelMetadata, ModelReady, Ready, ServerMetadata, TensorMetadata};
pub use parameters::Parameters;
pub use request::{Request, Tensor, read_request};
pub(crate) use response::check_outputs;
pub use response::{Answer, OUTPUTS, write_response};

/// Names that begin with this are Kilter's own: no feature may bear one.
pub const RESERVED: &str = "__";
/// The input that gives each row its prediction id.
pub const ID_INPUT: &str = "__id";
/// The input that gives each row the entity to which a canary's split sticks.
pub const ENTITY_INPUT: &str = "__entity";
/// The input that gives each row its event time: INT64 milliseconds or BYTES in RFC 3339.
pub const TIME_INPUT: &str = "__time";

/// What one request may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a body. In memory a request takes at most about ten times as many.
    pub body_bytes: usize,
    /// Rows of a request.
    pub rows: usize,
    /// Input tensors of a request.
    pub inputs: usize,
    /// Bytes of a prediction id, an entity or a consumer.
    pub id_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { body_bytes: 16 << 20, rows: 100_000, inputs: 10_000, id_bytes: 256 }
    }
}

#[cfg(test)]
mod tests;
