//! `kilter rollback`: an endpoint returns to an earlier version.

use clap::Args;
use kilter_api as api;

use crate::{
    commands::deployment::endpoint::EndpointArgs,
    ui::{
        error::CliError,
        view::{Answer, Mark, Page},
    },
};

/// Take back a version that is on its way, or go back to the version that answered before. Waits for no approval.
#[derive(Debug, Args)]
pub(crate) struct Rollback {
    #[command(flatten)]
    at: EndpointArgs,
    /// Why, for the audit table.
    #[arg(long, value_name = "TEXT", default_value = "no reason given (terminal)")]
    reason: String,
}

impl Rollback {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        let endpoint = self.at.endpoint()?;
        let body = api::Reason { reason: Some(self.reason) };
        let status = self.at.connect.api()?.call(async |api| api.roll_back(&endpoint, &body).await)?;
        let live = status.live.as_ref().map(|live| live.version);
        let sentence = live.map_or("nothing answers".to_owned(), |version| format!("version {version} answers"));
        Ok(Answer::done(&status, Page::new().marked(Mark::Ok, format!("{sentence} at {endpoint}"))))
    }
}
