//! Confidence-based performance estimation (CBPE): the metrics that calibrated scores imply, before labels arrive.
//!
//! If `c` is the probability that a row is positive given its score, the expected confusion table is a sum of `c` and
//! `1 - c`, and every metric of the table, the AUC and the average precision follow. Right when the calibration still
//! holds; blind to a change of the concept itself, which nothing in the scores can show.

use super::isotonic::Isotonic;
use crate::distributions::normal_margin;
use crate::outcome::{Estimate, MetricResult, Unmeasured, all_finite, same_length};
use crate::performance::{
    BinaryRows, Binning, Confusion, Labelled, Metric, Rate, Task, as_probabilities, calibration_bins,
};
use crate::random::Random;
use serde::{Deserialize, Serialize};

/// How a model's scores map to probabilities, learned on labelled reference rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    map: Option<Isotonic>,
    reference_rows: u64,
    /// Expected calibration error (10 bins of equal mass) of the raw scores on the reference.
    pub raw_error: Option<f64>,
}

impl Calibration {
    /// Fits isotonic calibration on reference rows; weights are those of the rows.
    pub fn fit(reference: &BinaryRows) -> MetricResult<Self> {
        let score = reference.scores("calibration")?;
        let truth: Vec<f64> = reference.truth.iter().map(|truth| f64::from(u8::from(*truth))).collect();
        let map = Isotonic::fit(score, &truth, reference.weight)?;
        let bins = calibration_bins(reference, 10, Binning::Mass).ok();
        let raw_error = bins.map(|bins| {
            let total: f64 = bins.iter().map(|bin| bin.weight).sum();
            bins.iter().map(|bin| bin.weight * (bin.observed - bin.predicted).abs()).sum::<f64>() / total
        });
        Ok(Calibration { map: Some(map), reference_rows: score.len() as u64, raw_error })
    }

    /// The same, with each reference row weighted by how much more likely it is now (M-CBPE, PAPE: the density ratio
    /// `d / (1 - d)` of a domain classifier).
    pub fn fit_reweighted(reference: &BinaryRows, density_ratio: &[f64]) -> MetricResult<Self> {
        let weights: Vec<f64> = (0..reference.truth.len().min(density_ratio.len()))
            .map(|row| reference.weight(row) * density_ratio[row])
            .collect();
        Calibration::fit(&reference.with_weights(&weights)?)
    }

    /// Takes scores for probabilities as they are.
    pub fn trusted(reference_rows: u64) -> Self {
        Calibration { map: None, reference_rows, raw_error: None }
    }

    /// The probability behind a score.
    pub fn probability(&self, score: f64) -> f64 {
        self.map.as_ref().map_or(score, |map| map.value_at(score)).clamp(0.0, 1.0)
    }
}

/// Unlabelled rows: scores and decisions, with the probability that each is positive.
#[derive(Debug, Clone)]
pub struct Expected<'a> {
    score: &'a [f64],
    decision: &'a [bool],
    probability: Vec<f64>,
}

/// Metrics that can be estimated without labels.
pub const ESTIMABLE: [&str; 11] = [
    "auc",
    "average_precision",
    "accuracy",
    "balanced_accuracy",
    "precision",
    "recall",
    "specificity",
    "f1",
    "brier",
    "log_loss",
    "base_rate",
];

impl<'a> Expected<'a> {
    /// Rows of a window under a calibration.
    pub fn new(score: &'a [f64], decision: &'a [bool], calibration: &Calibration) -> MetricResult<Self> {
        same_length("unlabelled rows", &[score.len(), decision.len()])?;
        all_finite("score", score)?;
        let probability = score.iter().map(|score| calibration.probability(*score)).collect();
        Ok(Expected { score, decision, probability })
    }

    /// Rows whose probability of being positive is known otherwise.
    pub fn with_probabilities(score: &'a [f64], decision: &'a [bool], probability: Vec<f64>) -> MetricResult<Self> {
        same_length("unlabelled rows", &[score.len(), decision.len(), probability.len()])?;
        all_finite("score", score)?;
        let checked = as_probabilities(&probability).map(|probability| probability.into_owned());
        let bad = |row: usize| Unmeasured::bad_input("probability", format!("row {row} has {}", probability[row]));
        Ok(Expected { score, decision, probability: checked.map_err(bad)? })
    }

    /// Each row's probability of being positive.
    pub fn probabilities(&self) -> &[f64] {
        &self.probability
    }

    /// Expected true positives, false positives, false negatives, true negatives.
    pub fn table(&self) -> [f64; 4] {
        let mut table = [0.0; 4];
        for (c, decided) in self.probability.iter().zip(self.decision) {
            if *decided {
                table[0] += c;
                table[1] += 1.0 - c;
            } else {
                table[2] += c;
                table[3] += 1.0 - c;
            }
        }
        table
    }

    /// The expected value of a metric of these rows (CBPE).
    ///
    /// * `name`: one of [`ESTIMABLE`].
    ///
    /// With `c_i` the calibrated probability of row `i` and `d_i` its decision, the expected confusion table is
    ///
    /// ```text
    /// TP = Σ d_i c_i   FP = Σ d_i (1 - c_i)   FN = Σ (1 - d_i) c_i   TN = Σ (1 - d_i)(1 - c_i)
    /// ```
    ///
    /// and a rate is that of the table. The AUC and the average precision sum the same weights along the falling score.
    ///
    /// # Errors
    /// [`Unmeasured::TooFew`] without rows, [`Unmeasured::Undefined`] where an expected denominator is zero,
    /// [`Unmeasured::BadInput`] for a metric that needs labels.
    ///
    /// Definition of NannyML's CBPE; compared with NannyML in the oracles of this crate.
    ///
    /// ```
    /// use kilter_stats::performance_estimation::{Calibration, Expected};
    /// let (score, decision) = ([0.9, 0.8, 0.2, 0.1], [true, true, false, false]);
    /// let rows = Expected::new(&score, &decision, &Calibration::trusted(1000))?;
    /// assert!((rows.value("accuracy")? - 0.85).abs() < 1e-12);
    /// # Ok::<(), kilter_stats::Unmeasured>(())
    /// ```
    pub fn value(&self, name: &str) -> MetricResult<f64> {
        if self.probability.is_empty() {
            return Err(Unmeasured::too_few("rows", 0, 1));
        }
        let [tp, fp, fn_, tn] = self.table();
        let over = |a: f64, b: f64| {
            if b > 0.0 { Ok(a / b) } else { Err(Unmeasured::undefined(name, "its expected denominator is zero")) }
        };
        let n = self.probability.len() as f64;
        let mean = |of: &dyn Fn(f64, f64) -> f64| {
            self.probability.iter().zip(self.score).map(|(c, score)| of(*c, *score)).sum::<f64>() / n
        };
        match name {
            "auc" | "roc_auc" => self.auc(),
            "average_precision" | "ap" => self.average_precision(),
            "accuracy" => Ok((tp + tn) / n),
            "balanced_accuracy" => Ok(0.5 * (over(tp, tp + fn_)? + over(tn, tn + fp)?)),
            "precision" => over(tp, tp + fp),
            "recall" | "tpr" => over(tp, tp + fn_),
            "specificity" | "tnr" => over(tn, tn + fp),
            "f1" => over(2.0 * tp, 2.0 * tp + fp + fn_),
            "base_rate" => Ok((tp + fn_) / n),
            "brier" => Ok(mean(&|c, score| c * (1.0 - score).powi(2) + (1.0 - c) * score * score)),
            "log_loss" => Ok(mean(&|c, score| {
                let s = score.clamp(1e-15, 1.0 - 1e-15);
                -c * s.ln() - (1.0 - c) * (1.0 - s).ln()
            })),
            _ => {
                let all = ESTIMABLE.join(", ");
                Err(Unmeasured::bad_input(name, format!("it cannot be estimated without labels; these can: {all}")))
            }
        }
    }

    /// The rows in falling order of score, as curves go through them.
    fn falling(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.score.len() as u32).collect();
        order.sort_unstable_by(|a, b| self.score[*b as usize].total_cmp(&self.score[*a as usize]).then(a.cmp(b)));
        order
    }

    /// Probabilities in falling order of score, summed over ties: (expected positives, expected negatives).
    fn steps(&self) -> Vec<(f64, f64)> {
        let mut steps: Vec<(f64, f64)> = Vec::new();
        let mut before = f64::NAN;
        for row in self.falling() {
            let (score, c) = (self.score[row as usize], self.probability[row as usize]);
            if score != before {
                steps.push((0.0, 0.0));
                before = score;
            }
            if let Some(step) = steps.last_mut() {
                step.0 += c;
                step.1 += 1.0 - c;
            }
        }
        steps
    }

    fn auc(&self) -> MetricResult<f64> {
        let steps = self.steps();
        let positive: f64 = steps.iter().map(|step| step.0).sum();
        let negative: f64 = steps.iter().map(|step| step.1).sum();
        if positive <= 0.0 || negative <= 0.0 {
            return Err(Unmeasured::undefined("auc", "all rows are certainly of one class"));
        }
        let (mut above, mut area) = (0.0, 0.0);
        for (up, across) in steps {
            area += across * (above + 0.5 * up);
            above += up;
        }
        Ok(area / (positive * negative))
    }

    fn average_precision(&self) -> MetricResult<f64> {
        let steps = self.steps();
        let positive: f64 = steps.iter().map(|step| step.0).sum();
        if positive <= 0.0 {
            return Err(Unmeasured::undefined("average_precision", "no row can be positive"));
        }
        let (mut above, mut all, mut sum) = (0.0, 0.0, 0.0);
        for (up, across) in steps {
            above += up;
            all += up + across;
            sum += up * above / all;
        }
        Ok(sum / positive)
    }

    /// The expected value with the interval within which the realised metric of these rows should fall: draws the
    /// labels `draws` times from their probabilities. It covers the luck of the labels, and a share for the error of
    /// the calibration itself (as many reference rows as it was fitted on); not a change of concept.
    pub fn estimate(&self, name: &str, calibration: &Calibration, level: f64, draws: usize, seed: u64) -> MetricResult {
        let value = self.value(name)?;
        let metric =
            Metric::named(name, Task::Binary).map_err(|error| Unmeasured::bad_input(name, error.to_string()))?;
        // A curve sorts its rows. The scores are the same in every draw: sorted once, each draw finds them in order.
        let order: Vec<u32> = match metric {
            Metric::Auc | Metric::AveragePrecision => self.falling(),
            _ => (0..self.score.len() as u32).collect(),
        };
        let score: Vec<f64> = order.iter().map(|row| self.score[*row as usize]).collect();
        let decision: Vec<bool> = order.iter().map(|row| self.decision[*row as usize]).collect();
        let mut random = Random::seeded(seed);
        let (mut truth, mut placed) = (vec![false; score.len()], vec![false; score.len()]);
        let (mut sum, mut squares, mut drawn) = (0.0, 0.0, 0.0f64);
        for _ in 0..draws.clamp(2, 1000) {
            truth.iter_mut().zip(&self.probability).for_each(|(truth, c)| *truth = random.uniform() < *c);
            placed.iter_mut().zip(&order).for_each(|(placed, row)| *placed = truth[*row as usize]);
            if let Some(got) = realised(metric, &placed, &score, &decision) {
                sum += got;
                squares += got * got;
                drawn += 1.0;
            }
        }
        if drawn < 2.0 {
            return Err(Unmeasured::too_few("rows", self.score.len(), 2 * self.score.len().max(1)));
        }
        let variance = ((squares / drawn - (sum / drawn).powi(2)) * drawn / (drawn - 1.0)).max(0.0);
        let share = 1.0 + self.score.len() as f64 / calibration.reference_rows.max(1) as f64;
        let margin = normal_margin(level) * (variance * share).sqrt();
        let range = if name == "log_loss" { (0.0, f64::INFINITY) } else { (0.0, 1.0) };
        Estimate::around(value, margin, range, level, self.score.len() as u64)
    }
}

/// The metric of rows whose truth was drawn.
fn realised(metric: Metric, truth: &[bool], score: &[f64], decision: &[bool]) -> Option<f64> {
    let rows = BinaryRows::scored(truth, score, 0.5).ok()?.with_decisions(decision).ok()?;
    match metric {
        Metric::Rate(rate) => Confusion::of(&rows).proportion(rate).share(),
        Metric::F { beta: 1.0 } => {
            let jaccard = Confusion::of(&rows).proportion(Rate::Jaccard).share()?;
            Some(2.0 * jaccard / (1.0 + jaccard))
        }
        _ => metric.measure(&Labelled::Binary(rows), 0.95).ok().map(|estimate| estimate.value),
    }
}
