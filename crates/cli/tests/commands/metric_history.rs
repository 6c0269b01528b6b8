//! Histories of metrics over MLflow's API: longer than what is read at a time, at once and in pages of any size.

use serde_json::{Value, json};

use crate::{World, database::Database, server::Server};

const POINTS: usize = 12_003;

fn points(found: &Value) -> Vec<Value> {
    found["metrics"].as_array().cloned().unwrap_or_default()
}

fn check_history(world: &World) {
    let server = Server::start(world);
    let (_, made) = server.ask("POST", "/api/2.0/mlflow/runs/create", &json!({ "experiment_id": "0" }));
    let run = made["run"]["info"]["run_id"].as_str().unwrap();
    // NaN and numbers without an exact text are points of their own, three at each step.
    let value = |place: usize| if place.is_multiple_of(7) { json!("NaN") } else { json!(place as f64 / 3.0) };
    let point =
        |place: usize| json!({ "key": "loss", "value": value(place), "timestamp": place % 3, "step": place / 3 });
    let all: Vec<Value> = (0..POINTS).map(point).collect();
    for batch in all.chunks(1_000) {
        let body = json!({ "run_id": run, "metrics": batch });
        assert_eq!(server.ask("POST", "/api/2.0/mlflow/runs/log-batch", &body).0, 200);
    }
    let history = |rest: &str| {
        let (status, found) =
            server.get(&format!("/api/2.0/mlflow/metrics/get-history?run_id={run}&metric_key=loss{rest}"));
        assert_eq!(status, 200, "{found}");
        found
    };
    let whole = history("");
    assert_eq!((points(&whole), whole.get("next_page_token")), (all.clone(), None));
    for size in [997, 4_999, 5_000, 5_001, 10_000, POINTS - 1, POINTS, POINTS + 1, 25_000] {
        let (mut walked, mut token) = (Vec::new(), String::new());
        loop {
            let page = history(&format!("&max_results={size}&page_token={token}"));
            let found = points(&page);
            assert!(found.len() <= size, "{} points in a page of {size}", found.len());
            walked.extend(found);
            let Some(next) = page["next_page_token"].as_str() else { break };
            token = next.replace('+', "%2B").replace('=', "%3D");
        }
        assert_eq!(walked, all, "pages of {size}");
    }
    // {"offset": 12000}, as old tools write it.
    assert_eq!(points(&history("&page_token=eyJvZmZzZXQiOiAxMjAwMH0%3D")), all[12_000..]);
    let (_, nothing) =
        server.get(&format!("/api/2.0/mlflow/metrics/get-history?run_id={run}&metric_key=nothing&max_results=10"));
    assert_eq!(nothing, json!({}));
    let (status, said) = server.get("/api/2.0/mlflow/metrics/get-history?run_id=nobody&metric_key=loss");
    assert_eq!((status, &said["error_code"]), (404, &json!("RESOURCE_DOES_NOT_EXIST")), "{said}");
}

#[test]
fn a_history_is_the_same_at_once_and_in_pages_of_any_size() {
    check_history(&World::new());
}

#[test]
fn a_history_is_the_same_on_postgresql() {
    let Some(database) = Database::new() else { return };
    let world = World::new();
    world.set_database(&database.url());
    check_history(&world);
}
