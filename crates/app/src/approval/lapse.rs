//! Approvals that end by themselves: their time is over, a gate was tightened, a waiver ended, or what the version was made
//! from was revoked.
//!
//! Invariants: a version that lapsed serves nowhere where an approval is asked for; a version of an older policy is judged by the
//! stricter of that and the one in force. It may run twice, and at any time.

use std::collections::BTreeMap;

use kilter_domain::{
    error_chain::with_causes,
    ids::VersionId,
    model::{ActorWithRoles, GateResult, Lapse, VersionEvent, VersionState},
    time::Timestamp,
};
use kilter_store::{StoreError, deployment as deployments, gate as decisions, gate::waiver, model as versions};

use crate::{
    app::App,
    approval::rejudge,
    causes::StorageError,
    context::RequestContext,
    deployment::{
        checks,
        error::DeployError,
        target::Target,
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

/// Lets every approval of a project lapse that no longer holds, and takes away what serves without one; the versions that lapsed.
///
/// # Errors
/// When the metadata cannot be read or written; what was done until then stays.
pub fn lapse_versions(app: &App, project: &Project, at: Timestamp) -> Result<Vec<u32>, DeployError> {
    let context = RequestContext::system("approval", at);
    let due = due_lapses(app, &context, project)?;
    let mut failed = None;
    for (number, lapse) in &due {
        // One version that cannot be read keeps no other one from lapsing.
        if let Err(error) = lapse_version(app, &context, project, (*number, lapse)) {
            tracing::error!(number, error = with_causes(&error), "an approval that ended could not be taken back");
            failed.get_or_insert(error);
        }
    }
    withdraw_unadmitted(app, &context, project)?;
    failed.map_or_else(|| Ok(due.into_keys().collect()), Err)
}

fn lapse_version(
    app: &App,
    context: &RequestContext,
    project: &Project,
    (number, lapse): (u32, &Lapse),
) -> Result<(), DeployError> {
    let model = project.model();
    let record = app.store().read(|reader| VersionRecord::read(reader, &model, number, context.at))?;
    let facts = facts_of(project, &record);
    let event = VersionEvent::Lapsed(lapse.clone());
    let next = facts.after(&event, &ActorWithRoles::system("approval")).map_err(VersionError::from)?;
    let (reason, moved) = (lapse.to_string(), (facts.state, next));
    let withdrawal = Withdrawal { number, moved, action: LAPSE, reason: &reason, replacement: None, act: None };
    withdraw::withdraw(app, context, project, withdrawal)?;
    Ok(())
}

/// When an approval or a waiver of a project ends next.
pub(crate) fn next_lapse(app: &App, project: &Project, now: Timestamp) -> Result<Option<Timestamp>, StorageError> {
    let model = project.model();
    let (approval, waiver) = app
        .store()
        .read(|reader| Ok((decisions::next_expiry(reader, &model, now)?, waiver::next_end(reader, &model, now)?)))?;
    Ok(approval.into_iter().chain(waiver).min())
}

fn due_lapses(app: &App, context: &RequestContext, project: &Project) -> Result<BTreeMap<u32, Lapse>, StorageError> {
    let (model, policy, at) = (project.model(), project.contract.policy_digest(), context.at);
    let (expired, dependents, others, open) = app.store().read(|reader| {
        Ok::<_, StoreError>((
            decisions::expired(reader, &model, at)?,
            versions::made_from_revoked(reader, &model)?,
            versions::of_other_policy(reader, &model, &policy)?,
            decisions::approved_with_open_rules(reader, &model)?,
        ))
    })?;
    let mut due = BTreeMap::new();
    let read = |number: u32| app.store().read(|reader| VersionRecord::read(reader, &model, number, at));
    for number in expired {
        due.extend(expiry(project, &read(number)?, at).map(|lapse| (number, lapse)));
    }
    for (number, source) in dependents {
        let dependency = VersionId::new(model.clone(), source).to_string();
        due.insert(number, Lapse::DependencyRevoked { dependency });
    }
    for number in open {
        let record = read(number)?;
        due.extend(open_rule(&record).map(|lapse| (number, lapse)));
    }
    for number in others {
        if app.components().held_policies.has(&model, number, policy) {
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
        app.components().held_policies.put(&model, number, policy);
    }
    Ok(due)
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
    context: &RequestContext,
    project: &Project,
    record: VersionRecord,
) -> Result<VersionRecord, StorageError> {
    let added = rejudge::added_verdicts(&policy_of(project, &record.version), &record.results());
    if added.is_empty() {
        return Ok(record);
    }
    let (model, number, policy) = (record.version.model, record.version.number, project.contract.policy_digest());
    let (at, of) = (context.at, model.clone());
    let by = RequestContext::system("gate", at);
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
fn withdraw_unadmitted(app: &App, context: &RequestContext, project: &Project) -> Result<(), DeployError> {
    let model = project.model();
    for target in Target::all(project) {
        let (live, candidate) = app.store().read(|reader| {
            Ok((deployments::live(reader, &target.endpoint)?, deployments::candidate(reader, &target.endpoint)?))
        })?;
        for one in live.into_iter().chain(candidate).filter(|one| one.model == model) {
            let state = checks::version_state(app, &model, one.number)?;
            let admits = target.deploy.admission_policy();
            if checks::admission_of(app, admits, &target.endpoint, (&model, one.number))?.accepts(state) {
                continue;
            }
            let reason = format!("version {} is {state}", one.number);
            let moved = (state, state);
            let withdrawal =
                Withdrawal { number: one.number, moved, action: LAPSE, reason: &reason, replacement: None, act: None };
            withdraw::withdraw(app, context, project, withdrawal)?;
        }
    }
    Ok(())
}
