//! `kilter reject`: a person's no to a version.

use clap::Args;
use kilter_api as api;

use crate::{
    commands::model::version_name::version_named,
    connect::ConnectArgs,
    ui::{
        error::CliError,
        view::{Answer, Page, Status},
    },
};

/// Reject a version. This is final: a fix is a new version.
#[derive(Debug, Args)]
pub(crate) struct Reject {
    /// The version, like `churn@3`.
    #[arg(value_name = "VERSION")]
    which: String,
    /// The reason, for the audit log.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    connect: ConnectArgs,
}

impl Reject {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        let (model, number) = version_named(&self.which)?;
        let body = api::Reason { reason: Some(self.reason) };
        let version = self.connect.api()?.call(async |api| api.reject(&model, number, &body).await)?;
        let page = Page::new().marked(Status::Bad, format!("{model}@{number} is {}", version.state));
        Ok(Answer::done(&version, page))
    }
}
