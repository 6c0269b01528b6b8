//! What is to be learned: the target column as numbers or classes, the rows that have one, and their weights.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use kilter_domain::{
    nearest::nearest,
    table::{Column, Table},
};
use kilter_inference::Task;

use crate::{error::TrainError, options::TrainOptions};

/// The fewest rows that a model is made of.
const MIN_ROWS: usize = 10;
/// The most classes of a target.
const MAX_CLASSES: usize = 1_000;

/// The truth, by trained row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TargetValues {
    Values(Vec<f64>),
    Classes { of_row: Vec<u32>, count: usize },
}

impl TargetValues {
    pub fn rows(&self) -> usize {
        match self {
            Self::Values(values) => values.len(),
            Self::Classes { of_row, .. } => of_row.len(),
        }
    }
}

/// Class labels as the model answers them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Labels {
    Ints(Vec<i64>),
    Texts(Vec<String>),
}

/// The target of a training run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Target {
    pub task: Task,
    pub outcome: TargetValues,
    /// Empty texts for regression.
    pub labels: Labels,
    /// The rows of the table that are trained on.
    pub rows: Vec<usize>,
    /// One weight per trained row.
    pub weights: Vec<f64>,
}

impl Target {
    pub fn read(table: &Table, options: &TrainOptions) -> Result<Self, TrainError> {
        let column = column(table, "target", &options.target)?;
        let weights = match &options.weight {
            Some(name) => weights(name, self::column(table, "weight", name)?)?,
            None => vec![Some(1.0); table.rows()],
        };
        let is_used = |&row: &usize| !column.is_missing(row) && weights[row].is_some_and(|weight| weight > 0.0);
        let rows: Vec<usize> = (0..table.rows()).filter(is_used).collect();
        if rows.len() < MIN_ROWS {
            return Err(TrainError::TooFewRows { rows: rows.len(), least: MIN_ROWS });
        }
        let mut weights: Vec<f64> = rows.iter().filter_map(|&row| weights[row]).collect();
        // Weights say how much rows count against each other: their mean is one, so that settings keep their meaning.
        let mean = weights.iter().sum::<f64>() / weights.len() as f64;
        weights.iter_mut().for_each(|weight| *weight /= mean);
        let bad = |reason: String| TrainError::BadTarget { target: options.target.clone(), reason };
        let column = column.take(&rows);
        let task = match options.task {
            Some(task) => task,
            None => task_of(&column),
        };
        if task == Task::Regression {
            let outcome = TargetValues::Values(values(&column).map_err(bad)?);
            return Ok(Self { task, outcome, labels: Labels::Texts(Vec::new()), rows, weights });
        }
        let (labels, of_row) = classes(&column, options.positive.as_deref()).map_err(bad)?;
        let count = labels.names().len();
        match (task, count) {
            (_, 0 | 1) => return Err(bad(format!("all rows are of one class, `{}`", labels.names().join("")))),
            (Task::Binary, 2) | (Task::Multiclass, 3..=MAX_CLASSES) => {}
            (Task::Multiclass, 2) => {}
            (Task::Binary, count) => return Err(bad(format!("it has {count} classes, a binary task has two"))),
            (_, count) => return Err(bad(format!("it has {count} classes, at most {MAX_CLASSES} can be learned"))),
        }
        // Two classes are a binary task, whatever it was called.
        let task = if count == 2 { Task::Binary } else { task };
        if options.params.balance {
            balance(&of_row, count, &mut weights);
        }
        Ok(Self { task, outcome: TargetValues::Classes { of_row, count }, labels, rows, weights })
    }
}

impl Labels {
    pub fn names(&self) -> Vec<String> {
        match self {
            Self::Ints(labels) => labels.iter().map(i64::to_string).collect(),
            Self::Texts(labels) => labels.clone(),
        }
    }
}

pub(crate) fn column<'a>(table: &'a Table, role: &'static str, name: &str) -> Result<&'a Column, TrainError> {
    table.get(name).ok_or_else(|| TrainError::NoSuchColumn {
        role,
        name: name.to_owned(),
        nearest: nearest(name, table.names().iter().map(String::as_str)).map(str::to_owned),
    })
}

/// `None` where the weight is missing.
fn weights(name: &str, column: &Column) -> Result<Vec<Option<f64>>, TrainError> {
    let weight = |row: usize| {
        let value = column.number(row);
        match column {
            _ if column.is_missing(row) => Ok(None),
            Column::Text(_) | Column::Time(_) => Err(row),
            _ if value.is_finite() && value >= 0.0 => Ok(Some(value)),
            _ => Err(row),
        }
    };
    (0..column.len()).map(weight).collect::<Result<_, usize>>().map_err(|row| TrainError::BadWeight {
        column: name.to_owned(),
        row,
        value: column.label(row).map_or(String::new(), |value| value.to_string()),
    })
}

fn task_of(column: &Column) -> Task {
    let distinct = |limit: usize| {
        let mut seen = std::collections::HashSet::new();
        (0..column.len()).filter_map(|row| column.label(row)).any(|label| seen.insert(label) && seen.len() > limit)
    };
    match column {
        Column::Bool(_) => Task::Binary,
        _ if !distinct(2) => Task::Binary,
        Column::Text(_) => Task::Multiclass,
        _ => Task::Regression,
    }
}

fn values(column: &Column) -> Result<Vec<f64>, String> {
    let values = match column {
        Column::Time(_) => None,
        column => column.numbers(),
    };
    let values = values.ok_or("a regression needs numbers")?;
    let is_bad = |value: &f64| !value.is_finite() || value.abs() > f64::from(f32::MAX);
    match values.iter().find(|value| is_bad(value)) {
        Some(value) => Err(format!("it holds {value}, which is not a finite float32 number")),
        None => Ok(values),
    }
}

/// Labels in order (numbers by size, texts by code point), and each row's class.
fn classes(column: &Column, positive: Option<&str>) -> Result<(Labels, Vec<u32>), String> {
    let labels = match whole_numbers(column) {
        Some(numbers) => {
            let distinct: std::collections::BTreeSet<i64> = numbers.into_iter().collect();
            Labels::Ints(distinct.into_iter().take(MAX_CLASSES + 1).collect())
        }
        None => {
            let distinct: BTreeMap<Arc<str>, ()> =
                (0..column.len()).filter_map(|row| column.label(row)).map(|label| (label, ())).collect();
            Labels::Texts(distinct.into_keys().take(MAX_CLASSES + 1).map(|label| label.to_string()).collect())
        }
    };
    let labels = with_positive(labels, positive)?;
    let names = labels.names();
    let index: HashMap<&str, u32> = names.iter().enumerate().map(|(at, name)| (name.as_str(), at as u32)).collect();
    let name = |row: usize| match &labels {
        Labels::Ints(_) => Some(Arc::from((column.number(row) as i64).to_string())),
        Labels::Texts(_) => column.label(row),
    };
    let of_row = (0..column.len()).map(|row| name(row).and_then(|name| index.get(&*name).copied()).unwrap_or(0));
    Ok((labels.clone(), of_row.collect()))
}

/// The column as whole numbers, if it is made of such.
fn whole_numbers(column: &Column) -> Option<Vec<i64>> {
    match column {
        Column::Int(values) => values.iter().copied().collect(),
        Column::Float(values) if values.iter().all(|value| value.fract() == 0.0 && value.abs() < 9.0e15) => {
            Some(values.iter().map(|&value| value as i64).collect())
        }
        _ => None,
    }
}

fn with_positive(labels: Labels, positive: Option<&str>) -> Result<Labels, String> {
    let Some(positive) = positive else { return Ok(labels) };
    let names = labels.names();
    match names.iter().position(|name| name == positive) {
        Some(0) if names.len() == 2 => Ok(match labels {
            Labels::Ints(labels) => Labels::Ints(labels.into_iter().rev().collect()),
            Labels::Texts(labels) => Labels::Texts(labels.into_iter().rev().collect()),
        }),
        Some(_) => Ok(labels),
        None => {
            let some: Vec<_> = names.iter().take(10).cloned().collect();
            Err(format!("the positive class `{positive}` does not occur; there are {}", some.join(", ")))
        }
    }
}

/// Scales the weights so that every class weighs the same and the mean stays.
fn balance(of_row: &[u32], count: usize, weights: &mut [f64]) {
    let mut by_class = vec![0.0; count];
    of_row.iter().zip(&*weights).for_each(|(&class, weight)| by_class[class as usize] += weight);
    let total: f64 = by_class.iter().sum();
    let fair = total / count as f64;
    of_row.iter().zip(weights).for_each(|(&class, weight)| *weight *= fair / by_class[class as usize]);
}
