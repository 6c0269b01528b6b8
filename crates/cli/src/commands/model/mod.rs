//! Models, their versions, and what people decide about a version.

pub(crate) mod approve;
pub(crate) mod lifecycle;
mod list;
pub(crate) mod page;
pub(crate) mod policy;
pub(crate) mod reject;
pub(crate) mod show;
pub(crate) mod version_name;
pub(crate) mod waiver;

use clap::{Args, Subcommand};

use crate::ui::{error::CliError, view::Answer};

/// List models, show a version.
#[derive(Debug, Args)]
pub(crate) struct Models {
    #[command(subcommand)]
    what: ModelVerb,
}

#[derive(Debug, Subcommand)]
enum ModelVerb {
    /// List the models and their versions.
    List(list::List),
    /// Show a version: its state, its metrics and its gate verdicts.
    Show(show::Show),
}

impl Models {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        match self.what {
            ModelVerb::List(list) => list.run(),
            ModelVerb::Show(show) => show.run(),
        }
    }
}
