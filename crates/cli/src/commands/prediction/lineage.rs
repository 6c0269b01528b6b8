//! The lines that say what an answer, or a moment, rests on.

use kilter_api as api;

use crate::{
    commands::model::show::short_digest,
    ui::view::{Page, Status, minute},
};

/// What was answered, when and by which version.
pub(crate) fn with_answer(page: Page, found: &api::PredictionLineage) -> Page {
    let score = found.score.map(|score| format!("{score:.4}"));
    let said = [found.predicted.clone(), score].into_iter().flatten().collect::<Vec<_>>().join(", score ");
    let asked = found.consumer.as_ref().map_or_else(String::new, |consumer| format!(", asked by {consumer}"));
    page.marked(Status::None, format!("{} answered {said} by v{}{asked}", found.endpoint, found.version)).line(format!(
        "prediction {}, {}, of {}",
        found.id,
        minute(found.recorded_at),
        minute(found.at)
    ))
}

/// A version that served, and what it rests on.
pub(crate) fn with_serving(page: Page, endpoint: &str, serving: &api::ServingVersion) -> Page {
    let (model, number) = (&serving.version.model, serving.version.number);
    let why = serving.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
    let page = page
        .marked(
            Status::Ok,
            format!(
                "{endpoint}: {model}@{number} {}, {} % of requests, since {}",
                serving.stage,
                serving.share_percent,
                minute(serving.since)
            ),
        )
        .line(format!("    deployment {}, asked for by {}{why}", serving.deployment, serving.requested_by));
    let page = with_version(page, &serving.version);
    page.line(format!("    deployment entries {}", numbers(&serving.entries)))
}

/// What a version rests on.
pub(crate) fn with_version(page: Page, version: &api::VersionLineage) -> Page {
    let mut page = page.line(format!(
        "    {}@{} was {}, package {}, policy {}",
        version.model,
        version.number,
        version.state,
        short_digest(&version.digest),
        short_digest(&version.policy_digest)
    ));
    if let Some(run) = &version.run {
        let commit = run.commit.as_ref().map_or("no commit".to_owned(), |commit| {
            format!("commit {}{}", short_digest(commit), if run.is_dirty { " with changes" } else { "" })
        });
        page = page.line(format!("    run {}: {}, {commit}", run.id, run.cause));
        for (name, digest) in &run.data {
            page = page.line(format!("    data {name} {}", short_digest(digest)));
        }
    }
    for gate in &version.gates {
        page = page.reason(None, format!("    gate {} {}: ", gate.gate, gate.verdict), gate.reason.join("; "));
    }
    for decided in &version.approvals {
        let (by, role, at) = (&decided.by, &decided.role, minute(decided.at));
        let said = if decided.is_approval { "approved" } else { "rejected" };
        page = page.line(format!("    {said} by {by} as {role}, {at}, entry {}", decided.entry));
    }
    for waiver in &version.waivers {
        let (gate, rule, by) = (&waiver.gate, &waiver.rule, &waiver.by);
        page = page.line(format!(
            "    waiver of {gate} `{rule}` by {by} until {}: {}",
            minute(waiver.until),
            waiver.reason
        ));
    }
    if version.approvals.is_empty() {
        page = page.line("    nobody was asked to approve it");
    }
    page.line(format!("    version entries {}", numbers(&version.entries)))
}

/// Numbers of entries: `3, 5, 8`.
fn numbers(entries: &[api::AuditEntry]) -> String {
    let all: Vec<String> = entries.iter().map(|entry| entry.seq.to_string()).collect();
    if all.is_empty() { "–".to_owned() } else { all.join(", ") }
}
