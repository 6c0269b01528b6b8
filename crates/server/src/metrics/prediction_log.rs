//! How the prediction log of each endpoint keeps up: what waits for the disk, how long it takes, what was not recorded.

use std::time::Duration;

use kilter_app::{App, prediction};
use kilter_serving::{endpoint::EndpointCounts, prediction_log::LogCounts};

use crate::metrics::text::{family, labels};

/// What the log of one endpoint did in this process.
pub(crate) struct EndpointLog {
    pub(crate) endpoint: String,
    pub(crate) log: LogCounts,
    pub(crate) counts: EndpointCounts,
}

impl EndpointLog {
    /// One of everything, for tests.
    #[cfg(test)]
    pub(crate) fn sample() -> Self {
        let write_time = Duration::from_millis(2);
        let log = LogCounts { appended: 5, rows: 7, groups: 2, refused_rows: 1, waiting: 3, busy: 1, write_time };
        Self { endpoint: "churn".to_owned(), log, counts: EndpointCounts { unrecorded_rows: 1, fallbacks: 2 } }
    }
}

/// The logs of the endpoints that are open.
pub(crate) fn read_logs(app: &App) -> Vec<EndpointLog> {
    let open = prediction::open_endpoints(app).into_iter();
    let of = |(name, serving): (_, std::sync::Arc<prediction::Serving>)| {
        let log = serving.endpoint().log().map(|log| log.counts()).unwrap_or_default();
        EndpointLog { endpoint: format!("{name}"), log, counts: serving.endpoint().counts() }
    };
    open.map(of).collect()
}

/// Writes the families.
pub(crate) fn write(page: &mut String, logs: &[EndpointLog]) {
    let mut put = |name: &str, kind: &str, help: &str, value: &dyn Fn(&EndpointLog) -> f64| {
        family(page, name, kind, help, logs.iter().map(|log| (labels(&[("endpoint", &log.endpoint)]), value(log))));
    };
    let seconds = |time: Duration| time.as_secs_f64();
    let help = "Records that wait for the disk now.";
    put("kilter_prediction_log_waiting", "gauge", help, &|log| log.log.waiting as f64);
    let help = "Records that are in the prediction log.";
    put("kilter_prediction_log_records_total", "counter", help, &|log| log.log.appended as f64);
    let help = "Writes to the prediction log; records that waited together share one.";
    put("kilter_prediction_log_writes_total", "counter", help, &|log| log.log.groups as f64);
    let help = "Time of these writes, syncs included.";
    put("kilter_prediction_log_write_seconds_total", "counter", help, &|log| seconds(log.log.write_time));
    let help = "Records that found the queue full and were refused.";
    put("kilter_prediction_log_busy_total", "counter", help, &|log| log.log.busy as f64);
    let help = "Rows that could not be written.";
    put("kilter_prediction_log_refused_rows_total", "counter", help, &|log| log.log.refused_rows as f64);
    let help = "Rows that were answered, or scored in shadow, and are not recorded because the log did not take them.";
    put("kilter_unrecorded_rows_total", "counter", help, &|log| log.counts.unrecorded_rows as f64);
    let help = "Requests that a candidate did not answer and the live version did.";
    put("kilter_fallbacks_total", "counter", help, &|log| log.counts.fallbacks as f64);
}
