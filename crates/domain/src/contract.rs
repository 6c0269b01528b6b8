//! `kilter.toml`: everything the platform does for a model, stated in one file.
//!
//! Holds true: a [`Contract`] that exists is consistent: every name that it mentions is declared, its steps have no
//! cycle, its paths stay in the project, its rules are parsed. Every section is optional; defaults are resolved here,
//! once. Deliberately absent: files. The text is handed in, and whether a path exists is asked elsewhere.

mod admission;
mod change;
mod check;
mod data;
mod deployment;
mod error;
mod field;
mod governance;
mod init;
mod inspect;
mod keys;
mod lockout;
mod monitoring;
mod parse;
mod path;
mod policy;
mod reader;
mod schema;
mod template;
mod threshold;
mod unused;
mod workflow;

pub use self::{
    admission::ContractObjection,
    data::{Dataset, Location},
    deployment::{Canary, Deploy, OutputRef, Package, Rollback, Sample, Target},
    error::{ContractError, ContractErrors, MAX_ERRORS},
    governance::{Approve, Environment, GateSpec, Need, Objective, Project, Risk},
    init::{ColumnSummary, InitFrom, init, label_of, list_entry},
    inspect::{ContractWarning, InspectedContract, ProjectFacts},
    keys::{Key, KeyKind, PARAMS, SECTIONS, SectionSpec, top_level},
    monitoring::{
        AlertSink, Budget, FalseAlarmRate, FireAfter, GrowthThreshold, Labels, Monitor, OnSuccess, Reference, Replay,
        ReplayStart, Retrain, SinkKind, Trigger,
    },
    parse::MAX_CONTRACT_BYTES,
    schema::{every_key, schema},
    template::{Placeholder, PlaceholderKind, filled, placeholders},
    threshold::{ThresholdGoal, ThresholdTuning},
    workflow::{DEFAULT_MAX_OUTPUT_BYTES, Input, Needs, Output, Retry, RetryOn, SearchSpace, Source, Step, Sweep},
};
use crate::ids::{DatasetName, GateName, StepName};

/// A whole contract. Lists keep the order of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Contract {
    pub project: Project,
    pub objectives: Vec<Objective>,
    pub data: Vec<Dataset>,
    pub env: Environment,
    /// The tree under `[params]`, as JSON. An empty object when there is none.
    pub params: serde_json::Value,
    pub steps: Vec<Step>,
    pub gates: Vec<GateSpec>,
    pub package: Option<Package>,
    pub approve: Approve,
    pub deploy: Vec<Deploy>,
    /// `None`: the section is absent, and nothing is monitored.
    pub monitor: Option<Monitor>,
    /// `None`: the section is absent, and nothing is retrained by itself.
    pub retrain: Option<Retrain>,
    /// `None`: the section is absent, and the threshold of a version stays what it is.
    pub threshold: Option<ThresholdTuning>,
    pub replay: Replay,
}

impl Contract {
    /// The section `[step.NAME]`.
    pub fn step(&self, name: &StepName) -> Option<&Step> {
        self.steps.iter().find(|step| step.name == *name)
    }

    /// The section `[data.NAME]`.
    pub fn dataset(&self, name: &DatasetName) -> Option<&Dataset> {
        self.data.iter().find(|dataset| dataset.name == *name)
    }

    /// The section `[gate.NAME]`.
    pub fn gate(&self, name: &GateName) -> Option<&GateSpec> {
        self.gates.iter().find(|gate| gate.name == *name)
    }

    /// The section `[deploy.NAME]`.
    pub fn deployment(&self, name: &str) -> Option<&Deploy> {
        self.deploy.iter().find(|deploy| deploy.name == name)
    }

    /// The dataset that a replay plays: the one that `[replay] data` names, else the only one with a label.
    pub fn replayed(&self) -> Option<&Dataset> {
        match &self.replay.data {
            Some(name) => self.dataset(name),
            None => {
                let mut labelled = self.data.iter().filter(|dataset| dataset.label.is_some());
                labelled.next().filter(|_| labelled.next().is_none())
            }
        }
    }
}
