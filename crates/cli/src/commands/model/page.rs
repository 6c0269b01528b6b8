//! The evidence of a version for a browser: gates, what people said, metrics.

use kilter_api as api;
use kilter_domain::time::Timestamp;
use kilter_report::{Cell, Report, ReportPart, Status, Table};

use super::waiver::waiver_line;
use crate::ui::view::{made, minute};

/// The page of a version.
pub(super) fn html(version: &api::Version, now: Timestamp) -> String {
    let mut parts = gate_parts(&version.gates);
    parts.extend(standing_parts(version));
    parts.extend(metric_parts(version));
    let mut facts =
        vec![("package".to_owned(), version.digest.clone()), ("registered".to_owned(), minute(version.created))];
    facts.extend(version.run.iter().map(|run| ("run".to_owned(), run.clone())));
    let makers = version.standing.iter().flat_map(|standing| &standing.makers);
    facts.extend(makers.map(|maker| ("made by".to_owned(), maker.clone())));
    facts.push(made(now));
    Report {
        title: format!("{}@{}", version.model, version.number),
        state: state(version.state),
        verdict: verdict(version),
        facts,
        parts,
        definitions: vec![
            "A gate passes when every rule holds with the confidence that its interval shows; what was not measured is undecided, and blocks."
                .to_owned(),
        ],
    }
    .to_html()
}

/// How the state of a version is marked.
pub(super) const fn state(state: api::VersionState) -> Status {
    match state {
        api::VersionState::Approved => Status::Ok,
        api::VersionState::Rejected | api::VersionState::Revoked => Status::Bad,
        api::VersionState::Retired => Status::None,
        _ => Status::Wait,
    }
}

/// How the verdict of a gate is marked.
pub(crate) const fn mark_of_verdict(verdict: api::Verdict) -> Status {
    match verdict {
        api::Verdict::Passed => Status::Ok,
        api::Verdict::Failed => Status::Bad,
        api::Verdict::Undecided => Status::Wait,
    }
}

/// What was done to a version, in a word.
pub(super) const fn act_word(kind: api::VersionActKind) -> &'static str {
    match kind {
        api::VersionActKind::Submitted => "submitted",
        api::VersionActKind::Returned => "returned",
        api::VersionActKind::Reviewed => "reviewed",
        api::VersionActKind::Retired => "retired",
        api::VersionActKind::Revoked => "revoked",
    }
}

/// The state, what decides it, and what is missing.
fn verdict(version: &api::Version) -> String {
    let open = version.gates.iter().find(|gate| gate.verdict != api::Verdict::Passed);
    let decides = match open {
        Some(gate) => format!("gate `{}` {}: {}", gate.gate, gate.verdict, gate.reason.join("; ")),
        None if version.gates.is_empty() => "no gate has judged it".to_owned(),
        None => format!("{} of {} gates passed", version.gates.len(), version.gates.len()),
    };
    let missing = version.standing.as_ref().and_then(|standing| standing.missing.first());
    let next = missing.map_or_else(String::new, |missing| format!("; missing: {missing}"));
    format!("{}@{} is {}: {decides}{next}", version.model, version.number, version.state)
}

/// What each gate said, rule by rule, where one has.
pub(crate) fn gate_parts(gates: &[api::GateVerdict]) -> Vec<ReportPart> {
    let mut table = Table::new(["gate", "verdict", "rule"]);
    for gate in gates {
        for (at, reason) in gate.reason.iter().enumerate() {
            let (name, verdict) = match at {
                0 => (gate.gate.clone(), Cell::Mark(mark_of_verdict(gate.verdict), gate.verdict.to_string())),
                _ => (String::new(), String::new().into()),
            };
            table.row([name.into(), verdict, reason.clone().into()]);
        }
    }
    part("Gates", table)
}

fn standing_parts(version: &api::Version) -> Vec<ReportPart> {
    let Some(standing) = &version.standing else { return Vec::new() };
    let mut table = Table::new(["what", "by", "when", "until"]);
    for said in &standing.sign_offs {
        let until = said.expires.map_or_else(String::new, minute);
        table.row([
            Cell::Mark(Status::Ok, format!("approved as {}", said.role)),
            said.by.clone().into(),
            String::new().into(),
            until.into(),
        ]);
    }
    for missing in &standing.missing {
        table.row([
            Cell::Mark(Status::Wait, "missing".to_owned()),
            missing.clone().into(),
            String::new().into(),
            String::new().into(),
        ]);
    }
    for act in &standing.acts {
        table.row([act_word(act.kind).into(), act.by.clone().into(), minute(act.at).into(), String::new().into()]);
    }
    let mut parts = part("Approval", table);
    parts.extend(standing.waivers.iter().map(|waiver| ReportPart::Text(format!("◆ {}", waiver_line(waiver)))));
    parts
}

fn metric_parts(version: &api::Version) -> Vec<ReportPart> {
    let mut table = Table::new(["metric", "#value"]);
    for (name, value) in version.metrics.as_object().into_iter().flatten() {
        table
            .row([name.clone().into(), value.as_f64().map_or(value.to_string(), |value| format!("{value:.4}")).into()]);
    }
    part("Metrics, on rows that it was not trained on", table)
}

/// A table under its heading, where it has rows.
pub(crate) fn part(heading: &str, table: Table) -> Vec<ReportPart> {
    match table.rows.is_empty() {
        true => Vec::new(),
        false => vec![ReportPart::Heading(heading.to_owned()), ReportPart::Table(table)],
    }
}
