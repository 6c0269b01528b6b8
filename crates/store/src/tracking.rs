//! Experiment tracking: experiments, runs, and what runs logged. Clients write it, and so do the runs of the platform.
//!
//! Invariants: parameters never change; logging the same point twice is one row; what is deleted keeps its rows until it is
//! collected. Out of scope: rights, and the steps of a run (see [`crate::run`]).

pub mod artifact;
pub mod dataset;
pub mod experiment;
pub mod metric;
pub mod param;
pub mod run;
pub(crate) mod tags;

use crate::StoreError;

/// Bytes of the name of a parameter, a metric or a tag at most.
pub const MAX_NAME_BYTES: usize = 1000;

pub use tags::Tags;

/// Refuses a name that is empty or longer than [`MAX_NAME_BYTES`].
fn check_name(attempted: &'static str, name: &str) -> Result<(), StoreError> {
    if name.is_empty() {
        return Err(StoreError::Invalid { attempted, reason: "its name is empty".to_owned() });
    }
    check_length(attempted, ("name", MAX_NAME_BYTES), name)
}

/// Refuses a text that is longer than `most` bytes.
fn check_length(attempted: &'static str, (what, most): (&str, usize), text: &str) -> Result<(), StoreError> {
    match text.len() {
        bytes if bytes > most => {
            Err(StoreError::Invalid { attempted, reason: format!("its {what} has {bytes} bytes (at most {most})") })
        }
        _ => Ok(()),
    }
}
