//! An experiment: two versions at a fixed split, until one of them is known to be better.
//!
//! Invariants: the result is a function of the comparison and the contract alone; a split that did not give each version its share has
//! no result but this; nothing is decided before each version has met as many entities as the contract asks; what a person decides is
//! recorded with the numbers that there were.

use std::sync::Arc;

use kilter_domain::{
    contract::{Deploy, Experiment, ExperimentDecider, ExperimentMetric, ExperimentOutcome},
    deployment::DeploymentState,
    event::{EventMetric, EventMetrics},
    ids::EndpointName,
    time::Timestamp,
};
use kilter_stats::Estimate;
use kilter_store::{deployment as deployments, deployment::Deployment};

use crate::{
    app::App,
    authz::{act, permission::permit, refused_actions},
    causes::{InvalidState, NoLiveVersion},
    clock_set_back,
    context::RequestContext,
    deployment::{
        comparison::{self, ComparedMetric, Comparison, Difference, MIN_COMPARED},
        deploy::resolve_target,
        error::DeployError,
        exposure, route_change,
        target::Target,
    },
    prediction::{compact, logged},
};

/// What an experiment says of the new version.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ExperimentResult {
    /// Too few entities or values to say anything.
    NotEnoughData {
        /// How many there are, of the version that has fewer.
        have: u64,
        /// How many are needed.
        need: u64,
    },
    /// Its interval holds no difference too.
    Undecided(Estimate),
    /// It is better, with 95 % confidence at all times at once.
    Better(Estimate),
    /// It is worse.
    Worse(Estimate),
    /// The versions did not receive their shares: nothing that is compared counts.
    Mismatch,
}

impl ExperimentResult {
    /// Its word: `not_enough_data`, `undecided`, `better`, `worse`, `mismatch`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotEnoughData { .. } => "not_enough_data",
            Self::Undecided(_) => "undecided",
            Self::Better(_) => "better",
            Self::Worse(_) => "worse",
            Self::Mismatch => "mismatch",
        }
    }
}

/// The metric of a comparison that decides.
const fn compared_metric(metric: ExperimentMetric) -> ComparedMetric {
    match metric {
        ExperimentMetric::Loss => ComparedMetric::Loss,
        ExperimentMetric::Label => ComparedMetric::Label,
        ExperimentMetric::Latency => ComparedMetric::Latency,
    }
}

/// What a comparison says by the terms of an experiment.
pub(crate) fn result_of(experiment: &Experiment, comparison: &Comparison) -> ExperimentResult {
    let met = comparison.sample_ratio.map_or(0, |ratio| ratio.champion.1.min(ratio.candidate.1));
    if comparison.sample_ratio.is_some_and(|ratio| ratio.is_mismatch()) {
        return ExperimentResult::Mismatch;
    }
    if met < experiment.min_entities {
        return ExperimentResult::NotEnoughData { have: met, need: experiment.min_entities };
    }
    let deciding = compared_metric(experiment.metric);
    let found = comparison.metrics.iter().find(|found| found.metric == deciding).map(|found| &found.difference);
    let estimate = match found {
        Some(Difference::Known(estimate)) => *estimate,
        Some(Difference::NotEnoughData { have, need }) => {
            return ExperimentResult::NotEnoughData { have: *have as u64, need: *need as u64 };
        }
        // A metric that these versions do not have never decides.
        Some(Difference::Undefined(_)) | None => {
            return ExperimentResult::NotEnoughData { have: 0, need: MIN_COMPARED as u64 };
        }
    };
    // A ratio is compared with one, a difference with zero.
    let even = if deciding == ComparedMetric::Latency { 1.0 } else { 0.0 };
    let is_higher_better = experiment.metric == ExperimentMetric::Label;
    match (estimate.low > even, estimate.high < even) {
        (true, _) if is_higher_better => ExperimentResult::Better(estimate),
        (_, true) if is_higher_better => ExperimentResult::Worse(estimate),
        (true, _) => ExperimentResult::Worse(estimate),
        (_, true) => ExperimentResult::Better(estimate),
        _ => ExperimentResult::Undecided(estimate),
    }
}

/// What the policy of an experiment does now.
pub(crate) fn policy(experiment: &Experiment, result: ExperimentResult, is_over: bool) -> ExperimentOutcome {
    match (experiment.decide, result) {
        (_, ExperimentResult::Mismatch) => ExperimentOutcome::Ask,
        (ExperimentDecider::Auto, ExperimentResult::Better(_)) => ExperimentOutcome::Promote,
        (ExperimentDecider::Auto, ExperimentResult::Worse(_)) => ExperimentOutcome::Stop,
        (ExperimentDecider::Auto, _) if is_over => experiment.undecided,
        _ => ExperimentOutcome::Ask,
    }
}

/// An experiment at an endpoint, as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct ExperimentState {
    /// The numbers.
    pub comparison: Comparison,
    /// What they say by the contract; `None` where the contract has no experiment there, as for a canary.
    pub result: Option<ExperimentResult>,
    /// Whether `max_duration` is over.
    pub is_over: bool,
}

/// What is on its way at an endpoint beside what is live, as of a moment, and what its experiment says of it.
///
/// # Errors
/// When there is no such deployment or nothing was live beside it, or rows, packages or the metadata cannot be read.
pub fn experiment_at(
    app: &App,
    endpoint: &EndpointName,
    version: Option<u32>,
    as_of: Timestamp,
) -> Result<ExperimentState, DeployError> {
    let (_, deploy) = resolve_target(app, endpoint)?;
    let comparison = comparison::compare_at(app, endpoint, version, as_of)?;
    let result = deploy.experiment.as_ref().map(|experiment| result_of(experiment, &comparison));
    let is_over = deploy.experiment.as_ref().is_some_and(|experiment| is_over(experiment, comparison.since, as_of));
    Ok(ExperimentState { comparison, result, is_over })
}

pub(crate) fn is_over(experiment: &Experiment, since: Timestamp, now: Timestamp) -> bool {
    experiment.max_duration.is_some_and(|most| since.after(most) <= now)
}

/// The first answer of an entity while two versions shared the traffic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposure {
    /// The hash by which the entity was drawn.
    pub entity: u64,
    /// When it was answered.
    pub at: Timestamp,
    /// The version that answered.
    pub version: u32,
    /// The share of the entities that was the candidate's then, in percent.
    pub percent: u8,
    /// The id of the prediction.
    pub id: Arc<str>,
}

/// Exposures in the order of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposures {
    /// Some of them.
    pub exposures: Vec<Exposure>,
    /// How many there are.
    pub total: u64,
}

/// Which entity met which version first, from the `after`th on and at most `limit` of them; of what is on its way at an endpoint, or of
/// the last deployment of a version there.
///
/// # Errors
/// When there is no such deployment, or the log cannot be read.
pub fn exposures_at(
    app: &App,
    endpoint: &EndpointName,
    version: Option<u32>,
    as_of: Timestamp,
    (after, limit): (usize, usize),
) -> Result<Exposures, DeployError> {
    let candidate = comparison::deployment_of(app, endpoint, version)?;
    let since = clock_set_back::past_time(app, candidate.created, as_of)?;
    let until = comparison::rows_until(app, &candidate, as_of)?;
    let rows = logged::logged_draws(app, endpoint, (since, Timestamp(until.millis().saturating_add(1))))?;
    let first = exposure::first_exposures(&rows, None);
    let total = first.len() as u64;
    let listed = first.into_iter().skip(after).take(limit).filter_map(|row| {
        let draw = rows.draws.get(row).copied().flatten()?;
        Some(Exposure {
            entity: draw.entity.cast_unsigned(),
            at: rows.events[row],
            version: rows.versions[row],
            percent: draw.percent,
            id: rows.ids[row].clone(),
        })
    });
    Ok(Exposures { exposures: listed.collect(), total })
}

/// What a person decides of an experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExperimentDecision {
    /// The new version goes live.
    Promote,
    /// The new version is taken back.
    Stop,
}

/// Someone decides an experiment; what was known then is in the entry.
///
/// # Errors
/// When they may not, there is no experiment, or its versions did not receive their shares and it is to be promoted.
pub fn decide_experiment(
    app: &App,
    context: &RequestContext,
    endpoint: &EndpointName,
    decision: ExperimentDecision,
    reason: &str,
) -> Result<Deployment, DeployError> {
    let (project, deploy) = resolve_target(app, endpoint)?;
    let object = deployments::endpoint_object(endpoint);
    refused_actions::record_if_refused(app, context, "deployment.decide", &object, || {
        let by = permit::<act::Deploy>(&project, context)?;
        // What was answered until now counts, whether its segment is full or not.
        compact::compact_log(app, endpoint)?;
        let target = Target::of(&project, &deploy);
        route_change::change_endpoint(app, &by, &target, |change| {
            let (candidate, live) = running(app, &deploy, endpoint)?;
            let comparison = comparison::compare(app, &candidate, &live, by.at)?;
            let numbers = numbers_of(&comparison);
            let mismatch = comparison.sample_ratio.filter(|ratio| ratio.is_mismatch());
            match (decision, mismatch) {
                (ExperimentDecision::Promote, Some(ratio)) => Err(InvalidState {
                    what: "version",
                    id: candidate.number.to_string(),
                    state: format!("in an experiment whose split is broken: {}", ratio.sentence()),
                    how: "find what is lost on its way, then take it back with `kilter rollback` and deploy it again"
                        .to_owned(),
                }
                .into()),
                (ExperimentDecision::Promote, None) => change.promote(&candidate, reason, &numbers),
                (ExperimentDecision::Stop, _) => {
                    change.take_back(&candidate, reason, &numbers)?;
                    Ok(app.store().read(|reader| deployments::get(reader, &candidate.id))?)
                }
            }
        })
    })
}

/// The two versions of the experiment that runs at an endpoint.
fn running(app: &App, deploy: &Deploy, endpoint: &EndpointName) -> Result<(Deployment, Deployment), DeployError> {
    let (candidate, live) = app
        .store()
        .read(|reader| Ok((deployments::candidate(reader, endpoint)?, deployments::live(reader, endpoint)?)))?;
    let live = live.ok_or_else(|| NoLiveVersion { endpoint: endpoint.clone() })?;
    let runs = |one: &Deployment| deploy.experiment.is_some() && matches!(one.state, DeploymentState::Canary { .. });
    let candidate = candidate.filter(runs).ok_or_else(|| InvalidState {
        what: "endpoint",
        id: endpoint.to_string(),
        state: "without an experiment that runs".to_owned(),
        how: format!("state one in `[deploy.{}.experiment]`, and deploy a version beside the live one", deploy.name),
    })?;
    Ok((candidate, live))
}

/// The numbers of a comparison, as an entry of the audit log has them.
pub(crate) fn numbers_of(comparison: &Comparison) -> EventMetrics {
    let mut numbers = EventMetrics::default();
    if let Some(ratio) = comparison.sample_ratio {
        numbers.put("champion_entities", ratio.champion.1 as f64);
        numbers.put("candidate_entities", ratio.candidate.1 as f64);
        numbers.put("sample_ratio_p_value", ratio.p_value);
    }
    for found in &comparison.metrics {
        if let Some(known) = found.difference.known() {
            let metric = EventMetric::with_interval(known.value, known.low, known.high);
            let suffix = if found.metric == ComparedMetric::Latency { "ratio" } else { "difference" };
            let name = format!("{}_{suffix}", found.metric.as_str());
            numbers.put_metric(name, EventMetric { count: Some(known.count), ..metric });
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use kilter_domain::contract::Contract;

    use super::*;
    use crate::deployment::{comparison::MetricComparison, exposure::SampleRatioReading};

    fn experiment(terms: &str) -> Experiment {
        let text = format!("[project]\nname = \"x\"\n[deploy.production.experiment]\nmin_entities = 100\n{terms}\n");
        Contract::parse(&text).unwrap().deploy[0].experiment.clone().unwrap()
    }

    fn comparison(entities: (u64, u64), p_value: f64, metric: ComparedMetric, range: Option<(f64, f64)>) -> Comparison {
        let difference = match range {
            Some((low, high)) => Difference::Known(Estimate::new((low + high) / 2.0, low, high, 0.95, 500).unwrap()),
            None => Difference::NotEnoughData { have: 7, need: 50 },
        };
        Comparison {
            champion: 1,
            candidate: 2,
            since: Timestamp(0),
            until: Timestamp(1),
            sample_ratio: Some(SampleRatioReading {
                percent: 50,
                champion: (1, entities.0),
                candidate: (2, entities.1),
                p_value,
            }),
            metrics: vec![MetricComparison { metric, difference }],
        }
    }

    #[test]
    fn a_result_needs_entities_values_and_a_sound_split_and_follows_the_direction_of_its_metric() {
        use ComparedMetric::{Label, Latency, Loss};
        let check = |terms: &str, found: Comparison, expected: &str| {
            assert_eq!(result_of(&experiment(terms), &found).as_str(), expected, "{terms} {found:?}");
        };
        check("", comparison((500, 500), 1.0, Loss, Some((-0.2, -0.1))), "better");
        check("", comparison((500, 500), 1.0, Loss, Some((0.1, 0.2))), "worse");
        check("", comparison((500, 500), 1.0, Loss, Some((-0.1, 0.2))), "undecided");
        check("", comparison((500, 500), 1.0, Loss, None), "not_enough_data");
        check("", comparison((500, 500), 1.0, Latency, Some((0.5, 0.6))), "not_enough_data");
        check("", comparison((500, 99), 1.0, Loss, Some((-0.2, -0.1))), "not_enough_data");
        check("", comparison((500, 500), 0.001, Loss, Some((-0.2, -0.1))), "mismatch");
        check("metric = \"label\"", comparison((500, 500), 1.0, Label, Some((0.1, 0.2))), "better");
        check("metric = \"label\"", comparison((500, 500), 1.0, Label, Some((-0.2, -0.1))), "worse");
        check("metric = \"latency\"", comparison((500, 500), 1.0, Latency, Some((0.5, 0.9))), "better");
        check("metric = \"latency\"", comparison((500, 500), 1.0, Latency, Some((1.1, 1.9))), "worse");
        check("metric = \"latency\"", comparison((500, 500), 1.0, Latency, Some((0.5, 1.9))), "undecided");
    }

    #[test]
    fn a_policy_moves_a_version_only_on_its_own_word_and_never_on_a_broken_split() {
        use ExperimentOutcome::{Ask, Promote, Stop};
        let estimate = Estimate::new(0.0, -1.0, 1.0, 0.95, 100).unwrap();
        let results = [
            ExperimentResult::Better(estimate),
            ExperimentResult::Worse(estimate),
            ExperimentResult::Undecided(estimate),
            ExperimentResult::NotEnoughData { have: 0, need: 100 },
            ExperimentResult::Mismatch,
        ];
        let check = |terms: &str, is_over: bool, expected: [ExperimentOutcome; 5]| {
            assert_eq!(
                results.map(|result| policy(&experiment(terms), result, is_over)),
                expected,
                "{terms} {is_over}"
            );
        };
        check("", false, [Ask; 5]);
        check("undecided = \"promote\"", true, [Ask; 5]);
        check("decide = \"auto\"", false, [Promote, Stop, Ask, Ask, Ask]);
        check("decide = \"auto\"", true, [Promote, Stop, Ask, Ask, Ask]);
        check("decide = \"auto\"\nundecided = \"stop\"", true, [Promote, Stop, Stop, Stop, Ask]);
        check("decide = \"auto\"\nundecided = \"promote\"", true, [Promote, Stop, Promote, Promote, Ask]);
    }
}
