//! `kilter audit`: who changed what, when and why; whether the record is intact; and the proof of it for others.

mod erase;
mod list;
mod prove;
mod verify;

use clap::{Args, Subcommand};

use crate::ui::{error::CliError, view::Answer};

/// Show, verify or prove the audit log: who changed what, when and why.
#[derive(Debug, Args)]
pub(crate) struct Audit {
    #[command(subcommand)]
    what: AuditVerb,
}

#[derive(Debug, Subcommand)]
enum AuditVerb {
    /// List the newest entries.
    List(list::List),
    /// Show one entry and everything that is hashed of it.
    Show(list::Show),
    /// Verify the log against itself, every stored state and its checkpoints. Exits with 3 if something differs.
    ///
    /// With `--receipt` it verifies a receipt instead: offline, without a data folder.
    Verify(verify::Verify),
    /// Write the receipt of an entry: the entry, the proof that the log has it, and a signed checkpoint, in one file.
    Prove(prove::Prove),
    /// Show the newest signed checkpoint, the keys that sign, and the places that have it.
    Checkpoint(prove::ShowCheckpoint),
    /// Write the proof that the log of one size begins with that of a smaller one.
    Consistency(prove::Consistency),
    /// Erase the reason of an entry, which may name a person. The log still verifies.
    Erase(erase::Erase),
}

impl Audit {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        match self.what {
            AuditVerb::List(list) => list.run(),
            AuditVerb::Show(show) => show.run(),
            AuditVerb::Verify(verify) => verify.run(),
            AuditVerb::Prove(prove) => prove.run(),
            AuditVerb::Checkpoint(checkpoint) => checkpoint.run(),
            AuditVerb::Consistency(consistency) => consistency.run(),
            AuditVerb::Erase(erase) => erase.run(),
        }
    }
}
