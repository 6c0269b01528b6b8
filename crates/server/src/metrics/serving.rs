//! What the versions of each endpoint were asked and answered, as counters and a histogram of `/metrics`.

use std::{fmt::Write, time::Duration};

use kilter_app::{App, prediction};
use kilter_serving::{counters::VersionCounts, endpoint::WorkerCounts, input_rules::InputRuleCount};

use crate::metrics::text::{family, labels};

/// Upper bounds of the buckets of the duration histogram, in seconds.
const BUCKETS: [f64; 16] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// What one version did at one endpoint.
pub(crate) struct ServedVersion {
    pub(crate) endpoint: String,
    pub(crate) version: u64,
    pub(crate) counts: VersionCounts,
    pub(crate) input_rules: Vec<InputRuleCount>,
    /// Of a version that worker processes answer.
    pub(crate) workers: Option<WorkerCounts>,
}

impl ServedVersion {
    /// Its labels, and `more`.
    fn labels(&self, more: &[(&str, &str)]) -> String {
        let version = self.version.to_string();
        labels(&[&[("endpoint", self.endpoint.as_str()), ("version", &version)], more].concat())
    }
}

/// Every version that is loaded, with its counts.
pub(crate) fn read_versions(app: &App) -> Vec<ServedVersion> {
    let of_endpoint = |(name, serving): (_, std::sync::Arc<prediction::Serving>)| {
        let routes = serving.endpoint().routes();
        let served = routes.versions().map(|served| ServedVersion {
            endpoint: format!("{name}"),
            version: served.version().number,
            counts: served.counts(),
            input_rules: served.input_rules().counts(),
            workers: served.worker_counts(),
        });
        served.collect::<Vec<_>>()
    };
    prediction::open_endpoints(app).into_iter().flat_map(of_endpoint).collect()
}

/// Writes the families.
pub(crate) fn write(page: &mut String, served: &[ServedVersion]) {
    let requests = served.iter().flat_map(|version| {
        let VersionCounts { requests, errors, refused, .. } = version.counts;
        let outcomes =
            [("ok", requests.saturating_sub(errors + refused)), ("client_error", refused), ("server_error", errors)];
        outcomes.map(|(outcome, count)| (version.labels(&[("outcome", outcome)]), count as f64))
    });
    let help = "Inference requests by their outcome.";
    family(page, "kilter_inference_requests_total", "counter", help, requests);
    let rows = served.iter().map(|version| (version.labels(&[]), version.counts.rows as f64));
    family(page, "kilter_inference_rows_total", "counter", "Rows that were scored.", rows);
    let invalid = served.iter().map(|version| (version.labels(&[]), version.counts.missing_scores as f64));
    family(page, "kilter_invalid_scores_total", "counter", "Scores that were not a number.", invalid);
    let broken = served.iter().flat_map(|version| {
        version.input_rules.iter().map(|count| {
            let InputRuleCount { input, rule, policy, rows } = count;
            (version.labels(&[("input", input), ("rule", rule), ("policy", policy.as_str())]), *rows as f64)
        })
    });
    let help = "Rows that broke an input rule, by what becomes of them: reject, flag or impute.";
    family(page, "kilter_input_rule_rows_total", "counter", help, broken);
    write_durations(page, served);
    write_workers(page, served);
}

/// A family of what worker processes did: its name, type and help, and which count it is.
type WorkerFamily = (&'static str, &'static str, &'static str, fn(&WorkerCounts) -> u64);

const WORKER_FAMILIES: [WorkerFamily; 7] = [
    (
        "kilter_worker_batches_total",
        "counter",
        "Calls of models in worker processes; a call answers one request or more.",
        |of| of.batches,
    ),
    ("kilter_worker_requests_total", "counter", "Requests that worker processes answered, with errors too.", |of| {
        of.requests
    }),
    ("kilter_worker_restarts_total", "counter", "Worker processes that ended and were started again.", |of| {
        of.restarts
    }),
    ("kilter_worker_timeouts_total", "counter", "Requests that a worker process did not answer in time.", |of| {
        of.timeouts
    }),
    (
        "kilter_worker_overloads_total",
        "counter",
        "Requests that were refused because too many waited for a worker.",
        |of| of.overloads,
    ),
    ("kilter_worker_queue_requests", "gauge", "Requests that wait for a worker process.", |of| of.waiting),
    ("kilter_worker_processes", "gauge", "Worker processes whose model is loaded.", |of| of.alive),
];

fn write_workers(page: &mut String, served: &[ServedVersion]) {
    for (name, kind, help, count) in WORKER_FAMILIES {
        let with_workers = served.iter().filter_map(|version| Some((version, version.workers.as_ref()?)));
        family(
            page,
            name,
            kind,
            help,
            with_workers.map(|(version, workers)| (version.labels(&[]), count(workers) as f64)),
        );
    }
}

fn write_durations(page: &mut String, served: &[ServedVersion]) {
    let name = "kilter_inference_duration_seconds";
    if served.is_empty() {
        return;
    }
    // Writing to a String cannot fail.
    let _ = writeln!(
        page,
        "# HELP {name} Time to score a request, without the network; bounds are within 1 %.\n# TYPE {name} histogram"
    );
    for version in served {
        let latency = &version.counts.latency;
        for bound in BUCKETS {
            let count = latency.count_up_to(Duration::from_secs_f64(bound));
            let _ = writeln!(page, "{name}_bucket{} {count}", version.labels(&[("le", &bound.to_string())]));
        }
        let _ = writeln!(page, "{name}_bucket{} {}", version.labels(&[("le", "+Inf")]), latency.count());
        let _ = writeln!(page, "{name}_sum{} {}", version.labels(&[]), latency.total().as_secs_f64());
        let _ = writeln!(page, "{name}_count{} {}", version.labels(&[]), latency.count());
    }
}
