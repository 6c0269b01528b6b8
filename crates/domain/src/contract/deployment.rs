//! `[package]` and `[deploy.*]`: what is packed, and how it comes to answer.

use super::output_ref::OutputRef;
use crate::{deployment::AdmissionPolicy, ids::ModelName, rule::Rule, time::Span};

/// What becomes a version.
#[derive(Clone, Debug, PartialEq)]
pub struct Package {
    /// The output that is the model.
    pub model: OutputRef,
    /// `None`: the project's name.
    pub name: Option<ModelName>,
    /// Globs of further files, relative to the project.
    pub include: Vec<String>,
    /// Golden requests and answers.
    pub sample: Option<Sample>,
    /// `key:release`: the name of the key that signs.
    pub sign: Option<String>,
    /// The licence of the model, as an SPDX id or in words.
    pub licence: Option<String>,
    /// `oci://...`: where it is pushed.
    pub push: Option<String>,
}

/// Rows kept as golden requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The step output that the rows are drawn from.
    pub from: OutputRef,
    /// Default 50.
    pub rows: u32,
}

/// One place where versions are deployed.
#[derive(Clone, Debug, PartialEq)]
pub struct Deploy {
    /// `production`, `staging`: a valid name.
    pub name: String,
    /// Whether versions are deployed here automatically. Default false.
    pub auto: bool,
    /// How its answers leave. Default `http`.
    pub target: Target,
    /// How long a new version answers unseen first; `None`: not at all.
    pub shadow: Option<Span>,
    /// `None`: goes live at once.
    pub canary: Option<Canary>,
    /// `None`: what is on its way is not compared at a fixed split. Never beside a canary.
    pub experiment: Option<Experiment>,
    /// Who takes a bad version back. Default `auto`.
    pub rollback: Rollback,
    /// Who calls it: `crm-portal:/next-best-action`.
    pub consumers: Vec<String>,
    /// The operating threshold on the score that a new version starts with; `None`: chosen at training where
    /// `[threshold]` states a goal, else 0.5.
    pub threshold: Option<f64>,
}

/// How answers leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// Over HTTP, per request.
    #[default]
    Http,
    /// As a file of answers per file of rows.
    Batch,
    /// As events.
    Stream,
    /// Inside the caller's own process.
    Library,
}

/// How traffic moves to a new version.
#[derive(Clone, Debug, PartialEq)]
pub struct Canary {
    /// Percent of the traffic, growing, ending at 100. Default 10, 50, 100.
    pub steps: Vec<u8>,
    /// How long each step lasts at least. Default 1h.
    pub every: Span,
    /// How many answers each step needs at least. Default 50.
    pub min_rows: u64,
    /// What ends it: the version is rolled back as soon as one of these **holds**.
    pub abort: Vec<Rule>,
}

/// Two versions at a fixed split, compared until one is known to be better.
#[derive(Clone, Debug, PartialEq)]
pub struct Experiment {
    /// The share of the entities that the new version answers, in percent: 1 to 99. Default 50.
    pub percent: u8,
    /// What decides. Default `loss`.
    pub metric: ExperimentMetric,
    /// How many entities each version must have met before anything is decided. Default 1,000.
    pub min_entities: u64,
    /// How often it is looked at. Default 1h.
    pub every: Span,
    /// How long it lasts at most; `None`: until it is decided.
    pub max_duration: Option<Span>,
    /// Who decides. Default `ask`.
    pub decide: ExperimentDecider,
    /// What becomes of it if nothing is known at the end of `max_duration`. Default `ask`.
    pub undecided: ExperimentOutcome,
    /// What ends it: the new version is rolled back as soon as one of these **holds**.
    pub abort: Vec<Rule>,
}

/// What decides an experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ExperimentMetric {
    /// The mean loss on labelled rows; lower is better.
    #[default]
    Loss,
    /// The share of labels of the positive class; higher is better.
    Label,
    /// The time for a request; lower is better.
    Latency,
}

/// Who decides an experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ExperimentDecider {
    /// A person, by `kilter experiment decide`.
    #[default]
    Ask,
    /// The platform, as soon as the result is known.
    Auto,
}

/// What becomes of an experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ExperimentOutcome {
    /// It goes on, and people are asked.
    #[default]
    Ask,
    /// The new version is taken back.
    Stop,
    /// The new version goes live.
    Promote,
}

/// Who takes a bad version back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rollback {
    /// The platform, on a guardrail.
    #[default]
    Auto,
    /// A person.
    Manual,
}

impl Deploy {
    /// The share with which a new version begins to answer, below 100 percent; `None`: it goes live at once.
    pub fn first_percent(&self) -> Option<u8> {
        let canary = self.canary.as_ref().and_then(|canary| canary.steps.first().copied());
        self.experiment.as_ref().map(|experiment| experiment.percent).or(canary).filter(|percent| *percent < 100)
    }

    /// What ends a rollout: the new version is rolled back as soon as one of these rules holds.
    pub fn abort_rules(&self) -> &[Rule] {
        let canary = self.canary.as_ref().map(|canary| &canary.abort[..]);
        self.experiment.as_ref().map(|experiment| &experiment.abort[..]).or(canary).unwrap_or_default()
    }

    /// Which versions may answer here: approved ones; in an `auto` place that is not called `production` validated
    /// ones too.
    pub fn admission_policy(&self) -> AdmissionPolicy {
        if self.auto && self.name != "production" { AdmissionPolicy::Validated } else { AdmissionPolicy::Approved }
    }
}
