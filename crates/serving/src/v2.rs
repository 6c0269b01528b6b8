//! The Open Inference Protocol (V2): JSON and the bytes of tensors to columns, answers to both, metadata and health bodies.
//!
//! What is accepted: one tensor a column (`[rows]` or `[rows, 1]`), or one block `[rows, width]` for all numeric inputs
//! in the order of the model's signature; data flat or nested; `null` for a missing value. Three inputs are Kilter's own
//! and are no features: `__id` (prediction ids), `__entity` (what a canary's split sticks to), `__time` (event times,
//! replay and backfill only). Parameters of the request: `prediction_id`, `entity`, `consumer`, `time`.
//!
//! Invariants: 64-bit integers are never rounded; sizes are checked before anything is allocated for them; every
//! error is a 4xx that names the input. Nesting is bounded, whatever the body says.
//! Out of scope: HTTP, routing, models.

mod client;
mod context;
mod data;
mod datatype;
mod decode;
mod error;
mod limits;
mod metadata;
mod parameters;
mod raw;
mod request;
mod response;

pub use self::limits::{ENTITY_INPUT, ID_INPUT, Limits, RESERVED, TIME_INPUT};
pub use client::{read_answers, write_request};
pub use datatype::Datatype;
pub use decode::{KnownInputs, Rows};
pub(crate) use error::list;
pub use error::{InputProblem, V2Error};
pub use metadata::{ErrorBody, Live, ModelMetadata, ModelReady, Ready, ServerMetadata, TensorMetadata};
pub use parameters::Parameters;
pub use raw::read_raw;
pub use request::{Request, Tensor, read_request};
pub(crate) use response::check_outputs;
pub use response::{Answer, OUTPUTS, OutputTensor, OutputValues, write_response};

#[cfg(test)]
mod tests;
