//! Answers to oracle cases, found by the case's `metric` and `params`, never by its id or its file's name.

pub mod behaviour;
pub mod chunks;
pub mod drift;
pub mod model_chunks;
pub mod rows;
pub mod set;
pub mod shap;

use serde_json::Value;
use set::{Case, Set};

/// The answer to a case; `None` for a metric that nobody here covers.
pub fn answer(set: &Set, case: &Case) -> Option<Result<Value, String>> {
    drift::answer(set, case)
        .or_else(|| rows::answer(set, case))
        .or_else(|| chunks::answer(set, case))
        .or_else(|| shap::answer(set, case))
        .or_else(|| behaviour::answer(set, case))
}
