//! What is to be done: datasets, steps, and what feeds what. A plan that exists can be executed: every input has a
//! source, nothing waits for itself, no output leaves the project or overwrites another output or a dataset.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::executor::{Command, Retry};
use kilter_blobs::TreePath;
use kilter_domain::{
    contract::DEFAULT_MAX_OUTPUT_BYTES,
    ids::{DatasetName, StepName},
};
use serde_json::{Map, Value};

use super::{
    column_roles::{ColumnRoles, RolesByDataset},
    placeholder::{self, Part},
    plan_error::{PlanError, names},
};

/// Folders that steps may not write to.
const RESERVED: [&str; 2] = [".git", ".kilter"];

/// Where an input comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// A dataset of the contract.
    Dataset(DatasetName),
    /// An output of another step.
    Output {
        /// The step that writes it.
        step: StepName,
        /// Its name in that step.
        output: String,
    },
}

impl fmt::Display for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dataset(dataset) => write!(out, "{dataset}"),
            Self::Output { step, output } => write!(out, "{step}.{output}"),
        }
    }
}

/// What a step asks of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// CPUs that it uses together; 1 if nothing is stated.
    pub cpu: u32,
    /// Memory in bytes; 0 if nothing is stated.
    pub memory_bytes: u64,
}

impl Default for Needs {
    fn default() -> Self {
        Self { cpu: 1, memory_bytes: 0 }
    }
}

/// One step as the contract states it.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// With placeholders `{in.x}`, `{out.x}`, `{params.x}`.
    pub command: Command,
    /// By the name that `{in.x}` uses: `customers`, or `train` of `split.train`.
    pub inputs: BTreeMap<String, Source>,
    /// Output name → path relative to the project.
    pub outputs: BTreeMap<String, TreePath>,
    /// The parameters it may see: `train`, or `train.lr`.
    pub params: BTreeSet<String>,
    /// Globs of the files it depends on besides its inputs and its imports.
    pub code: Vec<String>,
    /// Environment variables that it may see, and that are part of its key.
    pub env: BTreeSet<String>,
    /// Which failures are tried again, how often and how soon.
    pub retry: Retry,
    /// The longest that an attempt may take; `None`: not bounded.
    pub timeout: Option<Duration>,
    /// CPUs and memory that must be free before it starts.
    pub needs: Needs,
    /// The most bytes of one output.
    pub max_output_bytes: u64,
    /// The output that holds its metrics as JSON.
    pub metrics: Option<String>,
    /// Working directory, relative to the project; `None`: its root.
    pub folder: Option<TreePath>,
    /// Whether a known result may stand for an execution.
    pub cache: bool,
    /// Whether it claims to make the same outputs of the same inputs; checked when the run asks for it.
    pub deterministic: bool,
}

impl Step {
    /// A step that runs this line of shell, and nothing else stated.
    pub fn shell(line: &str) -> Self {
        Self {
            command: Command::Shell(line.to_owned()),
            inputs: BTreeMap::new(),
            outputs: BTreeMap::new(),
            params: BTreeSet::new(),
            code: Vec::new(),
            env: BTreeSet::new(),
            retry: Retry::default(),
            timeout: None,
            needs: Needs::default(),
            max_output_bytes: DEFAULT_MAX_OUTPUT_BYTES,
            metrics: None,
            folder: None,
            cache: true,
            deterministic: true,
        }
    }

    /// The input that `{in.name}` means: its name, or its source as written, `split.train`.
    pub(crate) fn input(&self, name: &str) -> Option<&str> {
        let by_source = || self.inputs.iter().find(|(_, source)| source.to_string() == name);
        self.inputs.get_key_value(name).or_else(by_source).map(|(name, _)| name.as_str())
    }

    /// Steps whose outputs it reads.
    pub(crate) fn upstream(&self) -> impl Iterator<Item = &StepName> {
        self.inputs.values().filter_map(|source| match source {
            Source::Output { step, .. } => Some(step),
            Source::Dataset(_) => None,
        })
    }
}

/// What every step's environment is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// Lock file of the packages, relative to the project.
    pub lock: Option<TreePath>,
    /// The Python that is asked for, like `3.11`.
    pub python: Option<String>,
}

/// The parts of a plan before they were checked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlanParts {
    /// Path of each dataset: relative to the project, or absolute.
    pub datasets: BTreeMap<DatasetName, PathBuf>,
    /// The steps by name.
    pub steps: BTreeMap<StepName, Step>,
    /// The `[params]` tables.
    pub params: Map<String, Value>,
    /// What the environment of every step is made of.
    pub environment: Environment,
    /// What columns are for, of the datasets that say it.
    pub roles: BTreeMap<DatasetName, ColumnRoles>,
}

/// Checked [`PlanParts`].
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    parts: PlanParts,
    order: Vec<StepName>,
}

impl Plan {
    /// Checks that the parts fit together.
    ///
    /// # Errors
    /// When an input, placeholder, parameter or metrics output has no source, when steps wait for each other, or when an
    /// output lies where it may not.
    pub fn new(parts: PlanParts) -> Result<Self, PlanError> {
        parts.steps.iter().try_for_each(|(name, step)| check_step(&parts, name, step))?;
        check_outputs(&parts)?;
        let order = order(&parts.steps)?;
        Ok(Self { parts, order })
    }

    /// Path of each dataset as the contract states it.
    pub fn datasets(&self) -> &BTreeMap<DatasetName, PathBuf> {
        &self.parts.datasets
    }

    /// All steps, by name.
    pub fn steps(&self) -> &BTreeMap<StepName, Step> {
        &self.parts.steps
    }

    /// All steps, each after those that feed it.
    pub fn order(&self) -> &[StepName] {
        &self.order
    }

    /// The `[params]` tables.
    pub fn params(&self) -> &Map<String, Value> {
        &self.parts.params
    }

    /// What the environment of every step is made of.
    pub fn environment(&self) -> &Environment {
        &self.parts.environment
    }

    /// What columns are for in all datasets that the inputs of `step` come from.
    pub(crate) fn roles_of(&self, step: &Step) -> RolesByDataset {
        let mut datasets: BTreeSet<&DatasetName> = BTreeSet::new();
        let (mut seen, mut open) = (BTreeSet::new(), vec![step]);
        while let Some(step) = open.pop() {
            for source in step.inputs.values() {
                match source {
                    Source::Dataset(dataset) => drop(datasets.insert(dataset)),
                    Source::Output { step, .. } if seen.insert(step) => open.extend(self.parts.steps.get(step)),
                    Source::Output { .. } => {}
                }
            }
        }
        let roles = |dataset: &DatasetName| Some((dataset.to_string(), self.parts.roles.get(dataset)?.clone()));
        datasets.into_iter().filter_map(roles).collect()
    }

    /// `steps` and everything that feeds them.
    ///
    /// # Errors
    /// When one of `steps` is not in the plan.
    pub fn with_upstream(&self, steps: &BTreeSet<StepName>) -> Result<BTreeSet<StepName>, PlanError> {
        let mut found = BTreeSet::new();
        let mut open: Vec<&StepName> = steps.iter().collect();
        while let Some(name) = open.pop() {
            let step = self.step(name)?;
            if found.insert(name.clone()) {
                open.extend(step.upstream());
            }
        }
        Ok(found)
    }

    /// The step, or an error that names the ones there are.
    ///
    /// # Errors
    /// [`PlanError::UnknownStep`].
    pub fn step(&self, name: &StepName) -> Result<&Step, PlanError> {
        self.parts.steps.get(name).ok_or_else(|| PlanError::UnknownStep {
            step: name.clone(),
            present: names(&self.parts.steps.keys().cloned().collect::<Vec<_>>()),
        })
    }
}

fn check_step(parts: &PlanParts, name: &StepName, step: &Step) -> Result<(), PlanError> {
    step.inputs.values().try_for_each(|source| check_input(parts, name, source))?;
    if let Some(metrics) = step.metrics.as_ref().filter(|metrics| !step.outputs.contains_key(*metrics)) {
        return Err(PlanError::Metrics { step: name.clone(), metrics: metrics.clone() });
    }
    if let Some(param) = step.params.iter().find(|param| placeholder::param(&parts.params, param).is_none()) {
        return Err(PlanError::UnknownParam { step: name.clone(), param: param.clone() });
    }
    let words = match &step.command {
        Command::Shell(line) => std::slice::from_ref(line),
        Command::Program(words) => words.as_slice(),
    };
    let found = words.iter().flat_map(|word| placeholder::parts(word)).filter(|part| !matches!(part, Part::Text(_)));
    for part in found {
        if let Some(reason) = misfit(parts, step, &part) {
            return Err(PlanError::Placeholder { step: name.clone(), placeholder: part.to_string(), reason });
        }
    }
    Ok(())
}

fn check_input(parts: &PlanParts, name: &StepName, source: &Source) -> Result<(), PlanError> {
    let unknown = |what, present: Vec<&str>| {
        let present = if present.is_empty() { "none".to_owned() } else { present.join(", ") };
        Err(PlanError::UnknownInput { step: name.clone(), input: source.to_string(), what, present })
    };
    match source {
        Source::Dataset(dataset) if !parts.datasets.contains_key(dataset) => {
            unknown("dataset", parts.datasets.keys().map(DatasetName::as_str).collect())
        }
        Source::Dataset(_) => Ok(()),
        Source::Output { step, output } => match parts.steps.get(step) {
            None => unknown("step", parts.steps.keys().map(StepName::as_str).collect()),
            Some(found) if !found.outputs.contains_key(output) => {
                unknown("output", found.outputs.keys().map(String::as_str).collect())
            }
            Some(_) => Ok(()),
        },
    }
}

/// Why a placeholder has no value, if so.
fn misfit(parts: &PlanParts, step: &Step, part: &Part<'_>) -> Option<String> {
    let listed = |names: Vec<&str>| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    match part {
        Part::Text(_) => None,
        Part::Input(name) if step.input(name).is_some() => None,
        Part::Input(_) => Some(format!("`in` lists {}", listed(step.inputs.keys().map(String::as_str).collect()))),
        Part::Output(name) if step.outputs.contains_key(*name) => None,
        Part::Output(_) => Some(format!("`out` lists {}", listed(step.outputs.keys().map(String::as_str).collect()))),
        Part::Param(path) if !placeholder::is_declared(&step.params, path) => {
            let table = path.split('.').next().unwrap_or(path);
            Some(format!("the step does not declare it; add params = [\"{table}\"]"))
        }
        Part::Param(path) if placeholder::param(&parts.params, path).is_none() => {
            Some("[params] has no such entry".to_owned())
        }
        Part::Param(_) => None,
    }
}

/// No output may lie in, above or at another output, a dataset, or what Kilter and Git keep.
fn check_outputs(parts: &PlanParts) -> Result<(), PlanError> {
    let mut taken: Vec<(PathBuf, String)> = RESERVED.map(|path| (path.into(), "it is reserved".to_owned())).to_vec();
    for (dataset, path) in &parts.datasets {
        let path = path.strip_prefix(".").unwrap_or(path);
        taken.push((path.to_owned(), format!("dataset `{dataset}` lies there, and steps never write to data")));
    }
    for (step, found) in &parts.steps {
        for (output, path) in &found.outputs {
            let own = Path::new(path.as_str());
            let overlaps = |other: &Path| own.starts_with(other) || other.starts_with(own);
            if let Some((_, reason)) = taken.iter().find(|(other, _)| overlaps(other)) {
                let (step, output, path, reason) = (step.clone(), output.clone(), path.clone(), reason.clone());
                return Err(PlanError::OutputPath { step, output, path, reason });
            }
            taken.push((own.to_owned(), format!("output `{step}.{output}` lies there")));
        }
    }
    Ok(())
}

/// Each step after its upstream; among those that are ready, by name.
fn order(steps: &BTreeMap<StepName, Step>) -> Result<Vec<StepName>, PlanError> {
    let mut waiting: BTreeMap<&StepName, BTreeSet<&StepName>> =
        steps.iter().map(|(name, step)| (name, step.upstream().collect())).collect();
    let mut order = Vec::new();
    while !waiting.is_empty() {
        let ready: Vec<&StepName> = waiting.iter().filter(|(_, on)| on.is_empty()).map(|(name, _)| *name).collect();
        if ready.is_empty() {
            return Err(PlanError::Cycle(cycle(&waiting)));
        }
        for name in ready {
            waiting.remove(name);
            waiting.values_mut().for_each(|on| {
                on.remove(name);
            });
            order.push(name.clone());
        }
    }
    Ok(order)
}

/// The steps of one cycle, when every waiting step waits for another.
fn cycle(waiting: &BTreeMap<&StepName, BTreeSet<&StepName>>) -> Vec<StepName> {
    let mut path: Vec<&StepName> = Vec::new();
    let mut next = waiting.keys().next().copied();
    while let Some(name) = next {
        if let Some(at) = path.iter().position(|seen| *seen == name) {
            return path[at..].iter().map(|name| (*name).clone()).collect();
        }
        path.push(name);
        next = waiting.get(name).and_then(|on| on.iter().next().copied());
    }
    path.into_iter().cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps as `name: inputs -> outputs`, an output being `name=path`.
    fn plan(lines: &[&str]) -> Result<Plan, PlanError> {
        let mut parts = PlanParts::default();
        parts.datasets.insert("raw".parse().unwrap(), "./data/raw.csv".into());
        parts.params.insert("train".to_owned(), serde_json::json!({ "lr": 0.1 }));
        for line in lines {
            let (name, rest) = line.split_once(':').unwrap();
            let (flow, command) = rest.split_once('|').unwrap_or((rest, "true"));
            let (inputs, outputs) = flow.split_once("->").unwrap();
            let mut step = Step::shell(command.trim());
            for input in inputs.split_whitespace() {
                let source = match input.split_once('.') {
                    Some((step, output)) => Source::Output { step: step.parse().unwrap(), output: output.to_owned() },
                    None => Source::Dataset(input.parse().unwrap()),
                };
                step.inputs.insert(input.to_owned(), source);
            }
            for output in outputs.split_whitespace() {
                let (name, path) = output.split_once('=').unwrap();
                step.outputs.insert(name.to_owned(), path.parse().unwrap());
            }
            if command.contains("declared") {
                step.params.insert("train".to_owned());
            }
            parts.steps.insert(name.parse().unwrap(), step);
        }
        Plan::new(parts)
    }

    #[test]
    fn steps_stand_after_what_feeds_them() {
        let plan = plan(&["c: b.x -> x=c", "a: raw -> x=a", "b: a.x -> x=b"]).unwrap();
        assert_eq!(plan.order().iter().map(StepName::as_str).collect::<Vec<_>>(), ["a", "b", "c"]);
        let wanted = BTreeSet::from(["b".parse().unwrap()]);
        assert_eq!(names(&Vec::from_iter(plan.with_upstream(&wanted).unwrap())), "`a`, `b`");
    }

    #[test]
    fn what_cannot_be_executed_is_refused_by_name() {
        for (lines, expected) in [
            (vec!["a: b.x -> x=a", "b: a.x -> x=b"], "these steps wait for each other: `a`, `b`;"),
            (vec!["a: a.x -> x=a"], "these steps wait for each other: `a`;"),
            (vec!["a: rawr -> x=a"], "step `a` reads `rawr`, and there is no such dataset; there is raw"),
            (vec!["a: b.x -> x=a"], "step `a` reads `b.x`, and there is no such step; there is a"),
            (vec!["a: raw -> x=a", "b: a.y -> "], "step `b` reads `a.y`, and there is no such output; there is x"),
            (vec!["a: raw -> x=w", "b: raw -> y=w"], "output `y` may not be written to `w`: output `a.x` lies there"),
            (vec!["a: raw -> x=w", "b: raw -> y=w/z"], "may not be written to `w/z`: output `a.x` lies there"),
            (vec!["a: raw -> x=data"], "may not be written to `data`: dataset `raw` lies there"),
            (vec!["a: raw -> x=.git/hooks"], "may not be written to `.git/hooks`: it is reserved"),
            (vec!["a: raw -> x=a | cp {in.rw} {out.x}"], "{in.rw} stands in the command, but `in` lists raw"),
            (vec!["a: raw -> x=a | cp {out.y}"], "{out.y} stands in the command, but `out` lists x"),
            (vec!["a: raw -> x=a | t {params.train.lr}"], "add params = [\"train\"]"),
            (
                vec!["a: raw -> x=a | declared {params.train.rl}"],
                "{params.train.rl} stands in the command, but [params]",
            ),
        ] {
            let error = plan(&lines).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        assert!(plan(&["a: raw -> x=a | declared {params.train.lr} {in.raw} {out.x} ${HOME} {print}"]).is_ok());
    }

    #[test]
    fn an_input_is_found_by_its_name_and_by_its_source() {
        let mut step = Step::shell("true");
        let source = Source::Output { step: "split".parse().unwrap(), output: "train".to_owned() };
        step.inputs.insert("train".to_owned(), source);
        assert_eq!((step.input("train"), step.input("split.train")), (Some("train"), Some("train")));
        assert_eq!(step.input("split"), None);
    }
}
