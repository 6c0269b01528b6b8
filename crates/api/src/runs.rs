//! Runs: asked for, followed, cancelled, looked at.

use std::collections::BTreeMap;

use kilter_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::models::Version;

/// Asks for a run (`POST /api/v1/runs`). The server runs it in the project's folder on its own machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRun {
    /// A registered project: it runs in the folder that it was registered with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// The folder of a project on the machine of the server, instead of its name. Only for whoever can read the data
    /// folder: its `server.json` holds the key that the header `x-kilter-folder-key` must carry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// BLAKE3 of the contract that the caller has at hand; another one in the folder is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<String>,
    /// Only these steps and what feeds them; all where none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<String>,
    /// Execute steps though their results are known, and make a version though nothing changed.
    #[serde(default)]
    pub force: bool,
    /// Refuse data that is not what `kilter.lock` pins.
    #[serde(default)]
    pub locked: bool,
    /// Other values of parameters, by dotted path.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = Object)]
    pub params: BTreeMap<String, serde_json::Value>,
}

/// A run that was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunStarted {
    /// The id of the run.
    pub id: String,
}

/// Where a run is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// It waits to be started.
    Queued,
    /// At least one step was started.
    Running,
    /// Every step succeeded.
    Succeeded,
    /// A step failed.
    Failed,
    /// Someone stopped it.
    Cancelled,
    /// It was never started: no right, no budget left, or its data does not meet a requirement.
    Refused,
}

/// Where a step is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// It waits for the steps before it.
    Queued,
    /// It is executed, or waits for its next attempt.
    Running,
    /// Its outputs are complete.
    Succeeded,
    /// Its last attempt failed.
    Failed,
    /// Its run was stopped.
    Cancelled,
    /// Its result was known, and it was not executed.
    Cached,
    /// A step before it did not succeed.
    Skipped,
    /// Something that it requires does not hold.
    Refused,
}

/// A run in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunSummary {
    /// The id, unique on this platform; the routes of one run take it.
    pub id: String,
    /// The name of the project.
    pub project: String,
    /// Where it is in its life.
    pub state: RunState,
    /// Why it was started, in a sentence.
    pub cause: String,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
    /// When it was over; absent while it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended: Option<Timestamp>,
    /// The number of the version that it made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
}

/// A run with what came of it (`GET /api/v1/runs/{id}`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Run {
    /// What a list has of it.
    pub summary: RunSummary,
    /// The version that it made, or (`unchanged`) that it would have made again, with what each gate said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// Every result was known, and a version of them is there: none was made.
    #[serde(default)]
    pub unchanged: bool,
    /// What the contract requires of its data does not hold, so nothing was executed.
    #[serde(default)]
    pub data_refused: bool,
    /// Why it made nothing: what failed, or what its data does not hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// In the order in which they may run; empty while it goes on.
    pub steps: Vec<RunStep>,
    /// The whole record: data, parameters, commit, keys, outputs. Absent while it goes on.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    #[schema(value_type = Object)]
    pub record: serde_json::Value,
}

/// What a step of a run did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunStep {
    /// The name of the step in the contract.
    pub name: String,
    /// Where it is in its life.
    pub state: StepState,
    /// Of the execution that made the result.
    pub wall_ms: u64,
    /// The run that executed it, where that was an earlier one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_by: Option<String>,
    /// Whether its log can be read.
    pub has_log: bool,
    /// The numbers that it wrote to its metrics file, nested ones by dotted path; empty if it has no such file.
    pub metrics: BTreeMap<String, f64>,
    /// Why it failed or was not executed, and what to do next; absent otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The log of a step (`GET /api/v1/runs/{id}/steps/{step}/log`), of the execution that made its result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StepLog {
    /// The run that was asked for; the log may be of an earlier one, if the result was known.
    pub run: String,
    /// The name of the step.
    pub step: String,
    /// What the step wrote, both of its streams. Bytes that are no text stand as replacement characters.
    pub text: String,
}

/// What happened in a run after a number (`GET /api/v1/runs/{id}/events`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunProgress {
    /// Events with a higher number than `after`, oldest first; empty if there is none yet.
    pub events: Vec<RunEvent>,
    /// Nothing more will come.
    pub has_ended: bool,
}

/// One event of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunEvent {
    /// Send the last one as `?after=` for what follows.
    pub number: u64,
    /// What happened.
    pub kind: RunEventKind,
    /// In a sentence.
    pub text: String,
}

/// What kind of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunEventKind {
    /// The run begins.
    Started,
    /// An attempt of a step begins.
    StepStarted,
    /// A step waits for another run that uses the same path.
    StepWaiting,
    /// An attempt failed, and another one follows.
    StepRetrying,
    /// The outputs of a step are complete.
    StepSucceeded,
    /// The result of a step was known.
    StepCached,
    /// The last attempt of a step failed.
    StepFailed,
    /// Cancelled or skipped.
    StepNotRun,
    /// Something that a step requires does not hold.
    StepRefused,
    /// A dataset is not what `kilter.lock` pins, or is pinned for the first time.
    DataChanged,
    /// Content that no run had made stood at the path of an output; it is kept in the store.
    OutputKept,
}
