//! Why datasets and steps do not make a plan.

use std::path::PathBuf;

use kilter_blobs::{TreePath, UnsafePath};
use kilter_domain::ids::StepName;

/// Why parts do not make a plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// An input names no dataset, step or output.
    #[error("step `{step}` reads `{input}`, and there is no such {what}; there is {present}")]
    UnknownInput {
        /// The step that reads it.
        step: StepName,
        /// The input as the contract states it.
        input: String,
        /// What is missing: dataset, step or output.
        what: &'static str,
        /// What there is instead.
        present: String,
    },
    /// Steps read each other's outputs; with their names.
    #[error("these steps wait for each other: {}; one of them must not read the other's output", names(.0))]
    Cycle(Vec<StepName>),
    /// The path of an output is reserved, or that of something else.
    #[error("step `{step}`: output `{output}` may not be written to `{path}`: {reason}")]
    OutputPath {
        /// The step that writes it.
        step: StepName,
        /// The name of the output in the contract.
        output: String,
        /// The path, relative to the project.
        path: TreePath,
        /// Why not, to go on in the sentence.
        reason: String,
    },
    /// A placeholder of the command stands for nothing.
    #[error("step `{step}`: {placeholder} stands in the command, but {reason}")]
    Placeholder {
        /// The step whose command it is.
        step: StepName,
        /// The placeholder as it is written: `{in.x}`.
        placeholder: String,
        /// Why not, to go on in the sentence.
        reason: String,
    },
    /// `metrics` names no output.
    #[error("step `{step}`: metrics = \"{metrics}\" names no output of the step; add it to `out`")]
    Metrics {
        /// The name of the step.
        step: StepName,
        /// The name that `metrics` has.
        metrics: String,
    },
    /// A step declares a parameter that `[params]` does not have.
    #[error("step `{step}` declares the parameter `{param}`, but [params] has no such entry")]
    UnknownParam {
        /// The name of the step.
        step: StepName,
        /// The dotted path as the step declares it.
        param: String,
    },
    /// The path of an output leads out of the project.
    #[error("step `{step}`: output `{output}` may not be written to `{}`: the path must stay inside of the project", .path.display())]
    UnsafePath {
        /// The step that writes it.
        step: StepName,
        /// The name of the output in the contract.
        output: String,
        /// The path as the contract states it.
        path: PathBuf,
        /// What is wrong with the path.
        source: UnsafePath,
    },
    /// The working folder of a step leads out of the project.
    #[error("step `{step}` may not run in `{}`: cwd must stay inside of the project", .path.display())]
    Folder {
        /// The name of the step.
        step: StepName,
        /// The folder as the contract states it.
        path: PathBuf,
        /// What is wrong with the path.
        source: UnsafePath,
    },
    /// The lock file of the packages is outside of the project.
    #[error("[env] lock = \"{}\" must stay inside of the project", .path.display())]
    EnvironmentLock {
        /// The path as the contract states it.
        path: PathBuf,
        /// What is wrong with the path.
        source: UnsafePath,
    },
    /// A step that is asked for is not in the contract.
    #[error("there is no step `{step}`; there is {present}")]
    UnknownStep {
        /// The name that was given.
        step: StepName,
        /// The steps that there are.
        present: String,
    },
}

/// Steps as a sentence lists them.
pub(crate) fn names(steps: &[StepName]) -> String {
    steps.iter().map(|step| format!("`{step}`")).collect::<Vec<_>>().join(", ")
}
