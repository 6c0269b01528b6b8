//! Requests and responses of `/api/v1` and of the health addresses beside it.

mod run;

pub use run::{
    NewRun, Run, RunEvent, RunEventKind, RunProgress, RunStarted, RunState, RunStep, RunSummary, StepLog, StepState,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The process answers (`GET /health`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// Always `alive`: a dead process does not answer.
    #[schema(example = "alive")]
    pub status: String,
    /// The version of the program.
    pub version: String,
    /// Milliseconds since the process began to listen.
    pub uptime_ms: u64,
}

/// Whether requests may be sent here (`GET /ready`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Readiness {
    /// True when requests may be sent here. What is wrong with one project or one endpoint alone is among the checks, and
    /// keeps the others ready.
    pub ready: bool,
    /// What was looked at.
    pub checks: Vec<Check>,
}

/// One thing that must hold, and whether it does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Check {
    /// What was looked at.
    #[schema(example = "data folder")]
    pub name: String,
    /// Whether it is as it should be.
    pub ok: bool,
    /// What was found, and what to do when it is not right.
    pub detail: String,
}

/// What there is and how it stands (`GET /api/v1/status`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// Endpoints, newest first.
    pub endpoints: Vec<EndpointStatus>,
    /// Alerts that are open, newest first.
    pub alerts: Vec<Alert>,
    /// Entries of the audit table.
    pub audit_entries: u64,
    /// What the server does beside requests: seals, monitors and trainings. Empty where no server runs.
    #[serde(default)]
    pub tasks: Vec<TaskStatus>,
    /// What of the data folder is damaged or missing, each with the file and what to do.
    #[serde(default)]
    pub damage: Vec<String>,
}

/// How a task stands that the server does beside requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskStatus {
    #[schema(example = "sealing")]
    pub name: String,
    /// False when it keeps failing, has panicked, or does not come back.
    pub ok: bool,
    /// What it does, or why it does not.
    pub detail: String,
    /// Failures in a row.
    pub failures: u32,
    /// Panics since the server began.
    pub panics: u64,
    /// How long the step takes that runs now.
    pub running_seconds: Option<u64>,
    /// When it last succeeded.
    pub succeeded_seconds_ago: Option<u64>,
}

/// How an endpoint stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EndpointStatus {
    pub name: String,
    pub project: String,
    /// What answers; absent while nothing does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<Deployment>,
    /// Why `live` answers nobody: it was refused when it was loaded; absent while it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// What is on its way: in shadow or canary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<Deployment>,
    /// Why `candidate` is not asked: it cannot be served beside what is live; absent while it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate_refused: Option<String>,
    /// Alerts of this endpoint that are open.
    pub open_alerts: u64,
    /// What is waited for before a version answers, or the next one does; absent while nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits: Option<Waits>,
}

/// The next step towards a version that answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Waits {
    /// The version that is waited with; absent while there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// Why it does not answer yet.
    pub reason: String,
    /// Who can take the step: roles, with the people who have them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub who: Vec<String>,
    /// The command that takes it.
    pub command: String,
}

/// A registered model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Model {
    pub name: String,
    pub project: String,
    pub created: String,
    /// Versions, newest first; at most a hundred.
    pub versions: Vec<Version>,
}

/// A version of a model. Nothing edits it; its digest is its identity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Version {
    pub model: String,
    pub number: u32,
    /// `draft`, `candidate`, `validated`, `approved`, `rejected`, `retired` or `revoked`.
    pub state: String,
    /// BLAKE3 of its package.
    pub digest: String,
    /// The run that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    pub created: String,
    /// What was measured on the rows that it was not trained on, by metric.
    #[schema(value_type = Object)]
    pub metrics: serde_json::Value,
    /// What each gate said last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<GateVerdict>,
}

/// What a gate said of a version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GateVerdict {
    pub gate: String,
    pub at: String,
    /// `passed`, `failed` or `undecided`.
    pub verdict: String,
    /// One sentence a rule.
    pub because: Vec<String>,
}

/// A version at an endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Deployment {
    pub id: String,
    pub endpoint: String,
    pub model: String,
    pub version: u32,
    /// `requested`, `shadow`, `canary(n %)`, `live`, `superseded`, `rolled_back` or `stopped`.
    pub state: String,
    pub created: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live_since: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live_until: Option<String>,
}

/// A reading that stayed out of bounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Alert {
    pub id: String,
    pub endpoint: String,
    /// Which kind of monitor: `data`, `accuracy`, `drift`, `bias`, `usage`.
    pub monitor: String,
    pub state: String,
    pub cause: String,
    pub opened: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fired: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<String>,
    #[schema(value_type = Object)]
    pub detail: serde_json::Value,
}

/// What an endpoint was asked and answered in a span of hours, beside the references of its versions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Profile {
    pub endpoint: String,
    pub since: String,
    pub until: String,
    /// Each version, its roles apart; empty when nothing was answered.
    pub versions: Vec<VersionProfile>,
    /// Files of the span that could not be read: their rows are not counted here.
    pub unreadable_files: u64,
    /// Rows that the process could not keep, because nothing could be written for days.
    pub lost_rows: u64,
}

/// What one version answered in one role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct VersionProfile {
    pub model: String,
    pub version: u64,
    /// `champion` (live), `candidate` (canary) or `shadow`.
    pub role: String,
    /// The first hour with a row, and the end of the last one.
    pub from: String,
    pub to: String,
    pub rows: u64,
    /// Features in the order of the signature, then score and prediction.
    pub columns: Vec<ProfileColumn>,
}

/// What one column held.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProfileColumn {
    pub column: String,
    /// `feature`, `score` or `prediction`.
    pub place: String,
    /// `numeric` or `categorical`.
    pub kind: String,
    pub rows: u64,
    /// Share of rows without a value, here and in the reference.
    pub missing_share: f64,
    pub reference_missing_share: f64,
    /// Share of rows with a value that the reference never had; of categories.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unseen_share: Option<f64>,
    /// The first of these values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unseen_values: Vec<String>,
    /// Share of rows with a value outside of the reference's range or infinite; of numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out_of_range_share: Option<f64>,
    /// Rows below and above the range, and infinite ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub infinite: Option<u64>,
    /// How far it is from its reference: `psi`, then `w1_over_sd` (numbers) or `tvd` (categories).
    pub distances: Vec<ProfileDistance>,
    /// What it was compared with: rows of which season, and what says how far windows are off by themselves.
    #[serde(default)]
    pub compared: String,
    /// `calm`, `note`, `warn`, `alert`, or `too few`, by the last distance: the words of `kilter drift`.
    #[serde(default)]
    pub level: String,
}

/// A distance from the reference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProfileDistance {
    pub measure: String,
    pub value: f64,
    /// What chance alone makes of it with so many rows.
    pub expected: f64,
    /// What is left of it beyond chance.
    pub effect: f64,
}

/// One measured value of an endpoint over one window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Reading {
    pub endpoint: String,
    /// Which kind of monitor: `data`, `accuracy`, `drift`, `bias`, `usage`.
    pub monitor: String,
    /// What was measured, as its rule writes it: `psi(income)`.
    pub metric: String,
    /// The column, group or slice that the numbers are of, where one part was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// The rule; absent where none is about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Nobody wrote the rule: it holds where the contract says nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub default_rule: bool,
    pub window_start: String,
    pub window_end: String,
    /// Absent: not measured, which is never zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// The interval of the value; an open end is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
    /// The bounds of the rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound_low: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound_high: Option<f64>,
    /// Rows it rests on.
    pub count: u64,
    /// `passed`, `failed` or `undecided`; absent where no rule is about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
    /// What the rule says, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// What was known when it was made.
    pub as_of: String,
    /// Expected without labels, not measured with them.
    pub estimated: bool,
    /// Share of the window's rows whose label is known; only of readings that rest on labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<f64>,
    /// Labels are still missing: it will be read again.
    pub provisional: bool,
    /// Of drift: `calm`, `note`, `warn`, `alert` or `too few`, in the words and by the thresholds of `kilter drift`; above
    /// calm only what the evidence supports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// The version that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
}

/// One entry of the audit table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    pub seq: u64,
    pub at: String,
    pub actor: String,
    pub action: String,
    pub object: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// `done`, `denied` or `failed`.
    pub outcome: String,
}

/// One page of a list, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Send it as `?cursor=` for what follows; absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Asks that a version serves at an endpoint (`POST /api/v1/endpoints/{endpoint}/deploy`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Deploy {
    /// The number of the version.
    pub version: u32,
    /// Why, for the audit table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

/// Why something is done (rollback, approval, rejection, acknowledgement), for the audit table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

/// Keeps an alert silent for a time (`POST /api/v1/alerts/{id}/mute`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Mute {
    /// RFC 3339; a mute always ends.
    pub until: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

/// What a yes to a version came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Approval {
    pub version: Version,
    /// What the contract still asks for; empty when the version is approved.
    pub missing: Vec<String>,
    /// What became of the newest approved version at each place that the contract deploys to by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deployed: Vec<DeployedVersion>,
}

/// What became of a version at a place that the contract deploys to by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeployedVersion {
    pub endpoint: String,
    pub version: u32,
    /// `shadow`, `canary 10`, `live`; absent when it was not deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Why it was not deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// What a check of the whole audit table found (`GET /api/v1/audit/verify`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditCheck {
    pub entries: u64,
    pub sound: bool,
    /// Rows whose entry was written by an earlier program and says nothing of their columns: of them the state is compared.
    #[serde(default)]
    pub unsealed_rows: u64,
    /// One sentence a fault.
    pub faults: Vec<String>,
}

/// Labels: what turned out to be true (`POST /api/v1/endpoints/{endpoint}/labels`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Labels {
    /// Prediction ids, as the answers gave them.
    pub ids: Vec<String>,
    /// One truth an id: all texts, all numbers or all true/false; `null` takes a label back.
    #[schema(value_type = Vec<Object>)]
    pub values: Vec<serde_json::Value>,
    /// When each became known, RFC 3339; where it is absent, now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_at: Option<Vec<String>>,
    /// Whether to say how many of the ids belong to recorded predictions: it looks through the log.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub count_known: bool,
}

/// Labels that are kept: they survive any end of the process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LabelsKept {
    pub labels: usize,
    /// Labels whose id belongs to a recorded prediction, where that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_ids: Option<usize>,
    /// Some of the ids that belong to none (yet).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown_ids: Vec<String>,
    /// Labels that name no class of the version that serves: how many, and the words. They are kept, and measured never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown_labels: Option<String>,
}
