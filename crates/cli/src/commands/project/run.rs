//! `kilter run`: the steps of a project, and what the contract does with what they make.
//!
//! Invariants: the run is done by the server where one has the data folder or is named, else by this process; what is said
//! of it is read back from its record, so both say the same.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use clap::Args;
use kilter_api::{self as api, Code, Exit, Problem};
use kilter_app::{
    Project,
    audit::keep_checkpoints,
    deployment::DeployOutcome,
    make_data_folder,
    reproduce::{StepVerdict, check_reproducibility, step_verdicts},
    runs::{self, train_and_deploy},
    temporary_folder,
    training::{RunOverrides, RunRequest, Training},
};
use kilter_domain::{
    digest::Digest,
    error_chain::with_causes,
    ids::StepName,
    plural::counted,
    run::{Cause, StepState},
};
use kilter_server::{
    api::{run_events, runs as api_runs},
    error::problem_of,
};
use kilter_workflow::{Force, Plan, RunOptions, RunRecord, execute};
use serde::Serialize;
use serde_json::Value;

use crate::{
    commands::model::show::{with_gates, with_metrics},
    connect::{Api, ConnectArgs, Platform},
    context::{act, now},
    ui::{
        error::{CliError, usage},
        output::Output,
        progress::ProgressBar,
        view::{Answer, Page, Status},
    },
};

/// The rest between two questions that had no answer.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(200);

/// Run the steps of a project, then package, gate and deploy the new version as the contract states.
///
/// A step with unchanged inputs is taken from the cache, so a stopped run continues where it was. A run whose result
/// equals an existing version creates no other. If a server uses the data folder, the server executes the run, also
/// after this command has ended. Exits with 3 if a gate rejects the version, and with 8 if the version needs an
/// approval.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Only these steps and the steps that they depend on. Default: all.
    steps: Vec<StepName>,
    /// The folder of the project.
    #[arg(long, value_name = "DIR", default_value = ".")]
    project: PathBuf,
    #[command(flatten)]
    connect: ConnectArgs,
    /// Show which steps would be executed and why. Executes nothing.
    #[arg(long)]
    dry_run: bool,
    /// Execute steps with cached results too, and create a version even if nothing changed.
    #[arg(long, conflicts_with = "dry_run")]
    force: bool,
    /// Execute each step once more in a clean folder, compare its outputs with those that it made before, and create no version.
    #[arg(long, conflicts_with_all = ["dry_run", "force"])]
    check: bool,
    /// Fail if a dataset differs from its digest in kilter.lock.
    #[arg(long)]
    locked: bool,
    /// Override a parameter, like `train.rounds=50`. Can be repeated.
    #[arg(long = "param", value_name = "NAME=VALUE")]
    params: Vec<String>,
}

#[derive(Serialize)]
struct RunDocument<'r> {
    /// The record; of a run that never began its id and state.
    run: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<VersionDocument<'r>>,
    unchanged: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'r str>,
}

#[derive(Serialize)]
struct VersionDocument<'r> {
    model: &'r str,
    number: u32,
    state: api::VersionState,
    metrics: &'r Value,
    gates: &'r [api::GateVerdict],
}

impl Run {
    pub(crate) fn run(self, output: &Output) -> Result<Answer, CliError> {
        let project = Project::open(&self.project).map_err(|error| problem_of(&error))?;
        if project.contract.steps.is_empty() {
            let detail = format!("the contract in {} states no step", self.project.display());
            return Err(Problem::new(Code::ContractInvalid, detail)
                .hint("add a [step.NAME] with `run = \"…\"`")
                .into());
        }
        match (self.dry_run, self.check) {
            (true, _) => self.plan(&project),
            (_, true) => self.reproducibility(&project, output),
            _ => self.whole(&project, output),
        }
    }

    /// Steps, version, gates, deployment.
    fn whole(self, project: &Project, output: &Output) -> Result<Answer, CliError> {
        let run = match self.connect.platform()? {
            Platform::InProcess(app, act) => {
                let by = runs::register_to_run(&app, &act, project)?;
                let training = Training::requested(by, self.request()?);
                let bar = ProgressBar::start(output);
                let done = train_and_deploy(&app, project, training, &mut |event| {
                    run_events::event(0, &event).iter().for_each(|event| write_event(&bar, output, event));
                })?;
                done.deployed.iter().for_each(|at| bar.write_note(output, &deployed(at)));
                // The run is done, whatever becomes of the checkpoint: the next one covers it.
                if let Err(error) = keep_checkpoints(&app, now()) {
                    output.note(&format!("no checkpoint was signed: {}", with_causes(&error)));
                }
                api_runs::run(&app, &done.trained.run)?
            }
            Platform::Server(api) => self.by_server(&api, project, output)?,
        };
        Ok(answer(project, &run))
    }

    fn request(&self) -> Result<RunRequest, CliError> {
        let overrides = RunOverrides { force: self.force(), locked: self.locked, params: overrides(&self.params)? };
        Ok(RunRequest { steps: self.steps.iter().cloned().collect(), overrides, now: Arc::new(now) })
    }

    /// Whether each step makes the same outputs again. By this process, whoever has the data folder: nothing of it is needed.
    fn reproducibility(self, project: &Project, output: &Output) -> Result<Answer, CliError> {
        let tool = std::env::current_exe().map_err(|error| Problem::of(Code::Internal, &error))?;
        make_data_folder(&project.folder.join(".kilter")).map_err(|error| problem_of(&error))?;
        let scratch = temporary_folder(&std::env::temp_dir(), "kilter-check.");
        let scratch = scratch.map_err(|error| crate::ui::error::disk("write to", &std::env::temp_dir(), &error))?;
        let bar = ProgressBar::start(output);
        let request = (&act().actor, self.request()?);
        let record = check_reproducibility(project, request, (&tool, scratch.path()), &mut |event| {
            let event = run_events::event(0, &event).filter(|event| event.kind != api::RunEventKind::DataChanged);
            event.iter().for_each(|event| write_event(&bar, output, event));
        })
        .map_err(|error| problem_of(&error))?;
        drop(bar);
        Ok(reproducibility_answer(&record))
    }

    /// Asks the server for the run, and follows it to its end.
    fn by_server(&self, api: &Api, project: &Project, output: &Output) -> Result<api::Run, CliError> {
        let folder = api.knows_folder_key().then(|| std::path::absolute(&self.project)).transpose();
        let folder = folder.map_err(|error| crate::ui::error::disk("find", &self.project, &error))?;
        let body = api::NewRun {
            project: folder.is_none().then(|| project.name.to_string()),
            folder: folder.map(|folder| folder.display().to_string()),
            contract: Some(Digest::of(project.text.as_bytes()).to_string()),
            steps: self.steps.iter().map(ToString::to_string).collect(),
            force: self.force,
            locked: self.locked,
            params: overrides(&self.params)?,
        };
        let api::RunStarted { id } = api.call(async |api| api.start_run(&body).await)?;
        output.note(&format!("The server executes run {id}. Cancel it with `kilter runs cancel {id}`."));
        let bar = ProgressBar::start(output);
        let mut after = 0;
        loop {
            let progress = api.call(async |api| api.run_events(&id, after).await);
            let progress = progress.map_err(|stop| server_gone(stop, &id))?;
            for event in &progress.events {
                after = event.number;
                write_event(&bar, output, event);
            }
            if progress.has_ended {
                break;
            }
            // A server that many follow answers at once.
            if progress.events.is_empty() {
                std::thread::sleep(PAUSE);
            }
        }
        api.call(async |api| api.run(&id).await).map_err(|stop| server_gone(stop, &id))
    }

    fn force(&self) -> Force {
        if self.force { Force::All } else { Force::None }
    }

    /// What would be executed, and why; nothing is done.
    fn plan(self, project: &Project) -> Result<Answer, CliError> {
        let act = act();
        let plan = Plan::of(&project.contract).map_err(|error| Problem::of(Code::ContractInvalid, &error))?;
        let only: BTreeSet<StepName> = self.steps.iter().cloned().collect();
        let tool = std::env::current_exe().map_err(|error| Problem::of(Code::Internal, &error))?;
        let only = match only.is_empty() {
            true => None,
            false => Some(plan.with_upstream(&only).map_err(|error| Problem::of(Code::ContractInvalid, &error))?),
        };
        let options = RunOptions {
            only,
            locked: self.locked,
            explain_only: true,
            param_overrides: overrides(&self.params)?,
            ..RunOptions::new("explain", Cause::Manual { by: act.actor }, &project.folder, &tool, Arc::new(now))
        };
        // What is known of files by their digests is kept also of a run that is only explained.
        make_data_folder(&options.state_folder).map_err(|error| problem_of(&error))?;
        let record = execute(&plan, &options, &mut |_| ()).map_err(|error| problem_of(&error))?;
        Ok(Answer::done(&serde_json::json!({ "run": record }), explanation(&record)))
    }
}

/// A server that ends cancels its runs; what became of this one stands in its record.
fn server_gone(stop: CliError, id: &str) -> CliError {
    match stop {
        CliError::Problem(problem) if problem.code == Code::ServerUnreachable.as_str() => {
            let hint = format!(
                "the server has ended, and its runs with it: see `kilter runs show {id}`; `kilter run` goes on where it stopped"
            );
            problem.hint(hint).into()
        }
        stop => stop,
    }
}

/// What a check says of each step, the verdict of all first.
fn reproducibility_answer(record: &RunRecord) -> Answer {
    let verdicts = step_verdicts(record);
    let with =
        |wanted: fn(&StepVerdict) -> bool| verdicts.iter().find(|(_, verdict)| wanted(verdict)).map(|(step, _)| step);
    let failed = with(|verdict| matches!(verdict, StepVerdict::Failed(_) | StepVerdict::NotChecked));
    let differing = with(|verdict| matches!(verdict, StepVerdict::Differs(_)));
    let count = |wanted: fn(&StepVerdict) -> bool| verdicts.iter().filter(|(_, verdict)| wanted(verdict)).count();
    let same = count(|verdict| *verdict == StepVerdict::Reproduced);
    let free = count(|verdict| *verdict == StepVerdict::NotClaimed);
    let (exit, mark, sentence) = match (failed, differing) {
        (Some(step), _) => {
            (Exit::Failed, Status::Bad, format!("not checked: step {step} does not run in a clean folder"))
        }
        (None, Some(step)) => {
            let sentence = format!("not reproducible: step {step} makes other outputs from the same inputs");
            (Exit::CheckFailed, Status::Bad, sentence)
        }
        (None, None) if free > 0 => {
            let sentence = format!(
                "{} made the same again; {free} not deterministic, as the contract says",
                counted(same, "step")
            );
            (Exit::Done, Status::Warn, sentence)
        }
        (None, None) => {
            (Exit::Done, Status::Ok, format!("reproducible: {} made the same outputs again", counted(same, "step")))
        }
    };
    let page = verdicts.iter().fold(Page::new().marked(mark, sentence), |page, (step, verdict)| match verdict {
        StepVerdict::Reproduced => page.marked(Status::Ok, format!("{step}: the same outputs")),
        StepVerdict::NotClaimed => page.marked(Status::None, format!("{step}: not compared, `deterministic = false`")),
        StepVerdict::NotChecked => page.marked(Status::None, format!("{step}: not executed")),
        StepVerdict::Failed(reason) => page
            .marked(Status::Bad, format!("{step}: {reason}"))
            .line("A clean folder has what the command names, its imports, and `code`: add what is missing to `code`."),
        StepVerdict::Differs(differences) => differences.iter().fold(page, |page, (output, difference)| {
            page.marked(Status::Bad, format!("{step}.{output}: {difference}"))
        }),
    });
    Answer::done(&serde_json::json!({ "run": record }), page).exit(exit)
}

fn overrides(texts: &[String]) -> Result<BTreeMap<String, Value>, CliError> {
    let read = |text: &String| match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => {
            let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
            Ok((name.to_owned(), value))
        }
        _ => Err(usage(format!("`--param {text}` needs the form NAME=VALUE, like train.rounds=50"))),
    };
    texts.iter().map(read).collect()
}

/// What became of the version at a place that the contract deploys to by itself.
fn deployed(at: &DeployOutcome) -> Page {
    match &at.outcome {
        Ok(state) => Page::new().marked(Status::Ok, format!("v{} is {state} at {}", at.number, at.endpoint)),
        Err(reason) => {
            Page::new().marked(Status::Wait, format!("v{} is not deployed at {}: {reason}", at.number, at.endpoint))
        }
    }
}

/// One event of a run as a line.
pub(crate) fn write_event(bar: &ProgressBar, output: &Output, event: &api::RunEvent) {
    use api::RunEventKind as Kind;
    let mark = match event.kind {
        Kind::Started => return,
        Kind::StepStarted => Status::Running,
        Kind::StepWaiting => Status::Wait,
        Kind::StepRetrying | Kind::OutputKept => Status::Warn,
        Kind::StepSucceeded | Kind::StepCached => Status::Ok,
        Kind::StepFailed => Status::Bad,
        Kind::StepRefused => Status::Blocked,
        Kind::StepNotRun | Kind::DataChanged => Status::None,
    };
    bar.write_note(output, &Page::new().marked(mark, event.text.clone()));
}

fn explanation(record: &RunRecord) -> Page {
    record.steps.iter().fold(Page::new(), |page, step| match step.state {
        StepState::Queued => {
            let reasons = run_events::reasons(&step.reason);
            page.marked(Status::Running, format!("{} would be executed{reasons}", step.step))
        }
        _ => page.marked(Status::Ok, run_events::step_sentence(step)),
    })
}

/// What came of a run: the verdict, what decided it, what was measured, and how the command ends.
fn answer(project: &Project, run: &api::Run) -> Answer {
    let (exit, mark, sentence) = verdict(run);
    let mut page = Page::new().marked(mark, sentence);
    page = with_step_metrics(page, run);
    if let Some(version) = &run.version {
        page = with_metrics(with_gates(page, version), version);
    }
    let waits_for_a_word = !project.contract.deploy.iter().all(|place| place.auto);
    if let Some(version) =
        run.version.as_ref().filter(|version| version.state == api::VersionState::Approved && waits_for_a_word)
    {
        page = page.line(format!("Deploy it: kilter deploy --version {}", version.number));
    }
    let record = match &run.record {
        Value::Null => serde_json::json!({ "run": run.summary.id, "state": run.summary.state, "steps": [] }),
        record => record.clone(),
    };
    let version = run.version.as_ref().map(|version| VersionDocument {
        model: &version.model,
        number: version.number,
        state: version.state,
        metrics: &version.metrics,
        gates: &version.gates,
    });
    let ran = RunDocument { run: record, version, unchanged: run.unchanged, reason: run.reason.as_deref() };
    Answer::done(&ran, page).exit(exit)
}

/// What the steps measured themselves.
fn with_step_metrics(page: Page, run: &api::Run) -> Page {
    run.steps.iter().filter(|step| !step.metrics.is_empty()).fold(page, |page, step| {
        let metrics: Vec<String> = step.metrics.iter().map(|(name, value)| format!("{name} = {value:.4}")).collect();
        page.line(format!("step {}: {}", step.name, metrics.join(", ")))
    })
}

/// The sentence of a run, and how a command ends that did it.
fn verdict(run: &api::Run) -> (Exit, Status, String) {
    let count = |state| run.steps.iter().filter(|step| step.state == state).count();
    let steps = format!(
        "{}: {} executed, {} cached",
        counted(run.steps.len(), "step"),
        count(api::StepState::Succeeded),
        count(api::StepState::Cached)
    );
    match (run.summary.state, &run.version) {
        (api::RunState::Succeeded, None) => (Exit::Done, Status::Ok, steps),
        (api::RunState::Succeeded, Some(version)) => {
            let (exit, mark, word) = of_version(version.state);
            let (model, number) = (&version.model, version.number);
            match run.unchanged {
                true => {
                    let sentence = format!(
                        "unchanged: version {number} of {model} {word}; {steps}; `kilter run --force` makes another one"
                    );
                    (exit, mark, sentence)
                }
                false => (exit, mark, format!("{model} v{number} {word}; {steps}")),
            }
        }
        (api::RunState::Failed, _) if run.data_refused => {
            let reason = run.reason.as_deref().unwrap_or("see `kilter runs show`");
            (Exit::CheckFailed, Status::Blocked, format!("nothing was trained: {reason}"))
        }
        (state, _) => {
            let reason = run.reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
            (Exit::Failed, Status::Bad, format!("the run {}{reason}; {steps}", format!("{state:?}").to_lowercase()))
        }
    }
}

/// What the state of a version says of the command that made it.
const fn of_version(state: api::VersionState) -> (Exit, Status, &'static str) {
    match state {
        api::VersionState::Approved => (Exit::Done, Status::Ok, "is approved"),
        api::VersionState::Rejected => (Exit::CheckFailed, Status::Bad, "is rejected by a gate"),
        api::VersionState::Validated => {
            (Exit::PendingApproval, Status::Wait, "passed its gates and waits for approval")
        }
        api::VersionState::Candidate => {
            (Exit::PendingApproval, Status::Wait, "is undecided: something was not measured")
        }
        _ => (Exit::Done, Status::None, "is made"),
    }
}
