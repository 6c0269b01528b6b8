//! What an evaluation draws: the points of ROC and precision over recall, one class against the rest, residuals.

use super::confusion::Confusion;
use super::rows::{BinaryRows, MulticlassRows, RegressionRows};
use crate::distributions::student_margin;
use crate::outcome::{Estimate, MetricResult, Unmeasured};
use serde::{Deserialize, Serialize};

/// What deciding positive from one score on does.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ScorePoint {
    /// Decide positive at or above this score.
    pub threshold: f64,
    /// Share of the positives that are decided positive (recall).
    pub true_positive_rate: f64,
    /// Share of the negatives that are.
    pub false_positive_rate: f64,
    /// True among decided positive.
    pub precision: f64,
}

/// The curve of a score, from the highest threshold down: every different score, or `most` of them evenly by rows. The
/// last one lets all rows in.
pub fn score_points(rows: &BinaryRows, most: usize) -> MetricResult<Vec<ScorePoint>> {
    let score = rows.scores("curve")?;
    let mut order: Vec<usize> = (0..score.len()).collect();
    order.sort_by(|a, b| score[*b].total_cmp(&score[*a]));
    let total =
        |truth: bool| -> f64 { order.iter().filter(|r| rows.truth[**r] == truth).map(|r| rows.weight(*r)).sum() };
    let (positive, negative) = (total(true), total(false));
    if positive <= 0.0 || negative <= 0.0 {
        return Err(Unmeasured::undefined("curve", "all rows are of one class"));
    }
    let (mut points, mut hits, mut alarms) = (Vec::new(), 0.0, 0.0);
    let step = order.len().div_ceil(most.max(1));
    let mut next = 0;
    for (place, &row) in order.iter().enumerate() {
        *(if rows.truth[row] { &mut hits } else { &mut alarms }) += rows.weight(row);
        let is_last = place + 1 == order.len();
        let is_cut = is_last || score[order[place + 1]] < score[row];
        if is_cut && (is_last || place >= next) && hits + alarms > 0.0 {
            next = place + step;
            points.push(ScorePoint {
                threshold: score[row],
                true_positive_rate: hits / positive,
                false_positive_rate: alarms / negative,
                precision: hits / (hits + alarms),
            });
        }
    }
    Ok(points)
}

/// Each class against all others, by class number.
pub fn class_tables(rows: &MulticlassRows) -> Vec<Confusion> {
    let mut tables = vec![Confusion::default(); rows.classes];
    for row in 0..rows.truth.len() {
        let (truth, decision) = (rows.truth[row] as usize, rows.decision(row));
        for (class, table) in tables.iter_mut().enumerate() {
            table.add(truth == class, decision == class, rows.weight(row));
        }
    }
    tables
}

/// The confusion matrix: rows by truth, then by decision.
pub fn class_matrix(rows: &MulticlassRows) -> Vec<Vec<u64>> {
    let mut matrix = vec![vec![0; rows.classes]; rows.classes];
    for row in 0..rows.truth.len() {
        matrix[rows.truth[row] as usize][rows.decision(row)] += 1;
    }
    matrix
}

/// Rows of about one prediction: what was predicted and what came true.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PredictedBin {
    /// Rows.
    pub rows: u64,
    /// Mean prediction.
    pub predicted: f64,
    /// Mean truth with Student's interval.
    pub observed: Estimate,
}

/// What came true by what was predicted: `bins` bins of nearly equal numbers of rows, from the lowest prediction up.
pub fn predicted_bins(rows: &RegressionRows, bins: usize, level: f64) -> MetricResult<Vec<PredictedBin>> {
    let n = rows.truth.len();
    if bins == 0 || n < 2 * bins {
        return Err(Unmeasured::too_few("rows", n, 2 * bins.max(1)));
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|a, b| rows.predicted[*a].total_cmp(&rows.predicted[*b]));
    let bin = |at: usize| {
        let inside = &order[at * n / bins..(at + 1) * n / bins];
        let weight: f64 = inside.iter().map(|row| rows.weight(*row)).sum();
        if weight <= 0.0 {
            return Err(Unmeasured::undefined("mean of a bin", "its rows have no weight"));
        }
        let mean =
            |of: &dyn Fn(usize) -> f64| inside.iter().map(|row| rows.weight(*row) * of(*row)).sum::<f64>() / weight;
        let observed = mean(&|row| rows.truth[row]);
        let squares: f64 =
            inside.iter().map(|row| (rows.weight(*row) / weight * (rows.truth[*row] - observed)).powi(2)).sum();
        let count = inside.len() as f64;
        let margin = student_margin(level, count - 1.0) * (squares * count / (count - 1.0)).sqrt();
        let range = (f64::NEG_INFINITY, f64::INFINITY);
        Ok(PredictedBin {
            rows: inside.len() as u64,
            predicted: mean(&|row| rows.predicted[row]),
            observed: Estimate::around(observed, margin, range, level, inside.len() as u64)?,
        })
    };
    (0..bins).map(bin).collect()
}

/// Shares of the residuals (prediction less truth) between edges of equal width over their middle 98 %; what lies beyond
/// counts into the outer bins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Residuals {
    /// One more than there are shares.
    pub edges: Vec<f64>,
    /// Of all rows, by weight.
    pub shares: Vec<f64>,
}

/// The histogram of residuals.
pub fn residuals(rows: &RegressionRows, bins: usize) -> MetricResult<Residuals> {
    let residual = |row: usize| rows.predicted[row] - rows.truth[row];
    let mut sorted: Vec<f64> = (0..rows.truth.len()).map(residual).filter(|value| value.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    if sorted.len() < 2 || bins == 0 {
        return Err(Unmeasured::too_few("rows", sorted.len(), 2));
    }
    let last = sorted.len() - 1;
    let (low, high) = (sorted[last / 100], sorted[last - last / 100]);
    let width = (high - low) / bins as f64;
    if width <= 0.0 || !width.is_finite() {
        return Err(Unmeasured::undefined("histogram of residuals", "all residuals are the same"));
    }
    let (mut shares, mut total) = (vec![0.0; bins], 0.0);
    for row in (0..rows.truth.len()).filter(|row| residual(*row).is_finite()) {
        let bin = (((residual(row) - low) / width).max(0.0) as usize).min(bins - 1);
        shares[bin] += rows.weight(row);
        total += rows.weight(row);
    }
    shares.iter_mut().for_each(|share| *share /= total);
    Ok(Residuals { edges: (0..=bins).map(|edge| low + width * edge as f64).collect(), shares })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRUTH: [bool; 6] = [true, false, true, true, false, false];
    const SCORE: [f64; 6] = [0.9, 0.8, 0.8, 0.4, 0.3, 0.1];

    #[test]
    fn a_curve_has_a_point_for_every_different_score() {
        let rows = BinaryRows::scored(&TRUTH, &SCORE, 0.5).unwrap();
        let points = score_points(&rows, 100).unwrap();
        let shown: Vec<(f64, f64, f64)> =
            points.iter().map(|point| (point.threshold, point.true_positive_rate, point.false_positive_rate)).collect();
        let third = 1.0 / 3.0;
        assert_eq!(shown[..3], [(0.9, third, 0.0), (0.8, 2.0 * third, third), (0.4, 1.0, third)]);
        assert_eq!((shown.len(), shown[4]), (5, (0.1, 1.0, 1.0)));
        assert_eq!(points[1].precision, 2.0 / 3.0);
        // The area under it is the AUC.
        let corners = std::iter::once((0.0, 0.0)).chain(shown.iter().map(|point| (point.2, point.1)));
        let corners: Vec<(f64, f64)> = corners.collect();
        let area: f64 = corners.windows(2).map(|pair| (pair[1].0 - pair[0].0) * (pair[0].1 + pair[1].1) / 2.0).sum();
        let auc = crate::performance::metric("auc", &crate::performance::Labelled::Binary(rows)).unwrap().value;
        assert!((area - auc).abs() < 1e-12, "{area} {auc}");
        assert!(score_points(&rows, 2).unwrap().len() <= 3);
        let one = BinaryRows::scored(&[true, true], &[0.1, 0.2], 0.5).unwrap();
        assert!(score_points(&one, 10).is_err());
    }

    #[test]
    fn classes_stand_against_the_rest() {
        let rows = MulticlassRows::decided(&[0, 0, 1, 2], 3, &[0, 1, 1, 2]).unwrap();
        let tables = class_tables(&rows);
        let cells =
            |at: usize| [tables[at].true_positive.rows, tables[at].false_positive.rows, tables[at].false_negative.rows];
        assert_eq!([cells(0), cells(1), cells(2)], [[1, 0, 1], [1, 1, 0], [1, 0, 0]]);
    }

    #[test]
    fn residuals_and_bins_hold_every_row_once() {
        let truth: Vec<f64> = (0..200).map(f64::from).collect();
        let predicted: Vec<f64> = truth.iter().map(|truth| truth + (truth % 7.0) - 3.0).collect();
        let rows = RegressionRows::new(&truth, &predicted).unwrap();
        let bins = predicted_bins(&rows, 10, 0.95).unwrap();
        assert_eq!(bins.iter().map(|bin| bin.rows).sum::<u64>(), 200);
        assert!(bins.iter().all(|bin| bin.observed.holds(bin.observed.value)));
        let found = residuals(&rows, 12).unwrap();
        assert!((found.shares.iter().sum::<f64>() - 1.0).abs() < 1e-12 && found.edges.len() == 13);
        assert!(residuals(&RegressionRows::new(&truth, &truth).unwrap(), 12).is_err());
        assert!(predicted_bins(&RegressionRows::new(&truth[..3], &truth[..3]).unwrap(), 10, 0.95).is_err());
    }
}
