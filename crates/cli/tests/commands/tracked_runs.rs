//! Runs that clients logged, in the terminal and in the native API: listed, searched, compared, followed.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    time::Duration,
};

use serde_json::{Value, json};

use crate::{World, contract::project, server::Server};

fn post(server: &Server, path: &str, body: &Value) -> Value {
    let (status, answer) = server.ask("POST", &format!("/api/2.0/mlflow/{path}"), body);
    assert_eq!(status, 200, "{path}: {answer}");
    answer
}

/// A run with these parameters and the last value of `auc`; its id.
fn logged(server: &Server, name: &str, params: &[(&str, &str)], auc: &Value) -> String {
    let run = post(server, "runs/create", &json!({ "experiment_id": "0", "run_name": name, "start_time": 1_000 }));
    let id = run["run"]["info"]["run_id"].as_str().unwrap().to_owned();
    let params: Vec<Value> = params.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
    let metrics = [(0, json!(0.1)), (1, auc.clone())]
        .map(|(step, value)| json!({ "key": "auc", "value": value, "timestamp": 5, "step": step }));
    let tags = json!([{ "key": "team", "value": name }, { "key": "mlflow.source.name", "value": "train.py" }]);
    post(server, "runs/log-batch", &json!({ "run_id": id, "params": params, "metrics": metrics, "tags": tags }));
    id
}

#[test]
fn runs_of_clients_are_listed_searched_and_compared() {
    let world = World::new();
    let server = Server::start(&world);
    let first = logged(&server, "deep", &[("depth", "6"), ("eta", "0.1")], &json!(0.812_345_6));
    let second = logged(&server, "flat", &[("depth", "2"), ("eta", "0.1")], &json!(0.812_345_7));
    let lost = logged(&server, "lost", &[("depth", "6")], &json!("NaN"));

    let listed = world.json(&["runs", "list"]);
    assert_eq!(listed["runs"].as_array().unwrap().len(), 3, "{listed}");
    let text = world.kilter(&["runs", "list"]).out;
    assert!(text.contains(&first) && text.contains("logged by a client: deep") && text.contains("running"), "{text}");
    assert_eq!(world.json(&["runs", "list", "--limit", "1"])["runs"].as_array().unwrap().len(), 1);
    let missing = world.problem(&["runs", "list", "--experiment", "none"], 4);
    assert!(missing["detail"].as_str().unwrap().contains("none"), "{missing}");

    let filter = "params.depth = '6' OR tags.team = 'flat' AND NOT metrics.auc < 0.5";
    let found = world.json(&["runs", "search", filter, "--order-by", "metrics.auc DESC"]);
    let names: Vec<&str> = found["runs"].as_array().unwrap().iter().map(|run| run["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["flat", "deep", "lost"], "NaN comes last");
    assert_eq!(
        found["runs"][2]["metrics"]["auc"],
        json!({ "value": null, "step": 1, "at": "1970-01-01T00:00:00.005Z" })
    );
    let text = world.kilter(&["runs", "search", "metrics.auc > 0.8", "--column", "params.depth"]).out;
    assert!(
        text.contains("depth") && !text.contains("auc") && text.contains(&first) && !text.contains(&lost),
        "{text}"
    );
    let text = world.kilter(&["runs", "search"]).out;
    assert!(text.contains("depth") && text.contains("auc"), "what differs is shown: {text}");
    assert!(world.kilter(&["runs", "search", "metrics.auc > 2"]).out.contains("No run holds the filter"));
    let wrong = world.problem(&["runs", "search", "metrics.auc >"], 2);
    assert!(
        wrong["code"] == "request_invalid" && wrong["hint"].as_str().unwrap().contains("metrics.auc > 0.8"),
        "{wrong}"
    );
    let wrong = world.problem(&["runs", "search", "--column", "depth"], 2);
    assert!(wrong["hint"].as_str().unwrap().contains("params.depth"), "{wrong}");

    let compared = world.json(&["runs", "compare", &first, &second]);
    let differing = |compared: &Value| -> Vec<String> {
        let rows = compared["rows"].as_array().unwrap().iter().filter(|row| row["differs"] == true);
        rows.map(|row| row["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(differing(&compared), ["depth", "auc", "team"], "{compared}");
    let auc = compared["rows"].as_array().unwrap().iter().find(|row| row["name"] == "auc").unwrap();
    assert_eq!(auc["values"], json!(["0.8123456", "0.8123457"]), "what differs looks different");
    assert!((auc["difference"].as_f64().unwrap() - 1e-7).abs() < 1e-12);
    let text = world.kilter(&["runs", "compare", &first, &second]).out;
    assert!(text.contains("2 runs differ in 3 values") && !text.contains("eta"), "{text}");
    assert!(world.kilter(&["runs", "compare", &first, &second, "--all"]).out.contains("eta"));
    assert!(world.kilter(&["runs", "compare", &first, &first]).out.contains("logged the same"));
    assert_eq!(world.problem(&["runs", "compare", &first, "0190"], 4)["code"], "not_found");

    let shown = world.kilter(&["runs", "show", &first]).out;
    assert!(shown.contains("(deep) of Default is running") && shown.contains("eta"), "{shown}");
    assert!(!shown.contains("mlflow.source.name"), "what the client writes for itself is in the JSON: {shown}");
    assert_eq!(world.json(&["runs", "show", &first])["tracked"]["tags"]["mlflow.source.name"], "train.py");
}

#[test]
fn a_run_of_the_platform_is_shown_with_what_it_logged() {
    let world = project("0.55");
    world.json(&["run"]);
    let run = &world.json(&["runs", "list"])["runs"][0];
    assert_eq!((&run["experiment"], &run["executed"]["version"]), (&json!("churn"), &json!(1)), "{run}");
    let shown = world.json(&["runs", "show"]);
    assert_eq!((&shown["summary"]["state"], &shown["tracked"]["status"]), (&json!("succeeded"), &json!("finished")));
}

/// Server-sent events, as they come.
pub struct Events(BufReader<TcpStream>);

impl Events {
    /// Those of an address.
    pub fn of(server: &Server, path: &str) -> Self {
        let mut stream = TcpStream::connect(&server.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", server.address).unwrap();
        Self(BufReader::new(stream))
    }

    /// The name and the data of the next event.
    pub fn next(&mut self) -> (String, Value) {
        let (mut name, mut line) = (String::new(), String::new());
        loop {
            line.clear();
            assert!(self.0.read_line(&mut line).unwrap() > 0, "the stream ended");
            if let Some(read) = line.strip_prefix("event: ") {
                name = read.trim_end().to_owned();
            }
            if let Some(data) = line.strip_prefix("data: ") {
                return (name, serde_json::from_str(data).unwrap());
            }
        }
    }
}

#[test]
fn whoever_follows_a_run_sees_each_point_once_and_its_end() {
    let world = World::new();
    let server = Server::start(&world);
    let id = logged(&server, "live", &[("depth", "6")], &json!(0.5));
    let mut events = Events::of(&server, &format!("/api/v1/tracked-runs/{id}/events"));
    let (name, first) = events.next();
    assert_eq!((name.as_str(), &first["params"]["depth"]), ("change", &json!("6")));
    assert_eq!(first["metrics"]["auc"].as_array().unwrap().len(), 1, "its latest point: {first}");
    let points: Vec<Value> =
        (2..1_502).map(|step| json!({ "key": "auc", "value": step, "timestamp": step, "step": step })).collect();
    for batch in points.chunks(750) {
        post(&server, "runs/log-batch", &json!({ "run_id": id, "metrics": batch }));
    }
    post(&server, "runs/set-tag", &json!({ "run_id": id, "key": "team", "value": "risk" }));
    post(&server, "runs/update", &json!({ "run_id": id, "status": "FINISHED", "end_time": 9 }));
    let (mut steps, mut last) = (Vec::new(), Value::Null);
    loop {
        let (name, change) = events.next();
        if name == "end" {
            break;
        }
        steps.extend(
            change["metrics"]["auc"].as_array().into_iter().flatten().map(|point| point["step"].as_i64().unwrap()),
        );
        last = change;
    }
    assert_eq!(steps, (2..1_502).collect::<Vec<i64>>(), "each point once, in order");
    assert_eq!(last["status"], "finished", "{last}");
    let (status, said) = server.get("/api/v1/tracked-runs/0190/events");
    assert_eq!((status, &said["code"]), (404, &json!("not_found")), "{said}");
}
