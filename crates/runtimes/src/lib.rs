//! Runtimes for models that our own kernels do not read: any `pyfunc` of MLflow in worker processes of Python, any ONNX file by onnxruntime.
//!
//! What it is for: [`python::load`] and [`onnxruntime::load`] give a [`kilter_inference::Model`]; gates, golden requests and endpoints ask it as any
//! other.
//!
//! Invariants: the code of a model runs in a process of its own, with a clean environment and limits, and whatever it does costs only its
//! own requests; what a worker sends is bounded and checked; no request that was taken stays without an answer.
//! Out of scope: which models may run, packages, HTTP.

#![warn(missing_docs)]

pub mod onnxruntime;
pub mod python;
