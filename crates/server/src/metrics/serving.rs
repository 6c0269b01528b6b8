//! What the versions of each endpoint were asked and answered, as counters of `/metrics`.

use std::fmt::Write;

use kilter_app::{App, prediction};
use kilter_serving::counters::VersionCounts;

use crate::metrics::text::labels;

/// What one version did at one endpoint.
pub(crate) struct ServedVersion {
    pub(crate) endpoint: String,
    pub(crate) version: u64,
    pub(crate) counts: VersionCounts,
}

pub(crate) fn served_versions(app: &App) -> Vec<ServedVersion> {
    let of_endpoint = |(name, serving): (_, std::sync::Arc<kilter_app::prediction::Serving>)| {
        let routes = serving.endpoint().routes();
        let served = routes.versions().map(|served| ServedVersion {
            endpoint: format!("{name}"),
            version: served.version().number,
            counts: served.counts(),
        });
        served.collect::<Vec<_>>()
    };
    prediction::open_endpoints(app).into_iter().flat_map(of_endpoint).collect()
}

/// A counter of a version: its name, its help, and how it is read.
pub(crate) type Counter = (&'static str, &'static str, fn(&VersionCounts) -> u64);

pub(crate) fn latency(page: &mut String, served: &[ServedVersion]) {
    let name = "kilter_scoring_seconds";
    if served.is_empty() {
        return;
    }
    let _ = writeln!(
        page,
        "# HELP {name} Time that a version took to score a request since it was loaded; its quantiles are p50_ms, p95_ms and p99_ms of rules.\n# TYPE {name} summary"
    );
    for ServedVersion { endpoint, version, counts } in served {
        let version = version.to_string();
        for q in ["0.5", "0.95", "0.99"] {
            let share = q.parse().unwrap_or(1.0);
            let labels = labels(&[("endpoint", endpoint), ("version", &version), ("quantile", q)]);
            let value = counts.latency.quantile(share).map_or(f64::NAN, |latency| latency.as_secs_f64());
            let _ = writeln!(page, "{name}{labels} {value}");
        }
        let labels = labels(&[("endpoint", endpoint), ("version", &version)]);
        let _ = writeln!(page, "{name}_sum{labels} {}", counts.latency.total().as_secs_f64());
        let _ = writeln!(page, "{name}_count{labels} {}", counts.latency.count());
    }
}
