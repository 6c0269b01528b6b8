//! A rollout under way: how long, on how many rows, against which guardrails, and what the labels say so far.
//!
//! Invariants: the comparison of candidate and champion is by pairs of losses on the same rows (shadow) or between rows
//! that chance gave to each (canary), with confidence sequences, so it may be looked at after every step; too few rows
//! decide nothing.

use kilter_domain::{
    contract::{Canary, Deploy, ExperimentOutcome},
    deployment::{DeploymentEvent, DeploymentState},
    event::{EventKind, EventMetrics},
    ids::EndpointName,
    rule::{JudgeMode, Rule, RuleOutcome, rounded, signed},
    time::{Interval, Span, Timestamp},
};
use kilter_evaluation::monitor_metrics::{MinSample, WindowRows};
use kilter_stats::Estimate;
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
        comparison::{self, ComparedMetric, Comparison, MIN_COMPARED},
        error::DeployError,
        experiment,
        exposure::SampleRatioReading,
        route_change::{self, EndpointChange, Stage},
        target::Target,
    },
    model::{error::VersionError, load},
    prediction::{
        live,
        logged::PredictionFilter,
        predict,
        window_sample::{self, WindowQuery, WindowSample},
    },
};

/// What is known of a candidate at a stage of its rollout.
struct CandidateComparison {
    /// What the candidate scored since the stage began.
    scored: WindowSample,
    /// The candidate beside what is live; `None` while nothing is.
    comparison: Option<Comparison>,
    errors: f64,
}

/// Takes the candidate at an endpoint one stage further, or back, if its time has come. Answers with how the entities of the stage
/// fell, where two versions share the traffic and go on as they do.
pub(crate) fn advance_rollout(
    app: &App,
    context: &AuthorizedContext,
    target: &Target<'_>,
) -> Result<Option<SampleRatioReading>, DeployError> {
    let Target { deploy, endpoint, .. } = target;
    let Some(candidate) = app.store().read(|reader| deployments::candidate(reader, endpoint))? else {
        return Ok(None);
    };
    // What is not asked is neither widened nor judged; `kilter status` says why, and a person takes it back.
    if live::refused_at(app, endpoint).or_else(|| live::candidate_refused_at(app, endpoint)).is_some() {
        return Ok(None);
    }
    let since = stage_since(app, &candidate, context.at)?;
    let trial = compare_candidate(app, context, &candidate, since)?;
    let ratio = trial.comparison.as_ref().and_then(|comparison| comparison.sample_ratio);
    let outcome = experiment_outcome(deploy, &candidate, &trial);
    let taken_back = match judge_guardrail(app, context, deploy, &candidate, &trial)? {
        None if outcome == ExperimentOutcome::Stop => Some((trial.sentence(), trial.numbers())),
        guardrail => guardrail,
    };
    if let Some((reason, numbers)) = taken_back {
        let take_back = |change: &EndpointChange<'_>| change.take_back(&candidate, &reason, &numbers);
        route_change::change_endpoint(app, context, target, take_back)?;
        return Ok(None);
    }
    let next = match candidate.state {
        DeploymentState::Shadow => {
            let is_over = deploy.shadow.is_none_or(|shadow| since.after(shadow) <= context.at);
            is_over.then(|| after_shadow(deploy))
        }
        DeploymentState::Canary { .. } if deploy.experiment.is_some() => {
            (outcome == ExperimentOutcome::Promote).then_some(None)
        }
        DeploymentState::Canary { percent } => deploy.canary.as_ref().and_then(|canary| {
            let is_over = since.after(canary.every) <= context.at && trial.answered() >= canary.min_rows;
            is_over.then(|| after_canary(canary, percent))
        }),
        _ => None,
    };
    // What is compared is not what was to be compared: it may be taken back, and gets no further.
    let Some(next) = next.filter(|_| !ratio.is_some_and(|ratio| ratio.is_mismatch())) else { return Ok(ratio) };
    // It stays where it is while more of the traffic is not what it was approved for.
    let percent = next.as_ref().map_or(100, |(_, percent)| *percent);
    if checks::max_traffic_percent(app, &candidate.model, candidate.number, context.at)? < percent {
        return Ok(ratio);
    }
    route_change::change_endpoint(app, context, target, |change| trial.take_stage(change, &candidate, next))?;
    Ok(None)
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
        _ => {
            let canary = deploy.canary.as_ref().map(|canary| canary.every);
            deploy.experiment.as_ref().map(|experiment| experiment.every).or(canary)
        }
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
    let (package, _) = load::load_version(app, &candidate.model, candidate.number)?;
    let query = WindowQuery {
        endpoint,
        who: PredictionFilter::Version(candidate.number),
        versions: None,
        window: Interval { start: since, end: until },
        as_of: context.at,
        reference: Some(&package.reference),
        searched: None,
        groups: (&[], 0),
    };
    let scored = window_sample::read_window(app, query)?;
    let live = app.store().read(|reader| deployments::live(reader, endpoint))?;
    let comparison = live.map(|live| comparison::compare(app, candidate, &live, context.at)).transpose()?;
    Ok(CandidateComparison { errors: error_rate(app, candidate)?, scored, comparison })
}

/// What the policy of an experiment does with a candidate now; nothing where there is none.
fn experiment_outcome(deploy: &Deploy, candidate: &Deployment, trial: &CandidateComparison) -> ExperimentOutcome {
    match (&deploy.experiment, &trial.comparison, candidate.state) {
        (Some(terms), Some(comparison), DeploymentState::Canary { .. }) => {
            let result = experiment::result_of(terms, comparison);
            let is_over = experiment::is_over(terms, comparison.since, comparison.until);
            experiment::policy(terms, result, is_over)
        }
        _ => ExperimentOutcome::Ask,
    }
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
    // An experiment is decided by its own terms.
    let worse = trial.loss().filter(|difference| difference.low > 0.0 && deploy.experiment.is_none());
    if let Some(worse) = worse {
        let reason = format!(
            "its loss is higher than the champion's by {} (at least {}) on {} labelled rows",
            rounded(worse.value),
            rounded(worse.low),
            worse.count
        );
        return Ok(Some((reason, trial.numbers())));
    }
    if deploy.abort_rules().is_empty() {
        return Ok(None);
    }
    let broken = broken_guardrail(app, context, deploy.abort_rules(), candidate, trial)?;
    Ok(broken.map(|outcome| {
        let mut numbers = trial.numbers();
        numbers.put_outcome(&outcome);
        (format!("guardrail: {}", outcome.text), numbers)
    }))
}

fn broken_guardrail(
    app: &App,
    context: &AuthorizedContext,
    abort: &[Rule],
    candidate: &Deployment,
    trial: &CandidateComparison,
) -> Result<Option<RuleOutcome>, VersionError> {
    let package = load::read_version(app, &candidate.model, candidate.number)?;
    let signature = &package.manifest.signature;
    let threshold = package.manifest.threshold;
    let outcomes = trial.scored.labelled.outcomes(signature.task, &signature.classes, threshold);
    let decisions = trial.scored.rows.decisions(signature.task, &signature.classes, threshold);
    let facts = std::collections::BTreeMap::from([("error_rate".to_owned(), trial.errors)]);
    let rows = WindowRows {
        counted: trial.scored.totals.as_ref().map(|totals| &totals.counted),
        now: context.at,
        table: &trial.scored.rows.table,
        events: &trial.scored.rows.events,
        scores: &trial.scored.rows.scores,
        reference: &package.reference,
        outcomes: &outcomes,
        groups: &std::collections::BTreeMap::new(),
        outcomes_table: &trial.scored.labelled.table,
        decisions: &decisions,
        estimates: &std::collections::BTreeMap::new(),
        facts: &facts,
        consumers: &trial.scored.rows.consumers,
        min_sample: MinSample { rows: MIN_COMPARED, labelled: 0.3 },
        alarm_policy: None,
    };
    // An abort rule states what must not be: the version goes back when it holds.
    Ok(abort.iter().map(|rule| rule.judge(&rows, JudgeMode::Point)).find(RuleOutcome::is_passed))
}

/// The stage that follows a shadow: a canary of the share that the contract begins with, or going live.
fn after_shadow(deploy: &Deploy) -> Option<(Stage, u8)> {
    let percent = deploy.first_percent()?;
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
        self.scored.row_count()
    }

    /// Candidate's loss minus the champion's.
    fn loss(&self) -> Option<Estimate> {
        self.comparison.as_ref()?.of(ComparedMetric::Loss)
    }

    fn sentence(&self) -> String {
        let rows = self.scored.row_count();
        let others = self.comparison.iter().flat_map(|comparison| &comparison.metrics);
        let others = others.filter(|found| found.metric != ComparedMetric::Loss && found.difference.known().is_some());
        let others: String = others.map(|found| format!("; {}", comparison::sentence_of(found))).collect();
        match self.loss() {
            Some(difference) if difference.high < 0.0 => format!(
                "its loss is lower than the champion's by {} (at least {}) on {} labelled rows; no guardrail broke{others}",
                rounded(-difference.value),
                rounded(-difference.high),
                difference.count
            ),
            Some(difference) => format!(
                "its loss differs from the champion's by {} [{}, {}] on {} labelled rows; no guardrail broke{others}",
                signed(difference.value),
                signed(difference.low),
                signed(difference.high),
                difference.count
            ),
            None => format!(
                "it scored {rows} rows and no guardrail broke; too few labels are known to compare losses{others}"
            ),
        }
    }

    fn numbers(&self) -> EventMetrics {
        let mut numbers = self.comparison.as_ref().map(experiment::numbers_of).unwrap_or_default();
        numbers.put("rows", self.scored.row_count() as f64);
        numbers.put("error_rate", self.errors);
        numbers
    }
}
