//! What a model said beside what turned out to be true: the owned form of the rows that `stats` measures.
//!
//! Holds true: gates, monitors, rollouts and replays measure performance through this one type, so a metric means the
//! same everywhere. Rows without a label, or without a usable answer, are left out and counted.

use std::{collections::HashMap, sync::Arc};

use kilter_domain::table::Column;
use kilter_inference::Task;
use kilter_stats::{
    Estimate, Outcome, Unmeasured,
    performance::{BinaryRows, LEVEL, Labelled, Metric, MulticlassRows, RegressionRows, Task as MetricTask},
};

/// What a model answered for some rows, in whatever form it was kept.
#[derive(Clone, Copy, Debug)]
pub struct Answers<'a> {
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
pub struct Outcomes {
    /// The rows of the input that stand here, in order.
    pub rows: Vec<usize>,
    kind: Kind,
    weight: Option<Vec<f64>>,
}

#[derive(Clone, Debug)]
enum Kind {
    Binary {
        truth: Vec<bool>,
        score: Vec<f64>,
        decision: Vec<bool>,
    },
    /// `classes` names what truth and decision number: those of the model, then others that labels named.
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

impl Outcomes {
    /// Joins answers with the truth of the same rows. `positive` names the positive class of a binary task when it is
    /// not the model's second class.
    pub fn new(answers: Answers, truth: &Column, weight: Option<&Column>) -> Self {
        let (rows, kind) = match answers.task {
            Task::Binary => binary(answers, truth),
            Task::Multiclass => multiclass(answers, truth),
            Task::Regression => regression(answers, truth),
        };
        let weight = weight.map(|column| rows.iter().map(|&row| usable_weight(column.number(row))).collect());
        Self { rows, kind, weight }
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
        self.at(&chosen)
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
        Self { rows: pick(&self.rows, places), kind, weight: self.weight.as_ref().map(|values| pick(values, places)) }
    }

    /// The rows as `stats` takes them.
    pub fn labelled(&self) -> Outcome<Labelled<'_>> {
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
    pub fn metric(&self, name: &str) -> Outcome<Estimate> {
        if self.rows.is_empty() {
            return Err(Unmeasured::too_few("labelled rows", 0, 1));
        }
        kilter_stats::performance::metric(name, &self.labelled()?)
    }

    /// The paired difference `self - other` of a metric. Both must stand on the same rows; models of different classes
    /// are compared over all of them.
    pub fn difference(&self, other: &Self, name: &str) -> Outcome<Estimate> {
        self.difference_at(other, name, LEVEL)
    }

    /// As [`Outcomes::difference`], with an interval of another confidence.
    pub fn difference_at(&self, other: &Self, name: &str, level: f64) -> Outcome<Estimate> {
        let metric = Metric::named(name, self.metric_task());
        let metric = metric.map_err(|error| Unmeasured::bad_input(name, error.to_string()))?;
        let (Kind::Multiclass { classes: ours, .. }, Kind::Multiclass { classes: theirs, .. }) =
            (&self.kind, &other.kind)
        else {
            return metric.difference(&self.labelled()?, &other.labelled()?, level, 0);
        };
        let mut all = ours.clone();
        all.extend(theirs.iter().filter(|class| !ours.contains(class)).cloned());
        let (one, other) = (self.over(&all), other.over(&all));
        metric.difference(&one.labelled()?, &other.labelled()?, level, 0)
    }

    /// The same rows with their classes numbered as in `all`, which holds each of them; a class that the model does not
    /// know has probability zero.
    fn over(&self, all: &[Arc<str>]) -> Self {
        let Kind::Multiclass { classes, truth, decision, probability } = &self.kind else { return self.clone() };
        let place: Vec<u32> =
            classes.iter().map(|class| all.iter().position(|known| known == class).unwrap_or(0) as u32).collect();
        let renumber = |numbers: &[u32]| numbers.iter().map(|&number| place[number as usize]).collect();
        let spread = |values: &Vec<f64>| {
            let mut spread = vec![0.0; truth.len() * all.len()];
            for (row, values) in values.chunks(classes.len()).enumerate() {
                let row = &mut spread[row * all.len()..(row + 1) * all.len()];
                values.iter().zip(&place).for_each(|(&value, &at)| row[at as usize] = value);
            }
            spread
        };
        let kind = Kind::Multiclass {
            classes: all.to_vec(),
            truth: renumber(truth),
            decision: renumber(decision),
            probability: probability.as_ref().map(spread),
        };
        Self { rows: self.rows.clone(), kind, weight: self.weight.clone() }
    }

    /// The loss of each row: log loss, 0/1 loss, absolute error.
    pub fn losses(&self) -> Vec<f64> {
        match &self.kind {
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

    /// What [`Outcomes::cost`] counts.
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

pub(crate) fn usable_weight(weight: f64) -> f64 {
    if weight.is_finite() && weight > 0.0 { weight } else { 0.0 }
}

/// A label as the class names of a model write it: `1`, `1.0` and `true` are the same class.
pub fn class_name(column: &Column, row: usize) -> Option<Arc<str>> {
    match column {
        Column::Bool(values) => values[row].map(|value| Arc::from(if value { "1" } else { "0" })),
        Column::Text(values) => values[row].clone(),
        Column::Float(values) if values[row].fract() == 0.0 && values[row].abs() < 1e15 => {
            Some(Arc::from((values[row] as i64).to_string()))
        }
        _ => column.label(row),
    }
}

/// Labels that are none of the classes: of a model that was trained on other words, all of them.
pub fn unknown_labels(classes: &[String], truth: &Column) -> usize {
    let is_known = |name: &str| classes.iter().any(|class| same_class(class, name));
    (0..truth.len()).filter_map(|row| class_name(truth, row)).filter(|name| !is_known(name)).count()
}

/// Whether two names are of one class: `1`, `true` and `True` are.
pub(crate) fn same_class(class: &str, value: &str) -> bool {
    let plain = |text: &str| match text {
        "true" | "True" => "1".to_owned(),
        "false" | "False" => "0".to_owned(),
        other => other.to_owned(),
    };
    class == value || plain(class) == plain(value)
}

fn binary(answers: Answers, truth: &Column) -> (Vec<usize>, Kind) {
    let positive = answers.classes.get(1).map_or("1", String::as_str);
    let said = |row: usize| answers.labels.is_some_and(|labels| same_class(positive, &labels[row]));
    let decide = |row: usize| match answers.threshold {
        Some(threshold) => answers.scores[row] >= threshold,
        None => said(row),
    };
    let (mut rows, mut labels, mut score, mut decision) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for row in 0..truth.len().min(answers.scores.len()) {
        if let (Some(class), true) = (class_name(truth, row), answers.scores[row].is_finite()) {
            rows.push(row);
            labels.push(same_class(positive, &class));
            score.push(answers.scores[row]);
            decision.push(decide(row));
        }
    }
    (rows, Kind::Binary { truth: labels, score, decision })
}

/// Classes that the model does not know get a number of their own behind its classes, with probability zero.
fn multiclass(answers: Answers, truth: &Column) -> (Vec<usize>, Kind) {
    let mut names: Vec<Arc<str>> = answers.classes.iter().map(|class| Arc::from(class.as_str())).collect();
    let mut numbers: HashMap<Arc<str>, u32> = names.iter().cloned().zip(0..).collect();
    let mut number = |class: Arc<str>| {
        *numbers.entry(class).or_insert_with_key(|class| {
            names.push(class.clone());
            names.len() as u32 - 1
        })
    };
    let (mut rows, mut truths, mut decision) = (Vec::new(), Vec::new(), Vec::new());
    let labels = answers.labels.unwrap_or(&[]);
    for (row, answer) in labels.iter().enumerate().take(truth.len()) {
        if let Some(class) = class_name(truth, row) {
            rows.push(row);
            truths.push(number(class));
            decision.push(number(answer.clone()));
        }
    }
    let (known, classes) = (answers.classes.len(), names.len());
    let probability = answers.probabilities.map(|values| {
        let padding = std::iter::repeat_n(0.0, classes - known);
        let of_row =
            |&row: &usize| values[row * known..(row + 1) * known].iter().map(|&p| f64::from(p)).chain(padding.clone());
        rows.iter().flat_map(of_row).collect()
    });
    (rows, Kind::Multiclass { classes: names, truth: truths, decision, probability })
}

fn regression(answers: Answers, truth: &Column) -> (Vec<usize>, Kind) {
    let usable = |&row: &usize| truth.number(row).is_finite() && answers.scores[row].is_finite();
    let rows: Vec<usize> = (0..truth.len().min(answers.scores.len())).filter(usable).collect();
    let truths = rows.iter().map(|&row| truth.number(row)).collect();
    let predicted = rows.iter().map(|&row| answers.scores[row]).collect();
    (rows, Kind::Regression { truth: truths, predicted })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_booleans_name_the_same_class() {
        assert_eq!(class_name(&Column::Float(vec![1.0]), 0).as_deref(), Some("1"));
        assert_eq!(class_name(&Column::Bool(vec![Some(true)]), 0).as_deref(), Some("1"));
        assert!(same_class("true", "1") && !same_class("yes", "1"));
    }

    #[test]
    fn rows_without_a_label_are_left_out() {
        let classes = ["0".to_owned(), "1".to_owned()];
        let answers = Answers {
            task: Task::Binary,
            classes: &classes,
            scores: &[0.9, 0.2, 0.7, 0.1],
            labels: None,
            probabilities: None,
            threshold: Some(0.5),
        };
        let outcomes = Outcomes::new(answers, &Column::Int(vec![Some(1), None, Some(0), Some(0)]), None);
        assert_eq!(outcomes.rows, vec![0, 2, 3]);
        assert_eq!(outcomes.cost(None), 1.0);
        assert_eq!(outcomes.filter(|row| row != 2).cost(None), 0.0);
    }

    #[test]
    fn a_class_that_the_model_cannot_know_is_a_miss_not_a_crash() {
        let classes = ["a".to_owned(), "b".to_owned(), "c".to_owned()];
        let labels: Vec<Arc<str>> = vec!["a".into(), "b".into()];
        let answers = Answers {
            task: Task::Multiclass,
            classes: &classes,
            scores: &[0.5, 0.5],
            labels: Some(&labels),
            probabilities: Some(&[0.5, 0.3, 0.2, 0.2, 0.5, 0.3]),
            threshold: Some(0.5),
        };
        let truth = Column::Text(vec![Some("a".into()), Some("macOS".into())]);
        let outcomes = Outcomes::new(answers, &truth, None);
        assert_eq!(outcomes.metric("accuracy").unwrap().value, 0.5);
        assert!(outcomes.metric("log_loss").unwrap().value > 10.0);
    }

    fn classified(classes: &[&str], labels: &[&str], probabilities: Option<&[f32]>, truth: &[&str]) -> Outcomes {
        let classes: Vec<String> = classes.iter().map(|class| (*class).to_owned()).collect();
        let labels: Vec<Arc<str>> = labels.iter().map(|label| Arc::from(*label)).collect();
        let scores = vec![0.5; labels.len()];
        let answers = Answers {
            task: Task::Multiclass,
            classes: &classes,
            scores: &scores,
            labels: Some(&labels),
            probabilities,
            threshold: None,
        };
        Outcomes::new(answers, &Column::Text(truth.iter().map(|class| Some(Arc::from(*class))).collect()), None)
    }

    #[test]
    fn models_that_know_different_classes_are_compared_over_all_of_them() {
        let truth = ["a", "b", "new", "new", "a", "b"];
        let old = classified(&["a", "b"], &["a", "b", "a", "b", "b", "b"], None, &truth);
        let new = classified(&["b", "new", "a"], &["a", "b", "new", "new", "a", "a"], None, &truth);
        assert_eq!(old.metric("accuracy").unwrap().value, 0.5);
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
