//! Where a version stands by what people said of it, and what is still missing.
//!
//! Invariants: every decision that was made counts until it expires; the card is what the contract says of the model. Out of
//! scope: findings and reviews; where the risk asks for a review, a yes stays short of an approval and says so.

use kilter_domain::{
    gate::Signoff,
    ids::ModelName,
    model::{ActorWithRoles, Approval, Card, IllegalVersionTransition, VersionEvent, VersionState},
    time::Timestamp,
};
use kilter_store::{
    PageRequest, Reader, StoreError, gate as decisions,
    gate::{Approval as Said, Decision},
    model as versions,
    model::Version,
};

use crate::{app::App, causes::StorageError, model::facts::facts_of, project::folder::Project};

/// Decisions about a version that are read; more than a rule can ask for.
const MAX_DECISIONS: u32 = 1000;

/// What a validated version still lacks to be approved, and by whom it can be given; empty for any other version.
///
/// # Errors
/// When the metadata cannot be read.
pub fn missing_approval(
    app: &App,
    project: &Project,
    version: &Version,
    at: Timestamp,
) -> Result<Vec<String>, StorageError> {
    if version.state != VersionState::Validated {
        return Ok(Vec::new());
    }
    let (version, said) = app.store().read(|reader| decided(reader, &version.model, version.number))?;
    // What is missing does not depend on who asks.
    Ok(match count_votes(project, &version, &said, at, &ActorWithRoles::system("status")) {
        Err(IllegalVersionTransition::Evidence { missing, .. }) => missing,
        _ => Vec::new(),
    })
}

/// A version and what people said of it.
pub(crate) fn decided(reader: &Reader, model: &ModelName, number: u32) -> Result<(Version, Vec<Said>), StoreError> {
    let page = PageRequest::first(MAX_DECISIONS);
    Ok((versions::get(reader, model, number)?, decisions::list_approvals(reader, model, number, &page)?.items))
}

/// Where a version stands by what people said of it until `at`.
pub(crate) fn count_votes(
    project: &Project,
    version: &Version,
    said: &[Said],
    at: Timestamp,
    by: &ActorWithRoles,
) -> Result<VersionState, IllegalVersionTransition> {
    let yes = said.iter().filter(|said| said.decision == Decision::Approved);
    let stands = yes.filter(|said| said.expires.is_none_or(|expires| expires > at)).collect::<Vec<_>>();
    let approval = Approval {
        signoffs: stands.iter().map(|said| Signoff { by: said.by.clone(), role: said.role }).collect(),
        card: card(project),
        has_independent_review: false,
        open_findings: 0,
        expires: stands.iter().filter_map(|said| said.expires).min(),
    };
    facts_of(project, version).after(&VersionEvent::Approved(approval), by)
}

/// How far the card is: what the contract says of the model beside what was measured.
fn card(project: &Project) -> Card {
    let stated = &project.contract.project;
    let parts = [
        ("purpose", stated.purpose.is_none()),
        ("not_for", stated.not_for.is_empty()),
        ("owner", stated.owner.is_none()),
        ("an objective", project.contract.objectives.is_empty()),
    ];
    let gaps: Vec<String> = parts.iter().filter(|(_, lacks)| *lacks).map(|(name, _)| (*name).to_owned()).collect();
    if gaps.is_empty() { Card::Complete } else { Card::Draft { gaps } }
}
