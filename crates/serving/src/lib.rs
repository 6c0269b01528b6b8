//! The data plane as a library: what answers a prediction, and what remembers that it did.
//!
//! Four parts, each usable alone: [`v2`] reads and writes the Open Inference Protocol, [`scoring`] the formats of MLflow and
//! of KServe V1, [`endpoint`] holds the versions that are served and decides which one answers, [`prediction_log`] keeps predictions and labels so that what was
//! acknowledged survives `kill -9`.
//!
//! Invariants: a prediction waits for nothing outside of this process but (in durable mode) its own disk; whatever a
//! client sends is bounded and answered by an error that names the input.
//! Out of scope: HTTP, SQL, the store, Parquet. The server puts a socket in front, replay calls the same code.

#![warn(missing_docs)]

pub mod column_stats;
pub mod counters;
pub mod endpoint;
mod entity_hash;
mod explanation;
pub mod input_rules;
mod model_output;
pub mod prediction_log;
pub mod recording_policy;
pub mod scoring;
pub mod v2;

pub use endpoint::{
    Candidate, Endpoint, EndpointOptions, EventTimes, InferError, InferRequest, InferResponse, LoadRejected,
    LoadRequest, Mode, RouteError, Routes, ServedVersion,
};
pub use kilter_inference::{ExecutorCall, take_executor_call};
pub use prediction_log::{
    AppendListener, AppendTicket, Contents, Damage, Durability, LabelBatch, LogError, LogOptions, PredictionBatch,
    PredictionLog, Receipt, Record, RecordDetails, Recovery, Role, SegmentId, VersionRef,
};
pub use v2::{Limits, V2Error};
