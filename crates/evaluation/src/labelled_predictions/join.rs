//! Joining answers with labels, and bringing two models to the same rows and classes.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use kilter_domain::table::Column;
use kilter_inference::Task;
use kilter_stats::{
    Estimate, MetricResult, Unmeasured,
    performance::{LEVEL, Metric},
};

use super::{
    classes::{ClassMatcher, label_number, label_text},
    rows::{Kind, LabelledPredictions, RawPredictions, UnknownRow},
    unknown::LabelCheck,
};

/// A weight as it counts: 0 if it is negative, infinite or not known.
pub fn usable_weight(weight: f64) -> f64 {
    if weight.is_finite() && weight > 0.0 { weight } else { 0.0 }
}

fn weights(column: Option<&Column>, rows: &[usize]) -> Option<Vec<f64>> {
    column.map(|column| rows.iter().map(|&row| usable_weight(column.number(row))).collect())
}

fn binary(answers: RawPredictions, truth: &Column, weight: Option<&Column>) -> LabelledPredictions {
    let classes = match answers.classes.len() {
        0 | 1 => &["0".to_owned(), "1".to_owned()],
        _ => answers.classes,
    };
    let matcher = ClassMatcher::new(classes);
    let is_positive = |row: usize| answers.labels.is_some_and(|labels| matcher.class_of(&labels[row]) == Some(1));
    let decide = |row: usize| match answers.threshold {
        Some(threshold) => answers.scores[row] >= threshold,
        None => is_positive(row),
    };
    let (mut rows, mut labels, mut score, mut decision) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut unknown: Vec<Arc<str>> = Vec::new();
    for row in 0..truth.len().min(answers.scores.len()) {
        let (Some(label), true) = (label_text(truth, row), answers.scores[row].is_finite()) else { continue };
        let Some(class) = matcher.class_of(&label) else {
            unknown.push(label);
            continue;
        };
        rows.push(row);
        labels.push(class == 1);
        score.push(answers.scores[row]);
        decision.push(decide(row));
    }
    let check = LabelCheck::new(classes, rows.len() + unknown.len(), unknown.iter());
    let weight = weights(weight, &rows);
    let kind = Kind::Binary { truth: labels, score, decision };
    LabelledPredictions { rows, kind, weight, unknown: vec![], labels: Arc::new(check) }
}

fn multiclass(answers: RawPredictions, truth: &Column, weight: Option<&Column>) -> LabelledPredictions {
    let matcher = ClassMatcher::new(answers.classes);
    let mut names: Vec<Arc<str>> = answers.classes.iter().map(|class| Arc::from(class.as_str())).collect();
    // What another version decided may be a class that this one does not know.
    let mut others: HashMap<Arc<str>, u32> = HashMap::new();
    let mut decided = |answer: &Arc<str>| match matcher.class_of(answer) {
        Some(at) => at as u32,
        None => *others.entry(answer.clone()).or_insert_with(|| {
            names.push(answer.clone());
            names.len() as u32 - 1
        }),
    };
    let known = answers.classes.len();
    let of_row = |row: usize| {
        let values = answers.probabilities?.get(row * known..(row + 1) * known)?;
        Some(values.iter().map(|&p| f64::from(p)).collect::<Vec<f64>>())
    };
    let (mut rows, mut truths, mut decision, mut unknown) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let labels = answers.labels.unwrap_or(&[]);
    for (row, answer) in labels.iter().enumerate().take(truth.len()) {
        let Some(label) = label_text(truth, row) else { continue };
        match matcher.class_of(&label) {
            Some(class) => {
                rows.push(row);
                truths.push(class as u32);
                decision.push(decided(answer));
            }
            None => {
                let weight = weight.map_or(1.0, |column| usable_weight(column.number(row)));
                unknown.push(UnknownRow { row, label, decision: decided(answer), probability: of_row(row), weight });
            }
        }
    }
    let padding = names.len() - known;
    let probability = answers.probabilities.map(|_| {
        let padded =
            |&row: &usize| of_row(row).unwrap_or_default().into_iter().chain(std::iter::repeat_n(0.0, padding));
        rows.iter().flat_map(padded).collect()
    });
    let check =
        LabelCheck::new(answers.classes, rows.len() + unknown.len(), unknown.iter().map(|unknown| &unknown.label));
    let weight = weights(weight, &rows);
    let kind = Kind::Multiclass { classes: names, truth: truths, decision, probability };
    LabelledPredictions { rows, kind, weight, unknown, labels: Arc::new(check) }
}

fn regression(answers: RawPredictions, truth: &Column, weight: Option<&Column>) -> LabelledPredictions {
    let (mut rows, mut truths, mut predicted) = (Vec::new(), Vec::new(), Vec::new());
    let mut unknown: Vec<Arc<str>> = Vec::new();
    for row in 0..truth.len().min(answers.scores.len()) {
        if !answers.scores[row].is_finite() {
            continue;
        }
        let number = label_number(truth, row);
        if number.is_finite() {
            rows.push(row);
            truths.push(number);
            predicted.push(answers.scores[row]);
        } else if let Some(label) = label_text(truth, row) {
            unknown.push(label);
        }
    }
    let check = LabelCheck::new(&[], rows.len() + unknown.len(), unknown.iter());
    let weight = weights(weight, &rows);
    LabelledPredictions {
        rows,
        kind: Kind::Regression { truth: truths, predicted },
        weight,
        unknown: vec![],
        labels: Arc::new(check),
    }
}

impl LabelledPredictions {
    /// Joins answers with the truth of the same rows.
    pub fn new(answers: RawPredictions, truth: &Column, weight: Option<&Column>) -> Self {
        match answers.task {
            Task::Binary => binary(answers, truth, weight),
            Task::Multiclass => multiclass(answers, truth, weight),
            Task::Regression => regression(answers, truth, weight),
        }
    }

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

    /// The paired difference `self - other` of a metric. Both must stand on the same rows; models of different classes
    /// are compared over all of them.
    ///
    /// # Errors
    /// When the metric is unknown, or the rows are too few to measure it.
    pub fn difference(&self, other: &Self, name: &str) -> MetricResult<Estimate> {
        self.difference_at(other, name, LEVEL)
    }

    /// As [`LabelledPredictions::difference`], with an interval of another confidence.
    ///
    /// # Errors
    /// As [`LabelledPredictions::difference`].
    pub fn difference_at(&self, other: &Self, name: &str, level: f64) -> MetricResult<Estimate> {
        let metric = Metric::named(name, self.metric_task());
        let metric = metric.map_err(|error| Unmeasured::bad_input(name, error.to_string()))?;
        let (one, other) = self.on_common_rows(other);
        metric.difference(&one.labelled()?, &other.labelled()?, level, 0)
    }

    /// These rows and those of `other`, on the rows that both have. Of several classes a label counts that either model
    /// knows: it is a wrong answer of the one that does not.
    fn on_common_rows(&self, other: &Self) -> (Self, Self) {
        let (one, other) = match (&self.kind, &other.kind) {
            (Kind::Multiclass { classes: ours, .. }, Kind::Multiclass { classes: theirs, .. }) => {
                let mut all = ours.clone();
                all.extend(theirs.iter().filter(|class| !ours.contains(class)).cloned());
                (self.over(&all), other.over(&all))
            }
            _ => (self.clone(), other.clone()),
        };
        if one.rows == other.rows {
            return (one, other);
        }
        let has = |outcomes: &Self| outcomes.rows.iter().copied().collect::<HashSet<usize>>();
        let (ours, theirs) = (has(&one), has(&other));
        (one.filter(|row| theirs.contains(&row)), other.filter(|row| ours.contains(&row)))
    }

    /// The same rows where labels may name these classes too. A class that the model does not know is a wrong answer.
    pub fn knowing(self, classes: &[String]) -> Self {
        let Kind::Multiclass { classes: ours, .. } = &self.kind else { return self };
        let matcher = ClassMatcher::new(classes);
        let named: BTreeSet<usize> =
            self.unknown.iter().filter_map(|unknown| matcher.class_of(&unknown.label)).collect();
        if named.is_empty() {
            return self;
        }
        let mut all = ours.clone();
        let is_new = |class: &&String| !ours.iter().any(|known| **known == ***class);
        all.extend(named.iter().map(|&at| &classes[at]).filter(is_new).map(|class| Arc::from(class.as_str())));
        self.over(&all)
    }

    /// The rows with their classes numbered as in `all`, which holds each of them, and with those whose label is one of
    /// `all`; a class that the model does not know has probability zero.
    pub(super) fn over(&self, all: &[Arc<str>]) -> Self {
        let Kind::Multiclass { classes, truth, decision, probability } = &self.kind else { return self.clone() };
        let place: Vec<usize> =
            classes.iter().map(|class| all.iter().position(|known| known == class).unwrap_or(0)).collect();
        let matcher = ClassMatcher::new(all);
        let (more, unknown): (Vec<_>, Vec<_>) = self
            .unknown
            .iter()
            .map(|unknown| (matcher.class_of(&unknown.label), unknown))
            .partition(|(class, _)| class.is_some());
        let spread = |values: &[f64]| {
            let mut spread = vec![0.0; all.len()];
            values.iter().zip(&place).for_each(|(&value, &at)| spread[at] = value);
            spread
        };
        let rows = self.rows.len() + more.len();
        let mut joined: Vec<(usize, u32, u32, f64, Vec<f64>)> = Vec::with_capacity(rows);
        for at in 0..self.rows.len() {
            let values = probability.as_ref().map(|all| &all[at * classes.len()..(at + 1) * classes.len()]);
            let weight = self.weight.as_ref().map_or(1.0, |weights| weights[at]);
            let (truth, decision) = (place[truth[at] as usize], place[decision[at] as usize]);
            joined.push((self.rows[at], truth as u32, decision as u32, weight, values.map(spread).unwrap_or_default()));
        }
        for (class, row) in &more {
            let values = row.probability.as_deref().map(spread).unwrap_or_default();
            let decision = place[row.decision as usize] as u32;
            joined.push((row.row, class.unwrap_or(0) as u32, decision, row.weight, values));
        }
        joined.sort_by_key(|row| row.0);
        let named: Vec<String> = all.iter().map(ToString::to_string).collect();
        Self {
            rows: joined.iter().map(|row| row.0).collect(),
            weight: self.weight.as_ref().map(|_| joined.iter().map(|row| row.3).collect()),
            unknown: unknown
                .into_iter()
                .map(|(_, row)| UnknownRow {
                    decision: place[row.decision as usize] as u32,
                    probability: row.probability.as_deref().map(spread),
                    ..row.clone()
                })
                .collect(),
            labels: Arc::new(self.labels.beside(&named, &matcher)),
            kind: Kind::Multiclass {
                classes: all.to_vec(),
                truth: joined.iter().map(|row| row.1).collect(),
                decision: joined.iter().map(|row| row.2).collect(),
                probability: probability.as_ref().map(|_| joined.into_iter().flat_map(|row| row.4).collect()),
            },
        }
    }
}
