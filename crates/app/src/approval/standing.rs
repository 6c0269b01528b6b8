//! What people and gates said of a version, for whoever asks.

use kilter_domain::{actor::Actor, ids::ModelName, time::Timestamp};
use kilter_store::{
    gate::{Approval, waiver::Waiver},
    model::act::Act,
};

use crate::{
    app::App,
    approval::{decide::project_of, error::ApproveError},
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
    })
}
