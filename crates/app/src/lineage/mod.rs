//! What an answer, or a moment, rests on: deployment, version, package, run, data, code, gates, approvals and their audit entries.
//!
//! Invariants: what is said of a moment is what the audit log says up to it; an answer is read from bytes that have the digest of the
//! index. Out of scope: who may see it.

mod as_of;
mod prediction;
mod version;

pub use as_of::{EndpointAsOf, ServingAsOf, as_of};
pub use prediction::{LineageError, PredictionLineage, prediction_lineage};
pub use version::{RunLineage, VersionLineage};
