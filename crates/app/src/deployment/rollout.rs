//! A rollout under way: how long, on how many rows, against which guardrails, and what the labels say so far.
//!
//! Invariants: the comparison of candidate and champion is by pairs of losses on the same rows (shadow) or between rows
//! that chance gave to each (canary), with confidence sequences, so it may be looked at after every step; too few rows
//! decide nothing.

use std::collections::HashMap;

use kilter_domain::{
    contract::{Canary, Deploy},
    deployment::{DeploymentEvent, DeploymentState},
    event::{EventKind, EventMetric, EventMetrics},
    ids::EndpointName,
    rule::{JudgeMode, RuleOutcome, rounded, signed},
    time::{Span, Timestamp},
};
use kilter_evaluation::monitor_metrics::{MinSample, WindowRows};
use kilter_stats::{Estimate, sequential::EmpiricalBernstein};
use kilter_store::{
    deployment as deployments,
    deployment::{CandidateRequests, Deployment},
};

use crate::{
    app::App,
    authz::AuthorizedContext,
    causes::StorageError,
    clock_set_back,
    deployment::{
        checks,
        error::DeployError,
        route_change::{self, EndpointChange, Stage},
        target::Target,
    },
    model::{error::VersionError, load},
    prediction::{
        live,
        logged::{self, LoggedPredictions, PredictionFilter},
        predict,
    },
};

/// Confidence of the statement that a candidate is worse.
const LEVEL: f64 = 0.95;
/// Losses beyond this count as this: a confidence sequence needs a bound.
const LARGEST_LOSS: f64 = 5.0;
/// Rows with labels below which the comparison says nothing.
const MIN_COMPARED: usize = 50;

/// What is known of a candidate at a stage of its rollout.
struct CandidateComparison {
    /// What the candidate scored since the stage began.
    scored: LoggedPredictions,
    /// Candidate's loss minus the champion's's on the same labelled rows.
    difference: Option<Estimate>,
    errors: f64,
}

/// Takes the candidate at an endpoint one stage further, or back, if its time has come.
pub(crate) fn advance_rollout(app: &App, context: &AuthorizedContext, target: &Target<'_>) -> Result<(), DeployError> {
    let Target { deploy, endpoint, .. } = target;
    let Some(candidate) = app.store().read(|reader| deployments::candidate(reader, endpoint))? else {
        return Ok(());
    };
    // What is not asked is neither widened nor judged; `kilter status` says why, and a person takes it back.
    if live::refused_at(app, endpoint).or_else(|| live::candidate_refused_at(app, endpoint)).is_some() {
        return Ok(());
    }
    let since = stage_since(app, &candidate, context.at)?;
    let trial = compare_candidate(app, context, &candidate, since)?;
    if let Some((reason, numbers)) = judge_guardrail(app, context, deploy, &candidate, &trial)? {
        let take_back = |change: &EndpointChange<'_>| change.take_back(&candidate, &reason, &numbers);
        return route_change::change_endpoint(app, context, target, take_back);
    }
    let next = match candidate.state {
        DeploymentState::Shadow => {
            let is_over = deploy.shadow.is_none_or(|shadow| since.after(shadow) <= context.at);
            is_over.then(|| after_shadow(deploy))
        }
        DeploymentState::Canary { percent } => deploy.canary.as_ref().and_then(|canary| {
            let is_over = since.after(canary.every) <= context.at && trial.answered() >= canary.min_rows;
            is_over.then(|| after_canary(canary, percent))
        }),
        _ => None,
    };
    let Some(next) = next else { return Ok(()) };
    // It stays where it is while more of the traffic is not what it was approved for.
    let percent = next.as_ref().map_or(100, |(_, percent)| *percent);
    if checks::max_traffic_percent(app, &candidate.model, candidate.number, context.at)? < percent {
        return Ok(());
    }
    route_change::change_endpoint(app, context, target, |change| trial.take_stage(change, &candidate, next))
}

/// When a rollout at a place wants to be looked at again.
pub(crate) fn rollout_due(app: &App, target: &Target<'_>, now: Timestamp) -> Result<Option<Timestamp>, StorageError> {
    let Target { deploy, endpoint, .. } = target;
    let Some(candidate) = app.store().read(|reader| deployments::candidate(reader, endpoint))? else {
        return Ok(None);
    };
    let since = stage_since(app, &candidate, now)?;
    let every = match candidate.state {
        DeploymentState::Shadow => deploy.shadow,
        _ => deploy.canary.as_ref().map(|canary| canary.every),
    };
    let Some(every) = every.filter(|every| every.millis() > 0) else { return Ok(None) };
    let passed = (now.millis() - since.millis()) / every.millis() + 1;
    Ok(Some(since.after(Span { count: every.count * passed.max(1), unit: every.unit })))
}

/// When the present stage began: the entry of the last move.
fn stage_since(app: &App, candidate: &Deployment, now: Timestamp) -> Result<Timestamp, StorageError> {
    let seq = candidate.audit_seq;
    let entry = app.store().read(|reader| kilter_store::audit::find(reader, seq))?;
    clock_set_back::past_time(app, entry.map_or(candidate.created, |record| record.entry.at), now)
}

fn compare_candidate(
    app: &App,
    context: &AuthorizedContext,
    candidate: &Deployment,
    since: Timestamp,
) -> Result<CandidateComparison, VersionError> {
    let (endpoint, until) = (&candidate.endpoint, Timestamp(context.at.millis().saturating_add(1)));
    let scored = logged::logged_predictions(
        app,
        endpoint,
        PredictionFilter::Version(candidate.number),
        (since, until),
        context.at,
    )?;
    let live = app.store().read(|reader| deployments::live(reader, endpoint))?;
    let difference = match live {
        Some(live) => compare_losses(app, context, candidate, &live)?,
        None => None,
    };
    Ok(CandidateComparison { errors: error_rate(app, candidate)?, scored, difference })
}

/// Mean loss of the candidate minus the champion's since the rollout began: over the rows that both scored
/// (shadow), else between the rows that chance gave to each (canary).
fn compare_losses(
    app: &App,
    context: &AuthorizedContext,
    candidate: &Deployment,
    live: &Deployment,
) -> Result<Option<Estimate>, VersionError> {
    let span = (
        clock_set_back::past_time(app, candidate.created, context.at)?,
        Timestamp(context.at.millis().saturating_add(1)),
    );
    let ours = logged::logged_predictions(
        app,
        &candidate.endpoint,
        PredictionFilter::Version(candidate.number),
        span,
        context.at,
    )?;
    let theirs =
        logged::logged_predictions(app, &candidate.endpoint, PredictionFilter::Version(live.number), span, context.at)?;
    let champion = load::load_version(app, &live.model, live.number)?.0;
    // A class that one of them alone knows is a wrong answer of the other.
    let classes = [&load::load_version(app, &candidate.model, candidate.number)?.0, &champion]
        .map(|package| package.manifest.signature.classes.clone())
        .concat();
    let (mut ours, mut theirs) =
        (row_losses(app, candidate, &ours, &classes)?, row_losses(app, live, &theirs, &classes)?);
    if champion.manifest.signature.task == kilter_inference::Task::Regression {
        // Errors of a regression have the unit of the target: in units of the champion's they fit any target.
        let unit = spread(&theirs);
        ours.iter_mut().chain(&mut theirs).for_each(|(_, loss)| *loss /= unit);
    }
    Ok(paired(&ours, &theirs).or_else(|| apart(&ours, &theirs)))
}

fn row_losses(
    app: &App,
    deployment: &Deployment,
    answered: &LoggedPredictions,
    classes: &[String],
) -> Result<Losses, VersionError> {
    let (package, _) = load::load_version(app, &deployment.model, deployment.number)?;
    let signature = &package.manifest.signature;
    let outcomes = answered.outcomes(signature.task, &signature.classes, package.manifest.threshold).knowing(classes);
    if outcomes.label_check().is_beyond() {
        return Ok(vec![]);
    }
    let named = outcomes.rows.iter().zip(outcomes.losses());
    Ok(named.map(|(&row, loss)| (answered.ids[row].clone(), loss)).collect())
}

/// The share of its requests that failed, at every server.
fn error_rate(app: &App, candidate: &Deployment) -> Result<f64, StorageError> {
    let (own, mut seen) = (requests_here(app, candidate), CandidateRequests::default());
    if app.store().is_shared() {
        let replica = app.store().replica();
        seen = app.store().read(|reader| deployments::requests_elsewhere(reader, &candidate.id, replica))?;
    }
    let (requests, errors) = (own.requests + seen.requests, own.errors + seen.errors);
    Ok(if requests == 0 { 0.0 } else { errors as f64 / requests as f64 })
}

/// What this process saw of a candidate since it loaded it.
fn requests_here(app: &App, candidate: &Deployment) -> CandidateRequests {
    let Some(serving) = predict::serving(app, &candidate.endpoint) else { return CandidateRequests::default() };
    let routes = serving.endpoint().routes();
    let served = routes.versions().find(|served| served.version().number == u64::from(candidate.number));
    served.map_or_else(CandidateRequests::default, |served| {
        let counts = served.counts();
        CandidateRequests { requests: counts.routed_requests(), errors: counts.routed_errors() }
    })
}

/// Writes what this process saw of a candidate for the server that decides about it.
pub(crate) fn note_candidate_requests(app: &App, endpoint: &EndpointName) -> Result<(), StorageError> {
    let Some(candidate) = app.store().read(|reader| deployments::candidate(reader, endpoint))? else { return Ok(()) };
    let (id, seen) = (candidate.id.clone(), requests_here(app, &candidate));
    Ok(app.store().write(move |tx| deployments::note_requests(tx, &id, seen))?)
}

/// The guardrail that broke: a rule of the contract that holds, or labels that say the candidate is worse.
fn judge_guardrail(
    app: &App,
    context: &AuthorizedContext,
    deploy: &Deploy,
    candidate: &Deployment,
    trial: &CandidateComparison,
) -> Result<Option<(String, EventMetrics)>, VersionError> {
    if let Some(worse) = trial.difference.filter(|difference| difference.low > 0.0) {
        let reason = format!(
            "its loss is higher than the champion's by {} (at least {}) on {} labelled rows",
            rounded(worse.value),
            rounded(worse.low),
            worse.count
        );
        return Ok(Some((reason, trial.numbers())));
    }
    let Some(canary) = &deploy.canary else { return Ok(None) };
    let broken = broken_guardrail(app, context, canary, candidate, trial)?;
    Ok(broken.map(|outcome| {
        let mut numbers = trial.numbers();
        numbers.put_outcome(&outcome);
        (format!("guardrail: {}", outcome.text), numbers)
    }))
}

fn broken_guardrail(
    app: &App,
    context: &AuthorizedContext,
    canary: &Canary,
    candidate: &Deployment,
    trial: &CandidateComparison,
) -> Result<Option<RuleOutcome>, VersionError> {
    let (package, _) = load::load_version(app, &candidate.model, candidate.number)?;
    let signature = &package.manifest.signature;
    let threshold = package.manifest.threshold;
    let outcomes = trial.scored.outcomes(signature.task, &signature.classes, threshold);
    let decisions = trial.scored.decisions(signature.task, &signature.classes, threshold);
    let facts = std::collections::BTreeMap::from([("error_rate".to_owned(), trial.errors)]);
    let rows = WindowRows {
        now: context.at,
        table: &trial.scored.table,
        events: &trial.scored.events,
        scores: &trial.scored.scores,
        reference: &package.reference,
        outcomes: &outcomes,
        decisions: &decisions,
        estimates: &std::collections::BTreeMap::new(),
        facts: &facts,
        consumers: &trial.scored.consumers,
        min_sample: MinSample { rows: MIN_COMPARED, labelled: 0.3 },
        alarm_policy: None,
    };
    // An abort rule states what must not be: the version goes back when it holds.
    Ok(canary.abort.iter().map(|rule| rule.judge(&rows, JudgeMode::Point)).find(RuleOutcome::is_passed))
}

/// The stage that follows a shadow: a canary of the share that the contract begins with, or going live.
fn after_shadow(deploy: &Deploy) -> Option<(Stage, u8)> {
    let percent = deploy.canary.as_ref().and_then(|canary| canary.steps.first().copied());
    let percent = percent.filter(|percent| *percent < 100)?;
    let (event, kind) = (DeploymentEvent::CanaryStarted { percent }, EventKind::CanaryStarted);
    Some((Stage { event, kind }, percent))
}

/// The stage that follows a canary: the next share, or going live.
fn after_canary(canary: &Canary, percent: u8) -> Option<(Stage, u8)> {
    let percent = canary.steps.iter().copied().find(|step| *step > percent).filter(|step| *step < 100)?;
    let (event, kind) = (DeploymentEvent::CanaryWidened { percent }, EventKind::CanaryStep);
    Some((Stage { event, kind }, percent))
}

impl CandidateComparison {
    fn take_stage(
        &self,
        change: &EndpointChange<'_>,
        candidate: &Deployment,
        next: Option<(Stage, u8)>,
    ) -> Result<(), DeployError> {
        let reason = self.sentence();
        match next {
            Some((stage, percent)) => {
                let numbers = self.numbers().with("percent", f64::from(percent));
                change.advance_candidate(candidate, stage, &reason, &numbers)?;
            }
            None => {
                change.promote(candidate, &reason, &self.numbers())?;
            }
        }
        Ok(())
    }

    fn answered(&self) -> u64 {
        self.scored.len() as u64
    }

    fn sentence(&self) -> String {
        let rows = self.scored.len();
        match self.difference {
            Some(difference) if difference.high < 0.0 => format!(
                "its loss is lower than the champion's by {} (at least {}) on {} labelled rows; no guardrail broke",
                rounded(-difference.value),
                rounded(-difference.high),
                difference.count
            ),
            Some(difference) => format!(
                "its loss differs from the champion's by {} [{}, {}] on {} labelled rows; no guardrail broke",
                signed(difference.value),
                signed(difference.low),
                signed(difference.high),
                difference.count
            ),
            None => format!("it scored {rows} rows and no guardrail broke; too few labels are known to compare losses"),
        }
    }

    fn numbers(&self) -> EventMetrics {
        let mut numbers =
            EventMetrics::default().with("rows", self.scored.len() as f64).with("error_rate", self.errors);
        if let Some(difference) = self.difference {
            let metric = EventMetric::with_interval(difference.value, difference.low, difference.high);
            numbers.put_metric("loss_difference", EventMetric { count: Some(difference.count), ..metric });
        }
        numbers
    }
}

/// The loss of each labelled row, by prediction id, in the order in which they were answered.
type Losses = Vec<(std::sync::Arc<str>, f64)>;

/// The mean of all losses, or one where they are all zero.
fn spread(losses: &Losses) -> f64 {
    let mean = losses.iter().map(|(_, loss)| loss).sum::<f64>() / losses.len().max(1) as f64;
    if mean > 0.0 { mean } else { 1.0 }
}

/// A confidence sequence for the mean of what lies in `range`; `None` with too few values to say anything.
fn sequence(range: (f64, f64), level: f64, values: impl Iterator<Item = f64>) -> Option<Estimate> {
    let mut sequence = EmpiricalBernstein::new(range, level).ok()?;
    let mut count = 0;
    for value in values {
        // What is cut to the range cannot fall out of it.
        let _ = sequence.add(value.clamp(range.0, range.1));
        count += 1;
    }
    if count < MIN_COMPARED { None } else { sequence.estimate().ok() }
}

fn paired(ours: &Losses, theirs: &Losses) -> Option<Estimate> {
    let theirs: HashMap<_, _> = theirs.iter().map(|(id, loss)| (id, loss)).collect();
    let pairs = ours.iter().filter_map(|(id, loss)| Some(loss - **theirs.get(id)?));
    sequence((-LARGEST_LOSS, LARGEST_LOSS), LEVEL, pairs)
}

/// Two samples that chance told apart: each mean has its own sequence, at a level that makes both hold together.
fn apart(ours: &Losses, theirs: &Losses) -> Option<Estimate> {
    let level = 1.0 - (1.0 - LEVEL) / 2.0;
    let mean = |losses: &Losses| sequence((0.0, LARGEST_LOSS), level, losses.iter().map(|(_, loss)| *loss));
    let (ours, theirs) = (mean(ours)?, mean(theirs)?);
    Some(Estimate {
        value: ours.value - theirs.value,
        low: ours.low - theirs.high,
        high: ours.high - theirs.low,
        level: LEVEL,
        count: ours.count + theirs.count,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn losses(from: usize, values: impl IntoIterator<Item = f64>) -> Losses {
        values.into_iter().enumerate().map(|(row, loss)| (format!("{}", from + row).into(), loss)).collect()
    }

    #[test]
    fn rows_that_both_scored_are_compared_in_pairs() {
        let theirs = losses(0, (0..2000).map(|row| f64::from(row % 7) / 10.0));
        let ours = losses(0, (0..2000).map(|row| f64::from(row % 7) / 10.0 + 0.5));
        let worse = paired(&ours, &theirs).unwrap();
        assert!((worse.value - 0.5).abs() < 1e-9 && worse.low > 0.0 && worse.count == 2000, "{worse:?}");
        assert!(paired(&losses(5000, [0.1; 100]), &theirs).is_none(), "no row in common");
        assert!(paired(&losses(0, [0.1; 20]), &theirs).is_none(), "too few rows");
    }

    #[test]
    fn rows_that_chance_told_apart_are_compared_by_their_means() {
        let theirs = losses(0, (0..4000).map(|row| f64::from(row % 3) / 10.0));
        let ours = losses(9000, (0..4000).map(|row| f64::from(row % 3) / 10.0 + 1.0));
        let worse = apart(&ours, &theirs).unwrap();
        assert!((worse.value - 1.0).abs() < 1e-9 && worse.low > 0.0 && worse.count == 8000, "{worse:?}");
        let same = apart(&losses(9000, (0..4000).map(|row| f64::from(row % 3) / 10.0)), &theirs).unwrap();
        assert!(same.low < 0.0 && same.high > 0.0, "{same:?}");
        assert!(apart(&losses(0, [0.1; 20]), &theirs).is_none(), "too few rows");
    }
}
