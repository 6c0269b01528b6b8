//! The timer of the loop: seals, monitors, alerts, rollouts and retraining of every project.
//!
//! Invariants: seals have a thread of their own, each project is looked at in one of a few threads, and a training runs in
//! one besides: what takes long for one project keeps nobody else waiting. Two steps of one project never overlap. The rest
//! between two steps is measured by the monotonic clock: a wall clock that is set does not stop the loop.

use kilter_app::{authz, project, reconcile};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use kilter_domain::ids::ProjectName;

use kilter_domain::error_chain::with_causes;

use crate::{state::AppState, tasks::Importance};

/// The rest between two steps.
const EVERY: Duration = Duration::from_secs(10);

/// How often a thread looks whether it should stop.
const PATIENCE: Duration = Duration::from_millis(200);

/// Projects that are looked at at the same time.
const MAX_EVALUATIONS: usize = 4;

/// Trainings that the loop runs at the same time.
const MAX_TRAININGS: usize = 2;

/// What a step takes at most, before it is said to be blocked.
const SEAL_LIMIT: Duration = Duration::from_secs(5 * 60);

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

/// Waits for the next step; whether there is one.
fn wait_for_next_step(state: &AppState) -> bool {
    let began = Instant::now();
    while began.elapsed() < EVERY {
        if state.is_stopping() {
            return false;
        }
        thread::sleep(PATIENCE);
    }
    !state.is_stopping()
}

fn run_sealing(state: &AppState) {
    while wait_for_next_step(state) {
        seal(state);
    }
}

/// Seals what was recorded so far.
pub(crate) fn seal(state: &AppState) {
    state.background().step("sealing", (Importance::Vital, SEAL_LIMIT), || {
        let failed = reconcile::compact_logs(&state.app(), state.now());
        let say = |(endpoint, error)| format!("`{endpoint}`: {}", with_causes(&error));
        let failed: Vec<String> = failed.into_iter().map(say).collect();
        if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) }
    });
}

fn run_reconciler(state: &AppState) {
    let mut projects = Projects::default();
    let mut listed: Option<Instant> = None;
    while !state.is_stopping() {
        thread::sleep(PATIENCE);
        if listed.is_none_or(|at| at.elapsed() >= EVERY) {
            listed = Some(Instant::now());
            state.background().log_blocked();
            let found = state.background().step("projects", (Importance::Vital, SEAL_LIMIT), || {
                authz::record_repeated_refusals(&state.app(), state.now());
                project::projects(&state.app()).map_err(|error| with_causes(&error))
            });
            found.into_iter().flatten().for_each(|name| projects.add(name));
        }
        projects.start_due(state);
    }
}

/// The projects that the loop looks after.
#[derive(Default)]
struct Projects {
    known: BTreeMap<ProjectName, Arc<ProjectSchedule>>,
    evaluating: Arc<AtomicUsize>,
    training: Arc<AtomicUsize>,
}

/// What goes on for one project.
struct ProjectSchedule {
    /// When it is looked at next; `None` while it is.
    next_evaluation: Mutex<Option<Instant>>,
    is_training: AtomicBool,
}

impl Projects {
    fn add(&mut self, name: ProjectName) {
        let first = Mutex::new(Some(Instant::now() + EVERY));
        self.known.entry(name).or_insert_with(|| {
            Arc::new(ProjectSchedule { next_evaluation: first, is_training: AtomicBool::new(false) })
        });
    }

    fn start_due(&self, state: &AppState) {
        for (name, schedule) in &self.known {
            if self.evaluating.load(Ordering::Acquire) >= MAX_EVALUATIONS || !schedule.begin() {
                continue;
            }
            self.evaluating.fetch_add(1, Ordering::AcqRel);
            let (state, name, schedule) = (state.clone(), name.clone(), schedule.clone());
            let (evaluating, training) = (self.evaluating.clone(), self.training.clone());
            let spawned = thread::Builder::new().name("monitors".to_owned()).spawn({
                let (schedule, evaluating) = (schedule.clone(), evaluating.clone());
                move || {
                    evaluate_project(&state, &name, &schedule, &training);
                    schedule.rest();
                    evaluating.fetch_sub(1, Ordering::AcqRel);
                }
            });
            if let Err(error) = spawned {
                tracing::error!(%error, "monitors do not run: their thread could not be started");
                schedule.rest();
                evaluating.fetch_sub(1, Ordering::AcqRel);
            }
        }
    }
}

impl ProjectSchedule {
    /// Takes the next look, if it is due.
    fn begin(&self) -> bool {
        let mut next = self.lock();
        let is_due = next.is_some_and(|at| at <= Instant::now());
        if is_due {
            *next = None;
        }
        is_due
    }

    fn rest(&self) {
        *self.lock() = Some(Instant::now() + EVERY);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.next_evaluation.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks at a project, and starts a training that is due.
fn evaluate_project(
    state: &AppState,
    name: &ProjectName,
    schedule: &Arc<ProjectSchedule>,
    training: &Arc<AtomicUsize>,
) {
    let task = format!("monitors of {name}");
    let evaluated = state.background().step(&task, (Importance::Project, EVALUATION_LIMIT), || {
        let may_train = !schedule.is_training.load(Ordering::Acquire);
        reconcile::evaluate_registered_project(&state.app(), name, state.now(), may_train)
            .map_err(|error| with_causes(&error))
    });
    if evaluated != Some(true) || training.load(Ordering::Acquire) >= MAX_TRAININGS {
        return;
    }
    training.fetch_add(1, Ordering::AcqRel);
    schedule.is_training.store(true, Ordering::Release);
    let spawned = thread::Builder::new().name("training".to_owned()).spawn({
        let (state, name, schedule, training) = (state.clone(), name.clone(), schedule.clone(), training.clone());
        move || {
            let task = format!("training of {name}");
            state.background().step(&task, (Importance::Project, TRAINING_LIMIT), || {
                reconcile::train_if_due(&state.app(), &name, state.now()).map_err(|error| with_causes(&error))
            });
            schedule.is_training.store(false, Ordering::Release);
            training.fetch_sub(1, Ordering::AcqRel);
        }
    });
    if let Err(error) = spawned {
        tracing::error!(%error, "retraining stands still: its thread could not be started");
        schedule.is_training.store(false, Ordering::Release);
        training.fetch_sub(1, Ordering::AcqRel);
    }
}
