//! Training: from a run of the workflow to a version of a model.

pub(crate) mod data;
pub(crate) mod error;
pub(crate) mod existing_version;
mod package_files;
pub(crate) mod package_run;
pub(crate) mod request;
mod run_artifacts;
pub(crate) mod train;
pub(crate) mod training_source;

pub use data::newest_share;
pub use error::TrainError;
pub use request::{RunOverrides, RunRequest, Training, TrainingOutcome, cause_sentence};
pub use training_source::FileSource;
