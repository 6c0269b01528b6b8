//! `kilter explain`: what moves a model's score, over all rows and row by row; and what moved it between two tables.

mod result;
mod view;

use std::path::PathBuf;

use clap::Args;
use kilter_api::{Code, Problem};
use kilter_evaluation::explain::{MAX_ROWS, PermuteError, Sampled, explainer, influences, permuted, spread_rows, unit};
use kilter_inference::{Attributions, ExplainError};
use kilter_lake::{ReadOptions, read_table};

use self::result::{Change, ExplainResult, Importance, Local, Output, Subject, background_words, unit_words};
use crate::{
    context::now,
    fs::{load_model_for, write_whole},
    ui::{
        error::{CliError, usage},
        unread::Unread,
        view::Answer,
    },
};

/// Rows that are explained one by one at most.
const MAX_LOCALS: usize = 1000;

/// Explain the scores of a model: by column over all rows, for chosen rows, and between two tables.
///
/// Trees and linear models are explained by their exact Shapley values: a row's parts and the base add up to its score.
/// The score is what the model adds up before it answers: log-odds for a binary model by `kilter train`. Models that cannot be
/// explained exactly are measured by permutation: by how much the leading metric gets worse when a column is shuffled.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The model: an ONNX, LightGBM or XGBoost file, or a folder with one.
    model: PathBuf,
    /// The rows.
    data: PathBuf,
    /// The number of rows to explain one by one, spread from the lowest score to the highest.
    #[arg(long, value_name = "N", default_value_t = 3, conflicts_with = "row")]
    rows: usize,
    /// A row to explain, counted from 0. Can be repeated.
    #[arg(long, value_name = "I")]
    row: Vec<usize>,
    /// Attribute the change of the mean score since this table to the columns.
    #[arg(long, value_name = "DATA")]
    against: Option<PathBuf>,
    /// The column with the labels, for permutation importance. Default: the target of the model.
    #[arg(long, value_name = "COLUMN")]
    target: Option<String>,
    /// Also write a self-contained HTML page.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

impl Explain {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        let subject = self.subject()?;
        let mut result = ExplainResult::of(&subject, &self.data, self.html.clone());
        match explainer(&subject.model, &subject.sample.table) {
            Ok((explainer, background)) => match explainer.explain(&subject.sample.table) {
                Ok(attributions) => {
                    result.background = Some(background_words(background));
                    self.exactly(&subject, &explainer, &attributions, &mut result)?;
                }
                Err(ExplainError::Opaque(why)) => self.by_permutation(&subject, why, &mut result)?,
                Err(why) => return Err(problem(&why)),
            },
            Err(ExplainError::Opaque(why)) => self.by_permutation(&subject, why, &mut result)?,
            Err(why) => return Err(problem(&why)),
        }
        if let Some(html) = &self.html {
            write_whole(html, view::html(&result, now()).as_bytes())?;
        }
        Ok(Answer::done(&result, view::text(&result)).left_out(&Unread::of_file(&self.data)?))
    }

    fn subject(&self) -> Result<Subject, CliError> {
        if self.rows.max(self.row.len()) > MAX_LOCALS {
            return Err(usage(format!("at most {MAX_LOCALS} rows are explained one by one")));
        }
        let table = read_table(&self.data, &ReadOptions::default())?;
        let others: Vec<&str> = self.target.as_deref().into_iter().collect();
        let (path, model) = load_model_for(&self.model, &table, &others)?;
        if let Some(row) = self.row.iter().find(|row| **row >= table.rows()) {
            let rows = table.rows();
            return Err(usage(format!("there is no row {row}: the table has {rows} rows, counted from 0")));
        }
        let sample = Sampled::of(&table, MAX_ROWS);
        let prediction = model.predict(&sample.table)?;
        if prediction.rows() == 0 {
            let detail = format!("`{}` has no rows to explain", self.data.display());
            return Err(Problem::new(Code::InvalidRows, detail).hint("name a table with rows").into());
        }
        Ok(Subject { path, model, table, sample, prediction })
    }

    fn exactly(
        &self,
        subject: &Subject,
        explainer: &kilter_inference::Explainer<'_>,
        attributions: &Attributions,
        result: &mut ExplainResult,
    ) -> Result<(), CliError> {
        result.unit = Some(unit_words(unit(attributions, &subject.prediction)));
        for output in 0..attributions.outputs().len() {
            let columns = influences(attributions, &subject.sample.table, output).unwrap_or_default();
            result.outputs.push(Output::of(attributions, output, columns));
        }
        let explained = |error: ExplainError| problem(&error);
        // Rows that were named may lie outside of the sample.
        let chosen: Vec<usize> = match self.row.is_empty() {
            true => spread_rows(attributions, self.rows).into_iter().map(|at| subject.sample.rows[at]).collect(),
            false => self.row.clone(),
        };
        let rows = subject.table.take(&chosen);
        let (parts, answers) = (explainer.explain(&rows).map_err(explained)?, subject.model.predict(&rows)?);
        result.locals =
            chosen.iter().enumerate().map(|(at, row)| Local::of(*row, at, &parts, &answers, &rows)).collect();
        if let Some(path) = &self.against {
            let reference = Sampled::of(&read_table(path, &ReadOptions::default())?, MAX_ROWS);
            let before = explainer.explain(&reference.table).map_err(explained)?;
            result.against = Some(Change::of(path, &before, attributions).map_err(|why| {
                Problem::new(Code::InvalidRows, format!("the change from `{}` was not split: {why}", path.display()))
                    .hint("hand in tables with at least two rows each")
            })?);
        }
        Ok(())
    }

    fn by_permutation(&self, subject: &Subject, why: String, result: &mut ExplainResult) -> Result<(), CliError> {
        if let Some(path) = &self.against {
            let detail = format!("the change from `{}` cannot be split exactly: {why}", path.display());
            return Err(Problem::new(Code::ModelInvalid, detail)
                .hint("leave out --against; `kilter drift` shows how the tables differ")
                .into());
        }
        let target = match &self.target {
            Some(name) => {
                subject.table.column(name).map_err(|error| Problem::of(Code::ColumnUnknown, &error))?;
                Some(name.as_str())
            }
            None => subject.model.signature().target.as_deref(),
        };
        let measured = permuted(&subject.model, &subject.table, target, 0).map_err(|error| match error {
            PermuteError::Predict(error) => CliError::from(error),
            error @ PermuteError::Unmeasured(_) => Problem::of(Code::InvalidRows, &error).into(),
        })?;
        result.permutation = Some(Importance::of(measured, why));
        Ok(())
    }
}

fn problem(error: &ExplainError) -> CliError {
    match error {
        ExplainError::Predict(error) => error.clone().into(),
        ExplainError::NoBackground | ExplainError::Unmeasured(_) => Problem::of(Code::InvalidRows, error).into(),
        ExplainError::Opaque(_) | ExplainError::NoTraining(_) => Problem::of(Code::ModelInvalid, error).into(),
    }
}
