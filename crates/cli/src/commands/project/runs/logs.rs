//! `kilter runs logs`: what the steps of a run wrote.

use clap::Args;
use kilter_api::{self as api, Code, Problem};
use kilter_domain::ids::StepName;

use super::logged::{checked_id, newest};
use crate::{
    connect::{Api, ConnectArgs},
    ui::{
        error::CliError,
        output::Output,
        terminal::printable,
        view::{Answer, Page},
    },
};

/// Show the logs of the steps of a run.
#[derive(Debug, Args)]
pub(super) struct Logs {
    /// The step. Default: all steps.
    step: Option<StepName>,
    /// The id of the run. Default: the newest run.
    #[arg(long, value_name = "ID")]
    run: Option<String>,
    #[command(flatten)]
    connect: ConnectArgs,
}

impl Logs {
    pub(super) fn run(self, output: &Output) -> Result<Answer, CliError> {
        let api = self.connect.api()?;
        let run = executed(&api, self.run)?;
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

/// The run of this id that the platform executed, else the newest.
fn executed(api: &Api, id: Option<String>) -> Result<api::Run, CliError> {
    let id = match id {
        Some(id) => checked_id(id)?,
        None => {
            let query = api::PageQuery { limit: Some(1), cursor: None };
            let found = api.call(async |api| api.runs(&query).await)?;
            newest(found.items.into_iter().next().map(|run| run.id))?
        }
    };
    api.call(async |api| api.run(&id).await)
}
