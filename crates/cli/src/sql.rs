//! `kilter sql`: one query over files, to the terminal or into a file.

use std::{fs, path::PathBuf, str::FromStr};

use clap::Args;
use kilter_domain::table::{Column, Table};
use kilter_lake::{QueryResult, SqlOptions, sql};
use kilter_wire::{Code, Problem};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    failure::{disk, usage},
    page::{Answer, Mark, Page, TextTable},
    stop::Stop,
};

/// Memory for rows that are shown.
const SHOWN_BYTES: usize = 256 << 20;

/// Answer a SQL query over files: joins, windows, lags, point-in-time features.
///
/// Rows without ORDER BY come in any order. A query that would answer differently every time (`now()`, `random()`) is
/// refused unless --volatile says so.
#[derive(Debug, Args)]
pub(crate) struct Sql {
    /// The query: one SELECT.
    #[arg(required_unless_present = "file")]
    query: Option<String>,
    /// Read the query from a file.
    #[arg(long, value_name = "FILE", conflicts_with = "query")]
    file: Option<PathBuf>,
    /// A file, or a folder of them, and its name in the query; may stand several times.
    #[arg(long = "table", short, value_name = "NAME=FILE")]
    tables: Vec<Named>,
    /// Write all rows into a file instead of showing some.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The most rows to show.
    #[arg(long, value_name = "ROWS", default_value_t = 40, conflicts_with = "out")]
    limit: usize,
    /// Allow functions that answer differently every time.
    #[arg(long)]
    volatile: bool,
}

/// A table of the query.
#[derive(Clone, Debug)]
struct Named {
    name: String,
    path: PathBuf,
}

impl FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, path)) if !name.is_empty() && !path.is_empty() => {
                Ok(Self { name: name.to_owned(), path: path.into() })
            }
            _ => Err("write it as NAME=FILE, like orders=data/orders.parquet".to_owned()),
        }
    }
}

#[derive(Serialize)]
struct Written {
    out: PathBuf,
    rows: u64,
    columns: Vec<String>,
}

#[derive(Serialize)]
struct Shown {
    columns: Vec<String>,
    /// One object a row, at most as many as asked for.
    rows: Vec<Map<String, Value>>,
    /// All rows of the answer.
    total: usize,
}

impl Sql {
    pub(crate) fn run(self) -> Result<Answer, Stop> {
        let query = self.query()?;
        let tables: Vec<_> = self.tables.iter().map(|table| (table.name.clone(), table.path.clone())).collect();
        let options = SqlOptions { volatile: self.volatile, ..SqlOptions::default() };
        let result = sql(&query, &tables, &options)?;
        let columns = result.columns().iter().map(|(name, _)| name.clone()).collect();
        match self.out {
            Some(out) => written(result, out, columns),
            None => Ok(shown(&result.into_table(SHOWN_BYTES)?, self.limit, columns)),
        }
    }

    fn query(&self) -> Result<String, Stop> {
        match (&self.query, &self.file) {
            (Some(query), _) => Ok(query.clone()),
            (None, Some(file)) => fs::read_to_string(file).map_err(|error| disk("read", file, &error)),
            (None, None) => Err(usage("there is no query")),
        }
    }
}

fn written(result: QueryResult, out: PathBuf, columns: Vec<String>) -> Result<Answer, Stop> {
    if let Some(folder) = out.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
        let detail = format!("the folder of `{}` does not exist", out.display());
        return Err(Problem::new(Code::FileNotFound, detail)
            .hint(format!("make it: mkdir -p {}", folder.display()))
            .into());
    }
    let rows = result.write_to(&out)?;
    let page =
        Page::new().marked(Mark::Ok, format!("wrote {rows} rows of {} columns to {}", columns.len(), out.display()));
    Ok(Answer::done(&Written { out, rows, columns }, page))
}

fn shown(table: &Table, limit: usize, columns: Vec<String>) -> Answer {
    let count = table.rows().min(limit);
    let mut text = TextTable::new(columns.clone());
    let mut rows = Vec::with_capacity(count);
    for row in 0..count {
        text.row(table.columns().map(|(_, column)| column.label(row).map_or("–".to_owned(), |text| text.to_string())));
        rows.push(table.columns().map(|(name, column)| (name.to_owned(), json(column, row))).collect());
    }
    let mut page = Page::new().table(text);
    if table.rows() > count {
        page = page.line(format!("{count} of {} rows; --out FILE writes them all", table.rows()));
    }
    Answer::done(&Shown { columns, rows, total: table.rows() }, page)
}

/// A value in JSON; what it cannot say (infinities) is a text.
fn json(column: &Column, row: usize) -> Value {
    let text = || column.label(row).map_or(Value::Null, |text| Value::String(text.to_string()));
    match column {
        Column::Float(values) if values[row].is_finite() => values[row].into(),
        Column::Int(values) => values[row].into(),
        Column::Bool(values) => values[row].into(),
        _ => text(),
    }
}
