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

#[test]
fn a_chart_of_a_long_history_loses_no_spike_and_has_what_was_logged_since() {
    let world = World::new();
    let server = Server::start(&world);
    let (_, made) = server.ask("POST", "/api/2.0/mlflow/runs/create", &json!({ "experiment_id": "0" }));
    let run = made["run"]["info"]["run_id"].as_str().unwrap();
    let log = |points: &[Value]| {
        let body = json!({ "run_id": run, "metrics": points });
        assert_eq!(server.ask("POST", "/api/2.0/mlflow/runs/log-batch", &body).0, 200);
    };
    let point = |step: usize, value: f64| json!({ "key": "loss", "value": value, "timestamp": step, "step": step });
    let (spike, count) = (17_171, 25_000);
    let all: Vec<Value> = (0..count).map(|step| point(step, if step == spike { 1e9 } else { 1.0 })).collect();
    all.chunks(1_000).for_each(log);
    let asked = |more: Value| {
        let mut body = json!({ "ids": [run], "metric": "loss", "points": 100 });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        server.ask("POST", "/api/v1/tracked-runs/series", &body)
    };
    let largest = |found: &Value| -> f64 {
        let values = found["series"][0]["values"].as_array().unwrap().iter();
        values.filter_map(Value::as_f64).fold(f64::MIN, f64::max)
    };
    // Read, then taken from memory.
    for _ in 0..2 {
        let (status, found) = asked(json!({}));
        assert_eq!((status, &found["series"][0]["count"]), (200, &json!(count)), "{found}");
        assert!(found["series"][0]["values"].as_array().unwrap().len() <= 100);
        assert_eq!(largest(&found), 1e9, "the spike is drawn");
        assert_eq!(
            found["caption"],
            "25000 points, of which the first, last, smallest and largest of each part are drawn"
        );
    }
    let (_, few) = asked(json!({ "first": spike - 1, "last": spike + 1 }));
    assert_eq!(few["series"][0]["steps"], json!([spike - 1, spike, spike + 1]), "{few}");
    assert_eq!(few["caption"], "3 points, every one drawn");
    log(&[point(count, 2e9)]);
    let (_, more) = asked(json!({}));
    assert_eq!((&more["series"][0]["count"], largest(&more)), (&json!(count + 1), 2e9), "{more}");
    let (_, none) = asked(json!({ "metric": "nothing" }));
    assert_eq!(none["series"][0]["count"], 0, "{none}");
    for wrong in
        [json!({ "ids": [] }), json!({ "points": 3 }), json!({ "points": 10_001 }), json!({ "first": 2, "last": 1 })]
    {
        let (status, said) = asked(wrong.clone());
        assert_eq!(status, 400, "{wrong}: {said}");
    }
    assert_eq!(asked(json!({ "ids": ["nobody"] })).0, 404);
}
