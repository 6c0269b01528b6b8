//! `kilter train`: trains a built-in model, as a command of its own or as a step's.

mod roles;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use clap::Args;
use kilter_api::{Code, Problem};
use kilter_domain::{nearest::nearest, plural::counted, table::Table};
use kilter_evaluation::{
    explain::Sampled,
    label_leakage::{LabelLeakage, LabelTask, find_label_leakage},
};
use kilter_lake::{ReadOptions, column_names, read_table};
use kilter_train::{FeatureKind, Learner, Params, Task, TrainOptions, TrainReport, train_model};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    fs::{make_folder, write_whole},
    input::column_list::{ColumnList, named},
    ui::{
        error::{CliError, usage},
        output::Output,
        unread::Unread,
        view::{Answer, Page, Status, TextTable},
    },
};

/// Columns shown to a person; the report holds them all.
const SHOWN_COLUMNS: usize = 10;
/// Rows that are asked whether a column alone tells the target.
const MAX_ASKED: usize = 20_000;

/// Train a model that predicts one column of a table from the others.
///
/// Writes DIR/model.onnx (standard ONNX with the raw columns as inputs) and DIR/training.json (the training report).
/// The same table, options and seed give the same bytes.
#[derive(Debug, Args)]
pub(crate) struct Train {
    /// The table: Parquet, CSV, TSV or JSON lines, or a folder of them.
    data: PathBuf,
    /// The column to predict.
    #[arg(long)]
    target: String,
    /// The folder to write into.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The task. Default: two distinct values are binary, texts with more values multiclass, other numbers
    /// regression.
    #[arg(long, value_parser = ["binary", "multiclass", "regression"])]
    task: Option<String>,
    /// The family of models.
    #[arg(long, value_parser = ["boosting", "linear"], default_value = "boosting")]
    learner: String,
    /// The column of row weights.
    #[arg(long, value_name = "COLUMN")]
    weight: Option<String>,
    /// Columns that the model does not read.
    #[arg(long, value_name = "COLUMNS")]
    exclude: Vec<ColumnList>,
    /// The only columns that the model reads.
    #[arg(long, value_name = "COLUMNS")]
    include: Vec<ColumnList>,
    /// Columns that a request may omit. A request without any other column is rejected.
    #[arg(long, value_name = "COLUMNS")]
    optional: Vec<ColumnList>,
    /// The positive class of a binary task. Default: the second in order.
    #[arg(long, value_name = "CLASS")]
    positive: Option<String>,
    #[command(flatten)]
    kinds: Kinds,
    /// The random seed.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// A hyperparameter of the learner, like `rounds=200`. Can be repeated.
    #[arg(long = "param", value_name = "NAME=VALUE")]
    params: Vec<String>,
}

/// What columns are, where the guess is wrong.
#[derive(Debug, Args)]
struct Kinds {
    /// Columns to take as numbers.
    #[arg(long, value_name = "COLUMNS")]
    numeric: Vec<ColumnList>,
    /// Columns to take as yes or no.
    #[arg(long, value_name = "COLUMNS")]
    boolean: Vec<ColumnList>,
    /// Columns to take as categories.
    #[arg(long, value_name = "COLUMNS")]
    categorical: Vec<ColumnList>,
    /// Columns to take as text, word by word.
    #[arg(long, value_name = "COLUMNS")]
    text: Vec<ColumnList>,
    /// Columns to take as times, by the parts of the calendar.
    #[arg(long, value_name = "COLUMNS")]
    time: Vec<ColumnList>,
}

#[derive(Serialize)]
struct Trained<'a> {
    model: &'a Path,
    report: &'a Path,
    training: &'a TrainReport,
}

impl Train {
    pub(crate) fn run(self, output: &Output) -> Result<Answer, CliError> {
        let known = column_names(&self.data)?;
        let unread = Unread::of_file(&self.data)?;
        let (mut options, roles) = (self.options(&known)?, roles::of_run()?);
        options.exclude.retain(|name| !unread.iter().any(|unread| unread.column() == name));
        roles::apply(&roles, &known, &mut options);
        let columns = read_by(&options, &known);
        let table = read_table(&self.data, &ReadOptions { columns, ..ReadOptions::default() })?;
        output.note(&format!("training on {} of {}", counted(table.rows(), "row"), self.data.display()));
        let mut fitted = train_model(&table, &options)?;
        fitted.report.notes.extend(leaks(&table, &fitted.report));
        fitted.report.notes.extend(roles::notes(&roles, &fitted.report));
        make_folder(&self.out)?;
        let (model, report) = (self.out.join("model.onnx"), self.out.join("training.json"));
        write_whole(&model, &fitted.onnx)?;
        write_whole(&report, json(&fitted.report).as_bytes())?;
        let page = page(&fitted.report).line(format!("Wrote {} and {}", model.display(), report.display()));
        let unread = if options.include.is_some() { Vec::new() } else { unread };
        Ok(Answer::done(&Trained { model: &model, report: &report, training: &fitted.report }, page).left_out(&unread))
    }

    /// With the columns of the table, which the lists are read by.
    fn options(&self, known: &[String]) -> Result<TrainOptions, CliError> {
        Ok(TrainOptions {
            task: self.task.as_deref().map(|task| match task {
                "binary" => Task::Binary,
                "multiclass" => Task::Multiclass,
                _ => Task::Regression,
            }),
            learner: if self.learner == "linear" { Learner::Linear } else { Learner::Boosting },
            weight: self.weight.clone(),
            exclude: named(&self.exclude, known),
            include: Some(named(&self.include, known)).filter(|_| !self.include.is_empty()),
            optional: named(&self.optional, known),
            positive: self.positive.clone(),
            kinds: self.kinds.by_column(known)?,
            seed: self.seed,
            params: params(&self.params)?,
            ..TrainOptions::new(&self.target)
        })
    }
}

impl Kinds {
    fn by_column(&self, known: &[String]) -> Result<BTreeMap<String, FeatureKind>, CliError> {
        let lists = [
            (&self.numeric, FeatureKind::Numeric),
            (&self.boolean, FeatureKind::Boolean),
            (&self.categorical, FeatureKind::Categorical),
            (&self.text, FeatureKind::Text),
            (&self.time, FeatureKind::Time),
        ];
        let mut kinds = BTreeMap::new();
        let named = |(lists, kind): &(&Vec<ColumnList>, FeatureKind)| (named(lists, known), *kind);
        let stated =
            lists.iter().map(named).flat_map(|(columns, kind)| columns.into_iter().map(move |name| (name, kind)));
        for (column, kind) in stated {
            if let Some(other) = kinds.insert(column.clone(), kind).filter(|&other| other != kind) {
                return Err(usage(format!("column `{column}` is declared as {other:?} and {kind:?}")));
            }
        }
        Ok(kinds)
    }
}

/// The columns that a fit of included columns reads, in the order of the table; `None`: all. A name that the table does not
/// have is among them: reading says so.
fn read_by(options: &TrainOptions, known: &[String]) -> Option<Vec<String>> {
    let included = options.include.as_ref()?;
    let others = options.weight.iter().chain(&options.exclude).chain(options.kinds.keys());
    let wanted: Vec<&String> = included.iter().chain([&options.target]).chain(others).collect();
    let there = known.iter().filter(|name| wanted.contains(name));
    Some(there.chain(wanted.iter().copied().filter(|name| !known.contains(name))).cloned().collect())
}

/// The settings of the learner as `NAME=VALUE` texts say them.
fn params(texts: &[String]) -> Result<Params, CliError> {
    let mut known = match serde_json::to_value(Params::default()) {
        Ok(Value::Object(known)) => known,
        _ => Map::new(),
    };
    for text in texts {
        let Some((name, value)) = text.split_once('=') else {
            return Err(usage(format!("`--param {text}` needs the form NAME=VALUE, like rounds=200")));
        };
        if !known.contains_key(name) {
            return Err(unknown_param(name, &known).into());
        }
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
        let mut alone = Map::new();
        alone.insert(name.to_owned(), value.clone());
        serde_json::from_value::<Params>(Value::Object(alone))
            .map_err(|error| usage(format!("`--param {text}` cannot be understood: {error}")))?;
        known.insert(name.to_owned(), value);
    }
    serde_json::from_value(Value::Object(known)).map_err(|error| usage(format!("`--param`: {error}")))
}

fn unknown_param(name: &str, known: &Map<String, Value>) -> Problem {
    let problem = Problem::new(Code::UsageInvalid, format!("the learners have no setting `{name}`"));
    match nearest(name, known.keys().map(String::as_str)) {
        Some(near) => problem.hint(format!("did you mean `{near}`?")),
        None => problem.hint(format!("use one of {}", known.keys().cloned().collect::<Vec<_>>().join(", "))),
    }
}

fn json(report: &TrainReport) -> String {
    // A report is texts and numbers under text keys: writing it cannot fail.
    serde_json::to_string_pretty(report).unwrap_or_default() + "\n"
}

fn page(report: &TrainReport) -> Page {
    let loss = match report.holdout_loss {
        Some(held_back) => {
            format!("loss {held_back:.4} on rows held back, {:.4} on those trained on", report.training_loss)
        }
        None => format!("loss {:.4} on the rows trained on", report.training_loss),
    };
    let learner = if report.learner == Learner::Linear { "linear" } else { "boosting" };
    let mut page = Page::new().marked(
        Status::Ok,
        format!("trained `{}` ({}, {learner}) on {}: {loss}", report.target, report.task, counted(report.rows, "row")),
    );
    if report.rows_left_out > 0 {
        page = page.line(format!("{} left out, without a target or a weight", counted(report.rows_left_out, "row")));
    }
    let mut table = TextTable::new(["column", "kind", "share", "missing"]);
    for importance in report.importance.iter().take(SHOWN_COLUMNS) {
        let used = report.used.iter().find(|used| used.column == importance.column);
        let kind = used.map(|used| format!("{:?}", used.kind).to_lowercase()).unwrap_or_default();
        let missing = used.map(|used| used.missing.to_string()).unwrap_or_default();
        table.row([importance.column.clone(), kind, format!("{:.3}", importance.share), missing]);
    }
    page = page.table(table);
    if report.used.len() > SHOWN_COLUMNS {
        page =
            page.line(format!("and {}, in training.json", counted(report.used.len() - SHOWN_COLUMNS, "more column")));
    }
    for left in &report.left_out {
        page = page.marked(Status::None, format!("{} was left out: {}", left.column, left.why));
    }
    report.notes.iter().fold(page, |page, note| page.marked(Status::Warn, note.clone()))
}

/// What should make one look again: columns that alone tell the target.
fn leaks(table: &Table, report: &TrainReport) -> Vec<String> {
    let Some(label) = table.get(&report.target) else { return Vec::new() };
    let asked = LabelTask { task: report.task, classes: &report.classes };
    let names = report.used.iter().map(|used| used.column.as_str());
    let sample = Sampled::of(table, MAX_ASKED);
    let label = label.take(&sample.rows);
    find_label_leakage(&sample.table, names, &label, asked).iter().filter_map(LabelLeakage::sentence).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(texts: &[&str]) -> Problem {
        match params(&texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>()) {
            Err(CliError::Problem(problem)) => *problem,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn settings_are_read_and_the_rest_keeps_its_default() {
        let read = params(&["rounds=50".into(), "l2=0.5".into(), "balance=true".into()]).unwrap();
        assert_eq!(read, Params { rounds: 50, l2: Some(0.5), balance: true, ..Params::default() });
        assert_eq!(params(&[]).unwrap(), Params::default());
    }

    #[test]
    fn a_setting_that_does_not_exist_is_led_to_the_nearest() {
        assert_eq!(refused(&["round=5"]).hint, "did you mean `rounds`?");
        assert!(refused(&["colour=5"]).hint.contains("learning_rate"));
        assert!(refused(&["rounds"]).detail.contains("NAME=VALUE"));
        assert!(refused(&["rounds=many"]).detail.contains("rounds=many"));
        assert!(refused(&["rounds=-1"]).detail.contains("rounds=-1"));
    }
}
