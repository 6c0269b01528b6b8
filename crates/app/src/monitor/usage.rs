//! Usage: how much a version was asked, by whom, how fast it answered, and how often it failed.
//!
//! Invariants: requests, consumers and latencies are read from the prediction log, so they survive a restart; failures
//! leave no row there, so their counters are written down whenever they grew. Failures between the last evaluation and a
//! crash are not known.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use kilter_domain::{
    alert::MonitorKind,
    ids::EndpointName,
    rule::{Function, MetricId, Quantity},
    time::{Interval, Timestamp},
};
use kilter_evaluation::latency::latency_quantiles;
use kilter_store::{monitor as readings, monitor::Reading};

use crate::{
    app::App,
    authz::AuthorizedContext,
    monitor::error::MonitorError,
    prediction::{
        logged::LoggedPredictions,
        predict,
        window_sample::{WindowSample, WindowTotals},
    },
};

/// Readings of failures that one window adds up at most.
const MAX_TALLIES: u32 = 10_000;

/// Metrics of a window that are counts.
const COUNTS: [&str; 4] = ["rows", "requests", "errors", "consumers"];

/// What rules about usage ask of the rows of a window. Of a sample each request counts as many as it stands for: that is exact for
/// requests of one row or of one entity, and too many for requests of several, which are recorded if one of their rows is.
pub(super) fn facts(answered: &WindowSample, errors: u64) -> BTreeMap<String, f64> {
    let usage = match &answered.totals {
        Some(totals) => Usage::counted(totals),
        None => Usage::of(&answered.rows),
    };
    let asked = usage.requests + errors as f64;
    let mut facts = BTreeMap::from([
        ("requests".to_owned(), usage.requests),
        ("errors".to_owned(), errors as f64),
        ("consumers".to_owned(), usage.consumers as f64),
    ]);
    facts.extend(answered.recorded_share().map(|_| ("rows".to_owned(), answered.represented())));
    facts.extend((asked > 0.0).then(|| ("error_rate".to_owned(), errors as f64 / asked)));
    facts.extend(usage.latencies);
    facts
}

/// How much a version was asked, by whom, and how fast it answered.
struct Usage {
    requests: f64,
    consumers: usize,
    latencies: BTreeMap<String, f64>,
}

impl Usage {
    fn counted(totals: &WindowTotals) -> Self {
        Self { requests: totals.requests, consumers: totals.consumers, latencies: totals.latencies.quantiles() }
    }

    fn of(answered: &LoggedPredictions) -> Self {
        let mut requests_seen: HashMap<i64, (Option<i64>, f64)> = HashMap::new();
        for (row, (request, latency)) in answered.requests.iter().zip(&answered.latencies_us).enumerate() {
            requests_seen.insert(*request, (*latency, answered.weight(row)));
        }
        let requests = requests_seen.values().map(|(_, weight)| weight).sum();
        let latencies: Vec<f64> =
            requests_seen.into_values().filter_map(|(latency, _)| latency).map(|micros| micros as f64 / 1e3).collect();
        let consumers: BTreeSet<_> = answered.consumers.iter().flatten().collect();
        Self { requests, consumers: consumers.len(), latencies: latency_quantiles(latencies) }
    }
}

/// Whether a quantity grows with the time that it is counted over: a part of a span says less than the whole.
pub(super) fn counts(quantity: &Quantity) -> bool {
    match quantity {
        Quantity::Metric { name, .. } => COUNTS.contains(&name.as_str()),
        Quantity::Call { function, .. } => matches!(function, Function::Sum | Function::Distinct),
    }
}

/// Writes down how many requests failed at an endpoint since the last evaluation, if any did.
pub(crate) fn tally_errors(
    app: &App,
    context: &AuthorizedContext,
    endpoint: &EndpointName,
) -> Result<(), MonitorError> {
    let Some(serving) = predict::serving(app, endpoint) else { return Ok(()) };
    let (mut since, mut errors) = (context.at, 0);
    for served in serving.endpoint().routes().versions() {
        let (number, now) = (served.version().number, served.counts().routed_errors());
        let (from, new) = app.components().error_tally.take(endpoint, number, context.at, now);
        errors += new;
        since = since.min(from);
    }
    if errors > 0 {
        let reading = tally(context, endpoint, since, errors);
        app.store().write(move |tx| readings::record(tx, &[reading]))?;
    }
    Ok(())
}

/// The requests that failed in a window, as far as they were written down.
pub(super) fn errors_in(app: &App, endpoint: &EndpointName, window: Interval) -> Result<u64, MonitorError> {
    let found = app.store().read(|reader| {
        let kind = Some(MonitorKind::Usage);
        readings::history(reader, endpoint, kind, &MetricId::Errors, window, MAX_TALLIES)
    })?;
    // A tally belongs to the window in which it was taken.
    let inside = |reading: &&Reading| window.start < reading.window.end && reading.window.end <= window.end;
    Ok(found.iter().filter(inside).map(|reading| reading.count).sum())
}

fn tally(context: &AuthorizedContext, endpoint: &EndpointName, since: Timestamp, errors: u64) -> Reading {
    Reading {
        value: Some(errors as f64),
        count: errors,
        ..Reading::unmeasured(
            endpoint,
            MonitorKind::Usage,
            MetricId::Errors,
            Interval::new(since, context.at),
            context.at,
        )
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;

    #[test]
    fn requests_are_counted_once_however_many_rows_they_had() {
        let answered = LoggedPredictions {
            requests: vec![1, 1, 1, 2],
            latencies_us: vec![Some(2_000), Some(2_000), Some(2_000), Some(10_000)],
            consumers: vec![Some("crm".into()), Some("crm".into()), None, Some("web".into())],
            ..LoggedPredictions::default()
        };
        let facts = facts(&WindowSample::whole(Rc::new(answered)), 2);
        let of = |name: &str| facts.get(name).copied();
        assert_eq!((of("requests"), of("consumers"), of("errors")), (Some(2.0), Some(2.0), Some(2.0)));
        assert_eq!((of("error_rate"), of("p50_ms"), of("p99_ms")), (Some(0.5), Some(2.0), Some(10.0)));
    }

    #[test]
    fn requests_of_a_sample_count_as_many_as_they_stand_for() {
        let answered = LoggedPredictions {
            ids: ["a", "b", "c"].map(std::sync::Arc::from).to_vec(),
            requests: vec![1, 2, 3],
            latencies_us: vec![Some(2_000); 3],
            consumers: vec![None; 3],
            sample_shares: vec![Some(0.1), Some(0.1), None],
            ..LoggedPredictions::default()
        };
        let facts = facts(&WindowSample::whole(Rc::new(answered.clone())), 0);
        assert_eq!((facts["requests"], answered.represented(), answered.sample_share()), (21.0, 21.0, Some(0.1)));
    }

    #[test]
    fn without_requests_there_is_no_rate_and_no_latency() {
        let facts = facts(&WindowSample::whole(Rc::default()), 0);
        assert_eq!(facts.get("requests"), Some(&0.0));
        assert!(!facts.contains_key("error_rate") && !facts.contains_key("p99_ms"));
    }
}
