//! `kilter.toml`: everything the platform does for a model, stated in one file.
//!
//! Invariants: a [`Contract`] that exists is consistent: every name that it mentions is declared, its steps have no
//! cycle, its paths stay in the project, its rules are parsed. Every section is optional; defaults are resolved here,
//! once. Out of scope: files. The text is handed in, and whether a path exists is asked elsewhere.

mod admission;
mod change;
mod check;
mod data;
mod deployment;
mod document;
mod error;
mod field;
mod governance;
mod init;
mod input;
mod inspect;
mod keys;
mod lockout;
mod loosening;
mod monitoring;
mod output_ref;
mod parse;
mod path;
mod policy;
mod reader;
mod record;
mod retention;
mod schema;
mod section;
mod template;
mod threshold;
mod unused;
mod workflow;

pub use self::{
    admission::ContractObjection,
    data::{DatabaseSource, Dataset, Location},
    deployment::{
        Canary, Deploy, Experiment, ExperimentDecider, ExperimentMetric, ExperimentOutcome, Package, Rollback, Sample,
        Target,
    },
    document::Contract,
    error::{ContractError, ContractErrors, MAX_ERRORS},
    governance::{Approve, Environment, GateSpec, Need, Objective, Project},
    init::{ColumnSummary, InitFrom, init, label_of, list_entry},
    input::{InputSpec, OnUnseen},
    inspect::{ContractWarning, InspectedContract, ProjectFacts},
    keys::{Key, KeyKind, PARAMS, SECTIONS, SectionSpec, top_level},
    monitoring::{
        AlertSink, Budget, FalseAlarmRate, FireAfter, GrowthThreshold, Labels, Monitor, OnSuccess, Reference, Replay,
        ReplayStart, Retrain, SinkKind, Trigger,
    },
    output_ref::OutputRef,
    parse::MAX_CONTRACT_BYTES,
    policy::{GatePolicy, PackagePolicy, Policy},
    record::{Record, Retention},
    schema::{every_key, schema},
    template::{Placeholder, PlaceholderKind, filled, placeholders},
    threshold::{ThresholdGoal, ThresholdTuning},
    unused::is_python_lock,
    workflow::{DEFAULT_MAX_OUTPUT_BYTES, Input, Needs, Output, Retry, RetryOn, SearchSpace, Source, Step, Sweep},
};

pub use crate::risk::Risk;
