//! `kilter serve`: models without a registry, from files, packages and folders, and what it refuses.

use std::fs;

use serde_json::{Value, json};

use crate::{
    World,
    contract::project,
    packages::{build, export_key, packed},
    registry::Registry,
    server::Server,
};

fn boosted(file: &str) -> String {
    format!("{}/../inference/tests/boosted/{file}", env!("CARGO_MANIFEST_DIR"))
}

fn copy(world: &World, from: &str, to: &str) {
    let place = world.path().join(to);
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    fs::copy(from, place).unwrap();
}

/// One row for every input of a served model, all of them numbers.
fn infer(server: &Server, model: &str) -> (u16, Value) {
    let metadata = server.get(&format!("/v2/models/{model}")).1;
    let tensor = |input: &Value| json!({"name": input["name"], "shape": [1], "datatype": "FP64", "data": [0.5]});
    let inputs: Vec<Value> = metadata["inputs"].as_array().unwrap().iter().map(tensor).collect();
    server.ask("POST", &format!("/v2/models/{model}/infer"), &json!({"inputs": inputs}))
}

fn customer() -> Value {
    let tensor = |name: &str, datatype: &str, value: Value| json!({"name": name, "shape": [1], "datatype": datatype, "data": [value]});
    let inputs = [
        tensor("age", "FP64", json!(25.0)),
        tensor("visits", "FP64", json!(18.0)),
        tensor("region", "BYTES", json!("north")),
    ];
    json!({"inputs": inputs, "parameters": {"explain": true}})
}

#[test]
fn a_folder_of_models_answers_as_triton_lays_them_out() {
    let world = World::new();
    copy(&world, &boosted("boost_binary.json"), "models/prices/1/model.json");
    copy(&world, &boosted("boost_linear.json"), "models/prices/3/model.json");
    copy(&world, &boosted("boost_binary_ubjson.ubj"), "models/fraud/model.ubj");
    world.write("models/fraud/config.pbtxt", "max_batch_size: 8\n");
    let server = Server::serve(&world, &["models"]);
    assert_eq!(server.get("/v2/health/ready").1, json!({"ready": true}));
    let index = server.ask("POST", "/v2/repository/index", &Value::Null).1;
    let listed: Vec<_> = index.as_array().unwrap().iter().map(|one| (&one["name"], &one["version"])).collect();
    assert_eq!(listed, [(&json!("fraud"), &json!("1")), (&json!("prices"), &json!("3"))], "the highest version");
    for model in ["fraud", "prices"] {
        let (status, answer) = infer(&server, model);
        assert_eq!(status, 200, "{answer}");
        assert!(answer["outputs"][0]["data"][0].is_number(), "{answer}");
    }
    assert_eq!(infer(&server, "fraud").1["model_version"], "1");
    let (status, unknown) = server.ask("POST", "/v2/models/nobody/infer", &json!({"inputs": []}));
    assert!(status == 404 && unknown["error"].as_str().unwrap().contains("nobody"), "{unknown}");
    assert!(!world.path().join(".kilter").exists(), "nothing is left in the folder");
    server.signal("-TERM");
    assert_eq!(server.wait(), Some(0));
}

#[test]
fn one_file_is_called_as_it_is_named() {
    let world = World::new();
    let server = Server::serve(&world, &[&boosted("boost_binary.json"), "--name", "fraud"]);
    assert_eq!(infer(&server, "fraud").0, 200);
    let own_name = Server::serve(&world, &[&boosted("boost_binary.json")]);
    assert_eq!(infer(&own_name, "boost_binary").0, 200);
}

#[test]
fn a_package_answers_as_its_platform_does_when_the_named_key_signed_it() {
    let world = packed();
    let platform = Server::start(&world);
    let expected = platform.ask("POST", "/v2/models/churn/infer", &customer()).1;
    let score = |answer: &Value| answer["outputs"][0]["data"].clone();
    build(&world, "p");
    let server = Server::serve(&world, &["p", "--key", "key.pub"]);
    let (status, answer) = server.ask("POST", "/v2/models/churn/infer", &customer());
    assert_eq!((status, score(&answer)), (200, score(&expected)), "{answer}");
    assert!(answer["outputs"].as_array().unwrap().iter().any(|output| output["name"] == "attributions"), "{answer}");
    let hints = |arguments: &[&str]| {
        let refused = world.problem(&[&["serve", "--port", "0"], arguments].concat(), 6);
        assert_eq!(refused["code"], "package_not_signed", "{refused}");
        refused["detail"].as_str().unwrap().to_owned()
    };
    assert!(hints(&["p"]).contains("whose signature"));
    let other = project("0.55");
    assert_eq!(other.kilter(&["run"]).exit, 0);
    export_key(&other);
    let foreign = other.path().join("key.pub");
    assert!(hints(&["p", "--key", foreign.to_str().unwrap()]).contains("not with"));
    let model = world.path().join("p/model/model.onnx");
    let mut bytes = fs::read(&model).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&model, bytes).unwrap();
    assert!(hints(&["p", "--key", "key.pub"]).contains("model/model.onnx"));
    assert!(hints(&["p", "--allow-unsigned"]).contains("model/model.onnx"), "files are checked in any case");
}

#[test]
fn a_package_comes_from_a_registry() {
    let Some(registry) = Registry::start() else { return };
    let world = packed();
    let address = format!("oci://127.0.0.1:{}/models/churn:1", registry.port);
    assert_eq!(world.kilter(&["package", "push", "churn@1", &address]).exit, 0);
    let server = Server::serve(&world, &[&address, "--key", "key.pub", "--grpc-port", "0"]);
    assert_eq!(server.ask("POST", "/v2/models/churn/infer", &customer()).0, 200);
    assert!(!server.grpc_address.is_empty());
}

#[test]
fn what_cannot_be_served_is_named() {
    let world = World::new();
    world.write("models/churn/notes/readme.txt", "hello");
    let problem = |source: &str, exit: i32| world.problem(&["serve", "--port", "0", source], exit).to_string();
    let said = |source: &str| problem(source, 1);
    assert!(said("models").contains("churn") && said("models").contains("holds no model"), "{}", said("models"));
    world.write("broken/model.onnx", "no model");
    assert!(said("broken").contains("model.onnx"), "{}", said("broken"));
    copy(&world, &boosted("boost_binary.json"), "names/a b/model.json");
    let wrong_name = problem("names", 2);
    assert!(wrong_name.contains("`a b` is no name of a model"), "{wrong_name}");
}
