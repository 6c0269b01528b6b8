//! From the contract to a plan.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use crate::executor::{Command, Retry, RetryOn};
use kilter_blobs::TreePath;
use kilter_domain::{
    contract::{self, Contract},
    ids::StepName,
    time::Span,
};
use serde_json::{Map, Value};

use super::{
    column_roles::ColumnRoles,
    plan::{Environment, Needs, Plan, PlanParts, Source, Step},
    plan_error::PlanError,
};

impl Plan {
    /// The steps of a contract. Datasets without a path can only be used when the run hands one in.
    ///
    /// # Errors
    /// What a contract cannot know to be wrong: an output over a dataset, a placeholder without a value.
    pub fn of(contract: &Contract) -> Result<Self, PlanError> {
        let path = |dataset: &contract::Dataset| dataset.path.as_ref().map_or("", |path| path.as_str()).into();
        let steps = contract.steps.iter().map(|step| Ok((step.name.clone(), step_of(step)?)));
        Self::new(PlanParts {
            datasets: contract.data.iter().map(|dataset| (dataset.name.clone(), path(dataset))).collect(),
            steps: steps.collect::<Result<_, PlanError>>()?,
            params: match &contract.params {
                Value::Object(params) => params.clone(),
                _ => Map::new(),
            },
            environment: Environment {
                lock: contract.env.lock.as_deref().map(|lock| safe(lock, PlanError::environment_lock)).transpose()?,
                python: contract.env.python.clone(),
            },
            roles: contract
                .data
                .iter()
                .filter_map(|dataset| Some((dataset.name.clone(), ColumnRoles::of(dataset)?)))
                .collect(),
        })
    }
}

impl PlanError {
    fn environment_lock(path: PathBuf, source: kilter_blobs::UnsafePath) -> Self {
        Self::EnvironmentLock { path, source }
    }
}

fn safe(text: &str, error: impl FnOnce(PathBuf, kilter_blobs::UnsafePath) -> PlanError) -> Result<TreePath, PlanError> {
    let plain = text.strip_prefix("./").unwrap_or(text).trim_end_matches('/');
    plain.parse().map_err(|source| error(PathBuf::from(text), source))
}

fn step_of(step: &contract::Step) -> Result<Step, PlanError> {
    let mut outputs = BTreeMap::new();
    for output in &step.outputs {
        let (name, of) = (output.name.clone(), step.name.clone());
        let refused = |path, source| PlanError::UnsafePath { step: of, output: name.clone(), path, source };
        outputs.insert(output.name.clone(), safe(&output.path, refused)?);
    }
    let folder = Some(step.cwd.as_str()).filter(|cwd| !matches!(*cwd, "" | "." | "./"));
    Ok(Step {
        command: Command::Shell(step.run.clone()),
        inputs: step.inputs.iter().map(|input| (input.name.clone(), source_of(&input.source))).collect(),
        outputs,
        params: step.params.iter().cloned().collect(),
        code: step.code.clone(),
        env: step.env.iter().cloned().collect(),
        retry: retry_of(&step.retry),
        timeout: step.timeout.map(duration),
        needs: needs_of(&step.needs),
        max_output_bytes: step.max_output_bytes,
        metrics: step.metrics.clone(),
        folder: folder.map(|folder| safe(folder, |path, source| folder_error(&step.name, path, source))).transpose()?,
        cache: step.cache,
        deterministic: step.deterministic,
    })
}

fn folder_error(step: &StepName, path: PathBuf, source: kilter_blobs::UnsafePath) -> PlanError {
    PlanError::Folder { step: step.clone(), path, source }
}

fn source_of(source: &contract::Source) -> Source {
    match source {
        contract::Source::Dataset(dataset) => Source::Dataset(dataset.clone()),
        contract::Source::Output { step, output } => Source::Output { step: step.clone(), output: output.clone() },
    }
}

fn retry_of(retry: &contract::Retry) -> Retry {
    let condition = |on: &contract::RetryOn| match on {
        contract::RetryOn::Exit(code) => RetryOn::Exit(*code),
        contract::RetryOn::Signal(signal) => RetryOn::Signal(*signal),
        contract::RetryOn::Timeout => RetryOn::Timeout,
    };
    let mut on: Vec<RetryOn> = retry.on.iter().map(condition).collect();
    if on.is_empty() {
        on.push(RetryOn::Any);
    }
    Retry { times: retry.times, on, backoff: duration(retry.backoff) }
}

fn needs_of(needs: &contract::Needs) -> Needs {
    // A step that asks for half a core still occupies a place; the cast saturates.
    let cpu = needs.cpu.map_or(1, |cpu| cpu.ceil().max(1.0) as u32);
    Needs { cpu, memory_bytes: needs.memory_bytes.unwrap_or_default() }
}

fn duration(span: Span) -> Duration {
    Duration::from_millis(u64::try_from(span.millis()).unwrap_or_default())
}
