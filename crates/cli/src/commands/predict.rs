//! `kilter predict`: a model's answers to the rows of a file.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use clap::Args;
use kilter_api::{Code, Problem};
use kilter_domain::{
    plural::counted,
    table::{Column, Table},
};
use kilter_inference::{Model, Prediction, Task};
use kilter_lake::{ReadOptions, read_table, write_table};
use serde::Serialize;

use crate::{
    fs::load_model_for,
    input::column_list::{ColumnList, named},
    ui::{
        error::CliError,
        unread::Unread,
        view::{Answer, Page, Status},
    },
};

/// Predict the rows of a file with a model.
///
/// Adds `score` (binary: the probability of the positive class; regression: the value; multiclass: the probability of
/// the predicted class), for classes also `predicted` and one `p(CLASS)` each where there are more than two.
#[derive(Debug, Args)]
pub(crate) struct Predict {
    /// The rows to predict.
    data: PathBuf,
    /// The model: an ONNX, LightGBM or XGBoost file, or a folder with one.
    #[arg(long)]
    model: PathBuf,
    /// The file for rows and predictions.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The only columns of the rows to write beside the predictions.
    #[arg(long, value_name = "COLUMNS")]
    keep: Vec<ColumnList>,
}

#[derive(Serialize)]
struct Scored {
    out: PathBuf,
    model: PathBuf,
    rows: usize,
    task: Task,
    /// The mean of `score`; absent without rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    score_mean: Option<f64>,
    /// How often each class was predicted; absent for regression.
    #[serde(skip_serializing_if = "Option::is_none")]
    predicted: Option<BTreeMap<String, usize>>,
}

impl Predict {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        let table = read_table(&self.data, &ReadOptions::default())?;
        let (path, model) = load_model_for(&self.model, &table, &[])?;
        let prediction = model.predict(&table)?;
        let kept = match named(&self.keep, table.names()) {
            names if names.is_empty() => table,
            names => kept(&table, &names)?,
        };
        write_table(&self.out, &with_answers(kept, &model, &prediction)?)?;
        let scored = Scored {
            model: path,
            rows: prediction.rows(),
            task: prediction.task(),
            score_mean: mean(prediction.scores()),
            predicted: prediction.labels().map(|labels| counts(&labels)),
            out: self.out,
        };
        let mean = scored.score_mean.map_or_else(String::new, |mean| format!(", mean score {mean:.4}"));
        let page = Page::new()
            .marked(Status::Ok, format!("answered {}{mean}", counted(scored.rows, "row")))
            .line(format!("Wrote {}", scored.out.display()));
        Ok(Answer::done(&scored, page).left_out(&Unread::of_file(&self.data)?))
    }
}

fn kept(table: &Table, names: &[String]) -> Result<Table, CliError> {
    for name in names {
        table.column(name).map_err(|error| Problem::of(Code::ColumnUnknown, &error))?;
    }
    Ok(table.select(|name| names.iter().any(|wanted| wanted == name)))
}

/// The rows with the columns of the answer.
fn with_answers(mut table: Table, model: &Model, prediction: &Prediction) -> Result<Table, CliError> {
    let mut answers = vec![("score".to_owned(), Column::Float(prediction.scores().to_vec()))];
    if let Some(labels) = prediction.labels() {
        answers.push(("predicted".to_owned(), Column::Text(labels.into_iter().map(Some).collect())));
    }
    let classes = &model.signature().classes;
    if let Some(probabilities) = prediction.probabilities().filter(|_| classes.len() > 2) {
        answers.extend(classes.iter().enumerate().map(|(at, class)| {
            let column = probabilities.iter().skip(at).step_by(classes.len()).map(|&p| f64::from(p)).collect();
            (format!("p({class})"), Column::Float(column))
        }));
    }
    for (name, column) in answers {
        table.push(name, column).map_err(|error| {
            Problem::of(Code::UsageInvalid, &error).hint("choose the columns beside the predictions with --keep")
        })?;
    }
    Ok(table)
}

fn mean(scores: &[f64]) -> Option<f64> {
    (!scores.is_empty()).then(|| scores.iter().sum::<f64>() / scores.len() as f64)
}

fn counts(labels: &[Arc<str>]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for label in labels {
        *counts.entry(label.to_string()).or_default() += 1;
    }
    counts
}
