//! Input rules of the contract at every door of a server, in records, counters and the status.

use std::process::Command;

use serde_json::{Value, json};

use crate::{World, contract::project, server::Server, serving_rest::serving_python};

const RULES: &str = "
[input.age]
min = 0
max = 120

[input.visits]
max      = 100
on_range = \"flag\"
on_null  = \"impute\"
";

/// A project whose version 1 is live and has rules.
fn ruled() -> World {
    let world = project("0.55");
    let contract = world.read("kilter.toml");
    world.write("kilter.toml", &format!("{contract}{RULES}"));
    let ran = world.kilter(&["run"]);
    assert_eq!(ran.exit, 0, "{}{}", ran.out, ran.err);
    world
}

fn rows(age: Value, visits: Value, region: &str) -> Value {
    json!({ "inputs": [
        { "name": "age", "datatype": "FP64", "shape": [1], "data": [age] },
        { "name": "visits", "datatype": "FP64", "shape": [1], "data": [visits] },
        { "name": "region", "datatype": "BYTES", "shape": [1], "data": [region] },
    ] })
}

const CLIENT: &str = "
import sys, numpy, tritonclient.grpc as grpc
client = grpc.InferenceServerClient(sys.argv[1])
def infer(age):
    inputs = []
    for name, values, kind in [('age', numpy.array([age]), 'FP64'), ('visits', numpy.array([500.0]), 'FP64'), ('region', numpy.array([b'north'], dtype=object), 'BYTES')]:
        tensor = grpc.InferInput(name, [1], kind)
        tensor.set_data_from_numpy(values)
        inputs.append(tensor)
    return client.infer('churn', inputs)
print(infer(30.0).get_response().parameters['flagged'].string_param)
try:
    infer(-1.0)
except Exception as error:
    print(error)
";

#[test]
fn a_version_enforces_the_rules_of_its_package_at_every_door() {
    let world = ruled();
    let server = Server::start_with_grpc(&world, &[]);
    let infer = |body: Value| server.ask("POST", "/v2/models/churn/infer", &body);
    let (status, refused) = infer(rows(json!(130), json!(3), "north"));
    let error = refused["error"].as_str().unwrap();
    assert!(status == 400 && error.contains("`age` is `130` in row 0") && error.contains("from 0 to 120"), "{refused}");
    let (status, marked) = infer(rows(json!(30), json!(500), "nowhere"));
    assert_eq!((status, &marked["parameters"]), (200, &json!({ "flagged": "range(visits)=1, unseen(region)=1" })));
    let (status, imputed) = infer(rows(json!(30), Value::Null, "north"));
    assert_eq!((status, &imputed["parameters"]), (200, &json!({ "imputed": "null(visits)=1" })));

    let frame = |age: i64| json!({ "dataframe_records": [{ "age": age, "visits": 500, "region": "north" }] });
    let (status, answer) = server.ask("POST", "/invocations", &frame(30));
    assert_eq!((status, &answer["parameters"]), (200, &json!({ "flagged": "range(visits)=1" })));
    let (status, answer) = server.ask("POST", "/invocations", &frame(-1));
    assert!(status == 400 && answer["message"].as_str().unwrap().contains("`age` is `-1`"), "{answer}");
    let instances = |age: i64| json!({ "instances": [{ "age": age, "visits": 500, "region": "north" }] });
    let (status, answer) = server.ask("POST", "/v1/models/churn:predict", &instances(30));
    assert_eq!((status, &answer["parameters"]), (200, &json!({ "flagged": "range(visits)=1" })));
    let (status, answer) = server.ask("POST", "/v1/models/churn:predict", &instances(-1));
    assert!(status == 400 && answer["error"].as_str().unwrap().contains("`age` is `-1`"), "{answer}");
    let mut flagged = 3;
    let mut refusals = 3;
    if let Some(python) = serving_python() {
        let output = Command::new(python).args(["-c", CLIENT, &server.grpc_address]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(said.starts_with("range(visits)=1\n") && said.contains("`age` is `-1`"), "{said}");
        (flagged, refusals) = (flagged + 1, refusals + 1);
    }

    let (_, status) = server.get("/api/v1/endpoints/churn");
    let count = |input: &str, rule: &str| {
        let counts = status["input_rules"].as_array().unwrap();
        let found = counts.iter().find(|count| count["input"] == input && count["rule"] == rule).unwrap();
        (found["policy"].as_str().unwrap().to_owned(), found["rows"].as_u64().unwrap())
    };
    assert_eq!(count("age", "range"), ("reject".to_owned(), refusals));
    assert_eq!(count("visits", "range"), ("flag".to_owned(), flagged));
    assert_eq!((count("visits", "null").1, count("region", "unseen").1), (1, 1));
    let shown = world.kilter(&["status"]).out;
    assert!(shown.contains(&format!("churn v1: {flagged} rows broke range(visits): flag")), "{shown}");

    server.signal("-TERM");
    assert_eq!(server.wait(), Some(0));
    let records = "select __flagged, __imputed, visits from predictions_churn order by __sequence limit 2";
    let recorded = world.json(&["sql", records, "--data", ".kilter"]);
    let first = &recorded["rows"][0];
    assert!(first.to_string().contains("range(visits), unseen(region)"), "{recorded}");
    let second = &recorded["rows"][1];
    assert!(second.to_string().contains("null(visits)"), "{recorded}");
}

#[test]
fn rules_of_a_later_contract_do_not_change_what_a_version_accepts() {
    let world = ruled();
    let contract = world.read("kilter.toml");
    world.write("kilter.toml", &contract.replace("max = 120", "max = 20"));
    let server = Server::start(&world);
    let (status, answer) = server.ask("POST", "/v2/models/churn/infer", &rows(json!(30), json!(3), "north"));
    assert_eq!(status, 200, "{answer}");
}

#[test]
fn a_rule_that_the_model_cannot_keep_stops_the_packing() {
    let world = project("0.55");
    let contract = world.read("kilter.toml");
    world.write("kilter.toml", &format!("{contract}\n[input.agee]\nmin = 0\n"));
    let problem = world.problem(&["run"], 1);
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("[input.agee] cannot be kept") && detail.contains("did you mean `age`?"), "{problem}");
}
