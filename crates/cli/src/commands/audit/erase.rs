//! `kilter audit erase`.

use clap::Args;
use kilter_api as api;

use crate::{
    commands::audit::list::page,
    connect::ConnectArgs,
    ui::{error::CliError, view::Answer},
};

#[derive(Debug, Args)]
pub(super) struct Erase {
    /// The number of the entry.
    entry: u64,
    /// Why it is erased, for the audit log. It must not repeat what is erased.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    connect: ConnectArgs,
}

impl Erase {
    pub(super) fn run(self) -> Result<Answer, CliError> {
        let body = api::Reason { reason: Some(self.reason) };
        let found = self.connect.api()?.call(async |api| api.erase_reason(self.entry, &body).await)?;
        Ok(Answer::done(&found, page(&found)))
    }
}
