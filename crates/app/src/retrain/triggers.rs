//! Retraining: what the contract says must happen before a new version is trained, and whether it has happened.
//!
//! Invariants: a retraining knows its cause, stays within its budget and cool-down, and ends at the same gates as any
//! other training. A retraining that was asked for and not started is written down with its reason.

use kilter_blobs::HashCache;
use kilter_domain::{
    alert::MonitorKind,
    contract::{FireAfter, GrowthThreshold, Retrain, Trigger},
    digest::Digest,
    event::{EventKind, EventMetrics},
    ids::{DatasetName, EndpointName},
    retrain_blocker::RetrainBlocker,
    run::Cause,
    time::{Span, Timestamp},
};
use kilter_store::{
    PageRequest,
    monitor::{
        alert as alerts,
        alert::Alert,
        retrain as decisions,
        retrain::{NewDecision, RetrainOutcome},
    },
};

use crate::{
    app::App,
    authz::AuthorizedContext,
    causes::NotFound,
    clock_set_back,
    project::folder::Project,
    retrain::cool_down,
    retrain::error::RetrainError,
    training::training_source::{DATASET_ROWS, TrainingSource},
};

/// A retraining that is due.
#[derive(Clone, Debug, PartialEq)]
pub struct RetrainTrigger {
    pub cause: Cause,
    pub reason: String,
    pub numbers: EventMetrics,
}

/// The first trigger of the contract that holds, if it may start now. What holds and may not start is written down.
pub fn due_retraining(
    app: &App,
    context: &AuthorizedContext,
    project: &Project,
    endpoint: &EndpointName,
    data: &dyn TrainingSource,
) -> Result<Option<RetrainTrigger>, RetrainError> {
    let Some(retrain) = &project.contract.retrain else { return Ok(None) };
    let Some(due) = find_trigger(app, context.at, project, endpoint, retrain, data)? else { return Ok(None) };
    match retrain_blocker(app, context.at, project, endpoint, (retrain, &due.cause))? {
        None => Ok(Some(due)),
        Some(blocker) => {
            record_skip(app, context, project, &due, &blocker)?;
            Ok(None)
        }
    }
}

/// Writes down that a retraining was started as `run`.
pub fn record_retrain(
    app: &App,
    context: &AuthorizedContext,
    project: &Project,
    due: &RetrainTrigger,
    run: &str,
) -> Result<(), RetrainError> {
    let new = NewDecision {
        project: project.name.clone(),
        cause: due.cause.clone(),
        outcome: RetrainOutcome::Started,
        run: Some(run.to_owned()),
        blocker: None,
        reason: due.reason.clone(),
    };
    record_decision(app, context, due, new)
}

/// Records why a retraining that is due does not start; whether that was not recorded before.
pub(crate) fn record_skip(
    app: &App,
    context: &AuthorizedContext,
    project: &Project,
    due: &RetrainTrigger,
    blocker: &RetrainBlocker,
) -> Result<bool, RetrainError> {
    let newest = app.store().read(|reader| decisions::list(reader, &project.name, &PageRequest::first(1)))?.items.pop();
    // The same answer to the same question is written once.
    let is_known = newest.is_some_and(|newest| newest.blocker.as_ref() == Some(blocker));
    if !is_known {
        let new = NewDecision {
            project: project.name.clone(),
            cause: due.cause.clone(),
            outcome: RetrainOutcome::Skipped,
            run: None,
            blocker: Some(blocker.clone()),
            reason: format!("{}, but {blocker}", due.reason),
        };
        record_decision(app, context, due, new)?;
    }
    Ok(!is_known)
}

fn record_decision(
    app: &App,
    context: &AuthorizedContext,
    due: &RetrainTrigger,
    new: NewDecision,
) -> Result<(), RetrainError> {
    let kind = match new.outcome {
        RetrainOutcome::Started => EventKind::RetrainStarted,
        _ => EventKind::RetrainSkipped,
    };
    let draft = context.decision_event(kind, new.reason.clone(), &due.numbers);
    app.store().write(move |tx| decisions::record(&tx.audited(draft), &new).map(|_| ()))?;
    Ok(())
}

fn find_trigger(
    app: &App,
    now: Timestamp,
    project: &Project,
    endpoint: &EndpointName,
    retrain: &Retrain,
    data: &dyn TrainingSource,
) -> Result<Option<RetrainTrigger>, RetrainError> {
    for trigger in &retrain.when {
        let due = match trigger {
            Trigger::Failing { kind, patience } => failing_alert(app, now, project, endpoint, *kind, *patience)?,
            Trigger::Every(every) => schedule_trigger(app, now, project, *every)?,
            Trigger::Cron(cron) => {
                let last = last_training(app, project, now)?;
                let next = last.and_then(|last| cron.next_after(last)).filter(|next| *next <= now);
                next.map(|_| scheduled(&cron.to_string()))
            }
            Trigger::Grew { data: dataset, by } => growth_trigger(app, now, project, dataset, *by, data)?,
        };
        if due.is_some() {
            return Ok(due);
        }
    }
    Ok(None)
}

fn failing_alert(
    app: &App,
    now: Timestamp,
    project: &Project,
    endpoint: &EndpointName,
    kind: MonitorKind,
    patience: FireAfter,
) -> Result<Option<RetrainTrigger>, RetrainError> {
    let filter = alerts::AlertFilter { endpoint: Some(endpoint.clone()), open: true };
    let open = app.store().read(|reader| alerts::list(reader, &filter, &PageRequest::first(100)))?;
    let every = project.contract.monitor.as_ref().map_or(Span::days(1), |monitor| monitor.every);
    let latest = clock_set_back::past_time(app, Timestamp(i64::MAX), now)?;
    let is_due = |alert: &&Alert| {
        let topic = &alert.key.topic;
        let is_asked = topic.monitor() == kind && alert.state.is_failing() && topic.is_learnable();
        let Some(fired) = alert.fired.filter(|_| is_asked) else {
            return false;
        };
        let fired = if fired <= now { fired } else { latest };
        match patience {
            FireAfter::AtOnce => true,
            FireAfter::For(span) => fired.after(span) <= now,
            FireAfter::Windows(windows) => {
                let span = Span { count: every.count * i64::from(windows.max(1) - 1), unit: every.unit };
                fired.after(span) <= now
            }
        }
    };
    Ok(open.items.iter().find(is_due).map(|alert| RetrainTrigger {
        cause: Cause::Alert { id: alert.id.clone(), monitor: kind },
        reason: format!("monitor.{kind} is failing: {}", alert.detail.text),
        numbers: EventMetrics::default(),
    }))
}

fn schedule_trigger(
    app: &App,
    now: Timestamp,
    project: &Project,
    every: Span,
) -> Result<Option<RetrainTrigger>, RetrainError> {
    let last = last_training(app, project, now)?;
    Ok(last.filter(|last| last.after(every) <= now).map(|_| scheduled(&format!("every {every}"))))
}

fn growth_trigger(
    app: &App,
    now: Timestamp,
    project: &Project,
    dataset: &DatasetName,
    by: GrowthThreshold,
    data: &dyn TrainingSource,
) -> Result<Option<RetrainTrigger>, RetrainError> {
    let Some(last) = cool_down::newest_runs(app, project, now)?.into_iter().next() else { return Ok(None) };
    // What the training saw it wrote down: of rows that were added since, the times say nothing about when.
    let before = match last.record[DATASET_ROWS][dataset.as_str()].as_u64() {
        Some(rows) => rows,
        None => data.rows(project, dataset, last.created)?,
    };
    let rows = data.rows(project, dataset, now)?;
    let is_enough = match by {
        // A tenth of 400 is 40, whatever the rounding of 1.1 says.
        GrowthThreshold::Share(share) => rows.saturating_sub(before) as f64 >= before as f64 * share * (1.0 - 1e-9),
        GrowthThreshold::Rows(more) => rows >= before.saturating_add(more),
    };
    if !is_enough || rows <= before {
        return Ok(None);
    }
    Ok(Some(RetrainTrigger {
        cause: Cause::NewData { dataset: dataset.clone(), digest: digest_of(app, now, project, dataset, data)? },
        reason: format!("dataset `{dataset}` grew from {before} to {rows} labelled rows"),
        numbers: EventMetrics::default().with("rows_before", before as f64).with("rows", rows as f64),
    }))
}

/// The digest of what a retraining reads as the dataset now.
fn digest_of(
    app: &App,
    now: Timestamp,
    project: &Project,
    dataset: &DatasetName,
    data: &dyn TrainingSource,
) -> Result<Digest, RetrainError> {
    let folder = app.folder().join("known");
    kilter_blobs::atomic::create_dirs(&folder)?;
    let window = project.contract.retrain.as_ref().and_then(|retrain| retrain.window);
    let path = match (data.files(project, now, window, &folder)?.remove(dataset), project.contract.dataset(dataset)) {
        (Some(path), _) => path,
        (None, Some(stated)) => project.dataset_path(stated)?,
        (None, None) => {
            return Err(NotFound {
                what: "dataset",
                id: dataset.to_string(),
                how: "name a dataset of the contract".to_owned(),
            }
            .into());
        }
    };
    Ok(HashCache::load(&folder.join("hashes")).content_of(&path)?.digest)
}

/// When the project was last trained, by whomever.
fn last_training(app: &App, project: &Project, now: Timestamp) -> Result<Option<Timestamp>, RetrainError> {
    Ok(cool_down::newest_runs(app, project, now)?.first().map(|run| run.created))
}

/// Why a retraining that is due may not start.
fn retrain_blocker(
    app: &App,
    now: Timestamp,
    project: &Project,
    endpoint: &EndpointName,
    (retrain, cause): (&Retrain, &Cause),
) -> Result<Option<RetrainBlocker>, RetrainError> {
    let candidate = app.store().read(|reader| kilter_store::deployment::candidate(reader, endpoint))?;
    if let Some(candidate) = candidate {
        return Ok(Some(RetrainBlocker::CandidateInRollout { version: candidate.number }));
    }
    let window = project.contract.monitor.as_ref().map(|monitor| monitor.every);
    if let Some(pause) = cool_down::pause(now, retrain, window, cause, &cool_down::newest_runs(app, project, now)?) {
        return Ok(Some(pause));
    }
    if let Some(budget) = retrain.budget {
        let since = now.before(budget.per);
        // What a clock that was ahead started counts from when it was set back.
        let latest = clock_set_back::past_time(app, Timestamp(i64::MAX), now)?;
        let until = if latest > since { Timestamp(i64::MAX) } else { now };
        let started = app.store().read(|reader| decisions::started_between(reader, &project.name, since, until))?;
        if started >= u64::from(budget.runs) {
            return Ok(Some(RetrainBlocker::BudgetUsed { runs: budget.runs, per: budget.per }));
        }
    }
    Ok(None)
}

fn scheduled(schedule: &str) -> RetrainTrigger {
    RetrainTrigger {
        cause: Cause::Schedule { schedule: schedule.to_owned() },
        reason: format!("the schedule `{schedule}` is due"),
        numbers: EventMetrics::default(),
    }
}
