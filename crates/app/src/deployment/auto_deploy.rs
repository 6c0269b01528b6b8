//! Deployments that nobody asks for: where the contract says `auto = true`, the newest version that the place admits is
//! deployed, at once, wherever it was approved.
//!
//! Invariants: a version is tried once at a place by itself; what was taken back, or refused with its reason, is left to
//! people. Out of scope: a queue; while a candidate is on trial, the newest one waits until the trial is over.

use kilter_domain::{
    audit::Outcome,
    deployment::DeploymentState,
    error_chain::with_causes,
    ids::{EndpointName, VersionId},
    model::VersionState,
    time::Timestamp,
};
use kilter_store::{PageRequest, audit, deployment as deployments, model as versions, model::Version};

use crate::{
    app::App,
    authz::AuthorizedContext,
    causes::{AuditedError, StorageError},
    deployment::{deploy, error::DeployError, target::Target},
    model::approval_mode::ApprovalMode,
    project::folder::Project,
    training::request::TrainingOutcome,
};

const REQUEST: &str = "deployment.request";

/// What became of a version at a place that is deployed to without being asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeployOutcome {
    /// The endpoint of the place.
    pub endpoint: EndpointName,
    /// The number of the version.
    pub number: u32,
    /// Where the deployment stands, or why there is none.
    pub outcome: Result<DeploymentState, String>,
}

/// Deploys what a training made wherever the contract lets the platform decide.
///
/// # Errors
/// When something could not be read or written; that a version may not serve is a result with its reason.
pub fn deploy_if_allowed(
    app: &App,
    context: &AuthorizedContext,
    project: &Project,
    trained: &TrainingOutcome,
    approval_mode: ApprovalMode,
) -> Result<Vec<DeployOutcome>, DeployError> {
    let Some((number, state)) = trained.version else { return Ok(Vec::new()) };
    let is_automatic = trained.is_automatic() || approval_mode == ApprovalMode::Simulated;
    let places = Target::all(project).filter(|target| target.deploy.auto || is_automatic);
    let admitting = places.filter(|target| target.deploy.admission_policy().accepts(state));
    admitting.map(|target| deploy_automatically(app, context, &target, (number, state))).collect()
}

/// Deploys the newest version that each `auto` place admits and has not seen: what people approved, whatever was
/// trained meanwhile.
///
/// # Errors
/// As [`deploy_if_allowed`].
pub fn deploy_newest(app: &App, project: &Project, at: Timestamp) -> Result<Vec<DeployOutcome>, DeployError> {
    let context = AuthorizedContext::system("deploy", at);
    let mut deployed = Vec::new();
    for target in Target::all(project).filter(|target| target.deploy.auto) {
        if let Some(version) = newest_unseen(app, &target)? {
            deployed.push(deploy_automatically(app, &context, &target, (version.number, version.state))?);
        }
    }
    Ok(deployed)
}

/// The newest version that a place admits, if it is newer than the live one and was never deployed or refused there.
pub(crate) fn newest_unseen(app: &App, target: &Target<'_>) -> Result<Option<Version>, StorageError> {
    let Target { project, deploy, endpoint } = target;
    let (model, admits) = (project.model(), deploy.admission_policy());
    let found = app.store().read(|reader| {
        let mut newest: Option<Version> = None;
        for state in VersionState::ALL.into_iter().filter(|state| admits.accepts(*state)) {
            let listed = versions::list(reader, &model, Some(state), &PageRequest::first(1))?;
            newest = listed.items.into_iter().chain(newest).max_by_key(|version| version.number);
        }
        let Some(newest) = newest else { return Ok(None) };
        let live = deployments::live(reader, endpoint)?;
        let is_newer = live.is_none_or(|live| live.model != model || live.number < newest.number);
        let was_here = deployments::was_requested(reader, endpoint, &model, newest.number)?;
        Ok(Some(newest).filter(|_| is_newer && !was_here))
    })?;
    match found {
        Some(version) if was_refused(app, &version, endpoint)?.is_none() => Ok(Some(version)),
        _ => Ok(None),
    }
}

/// Why the platform did not deploy a version at an endpoint by itself, since the version stands where it stands.
pub(crate) fn was_refused(
    app: &App,
    version: &Version,
    endpoint: &EndpointName,
) -> Result<Option<String>, StorageError> {
    let object = versions::object(&version.model, version.number);
    let listed = app.store().read(|reader| audit::list_of_object(reader, &object, &PageRequest::first(100)))?.items;
    let place = at(endpoint);
    let refusal = listed.into_iter().find(|record| {
        let entry = &record.entry;
        let is_refusal = entry.outcome == Outcome::Denied && entry.action == REQUEST;
        is_refusal && entry.seq > version.audit_seq && entry.evidence.contains(&place)
    });
    Ok(refusal.map(|record| record.reason.unwrap_or_default()))
}

fn deploy_automatically(
    app: &App,
    context: &AuthorizedContext,
    target: &Target<'_>,
    (number, state): (u32, VersionState),
) -> Result<DeployOutcome, DeployError> {
    let outcome = match deploy::deploy_version(app, context, target, number, &format!("version {number} is {state}")) {
        Ok(deployment) => Ok(deployment.state),
        // It waits for the end of a trial, which may be otherwise at the next look; or whoever trained it and whoever evaluates the
        // project did the same, in one server or in two.
        Err(waits) if matches!(waits, DeployError::InvalidState(_)) || waits.is_race() => {
            match (state_at(app, target, number)?, waits) {
                (Some(state), _) => Ok(state),
                (None, waits @ DeployError::InvalidState(_)) => Err(waits.to_string()),
                (None, race) => return Err(race),
            }
        }
        // A version that moved meanwhile is no refusal: the next look decides about it as it is then.
        Err(refused) if refused.is_of_the_version() => {
            let reason = with_causes(&refused);
            record_not_deployed(app, context, target, number, reason.clone())?;
            Err(reason)
        }
        Err(failed) => return Err(failed),
    };
    Ok(DeployOutcome { endpoint: target.endpoint.clone(), number, outcome })
}

/// Where a version stands that answers at a place, or is on trial there.
fn state_at(app: &App, target: &Target<'_>, number: u32) -> Result<Option<DeploymentState>, StorageError> {
    let (endpoint, model) = (&target.endpoint, target.project.model());
    let (live, candidate) = app
        .store()
        .read(|reader| Ok((deployments::live(reader, endpoint)?, deployments::candidate(reader, endpoint)?)))?;
    let found = live.into_iter().chain(candidate).find(|one| one.model == model && one.number == number);
    Ok(found.map(|deployment| deployment.state))
}

fn record_not_deployed(
    app: &App,
    context: &AuthorizedContext,
    target: &Target<'_>,
    number: u32,
    reason: String,
) -> Result<(), StorageError> {
    let draft = context.audit_event(
        REQUEST,
        reason,
        vec![VersionId::new(target.project.model(), number).object(), at(&target.endpoint)],
    );
    let object = versions::object(&target.project.model(), number);
    app.store().write(move |tx| tx.audited(draft).record_refusal(&object, Outcome::Denied).map(|_| ()))?;
    Ok(())
}

/// How evidence names the place.
fn at(endpoint: &EndpointName) -> String {
    format!("endpoint:{endpoint}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::golden_replay::tests::{TestFolder, trained},
        registration,
    };

    #[test]
    fn a_version_that_was_rejected_meanwhile_is_a_failure_and_not_a_note() {
        let folder = tempfile::tempdir().unwrap();
        let place = TestFolder::open(folder.path());
        registration::register_to_run(&place.app, &place.context, &place.project).unwrap();
        let number = place.version_in(VersionState::Rejected, &trained().0, None);
        let target = Target::main(&place.project).unwrap();
        let judged = (number, VersionState::Approved);
        let failed = deploy_automatically(&place.app, &place.context, &target, judged).unwrap_err();
        assert!(matches!(failed, DeployError::Move(_)), "{failed}");
        let model = place.project.model();
        let version = place.app.store().read(|reader| versions::get(reader, &model, number)).unwrap();
        assert_eq!(was_refused(&place.app, &version, &target.endpoint).unwrap(), None);
    }
}
