//! `kilter runs`: the runs there were, their logs, and how one is cancelled.

use clap::{Args, Subcommand};
use kilter_api::{self as api, Code, Problem};
use kilter_domain::ids::StepName;

use crate::{
    commands::model::show::{with_gates, with_metrics},
    connect::{Api, ConnectArgs},
    ui::{
        error::CliError,
        output::Output,
        terminal::printable,
        view::{Answer, Page, Status, TextTable, minute},
    },
};

/// List runs, show a run or its logs, cancel a run.
#[derive(Debug, Args)]
pub(crate) struct Runs {
    #[command(subcommand)]
    verb: RunsVerb,
}

#[derive(Debug, Subcommand)]
enum RunsVerb {
    List(List),
    Show(Show),
    Logs(Logs),
    Cancel(Cancel),
}

impl Runs {
    pub(crate) fn run(self, output: &Output) -> Result<Answer, CliError> {
        match self.verb {
            RunsVerb::List(list) => list.run(),
            RunsVerb::Show(show) => show.run(),
            RunsVerb::Logs(logs) => logs.run(output),
            RunsVerb::Cancel(cancel) => cancel.run(),
        }
    }
}

/// List runs, newest first.
#[derive(Debug, Args)]
struct List {
    /// The largest number of runs to show.
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    limit: u32,
    #[command(flatten)]
    connect: ConnectArgs,
}

impl List {
    fn run(self) -> Result<Answer, CliError> {
        let query = api::PageQuery { limit: Some(self.limit), cursor: None };
        let found = self.connect.api()?.call(async |api| api.runs(&query).await)?;
        let mut table = TextTable::new(["run", "project", "state", "version", "began", "why"]).reason("why");
        for run in &found.items {
            table.row([
                run.id.clone(),
                run.project.clone(),
                word(run.state),
                run.version.map_or("–".to_owned(), |number| format!("v{number}")),
                minute(run.created),
                run.cause.clone(),
            ]);
        }
        let page = if table.is_empty() {
            Page::new().line("There is no run yet: kilter run")
        } else {
            Page::new().table(table)
        };
        Ok(Answer::done(&serde_json::json!({ "runs": found.items, "next": found.next }), page))
    }
}

/// Show a run: its steps, metrics, version and gate verdicts.
#[derive(Debug, Args)]
struct Show {
    /// The id of the run. Default: the newest run.
    id: Option<String>,
    #[command(flatten)]
    connect: ConnectArgs,
}

impl Show {
    fn run(self) -> Result<Answer, CliError> {
        let api = self.connect.api()?;
        let run = named(&api, self.id)?;
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
        Ok(Answer::done(&run, page))
    }
}

/// Show the logs of the steps of a run.
#[derive(Debug, Args)]
struct Logs {
    /// The step. Default: all steps.
    step: Option<StepName>,
    /// The id of the run. Default: the newest run.
    #[arg(long, value_name = "ID")]
    run: Option<String>,
    #[command(flatten)]
    connect: ConnectArgs,
}

impl Logs {
    fn run(self, output: &Output) -> Result<Answer, CliError> {
        let api = self.connect.api()?;
        let run = named(&api, self.run)?;
        let is_asked = |step: &&api::RunStep| match &self.step {
            Some(name) => step.name == name.as_str(),
            None => step.has_log,
        };
        let steps: Vec<&api::RunStep> = run.steps.iter().filter(is_asked).collect();
        if let (Some(name), true) = (&self.step, steps.is_empty()) {
            let names: Vec<&str> = run.steps.iter().map(|step| step.name.as_str()).collect();
            return Err(Problem::new(Code::NotFound, format!("run {} has no step `{name}`", run.summary.id))
                .hint(format!("it has {}", names.join(", ")))
                .into());
        }
        let id = &run.summary.id;
        let read = |step: &&api::RunStep| api.call(async |api| api.step_log(id, &step.name).await);
        let logs = steps.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        if output.is_json() {
            return Ok(Answer::done(&serde_json::json!({ "run": id, "logs": logs }), Page::new()));
        }
        for log in &logs {
            let heading = if logs.len() > 1 { format!("== {} ==\n", log.step) } else { String::new() };
            let end = if log.text.is_empty() || log.text.ends_with('\n') { "" } else { "\n" };
            output.raw(&format!("{heading}{}{end}", printable(&log.text.replace("\r\n", "\n"))))?;
        }
        Ok(Answer::written())
    }
}

/// Cancel a run of the server. Its running steps are stopped; finished steps stay in the cache.
#[derive(Debug, Args)]
struct Cancel {
    /// The id of the run.
    id: String,
    /// The reason, for the audit log.
    #[arg(long, value_name = "TEXT", default_value = "requested in the terminal")]
    reason: String,
    #[command(flatten)]
    connect: ConnectArgs,
}

impl Cancel {
    fn run(self) -> Result<Answer, CliError> {
        let body = api::Reason { reason: Some(self.reason) };
        let run = self.connect.api()?.call(async |api| api.cancel_run(&self.id, &body).await)?;
        let page = Page::new().marked(Status::Running, format!("run {} is being cancelled", run.summary.id));
        Ok(Answer::done(&run, page))
    }
}

/// The run of this id, else the newest.
fn named(api: &Api, id: Option<String>) -> Result<api::Run, CliError> {
    let id = match id {
        Some(id) => id,
        None => {
            let query = api::PageQuery { limit: Some(1), cursor: None };
            let newest = api.call(async |api| api.runs(&query).await)?;
            let newest = newest.items.into_iter().next().map(|run| run.id);
            newest.ok_or_else(|| {
                Problem::new(Code::NotFound, "there is no run yet").hint("start one with `kilter run`")
            })?
        }
    };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if id.is_empty() || !id.chars().all(is_plain) {
        return Err(Problem::new(Code::NotFound, "this is not the id of a run")
            .hint("see the ids with `kilter runs list`")
            .into());
    }
    api.call(async |api| api.run(&id).await)
}

fn word(state: api::RunState) -> String {
    format!("{state:?}").to_lowercase()
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
