//! Tree ensembles: `TreeEnsembleRegressor`, `TreeEnsembleClassifier` and, from version 5 on, `TreeEnsemble` of `ai.onnx.ml`.
//!
//! Invariants: a loaded forest has no cycle and no node out of range, so walking it ends; a branch that several nodes lead
//! to stands once; NaN goes where `nodes_missing_value_tracks_true` says. [`read`] and [`ensemble`] turn the attribute lists into checked trees, [`forest`] lays them
//! out, [`kernel`] walks them, this module adds what the operators do with the sums.

mod ensemble;
mod forest;
mod kernel;
mod nodes;
mod operator;
mod read;
mod structure;

use crate::ops::{Attributes, Operator};
pub(crate) use forest::Forest;

/// Builds a tree operator; `None` when the node is not one.
pub(crate) fn build(node: &Attributes<'_>) -> Option<Result<Box<dyn Operator>, String>> {
    match node.kind() {
        "TreeEnsembleRegressor" => Some(operator::regressor(node)),
        "TreeEnsemble" => Some(operator::ensemble(node)),
        "TreeEnsembleClassifier" => Some(operator::classifier(node)),
        _ => None,
    }
}
