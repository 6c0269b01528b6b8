//! The two-by-two table of decisions and everything that is a function of it.
//!
//! scikit-learn's definitions, except that a share without a denominator is undefined here, never zero.

use super::influence::{ErrorScale, Influence};
use super::rows::BinaryRows;
use crate::distributions::normal_margin;
use crate::interval::{Proportion, midpoint};
use crate::outcome::{Estimate, MetricResult, Unmeasured};

/// The mass in one cell of a table.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct Cell {
    /// Sum of weights.
    pub weight: f64,
    /// Sum of squared weights.
    pub squares: f64,
    /// Rows.
    pub rows: u64,
}

impl Cell {
    /// Adds one row.
    pub fn add(&mut self, weight: f64) {
        self.weight += weight;
        self.squares += weight * weight;
        self.rows += 1;
    }

    /// Adds another cell.
    pub fn merge(&mut self, other: &Cell) {
        self.weight += other.weight;
        self.squares += other.squares;
        self.rows += other.rows;
    }
}

/// Decisions against truth; mergeable by addition.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct Confusion {
    /// Decided positive, and true.
    pub true_positive: Cell,
    /// Decided positive, and false.
    pub false_positive: Cell,
    /// Decided negative, and positive in truth.
    pub false_negative: Cell,
    /// Decided negative, and negative in truth.
    pub true_negative: Cell,
}

impl Confusion {
    /// Counts rows.
    pub fn of(rows: &BinaryRows) -> Self {
        let mut table = Confusion::default();
        for row in 0..rows.truth.len() {
            table.add(rows.truth[row], rows.decision(row), rows.weight(row));
        }
        table
    }

    /// Adds one row.
    pub fn add(&mut self, truth: bool, decision: bool, weight: f64) {
        self.cell_mut(truth, decision).add(weight);
    }

    /// Moves one row's weight from decided negative to decided positive.
    pub(crate) fn decide(&mut self, truth: bool, weight: f64) {
        let from = self.cell_mut(truth, false);
        from.weight -= weight;
        from.squares -= weight * weight;
        from.rows -= 1;
        self.add(truth, true, weight);
    }

    /// Adds whole rows: true positives, false positives, false negatives, true negatives.
    pub fn add_counts(&mut self, tp: u64, fp: u64, fn_: u64, tn: u64) {
        let cells =
            [&mut self.true_positive, &mut self.false_positive, &mut self.false_negative, &mut self.true_negative];
        for (cell, rows) in cells.into_iter().zip([tp, fp, fn_, tn]) {
            cell.merge(&Cell { weight: rows as f64, squares: rows as f64, rows });
        }
    }

    /// Adds the counts of another table.
    pub fn merge(&mut self, other: &Confusion) {
        self.true_positive.merge(&other.true_positive);
        self.false_positive.merge(&other.false_positive);
        self.false_negative.merge(&other.false_negative);
        self.true_negative.merge(&other.true_negative);
    }

    fn cell_mut(&mut self, truth: bool, decision: bool) -> &mut Cell {
        match (truth, decision) {
            (true, true) => &mut self.true_positive,
            (false, true) => &mut self.false_positive,
            (true, false) => &mut self.false_negative,
            (false, false) => &mut self.true_negative,
        }
    }

    /// Rows in the table.
    pub fn rows(&self) -> u64 {
        self.cells().iter().map(|cell| cell.rows).sum()
    }

    /// Cells in the order true positive, false positive, false negative, true negative.
    fn cells(&self) -> [Cell; 4] {
        [self.true_positive, self.false_positive, self.false_negative, self.true_negative]
    }

    fn share(&self, hits: &[Cell], misses: &[Cell]) -> Proportion {
        let mut share = Proportion::default();
        for (cells, hit) in [(hits, 1.0), (misses, 0.0)] {
            for cell in cells {
                share.hits += hit * cell.weight;
                share.total += cell.weight;
                share.squares += cell.squares;
                share.rows += cell.rows;
            }
        }
        share
    }

    /// The proportion behind a rate; `None` for metrics that are no proportion of rows.
    pub fn proportion(&self, rate: Rate) -> Proportion {
        let [tp, fp, fn_, tn] = self.cells();
        match rate {
            Rate::Accuracy => self.share(&[tp, tn], &[fp, fn_]),
            Rate::Precision => self.share(&[tp], &[fp]),
            Rate::NegativePredictiveValue => self.share(&[tn], &[fn_]),
            Rate::Recall => self.share(&[tp], &[fn_]),
            Rate::Specificity => self.share(&[tn], &[fp]),
            Rate::FalsePositiveRate => self.share(&[fp], &[tn]),
            Rate::FalseNegativeRate => self.share(&[fn_], &[tp]),
            Rate::SelectionRate => self.share(&[tp, fp], &[fn_, tn]),
            Rate::BaseRate => self.share(&[tp, fn_], &[fp, tn]),
            Rate::Jaccard => self.share(&[tp], &[fp, fn_]),
        }
    }

    /// A rate with its Wilson interval.
    pub fn rate(&self, rate: Rate, level: f64) -> MetricResult {
        self.proportion(rate).wilson(rate.name(), level)
    }

    /// F1. It is an increasing function of TP / (TP + FP + FN), which is a proportion, so Wilson's interval maps over.
    pub fn f1(&self, level: f64) -> MetricResult {
        self.proportion(Rate::Jaccard).wilson("f1", level)?.map_increasing(|j| 2.0 * j / (1.0 + j))
    }

    /// (recall + specificity) / 2.
    pub fn balanced_accuracy(&self, level: f64) -> MetricResult {
        midpoint(&self.rate(Rate::Recall, level)?, &self.rate(Rate::Specificity, level)?)
    }

    /// A smooth function of the four shares: the interval comes from the table with half a row added to each cell.
    pub(crate) fn smooth(&self, function: TableFunction, level: f64) -> MetricResult {
        let weights = self.cells().map(|cell| cell.weight);
        let squares: f64 = self.cells().iter().map(|cell| cell.squares).sum();
        let total: f64 = weights.iter().sum();
        let value = function.value(weights)?;
        let effective = total * total / squares;
        let softened = weights.map(|weight| weight + 0.5 * total / effective);
        let (centre, gradient) = (function.value(softened)?, function.gradient(softened));
        let mass: f64 = softened.iter().sum();
        let mean: f64 = (0..4).map(|cell| softened[cell] * gradient[cell]).sum::<f64>() / mass;
        let spread: f64 = (0..4).map(|cell| softened[cell] * (gradient[cell] - mean).powi(2)).sum::<f64>() / mass;
        let error = mass * (spread / effective).sqrt();
        let margin = normal_margin(level) * error;
        let (low, high) = match function {
            TableFunction::F(_) => on_scale(
                centre,
                margin,
                |x| (x / (1.0 - x)).ln(),
                |u| 1.0 / (1.0 + (-u).exp()),
                centre * (1.0 - centre),
            ),
            _ => on_scale(centre, margin, f64::atanh, f64::tanh, 1.0 - centre * centre),
        };
        Estimate::new(value, low, high, level, self.rows())
    }
}

fn on_scale(centre: f64, margin: f64, to: fn(f64) -> f64, back: fn(f64) -> f64, slope: f64) -> (f64, f64) {
    (back(to(centre) - margin / slope), back(to(centre) + margin / slope))
}

/// A share of rows that a two-by-two table gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rate {
    /// Right decisions.
    Accuracy,
    /// True among decided positive.
    Precision,
    /// Negative in truth among decided negative.
    NegativePredictiveValue,
    /// Decided positive among true (true positive rate, sensitivity).
    Recall,
    /// Decided negative among negative in truth (true negative rate).
    Specificity,
    /// Decided positive among negative in truth.
    FalsePositiveRate,
    /// Decided negative among true.
    FalseNegativeRate,
    /// Decided positive (selection rate, positive rate).
    SelectionRate,
    /// True (prevalence).
    BaseRate,
    /// TP / (TP + FP + FN).
    Jaccard,
}

impl Rate {
    /// All rates.
    pub const ALL: [Rate; 10] = [
        Rate::Accuracy,
        Rate::Precision,
        Rate::NegativePredictiveValue,
        Rate::Recall,
        Rate::Specificity,
        Rate::FalsePositiveRate,
        Rate::FalseNegativeRate,
        Rate::SelectionRate,
        Rate::BaseRate,
        Rate::Jaccard,
    ];

    /// The name by which people ask for it.
    pub fn name(self) -> &'static str {
        match self {
            Rate::Accuracy => "accuracy",
            Rate::Precision => "precision",
            Rate::NegativePredictiveValue => "npv",
            Rate::Recall => "recall",
            Rate::Specificity => "specificity",
            Rate::FalsePositiveRate => "fpr",
            Rate::FalseNegativeRate => "fnr",
            Rate::SelectionRate => "selection_rate",
            Rate::BaseRate => "base_rate",
            Rate::Jaccard => "jaccard",
        }
    }

    /// Of the four cells, which count as hits and which as misses: +1 hit, 0 miss, `None` outside.
    fn role(self, truth: bool, decision: bool) -> Option<f64> {
        let yes = |hit: bool| Some(if hit { 1.0 } else { 0.0 });
        match self {
            Rate::Accuracy => yes(truth == decision),
            Rate::Precision => decision.then_some(if truth { 1.0 } else { 0.0 }),
            Rate::NegativePredictiveValue => (!decision).then_some(if truth { 0.0 } else { 1.0 }),
            Rate::Recall => truth.then_some(if decision { 1.0 } else { 0.0 }),
            Rate::Specificity => (!truth).then_some(if decision { 0.0 } else { 1.0 }),
            Rate::FalsePositiveRate => (!truth).then_some(if decision { 1.0 } else { 0.0 }),
            Rate::FalseNegativeRate => truth.then_some(if decision { 0.0 } else { 1.0 }),
            Rate::SelectionRate => yes(decision),
            Rate::BaseRate => yes(truth),
            Rate::Jaccard => (truth || decision).then_some(if truth && decision { 1.0 } else { 0.0 }),
        }
    }
}

/// A smooth function of the table that is no share of rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum TableFunction {
    /// F-beta.
    F(f64),
    /// (recall + specificity) / 2.
    BalancedAccuracy,
    /// Matthews' correlation.
    Mcc,
    /// Cohen's kappa.
    Kappa,
}

impl TableFunction {
    fn value(self, [tp, fp, fn_, tn]: [f64; 4]) -> MetricResult<f64> {
        let undefined = |what: &str, why: &str| Err(Unmeasured::undefined(what, why));
        match self {
            TableFunction::F(beta) => {
                let denominator = (1.0 + beta * beta) * tp + beta * beta * fn_ + fp;
                if denominator <= 0.0 {
                    return undefined("f-beta", "nothing is positive, neither in truth nor by decision");
                }
                Ok((1.0 + beta * beta) * tp / denominator)
            }
            TableFunction::BalancedAccuracy => {
                if tp + fn_ <= 0.0 || tn + fp <= 0.0 {
                    return undefined("balanced_accuracy", "all rows are of one class");
                }
                Ok(0.5 * (tp / (tp + fn_) + tn / (tn + fp)))
            }
            TableFunction::Mcc => {
                let product = (tp + fp) * (tp + fn_) * (tn + fp) * (tn + fn_);
                if product <= 0.0 {
                    return undefined("mcc", "all rows, or all decisions, are of one class");
                }
                Ok((tp * tn - fp * fn_) / product.sqrt())
            }
            TableFunction::Kappa => {
                let total = tp + fp + fn_ + tn;
                let chance = ((tp + fp) * (tp + fn_) + (tn + fn_) * (tn + fp)) / (total * total);
                if total <= 0.0 || chance >= 1.0 {
                    return undefined("kappa", "all rows and all decisions are of one class");
                }
                Ok(((tp + tn) / total - chance) / (1.0 - chance))
            }
        }
    }

    /// Numeric gradient by central differences; every function here is smooth and scale-free.
    fn gradient(self, cells: [f64; 4]) -> [f64; 4] {
        let total: f64 = cells.iter().sum();
        let step = 1e-6 * total;
        std::array::from_fn(|cell| {
            let moved = |by: f64| {
                let mut cells = cells;
                cells[cell] += by;
                self.value(cells)
            };
            match (moved(step), moved(-step)) {
                (Ok(up), Ok(down)) => (up - down) / (2.0 * step),
                _ => 0.0,
            }
        })
    }

    /// Influence of each row.
    pub(crate) fn influence(self, rows: &BinaryRows) -> MetricResult<Influence> {
        let table = Confusion::of(rows).cells().map(|cell| cell.weight);
        let value = self.value(table)?;
        // Cells that are empty have no row to move the number, so a softened point is not needed here.
        let gradient = self.gradient(table.map(|weight| weight.max(1e-9)));
        let total: f64 = table.iter().sum();
        let mean: f64 = (0..4).map(|cell| table[cell] * gradient[cell]).sum::<f64>() / total;
        let influence = (0..rows.truth.len())
            .map(|row| {
                let cell = match (rows.truth[row], rows.decision(row)) {
                    (true, true) => 0,
                    (false, true) => 1,
                    (true, false) => 2,
                    (false, false) => 3,
                };
                rows.weight(row) * (gradient[cell] - mean)
            })
            .collect();
        let shape = if matches!(self, TableFunction::Mcc | TableFunction::Kappa) {
            ErrorScale::Signed
        } else {
            ErrorScale::Unit
        };
        Ok(Influence::corrected(value, influence, shape, rows.truth.len()))
    }
}

/// Influence of each row on a rate: rows outside its denominator have none.
pub(crate) fn rate_influence(rate: Rate, rows: &BinaryRows) -> MetricResult<Influence> {
    let share = Confusion::of(rows).proportion(rate);
    let Some(value) = share.share() else {
        return Err(Unmeasured::undefined(rate.name(), "no row counts towards its denominator"));
    };
    let influence = (0..rows.truth.len())
        .map(|row| match rate.role(rows.truth[row], rows.decision(row)) {
            Some(hit) => rows.weight(row) * (hit - value) / share.total,
            None => 0.0,
        })
        .collect();
    Ok(Influence::corrected(value, influence, ErrorScale::Unit, share.rows as usize))
}
