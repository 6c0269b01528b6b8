//! `GET /metrics`: what the data plane counted, what monitors read last and what stands open, in the text format of Prometheus (0.0.4).
//!
//! Holds true: counters only grow while a version is loaded; a latency quantile is within 1 %; names carry their unit.
//! Deliberately absent: windows and rates; whoever scrapes makes them.

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use kilter_api::{self as api, Problem};

mod columns;
mod monitors;
mod serving;
mod tasks;
mod text;

use crate::{
    api::status::status,
    error::ApiError,
    metrics::{
        columns::ColumnShares,
        monitors::LatestReadings,
        serving::{Counter, ServedVersion, latency, served_versions},
        text::{family, labels},
    },
    middleware::auth::Caller,
    state::{AppState, blocking},
};

/// What was counted since each version was loaded, and what stands open.
#[utoipa::path(get, path = "/metrics", tag = "operations", responses((status = 200, description = "Text format of Prometheus, 0.0.4", content_type = "text/plain"), (status = 401, body = Problem)))]
pub(crate) async fn metrics(_: Caller, State(state): State<AppState>) -> Result<Response, ApiError> {
    let (app, now, uptime) = (state.app(), state.now(), state.uptime().as_secs_f64());
    let tasks = state.tasks();
    let text = blocking(move || {
        let status = api::Status { tasks, ..status(&app, now)? };
        let newest = monitors::read_latest(&app, &status, now)?;
        Ok(page(&served_versions(&app), &status, (&newest, &ColumnShares::read(&app, now)), uptime))
    })
    .await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

fn page(
    served: &[ServedVersion],
    status: &api::Status,
    (newest, shares): (&LatestReadings, &ColumnShares),
    uptime: f64,
) -> String {
    let mut page = String::new();
    let of =
        |served: &ServedVersion| labels(&[("endpoint", &served.endpoint), ("version", &served.version.to_string())]);
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
    tasks::tasks(&mut page, status);
    monitors::write(&mut page, newest);
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

#[cfg(test)]
mod tests {
    use kilter_serving::counters::{Counters, ScoreEdges};

    use super::*;

    #[test]
    fn a_page_has_every_family_once_and_escapes_its_labels() {
        let counts = Counters::new(ScoreEdges::default()).snapshot();
        let served = [ServedVersion { endpoint: "a\"b".to_owned(), version: 3, counts }];
        let status = api::Status { audit_entries: 7, ..api::Status::default() };
        let page = page(&served, &status, (&LatestReadings::default(), &ColumnShares::default()), 1.5);
        assert!(page.contains("kilter_requests_total{endpoint=\"a\\\"b\",version=\"3\"} 0\n"), "{page}");
        assert!(page.contains("kilter_audit_entries_total 7\n") && page.contains("kilter_uptime_seconds 1.5\n"));
        assert!(!page.contains("kilter_open_alerts"), "a family without samples is left out");
        let types: Vec<&str> = page.lines().filter(|line| line.starts_with("# TYPE")).collect();
        let once: std::collections::BTreeSet<_> = types.iter().collect();
        assert_eq!(types.len(), once.len());
    }
}
