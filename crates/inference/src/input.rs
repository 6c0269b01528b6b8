//! From a table's columns to the graph's input tensors.

use std::{borrow::Cow, collections::HashSet, ops::Range, sync::Arc};

use kilter_domain::{
    nearest::nearest,
    table::{Column, Table},
    time::Timestamp,
};

use crate::{
    error::{LoadError, PredictError},
    onnx::{Dim, ModelProto, ValueInfo, element},
    signature::{Infinite, Input, InputKind, Missing},
    tensor::{Tensor, Value},
};

/// Missing times in the graph: the smallest int64.
pub const MISSING_TIME: i64 = i64::MIN;

/// The tensor a graph input wants: element type and the number of columns that make it up.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct InputSlot {
    pub name: String,
    pub element: i32,
    /// A vector of rows instead of a matrix.
    pub is_vector: bool,
    /// How many entries of the signature's inputs fill it.
    pub width: usize,
}

/// The most columns of all graph inputs together: each has a name, so a few bytes of a file must not make many.
const MAX_WIDTH: i64 = 100_000;

/// The inputs that a caller must fill: those that are not constants.
pub(crate) fn slots(proto: &ModelProto) -> Result<Vec<InputSlot>, LoadError> {
    let constants: HashSet<&str> = proto.graph.initializers.iter().map(|tensor| tensor.name.as_str()).collect();
    let real = proto.graph.inputs.iter().filter(|info| !constants.contains(info.name.as_str()));
    let slots = real.map(slot).collect::<Result<Vec<_>, _>>()?;
    let width: usize = slots.iter().map(|slot| slot.width).sum();
    if width <= MAX_WIDTH as usize {
        Ok(slots)
    } else {
        Err(LoadError::TooLarge {
            what: "the number of input columns".into(),
            size: width as u64,
            limit: MAX_WIDTH as u64,
        })
    }
}

fn slot(info: &ValueInfo) -> Result<InputSlot, LoadError> {
    let broken = |reason: &str| LoadError::BrokenGraph(format!("the input `{}` {reason}", info.name));
    let supported = [element::FLOAT, element::DOUBLE, element::INT64, element::INT32, element::BOOL, element::STRING];
    if !supported.contains(&info.element) {
        return Err(broken("is of an unsupported element type"));
    }
    let (is_vector, width) = match info.shape.as_deref() {
        Some([_]) => (true, 1),
        Some([_, Dim::Fixed(width)]) if (1..=MAX_WIDTH).contains(width) => (false, *width as usize),
        Some([_, _]) => return Err(broken("does not say how many columns it has")),
        None => return Err(broken("has no declared shape")),
        Some(_) => return Err(broken("is not a vector or a matrix")),
    };
    Ok(InputSlot { name: info.name.clone(), element: info.element, is_vector, width })
}

/// The tensors of all graph inputs for the rows `rows` of `table`. `inputs` are the columns in the slots' order; there
/// must be as many as the slots are wide.
pub(crate) fn values(
    slots: &[InputSlot],
    inputs: &[Input],
    table: &Table,
    rows: Range<usize>,
) -> Result<Vec<Value>, PredictError> {
    check_columns(inputs, table)?;
    let (mut columns, mut finder) = (inputs, table.finder());
    let mut values = Vec::with_capacity(slots.len());
    for slot in slots {
        let (mine, rest) = columns.split_at(slot.width);
        let sources: Vec<Source<'_>> =
            mine.iter().map(|input| Source::of(input, finder.find(&input.name), rows.clone())).collect();
        values.push(value(slot, &sources, rows.len())?);
        columns = rest;
    }
    Ok(values)
}

/// The tensor of one graph input, from its columns.
fn value(slot: &InputSlot, columns: &[Source<'_>], rows: usize) -> Result<Value, PredictError> {
    let failed = |reason| PredictError::Node { node: slot.name.clone(), reason };
    let matrix = [rows, columns.len()];
    let dims = if slot.is_vector { &matrix[..1] } else { &matrix[..] };
    let made = match slot.element {
        element::STRING => Tensor::new(dims, interleave(columns, Source::texts)?).map(Value::Text),
        element::INT64 | element::INT32 => Tensor::new(dims, interleave(columns, Source::ints)?).map(Value::Int),
        element::BOOL => {
            let bools = interleave(columns, Source::ints)?.into_iter().map(|value| value != 0).collect();
            Tensor::new(dims, bools).map(Value::Bool)
        }
        element::DOUBLE => {
            let doubles = interleave(columns, |source| source.numbers(|value| value, |value| value.is_infinite()))?;
            Tensor::new(dims, doubles).map(Value::Double)
        }
        _ => {
            // A number past the range of float32 becomes infinite in the model: the same rule holds for it.
            let narrow = |source: &Source<'_>| source.numbers(|value| value as f32, |value| value.is_infinite());
            Tensor::new(dims, interleave(columns, narrow)?).map(Value::Float)
        }
    };
    made.map_err(failed)
}

/// Columns side by side: row-major rows x columns.
fn interleave<'a, T: Clone>(
    columns: &[Source<'a>],
    read: impl Fn(&Source<'a>) -> Result<Vec<T>, PredictError>,
) -> Result<Vec<T>, PredictError> {
    let mut parts = columns.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    if parts.len() == 1 {
        return Ok(parts.remove(0));
    }
    let rows = parts.first().map_or(0, Vec::len);
    Ok((0..rows).flat_map(|row| parts.iter().map(move |part| part[row].clone())).collect())
}

/// Refuses a table that lacks columns, all of them named.
pub(crate) fn check_columns(inputs: &[Input], table: &Table) -> Result<(), PredictError> {
    let mut finder = table.finder();
    let absent = inputs.iter().filter(|input| !input.optional && finder.find(&input.name).is_none());
    let columns: Vec<String> = absent.map(|input| input.name.clone()).collect();
    let nearest = match &columns[..] {
        [] => return Ok(()),
        [name] => nearest(name, table.names().iter().map(String::as_str)).map(str::to_owned),
        _ => None,
    };
    Err(PredictError::MissingColumns { columns, nearest })
}

/// Some rows of one column, and what the model wants of them.
pub(crate) struct Source<'a> {
    input: &'a Input,
    column: Cow<'a, Column>,
    rows: Range<usize>,
}

impl<'a> Source<'a> {
    /// Of an optional input without a column all values are missing.
    pub fn of(input: &'a Input, column: Option<&'a Column>, rows: Range<usize>) -> Self {
        match column {
            Some(column) => Self { input, column: Cow::Borrowed(column), rows },
            None => Self { input, column: Cow::Owned(Column::Float(vec![f64::NAN; rows.len()])), rows: 0..rows.len() },
        }
    }

    /// The refusal of a column from `row` on. A text column is refused for the first cell that makes it one: `abc` below
    /// a hundred numbers, and not the number above it.
    fn wrong(&self, row: usize) -> PredictError {
        let is_at_fault = |row: &usize| !self.column.is_missing(*row) && !self.reads_as_wanted(*row);
        let row = (row..self.column.len()).find(is_at_fault).unwrap_or(row);
        let value = self.column.label(row).map_or(String::new(), |label| label.chars().take(80).collect());
        PredictError::WrongType {
            column: self.input.name.clone(),
            row,
            value,
            found: self.column.column_type(),
            expected: self.input.kind,
        }
    }

    /// Whether a cell of a text column says what the model takes, only as text.
    fn reads_as_wanted(&self, row: usize) -> bool {
        let Column::Text(values) = &*self.column else { return false };
        let text = values[row].as_deref().unwrap_or_default().trim();
        match self.input.kind {
            InputKind::Number => text.parse::<f64>().is_ok(),
            InputKind::Integer => text.parse::<i64>().is_ok(),
            InputKind::Boolean => text.parse::<bool>().is_ok(),
            InputKind::Time => text.parse::<Timestamp>().is_ok(),
            InputKind::Text => true,
        }
    }

    /// One value a row; `stand_in` where there is none, or an error when the model does not take missing values.
    fn each<T: Clone>(
        &self,
        stand_in: T,
        read: impl Fn(usize) -> Result<Option<T>, PredictError>,
    ) -> Result<Vec<T>, PredictError> {
        let mut values = Vec::with_capacity(self.rows.len());
        for row in self.rows.clone() {
            values.push(match read(row)? {
                Some(value) => value,
                None if self.input.missing == Missing::Allowed => stand_in.clone(),
                None => return Err(PredictError::MissingValue { column: self.input.name.clone(), row }),
            });
        }
        Ok(values)
    }

    pub fn numbers<T: Copy>(
        &self,
        convert: impl Fn(f64) -> T,
        is_infinite: impl Fn(T) -> bool,
    ) -> Result<Vec<T>, PredictError> {
        if self.input.kind == InputKind::Time {
            return Ok(self.times()?.into_iter().map(|time| convert(time as f64)).collect());
        }
        self.each(convert(f64::NAN), |row| {
            let value = match &*self.column {
                Column::Float(values) => values[row],
                Column::Text(_) | Column::Time(_) if !self.column.is_missing(row) => return Err(self.wrong(row)),
                column => column.number(row),
            };
            let converted = convert(value);
            if is_infinite(converted) && self.input.infinite == Infinite::Refused {
                let column = self.input.name.clone();
                return Err(PredictError::NotFinite { column, row, value: value.to_string() });
            }
            Ok((!value.is_nan()).then_some(converted))
        })
    }

    fn ints(&self) -> Result<Vec<i64>, PredictError> {
        if self.input.kind == InputKind::Time {
            return self.times();
        }
        self.each(0, |row| match &*self.column {
            Column::Int(values) => Ok(values[row]),
            Column::Bool(values) => Ok(values[row].map(i64::from)),
            Column::Float(values) if values[row].is_nan() => Ok(None),
            Column::Float(values) => whole(values[row]).map(Some).ok_or_else(|| self.wrong(row)),
            column if column.is_missing(row) => Ok(None),
            _ => Err(self.wrong(row)),
        })
    }

    fn times(&self) -> Result<Vec<i64>, PredictError> {
        self.each(MISSING_TIME, |row| match &*self.column {
            Column::Time(values) | Column::Int(values) => Ok(values[row]),
            Column::Float(values) if values[row].is_nan() => Ok(None),
            Column::Float(values) => whole(values[row]).map(Some).ok_or_else(|| self.wrong(row)),
            Column::Text(values) => match values[row].as_deref() {
                None | Some("") => Ok(None),
                Some(text) => text.parse::<Timestamp>().map(|time| Some(time.millis())).map_err(|_| self.wrong(row)),
            },
            column if column.is_missing(row) => Ok(None),
            _ => Err(self.wrong(row)),
        })
    }

    /// Whole numbers, `None` where one is missing.
    pub fn whole_numbers(&self) -> Result<Vec<Option<i64>>, PredictError> {
        self.each(None, |row| {
            let value = match &*self.column {
                Column::Int(values) => values[row],
                Column::Bool(values) => values[row].map(i64::from),
                Column::Float(values) if values[row].is_nan() => None,
                Column::Float(values) => Some(whole(values[row]).ok_or_else(|| self.wrong(row))?),
                column if column.is_missing(row) => None,
                _ => return Err(self.wrong(row)),
            };
            Ok(value.map(Some))
        })
    }

    /// Yes and no, also as 1 and 0; `None` where it is missing.
    pub fn booleans(&self) -> Result<Vec<Option<bool>>, PredictError> {
        self.each(None, |row| {
            let value = match &*self.column {
                Column::Bool(values) => values[row],
                column if column.is_missing(row) => None,
                Column::Int(_) | Column::Float(_) => match self.column.number(row) {
                    0.0 => Some(false),
                    1.0 => Some(true),
                    _ => return Err(self.wrong(row)),
                },
                _ => return Err(self.wrong(row)),
            };
            Ok(value.map(Some))
        })
    }

    /// Milliseconds since the epoch, `None` where the time is missing.
    pub fn points_in_time(&self) -> Result<Vec<Option<i64>>, PredictError> {
        let times = self.times()?;
        Ok(times.into_iter().map(|time| (time != MISSING_TIME).then_some(time)).collect())
    }

    /// Texts as [`Source::texts`] has them, `None` where one is missing.
    pub fn optional_texts(&self) -> Result<Vec<Option<Arc<str>>>, PredictError> {
        let texts = self.texts()?;
        Ok(texts
            .into_iter()
            .zip(self.rows.clone())
            .map(|(text, row)| (!self.column.is_missing(row)).then_some(text))
            .collect())
    }

    /// Whole numbers and booleans are written as a person would; missing is the empty text.
    pub fn texts(&self) -> Result<Vec<Arc<str>>, PredictError> {
        self.each("".into(), |row| match &*self.column {
            Column::Text(values) => Ok(values[row].clone()),
            Column::Time(_) if !self.column.is_missing(row) => Err(self.wrong(row)),
            column => Ok(column.label(row)),
        })
    }
}

/// A whole number held by a double. Beyond 2^53 doubles skip whole numbers: what was meant is not known.
fn whole(value: f64) -> Option<i64> {
    (value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0).then_some(value as i64)
}
