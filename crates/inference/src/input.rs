//! From a table's columns to the graph's input tensors.

use std::sync::Arc;

use kilter_domain::{
    table::{Column, Table},
    time::Timestamp,
};

use crate::{
    error::PredictError,
    onnx::element,
    signature::{Infinite, Input, InputKind, Missing},
    tensor::{Tensor, Value},
};

/// Missing times in the graph: the smallest int64.
pub const MISSING_TIME: i64 = i64::MIN;

/// The tensor a graph input wants: element type and the number of columns that make it up.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Slot {
    pub name: String,
    pub element: i32,
    /// A vector of rows instead of a matrix.
    pub is_vector: bool,
    /// How many entries of the signature's inputs fill it.
    pub width: usize,
}

/// The tensor of one graph input, from the columns named by `inputs` (`slot.width` of them).
pub(crate) fn value(slot: &Slot, inputs: &[Input], table: &Table) -> Result<Value, PredictError> {
    let rows = table.rows();
    let dims = match slot.is_vector {
        true => vec![rows],
        false => vec![rows, inputs.len()],
    };
    let failed = |reason| PredictError::Node { node: slot.name.clone(), reason };
    let columns = inputs.iter().map(|input| Ok((input, find(table, &input.name)?)));
    let columns = columns.collect::<Result<Vec<_>, PredictError>>()?;
    Ok(match slot.element {
        element::STRING => {
            let parts = columns.iter().map(|(input, column)| texts(input, column)).collect::<Result<Vec<_>, _>>()?;
            Value::Text(Tensor::new(&dims, interleave(parts, rows)).map_err(failed)?)
        }
        element::INT64 | element::INT32 => {
            let parts = columns.iter().map(|(input, column)| ints(input, column)).collect::<Result<Vec<_>, _>>()?;
            Value::Int(Tensor::new(&dims, interleave(parts, rows)).map_err(failed)?)
        }
        element::BOOL => {
            let parts = columns.iter().map(|(input, column)| ints(input, column)).collect::<Result<Vec<_>, _>>()?;
            let bools = interleave(parts, rows).into_iter().map(|value| value != 0).collect();
            Value::Bool(Tensor::new(&dims, bools).map_err(failed)?)
        }
        element::DOUBLE => {
            let limit = f64::MAX;
            let parts =
                columns.iter().map(|(input, column)| numbers(input, column, limit)).collect::<Result<Vec<_>, _>>()?;
            Value::Double(Tensor::new(&dims, interleave(parts, rows)).map_err(failed)?)
        }
        _ => {
            let limit = f64::from(f32::MAX);
            let parts =
                columns.iter().map(|(input, column)| numbers(input, column, limit)).collect::<Result<Vec<_>, _>>()?;
            let floats = interleave(parts, rows).into_iter().map(|value| value as f32).collect();
            Value::Float(Tensor::new(&dims, floats).map_err(failed)?)
        }
    })
}

fn interleave<T: Clone>(mut parts: Vec<Vec<T>>, rows: usize) -> Vec<T> {
    match parts.len() {
        1 => parts.remove(0),
        _ => (0..rows).flat_map(|row| parts.iter().map(move |part| part[row].clone())).collect(),
    }
}

fn find<'a>(table: &'a Table, name: &str) -> Result<&'a Column, PredictError> {
    table.get(name).ok_or_else(|| PredictError::MissingColumn {
        column: name.to_owned(),
        nearest: crate::nearest::nearest(name, table.names().iter().map(String::as_str)).map(str::to_owned),
    })
}

fn wrong(input: &Input, column: &Column, row: usize) -> PredictError {
    let value = column.label(row).map_or(String::new(), |label| label.chars().take(80).collect());
    PredictError::WrongType {
        column: input.name.clone(),
        row,
        value,
        found: column.column_type(),
        expected: input.kind,
    }
}

/// An error when the model does not take missing values.
fn missing<T>(input: &Input, row: usize, stand_in: T) -> Result<T, PredictError> {
    match input.missing {
        Missing::Allowed => Ok(stand_in),
        Missing::Refused => Err(PredictError::MissingValue { column: input.name.clone(), row }),
    }
}

/// Numbers of a column; `limit` is the largest finite one of the tensor's element type.
fn numbers(input: &Input, column: &Column, limit: f64) -> Result<Vec<f64>, PredictError> {
    if input.kind == InputKind::Time {
        return Ok(times(input, column)?.into_iter().map(|time| time as f64).collect());
    }
    let mut values = Vec::with_capacity(column.len());
    for row in 0..column.len() {
        let value = match column {
            Column::Text(texts) if texts[row].is_some() => return Err(wrong(input, column, row)),
            Column::Time(times) if times[row].is_some() => return Err(wrong(input, column, row)),
            column => column.number(row),
        };
        if value.is_nan() {
            values.push(missing(input, row, f64::NAN)?);
            continue;
        }
        // A number past the range of float32 becomes infinite in the model: the same rule holds for it.
        if value.abs() > limit && (value as f32).is_infinite() && input.infinite == Infinite::Refused {
            return Err(PredictError::NotFinite { column: input.name.clone(), row, value: value.to_string() });
        }
        values.push(value);
    }
    Ok(values)
}

fn ints(input: &Input, column: &Column) -> Result<Vec<i64>, PredictError> {
    if input.kind == InputKind::Time {
        return times(input, column);
    }
    let whole = |row: usize| match column {
        Column::Int(values) => Ok(values[row]),
        Column::Bool(values) => Ok(values[row].map(i64::from)),
        Column::Float(values) if values[row].is_nan() => Ok(None),
        // Beyond 2^53 doubles skip whole numbers: what was meant is not known.
        Column::Float(values) if values[row].fract() == 0.0 && values[row].abs() <= 9_007_199_254_740_992.0 => {
            Ok(Some(values[row] as i64))
        }
        _ if column.is_missing(row) => Ok(None),
        _ => Err(wrong(input, column, row)),
    };
    (0..column.len())
        .map(|row| match whole(row)? {
            Some(value) => Ok(value),
            None => missing(input, row, 0),
        })
        .collect()
}

fn times(input: &Input, column: &Column) -> Result<Vec<i64>, PredictError> {
    let time = |row: usize| match column {
        Column::Time(values) | Column::Int(values) => Ok(values[row]),
        Column::Float(values) if values[row].is_nan() => Ok(None),
        Column::Float(values) if values[row].fract() == 0.0 && values[row].abs() < 9.0e15 => {
            Ok(Some(values[row] as i64))
        }
        Column::Text(values) => match &values[row] {
            None => Ok(None),
            Some(text) if text.is_empty() => Ok(None),
            Some(text) => {
                text.parse::<Timestamp>().map(|time| Some(time.millis())).map_err(|_| wrong(input, column, row))
            }
        },
        _ if column.is_missing(row) => Ok(None),
        _ => Err(wrong(input, column, row)),
    };
    (0..column.len())
        .map(|row| match time(row)? {
            Some(value) => Ok(value),
            None => missing(input, row, MISSING_TIME),
        })
        .collect()
}

/// Texts of a column; whole numbers and booleans are written as a person would, missing is the empty text.
fn texts(input: &Input, column: &Column) -> Result<Vec<Arc<str>>, PredictError> {
    let empty: Arc<str> = "".into();
    (0..column.len())
        .map(|row| {
            let text = match column {
                Column::Time(_) if !column.is_missing(row) => return Err(wrong(input, column, row)),
                column => column.label(row),
            };
            match text {
                Some(text) => Ok(text),
                None => missing(input, row, Arc::clone(&empty)),
            }
        })
        .collect()
}
