//! The linear baseline: logistic, multinomial and ridge regression with an L2 penalty, by L-BFGS.
//!
//! Invariants: sums run over a fixed number of row chunks in a fixed order, so the number of threads changes nothing.
//! Numbers come standardised (see `prepare`), so one penalty suits all.

mod design;
mod lbfgs;

use kilter_inference::Matrix;

use crate::{options::Params, target::TargetValues};
use design::Design;

/// Gradient below which the optimum counts as reached; the loss is a mean over rows.
const TOLERANCE: f64 = 1e-5;

/// A trained linear model.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Linear {
    /// By block: row-major columns x outputs.
    pub weights: Vec<Vec<f32>>,
    pub intercepts: Vec<f32>,
    /// What each column of each block moves the scores by, in the mean over rows.
    pub effects: Vec<Vec<f64>>,
    /// The mean of each column over the training rows, the blocks' one after the other.
    pub means: Vec<f64>,
    pub iterations: usize,
    pub has_converged: bool,
    pub training_loss: f64,
}

/// Trains on the joined columns of `blocks`. `has_text` sets the default penalty: terms need a weaker one.
pub(crate) fn train(
    blocks: &[Matrix],
    outcome: &TargetValues,
    weights: &[f64],
    params: &Params,
    has_text: bool,
) -> Linear {
    let threads = params.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let l2 = params.l2.unwrap_or(if has_text { 0.1 } else { 1.0 });
    let (scaled, unit) = standardised(outcome, weights);
    let design = Design::new(blocks, &scaled, weights, l2, threads);
    let found = lbfgs::minimise(design.start(), params.max_iterations, TOLERANCE, |at, slope| design.loss(at, slope));
    let (weights, mut intercepts) = design.split(&found.at, unit.spread);
    if matches!(outcome, TargetValues::Values(_)) {
        intercepts.iter_mut().for_each(|intercept| *intercept += unit.mean);
    }
    Linear {
        effects: design.effects(&found.at),
        means: design.means(),
        weights,
        intercepts: intercepts.into_iter().map(|intercept| intercept as f32).collect(),
        iterations: found.iterations,
        has_converged: found.has_converged,
        training_loss: design.data_loss(&found.at) * unit.spread * unit.spread,
    }
}

impl Linear {
    /// What each of `count` origins adds to each score in the mean over the training rows: where explanations start.
    /// `origins` are those of every column, the blocks' one after the other.
    pub fn baseline(&self, origins: impl Iterator<Item = usize>, count: usize) -> Vec<Vec<f64>> {
        let outputs = self.intercepts.len();
        let mut baseline = vec![vec![0.0; outputs]; count];
        let weights = self.weights.iter().flat_map(|block| block.chunks_exact(outputs));
        for ((origin, weights), mean) in origins.zip(weights).zip(&self.means) {
            baseline[origin].iter_mut().zip(weights).for_each(|(sum, &weight)| *sum += f64::from(weight) * mean);
        }
        baseline
    }
}

/// Where the values of a regression lie.
struct Unit {
    mean: f64,
    spread: f64,
}

/// The outcome with values of mean 0 and spread 1, so that tolerance and penalty suit every unit.
fn standardised(outcome: &TargetValues, weights: &[f64]) -> (TargetValues, Unit) {
    let TargetValues::Values(values) = outcome else {
        return (outcome.clone(), Unit { mean: 0.0, spread: 1.0 });
    };
    let total: f64 = weights.iter().sum();
    let mean = values.iter().zip(weights).map(|(value, weight)| value * weight).sum::<f64>() / total;
    let spread = values.iter().zip(weights).map(|(value, weight)| (value - mean).powi(2) * weight).sum::<f64>() / total;
    let spread = if spread > 0.0 { spread.sqrt() } else { 1.0 };
    (TargetValues::Values(values.iter().map(|value| (value - mean) / spread).collect()), Unit { mean, spread })
}
