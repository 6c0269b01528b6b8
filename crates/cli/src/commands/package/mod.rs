//! `kilter package`: versions as folders and archives that others read, verified with a public key alone, in a registry, made again.

mod build;
mod compare;
mod import;
mod package_ref;
mod pull;
mod push;
mod rebuild;
mod registry_args;
mod sign;
mod verify;

use clap::{Args, Subcommand};

use crate::ui::{error::CliError, output::Output, view::Answer};

/// Build, verify, sign, import and compare packages, send them to a registry, bring them from there, make them again.
#[derive(Debug, Args)]
pub(crate) struct Packages {
    #[command(subcommand)]
    verb: PackageVerb,
}

#[derive(Debug, Subcommand)]
enum PackageVerb {
    Build(build::Build),
    Verify(verify::Verify),
    Sign(sign::Sign),
    Import(import::Import),
    Diff(compare::Diff),
    Push(push::Push),
    Pull(pull::Pull),
    Rebuild(rebuild::Rebuild),
}

impl Packages {
    pub(crate) fn run(self, output: &Output) -> Result<Answer, CliError> {
        match self.verb {
            PackageVerb::Build(build) => build.run(),
            PackageVerb::Verify(verify) => verify.run(),
            PackageVerb::Sign(sign) => sign.run(),
            PackageVerb::Import(import) => import.run(),
            PackageVerb::Diff(diff) => diff.run(),
            PackageVerb::Push(push) => push.run(),
            PackageVerb::Pull(pull) => pull.run(),
            PackageVerb::Rebuild(rebuild) => rebuild.run(output),
        }
    }
}
