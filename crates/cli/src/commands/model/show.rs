//! `kilter model show`: a version, its state, its metrics and its gates.

use clap::Args;
use kilter_api as api;

use crate::{
    commands::model::version_name::version_named,
    connect::ConnectArgs,
    ui::{
        error::CliError,
        view::{Answer, Page, Status, TextTable, minute},
    },
};

#[derive(Debug, Args)]
pub(super) struct Show {
    /// The version, like `churn@3`.
    #[arg(value_name = "VERSION")]
    which: String,
    #[command(flatten)]
    connect: ConnectArgs,
}

impl Show {
    pub(super) fn run(self) -> Result<Answer, CliError> {
        let (model, number) = version_named(&self.which)?;
        let version = self.connect.api()?.call(async |api| api.version(&model, number).await)?;
        let mark = match version.state {
            api::VersionState::Approved => Status::Ok,
            api::VersionState::Rejected | api::VersionState::Revoked => Status::Bad,
            api::VersionState::Retired => Status::None,
            _ => Status::Wait,
        };
        let mut page = Page::new()
            .marked(mark, format!("{}@{} is {}", version.model, version.number, version.state))
            .line(format!("package {}, made {}", short_digest(&version.digest), minute(version.created)));
        page = with_metrics(with_gates(page, &version), &version);
        Ok(Answer::done(&version, page))
    }
}

/// As many characters of a digest as tell packages apart.
pub(crate) fn short_digest(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

/// What each gate said of a version, rule by rule.
pub(crate) fn with_gates(mut page: Page, version: &api::Version) -> Page {
    for gate in &version.gates {
        let mark = match gate.verdict {
            api::Verdict::Passed => Status::Ok,
            api::Verdict::Failed => Status::Bad,
            api::Verdict::Undecided => Status::Wait,
        };
        page = page.marked(mark, format!("gate {}: {}", gate.gate, gate.verdict));
        page = gate.reason.iter().fold(page, |page, reason| page.reason(None, "    ", reason.clone()));
    }
    page
}

/// What was measured of a version on rows that it was not trained on.
pub(crate) fn with_metrics(page: Page, version: &api::Version) -> Page {
    let mut table = TextTable::new(["metric", "value"]);
    for (name, value) in version.metrics.as_object().into_iter().flatten() {
        table.row([name.clone(), value.as_f64().map_or(value.to_string(), |value| format!("{value:.4}"))]);
    }
    if table.is_empty() { page } else { page.table(table) }
}
