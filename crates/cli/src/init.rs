//! `kilter init`: a first contract for a table.

use std::{
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use clap::Args;
use kilter_domain::{
    contract::{self, ColumnSummary, InitFrom},
    nearest::nearest,
    table::{Column, Table},
};
use kilter_lake::{Distinct, ReadOptions, read_table, summaries};
use kilter_wire::{Code, Problem};
use serde::Serialize;

use crate::{
    failure::disk,
    files::{make_folder, write_new},
    page::{Answer, Mark, Page},
    stop::Stop,
};

/// Rows that the guesses are made from.
const LOOKED_AT: usize = 200_000;
/// Values of a column that are looked at one by one.
const SAMPLES: usize = 20;

/// Write a first kilter.toml for a table: small, valid, with comments.
///
/// What it guesses (time, label, ids) stands there with a comment; look it over. An existing kilter.toml is left alone.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The table: Parquet, CSV, TSV or JSON lines.
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// The column to predict; by default it is guessed from names.
    #[arg(long, value_name = "COLUMN")]
    label: Option<String>,
    /// The project's folder.
    #[arg(default_value = ".")]
    project: PathBuf,
}

#[derive(Serialize)]
struct Written {
    file: PathBuf,
    rows: usize,
    columns: usize,
    /// The column to predict, as stated or guessed.
    label: Option<String>,
}

impl Init {
    pub(crate) fn run(self) -> Result<Answer, Stop> {
        let here = self.project == Path::new(".");
        let file = if here { PathBuf::from("kilter.toml") } else { self.project.join("kilter.toml") };
        if file.exists() {
            return Err(Problem::new(Code::FileExists, format!("`{}` exists already", file.display()))
                .hint("see what it says with `kilter check`, or choose another folder")
                .into());
        }
        let table = read_table(&self.from, &ReadOptions { limit: Some(LOOKED_AT), ..ReadOptions::default() })?;
        let columns = columns(&table);
        self.check_label(&table)?;
        make_folder(&self.project)?;
        let path = inside(&self.project, &self.from)?;
        let name = std::path::absolute(&self.project).ok();
        let name = name.as_deref().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or("project");
        let (rows, label) = (table.rows() as u64, self.label.as_deref());
        let text = contract::init(&InitFrom { name, path: &path, rows, columns: &columns, label });
        write_new(&file, text.as_bytes())?;
        let written = Written { file, rows: table.rows(), columns: columns.len(), label: label_in(&text) };
        let page = written.page();
        Ok(Answer::done(&written, page))
    }

    /// Refuses a label that is no column of the table.
    fn check_label(&self, table: &Table) -> Result<(), Stop> {
        let Some(label) = self.label.as_deref().filter(|label| table.get(label).is_none()) else { return Ok(()) };
        let known = table.names();
        let hint = match nearest(label, known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the columns are {}", known.join(", ")),
        };
        let detail = format!("`{}` has no column `{label}` to predict", self.from.display());
        Err(Problem::new(Code::UsageInvalid, detail).hint(hint).into())
    }
}

impl Written {
    fn page(&self) -> Page {
        let Self { file, rows, columns, label } = self;
        let page =
            Page::new().marked(Mark::Ok, format!("wrote {} for {rows} rows of {columns} columns", file.display()));
        match label {
            Some(label) => page
                .line(format!("It predicts `{label}`. Look it over, then: kilter check, kilter run, kilter replay .")),
            None => page.marked(
                Mark::Warn,
                "no column looks like the one to predict: name it in the file, or begin again with --label COLUMN",
            ),
        }
    }
}

/// The column that a contract predicts.
fn label_in(text: &str) -> Option<String> {
    contract::Contract::parse(text).ok()?.data.first()?.label.clone()
}

/// The path of the table as the contract names it: relative to the project where it lies in there.
fn inside(project: &Path, file: &Path) -> Result<String, Stop> {
    let whole = |path: &Path| path.canonicalize().map_err(|error| disk("find", path, &error));
    let (project, file) = (whole(project)?, whole(file)?);
    let path = file.strip_prefix(&project).map_err(|_| {
        let detail = format!("`{}` lies outside of the project `{}`", file.display(), project.display());
        Problem::new(Code::UsageInvalid, detail).hint("copy or link the file into the project's folder first")
    })?;
    let parts = path.components().filter_map(|part| match part {
        Component::Normal(part) => part.to_str(),
        _ => None,
    });
    Ok(parts.collect::<Vec<_>>().join("/"))
}

/// What the first contract is guessed from.
fn columns(table: &Table) -> Vec<ColumnSummary> {
    let numbers = summaries(table);
    let of = |(summary, (name, column)): (kilter_lake::ColumnSummary, (&str, &Column))| {
        let (min, max) = ends(column);
        ColumnSummary {
            name: name.to_owned(),
            column_type: summary.column_type,
            distinct: match summary.distinct {
                Distinct::Exactly(count) => count as u64,
                Distinct::MoreThan(count) => count as u64 + 1,
            },
            missing: summary.missing as u64,
            min: min.map(|text| text.to_string()),
            max: max.map(|text| text.to_string()),
            samples: (0..column.len())
                .filter_map(|row| column.label(row))
                .take(SAMPLES)
                .map(|t| t.to_string())
                .collect(),
        }
    };
    numbers.into_iter().zip(table.columns()).map(of).collect()
}

/// The least and the greatest value of a column.
fn ends(column: &Column) -> (Option<Arc<str>>, Option<Arc<str>>) {
    let present = || (0..column.len()).filter(|&row| !column.is_missing(row));
    let ends = match column {
        Column::Text(_) => {
            (present().min_by_key(|&row| column.label(row)), present().max_by_key(|&row| column.label(row)))
        }
        Column::Int(values) => (present().min_by_key(|&row| values[row]), present().max_by_key(|&row| values[row])),
        _ => {
            let order = |a: &usize, b: &usize| column.number(*a).total_cmp(&column.number(*b));
            (present().min_by(order), present().max_by(order))
        }
    };
    (ends.0.and_then(|row| column.label(row)), ends.1.and_then(|row| column.label(row)))
}
