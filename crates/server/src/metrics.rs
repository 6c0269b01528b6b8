//! `GET /metrics`: what the data plane counted, what monitors read last and what stands open, in the text format of Prometheus (0.0.4).
//!
//! Invariants: counters only grow while a version is loaded; a latency quantile is within 1 %; names carry their unit.
//! Out of scope: windows and rates; whoever scrapes makes them.

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use kilter_api::{self as api, Problem};
use kilter_app::model::{ModelMemoryCounts, memory_counts};

mod columns;
mod disk;
mod endpoints;
mod grpc;
mod models;
mod monitors;
mod prediction_log;
mod serving;
mod tasks;
mod text;

use crate::{
    api::status::status,
    caller::Caller,
    disk_use::DiskReading,
    error::ApiError,
    grpc_counts::Handled,
    metrics::{
        columns::ColumnShares, monitors::LatestReadings, prediction_log::EndpointLog, serving::ServedVersion,
        text::family,
    },
    state::{AppState, blocking},
};

/// What was counted since each version was loaded, and what stands open.
#[utoipa::path(get, path = "/metrics", tag = "operations", responses((status = 200, description = "Text format of Prometheus, 0.0.4", content_type = "text/plain"), (status = 401, body = Problem)))]
pub(crate) async fn get_metrics(_: Caller, State(state): State<AppState>) -> Result<Response, ApiError> {
    let (app, now, uptime_seconds) = (state.app(), state.now(), state.uptime().as_secs_f64());
    let tasks = state.tasks();
    let text = blocking(move || {
        let status = api::Status { tasks, ..status(&app, now)? };
        let readings = monitors::read_latest(&app, &status, now)?;
        let (served, columns) = (serving::read_versions(&app), ColumnShares::read(&app, now));
        let logs = prediction_log::read_logs(&app);
        let disk = state.disk_use().read(&app);
        let (grpc, models) = (state.grpc_counts().snapshot(), memory_counts(&app));
        Ok(Snapshot { served, models, logs, grpc, status, readings, columns, disk, uptime_seconds }.to_text())
    })
    .await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

/// What one page is made from.
struct Snapshot {
    served: Vec<ServedVersion>,
    models: ModelMemoryCounts,
    logs: Vec<EndpointLog>,
    grpc: Vec<Handled>,
    status: api::Status,
    readings: LatestReadings,
    columns: ColumnShares,
    disk: DiskReading,
    uptime_seconds: f64,
}

impl Snapshot {
    fn to_text(&self) -> String {
        let mut page = String::new();
        serving::write(&mut page, &self.served);
        models::write(&mut page, &self.models);
        prediction_log::write(&mut page, &self.logs);
        grpc::write(&mut page, &self.grpc);
        endpoints::write(&mut page, &self.status);
        tasks::write(&mut page, &self.status);
        monitors::write(&mut page, &self.readings);
        self.columns.write(&mut page);
        disk::write(&mut page, &self.disk);
        let entries = [(String::new(), self.status.audit_entries as f64)];
        family(&mut page, "kilter_audit_entries_total", "counter", "Entries of the audit log.", entries);
        let uptime = [(String::new(), self.uptime_seconds)];
        family(&mut page, "kilter_uptime_seconds", "gauge", "Time since the process began to listen.", uptime);
        page
    }
}

#[cfg(test)]
mod tests {
    use kilter_app::garbage::{DiskKind, DiskUse};
    use kilter_domain::input_rule::InputPolicy;
    use kilter_serving::{
        counters::{Counters, ScoreEdges},
        endpoint::WorkerCounts,
        input_rules::InputRuleCount,
    };
    use serde_json::json;

    use super::*;
    use crate::grpc_counts::METHODS;

    /// One sample of every family.
    fn snapshot() -> Snapshot {
        let status = json!({
            "endpoints": [{ "name": "churn", "project": "churn", "open_alerts": 1,
                "live": { "id": "d", "endpoint": "churn", "model": "churn", "version": 3, "state": "live", "created": "2026-01-02T00:00:00Z" } }],
            "alerts": [{ "id": "a", "endpoint": "churn", "key": "churn/drift", "kind": "drift", "monitor": "drift",
                "state": "firing", "opened": "2026-01-02T00:00:00Z",
                "detail": { "since": "2026-01-01T00:00:00Z", "window_start": "2026-01-01T00:00:00Z",
                    "window_end": "2026-01-02T00:00:00Z", "notified": [], "columns": [], "text": "psi(x) = 0.4" } }],
            "audit_entries": 7,
            "tasks": [{ "name": "sealing", "ok": true, "detail": "", "failures": 0, "panics": 0,
                "running_seconds": 1, "succeeded_seconds_ago": 2 }],
        });
        Snapshot {
            served: vec![ServedVersion {
                endpoint: "a\"b".to_owned(),
                version: 3,
                input_rules: vec![InputRuleCount {
                    input: "age".into(),
                    rule: "range",
                    policy: InputPolicy::Flag,
                    rows: 3,
                }],
                counts: Counters::new(ScoreEdges::default()).snapshot(),
                workers: Some(WorkerCounts::default()),
            }],
            models: ModelMemoryCounts { limit: Some(1), ..ModelMemoryCounts::default() },
            logs: vec![EndpointLog::sample()],
            grpc: vec![Handled { method: &METHODS[0], code: "OK", count: 2 }],
            status: serde_json::from_value(status).unwrap(),
            readings: LatestReadings::sample(),
            columns: ColumnShares::sample(),
            disk: DiskReading { used: Some(DiskUse { bytes: vec![(DiskKind::Blobs, 1)] }), free_bytes: Some(2) },
            uptime_seconds: 1.5,
        }
    }

    #[test]
    fn the_families_are_those_of_the_reference() {
        let page = snapshot().to_text();
        let mut families = String::new();
        for line in page.lines().filter_map(|line| line.strip_prefix("# ")) {
            families += &format!("{line}\n");
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/metrics/families.txt");
        assert_eq!(families, std::fs::read_to_string(path).unwrap(), "families changed: bring families.txt along");
        let names: Vec<&str> = families.lines().filter(|line| line.starts_with("TYPE")).collect();
        let once: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(names.len(), once.len(), "a family is written twice");
    }

    #[test]
    fn a_page_escapes_its_labels_and_leaves_out_families_without_samples() {
        let page = snapshot().to_text();
        let line = "kilter_inference_requests_total{endpoint=\"a\\\"b\",version=\"3\",outcome=\"ok\"} 0\n";
        assert!(page.contains(line), "{page}");
        assert!(
            page.contains("kilter_alerts_active{endpoint=\"churn\",state=\"firing\",kind=\"drift\"} 1\n"),
            "{page}"
        );
        let nothing_active = Snapshot { status: api::Status::default(), ..snapshot() }.to_text();
        assert!(!nothing_active.contains("kilter_alerts_active"), "{nothing_active}");
    }
}
