//! The Open Inference Protocol (V2): JSON and the bytes of tensors to columns, answers to both, metadata and health bodies.
//!
//! What is accepted: one tensor a column (`[rows]` or `[rows, 1]`), or one block `[rows, width]` for all numeric inputs
//! in the order of the model's signature; data flat or nested, or as binary data behind the JSON; `null` for a missing value.
//! Three inputs are Kilter's own and are no features: `__id` (prediction ids), `__entity` (what a canary's split sticks to), `__time` (event times,
//! replay and backfill only). Parameters of the request: `prediction_id`, `entity`, `consumer`, `time`.
//!
//! Invariants: 64-bit integers are never rounded; sizes are checked before anything is allocated for them; every
//! error is a 4xx that names the input. Nesting is bounded, whatever the body says.
//! Out of scope: HTTP, routing, models.

mod binary_response;
mod client;
mod context;
mod data;
mod datatype;
mod decode;
mod error;
mod limits;
mod metadata;
mod model_config;
mod outputs;
mod parameter_value;
mod parameters;
mod raw;
mod repository;
mod request;
mod response;
mod statistics;

pub use self::limits::{ENTITY_INPUT, ID_INPUT, Limits, RESERVED, TIME_INPUT};
pub(crate) use binary_response::check_format;
pub use binary_response::{ResponseBody, write_formatted};
pub use client::{read_answers, write_request};
pub(crate) use context::Context;
pub(crate) use data::Fault;
pub use datatype::Datatype;
pub use decode::{KnownInputs, Rows};
pub(crate) use error::list;
pub use error::{InputProblem, V2Error};
pub use metadata::{ErrorBody, Live, ModelMetadata, ModelReady, Ready, ServerMetadata, TensorMetadata};
pub use model_config::{ModelConfig, TensorConfig};
pub use outputs::{OutputFormat, OutputOptions};
pub use parameter_value::{ParameterValue, Parameters};
pub(crate) use parameters::ParametersSeed;
pub use raw::read_raw;
pub use repository::{ModelState, RepositoryEntry};
pub(crate) use request::explain;
pub use request::{Request, RequestBody, Tensor, read_request};
pub use response::{Answer, OUTPUTS, OutputTensor, OutputValues, write_response};
pub(crate) use response::{PROBABILITIES, check_outputs, is_explanation};
pub use statistics::{DurationStatistics, InferenceStatistics, ModelStatistics, NoStatistics, ServerStatistics};

#[cfg(test)]
mod tests;
