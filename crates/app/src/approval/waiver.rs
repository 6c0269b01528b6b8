//! Waivers are granted and revoked by people who did not make the version.

use kilter_domain::{
    contract::Policy,
    error_chain::with_causes,
    ids::{GateName, ModelName},
    model::VersionState,
    rule::Rule,
    time::Timestamp,
};
use kilter_store::{
    PageRequest,
    gate::waiver::{self, Waiver},
    model as versions,
};

use crate::{
    app::App,
    approval::{decide::project_of, error::ApproveError, lapse, settle},
    authz::{act, permission::permit, refused_actions},
    causes::{InvalidState, NotFound},
    context::RequestContext,
    model::{facts::policy_of, version_record::VersionRecord},
    project::folder::Project,
};

/// Candidates that are judged again after a waiver of a whole model.
const MAX_CANDIDATES: u32 = 100;

/// Of which versions a waiver is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaiverScope {
    /// The model.
    pub model: ModelName,
    /// The version; `None`: every version of the model, also those to come.
    pub number: Option<u32>,
}

/// A waiver that is asked for.
#[derive(Clone, Debug)]
pub struct NewWaiver<'a> {
    /// The gate.
    pub gate: &'a GateName,
    /// The rule, as in the contract.
    pub rule: &'a str,
    /// When it ends.
    pub until: Timestamp,
    /// Why.
    pub reason: &'a str,
}

/// Someone lets versions miss one rule of one gate until a time. Candidates that wait for nothing else move on.
///
/// # Errors
/// When they may not or made the version, there is no such rule, no reason is given, or the time is over.
pub fn grant_waiver(
    app: &App,
    context: &RequestContext,
    scope: &WaiverScope,
    new: &NewWaiver<'_>,
) -> Result<Waiver, ApproveError> {
    let project = project_of(app, &scope.model)?;
    let object = format!("model:{}", scope.model);
    let waiver = refused_actions::record_if_refused(app, context, "waiver.grant", &object, || {
        let by = permit::<act::Waive>(&project, context)?;
        let rule = rule_of(app, &project, scope, new, context)?;
        check(context, new)?;
        let granted = waiver::NewWaiver {
            id: app.new_id(),
            model: scope.model.clone(),
            number: scope.number,
            gate: new.gate.clone(),
            rule,
            reason: new.reason.trim().to_owned(),
            until: new.until,
        };
        let entry = by.audit_event("waiver.grant", new.reason, vec![]);
        Ok::<_, ApproveError>(app.store().write(move |tx| waiver::grant(&tx.audited(entry), &granted))?)
    })?;
    for number in candidates(app, scope)? {
        // The waiver stands whatever becomes of a candidate; whoever submits it again sees why.
        if let Err(error) = settle::settle_candidate(app, context.at, &project, number) {
            tracing::error!(model = %scope.model, number, error = with_causes(&error), "a candidate could not be judged again");
        }
    }
    Ok(waiver)
}

/// Someone ends a waiver before its time: what relies on it lapses.
///
/// # Errors
/// When they may not, or it was revoked already.
pub fn revoke_waiver(
    app: &App,
    context: &RequestContext,
    (model, id): (&ModelName, &str),
    reason: &str,
) -> Result<Waiver, ApproveError> {
    let project = project_of(app, model)?;
    if app.store().read(|reader| waiver::get(reader, id))?.model != *model {
        let how = format!("see the waivers with `kilter waiver list {model}`");
        return Err(NotFound { what: "waiver", id: id.to_owned(), how }.into());
    }
    let object = format!("waiver:{id}");
    let waiver = refused_actions::record_if_refused(app, context, "waiver.revoke", &object, || {
        let by = permit::<act::Waive>(&project, context)?;
        let (entry, id) = (by.audit_event("waiver.revoke", reason, vec![]), id.to_owned());
        Ok::<_, ApproveError>(app.store().write(move |tx| waiver::revoke(&tx.audited(entry), &id))?)
    })?;
    lapse::lapse_versions(app, &project, context.at)?;
    Ok(waiver)
}

fn check(context: &RequestContext, new: &NewWaiver<'_>) -> Result<(), ApproveError> {
    let invalid = |state: &str, how: &str| {
        let id = format!("{}: {}", new.gate, new.rule);
        Err(InvalidState { what: "waiver", id, state: state.to_owned(), how: how.to_owned() }.into())
    };
    if new.reason.trim().is_empty() {
        return invalid("without a reason", "say why the rule need not hold");
    }
    if new.until <= context.at {
        return invalid("over already", "name a time to come");
    }
    Ok(())
}

/// The text of the rule that is meant, as gates write it. Whoever made a version waives nothing for it.
fn rule_of(
    app: &App,
    project: &Project,
    scope: &WaiverScope,
    new: &NewWaiver<'_>,
    RequestContext { actor, at, .. }: &RequestContext,
) -> Result<String, ApproveError> {
    let written = new.rule.parse::<Rule>().map_or_else(|_| new.rule.to_owned(), |rule| rule.to_string());
    let mut known: Vec<String> = Vec::new();
    let of = |policy: Policy| {
        let gate = policy.gates.get(new.gate).map(|gate| gate.rules.clone()).unwrap_or_default();
        gate.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    match scope.number {
        None => known.extend(of(project.contract.policy())),
        Some(number) => {
            let record = app.store().read(|reader| VersionRecord::read(reader, &scope.model, number, *at))?;
            record.check_not_made_by(actor)?;
            known.extend(of(policy_of(project, &record.version)));
            let judged = record.results().into_iter().filter(|result| result.gate == *new.gate);
            known.extend(
                judged.flat_map(|result| {
                    result.verdict.outcomes().map(|outcome| outcome.rule.clone()).collect::<Vec<_>>()
                }),
            );
        }
    }
    match known.contains(&written) {
        true => Ok(written),
        false => {
            known.sort();
            known.dedup();
            let how = match known.is_empty() {
                true => format!("there is no gate `{}`", new.gate),
                false => format!("its rules are: {}", known.join("; ")),
            };
            Err(NotFound { what: "rule", id: format!("{}: {written}", new.gate), how }.into())
        }
    }
}

fn candidates(app: &App, scope: &WaiverScope) -> Result<Vec<u32>, ApproveError> {
    if let Some(number) = scope.number {
        return Ok(vec![number]);
    }
    let page = PageRequest::first(MAX_CANDIDATES);
    let state = Some(VersionState::Candidate);
    let listed = app.store().read(|reader| versions::list(reader, &scope.model, state, &page))?;
    Ok(listed.items.into_iter().map(|version| version.number).collect())
}
