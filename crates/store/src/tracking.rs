//! Experiment tracking: experiments, runs, and what runs logged. Clients write it, and so do the runs of the platform.
//!
//! Invariants: parameters never change; logging the same point twice is one row; what is deleted keeps its rows until it is
//! collected. Out of scope: rights, and the steps of a run (see [`crate::run`]).

pub mod artifact;
pub mod batch;
pub mod dataset;
pub mod experiment;
pub mod import;
pub mod logged_model;
pub mod logged_run;
pub mod metric;
mod names;
pub mod param;
pub mod purge;
pub mod run;
pub(crate) mod tags;

pub use names::MAX_NAME_BYTES;
pub use tags::Tags;
