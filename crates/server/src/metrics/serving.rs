//! What the versions of each endpoint were asked and answered, as counters and a histogram of `/metrics`.

use std::{fmt::Write, time::Duration};

use kilter_app::{App, prediction};
use kilter_serving::{counters::VersionCounts, input_rules::InputRuleCount};

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
