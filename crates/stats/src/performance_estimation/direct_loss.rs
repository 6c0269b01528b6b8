//! Direct loss estimation (DLE): a second model learns, on labelled reference rows, how large the loss of a row is, and
//! its mean over new rows estimates their mean loss. Good when the loss depends on what the features show.

use crate::boost::{Feature, Forest, Goal, Shape};
use crate::distributions::normal_margin;
use crate::outcome::{Estimate, MetricResult, Unmeasured};
use serde::{Deserialize, Serialize};

/// Which loss of a prediction is estimated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// |prediction - truth|: the mean is the MAE.
    Absolute,
    /// (prediction - truth)^2: the root of the mean is the RMSE.
    Squared,
}

/// A fitted loss model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DirectLoss {
    loss: Loss,
    forest: Forest,
    /// Standard deviation of the row losses around the model on the reference.
    noise: f64,
}

impl DirectLoss {
    /// Fits on labelled reference rows. Hand the model's own prediction in as one of the features.
    pub fn fit(features: &[Feature], predicted: &[f64], truth: &[f64], loss: Loss) -> MetricResult<Self> {
        crate::outcome::same_length("reference rows", &[predicted.len(), truth.len()])?;
        if truth.len() < 100 {
            return Err(Unmeasured::too_few("labelled reference rows", truth.len(), 100));
        }
        let losses: Vec<f64> = predicted.iter().zip(truth).map(|(p, y)| row_loss(loss, p - y)).collect();
        let forest = Forest::fit(features, &losses, Goal::Squares, Shape::default())?;
        let fitted = forest.predict(features)?;
        let n = losses.len() as f64;
        let noise = (losses.iter().zip(&fitted).map(|(y, p)| (y - p).powi(2)).sum::<f64>() / n).sqrt();
        Ok(DirectLoss { loss, forest, noise })
    }

    /// The expected loss of each row, never negative.
    pub fn rows(&self, features: &[Feature]) -> MetricResult<Vec<f64>> {
        Ok(self.forest.predict(features)?.into_iter().map(|loss| loss.max(0.0)).collect())
    }

    /// The expected MAE or RMSE of a window, with the interval for the luck of its labels.
    pub fn estimate(&self, features: &[Feature], level: f64) -> MetricResult<Estimate> {
        let rows = self.rows(features)?;
        if rows.is_empty() {
            return Err(Unmeasured::too_few("rows", 0, 1));
        }
        let n = rows.len() as f64;
        let mean = rows.iter().sum::<f64>() / n;
        let margin = normal_margin(level) * self.noise / n.sqrt();
        let of = |mean: f64| if self.loss == Loss::Squared { mean.max(0.0).sqrt() } else { mean.max(0.0) };
        Estimate::new(of(mean), of(mean - margin), of(mean + margin), level, rows.len() as u64)
    }
}

fn row_loss(loss: Loss, error: f64) -> f64 {
    match loss {
        Loss::Absolute => error.abs(),
        Loss::Squared => error * error,
    }
}
