//! Training: from a run of the workflow to a version of a model.

pub(crate) mod active_runs;
pub(crate) mod data;
pub(crate) mod existing_version;
pub(crate) mod run_logs;
pub(crate) mod train;

pub use active_runs::RunRequest;
pub use active_runs::{cancel_run, cancel_runs, run_events, start_run, stop_runs};
pub use data::newest_share;
pub use run_logs::step_log;
pub use train::train;
pub use train::{ApprovalMode, RunOverrides, Training, TrainingOutcome, cause_sentence};
