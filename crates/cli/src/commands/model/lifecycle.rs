//! `kilter submit`, `return`, `review`, `retire` and `revoke`: what people do to a version besides a yes or a no.

use clap::Args;
use kilter_api::{self as api, Exit};
use kilter_domain::time::Timestamp;

use crate::{
    commands::model::version_name::version_named,
    connect::ConnectArgs,
    ui::{
        error::CliError,
        view::{Answer, Page, Status},
    },
};

#[derive(Debug, Args)]
struct VersionArgs {
    /// The version, like `churn@3`.
    #[arg(value_name = "VERSION")]
    which: String,
    #[command(flatten)]
    connect: ConnectArgs,
}

/// Submit a draft to its gates, or have a candidate judged again by its verdicts and waivers.
///
/// Whoever submits a version is one of its makers. Exits with 8 while a rule of a gate is open.
#[derive(Debug, Args)]
pub(crate) struct Submit {
    #[command(flatten)]
    at: VersionArgs,
    /// The reason, for the audit log.
    #[arg(long, value_name = "TEXT", default_value = "submitted in the terminal")]
    reason: String,
}

impl Submit {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        let (model, number) = version_named(&self.at.which)?;
        let body = api::Reason { reason: Some(self.reason) };
        let done = self.at.connect.api()?.call(async |api| api.submit(&model, number, &body).await)?;
        let state = done.version.state;
        let (mark, exit) = match state {
            api::VersionState::Validated | api::VersionState::Approved => (Status::Ok, Exit::Done),
            api::VersionState::Rejected => (Status::Bad, Exit::CheckFailed),
            _ => (Status::Wait, Exit::PendingApproval),
        };
        let page = Page::new().marked(mark, format!("{model}@{number} is {state}"));
        let page = done.open.iter().fold(page, |page, open| page.reason(None, "    ", open.clone()));
        Ok(Answer::done(&done, page).exit(exit))
    }
}

/// Take a validated version back to candidate: it needs more evidence before it can be approved.
#[derive(Debug, Args)]
pub(crate) struct Return {
    #[command(flatten)]
    at: VersionArgs,
    /// The reason, for the audit log.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

impl Return {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        let (model, number) = version_named(&self.at.which)?;
        let body = api::Reason { reason: Some(self.reason) };
        let version = self.at.connect.api()?.call(async |api| api.return_version(&model, number, &body).await)?;
        let page = Page::new().marked(Status::Wait, format!("{model}@{number} is {}", version.state));
        Ok(Answer::done(&version, page))
    }
}

/// Measure a version again from its package, as someone who did not make it.
///
/// Exits with 3 if a rule comes to another verdict, or a golden request has another answer.
#[derive(Debug, Args)]
pub(crate) struct Review {
    #[command(flatten)]
    at: VersionArgs,
    /// The reason, for the audit log.
    #[arg(long, value_name = "TEXT", default_value = "reviewed in the terminal")]
    reason: String,
}

impl Review {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        let (model, number) = version_named(&self.at.which)?;
        let body = api::Reason { reason: Some(self.reason) };
        let review = self.at.connect.api()?.call(async |api| api.review(&model, number, &body).await)?;
        let (mark, exit) = match review.outcome {
            api::ReviewOutcome::Confirmed => (Status::Ok, Exit::Done),
            api::ReviewOutcome::Differs => (Status::Bad, Exit::CheckFailed),
            api::ReviewOutcome::NotMeasured => (Status::Wait, Exit::Done),
        };
        let outcome = review.outcome.as_str().replace('_', " ");
        let golden = (review.golden_rows, review.golden_differing);
        let mut page = Page::new().marked(mark, format!("{model}@{number}: {outcome}")).line(format!(
            "measured on {} labelled rows of the package; {} golden requests, {} with another answer",
            review.rows, golden.0, golden.1
        ));
        for rule in &review.rules {
            let (mark, again) = match &rule.measured {
                Some(measured) if *measured == rule.recorded => (Status::Ok, measured.clone()),
                Some(measured) => (Status::Bad, format!("{measured}, recorded {}", rule.recorded)),
                None => (Status::None, format!("not measured again, recorded {}", rule.recorded)),
            };
            page = page.marked(mark, format!("gate {}: {again}", rule.gate)).reason(None, "    ", rule.text.clone());
        }
        Ok(Answer::done(&review, page).exit(exit))
    }
}

/// Take a version out of use for good.
///
/// A version that is live needs a replacement, which answers in its place at once.
#[derive(Debug, Args)]
pub(crate) struct Retire {
    #[command(flatten)]
    at: VersionArgs,
    /// The number of the approved version that takes its place.
    #[arg(long, value_name = "NUMBER")]
    replacement: Option<u32>,
    /// Keep its package at least until this time, like `2036-12-31`.
    #[arg(long, value_name = "TIME")]
    retain_until: Option<Timestamp>,
    /// The reason, for the audit log.
    #[arg(long, value_name = "TEXT", default_value = "retired in the terminal")]
    reason: String,
}

impl Retire {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        let (model, number) = version_named(&self.at.which)?;
        let body =
            api::Retire { reason: Some(self.reason), replacement: self.replacement, retain_until: self.retain_until };
        let done = self.at.connect.api()?.call(async |api| api.retire(&model, number, &body).await)?;
        Ok(withdrawn(Status::None, &done))
    }
}

/// Revoke a version for good, also where it serves: the last approved version answers instead, or nothing does.
#[derive(Debug, Args)]
pub(crate) struct Revoke {
    #[command(flatten)]
    at: VersionArgs,
    /// The reason, for the audit log: the incident.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

impl Revoke {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        let (model, number) = version_named(&self.at.which)?;
        let body = api::Reason { reason: Some(self.reason) };
        let done = self.at.connect.api()?.call(async |api| api.revoke(&model, number, &body).await)?;
        Ok(withdrawn(Status::Bad, &done))
    }
}

fn withdrawn(mark: Status, done: &api::Withdrawal) -> Answer {
    let api::Version { model, number, state, .. } = &done.version;
    let page = Page::new().marked(mark, format!("{model}@{number} is {state}"));
    let page = done.endpoints.iter().fold(page, |page, at| match (at.was_live, at.answers) {
        (true, Some(answers)) => page.marked(Status::Ok, format!("v{answers} answers at {}", at.endpoint)),
        (true, None) => page.marked(Status::Bad, format!("nothing answers at {} now", at.endpoint)),
        (false, _) => page.marked(Status::Ok, format!("it is no longer a candidate at {}", at.endpoint)),
    });
    Answer::done(done, page)
}
