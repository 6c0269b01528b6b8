//! Why a model says what it says: exact Shapley values of trees and of linear models; permutation importance and
//! dependence of any model.
//!
//! Invariants: values add up to the prediction (local accuracy), to rounding; both the path-dependent and the
//! interventional game; no sampling there. Out of scope: file formats of models.

mod ensemble;
mod model_free;
mod shap;

pub use ensemble::{Missing, TreeNode};
pub use model_free::{Dependence, Shuffles, dependence, dependence_grid, permutation_importance};
pub use shap::{Attribution, TreeBackground, TreeEnsemble};

use crate::outcome::{MetricResult, Unmeasured};

/// Shapley values of a linear model against the background means: `weight * (x - mean)`. Rows are `rows x weights`.
pub fn linear(weights: &[f64], intercept: f64, means: &[f64], rows: &[f64]) -> MetricResult<Attribution> {
    let k = weights.len();
    if k == 0 || means.len() != k || !rows.len().is_multiple_of(k) {
        return Err(Unmeasured::bad_input("linear model", format!("{k} weights, {} means", means.len())));
    }
    let base = intercept + weights.iter().zip(means).map(|(w, m)| w * m).sum::<f64>();
    let values = rows.chunks(k).flat_map(|row| (0..k).map(move |j| weights[j] * (row[j] - means[j]))).collect();
    Ok(Attribution { base, values, features: k })
}
