//! Training: from a run of the workflow to a version of a model.

pub(crate) mod active_runs;
pub(crate) mod data;
pub(crate) mod existing_version;
pub(crate) mod run_logs;
pub(crate) mod train;

pub use active_runs::RunRequest;
pub use data::newest_share;
pub use train::{ApprovalMode, RunOverrides, Training, TrainingOutcome, cause_sentence};
