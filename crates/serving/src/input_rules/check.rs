//! Which rows of a column break a rule.

use std::{collections::HashSet, sync::Arc};

use kilter_domain::{
    input_rule::{InputCheck, InputRule, InputValue},
    table::Column,
};
use kilter_stats::drift::CategoricalReference;

/// A rule made ready for columns.
#[derive(Clone, Debug)]
pub(super) enum ColumnCheck {
    /// Numbers between two ends, and the same ends for whole numbers.
    Range { min: f64, max: f64, min_whole: i64, max_whole: i64 },
    /// Texts of a set.
    Texts(HashSet<Arc<str>>),
    /// Numbers of a set: whole ones exactly, others by their value.
    Numbers { wholes: HashSet<i64>, numbers: Vec<f64> },
    /// Truth values of a set.
    Truths { is_false_accepted: bool, is_true_accepted: bool },
    /// A value in every row.
    Null,
    /// Categories of the training rows.
    Seen(Arc<CategoricalReference>),
}

impl ColumnCheck {
    /// `None`: there is no reference to compare with.
    pub(super) fn new(rule: &InputRule, reference: Option<&CategoricalReference>) -> Option<Self> {
        Some(match &rule.check {
            InputCheck::Range { min, max } => {
                let (min, max) = (min.unwrap_or(f64::NEG_INFINITY), max.unwrap_or(f64::INFINITY));
                // A float beyond 64 bits becomes the nearest whole number, which accepts as much.
                Self::Range { min, max, min_whole: min.ceil() as i64, max_whole: max.floor() as i64 }
            }
            InputCheck::Values { values } => of_values(values),
            InputCheck::Null => Self::Null,
            InputCheck::Unseen => Self::Seen(Arc::new(reference?.clone())),
        })
    }

    /// The rows that break it, in their order; nothing is allocated where none does. Missing values break `null` alone.
    pub(super) fn broken_rows(&self, column: &Column) -> Vec<usize> {
        match (self, column) {
            (Self::Range { min, max, .. }, Column::Float(values)) => {
                // Both comparisons are false for a missing value. No branch: the loop runs on several values at once.
                let is_broken = |value: &f64| (*value < *min) | (*value > *max);
                match values.iter().fold(false, |any, value| any | is_broken(value)) {
                    false => Vec::new(),
                    true => rows(values, is_broken),
                }
            }
            (Self::Range { min_whole, max_whole, .. }, Column::Int(values)) => {
                rows(values, |value| value.is_some_and(|value| value < *min_whole || value > *max_whole))
            }
            (Self::Texts(accepted), Column::Text(values)) => rows(values, |value| {
                value.as_deref().is_some_and(|value| !is_missing(value) && !accepted.contains(value))
            }),
            (Self::Numbers { numbers, .. }, Column::Float(values)) => {
                rows(values, |value| !value.is_nan() && !numbers.contains(value))
            }
            (Self::Numbers { wholes, .. }, Column::Int(values)) => {
                rows(values, |value| value.is_some_and(|value| !wholes.contains(&value)))
            }
            (Self::Truths { is_false_accepted, is_true_accepted }, Column::Bool(values)) => rows(values, |value| {
                value.is_some_and(|value| !if value { *is_true_accepted } else { *is_false_accepted })
            }),
            (Self::Null, Column::Float(values)) => match values.iter().fold(false, |any, value| any | value.is_nan()) {
                false => Vec::new(),
                true => rows(values, |value| value.is_nan()),
            },
            // An empty text is missing, as it is for the model.
            (Self::Null, Column::Text(values)) => rows(values, |value| value.as_deref().is_none_or(is_missing)),
            (Self::Null, column) => (0..column.len()).filter(|row| column.is_missing(*row)).collect(),
            (Self::Seen(reference), Column::Text(values)) => rows(values, |value| {
                value.as_deref().is_some_and(|value| !is_missing(value) && !reference.knows(value))
            }),
            // The kind of the input was compared with the rule when the version was packed.
            _ => Vec::new(),
        }
    }
}

fn is_missing(text: &str) -> bool {
    text.is_empty()
}

fn rows<T>(values: &[T], is_broken: impl Fn(&T) -> bool) -> Vec<usize> {
    values.iter().enumerate().filter(|(_, value)| is_broken(value)).map(|(row, _)| row).collect()
}

/// The values of a rule are of one kind, which the first one shows.
fn of_values(values: &[InputValue]) -> ColumnCheck {
    match values.first() {
        Some(InputValue::Text(_)) => {
            let text = |value: &InputValue| match value {
                InputValue::Text(text) => Some(text.as_str().into()),
                _ => None,
            };
            ColumnCheck::Texts(values.iter().filter_map(text).collect())
        }
        Some(InputValue::Bool(_)) => ColumnCheck::Truths {
            is_false_accepted: values.contains(&InputValue::Bool(false)),
            is_true_accepted: values.contains(&InputValue::Bool(true)),
        },
        _ => of_numbers(values),
    }
}

fn of_numbers(values: &[InputValue]) -> ColumnCheck {
    let (mut wholes, mut numbers) = (HashSet::new(), Vec::new());
    for value in values {
        match value {
            InputValue::Whole(value) => {
                wholes.insert(*value);
                numbers.push(*value as f64);
            }
            InputValue::Number(value) => {
                if value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0 {
                    wholes.insert(*value as i64);
                }
                numbers.push(*value);
            }
            InputValue::Bool(_) | InputValue::Text(_) => {}
        }
    }
    ColumnCheck::Numbers { wholes, numbers }
}
