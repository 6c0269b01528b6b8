//! Approvals that end by themselves: their time is over, a gate was tightened, a waiver ended, or what the version was made
//! from was revoked.
//!
//! Invariants: a version that lapsed serves nowhere where an approval is asked for; a version of an older policy is judged by the
//! stricter of that and the one in force. It may run twice, and at any time.

use std::collections::BTreeMap;

use kilter_domain::{
    contract::Policy,
    digest::Digest,
    error_chain::with_causes,
    ids::{ModelName, VersionId},
    model::{ActorWithRoles, GateResult, Lapse, VersionEvent, VersionState},
    time::Timestamp,
};
use kilter_store::{
    PageRequest, Reader, StoreError, deployment as deployments, gate as decisions, gate::waiver, model as versions,
};

use crate::{
    app::App,
    approval::rejudge,
    authz::AuthorizedContext,
    causes::StorageError,
    deployment::{
        checks,
        error::DeployError,
        target::endpoints_of,
        withdraw::{self, Withdrawal},
    },
    model::{
        error::VersionError,
        facts::{facts_of, policy_of},
        version_record::VersionRecord,
    },
    project::folder::Project,
};

const LAPSE: &str = "version.lapse";
/// Models of a project that are looked at.
const MAX_MODELS: u32 = 1000;

/// Lets every approval of a project lapse that no longer holds, and takes away what serves without one; the versions that lapsed.
///
/// # Errors
/// When the metadata cannot be read or written; what was done until then stays.
pub fn lapse_versions(app: &App, project: &Project, at: Timestamp) -> Result<Vec<u32>, DeployError> {
    let context = AuthorizedContext::system("approval", at);
    let (mut lapsed, mut failed) = (Vec::new(), None);
    for model in models_of(app, project)? {
        for (number, lapse) in due_lapses(app, &context, project, &model)? {
            // One version that cannot be read keeps no other one from lapsing.
            match lapse_version(app, &context, project, (&model, number, &lapse)) {
                Ok(()) => lapsed.push(number),
                Err(error) => {
                    tracing::error!(%model, number, error = with_causes(&error), "an approval that ended could not be taken back");
                    failed.get_or_insert(error);
                }
            }
        }
    }
    withdraw_unadmitted(app, &context, project)?;
    failed.map_or(Ok(lapsed), Err)
}

/// The models of a project: also one that its contract no longer names may serve.
fn models_of(app: &App, project: &Project) -> Result<Vec<ModelName>, StorageError> {
    let page = PageRequest::first(MAX_MODELS);
    let listed = app.store().read(|reader| versions::list_models(reader, Some(&project.name), &page))?;
    Ok(listed.items.into_iter().map(|model| model.name).collect())
}

fn lapse_version(
    app: &App,
    context: &AuthorizedContext,
    project: &Project,
    (model, number, lapse): (&ModelName, u32, &Lapse),
) -> Result<(), DeployError> {
    let record = app.store().read(|reader| VersionRecord::read(reader, model, number, context.at))?;
    let facts = facts_of(project, &record);
    let event = VersionEvent::Lapsed(lapse.clone());
    let next = facts.after(&event, &ActorWithRoles::system("approval")).map_err(VersionError::from)?;
    let reason = lapse.to_string();
    let withdrawal = Withdrawal {
        model,
        number,
        moved: (facts.state, next),
        action: LAPSE,
        reason: &reason,
        replacement: None,
        only_at: None,
        act: None,
    };
    withdraw::withdraw(app, context, project, withdrawal)?;
    Ok(())
}

/// When an approval or a waiver of a project ends next.
pub(crate) fn next_lapse(app: &App, project: &Project, now: Timestamp) -> Result<Option<Timestamp>, StorageError> {
    let mut next: Option<Timestamp> = None;
    for model in models_of(app, project)? {
        let (approval, waiver) = app.store().read(|reader| {
            Ok((decisions::next_expiry(reader, &model, now)?, waiver::next_end(reader, &model, now)?))
        })?;
        next = approval.into_iter().chain(waiver).chain(next).min();
    }
    Ok(next)
}

/// The approvals of a model that no longer hold. A version that was found to hold is read again only when what that was found
/// by has changed.
fn due_lapses(
    app: &App,
    context: &AuthorizedContext,
    project: &Project,
    model: &ModelName,
) -> Result<BTreeMap<u32, Lapse>, StorageError> {
    let (policy, at, held) = (project.contract.policy_digest(), context.at, &app.components().held_approvals);
    let read = |number: u32| app.store().read(|reader| VersionRecord::read(reader, model, number, at));
    let mut due = BTreeMap::new();
    for one in downwards(app, |reader, below| decisions::expired(reader, model, at, below), |one| one.number)? {
        // Nobody says yes to what is approved: whose yes ended last says which are left.
        let found_by = Digest::of(format!("expiry {policy} {} {}", one.moved, one.ended).as_bytes());
        if held.has(model, one.number, found_by) {
            continue;
        }
        match expiry(project, &read(one.number)?, at) {
            Some(lapse) => drop(due.insert(one.number, lapse)),
            None => held.put(model, one.number, found_by),
        }
    }
    for (number, source) in app.store().read(|reader| versions::made_from_revoked(reader, model))? {
        let dependency = VersionId::new(model.clone(), source).to_string();
        due.insert(number, Lapse::DependencyRevoked { dependency });
    }
    let waivers = app.store().read(|reader| waiver::in_force_mark(reader, model, at))?;
    let open = |reader: &Reader, below| decisions::approved_with_open_rules(reader, model, below);
    for one in downwards(app, open, |one| one.number)? {
        let found_by = Digest::of(format!("open {} {} {waivers:?}", one.moved, one.judged).as_bytes());
        if held.has(model, one.number, found_by) {
            continue;
        }
        match open_rule(&read(one.number)?) {
            Some(lapse) => drop(due.insert(one.number, lapse)),
            None => held.put(model, one.number, found_by),
        }
    }
    let others = |reader: &Reader, below| versions::of_other_policy(reader, model, &policy, below);
    for number in downwards(app, others, |number| *number)? {
        if held.has(model, number, policy) {
            continue;
        }
        let record = judge_added_rules(app, context, project, read(number)?)?;
        if record.version.state == VersionState::Approved {
            // Whoever said yes said it by the rule of then: what is asked again is what was measured.
            let open = record.open_rules(&policy_of(project, &record.version));
            if !open.is_empty() {
                due.entry(number).or_insert(Lapse::PolicyTightened { policy, open });
                continue;
            }
        }
        held.put(model, number, policy);
    }
    Ok(due)
}

/// Everything that is listed by number, the highest first, some at a time.
fn downwards<T>(
    app: &App,
    list: impl Fn(&Reader, u32) -> Result<Vec<T>, StoreError>,
    number: impl Fn(&T) -> u32,
) -> Result<Vec<T>, StorageError> {
    let (mut all, mut below) = (Vec::new(), u32::MAX);
    loop {
        let listed = app.store().read(|reader| list(reader, below))?;
        let Some(last) = listed.last() else { return Ok(all) };
        below = number(last);
        all.extend(listed);
    }
}

/// Whether those who said yes in time are no longer enough.
fn expiry(project: &Project, record: &VersionRecord, at: Timestamp) -> Option<Lapse> {
    let ended = record.votes().filter_map(|said| said.expires).filter(|expires| *expires <= at).max()?;
    let rule = policy_of(project, &record.version).approve.rule;
    let is_met = match rule.is_auto() {
        true => record.valid_votes(at).next().is_some(),
        false => rule.missing(&facts_of(project, record).counted(&record.signoffs(at))).is_empty(),
    };
    (!is_met).then_some(Lapse::Expired { at: ended })
}

/// A rule that neither passed nor is waived any more.
fn open_rule(record: &VersionRecord) -> Option<Lapse> {
    let (terms, makers) = (record.terms(), record.makers());
    record.results().iter().find_map(|result| {
        let open = result.open(&terms, &makers).first().map(|outcome| outcome.text.clone());
        open.map(|rule| Lapse::WaiverEnded { gate: result.gate.clone(), rule })
    })
}

/// Judges a version by the rules that the policy in force adds, and writes the verdicts.
fn judge_added_rules(
    app: &App,
    context: &AuthorizedContext,
    project: &Project,
    record: VersionRecord,
) -> Result<VersionRecord, StorageError> {
    let in_force = project.contract.policy();
    let frozen = Policy::from_text(&record.version.policy).unwrap_or_else(|| in_force.clone());
    let added = rejudge::added_verdicts(&frozen, &in_force, &record.results());
    if added.is_empty() {
        return Ok(record);
    }
    let (model, number, policy) = (record.version.model, record.version.number, project.contract.policy_digest());
    let (at, of) = (context.at, model.clone());
    let by = AuthorizedContext::system("gate", at);
    let entries: Vec<_> = added
        .into_iter()
        .map(|GateResult { gate, verdict }| {
            let entry = by.audit_event("gate.judge", verdict.reasons().join("; "), vec![]);
            let model = model.clone();
            (entry, decisions::NewVerdict { model, number, gate, verdict, policy_digest: policy })
        })
        .collect();
    app.store().write(move |tx| {
        entries.into_iter().try_for_each(|(entry, new)| decisions::record_verdict(&tx.audited(entry), &new).map(drop))
    })?;
    Ok(app.store().read(|reader| VersionRecord::read(reader, &of, number, at))?)
}

/// Takes away what serves and may not: it was deployed while its version moved, or by a server that did not know yet.
fn withdraw_unadmitted(app: &App, context: &AuthorizedContext, project: &Project) -> Result<(), DeployError> {
    for (endpoint, admits) in endpoints_of(app, project)? {
        let (live, candidate) = app
            .store()
            .read(|reader| Ok((deployments::live(reader, &endpoint)?, deployments::candidate(reader, &endpoint)?)))?;
        for one in live.into_iter().chain(candidate) {
            let state = checks::version_state(app, &one.model, one.number)?;
            if checks::admission_of(app, admits, &endpoint, (&one.model, one.number))?.accepts(state) {
                continue;
            }
            let reason = format!("version {} is {state}", one.number);
            let withdrawal = Withdrawal {
                model: &one.model,
                number: one.number,
                moved: (state, state),
                action: LAPSE,
                reason: &reason,
                replacement: None,
                only_at: Some(&endpoint),
                act: None,
            };
            withdraw::withdraw(app, context, project, withdrawal)?;
        }
    }
    Ok(())
}
