//! A candidate is judged by the verdicts that stand: after it was submitted, and after a waiver was granted.

use kilter_domain::{
    error_chain::with_causes,
    gate::Verdict,
    model::{GateResult, VersionState},
    time::Timestamp,
};
use kilter_store::run as runs;
use kilter_workflow::RunRecord;

use crate::{
    app::App,
    approval::error::ApproveError,
    authz::AuthorizedContext,
    causes::StorageError,
    deployment::{auto_deploy, checks},
    gate::{diagnostics::Diagnostics, transition::VersionTransition},
    model::{approval_mode::ApprovalMode, facts::policy_of, version_record::VersionRecord},
    project::folder::Project,
};

/// The record of the run that made a version; `None` where it was not kept.
pub(super) fn run_record(app: &App, run: &str) -> Result<Option<RunRecord>, StorageError> {
    let found = app.store().read(|reader| runs::find(reader, run))?;
    Ok(found.and_then(|run| serde_json::from_value(run.record).ok()))
}

/// What a version waited for was given, which is no yes: it is approved where the contract asks nobody and nothing else is
/// missing. What was given stands whatever becomes of it.
pub(crate) fn settle_now_complete(app: &App, at: Timestamp, project: &Project, number: u32) {
    let settle = || -> Result<(), ApproveError> {
        let context = &AuthorizedContext::system("approval", at);
        let mover = VersionTransition { app, project, context, approval_mode: ApprovalMode::Required, number };
        let state = checks::version_state(app, &project.model(), number)?;
        let settled = mover.approve_if_nobody_is_asked(state)?;
        if settled != state && settled == VersionState::Approved {
            auto_deploy::deploy_newest(app, project, at)?;
        }
        Ok(())
    };
    if let Err(error) = settle() {
        tracing::error!(model = %project.model(), number, error = with_causes(&error), "a version that is complete could not be approved");
    }
}

/// Moves a candidate by the verdicts that stand and the waivers in force, and deploys it where the contract does so by
/// itself; where it stands then. A version of another state is left where it is.
pub(super) fn settle_candidate(
    app: &App,
    at: Timestamp,
    project: &Project,
    number: u32,
) -> Result<VersionState, ApproveError> {
    let model = project.model();
    let record = app.store().read(|reader| VersionRecord::read(reader, &model, number, at))?;
    if record.version.state != VersionState::Candidate {
        return Ok(record.version.state);
    }
    let results: Vec<GateResult> = record.results();
    let judged = policy_of(project, &record.version).gates;
    if judged.keys().any(|gate| !results.iter().any(|result| result.gate == *gate)) {
        // Its gates were never measured: nothing is decided.
        return Ok(VersionState::Candidate);
    }
    let context = &AuthorizedContext::system("gate", at);
    let mover = VersionTransition { app, project, context, approval_mode: ApprovalMode::Required, number };
    let nothing: Option<Verdict> = None;
    let state = mover.settle(record.version.digest, &Diagnostics::default(), &results, nothing)?;
    let state = mover.approve_if_nobody_is_asked(state)?;
    if state == VersionState::Approved {
        auto_deploy::deploy_newest(app, project, at)?;
    }
    Ok(state)
}
