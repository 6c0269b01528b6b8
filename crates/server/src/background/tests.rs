//! The loop in its threads: a commit wakes it, and without one it rests.

use std::time::Duration;

use kilter_app::{Project, RequestContext, registration};
use kilter_domain::actor::Actor;

use super::reconcile;
use crate::{options::ServerOptions, state::AppState};

/// Longer than an evaluation takes, shorter than the timer of ten seconds that there was.
const SOON: Duration = Duration::from_secs(5);

/// A server without a socket, whose loop runs.
struct Loop {
    folder: tempfile::TempDir,
    state: AppState,
}

impl Loop {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = AppState::open(ServerOptions::local(folder.path())).unwrap();
        reconcile::start(&state);
        // Projects that are there at the start rest first: the loop has seen that there is none.
        while !state.tasks().iter().any(|task| task.name == "projects" && task.succeeded_seconds_ago.is_some()) {
            state.signals().rest(Duration::from_millis(1));
        }
        Self { folder, state }
    }

    fn register(&self, every: &str) {
        let text = format!("[project]\nname = \"churn\"\n[monitor]\nevery = \"{every}\"\n[deploy.production]\n");
        let project = Project::of(self.folder.path(), text).unwrap();
        let context = RequestContext::new(self.state.now(), Actor::user("ana").unwrap());
        registration::register_to_run(&self.state.app(), &context, &project).unwrap();
    }

    /// Evaluations that ended `wait` later, or as soon as there are more than `seen`.
    fn evaluations(&self, seen: u64, wait: Duration) -> u64 {
        self.state.signals().wait(wait, |now| now.ended > seen).ended
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        self.state.begin_to_stop();
    }
}

#[test]
fn a_contract_that_is_registered_is_evaluated_at_once_and_then_not_until_something_changes() {
    let world = Loop::start();
    world.register("1d");
    assert_eq!(world.evaluations(0, SOON), 1);
    assert_eq!(world.evaluations(1, Duration::from_secs(3)), 1, "nothing runs while nothing changes");
    world.register("2d");
    assert_eq!(world.evaluations(1, SOON), 2);
}
