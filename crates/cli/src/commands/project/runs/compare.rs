//! `kilter runs compare`: what runs logged, side by side, and where they differ.

use std::collections::BTreeSet;

use clap::Args;
use kilter_api as api;
use kilter_domain::plural::counted;
use serde_json::json;

use super::logged::{checked_id, is_system_tag, metric_text, state_word, tracked_run};
use crate::{
    connect::ConnectArgs,
    ui::{
        error::CliError,
        view::{Answer, Page, Status, TextTable},
    },
};

/// Compare runs side by side: parameters, metrics, tags and datasets that differ.
#[derive(Debug, Args)]
pub(super) struct Compare {
    /// The ids of 2 to 10 runs, of any experiments.
    #[arg(value_name = "RUN", required = true, num_args = 2..=10)]
    ids: Vec<String>,
    /// Show what is the same too.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    connect: ConnectArgs,
}

/// Something that runs have, with its value in each.
struct Row {
    kind: &'static str,
    name: String,
    values: Vec<Option<String>>,
    /// Of a metric of two runs: the second minus the first.
    difference: Option<f64>,
}

impl Row {
    fn of(kind: &'static str, name: impl Into<String>, values: Vec<Option<String>>) -> Self {
        Self { kind, name: name.into(), values, difference: None }
    }

    fn differs(&self) -> bool {
        self.values.iter().any(|value| *value != self.values[0])
    }
}

impl Compare {
    pub(super) fn run(self) -> Result<Answer, CliError> {
        let api = self.connect.api()?;
        let read = |id: String| tracked_run(&api, &checked_id(id)?);
        let runs = self.ids.into_iter().map(read).collect::<Result<Vec<_>, CliError>>()?;
        let rows = rows(&runs);
        let shown: Vec<&Row> = rows.iter().filter(|row| self.all || row.differs()).collect();
        let document = json!({
            "runs": runs,
            "rows": rows.iter().map(|row| json!({
                "kind": row.kind, "name": row.name, "values": row.values, "differs": row.differs(),
                "difference": row.difference,
            })).collect::<Vec<_>>(),
        });
        let differing = rows.iter().filter(|row| row.differs()).count();
        let same = rows.len() - differing;
        let head = match differing {
            0 => {
                Page::new().marked(Status::Ok, format!("{} logged the same: {same} values", counted(runs.len(), "run")))
            }
            _ => Page::new().line(format!(
                "{} differ in {}; {same} are the same{}",
                counted(runs.len(), "run"),
                counted(differing, "value"),
                if same > 0 && !self.all { " (--all shows them)" } else { "" },
            )),
        };
        let page = if shown.is_empty() { head } else { head.table(table(&runs, &shown)) };
        Ok(Answer::done(&document, page))
    }
}

fn table(runs: &[api::TrackedRun], rows: &[&Row]) -> TextTable {
    let has_difference = rows.iter().any(|row| row.difference.is_some());
    let labels = labels(runs).into_iter().chain(has_difference.then(|| "difference".to_owned()));
    let mut table = TextTable::new(["kind".to_owned(), "name".to_owned()].into_iter().chain(labels));
    for row in rows {
        let values = row.values.iter().map(|value| value.clone().unwrap_or_else(|| "–".to_owned()));
        let difference = row.difference.map_or_else(String::new, |difference| {
            let sign = if difference > 0.0 { "+" } else { "" };
            format!("{sign}{}", kilter_report::number(difference))
        });
        table.row([row.kind.to_owned(), row.name.clone()].into_iter().chain(values).chain([difference]));
    }
    table
}

/// How the runs are called above their columns: by their names where these tell them apart.
fn labels(runs: &[api::TrackedRun]) -> Vec<String> {
    let names: BTreeSet<&str> = runs.iter().map(|run| run.name.as_str()).collect();
    let is_telling = names.len() == runs.len();
    runs.iter().map(|run| if is_telling { run.name.clone() } else { run.id.clone() }).collect()
}

/// Everything that one of the runs has.
fn rows(runs: &[api::TrackedRun]) -> Vec<Row> {
    let mut rows = vec![
        Row::of("run", "experiment", runs.iter().map(|run| Some(run.experiment.clone())).collect()),
        Row::of("run", "state", runs.iter().map(|run| Some(state_word(run))).collect()),
    ];
    rows.extend(
        by_name(runs, |run| run.params.keys().collect())
            .into_iter()
            .map(|name| Row::of("parameter", name, runs.iter().map(|run| run.params.get(name).cloned()).collect())),
    );
    rows.extend(by_name(runs, |run| run.metrics.keys().collect()).into_iter().map(|name| metric_row(runs, name)));
    rows.extend(
        by_name(runs, own_tags)
            .into_iter()
            .map(|name| Row::of("tag", name, runs.iter().map(|run| run.tags.get(name).cloned()).collect())),
    );
    rows.extend(
        by_name(runs, |run| run.datasets.iter().map(|dataset| &dataset.name).collect())
            .into_iter()
            .map(|name| Row::of("dataset", name, runs.iter().map(|run| digests_of(run, name)).collect())),
    );
    rows
}

/// The names of the tags that say what was tried.
fn own_tags(run: &api::TrackedRun) -> Vec<&String> {
    run.tags.keys().filter(|name| !is_system_tag(name)).collect()
}

/// The names that one of the runs has, each once.
fn by_name<'r>(
    runs: &'r [api::TrackedRun],
    names: impl Fn(&'r api::TrackedRun) -> Vec<&'r String>,
) -> BTreeSet<&'r str> {
    runs.iter().flat_map(names).map(String::as_str).collect()
}

fn metric_row(runs: &[api::TrackedRun], name: &str) -> Row {
    let points: Vec<Option<&api::MetricValue>> = runs.iter().map(|run| run.metrics.get(name)).collect();
    let value = |point: &Option<&api::MetricValue>| point.and_then(|point| point.value);
    let difference = match &points[..] {
        [first, second] => value(second).zip(value(first)).map(|(second, first)| second - first),
        _ => None,
    };
    let short: BTreeSet<String> = points.iter().flatten().map(|point| metric_text(point)).collect();
    let exact: BTreeSet<String> = points.iter().flatten().map(|point| exact_text(point)).collect();
    // What is not the same does not look the same.
    let text = if short.len() < exact.len() { exact_text } else { metric_text };
    Row { difference, ..Row::of("metric", name, points.iter().map(|point| point.map(text)).collect()) }
}

/// A value of a metric with all of its digits.
fn exact_text(point: &api::MetricValue) -> String {
    point.value.map_or_else(|| metric_text(point), |value| value.to_string())
}

/// What a run read of the dataset of this name.
fn digests_of(run: &api::TrackedRun, name: &str) -> Option<String> {
    let digests: Vec<&str> =
        run.datasets.iter().filter(|dataset| dataset.name == name).map(|dataset| dataset.digest.as_str()).collect();
    (!digests.is_empty()).then(|| digests.join(", "))
}
