//! Commands that write or query tables.

mod fetch;
mod split;
pub(crate) mod sql;

use clap::{Args, Subcommand};

use crate::ui::{error::CliError, view::Answer};

/// Prepare tables.
#[derive(Debug, Args)]
pub(crate) struct Data {
    #[command(subcommand)]
    verb: DataVerb,
}

#[derive(Debug, Subcommand)]
enum DataVerb {
    Fetch(fetch::Fetch),
    Split(split::Split),
}

impl Data {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        match self.verb {
            DataVerb::Fetch(fetch) => fetch.run(),
            DataVerb::Split(split) => split.run(),
        }
    }
}
