//! Rules for Prometheus over the gauges of `/metrics`: broken and undecided rules, readings that stopped coming, failures.

use kilter_api as api;

/// Windows without a new reading after which readings count as stopped.
const PATIENCE_WINDOWS: i64 = 3;
/// The shortest time before readings count as stopped.
const MIN_PATIENCE_SECONDS: i64 = 900;

/// One alert of the file.
struct Alert<'a> {
    name: &'a str,
    expression: String,
    hold: String,
    severity: &'a str,
    summary: &'a str,
}

/// A rule file for one endpoint.
pub(super) fn rules(endpoint: &str, readings: &[api::Reading]) -> String {
    let of = format!("{{endpoint=\"{}\"}}", endpoint.replace('\\', "\\\\").replace('"', "\\\""));
    let server_errors = of.replace('}', ",outcome=\"server_error\"}");
    let patience = patience_seconds(readings);
    let alerts = [
        Alert {
            name: "KilterRuleBroken",
            expression: format!("kilter_monitor_failing{of} == 1"),
            hold: "0s".to_owned(),
            severity: "critical",
            summary: "{{ $labels.metric }} of {{ $labels.endpoint }} breaks its {{ $labels.monitor }} rule",
        },
        Alert {
            name: "KilterRuleUndecided",
            expression: format!("kilter_monitor_undecided{of} == 1"),
            hold: format!("{patience}s"),
            severity: "warning",
            summary: "{{ $labels.metric }} of {{ $labels.endpoint }} cannot be decided: not measured, or too close to tell",
        },
        Alert {
            name: "KilterReadingsStopped",
            expression: format!(
                "time() - max by (endpoint) (kilter_monitor_window_end_timestamp_seconds{of}) > {patience}"
            ),
            hold: "0s".to_owned(),
            severity: "warning",
            summary: "no window of {{ $labels.endpoint }} was read for {{ $value | humanizeDuration }}",
        },
        Alert {
            name: "KilterAlertOpen",
            expression: format!("sum by (endpoint) (kilter_alerts_active{of}) > 0"),
            hold: "0s".to_owned(),
            severity: "warning",
            summary: "{{ $value }} alerts of {{ $labels.endpoint }} are open: kilter alert list",
        },
        Alert {
            name: "KilterRequestsFail",
            expression: format!(
                "sum by (endpoint) (rate(kilter_inference_requests_total{server_errors}[5m])) / sum by (endpoint) (rate(kilter_inference_requests_total{of}[5m])) > 0.01"
            ),
            hold: "5m".to_owned(),
            severity: "critical",
            summary: "{{ $value | humanizePercentage }} of the requests to {{ $labels.endpoint }} fail",
        },
    ];
    let head = format!(
        "# Alerts on what Kilter's /metrics tells of {}. Made by `kilter monitor export-prometheus`.\ngroups:\n  - name: {}\n    rules:\n",
        endpoint.replace(['\n', '\r'], " "),
        quoted(&format!("kilter {endpoint}"))
    );
    alerts.iter().fold(head, |text, alert| text + &alert.yaml())
}

/// Three windows of the shortest rule, at least a quarter of an hour.
fn patience_seconds(readings: &[api::Reading]) -> i64 {
    let length = |reading: &api::Reading| (reading.window_end.millis() - reading.window_start.millis()) / 1000;
    let shortest = readings.iter().map(length).filter(|seconds| *seconds > 0).min().unwrap_or(86_400);
    (PATIENCE_WINDOWS * shortest).max(MIN_PATIENCE_SECONDS)
}

impl Alert<'_> {
    fn yaml(&self) -> String {
        format!(
            "      - alert: {}\n        expr: {}\n        for: {}\n        labels:\n          severity: {}\n        annotations:\n          summary: {}\n",
            self.name,
            quoted(&self.expression),
            self.hold,
            self.severity,
            quoted(self.summary)
        )
    }
}

/// A text in YAML's single quotes.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace(['\n', '\r'], " ").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_and_the_patience_follows_the_windows() {
        assert_eq!(quoted("it's {{ $x }}\n"), "'it''s {{ $x }} '");
        assert_eq!(patience_seconds(&[]), 3 * 86_400);
        let text = rules("a\"b", &[]);
        assert!(text.contains("expr: 'kilter_monitor_failing{endpoint=\"a\\\"b\"} == 1'"), "{text}");
        assert_eq!(text.matches("      - alert: ").count(), 5);
    }
}
