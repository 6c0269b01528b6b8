//! Operating points: the threshold that costs least, or that keeps a rate within a target, from labelled rows.

use super::confusion::{Confusion, Rate};
use super::rows::BinaryRows;
use crate::distributions::student_margin;
use crate::outcome::{Estimate, MetricResult, Unmeasured};

/// What a threshold must achieve.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThresholdTarget {
    /// The least mean cost a row, when a false positive and a false negative cost this much.
    Cost {
        /// Of a decision that should not have been.
        false_positive: f64,
        /// Of a decision that was missed.
        false_negative: f64,
    },
    /// The highest recall with a false positive rate of at most this.
    FalsePositiveRate(f64),
    /// The highest precision with a recall of at least this.
    Recall(f64),
    /// The highest recall with at least this precision.
    Precision(f64),
    /// As many positive decisions as this share of rows, at most.
    SelectionRate(f64),
}

/// A threshold and what it does on the rows it was chosen on.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct OperatingPoint {
    /// Decide positive at or above this score. Infinite: never.
    pub threshold: f64,
    /// The table there.
    pub table: Confusion,
    /// Mean cost a row with its interval, when costs were given.
    pub cost: Option<Estimate>,
}

/// The best threshold for a target. With `sure`, a rate must keep its target at the far end of its 95 % Wilson interval,
/// so that few rows do not promise what many will not hold. Undefined when no threshold reaches the target.
pub fn operating_point(rows: &BinaryRows, target: ThresholdTarget, sure: bool) -> MetricResult<OperatingPoint> {
    let score = rows.scores("threshold")?;
    if score.len() < 2 {
        return Err(Unmeasured::too_few("rows", score.len(), 2));
    }
    let mut order: Vec<usize> = (0..score.len()).collect();
    order.sort_by(|a, b| score[*b].total_cmp(&score[*a]));
    // Begin with nobody, and let rows in from the highest score down; a threshold lies between different scores.
    let mut table = Confusion::default();
    (0..score.len()).for_each(|row| table.add(rows.truth[row], false, rows.weight(row)));
    let mut best: Option<(f64, OperatingPoint)> = None;
    let mut consider = |threshold: f64, table: &Confusion| {
        let Some(worth) = worth(table, target, sure) else { return };
        if best.as_ref().is_none_or(|(most, _)| worth > *most) {
            best = Some((worth, OperatingPoint { threshold, table: *table, cost: None }));
        }
    };
    consider(f64::INFINITY, &table);
    for (place, row) in order.iter().enumerate() {
        table.decide(rows.truth[*row], rows.weight(*row));
        if order.get(place + 1).is_none_or(|next| score[*next] < score[*row]) {
            consider(score[*row], &table);
        }
    }
    let Some((_, mut point)) = best else {
        return Err(Unmeasured::undefined("threshold", format!("no threshold reaches {target:?} on these rows")));
    };
    if let ThresholdTarget::Cost { false_positive, false_negative } = target {
        point.cost = Some(cost(rows, point.threshold, false_positive, false_negative)?);
    }
    Ok(point)
}

/// How good a table is for a target; `None` when it misses it.
fn worth(table: &Confusion, target: ThresholdTarget, sure: bool) -> Option<f64> {
    let rate = |rate: Rate| table.rate(rate, 0.95).ok();
    let highest = |estimate: Estimate| if sure { estimate.high } else { estimate.value };
    let lowest = |estimate: Estimate| if sure { estimate.low } else { estimate.value };
    let recall = || rate(Rate::Recall).map(|recall| recall.value);
    match target {
        ThresholdTarget::Cost { false_positive, false_negative } => {
            let cost = table.false_positive.weight * false_positive + table.false_negative.weight * false_negative;
            Some(-cost)
        }
        ThresholdTarget::FalsePositiveRate(most) if highest(rate(Rate::FalsePositiveRate)?) <= most => recall(),
        ThresholdTarget::Recall(least) if lowest(rate(Rate::Recall)?) >= least => Some(rate(Rate::Precision)?.value),
        ThresholdTarget::Precision(least) if lowest(rate(Rate::Precision)?) >= least => recall(),
        ThresholdTarget::SelectionRate(most) if highest(rate(Rate::SelectionRate)?) <= most => {
            Some(rate(Rate::SelectionRate)?.value)
        }
        _ => None,
    }
}

fn cost(rows: &BinaryRows, threshold: f64, false_positive: f64, false_negative: f64) -> MetricResult<Estimate> {
    let score = rows.scores("cost")?;
    weighted_mean(rows, 0.95, |row| price(rows.truth[row], score[row] >= threshold, false_positive, false_negative))
}

/// Mean cost a row at the threshold `new` minus that at `old`, of the same rows: pairs, so that rows which both decide
/// alike add no noise. Below zero, the new one is cheaper. Student's interval of confidence `level`.
///
/// # Errors
/// Fewer than two rows, or rows without scores.
pub fn cost_difference(
    rows: &BinaryRows,
    (old, new): (f64, f64),
    costs: (f64, f64),
    level: f64,
) -> MetricResult<Estimate> {
    let score = rows.scores("cost")?;
    if score.len() < 2 {
        return Err(Unmeasured::too_few("rows", score.len(), 2));
    }
    let at = |row: usize, threshold: f64| price(rows.truth[row], score[row] >= threshold, costs.0, costs.1);
    weighted_mean(rows, level, |row| at(row, new) - at(row, old))
}

/// What one decision costs.
fn price(truth: bool, decision: bool, false_positive: f64, false_negative: f64) -> f64 {
    match (truth, decision) {
        (false, true) => false_positive,
        (true, false) => false_negative,
        _ => 0.0,
    }
}

fn weighted_mean(rows: &BinaryRows, level: f64, of: impl Fn(usize) -> f64) -> MetricResult<Estimate> {
    let n = rows.truth.len();
    let total: f64 = (0..n).map(|row| rows.weight(row)).sum();
    let mean = (0..n).map(|row| rows.weight(row) * of(row)).sum::<f64>() / total;
    let variance: f64 = (0..n).map(|row| (rows.weight(row) / total * (of(row) - mean)).powi(2)).sum();
    let margin = student_margin(level, n as f64 - 1.0) * variance.sqrt();
    Estimate::around(mean, margin, (f64::NEG_INFINITY, f64::INFINITY), level, n as u64)
}
