//! Where a version stands by what people said of it, and what is still missing.
//!
//! Invariants: every decision that was made counts until it expires; the card is what the contract says of the model.

use kilter_domain::{
    model::{ActorWithRoles, Approval, Card, IllegalVersionTransition, VersionEvent, VersionState},
    time::Timestamp,
};
use kilter_store::model::Version;

use crate::{
    app::App,
    causes::StorageError,
    model::{
        card_gaps,
        facts::{facts_of, policy_of},
        version_record::VersionRecord,
    },
    project::folder::Project,
};

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
    let record = app.store().read(|reader| VersionRecord::read(reader, &version.model, version.number, at))?;
    // What is missing does not depend on who asks.
    Ok(match count_votes(project, &record, at, &ActorWithRoles::system("status")) {
        Err(IllegalVersionTransition::Evidence { missing, .. }) => missing,
        _ => Vec::new(),
    })
}

/// Where a version stands by what people said of it until `at`.
pub(crate) fn count_votes(
    project: &Project,
    record: &VersionRecord,
    at: Timestamp,
    by: &ActorWithRoles,
) -> Result<VersionState, IllegalVersionTransition> {
    let approval = approval_of(project, record, at);
    facts_of(project, record).after(&VersionEvent::Approved(approval), by)
}

/// The evidence for an approval that there is until `at`.
pub(crate) fn approval_of(project: &Project, record: &VersionRecord, at: Timestamp) -> Approval {
    let policy = policy_of(project, &record.version);
    Approval {
        signoffs: record.signoffs(at),
        card: card_of(project, record),
        has_independent_review: record.independent_review(&policy).is_some(),
        open_rules: record.open_rules(&policy),
        open_findings: record.open_findings(),
        expires: record.valid_votes(at).filter_map(|said| said.expires).min(),
    }
}

/// How far the card is: what the contract says of the model, and what people wrote.
fn card_of(project: &Project, record: &VersionRecord) -> Card {
    match card_gaps::gaps(project, record.card.as_ref()) {
        gaps if gaps.is_empty() => Card::Complete,
        gaps => Card::Draft { gaps },
    }
}
