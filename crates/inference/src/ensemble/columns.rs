//! The columns of a table as the features of an ensemble.
//!
//! Invariants: a column is found by its name; where the tables of a model have one layout, its place is looked up once.

use std::{
    collections::HashMap,
    ops::Range,
    sync::{Arc, OnceLock},
};

use kilter_domain::table::{Column, Table};

use crate::{
    error::PredictError,
    input::{self, Source},
    signature::{Input, InputKind},
};

/// The codes of the categories that a model was trained on. What is none of them is missing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Categories {
    Texts(HashMap<Arc<str>, u32>),
    /// By the bits of the number, of which both zeros are one.
    Numbers(HashMap<u64, u32>),
}

impl Categories {
    /// Codes of numbers, from 0 on.
    pub fn of_numbers(values: impl IntoIterator<Item = f64>) -> Self {
        Self::Numbers(values.into_iter().zip(0..).map(|(value, code)| (bits(value), code)).collect())
    }

    /// Codes of texts, from 0 on.
    pub fn of_texts<T: AsRef<str>>(values: impl IntoIterator<Item = T>) -> Self {
        Self::Texts(values.into_iter().zip(0..).map(|(value, code)| (Arc::from(value.as_ref()), code)).collect())
    }
}

fn bits(value: f64) -> u64 {
    // Minus zero plus zero is zero.
    (value + 0.0).to_bits()
}

/// What a feature is made of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum FeatureColumn {
    Number,
    /// The code of a category.
    Category(Categories),
    /// A category that is given as its code: what is below zero is none.
    Code,
}

/// All features of an ensemble, in order.
#[derive(Debug)]
pub(super) struct Columns {
    features: Vec<FeatureColumn>,
    /// The places of the columns in the table that came first; `None` for an absent one.
    places: OnceLock<Vec<Option<usize>>>,
}

impl Columns {
    pub fn new(features: Vec<FeatureColumn>) -> Self {
        Self { features, places: OnceLock::new() }
    }

    pub fn len(&self) -> usize {
        self.features.len()
    }

    /// Rows x columns.
    pub fn read(&self, inputs: &[Input], table: &Table, rows: Range<usize>) -> Result<Vec<f64>, PredictError> {
        let width = self.features.len();
        let first = || inputs.iter().map(|input| table.position(&input.name)).collect();
        let places = self.places.get_or_init(first);
        let mut values = vec![f64::NAN; rows.len() * width];
        for (at, ((input, feature), place)) in inputs.iter().zip(&self.features).zip(places).enumerate() {
            let expected = place.and_then(|place| table.column_at(place)).filter(|(name, _)| *name == input.name);
            let Some(column) = expected.map(|(_, column)| column).or_else(|| table.get(&input.name)) else {
                // All that is absent is named at once.
                input::check_columns(inputs, table)?;
                continue;
            };
            let into = values.iter_mut().skip(at).step_by(width);
            match (feature, column) {
                (FeatureColumn::Number, Column::Float(numbers)) => {
                    into.zip(&numbers[rows.clone()]).for_each(|(into, number)| *into = *number);
                }
                (FeatureColumn::Category(Categories::Texts(codes)), _) if input.kind == InputKind::Text => {
                    let texts = Source::of(input, Some(column), rows.clone()).texts()?;
                    let code = |text: &Arc<str>| codes.get(text).map_or(f64::NAN, |&code| f64::from(code));
                    into.zip(&texts).for_each(|(into, text)| *into = code(text));
                }
                _ => {
                    let numbers = Source::of(input, Some(column), rows.clone()).numbers(|value| value, |_| false)?;
                    into.zip(numbers).for_each(|(into, number)| *into = feature.of_number(number));
                }
            }
        }
        Ok(values)
    }
}

impl FeatureColumn {
    fn of_number(&self, number: f64) -> f64 {
        match self {
            Self::Category(Categories::Numbers(codes)) => {
                codes.get(&bits(number)).map_or(f64::NAN, |&code| f64::from(code))
            }
            Self::Code if number < 0.0 => -1.0,
            _ => number,
        }
    }
}
