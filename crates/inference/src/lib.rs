//! Loads a standard ONNX model and predicts, without any shared library.
//!
//! What it is for: the data plane, gates and replays ask a [`Model`] for a [`Prediction`] on a
//! [`kilter_domain::table::Table`], and for the [`Attributions`] that say why. The file is ordinary ONNX, so any other runtime answers the same question.
//!
//! Invariants: a [`Model`] is immutable and may be shared by threads; hostile bytes and hostile rows give an error,
//! never a panic; answers equal onnxruntime's within float32 rounding (`tests/python/onnx_parity`).
//!
//! Out of scope: training (the crate `train`), files and sockets, operators that classical models do not use.

#![warn(missing_docs)]

mod block;
mod constant;
mod ensemble;
mod error;
mod estimator;
mod executor;
mod explain;
mod features;
mod formats;
mod graph;
mod input;
mod model;
pub mod onnx;
mod onnx_model;
mod ops;
mod outputs;
mod prediction;
mod signature;
mod tensor;
mod trees;

pub use error::{ExecutorError, ExplainError, LoadError, PredictError};
pub use executor::{Executor, ExecutorCall, WorkerCounts, take_executor_call};
pub use explain::{Attributions, Background, ColumnShift, Explainer};
pub use features::{Features, Matrix};
pub use formats::Format;
pub use input::MISSING_TIME;
pub use model::Model;
pub use prediction::{Outcome, Prediction};
pub use signature::{BASELINE_KEY, Infinite, Input, InputKind, Missing, SIGNATURE_KEY, Signature, Task};
