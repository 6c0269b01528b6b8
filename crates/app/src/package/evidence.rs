//! What became of a package, as signed statements (in-toto) about it: where it comes from, what each gate said, which rules are
//! waived, who measured it again, who decided, and what people wrote about it.
//!
//! A statement is signed when it is asked for, from what is recorded then: nothing of it is in the package. The card in the package is
//! the draft of the run: people write later, and a package that is sealed does not change.

use std::collections::BTreeMap;

use kilter_domain::{
    gate::Verdict,
    rule::{RuleOutcome, RuleVerdict},
    signing_key::KeyPurpose,
    time::Timestamp,
};
use kilter_package::{
    Bundle, Export, FileHashes, Statement, Subject, documents::PROVENANCE_TYPE, model_signature::root_of,
};
use kilter_store::{
    PageRequest,
    gate::{
        Approval, Judgement,
        waiver::{self, Waiver},
    },
    model::{
        Version,
        act::{Act, ActKind},
        card::Card,
    },
};
use serde_json::{Value, json};

use crate::{
    app::App,
    keys,
    model::version_record::VersionRecord,
    package::{
        approval_statement::{APPROVAL, ApprovalClaim, IDENTITY},
        error::PackageUseError,
    },
};

/// The kind of a statement about a gate.
const TEST_RESULT: &str = "https://in-toto.io/attestation/test-result/v0.1";
/// The kind of a statement about a decision of a person.
const DECISION: &str = "urn:kilter:decision:v1";
/// The kind of a statement about a rule that need not hold.
const WAIVER: &str = "urn:kilter:waiver:v1";
/// The kind of a statement about an independent review.
const REVIEW: &str = "urn:kilter:review:v1";
/// The kind of a statement about what people wrote in the card.
const CARD: &str = "urn:kilter:card:v1";
const PROVENANCE_PATH: &str = "evidence/provenance.intoto.json";
/// Waivers of a model that are looked at.
const MAX_WAIVERS: u32 = 1000;
/// The largest provenance that is read.
const MAX_BYTES: u64 = 64 << 20;

/// The statements about a version as of `at`, each with the name of its file.
pub(super) fn statements(
    app: &App,
    version: &Version,
    export: &Export<'_>,
    at: Timestamp,
) -> Result<Vec<(String, Bundle)>, PackageUseError> {
    let subject = subject(version, &export.hash()?);
    let (record, waivers) = app.store().read(|reader| {
        let page = PageRequest::first(MAX_WAIVERS);
        let waivers = waiver::list(reader, &version.model, &page)?.items;
        Ok((VersionRecord::read(reader, &version.model, version.number, at)?, waivers))
    })?;
    let mut all = Vec::new();
    let mut state = |name: String, kind: &str, claim: Value| {
        all.push((format!("{name}.sigstore.json"), Statement::new(subject.clone(), kind, claim)));
    };
    if let Some(provenance) = provenance(app, export)? {
        state("provenance".to_owned(), PROVENANCE_TYPE, provenance);
    }
    for verdict in &record.verdicts {
        state(format!("gate-{}", verdict.gate), TEST_RESULT, test_result(verdict));
    }
    for waiver in waivers.iter().filter(|waiver| waiver.number.is_none_or(|number| number == version.number)) {
        state(format!("waiver-{}", waiver.audit_seq), WAIVER, waived(waiver, at));
    }
    for act in record.acts.iter().filter(|act| act.kind == ActKind::Reviewed) {
        state(format!("review-{}", act.audit_seq), REVIEW, reviewed(act));
    }
    for approval in &record.decisions {
        state(format!("decision-{}", approval.audit_seq), DECISION, decision(approval));
    }
    if let Some(card) = &record.card {
        state("card".to_owned(), CARD, written(card));
    }
    state("approval".to_owned(), APPROVAL, json!(ApprovalClaim::of(&record, at)));
    let key = keys::existing_key(app, KeyPurpose::Package)?;
    let sign = |(name, statement): (String, Statement)| {
        let signed = Bundle::sign(&statement, &key).map_err(kilter_package::PackageError::from)?;
        Ok((name, signed))
    };
    all.into_iter().map(sign).collect()
}

/// The package, by the digest of its signed list and by its identity.
fn subject(version: &Version, files: &FileHashes) -> Subject {
    let root: String = root_of(files.values()).iter().map(|byte| format!("{byte:02x}")).collect();
    let digest = BTreeMap::from([("sha256".to_owned(), root), (IDENTITY.to_owned(), version.digest.to_string())]);
    Subject { name: format!("{}@{}", version.model, version.number), digest }
}

/// The claim of the provenance in the package.
fn provenance(app: &App, export: &Export<'_>) -> Result<Option<Value>, PackageUseError> {
    let Some(entry) = export.tree.entry(PROVENANCE_PATH) else { return Ok(None) };
    let bytes = app.blobs().read(&entry.digest, MAX_BYTES)?;
    let statement: Statement = serde_json::from_slice(&bytes)
        .map_err(|source| kilter_package::PackageError::Document { what: "provenance", source })?;
    Ok(Some(statement.predicate))
}

fn test_result(judgement: &Judgement) -> Value {
    let verdict = &judgement.verdict;
    let result = match verdict {
        Verdict::Passed { .. } => "PASSED",
        Verdict::Failed { .. } => "FAILED",
        Verdict::Undecided { .. } => "WARNED",
    };
    let rules = |is_one: &dyn Fn(&RuleOutcome) -> bool| -> Vec<String> {
        verdict.outcomes().filter(|outcome| is_one(outcome)).map(|outcome| outcome.rule.clone()).collect()
    };
    let is_failed = |outcome: &RuleOutcome| matches!(outcome.verdict, RuleVerdict::Failed);
    let is_passed = |outcome: &RuleOutcome| matches!(outcome.verdict, RuleVerdict::Passed);
    json!({
        "result": result,
        "configuration": [{
            "name": format!("gate.{}", judgement.gate),
            "digest": { "blake3": judgement.policy_digest.to_string() },
        }],
        "passedTests": rules(&is_passed),
        "failedTests": rules(&is_failed),
        "warnedTests": rules(&|outcome| !is_failed(outcome) && !is_passed(outcome)),
        "kilter": { "at": judgement.at.to_string(), "audit": judgement.audit_seq, "verdict": verdict },
    })
}

/// What a waiver lets pass, and whether it is in force now.
fn waived(waiver: &Waiver, now: Timestamp) -> Value {
    json!({
        "gate": waiver.term.gate.as_str(),
        "rule": waiver.term.rule,
        "of": waiver.number.map_or_else(|| "every version".to_owned(), |number| format!("version {number}")),
        "by": waiver.term.by.to_string(),
        "reason": waiver.reason,
        "since": waiver.since.to_string(),
        "until": waiver.term.until.to_string(),
        "state": waiver.state,
        "in_force": waiver.is_in_force(now),
        "audit": waiver.audit_seq,
    })
}

/// What someone measured again, and on which verdicts and policy.
fn reviewed(act: &Act) -> Value {
    json!({ "by": act.by.to_string(), "at": act.at.to_string(), "review": act.document, "audit": act.audit_seq })
}

/// What people wrote, and for which version.
fn written(card: &Card) -> Value {
    json!({
        "written_for": card.number,
        "by": card.by.to_string(),
        "at": card.at.to_string(),
        "parts": card.parts,
        "audit": card.audit_seq,
    })
}

fn decision(approval: &Approval) -> Value {
    json!({
        "by": approval.by.to_string(),
        "role": approval.role.as_str(),
        "decision": approval.decision,
        "conditions": approval.conditions,
        "at": approval.at.to_string(),
        "expires": approval.expires.map(|expires| expires.to_string()),
        "audit": approval.audit_seq,
    })
}
