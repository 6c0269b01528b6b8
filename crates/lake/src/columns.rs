//! A table read one column at a time, so that a file much larger than memory can be looked at.
//!
//! Invariants: of a Parquet file only the pages of the column asked for are decoded, a batch at a time, straight into
//! what statistics take: numbers without a detour over cells, texts as counts of what a page's dictionary names. Text
//! files have no columns to skip to; they are read once, whole, within the bound of memory.

use std::{
    collections::HashMap,
    fs::File,
    path::{Path, PathBuf},
};

use arrow::{
    array::{Array, AsArray, Float64Array},
    compute::cast,
    datatypes::{ArrowDictionaryKeyType, DataType, Float64Type, Int32Type, Int64Type},
};
use kilter_domain::{
    nearest::nearest,
    table::{Column, ColumnType, Table},
};
use parquet::arrow::{
    ProjectionMask,
    arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder},
};

use crate::{
    arrow_types,
    builder::ColumnBuilder,
    claims::{Leaves, check_pages},
    error::{LakeError, damaged},
    format::Format,
    parquet::{Merge, exact_type, footer, guarded, survey, unfit_error},
    read::{ReadOptions, read_table, table_memory},
    source::{Source, io},
};

/// Rows decoded at once.
const BATCH_ROWS: usize = 1 << 16;
/// Whole numbers up to here are exact as 64-bit floats.
const EXACT: u64 = 1 << 53;

/// Some rows of a column, as statistics take them.
#[derive(Debug)]
pub enum Values<'a> {
    /// Numbers, yes/no as 1 and 0, times in milliseconds; NaN is missing. All whole numbers among them are exact.
    Numbers(&'a [f64]),
    /// Whole numbers of which some lie beyond 2^53, so that a 64-bit float would round them.
    Wholes(&'a [Option<i64>]),
    /// Texts with how often each occurs among these rows (a text may come more than once).
    Texts {
        /// Each text with its count.
        counts: &'a [(&'a str, u64)],
        /// Rows without a text.
        missing: u64,
    },
}

/// A table whose columns are read one at a time.
#[derive(Debug)]
pub struct TableColumns {
    path: PathBuf,
    columns: Vec<(String, ColumnType)>,
    unread: Vec<(String, String)>,
    rows: u64,
    bytes: Bytes,
}

#[derive(Debug)]
enum Bytes {
    /// Parquet files with their footers.
    Files(Vec<(PathBuf, ArrowReaderMetadata)>),
    /// What a text file held.
    Held(Table),
}

impl TableColumns {
    /// Opens a table: a file or a folder of files, as for [`read_table`].
    ///
    /// # Errors
    /// As [`read_table`]; damage inside of a Parquet column shows when it is read.
    pub fn open(path: &Path, options: &ReadOptions) -> Result<Self, LakeError> {
        let source = Source::open(path)?;
        if source.format != Format::Parquet {
            let table = read_table(path, options)?;
            let columns = arrow_types::columns_of(&table);
            let rows = table.rows() as u64;
            return Ok(Self { path: path.to_owned(), columns, unread: Vec::new(), rows, bytes: Bytes::Held(table) });
        }
        let survey = survey(&source, Merge::Equal)?;
        let (mut columns, mut unread) = (Vec::new(), Vec::new());
        for (name, data_type) in &survey.fields {
            match arrow_types::column_type(data_type) {
                Some(own) => columns.push((name.clone(), exact_type(&source, &survey, name, own)?)),
                None => unread.push((name.clone(), data_type.to_string())),
            }
        }
        let footers =
            source.files.into_iter().map(|file| Ok((file.clone(), guarded(&file, || footer(&file, by_dictionary))?)));
        let bytes = Bytes::Files(footers.collect::<Result<_, LakeError>>()?);
        Ok(Self { path: path.to_owned(), columns, unread, rows: survey.rows, bytes })
    }

    /// Names and types, in the table's order.
    pub fn columns(&self) -> &[(String, ColumnType)] {
        &self.columns
    }

    /// Columns whose type has no place among numbers, texts, yes/no and times, with that type.
    pub fn unread(&self) -> &[(String, String)] {
        &self.unread
    }

    /// Rows of the table.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Hands the rows of the column called `name` to `take`, some at a time and in order.
    ///
    /// # Errors
    /// A column that is not there, and damage or values out of range in its pages.
    pub fn read(&self, name: &str, mut take: impl FnMut(Values<'_>)) -> Result<(), LakeError> {
        let Some((_, column_type)) = self.columns.iter().find(|(known, _)| known == name) else {
            return Err(LakeError::UnknownColumn {
                path: self.path.clone(),
                name: name.to_owned(),
                nearest: nearest(name, self.columns.iter().map(|(known, _)| known.as_str())).map(str::to_owned),
            });
        };
        match &self.bytes {
            Bytes::Files(files) => {
                for (path, footer) in files {
                    guarded(path, || read_file(path, footer, name, *column_type, &mut take))?;
                }
            }
            Bytes::Held(table) => {
                if let Some(column) = table.get(name) {
                    hand_over(column, &mut take);
                }
            }
        }
        Ok(())
    }
}

/// Texts are read by the dictionaries of their pages.
fn by_dictionary(data_type: &DataType) -> Option<DataType> {
    let dictionary = || DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    (*data_type == DataType::Utf8).then(dictionary)
}

fn read_file(
    path: &Path,
    footer: &ArrowReaderMetadata,
    name: &str,
    column_type: ColumnType,
    take: &mut impl FnMut(Values<'_>),
) -> Result<(), LakeError> {
    let file = File::open(path).map_err(|source| io("open", path, source))?;
    let place = footer.schema().fields().iter().position(|field| field.name() == name);
    let place = place.ok_or_else(|| damaged(path, format!("column `{name}` vanished while it was read")))?;
    let mask = ProjectionMask::roots(footer.parquet_schema(), [place]);
    check_pages(&file, path, footer.metadata(), &Leaves::Of(&mask), table_memory())?;
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, footer.clone());
    let reader = builder.with_projection(mask).with_batch_size(BATCH_ROWS).build();
    for batch in reader.map_err(|error| damaged(path, error))? {
        let batch = batch.map_err(|error| damaged(path, error))?;
        let array = batch.column(0);
        match column_type {
            ColumnType::Text => texts(array, take),
            _ => numbers(array, column_type, take),
        }
        .map_err(|unfit| unfit_error(path, name, column_type, array.data_type(), unfit))?;
    }
    Ok(())
}

/// An array as numbers.
fn numbers(
    array: &dyn Array,
    column_type: ColumnType,
    take: &mut impl FnMut(Values<'_>),
) -> Result<(), arrow_types::ConversionError> {
    match array.data_type() {
        DataType::Float64 => floats(array.as_primitive::<Float64Type>(), take),
        DataType::Int64 => {
            let array = array.as_primitive::<Int64Type>();
            if array.iter().flatten().any(|value| value.unsigned_abs() > EXACT) {
                let values: Vec<Option<i64>> = array.iter().collect();
                take(Values::Wholes(&values));
                return Ok(());
            }
            let values: Vec<f64> = match array.null_count() {
                0 => array.values().iter().map(|value| *value as f64).collect(),
                _ => array.iter().map(|value| value.map_or(f64::NAN, |value| value as f64)).collect(),
            };
            take(Values::Numbers(&values));
        }
        DataType::Float32
        | DataType::Int32
        | DataType::Int16
        | DataType::Int8
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32 => {
            let array = cast(array, &DataType::Float64).map_err(|_| arrow_types::ConversionError::Type)?;
            floats(array.as_primitive::<Float64Type>(), take);
        }
        _ => {
            // Times, decimals, yes/no: rarer, and converted where all conversions stand.
            let mut builder = ColumnBuilder::new(column_type);
            arrow_types::append(&mut builder, array)?;
            hand_over(&builder.take(), take);
        }
    }
    Ok(())
}

fn floats(array: &Float64Array, take: &mut impl FnMut(Values<'_>)) {
    if array.null_count() == 0 {
        return take(Values::Numbers(array.values()));
    }
    let values: Vec<f64> = array.iter().map(|value| value.unwrap_or(f64::NAN)).collect();
    take(Values::Numbers(&values));
}

/// An array of texts as counts.
fn texts(array: &dyn Array, take: &mut impl FnMut(Values<'_>)) -> Result<(), arrow_types::ConversionError> {
    match array.data_type() {
        DataType::Dictionary(key, value) if **key == DataType::Int32 && **value == DataType::Utf8 => {
            dictionary::<Int32Type>(array, take);
        }
        _ => {
            let mut builder = ColumnBuilder::new(ColumnType::Text);
            arrow_types::append(&mut builder, array)?;
            hand_over(&builder.take(), take);
        }
    }
    Ok(())
}

/// Counts the keys of a dictionary, and names only those that occur.
fn dictionary<K: ArrowDictionaryKeyType>(array: &dyn Array, take: &mut impl FnMut(Values<'_>))
where
    K::Native: TryInto<usize>,
{
    let array = array.as_dictionary::<K>();
    let names = array.values().as_string::<i32>();
    let mut counts = vec![0u64; names.len()];
    let mut count = |key: K::Native| {
        if let Some(count) = key.try_into().ok().and_then(|key: usize| counts.get_mut(key)) {
            *count += 1;
        }
    };
    match array.keys().null_count() {
        0 => array.keys().values().iter().copied().for_each(&mut count),
        _ => array.keys().iter().flatten().for_each(&mut count),
    }
    let named: Vec<(&str, u64)> = (0..names.len())
        .filter(|&at| counts[at] > 0 && names.is_valid(at))
        .map(|at| (names.value(at), counts[at]))
        .collect();
    let present: u64 = named.iter().map(|(_, rows)| rows).sum();
    take(Values::Texts { counts: &named, missing: array.len() as u64 - present });
}

/// A column in memory.
fn hand_over(column: &Column, take: &mut impl FnMut(Values<'_>)) {
    match column {
        Column::Float(values) => take(Values::Numbers(values)),
        Column::Text(values) => {
            let mut counts: HashMap<&str, u64> = HashMap::new();
            values.iter().flatten().for_each(|text| *counts.entry(text).or_default() += 1);
            let counts: Vec<(&str, u64)> = counts.into_iter().collect();
            let present: u64 = counts.iter().map(|(_, rows)| rows).sum();
            take(Values::Texts { counts: &counts, missing: values.len() as u64 - present });
        }
        Column::Int(values) if values.iter().flatten().any(|value| value.unsigned_abs() > EXACT) => {
            take(Values::Wholes(values));
        }
        _ => {
            let values: Vec<f64> = (0..column.len()).map(|row| column.number(row)).collect();
            take(Values::Numbers(&values));
        }
    }
}
