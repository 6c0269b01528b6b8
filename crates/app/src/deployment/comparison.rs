//! A candidate beside the live version: what both answered, compared metric by metric, at any time.
//!
//! Invariants: of an entity the first answer counts alone, so values are independent where entities are; while two versions share
//! the traffic, what chance gave to one is compared with what it gave to the other, and in shadow the same rows are compared in
//! pairs; an interval holds at all times at once ([`EmpiricalBernstein`]), so whoever looks may stop; too few values are a result of
//! their own; the same rows give the same numbers, whenever they are asked for.
//! Out of scope: what is decided from it ([`super::rollout`], [`super::experiment`]).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use kilter_domain::{deployment::DeploymentState, ids::EndpointName, rule::rounded, rule::signed, time::Timestamp};
use kilter_evaluation::labelled_predictions::ClassMatcher;
use kilter_inference::Task;
use kilter_stats::{Estimate, sequential::EmpiricalBernstein};
use kilter_store::{PageRequest, audit, deployment as deployments, deployment::Deployment};

use crate::{
    app::App,
    causes::{NotFound, StorageError},
    clock_set_back,
    deployment::{
        error::DeployError,
        exposure::{self, SampleRatioReading},
    },
    model::{error::VersionError, load},
    prediction::logged::{self, LoggedPredictions, PredictionFilter},
};

/// Confidence of each interval, at all times at once.
const LEVEL: f64 = 0.95;
/// Losses beyond this count as this: a confidence sequence needs a bound.
const LARGEST_LOSS: f64 = 5.0;
/// Values of a version below which the comparison says nothing.
pub(crate) const MIN_COMPARED: usize = 50;
/// Requests that take longer than this count as this, in microseconds: a quarter of an hour.
const LONGEST_US: f64 = 9e8;
/// Deployments of an endpoint that are looked at for one of a version.
const MAX_DEPLOYMENTS: u32 = 200;

/// What two versions are compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ComparedMetric {
    /// The mean loss on labelled rows: log loss, or absolute error in units of the champion's.
    Loss,
    /// The share of the labels that are of the positive class.
    Label,
    /// The mean score.
    Score,
    /// The natural logarithm of the time for a request: the difference is that of a ratio.
    Latency,
    /// The share of the candidate's first requests on which it failed and the live version answered. What the live version fails on is
    /// not recorded.
    ErrorRate,
}

impl ComparedMetric {
    /// Every metric, in the order in which they are shown.
    pub const ALL: [Self; 5] = [Self::Loss, Self::Label, Self::Score, Self::Latency, Self::ErrorRate];

    /// Its word: `loss`, `label`, `score`, `latency`, `error_rate`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Loss => "loss",
            Self::Label => "label",
            Self::Score => "score",
            Self::Latency => "latency",
            Self::ErrorRate => "error_rate",
        }
    }
}

/// How a metric of the candidate differs from that of the live version.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricComparison {
    /// The metric.
    pub metric: ComparedMetric,
    /// Of the candidate minus of the live version; of [`ComparedMetric::Latency`] their ratio.
    pub difference: Difference,
}

/// What is known of a difference.
#[derive(Clone, Debug, PartialEq)]
pub enum Difference {
    /// With its interval, which holds at all times at once.
    Known(Estimate),
    /// Fewer values than an interval needs, of the version that has fewer.
    NotEnoughData {
        /// How many there are.
        have: usize,
        /// How many are needed.
        need: usize,
    },
    /// It has no value for these versions, and why.
    Undefined(&'static str),
}

impl Difference {
    /// The estimate, if there is one.
    pub const fn known(&self) -> Option<Estimate> {
        match self {
            Self::Known(estimate) => Some(*estimate),
            _ => None,
        }
    }
}

/// A candidate beside the live version.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The version that answered before.
    pub champion: u32,
    /// The version that may replace it.
    pub candidate: u32,
    /// When the candidate was asked for: rows count from here on.
    pub since: Timestamp,
    /// Rows count until here.
    pub until: Timestamp,
    /// How the entities fell; `None` in shadow, and before any answer of a canary.
    pub sample_ratio: Option<SampleRatioReading>,
    /// Each metric.
    pub metrics: Vec<MetricComparison>,
}

impl Comparison {
    /// What is known of a metric.
    pub fn of(&self, metric: ComparedMetric) -> Option<Estimate> {
        self.metrics.iter().find(|found| found.metric == metric)?.difference.known()
    }
}

/// Compares what is on its way at an endpoint with what is live, as of a moment; of a version that is named its last deployment there,
/// with what was live then. Fails if there is no such deployment, or nothing was live beside it.
pub(crate) fn compare_at(
    app: &App,
    endpoint: &EndpointName,
    version: Option<u32>,
    as_of: Timestamp,
) -> Result<Comparison, DeployError> {
    let candidate = deployment_of(app, endpoint, version)?;
    let live =
        app.store().read(|reader| match candidate.state.is_ended() || candidate.state == DeploymentState::Live {
            false => deployments::live(reader, endpoint),
            true => deployments::live_at(reader, endpoint, Timestamp(candidate.created.millis())),
        })?;
    let live = live.filter(|live| live.id != candidate.id).ok_or_else(|| NotFound {
        what: "live version to compare with",
        id: endpoint.to_string(),
        how: "nothing was live when the version was deployed there".to_owned(),
    })?;
    Ok(compare(app, &candidate, &live, as_of)?)
}

/// The candidate of an endpoint, or the last deployment of a version there.
pub(crate) fn deployment_of(
    app: &App,
    endpoint: &EndpointName,
    version: Option<u32>,
) -> Result<Deployment, DeployError> {
    let found = app.store().read(|reader| match version {
        None => deployments::candidate(reader, endpoint),
        Some(number) => {
            let all = deployments::list(reader, Some(endpoint), &PageRequest::first(MAX_DEPLOYMENTS))?.items;
            Ok(all.into_iter().find(|one| one.number == number))
        }
    })?;
    found.ok_or_else(|| {
        let (what, how) = match version {
            None => ("candidate at", "no version is in shadow, canary or experiment there; name one with `--version`"),
            Some(_) => ("deployment at", "see `kilter deployment list`"),
        };
        let id = version.map_or_else(|| endpoint.to_string(), |number| format!("{endpoint} of version {number}"));
        NotFound { what, id, how: how.to_owned() }.into()
    })
}

/// Compares a candidate with the live version by the rows of before `as_of`, and the labels that were known then.
pub(crate) fn compare(
    app: &App,
    candidate: &Deployment,
    live: &Deployment,
    as_of: Timestamp,
) -> Result<Comparison, VersionError> {
    let since = clock_set_back::past_time(app, candidate.created, as_of)?;
    let until = rows_until(app, candidate, as_of)?;
    let span = (since, Timestamp(until.millis().saturating_add(1)));
    let read =
        |number| logged::logged_answers(app, &candidate.endpoint, PredictionFilter::Version(number), span, as_of);
    let (theirs, ours) = (read(live.number)?, read(candidate.number)?);
    let draws = logged::logged_draws(app, &candidate.endpoint, span)?;
    let percent = match candidate.state {
        DeploymentState::Canary { percent } => Some(percent),
        _ => draws.draws.iter().rev().flatten().next().map(|draw| draw.percent),
    };
    let versions = [live.number, candidate.number];
    let sample_ratio = percent.and_then(|percent| exposure::reading_of(&draws, percent, versions));
    let (ours, theirs) = first_answers(&draws, ours, theirs);
    let arms = Arms::read(app, (candidate, ours), (live, theirs))?;
    let metric = |metric| MetricComparison { metric, difference: arms.difference(metric, &draws, candidate.number) };
    let metrics = ComparedMetric::ALL.into_iter().map(metric).collect();
    Ok(Comparison { champion: live.number, candidate: candidate.number, since, until, sample_ratio, metrics })
}

/// Until when rows count: until the rollout of a version ended, or now.
pub(crate) fn rows_until(app: &App, candidate: &Deployment, as_of: Timestamp) -> Result<Timestamp, StorageError> {
    let last_move = || app.store().read(|reader| audit::find(reader, candidate.audit_seq));
    let end = match candidate.live_since {
        None if candidate.state.is_ended() => last_move()?.map(|record| record.entry.at),
        live_since => live_since,
    };
    Ok(end.map_or(as_of, |end| end.min(as_of)))
}

/// Of the rows that were drawn those with which their entity met a version first; all others as they are. What was answered in place of
/// a candidate that failed is no sample of the live version.
fn first_answers(
    draws: &LoggedPredictions,
    ours: LoggedPredictions,
    theirs: LoggedPredictions,
) -> (LoggedPredictions, LoggedPredictions) {
    let mut seen = HashSet::new();
    let mut first: HashSet<Arc<str>> = HashSet::new();
    for (row, draw) in draws.draws.iter().enumerate() {
        if let Some(draw) = draw
            && !draw.is_fallback
            && seen.insert(draw.entity)
        {
            first.insert(draws.ids[row].clone());
        }
    }
    let counts = |rows: &LoggedPredictions, row: usize| match rows.draws.get(row).copied().flatten() {
        Some(draw) => !draw.is_fallback && first.contains(&rows.ids[row]),
        None => true,
    };
    (ours.filter(|row| counts(&ours, row)), theirs.filter(|row| counts(&theirs, row)))
}

/// The value of each row, by prediction id.
type Values = Vec<(Arc<str>, f64)>;
/// A value with the place of its label in the log.
type LabelledValue = (Option<i64>, (Arc<str>, f64));

/// What two versions answered.
struct Arms {
    candidate: Arm,
    champion: Arm,
    task: Task,
}

/// What one version answered, and what it is known by.
struct Arm {
    rows: LoggedPredictions,
    /// The loss of each labelled row, in the order in which labels became known; empty where the labels are of another model.
    losses: Values,
    /// The two classes of a binary model; nothing for others.
    classes: Option<ClassMatcher>,
}

impl Arms {
    fn read(
        app: &App,
        (candidate, ours): (&Deployment, LoggedPredictions),
        (live, theirs): (&Deployment, LoggedPredictions),
    ) -> Result<Self, VersionError> {
        let load =
            |of: &Deployment| load::read_version(app, &of.model, of.number).map(|package| package.manifest.clone());
        let (own, other) = (load(candidate)?, load(live)?);
        // A class that one of them alone knows is a wrong answer of the other.
        let classes = [own.signature.classes.clone(), other.signature.classes.clone()].concat();
        let arm = |rows: LoggedPredictions, manifest: &kilter_package::Manifest| {
            let signature = &manifest.signature;
            let outcomes = rows.outcomes(signature.task, &signature.classes, manifest.threshold).knowing(&classes);
            let mut losses: Vec<LabelledValue> = match outcomes.label_check().is_beyond() {
                true => Vec::new(),
                false => {
                    let named = outcomes.rows.iter().zip(outcomes.losses());
                    named.map(|(&row, loss)| (rows.label_sequences[row], (rows.ids[row].clone(), loss))).collect()
                }
            };
            // Labels only come to those that are known: the sequence grows at its end.
            losses.sort_by_key(|(known, _)| *known);
            let losses = losses.into_iter().map(|(_, loss)| loss).collect();
            let classes = (signature.task == Task::Binary).then(|| ClassMatcher::new(&signature.classes));
            Arm { rows, losses, classes }
        };
        let (mut candidate, mut champion) = (arm(ours, &own), arm(theirs, &other));
        if other.signature.task == Task::Regression {
            // Errors of a regression have the unit of the target: in units of the champion's they fit any target.
            let unit = spread(&champion.losses);
            candidate.losses.iter_mut().chain(&mut champion.losses).for_each(|(_, loss)| *loss /= unit);
        }
        Ok(Self { candidate, champion, task: other.signature.task })
    }

    fn difference(&self, metric: ComparedMetric, draws: &LoggedPredictions, candidate: u32) -> Difference {
        let of =
            |values: fn(&Arm) -> Values, range| difference(&values(&self.candidate), &values(&self.champion), range);
        let has_bounds = self.task != Task::Regression;
        match metric {
            ComparedMetric::Loss => of(|arm| arm.losses.clone(), (0.0, LARGEST_LOSS)),
            ComparedMetric::Label if self.champion.classes.is_some() => of(Arm::positives, (0.0, 1.0)),
            ComparedMetric::Label => Difference::Undefined("only labels of two classes have a share of one"),
            ComparedMetric::Score if has_bounds => of(Arm::scores, (0.0, 1.0)),
            ComparedMetric::Score => {
                Difference::Undefined("the values of a regression have no bounds, which an interval needs")
            }
            ComparedMetric::Latency => match of(Arm::log_latencies, (0.0, LONGEST_US.ln())) {
                Difference::Known(estimate) => estimate
                    .map_increasing(f64::exp)
                    .map_or(Difference::Undefined("the times are beyond all bounds"), Difference::Known),
                none => none,
            },
            ComparedMetric::ErrorRate => failures(draws, candidate),
        }
    }
}

impl Arm {
    fn scores(&self) -> Values {
        let scores = self.rows.ids.iter().cloned().zip(self.rows.scores.iter().copied());
        scores.filter(|(_, score)| !score.is_nan()).collect()
    }

    fn log_latencies(&self) -> Values {
        let mut seen = HashSet::new();
        let of_request = |row: &usize| seen.insert(self.rows.requests[*row]);
        let rows = (0..self.rows.len()).filter(of_request);
        let timed = rows.filter_map(|row| Some((row, self.rows.latencies_us[row]?)));
        timed.map(|(row, micros)| (self.rows.ids[row].clone(), (micros.max(1) as f64).ln())).collect()
    }

    /// 1 for each label of the positive class, 0 for another, in the order in which they became known.
    fn positives(&self) -> Values {
        let Some(classes) = &self.classes else { return Vec::new() };
        let mut known: Vec<LabelledValue> = Vec::new();
        for (row, label) in self.rows.labels.iter().enumerate() {
            if let Some(class) = label.as_ref().and_then(|label| classes.class_of(&label.text())) {
                let is_positive = class == 1;
                known.push((self.rows.label_sequences[row], (self.rows.ids[row].clone(), f64::from(is_positive))));
            }
        }
        known.sort_by_key(|(at, _)| *at);
        known.into_iter().map(|(_, value)| value).collect()
    }
}

/// How often the candidate failed on the first request of an entity that it was to answer.
fn failures(draws: &LoggedPredictions, candidate: u32) -> Difference {
    let mut seen = HashSet::new();
    let mut values: Values = Vec::new();
    for (row, draw) in draws.draws.iter().enumerate() {
        if let Some(draw) = draw
            && (draw.is_fallback || draws.versions[row] == candidate)
            && seen.insert(draw.entity)
        {
            values.push((draws.ids[row].clone(), f64::from(draw.is_fallback)));
        }
    }
    mean_of(&values, (0.0, 1.0), LEVEL)
        .map_or(Difference::NotEnoughData { have: values.len(), need: MIN_COMPARED }, Difference::Known)
}

/// The candidate's mean minus the champion's: in pairs where both have the same rows, else between two samples.
fn difference(ours: &Values, theirs: &Values, range: (f64, f64)) -> Difference {
    let found = paired(ours, theirs, range).or_else(|| apart(ours, theirs, range));
    let have = ours.len().min(theirs.len());
    found.map_or(Difference::NotEnoughData { have, need: MIN_COMPARED }, Difference::Known)
}

/// The mean of all losses, or one where they are all zero.
fn spread(losses: &Values) -> f64 {
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

fn mean_of(values: &Values, range: (f64, f64), level: f64) -> Option<Estimate> {
    sequence(range, level, values.iter().map(|(_, value)| *value))
}

fn paired(ours: &Values, theirs: &Values, (low, high): (f64, f64)) -> Option<Estimate> {
    let theirs: HashMap<_, _> = theirs.iter().map(|(id, value)| (id, value)).collect();
    let pairs = ours.iter().filter_map(|(id, value)| Some(value - **theirs.get(id)?));
    sequence((low - high, high - low), LEVEL, pairs)
}

/// Two samples that chance told apart: each mean has its own sequence, at a level that makes both hold together.
fn apart(ours: &Values, theirs: &Values, range: (f64, f64)) -> Option<Estimate> {
    let level = 1.0 - (1.0 - LEVEL) / 2.0;
    let (ours, theirs) = (mean_of(ours, range, level)?, mean_of(theirs, range, level)?);
    Some(Estimate {
        value: ours.value - theirs.value,
        low: ours.low - theirs.high,
        high: ours.high - theirs.low,
        level: LEVEL,
        count: ours.count + theirs.count,
    })
}

/// `loss -0.021 [-0.034, -0.008] on 2400 rows`, or why there is no number.
pub(crate) fn sentence_of(found: &MetricComparison) -> String {
    let word = found.metric.as_str();
    match &found.difference {
        Difference::Known(estimate) if found.metric == ComparedMetric::Latency => format!(
            "{word} × {} [{}, {}] on {} requests",
            rounded(estimate.value),
            rounded(estimate.low),
            rounded(estimate.high),
            estimate.count
        ),
        Difference::Known(estimate) => format!(
            "{word} {} [{}, {}] on {} rows",
            signed(estimate.value),
            signed(estimate.low),
            signed(estimate.high),
            estimate.count
        ),
        Difference::NotEnoughData { have, need } => format!("{word} not enough data: {have} of {need} values"),
        Difference::Undefined(reason) => format!("{word} undefined: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOSS: (f64, f64) = (0.0, LARGEST_LOSS);

    fn values(from: usize, values: impl IntoIterator<Item = f64>) -> Values {
        values.into_iter().enumerate().map(|(row, value)| (format!("{}", from + row).into(), value)).collect()
    }

    #[test]
    fn rows_that_both_scored_are_compared_in_pairs() {
        let theirs = values(0, (0..2000).map(|row| f64::from(row % 7) / 10.0));
        let ours = values(0, (0..2000).map(|row| f64::from(row % 7) / 10.0 + 0.5));
        let worse = paired(&ours, &theirs, LOSS).unwrap();
        assert!((worse.value - 0.5).abs() < 1e-9 && worse.low > 0.0 && worse.count == 2000, "{worse:?}");
        assert!(paired(&values(5000, [0.1; 100]), &theirs, LOSS).is_none(), "no row in common");
        assert!(paired(&values(0, [0.1; 20]), &theirs, LOSS).is_none(), "too few rows");
    }

    #[test]
    fn rows_that_chance_told_apart_are_compared_by_their_means() {
        let theirs = values(0, (0..4000).map(|row| f64::from(row % 3) / 10.0));
        let ours = values(9000, (0..4000).map(|row| f64::from(row % 3) / 10.0 + 1.0));
        let worse = apart(&ours, &theirs, LOSS).unwrap();
        assert!((worse.value - 1.0).abs() < 1e-9 && worse.low > 0.0 && worse.count == 8000, "{worse:?}");
        let same = apart(&values(9000, (0..4000).map(|row| f64::from(row % 3) / 10.0)), &theirs, LOSS).unwrap();
        assert!(same.low < 0.0 && same.high > 0.0, "{same:?}");
        assert!(apart(&values(0, [0.1; 20]), &theirs, LOSS).is_none(), "too few rows");
        assert_eq!(
            difference(&values(0, [0.1; 20]), &theirs, LOSS),
            Difference::NotEnoughData { have: 20, need: MIN_COMPARED }
        );
    }

    #[test]
    fn two_versions_that_are_alike_are_told_apart_at_most_as_often_as_the_level_says() {
        use kilter_stats::random::Random;
        let mut wrong = 0;
        for run in 0..400 {
            let mut random = Random::seeded(run);
            let mut draw = |from: usize| values(from, (0..1_500).map(|_| f64::from(u8::from(random.uniform() < 0.3))));
            let (ours, theirs) = (draw(0), draw(10_000));
            // The interval is the intersection of those of all times: it leaves zero once and for ever.
            let found = apart(&ours, &theirs, (0.0, 1.0)).unwrap();
            wrong += usize::from(!found.holds(0.0));
        }
        assert!(wrong <= 20, "{wrong} of 400 equal pairs were told apart at 5 %");
    }
}
