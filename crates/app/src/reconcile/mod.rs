//! The reconciler: one step of the loop for a project, and for all of them.

pub(crate) mod error;
mod next_evaluation;
pub(crate) mod project;
pub(crate) mod projects;

pub use error::ReconcileError;
pub use project::Step;
pub use project::reconcile;
pub use projects::{
    Compaction, Evaluation, EvaluationMode, compact_logs, evaluate_registered_project, tally_failures, train_if_due,
};
