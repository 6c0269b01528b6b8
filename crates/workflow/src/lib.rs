//! Runs: the steps of a contract, executed once for each different question.
//!
//! A step is a command. Its key is a record of everything its result may depend on; a known key is not executed again
//! (`kilter run` is its own resume). Downstream keys use the digests of outputs, so that a change which changes no
//! output stops there.
//!
//! Invariants: outputs are written to a fresh folder, stored, and only then put in place; what stood there is kept in
//! the store; a killed run leaves nothing half-written and the next one completes it; steps of concurrent runs do
//! not trample on each other's outputs.
//!
//! Out of scope: the clock (it is handed in), SQL, gates, and where else than on this machine a step may run.

#![deny(missing_docs, clippy::missing_errors_doc)]

mod action_cache;
mod attempt;
mod attempt_folder;
mod code_deps;
mod column_roles;
mod contract;
mod dataset_profile;
mod declared_files;
mod difference;
mod error;
pub mod executor;
mod git;
mod key;
mod lockfile;
mod locks;
mod metrics;
mod options;
mod output_places;
mod placeholder;
mod plan;
mod plan_error;
mod python_env;
mod record;
mod run_context;
mod run_lock;
mod schedule;
mod state_folder;
mod step;

use std::{
    collections::{BTreeMap, BTreeSet},
    thread,
};

use kilter_domain::{
    ids::{DatasetName, StepName},
    run::{RunState, StepState},
};

pub use action_cache::{Action, ActionResult, CachedResult};
pub use code_deps::{CodeError, matching_files};
pub use column_roles::{ColumnRoles, RolesByDataset, VARIABLE as ROLES_VARIABLE};
pub use dataset_profile::{ColumnBound, ColumnProfile, DatasetProfile, Describe};
pub use declared_files::{DeclaredFilesError, declared_files, lock_files};
pub use difference::Difference;
pub use error::{RunError, StepError};
pub use executor::{CancelToken, Command, Retry, RetryOn};
pub use git::{GitState, patch};
pub use key::{Change, KeyRecord};
pub use lockfile::{LockedDataset, Lockfile, LockfileError};
pub use locks::LockError;
pub use metrics::MetricsError;
pub use options::{FetchedDataset, Force, Now, RunOptions};
pub use output_places::KEPT_NAMES;
pub use plan::{Environment, Needs, Plan, PlanParts, Source, Step};
pub use plan_error::PlanError;
pub use python_env::{EnvironmentError, PythonEnvironment, StoredEnvironment};
pub use record::{OutputRecord, RunEvent, RunRecord, StepRecord, UnchangedVersion};
pub use run_lock::{RunLock, RunLockError, StepLock};
pub use state_folder::StateFolder;

pub use attempt_folder::sweep;

use run_context::RunContext;
use schedule::Schedule;

/// Executes the steps of a plan whose results are not known yet, and says what happened.
///
/// # Errors
/// When the run could not start: data is missing or not what the lock pins, options name what is not there, or the
/// state folder cannot be used. A failed step is no error here: it stands in the record. A run that only explains
/// leaves steps `queued` that it would execute.
pub fn execute(plan: &Plan, options: &RunOptions, observer: &mut dyn FnMut(RunEvent)) -> Result<RunRecord, RunError> {
    let options = &run_context::absolute(options)?;
    let started = (options.now)();
    let wanted = wanted(plan, options)?;
    output_places::check(plan, options, &wanted)?;
    let context = &RunContext::open(plan, options)?;
    let (git, data, steps) = thread::scope(|scope| {
        let git = scope.spawn(|| git::state(&options.project_folder));
        let data = pin_data(context, &wanted, observer)?;
        let run = options.run_id.clone();
        observer(RunEvent::Started { run, steps: wanted.iter().map(|name| (*name).clone()).collect() });
        let steps = Schedule::new(context, &data, wanted).run(observer);
        Ok::<_, RunError>((git.join().ok().flatten(), data, steps))
    })?;
    // Hashes that could not be kept are made again next time.
    let _ = context.hashes.save();
    Ok(RunRecord {
        run: options.run_id.clone(),
        cause: options.cause.clone(),
        state: state_of(&steps),
        started,
        ended: (options.now)(),
        data,
        params: context.params.clone(),
        git,
        environments: context.python.used(),
        steps,
        unchanged: None,
    })
}

fn state_of(steps: &[StepRecord]) -> RunState {
    let has = |state| steps.iter().any(|step| step.state == state);
    match () {
        () if has(StepState::Failed) => RunState::Failed,
        () if has(StepState::Cancelled) => RunState::Cancelled,
        () if has(StepState::Queued) => RunState::Queued,
        () => RunState::Succeeded,
    }
}

/// The steps that are asked for, in an order in which they may run.
fn wanted<'a>(plan: &'a Plan, options: &RunOptions) -> Result<Vec<&'a StepName>, RunError> {
    let forced = match &options.force {
        Force::Steps(steps) => steps.iter().collect(),
        Force::None | Force::All => Vec::new(),
    };
    for name in options.only.iter().flatten().chain(forced) {
        plan.step(name)?;
    }
    let is_wanted = |name: &&StepName| options.only.as_ref().is_none_or(|only| only.contains(*name));
    Ok(plan.order().iter().filter(is_wanted).collect())
}

/// Pins the datasets that the wanted steps read (all, for a project without steps).
fn pin_data(
    context: &RunContext<'_>,
    wanted: &[&StepName],
    observer: &mut dyn FnMut(RunEvent),
) -> Result<BTreeMap<DatasetName, LockedDataset>, RunError> {
    let (plan, options) = (context.plan, context.options);
    let sources = wanted.iter().flat_map(|name| plan.steps()[*name].inputs.values());
    let used: BTreeSet<&DatasetName> = match plan.steps().is_empty() {
        true => plan.datasets().keys().collect(),
        false => sources
            .filter_map(|source| match source {
                Source::Dataset(dataset) => Some(dataset),
                Source::Output { .. } => None,
            })
            .collect(),
    };
    let lock_path = options.project_folder.join("kilter.lock");
    let mut lock = Lockfile::read(&lock_path)?;
    let mut pins = BTreeMap::new();
    for name in used {
        let before = lock.data().get(name);
        let pin =
            lockfile::lock_dataset(name, &plan.datasets()[name], before, options, &context.blobs, &context.hashes)?;
        pins.insert(name.clone(), pin);
    }
    let is_stated = |name: &DatasetName| !options.data_overrides.contains_key(name);
    let stated: BTreeMap<_, _> = pins.clone().into_iter().filter(|(name, _)| is_stated(name)).collect();
    let changed: Vec<(&DatasetName, Option<&LockedDataset>, &LockedDataset)> = stated
        .iter()
        .map(|(name, pin)| (name, lock.data().get(name), pin))
        .filter(|(_, was, now)| was.is_none_or(|was| was.content != now.content))
        .collect();
    if options.locked && !changed.is_empty() {
        let lines: Vec<String> =
            changed.iter().map(|(name, was, now)| LockedDataset::change(name, *was, now)).collect();
        return Err(LockfileError::Locked { changes: lines.join("; ") }.into());
    }
    for (name, was, now) in changed {
        observer(RunEvent::DataChanged {
            dataset: name.clone(),
            was: was.cloned().map(Box::new),
            now: Box::new(now.clone()),
        });
    }
    if !options.locked && !options.explain_only && lock.pin(&stated) {
        lock.write(&lock_path)?;
    }
    Ok(pins)
}
