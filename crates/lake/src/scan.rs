//! Text files as columns, in two passes: the first finds the names and the type of every column, the second
//! fills columns, a chunk at a time. So a type is never a guess from the first rows, and SQL over a large CSV
//! needs no more memory than a chunk.

use std::{collections::HashMap, path::Path};

use kilter_domain::{
    nearest::nearest,
    table::{Column, ColumnType},
};

use crate::{
    builder::ColumnBuilder,
    csv::{CsvRecords, MAX_COLUMNS},
    error::LakeError,
    format::Format,
    infer_schema::TypeInference,
    jsonl::JsonRecords,
    read::ReadOptions,
    source::Source,
};

/// What the first pass found: how to read the files of one table.
#[derive(Clone, Debug)]
pub(crate) struct Scan {
    source: Source,
    /// The columns to fill, in the order asked for.
    pub columns: Vec<(String, ColumnType)>,
    /// Rows in the files.
    pub rows: u64,
}

impl Scan {
    /// Reads the files once to learn names, types and row count.
    pub fn plan(source: Source, options: &ReadOptions) -> Result<Self, LakeError> {
        let (found, rows) = match source.format {
            Format::JsonLines => guess_json(&source)?,
            _ => guess_csv(&source)?,
        };
        let typed = found.into_iter().map(|(name, guess)| (name, guess.column_type())).collect();
        let columns = chosen(&source.path, typed, options)?;
        Ok(Self { source, columns, rows })
    }

    /// The second pass, from the first row.
    pub fn chunks(&self) -> Chunks {
        Chunks {
            builders: self.columns.iter().map(|(_, column_type)| ColumnBuilder::new(*column_type)).collect(),
            scan: self.clone(),
            next_file: 0,
            open: None,
        }
    }
}

/// The columns asked for with their types, from all there are.
pub(crate) fn chosen(
    path: &std::path::Path,
    mut found: Vec<(String, ColumnType)>,
    options: &ReadOptions,
) -> Result<Vec<(String, ColumnType)>, LakeError> {
    let unknown = |name: &str, found: &[(String, ColumnType)]| LakeError::UnknownColumn {
        path: path.to_owned(),
        name: name.to_owned(),
        nearest: nearest(name, found.iter().map(|(name, _)| name.as_str())).map(str::to_owned),
    };
    for (name, column_type) in &options.types {
        let at = found.iter().position(|(known, _)| known == name).ok_or_else(|| unknown(name, &found))?;
        found[at].1 = *column_type;
    }
    let Some(names) = &options.columns else { return Ok(found) };
    let mut columns: Vec<(String, ColumnType)> = Vec::with_capacity(names.len());
    for name in names {
        let column = found.iter().find(|(known, _)| known == name).ok_or_else(|| unknown(name, &found))?;
        if !columns.contains(column) {
            columns.push(column.clone());
        }
    }
    Ok(columns)
}

fn guess_csv(source: &Source) -> Result<(Vec<(String, TypeInference)>, u64), LakeError> {
    let mut found: Vec<(String, TypeInference)> = Vec::new();
    let mut rows = 0;
    for (index, file) in source.files.iter().enumerate() {
        let mut records = CsvRecords::open(file, source.format)?;
        if index == 0 {
            found = records.names().iter().map(|name| (name.clone(), TypeInference::default())).collect();
        }
        let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        let positions = positions(source, file, &records, &names)?;
        if records.names().len() > found.len() {
            let what = format!("it has {} columns and not {}", records.names().len(), found.len());
            return Err(LakeError::DifferentColumns { path: file.clone(), first: source.files[0].clone(), what });
        }
        while records.advance()? {
            for ((_, guess), &at) in found.iter_mut().zip(&positions) {
                guess.observe_text(records.cell(at)?);
            }
            rows += 1;
        }
    }
    Ok((found, rows))
}

fn guess_json(source: &Source) -> Result<(Vec<(String, TypeInference)>, u64), LakeError> {
    let mut found: Vec<(String, TypeInference)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut rows = 0;
    for file in &source.files {
        let mut records = JsonRecords::open(file)?;
        while records.advance()? {
            for (key, value) in records.object() {
                let at = places.get(key).copied().unwrap_or_else(|| {
                    places.insert(key.clone(), found.len());
                    found.push((key.clone(), TypeInference::default()));
                    found.len() - 1
                });
                found[at].1.observe_json(value);
            }
            if found.len() > MAX_COLUMNS {
                return Err(LakeError::TooManyColumns { path: file.clone(), limit: MAX_COLUMNS });
            }
            rows += 1;
        }
    }
    if found.is_empty() { Err(LakeError::Empty { path: source.path.clone() }) } else { Ok((found, rows)) }
}

/// Where the columns `names` stand in this file.
fn positions<S: AsRef<str>>(
    source: &Source,
    file: &Path,
    records: &CsvRecords,
    names: &[S],
) -> Result<Vec<usize>, LakeError> {
    let places: HashMap<&str, usize> = records.names().iter().enumerate().map(|(at, name)| (&**name, at)).collect();
    let place = |name: &S| {
        places.get(name.as_ref()).copied().ok_or_else(|| LakeError::DifferentColumns {
            path: file.to_owned(),
            first: source.files[0].clone(),
            what: format!("it has no column `{}`", name.as_ref()),
        })
    };
    names.iter().map(place).collect()
}

/// One open file of the second pass.
enum Records {
    Csv { records: Box<CsvRecords>, positions: Vec<usize> },
    Json(JsonRecords),
}

/// The rows of a scan, a chunk of columns at a time.
pub(crate) struct Chunks {
    scan: Scan,
    builders: Vec<ColumnBuilder>,
    next_file: usize,
    open: Option<Records>,
}

impl Chunks {
    /// Moves at most `rows` rows into the builders: fewer only at the end of a file, 0 at the end of the last.
    pub fn advance(&mut self, rows: usize) -> Result<usize, LakeError> {
        loop {
            let Some(records) = &mut self.open else { if self.open_next()? { continue } else { return Ok(0) } };
            let path = &self.scan.source.files[self.next_file - 1];
            let read = fill(records, &mut self.builders, &self.scan.columns, path, rows)?;
            if read < rows {
                self.open = None;
            }
            if read > 0 {
                return Ok(read);
            }
        }
    }

    /// The columns filled so far.
    pub fn builders(&self) -> &[ColumnBuilder] {
        &self.builders
    }

    /// The columns filled since the last take.
    pub fn take(&mut self) -> Vec<Column> {
        self.builders.iter_mut().map(ColumnBuilder::take).collect()
    }

    fn open_next(&mut self) -> Result<bool, LakeError> {
        let Some(file) = self.scan.source.files.get(self.next_file) else { return Ok(false) };
        self.next_file += 1;
        self.open = Some(match self.scan.source.format {
            Format::JsonLines => Records::Json(JsonRecords::open(file)?),
            format => {
                let records = Box::new(CsvRecords::open(file, format)?);
                let names: Vec<&str> = self.scan.columns.iter().map(|(name, _)| name.as_str()).collect();
                let positions = positions(&self.scan.source, file, &records, &names)?;
                Records::Csv { records, positions }
            }
        });
        Ok(true)
    }
}

/// Moves at most `rows` rows into the builders; how many there were.
fn fill(
    records: &mut Records,
    builders: &mut [ColumnBuilder],
    columns: &[(String, ColumnType)],
    path: &std::path::Path,
    rows: usize,
) -> Result<usize, LakeError> {
    let bad = |line: u64, at: usize, text: &str| LakeError::BadCell {
        path: path.to_owned(),
        line,
        column: columns[at].0.clone(),
        text: text.chars().take(40).collect(),
        wanted: columns[at].1,
    };
    for read in 0..rows {
        match records {
            Records::Csv { records, positions } => {
                if !records.advance()? {
                    return Ok(read);
                }
                for (index, builder) in builders.iter_mut().enumerate() {
                    let cell = records.cell(positions[index])?;
                    builder.push_cell(cell).map_err(|()| bad(records.line(), index, cell))?;
                }
            }
            Records::Json(records) => {
                if !records.advance()? {
                    return Ok(read);
                }
                for (index, builder) in builders.iter_mut().enumerate() {
                    let value = records.object().get(&columns[index].0).unwrap_or(&serde_json::Value::Null);
                    builder.push_json(value).map_err(|()| bad(records.line(), index, &value.to_string()))?;
                }
            }
        }
    }
    Ok(rows)
}
