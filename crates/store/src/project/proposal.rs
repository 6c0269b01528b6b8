//! Contracts that would loosen what versions are judged by, until a validator decides.
//!
//! Invariants: a proposal is never edited and decided once; of one contract at most one is open.

use kilter_domain::{actor::Actor, digest::Digest, ids::ProjectName, time::Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    Page, PageRequest, Reader, StoreError,
    audit::{AuditedTx, Change, table},
    database::{self, Row, named_params},
    row,
    statement::statements,
};

const LIST: &str = "policy_proposal";

statements! {
    INSERT = "propose the contract": "
        INSERT INTO policy_proposal (id, project, base, digest, text, changes, state, by, created, audit_seq)
        VALUES (:id, :project, :base, :digest, :text, :changes, :state, :by, :created, :audit_seq)";
    DECIDE = "decide about the proposal": "
        UPDATE policy_proposal
        SET state = :state, decided_by = :decided_by, decided = :decided, audit_seq = :audit_seq
        WHERE id = :id AND state = :expected";
    FIND = "read the proposal": "
        SELECT * FROM policy_proposal WHERE id = :id";
    OPEN = "find the open proposal of a contract": "
        SELECT * FROM policy_proposal WHERE project = :project AND digest = :digest AND state = 'open'";
    NEWEST = "list proposals": "
        SELECT * FROM policy_proposal WHERE project = :project AND key < :below ORDER BY key DESC LIMIT :limit";
}

/// Where a proposal is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProposalState {
    /// A validator must decide.
    Open,
    /// The contract is in force since.
    Accepted,
    /// A validator said no.
    Rejected,
    /// Another contract came into force meanwhile.
    Superseded,
}

/// A proposal that is about to be made. The actor is the one who is audited.
#[derive(Clone, Debug, PartialEq)]
pub struct NewProposal {
    /// A uuid v7; handed in.
    pub id: String,
    /// The project.
    pub project: ProjectName,
    /// The contract in force.
    pub base: Digest,
    /// The contract that is proposed.
    pub text: String,
    /// What it asks for less, as sentences.
    pub changes: Vec<String>,
}

/// A proposal.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// Its id.
    pub id: String,
    /// The project.
    pub project: ProjectName,
    /// The contract that was in force.
    pub base: Digest,
    /// The digest of the contract that is proposed.
    pub digest: Digest,
    /// The contract that is proposed.
    pub text: String,
    /// What it asks for less, as sentences.
    pub changes: Vec<String>,
    /// Where it is in its life.
    pub state: ProposalState,
    /// Who proposed it.
    pub by: Actor,
    /// When.
    pub created: Timestamp,
    /// Who decided.
    pub decided_by: Option<Actor>,
    /// When.
    pub decided: Option<Timestamp>,
    /// The number of its entry in the audit log.
    pub audit_seq: u64,
}

fn object(id: &str) -> String {
    format!("policy_proposal:{id}")
}

/// Proposes a contract; one that is open already stays as it is.
///
/// # Errors
/// When there is no such project.
pub fn propose(audited: &AuditedTx, new: &NewProposal) -> Result<Proposal, StoreError> {
    let digest = Digest::of(new.text.as_bytes()).to_string();
    let nothing = None::<i64>;
    let known = named_params! { ":project": new.project.as_str(), ":digest": digest };
    if let Some(open) = audited.tx().one(&OPEN, known, proposal)? {
        return Ok(open);
    }
    let state = row::name_of(&ProposalState::Open)?;
    let object = object(&new.id);
    let change = Change { object_digest: Some(&digest), after: Some(&state), ..Change::of(&object) };
    let params = named_params! {
        ":id": new.id, ":project": new.project.as_str(), ":base": new.base.to_string(), ":digest": digest,
        ":text": new.text, ":changes": row::text_of(INSERT.attempt, &new.changes)?, ":state": state,
        ":by": audited.actor().to_string(), ":created": audited.at().millis(), ":decided_by": nothing, ":decided": nothing,
    };
    audited.write_row(&table::POLICY_PROPOSAL, &change, &INSERT, params)?;
    get(audited.tx(), &new.id)
}

/// Decides about an open proposal.
///
/// # Errors
/// When there is none of that id, or it was decided already.
pub fn decide(audited: &AuditedTx, id: &str, next: ProposalState) -> Result<Proposal, StoreError> {
    let found = get(audited.tx(), id)?;
    let object = object(id);
    let (before, after) = (row::name_of(&ProposalState::Open)?, row::name_of(&next)?);
    audited.check_unmoved(&object, &before, &row::name_of(&found.state)?)?;
    let change = Change { before: Some(&before), after: Some(&after), ..Change::of(&object) };
    let params = named_params! {
        ":id": id, ":expected": before, ":state": after, ":decided_by": audited.actor().to_string(),
        ":decided": audited.at().millis(),
    };
    audited.write_row(&table::POLICY_PROPOSAL, &change, &DECIDE, params)?;
    get(audited.tx(), id)
}

/// The proposal, or an error that names it.
pub fn get(reader: &Reader, id: &str) -> Result<Proposal, StoreError> {
    let found = reader.one(&FIND, named_params! { ":id": id }, proposal)?;
    found.ok_or_else(|| StoreError::NotFound { what: "proposal", id: id.to_owned() })
}

/// Proposals of a project, newest first.
pub fn list(reader: &Reader, project: &ProjectName, page: &PageRequest) -> Result<Page<Proposal>, StoreError> {
    let params = named_params! { ":project": project.as_str(), ":below": page.below(LIST)?, ":limit": page.probe() };
    Ok(page.page(LIST, reader.all(&NEWEST, params, |row| Ok((row.get("key")?, proposal(row)?)))?))
}

fn proposal(row: &Row) -> database::Result<Proposal> {
    Ok(Proposal {
        id: row.get("id")?,
        project: row::parsed(row, "project")?,
        base: row::parsed(row, "base")?,
        digest: row::parsed(row, "digest")?,
        text: row.get("text")?,
        changes: row::document(row, "changes")?,
        state: row::word(row, "state")?,
        by: row::parsed(row, "by")?,
        created: row::time(row, "created")?,
        decided_by: row::maybe_parsed(row, "decided_by")?,
        decided: row::maybe_time(row, "decided")?,
        audit_seq: row.get("audit_seq")?,
    })
}
