//! `kilter runs show`: a run, its steps and version where the platform executed it, and what it logged.

use clap::Args;
use kilter_api as api;

use super::logged::{checked_id, is_system_tag, metric_text, newest, tracked_run, word};
use crate::{
    commands::model::show::{with_gates, with_metrics},
    connect::ConnectArgs,
    ui::{
        error::CliError,
        view::{Answer, Page, Status, TextTable},
    },
};

/// Show a run: its steps, version and gate verdicts, its parameters, metrics, tags and datasets.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// The id of the run. Default: the newest run.
    id: Option<String>,
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
        if tracked.executed.is_none() {
            let page = with_logged(head(&tracked), &tracked);
            return Ok(Answer::done(&serde_json::json!({ "tracked": tracked }), page));
        }
        let run = api.call(async |api| api.run(&id).await)?;
        let page = with_logged(executed_page(&run), &tracked);
        let mut document = serde_json::to_value(&run).unwrap_or_default();
        document["tracked"] = serde_json::to_value(&tracked).unwrap_or_default();
        Ok(Answer::done(&document, page))
    }
}

/// What stands above everything of a run that a client executed.
fn head(run: &api::TrackedRun) -> Page {
    use kilter_domain::tracking::RunStatus;
    let (mark, stands) = match run.status {
        RunStatus::Scheduled => (Status::Wait, "is scheduled"),
        RunStatus::Running => (Status::Running, "is running"),
        RunStatus::Finished => (Status::Ok, "finished"),
        RunStatus::Failed => (Status::Bad, "failed"),
        RunStatus::Killed => (Status::None, "was killed"),
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

const fn mark_of_run(state: api::RunState) -> Status {
    match state {
        api::RunState::Queued => Status::Wait,
        api::RunState::Running => Status::Running,
        api::RunState::Succeeded => Status::Ok,
        api::RunState::Failed => Status::Bad,
        api::RunState::Cancelled => Status::None,
        api::RunState::Refused => Status::Blocked,
    }
}

const fn mark_of_step(state: api::StepState) -> Status {
    match state {
        api::StepState::Succeeded | api::StepState::Cached => Status::Ok,
        api::StepState::Failed => Status::Bad,
        api::StepState::Running => Status::Running,
        api::StepState::Queued => Status::Wait,
        api::StepState::Cancelled | api::StepState::Skipped => Status::None,
        api::StepState::Refused => Status::Blocked,
    }
}

/// What a step did, and what it measured.
fn sentence(step: &api::RunStep) -> String {
    let what = match step.state {
        api::StepState::Cached => "cached".to_owned(),
        api::StepState::Succeeded => format!("{:.1} s", step.wall_ms as f64 / 1_000.0),
        state => format!("{state:?}").to_lowercase(),
    };
    let metrics: Vec<String> = step.metrics.iter().map(|(name, value)| format!("{name} = {value:.4}")).collect();
    let metrics = if metrics.is_empty() { String::new() } else { format!("; {}", metrics.join(", ")) };
    let error = step.error.as_ref().map_or_else(String::new, |error| format!(": {error}"));
    format!("{} ({what}){error}{metrics}", step.name)
}
