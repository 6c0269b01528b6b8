//! The moves of a version that the platform makes by itself: submitted, validated or rejected, and approved where the
//! contract asks nobody.
//!
//! Invariants: a version moves only with evidence and right, by the one function of `domain`, and its entry is written with
//! the move.

use kilter_domain::{
    actor::Actor,
    digest::Digest,
    event::{EventKind, EventMetrics},
    gate::{ApprovalRule, Verdict},
    ids::ModelName,
    model::{
        ActorWithRoles, Approval, Card, Commit, GateResult, Requirements, Submission, Validation, VersionEvent,
        VersionFacts, VersionState,
    },
};
use kilter_package::golden::GoldenResult;
use kilter_store::{gate as verdicts, model as versions};

use crate::{
    app::App,
    causes::StorageError,
    context::RequestContext,
    gate::{data_checks, diagnostics::Diagnostics, judge},
    model::{approval_mode::ApprovalMode, error::VersionError, facts::facts_of, golden_replay},
    project::folder::Project,
};

/// Moves one version; each move asks `domain`, then writes state and entry together.
pub(crate) struct VersionTransition<'a> {
    pub app: &'a App,
    pub project: &'a Project,
    pub context: &'a RequestContext,
    pub approval_mode: ApprovalMode,
    pub number: u32,
}

impl VersionTransition<'_> {
    fn model(&self) -> ModelName {
        self.project.model()
    }

    fn facts(&self) -> Result<VersionFacts, StorageError> {
        let model = self.model();
        let version = self.app.store().read(|reader| versions::get(reader, &model, self.number))?;
        let facts = facts_of(self.project, &version);
        Ok(match self.approval_mode {
            ApprovalMode::Simulated => {
                VersionFacts { approval_rule: ApprovalRule::default(), requirements: Requirements::default(), ..facts }
            }
            ApprovalMode::Required => facts,
        })
    }

    fn by(&self, part: &'static str) -> RequestContext {
        RequestContext { at: self.context.at, actor: Actor::system(part) }
    }

    fn advance(
        &self,
        event: &VersionEvent,
        by: &ActorWithRoles,
        kind: &str,
        reason: String,
        numbers: &EventMetrics,
    ) -> Result<VersionState, VersionError> {
        let facts = self.facts()?;
        let next = facts.after(event, by)?;
        let context = RequestContext { at: self.context.at, actor: by.actor.clone() };
        let draft = context.audit_event(kind, reason, numbers.to_evidence());
        let (model, number, from) = (self.model(), self.number, facts.state);
        self.app.store().write(move |tx| versions::advance(&tx.audited(draft), &model, number, from, next))?;
        Ok(next)
    }

    pub fn submit(
        &self,
        package: Digest,
        commit: &Commit,
        golden: &GoldenResult,
    ) -> Result<VersionState, VersionError> {
        let submission = Submission { package, signed_by: None, golden: golden.evidence(), commit: commit.clone() };
        let event = VersionEvent::Submitted(submission);
        self.advance(
            &event,
            &ActorWithRoles::system("workflow"),
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
        let facts = self.facts()?;
        let mut numbers = judge::metrics_of(judged);
        data.iter().for_each(|data| numbers.extend(data_checks::numbers(data)));
        notes.facts.iter().for_each(|(name, value)| numbers.put(name, *value));
        for judged in judged {
            self.record_verdict(judged, facts.policy)?;
        }
        let verdicts = || judged.iter().map(|judged| &judged.verdict).chain(&data);
        let reason = verdicts().flat_map(Verdict::reasons).collect::<Vec<_>>().join("; ");
        let by = ActorWithRoles::system("gate");
        if judged.iter().any(|judged| matches!(judged.verdict, Verdict::Failed { .. })) {
            let reason = noted(refusal_sentence(judged), notes);
            let event = VersionEvent::Rejected { reason: reason.clone() };
            return self.advance(&event, &by, EventKind::GateRefused.as_str(), reason, &numbers);
        }
        if verdicts().any(|verdict| matches!(verdict, Verdict::Undecided { .. })) {
            self.note_undecided(noted(reason, notes), &numbers)?;
            return Ok(VersionState::Candidate);
        }
        let validation = Validation { package, policy: facts.policy, gates: judged.to_vec(), data };
        let reason = if reason.is_empty() { "the contract has no gate".to_owned() } else { reason };
        let reason = noted(reason, notes);
        self.advance(&VersionEvent::Validated(validation), &by, EventKind::GatePassed.as_str(), reason, &numbers)
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

    pub fn approve_if_nobody_is_asked(&self, state: VersionState) -> Result<VersionState, VersionError> {
        let assumed = self.approval_mode == ApprovalMode::Simulated;
        let asks_nobody = self.project.contract.approve.rule.is_auto();
        if state != VersionState::Validated || !(assumed || asks_nobody) {
            return Ok(state);
        }
        let reason = match (asks_nobody, assumed) {
            (true, _) => "the contract approves what passed its gates".to_owned(),
            (false, _) => format!("assumed by the replay; the contract asks {}", self.project.contract.approve.rule),
        };
        let expires = self.project.contract.approve.expire.map(|span| self.context.at.after(span));
        let approval = Approval {
            signoffs: vec![],
            card: Card::Absent,
            has_independent_review: false,
            open_findings: 0,
            expires: if assumed { None } else { expires },
        };
        let event = VersionEvent::Approved(approval);
        let kind = EventKind::Approved.as_str();
        self.advance(&event, &ActorWithRoles::system("approval"), kind, reason, &EventMetrics::default())
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
