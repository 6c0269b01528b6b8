//! Projects and the contracts they were under: the text of `kilter.toml`, each since when.

pub mod objective;
pub mod proposal;

use kilter_domain::{digest::Digest, ids::ProjectName, time::Timestamp};

use crate::{
    Page, PageRequest, Reader, StoreError,
    audit::{AuditedTx, Change, table},
    database::{self, Row, named_params},
    row,
    statement::{Statement, statements},
    tracking::experiment,
};

const LIST: &str = "project";
const CONTRACTS: &str = "contract";

statements! {
    INSERT = "register the project": "
        INSERT INTO project (name, created, audit_seq) VALUES (:name, :created, :audit_seq)";
    ALIKE_PROJECT = "find a project that is called alike": "
        SELECT name FROM project WHERE lower(name) = lower(:name) LIMIT 1";
    FIND = "read the project": "
        SELECT * FROM project WHERE name = :name";
    NEWEST = "list projects": "
        SELECT * FROM project WHERE key < :below ORDER BY key DESC LIMIT :limit";
    INSERT_CONTRACT = "record the contract": "
        INSERT INTO contract (project, number, digest, text, since, audit_seq)
        VALUES (:project, :number, :digest, :text, :since, :audit_seq)";
    CURRENT_CONTRACT = "read the contract": "
        SELECT * FROM contract WHERE project = :project ORDER BY number DESC LIMIT 1";
    CONTRACT_AT = "read the contract that held at a time": "
        SELECT * FROM contract WHERE project = :project AND since <= :at ORDER BY number DESC LIMIT 1";
    NEWEST_CONTRACTS = "list contracts": "
        SELECT * FROM contract WHERE project = :project AND number < :below ORDER BY number DESC LIMIT :limit";
}

/// A registered project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// Its name.
    pub name: ProjectName,
    /// When it was recorded.
    pub created: Timestamp,
    /// The number of its entry in the audit log.
    pub audit_seq: u64,
}

/// A contract that a project is or was under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contract {
    /// The project that it belongs to.
    pub project: ProjectName,
    /// Counts from 1 without gaps; the highest holds now.
    pub number: i64,
    /// Of its bytes.
    pub digest: Digest,
    /// The text as it was recorded.
    pub text: String,
    /// From when on it holds.
    pub since: Timestamp,
    /// The number of its entry in the audit log.
    pub audit_seq: u64,
}

/// Registers a project.
///
/// # Errors
/// When it is registered already.
pub fn register(audited: &AuditedTx, name: &ProjectName) -> Result<Project, StoreError> {
    if find(audited.tx(), name)?.is_some() {
        let reason = format!("project `{name}` is registered already");
        return Err(StoreError::Conflict { attempted: INSERT.attempt, reason });
    }
    refuse_alike(audited, (&ALIKE_PROJECT, INSERT.attempt), "a project", name.as_str())?;
    let object = format!("project:{name}");
    let change = Change { after: Some("registered"), ..Change::of(&object) };
    let params = named_params! { ":name": name.as_str(), ":created": audited.at().millis() };
    let audit_seq = audited.write_row(&table::PROJECT, &change, &INSERT, params)?;
    experiment::ensure_of_project(audited.tx(), name, audited.at())?;
    Ok(Project { name: name.clone(), created: audited.at(), audit_seq })
}

/// Refuses a name that differs from one that is taken in its case alone: file systems, hosts and people take them for one.
pub(crate) fn refuse_alike(
    audited: &AuditedTx,
    (find, attempted): (&Statement, &'static str),
    what: &str,
    name: &str,
) -> Result<(), StoreError> {
    let taken: Option<String> = audited.tx().one(find, named_params! { ":name": name }, |row| row.get(0))?;
    match taken {
        None => Ok(()),
        Some(taken) => {
            let reason = format!("there is {what} `{taken}`, and `{name}` differs in its case alone; use another name");
            Err(StoreError::Conflict { attempted, reason })
        }
    }
}

/// Puts a project under a contract. The text that holds already is not recorded twice.
pub fn put_contract(audited: &AuditedTx, project: &ProjectName, text: &str) -> Result<Contract, StoreError> {
    let digest = Digest::of(text.as_bytes());
    let current = current_contract(audited.tx(), project)?;
    if let Some(contract) = current.as_ref().filter(|contract| contract.digest == digest) {
        return Ok(contract.clone());
    }
    let before = current.as_ref().map(|contract| contract.digest.to_string());
    let after = digest.to_string();
    let object = format!("contract:{project}");
    let change =
        Change { object_digest: Some(&after), before: before.as_deref(), after: Some(&after), ..Change::of(&object) };
    let contract = Contract {
        project: project.clone(),
        number: current.as_ref().map_or(1, |contract| contract.number + 1),
        digest,
        text: text.to_owned(),
        // A clock that jumped back must not make a later contract begin before an earlier one.
        since: current.map_or(audited.at(), |contract| contract.since.max(audited.at())),
        audit_seq: 0,
    };
    let params = named_params! {
        ":project": contract.project.as_str(), ":number": contract.number, ":digest": after,
        ":text": contract.text, ":since": contract.since.millis(),
    };
    let audit_seq = audited.write_row(&table::CONTRACT, &change, &INSERT_CONTRACT, params)?;
    Ok(Contract { audit_seq, ..contract })
}

/// The project, if it is registered.
pub fn find(reader: &Reader, name: &ProjectName) -> Result<Option<Project>, StoreError> {
    reader.one(&FIND, named_params! { ":name": name.as_str() }, project)
}

/// All projects, newest first.
pub fn list(reader: &Reader, page: &PageRequest) -> Result<Page<Project>, StoreError> {
    let params = named_params! { ":below": page.below(LIST)?, ":limit": page.probe() };
    Ok(page.page(LIST, reader.all(&NEWEST, params, |row| Ok((row.get("key")?, project(row)?)))?))
}

/// The contract that holds now.
pub fn current_contract(reader: &Reader, project: &ProjectName) -> Result<Option<Contract>, StoreError> {
    reader.one(&CURRENT_CONTRACT, named_params! { ":project": project.as_str() }, contract)
}

/// The contract that held at `at`.
pub fn contract_at(reader: &Reader, project: &ProjectName, at: Timestamp) -> Result<Option<Contract>, StoreError> {
    let params = named_params! { ":project": project.as_str(), ":at": at.millis() };
    reader.one(&CONTRACT_AT, params, contract)
}

/// Every contract of a project, newest first.
pub fn list_contracts(
    reader: &Reader,
    project: &ProjectName,
    page: &PageRequest,
) -> Result<Page<Contract>, StoreError> {
    let params = named_params! {
        ":project": project.as_str(), ":below": page.below(CONTRACTS)?, ":limit": page.probe()
    };
    let rows = reader.all(&NEWEST_CONTRACTS, params, |row| Ok((row.get("number")?, contract(row)?)))?;
    Ok(page.page(CONTRACTS, rows))
}

fn project(row: &Row) -> database::Result<Project> {
    Ok(Project {
        name: row::parsed(row, "name")?,
        created: row::time(row, "created")?,
        audit_seq: row.get("audit_seq")?,
    })
}

fn contract(row: &Row) -> database::Result<Contract> {
    Ok(Contract {
        project: row::parsed(row, "project")?,
        number: row.get("number")?,
        digest: row::parsed(row, "digest")?,
        text: row.get("text")?,
        since: row::time(row, "since")?,
        audit_seq: row.get("audit_seq")?,
    })
}
