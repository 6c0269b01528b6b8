//! `kilter init`: a first contract for a table.

use std::{
    fs,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use clap::Args;

use kilter_api::{Code, Problem};
use kilter_domain::{
    contract::{self, ColumnSummary, InitFrom},
    nearest::nearest,
    plural::counted,
    table::{Column, Table},
};
use kilter_evaluation::{
    label_leakage::{LabelTask, find_label_leakage},
    labelled_predictions::class_name,
};
use kilter_inference::Task;
use kilter_lake::{Distinct, ReadOptions, read_table, summaries};
use serde::Serialize;
use similar::TextDiff;

use crate::{
    fs::{copy_whole, make_folder, write_new, write_whole},
    ui::{
        error::{CliError, disk},
        output::Output,
        unread::Unread,
        view::{Answer, Page, Status},
    },
};

/// Rows that the guesses are made from.
const LOOKED_AT: usize = 200_000;
/// Values of a column that are looked at one by one.
const SAMPLES: usize = 20;
/// Rows that are asked whether a column alone tells the label.
const MAX_ASKED: usize = 20_000;

/// Write a first kilter.toml for a table: small, valid and commented.
///
/// What it guesses (time, label, ids) stands there with a comment; look it over. Columns that alone tell the label, and those
/// that look like ids, are no features. A table outside of the project is copied into its folder `data`. An existing
/// kilter.toml is left alone, unless --label or --force says what to write: then the difference is shown, and you are asked.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The table: Parquet, CSV, TSV or JSON lines.
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// The column to predict; by default it is guessed from names.
    #[arg(long, value_name = "COLUMN")]
    label: Option<String>,
    /// Replace an existing kilter.toml without asking.
    #[arg(long)]
    force: bool,
    /// The folder of the project.
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
    /// Columns that alone tell the label.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    telling: Vec<String>,
    /// Where the table was copied to.
    #[serde(skip_serializing_if = "Option::is_none")]
    copied: Option<PathBuf>,
}

impl Init {
    pub(crate) fn run(self, output: &Output) -> Result<Answer, CliError> {
        let here = self.project == Path::new(".");
        let file = if here { PathBuf::from("kilter.toml") } else { self.project.join("kilter.toml") };
        if file.exists() && self.label.is_none() && !self.force {
            return Err(Problem::new(Code::FileExists, format!("`{}` exists already", file.display()))
                .hint("see what it says with `kilter check`, or write it anew with --label COLUMN or --force")
                .into());
        }
        let table = read_table(&self.from, &ReadOptions { limit: Some(LOOKED_AT), ..ReadOptions::default() })?;
        let columns = columns(&table);
        self.check_label(&table)?;
        make_folder(&self.project)?;
        let (path, outside) = inside(&self.project, &self.from)?;
        let name = std::path::absolute(&self.project).ok();
        let name = name.as_deref().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or("project");
        let (rows, label) = (table.rows() as u64, self.label.as_deref());
        let mut from = InitFrom { name, path: &path, rows, columns: &columns, label, telling: &[] };
        let telling = contract::label_of(&from).map(|label| telling_columns(&table, &label)).unwrap_or_default();
        from.telling = &telling;
        let text = contract::init(&from);
        let copied = outside.then(|| self.copy_inside(&path)).transpose()?;
        self.write(&file, &text, output)?;
        let written = contract::Contract::parse(&text).ok().and_then(|contract| contract.data.into_iter().next());
        let ignored = written.as_ref().map(|data| data.ignore.clone()).unwrap_or_default();
        let telling = telling.into_iter().map(|(name, _)| name).filter(|name| ignored.contains(name)).collect();
        let label = written.and_then(|data| data.label);
        let written = Written { file, rows: table.rows(), columns: columns.len(), label, telling, copied };
        let unread = Unread::of_file(&self.from)?;
        let page = written.page();
        Ok(Answer::done(&written, page).left_out(&unread))
    }

    /// Copies the table to its place in the project; a file of other content there is left alone.
    fn copy_inside(&self, path: &str) -> Result<PathBuf, CliError> {
        let place = self.project.join(path);
        if place.exists() {
            let length = |path: &Path| fs::metadata(path).map(|about| about.len()).ok();
            let same = length(&place) == length(&self.from) && fs::read(&place).ok() == fs::read(&self.from).ok();
            let taken = || {
                let detail = format!(
                    "`{}` lies outside of the project, and `{}` is another file",
                    self.from.display(),
                    place.display()
                );
                Problem::new(Code::FileExists, detail).hint("give the file another name, or move it into the project")
            };
            return if same { Ok(place) } else { Err(taken().into()) };
        }
        place.parent().map_or(Ok(()), make_folder)?;
        copy_whole(&self.from, &place)?;
        Ok(place)
    }

    /// Writes the contract. One that is there is replaced once a person has seen the difference, or with --force.
    fn write(&self, file: &Path, text: &str, output: &Output) -> Result<(), CliError> {
        if !file.exists() {
            return write_new(file, text.as_bytes());
        }
        let old = fs::read_to_string(file).map_err(|error| disk("read", file, &error))?;
        if old == text {
            return Ok(());
        }
        let difference = difference(&old, text);
        if self.force {
            output.note(&difference);
            return write_whole(file, text.as_bytes());
        }
        if output.can_ask() {
            output.note(&difference);
            let replace = output.ask(&format!("Replace `{}`?", file.display()));
            if replace.map_err(|error| disk("read your answer for", file, &error))? {
                return write_whole(file, text.as_bytes());
            }
        }
        let detail = format!("`{}` exists already, and would change:\n{difference}", file.display());
        Err(Problem::new(Code::FileExists, detail).hint("use --force to replace it").into())
    }

    /// Refuses a label that is no column of the table.
    fn check_label(&self, table: &Table) -> Result<(), CliError> {
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
        let Self { file, rows, columns, label, telling, copied } = self;
        let mut page = Page::new().marked(
            Status::Ok,
            format!("wrote {} for {} of {}", file.display(), counted(*rows, "row"), counted(*columns, "column")),
        );
        if let Some(place) = copied {
            page = page.marked(Status::Ok, format!("copied the table to {}", place.display()));
        }
        for column in telling {
            page = page
                .marked(Status::Warn, format!("`{column}` alone predicts the label, so it is not a feature: check it"));
        }
        match label {
            Some(label) => page.line(format!(
                "It predicts `{label}`. Check the file, then: kilter check, kilter run, kilter replay ."
            )),
            None => page.marked(
                Status::Warn,
                "no column looks like the one to predict: name it in the file, or begin again with --label COLUMN",
            ),
        }
    }
}

/// The lines that differ, with a few around them.
fn difference(old: &str, new: &str) -> String {
    TextDiff::from_lines(old, new).unified_diff().context_radius(1).header("as it is", "as it would be").to_string()
}

/// The columns that alone tell the label, each with a sentence about it.
fn telling_columns(table: &Table, label: &str) -> Vec<(String, String)> {
    let step = table.rows().div_ceil(MAX_ASKED).max(1);
    let table = table.take(&(0..table.rows()).step_by(step).collect::<Vec<_>>());
    let Some(truth) = table.get(label) else { return Vec::new() };
    let classes = classes(truth);
    // As `kilter train` takes a column where nobody tells it the task.
    let task = match (truth, classes.len()) {
        (Column::Bool(_), _) | (_, ..=2) => Task::Binary,
        (Column::Text(_), _) => Task::Multiclass,
        _ => Task::Regression,
    };
    let classes: Vec<String> = classes.iter().map(ToString::to_string).collect();
    let asked = LabelTask { task, classes: &classes };
    let names = table.names().iter().map(String::as_str).filter(|name| *name != label);
    let leaks = find_label_leakage(&table, names, truth, asked);
    leaks.iter().filter_map(|found| Some((found.column.clone(), found.sentence()?))).collect()
}

/// The different values of a label in their order; three, if there are more.
fn classes(truth: &Column) -> Vec<Arc<str>> {
    let mut seen = std::collections::BTreeSet::new();
    for class in (0..truth.len()).filter_map(|row| class_name(truth, row)) {
        seen.insert(class);
        if seen.len() > 2 {
            break;
        }
    }
    seen.into_iter().collect()
}

/// The path of the table as the contract names it, relative to the project; and whether it lies outside and goes to `data`.
fn inside(project: &Path, file: &Path) -> Result<(String, bool), CliError> {
    let whole = |path: &Path| path.canonicalize().map_err(|error| disk("find", path, &error));
    let (project, file) = (whole(project)?, whole(file)?);
    let named = |path: &Path| {
        let parts = path.components().filter_map(|part| match part {
            Component::Normal(part) => part.to_str(),
            _ => None,
        });
        parts.collect::<Vec<_>>().join("/")
    };
    match file.strip_prefix(&project) {
        Ok(path) => Ok((named(path), false)),
        Err(_) if file.is_file() => {
            Ok((format!("data/{}", named(Path::new(file.file_name().unwrap_or_default()))), true))
        }
        Err(_) => {
            let detail = format!("the folder `{}` lies outside of the project `{}`", file.display(), project.display());
            Err(Problem::new(Code::UsageInvalid, detail).hint("copy it into the project's folder first").into())
        }
    }
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
