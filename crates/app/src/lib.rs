//! Where the crates meet: one function per use case (train, deploy, predict, label, evaluate, retrain).
//!
//! Invariants: a handler, a command, a reconciler and a replay do the same thing by the same function; time, actor and
//! cause are handed in; no state changes without its audit entry. Out of scope: HTTP, terminals, the clock.

#![deny(missing_docs, clippy::missing_errors_doc)]

pub mod alert;
mod app;
pub mod approval;
mod artifact_place;
pub mod audit;
pub mod authz;
pub mod break_glass;
pub mod causes;
mod checkpoint;
mod clock_set_back;
pub mod clock_skew;
pub mod column_stats;
mod components;
pub mod context;
pub mod data_folder;
pub mod dataset;
pub mod deployment;
pub mod documents;
pub mod events;
pub mod follow;
pub mod garbage;
pub mod gate;
pub mod identity;
pub mod inbox;
pub mod keys;
pub mod lineage;
mod lock;
pub mod model;
pub mod monitor;
pub mod objective;
mod open;
pub mod package;
pub mod prediction;
mod private_files;
pub mod project;
pub mod publish;
mod publish_place;
pub mod reconcile;
mod recording_policy;
pub mod registered;
pub mod registration;
pub mod registry;
pub mod replay;
pub mod replicas;
pub mod replication;
pub mod reproduce;
pub mod retrain;
pub mod runs;
mod signed_note;
pub mod tracking;
pub mod training;
pub mod webhook;

pub use kilter_blobs::{read_bounded, read_bounded_text};

pub use crate::{
    app::{App, AppOptions, KeySource, KeySources, PythonOptions, PythonSource, RecordAck, StorageOptions, new_id},
    artifact_place::{ArtifactPlace, ArtifactRoot, InvalidArtifactPlace},
    context::RequestContext,
    open::make_data_folder,
    private_files::{open_to_others, temporary_folder},
    project::Project,
};

pub use kilter_package::oci;
pub use kilter_runtimes::python::WorkerSettings;
pub use kilter_storage::{DEFAULT_CACHE_BYTES, DownloadError, InvalidStorageUrl, ObjectError, StorageUrl};
pub use kilter_store::{CopiedTable, DatabaseUrl, InvalidDatabaseUrl};
