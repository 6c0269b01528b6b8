//! The place of one model: in memory, on its way there, or to be loaded.
//!
//! Invariants: `current` is the only thing that keeps an unused model in memory; `is_loading` is set by exactly one loader, who ends it.

use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use arc_swap::ArcSwapOption;
use kilter_domain::digest::Digest;
use kilter_inference::Model;
use kilter_serving::endpoint::{ExplainableModel, NotLoaded, Predictor, WorkerCounts};

use crate::lock::lock;

/// How long a request waits for a model that is being loaded.
const MAX_WAIT: Duration = Duration::from_secs(20);
/// Requests that may wait for one model: each keeps a thread.
const MAX_WAITING: usize = 64;
/// After a load that failed, requests are refused so long before it is tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(5);

/// The place of a model.
pub(super) struct Slot {
    digest: Digest,
    current: ArcSwapOption<ExplainableModel>,
    state: Mutex<State>,
    changed: Condvar,
    /// Nanoseconds since the first model of the process was asked for.
    last_used: AtomicU64,
    /// Versions that serve it.
    served: AtomicUsize,
    is_external: AtomicBool,
    is_too_large_logged: AtomicBool,
}

#[derive(Default)]
struct State {
    /// The model as long as somebody has it, released or not.
    alive: Weak<Model>,
    is_loading: bool,
    /// What it took when it was in memory last.
    bytes: u64,
    waiting: usize,
    /// For those who wait: whatever is released meanwhile.
    arrived: Option<Arc<ExplainableModel>>,
    failure: Option<Failure>,
    /// What worker processes of released models did.
    past_workers: Option<WorkerCounts>,
}

struct Failure {
    at: Instant,
    reason: String,
}

/// Who is to load a model that a request asks for.
pub(super) enum Request {
    Loaded(Arc<ExplainableModel>),
    /// Whoever asked begins a load.
    Begin,
    /// Somebody loads it.
    Wait,
}

impl Slot {
    pub(super) fn new(digest: Digest) -> Self {
        Self {
            digest,
            current: ArcSwapOption::empty(),
            state: Mutex::default(),
            changed: Condvar::new(),
            last_used: AtomicU64::new(nanos()),
            served: AtomicUsize::new(0),
            is_external: AtomicBool::new(false),
            is_too_large_logged: AtomicBool::new(false),
        }
    }

    pub(super) const fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The model, if it is in memory; it counts as used. Takes no lock.
    pub(super) fn used(&self) -> Option<Arc<ExplainableModel>> {
        let model = self.current.load_full()?;
        self.touch();
        Some(model)
    }

    pub(super) fn loaded(&self) -> Option<Arc<ExplainableModel>> {
        self.current.load_full()
    }

    pub(super) fn is_loaded(&self) -> bool {
        self.current.load().is_some()
    }

    pub(super) fn is_external(&self) -> bool {
        self.is_external.load(Relaxed)
    }

    pub(super) fn last_used(&self) -> u64 {
        self.last_used.load(Relaxed)
    }

    pub(super) fn is_served(&self) -> bool {
        self.served.load(Relaxed) > 0
    }

    /// Whether nobody has anything of it.
    pub(super) fn is_idle(self: &Arc<Self>) -> bool {
        // The list that asks has one handle.
        !self.is_served()
            && !self.is_loaded()
            && Arc::strong_count(self) == 1
            && lock(&self.state).alive.strong_count() == 0
    }

    /// What the model takes, in bytes; `None` while it is not in memory.
    pub(super) fn memory_bytes(&self) -> Option<u64> {
        let bytes = self.current.load().as_ref().map(|model| model.memory_bytes())?;
        lock(&self.state).bytes = bytes;
        Some(bytes)
    }

    /// What it takes, or will by what it took before if it is being loaded.
    pub(super) fn claimed_bytes(&self) -> u64 {
        self.memory_bytes().unwrap_or_else(|| {
            let state = lock(&self.state);
            if state.is_loading { state.bytes } else { 0 }
        })
    }

    /// The model, waited for if somebody loads it; `None`: the caller is to load it, and ends that with [`Slot::end_load`].
    pub(super) fn find_or_begin(
        &self,
        explainable: &impl Fn(Arc<Model>) -> Arc<ExplainableModel>,
    ) -> Option<Arc<ExplainableModel>> {
        let mut state = lock(&self.state);
        loop {
            if let Some(found) = self.find(&mut state, explainable) {
                return Some(found);
            }
            if !state.is_loading {
                state.is_loading = true;
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn find(
        &self,
        state: &mut MutexGuard<'_, State>,
        explainable: &impl Fn(Arc<Model>) -> Arc<ExplainableModel>,
    ) -> Option<Arc<ExplainableModel>> {
        if let Some(found) = self.used() {
            return Some(found);
        }
        let model = explainable(state.alive.upgrade()?);
        self.store(&model);
        Some(model)
    }

    fn store(&self, model: &Arc<ExplainableModel>) {
        self.touch();
        self.is_external.store(model.model().is_external(), Relaxed);
        if self.is_served() || !model.model().is_external() {
            self.current.store(Some(model.clone()));
        }
    }

    /// A version serves it.
    pub(super) fn serve(&self, explainable: &impl Fn(Arc<Model>) -> Arc<ExplainableModel>) {
        self.served.fetch_add(1, Relaxed);
        let mut state = lock(&self.state);
        self.find(&mut state, explainable);
    }

    /// A version serves it no more.
    pub(super) fn retire(&self) {
        if self.served.fetch_sub(1, Relaxed) == 1 && self.is_external() {
            self.release();
        }
    }

    pub(super) fn keep(&self, model: Arc<ExplainableModel>) {
        let mut state = lock(&self.state);
        state.alive = Arc::downgrade(model.model());
        state.failure = None;
        state.arrived = (state.waiting > 0).then(|| model.clone());
        self.store(&model);
    }

    /// Nobody loads it any more, and there is room for it: who waits goes on.
    pub(super) fn end_load(&self) {
        lock(&self.state).is_loading = false;
        self.changed.notify_all();
    }

    /// What a request for a model that is not in memory does next.
    pub(super) fn request(
        &self,
        explainable: &impl Fn(Arc<Model>) -> Arc<ExplainableModel>,
    ) -> Result<Request, NotLoaded> {
        let mut state = lock(&self.state);
        if let Some(found) = self.find(&mut state, explainable) {
            return Ok(Request::Loaded(found));
        }
        if state.waiting >= MAX_WAITING {
            return Err(NotLoaded::Overloaded { waiting: state.waiting });
        }
        match &state.failure {
            Some(Failure { at, reason }) if !state.is_loading && at.elapsed() < RETRY_PAUSE => {
                return Err(NotLoaded::Failed { reason: reason.clone() });
            }
            _ => {}
        }
        state.waiting += 1;
        Ok(if std::mem::replace(&mut state.is_loading, true) { Request::Wait } else { Request::Begin })
    }

    /// Waits for the load that is under way. A request that was told to begin one, or to wait, waits exactly once.
    pub(super) fn wait(&self) -> Result<Arc<ExplainableModel>, NotLoaded> {
        let state = lock(&self.state);
        let waited = self.changed.wait_timeout_while(state, MAX_WAIT, |state| state.is_loading);
        let (mut state, timed) = waited.unwrap_or_else(PoisonError::into_inner);
        state.waiting -= 1;
        let arrived = match state.waiting {
            0 => state.arrived.take(),
            _ => state.arrived.clone(),
        };
        let found = arrived.or_else(|| self.used());
        found.ok_or_else(|| match &state.failure {
            Some(Failure { reason, .. }) => NotLoaded::Failed { reason: reason.clone() },
            None if timed.timed_out() => NotLoaded::TimedOut { seconds: MAX_WAIT.as_secs() },
            None => NotLoaded::Failed { reason: "the load ended without a model".to_owned() },
        })
    }

    pub(super) fn set_failure(&self, reason: String) {
        lock(&self.state).failure = Some(Failure { at: Instant::now(), reason });
    }

    pub(super) fn failure(&self) -> Option<String> {
        lock(&self.state).failure.as_ref().map(|failure| failure.reason.clone())
    }

    /// Has the next request try again.
    pub(super) fn forget_failure(&self) {
        lock(&self.state).failure = None;
    }

    /// Lets the model go; what it took. `None` where it was not in memory.
    pub(super) fn release(&self) -> Option<u64> {
        let bytes = self.memory_bytes().unwrap_or(0);
        let model = self.current.swap(None)?;
        if let Some(counts) = model.worker_counts() {
            let mut state = lock(&self.state);
            state.past_workers = Some(sum(state.past_workers, counts));
        }
        Some(bytes)
    }

    /// What its worker processes did, those of before a release with them.
    pub(super) fn worker_counts(&self) -> Option<WorkerCounts> {
        let now = self.loaded().and_then(|model| model.worker_counts());
        let past = lock(&self.state).past_workers;
        match now {
            None => past,
            Some(counts) => Some(sum(past, counts)),
        }
    }

    /// Says once that the model alone takes more than all may.
    pub(super) fn log_too_large(&self, limit: u64) {
        let Some(bytes) = self.memory_bytes().filter(|bytes| *bytes > limit) else { return };
        if !self.is_too_large_logged.swap(true, Relaxed) {
            let model = self.digest.short();
            tracing::warn!(
                model,
                bytes,
                limit,
                "a model alone takes more than --model-memory; it serves, and no other stays beside it"
            );
        }
    }

    fn touch(&self) {
        self.last_used.store(nanos(), Relaxed);
    }
}

/// Both together; what waits and what is alive is that of now.
fn sum(past: Option<WorkerCounts>, now: WorkerCounts) -> WorkerCounts {
    let past = past.unwrap_or_default();
    WorkerCounts {
        batches: past.batches + now.batches,
        requests: past.requests + now.requests,
        restarts: past.restarts + now.restarts,
        timeouts: past.timeouts + now.timeouts,
        overloads: past.overloads + now.overloads,
        waiting: now.waiting,
        alive: now.alive,
    }
}

fn nanos() -> u64 {
    static BEGAN: OnceLock<Instant> = OnceLock::new();
    u64::try_from(BEGAN.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX)
}
