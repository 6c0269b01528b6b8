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
use kilter_store::{StoreError, deployment as deployments, model as versions, project as projects, setting};

use crate::{
    app::App,
    authz::{access_map, permission},
    causes::{PermissionDenied, StorageError, from_causes},
    components::access::Access,
    context::RequestContext,
    project::{error::ProjectError, folder::Project},
    registered::folder_setting,
};

/// Why a contract is not put in force; nothing is changed then.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum RegisterError {
    #[error(transparent)]
    Denied(#[from] PermissionDenied),
    #[error(transparent)]
    Project(#[from] ProjectError),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

from_causes!(RegisterError: Storage(StoreError));

/// What is in force before a registration.
struct InForce {
    digest: Digest,
    /// `None`: this version cannot read it any more.
    project: Option<Project>,
    folder: Option<PathBuf>,
}

/// Registers a project to run it: asks for the right to run by the contract in force, and for the rights to change
/// what the file says otherwise.
///
/// # Errors
/// [`RegisterError::Denied`]; nothing is changed then.
pub fn register_to_run(app: &App, context: &RequestContext, project: &Project) -> Result<(), RegisterError> {
    let in_force = contract_in_force(app, &project.name)?.and_then(|found| found.project);
    let asked = in_force.as_ref().unwrap_or(project);
    permission::authorize(app, context, &Access::of(&project.name, &asked.contract), Action::Run)?;
    register(app, context, project)
}

/// Registers a project: its contract, its model, its endpoints. What is registered already stays.
///
/// # Errors
/// [`RegisterError::Denied`], when another contract is in force and `act` may not change it into this one;
/// [`ProjectError::Contract`], when it says what is not put in force.
pub fn register(app: &App, context: &RequestContext, project: &Project) -> Result<(), RegisterError> {
    let folder = std::path::absolute(&project.folder).unwrap_or_else(|_| project.folder.clone());
    let in_force = contract_in_force(app, &project.name)?;
    if let Some(InForce { project: Some(old), folder: known, .. }) = &in_force {
        let access = Access::of(&project.name, &old.contract);
        let mut rights = old.contract.rights_to_become(&project.contract);
        // Another folder is other code under the same contract.
        if known.as_ref().is_some_and(|known| *known != folder) && !rights.contains(&Action::ChangeContract) {
            rights.push(Action::ChangeContract);
        }
        rights.into_iter().try_for_each(|right| permission::authorize(app, context, &access, right).map(|_| ()))?;
    }
    // What an earlier version put in force goes on as it is.
    let old = in_force.as_ref().and_then(|found| Some(found.project.as_ref()?.contract.objections()));
    let is_new = |found: &ContractObjection| !old.iter().flatten().any(|old| old.message == found.message);
    if let Some(found) = project.contract.objections().into_iter().find(is_new) {
        let hint = found.hint.map_or_else(String::new, |hint| format!("; {hint}"));
        return Err(ProjectError::Contract(format!("{}{hint}", found.message)).into());
    }
    put_contract(app, context, project, &folder, in_force.map(|found| found.digest))?;
    Ok(access_map::load_access(app)?)
}

fn contract_in_force(app: &App, name: &ProjectName) -> Result<Option<InForce>, StorageError> {
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

/// Records it, where the contract in force is still the one that was judged.
fn put_contract(
    app: &App,
    context: &RequestContext,
    project: &Project,
    folder: &Path,
    judged: Option<Digest>,
) -> Result<(), StorageError> {
    let (name, text, model) = (project.name.clone(), project.text.clone(), project.model());
    let endpoints: Vec<EndpointName> = project.contract.deploy.iter().map(|deploy| project.endpoint(deploy)).collect();
    let (draft, folder) = (context.audit_event("project.register", "", vec![]), folder.to_owned());
    app.store().write(move |tx| {
        let audited = tx.audited(draft);
        let now = projects::current_contract(tx, &name)?.map(|contract| contract.digest);
        if now != judged {
            let reason = format!("another contract of project `{name}` was recorded at the same time; try again");
            return Err(StoreError::Conflict { attempted: "record the contract", reason });
        }
        if projects::find(tx, &name)?.is_none() {
            projects::register(&audited, &name)?;
        }
        projects::put_contract(&audited, &name, &text)?;
        versions::register(&audited, &model, &name)?;
        crate::registered::remember_folder(&audited, &name, &folder)?;
        endpoints.iter().try_for_each(|endpoint| deployments::register_endpoint(&audited, endpoint, &name).map(|_| ()))
    })?;
    Ok(())
}
