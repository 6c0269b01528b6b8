//! Tree ensembles as they are walked, whatever file they come from.
//!
//! Invariants: a loaded forest has no cycle and no node out of range, so walking it ends; a branch that several nodes lead
//! to stands once; a missing value goes where its node says. [`tree`] has the checked trees that readers make, [`forest`] lays them
//! out, [`kernel`] walks them, [`masks`] passes many rows through small trees, [`structure`] shows them to explanations.

mod forest;
mod kernel;
mod masks;
mod nodes;
mod structure;
mod tree;

pub(crate) use forest::{Aggregate, Forest};
pub(crate) use kernel::Rows;
pub(crate) use tree::{Mode, Node, Test, Tree};
