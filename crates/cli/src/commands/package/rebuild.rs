//! `kilter package rebuild`: a package made again from itself.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;
use kilter_api::{Code, Exit, Problem};
use kilter_app::reproduce::{DataPlaces, RebuildSource, Rebuilt, StepOutcome, declared_code, rebuild};
use kilter_domain::{ids::DatasetName, plural::counted};
use kilter_server::{api::run_events, error::problem_of};
use kilter_workflow::RunLock;
use serde_json::json;

use super::package_ref::{OpenedPackage, scratch_folder};
use crate::{
    commands::project::run::write_event,
    context::{DataFolder, act, now},
    ui::{
        error::{CliError, disk, usage},
        output::Output,
        progress::ProgressBar,
        view::{Answer, Page, Status},
    },
};

/// Make a package again in a clean folder: its code, its data by digest, the environment of its lock.
///
/// Says step by step whether the outputs have the digests that they had. A step that had the same inputs and made something else is not
/// deterministic: it is named, and its metrics are compared. Exits with 3 if the model is another one.
#[derive(Debug, Args)]
pub(crate) struct Rebuild {
    /// The folder of the package, or a version of the data folder, like churn@3.
    #[arg(value_name = "PACKAGE")]
    package: String,
    /// The file of a dataset, like `customers=data/customers.csv`. Can be repeated.
    #[arg(long = "data-file", value_name = "NAME=PATH")]
    data: Vec<String>,
    /// The folder of the project: its data, and what it keeps of it by digest.
    #[arg(long, value_name = "DIR", default_value = ".")]
    project: PathBuf,
    #[command(flatten)]
    data_folder: DataFolder,
}

impl Rebuild {
    pub(super) fn run(self, output: &Output) -> Result<Answer, CliError> {
        let package = OpenedPackage::open(&self.package, &self.data_folder)?;
        let scratch = scratch_folder("kilter-rebuild.")?;
        let source = source_of(&package, &self.project, scratch.path())?;
        let places = DataPlaces { given: given(&self.data)?, project: Some(self.project) };
        let tool = std::env::current_exe().map_err(|error| Problem::of(Code::Internal, &error))?;
        let bar = ProgressBar::start(output);
        let rebuilt = rebuild(&source, &places, (&act().actor, Arc::new(now)), (&tool, scratch.path()), &mut |event| {
            run_events::event(0, &event).iter().for_each(|event| write_event(&bar, output, event));
        });
        drop(bar);
        Ok(answer(&rebuilt.map_err(|error| problem_of(&error))?))
    }
}

/// What a package is made again from. One that was stored without its code takes the declared files of the project.
fn source_of(package: &OpenedPackage, project: &Path, scratch: &Path) -> Result<RebuildSource, CliError> {
    let flow = package.folder.join("flow");
    let contract = flow.join("kilter.toml");
    let text = fs::read_to_string(&contract).map_err(|error| disk("read", &contract, &error))?;
    let lock_file = flow.join("run.json");
    let run = package.stored.as_ref().and_then(|stored| stored.run.as_ref()).filter(|_| !lock_file.exists());
    let lock = match run {
        Some(run) => RunLock::of(run),
        None => RunLock::read(&lock_file).map_err(|error| Problem::of(Code::FileInvalid, &error))?,
    };
    let mut code = package.folder.join("code");
    if run.is_some() && !code.is_dir() {
        code = scratch.join("code");
        declared_code(project, &text, &code).map_err(|error| problem_of(&error))?;
    }
    // A package without datasets pins none.
    let pins = fs::read_to_string(flow.join("kilter.lock")).unwrap_or_default();
    Ok(RebuildSource { contract: text, pins, code, environment: package.folder.join("env"), lock })
}

fn given(texts: &[String]) -> Result<BTreeMap<DatasetName, PathBuf>, CliError> {
    let read = |text: &String| {
        let wrong =
            || usage(format!("`--data-file {text}` needs the form NAME=PATH, like customers=data/customers.csv"));
        let (name, path) = text.split_once('=').ok_or_else(wrong)?;
        Ok((name.parse().map_err(|_| wrong())?, PathBuf::from(path)))
    };
    texts.iter().map(read).collect()
}

fn answer(rebuilt: &Rebuilt) -> Answer {
    let first = |wanted: fn(&StepOutcome) -> bool| {
        rebuilt.steps.iter().find(|(_, outcome)| wanted(outcome)).map(|(step, _)| step)
    };
    let failed = first(|outcome| matches!(outcome, StepOutcome::Failed(_) | StepOutcome::NotExecuted));
    let differing = first(|outcome| matches!(outcome, StepOutcome::Differs { .. }));
    let other = first(|outcome| matches!(outcome, StepOutcome::OtherInputs { .. }));
    let steps = counted(rebuilt.steps.len(), "step");
    let (exit, mark, sentence) = match (failed, differing, rebuilt.is_same_model) {
        (Some(step), ..) => {
            (Exit::Failed, Status::Bad, format!("not rebuilt: step {step} does not run from the package"))
        }
        (None, None, Some(true)) => {
            (Exit::Done, Status::Ok, format!("rebuilt: {steps} and the model have the same digests"))
        }
        (None, None, _) => match other {
            Some(step) => (Exit::CheckFailed, Status::Bad, format!("undecided: step {step} was given other inputs")),
            None => (Exit::Done, Status::Ok, format!("rebuilt: {steps} made the same outputs")),
        },
        (None, Some(step), Some(true)) => {
            (Exit::Done, Status::Warn, format!("the model has the same digest; step {step} is not deterministic"))
        }
        (None, Some(step), _) => {
            (Exit::CheckFailed, Status::Bad, format!("not the same model: step {step} is not deterministic"))
        }
    };
    let page = Page::new().marked(mark, sentence);
    let page = rebuilt.steps.iter().fold(page, |page, (step, outcome)| match outcome {
        StepOutcome::Same => page.marked(Status::Ok, format!("{step}: the same digests")),
        StepOutcome::Differs { outputs, metrics } => {
            let page = outputs.iter().fold(page, |page, (output, (was, now))| {
                page.marked(Status::Bad, format!("{step}.{output}: {}, and was {}", now.short(), was.short()))
            });
            with_metrics(page, step.as_str(), metrics)
        }
        StepOutcome::OtherInputs { inputs, metrics } => {
            let page =
                page.marked(Status::Warn, format!("{step}: not comparable, it was given other {}", inputs.join(", ")));
            with_metrics(page, step.as_str(), metrics)
        }
        StepOutcome::Failed(reason) => page.marked(Status::Bad, format!("{step}: {reason}")),
        StepOutcome::NotExecuted => page.marked(Status::None, format!("{step}: not executed")),
    });
    let page = rebuilt
        .environment_changes
        .iter()
        .fold(page, |page, change| page.marked(Status::Warn, format!("environment: {change}")));
    Answer::done(&document(rebuilt), page).exit(exit)
}

/// What a step measured, before and now.
fn with_metrics(page: Page, step: &str, metrics: &BTreeMap<String, (f64, Option<f64>)>) -> Page {
    metrics.iter().fold(page, |page, (name, (was, now))| match now {
        Some(now) => page.line(format!("{step}: {name} = {now:.6}, and was {was:.6} (difference {:+.6})", now - was)),
        None => page.line(format!("{step}: {name} was {was:.6}, and is not measured now")),
    })
}

fn document(rebuilt: &Rebuilt) -> serde_json::Value {
    let step = |(step, outcome): &(kilter_domain::ids::StepName, StepOutcome)| {
        let metrics = |metrics: &BTreeMap<String, (f64, Option<f64>)>| {
            let pairs = metrics.iter().map(|(name, (was, now))| (name.clone(), json!({ "was": was, "now": now })));
            pairs.collect::<serde_json::Map<_, _>>()
        };
        match outcome {
            StepOutcome::Same => json!({ "step": step, "outcome": "same" }),
            StepOutcome::Differs { outputs, metrics: measured } => {
                let outputs =
                    outputs.iter().map(|(name, (was, now))| (name.clone(), json!({ "was": was, "now": now })));
                let outputs: serde_json::Map<_, _> = outputs.collect();
                json!({ "step": step, "outcome": "differs", "outputs": outputs, "metrics": metrics(measured) })
            }
            StepOutcome::OtherInputs { inputs, metrics: measured } => {
                json!({ "step": step, "outcome": "other_inputs", "inputs": inputs, "metrics": metrics(measured) })
            }
            StepOutcome::Failed(reason) => json!({ "step": step, "outcome": "failed", "reason": reason }),
            StepOutcome::NotExecuted => json!({ "step": step, "outcome": "not_executed" }),
        }
    };
    json!({
        "steps": rebuilt.steps.iter().map(step).collect::<Vec<_>>(),
        "same_model": rebuilt.is_same_model,
        "environment_changes": rebuilt.environment_changes,
    })
}
