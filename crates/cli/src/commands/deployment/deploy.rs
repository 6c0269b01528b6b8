//! `kilter deploy`: a version starts its way to live at an endpoint.

use clap::Args;
use kilter_api as api;

use crate::{
    commands::deployment::endpoint::EndpointArgs,
    ui::{
        error::CliError,
        view::{Answer, Page, Status},
    },
};

/// Deploy a version to an endpoint, through the stages of the contract: shadow, canary, live.
///
/// The endpoint must accept the state of the version: production accepts approved versions only.
#[derive(Debug, Args)]
pub(crate) struct Deploy {
    #[command(flatten)]
    at: EndpointArgs,
    /// The number of the version.
    #[arg(long = "version", value_name = "NUMBER")]
    number: u32,
    /// The reason, for the audit log.
    #[arg(long, value_name = "TEXT", default_value = "requested in the terminal")]
    reason: String,
}

impl Deploy {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        let endpoint = self.at.endpoint()?;
        let body = api::Deploy { version: self.number, reason: Some(self.reason) };
        let deployed = self.at.connect.api()?.call(async |api| api.deploy(&endpoint, &body).await)?;
        let api::Deployment { model, version, .. } = &deployed;
        let page = Page::new().marked(Status::Ok, format!("{model} v{version} is {} at {endpoint}", deployed.stage()));
        Ok(Answer::done(&deployed, page))
    }
}
