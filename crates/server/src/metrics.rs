//! `GET /metrics`: what the data plane counted, what monitors read last and what stands open, in the text format of Prometheus (0.0.4).
//!
//! Holds true: counters only grow while a version is loaded; a latency quantile is within 1 %; names carry their unit.
//! Deliberately absent: windows and rates; whoever scrapes makes them.

use std::fmt::Write;

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use kilter_api::{self as api, Problem};
use kilter_app::App;
use kilter_serving::counters::VersionCounts;

use crate::{
    auth::Caller,
    gauges::{self, Newest},
    problem::Failure,
    profiles::Shares,
    state::{House, blocking},
    views,
};

/// What was counted since each version was loaded, and what stands open.
#[utoipa::path(get, path = "/metrics", tag = "operations", responses((status = 200, description = "Text format of Prometheus, 0.0.4", content_type = "text/plain"), (status = 401, body = Problem)))]
pub(crate) async fn metrics(_: Caller, State(house): State<House>) -> Result<Response, Failure> {
    let (app, now, uptime) = (house.app(), house.now(), house.uptime().as_secs_f64());
    let tasks = house.tasks();
    let text = blocking(move || {
        let status = api::Status { tasks, ..views::status(&app, now)? };
        let newest = gauges::newest(&app, &status, now)?;
        Ok(page(&served(&app), &status, (&newest, &Shares::of(&app, now)), uptime))
    })
    .await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

/// What one version did at one endpoint.
struct Served {
    endpoint: String,
    version: u64,
    counts: VersionCounts,
}

fn served(app: &App) -> Vec<Served> {
    let of_endpoint = |(name, serving): (_, std::sync::Arc<kilter_app::prediction::Serving>)| {
        let routes = serving.endpoint().routes();
        let served = routes.versions().map(|served| Served {
            endpoint: format!("{name}"),
            version: served.version().number,
            counts: served.counts(),
        });
        served.collect::<Vec<_>>()
    };
    app.open_endpoints().into_iter().flat_map(of_endpoint).collect()
}

/// A counter of a version: its name, its help, and how it is read.
type Counter = (&'static str, &'static str, fn(&VersionCounts) -> u64);

/// One family: its help, its type, its samples (labels and value).
pub(crate) fn family(
    page: &mut String,
    name: &str,
    kind: &str,
    help: &str,
    samples: impl IntoIterator<Item = (String, f64)>,
) {
    let mut samples = samples.into_iter().peekable();
    if samples.peek().is_none() {
        return;
    }
    // Writing to a String cannot fail.
    let _ = writeln!(page, "# HELP {name} {help}\n# TYPE {name} {kind}");
    for (labels, value) in samples {
        // The digits of a huge number say no more than its exponent.
        let _ = match value.abs() < 1e16 {
            true => writeln!(page, "{name}{labels} {value}"),
            false => writeln!(page, "{name}{labels} {value:e}"),
        };
    }
}

pub(crate) fn labels(pairs: &[(&str, &str)]) -> String {
    let escape = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect();
    format!("{{{}}}", pairs.join(","))
}

fn page(served: &[Served], status: &api::Status, (newest, shares): (&Newest, &Shares), uptime: f64) -> String {
    let mut page = String::new();
    let of = |served: &Served| labels(&[("endpoint", &served.endpoint), ("version", &served.version.to_string())]);
    let counters: [Counter; 5] = [
        ("kilter_requests_total", "Requests that a version was asked to answer.", |counts| counts.requests),
        ("kilter_rows_total", "Rows that a version scored.", |counts| counts.rows),
        ("kilter_errors_total", "Requests that failed by the version's fault.", |counts| counts.errors),
        ("kilter_refused_total", "Requests that failed by the caller's fault.", |counts| counts.refused),
        ("kilter_missing_scores_total", "Scores that were not a number.", |counts| counts.missing_scores),
    ];
    for (name, help, count) in counters {
        family(
            &mut page,
            name,
            "counter",
            help,
            served.iter().map(|served| (of(served), count(&served.counts) as f64)),
        );
    }
    latency(&mut page, served);
    let open =
        status.endpoints.iter().map(|endpoint| (labels(&[("endpoint", &endpoint.name)]), endpoint.open_alerts as f64));
    family(&mut page, "kilter_open_alerts", "gauge", "Alerts of an endpoint that are not over.", open);
    let answers = |endpoint: &&api::EndpointStatus| endpoint.refused.is_none();
    let live = status.endpoints.iter().filter(answers).filter_map(|endpoint| {
        let live = endpoint.live.as_ref()?;
        Some((labels(&[("endpoint", &endpoint.name)]), f64::from(live.version)))
    });
    family(&mut page, "kilter_live_version", "gauge", "The number of the version that answers.", live);
    tasks(&mut page, status);
    gauges::write(&mut page, newest);
    shares.write(&mut page);
    let entries = [(String::new(), status.audit_entries as f64)];
    family(&mut page, "kilter_audit_entries_total", "counter", "Entries of the audit table.", entries);
    family(
        &mut page,
        "kilter_uptime_seconds",
        "gauge",
        "Time since the process began to listen.",
        [(String::new(), uptime)],
    );
    page
}

/// A gauge of a background task: its name, its kind, its help, and how it is read.
type TaskGauge = (&'static str, &'static str, &'static str, fn(&api::TaskStatus) -> Option<f64>);

/// What goes on beside requests.
fn tasks(page: &mut String, status: &api::Status) {
    let gauges: [TaskGauge; 5] = [
        ("kilter_task_ok", "gauge", "1 while a background task goes on, 0 while it fails or is blocked.", |task| {
            Some(f64::from(u8::from(task.ok)))
        }),
        ("kilter_task_failures", "gauge", "Steps of a background task that failed in a row.", |task| {
            Some(f64::from(task.failures))
        }),
        ("kilter_task_panics_total", "counter", "Steps of a background task that panicked.", |task| {
            Some(task.panics as f64)
        }),
        ("kilter_task_running_seconds", "gauge", "How long the step takes that runs now.", |task| {
            task.running_seconds.map(|seconds| seconds as f64)
        }),
        ("kilter_task_succeeded_seconds_ago", "gauge", "Time since a background task last succeeded.", |task| {
            task.succeeded_seconds_ago.map(|seconds| seconds as f64)
        }),
    ];
    for (name, kind, help, read) in gauges {
        let samples = status.tasks.iter().filter_map(|task| Some((labels(&[("task", &task.name)]), read(task)?)));
        family(page, name, kind, help, samples);
    }
    let damage = [(String::new(), status.damage.len() as f64)];
    family(page, "kilter_damage", "gauge", "Things of the data folder that are damaged or missing.", damage);
}

fn latency(page: &mut String, served: &[Served]) {
    let name = "kilter_scoring_seconds";
    if served.is_empty() {
        return;
    }
    let _ = writeln!(
        page,
        "# HELP {name} Time that a version took to score a request since it was loaded; its quantiles are p50_ms, p95_ms and p99_ms of rules.\n# TYPE {name} summary"
    );
    for Served { endpoint, version, counts } in served {
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

#[cfg(test)]
mod tests {
    use kilter_serving::counters::{Counters, ScoreEdges};

    use super::*;

    #[test]
    fn a_page_has_every_family_once_and_escapes_its_labels() {
        let counts = Counters::new(ScoreEdges::default()).snapshot();
        let served = [Served { endpoint: "a\"b".to_owned(), version: 3, counts }];
        let status = api::Status { audit_entries: 7, ..api::Status::default() };
        let page = page(&served, &status, (&Newest::default(), &Shares::default()), 1.5);
        assert!(page.contains("kilter_requests_total{endpoint=\"a\\\"b\",version=\"3\"} 0\n"), "{page}");
        assert!(page.contains("kilter_audit_entries_total 7\n") && page.contains("kilter_uptime_seconds 1.5\n"));
        assert!(!page.contains("kilter_open_alerts"), "a family without samples is left out");
        let types: Vec<&str> = page.lines().filter(|line| line.starts_with("# TYPE")).collect();
        let once: std::collections::BTreeSet<_> = types.iter().collect();
        assert_eq!(types.len(), once.len());
    }
}
