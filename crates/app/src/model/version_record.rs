//! Everything that people and gates said of a version, read at one moment.
//!
//! Invariants: a yes counts from the moment at which the version was validated last, until it expires; who submitted a version
//! is one of its makers.

use std::collections::BTreeMap;

use kilter_domain::{
    actor::{Actor, ActorKind},
    contract::Policy,
    digest::Digest,
    gate::{Signoff, Waiver as Term},
    ids::ModelName,
    model::{GateResult, VersionState},
    time::Timestamp,
};
use kilter_store::{
    PageRequest, Reader, StoreError, audit,
    deployment::break_glass::{self, BreakGlass, BreakGlassState},
    gate::{
        self as decisions, Approval, Decision, Judgement,
        waiver::{self, Waiver},
    },
    model::{
        self as versions, Version,
        act::{self, Act, ActKind},
        card::{self, Card},
    },
};

use serde_json::{Value, json};

use crate::causes::InvalidState;

/// Decisions about a version that are read; more than a rule can ask for.
const MAX_DECISIONS: u32 = 1000;

/// The outcome of a review that measured the same verdicts.
pub(crate) const CONFIRMED: &str = "confirmed";

/// A version with everything that was said of it.
pub(crate) struct VersionRecord {
    pub version: Version,
    /// Every yes and no, newest first.
    pub decisions: Vec<Approval>,
    /// What else was done to it, newest first.
    pub acts: Vec<Act>,
    /// The waivers that are in force for it.
    pub waivers: Vec<Waiver>,
    /// What each gate said last.
    pub verdicts: Vec<Judgement>,
    /// What people wrote about it, or about a version before it.
    pub card: Option<Card>,
    /// Where it answered without its approval.
    pub break_glasses: Vec<BreakGlass>,
    /// The entry by which it was validated last; 0 where it never was.
    validated_seq: u64,
}

impl VersionRecord {
    /// Reads it as of `at`.
    pub(crate) fn read(reader: &Reader, model: &ModelName, number: u32, at: Timestamp) -> Result<Self, StoreError> {
        let version = versions::get(reader, model, number)?;
        let page = PageRequest::first(MAX_DECISIONS);
        Ok(Self {
            decisions: decisions::list_approvals(reader, model, number, &page)?.items,
            acts: act::list(reader, model, number, &page)?.items,
            waivers: waiver::in_force(reader, model, number, at)?,
            card: card::newest(reader, model, number)?,
            break_glasses: break_glass::of_version(reader, model, number)?,
            verdicts: decisions::standing_verdicts(reader, model, number)?,
            validated_seq: validated_seq(reader, &version)?,
            version,
        })
    }

    /// Author of the code, starter of the run, and who submitted it.
    pub(crate) fn makers(&self) -> Vec<Actor> {
        let mut makers = self.version.makers.clone();
        for submitted in self.acts.iter().filter(|act| act.kind == ActKind::Submitted) {
            makers.push(submitted.by.clone());
            makers.extend(submitted.on_behalf.clone());
        }
        makers.sort();
        makers.dedup();
        makers
    }

    /// Every yes since it was validated last, also those that expired.
    pub(crate) fn votes(&self) -> impl Iterator<Item = &Approval> {
        let since = self.validated_seq;
        self.decisions.iter().filter(move |said| said.decision == Decision::Approved && said.audit_seq > since)
    }

    /// Every yes that counts at `at`.
    pub(crate) fn valid_votes(&self, at: Timestamp) -> impl Iterator<Item = &Approval> {
        self.votes().filter(move |said| said.expires.is_none_or(|expires| expires > at))
    }

    /// Every yes that counts at `at`, with the role in which it was said.
    pub(crate) fn signoffs(&self, at: Timestamp) -> Vec<Signoff> {
        self.valid_votes(at).map(|said| Signoff { by: said.by.clone(), role: said.role }).collect()
    }

    /// What the waivers let pass.
    pub(crate) fn terms(&self) -> Vec<Term> {
        self.waivers.iter().map(|waiver| waiver.term.clone()).collect()
    }

    /// What each gate said last.
    pub(crate) fn results(&self) -> Vec<GateResult> {
        let result = |judged: &Judgement| GateResult { gate: judged.gate.clone(), verdict: judged.verdict.clone() };
        self.verdicts.iter().map(result).collect()
    }

    /// The rules of a policy that neither passed nor are waived, as sentences.
    pub(crate) fn open_rules(&self, policy: &Policy) -> Vec<String> {
        let (results, terms, makers) = (self.results(), self.terms(), self.makers());
        let mut open: Vec<String> = Vec::new();
        for result in &results {
            let of_gate = result.open(&terms, &makers).into_iter();
            open.extend(of_gate.map(|outcome| format!("gate `{}`: {}", result.gate, outcome.text)));
        }
        for (name, gate) in &policy.gates {
            let judged = results.iter().find(|result| result.gate == *name);
            let is_judged =
                |rule: &str| judged.is_some_and(|result| result.verdict.outcomes().any(|outcome| outcome.rule == rule));
            let missing = gate.rules.iter().map(ToString::to_string).filter(|rule| !is_judged(rule));
            open.extend(missing.map(|rule| format!("gate `{name}`: `{rule}` was not measured")));
        }
        open
    }

    /// What a review is about: the verdicts that stand, by their entries, and the policy that the version must meet.
    pub(crate) fn review_basis(&self, policy: &Policy) -> Value {
        let verdicts: BTreeMap<String, u64> =
            self.verdicts.iter().map(|judged| (judged.gate.to_string(), judged.audit_seq)).collect();
        json!({ "policy": Digest::of(policy.text().as_bytes()).to_string(), "verdicts": verdicts })
    }

    /// The newest review that measured the verdicts that stand, under the policy that the version must meet, by a person who
    /// did not make the version.
    pub(crate) fn independent_review(&self, policy: &Policy) -> Option<&Act> {
        let (makers, basis) = (self.makers(), self.review_basis(policy));
        self.acts.iter().find(|act| {
            act.kind == ActKind::Reviewed
                && act.document["outcome"] == CONFIRMED
                && act.document["basis"] == basis
                && act.by.kind == ActorKind::User
                && !makers.contains(&act.by)
        })
    }

    /// Refuses one of its makers.
    pub(crate) fn check_not_made_by(&self, by: &Actor) -> Result<(), InvalidState> {
        if !self.makers().contains(by) {
            return Ok(());
        }
        let id = format!("{}@{}", self.version.model, self.version.number);
        let (state, how) = (format!("made by {by}"), "ask a validator who did not make it".to_owned());
        Err(InvalidState { what: "version", id, state, how })
    }

    /// What was found and nobody has answered: break-glasses that were not reviewed.
    pub(crate) fn open_findings(&self) -> u32 {
        let open = self.break_glasses.iter().filter(|one| one.state == BreakGlassState::Open).count();
        u32::try_from(open).unwrap_or(u32::MAX)
    }

    /// The share of the traffic that it may answer at most, in percent: the smallest that a yes is bound to; none where every
    /// yes has ended, whether or not that was noticed yet.
    pub(crate) fn max_traffic_percent(&self, at: Timestamp) -> u8 {
        if self.votes().next().is_some() && self.valid_votes(at).next().is_none() {
            return 0;
        }
        let bounds = self.valid_votes(at).filter_map(|said| said.conditions.max_traffic_percent);
        bounds.min().unwrap_or(100)
    }
}

/// The entry by which a version was validated last.
fn validated_seq(reader: &Reader, version: &Version) -> Result<u64, StoreError> {
    if version.state == VersionState::Validated {
        return Ok(version.audit_seq);
    }
    let object = versions::object(&version.model, version.number);
    let entries = audit::list_of_object(reader, &object, &PageRequest::first(MAX_DECISIONS))?.items;
    let validated = VersionState::Validated.as_str();
    let last = entries.into_iter().find(|record| record.entry.after.as_deref() == Some(validated));
    Ok(last.map_or(0, |record| record.entry.seq))
}
