//! `kilter evaluate`: how good a model is on labelled rows, over all and by slice, each number with its interval.

mod result;
mod view;

use std::path::PathBuf;

use clap::Args;

use kilter_api::{Code, Exit, Problem};
use kilter_domain::{
    rule::{Bound, BoundExpr, JudgeMode, Rule, RuleOutcome},
    table::{Column, Table},
};
use kilter_evaluation::{
    gate_metrics::{MIN_GROUP, ModelRows, Predictions, Side, groups_of},
    labelled_predictions::{LabelledPredictions, headline},
};
use kilter_inference::{Model, Task};
use kilter_lake::{ReadOptions, read_table};
use kilter_stats::performance::Metric;

use self::result::{Charts, Evaluation, Labels, MetricValue, ModelComparison, Slice};
use crate::{
    context::now,
    fs::{load_model, write_whole},
    input::column_list::{ColumnList, named},
    ui::{
        error::{CliError, usage},
        unread::Unread,
        view::Answer,
    },
};

/// Evaluate a model on labelled rows: every metric of its task with its 95 % interval, over all rows and by slice.
///
/// What cannot be measured says so. Slices with fewer than 30 labelled rows are left out, and named. With --against
/// another model is measured on the same rows, and the differences are paired: an interval that leaves out zero is a
/// difference. The command ends with exit code 3 when not one metric could be measured, and with --rule when a rule fails
/// or cannot be decided.
#[derive(Debug, Args)]
pub(crate) struct Evaluate {
    /// The model: an ONNX, LightGBM or XGBoost file, or a folder with one.
    model: PathBuf,
    /// The labelled rows.
    data: PathBuf,
    /// The column with the labels. Default: the target of the model.
    #[arg(long, value_name = "COLUMN")]
    target: Option<String>,
    /// The column of row weights.
    #[arg(long, value_name = "COLUMN")]
    weight: Option<String>,
    /// Columns whose values are slices for the leading metric (numbers with many values by quartile).
    #[arg(long, value_name = "COLUMNS")]
    slice: Vec<ColumnList>,
    /// The score from which a prediction is positive. Default: the threshold of the model: 0.5, or 0 for a model with
    /// margins.
    #[arg(long, value_name = "SCORE", allow_negative_numbers = true)]
    threshold: Option<f64>,
    /// A second model of the same task to compare with on the same rows. Rules call it the champion.
    #[arg(long, value_name = "MODEL")]
    against: Option<PathBuf>,
    /// A required rule, like `auc >= 0.8` or `auc >= champion.auc`. Can be repeated.
    #[arg(long = "rule", value_name = "RULE")]
    rules: Vec<Rule>,
    /// Also write the JSON document into a file, for the `metrics` of a step.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Also write a self-contained HTML page.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// One model on the rows.
struct Judged {
    path: PathBuf,
    model: Model,
    outcomes: LabelledPredictions,
    scores: Vec<f64>,
    task: Task,
    classes: Vec<String>,
    threshold: f64,
}

/// The answers of a model, decided at a stated threshold, or where the model decides by itself.
pub(crate) fn scored(model: &Model, table: &Table, threshold: Option<f64>) -> Result<Predictions, CliError> {
    let own = Predictions::by_itself(model, table)?;
    let Some(threshold) = threshold else { return Ok(own) };
    let is_usable = if own.is_margin { threshold.is_finite() } else { (0.0..=1.0).contains(&threshold) };
    match is_usable {
        true => Ok(Predictions { threshold, ..own }),
        false => Err(usage(format!("`--threshold {threshold}` must lie between 0 and 1"))),
    }
}

impl Evaluate {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        if let (Some(rule), None) = (self.rules.iter().find(|rule| asks_champion(rule)), &self.against) {
            return Err(Problem::new(Code::UsageInvalid, format!("`{rule}` asks for a champion, and there is none"))
                .hint("name it: --against MODEL")
                .into());
        }
        let loaded = load_model(&self.model)?;
        let target = self.target.clone().or_else(|| loaded.1.signature().target.clone()).ok_or_else(|| {
            Problem::new(Code::UsageInvalid, "the model file does not name its label column")
                .hint("name it: --target COLUMN")
        })?;
        let table = read_table(&self.data, &ReadOptions::default())?;
        let loaded = (loaded.0, loaded.1.named_by(&table, self.is_feature(&target))?);
        let ours = self.judged(loaded, &table, &target)?;
        let other = self.other(&ours, &table, &target)?;
        let mut evaluation = self.measured(&ours, &table, &target)?;
        evaluation.against = other.as_ref().map(|other| compared(&ours, other));
        evaluation.rules = self.judge(&ours, other, &table);
        if let Some(out) = &self.out {
            write_whole(out, &serde_json::to_vec_pretty(&evaluation.document()).unwrap_or_default())?;
        }
        if let Some(html) = &self.html {
            write_whole(html, view::html(&evaluation, now()).as_bytes())?;
        }
        let holds = evaluation.rules.iter().all(RuleOutcome::is_passed);
        let is_measured = evaluation.metrics.iter().any(|metered| metered.measured.value.is_some());
        let exit = if holds && is_measured { Exit::Done } else { Exit::CheckFailed };
        let unread = Unread::of_file(&self.data)?;
        Ok(Answer::done(&evaluation.document(), view::text(&evaluation)).left_out(&unread).exit(exit))
    }

    /// Which columns a model of one block may take.
    fn is_feature<'a>(&'a self, target: &'a str) -> impl Fn(&str) -> bool + 'a {
        move |name| name != target && self.weight.as_deref() != Some(name)
    }

    fn judged(&self, (path, model): (PathBuf, Model), table: &Table, target: &str) -> Result<Judged, CliError> {
        let scored = scored(&model, table, self.threshold)?;
        let weight = self.weight.as_deref().map(|name| column(table, name)).transpose()?;
        let outcomes = scored.outcomes(column(table, target)?, weight);
        let Predictions { scores, task, classes, threshold, .. } = scored;
        Ok(Judged { path, model, outcomes, scores, task, classes, threshold })
    }

    /// The other model, on the rows that both answer.
    fn other(&self, ours: &Judged, table: &Table, target: &str) -> Result<Option<Judged>, CliError> {
        let Some(path) = &self.against else { return Ok(None) };
        let (path_of_other, other) = load_model(path)?;
        let other = other.named_by(table, self.is_feature(target))?;
        let other = self.judged((path_of_other, other), table, target)?;
        match other.task == ours.task && other.classes == ours.classes {
            true => Ok(Some(other)),
            false => {
                let detail = format!("`{}` and `{}` answer different questions", self.model.display(), path.display());
                Err(Problem::new(Code::UsageInvalid, detail)
                    .hint("compare models of one task with the same classes")
                    .into())
            }
        }
    }

    fn measured(&self, ours: &Judged, table: &Table, target: &str) -> Result<Evaluation, CliError> {
        let headline = headline(ours.task);
        let catalogue = Metric::catalogue(ours.outcomes.metric_task());
        Ok(Evaluation {
            model: ours.path.clone(),
            data: self.data.clone(),
            target: target.to_owned(),
            rows: table.rows(),
            labelled: ours.outcomes.len(),
            unknown_labels: ours.outcomes.label_check().unknown,
            labels: Labels::of(ours.outcomes.label_check()),
            headline,
            metrics: catalogue.iter().map(|entry| MetricValue::of(&ours.outcomes, entry.name)).collect(),
            slices: self.slices(table, &ours.outcomes, headline)?,
            picture: Charts::of(&ours.outcomes, &ours.classes, ours.threshold),
            against: None,
            rules: Vec::new(),
            html: self.html.clone(),
        })
    }

    /// Holds the rules against what was measured.
    fn judge(&self, ours: &Judged, other: Option<Judged>, table: &Table) -> Vec<RuleOutcome> {
        let side = |outcomes: &LabelledPredictions, scores: &[f64]| Side {
            outcomes: outcomes.clone(),
            scores: scores.to_vec(),
        };
        let comparable = match &other {
            Some(other) => common(&ours.outcomes, &other.outcomes, table.rows()),
            None => vec![true; table.rows()],
        };
        let rows = ModelRows {
            now: now(),
            table,
            candidate: side(&ours.outcomes, &ours.scores),
            champion: other.as_ref().map(|other| side(&other.outcomes, &other.scores)),
            comparable,
            model: &ours.model,
            facts: std::collections::BTreeMap::new(),
            replayed: None,
        };
        self.rules.iter().map(|rule| rule.judge(&rows, JudgeMode::Point)).collect()
    }

    fn slices(
        &self,
        table: &Table,
        outcomes: &LabelledPredictions,
        metric: &'static str,
    ) -> Result<Vec<Slice>, CliError> {
        let mut slices = Vec::new();
        for name in &named(&self.slice, table.names()) {
            column(table, name)?;
            let groups = groups_of(table, name, None)
                .map_err(|missing| Problem::new(Code::FileInvalid, missing.missing).hint(missing.how))?;
            for (slice, inside) in groups {
                let part = outcomes.filter(|row| inside[row]);
                let measured = match part.len() {
                    few if few < MIN_GROUP => {
                        MetricValue::nothing(metric, format!("fewer than {MIN_GROUP} labelled rows"))
                    }
                    _ => MetricValue::of(&part, metric),
                };
                slices.push(Slice { slice, labelled: part.len(), measured });
            }
        }
        Ok(slices)
    }
}

fn asks_champion(rule: &Rule) -> bool {
    matches!(rule.bound, Bound::Compare(_, BoundExpr::Champion { .. }))
}

fn column<'t>(table: &'t Table, name: &str) -> Result<&'t Column, CliError> {
    table.column(name).map_err(|error| Problem::of(Code::ColumnUnknown, &error).into())
}

/// Which rows of the table both models answer and have a label.
fn common(a: &LabelledPredictions, b: &LabelledPredictions, rows: usize) -> Vec<bool> {
    let mut seen = vec![0u8; rows];
    a.rows.iter().chain(&b.rows).for_each(|row| seen[*row] += 1);
    seen.into_iter().map(|times| times == 2).collect()
}

fn compared(ours: &Judged, other: &Judged) -> ModelComparison {
    let last = ours.outcomes.rows.iter().chain(&other.outcomes.rows).max().map_or(0, |row| row + 1);
    let both = common(&ours.outcomes, &other.outcomes, last);
    let (a, b) = (ours.outcomes.filter(|row| both[row]), other.outcomes.filter(|row| both[row]));
    ModelComparison::of(&other.path, &a, &b)
}
