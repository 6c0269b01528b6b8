//! What is to be trained, why and on which data, and what became of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use kilter_domain::{
    event::EventMetrics,
    ids::{DatasetName, StepName},
    model::VersionState,
    run::Cause,
};
use kilter_workflow::{CancelToken, Force, Now, RunRecord};

use crate::{
    authz::{Authorized, AuthorizedContext, act},
    model::ApprovalMode,
};

/// What is to be trained, why, and on which data.
#[derive(Clone)]
pub struct Training {
    /// Why it is trained.
    pub cause: Cause,
    /// Who trains, and when.
    pub context: AuthorizedContext,
    /// Files that stand for datasets, instead of what the contract points at.
    pub data: BTreeMap<DatasetName, PathBuf>,
    /// Only these steps and what feeds them; empty: all.
    pub steps: BTreeSet<StepName>,
    /// Where outputs go, instead of into the project.
    pub outputs_root: Option<PathBuf>,
    /// Whether people are asked, or (in a replay) assumed to have said yes.
    pub approval_mode: ApprovalMode,
    /// What is wanted otherwise than the contract says.
    pub overrides: RunOverrides,
    /// The clock of the run.
    pub now: Now,
}

impl Training {
    /// What someone asks for who may run.
    pub fn requested(by: Authorized<act::Run>, request: RunRequest) -> Self {
        Self {
            cause: Cause::Manual { by: by.actor.clone() },
            context: by.into(),
            data: BTreeMap::new(),
            steps: request.steps,
            outputs_root: None,
            approval_mode: ApprovalMode::Required,
            overrides: request.overrides,
            now: request.now,
        }
    }
}

/// What is asked of a run.
pub struct RunRequest {
    /// Only these steps and what feeds them; empty: all.
    pub steps: BTreeSet<StepName>,
    /// What is wanted otherwise than the contract says.
    pub overrides: RunOverrides,
    /// The clock of the run.
    pub now: Now,
}

/// What whoever asked wants otherwise than the contract says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunOverrides {
    /// Steps that are executed though their results are known.
    pub force: Force,
    /// Refuse data that is not what `kilter.lock` pins.
    pub locked: bool,
    /// Other values of parameters, by dotted path.
    pub params: BTreeMap<String, serde_json::Value>,
}

/// The id of a run before anything of it happens, and how it is stopped.
pub struct RunTicket {
    /// The id of the run.
    pub id: String,
    /// Ends the run when it is cancelled.
    pub cancel: CancelToken,
    /// Whether its row stands already ([`queue_run`]).
    pub is_queued: bool,
}

/// What became of a training.
#[derive(Clone, Debug)]
pub struct TrainingOutcome {
    /// The id of the run.
    pub run: String,
    /// What its steps read and wrote.
    pub record: RunRecord,
    /// The version that it made and where that stands; `None` when the run failed or packs no model.
    pub version: Option<(u32, VersionState)>,
    /// Why it was trained.
    pub cause: Cause,
    /// The version that it would have made again, and where that stands: every result was known.
    pub unchanged: Option<(u32, VersionState)>,
    /// Why it was not begun: what the contract requires of its data and the data does not hold.
    pub refused: Option<String>,
}

impl TrainingOutcome {
    /// Whether the platform started it without being asked.
    pub const fn is_automatic(&self) -> bool {
        self.cause.is_automatic()
    }
}

/// Why a run was started, for a person.
pub fn cause_sentence(cause: &Cause) -> String {
    match cause {
        Cause::Manual { by } => format!("started by {by}"),
        Cause::Schedule { schedule } => format!("the schedule `{schedule}` is due"),
        Cause::Alert { monitor, .. } => format!("monitor.{monitor} is failing"),
        Cause::NewData { dataset, .. } => format!("dataset `{dataset}` grew"),
        Cause::Replay => "the first training of a replay".to_owned(),
        Cause::Sweep { trial, .. } => format!("trial {trial} of a sweep"),
    }
}

/// The numbers that a training says of itself.
pub(crate) fn trained_numbers(rows: u64, tested: usize) -> EventMetrics {
    EventMetrics::default().with("trained_rows", rows as f64).with("held_out_rows", tested as f64)
}
