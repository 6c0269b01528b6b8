//! Whether a result can be made again: before, by executing each step once more in a clean folder; after, from a package.
//!
//! Invariants: nothing of the project changes, but what is remembered of its steps; a step sees the files that it declares and no
//! others; what a step made before is never replaced by what it makes here.

mod check;
mod clean_folder;
mod error;
mod rebuild;

pub use check::{StepVerdict, check_reproducibility, step_verdicts};
pub use clean_folder::declared_code;
pub use error::ReproduceError;
pub use rebuild::{DataPlaces, RebuildSource, Rebuilt, StepOutcome, rebuild};
