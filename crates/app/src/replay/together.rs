//! Pasts of several projects in one platform, played by one clock.
//!
//! Invariants: the clock never goes back, whichever project acts next; each project is played as it would be alone; what stands in the
//! platform afterwards is what a server would have made of it.

use std::{ops::ControlFlow, path::PathBuf};

use kilter_domain::{ids::ProjectName, time::Timestamp};

use crate::{
    app::App,
    model::approval_mode::ApprovalMode,
    prediction::compact,
    replay::{
        error::ReplayError,
        past::Past,
        point_in_time::PointInTimeSource,
        settings::ReplayOptions,
        simulator::{Progress, Simulator},
        timeline,
    },
};

/// A project whose past is played beside that of others.
#[derive(Clone, Debug)]
pub struct PlayedProject {
    /// Where the project lies.
    pub folder: PathBuf,
    /// The moment at which its past ends, and the present begins.
    pub until: Timestamp,
    /// From when on people are asked for what they must say; before, their yes is assumed. `None`: it is assumed to the end.
    pub asks_people_from: Option<Timestamp>,
}

/// How far one of the projects is.
#[derive(Clone, Debug)]
pub struct PlayedProgress {
    /// Which.
    pub project: ProjectName,
    /// How far, and what was decided since the last time.
    pub progress: Progress,
}

/// Plays the projects in `app`, which is empty, until all of them are at their end or `observer` breaks off.
///
/// # Errors
/// When a project or its data cannot be used, serving cannot begin, or a first training fails.
pub fn replay_together(
    app: &App,
    projects: &[PlayedProject],
    observer: &mut dyn FnMut(&PlayedProgress) -> ControlFlow<()>,
) -> Result<(), ReplayError> {
    let options = |played: &PlayedProject| ReplayOptions { seed: None, until: Some(played.until) };
    let pasts =
        projects.iter().map(|played| Past::read(&played.folder, &options(played))).collect::<Result<Vec<_>, _>>()?;
    let mut running: Vec<Running> =
        pasts.iter().zip(projects).map(|(past, played)| Running::new(app, past, played.asks_people_from)).collect();
    let mut read = 0;
    while let Some((at, next)) = earliest(&running)? {
        let running = &mut running[at];
        running.advance(app, next)?;
        let (events, last) = timeline::events_after(app, read)?;
        read = last;
        let progress = Progress { events, ..running.simulator.progress_so_far(next) };
        let progress = PlayedProgress { project: running.past.project.name.clone(), progress };
        if observer(&progress).is_break() {
            break;
        }
    }
    running.iter().try_for_each(|running| Ok(compact::compact_log(app, &running.simulator.endpoint).map(drop)?))
}

/// Which project acts next, and when.
fn earliest(running: &[Running]) -> Result<Option<(usize, Timestamp)>, ReplayError> {
    let mut found: Option<(usize, Timestamp)> = None;
    for (at, running) in running.iter().enumerate() {
        match running.next()? {
            Some(next) if found.is_none_or(|(_, earliest)| next < earliest) => found = Some((at, next)),
            _ => {}
        }
    }
    Ok(found)
}

/// A project that is played.
struct Running<'p> {
    past: &'p Past,
    source: PointInTimeSource<'p>,
    simulator: Simulator<'p>,
    /// `None` before its first version was trained.
    now: Option<Timestamp>,
    asks_people_from: Option<Timestamp>,
}

impl<'p> Running<'p> {
    fn new(app: &'p App, past: &'p Past, asks_people_from: Option<Timestamp>) -> Self {
        let simulator = Simulator::new(app, &past.project, &past.history, &past.settings);
        Self { past, source: past.source(), simulator, now: None, asks_people_from }
    }

    fn next(&self) -> Result<Option<Timestamp>, ReplayError> {
        match self.now {
            None => Ok(Some(self.past.settings.start)),
            Some(now) if now >= self.past.settings.end => Ok(None),
            Some(now) => self.simulator.next(now).map(Some),
        }
    }

    fn advance(&mut self, app: &App, next: Timestamp) -> Result<(), ReplayError> {
        let asks = self.asks_people_from.is_some_and(|from| next >= from);
        let mode = if asks { ApprovalMode::Required } else { ApprovalMode::Simulated };
        match self.now {
            None => self.past.begin(app, &self.source)?,
            Some(now) => self.simulator.advance((now, next), &self.source, mode)?,
        }
        self.now = Some(next);
        Ok(())
    }
}
