//! The pause before the next retraining: the cool-down of the contract or its default, and longer after failures.
//!
//! Invariants: a training that fails, or takes the process with it, is not started again and again: each failure in a row
//! doubles the pause, up to a day. A run that a wrong clock put into the future was made when the clock was set back.

use kilter_domain::{
    contract::Retrain,
    retrain_blocker::RetrainBlocker,
    run::{Cause, RunState},
    time::{Span, SpanUnit, Timestamp},
};
use kilter_store::{
    PageRequest, run as runs,
    run::{Run, RunFilter},
};

use crate::{app::App, causes::StorageError, clock_set_back, project::folder::Project};

/// The default cool-down is a window of the monitor, because nothing new is known before its end, and this at most.
const MAX_DEFAULT: Span = Span { count: 1, unit: SpanUnit::Hour };
/// The pause after the first failure, and after any number of them.
const FIRST_PAUSE_MS: i64 = 10 * 60 * 1_000;
const MAX_PAUSE_MS: i64 = 24 * 60 * 60 * 1_000;
/// Runs that are read, newest first.
const MAX_RUNS: u32 = 50;

/// The newest runs of a project, newest first, each made at `now` or before.
pub(super) fn newest_runs(app: &App, project: &Project, now: Timestamp) -> Result<Vec<Run>, StorageError> {
    let filter = RunFilter { project: Some(project.name.clone()), ..Default::default() };
    let newest = app.store().read(|reader| runs::list(reader, &filter, &PageRequest::first(MAX_RUNS)))?;
    let made = |run: Run| Ok(Run { created: clock_set_back::past_time(app, run.created, now)?, ..run });
    newest.items.into_iter().map(made).collect()
}

/// Why the next retraining has to wait, if it has.
pub(super) fn pause(
    now: Timestamp,
    retrain: &Retrain,
    window: Option<Span>,
    cause: &Cause,
    newest: &[Run],
) -> Option<RetrainBlocker> {
    let last = newest.first()?;
    let cool_down = cool_down(retrain, window, cause).filter(|cool_down| last.created.after(*cool_down) > now);
    if let Some(cool_down) = cool_down {
        return Some(RetrainBlocker::CoolDown { cool_down });
    }
    let failures = newest.iter().take_while(|run| run.cause.is_automatic() && run.state == RunState::Failed).count();
    let until = Timestamp(last.created.millis().saturating_add(pause_ms(failures)));
    let failures = u32::try_from(failures).unwrap_or(u32::MAX);
    (until > now).then_some(RetrainBlocker::RepeatedFailures { failures, until })
}

/// A schedule states its own pace.
fn cool_down(retrain: &Retrain, window: Option<Span>, cause: &Cause) -> Option<Span> {
    let default = match cause {
        Cause::Schedule { .. } => None,
        _ => Some(window.filter(|window| window.millis() < MAX_DEFAULT.millis()).unwrap_or(MAX_DEFAULT)),
    };
    retrain.cooldown.or(default)
}

fn pause_ms(failures: usize) -> i64 {
    match u32::try_from(failures) {
        Ok(0) => 0,
        Ok(failures) if failures < 16 => (FIRST_PAUSE_MS << (failures - 1)).min(MAX_PAUSE_MS),
        _ => MAX_PAUSE_MS,
    }
}

#[cfg(test)]
mod tests {
    use kilter_domain::contract::OnSuccess;
    use serde_json::json;

    use super::*;

    const MINUTE: i64 = 60_000;

    fn retrain(cooldown: Option<Span>) -> Retrain {
        Retrain { when: vec![], run: vec![], on_success: OnSuccess::Candidate, budget: None, cooldown, window: None }
    }

    fn alert() -> Cause {
        Cause::Alert { id: "a".to_owned(), monitor: kilter_domain::alert::MonitorKind::Drift }
    }

    fn run(minute: i64, cause: Cause, state: RunState) -> Run {
        Run {
            id: minute.to_string(),
            project: "churn".parse().unwrap(),
            cause,
            state,
            created: Timestamp(minute * MINUTE),
            started: None,
            ended: None,
            record: json!({}),
            replica: Default::default(),
            audit_seq: 1,
        }
    }

    /// Whether a training may start `minutes` after 0.
    fn may(minutes: i64, retrain: &Retrain, window: Option<Span>, newest: &[Run]) -> bool {
        pause(Timestamp(minutes * MINUTE), retrain, window, &alert(), newest).is_none()
    }

    #[test]
    fn without_a_cool_down_there_is_one_of_a_window_and_of_an_hour_at_most() {
        let done = [run(0, alert(), RunState::Succeeded)];
        let (minutes, day) = (Some(Span::seconds(300)), Some(Span::days(1)));
        assert_eq!([4, 5].map(|at| may(at, &retrain(None), minutes, &done)), [false, true]);
        assert_eq!([59, 60].map(|at| may(at, &retrain(None), day, &done)), [false, true]);
        assert_eq!([59, 60].map(|at| may(at, &retrain(None), None, &done)), [false, true]);
        assert_eq!([60, 1440].map(|at| may(at, &retrain(day), day, &done)), [false, true], "what is stated stands");
        assert!(may(0, &retrain(None), day, &[]));
        let schedule = Cause::Schedule { schedule: "every 5m".to_owned() };
        assert_eq!(
            pause(Timestamp(MINUTE), &retrain(None), day, &schedule, &done),
            None,
            "a schedule has its own pace"
        );
    }

    #[test]
    fn each_failure_in_a_row_doubles_the_pause_up_to_a_day() {
        let schedule = Cause::Schedule { schedule: "every 5m".to_owned() };
        let wait = |failures: usize| {
            let newest: Vec<Run> = (0..failures).map(|_| run(0, schedule.clone(), RunState::Failed)).collect();
            (0..3_000).find(|at| pause(Timestamp(at * MINUTE), &retrain(None), None, &schedule, &newest).is_none())
        };
        assert_eq!([0, 1, 2, 3, 4].map(wait), [Some(0), Some(10), Some(20), Some(40), Some(80)]);
        assert_eq!([8, 9, 40].map(wait), [Some(1280), Some(1440), Some(1440)]);
        let newest = [run(5, schedule.clone(), RunState::Failed), run(0, schedule.clone(), RunState::Failed)];
        assert_eq!(
            pause(Timestamp(6 * MINUTE), &retrain(None), None, &schedule, &newest).unwrap().to_string(),
            "the last trainings failed (2 in a row): the next one waits until 1970-01-01T00:25:00Z"
        );
    }

    #[test]
    fn a_success_or_a_run_of_a_person_ends_the_row_of_failures() {
        let by_hand = run(9, Cause::Manual { by: kilter_domain::actor::Actor::user("ana").unwrap() }, RunState::Failed);
        let newest = [by_hand, run(0, alert(), RunState::Failed), run(0, alert(), RunState::Failed)];
        assert!(may(69, &retrain(None), None, &newest));
        let newest = [run(9, alert(), RunState::Succeeded), run(0, alert(), RunState::Failed)];
        assert!(may(69, &retrain(None), None, &newest));
    }
}
