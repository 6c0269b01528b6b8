//! `kilter runs search`: the runs that hold a filter, with what it names beside them.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use kilter_api::{self as api, Code, Problem};
use kilter_domain::search::{self, Key, Scope, View};

use super::logged::{metric_text, state_word};
use crate::{
    connect::ConnectArgs,
    ui::{
        error::CliError,
        view::{Answer, Page, TextTable, minute},
    },
};

/// Columns of metrics, and of parameters, that are shown where none is named.
const UNNAMED_COLUMNS: usize = 3;

/// Search runs by what they logged: `metrics.auc > 0.8 AND (params.depth = '3' OR tags.kind LIKE 'try%')`.
#[derive(Debug, Args)]
pub(super) struct Search {
    /// What must hold. Default: nothing.
    #[arg(value_name = "FILTER", default_value = "", hide_default_value = true)]
    filter: String,
    /// Only runs of these experiments; that of a project has its name.
    #[arg(long, value_name = "NAME")]
    experiment: Vec<String>,
    /// By what they are sorted, like `metrics.auc DESC`; again for more. Default: the newest first.
    #[arg(long, value_name = "KEY")]
    order_by: Vec<String>,
    /// A column to show, like `params.depth`; again for more. Default: what filter and order name.
    #[arg(long, value_name = "KEY")]
    column: Vec<String>,
    /// Find deleted runs, and no others.
    #[arg(long)]
    deleted: bool,
    /// The largest number of runs to show: 1 to 1000.
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// The `next` of the page before.
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
    #[command(flatten)]
    connect: ConnectArgs,
}

impl Search {
    pub(super) fn run(self) -> Result<Answer, CliError> {
        let search = api::SearchTrackedRuns {
            experiments: self.experiment,
            filter: self.filter,
            order_by: self.order_by,
            deleted: if self.deleted { api::Deleted::Only } else { api::Deleted::Without },
            limit: Some(self.limit),
            cursor: self.cursor,
        };
        let found = self.connect.api()?.call(async |api| api.search_tracked_runs(&search).await)?;
        let document = serde_json::json!({ "runs": found.items, "next": found.next });
        if found.items.is_empty() {
            return Ok(Answer::done(&document, Page::new().line("No run holds the filter.")));
        }
        let named = match self.column.is_empty() {
            true => named_columns(&search.filter, &search.order_by)?,
            false => named_columns("", &self.column)?,
        };
        let columns = if named.is_empty() { common_columns(&found.items) } else { named };
        let names = columns.iter().map(|column| column.name().to_owned());
        let fixed = ["run", "name", "experiment", "state", "began"].map(str::to_owned);
        let mut table = TextTable::new(fixed.into_iter().chain(names)).detail(&["name", "experiment", "state"]);
        for run in &found.items {
            let began = run.started.map_or("–".to_owned(), minute);
            let fixed = [run.id.clone(), run.name.clone(), run.experiment.clone(), state_word(run), began];
            table.row(fixed.into_iter().chain(columns.iter().map(|column| column.of(run))));
        }
        let mut page = Page::new().table(table);
        if let Some(next) = &found.next {
            page = page.line(format!("There are more: --cursor {next}"));
        }
        Ok(Answer::done(&document, page))
    }
}

/// The columns that filter and order name.
fn named_columns(filter: &str, order: &[String]) -> Result<Vec<Column>, CliError> {
    let scope = Scope::Runs { experiments: Vec::new(), view: View::Active };
    let read = search::Search::parse(scope, filter, order);
    let wrong = |error| {
        Problem::of(Code::RequestInvalid, &error)
            .hint("a column is written like `metrics.auc`, `params.depth` or `tags.team`")
    };
    Ok(read.map_err(wrong)?.keys().into_iter().filter_map(Column::of_key).collect())
}

/// A column of what runs logged.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Column {
    Metric(String),
    Param(String),
    Tag(String),
}

impl Column {
    fn of_key(key: &Key) -> Option<Self> {
        match key {
            Key::Metric(name) => Some(Self::Metric(name.clone())),
            Key::Param(name) => Some(Self::Param(name.clone())),
            Key::Tag(name) => Some(Self::Tag(name.clone())),
            Key::Attribute(_) | Key::Dataset(_) => None,
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Metric(name) | Self::Param(name) | Self::Tag(name) => name,
        }
    }

    /// The cell of a run; `–` where it has nothing.
    fn of(&self, run: &api::TrackedRun) -> String {
        let found = match self {
            Self::Metric(name) => run.metrics.get(name).map(metric_text),
            Self::Param(name) => run.params.get(name).cloned(),
            Self::Tag(name) => run.tags.get(name).cloned(),
        };
        found.unwrap_or_else(|| "–".to_owned())
    }
}

/// The metrics that most of the runs have, and the parameters in which they differ.
fn common_columns(runs: &[api::TrackedRun]) -> Vec<Column> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut values: BTreeMap<&str, BTreeSet<Option<&str>>> = BTreeMap::new();
    for name in runs.iter().flat_map(|run| run.metrics.keys()) {
        *counts.entry(name).or_default() += 1;
    }
    for name in runs.iter().flat_map(|run| run.params.keys()) {
        values.entry(name).or_insert_with(|| runs.iter().map(|run| run.params.get(name).map(String::as_str)).collect());
    }
    let mut metrics: Vec<_> = counts.into_iter().collect();
    metrics.sort_by_key(|(name, count)| (std::cmp::Reverse(*count), *name));
    let metrics = metrics.into_iter().take(UNNAMED_COLUMNS).map(|(name, _)| Column::Metric(name.to_owned()));
    let params = values.into_iter().filter(|(_, found)| found.len() > 1).take(UNNAMED_COLUMNS);
    metrics.chain(params.map(|(name, _)| Column::Param(name.to_owned()))).collect()
}
