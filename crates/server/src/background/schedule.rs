//! When a project is evaluated next: when its next event is due, and at once after a commit.
//!
//! Invariants: two evaluations of a project never overlap; a commit during an evaluation makes one more. Between two
//! evaluations is a second at least, and twice as long after each one that changed something, up to ten: an evaluation
//! whose own commits wake it again comes to rest, or runs as often as a timer would. Times are handed in.

use std::time::{Duration, Instant};

/// The shortest time between two evaluations, and the longest for which a commit may wait.
const MIN_PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(10);

/// Why an evaluation is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Commit,
    /// Its time came, whether or not something was committed besides.
    Time,
}

/// The evaluations of one project.
#[derive(Debug)]
pub(crate) struct ProjectSchedule {
    /// `None` while one runs.
    next: Option<Instant>,
    /// When it is due without a commit.
    timed: Instant,
    ended: Instant,
    pause: Duration,
    /// Commits when the last one began.
    seen: u64,
    pub is_training: bool,
}

impl ProjectSchedule {
    /// A project whose first evaluation is due after `rest`, or after a commit beyond `seen`.
    pub(crate) fn new(now: Instant, seen: u64, rest: Duration) -> Self {
        let first = now + rest;
        Self { next: Some(first), timed: first, ended: now, pause: MIN_PAUSE, seen, is_training: false }
    }

    /// How long it rests; `None` while an evaluation runs.
    pub(crate) fn rest(&self, now: Instant) -> Option<Duration> {
        self.next.map(|next| next.saturating_duration_since(now))
    }

    /// Takes the evaluation that is due, if one is. `commits`: how many there were up to now.
    pub(crate) fn begin(&mut self, now: Instant, commits: u64) -> Option<Due> {
        self.next.filter(|next| *next <= now)?;
        (self.next, self.seen) = (None, commits);
        Some(if self.timed <= now { Due::Time } else { Due::Commit })
    }

    /// The evaluation ended; without a commit the next one is due after `rest`.
    pub(crate) fn end(&mut self, now: Instant, commits: u64, rest: Duration) {
        (self.next, self.timed, self.ended) = (Some(now + rest), now + rest, now);
        match commits > self.seen {
            true => {
                self.wake(now, commits);
                self.pause = (2 * self.pause).min(MAX_PAUSE);
            }
            false => self.pause = MIN_PAUSE,
        }
    }

    /// Something was committed: it is evaluated as soon as its pause is over.
    pub(crate) fn wake(&mut self, now: Instant, commits: u64) {
        let Some(next) = self.next.filter(|_| commits > self.seen) else { return };
        self.next = Some(next.min((self.ended + self.pause).max(now)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: Duration = Duration::from_secs(600);

    /// A project that was evaluated at `began`, after one commit, and has changed nothing.
    fn evaluated(began: Instant) -> ProjectSchedule {
        let mut schedule = ProjectSchedule::new(began, 0, Duration::ZERO);
        assert_eq!(schedule.begin(began, 1), Some(Due::Time));
        schedule.end(began, 1, REST);
        schedule
    }

    fn after(began: Instant, seconds: u64) -> Instant {
        began + Duration::from_secs(seconds)
    }

    #[test]
    fn an_idle_project_is_not_evaluated_before_something_is_due() {
        let began = Instant::now();
        let mut schedule = evaluated(began);
        assert!((0..600).all(|second| schedule.begin(after(began, second), 1).is_none()));
        assert_eq!(schedule.rest(after(began, 599)), Some(Duration::from_secs(1)));
        assert_eq!(schedule.begin(after(began, 600), 1), Some(Due::Time));
    }

    #[test]
    fn a_commit_wakes_at_once_and_one_that_was_seen_does_not() {
        let began = Instant::now();
        let mut schedule = evaluated(began);
        schedule.wake(after(began, 100), 1);
        assert_eq!(schedule.begin(after(began, 100), 1), None);
        schedule.wake(after(began, 100), 2);
        assert_eq!(schedule.begin(after(began, 100), 2), Some(Due::Commit));
        schedule.end(after(began, 100), 2, REST);
        schedule.wake(after(began, 699), 3);
        assert_eq!(schedule.begin(after(began, 700), 3), Some(Due::Time), "the commit hides no time that came");
    }

    #[test]
    fn a_commit_during_an_evaluation_makes_one_more() {
        let began = Instant::now();
        let mut schedule = ProjectSchedule::new(began, 0, Duration::ZERO);
        assert!(schedule.begin(began, 1).is_some());
        schedule.wake(began, 2);
        assert_eq!((schedule.rest(began), schedule.begin(began, 2)), (None, None), "two never overlap");
        schedule.end(began, 2, REST);
        assert_eq!(schedule.rest(began), Some(MIN_PAUSE));
    }

    #[test]
    fn evaluations_that_wake_themselves_run_as_often_as_a_timer_at_most() {
        let (began, mut commits) = (Instant::now(), 1);
        let mut schedule = ProjectSchedule::new(began, 0, Duration::ZERO);
        let mut times = Vec::new();
        for second in 0..60 {
            if schedule.begin(after(began, second), commits).is_some() {
                times.push(second);
                commits += 1;
                schedule.end(after(began, second), commits, REST);
            }
        }
        assert_eq!(times, [0, 1, 3, 7, 15, 25, 35, 45, 55]);
        assert!(schedule.begin(after(began, 65), commits).is_some());
        schedule.end(after(began, 65), commits, REST);
        assert_eq!(schedule.rest(after(began, 65)), Some(REST), "one that changes nothing comes to rest");
        schedule.wake(after(began, 66), commits + 1);
        assert_eq!(schedule.rest(after(began, 66)), Some(Duration::ZERO));
    }
}
