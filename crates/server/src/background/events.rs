//! Sends events: after each commit, and when one is tried again.
//!
//! Invariants: of several servers one sends. A target that does not take an event gets no other in
//! the same look, so it delays the others by one attempt at most.

use std::{
    collections::BTreeSet,
    thread,
    time::{Duration, Instant},
};

use kilter_app::{
    App, events,
    events::{Due, SendOutcome, Target},
    replicas, webhook,
};
use kilter_domain::error_chain::with_causes;
use tokio::runtime::{Builder, Runtime};

use crate::{
    events::{
        registry_webhook::{self, AddressPolicy},
        smtp, webhook as event_webhook,
    },
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

/// Sends in a thread of its own: clients may make a webhook at any time.
pub(crate) fn start(state: &AppState) {
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
    let targets = state.options().events.targets();
    let is_waited_for = webhook::is_due(&state.app(), state.now()).map_err(|error| failed(&error))?;
    // Whoever has nothing to send takes no lease.
    if targets.is_empty() && !is_waited_for {
        return Ok(());
    }
    let held = replicas::hold_events(&state.app()).map_err(|error| with_causes(&error))?;
    let Some(app) = held else { return Ok(()) };
    send_to_webhooks(state, &app, runtime)?;
    if !targets.is_empty() {
        send_to_targets(state, &app, runtime, &targets)?;
    }
    if forgotten.is_none_or(|at| at.elapsed() >= FORGET_EVERY) {
        events::forget_old(&app, state.now()).map_err(|error| failed(&error))?;
        webhook::forget_old(&app, state.now()).map_err(|error| failed(&error))?;
        *forgotten = Some(Instant::now());
    }
    Ok(())
}

/// Sends what happened in the registry to the webhooks that clients made.
fn send_to_webhooks(state: &AppState, app: &App, runtime: &Runtime) -> Result<(), String> {
    let failed = |error: &dyn std::error::Error| error.to_string();
    let options = state.options();
    let (policy, mut away) = (AddressPolicy::of(options.host, &options.events), BTreeSet::new());
    for one in webhook::due(app, state.now(), MAX_SENT).map_err(|error| failed(&error))? {
        if state.is_stopping() {
            return Ok(());
        }
        if away.contains(&one.webhook.id) {
            continue;
        }
        let now = state.now();
        let sent = registry_webhook::send(&one.webhook, policy, webhook::request(&one, now), now);
        let outcome = runtime.block_on(sent).outcome;
        if outcome != SendOutcome::Delivered {
            tracing::warn!(to = %one.webhook.name.as_str(), event = %one.event, ?outcome, "an event was not taken");
        }
        webhook::settle(app, &one, &outcome, state.now()).map_err(|error| failed(&error))?;
        if matches!(outcome, SendOutcome::Failed(_)) {
            away.insert(one.webhook.id);
        }
    }
    Ok(())
}

/// Sends governance acts and alerts to whom the server was told.
fn send_to_targets(state: &AppState, app: &App, runtime: &Runtime, targets: &[Target]) -> Result<(), String> {
    let failed = |error: &dyn std::error::Error| error.to_string();
    events::plan_deliveries(app, targets, state.now()).map_err(|error| failed(&error))?;
    let due = events::due(app, state.now(), MAX_SENT).map_err(|error| failed(&error))?;
    let mut away = BTreeSet::new();
    for one in due {
        if state.is_stopping() {
            return Ok(());
        }
        if !away.contains(&one.delivery.target) && !send(state, app, runtime, &one)? {
            away.insert(one.delivery.target);
        }
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
            runtime.block_on(event_webhook::send(target, options.allow_link_local, &due.event, state.now()))
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
