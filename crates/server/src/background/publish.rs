//! Approved packages go to the registry that their contract names, in a thread of their own: a registry that is away keeps nothing
//! waiting, and is asked again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use kilter_app::publish;
use kilter_domain::error_chain::with_causes;

use crate::{state::AppState, tasks::Importance};

/// The longest that a push is expected to take.
const LIMIT: Duration = Duration::from_secs(6 * 60 * 60);
/// The rest between two looks.
const REST: Duration = Duration::from_secs(5);
/// The rest after a push that failed.
const RETRY: Duration = Duration::from_secs(5 * 60);

/// When approved packages are looked for.
#[derive(Default)]
pub(crate) struct PushSchedule {
    is_running: Arc<AtomicBool>,
    has_failed: Arc<AtomicBool>,
    has_commits: bool,
    /// The last entry of the audit log that was looked at; `None` before the first push.
    seen: Option<u64>,
    last: Option<Instant>,
}

impl PushSchedule {
    /// How long nothing is due.
    pub(crate) fn sleep(&self) -> Duration {
        if self.is_running.load(Ordering::Acquire) {
            return REST;
        }
        let rest = match (self.has_failed.load(Ordering::Acquire), self.has_commits) {
            (true, _) => RETRY,
            (false, true) => REST,
            (false, false) => return Duration::MAX,
        };
        self.last.map_or(Duration::ZERO, |last| rest.saturating_sub(last.elapsed()))
    }

    /// Starts to push if a version or a contract changed since the last time, or if an earlier push is due again. Other commits start no
    /// thread.
    pub(crate) fn start_due(&mut self, state: &AppState, has_commits: bool) {
        self.has_commits |= has_commits;
        if !self.sleep().is_zero() || self.is_running.swap(true, Ordering::AcqRel) {
            return;
        }
        (self.has_commits, self.last) = (false, Some(Instant::now()));
        if !self.has_cause(state) {
            self.is_running.store(false, Ordering::Release);
            return;
        }
        let (of_thread, running, failed) = (state.clone(), Arc::clone(&self.is_running), Arc::clone(&self.has_failed));
        let work = move || {
            failed.store(push(&of_thread), Ordering::Release);
            running.store(false, Ordering::Release);
        };
        if let Err(error) = thread::Builder::new().name("registry".to_owned()).spawn(work) {
            tracing::error!(%error, "packages are not pushed: a thread could not be started");
            self.is_running.store(false, Ordering::Release);
        }
    }
}

impl PushSchedule {
    fn has_cause(&mut self, state: &AppState) -> bool {
        match publish::may_be_due(&state.app(), self.seen) {
            Ok((may_be_due, seen)) => {
                self.seen = Some(seen);
                may_be_due || self.has_failed.load(Ordering::Acquire)
            }
            Err(error) => {
                tracing::warn!(error = with_causes(&error), "could not see whether a package is to be pushed");
                self.has_commits = true;
                false
            }
        }
    }
}

/// Whether something could not be sent. Where no contract names a registry nothing is done.
fn push(state: &AppState) -> bool {
    let due = match publish::due_pushes(&state.app()) {
        Ok(due) => due,
        Err(error) => {
            tracing::warn!(error = with_causes(&error), "could not see which packages a registry lacks");
            return true;
        }
    };
    if due.is_empty() {
        return false;
    }
    let pushed = state.background().step("registry", (Importance::Optional, LIMIT), || {
        let mut failures = Vec::new();
        for outcome in publish::push_due(&state.app(), state.now(), due) {
            let version = format!("{}@{}", outcome.model, outcome.number);
            match outcome.result {
                Ok(pushed) => tracing::info!(%version, address = %pushed.address, "pushed to its registry"),
                Err(error) => failures.push(format!("{version}: {}", with_causes(&error))),
            }
        }
        if failures.is_empty() { Ok(()) } else { Err(failures.join("; ")) }
    });
    pushed.is_none()
}

#[cfg(test)]
mod tests {
    use kilter_app::{
        Project,
        identity::{self, NewAccount},
        registration,
    };

    use super::*;
    use crate::options::ServerOptions;

    #[test]
    fn commits_that_change_no_version_and_no_contract_start_no_push() {
        let folder = tempfile::tempdir().unwrap();
        let state = AppState::open(ServerOptions::local(folder.path())).unwrap();
        let mut schedule = PushSchedule::default();
        assert!(schedule.has_cause(&state), "what is due since before the start");
        let root = identity::by_folder(&state.app(), &"user:root".parse().unwrap(), state.now());
        let account = |name: &str| {
            let actor = name.parse().unwrap();
            let new = NewAccount { actor, password: None, groups: vec![], is_admin: false, owner: None };
            identity::create_account(&state.app(), &root, new).unwrap();
        };
        account("user:ana");
        assert!(!schedule.has_cause(&state));
        let text = "[project]\nname = \"churn\"\n".to_owned();
        let project = Project::of(folder.path(), text).unwrap();
        registration::register_to_run(&state.app(), &root, &project).unwrap();
        assert!(schedule.has_cause(&state));
        account("user:ben");
        assert!(!schedule.has_cause(&state), "it was looked at");
        schedule.has_failed.store(true, Ordering::Release);
        assert!(schedule.has_cause(&state), "a push that failed is due again");
    }
}
