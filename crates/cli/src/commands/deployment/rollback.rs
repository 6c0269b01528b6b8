//! `kilter rollback`: an endpoint returns to an earlier version.

use clap::Args;
use kilter_api as api;

use crate::{
    commands::deployment::endpoint::EndpointArgs,
    ui::{
        error::CliError,
        view::{Answer, Page, Status},
    },
};

/// Stop a rollout, or return to the version that was live before. Needs no approval.
#[derive(Debug, Args)]
pub(crate) struct Rollback {
    #[command(flatten)]
    at: EndpointArgs,
    /// The reason, for the audit log.
    #[arg(long, value_name = "TEXT", default_value = "requested in the terminal")]
    reason: String,
}

impl Rollback {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        let endpoint = self.at.endpoint()?;
        let body = api::Reason { reason: Some(self.reason) };
        let status = self.at.connect.api()?.call(async |api| api.roll_back(&endpoint, &body).await)?;
        let live = status.live.as_ref().map(|live| live.version);
        let sentence = live.map_or("nothing is live".to_owned(), |version| format!("version {version} is live"));
        Ok(Answer::done(&status, Page::new().marked(Status::Ok, format!("{sentence} at {endpoint}"))))
    }
}
