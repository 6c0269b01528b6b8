//! Validators decide about contracts that ask for less than the one in force.
//!
//! Invariants: whoever proposed does not accept; what was judged is what comes into force: if another contract came into force
//! meanwhile, the proposal is over.

use kilter_domain::{error_chain::with_causes, ids::ModelName};
use kilter_store::{
    PageRequest,
    project::proposal::{self, Proposal, ProposalState},
};

use crate::{
    app::App,
    approval::{decide::project_of, error::ApproveError, lapse},
    authz::{AuthorizedContext, access_map, act, permission::permit, refused_actions},
    causes::{InvalidState, NotFound},
    context::RequestContext,
    project::folder::Project,
    registered,
    registration::register::{self, NewContract},
};

const ACCEPT: &str = "policy.accept";

/// Proposals that are listed.
const MAX_LISTED: u32 = 100;

/// The proposals of the project of a model, newest first.
///
/// # Errors
/// When there is no such model, or the metadata cannot be read.
pub fn proposals(app: &App, model: &ModelName) -> Result<Vec<Proposal>, ApproveError> {
    let project = project_of(app, model)?;
    let page = PageRequest::first(MAX_LISTED);
    Ok(app.store().read(|reader| proposal::list(reader, &project.name, &page))?.items)
}

/// A validator lets a proposed contract come into force.
///
/// # Errors
/// When they may not or proposed it, it was decided already, or another contract came into force meanwhile.
pub fn accept_policy(
    app: &App,
    context: &RequestContext,
    (model, id): (&ModelName, &str),
    reason: &str,
) -> Result<Proposal, ApproveError> {
    let project = project_of(app, model)?;
    let found = find(app, &project, id)?;
    refused_actions::record_if_refused(app, context, ACCEPT, &format!("policy_proposal:{id}"), || {
        let by = permit::<act::AcceptPolicy>(&project, context)?;
        if by.everyone().contains(&found.by) {
            let state = format!("proposed by {}", found.by);
            return Err(refused(id, state, "ask another validator"));
        }
        put_in_force(app, &by, &found, reason)
    })?;
    let accepted = app.store().read(|reader| proposal::get(reader, id))?;
    let in_force = registered::recorded_project(app, &project.name)?;
    // The contract is in force whatever becomes of what it tightens; the loop of a server tries again.
    if let Err(error) = lapse::lapse_versions(app, &in_force, context.at) {
        tracing::error!(%model, error = with_causes(&error), "approvals that no longer hold could not lapse");
    }
    Ok(accepted)
}

fn put_in_force(app: &App, by: &AuthorizedContext, found: &Proposal, reason: &str) -> Result<(), ApproveError> {
    if found.state != ProposalState::Open {
        return Err(refused(&found.id, word(found.state).to_owned(), "propose it again with `kilter run`"));
    }
    let in_force = register::contract_in_force(app, &found.project)?;
    let is_base = in_force.as_ref().is_some_and(|in_force| in_force.digest == found.base);
    if !is_base {
        let (entry, id) = (by.audit_event("policy.supersede", reason, vec![]), found.id.clone());
        app.store().write(move |tx| proposal::decide(&tx.audited(entry), &id, ProposalState::Superseded))?;
        let state = "of a contract that is no longer in force".to_owned();
        return Err(refused(&found.id, state, "propose it again with `kilter run`"));
    }
    let folder = in_force.and_then(|in_force| in_force.folder).unwrap_or_else(|| app.folder().to_owned());
    let next = Project::recorded(&found.project, &folder, found.text.clone())?;
    let evidence = vec![format!("policy_proposal:{}", found.id)];
    let draft = by.audit_event("project.register", reason, evidence);
    let accepted = (by.audit_event(ACCEPT, reason, vec![]), found.id.clone());
    let put = NewContract { project: &next, folder: &folder, judged: Some(found.base) };
    register::put_contract(app, draft, put, Some(accepted))?;
    Ok(access_map::load_access(app)?)
}

/// A validator refuses a proposed contract.
///
/// # Errors
/// When they may not, give no reason, or it was decided already.
pub fn reject_policy(
    app: &App,
    context: &RequestContext,
    (model, id): (&ModelName, &str),
    reason: &str,
) -> Result<Proposal, ApproveError> {
    let project = project_of(app, model)?;
    let found = find(app, &project, id)?;
    refused_actions::record_if_refused(app, context, "policy.reject", &format!("policy_proposal:{id}"), || {
        let by = permit::<act::AcceptPolicy>(&project, context)?;
        if reason.trim().is_empty() {
            return Err(refused(id, "refused without a reason".to_owned(), "say why"));
        }
        if found.state != ProposalState::Open {
            return Err(refused(id, word(found.state).to_owned(), "it was decided already"));
        }
        let (entry, id) = (by.audit_event("policy.reject", reason, vec![]), id.to_owned());
        Ok(app.store().write(move |tx| proposal::decide(&tx.audited(entry), &id, ProposalState::Rejected))?)
    })
}

fn find(app: &App, project: &Project, id: &str) -> Result<Proposal, ApproveError> {
    let found = app.store().read(|reader| proposal::get(reader, id))?;
    match found.project == project.name {
        true => Ok(found),
        false => {
            let how = format!("see the proposals with `kilter policy list {}`", project.model());
            Err(NotFound { what: "proposal", id: id.to_owned(), how }.into())
        }
    }
}

fn refused(id: &str, state: String, how: &str) -> ApproveError {
    InvalidState { what: "proposal", id: id.to_owned(), state, how: how.to_owned() }.into()
}

const fn word(state: ProposalState) -> &'static str {
    match state {
        ProposalState::Open => "open",
        ProposalState::Accepted => "accepted already",
        ProposalState::Rejected => "rejected",
        ProposalState::Superseded => "superseded",
    }
}
