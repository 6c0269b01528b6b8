//! `kilter fairness`: what decisions do to groups, each number with its interval, and where groups differ.

mod result;
mod view;

use std::path::{Path, PathBuf};

use clap::Args;
use kilter_api::{Code, Exit, Problem};
use kilter_domain::table::Table;
use kilter_evaluation::{
    fairness::{Decided, FairnessError, MAX_COLUMNS, Truth, intersections, partition},
    gate_metrics::HALF,
};
use kilter_lake::{ReadOptions, read_table};

use self::result::{Attribute, FairnessResult, Impact, Source};
use crate::{
    commands::analyse::evaluate::scored,
    context::now,
    fs::{load_model, write_whole},
    input::column_list::{ColumnList, named},
    ui::{
        error::{CliError, usage},
        estimate::FailOn,
        unread::Unread,
        view::Answer,
    },
};

/// Compare groups: selection rate, true and false positive rate, precision, calibration, and their differences.
///
/// The decisions are a model's, or stand in the table already (--score, --predicted). Every number has its 95 %
/// interval; what rests on fewer than 30 rows is named and not judged. An impact (a group's selection rate over that of
/// the privileged group, or of the group that is selected most) below four fifths is a warning, and an alert where its
/// whole interval lies below.
#[derive(Debug, Args)]
pub(crate) struct Fairness {
    /// The model: an ONNX, LightGBM or XGBoost file, or a folder with one. Left out with --score or --predicted.
    #[arg(value_name = "MODEL")]
    first: PathBuf,
    /// The labelled rows.
    #[arg(value_name = "DATA")]
    second: Option<PathBuf>,
    /// The columns whose values are the groups (numbers with many values by quartile).
    #[arg(long = "groups", value_name = "COLUMNS", required = true)]
    group_lists: Vec<ColumnList>,
    /// The same as columns of the table, once it is read.
    #[arg(skip)]
    groups: Vec<String>,
    /// Also compare the combinations of two and three of the columns.
    #[arg(long)]
    intersect: bool,
    /// The column with the labels. Default: the target of the model.
    #[arg(long, value_name = "COLUMN")]
    target: Option<String>,
    /// The reference group, like `sex=male`. Default: the group with the highest selection rate.
    #[arg(long, value_name = "COLUMN=VALUE")]
    privileged: Vec<String>,
    /// The positive class. Default: the second of two.
    #[arg(long, value_name = "CLASS")]
    positive: Option<String>,
    /// The score from which a prediction is positive. Default: the threshold of the model: 0.5, or 0 for a model with
    /// margins.
    #[arg(long, value_name = "SCORE", allow_negative_numbers = true)]
    threshold: Option<f64>,
    /// The column with the scores, instead of a model.
    #[arg(long, value_name = "COLUMN")]
    score: Option<String>,
    /// The column with the decisions, instead of a model.
    #[arg(long, value_name = "COLUMN")]
    predicted: Option<String>,
    /// The column of row weights.
    #[arg(long, value_name = "COLUMN")]
    weight: Option<String>,
    /// Exit with 3 if an impact ratio reaches this level.
    #[arg(long, value_name = "LEVEL")]
    fail_on: Option<FailOn>,
    /// Also write a self-contained HTML page.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

impl Fairness {
    pub(crate) fn run(mut self) -> Result<Answer, CliError> {
        self.check()?;
        let source = self.source()?;
        self.name_groups(&source.table)?;
        let mut result = FairnessResult::of(&source, source.threshold, self.html.clone());
        for columns in self.attributes() {
            let partition = partition(&source.table, &columns).map_err(|error| problem(&error))?;
            let privileged = self.privileged(&partition)?;
            result.attributes.push(Attribute::of(&partition, &source.decided.by(&partition), privileged));
        }
        if let Some(html) = &self.html {
            write_whole(html, view::html(&result, now()).as_bytes())?;
        }
        let worst = result.worst();
        let exit = match self.fail_on {
            Some(FailOn::Alert) if worst >= Impact::Alert => Exit::CheckFailed,
            Some(FailOn::Warn) if worst >= Impact::Warn => Exit::CheckFailed,
            _ => Exit::Done,
        };
        let unread = Unread::of_file(&source.data)?;
        Ok(Answer::done(&result, view::text(&result)).left_out(&unread).exit(exit))
    }

    fn check(&self) -> Result<(), CliError> {
        // Scores of a table need not be probabilities; what a model's may be is asked when they are known.
        if let Some(threshold) = self.threshold.filter(|threshold| !threshold.is_finite()) {
            return Err(usage(format!("`--threshold {threshold}` is no number to decide from")));
        }
        if self.has_columns() && self.second.is_some() {
            return Err(usage("a model and columns of answers were both given: leave out the model, or the columns"));
        }
        Ok(())
    }

    /// Which columns of the table are the groups.
    fn name_groups(&mut self, table: &Table) -> Result<(), CliError> {
        self.groups = named(&self.group_lists, table.names());
        if let Some(twice) = self.groups.iter().enumerate().find(|(at, name)| self.groups[..*at].contains(name)) {
            return Err(usage(format!("`{}` is listed twice in --groups", twice.1)));
        }
        let is_named = |pair: &str| {
            self.groups
                .iter()
                .any(|group| pair.strip_prefix(group.as_str()).is_some_and(|value| value.starts_with('=')))
        };
        match self.privileged.iter().find(|pair| !is_named(pair)) {
            Some(pair) => Err(usage(format!("`--privileged {pair}` does not name a value of one of the --groups"))),
            None => Ok(()),
        }
    }

    /// Whether the table holds the answers.
    fn has_columns(&self) -> bool {
        self.score.is_some() || self.predicted.is_some()
    }

    fn source(&self) -> Result<Source, CliError> {
        match (&self.second, self.has_columns()) {
            (_, true) => self.of_columns(),
            (Some(data), false) => self.of_model(data),
            (None, false) => Err(Problem::new(Code::UsageInvalid, "there are no rows, or no answers to judge")
                .hint("give a model and a table, or a table with --score COLUMN or --predicted COLUMN")
                .into()),
        }
    }

    fn of_model(&self, data: &Path) -> Result<Source, CliError> {
        let (path, model) = load_model(&self.first)?;
        let target = self.target.clone().or_else(|| model.signature().target.clone()).ok_or_else(no_target)?;
        let table = read_table(data, &ReadOptions::default())?;
        let is_feature = |name: &str| name != target && self.weight.as_deref() != Some(name);
        let model = model.named_by(&table, is_feature)?;
        let scored = scored(&model, &table, self.threshold)?;
        let decided = Decided::by_model(&scored, self.truth(&table, &target)).map_err(|error| problem(&error))?;
        let threshold = Some(scored.threshold);
        Ok(Source { model: Some(path), data: data.to_path_buf(), target, table, decided, threshold })
    }

    fn of_columns(&self) -> Result<Source, CliError> {
        let target = self.target.clone().ok_or_else(no_target)?;
        let table = read_table(&self.first, &ReadOptions::default())?;
        let (score, predicted) = (self.score.as_deref(), self.predicted.as_deref());
        let threshold = self.threshold.unwrap_or(HALF);
        let decided = Decided::by_columns(self.truth(&table, &target), score, predicted, threshold)
            .map_err(|error| problem(&error))?;
        let threshold = predicted.is_none().then_some(threshold);
        Ok(Source { model: None, data: self.first.clone(), target, table, decided, threshold })
    }

    fn truth<'a>(&'a self, table: &'a Table, target: &'a str) -> Truth<'a> {
        Truth { table, target, weight: self.weight.as_deref(), positive: self.positive.as_deref() }
    }

    /// Each column, then what is intersected.
    fn attributes(&self) -> Vec<Vec<String>> {
        let mut all: Vec<Vec<String>> = self.groups.iter().map(|column| vec![column.clone()]).collect();
        if self.intersect {
            all.extend(intersections(&self.groups, MAX_COLUMNS));
        }
        all
    }

    /// The group whose every value was named as privileged.
    fn privileged(&self, partition: &kilter_evaluation::fairness::Partition) -> Result<Option<usize>, CliError> {
        let named =
            |column: &String| self.privileged.iter().find_map(|pair| pair.strip_prefix(column)?.strip_prefix('='));
        let Some(values) = partition.columns.iter().map(named).collect::<Option<Vec<&str>>>() else { return Ok(None) };
        match partition.values.iter().position(|of_group| *of_group == values) {
            Some(group) => Ok(Some(group)),
            // A combination may have no row although each value has some.
            None if values.len() > 1 => Ok(None),
            None => {
                let detail = format!("no row has `{}={}`", partition.columns[0], values[0]);
                Err(Problem::new(Code::UsageInvalid, detail)
                    .hint(format!(
                        "name one of {}",
                        partition.names.iter().take(12).cloned().collect::<Vec<_>>().join(", ")
                    ))
                    .into())
            }
        }
    }
}

fn no_target() -> CliError {
    Problem::new(Code::UsageInvalid, "the label column is not known").hint("name it: --target COLUMN").into()
}

fn problem(error: &FairnessError) -> CliError {
    let (code, hint) = match error {
        FairnessError::Column(_) => return Problem::of(Code::ColumnUnknown, error).into(),
        FairnessError::Numbers => {
            (Code::UsageInvalid, "judge a classifier, or decisions of your own with --predicted COLUMN")
        }
        FairnessError::NoPositive { .. } | FairnessError::UnknownClass { .. } => {
            (Code::UsageInvalid, "name the positive one: --positive CLASS")
        }
        FairnessError::NoLabel { .. } => (Code::InvalidRows, "wait for labels, or name another column with --target"),
        FairnessError::OtherWords { .. } | FairnessError::UnknownLabels { .. } => {
            return Problem::of(Code::LabelsUnknown, error).into();
        }
        FairnessError::TooManyGroups { .. } => {
            (Code::UsageInvalid, "choose columns with fewer values, or leave out --intersect")
        }
        FairnessError::NoGroup { .. } => (Code::InvalidRows, "choose a column that has values"),
    };
    Problem::of(code, error).hint(hint).into()
}
