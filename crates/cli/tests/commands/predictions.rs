//! A project is trained, deployed and served; clients ask, label, and find again what was acknowledged.

use serde_json::{Value, json};

use crate::{contract::project, server::Server};

pub fn rows() -> Value {
    json!({ "inputs": [
        { "name": "age", "datatype": "FP64", "shape": [2], "data": [25, 78] },
        { "name": "visits", "datatype": "FP64", "shape": [2], "data": [18, 1] },
        { "name": "region", "datatype": "BYTES", "shape": [2], "data": ["north", "a new one"] },
    ] })
}

fn scores(answer: &Value) -> Vec<f64> {
    let outputs = answer["outputs"].as_array().unwrap();
    let score = outputs.iter().find(|output| output["name"] == "score").unwrap();
    score["data"].as_array().unwrap().iter().map(|score| score.as_f64().unwrap()).collect()
}

#[test]
fn a_deployed_version_answers_takes_labels_and_answers_alike_after_the_process_was_killed() {
    let world = project("0.55");
    assert_eq!(world.kilter(&["run"]).exit, 0);
    let server = Server::start(&world);
    assert_eq!(server.get("/v2/health/ready"), (200, json!({ "ready": true })));
    assert_eq!(server.get("/v2/models/churn/ready").0, 200);
    let (status, answer) = server.ask("POST", "/v2/models/churn/infer", &rows());
    assert_eq!(status, 200, "{answer}");
    let before = scores(&answer);
    assert!(before[0] < before[1], "the older and rarer one is the likelier to leave: {before:?}");
    let labels = json!({ "ids": ["nobody-knows-this", "nor-this"], "values": [1, 0] });
    assert_eq!(server.ask("POST", "/api/v1/endpoints/churn/labels", &labels), (200, json!({ "labels": 2 })));
    // Commands find the server by its data folder, and are refused as it refuses.
    assert_eq!(world.json(&["status"])["endpoints"][0]["live"]["version"], 1);
    assert_eq!(world.problem(&["rollback"], 4)["code"], "not_found");
    assert_eq!(world.problem(&["sql", "select 1", "--server", "http://127.0.0.1:1"], 2)["code"], "usage_invalid");
    assert_eq!(world.problem(&["status", "--server", "http://127.0.0.1:1"], 7)["code"], "server_unreachable");
    server.signal("-KILL");
    drop(server);

    let server = Server::start(&world);
    let (_, answer) = server.ask("POST", "/v2/models/churn/infer", &rows());
    assert_eq!(scores(&answer), before);
    assert_eq!(server.get("/api/v1/status").1["endpoints"][0]["live"]["version"], 1);
    server.signal("-TERM");
    assert_eq!(server.wait(), Some(0));
    assert_eq!(world.json(&["audit", "verify"])["valid"], true);
}

#[test]
fn requests_that_do_not_fit_are_refused_with_the_input_and_the_reason() {
    let world = project("0.55");
    assert_eq!(world.kilter(&["run"]).exit, 0);
    let server = Server::start(&world);
    let wrong_type = json!({ "inputs": [{ "name": "age", "datatype": "BYTES", "shape": [1], "data": ["old"] }] });
    let wrong_shape = json!({ "inputs": [{ "name": "age", "datatype": "FP64", "shape": [3], "data": [1, 2] }] });
    for body in [json!({}), json!([1]), wrong_type, wrong_shape] {
        let (status, answer) = server.ask("POST", "/v2/models/churn/infer", &body);
        assert_eq!(status, 400, "{body}: {answer}");
        assert!(answer["error"].as_str().is_some_and(|error| !error.is_empty()), "{answer}");
    }
    assert_eq!(server.ask("POST", "/v2/models/nobody/infer", &rows()).0, 404);
    assert_eq!(server.ask("POST", "/v2/models/churn/versions/9/infer", &rows()).0, 404);
    let labels = json!({ "ids": ["a"], "values": [] });
    assert_eq!(server.ask("POST", "/api/v1/endpoints/churn/labels", &labels).1["code"], "request_invalid");
    assert_eq!(server.ask("POST", "/api/v1/endpoints/nobody/labels", &json!({ "ids": [], "values": [] })).0, 404);
    assert_eq!(server.get("/v2/models/churn/ready").0, 200);
}

#[test]
fn what_a_monitor_rule_names_may_be_sent_in_the_type_of_the_training_data_though_no_model_reads_it() {
    let world = project("0.5");
    let contract = world.read("kilter.toml").replace("--exclude id,at", "--exclude id,at,visits");
    world.write("kilter.toml", &format!("{contract}[monitor]\ndrift = [\"psi(visits) < 0.2\"]\n"));
    assert_eq!(world.kilter(&["run"]).exit, 0);
    let server = Server::start(&world);
    let (status, answer) = server.ask("POST", "/v2/models/churn/infer", &rows());
    assert_eq!(status, 200, "{answer}");
    let wrong = json!({ "inputs": [{ "name": "visits", "datatype": "BYTES", "shape": [1], "data": ["often"] }] });
    let (status, answer) = server.ask("POST", "/v2/models/churn/infer", &wrong);
    assert!(status == 400 && answer["error"].as_str().unwrap().contains("visits"), "{answer}");
    let (_, profile) = server.get("/api/v1/endpoints/churn/columns");
    let columns = profile["versions"][0]["columns"].as_array().unwrap();
    let visits = columns.iter().find(|column| column["column"] == "visits").expect("it is counted by its reference");
    assert_eq!((visits["rows"].as_u64(), visits["missing_share"].as_f64()), (Some(2), Some(0.0)), "{visits}");
}

#[test]
fn an_endpoint_without_an_approved_version_says_so() {
    let world = project("1.0");
    assert_eq!(world.kilter(&["run"]).exit, 3);
    let refused = world.problem(&["deploy", "production", "--version", "1"], 6);
    assert!(refused["detail"].as_str().unwrap().contains("rejected"), "{refused}");
    let server = Server::start(&world);
    let (status, answer) = server.ask("POST", "/v2/models/churn/infer", &rows());
    assert_eq!(status, 404, "{answer}");
    assert!(answer["error"].as_str().unwrap().contains("no live version"), "{answer}");
}

#[test]
fn a_version_is_deployed_by_hand_and_taken_back() {
    let world = project("0.55");
    world.write("kilter.toml", &world.read("kilter.toml").replace("auto = true", ""));
    assert_eq!(world.kilter(&["run"]).exit, 0);
    assert_eq!(world.json(&["deploy", "--version", "1"])["state"], "live");
    assert_eq!(world.problem(&["rollback"], 4)["code"], "not_found");
    assert_eq!(world.problem(&["deploy", "staging", "--version", "1"], 4)["hint"], "use one of production");
}

#[test]
fn golden_requests_travel_with_the_version_and_are_asked_before_it_serves() {
    let world = project("0.55");
    let contract =
        world.read("kilter.toml").replace("[package]\n", "[package]\nsample = { from = \"split.test\", rows = 30 }\n");
    let contract = contract.replace("[\"auc >= 0.55\"]", "[\"auc >= 0.55\", \"replay(sample) == expected\"]");
    world.write("kilter.toml", &contract);
    let ran = world.json(&["run"]);
    assert_eq!(ran["version"]["state"], "approved", "{ran:#}");
    let shown = world.json(&["model", "show", "churn@1"]);
    let outcomes = shown["gates"][0].to_string();
    assert!(outcomes.contains("replay(sample)") && outcomes.contains("30"), "{shown:#}");
    let audit = world.json(&["audit", "list"]).to_string();
    assert!(audit.contains("30 golden requests are answered as the run answered them"), "{audit}");
    let server = Server::start(&world);
    assert_eq!(server.ask("POST", "/v2/models/churn/infer", &rows()).0, 200);
}

#[test]
fn a_live_version_whose_package_is_gone_serves_nothing_and_everybody_is_told() {
    let world = project("0.55");
    assert_eq!(world.kilter(&["run"]).exit, 0);
    std::fs::remove_dir_all(world.path().join(".kilter/blobs/objects")).unwrap();
    let status = world.json(&["status"]);
    let endpoint = &status["endpoints"][0];
    assert_eq!(endpoint["live"]["version"], 1);
    assert!(endpoint["refused"].as_str().is_some_and(|reason| !reason.is_empty()), "{status}");
    let shown = world.kilter(&["status"]).out;
    assert!(shown.contains("churn serves nothing: v1 was refused when it was loaded"), "{shown}");

    let server = Server::start(&world);
    assert_eq!(server.get("/v2/models/churn/ready").0, 503);
    let (status, answer) = server.ask("POST", "/v2/models/churn/infer", &rows());
    assert!(
        status == 503 && answer["error"].as_str().unwrap().contains("could not be loaded; see `kilter status`"),
        "{answer}"
    );
    assert!(server.get("/api/v1/status").1["endpoints"][0]["refused"].is_string());
    server.signal("-TERM");
    assert_eq!(server.wait(), Some(0));

    // What is trained anew is compared with nothing, and answers at once.
    assert_eq!(world.json(&["run"])["version"]["state"], "approved");
    let status = world.json(&["status"]);
    assert_eq!(status["endpoints"][0]["live"]["version"], 2);
    assert!(status["endpoints"][0]["refused"].is_null(), "{status}");
}

#[test]
fn a_request_or_a_file_that_lacks_features_is_refused_with_all_of_them() {
    let world = project("0.55");
    let contract = world.read("kilter.toml").replace("--exclude id,at", "--exclude id,at --optional region");
    world.write("kilter.toml", &contract);
    assert_eq!(world.kilter(&["run"]).exit, 0);
    let server = Server::start(&world);
    let input = |name: &str, datatype: &str, value: Value| json!({ "name": name, "datatype": datatype, "shape": [1], "data": [value] });
    let infer = |inputs: Vec<Value>| server.ask("POST", "/v2/models/churn/infer", &json!({ "inputs": inputs }));
    for (inputs, missing) in [
        (vec![input("region", "BYTES", json!("north"))], "lacks `age`, `visits`, which"),
        (vec![input("age", "FP64", json!(25))], "lacks `visits`, which"),
        (vec![input("__id", "BYTES", json!("a")), input("visits", "FP64", json!(1))], "lacks `age`, which"),
    ] {
        let (status, answer) = infer(inputs);
        assert!(status == 400 && answer["error"].as_str().unwrap().contains(missing), "{status} {answer}");
    }
    let (status, answer) = infer(vec![input("age", "FP64", Value::Null), input("visits", "FP64", Value::Null)]);
    assert_eq!(status, 200, "a missing value is said, and `region` is optional: {answer}");
    let (_, metadata) = server.get("/v2/models/churn");
    let optional =
        metadata["inputs"].as_array().unwrap().iter().filter(|input| input["parameters"]["optional"] == true);
    assert_eq!(optional.map(|input| input["name"].as_str().unwrap()).collect::<Vec<_>>(), ["region"]);

    world.write("part.csv", "region,left\nnorth,1\n");
    let score = |file: &str| world.problem(&["predict", file, "--model", "work/model", "--out", "o.csv"], 2);
    assert_eq!(score("part.csv")["detail"], "the columns `age`, `visits` are missing");
    world.write("whole.csv", "age,visits\n30,\n");
    assert_eq!(world.json(&["predict", "whole.csv", "--model", "work/model", "--out", "o.csv"])["rows"], 1);
}
