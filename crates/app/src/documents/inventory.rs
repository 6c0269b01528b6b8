//! The inventory: every model with its risk tier, owner, dates, and what is wrong with how it is governed.
//!
//! Invariants: a live model without owner, objective or monitor is itself a finding.

use kilter_domain::{
    contract::Risk,
    ids::{EndpointName, ModelName, ProjectName},
    model::VersionState,
    time::Timestamp,
};
use kilter_store::{
    PageRequest,
    deployment::{self as deployments, Deployment, break_glass},
    model as versions,
    monitor::alert as alerts,
};

use crate::{
    app::App,
    causes::StorageError,
    deployment::target::endpoints_of,
    model::version_record::VersionRecord,
    objective::measure::of_project,
    project::{ProjectError, folder::Project},
    registered,
};

/// A model of the inventory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InventoryEntry {
    /// The project.
    pub project: ProjectName,
    /// The model.
    pub model: ModelName,
    /// Its risk tier.
    pub risk: Risk,
    /// Who answers for it.
    pub owner: Option<String>,
    /// What answers now: endpoint and version.
    pub live: Vec<(EndpointName, u32)>,
    /// How many versions there are; at most 1000 are counted.
    pub versions: usize,
    /// When what answers was approved last.
    pub approved: Option<Timestamp>,
    /// When the approval of what answers ends.
    pub review_due: Option<Timestamp>,
    /// What is wrong, as sentences.
    pub findings: Vec<String>,
}

/// Every model, by the name of its project.
///
/// # Errors
/// When the metadata cannot be read. A project whose contract cannot be read is logged and left out.
pub fn inventory(app: &App, at: Timestamp) -> Result<Vec<InventoryEntry>, StorageError> {
    let mut entries = Vec::new();
    for name in registered::projects(app)? {
        match registered::recorded_project(app, &name) {
            Ok(project) => entries.push(entry(app, &project, at)?),
            Err(ProjectError::Storage(error)) => return Err(error),
            Err(error) => tracing::error!(project = %name, %error, "the inventory lacks a project"),
        }
    }
    entries.sort_by(|one, other| one.project.cmp(&other.project));
    Ok(entries)
}

fn entry(app: &App, project: &Project, at: Timestamp) -> Result<InventoryEntry, StorageError> {
    let (stated, model) = (&project.contract.project, project.model());
    let mut live: Vec<Deployment> = Vec::new();
    for endpoint in endpoints_of(app, project)?.into_keys() {
        live.extend(app.store().read(|reader| deployments::live(reader, &endpoint))?);
    }
    let listed = app.store().read(|reader| versions::list(reader, &model, None, &PageRequest::first(1000)))?.items;
    let (mut approved, mut review_due, mut findings) = (None, None, Vec::new());
    for one in &live {
        let record = app.store().read(|reader| VersionRecord::read(reader, &one.model, one.number, at))?;
        approved = record.valid_votes(at).map(|said| said.at).chain(approved).max();
        review_due = record.valid_votes(at).filter_map(|said| said.expires).chain(review_due).min();
        if record.version.state != VersionState::Approved {
            findings.push(format!("v{} answers at {} and is {}", one.number, one.endpoint, record.version.state));
        }
        findings.extend(record.waivers.iter().map(|waiver| {
            format!(
                "gate {}: `{}` is waived until {}",
                waiver.term.gate,
                waiver.term.rule,
                waiver.term.until.civil().date()
            )
        }));
    }
    if !live.is_empty() {
        findings.extend(missing(project));
        findings.extend(outcomes(app, project, at)?);
    }
    Ok(InventoryEntry {
        project: project.name.clone(),
        model,
        risk: stated.risk,
        owner: stated.owner.as_ref().map(ToString::to_string),
        live: live.into_iter().map(|one| (one.endpoint, one.number)).collect(),
        versions: listed.len(),
        approved,
        review_due,
        findings,
    })
}

/// What a live model must have.
fn missing(project: &Project) -> Vec<String> {
    let contract = &project.contract;
    let lacks = [
        (contract.project.owner.is_none(), "it is live and has no owner"),
        (contract.objectives.is_empty(), "it is live and has no objective"),
        (contract.monitor.is_none(), "it is live and has no monitor"),
        (contract.project.purpose.is_none(), "it is live and states no purpose"),
    ];
    lacks.into_iter().filter(|(lacks, _)| *lacks).map(|(_, text)| text.to_owned()).collect()
}

/// Objectives that are missed or not measured, alerts that are open, reviews that are overdue.
fn outcomes(app: &App, project: &Project, at: Timestamp) -> Result<Vec<String>, StorageError> {
    let mut findings = Vec::new();
    for measured in of_project(app, project)? {
        let name = &measured.objective.name;
        let last = measured.readings.first();
        match last.map(|last| (last.value, last.is_met, last.note.clone())) {
            Some((_, Some(false), _)) => findings.push(format!("objective {name} is missed")),
            Some((None, _, note)) => {
                findings.push(format!("objective {name} could not be measured: {}", note.unwrap_or_default()));
            }
            None if measured.objective.source.is_none() => findings.push(format!("objective {name} has no source")),
            None => findings.push(format!("objective {name} was never measured")),
            Some(_) => {}
        }
        if measured.review_due.is_some_and(|due| due <= at) {
            findings.push(format!("objective {name} is to be looked at"));
        }
    }
    let endpoints = endpoints_of(app, project)?;
    for one in app.store().read(break_glass::open)? {
        if endpoints.contains_key(&one.endpoint) {
            let late = if one.is_overdue(at) { "overdue" } else { "open" };
            findings.push(format!("the review of a break-glass at {} is {late}", one.endpoint));
        }
    }
    let mut open = 0;
    for endpoint in endpoints.into_keys() {
        let filter = alerts::AlertFilter { endpoint: Some(endpoint), open: true };
        open += app.store().read(|reader| alerts::list(reader, &filter, &PageRequest::first(100)))?.items.len();
    }
    if open > 0 {
        findings.push(kilter_domain::plural::counted(open, "open alert"));
    }
    Ok(findings)
}
