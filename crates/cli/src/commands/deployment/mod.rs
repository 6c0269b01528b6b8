//! Deployments: which version serves at which endpoint.

pub(crate) mod break_glass;
pub(crate) mod deploy;
mod endpoint;
pub(crate) mod experiment;
mod list;
pub(crate) mod rollback;

use clap::{Args, Subcommand};

use crate::ui::{error::CliError, view::Answer};

/// List deployments.
#[derive(Debug, Args)]
pub(crate) struct Deployments {
    #[command(subcommand)]
    verb: DeploymentVerb,
}

#[derive(Debug, Subcommand)]
enum DeploymentVerb {
    List(list::List),
}

impl Deployments {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        match self.verb {
            DeploymentVerb::List(list) => list.run(),
        }
    }
}
