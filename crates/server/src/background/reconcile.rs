//! The loop: seals, monitors, alerts, rollouts and retraining of every project.
//!
//! Invariants: seals have a thread of their own, each project is evaluated in one of a few threads, and a training runs in
//! one besides: what takes long for one project keeps nobody else waiting. A commit wakes the projects, a record of the
//! prediction log wakes the seal; without either a task sleeps until its next event is due. The sleep is measured by the
//! monotonic clock; a wall clock that is set is noticed within [`MAX_SLEEP`]. Where several servers share a database, one of them
//! has the lease of a project, and evaluates and trains it.

use kilter_app::{
    App, authz,
    garbage::{self, GarbageOptions},
    reconcile::{self, EvaluationMode, ReconcileError},
    registered, replicas,
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use kilter_domain::{error_chain::with_causes, ids::ProjectName, time::Timestamp};

use crate::{
    background::{
        publish::PushSchedule,
        schedule::{Due, ProjectSchedule},
    },
    signals::Counts,
    state::AppState,
    tasks::Importance,
};

/// The time between two seals while records arrive: a seal makes a partition.
const SEAL_EVERY: Duration = Duration::from_secs(10);

/// The time between two passes over the projects while commits arrive.
const PASS_EVERY: Duration = Duration::from_secs(1);

/// The longest sleep. After it the loop checks what has no signal: blocked tasks, counted refusals, failed requests, the
/// wall clock. No project is evaluated for it.
const MAX_SLEEP: Duration = Duration::from_secs(60);

/// The rest of the projects that are there when the server starts: requests come first.
const START_REST: Duration = Duration::from_secs(10);

/// The rest of a project that could not be evaluated, and of the loop while the projects cannot be listed.
const RETRY: Duration = Duration::from_secs(10);

/// The rest of a server that has just started, before it looks for records past their retention; and between two such looks.
const FIRST_EXPIRY: Duration = Duration::from_secs(10 * 60);
const EXPIRE_EVERY: Duration = Duration::from_secs(24 * 60 * 60);

/// The rest of a project that another server evaluates: how long its lease stays free if that one dies.
const LEASE_POLL: Duration = Duration::from_secs(5);

/// Clocks that drift apart by less since the last pass have not been set.
const MAX_DRIFT_MS: i64 = 5_000;

/// Projects that are evaluated at the same time.
const MAX_EVALUATIONS: usize = 4;

/// Trainings that the loop runs at the same time.
const MAX_TRAININGS: usize = 2;

/// The longest that each step is expected to take.
const SEAL_LIMIT: Duration = Duration::from_secs(5 * 60);

const EXPIRY_LIMIT: Duration = Duration::from_secs(60 * 60);

const EVALUATION_LIMIT: Duration = Duration::from_secs(15 * 60);

const TRAINING_LIMIT: Duration = Duration::from_secs(24 * 60 * 60);

/// Starts the loop in threads of its own; they end after the step in which the server begins to stop.
pub(crate) fn start(state: &AppState) {
    spawn(state, "sealing", run_sealing);
    spawn(state, "reconcile", run_reconciler);
}

fn spawn(state: &AppState, name: &str, work: fn(&AppState)) {
    let state = state.clone();
    if let Err(error) = thread::Builder::new().name(name.to_owned()).spawn(move || work(&state)) {
        tracing::error!(%error, task = name, "a background task stands still: its thread could not be started");
    }
}

fn run_sealing(state: &AppState) {
    let mut is_finished = false;
    // What an earlier process left is sealed first, whether or not something is recorded.
    while state.signals().rest(SEAL_EVERY) {
        if is_finished && state.signals().wait(Duration::MAX, |now| now.has_records).is_stopping {
            return;
        }
        is_finished = seal(state);
    }
}

/// Seals what was recorded so far; whether there is nothing left to do until something is recorded.
pub(crate) fn seal(state: &AppState) -> bool {
    let sealed = state.background().step("sealing", (Importance::Vital, SEAL_LIMIT), || {
        state.signals().begin_seal();
        let done = reconcile::compact_logs(&state.app(), state.now());
        let failure = |(endpoint, error)| format!("`{endpoint}`: {}", with_causes(&error));
        let failures: Vec<String> = done.failures.into_iter().map(failure).collect();
        if failures.is_empty() { Ok(!done.is_unfinished) } else { Err(failures.join("; ")) }
    });
    sealed == Some(true)
}

fn run_reconciler(state: &AppState) {
    let mut projects = Projects::default();
    let mut clock = WallClock { at: Instant::now(), read: state.now() };
    let (mut seen, mut pushes): (Option<Counts>, _) = (None, PushSchedule::default());
    let mut next_expiry = Instant::now() + FIRST_EXPIRY;
    loop {
        let is_new = |now: &Counts| seen.is_none_or(|seen| (now.commits, now.ended) != (seen.commits, seen.ended));
        let counts = state.signals().wait(projects.sleep().min(pushes.sleep()), is_new);
        if counts.is_stopping {
            return;
        }
        let has_commits = seen.is_none_or(|seen| counts.commits > seen.commits);
        seen = Some(counts);
        pass(state, &mut projects, counts.commits, has_commits);
        if clock.was_set(state.now()) || state.signals().take_failures() {
            projects.wake(u64::MAX);
        }
        projects.start_due(state, counts.commits);
        pushes.start_due(state, has_commits);
        if next_expiry <= Instant::now() {
            next_expiry = Instant::now() + EXPIRE_EVERY;
            spawn(state, "retention", expire_records);
        }
        if !state.signals().rest(PASS_EVERY) {
            return;
        }
    }
}

/// What is done before projects are evaluated: tasks that do not come back, refusals that were counted, the projects.
fn pass(state: &AppState, projects: &mut Projects, commits: u64, has_commits: bool) {
    state.background().log_blocked();
    let found = state.background().step("projects", (Importance::Vital, SEAL_LIMIT), || {
        authz::record_repeated_refusals(&state.app(), state.now());
        if !has_commits && projects.is_listed {
            return Ok(Vec::new());
        }
        registered::projects(&state.app()).map_err(|error| with_causes(&error))
    });
    let rest = if projects.has_started { Duration::ZERO } else { START_REST };
    projects.is_listed = found.is_some();
    projects.has_started |= projects.is_listed;
    found.into_iter().flatten().for_each(|name| projects.add(name, commits, rest));
    if has_commits {
        projects.wake(commits);
    }
}

/// Removes what is past its retention, the cheap part of what `kilter gc` does.
fn expire_records(state: &AppState) {
    state.background().step("retention", (Importance::Optional, EXPIRY_LIMIT), || {
        let usual = GarbageOptions::new(state.now());
        let options = GarbageOptions { deletes: true, ..usual };
        let expired = garbage::expire_records(&state.app(), &options).map_err(|error| with_causes(&error))?;
        for found in &expired.garbage {
            let (what, place, count) = (found.kind.as_str(), &found.place, found.count);
            tracing::info!(what, place, count, "removed, because it is past its retention");
        }
        if expired.skipped.is_empty() { Ok(()) } else { Err(expired.skipped.join("; ")) }
    });
}

/// The wall clock beside the monotonic one.
struct WallClock {
    at: Instant,
    read: Timestamp,
}

impl WallClock {
    /// Whether the wall clock was set since this was asked last.
    fn was_set(&mut self, now: Timestamp) -> bool {
        let at = Instant::now();
        let passed = i64::try_from((at - self.at).as_millis()).unwrap_or(i64::MAX);
        let drift = now.millis().saturating_sub(self.read.millis()).saturating_sub(passed);
        *self = Self { at, read: now };
        drift.abs() > MAX_DRIFT_MS
    }
}

/// The projects that the loop evaluates.
#[derive(Default)]
struct Projects {
    known: BTreeMap<ProjectName, Arc<Mutex<ProjectSchedule>>>,
    evaluating: Arc<AtomicUsize>,
    training: Arc<AtomicUsize>,
    /// Whether the newest listing succeeded; if not, the next pass lists again.
    is_listed: bool,
    has_started: bool,
}

impl Projects {
    fn add(&mut self, name: ProjectName, commits: u64, rest: Duration) {
        let new = || Arc::new(Mutex::new(ProjectSchedule::new(Instant::now(), commits, rest)));
        self.known.entry(name).or_insert_with(new);
    }

    /// Something was committed that any project may have to act on.
    fn wake(&self, commits: u64) {
        self.known.values().for_each(|schedule| lock(schedule).wake(Instant::now(), commits));
    }

    /// How long nothing is due. Where no more may be evaluated at the same time, the end of one is waited for.
    fn sleep(&self) -> Duration {
        let longest = if self.is_listed { MAX_SLEEP } else { RETRY };
        if !self.is_free() {
            return longest;
        }
        let now = Instant::now();
        let rests = self.known.values().filter_map(|schedule| lock(schedule).rest(now));
        rests.min().unwrap_or(longest).min(longest)
    }

    fn is_free(&self) -> bool {
        self.evaluating.load(Ordering::Acquire) < MAX_EVALUATIONS
    }

    fn start_due(&self, state: &AppState, commits: u64) {
        for (name, schedule) in &self.known {
            if !self.is_free() {
                return;
            }
            let Some(due) = lock(schedule).begin(Instant::now(), commits) else { continue };
            self.evaluating.fetch_add(1, Ordering::AcqRel);
            let (task, evaluating) = (state.clone(), self.evaluating.clone());
            let (name, of_thread, training) = (name.clone(), schedule.clone(), self.training.clone());
            let spawned = thread::Builder::new().name("monitors".to_owned()).spawn(move || {
                let rest = evaluate_project(&task, &name, (&of_thread, due), &training);
                evaluating.fetch_sub(1, Ordering::AcqRel);
                lock(&of_thread).end(Instant::now(), task.signals().counts().commits, rest);
                task.signals().end_of_task();
            });
            if let Err(error) = spawned {
                tracing::error!(%error, "monitors do not run: their thread could not be started");
                self.evaluating.fetch_sub(1, Ordering::AcqRel);
                lock(schedule).end(Instant::now(), commits, RETRY);
            }
        }
    }
}

fn lock(schedule: &Mutex<ProjectSchedule>) -> MutexGuard<'_, ProjectSchedule> {
    schedule.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Evaluates a project, and starts a training that is due; how long the project rests then.
fn evaluate_project(
    state: &AppState,
    name: &ProjectName,
    (schedule, due): (&Arc<Mutex<ProjectSchedule>>, Due),
    training: &Arc<AtomicUsize>,
) -> Duration {
    let (task, now) = (format!("monitors of {name}"), state.now());
    let evaluated = state.background().step(&task, (Importance::Project(name.clone()), EVALUATION_LIMIT), || {
        let failed = |error: ReconcileError| with_causes(&error);
        let Some(app) = replicas::hold_project(&state.app(), name).map_err(|error| with_causes(&error))? else {
            return reconcile::tally_failures(&state.app(), name, now).map_err(failed).map(|()| None);
        };
        let mode = EvaluationMode { may_train: !lock(schedule).is_training, seals_first: due == Due::Time };
        let evaluated = reconcile::evaluate_registered_project(&app, name, now, mode).map_err(failed)?;
        Ok(Some((app, evaluated)))
    });
    let Some(evaluated) = evaluated else { return RETRY };
    let Some((app, evaluated)) = evaluated else { return LEASE_POLL };
    if evaluated.is_training_due {
        if training.load(Ordering::Acquire) >= MAX_TRAININGS {
            return RETRY;
        }
        start_training(state, app, name, (schedule, training));
    }
    let rest = evaluated.next.map(|next| next.millis().saturating_sub(state.now().millis()));
    rest.map_or(Duration::from_secs(24 * 60 * 60), |rest| Duration::from_millis(u64::try_from(rest).unwrap_or(0)))
}

/// Trains under the lease that the training was found due under.
fn start_training(
    state: &AppState,
    app: App,
    name: &ProjectName,
    (schedule, training): (&Arc<Mutex<ProjectSchedule>>, &Arc<AtomicUsize>),
) {
    training.fetch_add(1, Ordering::AcqRel);
    lock(schedule).is_training = true;
    let spawned = thread::Builder::new().name("training".to_owned()).spawn({
        let (state, name, schedule, training) = (state.clone(), name.clone(), schedule.clone(), training.clone());
        move || {
            let task = format!("training of {name}");
            state.background().step(&task, (Importance::Project(name.clone()), TRAINING_LIMIT), || {
                reconcile::train_if_due(&app, &name, state.now()).map_err(|error| with_causes(&error))
            });
            lock(&schedule).is_training = false;
            training.fetch_sub(1, Ordering::AcqRel);
            // What the training refused or could not do wakes nobody: the next evaluation says whether it is due again.
            state.signals().end_of_task();
        }
    });
    if let Err(error) = spawned {
        tracing::error!(%error, "retraining stands still: its thread could not be started");
        lock(schedule).is_training = false;
        training.fetch_sub(1, Ordering::AcqRel);
    }
}
