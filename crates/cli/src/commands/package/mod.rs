//! Packages: in a folder, in a registry, made again.

mod package_ref;
mod pull;
mod push;
mod rebuild;
mod registry_args;

use clap::{Args, Subcommand};

use crate::ui::{error::CliError, output::Output, view::Answer};

/// Send a package to a registry, bring one from there, make one again.
#[derive(Debug, Args)]
pub(crate) struct Packages {
    #[command(subcommand)]
    verb: PackageVerb,
}

#[derive(Debug, Subcommand)]
enum PackageVerb {
    Push(push::Push),
    Pull(pull::Pull),
    Rebuild(rebuild::Rebuild),
}

impl Packages {
    pub(crate) fn run(self, output: &Output) -> Result<Answer, CliError> {
        match self.verb {
            PackageVerb::Push(push) => push.run(),
            PackageVerb::Pull(pull) => pull.run(),
            PackageVerb::Rebuild(rebuild) => rebuild.run(output),
        }
    }
}
