//! An endpoint in memory: which versions it serves, which of them answers, and what it remembers of that.
//!
//! Invariants: what is served changes in one step ([`Endpoint::deploy`]), and a request is read, scored and recorded by
//! the versions that were served when it was read; a candidate never costs the caller an answer; in durable mode there
//! is no answer that is not recorded.
//! Out of scope: who may deploy what (the app knows), HTTP, SQL. `now` is handed in.

mod explainable;
mod handle;
mod infer;
mod messages;
mod pace;
mod predictor;
mod recorder;
mod request;
mod response_builder;
mod routes;
mod traffic_split;
mod version;

pub use crate::{explanation::Explanation, model_output::ModelOutput};
pub use explainable::{ExplainableModel, ReadBackground};
pub use handle::{Endpoint, EndpointCounts, EndpointOptions};
pub use infer::{ShadowWork, UnrecordedResponse};
pub use kilter_inference::WorkerCounts;
pub use messages::{AnsweredBy, EventTimes, InferError, InferRequest, InferResponse, MarkedRows};
pub use predictor::{ModelSlot, NotLoaded, Predictor};
pub use request::LoadedModels;
pub use routes::{Candidate, Mode, RouteError, Routes};
pub use version::{LoadRejected, LoadRequest, ScoreError, ServedVersion};

#[cfg(test)]
mod tests;
