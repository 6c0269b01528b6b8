//! `kilter approve`: a person's yes to a version.

use clap::Args;
use kilter_api::{self as api, Exit};
use kilter_domain::time::Timestamp;

use crate::{
    commands::model::{show::with_waivers, version_name::version_named},
    connect::ConnectArgs,
    ui::{
        error::CliError,
        view::{Answer, Page, Status},
    },
};

/// Approve a version whose gates passed. The contract states how many approvals it needs.
///
/// Exits with 8 while other approvals are missing.
#[derive(Debug, Args)]
pub(crate) struct Approve {
    /// The version, like `churn@3`.
    #[arg(value_name = "VERSION")]
    which: String,
    /// The reason, for the audit log.
    #[arg(long, value_name = "TEXT", default_value = "approved in the terminal")]
    reason: String,
    /// The share of the traffic that the version may answer at most, 1 to 99 percent.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(1..=99))]
    max_traffic: Option<u8>,
    /// When this approval ends, like `2027-03-31`. The contract may end it earlier.
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,
    /// The role in which you approve, if you have several. Without it: the one that is still missing.
    #[arg(long = "as", value_name = "ROLE", value_parser = ["validator", "owner"])]
    role: Option<String>,
    #[command(flatten)]
    connect: ConnectArgs,
}

impl Approve {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        let (model, number) = version_named(&self.which)?;
        let role = self.role.map(|role| match role.as_str() {
            "owner" => api::ApproverRole::Owner,
            _ => api::ApproverRole::Validator,
        });
        let (max_traffic_percent, until) = (self.max_traffic, self.until);
        let body = api::Approve { reason: Some(self.reason), max_traffic_percent, until, role };
        let approval = self.connect.api()?.call(async |api| api.approve(&model, number, &body).await)?;
        let state = &approval.version.state;
        if approval.missing.is_empty() {
            let page = Page::new().marked(Status::Ok, format!("{model}@{number} is {state}"));
            let page = with_waivers(page, &approval.version);
            let page = approval.deployed.iter().fold(page, |page, at| match (at.stage(), &at.refused) {
                (Some(stage), _) => page.marked(Status::Ok, format!("v{} is {stage} at {}", at.version, at.endpoint)),
                (None, refused) => {
                    let reason = refused.clone().unwrap_or_default();
                    page.marked(Status::Wait, format!("v{} is not deployed at {}: {reason}", at.version, at.endpoint))
                }
            });
            return Ok(Answer::done(&approval, page));
        }
        let missing = approval.missing.join("; ");
        let page = Page::new().marked(Status::Wait, format!("{model}@{number} is {state}; missing: {missing}"));
        let page = with_waivers(page, &approval.version);
        Ok(Answer::done(&approval, page).exit(Exit::PendingApproval))
    }
}
