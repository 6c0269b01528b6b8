//! `kilter policy`: contracts that ask for less than the one in force.

use clap::{Args, Subcommand};
use kilter_api as api;

use crate::{
    commands::alert::short_id::short,
    connect::ConnectArgs,
    ui::{
        error::CliError,
        view::{Answer, Page, Status, minute},
    },
};

/// List, accept and reject contracts that ask for less than the one in force.
#[derive(Debug, Args)]
pub(crate) struct Policies {
    #[command(subcommand)]
    verb: PolicyVerb,
}

#[derive(Debug, Subcommand)]
enum PolicyVerb {
    /// List the proposals, newest first.
    List(List),
    /// Accept a proposal: its contract comes into force. It needs a validator who did not propose it.
    Accept(Decide),
    /// Reject a proposal. It needs a reason.
    Reject(Decide),
}

impl Policies {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        match self.verb {
            PolicyVerb::List(list) => list.run(),
            PolicyVerb::Accept(decide) => decide.run(true),
            PolicyVerb::Reject(decide) => decide.run(false),
        }
    }
}

#[derive(Debug, Args)]
struct List {
    /// The name of the model.
    model: String,
    #[command(flatten)]
    connect: ConnectArgs,
}

impl List {
    fn run(self) -> Result<Answer, CliError> {
        let found = self.connect.api()?.call(async |api| api.proposals(&self.model).await)?;
        let mut page = Page::new();
        for one in &found.items {
            let mark = match one.state {
                api::ProposalState::Open => Status::Wait,
                api::ProposalState::Accepted => Status::Ok,
                api::ProposalState::Rejected => Status::Bad,
                api::ProposalState::Superseded => Status::None,
            };
            let line = format!("{} is {}, by {}, {}", short(&one.id), word(one.state), one.by, minute(one.created));
            page = page.marked(mark, line);
            page = one.changes.iter().fold(page, |page, change| page.reason(None, "    ", change.clone()));
        }
        if found.items.is_empty() {
            page = page.line(format!("No contract of {} asked for less.", self.model));
        }
        Ok(Answer::done(&found, page))
    }
}

#[derive(Debug, Args)]
struct Decide {
    /// The name of the model.
    model: String,
    /// The id of the proposal: the whole id, or its end as `kilter policy list` shows it.
    id: String,
    /// The reason, for the audit log.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    connect: ConnectArgs,
}

impl Decide {
    fn run(self, accepts: bool) -> Result<Answer, CliError> {
        let body = api::Reason { reason: self.reason };
        let decided = self.connect.api()?.call(async |api| {
            let known = api.proposals(&self.model).await?;
            // An end that names several is sent as it is: the answer says that there is none of that id.
            let mut named = known.items.iter().filter(|one| one.id.ends_with(&self.id));
            let id = match (named.next(), named.next()) {
                (Some(one), None) => one.id.clone(),
                _ => self.id.clone(),
            };
            match accepts {
                true => api.accept_proposal(&self.model, &id, &body).await,
                false => api.reject_proposal(&self.model, &id, &body).await,
            }
        })?;
        let mark = if accepts { Status::Ok } else { Status::Bad };
        let page = Page::new().marked(mark, format!("proposal {} is {}", short(&decided.id), word(decided.state)));
        Ok(Answer::done(&decided, page))
    }
}

const fn word(state: api::ProposalState) -> &'static str {
    match state {
        api::ProposalState::Open => "open",
        api::ProposalState::Accepted => "accepted",
        api::ProposalState::Rejected => "rejected",
        api::ProposalState::Superseded => "superseded",
    }
}
