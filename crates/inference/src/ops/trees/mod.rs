//! Tree ensembles: `TreeEnsembleRegressor`, `TreeEnsembleClassifier` and, from version 5 on, `TreeEnsemble` of `ai.onnx.ml`.
//!
//! [`read`] and [`ensemble`] turn the attribute lists into checked trees, which [`crate::trees`] lays out and walks; [`operator`] adds what the
//! operators do with the sums. NaN goes where `nodes_missing_value_tracks_true` says.

mod ensemble;
mod operator;
mod read;

use crate::ops::{Attributes, Operator};

/// Builds a tree operator; `None` when the node is not one.
pub(crate) fn build(node: &Attributes<'_>) -> Option<Result<Box<dyn Operator>, String>> {
    match node.kind() {
        "TreeEnsembleRegressor" => Some(operator::regressor(node)),
        "TreeEnsemble" => Some(operator::ensemble(node)),
        "TreeEnsembleClassifier" => Some(operator::classifier(node)),
        _ => None,
    }
}
