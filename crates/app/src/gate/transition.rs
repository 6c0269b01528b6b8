//! The moves of a version that the platform makes by itself: submitted, validated or rejected, and approved where the
//! contract asks nobody.
//!
//! Invariants: a version moves only with evidence and right, by the one function of `domain`, and its entry is written with
//! the move.

use kilter_domain::{
    actor::Role,
    digest::Digest,
    event::{EventKind, EventMetrics},
    gate::{ApprovalConditions, ApprovalRule, Verdict},
    ids::ModelName,
    model::{
        ActorWithRoles, Approval, Card, Commit, GateResult, IllegalVersionTransition, Requirements, Submission,
        Validation, VersionEvent, VersionFacts, VersionState,
    },
    plural::counted,
};
use kilter_package::golden::GoldenResult;
use kilter_store::{gate as verdicts, model as versions};

use crate::{
    app::App,
    authz::AuthorizedContext,
    causes::StorageError,
    gate::{data_checks, diagnostics::Diagnostics, judge},
    model::{
        approval_mode::ApprovalMode,
        error::VersionError,
        facts::{facts_of, policy_of},
        golden_replay,
        version_record::VersionRecord,
        votes,
    },
    project::folder::Project,
};

/// The verdict over the data of a draft, as if it were a gate.
pub(crate) const DATA_GATE: &str = "data_requirements";

/// Moves one version; each move asks `domain`, then writes state and entry together.
pub(crate) struct VersionTransition<'a> {
    pub app: &'a App,
    pub project: &'a Project,
    pub context: &'a AuthorizedContext,
    pub approval_mode: ApprovalMode,
    pub number: u32,
}

impl VersionTransition<'_> {
    fn model(&self) -> ModelName {
        self.project.model()
    }

    fn record(&self) -> Result<VersionRecord, StorageError> {
        let (model, at) = (self.model(), self.context.at);
        Ok(self.app.store().read(|reader| VersionRecord::read(reader, &model, self.number, at))?)
    }

    fn facts(&self) -> Result<VersionFacts, StorageError> {
        let facts = facts_of(self.project, &self.record()?);
        Ok(match self.approval_mode {
            ApprovalMode::Simulated => {
                VersionFacts { approval_rule: ApprovalRule::default(), requirements: Requirements::default(), ..facts }
            }
            ApprovalMode::Required => facts,
        })
    }

    fn by(&self, part: &'static str) -> AuthorizedContext {
        AuthorizedContext::system(part, self.context.at)
    }

    fn advance(
        &self,
        event: &VersionEvent,
        part: &'static str,
        kind: &str,
        reason: String,
        numbers: &EventMetrics,
    ) -> Result<VersionState, VersionError> {
        let facts = self.facts()?;
        let next = facts.after(event, &ActorWithRoles::system(part))?;
        let draft = self.by(part).audit_event(kind, reason, numbers.to_evidence());
        let (model, number, from) = (self.model(), self.number, facts.state);
        self.app.store().write(move |tx| versions::advance(&tx.audited(draft), &model, number, from, next))?;
        Ok(next)
    }

    /// What a draft carries that is submitted.
    pub fn submission(
        (package, signed_by): (Digest, Option<String>),
        commit: &Commit,
        golden: &GoldenResult,
    ) -> VersionEvent {
        let commit = commit.clone();
        VersionEvent::Submitted(Submission { package, signed_by, golden: golden.evidence(), commit })
    }

    pub fn submit(
        &self,
        (package, signed_by): (Digest, &str),
        commit: &Commit,
        golden: &GoldenResult,
    ) -> Result<VersionState, VersionError> {
        self.advance(
            &Self::submission((package, Some(signed_by.to_owned())), commit, golden),
            "workflow",
            "submitted",
            golden.sentence(),
            &golden_replay::numbers(golden),
        )
    }

    /// Writes every verdict, then moves the version: validated, rejected, or left where people must decide.
    pub fn record_verdicts(
        &self,
        package: Digest,
        notes: &Diagnostics,
        judged: &[GateResult],
        data: Option<Verdict>,
    ) -> Result<VersionState, VersionError> {
        let policy = self.facts()?.policy;
        judged.iter().chain(&data_result(data.as_ref())).try_for_each(|judged| self.record_verdict(judged, policy))?;
        self.settle(package, notes, judged, data)
    }

    /// Writes every verdict of a draft, and moves nothing: whoever submits it has it decided by them.
    pub fn record_draft_verdicts(&self, judged: &[GateResult], data: Option<Verdict>) -> Result<(), VersionError> {
        let policy = self.facts()?.policy;
        let data = data_result(data.as_ref());
        Ok(judged.iter().chain(&data).try_for_each(|judged| self.record_verdict(judged, policy))?)
    }

    /// Moves a candidate by verdicts that are written already, and by the waivers that are in force.
    pub fn settle(
        &self,
        package: Digest,
        notes: &Diagnostics,
        judged: &[GateResult],
        data: Option<Verdict>,
    ) -> Result<VersionState, VersionError> {
        let (facts, waivers) = (self.facts()?, self.record()?.terms());
        let mut numbers = judge::metrics_of(judged);
        data.iter().for_each(|data| numbers.extend(data_checks::numbers(data)));
        notes.facts.iter().for_each(|(name, value)| numbers.put(name, *value));
        let open = judged.iter().flat_map(|judged| judged.open(&waivers, &facts.makers)).collect::<Vec<_>>();
        let verdicts = || judged.iter().map(|judged| &judged.verdict).chain(&data);
        let reason = verdicts().flat_map(Verdict::reasons).collect::<Vec<_>>().join("; ");
        if open.iter().any(|outcome| outcome.is_failed()) {
            let reason = noted(refusal_sentence(judged), notes);
            let event = VersionEvent::Rejected { reason: reason.clone() };
            return self.advance(&event, "gate", EventKind::GateRefused.as_str(), reason, &numbers);
        }
        let is_undecided = |data: &Verdict| matches!(data, Verdict::Undecided { .. });
        if !open.is_empty() || data.as_ref().is_some_and(is_undecided) {
            self.note_undecided(noted(reason, notes), &numbers)?;
            return Ok(VersionState::Candidate);
        }
        let reason = if reason.is_empty() { "the contract has no gate".to_owned() } else { reason };
        let waived = judged.iter().map(|judged| judged.open(&[], &[]).len()).sum::<usize>();
        let reason = if waived == 0 { reason } else { format!("{reason}; {}", counted(waived, "waived rule")) };
        let reason = noted(reason, notes);
        let validation = Validation { package, policy: facts.policy, gates: judged.to_vec(), data, waivers };
        self.advance(&VersionEvent::Validated(validation), "gate", EventKind::GatePassed.as_str(), reason, &numbers)
    }

    fn record_verdict(&self, judged: &GateResult, policy: Digest) -> Result<(), StorageError> {
        let new = verdicts::NewVerdict {
            model: self.model(),
            number: self.number,
            gate: judged.gate.clone(),
            verdict: judged.verdict.clone(),
            policy_digest: policy,
        };
        let draft = self.by("gate").audit_event("gate.judge", judged.verdict.reasons().join("; "), vec![]);
        self.app.store().write(move |tx| verdicts::record_verdict(&tx.audited(draft), &new))?;
        Ok(())
    }

    /// An undecided gate moves nothing; the entry says what is missing.
    fn note_undecided(&self, reason: String, numbers: &EventMetrics) -> Result<(), StorageError> {
        let draft = self.by("gate").decision_event(EventKind::GateUndecided, reason, numbers);
        let object = versions::object(&self.model(), self.number);
        self.app.store().write(move |tx| {
            tx.audited(draft).record_refusal(&object, kilter_domain::audit::Outcome::Denied).map(|_| ())
        })?;
        Ok(())
    }

    /// Approves a validated version where the policy that it must meet asks nobody. Where something else is missing, as its
    /// card, it stays validated: whoever asks for its state sees what.
    pub fn approve_if_nobody_is_asked(&self, state: VersionState) -> Result<VersionState, VersionError> {
        if state != VersionState::Validated {
            return Ok(state);
        }
        let (record, assumed) = (self.record()?, self.approval_mode == ApprovalMode::Simulated);
        let policy = policy_of(self.project, &record.version);
        let asks_nobody = policy.approve.rule.is_auto();
        if !(assumed || asks_nobody) {
            return Ok(state);
        }
        let reason = match asks_nobody {
            true => "the contract approves what passed its gates".to_owned(),
            false => format!("assumed by the replay; the contract asks {}", policy.approve.rule),
        };
        let expires = policy.approve.expire.filter(|_| !assumed).map(|span| self.context.at.after(span));
        let approval = match assumed {
            true => simulated_approval(),
            false => Approval { expires, ..votes::approval_of(self.project, &record, self.context.at) },
        };
        let by = ActorWithRoles::system("approval");
        let next = match self.facts()?.after(&VersionEvent::Approved(approval), &by) {
            Err(IllegalVersionTransition::Evidence { .. }) => return Ok(state),
            moved => moved?,
        };
        let (model, number, context) = (self.model(), self.number, self.by("approval"));
        let moved = context.audit_event(EventKind::Approved.as_str(), reason, vec![]);
        // The contract's own yes, as a fact that ends.
        let said = expires.map(|expires| {
            let conditions = ApprovalConditions::default();
            let (role, decision, model) = (Role::Owner, verdicts::Decision::Approved, model.clone());
            let new = verdicts::NewApproval { model, number, role, decision, conditions, expires: Some(expires) };
            (context.audit_event("version.sign_off", "the contract asks nobody", vec![]), new)
        });
        self.app.store().write(move |tx| {
            if let Some((entry, new)) = said {
                verdicts::record_approval(&tx.audited(entry), &new)?;
            }
            versions::advance(&tx.audited(moved), &model, number, state, next)
        })?;
        Ok(next)
    }
}

/// What a replay assumes that people gave.
fn simulated_approval() -> Approval {
    Approval {
        signoffs: vec![],
        card: Card::Absent,
        has_independent_review: false,
        open_rules: vec![],
        open_findings: 0,
        expires: None,
    }
}

/// A verdict's sentence, and behind it what was seen without being asked.
fn noted(reason: String, notes: &Diagnostics) -> String {
    match notes.sentences.is_empty() {
        true => reason,
        false => format!("{reason}; note: {}", notes.sentences.join("; ")),
    }
}

fn refusal_sentence(judged: &[GateResult]) -> String {
    let failed = judged.iter().filter(|judged| matches!(judged.verdict, Verdict::Failed { .. }));
    failed
        .map(|judged| format!("gate `{}`: {}", judged.gate, judged.verdict.reasons().join("; ")))
        .collect::<Vec<_>>()
        .join("; ")
}

/// What the data lack, as the verdict of a gate of its own, so that whoever decides later finds it. Data that have everything
/// need none.
fn data_result(data: Option<&Verdict>) -> Option<GateResult> {
    let lacking = data.filter(|data| !data.is_passed())?;
    Some(GateResult { gate: DATA_GATE.parse().ok()?, verdict: lacking.clone() })
}
