//! The reconciler: one step of the loop for a project, and for all of them.

pub(crate) mod project;
pub(crate) mod projects;

pub use project::Step;
pub use projects::FileSource;
