//! Endpoints and deployments: which version answers which share of which traffic, since when and why.
//!
//! Invariants: an endpoint has at most one live deployment and one candidate; what was live at T is one query;
//! a deployment keeps its endpoint, version and cause.

pub mod break_glass;

use kilter_domain::{
    deployment::DeploymentState,
    ids::{EndpointName, ModelName, ProjectName},
    replica::ReplicaId,
    time::Timestamp,
};
use serde_json::Value;

use crate::{
    Page, PageRequest, Reader, StoreError, Tx,
    audit::{AuditedTx, Change, table},
    database::{self, Row, named_params},
    project::refuse_alike,
    row,
    statement::statements,
};

const ENDPOINTS: &str = "endpoint";
const DEPLOYMENTS: &str = "deployment";

statements! {
    INSERT_ENDPOINT = "register the endpoint": "
        INSERT INTO endpoint (name, project, created, audit_seq) VALUES (:name, :project, :created, :audit_seq)";
    ALIKE_ENDPOINT = "find an endpoint that is called alike": "
        SELECT name FROM endpoint WHERE lower(name) = lower(:name) LIMIT 1";
    FIND_ENDPOINT = "read the endpoint": "
        SELECT name, project, audit_seq, coalesce(
            (SELECT min(at) FROM audit WHERE object = 'clock' AND seq > endpoint.audit_seq AND at < created), created) AS created
        FROM endpoint WHERE name = :name";
    NEWEST_ENDPOINTS = "list endpoints": "
        SELECT * FROM endpoint WHERE (project = :project OR :project IS NULL) AND key < :below
        ORDER BY key DESC LIMIT :limit";
    INSERT = "record the deployment": "
        INSERT INTO deployment (id, endpoint, model, number, state, created, reason, replica, audit_seq)
        VALUES (:id, :endpoint, :model, :number, :state, :created, :reason, :replica, :audit_seq)";
    MOVE = "move the deployment": "
        UPDATE deployment
        SET state = :state, canary_percent = :canary_percent, started = :started, ended = :ended,
            live_since = :live_since, live_until = :live_until, audit_seq = :audit_seq
        WHERE id = :id AND state = :expected AND canary_percent IS NOT DISTINCT FROM :expected_percent";
    LAST_REIGN = "read who was live last": "
        SELECT max(coalesce(live_until, live_since)) FROM deployment
        WHERE endpoint = :endpoint AND live_since IS NOT NULL";
    FIND = "read the deployment": "
        SELECT * FROM deployment WHERE id = :id";
    LIVE = "read what is live": "
        SELECT * FROM deployment WHERE endpoint = :endpoint AND state = 'live'";
    CANDIDATE = "read the candidate": "
        SELECT * FROM deployment WHERE endpoint = :endpoint AND state IN ('shadow', 'canary')";
    LIVE_AT = "read what was live at a time": "
        SELECT * FROM deployment
        WHERE endpoint = :endpoint AND live_since <= :at AND (live_until IS NULL OR :at < live_until)
        ORDER BY live_since DESC, key DESC LIMIT 1";
    SERVING = "list what serves": "
        SELECT * FROM deployment WHERE state IN ('shadow', 'canary', 'live') AND key > :above
        ORDER BY key LIMIT :limit";
    REQUESTED = "list what waits to be served": "
        SELECT * FROM deployment WHERE state = 'requested' AND endpoint = :endpoint ORDER BY key LIMIT :limit";
    WAS_REQUESTED = "look for the deployment of a version": "
        SELECT 1 FROM deployment WHERE model = :model AND number = :number AND endpoint = :endpoint LIMIT 1";
    HAS_ANY = "look for a deployment of a version": "
        SELECT 1 FROM deployment WHERE model = :model AND number = :number LIMIT 1";
    NOTE_REQUESTS = "note the requests of a candidate": "
        INSERT INTO candidate_requests (deployment, replica, requests, errors)
        VALUES (:deployment, :replica, :requests, :errors)
        ON CONFLICT (deployment, replica) DO UPDATE SET requests = excluded.requests, errors = excluded.errors
        WHERE (candidate_requests.requests, candidate_requests.errors) <> (excluded.requests, excluded.errors)";
    REQUESTS = "read the requests of a candidate": "
        SELECT requests, errors FROM candidate_requests WHERE deployment = :deployment AND replica <> :replica
        LIMIT 100000";
    NEWEST = "list deployments": "
        SELECT * FROM deployment WHERE key < :below ORDER BY key DESC LIMIT :limit";
    NEWEST_OF_VERSION = "list the deployments of a version": "
        SELECT * FROM deployment WHERE model = :model AND number = :number AND key < :below
        ORDER BY key DESC LIMIT :limit";
    NEWEST_OF_ENDPOINT = "list deployments": "
        SELECT * FROM deployment WHERE endpoint = :endpoint AND key < :below ORDER BY key DESC LIMIT :limit";
}

/// What clients call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Its name.
    pub name: EndpointName,
    /// The project that it belongs to.
    pub project: ProjectName,
    /// When it was recorded.
    pub created: Timestamp,
    /// The number of its entry in the audit log.
    pub audit_seq: u64,
}

/// A deployment that is about to be requested.
#[derive(Clone, Debug, PartialEq)]
pub struct NewDeployment {
    /// A uuid v7; handed in.
    pub id: String,
    /// The endpoint that it belongs to.
    pub endpoint: EndpointName,
    /// The model that it belongs to.
    pub model: ModelName,
    /// The number of the version in its model.
    pub number: u32,
    /// What asked for it, as a document.
    pub reason: Value,
}

/// A deployment.
#[derive(Clone, Debug, PartialEq)]
pub struct Deployment {
    /// Its id.
    pub id: String,
    /// The endpoint that it belongs to.
    pub endpoint: EndpointName,
    /// The model that it belongs to.
    pub model: ModelName,
    /// The number of the version in its model.
    pub number: u32,
    /// Where it is in its life.
    pub state: DeploymentState,
    /// When it was recorded.
    pub created: Timestamp,
    /// When it began.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// When it began to answer.
    pub live_since: Option<Timestamp>,
    /// When it ceased to answer.
    pub live_until: Option<Timestamp>,
    /// Why it was begun, as JSON.
    pub reason: Value,
    /// Whose process was asked for it.
    pub replica: ReplicaId,
    /// The number of its entry in the audit log.
    pub audit_seq: u64,
}

/// The name of a deployment in the audit log.
pub fn object(id: &str) -> String {
    format!("deployment:{id}")
}

/// The name of an endpoint in the audit log.
pub fn endpoint_object(name: &EndpointName) -> String {
    format!("endpoint:{name}")
}

/// Registers an endpoint; one that is registered for the same project already is left as it is.
///
/// # Errors
/// When the name belongs to another project, or there is no such project.
pub fn register_endpoint(
    audited: &AuditedTx,
    name: &EndpointName,
    project: &ProjectName,
) -> Result<Endpoint, StoreError> {
    match find_endpoint(audited.tx(), name)? {
        Some(endpoint) if endpoint.project == *project => return Ok(endpoint),
        Some(endpoint) => {
            let reason = format!("the name `{name}` belongs to project `{}`", endpoint.project);
            return Err(StoreError::Conflict { attempted: INSERT_ENDPOINT.attempt, reason });
        }
        None => {}
    }
    refuse_alike(audited, (&ALIKE_ENDPOINT, INSERT_ENDPOINT.attempt), "an endpoint", name.as_str())?;
    let object = endpoint_object(name);
    let change = Change { after: Some("registered"), ..Change::of(&object) };
    let params =
        named_params! { ":name": name.as_str(), ":project": project.as_str(), ":created": audited.at().millis() };
    let audit_seq = audited.write_row(&table::ENDPOINT, &change, &INSERT_ENDPOINT, params)?;
    Ok(Endpoint { name: name.clone(), project: project.clone(), created: audited.at(), audit_seq })
}

/// The endpoint, if it is registered. One that was registered while the clock was ahead was so at the latest when the clock
/// was found set back.
pub fn find_endpoint(reader: &Reader, name: &EndpointName) -> Result<Option<Endpoint>, StoreError> {
    reader.one(&FIND_ENDPOINT, named_params! { ":name": name.as_str() }, endpoint)
}

/// Endpoints of a project, or all, newest first.
pub fn list_endpoints(
    reader: &Reader,
    project: Option<&ProjectName>,
    page: &PageRequest,
) -> Result<Page<Endpoint>, StoreError> {
    let params = named_params! {
        ":project": project.map(ProjectName::as_str), ":below": page.below(ENDPOINTS)?, ":limit": page.probe()
    };
    let rows = reader.all(&NEWEST_ENDPOINTS, params, |row| Ok((row.get("key")?, endpoint(row)?)))?;
    Ok(page.page(ENDPOINTS, rows))
}

/// Requests that a version be deployed.
///
/// # Errors
/// When there is a deployment with this id, or no such endpoint or version.
pub fn request(audited: &AuditedTx, new: &NewDeployment) -> Result<Deployment, StoreError> {
    if find(audited.tx(), &new.id)?.is_some() {
        let reason = format!("there is a deployment `{}` already", new.id);
        return Err(StoreError::Conflict { attempted: INSERT.attempt, reason });
    }
    let state = DeploymentState::Requested.as_str();
    let object = object(&new.id);
    let change = Change { after: Some(state), ..Change::of(&object) };
    let nothing = None::<i64>;
    let params = named_params! {
        ":id": new.id, ":endpoint": new.endpoint.as_str(), ":model": new.model.as_str(), ":number": new.number,
        ":state": state, ":created": audited.at().millis(),
        ":reason": row::text_of(INSERT.attempt, &new.reason)?, ":replica": audited.tx().replica(),
        ":canary_percent": nothing, ":started": nothing, ":ended": nothing, ":live_since": nothing, ":live_until": nothing,
    };
    audited.write_row(&table::DEPLOYMENT, &change, &INSERT, params)?;
    get(audited.tx(), &new.id)
}

/// Requests of a candidate that were not the caller's fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CandidateRequests {
    /// How many there were.
    pub requests: u64,
    /// How many of them failed.
    pub errors: u64,
}

/// Notes what this replica saw of a candidate since it loaded it.
pub fn note_requests(tx: &Tx, id: &str, seen: CandidateRequests) -> Result<(), StoreError> {
    let params = named_params! {
        ":deployment": id, ":replica": tx.replica(), ":requests": seen.requests, ":errors": seen.errors,
    };
    tx.execute(&NOTE_REQUESTS, params).map(drop)
}

/// What the replicas besides this one saw of a candidate, added up.
pub fn requests_elsewhere(reader: &Reader, id: &str, replica: ReplicaId) -> Result<CandidateRequests, StoreError> {
    let params = named_params! { ":deployment": id, ":replica": replica.number() };
    let seen = reader.all(&REQUESTS, params, |row| {
        Ok(CandidateRequests { requests: row.get("requests")?, errors: row.get("errors")? })
    })?;
    let add = |sum: CandidateRequests, one: CandidateRequests| CandidateRequests {
        requests: sum.requests + one.requests,
        errors: sum.errors + one.errors,
    };
    Ok(seen.into_iter().fold(CandidateRequests::default(), add))
}

/// Moves a deployment from the state that the caller judged to the next one.
///
/// To replace what is live, move that one first: an endpoint has one live deployment at every moment.
///
/// # Errors
/// When there is no such deployment, when it has moved meanwhile, and when the endpoint has a live one (or a
/// candidate) already.
pub fn advance(
    audited: &AuditedTx,
    id: &str,
    expected: DeploymentState,
    next: DeploymentState,
) -> Result<Deployment, StoreError> {
    let tx = audited.tx();
    let deployment = get(tx, id)?;
    let (object, before, after) = (object(id), expected.to_string(), next.to_string());
    audited.check_unmoved(&object, &before, &deployment.state.to_string())?;
    let change = Change { before: Some(&before), after: Some(&after), ..Change::of(&object) };
    let last: Option<i64> =
        tx.one(&LAST_REIGN, named_params! { ":endpoint": deployment.endpoint.as_str() }, |row| row.get(0))?.flatten();
    let endpoint = deployment.endpoint.clone();
    let moved = deployment.moved(next, audited.at(), last.map(Timestamp));
    let millis = |time: Option<Timestamp>| time.map(Timestamp::millis);
    let params = named_params! {
        ":id": id, ":expected": expected.as_str(), ":expected_percent": percent(expected), ":state": next.as_str(),
        ":canary_percent": percent(next), ":started": millis(moved.started), ":ended": millis(moved.ended),
        ":live_since": millis(moved.live_since), ":live_until": millis(moved.live_until),
    };
    audited.write_row(&table::DEPLOYMENT, &change, &MOVE, params).map_err(|error| in_words(error, &endpoint))?;
    get(tx, id)
}

impl Deployment {
    /// The deployment as a move at `at` leaves it, where the last reign at its endpoint ended (or began) at `last`. A clock
    /// that jumped back makes an empty reign, never two that overlap.
    fn moved(self, next: DeploymentState, at: Timestamp, last: Option<Timestamp>) -> Self {
        use DeploymentState::{Canary, Live, Shadow};
        let serves = matches!(next, Shadow | Canary { .. } | Live);
        let ends_reign = self.state == Live && next != Live;
        Self {
            started: self.started.or(serves.then_some(at)),
            ended: next.is_ended().then_some(at),
            live_since: self.live_since.or((next == Live).then(|| last.map_or(at, |last| last.max(at)))),
            live_until: if ends_reign { self.live_since.map(|since| since.max(at)) } else { self.live_until },
            state: next,
            ..self
        }
    }
}

const fn percent(state: DeploymentState) -> Option<u8> {
    match state {
        DeploymentState::Canary { percent } => Some(percent),
        _ => None,
    }
}

/// SQLite names the column of the index that was broken, PostgreSQL the index.
fn is_second_of_endpoint(reason: &str) -> bool {
    reason.contains("deployment.endpoint") || reason.contains("_per_endpoint")
}

/// What a broken index means.
fn in_words(error: StoreError, endpoint: &EndpointName) -> StoreError {
    match error {
        StoreError::Conflict { attempted, reason } if is_second_of_endpoint(&reason) => {
            let reason = format!("endpoint `{endpoint}` has one in that place already; move that one first");
            StoreError::Conflict { attempted, reason }
        }
        other => other,
    }
}

/// The deployment, if there is one.
pub fn find(reader: &Reader, id: &str) -> Result<Option<Deployment>, StoreError> {
    reader.one(&FIND, named_params! { ":id": id }, deployment)
}

/// The deployment, or an error that names it.
pub fn get(reader: &Reader, id: &str) -> Result<Deployment, StoreError> {
    find(reader, id)?.ok_or_else(|| StoreError::NotFound { what: "deployment", id: id.to_owned() })
}

/// What answers at the endpoint now.
pub fn live(reader: &Reader, endpoint: &EndpointName) -> Result<Option<Deployment>, StoreError> {
    reader.one(&LIVE, named_params! { ":endpoint": endpoint.as_str() }, deployment)
}

/// What is being tried at the endpoint now, as shadow or canary.
pub fn candidate(reader: &Reader, endpoint: &EndpointName) -> Result<Option<Deployment>, StoreError> {
    reader.one(&CANDIDATE, named_params! { ":endpoint": endpoint.as_str() }, deployment)
}

/// What was live at the endpoint at `at`.
pub fn live_at(reader: &Reader, endpoint: &EndpointName, at: Timestamp) -> Result<Option<Deployment>, StoreError> {
    let params = named_params! { ":endpoint": endpoint.as_str(), ":at": at.millis() };
    reader.one(&LIVE_AT, params, deployment)
}

/// Everything that serves now, of all endpoints, oldest first: what a starting server loads.
pub fn list_serving(reader: &Reader, page: &PageRequest) -> Result<Page<Deployment>, StoreError> {
    let params = named_params! { ":above": page.above("serving")?, ":limit": page.probe() };
    Ok(page.page("serving", reader.all(&SERVING, params, keyed)?))
}

/// What waits to be served at the endpoint, oldest first; at most a hundred.
pub fn list_requested(reader: &Reader, endpoint: &EndpointName) -> Result<Vec<Deployment>, StoreError> {
    reader.all(&REQUESTED, named_params! { ":endpoint": endpoint.as_str(), ":limit": 100 }, deployment)
}

/// Whether the version was ever asked for at the endpoint, whatever became of it.
pub fn was_requested(
    reader: &Reader,
    endpoint: &EndpointName,
    model: &ModelName,
    number: u32,
) -> Result<bool, StoreError> {
    let params = named_params! { ":model": model.as_str(), ":number": number, ":endpoint": endpoint.as_str() };
    Ok(reader.one(&WAS_REQUESTED, params, |_| Ok(()))?.is_some())
}

/// Whether the version was ever asked for anywhere, whatever became of it.
pub fn was_deployed(reader: &Reader, model: &ModelName, number: u32) -> Result<bool, StoreError> {
    let params = named_params! { ":model": model.as_str(), ":number": number };
    Ok(reader.one(&HAS_ANY, params, |_| Ok(()))?.is_some())
}

/// Deployments of an endpoint, or all, newest first.
pub fn list(
    reader: &Reader,
    endpoint: Option<&EndpointName>,
    page: &PageRequest,
) -> Result<Page<Deployment>, StoreError> {
    let (below, limit) = (page.below(DEPLOYMENTS)?, page.probe());
    let rows = match endpoint {
        None => reader.all(&NEWEST, named_params! { ":below": below, ":limit": limit }, keyed),
        Some(endpoint) => {
            let params = named_params! { ":endpoint": endpoint.as_str(), ":below": below, ":limit": limit };
            reader.all(&NEWEST_OF_ENDPOINT, params, keyed)
        }
    };
    Ok(page.page(DEPLOYMENTS, rows?))
}

/// Deployments of a version at every endpoint, newest first.
pub fn list_of_version(
    reader: &Reader,
    model: &ModelName,
    number: u32,
    page: &PageRequest,
) -> Result<Page<Deployment>, StoreError> {
    let params = named_params! {
        ":model": model.as_str(), ":number": number, ":below": page.below(DEPLOYMENTS)?, ":limit": page.probe()
    };
    Ok(page.page(DEPLOYMENTS, reader.all(&NEWEST_OF_VERSION, params, keyed)?))
}

fn endpoint(row: &Row) -> database::Result<Endpoint> {
    Ok(Endpoint {
        name: row::parsed(row, "name")?,
        project: row::parsed(row, "project")?,
        created: row::time(row, "created")?,
        audit_seq: row.get("audit_seq")?,
    })
}

fn keyed(row: &Row) -> database::Result<(i64, Deployment)> {
    Ok((row.get("key")?, deployment(row)?))
}

fn deployment(row: &Row) -> database::Result<Deployment> {
    Ok(Deployment {
        id: row.get("id")?,
        endpoint: row::parsed(row, "endpoint")?,
        model: row::parsed(row, "model")?,
        number: row.get("number")?,
        state: state(row)?,
        created: row::time(row, "created")?,
        started: row::maybe_time(row, "started")?,
        ended: row::maybe_time(row, "ended")?,
        live_since: row::maybe_time(row, "live_since")?,
        live_until: row::maybe_time(row, "live_until")?,
        reason: row::document(row, "reason")?,
        replica: row::replica(row, "replica")?,
        audit_seq: row.get("audit_seq")?,
    })
}

/// The name of the state, with the share that only a canary has.
fn state(row: &Row) -> database::Result<DeploymentState> {
    match row.get("canary_percent")? {
        Some(percent) => Ok(DeploymentState::Canary { percent }),
        None => row::tagged(row, "state"),
    }
}
