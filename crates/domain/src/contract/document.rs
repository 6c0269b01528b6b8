//! A whole contract, with its sections by name.

use super::{
    data::Dataset,
    deployment::{Deploy, Package},
    governance::{Approve, Environment, GateSpec, Objective, Project},
    input::InputSpec,
    monitoring::{Monitor, Replay, Retrain},
    record::Record,
    threshold::ThresholdTuning,
    workflow::Step,
};
use crate::ids::{DatasetName, GateName, StepName};

/// A whole contract. Lists keep the order of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Contract {
    /// `[project]`.
    pub project: Project,
    /// `[[objective]]`.
    pub objectives: Vec<Objective>,
    /// `[data.*]`.
    pub data: Vec<Dataset>,
    /// `[env]`.
    pub env: Environment,
    /// The tree under `[params]`, as JSON. An empty object when there is none.
    pub params: serde_json::Value,
    /// `[step.*]`.
    pub steps: Vec<Step>,
    /// `[gate.*]`.
    pub gates: Vec<GateSpec>,
    /// `[input.*]`.
    pub inputs: Vec<InputSpec>,
    /// `[package]`; `None`: the section is absent, and a run registers no version.
    pub package: Option<Package>,
    /// `[approve]`, with the defaults of the risk.
    pub approve: Approve,
    /// `[deploy.*]`.
    pub deploy: Vec<Deploy>,
    /// `None`: the section is absent, and nothing is monitored.
    pub monitor: Option<Monitor>,
    /// `None`: the section is absent, and nothing is retrained by itself.
    pub retrain: Option<Retrain>,
    /// `None`: the section is absent, and the threshold of a version stays what it is.
    pub threshold: Option<ThresholdTuning>,
    /// `[record]`.
    pub record: Record,
    /// `[replay]`.
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
