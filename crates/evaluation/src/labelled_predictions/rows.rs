//! Labelled rows of one model, and the metrics of them.

use std::sync::Arc;

use kilter_inference::Task;
use kilter_stats::{
    Estimate, MetricResult, Unmeasured,
    performance::{BinaryRows, Labelled, MulticlassRows, RegressionRows, Task as MetricTask, row_log_loss},
};

use super::unknown::LabelCheck;

/// What a model answered for some rows, in whatever form it was kept.
#[derive(Clone, Copy, Debug)]
pub struct RawPredictions<'a> {
    /// What the model predicts.
    pub task: Task,
    /// The classes in the model's order; empty for regression.
    pub classes: &'a [String],
    /// Binary: probability of `classes[1]`; regression: the value.
    pub scores: &'a [f64],
    /// The predicted class by row; `None` for regression.
    pub labels: Option<&'a [Arc<str>]>,
    /// Row-major `rows x classes`; often not kept.
    pub probabilities: Option<&'a [f32]>,
    /// From which score on a binary answer is positive; `None`: as `labels` say.
    pub threshold: Option<f64>,
}

/// Labelled rows of one model.
#[derive(Clone, Debug)]
pub struct LabelledPredictions {
    /// The rows of the input that stand here, in order.
    pub rows: Vec<usize>,
    pub(super) kind: Kind,
    pub(super) weight: Option<Vec<f64>>,
    /// Rows whose label names none of several classes, in order. They count when models are compared of which one knows it.
    pub(super) unknown: Vec<UnknownRow>,
    /// How the labels of all rows fit the model. A part of the rows keeps it: whether the words fit is asked of the whole.
    pub(super) labels: Arc<LabelCheck>,
}

/// A row of several classes whose label names none of them.
#[derive(Clone, Debug)]
pub(super) struct UnknownRow {
    pub(super) row: usize,
    pub(super) label: Arc<str>,
    pub(super) decision: u32,
    /// By class of the model.
    pub(super) probability: Option<Vec<f64>>,
    pub(super) weight: f64,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Binary {
        truth: Vec<bool>,
        score: Vec<f64>,
        decision: Vec<bool>,
    },
    /// `classes` names what truth and decision number: those of the model, then others that were decided.
    Multiclass {
        classes: Vec<Arc<str>>,
        truth: Vec<u32>,
        decision: Vec<u32>,
        probability: Option<Vec<f64>>,
    },
    Regression {
        truth: Vec<f64>,
        predicted: Vec<f64>,
    },
}

impl LabelledPredictions {
    /// How the labels fit the classes of the model.
    pub fn label_check(&self) -> &LabelCheck {
        &self.labels
    }

    /// Number of labelled rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether no row has a label.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Only the rows (of the input) for which `keep` says yes.
    pub fn filter(&self, keep: impl Fn(usize) -> bool) -> Self {
        let chosen: Vec<usize> = (0..self.rows.len()).filter(|&at| keep(self.rows[at])).collect();
        let unknown = self.unknown.iter().filter(|unknown| keep(unknown.row)).cloned().collect();
        Self { unknown, ..self.at(&chosen) }
    }

    /// The rows that stand at `places`, in that order (a place may come twice).
    pub fn at(&self, places: &[usize]) -> Self {
        fn pick<T: Copy>(values: &[T], places: &[usize]) -> Vec<T> {
            places.iter().map(|&place| values[place]).collect()
        }
        let kind = match &self.kind {
            Kind::Binary { truth, score, decision } => Kind::Binary {
                truth: pick(truth, places),
                score: pick(score, places),
                decision: pick(decision, places),
            },
            Kind::Multiclass { classes, truth, decision, probability } => Kind::Multiclass {
                classes: classes.clone(),
                truth: pick(truth, places),
                decision: pick(decision, places),
                probability: probability.as_ref().map(|values| {
                    let of_row = |&place: &usize| &values[place * classes.len()..(place + 1) * classes.len()];
                    places.iter().flat_map(of_row).copied().collect()
                }),
            },
            Kind::Regression { truth, predicted } => {
                Kind::Regression { truth: pick(truth, places), predicted: pick(predicted, places) }
            }
        };
        let weight = self.weight.as_ref().map(|values| pick(values, places));
        Self { rows: pick(&self.rows, places), kind, weight, unknown: vec![], labels: self.labels.clone() }
    }

    /// The rows as `stats` takes them.
    ///
    /// # Errors
    /// When too many labels name no class of the model.
    pub fn labelled(&self) -> MetricResult<Labelled<'_>> {
        self.labels.tolerable()?;
        Ok(match &self.kind {
            Kind::Binary { truth, score, decision } => {
                let rows = BinaryRows::scored(truth, score, 0.5)?.with_decisions(decision)?;
                Labelled::Binary(match &self.weight {
                    Some(weight) => rows.with_weights(weight)?,
                    None => rows,
                })
            }
            Kind::Multiclass { classes, truth, decision, probability } => {
                let rows = match probability {
                    Some(probability) => {
                        MulticlassRows::scored(truth, classes.len(), probability)?.with_decisions(decision)?
                    }
                    None => MulticlassRows::decided(truth, classes.len(), decision)?,
                };
                Labelled::Multiclass(match &self.weight {
                    Some(weight) => rows.with_weights(weight)?,
                    None => rows,
                })
            }
            Kind::Regression { truth, predicted } => {
                let rows = RegressionRows::new(truth, predicted)?;
                Labelled::Regression(match &self.weight {
                    Some(weight) => rows.with_weights(weight)?,
                    None => rows,
                })
            }
        })
    }

    /// The task in the words of `stats`.
    pub fn metric_task(&self) -> MetricTask {
        match self.kind {
            Kind::Binary { .. } => MetricTask::Binary,
            Kind::Multiclass { .. } => MetricTask::Multiclass,
            Kind::Regression { .. } => MetricTask::Regression,
        }
    }

    /// A metric by its name in rules, with its 95 % interval.
    ///
    /// # Errors
    /// When the metric is unknown, too many labels name no class, or the rows are too few to measure it.
    pub fn metric(&self, name: &str) -> MetricResult<Estimate> {
        self.labels.tolerable()?;
        if self.rows.is_empty() {
            return Err(Unmeasured::too_few("labelled rows", 0, 1));
        }
        kilter_stats::performance::metric(name, &self.labelled()?)
    }

    /// The loss of each row: log loss, 0/1 loss, absolute error. Margins are no probabilities: their loss is 0 or 1.
    pub fn losses(&self) -> Vec<f64> {
        match &self.kind {
            Kind::Binary { truth, score, decision } if score.iter().any(|score| !(0.0..=1.0).contains(score)) => {
                truth.iter().zip(decision).map(|(t, d)| f64::from(u8::from(t != d))).collect()
            }
            Kind::Binary { truth, score, .. } => truth.iter().zip(score).map(|(&t, &p)| row_log_loss(t, p)).collect(),
            Kind::Multiclass { truth, decision, .. } => {
                truth.iter().zip(decision).map(|(t, d)| f64::from(u8::from(t != d))).collect()
            }
            Kind::Regression { truth, predicted } => truth.iter().zip(predicted).map(|(t, p)| (t - p).abs()).collect(),
        }
    }

    /// What the calls cost: binary ones at the prices of a false positive and a false negative where those are stated,
    /// else the number of wrong decisions; for regression the summed absolute error.
    pub fn cost(&self, prices: Option<(f64, f64)>) -> f64 {
        match &self.kind {
            Kind::Binary { truth, decision, .. } => {
                let (false_positive, false_negative) = prices.unwrap_or((1.0, 1.0));
                let of = |(truth, decision): (&bool, &bool)| match (truth, decision) {
                    (false, true) => false_positive,
                    (true, false) => false_negative,
                    _ => 0.0,
                };
                truth.iter().zip(decision).map(of).sum()
            }
            _ => self.losses().iter().sum(),
        }
    }

    /// What [`LabelledPredictions::cost`] counts.
    pub fn cost_unit(&self, prices: Option<(f64, f64)>) -> &'static str {
        match (&self.kind, prices) {
            (Kind::Regression { .. }, _) => "summed absolute error",
            (Kind::Binary { .. }, Some(_)) => "cost of wrong calls, as [threshold] prices them,",
            _ => "wrong calls",
        }
    }

    /// Truth and decision of each row of a binary task, for fairness.
    pub fn decisions(&self) -> Option<(Vec<bool>, Vec<bool>)> {
        match &self.kind {
            Kind::Binary { truth, decision, .. } => Some((truth.clone(), decision.clone())),
            _ => None,
        }
    }

    /// Truth and score of each row of a binary task.
    pub fn scores(&self) -> Option<(&[bool], &[f64])> {
        match &self.kind {
            Kind::Binary { truth, score, .. } => Some((truth, score)),
            _ => None,
        }
    }
}
