//! A set of oracle cases: `expected.json` and the tables beside it, read once each.

use parquet::basic::{LogicalType, TimeUnit, Type};
use parquet::column::reader::ColumnReader;
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

pub struct Case {
    pub id: String,
    pub area: String,
    pub metric: String,
    pub data: Value,
    pub params: Value,
    pub expected: Value,
    pub tolerance: (f64, f64),
}

impl Case {
    /// A text from the data or the parameters.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.data.get(key).or_else(|| self.params.get(key)).and_then(Value::as_str)
    }

    pub fn need(&self, key: &str) -> Result<&str, String> {
        self.text(key).ok_or_else(|| format!("the case has no `{key}`"))
    }

    pub fn number(&self, key: &str) -> Option<f64> {
        self.params.get(key).and_then(Value::as_f64)
    }

    pub fn texts(&self, key: &str) -> Vec<String> {
        let list = self.params.get(key).or_else(|| self.data.get(key)).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    pub fn numbers(&self, key: &str) -> Vec<f64> {
        self.params.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_f64).collect()
    }

    pub fn chunk(&self) -> Result<usize, String> {
        self.number("chunk_size").map(|size| size as usize).ok_or_else(|| "the case has no `chunk_size`".to_owned())
    }
}

/// A column: numbers (NaN missing) or texts.
#[derive(Debug, Clone)]
pub enum Column {
    Number(Vec<f64>),
    Text(Vec<Option<String>>),
    Flag(Vec<Option<bool>>),
}

impl Column {
    pub fn len(&self) -> usize {
        match self {
            Column::Number(values) => values.len(),
            Column::Text(values) => values.len(),
            Column::Flag(values) => values.len(),
        }
    }

    pub fn is_number(&self) -> bool {
        matches!(self, Column::Number(_))
    }

    /// As numbers; texts are NaN, flags 0 and 1.
    pub fn numbers(&self) -> Vec<f64> {
        match self {
            Column::Number(values) => values.clone(),
            Column::Text(values) => vec![f64::NAN; values.len()],
            Column::Flag(values) => {
                values.iter().map(|flag| flag.map_or(f64::NAN, |f| f64::from(u8::from(f)))).collect()
            }
        }
    }

    /// As texts; `None` is missing.
    pub fn texts(&self) -> Vec<Option<String>> {
        match self {
            Column::Number(values) => {
                values.iter().map(|value| (!value.is_nan()).then(|| format!("{value:?}"))).collect()
            }
            Column::Text(values) => values.clone(),
            Column::Flag(values) => {
                values.iter().map(|flag| flag.map(|flag| if flag { "True" } else { "False" }.to_owned())).collect()
            }
        }
    }

    pub fn slice(&self, from: usize, to: usize) -> Column {
        match self {
            Column::Number(values) => Column::Number(values[from..to].to_vec()),
            Column::Text(values) => Column::Text(values[from..to].to_vec()),
            Column::Flag(values) => Column::Flag(values[from..to].to_vec()),
        }
    }
}

#[derive(Debug, Clone)]
pub struct Table {
    pub columns: Vec<(String, Column)>,
}

impl Table {
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, |(_, column)| column.len())
    }

    pub fn column(&self, name: &str) -> Result<&Column, String> {
        let found = self.columns.iter().find(|(column, _)| column == name);
        found.map(|(_, column)| column).ok_or_else(|| format!("there is no column `{name}`"))
    }

    pub fn numbers(&self, name: &str) -> Result<Vec<f64>, String> {
        Ok(self.column(name)?.numbers())
    }

    pub fn texts(&self, name: &str) -> Result<Vec<Option<String>>, String> {
        Ok(self.column(name)?.texts())
    }
}

pub struct Set {
    folder: PathBuf,
    pub cases: Vec<Case>,
    tables: RefCell<HashMap<String, Rc<Table>>>,
}

impl Set {
    pub fn open(folder: &Path) -> Result<Set, String> {
        let text = std::fs::read_to_string(folder.join("expected.json"))
            .map_err(|error| format!("could not read expected.json in {}: {error}", folder.display()))?;
        let document: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        let list = document["cases"].as_array().ok_or("expected.json has no cases")?;
        let text = |case: &Value, key: &str| case[key].as_str().unwrap_or_default().to_owned();
        let cases = list
            .iter()
            .map(|case| Case {
                id: text(case, "id"),
                area: text(case, "area"),
                metric: text(case, "metric"),
                data: case["data"].clone(),
                params: case["params"].clone(),
                expected: case["expected"].clone(),
                tolerance: (case["tol"]["abs"].as_f64().unwrap_or(0.0), case["tol"]["rel"].as_f64().unwrap_or(0.0)),
            })
            .collect();
        Ok(Set { folder: folder.to_owned(), cases, tables: RefCell::default() })
    }

    pub fn read(&self, file: &str) -> Result<String, String> {
        std::fs::read_to_string(self.folder.join(file)).map_err(|error| format!("could not read {file}: {error}"))
    }

    pub fn table(&self, file: &str) -> Result<Rc<Table>, String> {
        if let Some(table) = self.tables.borrow().get(file) {
            return Ok(table.clone());
        }
        let table = if file.ends_with(".parquet") {
            read_parquet(&self.folder.join(file))?
        } else {
            read_csv(&self.read(file)?)?
        };
        let table = Rc::new(table);
        self.tables.borrow_mut().insert(file.to_owned(), table.clone());
        Ok(table)
    }

    /// The table that the case names under `key`.
    pub fn of(&self, case: &Case, key: &str) -> Result<Rc<Table>, String> {
        self.table(case.need(key)?)
    }
}

/// Comma separated, no quotes; an empty field is missing. A column is numeric when every present field is a number.
fn read_csv(text: &str) -> Result<Table, String> {
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().ok_or("the file is empty")?.split(',').collect();
    let mut fields: Vec<Vec<Option<String>>> = vec![Vec::new(); names.len()];
    for line in lines.filter(|line| !line.is_empty()) {
        for (column, field) in fields.iter_mut().zip(line.split(',')) {
            column.push((!field.is_empty()).then(|| field.to_owned()));
        }
    }
    let columns = names.iter().zip(fields).map(|(name, fields)| {
        let numbers: Option<Vec<f64>> =
            fields.iter().map(|field| field.as_ref().map_or(Some(f64::NAN), |field| field.parse().ok())).collect();
        let flags: Option<Vec<Option<bool>>> = fields
            .iter()
            .map(|field| match field.as_deref() {
                Some("True") => Some(Some(true)),
                Some("False") => Some(Some(false)),
                None => Some(None),
                _ => None,
            })
            .collect();
        let column = match (numbers, flags) {
            (Some(numbers), _) => Column::Number(numbers),
            (None, Some(flags)) => Column::Flag(flags),
            (None, None) => Column::Text(fields),
        };
        ((*name).to_owned(), column)
    });
    Ok(Table { columns: columns.collect() })
}

fn read_parquet(path: &Path) -> Result<Table, String> {
    let say = |error: &dyn std::fmt::Display| format!("could not read {}: {error}", path.display());
    let file = std::fs::File::open(path).map_err(|error| say(&error))?;
    let reader = SerializedFileReader::new(file).map_err(|error| say(&error))?;
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    let mut columns: Vec<(String, Column)> = schema
        .columns()
        .iter()
        .map(|column| {
            let empty = match column.physical_type() {
                Type::BYTE_ARRAY | Type::FIXED_LEN_BYTE_ARRAY => Column::Text(Vec::new()),
                Type::BOOLEAN => Column::Flag(Vec::new()),
                _ => Column::Number(Vec::new()),
            };
            (column.name().to_owned(), empty)
        })
        .collect();
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group).map_err(|error| say(&error))?;
        let rows = group.metadata().num_rows() as usize;
        for (index, (_, column)) in columns.iter_mut().enumerate() {
            let descriptor = schema.column(index);
            let scale = match descriptor.logical_type_ref() {
                Some(LogicalType::Timestamp(stamp)) => match stamp.unit {
                    TimeUnit::MILLIS => 1e-3,
                    TimeUnit::MICROS => 1e-6,
                    TimeUnit::NANOS => 1e-9,
                },
                _ => 1.0,
            };
            let reader = group.get_column_reader(index).map_err(|error| say(&error))?;
            append(column, reader, rows, descriptor.max_def_level(), scale).map_err(|error| say(&error))?;
        }
    }
    Ok(Table { columns })
}

fn append(
    column: &mut Column,
    reader: ColumnReader,
    rows: usize,
    top: i16,
    scale: f64,
) -> Result<(), parquet::errors::ParquetError> {
    macro_rules! read {
        ($reader:expr, $into:expr, $missing:expr, $map:expr) => {{
            let mut reader = $reader;
            let (mut levels, mut values) = (Vec::new(), Vec::new());
            let levels_into = (top > 0).then_some(&mut levels);
            reader.read_records(rows, levels_into, None, &mut values)?;
            let mut values = values.into_iter().map($map);
            if top == 0 {
                $into.extend(values);
            } else {
                for level in levels {
                    $into.push(if level == top { values.next().unwrap_or($missing) } else { $missing });
                }
            }
        }};
    }
    match (column, reader) {
        (Column::Number(into), ColumnReader::DoubleColumnReader(reader)) => read!(reader, into, f64::NAN, |x| x),
        (Column::Number(into), ColumnReader::FloatColumnReader(reader)) => read!(reader, into, f64::NAN, f64::from),
        (Column::Number(into), ColumnReader::Int32ColumnReader(reader)) => read!(reader, into, f64::NAN, f64::from),
        (Column::Number(into), ColumnReader::Int64ColumnReader(reader)) => {
            read!(reader, into, f64::NAN, |x: i64| (x as f64) * scale)
        }
        (Column::Flag(into), ColumnReader::BoolColumnReader(reader)) => read!(reader, into, None, Some),
        (Column::Text(into), ColumnReader::ByteArrayColumnReader(reader)) => {
            read!(reader, into, None, |x: parquet::data_type::ByteArray| Some(
                String::from_utf8_lossy(x.data()).into_owned()
            ))
        }
        _ => return Err(parquet::errors::ParquetError::General("a column type that no oracle uses".to_owned())),
    }
    Ok(())
}

/// What differs between an answer and the expectation, with the rules of `check.py`.
pub fn misses(expected: &Value, got: &Value, (abs, rel): (f64, f64), path: &str) -> Vec<String> {
    let one = |text: String| vec![text];
    match (expected, got) {
        (Value::Object(expected), Value::Object(got)) => expected
            .iter()
            .flat_map(|(key, want)| match got.get(key) {
                Some(got) => misses(want, got, (abs, rel), &format!("{path}.{key}")),
                None => one(format!("{path}.{key}: absent")),
            })
            .collect(),
        (Value::Array(expected), Value::Array(got)) if expected.len() == got.len() => expected
            .iter()
            .zip(got)
            .enumerate()
            .flat_map(|(i, (want, got))| misses(want, got, (abs, rel), &format!("{path}[{i}]")))
            .collect(),
        (Value::Number(want), Value::Number(have)) => {
            let (want, have) = (want.as_f64().unwrap_or(f64::NAN), have.as_f64().unwrap_or(f64::NAN));
            let whole = expected.is_i64() && got.is_i64();
            let close = if whole { want == have } else { (want - have).abs() <= abs + rel * want.abs() };
            if close { Vec::new() } else { one(format!("{path}: {have} is not {want}")) }
        }
        _ if expected == got => Vec::new(),
        _ => {
            let short = |value: &Value| value.to_string().chars().take(60).collect::<String>();
            one(format!("{path}: {} is not {}", short(got), short(expected)))
        }
    }
}
