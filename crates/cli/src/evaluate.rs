//! `kilter evaluate`: how good a model is on labelled rows, over all and by slice, each number with its interval.

use std::path::PathBuf;

use clap::Args;
use kilter_app::{
    measure::model_rows::{LEAST_GROUP, Scored, groups_of},
    outcomes::{Outcomes, headline},
};
use kilter_domain::table::Table;
use kilter_lake::{ReadOptions, read_table};
use kilter_stats::performance::Metric;
use kilter_wire::{Code, Problem};
use serde::Serialize;

use crate::{
    failure::usage,
    files::{load_model, write_whole},
    measured::Measured,
    page::{Answer, Mark, Page, TextTable},
    stop::Stop,
};

/// Measure a model on labelled rows: every metric of its task with its 95 % interval, over all rows and by slice.
///
/// What cannot be measured says so. Slices with fewer than 30 labelled rows are left out, and named.
#[derive(Debug, Args)]
pub(crate) struct Evaluate {
    /// The model: an ONNX file, or a folder with a model.onnx.
    model: PathBuf,
    /// The labelled rows.
    data: PathBuf,
    /// The column that holds what turned out to be true; by default the one that the model was trained on.
    #[arg(long, value_name = "COLUMN")]
    target: Option<String>,
    /// The column of row weights.
    #[arg(long, value_name = "COLUMN")]
    weight: Option<String>,
    /// Columns by whose values the leading metric is told (numbers with many values by quartile).
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    slice: Vec<String>,
    /// The score from which on a binary answer counts as positive.
    #[arg(long, default_value_t = 0.5)]
    threshold: f64,
    /// Also write the document into a file, for a step's `metrics`.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// What was measured.
#[derive(Serialize)]
struct Evaluation {
    model: PathBuf,
    target: String,
    rows: usize,
    /// Rows with a label, which alone are measured.
    labelled: usize,
    /// The metric that leads the slices.
    headline: &'static str,
    metrics: Vec<Metered>,
    slices: Vec<Slice>,
}

/// A metric: a number with its interval, or why there is none.
#[derive(Serialize)]
struct Metered {
    metric: &'static str,
    #[serde(flatten)]
    measured: Measured,
}

#[derive(Serialize)]
struct Slice {
    slice: String,
    labelled: usize,
    #[serde(flatten)]
    measured: Metered,
}

impl Evaluate {
    pub(crate) fn run(self) -> Result<Answer, Stop> {
        if !(0.0..=1.0).contains(&self.threshold) {
            return Err(usage(format!("`--threshold {}` must lie between 0 and 1", self.threshold)));
        }
        let (path, model) = load_model(&self.model)?;
        let target = self.target.clone().or_else(|| model.signature().target.clone()).ok_or_else(|| {
            Problem::new(Code::UsageInvalid, "the model does not say which column it predicts")
                .hint("name it: --target COLUMN")
        })?;
        let table = read_table(&self.data, &ReadOptions::default())?;
        let scored = Scored::by(&model, &table, self.threshold)?;
        let weight = self.weight.as_deref().map(|name| column(&table, name)).transpose()?;
        let outcomes = scored.outcomes(column(&table, &target)?, weight);
        let headline = headline(scored.task);
        let evaluation = Evaluation {
            model: path,
            target,
            rows: table.rows(),
            labelled: outcomes.len(),
            headline,
            metrics: Metric::catalogue(outcomes.metric_task())
                .iter()
                .map(|entry| measured(&outcomes, entry.name))
                .collect(),
            slices: self.slices(&table, &outcomes, headline)?,
        };
        if let Some(out) = &self.out {
            write_whole(out, &serde_json::to_vec_pretty(&document(&evaluation)).unwrap_or_default())?;
        }
        Ok(Answer::done(&document(&evaluation), page(&evaluation)))
    }

    fn slices(&self, table: &Table, outcomes: &Outcomes, metric: &'static str) -> Result<Vec<Slice>, Stop> {
        let mut slices = Vec::new();
        for name in &self.slice {
            column(table, name)?;
            let groups = groups_of(table, name, None)
                .map_err(|missing| Problem::new(Code::FileInvalid, missing.missing).hint(missing.how))?;
            for (slice, inside) in groups {
                let part = outcomes.filter(|row| inside[row]);
                let measured = match part.len() {
                    few if few < LEAST_GROUP => {
                        Metered::nothing(metric, format!("fewer than {LEAST_GROUP} labelled rows"))
                    }
                    _ => measured(&part, metric),
                };
                slices.push(Slice { slice, labelled: part.len(), measured });
            }
        }
        Ok(slices)
    }
}

fn column<'t>(table: &'t Table, name: &str) -> Result<&'t kilter_domain::table::Column, Stop> {
    table.column(name).map_err(|error| Problem::of(Code::ColumnUnknown, &error).into())
}

impl Metered {
    fn nothing(metric: &'static str, why: String) -> Self {
        Self { metric, measured: Measured::nothing(why) }
    }
}

fn measured(outcomes: &Outcomes, metric: &'static str) -> Metered {
    Metered { metric, measured: Measured::of(&outcomes.metric(metric)) }
}

/// The evaluation with each measured metric as a plain number too, which is what a step reports.
fn document(evaluation: &Evaluation) -> serde_json::Value {
    let mut document = serde_json::to_value(evaluation).unwrap_or_default();
    if let Some(fields) = document.as_object_mut() {
        for found in &evaluation.metrics {
            if let Some(value) = found.measured.value {
                fields.entry(found.metric).or_insert(value.into());
            }
        }
    }
    document
}

fn page(evaluation: &Evaluation) -> Page {
    let number = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.4}"));
    let mark = if evaluation.labelled > 0 { Mark::Ok } else { Mark::Thin };
    let mut page = Page::new()
        .marked(mark, format!("{} of {} rows have a `{}`", evaluation.labelled, evaluation.rows, evaluation.target));
    let mut metrics = TextTable::new(["metric", "value", "from", "to"]);
    for found in evaluation.metrics.iter().filter(|found| found.measured.missing.is_none()) {
        let Measured { value, low, high, .. } = found.measured;
        metrics.row([found.metric.to_owned(), number(value), number(low), number(high)]);
    }
    page = page.table(metrics);
    for found in &evaluation.metrics {
        if let Some(why) = &found.measured.missing {
            page = page.marked(Mark::Thin, format!("{}: {why}", found.metric));
        }
    }
    if !evaluation.slices.is_empty() {
        let mut slices = TextTable::new(["slice", "rows", evaluation.headline, "from", "to"]);
        for slice in &evaluation.slices {
            let found = &slice.measured.measured;
            slices.row([
                slice.slice.clone(),
                slice.labelled.to_string(),
                number(found.value),
                number(found.low),
                number(found.high),
            ]);
        }
        page = page.line("").table(slices);
    }
    page
}
