//! A run for a browser: what became of it, its steps, what it logged, and the version that it made.

use kilter_api as api;
use kilter_domain::time::Timestamp;
use kilter_report::{Cell, Report, ReportPart, Table};

use super::{
    logged::{is_system_tag, metric_text, word},
    marks::{mark_of_run, mark_of_status, mark_of_step, sentence},
};
use crate::{
    commands::model::page::{gate_parts, part},
    ui::view::{made, minute},
};

/// The page of a run; `executed` is what the platform knows of one that it executed.
pub(super) fn html(run: &api::TrackedRun, executed: Option<&api::Run>, now: Timestamp) -> String {
    let (state, word) = match executed {
        Some(run) => (mark_of_run(run.summary.state), word(run.summary.state)),
        None => (mark_of_status(run.status), word(run.status)),
    };
    let why = executed.and_then(|run| run.reason.clone()).map_or_else(String::new, |why| format!(": {why}"));
    let time = |time: Option<Timestamp>| time.map_or("–".to_owned(), minute);
    let mut facts = vec![
        ("run".to_owned(), run.id.clone()),
        ("of".to_owned(), run.experiment.clone()),
        ("began".to_owned(), time(run.started)),
        ("ended".to_owned(), time(run.ended)),
    ];
    if !run.user.is_empty() {
        facts.push(("by".to_owned(), run.user.clone()));
    }
    facts.push(made(now));
    Report {
        title: format!("Run of {}", run.experiment),
        state,
        verdict: format!("{} {word}{why}", run.name),
        facts,
        parts: executed.map(executed_parts).into_iter().flatten().chain(logged_parts(run)).collect(),
        definitions: Vec::new(),
    }
    .to_html()
}

fn executed_parts(run: &api::Run) -> Vec<ReportPart> {
    let mut steps = Table::new(["step", "state", "what it did"]);
    for step in &run.steps {
        steps.row([
            step.name.clone().into(),
            Cell::Mark(mark_of_step(step.state), word(step.state)),
            sentence(step).into(),
        ]);
    }
    let mut parts = part("Steps", steps);
    if let Some(version) = &run.version {
        parts.push(ReportPart::Heading(format!("Version {} of {}", version.number, version.model)));
        parts.extend(gate_parts(&version.gates));
    }
    parts
}

fn logged_parts(run: &api::TrackedRun) -> Vec<ReportPart> {
    let mut params = Table::new(["parameter", "value"]);
    run.params.iter().for_each(|(name, value)| params.row([name.clone().into(), value.clone().into()]));
    let mut metrics = Table::new(["metric", "#value", "#step"]);
    for (name, point) in &run.metrics {
        metrics.row([name.clone().into(), metric_text(point).into(), point.step.to_string().into()]);
    }
    let mut datasets = Table::new(["dataset", "digest", "read for"]);
    for dataset in &run.datasets {
        let read_for = dataset.context.clone().unwrap_or_else(|| "–".to_owned());
        datasets.row([dataset.name.clone().into(), dataset.digest.clone().into(), read_for.into()]);
    }
    let mut tags = Table::new(["tag", "value"]);
    let own = run.tags.iter().filter(|(name, _)| !is_system_tag(name));
    own.for_each(|(name, value)| tags.row([name.clone().into(), value.clone().into()]));
    [("Metrics", metrics), ("Parameters", params), ("Data", datasets), ("Tags", tags)]
        .into_iter()
        .flat_map(|(heading, table)| part(heading, table))
        .collect()
}
