//! What became of a package, as signed statements (in-toto) about it: where it comes from, what each gate said, who decided.
//!
//! A statement is signed when it is asked for, from what is recorded then: nothing of it is in the package.

use std::collections::BTreeMap;

use kilter_domain::{
    gate::Verdict,
    rule::{RuleOutcome, RuleVerdict},
    signing_key::KeyPurpose,
};
use kilter_package::{
    Bundle, Export, FileHashes, Statement, Subject, documents::PROVENANCE_TYPE, model_signature::root_of,
};
use kilter_store::{
    PageRequest, gate as decisions,
    gate::{Approval, Judgement},
    model::Version,
};
use serde_json::{Value, json};

use crate::{app::App, keys, package::error::PackageUseError};

/// The kind of a statement about a gate.
const TEST_RESULT: &str = "https://in-toto.io/attestation/test-result/v0.1";
/// The kind of a statement about a decision of a person.
const DECISION: &str = "urn:kilter:decision:v1";
const PROVENANCE_PATH: &str = "evidence/provenance.intoto.json";
/// Decisions that are stated at most.
const MAX_DECISIONS: u32 = 1000;
/// The largest provenance that is read.
const MAX_BYTES: u64 = 64 << 20;

/// The statements about a version, each with the name of its file.
pub(super) fn statements(
    app: &App,
    version: &Version,
    export: &Export<'_>,
) -> Result<Vec<(String, Bundle)>, PackageUseError> {
    let subject = subject(version, &export.hash()?);
    let (verdicts, approvals) = app.store().read(|reader| {
        let verdicts = decisions::standing_verdicts(reader, &version.model, version.number)?;
        let page = PageRequest::first(MAX_DECISIONS);
        Ok((verdicts, decisions::list_approvals(reader, &version.model, version.number, &page)?.items))
    })?;
    let mut all = Vec::new();
    if let Some(provenance) = provenance(app, export)? {
        all.push(("provenance.sigstore.json".to_owned(), Statement::new(subject.clone(), PROVENANCE_TYPE, provenance)));
    }
    for verdict in &verdicts {
        let name = format!("gate-{}.sigstore.json", verdict.gate);
        all.push((name, Statement::new(subject.clone(), TEST_RESULT, test_result(verdict))));
    }
    for approval in &approvals {
        let name = format!("decision-{}.sigstore.json", approval.audit_seq);
        all.push((name, Statement::new(subject.clone(), DECISION, decision(approval))));
    }
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
    let digest = BTreeMap::from([("sha256".to_owned(), root), ("blake3".to_owned(), version.digest.to_string())]);
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
