//! `kilter run`: the steps of a project, and what the contract does with what they make.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use clap::Args;
use kilter_app::{
    Project,
    run::{Change, Force, Plan, RunEvent, RunOptions, RunRecord, StepRecord, execute},
    training::{Governance, Trained, Training, Wish},
};
use kilter_domain::{
    ids::StepName,
    model::VersionState,
    run::{Cause, RunState, StepState},
};
use kilter_server::failure::problem_of;
use kilter_wire::{Code, Exit, Problem};
use serde::Serialize;
use serde_json::Value;

use crate::{
    failure::usage,
    output::{Moving, Output},
    page::{Answer, Mark, Page},
    project::{DataFolder, act, now},
    stop::Stop,
};

/// Run a project's steps; pack, judge and deploy what they make, as the contract says.
///
/// Steps whose result is known are taken from the cache, so a run that was stopped goes on where it was. Ends with 3 when
/// a gate refuses the version, with 8 when a person must decide.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Only these steps and what feeds them; all where none is named.
    steps: Vec<StepName>,
    /// The project's folder.
    #[arg(long, value_name = "DIR", default_value = ".")]
    project: PathBuf,
    #[command(flatten)]
    data: DataFolder,
    /// Say what would be executed and why, and do nothing.
    #[arg(long)]
    explain: bool,
    /// Execute steps though their results are known.
    #[arg(long, conflicts_with = "explain")]
    force: bool,
    /// Refuse to run when data is not what kilter.lock pins.
    #[arg(long)]
    locked: bool,
    /// Another value of a parameter, like `train.rounds=50`; may stand several times.
    #[arg(long = "param", value_name = "NAME=VALUE")]
    params: Vec<String>,
}

#[derive(Serialize)]
struct Ran<'r> {
    run: &'r RunRecord,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<Made>,
}

#[derive(Serialize)]
struct Made {
    model: String,
    number: u32,
    state: String,
}

impl Run {
    pub(crate) fn run(self, output: &Output) -> Result<Answer, Stop> {
        let project = Project::open(&self.project).map_err(|error| problem_of(&error))?;
        if project.contract.steps.is_empty() {
            let detail = format!("the contract in {} states no step", self.project.display());
            return Err(Problem::new(Code::ContractInvalid, detail)
                .hint("add a [step.NAME] with `run = \"…\"`")
                .into());
        }
        match self.explain {
            true => self.explained(&project),
            false => self.whole(&project, output),
        }
    }

    /// Steps, version, gates, deployment.
    fn whole(self, project: &Project, output: &Output) -> Result<Answer, Stop> {
        let app = self.data.open()?;
        let act = act();
        app.register_to_run(&act, project)?;
        let training = Training {
            cause: Cause::Manual { by: act.by.clone() },
            act: act.clone(),
            data: BTreeMap::new(),
            steps: self.steps.iter().cloned().collect(),
            outputs_root: None,
            governance: Governance::Asked,
            wish: Wish { force: self.force(), locked: self.locked, params: overrides(&self.params)? },
            now: Arc::new(now),
        };
        let moving = output.moving();
        let trained = app.train(project, training, &mut |event| tell(&moving, output, &event))?;
        app.deploy_if_allowed(&act, project, &trained, Governance::Asked)?;
        drop(moving);
        Ok(answer(project, &trained.record, Some(&trained)))
    }

    fn force(&self) -> Force {
        if self.force { Force::All } else { Force::None }
    }

    /// What would be executed, and why; nothing is done.
    fn explained(self, project: &Project) -> Result<Answer, Stop> {
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
            ..RunOptions::new("explain", Cause::Manual { by: act.by }, &project.folder, &tool, Arc::new(now))
        };
        let record = execute(&plan, &options, &mut |_| ()).map_err(|error| problem_of(&error.into()))?;
        Ok(Answer::done(&Ran { run: &record, version: None }, explanation(&record)))
    }
}

fn overrides(texts: &[String]) -> Result<BTreeMap<String, Value>, Stop> {
    let read = |text: &String| match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => {
            let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
            Ok((name.to_owned(), value))
        }
        _ => Err(usage(format!("`--param {text}` needs the form NAME=VALUE, like train.rounds=50"))),
    };
    texts.iter().map(read).collect()
}

/// One event of a run as a line.
fn tell(moving: &Moving, output: &Output, event: &RunEvent) {
    let page = match event {
        RunEvent::StepStarted { step, attempt, because } => {
            let again = if *attempt > 1 { format!(" (attempt {attempt})") } else { String::new() };
            Page::new().marked(Mark::Running, format!("{step}{again}{}", reasons(because)))
        }
        RunEvent::StepWaiting { step, path } => {
            Page::new().marked(Mark::Wait, format!("{step} waits: another run holds {path}"))
        }
        RunEvent::StepRetrying { step, attempt, wait_ms, .. } => Page::new()
            .marked(Mark::Warn, format!("{step} failed (attempt {attempt}), tried again in {} s", wait_ms / 1_000)),
        RunEvent::StepEnded { record } => Page::new().marked(mark(record.state), ended(record)),
        RunEvent::DataChanged { dataset, was, .. } => {
            let what = if was.is_some() {
                "has changed; kilter.lock now pins it as it is"
            } else {
                "is pinned in kilter.lock"
            };
            Page::new().marked(Mark::None, format!("dataset {dataset} {what}"))
        }
        RunEvent::Kept { step, path, .. } => Page::new()
            .marked(Mark::Warn, format!("{step}: what stood at {path} was not made by a run; it is kept in the store")),
        RunEvent::Started { .. } | RunEvent::StepOutput { .. } => return,
    };
    moving.say(output, &page);
}

fn reasons(because: &[Change]) -> String {
    let changes: Vec<String> = because.iter().take(3).map(ToString::to_string).collect();
    if changes.is_empty() { String::new() } else { format!(": {}", changes.join("; ")) }
}

const fn mark(state: StepState) -> Mark {
    match state {
        StepState::Succeeded | StepState::Cached => Mark::Ok,
        StepState::Failed => Mark::Bad,
        StepState::Running => Mark::Running,
        StepState::Queued => Mark::Wait,
        StepState::Cancelled | StepState::Skipped => Mark::None,
        StepState::Refused => Mark::Blocked,
    }
}

fn ended(record: &StepRecord) -> String {
    let what = match record.state {
        StepState::Cached => "known already".to_owned(),
        StepState::Succeeded => format!("{:.1} s", record.wall_ms as f64 / 1_000.0),
        state => format!("{state:?}").to_lowercase(),
    };
    let error = record.error.as_ref().map_or_else(String::new, |error| format!(": {error}"));
    let log = record.log_tail.as_ref().filter(|_| record.state == StepState::Failed);
    let log = log.map_or_else(String::new, |log| format!("\n    {}", log.trim_end().replace('\n', "\n    ")));
    let file =
        record.log_file.as_ref().map_or_else(String::new, |file| format!("\n    its whole log is {}", file.display()));
    format!("{} ({what}){error}{log}{file}", record.step)
}

fn explanation(record: &RunRecord) -> Page {
    record.steps.iter().fold(Page::new(), |page, step| match step.state {
        StepState::Queued => {
            page.marked(Mark::Running, format!("{} would be executed{}", step.step, reasons(&step.because)))
        }
        _ => page.marked(mark(step.state), ended(step)),
    })
}

/// What came of a run, in one sentence, and how the command ends.
fn answer(project: &Project, record: &RunRecord, trained: Option<&Trained>) -> Answer {
    let version = trained.and_then(|trained| trained.version);
    let ran = Ran {
        run: record,
        version: version.map(|(number, state)| Made {
            model: project.model().to_string(),
            number,
            state: state.to_string(),
        }),
    };
    let count = |state| record.steps.iter().filter(|step| step.state == state).count();
    let steps = format!(
        "{} steps: {} executed, {} known already",
        record.steps.len(),
        count(StepState::Succeeded),
        count(StepState::Cached)
    );
    let (exit, mark, sentence) = match (record.state, version) {
        (RunState::Succeeded, None) => (Exit::Done, Mark::Ok, steps),
        (RunState::Succeeded, Some((number, state))) => {
            let (exit, mark, word) = verdict(state);
            (exit, mark, format!("{} v{number} {word}; {steps}", project.model()))
        }
        (_, None) if trained.is_some_and(|trained| trained.refused.is_some()) => {
            let because = trained.and_then(|trained| trained.refused.clone()).unwrap_or_default();
            (Exit::Negative, Mark::Blocked, format!("nothing was trained: {because}"))
        }
        (state, _) => (Exit::Failed, Mark::Bad, format!("the run {}; {steps}", format!("{state:?}").to_lowercase())),
    };
    let mut page = Page::new().marked(mark, sentence);
    let waits_for_a_word = !project.contract.deploy.iter().all(|place| place.auto);
    if let Some((number, _)) = version.filter(|(_, state)| *state == VersionState::Approved && waits_for_a_word) {
        page = page.line(format!("Let it answer: kilter deploy --version {number}"));
    }
    Answer::done(&ran, page).exit(exit)
}

/// What the state of a version says of the command that made it.
const fn verdict(state: VersionState) -> (Exit, Mark, &'static str) {
    match state {
        VersionState::Approved => (Exit::Done, Mark::Ok, "is approved"),
        VersionState::Rejected => (Exit::Negative, Mark::Bad, "is refused by a gate: see `kilter model show`"),
        VersionState::Validated => (Exit::Waits, Mark::Wait, "passed its gates and waits for approval"),
        VersionState::Candidate => {
            (Exit::Waits, Mark::Wait, "is undecided: something was not measured, see `kilter model show`")
        }
        VersionState::Draft | VersionState::Retired | VersionState::Revoked => (Exit::Done, Mark::None, "is made"),
    }
}
