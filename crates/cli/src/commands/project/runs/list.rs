//! `kilter runs list`: the runs there were, newest first.

use clap::Args;
use kilter_api as api;

use super::logged::state_word;
use crate::{
    connect::ConnectArgs,
    ui::{
        error::CliError,
        view::{Answer, Page, TextTable, minute},
    },
};

/// List runs, newest first: those of the platform, and those that clients logged.
#[derive(Debug, Args)]
pub(super) struct List {
    /// Only runs of these experiments; that of a project has its name.
    #[arg(long, value_name = "NAME")]
    experiment: Vec<String>,
    /// The largest number of runs to show: 1 to 1000.
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    #[command(flatten)]
    connect: ConnectArgs,
}

impl List {
    pub(super) fn run(self) -> Result<Answer, CliError> {
        let search = api::SearchTrackedRuns {
            experiments: self.experiment,
            limit: Some(self.limit),
            ..api::SearchTrackedRuns::default()
        };
        let found = self.connect.api()?.call(async |api| api.search_tracked_runs(&search).await)?;
        let mut table = TextTable::new(["run", "experiment", "state", "version", "began", "why"]).reason("why");
        for run in &found.items {
            let version = run.executed.as_ref().and_then(|executed| executed.version);
            table.row([
                run.id.clone(),
                run.experiment.clone(),
                state_word(run),
                version.map_or("–".to_owned(), |number| format!("v{number}")),
                run.started.map_or("–".to_owned(), minute),
                why(run),
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

/// Why there is this run, in a sentence.
fn why(run: &api::TrackedRun) -> String {
    match (&run.executed, run.user.is_empty()) {
        (Some(executed), _) => executed.cause.clone(),
        (None, true) => format!("logged by a client: {}", run.name),
        (None, false) => format!("logged by {}: {}", run.user, run.name),
    }
}
