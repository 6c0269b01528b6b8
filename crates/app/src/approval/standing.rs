//! What people and gates said of a version, for whoever asks.

use kilter_domain::{actor::Actor, ids::ModelName, model::VersionState, time::Timestamp};
use kilter_store::{
    deployment::break_glass::{self, BreakGlass},
    gate::{
        Approval,
        waiver::{self, Waiver},
    },
    model::{self as versions, act::Act},
};

use crate::{
    app::App,
    approval::{decide::project_of, error::ApproveError},
    causes::StorageError,
    model::{version_record::VersionRecord, votes},
};

/// What people and gates said of a version.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// Author of the code, starter of the run, submitter.
    pub makers: Vec<Actor>,
    /// Every yes that counts.
    pub sign_offs: Vec<Approval>,
    /// What a validated version still lacks to be approved.
    pub missing: Vec<String>,
    /// The waivers that are in force for it.
    pub waivers: Vec<Waiver>,
    /// What else was done to it, newest first.
    pub acts: Vec<Act>,
    /// Where it answered without its approval, newest first.
    pub break_glasses: Vec<BreakGlass>,
}

/// What is out of order about a version that answers, as sentences: rules that are waived, and answers without an approval.
///
/// # Errors
/// When there is no such version, or the metadata cannot be read.
pub fn exceptions(app: &App, model: &ModelName, number: u32, at: Timestamp) -> Result<Vec<String>, StorageError> {
    let (version, waivers) = app
        .store()
        .read(|reader| Ok((versions::get(reader, model, number)?, waiver::in_force(reader, model, number, at)?)))?;
    let broken = match version.state {
        VersionState::Approved => Vec::new(),
        _ => app.store().read(|reader| break_glass::of_version(reader, model, number))?,
    };
    let waived = waivers.iter().map(|waiver| {
        let (term, until) = (&waiver.term, waiver.term.until.civil().date());
        format!(
            "v{number}: gate {}: `{}` is waived until {until} by {}: {}",
            term.gate, term.rule, term.by, waiver.reason
        )
    });
    let broken = broken.iter().take(1).map(|one| {
        format!("v{number} answers at {} without its approval, by {}: {}", one.endpoint, one.by, one.reason)
    });
    Ok(waived.chain(broken).collect())
}

/// What people and gates said of a version, as of `at`.
///
/// # Errors
/// When there is no such version, or the metadata cannot be read.
pub fn standing(app: &App, model: &ModelName, number: u32, at: Timestamp) -> Result<Standing, ApproveError> {
    let project = project_of(app, model)?;
    let record = app.store().read(|reader| VersionRecord::read(reader, model, number, at))?;
    Ok(Standing {
        makers: record.makers(),
        sign_offs: record.valid_votes(at).cloned().collect(),
        missing: votes::missing_approval(app, &project, &record.version, at)?,
        waivers: record.waivers,
        acts: record.acts,
        break_glasses: record.break_glasses,
    })
}
