//! Causes with units: which column moved the predictions, which would have cost how much, and where the loss sits.
//!
//! Invariants: the split of prediction drift adds up exactly (local accuracy of Shapley values); estimated damage needs
//! no current label; slices are corrected for how many were looked at. Out of scope: names of columns, words of an alert.

mod slices;

pub use slices::{Slice, SliceFeature, weak_slices};

use crate::distributions::{normal_margin, student_margin};
use crate::explain::Attribution;
use crate::outcome::{Estimate, MetricResult, Unmeasured, all_finite, same_length};

/// The drift of the mean prediction, split between features.
#[derive(Debug, Clone, PartialEq)]
pub struct PredictionSplit {
    /// Current minus reference mean prediction: the sum of the parts.
    pub total: f64,
    /// Each feature's part, in its column order, with the interval of its sampling error.
    pub parts: Vec<Estimate>,
}

/// Splits the drift of predictions exactly: feature j's part is the mean of its attribution on current rows minus that
/// on reference rows. Both must come from the same model with the same base.
pub fn split_prediction_drift(
    reference: &Attribution,
    current: &Attribution,
    level: f64,
) -> MetricResult<PredictionSplit> {
    let k = reference.features;
    if k == 0 || current.features != k || (reference.base - current.base).abs() > 1e-9 * (1.0 + reference.base.abs()) {
        return Err(Unmeasured::bad_input("attributions", "they come from different models or backgrounds"));
    }
    let rows = |attribution: &Attribution| attribution.values.len() / k;
    let (m, n) = (rows(reference), rows(current));
    if m.min(n) < 2 {
        return Err(Unmeasured::too_few("attributed rows", m.min(n), 2));
    }
    let moments = |attribution: &Attribution, feature: usize| {
        let mut moments = crate::drift::Moments::default();
        let column: Vec<f64> = attribution.values.iter().skip(feature).step_by(k).copied().collect();
        moments.add_all(&column);
        Ok::<_, Unmeasured>((moments.mean()?, moments.sd(1)?))
    };
    let parts = (0..k)
        .map(|feature| {
            let ((a, sd_a), (b, sd_b)) = (moments(reference, feature)?, moments(current, feature)?);
            let error = (sd_a * sd_a / m as f64 + sd_b * sd_b / n as f64).sqrt();
            let margin = normal_margin(level) * error;
            Estimate::around(b - a, margin, (f64::NEG_INFINITY, f64::INFINITY), level, n as u64)
        })
        .collect::<MetricResult<Vec<Estimate>>>()?;
    Ok(PredictionSplit { total: parts.iter().map(|part| part.value).sum(), parts })
}

/// How much a row of the reference may count after reweighting; rarer bins are cut there.
const LARGEST_WEIGHT: f64 = 50.0;

/// The estimated damage of one feature's drift: the mean loss of the labelled reference when its rows are reweighted to
/// the current shares of the feature's bins, minus the mean loss as it is. Positive is worse. Needs no current label.
///
/// `bin` is each reference row's bin; `current` holds the current share of each bin (any positive multiple of it).
pub fn estimated_damage(loss: &[f64], bin: &[u32], current: &[f64], level: f64) -> MetricResult<Estimate> {
    let n = same_length("labelled reference rows", &[loss.len(), bin.len()])?;
    all_finite("loss", loss)?;
    all_finite("current share", current)?;
    if n < 2 {
        return Err(Unmeasured::too_few("labelled reference rows", n, 2));
    }
    let mut counts = vec![0.0; current.len()];
    for bin in bin {
        match counts.get_mut(*bin as usize) {
            Some(count) => *count += 1.0,
            None => return Err(Unmeasured::bad_input("bin", format!("bin {bin} is beyond {}", current.len()))),
        }
    }
    let total: f64 = current.iter().sum();
    let covered: f64 = current.iter().zip(&counts).filter(|(_, count)| **count > 0.0).map(|(share, _)| share).sum();
    if total <= 0.0 || covered < 0.5 * total {
        return Err(Unmeasured::undefined(
            "estimated damage",
            "more than half of the current rows lie where the labelled reference has none",
        ));
    }
    let weight = |row: usize| {
        let bin = bin[row] as usize;
        (current[bin] / total * n as f64 / counts[bin]).min(LARGEST_WEIGHT)
    };
    let mass: f64 = (0..n).map(weight).sum();
    let plain = loss.iter().sum::<f64>() / n as f64;
    let moved = (0..n).map(|row| weight(row) * loss[row]).sum::<f64>() / mass;
    // Shares of bins are fixed by the current sample, so a row moves the reweighted mean only within its bin.
    let mut sums = vec![0.0; current.len()];
    loss.iter().zip(bin).for_each(|(loss, bin)| sums[*bin as usize] += loss);
    let within = |row: usize| loss[row] - sums[bin[row] as usize] / counts[bin[row] as usize];
    let variance: f64 =
        (0..n).map(|row| (weight(row) * within(row) / mass - (loss[row] - plain) / n as f64).powi(2)).sum();
    let margin = student_margin(level, n as f64 - 1.0) * variance.sqrt();
    Estimate::around(moved - plain, margin, (f64::NEG_INFINITY, f64::INFINITY), level, n as u64)
}
