//! Sends events: after each commit, and when one is tried again.
//!
//! Invariants: of several servers one sends; without a target there is no thread. A target that does not take an event gets no other in
//! the same look, so it delays the others by one attempt at most.

use std::{
    collections::BTreeSet,
    thread,
    time::{Duration, Instant},
};

use kilter_app::{
    App, events,
    events::{Due, SendOutcome},
    replicas,
};
use kilter_domain::error_chain::with_causes;
use tokio::runtime::{Builder, Runtime};

use crate::{
    events::{smtp, webhook},
    state::AppState,
    tasks::Importance,
};

/// The longest time between two looks: the shortest pause before an event is tried again.
const POLL: Duration = Duration::from_secs(5);
/// The time between two looks while commits arrive.
const PAUSE: Duration = Duration::from_millis(200);
/// The longest that a look is expected to take.
const LIMIT: Duration = Duration::from_secs(20 * 60);
/// Events that a target is sent in one look.
const MAX_SENT: u32 = 20;
/// The time between two looks for deliveries that are forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(60 * 60);

/// Sends in a thread of its own, where there is somebody to send to.
pub(crate) fn start(state: &AppState) {
    if state.options().events.targets().is_empty() {
        return;
    }
    let state = state.clone();
    let started = thread::Builder::new().name("events".to_owned()).spawn(move || run(&state));
    if let Err(error) = started {
        tracing::error!(%error, "no event is sent: the thread for it could not be started");
    }
}

fn run(state: &AppState) {
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return tracing::error!(%error, "no event is sent"),
    };
    let (mut seen, mut forgotten) = (0, None);
    loop {
        let counts = state.signals().wait(POLL, |now| now.commits != seen);
        if counts.is_stopping {
            return;
        }
        seen = counts.commits;
        state.background().step("events", (Importance::Optional, LIMIT), || send_due(state, &runtime, &mut forgotten));
        if !state.signals().rest(PAUSE) {
            return;
        }
    }
}

/// Plans what is new, sends what is due, and forgets what is old from time to time.
fn send_due(state: &AppState, runtime: &Runtime, forgotten: &mut Option<Instant>) -> Result<(), String> {
    let failed = |error: &dyn std::error::Error| error.to_string();
    let held = replicas::hold_events(&state.app()).map_err(|error| with_causes(&error))?;
    let Some(app) = held else { return Ok(()) };
    let targets = state.options().events.targets();
    events::plan_deliveries(&app, &targets, state.now()).map_err(|error| failed(&error))?;
    let due = events::due(&app, state.now(), MAX_SENT).map_err(|error| failed(&error))?;
    let mut away = BTreeSet::new();
    for one in due {
        if state.is_stopping() {
            return Ok(());
        }
        if !away.contains(&one.delivery.target) && !send(state, &app, runtime, &one)? {
            away.insert(one.delivery.target);
        }
    }
    if forgotten.is_none_or(|at| at.elapsed() >= FORGET_EVERY) {
        events::forget_old(&app, state.now()).map_err(|error| failed(&error))?;
        *forgotten = Some(Instant::now());
    }
    Ok(())
}

/// Sends an event; whether its target may be sent another one now.
fn send(state: &AppState, app: &App, runtime: &Runtime, due: &Due) -> Result<bool, String> {
    let options = &state.options().events;
    let (kind, name) = due.delivery.target.split_once(':').unwrap_or_default();
    let unknown = || SendOutcome::Failed("no server that runs was started with this target".to_owned());
    let outcome = match kind {
        "webhook" => options.webhooks.iter().find(|target| target.name == name).map_or_else(unknown, |target| {
            runtime.block_on(webhook::send(target, options.allow_link_local, &due.event, state.now()))
        }),
        _ => {
            let target = options.mails.iter().find(|target| target.name == name);
            target
                .zip(options.smtp.as_ref())
                .map_or_else(unknown, |(target, smtp)| smtp::send(smtp, target, &due.event, state.now()))
        }
    };
    if outcome != SendOutcome::Delivered {
        tracing::warn!(to = %due.delivery.target, event = %due.event.id, ?outcome, "an event was not taken");
    }
    events::settle(app, &due.delivery, &outcome, state.now()).map_err(|error| error.to_string())?;
    Ok(!matches!(outcome, SendOutcome::Failed(_)))
}
