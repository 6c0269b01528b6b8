//! What people do to a version besides a yes or a no: a draft is submitted, a validated version is taken back, any version is
//! retired or revoked.
//!
//! Invariants: each act is a fact of its own, in the transaction of the move; whoever submits is a maker of the version.

use kilter_domain::{
    contract::Policy,
    error_chain::with_causes,
    ids::{ModelName, VersionId},
    model::{Commit, Retirement as Evidence, VersionEvent, VersionState},
    time::Timestamp,
};
use kilter_store::{
    deployment as deployments,
    model::{
        self as versions,
        act::{self, ActKind, NewAct},
    },
};
use serde_json::{Value, json};

use crate::{
    app::App,
    approval::{
        decide::{Ballot, decide, project_of},
        error::ApproveError,
        lapse,
        settle::{self, run_record},
    },
    authz,
    causes::InvalidState,
    context::RequestContext,
    deployment::{
        checks,
        target::endpoints_of,
        withdraw::{self, Withdrawal, Withdrawn},
    },
    gate::transition::VersionTransition,
    model::{
        facts::{facts_of, policy_of},
        golden_replay, load, signature,
        version_record::VersionRecord,
    },
    training::data::commit,
};

/// What a submission came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// Where the version stands after it.
    pub state: VersionState,
    /// Rules of its gates that neither passed nor are waived.
    pub open: Vec<String>,
}

/// How a version is retired.
#[derive(Clone, Copy, Debug)]
pub struct Retirement<'a> {
    /// Why.
    pub reason: &'a str,
    /// The version that takes its place, where it is live.
    pub replacement: Option<u32>,
    /// Until when its bytes are kept at least.
    pub retain_until: Option<Timestamp>,
}

fn act(ballot: &Ballot<'_>, kind: ActKind, document: Value) -> NewAct {
    let version = &ballot.record.version;
    NewAct { model: version.model.clone(), number: version.number, kind, document }
}

/// Someone submits a draft to its gates, or has a candidate judged again: by the verdicts that stand, and the waivers in force.
///
/// # Errors
/// When they may not, the draft lacks evidence, or the version is past it; the refusal has its entry.
pub fn submit(
    app: &App,
    context: &RequestContext,
    model: &ModelName,
    number: u32,
    reason: &str,
) -> Result<Submitted, ApproveError> {
    let project = project_of(app, model)?;
    let asked = ("version.submit", reason);
    let policy = decide::<authz::act::Submit, _>(app, context, (&project, model, number), asked, record_submission)?;
    let settled = settle::settle_candidate(app, context.at, &project, number)?;
    let record = app.store().read(|reader| VersionRecord::read(reader, model, number, context.at))?;
    let open = if settled == VersionState::Candidate { record.open_rules(&policy) } else { Vec::new() };
    Ok(Submitted { state: settled, open })
}

fn record_submission(ballot: &Ballot<'_>) -> Result<Policy, ApproveError> {
    let (app, version) = (ballot.app, &ballot.record.version);
    let policy = policy_of(ballot.project, version);
    let (model, number, from) = (version.model.clone(), version.number, version.state);
    let next = match from {
        VersionState::Candidate => from,
        _ => {
            let (package, loaded) = load::load_version(app, &model, number)?;
            let replayed = golden_replay::replay_golden(app, &package, &loaded)?;
            let run = run_record(app, &package.manifest.run)?;
            let commit = run.as_ref().map_or(Commit::NotInGit, commit);
            let signed = (package.digest, signature::valid_signer(app, version, &package)?);
            let event = VersionTransition::submission(signed, &commit, &replayed);
            facts_of(ballot.project, &ballot.record).after(&event, &ballot.by)?
        }
    };
    let (new, entry) = (act(ballot, ActKind::Submitted, json!({})), ballot.entry("version.submit"));
    app.store().write(move |tx| {
        act::record(&tx.audited(entry.clone()), &new)?;
        match next == from {
            true => Ok(()),
            false => versions::advance(&tx.audited(entry), &model, number, from, next).map(|_| ()),
        }
    })?;
    Ok(policy)
}

/// Someone takes a validated version back to candidate: it needs more evidence before people say yes.
///
/// # Errors
/// When they may not, give no reason, or the version is not validated; the refusal has its entry.
pub fn take_back(
    app: &App,
    context: &RequestContext,
    model: &ModelName,
    number: u32,
    reason: &str,
) -> Result<VersionState, ApproveError> {
    let project = project_of(app, model)?;
    let asked = ("version.return", reason);
    decide::<authz::act::Return, _>(app, context, (&project, model, number), asked, |ballot| {
        let event = VersionEvent::Returned { reason: reason.to_owned() };
        let facts = facts_of(&project, &ballot.record);
        let next = facts.after(&event, &ballot.by)?;
        let withdrawal = Withdrawal {
            model,
            number,
            moved: (facts.state, next),
            action: "version.return",
            reason,
            replacement: None,
            only_at: None,
            act: Some(act(ballot, ActKind::Returned, json!({}))),
        };
        withdraw::withdraw(app, ballot.context, &project, withdrawal)?;
        Ok(next)
    })
}

/// Someone forbids a version for good: wherever it serves, what was approved before it answers again, or nothing does. What
/// was made from it lapses.
///
/// # Errors
/// When they may not, give no reason, or the version is past it; the refusal has its entry.
pub fn revoke(
    app: &App,
    context: &RequestContext,
    model: &ModelName,
    number: u32,
    reason: &str,
) -> Result<Vec<Withdrawn>, ApproveError> {
    let project = project_of(app, model)?;
    let asked = ("version.revoke", reason);
    let withdrawn = decide::<authz::act::Revoke, _>(app, context, (&project, model, number), asked, |ballot| {
        let event = VersionEvent::Revoked { reason: reason.to_owned() };
        let facts = facts_of(&project, &ballot.record);
        let next = facts.after(&event, &ballot.by)?;
        let withdrawal = Withdrawal {
            model,
            number,
            moved: (facts.state, next),
            action: "version.revoke",
            reason,
            replacement: None,
            only_at: None,
            act: Some(act(ballot, ActKind::Revoked, json!({}))),
        };
        Ok(withdraw::withdraw(app, ballot.context, &project, withdrawal)?)
    })?;
    // The version is revoked whatever becomes of those that were made from it; the loop of a server tries again.
    if let Err(error) = lapse::lapse_versions(app, &project, context.at) {
        tracing::error!(%model, number, error = with_causes(&error), "what was made from it could not lapse");
    }
    Ok(withdrawn)
}

/// Someone takes a version out of use for good. What takes its place was loaded and checked before anything moves.
///
/// # Errors
/// When they may not, when it is live and nothing takes its place or what is named cannot, or the version is past it; the
/// refusal has its entry.
pub fn retire(
    app: &App,
    context: &RequestContext,
    model: &ModelName,
    number: u32,
    retirement: Retirement<'_>,
) -> Result<Vec<Withdrawn>, ApproveError> {
    let project = project_of(app, model)?;
    let asked = ("version.retire", retirement.reason);
    decide::<authz::act::Retire, _>(app, context, (&project, model, number), asked, |ballot| {
        check_replacement(app, model, number, retirement.replacement)?;
        let replacement = retirement.replacement.map(|number| VersionId::new(model.clone(), number).to_string());
        let evidence = Evidence {
            live_deployments: live_deployments(ballot)?,
            replacement: replacement.clone(),
            retain_until: retirement.retain_until,
        };
        let facts = facts_of(&project, &ballot.record);
        let next = facts.after(&VersionEvent::Retired(evidence), &ballot.by)?;
        let document = json!({ "replacement": replacement, "retain_until": retirement.retain_until });
        let withdrawal = Withdrawal {
            model,
            number,
            moved: (facts.state, next),
            action: "version.retire",
            reason: retirement.reason,
            replacement: retirement.replacement,
            only_at: None,
            act: Some(act(ballot, ActKind::Retired, document)),
        };
        Ok(withdraw::withdraw(app, ballot.context, &project, withdrawal)?)
    })
}

/// What takes the place of a version is another one, and approved.
fn check_replacement(app: &App, model: &ModelName, number: u32, replacement: Option<u32>) -> Result<(), ApproveError> {
    let Some(replacement) = replacement else { return Ok(()) };
    let state = checks::version_state(app, model, replacement)?;
    let state = match (state, replacement == number) {
        (_, true) => "the version itself".to_owned(),
        (VersionState::Approved, false) => return Ok(()),
        (state, false) => state.to_string(),
    };
    let how = "name an approved version that takes its place".to_owned();
    Err(InvalidState { what: "replacement", id: format!("{model}@{replacement}"), state, how }.into())
}

fn live_deployments(ballot: &Ballot<'_>) -> Result<u32, ApproveError> {
    let version = &ballot.record.version;
    let mut count = 0;
    for endpoint in endpoints_of(ballot.app, ballot.project)?.into_keys() {
        let live = ballot.app.store().read(|reader| deployments::live(reader, &endpoint))?;
        let is_meant = live.is_some_and(|live| live.model == version.model && live.number == version.number);
        count += u32::from(is_meant);
    }
    Ok(count)
}
