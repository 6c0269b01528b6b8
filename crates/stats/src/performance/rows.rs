//! Labelled rows: what is true beside what the model predicted, checked once when they are built.
//!
//! Invariants: columns of one value have the same length, numbers are finite, weights are positive somewhere, classes
//! lie inside their count. Borrowed slices only; nothing is copied. Out of scope: names of columns and time.

use std::borrow::Cow;

use crate::outcome::{MetricResult, Unmeasured, all_finite, same_length};

/// Rows of one kind of task.
#[derive(Debug, Clone, Copy)]
pub enum Labelled<'a> {
    /// Two classes.
    Binary(BinaryRows<'a>),
    /// Three or more classes (two are allowed).
    Multiclass(MulticlassRows<'a>),
    /// A number.
    Regression(RegressionRows<'a>),
    /// An order within each query.
    Ranking(RankingRows<'a>),
}

impl Labelled<'_> {
    /// Rows handed in.
    pub fn rows(&self) -> usize {
        match self {
            Labelled::Binary(rows) => rows.truth.len(),
            Labelled::Multiclass(rows) => rows.truth.len(),
            Labelled::Regression(rows) => rows.truth.len(),
            Labelled::Ranking(rows) => rows.gain.len(),
        }
    }
}

/// How a score becomes a decision.
#[derive(Debug, Clone, Copy)]
pub enum Decided<'a> {
    /// Positive when the score is at least this.
    AtLeast(f64),
    /// The decisions themselves, as logged.
    Given(&'a [bool]),
}

/// Rows of a binary classifier.
#[derive(Debug, Clone, Copy)]
pub struct BinaryRows<'a> {
    pub(crate) truth: &'a [bool],
    pub(crate) score: Option<&'a [f64]>,
    pub(crate) decided: Decided<'a>,
    pub(crate) weight: Option<&'a [f64]>,
}

impl<'a> BinaryRows<'a> {
    /// Scores (any finite number; probabilities where a metric asks for them), decided at `threshold`.
    pub fn scored(truth: &'a [bool], score: &'a [f64], threshold: f64) -> MetricResult<Self> {
        same_length("binary rows", &[truth.len(), score.len()])?;
        all_finite("score", score)?;
        Ok(BinaryRows { truth, score: Some(score), decided: Decided::AtLeast(threshold), weight: None })
    }

    /// Decisions without scores.
    pub fn decided(truth: &'a [bool], decision: &'a [bool]) -> MetricResult<Self> {
        same_length("binary rows", &[truth.len(), decision.len()])?;
        Ok(BinaryRows { truth, score: None, decided: Decided::Given(decision), weight: None })
    }

    /// The same rows, with logged decisions in place of a threshold.
    pub fn with_decisions(self, decision: &'a [bool]) -> MetricResult<Self> {
        same_length("binary rows", &[self.truth.len(), decision.len()])?;
        Ok(BinaryRows { decided: Decided::Given(decision), ..self })
    }

    /// The same rows, each counting as much as its weight (not negative, some positive).
    pub fn with_weights(self, weight: &'a [f64]) -> MetricResult<Self> {
        check_weights(self.truth.len(), weight)?;
        Ok(BinaryRows { weight: Some(weight), ..self })
    }

    pub(crate) fn decision(&self, row: usize) -> bool {
        match (self.decided, self.score) {
            (Decided::Given(decision), _) => decision[row],
            (Decided::AtLeast(threshold), Some(score)) => score[row] >= threshold,
            (Decided::AtLeast(_), None) => false,
        }
    }

    pub(crate) fn weight(&self, row: usize) -> f64 {
        self.weight.map_or(1.0, |weight| weight[row])
    }

    pub(crate) fn scores(&self, what: &str) -> MetricResult<&'a [f64]> {
        self.score.ok_or_else(|| Unmeasured::bad_input(what, "it needs scores, and only decisions were given"))
    }

    pub(crate) fn probabilities(&self, what: &str) -> MetricResult<Cow<'a, [f64]>> {
        let score = self.scores(what)?;
        as_probabilities(score).map_err(|row| {
            let why = "it needs probabilities, and row";
            Unmeasured::bad_input(what, format!("{why} {row} has the score {}; calibrate the scores first", score[row]))
        })
    }
}

/// By how much a probability may miss the range from 0 to 1: sums in float32 (a softmax, a forest) round this far.
const ROUNDING: f64 = 1e-6;

/// Scores as probabilities: what lies outside of `[0, 1]` by no more than rounding is put to its end. Else the first row
/// that is none.
pub(crate) fn as_probabilities(score: &[f64]) -> Result<Cow<'_, [f64]>, usize> {
    if score.iter().all(|p| (0.0..=1.0).contains(p)) {
        return Ok(Cow::Borrowed(score));
    }
    match score.iter().position(|p| !(-ROUNDING..=1.0 + ROUNDING).contains(p)) {
        None => Ok(score.iter().map(|p| p.clamp(0.0, 1.0)).collect()),
        Some(row) => Err(row),
    }
}

/// Rows of a classifier with `classes` classes, numbered from 0.
#[derive(Debug, Clone, Copy)]
pub struct MulticlassRows<'a> {
    pub(crate) truth: &'a [u32],
    pub(crate) classes: usize,
    pub(crate) decision: Option<&'a [u32]>,
    pub(crate) probability: Option<&'a [f64]>,
    pub(crate) weight: Option<&'a [f64]>,
}

impl<'a> MulticlassRows<'a> {
    /// Probabilities, row by row (`rows x classes`); the decision is the most probable class.
    pub fn scored(truth: &'a [u32], classes: usize, probability: &'a [f64]) -> MetricResult<Self> {
        same_length("multiclass probabilities", &[truth.len() * classes, probability.len()])?;
        all_finite("probability", probability)?;
        check_classes("truth", truth, classes)?;
        Ok(MulticlassRows { truth, classes, decision: None, probability: Some(probability), weight: None })
    }

    /// Decisions without probabilities.
    pub fn decided(truth: &'a [u32], classes: usize, decision: &'a [u32]) -> MetricResult<Self> {
        same_length("multiclass rows", &[truth.len(), decision.len()])?;
        check_classes("truth", truth, classes)?;
        check_classes("decision", decision, classes)?;
        Ok(MulticlassRows { truth, classes, decision: Some(decision), probability: None, weight: None })
    }

    /// The same rows, with logged decisions in place of the most probable class.
    pub fn with_decisions(self, decision: &'a [u32]) -> MetricResult<Self> {
        same_length("multiclass rows", &[self.truth.len(), decision.len()])?;
        check_classes("decision", decision, self.classes)?;
        Ok(MulticlassRows { decision: Some(decision), ..self })
    }

    /// The same rows, each counting as much as its weight (not negative, some positive).
    pub fn with_weights(self, weight: &'a [f64]) -> MetricResult<Self> {
        check_weights(self.truth.len(), weight)?;
        Ok(MulticlassRows { weight: Some(weight), ..self })
    }

    pub(crate) fn weight(&self, row: usize) -> f64 {
        self.weight.map_or(1.0, |weight| weight[row])
    }

    pub(crate) fn decision(&self, row: usize) -> usize {
        match (self.decision, self.probability) {
            (Some(decision), _) => decision[row] as usize,
            (None, Some(probability)) => most_probable(&probability[row * self.classes..(row + 1) * self.classes]),
            (None, None) => 0,
        }
    }

    pub(crate) fn probabilities(&self, what: &str) -> MetricResult<&'a [f64]> {
        self.probability
            .ok_or_else(|| Unmeasured::bad_input(what, "it needs probabilities, and only decisions were given"))
    }
}

fn most_probable(probability: &[f64]) -> usize {
    let mut best = 0;
    for (class, p) in probability.iter().enumerate() {
        if *p > probability[best] {
            best = class;
        }
    }
    best
}

/// Rows of a regression.
#[derive(Debug, Clone, Copy)]
pub struct RegressionRows<'a> {
    pub(crate) truth: &'a [f64],
    pub(crate) predicted: &'a [f64],
    pub(crate) weight: Option<&'a [f64]>,
}

impl<'a> RegressionRows<'a> {
    /// What came true beside what was predicted.
    pub fn new(truth: &'a [f64], predicted: &'a [f64]) -> MetricResult<Self> {
        same_length("regression rows", &[truth.len(), predicted.len()])?;
        all_finite("truth", truth)?;
        all_finite("prediction", predicted)?;
        Ok(RegressionRows { truth, predicted, weight: None })
    }

    /// The same rows, each counting as much as its weight (not negative, some positive).
    pub fn with_weights(self, weight: &'a [f64]) -> MetricResult<Self> {
        check_weights(self.truth.len(), weight)?;
        Ok(RegressionRows { weight: Some(weight), ..self })
    }

    pub(crate) fn weight(&self, row: usize) -> f64 {
        self.weight.map_or(1.0, |weight| weight[row])
    }
}

/// Items with a gain (0 = irrelevant) and a score, each belonging to a query; a query is the unit that counts.
#[derive(Debug, Clone, Copy)]
pub struct RankingRows<'a> {
    pub(crate) query: &'a [u32],
    pub(crate) gain: &'a [f64],
    pub(crate) score: &'a [f64],
}

impl<'a> RankingRows<'a> {
    /// One row an item. Rows of a query need not be neighbours. Gains are not negative.
    pub fn new(query: &'a [u32], gain: &'a [f64], score: &'a [f64]) -> MetricResult<Self> {
        same_length("ranking rows", &[query.len(), gain.len(), score.len()])?;
        all_finite("gain", gain)?;
        all_finite("score", score)?;
        if gain.iter().any(|gain| *gain < 0.0) {
            return Err(Unmeasured::bad_input("gain", "gains must not be negative"));
        }
        Ok(RankingRows { query, gain, score })
    }
}

fn check_classes(what: &str, class: &[u32], classes: usize) -> MetricResult<()> {
    match class.iter().position(|class| *class as usize >= classes) {
        None => Ok(()),
        Some(row) => Err(Unmeasured::bad_input(
            what,
            format!("row {row} has class {}, but there are only {classes} classes (from 0)", class[row]),
        )),
    }
}

fn check_weights(rows: usize, weight: &[f64]) -> MetricResult<()> {
    same_length("weights", &[rows, weight.len()])?;
    all_finite("weight", weight)?;
    if weight.iter().any(|weight| *weight < 0.0) {
        return Err(Unmeasured::bad_input("weights", "a weight is negative"));
    }
    if !weight.is_empty() && weight.iter().all(|weight| *weight == 0.0) {
        return Err(Unmeasured::bad_input("weights", "every weight is zero"));
    }
    Ok(())
}
