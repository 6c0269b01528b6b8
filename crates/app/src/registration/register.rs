//! The contract in force: what a project is registered with, and who may put another in its place.
//!
//! Invariants: the first contract of a project is recorded by someone who may run by it; every other one by someone whom
//! the contract in force lets change what differs. A file that nobody recorded gives nobody a right.

use std::path::{Path, PathBuf};

use kilter_domain::{
    actor::Action,
    contract::ContractObjection,
    digest::Digest,
    ids::{EndpointName, ProjectName},
};
use kilter_store::{
    StoreError,
    audit::AuditEvent,
    deployment as deployments, model as versions,
    project::{
        self as projects,
        proposal::{self, NewProposal, ProposalState},
    },
    setting,
};

use crate::{
    app::App,
    authz::{Authorized, AuthorizedContext, access_map, act, permission},
    causes::{PermissionDenied, StorageError, from_causes},
    components::access::Access,
    context::RequestContext,
    project::{error::ProjectError, folder::Project},
    recording_policy,
    registered::folder_setting,
};

/// A contract asks for less than the one in force: a validator decides about it first.
#[derive(Debug, thiserror::Error)]
#[error("the contract asks for less than the one in force ({}): a validator must accept it first, proposal {id}", changes.join("; "))]
pub struct PolicyProposed {
    /// The id of the proposal.
    pub id: String,
    /// What it asks for less, as sentences.
    pub changes: Vec<String>,
}

/// Why a contract is not put in force; nothing else is changed then.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum RegisterError {
    #[error(transparent)]
    Denied(#[from] PermissionDenied),
    #[error(transparent)]
    Proposed(#[from] PolicyProposed),
    #[error(transparent)]
    Project(#[from] ProjectError),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

from_causes!(RegisterError: Storage(StoreError));

/// What is in force before a registration.
pub(crate) struct InForce {
    pub digest: Digest,
    /// `None`: this version cannot read it any more.
    pub project: Option<Project>,
    pub folder: Option<PathBuf>,
}

/// Registers a project to run it: asks for the right to run by the contract in force, and for the rights to change
/// what the file says otherwise.
///
/// # Errors
/// [`RegisterError::Denied`], when whoever asks may not run, or not change the contract in force into this one; nothing is changed then.
/// [`ProjectError::Contract`], when it says what is not put in force.
pub fn register_to_run(
    app: &App,
    context: &RequestContext,
    project: &Project,
) -> Result<Authorized<act::Run>, RegisterError> {
    let in_force = contract_in_force(app, &project.name)?.and_then(|found| found.project);
    let asked = in_force.as_ref().unwrap_or(project);
    let by = permission::authorize::<act::Run>(app, context, &Access::of(&project.name, &asked.contract))?;
    register(app, &by, project)?;
    Ok(by)
}

/// Registers a project: its contract, its model, its endpoints. What is registered already stays.
fn register(app: &App, by: &Authorized<act::Run>, project: &Project) -> Result<(), RegisterError> {
    let folder = std::path::absolute(&project.folder).unwrap_or_else(|_| project.folder.clone());
    let in_force = contract_in_force(app, &project.name)?;
    if let Some(InForce { project: Some(old), folder: known, .. }) = &in_force {
        let access = Access::of(&project.name, &old.contract);
        let mut rights = old.contract.rights_to_become(&project.contract);
        // Another folder is other code under the same contract.
        if known.as_ref().is_some_and(|known| *known != folder) && !rights.contains(&Action::ChangeContract) {
            rights.push(Action::ChangeContract);
        }
        rights.into_iter().try_for_each(|right| permission::check(app, by, &access, right))?;
    }
    // What an earlier version put in force goes on as it is.
    let old = in_force.as_ref().and_then(|found| Some(found.project.as_ref()?.contract.objections()));
    let is_new = |found: &ContractObjection| !old.iter().flatten().any(|old| old.message == found.message);
    if let Some(found) = project.contract.objections().into_iter().find(is_new) {
        let hint = found.hint.map_or_else(String::new, |hint| format!("; {hint}"));
        return Err(ProjectError::Contract(format!("{}{hint}", found.message)).into());
    }
    let looser = match &in_force {
        Some(InForce { project: Some(old), digest, .. }) => {
            let looser = old.contract.loosened_by(&project.contract);
            let guards = Access::of(&project.name, &old.contract).gives_roles();
            if guards && !looser.is_empty() {
                return Err(propose(app, by, project, *digest, looser)?.into());
            }
            looser
        }
        _ => Vec::new(),
    };
    let draft = by.audit_event("project.register", looser_sentence(&looser), vec![]);
    let put = NewContract { project, folder: &folder, judged: in_force.map(|found| found.digest) };
    put_contract(app, draft, put, None)?;
    Ok(access_map::load_access(app)?)
}

/// Keeps a contract that asks for less until a validator decides.
fn propose(
    app: &App,
    by: &AuthorizedContext,
    project: &Project,
    base: Digest,
    changes: Vec<String>,
) -> Result<PolicyProposed, StorageError> {
    let new = NewProposal {
        id: app.new_id(),
        project: project.name.clone(),
        base,
        text: project.text.clone(),
        changes: changes.clone(),
    };
    let draft = by.audit_event("policy.propose", changes.join("; "), vec![]);
    let proposed = app.store().write(move |tx| proposal::propose(&tx.audited(draft), &new))?;
    Ok(PolicyProposed { id: proposed.id, changes })
}

fn looser_sentence(looser: &[String]) -> String {
    if looser.is_empty() { String::new() } else { format!("it asks for less: {}", looser.join("; ")) }
}

/// A contract that is put in force, where that in force is still the one that was judged.
pub(crate) struct NewContract<'a> {
    pub project: &'a Project,
    pub folder: &'a Path,
    pub judged: Option<Digest>,
}

pub(crate) fn contract_in_force(app: &App, name: &ProjectName) -> Result<Option<InForce>, StorageError> {
    let (contract, folder) = app.store().read(|reader| {
        Ok((projects::current_contract(reader, name)?, setting::find(reader, &folder_setting(name))?))
    })?;
    Ok(contract.map(|contract| InForce {
        digest: contract.digest,
        project: Project::recorded(name, app.folder(), contract.text)
            .inspect_err(|error| tracing::error!(project = %name, %error, "the contract in force cannot be read"))
            .ok(),
        folder: folder.and_then(|setting| setting.value.as_str().map(PathBuf::from)),
    }))
}

/// Records a contract, where the one in force is still the one that was judged, and the acceptance of its proposal.
pub(crate) fn put_contract(
    app: &App,
    draft: AuditEvent,
    NewContract { project, folder, judged }: NewContract<'_>,
    accepted: Option<(AuditEvent, String)>,
) -> Result<(), StorageError> {
    let (name, text, model) = (project.name.clone(), project.text.clone(), project.model());
    let endpoints: Vec<EndpointName> = project.contract.deploy.iter().map(|deploy| project.endpoint(deploy)).collect();
    let folder = folder.to_owned();
    let secret = match project.contract.record.hash.is_empty() {
        true => None,
        false => Some(recording_policy::new_secret()?),
    };
    app.store().write(move |tx| {
        let audited = tx.audited(draft);
        let now = projects::current_contract(tx, &name)?.map(|contract| contract.digest);
        if now != judged {
            let reason = format!("another contract of project `{name}` was recorded at the same time; try again");
            return Err(StoreError::Conflict { attempted: "record the contract", reason });
        }
        if let Some((accept, id)) = accepted {
            proposal::decide(&tx.audited(accept), &id, ProposalState::Accepted)?;
        }
        if projects::find(tx, &name)?.is_none() {
            projects::register(&audited, &name)?;
        }
        projects::put_contract(&audited, &name, &text)?;
        versions::register(&audited, &model, &name)?;
        secret.iter().try_for_each(|secret| recording_policy::keep_secret(&audited, secret))?;
        crate::registered::remember_folder(&audited, &name, &folder)?;
        endpoints.iter().try_for_each(|endpoint| deployments::register_endpoint(&audited, endpoint, &name).map(|_| ()))
    })?;
    Ok(())
}
