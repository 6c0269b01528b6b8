//! What a run promises, with real processes in real folders. A test waits for events, never for a span of time.

mod cache;
mod environments;
mod inputs;
mod kills;
mod steps;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process,
    sync::Arc,
    time::Duration,
};

use kilter_domain::{
    run::{Cause, RunState},
    time::Timestamp,
};
use kilter_workflow::{
    CancelToken, Change, Force, Plan, PlanError, PlanParts, Retry, RetryOn, RunError, RunEvent, RunOptions, RunRecord,
    Source, Step, execute,
};
use serde_json::json;
use tempfile::TempDir;

/// A project folder, and the steps it states.
struct World {
    folder: TempDir,
    parts: PlanParts,
    options: RunOptions,
    events: Vec<RunEvent>,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tool = folder.path().join("tool");
        fs::write(&tool, "#!/bin/sh\necho tool $*\n").unwrap();
        fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
        let project = folder.path().join("project");
        fs::create_dir(&project).unwrap();
        let now = Arc::new(|| Timestamp(1_000));
        let mut options = RunOptions::new("run-1", Cause::Replay, &project, &tool, now);
        options.cores = 4;
        Self { folder, parts: PlanParts::default(), options, events: Vec::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.options.project_folder.join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn data(&mut self, name: &str, path: &str, text: &str) {
        self.write(path, text);
        self.parts.datasets.insert(name.parse().unwrap(), path.into());
    }

    /// Adds the step `name: inputs -> outputs | command`; an output is `name=path`.
    fn step(&mut self, line: &str) -> &mut Step {
        let (name, rest) = line.split_once(':').unwrap();
        let (flow, command) = rest.split_once('|').unwrap();
        let (inputs, outputs) = flow.split_once("->").unwrap();
        let mut step = Step::shell(command.trim());
        for input in inputs.split_whitespace() {
            let (name, source) = match input.split_once('.') {
                Some((step, output)) => {
                    (output, Source::Output { step: step.parse().unwrap(), output: output.to_owned() })
                }
                None => (input, Source::Dataset(input.parse().unwrap())),
            };
            step.inputs.insert(name.to_owned(), source);
        }
        for output in outputs.split_whitespace() {
            let (name, path) = output.split_once('=').unwrap();
            step.outputs.insert(name.to_owned(), path.parse().unwrap());
        }
        let name: kilter_domain::ids::StepName = name.parse().unwrap();
        self.parts.steps.insert(name.clone(), step);
        self.parts.steps.get_mut(&name).unwrap()
    }

    fn try_run(&mut self) -> Result<RunRecord, RunError> {
        let plan = Plan::new(self.parts.clone())?;
        self.events.clear();
        let events = &mut self.events;
        execute(&plan, &self.options, &mut |event| events.push(event))
    }

    fn run(&mut self) -> RunRecord {
        self.try_run().unwrap()
    }

    /// The steps that were executed, in the order in which they started.
    fn executed(&self) -> Vec<&str> {
        let started = self.events.iter().filter_map(|event| match event {
            RunEvent::StepStarted { step, .. } => Some(step.as_str()),
            _ => None,
        });
        started.collect()
    }

    /// Nothing of an attempt is left behind.
    fn assert_tidy(&self) {
        let left = fs::read_dir(self.path(".kilter/tmp")).map_or(0, Iterator::count);
        assert_eq!(left, 0, "attempts left folders behind");
        for entry in fs::read_dir(self.path("")).unwrap() {
            let name = entry.unwrap().file_name();
            assert!(!name.to_string_lossy().ends_with(".tmp"), "{name:?}");
        }
    }
}

fn states(record: &RunRecord) -> String {
    let state = |step: &kilter_workflow::StepRecord| format!("{}: {}", step.step, step.state.as_str());
    record.steps.iter().map(state).collect::<Vec<_>>().join(", ")
}

fn error_of<'a>(record: &'a RunRecord, step: &str) -> &'a str {
    record.step(step).unwrap().error.as_deref().unwrap_or_default()
}

fn changes(record: &RunRecord, step: &str) -> String {
    record.step(step).unwrap().reason.iter().map(Change::to_string).collect::<Vec<_>>().join("; ")
}

/// split -> train -> evaluate over one dataset.
fn pipeline() -> World {
    let mut world = World::new();
    world.data("customers", "data/customers.csv", "a\n1\n2\n3\n4\n");
    world.write("split.sh", "head -n 3 $1 > $2; tail -n 2 $1 > $3\n");
    world.step("split: customers -> train=work/train.csv test=work/test.csv | sh split.sh {in.customers} {out.train} {out.test}");
    world.step("train: split.train -> model=work/model | mkdir {out.model}; sort {in.train} > {out.model}/weights");
    world.step(r#"evaluate: train.model split.test -> report=work/report.json | echo "{\"rows\": $(wc -l < {in.test}), \"deep\": {\"x\": 0.5}}" > {out.report}; cat {in.model}/weights"#)
        .metrics = Some("report".to_owned());
    world
}
