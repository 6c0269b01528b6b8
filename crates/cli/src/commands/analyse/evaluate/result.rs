//! What `kilter evaluate` found, as its document tells it.

use std::path::{Path, PathBuf};

use kilter_domain::rule::RuleOutcome;
use kilter_evaluation::labelled_predictions::{LabelCheck, LabelledPredictions};
use kilter_stats::performance::{
    Better, Binning, CalibrationBin, Confusion, Labelled, Metric, PredictedBin, Rate, Residuals, ScorePoint,
    calibration_bins, class_matrix, class_tables, predicted_bins, residuals, score_points,
};
use serde::Serialize;
use serde_json::Value;

use crate::ui::estimate::EstimateValue;

/// Points of a curve at most.
const CURVE_POINTS: usize = 100;
/// Classes of a confusion matrix that a person still reads.
const MAX_MATRIX: usize = 30;
/// What labels that the model was not trained on are called.
const UNKNOWN_CLASS: &str = "(a class that the model does not know)";
/// Bins of the reliability diagram, and of predicted values.
const BINS: usize = 10;
/// Bins of the histogram of residuals.
const RESIDUAL_BINS: usize = 24;
const LEVEL: f64 = 0.95;

/// What was measured.
#[derive(Serialize)]
pub(super) struct Evaluation {
    pub model: PathBuf,
    pub data: PathBuf,
    pub target: String,
    pub rows: usize,
    /// Rows with a label, which alone are measured.
    pub labelled: usize,
    /// Labels that are no class of the model: they are left out, and beyond a small share nothing is measured.
    pub unknown_labels: usize,
    #[serde(skip)]
    pub labels: Option<Labels>,
    /// The metric that leads the slices.
    pub headline: &'static str,
    pub metrics: Vec<MetricValue>,
    pub slices: Vec<Slice>,
    #[serde(flatten)]
    pub picture: Charts,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against: Option<ModelComparison>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleOutcome>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub html: Option<PathBuf>,
}

/// Labels that are no class of the model, in words.
pub(super) struct Labels {
    pub sentence: String,
    /// Whether they are so many that nothing is measured.
    pub is_beyond: bool,
}

impl Labels {
    /// `None` where every label is a class.
    pub fn of(check: &LabelCheck) -> Option<Self> {
        let sentence = check.note().unwrap_or_else(|| check.sentence());
        (check.unknown > 0).then(|| Self { sentence, is_beyond: check.is_beyond() })
    }
}

/// A metric: a number with its interval, or why there is none.
#[derive(Serialize)]
pub(super) struct MetricValue {
    pub metric: &'static str,
    #[serde(flatten)]
    pub measured: EstimateValue,
}

#[derive(Serialize)]
pub(super) struct Slice {
    pub slice: String,
    pub labelled: usize,
    #[serde(flatten)]
    pub measured: MetricValue,
}

/// What stands behind the metrics, by task. What cannot be computed is empty.
#[derive(Default, Serialize)]
pub(super) struct Charts {
    /// Binary: the table at the threshold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confusion: Option<Counts>,
    /// Binary: from the highest threshold down.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub curve: Vec<ScorePoint>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub calibration: Vec<CalibrationBin>,
    /// Several classes: each against the rest.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<Class>,
    /// Several classes: how often each was taken for which.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matrix: Option<Matrix>,
    /// Regression: what came true by what was predicted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub predicted: Vec<PredictedBin>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub residuals: Option<Residuals>,
}

#[derive(Serialize)]
pub(super) struct Counts {
    pub threshold: f64,
    pub true_positive: u64,
    pub false_positive: u64,
    pub false_negative: u64,
    pub true_negative: u64,
}

/// A confusion matrix: `rows[truth][decision]`, in the order of `classes`.
#[derive(Serialize)]
pub(super) struct Matrix {
    pub classes: Vec<String>,
    pub rows: Vec<Vec<u64>>,
}

#[derive(Serialize)]
pub(super) struct Class {
    pub class: String,
    /// Rows that are of this class in truth, and that were decided to be.
    pub rows: u64,
    pub decided: u64,
    pub precision: EstimateValue,
    pub recall: EstimateValue,
    pub f1: EstimateValue,
}

/// The same rows through another model.
#[derive(Serialize)]
pub(super) struct ModelComparison {
    pub model: PathBuf,
    /// Labelled rows that both answer.
    pub labelled: usize,
    pub metrics: Vec<Difference>,
}

#[derive(Serialize)]
pub(super) struct Difference {
    pub metric: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub here: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub there: Option<f64>,
    /// Here minus there, paired.
    pub difference: EstimateValue,
    pub judged: Comparison,
}

/// Which of two models is better by a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Comparison {
    Better,
    Worse,
    /// The interval holds zero.
    Even,
    /// The metric says nothing of worth, or was not measured.
    Unjudged,
}

impl Evaluation {
    /// The evaluation with each measured metric as a plain number too, which is what a step reports.
    pub fn document(&self) -> Value {
        let mut document = serde_json::to_value(self).unwrap_or_default();
        if let Some(fields) = document.as_object_mut() {
            for found in &self.metrics {
                if let Some(value) = found.measured.value {
                    fields.entry(found.metric).or_insert(value.into());
                }
            }
        }
        document
    }
}

impl MetricValue {
    pub fn of(outcomes: &LabelledPredictions, metric: &'static str) -> Self {
        Self { metric, measured: EstimateValue::of(&outcomes.metric(metric)) }
    }

    pub fn nothing(metric: &'static str, why: String) -> Self {
        Self { metric, measured: EstimateValue::missing(why) }
    }
}

impl Charts {
    pub fn of(outcomes: &LabelledPredictions, classes: &[String], threshold: f64) -> Self {
        if outcomes.is_empty() {
            return Self::default();
        }
        match outcomes.labelled() {
            Ok(Labelled::Binary(rows)) => Self {
                confusion: Some(Counts::of(&Confusion::of(&rows), threshold)),
                curve: score_points(&rows, CURVE_POINTS).unwrap_or_default(),
                calibration: calibration_bins(&rows, BINS, Binning::Width).unwrap_or_default(),
                ..Self::default()
            },
            Ok(Labelled::Multiclass(rows)) => {
                let name = |at: usize| classes.get(at).map_or(UNKNOWN_CLASS, String::as_str);
                let named = |(at, table): (usize, &Confusion)| Class::of(name(at), table);
                let classes: Vec<Class> = class_tables(&rows).iter().enumerate().map(named).collect();
                let names = classes.iter().map(|class| class.class.clone()).collect();
                let is_readable = classes.len() <= MAX_MATRIX;
                let matrix = is_readable.then(|| Matrix { classes: names, rows: class_matrix(&rows) });
                Self { classes, matrix, ..Self::default() }
            }
            Ok(Labelled::Regression(rows)) => Self {
                predicted: predicted_bins(&rows, BINS, LEVEL).unwrap_or_default(),
                residuals: residuals(&rows, RESIDUAL_BINS).ok(),
                ..Self::default()
            },
            _ => Self::default(),
        }
    }
}

impl Counts {
    fn of(table: &Confusion, threshold: f64) -> Self {
        Self {
            threshold,
            true_positive: table.true_positive.rows,
            false_positive: table.false_positive.rows,
            false_negative: table.false_negative.rows,
            true_negative: table.true_negative.rows,
        }
    }
}

impl Class {
    fn of(name: &str, table: &Confusion) -> Self {
        Self {
            class: name.to_owned(),
            rows: table.true_positive.rows + table.false_negative.rows,
            decided: table.true_positive.rows + table.false_positive.rows,
            precision: EstimateValue::of(&table.rate(Rate::Precision, LEVEL)),
            recall: EstimateValue::of(&table.rate(Rate::Recall, LEVEL)),
            f1: EstimateValue::of(&table.f1(LEVEL)),
        }
    }
}

impl ModelComparison {
    /// `ours` and `theirs` stand on the same rows.
    pub fn of(path: &Path, ours: &LabelledPredictions, theirs: &LabelledPredictions) -> Self {
        let one = |entry: &kilter_stats::performance::MetricEntry| {
            let value = |outcomes: &LabelledPredictions| EstimateValue::of(&outcomes.metric(entry.name)).value;
            let (here, there) = (value(ours), value(theirs));
            let difference = match ours.is_empty() {
                true => EstimateValue::missing("no row has a label and both answers"),
                false => EstimateValue::of(&ours.difference(theirs, entry.name)),
            };
            let judged = standing(entry.metric, here, there, &difference);
            Difference { metric: entry.name, here, there, difference, judged }
        };
        let metrics = Metric::catalogue(ours.metric_task()).iter().map(one).collect();
        Self { model: path.to_owned(), labelled: ours.len(), metrics }
    }
}

fn standing(metric: Metric, here: Option<f64>, there: Option<f64>, difference: &EstimateValue) -> Comparison {
    let (Some(_), Some(low), Some(high)) = (difference.value, difference.low, difference.high) else {
        return Comparison::Unjudged;
    };
    if metric.better() == Better::Neither {
        return Comparison::Unjudged;
    }
    if low <= 0.0 && high >= 0.0 {
        return Comparison::Even;
    }
    let is_better = match metric.better() {
        Better::Larger => low > 0.0,
        Better::Smaller => high < 0.0,
        Better::CloserTo(ideal) => {
            let off = |value: Option<f64>| value.map_or(f64::INFINITY, |value| (value - f64::from(ideal)).abs());
            off(here) < off(there)
        }
        Better::Neither => return Comparison::Unjudged,
    };
    if is_better { Comparison::Better } else { Comparison::Worse }
}
