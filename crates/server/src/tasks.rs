//! BackgroundTasks work and how it stands: what each task does now, when it last succeeded, why it does not.
//!
//! Invariants: a task that fails, panics or does not come back is seen in `/ready`, `/metrics`, the status and the log; a
//! panic ends neither the task nor its thread; time is measured by the monotonic clock, whatever the wall clock does.

use std::{
    any::Any,
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use kilter_api as api;
use kilter_domain::{ids::ProjectName, plural::counted};

use crate::heap;

/// Failures in a row after which a task does not only have bad luck.
const MIN_FAILURES: u32 = 3;

/// A step that took this long has most likely held much memory.
const LONG_STEP: Duration = Duration::from_millis(100);

/// What a task is to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Importance {
    /// While it stands still, nothing is measured any more and the disk fills: the server is not ready.
    Vital,
    /// This project's own; the others go on.
    Project(ProjectName),
    /// Everything else goes on without it.
    Optional,
}

/// The tasks of a server. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct BackgroundTasks(Arc<Mutex<BTreeMap<String, Task>>>);

struct Task {
    importance: Importance,
    /// A step that takes longer is blocked.
    limit: Duration,
    running: Option<Instant>,
    succeeded: Option<Instant>,
    failures: u32,
    panics: u64,
    error: Option<String>,
    is_blocked_logged: bool,
}

impl BackgroundTasks {
    /// Makes one step of a task, and keeps how it went. What went wrong is logged once until it changes.
    pub(crate) fn step<T>(
        &self,
        name: &str,
        (importance, limit): (Importance, Duration),
        work: impl FnOnce() -> Result<T, String>,
    ) -> Option<T> {
        let (first, began) = (|| Task::new(importance.clone(), limit), Instant::now());
        self.lock().entry(name.to_owned()).or_insert_with(first).running = Some(began);
        let outcome = catch_unwind(AssertUnwindSafe(work));
        if began.elapsed() >= LONG_STEP {
            heap::give_back_free_pages();
        }
        let mut tasks = self.lock();
        let task = tasks.entry(name.to_owned()).or_insert_with(|| Task::new(importance, limit));
        task.running = None;
        task.is_blocked_logged = false;
        let (error, value) = match outcome {
            Ok(Ok(value)) => (None, Some(value)),
            Ok(Err(error)) => (Some(error), None),
            Err(panic) => {
                task.panics += 1;
                (Some(format!("it panicked: {}; please report it", panic_text(&*panic))), None)
            }
        };
        task.record_end(name, error);
        value
    }

    /// Says in the log which tasks do not come back; once for each time.
    pub(crate) fn log_blocked(&self) {
        for (name, task) in self.lock().iter_mut() {
            if let Some(running) = task.running.filter(|since| since.elapsed() > task.limit && !task.is_blocked_logged)
            {
                let seconds = running.elapsed().as_secs();
                tracing::error!(task = %name, seconds, "a background task does not come back");
                task.is_blocked_logged = true;
            }
        }
    }

    /// How each task stands.
    pub(crate) fn tasks(&self) -> Vec<(api::TaskStatus, Importance)> {
        self.lock().iter().map(|(name, task)| (task.status(name), task.importance.clone())).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Task>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Task {
    fn new(importance: Importance, limit: Duration) -> Self {
        Self {
            importance,
            limit,
            running: None,
            succeeded: None,
            failures: 0,
            panics: 0,
            error: None,
            is_blocked_logged: false,
        }
    }

    fn record_end(&mut self, name: &str, error: Option<String>) {
        match &error {
            None => {
                if self.failures > 0 {
                    tracing::info!(task = name, failures = self.failures, "a background task goes on");
                }
                (self.failures, self.succeeded) = (0, Some(Instant::now()));
            }
            Some(error) => {
                self.failures = self.failures.saturating_add(1);
                if self.error.as_ref() != Some(error) || self.failures == MIN_FAILURES {
                    tracing::error!(
                        task = name,
                        failures = self.failures,
                        error,
                        "a background task could not take its step"
                    );
                }
            }
        }
        self.error = error;
    }

    fn status(&self, name: &str) -> api::TaskStatus {
        let running = self.running.map(|since| since.elapsed());
        let is_blocked = running.is_some_and(|elapsed| elapsed > self.limit);
        let is_failing = self.failures >= MIN_FAILURES || (self.failures > 0 && self.panics > 0);
        let detail = match (is_blocked, &self.error) {
            (true, _) => format!(
                "one step runs since {} s, {} s were expected; the others go on",
                running.unwrap_or_default().as_secs(),
                self.limit.as_secs()
            ),
            (false, Some(error)) => format!("failed {} in a row: {error}", counted(self.failures, "time")),
            (false, None) => "goes on".to_owned(),
        };
        api::TaskStatus {
            name: name.to_owned(),
            project: match &self.importance {
                Importance::Vital | Importance::Optional => None,
                Importance::Project(project) => Some(project.to_string()),
            },
            ok: !is_blocked && !is_failing,
            detail,
            failures: self.failures,
            panics: self.panics,
            running_seconds: running.map(|elapsed| elapsed.as_secs()),
            succeeded_seconds_ago: self.succeeded.map(|at| at.elapsed().as_secs()),
        }
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a word")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: (Importance, Duration) = (Importance::Vital, Duration::from_secs(60));

    fn only(background: &BackgroundTasks) -> api::TaskStatus {
        let tasks = background.tasks();
        assert_eq!(tasks.len(), 1);
        tasks[0].0.clone()
    }

    #[test]
    fn a_task_that_keeps_failing_is_seen_and_one_that_goes_on_again_is_well() {
        let background = BackgroundTasks::default();
        for turn in 1..=3 {
            let step: Option<()> = background.step("sealing", SOON, || Err("the disk is gone".to_owned()));
            assert_eq!((step, only(&background).ok), (None, turn < 3), "one failure may be bad luck");
        }
        assert_eq!(only(&background).detail, "failed 3 times in a row: the disk is gone");
        assert_eq!(background.step("sealing", SOON, || Ok(7)), Some(7));
        let status = only(&background);
        assert_eq!((status.ok, status.failures, status.detail.as_str()), (true, 0, "goes on"));
    }

    #[test]
    fn a_panic_is_seen_at_once_and_ends_nothing() {
        let background = BackgroundTasks::default();
        let step: Option<()> = background.step("monitors of churn", SOON, || panic!("a bug"));
        assert_eq!(step, None);
        let status = only(&background);
        assert!(!status.ok && status.panics == 1 && status.detail.contains("it panicked: a bug"), "{status:?}");
        assert_eq!(background.step("monitors of churn", SOON, || Ok(())), Some(()));
        assert!(only(&background).ok);
    }

    #[test]
    fn a_step_that_does_not_come_back_is_blocked_while_others_are_not() {
        let background = BackgroundTasks::default();
        let inner = background.clone();
        background.step("training of churn", (Importance::Project("churn".parse().unwrap()), Duration::ZERO), || {
            std::thread::sleep(Duration::from_millis(2));
            let status = only(&inner);
            assert!(!status.ok && status.running_seconds == Some(0), "{status:?}");
            assert_eq!(status.project.as_deref(), Some("churn"));
            inner.log_blocked();
            Ok(())
        });
        assert!(only(&background).ok);
    }
}
