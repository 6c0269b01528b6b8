//! `kilter model show`: a version, its state, its metrics and its gates.

use std::path::PathBuf;

use clap::Args;
use kilter_api as api;

use crate::{
    commands::{
        deployment::break_glass::line,
        model::{page, version_name::version_named, waiver::waiver_line},
    },
    connect::ConnectArgs,
    context::now,
    fs::write_whole,
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
    /// Also write its evidence as a self-contained HTML page.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[command(flatten)]
    connect: ConnectArgs,
}

impl Show {
    pub(super) fn run(self) -> Result<Answer, CliError> {
        let (model, number) = version_named(&self.which)?;
        let version = self.connect.api()?.call(async |api| api.version(&model, number).await)?;
        if let Some(html) = &self.html {
            write_whole(html, page::html(&version, now()).as_bytes())?;
        }
        let mut page = Page::new()
            .marked(page::state(version.state), format!("{}@{} is {}", version.model, version.number, version.state))
            .line(format!("package {}, made {}", short_digest(&version.digest), minute(version.created)));
        page = with_waivers(with_standing(page, &version), &version);
        page = with_metrics(with_gates(page, &version), &version);
        Ok(Answer::done(&version, page))
    }
}

/// As many characters of a digest as tell packages apart.
pub(crate) fn short_digest(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

/// Who made a version, who said yes until when and on which condition, and what else was done to it.
fn with_standing(mut page: Page, version: &api::Version) -> Page {
    let Some(standing) = &version.standing else { return page };
    if !standing.makers.is_empty() {
        page = page.line(format!("made by {}", standing.makers.join(", ")));
    }
    for said in &standing.sign_offs {
        let until = said.expires.map_or_else(String::new, |expires| format!(", until {}", minute(expires)));
        let share =
            said.max_traffic_percent.map_or_else(String::new, |share| format!(", at most {share} % of the traffic"));
        page = page.marked(Status::Ok, format!("approved by {} ({}){until}{share}", said.by, said.role));
    }
    for missing in &standing.missing {
        page = page.marked(Status::Wait, format!("missing: {missing}"));
    }
    for one in &standing.break_glasses {
        page = page.reason(Status::Bad, "", line(one));
    }
    for act in &standing.acts {
        let kind = page::act_word(act.kind);
        let outcome = act
            .outcome
            .as_ref()
            .map_or_else(String::new, |outcome| format!(": {}", outcome.as_str().replace('_', " ")));
        page = page.line(format!("{kind} by {}, {}{outcome}", act.by, minute(act.at)));
    }
    page
}

/// The waivers that are in force for a version.
pub(crate) fn with_waivers(page: Page, version: &api::Version) -> Page {
    let waivers = version.standing.iter().flat_map(|standing| &standing.waivers);
    waivers.fold(page, |page, waiver| page.reason(Status::Wait, "", waiver_line(waiver)))
}

/// What each gate said of a version, rule by rule.
pub(crate) fn with_gates(mut page: Page, version: &api::Version) -> Page {
    for gate in &version.gates {
        page = page.marked(page::mark_of_verdict(gate.verdict), format!("gate {}: {}", gate.gate, gate.verdict));
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
