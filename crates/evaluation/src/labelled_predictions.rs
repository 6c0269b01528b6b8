//! What a model said beside what turned out to be true: the owned form of the rows that `stats` measures.
//!
//! Invariants: gates, monitors, rollouts and replays measure performance through this one type, so a metric means the
//! same everywhere. Rows without a label, or without a usable answer, are left out and counted; so are rows whose label
//! names no class of the model, and with too many of them nothing is measured.

mod classes;
mod join;
mod unknown;

use std::sync::Arc;

use kilter_domain::table::Column;
use kilter_inference::Task;
use kilter_stats::{
    Estimate, MetricResult, Unmeasured,
    performance::{BinaryRows, LEVEL, Labelled, Metric, MulticlassRows, RegressionRows, Task as MetricTask},
};

pub use classes::{ClassMatcher, class_name, distinct_classes, label_number, label_text};
pub use join::usable_weight;
pub use unknown::quoted;
pub use unknown::{LabelCheck, MAX_UNKNOWN_SHARE};

/// What a model answered for some rows, in whatever form it was kept.
#[derive(Clone, Copy, Debug)]
pub struct RawPredictions<'a> {
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
    kind: Kind,
    weight: Option<Vec<f64>>,
    /// Rows whose label names none of several classes, in order. They count when models are compared of which one knows it.
    unknown: Vec<UnknownRow>,
    /// How the labels of all rows fit the model. A part of the rows keeps it: whether the words fit is asked of the whole.
    labels: Arc<LabelCheck>,
}

/// A row of several classes whose label names none of them.
#[derive(Clone, Debug)]
struct UnknownRow {
    row: usize,
    label: Arc<str>,
    decision: u32,
    /// By class of the model.
    probability: Option<Vec<f64>>,
    weight: f64,
}

#[derive(Clone, Debug)]
enum Kind {
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
    /// Joins answers with the truth of the same rows.
    pub fn new(answers: RawPredictions, truth: &Column, weight: Option<&Column>) -> Self {
        match answers.task {
            Task::Binary => join::binary(answers, truth, weight),
            Task::Multiclass => join::multiclass(answers, truth, weight),
            Task::Regression => join::regression(answers, truth, weight),
        }
    }

    /// How the labels fit the classes of the model.
    pub fn label_check(&self) -> &LabelCheck {
        &self.labels
    }

    /// Number of labelled rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

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
    pub fn metric(&self, name: &str) -> MetricResult<Estimate> {
        self.labels.tolerable()?;
        if self.rows.is_empty() {
            return Err(Unmeasured::too_few("labelled rows", 0, 1));
        }
        kilter_stats::performance::metric(name, &self.labelled()?)
    }

    /// The paired difference `self - other` of a metric. Both must stand on the same rows; models of different classes
    /// are compared over all of them.
    pub fn difference(&self, other: &Self, name: &str) -> MetricResult<Estimate> {
        self.difference_at(other, name, LEVEL)
    }

    /// As [`LabelledPredictions::difference`], with an interval of another confidence.
    pub fn difference_at(&self, other: &Self, name: &str, level: f64) -> MetricResult<Estimate> {
        let metric = Metric::named(name, self.metric_task());
        let metric = metric.map_err(|error| Unmeasured::bad_input(name, error.to_string()))?;
        let (one, other) = self.on_common_rows(other);
        metric.difference(&one.labelled()?, &other.labelled()?, level, 0)
    }

    /// The loss of each row: log loss, 0/1 loss, absolute error. Margins are no probabilities: their loss is 0 or 1.
    pub fn losses(&self) -> Vec<f64> {
        match &self.kind {
            Kind::Binary { truth, score, decision } if score.iter().any(|score| !(0.0..=1.0).contains(score)) => {
                truth.iter().zip(decision).map(|(t, d)| f64::from(u8::from(t != d))).collect()
            }
            Kind::Binary { truth, score, .. } => truth.iter().zip(score).map(|(&t, &p)| log_loss(t, p)).collect(),
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

/// The metric that leads where nobody named one.
pub fn headline(task: Task) -> &'static str {
    match task {
        Task::Binary => "auc",
        Task::Multiclass => "accuracy",
        Task::Regression => "mae",
    }
}

/// Whether larger values of the metric are better; metrics that are neither count as better when larger.
pub fn larger_is_better(name: &str, task: MetricTask) -> bool {
    Metric::named(name, task).ok().and_then(Metric::larger_is_better).unwrap_or(true)
}

fn log_loss(truth: bool, probability: f64) -> f64 {
    let p = probability.clamp(1e-15, 1.0 - 1e-15);
    if truth { -p.ln() } else { -(1.0 - p).ln() }
}

impl LabelledPredictions {
    /// The answers of a model of two classes that decides at one half.
    pub fn of_binary(classes: &[&str], scores: &[f64], truth: &Column) -> Self {
        let classes: Vec<String> = classes.iter().map(|class| (*class).to_owned()).collect();
        let (task, threshold) = (Task::Binary, Some(0.5));
        Self::new(
            RawPredictions { task, classes: &classes, scores, labels: None, probabilities: None, threshold },
            truth,
            None,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_without_a_label_are_left_out() {
        let truth = Column::Int(vec![Some(1), None, Some(0), Some(0)]);
        let outcomes = LabelledPredictions::of_binary(&["0", "1"], &[0.9, 0.2, 0.7, 0.1], &truth);
        assert_eq!(outcomes.rows, vec![0, 2, 3]);
        assert_eq!(outcomes.cost(None), 1.0);
        assert_eq!(outcomes.filter(|row| row != 2).cost(None), 0.0);
    }

    #[test]
    fn a_class_that_the_model_cannot_know_is_a_miss_not_a_crash() {
        let classes = ["a".to_owned(), "b".to_owned(), "c".to_owned()];
        let labels: Vec<Arc<str>> = vec!["a".into(), "b".into()];
        let answers = RawPredictions {
            task: Task::Multiclass,
            classes: &classes,
            scores: &[0.5, 0.5],
            labels: Some(&labels),
            probabilities: Some(&[0.5, 0.3, 0.2, 0.2, 0.5, 0.3]),
            threshold: Some(0.5),
        };
        let truth = Column::Text(vec![Some("a".into()), Some("macOS".into())]);
        let outcomes = LabelledPredictions::new(answers, &truth, None);
        let why = outcomes.metric("accuracy").unwrap_err().to_string();
        assert_eq!(why, "1 of 2 labels is not a class of the model (`a`, `b`, `c`): `macOS` (1)");
        let beside_another = outcomes.knowing(&["macOS".to_owned()]);
        assert_eq!(beside_another.metric("accuracy").unwrap().value, 0.5);
        assert!(beside_another.metric("log_loss").unwrap().value > 10.0);
    }

    fn classified(
        classes: &[&str],
        labels: &[&str],
        probabilities: Option<&[f32]>,
        truth: &[&str],
    ) -> LabelledPredictions {
        let classes: Vec<String> = classes.iter().map(|class| (*class).to_owned()).collect();
        let labels: Vec<Arc<str>> = labels.iter().map(|label| Arc::from(*label)).collect();
        let scores = vec![0.5; labels.len()];
        let answers = RawPredictions {
            task: Task::Multiclass,
            classes: &classes,
            scores: &scores,
            labels: Some(&labels),
            probabilities,
            threshold: None,
        };
        LabelledPredictions::new(
            answers,
            &Column::Text(truth.iter().map(|class| Some(Arc::from(*class))).collect()),
            None,
        )
    }

    /// A model of two classes that always says the first, on these labels.
    fn two_classes(classes: &[&str], truth: Column) -> LabelledPredictions {
        let scores: Vec<f64> = (0..truth.len()).map(|row| 0.1 + 0.001 * row as f64).collect();
        LabelledPredictions::of_binary(classes, &scores, &truth)
    }

    fn texts<'t>(texts: impl IntoIterator<Item = &'t str>) -> Column {
        Column::Text(texts.into_iter().map(|text| Some(Arc::from(text))).collect())
    }

    #[test]
    fn labels_in_other_words_than_the_classes_measure_nothing() {
        let outcomes = two_classes(&["0", "1"], texts((0..80).map(|row| if row % 4 == 0 { "yes" } else { "no" })));
        assert!(outcomes.is_empty() && outcomes.losses().is_empty());
        for metric in ["accuracy", "npv", "auc", "log_loss", "selection_rate"] {
            let why = outcomes.metric(metric).unwrap_err().to_string();
            assert!(
                why.starts_with("not one of the 80 labels is a class of the model (`0`, `1`); they read `no` (60)"),
                "{why}"
            );
        }
        assert!(outcomes.difference(&outcomes, "accuracy").is_err());
    }

    #[test]
    fn few_labels_of_no_class_are_left_out_and_many_measure_nothing() {
        let with = |unknown: usize| {
            let label = move |row: usize| if row < unknown { "maybe" } else { ["0", "1"][row % 4 / 3] };
            two_classes(&["0", "1"], texts((0..100).map(label)))
        };
        assert_eq!(with(0).metric("accuracy").unwrap().value, 0.75);
        let five = with(5);
        assert_eq!((five.len(), five.metric("accuracy").unwrap().value), (95, 71.0 / 95.0));
        assert!(five.label_check().note().unwrap().contains("`maybe` (5)"));
        assert!(with(6).metric("accuracy").is_err());
        assert!(
            with(6).filter(|row| row > 50).metric("accuracy").is_err(),
            "what is asked of the whole holds for a part"
        );
        assert!(five.filter(|row| row < 10).metric("accuracy").is_ok());
    }

    #[test]
    fn spellings_of_one_class_measure_the_same_in_every_task() {
        let row = |row: usize| row % 4 / 3;
        let numbers = Column::Int((0..40).map(|at| Some(row(at) as i64)).collect());
        let truths = [
            numbers,
            Column::Float((0..40).map(|at| row(at) as f64).collect()),
            Column::Bool((0..40).map(|at| Some(row(at) == 1)).collect()),
            texts((0..40).map(|at| ["0.0", "1.0"][row(at)])),
            texts((0..40).map(|at| [" 0 ", " 1 "][row(at)])),
            texts((0..40).map(|at| ["False", "True"][row(at)])),
        ];
        for classes in [["0", "1"], ["false", "true"], ["0.0", "1.0"]] {
            for truth in &truths {
                let outcomes = two_classes(&classes, truth.clone());
                assert_eq!(outcomes.metric("accuracy").unwrap().value, 0.75, "{classes:?} {truth:?}");
                assert_eq!(outcomes.label_check().unknown, 0);
            }
        }
        let several = classified(&["1", "2", "3"], &["1", "2", "3", "3"], None, &["1.0", " 2", "3", "1"]);
        assert_eq!(several.metric("accuracy").unwrap().value, 0.75);
    }

    #[test]
    fn texts_that_state_numbers_measure_a_regression_and_other_words_do_not() {
        let regression = |truth: Column| {
            let answers = RawPredictions {
                task: Task::Regression,
                classes: &[],
                scores: &[1.0, 2.0, 3.0],
                labels: None,
                probabilities: None,
                threshold: None,
            };
            LabelledPredictions::new(answers, &truth, None).metric("mae")
        };
        assert_eq!(regression(texts(["1.5", " 2.5 ", "3.5"])).unwrap().value, 0.5);
        let why = regression(texts(["low", "low", "3.5"])).unwrap_err().to_string();
        assert_eq!(why, "2 of 3 labels are not a number: `low` (2)");
    }

    #[test]
    fn models_that_know_different_classes_are_compared_over_all_of_them() {
        let truth = ["a", "b", "new", "new", "a", "b"];
        let old = classified(&["a", "b"], &["a", "b", "a", "b", "b", "b"], None, &truth);
        let new = classified(&["b", "new", "a"], &["a", "b", "new", "new", "a", "a"], None, &truth);
        assert!(old.metric("accuracy").is_err() && old.len() == 4, "by itself it is measured on what it knows");
        let difference = new.difference(&old, "accuracy").unwrap();
        assert!((difference.value - 2.0 / 6.0).abs() < 1e-12, "{difference:?}");
    }

    #[test]
    fn probabilities_follow_their_class_when_classes_are_numbered_anew() {
        let old = classified(&["a", "b"], &["a", "b"], Some(&[0.8, 0.2, 0.4, 0.6]), &["a", "c"]);
        let all = ["c", "b", "a"].map(Arc::from);
        let Kind::Multiclass { truth, decision, probability, .. } = old.over(&all).kind else {
            panic!("several classes")
        };
        assert_eq!((truth, decision), (vec![2, 0], vec![2, 1]));
        let probability: Vec<f32> = probability.unwrap().into_iter().map(|p| p as f32).collect();
        assert_eq!(probability, [0.0, 0.2, 0.8, 0.0, 0.6, 0.4]);
    }
}
