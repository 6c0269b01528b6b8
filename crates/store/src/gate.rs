//! Verdicts of gates over versions, and who accepted a version. Facts: recorded, never changed.

pub mod waiver;

use kilter_domain::{
    actor::{Actor, Role},
    digest::Digest,
    gate::{ApprovalConditions, Verdict},
    ids::{GateName, ModelName},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::{
    Page, PageRequest, Reader, StoreError,
    audit::{AuditedTx, Change, table},
    database::{self, Row, named_params},
    row,
    statement::statements,
};

const VERDICTS: &str = "verdict";
const APPROVALS: &str = "approval";

statements! {
    INSERT_VERDICT = "record the verdict": "
        INSERT INTO verdict (model, number, gate, outcome, evidence, policy_digest, at, audit_seq)
        VALUES (:model, :number, :gate, :outcome, :evidence, :policy_digest, :at, :audit_seq)";
    NEWEST_VERDICTS = "list verdicts": "
        SELECT * FROM verdict WHERE model = :model AND number = :number AND key < :below
        ORDER BY key DESC LIMIT :limit";
    // The last word of each gate: a gate may judge again, under another policy or with more rows.
    STANDING_VERDICTS = "read the verdicts that stand": "
        SELECT * FROM verdict
        WHERE key IN (SELECT max(key) FROM verdict WHERE model = :model AND number = :number GROUP BY gate)
        ORDER BY gate";
    INSERT_APPROVAL = "record the approval": "
        INSERT INTO approval (model, number, by, role, decision, conditions, at, expires, audit_seq)
        VALUES (:model, :number, :by, :role, :decision, :conditions, :at, :expires, :audit_seq)";
    EXPIRED = "find approvals that expired": "
        SELECT number, audit_seq AS moved,
               (SELECT max(expires) FROM approval
                WHERE approval.model = model_version.model AND approval.number = model_version.number
                  AND expires <= :at AND decision = 'approved') AS ended
        FROM model_version
        WHERE model = :model AND state = 'approved' AND number < :below AND EXISTS (
            SELECT 1 FROM approval
            WHERE approval.model = model_version.model AND approval.number = model_version.number
              AND expires <= :at AND decision = 'approved')
        ORDER BY number DESC LIMIT :limit";
    // The last word of each gate counts.
    APPROVED_OPEN = "find approved versions that failed a gate": "
        SELECT number, audit_seq AS moved,
               (SELECT max(verdict.audit_seq) FROM verdict
                WHERE verdict.model = model_version.model AND verdict.number = model_version.number) AS judged
        FROM model_version
        WHERE model = :model AND state = 'approved' AND number < :below AND EXISTS (
            SELECT 1 FROM verdict
            WHERE verdict.model = model_version.model AND verdict.number = model_version.number
              AND verdict.outcome <> 'passed' AND NOT EXISTS (
                SELECT 1 FROM verdict AS later
                WHERE later.model = verdict.model AND later.number = verdict.number AND later.gate = verdict.gate
                  AND later.key > verdict.key))
        ORDER BY number DESC LIMIT :limit";
    NEXT_EXPIRY = "find the next approval that expires": "
        SELECT min(approval.expires) FROM approval JOIN model_version USING (model, number)
        WHERE approval.model = :model AND approval.expires > :at AND model_version.state = 'approved'";
    NEWEST_APPROVALS = "list approvals": "
        SELECT * FROM approval WHERE model = :model AND number = :number AND key < :below
        ORDER BY key DESC LIMIT :limit";
}

/// A verdict that is about to be recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct NewVerdict {
    /// The model that it belongs to.
    pub model: ModelName,
    /// The number of the version.
    pub number: u32,
    /// Which gate.
    pub gate: GateName,
    /// With its evidence: rules, values, bounds.
    pub verdict: Verdict,
    /// The policy that judged.
    pub policy_digest: Digest,
}

/// A recorded verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// The model that it belongs to.
    pub model: ModelName,
    /// The number of the version.
    pub number: u32,
    /// Which gate.
    pub gate: GateName,
    /// What the gate decided.
    pub verdict: Verdict,
    /// Of the policy that it was judged by.
    pub policy_digest: Digest,
    /// When.
    pub at: Timestamp,
    /// The number of its entry in the audit log.
    pub audit_seq: u64,
}

/// What someone with a say decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Yes.
    Approved,
    /// No.
    Rejected,
}

/// A decision that is about to be recorded. The actor is the one who is audited.
#[derive(Clone, Debug, PartialEq)]
pub struct NewApproval {
    /// The model that it belongs to.
    pub model: ModelName,
    /// The number of the version.
    pub number: u32,
    /// In which role it was decided.
    pub role: Role,
    /// Yes or no.
    pub decision: Decision,
    /// On which conditions.
    pub conditions: ApprovalConditions,
    /// When it ends by itself.
    pub expires: Option<Timestamp>,
}

/// A recorded decision.
#[derive(Clone, Debug, PartialEq)]
pub struct Approval {
    /// The model that it belongs to.
    pub model: ModelName,
    /// The number of the version.
    pub number: u32,
    /// Who decided.
    pub by: Actor,
    /// As what.
    pub role: Role,
    /// Yes or no.
    pub decision: Decision,
    /// On which conditions.
    pub conditions: ApprovalConditions,
    /// When.
    pub at: Timestamp,
    /// When it ends by itself.
    pub expires: Option<Timestamp>,
    /// The number of its entry in the audit log.
    pub audit_seq: u64,
}

/// An approved version of which at least one approval expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpiredApproval {
    /// The number of the version.
    pub number: u32,
    /// The entry of its last move.
    pub moved: u64,
    /// When the last of those that expired did.
    pub ended: Timestamp,
}

/// An approved version with a verdict that stands and is no pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenApproval {
    /// The number of the version.
    pub number: u32,
    /// The entry of its last move.
    pub moved: u64,
    /// The entry of its newest verdict.
    pub judged: u64,
}

/// Records a verdict.
///
/// # Errors
/// When there is no such version.
pub fn record_verdict(audited: &AuditedTx, new: &NewVerdict) -> Result<u64, StoreError> {
    let object = format!("verdict:{}/{}/{}", new.model, new.number, new.gate);
    let outcome = new.verdict.as_str();
    let evidence = row::readable_text_of(INSERT_VERDICT.attempt, &new.verdict)?;
    let digest = Digest::of(evidence.as_bytes()).to_string();
    let change = Change { object_digest: Some(&digest), after: Some(outcome), ..Change::of(&object) };
    let params = named_params! {
        ":model": new.model.as_str(), ":number": new.number, ":gate": new.gate.as_str(), ":outcome": outcome,
        ":evidence": evidence, ":policy_digest": new.policy_digest.to_string(), ":at": audited.at().millis(),
    };
    audited.write_row(&table::VERDICT, &change, &INSERT_VERDICT, params)
}

/// The last verdict of each gate that judged the version, by gate.
pub fn standing_verdicts(reader: &Reader, model: &ModelName, number: u32) -> Result<Vec<Judgement>, StoreError> {
    reader.all(&STANDING_VERDICTS, named_params! { ":model": model.as_str(), ":number": number }, judgement)
}

/// Every verdict over the version, newest first.
pub fn list_verdicts(
    reader: &Reader,
    model: &ModelName,
    number: u32,
    page: &PageRequest,
) -> Result<Page<Judgement>, StoreError> {
    let params = named_params! {
        ":model": model.as_str(), ":number": number, ":below": page.below(VERDICTS)?, ":limit": page.probe()
    };
    let rows = reader.all(&NEWEST_VERDICTS, params, |row| Ok((row.get("key")?, judgement(row)?)))?;
    Ok(page.page(VERDICTS, rows))
}

/// Records who decided what about a version.
///
/// # Errors
/// When there is no such version.
pub fn record_approval(audited: &AuditedTx, new: &NewApproval) -> Result<u64, StoreError> {
    let object = format!("approval:{}/{}", new.model, new.number);
    let decision = row::name_of(&new.decision)?;
    let change = Change { after: Some(&decision), ..Change::of(&object) };
    let params = named_params! {
        ":model": new.model.as_str(), ":number": new.number, ":by": audited.actor().to_string(), ":role": new.role.as_str(),
        ":decision": decision, ":conditions": row::text_of(INSERT_APPROVAL.attempt, &new.conditions)?,
        ":at": audited.at().millis(), ":expires": new.expires.map(Timestamp::millis),
    };
    audited.write_row(&table::APPROVAL, &change, &INSERT_APPROVAL, params)
}

/// Decisions about the version, newest first.
pub fn list_approvals(
    reader: &Reader,
    model: &ModelName,
    number: u32,
    page: &PageRequest,
) -> Result<Page<Approval>, StoreError> {
    let params = named_params! {
        ":model": model.as_str(), ":number": number, ":below": page.below(APPROVALS)?, ":limit": page.probe()
    };
    let rows = reader.all(&NEWEST_APPROVALS, params, |row| Ok((row.get("key")?, approval(row)?)))?;
    Ok(page.page(APPROVALS, rows))
}

/// Approved versions of a model below a number with an approval that expired by `at`, the highest number first; at most a
/// thousand.
pub fn expired(
    reader: &Reader,
    model: &ModelName,
    at: Timestamp,
    below: u32,
) -> Result<Vec<ExpiredApproval>, StoreError> {
    let params = named_params! { ":model": model.as_str(), ":at": at.millis(), ":below": below, ":limit": 1000 };
    reader.all(&EXPIRED, params, |row| {
        Ok(ExpiredApproval { number: row.get("number")?, moved: row.get("moved")?, ended: row::time(row, "ended")? })
    })
}

/// Approved versions of a model below a number with a verdict that stands and is no pass, the highest number first: they rely on
/// a waiver. At most a thousand.
pub fn approved_with_open_rules(
    reader: &Reader,
    model: &ModelName,
    below: u32,
) -> Result<Vec<OpenApproval>, StoreError> {
    let params = named_params! { ":model": model.as_str(), ":below": below, ":limit": 1000 };
    reader.all(&APPROVED_OPEN, params, |row| {
        Ok(OpenApproval { number: row.get("number")?, moved: row.get("moved")?, judged: row.get("judged")? })
    })
}

/// When the next approval of an approved version expires after `at`.
pub fn next_expiry(reader: &Reader, model: &ModelName, at: Timestamp) -> Result<Option<Timestamp>, StoreError> {
    let params = named_params! { ":model": model.as_str(), ":at": at.millis() };
    Ok(reader.one(&NEXT_EXPIRY, params, |row| row.get::<_, Option<i64>>(0))?.flatten().map(Timestamp))
}

fn judgement(row: &Row) -> database::Result<Judgement> {
    Ok(Judgement {
        model: row::parsed(row, "model")?,
        number: row.get("number")?,
        gate: row::parsed(row, "gate")?,
        verdict: row::document(row, "evidence")?,
        policy_digest: row::parsed(row, "policy_digest")?,
        at: row::time(row, "at")?,
        audit_seq: row.get("audit_seq")?,
    })
}

fn approval(row: &Row) -> database::Result<Approval> {
    Ok(Approval {
        model: row::parsed(row, "model")?,
        number: row.get("number")?,
        by: row::parsed(row, "by")?,
        role: row::parsed(row, "role")?,
        decision: row::word(row, "decision")?,
        conditions: row::document(row, "conditions")?,
        at: row::time(row, "at")?,
        expires: row::maybe_time(row, "expires")?,
        audit_seq: row.get("audit_seq")?,
    })
}
