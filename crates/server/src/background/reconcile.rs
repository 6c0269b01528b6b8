//! The timer of the loop: seals, monitors, alerts, rollouts and retraining of every project.
//!
//! Holds true: seals have a thread of their own, each project is looked at in one of a few threads, and a training runs in
//! one besides: what takes long for one project keeps nobody else waiting. Two steps of one project never overlap. The rest
//! between two steps is measured by the monotonic clock: a wall clock that is set does not stop the loop.

use kilter_app::{authz, reconcile};
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

use crate::{state::House, tasks::Importance};

/// The rest between two steps.
const EVERY: Duration = Duration::from_secs(10);

/// How often a thread looks whether it should stop.
const PATIENCE: Duration = Duration::from_millis(200);

/// Projects that are looked at at the same time.
const MAX_LOOKS: usize = 4;

/// Trainings that the loop runs at the same time.
const MAX_TRAININGS: usize = 2;

/// What a step takes at most, before it is said to be blocked.
const SEAL_LIMIT: Duration = Duration::from_secs(5 * 60);

const LOOK_LIMIT: Duration = Duration::from_secs(15 * 60);

const TRAINING_LIMIT: Duration = Duration::from_secs(24 * 60 * 60);

/// Starts the loop in threads of its own; they end after the step in which the server begins to stop.
pub(crate) fn start(house: &House) {
    spawn(house, "sealing", seal_on);
    spawn(house, "reconcile", look_on);
}

fn spawn(house: &House, name: &str, work: fn(&House)) {
    let house = house.clone();
    if let Err(error) = thread::Builder::new().name(name.to_owned()).spawn(move || work(&house)) {
        tracing::error!(%error, task = name, "a background task stands still: its thread could not be started");
    }
}

/// Waits for the next step; whether there is one.
fn rest(house: &House) -> bool {
    let began = Instant::now();
    while began.elapsed() < EVERY {
        if house.is_stopping() {
            return false;
        }
        thread::sleep(PATIENCE);
    }
    !house.is_stopping()
}

fn seal_on(house: &House) {
    while rest(house) {
        seal(house);
    }
}

/// Seals what was recorded so far.
pub(crate) fn seal(house: &House) {
    house.background().step("sealing", (Importance::Vital, SEAL_LIMIT), || {
        let failed = reconcile::compact_logs(&house.app(), house.now());
        let say = |(endpoint, error)| format!("`{endpoint}`: {}", with_causes(&error));
        let failed: Vec<String> = failed.into_iter().map(say).collect();
        if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) }
    });
}

fn look_on(house: &House) {
    let mut projects = Projects::default();
    let mut listed: Option<Instant> = None;
    while !house.is_stopping() {
        thread::sleep(PATIENCE);
        if listed.is_none_or(|at| at.elapsed() >= EVERY) {
            listed = Some(Instant::now());
            house.background().say_blocked();
            let found = house.background().step("projects", (Importance::Vital, SEAL_LIMIT), || {
                authz::record_repeated_refusals(&house.app(), house.now());
                reconcile::projects(&house.app()).map_err(|error| with_causes(&error))
            });
            found.into_iter().flatten().for_each(|name| projects.learn(name));
        }
        projects.start_due(house);
    }
}

/// The projects that the loop looks after.
#[derive(Default)]
struct Projects {
    known: BTreeMap<ProjectName, Arc<State>>,
    looking: Arc<AtomicUsize>,
    training: Arc<AtomicUsize>,
}

/// What goes on for one project.
struct State {
    /// When it is looked at next; `None` while it is.
    next_look: Mutex<Option<Instant>>,
    is_training: AtomicBool,
}

impl Projects {
    fn learn(&mut self, name: ProjectName) {
        let first = Mutex::new(Some(Instant::now() + EVERY));
        self.known
            .entry(name)
            .or_insert_with(|| Arc::new(State { next_look: first, is_training: AtomicBool::new(false) }));
    }

    fn start_due(&self, house: &House) {
        for (name, state) in &self.known {
            if self.looking.load(Ordering::Acquire) >= MAX_LOOKS || !state.begin() {
                continue;
            }
            self.looking.fetch_add(1, Ordering::AcqRel);
            let (house, name, state) = (house.clone(), name.clone(), state.clone());
            let (looking, training) = (self.looking.clone(), self.training.clone());
            let spawned = thread::Builder::new().name("monitors".to_owned()).spawn({
                let (state, looking) = (state.clone(), looking.clone());
                move || {
                    look(&house, &name, &state, &training);
                    state.rest();
                    looking.fetch_sub(1, Ordering::AcqRel);
                }
            });
            if let Err(error) = spawned {
                tracing::error!(%error, "monitors stand still: their thread could not be started");
                state.rest();
                looking.fetch_sub(1, Ordering::AcqRel);
            }
        }
    }
}

impl State {
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
        self.next_look.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks at a project, and starts a training that is due.
fn look(house: &House, name: &ProjectName, state: &Arc<State>, training: &Arc<AtomicUsize>) {
    let task = format!("monitors of {name}");
    let looked = house.background().step(&task, (Importance::Project, LOOK_LIMIT), || {
        let may_train = !state.is_training.load(Ordering::Acquire);
        reconcile::evaluate_registered_project(&house.app(), name, house.now(), may_train)
            .map_err(|error| with_causes(&error))
    });
    if looked != Some(true) || training.load(Ordering::Acquire) >= MAX_TRAININGS {
        return;
    }
    training.fetch_add(1, Ordering::AcqRel);
    state.is_training.store(true, Ordering::Release);
    let spawned = thread::Builder::new().name("training".to_owned()).spawn({
        let (house, name, state, training) = (house.clone(), name.clone(), state.clone(), training.clone());
        move || {
            let task = format!("training of {name}");
            house.background().step(&task, (Importance::Project, TRAINING_LIMIT), || {
                reconcile::train_if_due(&house.app(), &name, house.now()).map_err(|error| with_causes(&error))
            });
            state.is_training.store(false, Ordering::Release);
            training.fetch_sub(1, Ordering::AcqRel);
        }
    });
    if let Err(error) = spawned {
        tracing::error!(%error, "retraining stands still: its thread could not be started");
        state.is_training.store(false, Ordering::Release);
        training.fetch_sub(1, Ordering::AcqRel);
    }
}
