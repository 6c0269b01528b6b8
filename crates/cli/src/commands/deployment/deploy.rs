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
    #[arg(long, value_name = "TEXT", required_if_eq("break_glass", "true"))]
    reason: Option<String>,
    /// An emergency: let a version answer at once without its approval. It takes an admin, raises an alert, and must be reviewed
    /// within 72 hours (`kilter break-glass review`).
    #[arg(long)]
    break_glass: bool,
}

impl Deploy {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        let endpoint = self.at.endpoint()?;
        let reason = self.reason.unwrap_or_else(|| "requested in the terminal".to_owned());
        let version = self.number;
        let deployed = self.at.connect.api()?.call(async |client| match self.break_glass {
            true => client.deploy_break_glass(&endpoint, &api::BreakGlassDeploy { version, reason }).await,
            false => client.deploy(&endpoint, &api::Deploy { version, reason: Some(reason) }).await,
        })?;
        let api::Deployment { model, version, .. } = &deployed;
        let page = Page::new().marked(Status::Ok, format!("{model} v{version} is {} at {endpoint}", deployed.stage()));
        Ok(Answer::done(&deployed, page))
    }
}
