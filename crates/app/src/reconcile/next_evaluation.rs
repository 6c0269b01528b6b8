//! When a live project is to be evaluated next, if nothing is committed until then.
//!
//! Invariants: never more than [`MAX_REST`] after the last evaluation, whatever is due. What commits cannot announce and
//! no clock can foretell (files of the project that grow, a retraining that waits) is looked for every [`RETRY`].

use kilter_domain::{
    contract::{Retrain, Trigger},
    ids::EndpointName,
    time::{Span, Timestamp},
};
use kilter_store::{
    PageRequest,
    monitor::{alert as alerts, alert::AlertFilter},
    run as runs,
    run::RunFilter,
};

use crate::{
    app::App, deployment::threshold::tune, monitor, monitor::missing_labels, project::folder::Project,
    reconcile::error::ReconcileError, reconcile::project, replicas,
};

/// The longest time between two evaluations.
const MAX_REST: Span = Span::seconds(10 * 60);

/// The time between two evaluations while the next event cannot be computed.
const RETRY: Span = Span::seconds(60);

/// The time between two evaluations while a window waits for another server's seal.
const SEAL_WAIT: Span = Span::seconds(3);

/// The earliest of: the end of a window, the time at which its labels should be there, the next stage of a rollout, the
/// next evaluation of the threshold, the next scheduled retraining.
///
/// # Errors
/// When the metadata cannot be read.
pub(super) fn next_evaluation(app: &App, project: &Project, now: Timestamp) -> Result<Timestamp, ReconcileError> {
    let mut due = vec![now.after(MAX_REST)];
    due.extend(project::next_due(app, project, now)?);
    for deploy in &project.contract.deploy {
        due.extend(labels_due(app, project, &project.endpoint(deploy), now)?);
    }
    if let Some(main) = project.main_deploy() {
        let endpoint = project.endpoint(main);
        due.extend(tune::tuning_due(app, project, &endpoint));
        if let Some(retrain) = &project.contract.retrain {
            due.extend(retraining_due(app, project, &endpoint, retrain, now)?);
        }
    }
    // What is due and was not done in the evaluation before waits for something.
    let mut later: Vec<Timestamp> = due.into_iter().map(|due| if due > now { due } else { now.after(RETRY) }).collect();
    let sealed = replicas::windows_until(app, now)?;
    for deploy in project.contract.deploy.iter().filter(|_| sealed < now) {
        let calendar = monitor::calendar(app, project, &project.endpoint(deploy))?;
        // A window is over that another server has not sealed yet.
        later.extend(calendar.filter(|calendar| calendar.next_end(sealed) <= now).map(|_| now.after(SEAL_WAIT)));
    }
    let later = later.into_iter();
    Ok(later.min().unwrap_or(now.after(RETRY)))
}

/// When the labels of the next window should be there.
fn labels_due(
    app: &App,
    project: &Project,
    endpoint: &EndpointName,
    now: Timestamp,
) -> Result<Option<Timestamp>, ReconcileError> {
    let Some(monitor) = &project.contract.monitor else { return Ok(None) };
    let delay = project.labelled_dataset().ok().and_then(|dataset| project.roles(dataset).label_delay);
    let (Some(delay), Some(calendar)) = (delay, monitor::calendar(app, project, endpoint)?) else { return Ok(None) };
    let due_until = missing_labels::due_before(now, delay, monitor.every);
    let wait = calendar.next_end(due_until).millis() - due_until.millis();
    Ok(Some(Timestamp(now.millis().saturating_add(wait))))
}

/// When a trigger may hold that does not hold now.
fn retraining_due(
    app: &App,
    project: &Project,
    endpoint: &EndpointName,
    retrain: &Retrain,
    now: Timestamp,
) -> Result<Option<Timestamp>, ReconcileError> {
    let filter = RunFilter { project: Some(project.name.clone()), ..Default::default() };
    let last = app.store().read(|reader| runs::list(reader, &filter, &PageRequest::first(1)))?.items.pop();
    let mut due: Option<Timestamp> = None;
    for trigger in &retrain.when {
        let holds_at = match trigger {
            Trigger::Every(every) => last.as_ref().map(|last| last.created.after(*every)),
            Trigger::Cron(cron) => last.as_ref().and_then(|last| cron.next_after(last.created)),
            Trigger::Grew { .. } => Some(now),
            // An alert that is open may stay so for as long as the contract says, or wait for the cool-down.
            Trigger::Failing { .. } => {
                let filter = AlertFilter { endpoint: Some(endpoint.clone()), open: true };
                let open = app.store().read(|reader| alerts::list(reader, &filter, &PageRequest::first(1)))?;
                open.items.first().map(|_| now)
            }
        };
        due = [due, holds_at].into_iter().flatten().min();
    }
    Ok(due)
}
