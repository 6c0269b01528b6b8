//! Recall: while the live version fails on labels, an earlier one that answers the same rows surely better comes back.
//!
//! Invariants: what drifted may drift back, and a version that was approved for it is still there: it is asked before a
//! new one is trained, needs nobody's approval (as any rollback), and only where the contract leaves rollbacks to the
//! platform. It is judged on the window that breached and on everything labelled since, in pairs; and it must hold the
//! rules that the live one broke: to exchange one failure for another would only put off the cure.

use kilter_domain::{
    alert::AlertTopic,
    contract::{Monitor, Rollback},
    event::{EventMetric, EventMetrics},
    ids::EndpointName,
    model::VersionState,
    rule::{Champion, JudgeMode, Measured, Measurements, Quantity, rounded},
    time::{Interval, Span, Timestamp},
};
use kilter_evaluation::{
    column_stats::nothing,
    gate_metrics::Predictions,
    labelled_predictions::{LabelledPredictions, headline, larger_is_better},
    measurement, not_measured,
};
use kilter_stats::Estimate;
use kilter_store::{PageRequest, deployment as deployments, deployment::Deployment, monitor::alert as alerts};

use crate::{
    app::App,
    authz::AuthorizedContext,
    causes::StorageError,
    deployment::{checks, error::DeployError, route_change, target::Target, threshold::siblings},
    model::{error::VersionError, load},
    prediction::{
        logged::{LoggedPredictions, PredictionFilter},
        window_sample::{self, WindowQuery},
    },
    project::folder::Project,
};

/// Earlier versions that are asked, newest first.
const MAX_ASKED: usize = 5;
/// How sure the comparison with all of them together must be: it is made at every step while the alert is open.
const LEVEL: f64 = 0.99;
/// Labelled rows below which nothing is compared.
const MIN_ROWS: usize = 100;

/// An earlier version that is better than the live one.
struct Better {
    number: u32,
    metric: String,
    /// Its metric minus that of the live version, turned so that larger is better.
    gain: Estimate,
    value: f64,
}

/// Brings an earlier version back when it is surely better than the live one, about which an alert on performance is
/// open; whether it did.
pub(crate) fn roll_back_if_better(
    app: &App,
    context: &AuthorizedContext,
    target: &Target<'_>,
) -> Result<bool, DeployError> {
    let Target { project, deploy, endpoint } = target;
    let Some(since) = failing_since(app, endpoint)?.filter(|_| deploy.rollback == Rollback::Auto) else {
        return Ok(false);
    };
    let (live, candidate) = app
        .store()
        .read(|reader| Ok((deployments::live(reader, endpoint)?, deployments::candidate(reader, endpoint)?)))?;
    let (Some(live), None) = (live, candidate) else { return Ok(false) };
    let earlier = earlier_versions(app, endpoint, &live)?;
    if earlier.is_empty() {
        return Ok(false);
    }
    let until = Timestamp(context.at.millis().saturating_add(1));
    let query = WindowQuery {
        endpoint,
        who: PredictionFilter::Answers,
        versions: None,
        window: Interval { start: since, end: until },
        as_of: context.at,
        reference: None,
        searched: None,
        groups: (&[], 0),
    };
    let rows = window_sample::read_window(app, query)?.labelled;
    let rows = rows.filter(|row| rows.labels[row].is_some());
    if rows.len() < MIN_ROWS {
        return Ok(false);
    }
    let Some(better) = best_version(app, project, &live, &earlier, &rows)? else { return Ok(false) };
    let reason = format!(
        "version {} answers the {} labelled rows since {} better than version {}: {} is {}, by {} ({} to {})",
        better.number,
        rows.len(),
        since.civil().date(),
        live.number,
        better.metric,
        rounded(better.value),
        rounded(better.gain.value),
        rounded(better.gain.low),
        rounded(better.gain.high),
    );
    let mut numbers = EventMetrics::default()
        .with(better.metric.clone(), better.value)
        .with("labelled_rows", rows.len() as f64)
        .with("target_version", f64::from(better.number));
    let gain = EventMetric::with_interval(better.gain.value, better.gain.low, better.gain.high);
    numbers.put_metric("difference", gain);
    route_change::change_endpoint(app, context, target, |change| {
        change.bring_back(&live, better.number, &reason, &numbers)
    })?;
    Ok(true)
}

/// The start of the newest window that breached, of an open alert on measured performance.
fn failing_since(app: &App, endpoint: &EndpointName) -> Result<Option<Timestamp>, StorageError> {
    let filter = alerts::AlertFilter { endpoint: Some(endpoint.clone()), open: true };
    let open = app.store().read(|reader| alerts::list(reader, &filter, &PageRequest::first(100)))?;
    let failing =
        open.items.iter().find(|alert| alert.key.topic == AlertTopic::Performance && alert.state.is_failing());
    Ok(failing.map(|alert| alert.detail.window.start))
}

/// Versions with another model that were live here before and may still be, newest first.
fn earlier_versions(app: &App, endpoint: &EndpointName, live: &Deployment) -> Result<Vec<u32>, VersionError> {
    let (mut seen, _) = siblings::threshold_siblings(app, live)?;
    let page = PageRequest::first(100);
    let listed = app.store().read(|reader| deployments::list(reader, Some(endpoint), &page))?;
    let mut found = Vec::new();
    for past in listed.items {
        let was_live = past.live_since.is_some() && past.model == live.model;
        if !was_live || !seen.insert(past.number) || found.len() == MAX_ASKED {
            continue;
        }
        if checks::version_state(app, &past.model, past.number)? == VersionState::Approved {
            found.push(past.number);
        }
    }
    Ok(found)
}

/// The earlier version that is best on the rows, if it is surely better than the live one.
fn best_version(
    app: &App,
    project: &Project,
    live: &Deployment,
    earlier: &[u32],
    rows: &LoggedPredictions,
) -> Result<Option<Better>, VersionError> {
    let (package, model) = load::load_version(app, &live.model, live.number)?;
    let task = package.manifest.signature.task;
    let metric = project.contract.monitor.as_ref().and_then(judged_metric).unwrap_or_else(|| headline(task).to_owned());
    let outcomes = |package: &kilter_package::Package, model: &kilter_inference::Model| {
        let manifest = &package.manifest;
        // A version that reads columns which are no longer sent cannot answer for today.
        let scored = Predictions::by(model, &rows.table, manifest.threshold).ok()?;
        let answered = LoggedPredictions { scores: scored.scores, predicted: labels(scored.labels), ..rows.clone() };
        Some(answered.outcomes(manifest.signature.task, &manifest.signature.classes, manifest.threshold))
    };
    let Some(ours) = outcomes(&package, &model) else { return Ok(None) };
    let sign = if larger_is_better(&metric, ours.metric_task()) { 1.0 } else { -1.0 };
    // All of them are asked: together they may err as rarely as one.
    let level = 1.0 - (1.0 - LEVEL) / earlier.len() as f64;
    let mut best: Option<Better> = None;
    for number in earlier {
        let (package, model) = load::load_version(app, &live.model, *number)?;
        let Some(theirs) = outcomes(&package, &model) else { continue };
        let (Ok(difference), Ok(value)) = (theirs.difference_at(&ours, &metric, level), theirs.metric(&metric)) else {
            continue;
        };
        if !holds(project, &theirs) {
            continue;
        }
        let gain = if sign > 0.0 { Ok(difference) } else { difference.map_decreasing(|difference| -difference) };
        let Ok(gain) = gain else { continue };
        if gain.low > 0.0 && best.as_ref().is_none_or(|best| gain.value > best.gain.value) {
            best = Some(Better { number: *number, metric: metric.clone(), gain, value: value.value });
        }
    }
    Ok(best)
}

/// Whether the rules on performance that the contract states hold for outcomes, as far as they are about whole metrics.
fn holds(project: &Project, outcomes: &LabelledPredictions) -> bool {
    let rules = project.contract.monitor.as_ref().map(|monitor| monitor.performance.as_slice()).unwrap_or_default();
    let mut whole = rules.iter().filter(|rule| matches!(rule.quantity, Quantity::Metric { slice: None, .. }));
    whole.all(|rule| rule.judge(&Metrics(outcomes), JudgeMode::Point).is_passed())
}

/// LabelledPredictions as rules ask them.
struct Metrics<'o>(&'o LabelledPredictions);

impl Measurements for Metrics<'_> {
    fn measure(&self, quantity: &Quantity, _over: Option<Span>) -> Measured {
        match quantity {
            Quantity::Metric { name, slice: None } => match self.0.metric(name) {
                Ok(value) => Measured::Value(measurement(&value)),
                Err(reason) => Measured::Nothing(not_measured(name, &reason)),
            },
            _ => Measured::Nothing(nothing("only whole metrics are compared", "name a metric")),
        }
    }

    fn champion(&self, _quantity: &Quantity) -> Champion {
        Champion::None
    }
}

fn labels(labels: Option<Vec<std::sync::Arc<str>>>) -> Vec<Option<std::sync::Arc<str>>> {
    labels.unwrap_or_default().into_iter().map(Some).collect()
}

/// The metric of the first rule on performance that is about a whole metric.
pub(crate) fn judged_metric(monitor: &Monitor) -> Option<String> {
    monitor.performance.iter().find_map(|rule| match &rule.quantity {
        Quantity::Metric { name, slice: None } => Some(name.clone()),
        _ => None,
    })
}
