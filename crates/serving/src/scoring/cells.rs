//! Columns that are filled cell by cell, whatever comes: their type is that of their values.

use std::{borrow::Cow, fmt, sync::Arc};

use kilter_domain::table::Column;
use kilter_inference::InputKind;
use serde::{
    Deserialize,
    de::{Deserializer, Error, Visitor},
};

use crate::v2::{Datatype, InputProblem, Tensor, V2Error};

/// Whole numbers beyond have no float of their own.
const MAX_EXACT: u64 = 1 << 53;

/// One value of a column.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell<'a> {
    Missing,
    Bool(bool),
    Whole(i64),
    /// A whole number that 64 signed bits do not hold.
    Large(u64),
    Float(f64),
    Text(Cow<'a, str>),
}

impl fmt::Display for Cell<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => out.write_str("null"),
            Self::Bool(value) => write!(out, "{value}"),
            Self::Whole(value) => write!(out, "{value}"),
            Self::Large(value) => write!(out, "{value}"),
            Self::Float(value) => write!(out, "{value:?}"),
            Self::Text(text) => write!(out, "{:?}", text.chars().take(60).collect::<String>()),
        }
    }
}

/// The values of a column as far as they have come.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum CellColumn {
    /// Only missing ones, so many.
    Missing(usize),
    Bool(Vec<Option<bool>>),
    Whole(Vec<Option<i64>>),
    Float(Vec<f64>),
    Text(Vec<Option<Arc<str>>>),
}

impl Default for CellColumn {
    fn default() -> Self {
        Self::Missing(0)
    }
}

impl CellColumn {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Missing(count) => *count,
            Self::Bool(values) => values.len(),
            Self::Whole(values) => values.len(),
            Self::Float(values) => values.len(),
            Self::Text(values) => values.len(),
        }
    }

    const fn kind(&self) -> &'static str {
        match self {
            Self::Missing(_) => "missing values",
            Self::Bool(_) => "truth values",
            Self::Whole(_) => "whole numbers",
            Self::Float(_) => "numbers",
            Self::Text(_) => "texts",
        }
    }

    /// Adds a value at the end.
    ///
    /// # Errors
    /// When the column has values of another type.
    pub(super) fn push(&mut self, cell: Cell<'_>) -> Result<(), InputProblem> {
        if let Self::Missing(count) = *self {
            *self = match cell {
                Cell::Missing => Self::Missing(count),
                Cell::Bool(_) => Self::Bool(vec![None; count]),
                Cell::Whole(_) | Cell::Large(_) => Self::Whole(vec![None; count]),
                Cell::Float(_) => Self::Float(vec![f64::NAN; count]),
                Cell::Text(_) => Self::Text(vec![None; count]),
            };
        }
        match (&mut *self, &cell) {
            (Self::Missing(count), Cell::Missing) => *count += 1,
            (Self::Bool(values), Cell::Missing) => values.push(None),
            (Self::Bool(values), Cell::Bool(value)) => values.push(Some(*value)),
            (Self::Whole(values), Cell::Missing) => values.push(None),
            (Self::Whole(values), Cell::Whole(value)) => values.push(Some(*value)),
            (Self::Whole(values), Cell::Float(value)) => {
                let floats: Option<Vec<f64>> = values.iter().map(|value| value.map_or(Some(f64::NAN), exact)).collect();
                let mut floats = floats.ok_or_else(|| self.mixed(&cell))?;
                floats.push(*value);
                *self = Self::Float(floats);
            }
            (Self::Float(values), Cell::Missing) => values.push(f64::NAN),
            (Self::Float(values), Cell::Float(value)) => values.push(*value),
            (Self::Float(values), Cell::Whole(value)) => match exact(*value) {
                Some(value) => values.push(value),
                None => return Err(self.mixed(&cell)),
            },
            (Self::Text(values), Cell::Missing) => values.push(None),
            (Self::Text(values), Cell::Text(text)) => values.push(Some(Arc::from(&**text))),
            _ => return Err(self.mixed(&cell)),
        }
        Ok(())
    }

    /// Fills the column up with missing values.
    pub(super) fn fill(&mut self, rows: usize) {
        match self {
            Self::Missing(count) => *count = rows,
            Self::Bool(values) => values.resize(rows, None),
            Self::Whole(values) => values.resize(rows, None),
            Self::Float(values) => values.resize(rows, f64::NAN),
            Self::Text(values) => values.resize(rows, None),
        }
    }

    fn mixed(&self, cell: &Cell<'_>) -> InputProblem {
        let (value, row, before) = (cell.to_string(), self.len(), self.kind());
        match cell {
            Cell::Large(_) => InputProblem::TooLarge { value, row },
            _ => InputProblem::MixedValues { value, row, before },
        }
    }

    /// The column as a tensor of the inference protocol; missing values alone are of the kind that is expected.
    pub(super) fn into_tensor(self, kind: Option<InputKind>, name: String, shape: Vec<u64>) -> Tensor {
        let (datatype, values) = match self {
            Self::Missing(count) if matches!(kind, Some(InputKind::Text) | None) => {
                (Datatype::Bytes, Column::Text(vec![None; count]))
            }
            Self::Missing(count) => (Datatype::Int64, Column::Int(vec![None; count])),
            Self::Bool(values) => (Datatype::Bool, Column::Bool(values)),
            Self::Whole(values) => (Datatype::Int64, Column::Int(values)),
            Self::Float(values) => (Datatype::Fp64, Column::Float(values)),
            Self::Text(values) => (Datatype::Bytes, Column::Text(values)),
        };
        Tensor { name, shape, datatype, values }
    }
}

/// The float of a whole number, where it has one of its own.
fn exact(value: i64) -> Option<f64> {
    (value.unsigned_abs() <= MAX_EXACT).then_some(value as f64)
}

/// Why a value is not one of a column that has a name.
pub(super) fn of_column(name: &str, problem: InputProblem) -> V2Error {
    V2Error::Input { input: format!("`{}`", name.chars().take(80).collect::<String>()), problem }
}

impl<'de> Deserialize<'de> for Cell<'de> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(CellVisitor)
    }
}

pub(super) struct CellVisitor;

impl<'de> Visitor<'de> for CellVisitor {
    type Value = Cell<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a number, a text, true, false or null")
    }

    fn visit_unit<E: Error>(self) -> Result<Cell<'de>, E> {
        Ok(Cell::Missing)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Cell<'de>, E> {
        Ok(Cell::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Cell<'de>, E> {
        Ok(i64::try_from(value).map_or(Cell::Large(value), Cell::Whole))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Cell<'de>, E> {
        Ok(Cell::Whole(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Cell<'de>, E> {
        Ok(Cell::Float(value))
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<Cell<'de>, E> {
        Ok(Cell::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Cell<'de>, E> {
        Ok(Cell::Text(Cow::Owned(value.to_owned())))
    }
}
