//! Training: from a run of the workflow to a version of a model.

pub(crate) mod active_runs;
pub(crate) mod data;
pub(crate) mod error;
pub(crate) mod existing_version;
pub(crate) mod request;
pub(crate) mod run_logs;
pub(crate) mod start_run;
pub(crate) mod train;

pub use data::newest_share;
pub use error::{RunLogError, TrainError};
pub use request::{ApprovalMode, RunOverrides, Training, TrainingOutcome, cause_sentence};
pub use run_logs::step_log;
pub use start_run::RunRequest;
pub use start_run::{cancel_run, cancel_runs, run_events, start_run, stop_runs};
pub use train::train;
