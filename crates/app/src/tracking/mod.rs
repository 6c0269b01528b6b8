//! Experiment tracking: what clients log of their runs, beside what the platform logs of its own.
//!
//! Invariants: an experiment of a project is read and written by those whom its contract gives the right to read it and to run it; one
//! without a project by everyone who is known. What is deleted can be restored until it is collected. Out of scope: the words of any client's protocol.

mod access;
mod artifacts;
mod error;
mod experiments;
mod follow_run;
mod history;
mod import;
mod logged_models;
mod runs;
mod search;

pub(crate) use access::authorize;
pub(crate) use experiments::ensure_default_experiment;

pub use artifacts::{
    ArtifactEntry, ArtifactFile, delete_artifacts, list_artifacts, open_artifact, own_folder, put_artifact,
};
pub use error::TrackingError;
pub use experiments::{
    NewExperiment, change_experiment, create_experiment, delete_experiment_tag, get_experiment, get_experiment_by_name,
    put_experiment_tag,
};
pub use follow_run::{SeenRun, TrackedRunChange, follow_run};
pub use history::{ReducedHistory, metric_history, reduced_histories};
pub use import::{finish_import, import_records};
pub use kilter_store::tracking::batch::Batch;
pub use logged_models::{
    ModelQuery, NewClientModel, create_logged_model, delete_logged_model, delete_logged_model_tag,
    describe_logged_model, finalize_logged_model, get_logged_model, log_models, search_logged_models,
};
pub use runs::{
    NewClientRun, change_run, create_run, delete_run_tag, get_run, log_batch, log_inputs, note_model, set_run_lifecycle,
};
pub use search::{FoundPage, Query, search_datasets, search_experiments, search_runs, search_runs_by_name};
