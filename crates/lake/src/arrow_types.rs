//! Between Arrow arrays and our columns. Widening is exact (a 32-bit float keeps its value as 64 bits);
//! whatever would lose something, or has no place in a table, is an error that names the type.

use std::sync::Arc;

use arrow::{
    array::TimestampMillisecondArray,
    array::{
        Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, RecordBatch, RecordBatchOptions, StringArray,
    },
    compute::{CastOptions, cast_with_options},
    datatypes::{
        DataType, Date32Type, Date64Type, Field, Float64Type, Int64Type, Schema, SchemaRef, TimeUnit,
        TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    },
    error::ArrowError,
};
use kilter_domain::{
    table::{Column, ColumnType, Table},
    time::DAY_MS,
};

use crate::builder::ColumnBuilder;

/// Digits that a float holds exactly.
const EXACT_DIGITS: u8 = 15;

/// The column type that an Arrow type is read as; `None` when there is none.
pub(crate) fn column_type(data_type: &DataType) -> Option<ColumnType> {
    use DataType::{
        Boolean, Date32, Date64, Decimal32, Decimal64, Decimal128, Decimal256, Dictionary, Float16, Float32, Float64,
        Int8, Int16, Int32, Int64, LargeUtf8, Null, Timestamp, UInt8, UInt16, UInt32, UInt64, Utf8, Utf8View,
    };
    match data_type {
        Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64 => Some(ColumnType::Int),
        Float16 | Float32 | Float64 | Null => Some(ColumnType::Float),
        Decimal32(..) | Decimal64(..) | Decimal128(..) | Decimal256(..) => Some(ColumnType::Float),
        Boolean => Some(ColumnType::Bool),
        Utf8 | LargeUtf8 | Utf8View => Some(ColumnType::Text),
        Date32 | Date64 | Timestamp(..) => Some(ColumnType::Time),
        Dictionary(_, value) => column_type(value),
        _ => None,
    }
}

/// Whether a type of whole numbers holds some that 64 bits with a sign do not, or that a float would round.
pub(crate) fn may_be_wide(data_type: &DataType) -> bool {
    match data_type {
        DataType::UInt64 => true,
        DataType::Decimal64(digits, 0) | DataType::Decimal128(digits, 0) | DataType::Decimal256(digits, 0) => {
            *digits > EXACT_DIGITS
        }
        DataType::Dictionary(_, value) => may_be_wide(value),
        _ => false,
    }
}

/// Whether a type holds whole numbers alone.
pub(crate) fn is_whole(data_type: &DataType) -> bool {
    column_type(data_type) == Some(ColumnType::Int) || may_be_wide(data_type)
}

/// Whether all values of an array go into 64 bits with a sign.
pub(crate) fn fits_int(array: &dyn Array) -> bool {
    cast(array, &DataType::Int64).is_ok()
}

/// The Arrow type as which a column can be read that is `left` in one file and `right` in another.
pub(crate) fn common(left: &DataType, right: &DataType) -> Option<DataType> {
    match (column_type(left), column_type(right)) {
        _ if left == right || *right == DataType::Null => Some(left.clone()),
        _ if *left == DataType::Null => Some(right.clone()),
        (Some(ColumnType::Int), Some(ColumnType::Float)) | (Some(ColumnType::Float), Some(ColumnType::Int)) => {
            Some(DataType::Float64)
        }
        (Some(left), Some(right)) if left == right => Some(data_type(left)),
        _ => None,
    }
}

/// The Arrow type that a column is written as.
pub(crate) fn data_type(column_type: ColumnType) -> DataType {
    match column_type {
        ColumnType::Float => DataType::Float64,
        ColumnType::Int => DataType::Int64,
        ColumnType::Bool => DataType::Boolean,
        ColumnType::Text => DataType::Utf8,
        ColumnType::Time => DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
    }
}

pub(crate) fn schema(columns: &[(String, ColumnType)]) -> SchemaRef {
    let field = |(name, column): &(String, ColumnType)| Field::new(name, data_type(*column), true);
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

/// The names and types of a table.
pub(crate) fn columns_of(table: &Table) -> Vec<(String, ColumnType)> {
    table.columns().map(|(name, column)| (name.to_owned(), column.column_type())).collect()
}

/// Rows `from..to` of a column. A missing value is null, so that other tools count it as missing too.
pub(crate) fn array(column: &Column, from: usize, to: usize) -> ArrayRef {
    match column {
        Column::Float(values) => {
            let present = values[from..to].iter().map(|value| (!value.is_nan()).then_some(*value));
            Arc::new(present.collect::<Float64Array>())
        }
        Column::Int(values) => Arc::new(values[from..to].iter().copied().collect::<Int64Array>()),
        Column::Bool(values) => Arc::new(values[from..to].iter().copied().collect::<BooleanArray>()),
        Column::Text(values) => Arc::new(values[from..to].iter().map(Option::as_deref).collect::<StringArray>()),
        Column::Time(values) => {
            let millis = values[from..to].iter().copied().collect::<TimestampMillisecondArray>();
            Arc::new(millis.with_timezone("UTC"))
        }
    }
}

/// All of `columns` as one batch of `schema`, which must be that of [`schema`] for them. The rows are passed in, for
/// there may be no column (`SELECT count(*)`).
pub(crate) fn batch(schema: &SchemaRef, columns: &[Column], rows: usize) -> Result<RecordBatch, ArrowError> {
    let arrays = columns.iter().map(|column| array(column, 0, column.len())).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema.clone(), arrays, &options)
}

/// Why an array does not go into a column.
#[derive(Debug)]
pub(crate) enum ConversionError {
    /// No value of this type does.
    Type,
    /// A value is out of range, or is a text that does not read as the column's type.
    Value(String),
}

/// Appends an array to a column of the array's own type; whole numbers go into a float column, texts into every
/// column as whose type they read, and everything into a text column.
pub(crate) fn append(builder: &mut ColumnBuilder, array: &dyn Array) -> Result<(), ConversionError> {
    let own = column_type(array.data_type()).ok_or(ConversionError::Type)?;
    match (own, builder.column_type()) {
        (ColumnType::Text, ColumnType::Text) => {
            each_text(array, |texts| builder.push_texts(texts))?;
            Ok(())
        }
        (ColumnType::Text, wanted) => {
            let mut bad = None;
            each_text(array, |texts| bad = push_cells(builder, texts))?;
            bad.map_or(Ok(()), |cell| Err(ConversionError::Value(format!("`{cell}` is not of type {wanted:?}"))))
        }
        (_, ColumnType::Text) => {
            let texts = cast(array, &DataType::Utf8)?;
            builder.push_texts(texts.as_string::<i32>().iter());
            Ok(())
        }
        (own, wanted) if own == wanted || (own, wanted) == (ColumnType::Int, ColumnType::Float) => {
            builder.push_column(column(array, wanted)?).map_err(|()| ConversionError::Type)
        }
        // Decimals without a fraction, whose values were seen to fit.
        (ColumnType::Float, ColumnType::Int) if may_be_wide(array.data_type()) => {
            builder.push_column(column(array, ColumnType::Int)?).map_err(|()| ConversionError::Type)
        }
        // A column without any value fits everywhere.
        _ if array.null_count() == array.len() => {
            (0..array.len()).for_each(|_| builder.push_missing());
            Ok(())
        }
        _ => Err(ConversionError::Type),
    }
}

fn push_cells(builder: &mut ColumnBuilder, texts: &mut dyn Iterator<Item = Option<&str>>) -> Option<String> {
    for text in texts {
        let cell = text.unwrap_or("");
        if builder.push_cell(cell).is_err() {
            return Some(cell.chars().take(40).collect());
        }
    }
    None
}

/// Hands all texts of an array, in any of Arrow's layouts, to `take`.
fn each_text(
    array: &dyn Array,
    take: impl FnOnce(&mut dyn Iterator<Item = Option<&str>>),
) -> Result<(), ConversionError> {
    match array.data_type() {
        DataType::Utf8 => take(&mut array.as_string::<i32>().iter()),
        DataType::LargeUtf8 => take(&mut array.as_string::<i64>().iter()),
        DataType::Utf8View => take(&mut array.as_string_view().iter()),
        DataType::Dictionary(_, value) if **value == DataType::Utf8 => {
            // By its keys: a text that stands in every row is not copied for each.
            let array = array.as_any_dictionary();
            let texts = array.values().as_string::<i32>();
            let keys = if texts.is_empty() { vec![0; array.len()] } else { array.normalized_keys() };
            let text = |(row, key): (usize, usize)| {
                (!texts.is_empty() && array.is_valid(row) && texts.is_valid(key)).then(|| texts.value(key))
            };
            take(&mut keys.into_iter().enumerate().map(text));
        }
        _ => take(&mut cast(array, &DataType::Utf8)?.as_string::<i32>().iter()),
    }
    Ok(())
}

/// A column of numbers, yes/no or times from an array.
fn column(array: &dyn Array, wanted: ColumnType) -> Result<Column, ConversionError> {
    Ok(match wanted {
        ColumnType::Float => {
            let array = cast(array, &DataType::Float64)?;
            Column::Float(array.as_primitive::<Float64Type>().iter().map(|value| value.unwrap_or(f64::NAN)).collect())
        }
        ColumnType::Int => Column::Int(cast(array, &DataType::Int64)?.as_primitive::<Int64Type>().iter().collect()),
        ColumnType::Bool => Column::Bool(cast(array, &DataType::Boolean)?.as_boolean().iter().collect()),
        ColumnType::Time => Column::Time(times(array)?),
        ColumnType::Text => return Err(ConversionError::Type),
    })
}

/// Milliseconds since the epoch; finer times are rounded down.
fn times(array: &dyn Array) -> Result<Vec<Option<i64>>, ConversionError> {
    let scaled = |values: &mut dyn Iterator<Item = Option<i64>>, factor: i64| {
        let scale = |value: i64| {
            value.checked_mul(factor).ok_or_else(|| ConversionError::Value(format!("{value} is past the last time")))
        };
        values.map(|value| value.map(scale).transpose()).collect()
    };
    let floored = |values: &mut dyn Iterator<Item = Option<i64>>, divisor: i64| {
        Ok(values.map(|value| value.map(|value| value.div_euclid(divisor))).collect())
    };
    match array.data_type() {
        DataType::Date32 => {
            scaled(&mut array.as_primitive::<Date32Type>().iter().map(|days| days.map(i64::from)), DAY_MS)
        }
        DataType::Date64 => scaled(&mut array.as_primitive::<Date64Type>().iter(), 1),
        DataType::Timestamp(TimeUnit::Second, _) => {
            scaled(&mut array.as_primitive::<TimestampSecondType>().iter(), 1000)
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            scaled(&mut array.as_primitive::<TimestampMillisecondType>().iter(), 1)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            floored(&mut array.as_primitive::<TimestampMicrosecondType>().iter(), 1000)
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            floored(&mut array.as_primitive::<TimestampNanosecondType>().iter(), 1_000_000)
        }
        DataType::Dictionary(_, value) => times(&*cast(array, value)?),
        _ => Err(ConversionError::Type),
    }
}

/// A cast that fails where a value would be lost.
fn cast(array: &dyn Array, to: &DataType) -> Result<ArrayRef, ConversionError> {
    let options = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(array, to, &options).map_err(|error| ConversionError::Value(error.to_string()))
}
