//! Performance: how good decisions, probabilities, numbers and orders were, with an interval and row weights.
//!
//! Invariants: every metric is asked by name or enum and answers an [`Estimate`] or the reason why not; intervals keep
//! their coverage near the ends of the scale (Wilson, DeLong on the logit, order statistics, influence functions); the
//! difference of two models on the same rows is paired. Out of scope: thresholds for alarms, and any notion of time.
//!
//! ```
//! use kilter_stats::performance::{BinaryRows, Labelled, difference, metric};
//! let truth = [true, false, true, true, false, false, true, false, true, false];
//! let score = [0.9, 0.2, 0.7, 0.4, 0.5, 0.1, 0.8, 0.3, 0.6, 0.35];
//! let rows = Labelled::Binary(BinaryRows::scored(&truth, &score, 0.5)?);
//! let auc = metric("auc", &rows)?;
//! assert_eq!(auc.value, 0.96);
//! assert!(auc.low < 0.96 && 0.96 < auc.high);
//! assert!(metric("accuracy", &rows)?.count == 10);
//! # Ok::<(), kilter_stats::Unmeasured>(())
//! ```

mod chart_data;
mod confusion;
mod curve;
mod influence;
mod multiclass;
mod probability;
mod ranking;
mod registry;
mod regression;
mod rows;
mod task;
mod threshold;

pub use chart_data::{
    PredictedBin, Residuals, ScorePoint, class_matrix, class_tables, predicted_bins, residuals, score_points,
};
pub use confusion::{Cell, Confusion, Rate};
pub use multiclass::{Average, confusion_matrix};
pub use probability::{Binning, CalibrationBin, LOG_CLIP, calibration_bins, row_log_loss};
pub use registry::{Metric, MetricEntry, UnknownMetric};
pub(crate) use rows::as_probabilities;
pub use rows::{BinaryRows, Decided, Labelled, MulticlassRows, RankingRows, RegressionRows};
pub use task::{Better, Task};
pub use threshold::{OperatingPoint, ThresholdTarget, cost_difference, operating_point};

use crate::distributions::normal_margin;
use crate::outcome::{Estimate, MetricResult, Unmeasured, same_length};
use crate::random::Random;
use confusion::{TableFunction, rate_influence};
use curve::TopOf;
use influence::{Influence, paired_difference};
use multiclass::ClassRate;
use ranking::OrderOf;
use regression::{Explained, RowLoss};

/// Confidence of intervals where none is asked for.
pub const LEVEL: f64 = 0.95;

/// The metric called `name` on `rows`, with its 95 % interval.
pub fn metric(name: &str, rows: &Labelled) -> MetricResult {
    let metric = Metric::named(name, rows.task()).map_err(|error| Unmeasured::bad_input(name, error.to_string()))?;
    metric.measure(rows, LEVEL)
}

/// The paired difference `a - b` of the metric called `name`, with its 95 % interval. Both must hold the same rows in
/// the same order (the same truth is checked) and the same weights.
pub fn difference(name: &str, a: &Labelled, b: &Labelled) -> MetricResult {
    let metric = Metric::named(name, a.task()).map_err(|error| Unmeasured::bad_input(name, error.to_string()))?;
    metric.difference(a, b, LEVEL, 0)
}

impl Metric {
    /// The metric on `rows`, with an interval of confidence `level`.
    pub fn measure(self, rows: &Labelled, level: f64) -> MetricResult {
        check_level(level)?;
        match (self, rows) {
            (Metric::Auc, Labelled::Binary(rows)) => curve::auc_estimate(rows, level),
            (Metric::Gini, Labelled::Binary(rows)) => {
                curve::auc_estimate(rows, level)?.map_increasing(|auc| 2.0 * auc - 1.0)
            }
            (Metric::Ks, Labelled::Binary(rows)) => curve::ks_estimate(rows, level),
            (Metric::Rate(rate), Labelled::Binary(rows)) => Confusion::of(rows).rate(rate, level),
            (Metric::F { beta: 1.0 }, Labelled::Binary(rows)) => Confusion::of(rows).f1(level),
            (Metric::F { beta }, Labelled::Binary(rows)) => Confusion::of(rows).smooth(TableFunction::F(beta), level),
            (Metric::BalancedAccuracy, Labelled::Binary(rows)) => Confusion::of(rows).balanced_accuracy(level),
            (Metric::Mcc, Labelled::Binary(rows)) => Confusion::of(rows).smooth(TableFunction::Mcc, level),
            (Metric::Kappa, Labelled::Binary(rows)) => Confusion::of(rows).smooth(TableFunction::Kappa, level),
            (Metric::CalibrationError { bins, by }, Labelled::Binary(rows)) => {
                probability::expected_calibration_error(rows, bins, by, level)
            }
            (Metric::MaxCalibrationError { bins, by }, Labelled::Binary(rows)) => {
                probability::maximum_calibration_error(rows, bins, by, level)
            }
            (Metric::ClassAccuracy, Labelled::Multiclass(rows)) => multiclass::accuracy_estimate(rows, level),
            (Metric::MedianAbsoluteError, Labelled::Regression(rows)) => regression::median_absolute_error(rows, level),
            (Metric::MaxError, Labelled::Regression(rows)) => regression::max_error(rows, level),
            _ => self.influence(rows)?.estimate(level),
        }
    }

    /// The paired difference `a - b` on the same rows, with an interval of confidence `level`. Smooth metrics use the
    /// covariance of their influences (DeLong's for the AUC); the others (median, maxima over bins) a paired bootstrap
    /// of 400 draws from `seed`.
    pub fn difference(self, a: &Labelled, b: &Labelled, level: f64, seed: u64) -> MetricResult {
        check_level(level)?;
        same_truth(a, b)?;
        match self.influence(a) {
            Ok(of_a) => paired_difference(&of_a, &self.influence(b)?, level),
            Err(Unmeasured::BadInput { what, .. }) if what == NO_INFLUENCE => {
                bootstrap_difference(self, a, b, level, seed)
            }
            Err(reason) => Err(reason),
        }
    }

    /// The metric on rows that come in clusters (a customer's, a day's): rows of one cluster may depend on each other in
    /// any way, clusters may not. The interval rests on the number of clusters. Smooth metrics only.
    pub fn measure_clustered(self, rows: &Labelled, cluster: &[u32], level: f64) -> MetricResult {
        check_level(level)?;
        let influence = self.influence(rows)?;
        same_length("clusters", &[influence.rows.len(), cluster.len()])?;
        influence.clustered(cluster).estimate(level).map(|estimate| Estimate { count: rows.rows() as u64, ..estimate })
    }

    fn influence(self, rows: &Labelled) -> MetricResult<Influence> {
        match rows {
            Labelled::Binary(rows) => binary_influence(self, rows),
            Labelled::Multiclass(rows) => multiclass_influence(self, rows),
            Labelled::Regression(rows) => regression_influence(self, rows),
            Labelled::Ranking(rows) => match self {
                Metric::Ndcg { k } => ranking::mean_over_queries(rows, OrderOf::Ndcg(k)),
                Metric::MeanAveragePrecision { k } => ranking::mean_over_queries(rows, OrderOf::AveragePrecision(k)),
                Metric::MeanReciprocalRank => ranking::mean_over_queries(rows, OrderOf::ReciprocalRank),
                _ => Err(wrong_task(self, Task::Ranking)),
            },
        }
    }
}

fn binary_influence(metric: Metric, rows: &BinaryRows) -> MetricResult<Influence> {
    match metric {
        Metric::Auc => curve::auc(rows),
        Metric::Gini => {
            let auc = curve::auc(rows)?;
            let rows = auc.rows.iter().map(|row| 2.0 * row).collect();
            Ok(Influence { value: 2.0 * auc.value - 1.0, rows, shape: influence::ErrorScale::Signed, units: auc.units })
        }
        Metric::AveragePrecision => curve::average_precision(rows),
        Metric::Ks => curve::ks(rows),
        Metric::Lift { top } => curve::top(rows, top, TopOf::Lift),
        Metric::PrecisionAtTop { top } => curve::top(rows, top, TopOf::Precision),
        Metric::RecallAtTop { top } => curve::top(rows, top, TopOf::Recall),
        Metric::LogLoss => probability::log_loss(rows),
        Metric::Brier => probability::brier(rows),
        Metric::CalibrationBias => probability::calibration_bias(rows),
        Metric::CalibrationSlope => probability::recalibration(rows, probability::Recalibration::Slope),
        Metric::CalibrationIntercept => probability::recalibration(rows, probability::Recalibration::Intercept),
        Metric::Rate(rate) => rate_influence(rate, rows),
        Metric::F { beta } => TableFunction::F(beta).influence(rows),
        Metric::BalancedAccuracy => TableFunction::BalancedAccuracy.influence(rows),
        Metric::Mcc => TableFunction::Mcc.influence(rows),
        Metric::Kappa => TableFunction::Kappa.influence(rows),
        Metric::CalibrationError { .. } | Metric::MaxCalibrationError { .. } => Err(no_influence()),
        _ => Err(wrong_task(metric, Task::Binary)),
    }
}

fn multiclass_influence(metric: Metric, rows: &MulticlassRows) -> MetricResult<Influence> {
    match metric {
        Metric::ClassAccuracy => {
            multiclass::accuracy(rows).share().ok_or_else(|| Unmeasured::too_few("rows", rows.truth.len(), 1))?;
            Ok(multiclass::share(rows, |row| rows.truth[row] as usize == rows.decision(row)))
        }
        Metric::ClassF1(average) => multiclass::averaged(rows, ClassRate::F1, average),
        Metric::ClassPrecision(average) => multiclass::averaged(rows, ClassRate::Precision, average),
        Metric::ClassRecall(average) => multiclass::averaged(rows, ClassRate::Recall, average),
        Metric::ClassAucOvr(average) => multiclass::auc_one_vs_rest(rows, average),
        Metric::ClassAucOvo => multiclass::auc_one_vs_one(rows),
        Metric::ClassLogLoss => multiclass::log_loss(rows),
        Metric::ClassBrier => multiclass::brier(rows),
        Metric::ClassKappa => multiclass::kappa(rows),
        Metric::TopK { k } => {
            let probability = rows.probabilities("top_k")?;
            if rows.truth.len() < 2 {
                return Err(Unmeasured::too_few("rows", rows.truth.len(), 2));
            }
            Ok(multiclass::share(rows, |row| multiclass::in_top(rows, row, probability, k)))
        }
        _ => Err(wrong_task(metric, Task::Multiclass)),
    }
}

fn regression_influence(metric: Metric, rows: &RegressionRows) -> MetricResult<Influence> {
    let mean = |loss| regression::mean_loss(rows, loss);
    match metric {
        Metric::MeanAbsoluteError => mean(RowLoss::Absolute),
        Metric::MeanSquaredError => mean(RowLoss::Squared),
        Metric::RootMeanSquaredError => mean(RowLoss::Squared).map(regression::root),
        Metric::MeanAbsolutePercentageError => mean(RowLoss::AbsolutePercentage),
        Metric::WeightedAbsolutePercentageError => regression::wape(rows),
        Metric::SymmetricPercentageError => mean(RowLoss::SymmetricPercentage),
        Metric::R2 => regression::explained(rows, Explained::R2),
        Metric::ExplainedVariance => regression::explained(rows, Explained::Variance),
        Metric::MeanSquaredLogError => mean(RowLoss::SquaredLog),
        Metric::RootMeanSquaredLogError => mean(RowLoss::SquaredLog).map(regression::root),
        Metric::Bias => mean(RowLoss::Error),
        Metric::Pinball { quantile } => mean(RowLoss::Pinball(quantile)),
        Metric::MedianAbsoluteError | Metric::MaxError => Err(no_influence()),
        _ => Err(wrong_task(metric, Task::Regression)),
    }
}

const NO_INFLUENCE: &str = "influence";

fn no_influence() -> Unmeasured {
    Unmeasured::bad_input(NO_INFLUENCE, "the metric is not smooth in its rows")
}

fn wrong_task(metric: Metric, task: Task) -> Unmeasured {
    Unmeasured::bad_input("metric", format!("{metric:?} does not measure {task:?} rows"))
}

fn check_level(level: f64) -> MetricResult<()> {
    if level > 0.0 && level < 1.0 {
        return Ok(());
    }
    Err(Unmeasured::bad_input("level", format!("the confidence {level} is not between 0 and 1")))
}

fn same_truth(a: &Labelled, b: &Labelled) -> MetricResult<()> {
    same_length("paired rows", &[a.rows(), b.rows()])?;
    let same = match (a, b) {
        (Labelled::Binary(a), Labelled::Binary(b)) => a.truth == b.truth && a.weight == b.weight,
        (Labelled::Multiclass(a), Labelled::Multiclass(b)) => a.truth == b.truth && a.weight == b.weight,
        (Labelled::Regression(a), Labelled::Regression(b)) => a.truth == b.truth && a.weight == b.weight,
        (Labelled::Ranking(a), Labelled::Ranking(b)) => a.query == b.query && a.gain == b.gain,
        _ => false,
    };
    if same {
        return Ok(());
    }
    Err(Unmeasured::bad_input("paired rows", "the two models were not measured on the same truths and weights"))
}

/// Draws of the paired bootstrap for metrics that have no influence function.
const DRAWS: usize = 400;

fn bootstrap_difference(metric: Metric, a: &Labelled, b: &Labelled, level: f64, seed: u64) -> MetricResult {
    let value = metric.measure(a, level)?.value - metric.measure(b, level)?.value;
    let n = a.rows();
    let mut random = Random::seeded(seed);
    let (mut sum, mut squares, mut draws) = (0.0, 0.0, 0.0f64);
    for _ in 0..DRAWS {
        let chosen: Vec<usize> = (0..n).map(|_| random.below(n)).collect();
        let (Ok(of_a), Ok(of_b)) = (resampled(metric, a, &chosen), resampled(metric, b, &chosen)) else { continue };
        let drawn = of_a - of_b;
        sum += drawn;
        squares += drawn * drawn;
        draws += 1.0;
    }
    if draws < 0.9 * DRAWS as f64 {
        return Err(Unmeasured::too_few("rows for a bootstrap", n, 2 * n.max(10)));
    }
    let mean = sum / draws;
    let error = ((squares / draws - mean * mean).max(0.0) * draws / (draws - 1.0)).sqrt();
    let margin = normal_margin(level) * error;
    Estimate::around(value, margin, (f64::NEG_INFINITY, f64::INFINITY), level, n as u64)
}

fn resampled(metric: Metric, rows: &Labelled, chosen: &[usize]) -> MetricResult<f64> {
    let pick = |values: &[f64]| chosen.iter().map(|row| values[*row]).collect::<Vec<f64>>();
    match rows {
        Labelled::Regression(rows) => {
            let (truth, predicted, weight) = (pick(rows.truth), pick(rows.predicted), rows.weight.map(pick));
            let rows = RegressionRows { truth: &truth, predicted: &predicted, weight: weight.as_deref() };
            match metric {
                Metric::MedianAbsoluteError => Ok(regression::median_of(&regression::sorted_errors(&rows))),
                _ => metric.measure(&Labelled::Regression(rows), LEVEL).map(|estimate| estimate.value),
            }
        }
        Labelled::Binary(rows) => {
            let truth: Vec<bool> = chosen.iter().map(|row| rows.truth[*row]).collect();
            let (score, weight) = (rows.score.map(pick), rows.weight.map(pick));
            let rows = BinaryRows {
                truth: &truth,
                score: score.as_deref(),
                decided: Decided::AtLeast(0.5),
                weight: weight.as_deref(),
            };
            metric.measure(&Labelled::Binary(rows), LEVEL).map(|estimate| estimate.value)
        }
        _ => Err(wrong_task(metric, rows.task())),
    }
}
