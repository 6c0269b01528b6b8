//! When a replay begins, ends and draws its lines.

use kilter_domain::{
    contract::ReplayStart,
    time::{Span, Timestamp},
};

use crate::{
    dataset::{column_roles::ColumnRoles, history::History},
    project::folder::Project,
    replay::{
        error::ReplayError,
        periods::{self, boundaries},
    },
};

/// Rows of one request where the contract does not say.
const BATCH_ROWS: usize = 500;

/// What a caller may change of a replay.
#[derive(Clone, Debug, Default)]
pub struct ReplayOptions {
    /// Seed of whatever the replay draws; `None`: the contract's.
    pub seed: Option<u64>,
    /// The last moment that is played; `None`: the contract's, else the end of the data.
    pub until: Option<Timestamp>,
}

/// The resolved settings of a replay.
#[derive(Clone, Debug)]
pub struct Settings {
    /// When the first version is trained and serving begins.
    pub start: Timestamp,
    /// When the clock stops: the end of the period in which the last event happened, or where the caller says.
    pub end: Timestamp,
    /// Whether the labels that become known after the end are waited for: not where the caller stops the clock.
    pub waits_for_labels: bool,
    /// `start`, then the end of each period.
    pub boundaries: Vec<Timestamp>,
    /// Why the period is not the monitor's window, where that would cut the data into too many.
    pub note: Option<String>,
    /// Seed of whatever the replay draws.
    pub seed: u64,
    /// Rows of one request at most.
    pub batch_rows: usize,
    /// The headline metric; `None`: that of the task.
    pub metric: Option<String>,
}

impl Settings {
    /// What the contract says, completed from the data.
    pub fn of(project: &Project, history: &History, options: &ReplayOptions) -> Result<Self, ReplayError> {
        let replay = &project.contract.replay;
        let empty = || ReplayError::Empty { dataset: history.roles.dataset.clone() };
        let (first, last) = history.span().ok_or_else(empty)?;
        let monitored = project.contract.monitor.as_ref().map(|monitor| monitor.every);
        let mut period = replay.period.or(monitored).unwrap_or_else(|| periods::usual_period(first, last));
        let stated_end = options.until.or(replay.end);
        let outlying = periods::find_outlying_event(history, replay.start.is_none(), stated_end.is_none());
        if let Some((row, away)) = outlying {
            return Err(alone(history, row, away));
        }
        let last = stated_end.map_or(last, |end| end.min(last));
        let fits = |period: Span| boundaries(first, period, last).last().is_some_and(|end| end > last);
        let longer = periods::longer_period(period, fits).filter(|_| !fits(period));
        let note = match longer {
            Some(longer) if replay.period.is_none() => {
                let note = format!(
                    "`every = \"{period}\"` of [monitor] cuts the data into more than {} windows, so this report counts by \
                     {longer}: set `every = \"{longer}\"` in the contract",
                    periods::MAX_PERIODS
                );
                period = longer;
                Some(note)
            }
            _ => None,
        };
        let start = start(replay.start, history, period)?;
        if start > last {
            let reason = format!("the start {start} lies behind the last event {last}");
            return Err(ReplayError::NoStart { reason });
        }
        let mut boundaries: Vec<Timestamp> = boundaries(start, period, last).collect();
        if boundaries.last().is_none_or(|end| *end <= last) {
            return Err(ReplayError::TooManyPeriods { period, longer: longer.unwrap_or(period) });
        }
        if let Some(until) = options.until.filter(|until| boundaries.last().is_some_and(|end| until < end)) {
            boundaries.retain(|boundary| *boundary < until);
            boundaries.push(until);
        }
        let end = *boundaries.last().unwrap_or(&last);
        Ok(Self {
            start,
            end,
            waits_for_labels: options.until.is_none(),
            boundaries,
            note,
            seed: options.seed.unwrap_or(replay.seed),
            batch_rows: replay.batch_rows.map_or(BATCH_ROWS, |rows| rows.max(1) as usize),
            metric: replay.metric.clone(),
        })
    }

    /// The first period boundary after `now`.
    pub fn next_boundary(&self, now: Timestamp) -> Option<Timestamp> {
        self.boundaries.iter().copied().find(|boundary| *boundary > now)
    }
}

/// The error of an event that is far away from all others.
fn alone(history: &History, row: usize, away: Span) -> ReplayError {
    let ColumnRoles { dataset, time, .. } = &history.roles;
    ReplayError::Alone {
        dataset: dataset.clone(),
        column: time.clone().unwrap_or_default(),
        row,
        value: history.events[row],
        away,
    }
}

fn start(stated: Option<ReplayStart>, history: &History, period: Span) -> Result<Timestamp, ReplayError> {
    let start = match stated {
        Some(ReplayStart::At(time)) => Some(time),
        Some(ReplayStart::Share(share)) => {
            let at = (history.order.len() as f64 * share) as usize;
            history.order.get(at).map(|&row| history.events[row])
        }
        None => periods::usual_start(history, period),
    };
    let never = || ReplayError::NoStart { reason: "a fifth of the labels is never known before the last event".into() };
    let start = start.ok_or_else(never)?;
    match history.labelled_at(start, None).is_empty() {
        true => Err(ReplayError::NoStart { reason: format!("no label is known at {start}") }),
        false => Ok(start),
    }
}
