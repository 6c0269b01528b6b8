//! What the monitors read last, as gauges of `/metrics`.
//!
//! Invariants: at most [`MAX_READINGS`] readings are exported, and how many were not is a metric too; a number that was not
//! measured has no sample, so that nothing compares with zero by mistake.

use kilter_api::{self as api, Problem};
use kilter_app::App;
use kilter_domain::{ids::EndpointName, time::Timestamp};

use crate::{
    api::monitors as readings,
    metrics::text::{family, labels},
};

/// Readings that one page tells at most, over all endpoints.
const MAX_READINGS: usize = 500;
/// Readings of one endpoint that are looked for at most.
const MAX_METRICS: u32 = 1_000;

/// The newest readings, and how many found no room.
#[derive(Default)]
pub(crate) struct LatestReadings {
    readings: Vec<api::Reading>,
    truncated: usize,
}

/// Reads what the monitors of the endpoints measured last; what a rule judges comes first.
pub(crate) fn read_latest(app: &App, status: &api::Status, now: Timestamp) -> Result<LatestReadings, Problem> {
    let mut found = LatestReadings::default();
    for endpoint in &status.endpoints {
        let Ok(name) = endpoint.name.parse::<EndpointName>() else { continue };
        found.readings.extend(readings::latest(app, &name, now, MAX_METRICS)?);
    }
    found.readings.sort_by_key(|reading| reading.verdict.is_none());
    found.truncated = found.readings.len().saturating_sub(MAX_READINGS);
    found.readings.truncate(MAX_READINGS);
    Ok(found)
}

/// A gauge of a reading: its name, its help, and how it is read.
type Gauge = (&'static str, &'static str, fn(&api::Reading) -> Option<f64>);

const GAUGES: [Gauge; 9] = [
    ("kilter_monitor_value", "The newest reading of a metric.", |reading| reading.value),
    ("kilter_monitor_ci_low", "Low end of the interval of the newest reading.", |reading| reading.low),
    ("kilter_monitor_ci_high", "High end of the interval of the newest reading.", |reading| reading.high),
    ("kilter_monitor_bound_low", "Lower bound of the rule.", |reading| reading.bound_low),
    ("kilter_monitor_bound_high", "Upper bound of the rule.", |reading| reading.bound_high),
    ("kilter_monitor_failing", "1 while the newest reading breaks its rule, 0 while it keeps it.", |reading| {
        match reading.verdict {
            Some(api::Verdict::Failed) => Some(1.0),
            Some(api::Verdict::Passed) => Some(0.0),
            _ => None,
        }
    }),
    ("kilter_monitor_undecided", "1 while the rule could not be decided on the newest reading.", |reading| {
        reading.verdict.map(|verdict| f64::from(u8::from(verdict == api::Verdict::Undecided)))
    }),
    ("kilter_monitor_rows", "Rows that the newest reading rests on.", |reading| Some(reading.count as f64)),
    (
        "kilter_monitor_window_end_timestamp_seconds",
        "When the window of the newest reading ended, in seconds since the epoch.",
        |reading| Some(reading.window_end.millis() as f64 / 1000.0),
    ),
];

/// Writes the gauges.
pub(crate) fn write(page: &mut String, newest: &LatestReadings) {
    let of = |reading: &api::Reading| {
        let estimated = if reading.estimated { "true" } else { "false" };
        let pairs =
            [("endpoint", &*reading.endpoint), ("monitor", reading.monitor.as_str()), ("metric", &reading.metric)];
        labels(&[&pairs[..], &[("estimated", estimated)]].concat())
    };
    for (name, help, read) in GAUGES {
        let samples = newest.readings.iter().filter_map(|reading| Some((of(reading), read(reading)?)));
        family(page, name, "gauge", help, samples);
    }
    let help = "Metrics whose newest reading found no room on this page.";
    family(page, "kilter_monitor_readings_truncated", "gauge", help, [(String::new(), newest.truncated as f64)]);
}

#[cfg(test)]
impl LatestReadings {
    /// One reading with every number.
    pub(crate) fn sample() -> Self {
        let mut reading = tests::reading("psi(x)", Some(0.3), Some(api::Verdict::Failed));
        (reading.low, reading.high, reading.bound_low) = (Some(0.2), Some(0.4), Some(0.0));
        Self { readings: vec![reading], truncated: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn reading(metric: &str, value: Option<f64>, verdict: Option<api::Verdict>) -> api::Reading {
        let time = Timestamp(1_767_312_000_000);
        api::Reading {
            endpoint: "churn".to_owned(),
            monitor: api::MonitorKind::Drift,
            metric: metric.to_owned(),
            part: None,
            default_rule: false,
            rule: None,
            window_start: time,
            window_end: time,
            value,
            low: value.map(|value| value - 0.1),
            high: None,
            bound_low: None,
            bound_high: Some(0.2),
            count: 7,
            verdict,
            reason: None,
            as_of: time,
            estimated: false,
            coverage: None,
            provisional: false,
            level: None,
            model: None,
            version: None,
        }
    }

    #[test]
    fn a_reading_without_a_value_has_no_sample_and_labels_are_escaped() {
        let readings = vec![
            reading("share(city where name == \"a\\b\")", Some(0.3), Some(api::Verdict::Failed)),
            reading("psi(x)", None, Some(api::Verdict::Undecided)),
            reading("rows", Some(9.0), None),
        ];
        let mut page = String::new();
        write(&mut page, &LatestReadings { readings, truncated: 0 });
        let odd = r#"{endpoint="churn",monitor="drift",metric="share(city where name == \"a\\b\")",estimated="false"}"#;
        assert!(page.contains(&format!("kilter_monitor_value{odd} 0.3\n")), "{page}");
        assert!(page.contains(&format!("kilter_monitor_failing{odd} 1\n")), "{page}");
        assert!(page.contains(&format!("kilter_monitor_bound_high{odd} 0.2\n")), "{page}");
        let plain = r#"{endpoint="churn",monitor="drift",metric="psi(x)",estimated="false"}"#;
        assert!(!page.contains(&format!("kilter_monitor_value{plain}")), "{page}");
        assert!(page.contains(&format!("kilter_monitor_undecided{plain} 1\n")), "{page}");
        assert_eq!(page.matches("kilter_monitor_failing{").count(), 1, "what no rule judges fails nothing");
        assert!(page.contains("kilter_monitor_readings_truncated 0\n") && page.contains(" 1767312000\n"), "{page}");
    }
}
