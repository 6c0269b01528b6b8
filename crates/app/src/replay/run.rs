//! Replay: a dataset played as production, with the clock handed in.
//!
//! Trains on what was known when serving began, answers the rest through the real endpoint in the order of events,
//! lets labels arrive when they became known, and takes every step of the loop as the server would.
//!
//! Invariants: at each moment nothing is read that was not known then; no project has a path of its own here; what the
//! report says is read back from the audit table and the prediction log.

use std::path::Path;

use crate::{
    app::{App, AppOptions},
    model::approval_mode::ApprovalMode,
    prediction::compact,
    replay::{
        counterfactual,
        error::ReplayError,
        past::Past,
        point_in_time::PointInTimeSource,
        report::Report,
        settings::ReplayOptions,
        simulator::{Progress, Simulator},
    },
};

/// Plays the project in `folder`, keeping its state in `state` (an empty folder).
///
/// # Errors
/// When the project, its data or the folder of the state cannot be used, serving cannot begin, or the first training
/// fails.
pub fn replay(
    folder: &Path,
    state: &Path,
    options: &ReplayOptions,
    app: AppOptions,
    observer: &mut dyn FnMut(&Progress),
) -> Result<Report, ReplayError> {
    let past = Past::read(folder, options)?;
    let app = App::open(state, app)?;
    let source = past.source();
    past.begin(&app, &source)?;
    let mut simulator = Simulator::new(&app, &past.project, &past.history, &past.settings);
    play(&mut simulator, &source, observer)?;
    counterfactual::report(&app, &past.project, &past.history, &past.settings, &simulator)
}

/// The loop: answer what happens until the next moment that matters, tell the labels, take one step.
fn play(
    simulator: &mut Simulator,
    source: &PointInTimeSource,
    observer: &mut dyn FnMut(&Progress),
) -> Result<(), ReplayError> {
    let mut now = simulator.settings.start;
    while now < simulator.settings.end {
        let next = simulator.next(now)?;
        simulator.advance((now, next), source, ApprovalMode::Simulated)?;
        now = next;
        observer(&simulator.progress(now)?);
    }
    // Nothing happens any more, and the last labels are waited for: the report then knows what became of every row.
    simulator.send_labels(simulator.last_label_time())?;
    compact::compact_log(simulator.app, &simulator.endpoint)?;
    observer(&simulator.progress(simulator.last_label_time())?);
    Ok(())
}
