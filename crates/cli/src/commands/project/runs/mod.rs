//! `kilter runs`: the runs there were, whoever executed them, what they logged, and how one is cancelled.

mod compare;
mod list;
mod logged;
mod logs;
mod marks;
mod page;
mod search;
mod show;

use clap::{Args, Subcommand};
use kilter_api as api;

use self::{compare::Compare, list::List, logs::Logs, search::Search, show::Show};
use crate::{
    connect::ConnectArgs,
    ui::{
        error::CliError,
        output::Output,
        view::{Answer, Page, Status},
    },
};

/// List, search and compare runs, show a run or its logs, cancel a run.
#[derive(Debug, Args)]
pub(crate) struct Runs {
    #[command(subcommand)]
    verb: RunsVerb,
}

#[derive(Debug, Subcommand)]
enum RunsVerb {
    List(List),
    Search(Search),
    Show(Show),
    Compare(Compare),
    Logs(Logs),
    Cancel(Cancel),
}

impl Runs {
    pub(crate) fn run(self, output: &Output) -> Result<Answer, CliError> {
        match self.verb {
            RunsVerb::List(list) => list.run(),
            RunsVerb::Search(search) => search.run(),
            RunsVerb::Show(show) => show.run(),
            RunsVerb::Compare(compare) => compare.run(),
            RunsVerb::Logs(logs) => logs.run(output),
            RunsVerb::Cancel(cancel) => cancel.run(),
        }
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
