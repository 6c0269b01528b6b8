//! The workers of one model and the requests that wait for them.
//!
//! A request that finds a free worker asks it on its own thread. Otherwise it waits, and whoever gives a worker back hands it to the request
//! that waits longest, which asks for itself and for those that it joins.
//!
//! Invariants: a request that was taken gets an answer, whatever becomes of its worker; one that is wrong, slow or ends its worker does
//! not spoil those that it was joined with: each of them is asked alone. At most [`WorkerSettings::max_waiting`] wait.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use kilter_domain::table::Column;
use kilter_inference::{ExecutorError, Outcome, WorkerCounts};

use super::{
    counters::Counters,
    frame::{self, Answer, Asked},
    process::{AskError, Launch, Process, StartError},
    settings::WorkerSettings,
};

/// The longest pause before a worker is started again.
const MAX_PAUSE: Duration = Duration::from_secs(10);
/// The first pause, after the second worker in a row that answered nothing.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

type Answered = Result<Outcome, ExecutorError>;

/// The workers of one model. They end with it.
#[derive(Debug)]
pub(super) struct Pool(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    launch: Launch,
    /// What a worker says of the model, which all of them say.
    description: String,
    /// 0 for a regression.
    classes: usize,
    state: Mutex<State>,
    counters: Counters,
    is_closed: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    idle: Vec<Process>,
    waiting: VecDeque<Arc<Ticket>>,
    /// The number of the last call.
    calls: u64,
    /// Workers in a row that ended without an answer.
    failures: u32,
    /// Replacements that are ready, for whose sake an old worker ends.
    retiring: usize,
}

/// A request, and what became of it.
#[derive(Debug)]
struct Ticket {
    columns: Vec<Column>,
    rows: usize,
    progress: Mutex<Progress>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Progress {
    step: Step,
    /// Whether it is not joined with others any more.
    is_alone: bool,
    /// Workers that ended over it.
    lost: u32,
}

#[derive(Debug, Default)]
enum Step {
    #[default]
    Waits,
    /// It has a worker, and asks for itself and others.
    Leads(Process),
    /// Somebody asks for it.
    Asked,
    Answered(Answered),
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ticket {
    fn set(&self, step: Step) {
        lock(&self.progress).step = step;
        self.changed.notify_all();
    }

    fn is_alone(&self) -> bool {
        lock(&self.progress).is_alone
    }

    /// Whether somebody has begun with it: then it is answered.
    fn is_taken(&self) -> bool {
        !matches!(lock(&self.progress).step, Step::Waits)
    }
}

impl Pool {
    /// Starts the workers of a model: the first is waited for, and its description is handed to `classes_of`.
    pub fn start<T>(
        launch: Launch,
        read: impl FnOnce(&str) -> Result<(usize, T), String>,
    ) -> Result<(Self, T), StartError> {
        let (first, description) = Process::start(&launch)?;
        let (classes, found) = read(&description).map_err(StartError::Ended)?;
        let workers = launch.settings.workers.max(1);
        let shared = Arc::new(Shared {
            launch,
            description,
            classes,
            state: Mutex::new(State { idle: vec![first], ..State::default() }),
            counters: Counters::default(),
            is_closed: AtomicBool::new(false),
        });
        Counters::add(&shared.counters.alive, 1);
        (1..workers).for_each(|_| shared.clone().start_another(Duration::ZERO, false));
        Ok((Self(shared), found))
    }

    pub fn counts(&self) -> WorkerCounts {
        let waiting = lock(&self.0.state).waiting.len();
        self.0.counters.snapshot(waiting)
    }

    /// The resident memory of the workers, in bytes; those that are busy count as one that is free, or was.
    pub fn memory_bytes(&self) -> u64 {
        let measured = lock(&self.0.state).idle.iter().filter_map(Process::resident_bytes).max();
        self.0.counters.memory_bytes(measured, self.0.settings().memory_bytes)
    }

    /// The answers to `rows` rows.
    pub fn ask(&self, columns: Vec<Column>, rows: usize) -> Answered {
        let shared = &self.0;
        let ticket = Arc::new(Ticket { columns, rows, progress: Mutex::default(), changed: Condvar::new() });
        {
            let mut state = lock(&shared.state);
            match shared.take_idle(&mut state) {
                Some(process) => ticket.set(Step::Leads(process)),
                None if state.waiting.len() >= shared.settings().max_waiting => {
                    Counters::add(&shared.counters.overloads, 1);
                    return Err(ExecutorError::Overloaded { waiting: state.waiting.len() });
                }
                None => state.waiting.push_back(ticket.clone()),
            }
        }
        let answered = shared.follow(&ticket);
        Counters::add(&shared.counters.requests, 1);
        answered
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.0.is_closed.store(true, Relaxed);
        // Nobody asks any more: whoever asks holds the pool.
        lock(&self.0.state).idle.clear();
    }
}

impl Shared {
    const fn settings(&self) -> &WorkerSettings {
        &self.launch.settings
    }

    /// Waits for the answer of a request, and leads where it is handed a worker.
    fn follow(self: &Arc<Self>, ticket: &Arc<Ticket>) -> Answered {
        let patience = self.settings().request_timeout.max(self.settings().start_timeout);
        let mut since = Instant::now();
        let mut progress = lock(&ticket.progress);
        loop {
            match std::mem::replace(&mut progress.step, Step::Asked) {
                Step::Answered(answered) => return answered,
                Step::Leads(process) => {
                    drop(progress);
                    self.lead(process, ticket);
                    since = Instant::now();
                    progress = lock(&ticket.progress);
                    continue;
                }
                other => progress.step = other,
            }
            let left = patience.saturating_sub(since.elapsed());
            if left.is_zero() && matches!(progress.step, Step::Waits) {
                drop(progress);
                if let Some(answered) = self.give_up(ticket) {
                    return answered;
                }
                since = Instant::now();
                progress = lock(&ticket.progress);
                continue;
            }
            let waited = ticket.changed.wait_timeout(progress, left.max(Duration::from_millis(100)));
            progress = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Takes a request that nobody began with out of the queue.
    fn give_up(&self, ticket: &Arc<Ticket>) -> Option<Answered> {
        let mut state = lock(&self.state);
        if ticket.is_taken() {
            return None;
        }
        state.waiting.retain(|other| !Arc::ptr_eq(other, ticket));
        Counters::add(&self.counters.overloads, 1);
        Some(Err(ExecutorError::Overloaded { waiting: state.waiting.len() }))
    }

    /// Asks a worker for a request and those that it joins, and gives the worker on.
    fn lead(self: &Arc<Self>, process: Process, own: &Arc<Ticket>) {
        let batch = self.join(own);
        let guard = Guard(&batch);
        self.ask(process, &batch);
        drop(guard);
    }

    /// The requests of one call: `own`, and those that wait and fit beside it.
    fn join(&self, own: &Arc<Ticket>) -> Vec<Arc<Ticket>> {
        let WorkerSettings { batch_rows, batch_delay, .. } = *self.settings();
        let mut batch = vec![own.clone()];
        if own.is_alone() || own.rows >= batch_rows {
            return batch;
        }
        if !batch_delay.is_zero() {
            thread::sleep(batch_delay);
        }
        let (mut rows, mut state) = (own.rows, lock(&self.state));
        while let Some(next) = state.waiting.front() {
            if rows + next.rows > batch_rows || next.is_alone() {
                break;
            }
            rows += next.rows;
            next.set(Step::Asked);
            batch.extend(state.waiting.pop_front());
        }
        batch
    }

    fn ask(self: &Arc<Self>, mut process: Process, batch: &[Arc<Ticket>]) {
        let parts: Vec<_> = batch.iter().map(|ticket| (&ticket.columns[..], ticket.rows)).collect();
        let number = self.next_number();
        let asked = Asked { number, rows: batch.iter().map(|ticket| ticket.rows).sum(), classes: self.classes };
        let answered = match frame::request(number, &parts) {
            Ok(frame) => process.ask(&frame, asked, self.settings().request_timeout),
            Err(error) => {
                self.give_back(process);
                return self.refuse(batch, &error);
            }
        };
        Counters::add(&self.counters.batches, 1);
        match answered {
            Ok(answer) => {
                lock(&self.state).failures = 0;
                // The next request is asked while this one is taken apart.
                self.give_back(process);
                self.answer(batch, answer);
            }
            Err(error) => {
                drop(process);
                self.replace_lost(&mut lock(&self.state));
                self.lose(batch, error);
            }
        }
    }

    fn next_number(&self) -> u64 {
        let mut state = lock(&self.state);
        state.calls += 1;
        state.calls
    }

    fn answer(self: &Arc<Self>, batch: &[Arc<Ticket>], answer: Answer) {
        match answer {
            Answer::Outcome(outcome) => split(batch, outcome, self.classes),
            Answer::Refused(reason) => self.refuse(batch, &ExecutorError::Refused { reason }),
            Answer::Failed(reason) => self.refuse(batch, &ExecutorError::Failed { reason }),
            Answer::Ready(_) => {
                self.refuse(batch, &ExecutorError::Failed { reason: "it said twice that it is ready".into() })
            }
        }
    }

    /// Answers an error to a request that was alone; several are asked again, each alone.
    fn refuse(self: &Arc<Self>, batch: &[Arc<Ticket>], error: &ExecutorError) {
        match batch {
            [alone] => alone.set(Step::Answered(Err(error.clone()))),
            _ => self.ask_alone(batch),
        }
    }

    /// A worker ended over these requests.
    fn lose(self: &Arc<Self>, batch: &[Arc<Ticket>], error: AskError) {
        match (batch, error) {
            ([alone], AskError::TimedOut) => {
                Counters::add(&self.counters.timeouts, 1);
                let limit = self.settings().request_timeout;
                alone.set(Step::Answered(Err(ExecutorError::TimedOut { limit })));
            }
            ([alone], AskError::Lost(reason)) => {
                let lost = {
                    let mut progress = lock(&alone.progress);
                    progress.lost += 1;
                    progress.lost
                };
                // Another worker may have more luck: the first was perhaps ended from outside.
                match lost {
                    1 => self.ask_alone(batch),
                    _ => alone.set(Step::Answered(Err(ExecutorError::Lost { reason }))),
                }
            }
            _ => self.ask_alone(batch),
        }
    }

    /// Puts requests back to the front of the queue, to be asked alone.
    fn ask_alone(self: &Arc<Self>, batch: &[Arc<Ticket>]) {
        let mut state = lock(&self.state);
        for ticket in batch.iter().rev() {
            let mut progress = lock(&ticket.progress);
            progress.is_alone = true;
            progress.step = Step::Waits;
            state.waiting.push_front(ticket.clone());
        }
        self.hand_out(state);
    }

    /// Gives a worker back: to a request that waits, or to rest.
    fn give_back(self: &Arc<Self>, mut process: Process) {
        let limit = self.settings().recycle_after;
        let is_old = limit > 0 && process.calls >= limit;
        let mut state = lock(&self.state);
        if process.is_replaced && state.retiring > 0 {
            state.retiring -= 1;
            drop(state);
            Counters::subtract(&self.counters.alive, 1);
            return drop(process);
        }
        if is_old && !process.is_replaced {
            process.is_replaced = true;
            self.clone().start_another(Duration::ZERO, true);
        }
        state.idle.push(process);
        self.hand_out(state);
    }

    /// Hands free workers to the requests that wait longest.
    fn hand_out(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        while !state.waiting.is_empty() {
            let Some(process) = self.take_idle(&mut state) else { return };
            if let Some(ticket) = state.waiting.pop_front() {
                ticket.set(Step::Leads(process));
            }
        }
    }

    /// A worker that rests. One that ended meanwhile is replaced: it costs no request its first try.
    fn take_idle(self: &Arc<Self>, state: &mut State) -> Option<Process> {
        loop {
            let process = state.idle.pop()?;
            if !process.has_ended() {
                return Some(process);
            }
            self.replace_lost(state);
        }
    }

    /// Starts a worker in the place of one that ended; after several that answered nothing, not at once.
    fn replace_lost(self: &Arc<Self>, state: &mut State) {
        state.failures += 1;
        Counters::subtract(&self.counters.alive, 1);
        Counters::add(&self.counters.restarts, 1);
        self.clone().start_another(pause(state.failures), false);
    }

    /// Starts a worker on a thread of its own, and again until one is ready or the model is not used any more.
    fn start_another(self: Arc<Self>, mut wait: Duration, retires_one: bool) {
        let mut failures = 1;
        thread::spawn(move || {
            loop {
                let begin = Instant::now();
                while begin.elapsed() < wait && !self.is_closed.load(Relaxed) {
                    thread::sleep(Duration::from_millis(20).min(wait));
                }
                if self.is_closed.load(Relaxed) {
                    return;
                }
                match Process::start(&self.launch) {
                    Ok((process, description)) if description == self.description => {
                        Counters::add(&self.counters.alive, 1);
                        if retires_one {
                            self.retire_one();
                        }
                        return self.give_back(process);
                    }
                    Ok(_) => {
                        tracing::error!("a worker describes its model otherwise than the first one did; it is ended")
                    }
                    Err(error) => tracing::error!(%error, "a worker of a model did not start; it is tried again"),
                }
                failures += 1;
                wait = pause(failures);
            }
        });
    }
}

impl Shared {
    /// Ends an old worker: one that rests, else the next that is given back.
    fn retire_one(&self) {
        let mut state = lock(&self.state);
        match state.idle.iter().position(|process| process.is_replaced) {
            Some(at) => {
                let process = state.idle.swap_remove(at);
                drop(state);
                Counters::subtract(&self.counters.alive, 1);
                drop(process);
            }
            None => state.retiring += 1,
        }
    }
}

/// How long to wait before a worker is started, after so many in a row that answered nothing.
fn pause(failures: u32) -> Duration {
    match failures {
        0 | 1 => Duration::ZERO,
        more => FIRST_PAUSE.saturating_mul(1 << (more - 2).min(10)).min(MAX_PAUSE),
    }
}

/// Each request gets its rows of the answer.
fn split(batch: &[Arc<Ticket>], outcome: Outcome, classes: usize) {
    if let [alone] = batch {
        return alone.set(Step::Answered(Ok(outcome)));
    }
    let (mut values, is_classes) = match outcome {
        Outcome::Values(values) => (values, false),
        Outcome::Classes(values) => (values, true),
    };
    // From the last on: what is taken away is not moved.
    for ticket in batch.iter().rev() {
        let own = values.split_off(values.len().saturating_sub(ticket.rows * classes.max(1)));
        let outcome = if is_classes { Outcome::Classes(own) } else { Outcome::Values(own) };
        ticket.set(Step::Answered(Ok(outcome)));
    }
}

/// Answers what a bug of ours left without an answer.
struct Guard<'b>(&'b [Arc<Ticket>]);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        for ticket in self.0 {
            let is_open = matches!(lock(&ticket.progress).step, Step::Asked) && thread::panicking();
            if is_open {
                let reason = "the thread that asked for it ended; this is a bug of kilter".to_owned();
                ticket.set(Step::Answered(Err(ExecutorError::Lost { reason })));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_before_a_start_grows_to_a_bound() {
        let pauses: Vec<u128> = [0, 1, 2, 3, 4, 40].map(|failures| pause(failures).as_millis()).to_vec();
        assert_eq!(pauses, [0, 0, 100, 200, 400, 10_000]);
    }

    #[test]
    fn each_request_of_a_call_gets_its_own_rows() {
        let ticket =
            |rows| Arc::new(Ticket { columns: Vec::new(), rows, progress: Mutex::default(), changed: Condvar::new() });
        let batch = [ticket(1), ticket(2)];
        split(&batch, Outcome::Classes(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), 2);
        let answered = |ticket: &Arc<Ticket>| match &lock(&ticket.progress).step {
            Step::Answered(Ok(Outcome::Classes(values))) => values.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!((answered(&batch[0]), answered(&batch[1])), (vec![1.0, 2.0], vec![3.0, 4.0, 5.0, 6.0]));
    }
}
