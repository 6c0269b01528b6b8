//! `kilter runs show`: a run, its steps and version where the platform executed it, and what it logged.

use std::path::PathBuf;

use clap::Args;
use kilter_api as api;
use kilter_domain::tracking::RunStatus;

use super::{
    logged::{checked_id, is_system_tag, metric_text, newest, tracked_run, word},
    marks::{mark_of_run, mark_of_status, mark_of_step, sentence},
    page,
};
use crate::{
    commands::model::show::{with_gates, with_metrics},
    connect::ConnectArgs,
    context::now,
    fs::write_whole,
    ui::{
        error::CliError,
        view::{Answer, Page, TextTable},
    },
};

/// Show a run: its steps, version and gate verdicts, its parameters, metrics, tags and datasets.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// The id of the run. Default: the newest run.
    id: Option<String>,
    /// Also write a self-contained HTML page.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[command(flatten)]
    connect: ConnectArgs,
}

impl Show {
    pub(super) fn run(self) -> Result<Answer, CliError> {
        let api = self.connect.api()?;
        let id = match self.id {
            Some(id) => checked_id(id)?,
            None => {
                let search = api::SearchTrackedRuns { limit: Some(1), ..api::SearchTrackedRuns::default() };
                let found = api.call(async |api| api.search_tracked_runs(&search).await)?;
                newest(found.items.into_iter().next().map(|run| run.id))?
            }
        };
        let tracked = tracked_run(&api, &id)?;
        let write = |executed: Option<&api::Run>| match &self.html {
            Some(html) => write_whole(html, page::html(&tracked, executed, now()).as_bytes()),
            None => Ok(()),
        };
        if tracked.executed.is_none() {
            write(None)?;
            let page = with_logged(head(&tracked), &tracked);
            return Ok(Answer::done(&serde_json::json!({ "tracked": tracked }), page));
        }
        let run = api.call(async |api| api.run(&id).await)?;
        write(Some(&run))?;
        let page = with_logged(executed_page(&run), &tracked);
        let mut document = serde_json::to_value(&run).unwrap_or_default();
        document["tracked"] = serde_json::to_value(&tracked).unwrap_or_default();
        Ok(Answer::done(&document, page))
    }
}

/// What stands above everything of a run that a client executed.
fn head(run: &api::TrackedRun) -> Page {
    let mark = mark_of_status(run.status);
    let stands = match run.status {
        RunStatus::Scheduled => "is scheduled",
        RunStatus::Running => "is running",
        RunStatus::Finished => "finished",
        RunStatus::Failed => "failed",
        RunStatus::Killed => "was killed",
    };
    let deleted = if run.is_deleted { "; it is deleted" } else { "" };
    let user = if run.user.is_empty() { String::new() } else { format!(", by {}", run.user) };
    let began = run.started.map_or("has no start".to_owned(), |started| format!("began {started}"));
    let ended = run.ended.map_or_else(String::new, |ended| format!(", ended {ended}"));
    Page::new()
        .marked(mark, format!("run {} ({}) of {} {stands}{deleted}", run.id, run.name, run.experiment))
        .line(format!("{began}{ended}{user}"))
}

/// What a run of the platform did.
fn executed_page(run: &api::Run) -> Page {
    let mut page = Page::new()
        .marked(
            mark_of_run(run.summary.state),
            format!("run {} of {} {}", run.summary.id, run.summary.project, state(run.summary.state)),
        )
        .line(format!("began {}: {}", run.summary.created, run.summary.cause));
    page = run.reason.iter().fold(page, |page, reason| page.reason(None, "", reason.clone()));
    page = run.steps.iter().fold(page, |page, step| page.reason(mark_of_step(step.state), "", sentence(step)));
    if let Some(version) = &run.version {
        let made = if run.unchanged { "unchanged: version" } else { "version" };
        page = page.line(format!("{made} {} of {} is {}", version.number, version.model, version.state));
        page = with_metrics(with_gates(page, version), version);
    }
    page
}

/// Adds what the run logged: each kind as a table, where there is something.
fn with_logged(page: Page, run: &api::TrackedRun) -> Page {
    let params = run.params.iter().map(|(name, value)| [name.clone(), value.clone()]);
    let page = with_table(page, TextTable::new(["parameter", "value"]).reason("value"), params);
    let metrics = run.metrics.iter().map(|(name, point)| [name.clone(), metric_text(point), point.step.to_string()]);
    let page = with_table(page, TextTable::new(["logged metric", "value", "step"]), metrics);
    let is_own = |(name, _): &(&String, &String)| !is_system_tag(name);
    let tags = run.tags.iter().filter(is_own).map(|(name, value)| [name.clone(), value.clone()]);
    let page = with_table(page, TextTable::new(["tag", "value"]).reason("value"), tags);
    let datasets = run.datasets.iter().map(|dataset| {
        [dataset.name.clone(), dataset.digest.clone(), dataset.context.clone().unwrap_or_else(|| "–".to_owned())]
    });
    let page = with_table(page, TextTable::new(["dataset", "digest", "read for"]), datasets);
    match run.models.is_empty() {
        true => page,
        false => page.line(format!("logged models: {}", run.models.join(", "))),
    }
}

fn with_table<const N: usize>(page: Page, mut table: TextTable, rows: impl Iterator<Item = [String; N]>) -> Page {
    for row in rows {
        table.row(row);
    }
    if table.is_empty() { page } else { page.table(table) }
}

fn state(state: api::RunState) -> String {
    match state {
        api::RunState::Succeeded | api::RunState::Failed => word(state),
        _ => format!("is {}", word(state)),
    }
}
