//! Models under a bound of memory: loaded when they are asked for, released for others, and answering as without a bound.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::{World, monitor_api::text, packages::packed, server::Server};

const FILES: [(&str, &str); 3] =
    [("prices", "boost_binary.json"), ("linear", "boost_linear.json"), ("fraud", "boost_binary_ubjson.ubj")];

fn folder_of_models(world: &World) {
    for (name, file) in FILES {
        let kind = Path::new(file).extension().unwrap().to_str().unwrap();
        let place = world.path().join(format!("models/{name}/model.{kind}"));
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        let from = format!("{}/../inference/tests/boosted/{file}", env!("CARGO_MANIFEST_DIR"));
        fs::copy(from, place).unwrap();
    }
}

/// Asks for one row, and takes the scores.
fn scores(server: &Server, model: &str) -> (u16, Value) {
    let metadata = server.get(&format!("/v2/models/{model}")).1;
    let tensor = |input: &Value| json!({"name": input["name"], "shape": [1], "datatype": "FP64", "data": [0.5]});
    let inputs: Vec<Value> = metadata["inputs"].as_array().unwrap().iter().map(tensor).collect();
    let (status, answer) = server.ask("POST", &format!("/v2/models/{model}/infer"), &json!({"inputs": inputs}));
    (status, if status == 200 { answer["outputs"][0]["data"].clone() } else { answer["error"].clone() })
}

fn customer() -> Value {
    let tensor = |name: &str, datatype: &str, value: Value| json!({"name": name, "shape": [1], "datatype": datatype, "data": [value]});
    let inputs = [
        tensor("age", "FP64", json!(25.0)),
        tensor("visits", "FP64", json!(18.0)),
        tensor("region", "BYTES", json!("north")),
    ];
    json!({"inputs": inputs})
}

/// A sample of the metrics without labels.
fn metric(server: &Server, name: &str) -> f64 {
    let page = text(server, "/metrics");
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).unwrap();
    line.parse().unwrap()
}

#[test]
fn models_of_a_folder_answer_under_a_bound_as_without_one_and_a_damaged_file_is_said() {
    let world = World::new();
    folder_of_models(&world);
    let free = Server::serve(&world, &["models"]);
    let bounded = Server::serve(&world, &["models", "--model-memory", "1KiB"]);
    assert_eq!(bounded.get("/v2/health/ready").1, json!({"ready": true}));
    for (name, _) in [FILES, FILES].concat() {
        assert_eq!(bounded.get(&format!("/v2/models/{name}/ready")).1["ready"], true, "it can be loaded");
        let (status, answered) = scores(&bounded, name);
        assert_eq!((status, &answered), (200, &scores(&free, name).1), "{name}");
    }
    assert_eq!(metric(&bounded, "kilter_models_loaded"), 1.0);
    assert!(metric(&bounded, "kilter_model_evictions_total") >= 5.0);
    assert_eq!(metric(&bounded, "kilter_model_memory_limit_bytes"), 1024.0);
    assert_eq!((metric(&free, "kilter_models_loaded"), metric(&free, "kilter_model_evictions_total")), (3.0, 0.0));

    // The model that was asked for last is in memory; the others are read again.
    fs::write(world.path().join("models/prices/model.json"), "{\"learner\"").unwrap();
    let (status, error) = scores(&bounded, "prices");
    assert_eq!((status, scores(&bounded, "prices").0, scores(&free, "prices").0), (503, 503, 200), "{error}");
    assert!(error.as_str().unwrap().contains("could not be loaded"), "{error}");
    assert_eq!(bounded.get("/v2/models/prices/ready"), (503, json!({"name": "prices", "ready": false})));
    assert_eq!(scores(&bounded, "linear").0, 200, "the others go on");
    assert_eq!(metric(&bounded, "kilter_model_load_failures_total"), 1.0, "it is not read for every request");
}

#[test]
fn a_server_with_a_bound_loads_a_version_with_its_first_request_and_says_so() {
    let world = packed();
    let expected = {
        let server = Server::start(&world);
        server.ask("POST", "/v2/models/churn/infer", &customer()).1
    };
    let server = Server::start_with_grpc(&world, &["--model-memory", "1GiB"]);
    let model = || server.get("/api/v1/endpoints/churn").1["models"][0].clone();
    assert_eq!(model(), json!({"version": 1, "in_memory": false}));
    assert_eq!(server.get("/v2/models/churn/ready").1["ready"], true);
    let (status, answer) = server.ask("POST", "/v2/models/churn/infer", &customer());
    assert_eq!((status, &answer["outputs"][0]["data"]), (200, &expected["outputs"][0]["data"]), "{answer}");
    let loaded = model();
    assert!(loaded["in_memory"] == true && loaded["bytes"].as_u64().unwrap() > 1_000, "{loaded}");
    assert_eq!(metric(&server, "kilter_model_loads_total"), 1.0);
}

#[test]
fn a_package_that_was_damaged_since_is_said_where_it_is_asked_for() {
    let world = packed();
    let objects = world.path().join(".kilter/blobs/objects");
    damage_models(&objects);
    let server = Server::start_with_grpc(&world, &["--model-memory", "1GiB"]);
    let (status, answer) = server.ask("POST", "/v2/models/churn/infer", &customer());
    assert_eq!(status, 503, "{answer}");
    let index = server.ask("POST", "/v2/repository/index", &Value::Null).1;
    assert_eq!(index[0]["state"], "UNAVAILABLE", "{index}");
    assert!(!index[0]["reason"].as_str().unwrap().is_empty());
    let endpoint = server.get("/api/v1/endpoints/churn").1;
    assert!(endpoint["refused"].is_string(), "{endpoint}");
}

/// Changes one byte of every blob that is a model file of ours.
fn damage_models(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            damage_models(&entry);
            continue;
        }
        let mut bytes = fs::read(&entry).unwrap();
        if bytes.windows(7).any(|part| part == b"ai.onnx") && !bytes.starts_with(b"{") && bytes.len() > 500 {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            let mut permissions = fs::metadata(&entry).unwrap().permissions();
            #[expect(clippy::permissions_set_readonly_false, reason = "a file of this test")]
            permissions.set_readonly(false);
            fs::set_permissions(&entry, permissions).unwrap();
            fs::write(&entry, bytes).unwrap();
        }
    }
}

/// A model of LightGBM: so many balanced trees of 31 leaves over 20 columns.
fn boosted(trees: usize, seed: usize) -> String {
    const SPLITS: usize = 30;
    let list = |count: usize, value: &dyn Fn(usize) -> String| (0..count).map(value).collect::<Vec<_>>().join(" ");
    let child = |at: usize| if at < SPLITS { at.to_string() } else { format!("-{}", at - SPLITS + 1) };
    let names = list(20, &|column| format!("c{column}"));
    let infos = list(20, &|_| "[-1:1]".to_owned());
    let mut text = format!(
        "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\nmax_feature_idx=19\nobjective=binary sigmoid:1\nfeature_names={names}\nfeature_infos={infos}\n\n"
    );
    for tree in 0..trees {
        let number = |at: usize| ((at * 37 + tree * 11 + seed * 7) % 199) as f64 / 100.0 - 1.0;
        text += &format!("Tree={tree}\nnum_leaves=31\nnum_cat=0\n");
        text += &format!("split_feature={}\n", list(SPLITS, &|at| ((at + tree + seed) % 20).to_string()));
        text += &format!("split_gain={}\n", list(SPLITS, &|_| "1".to_owned()));
        text += &format!("threshold={}\n", list(SPLITS, &|at| number(at).to_string()));
        text += &format!("decision_type={}\n", list(SPLITS, &|_| "2".to_owned()));
        text += &format!("left_child={}\n", list(SPLITS, &|at| child(2 * at + 1)));
        text += &format!("right_child={}\n", list(SPLITS, &|at| child(2 * at + 2)));
        text += &format!("leaf_value={}\n", list(SPLITS + 1, &|at| (number(at) / 100.0).to_string()));
        text += &format!("leaf_weight={}\n", list(SPLITS + 1, &|_| "10".to_owned()));
        text += &format!("leaf_count={}\n", list(SPLITS + 1, &|_| "10".to_owned()));
        text += &format!("internal_value={}\n", list(SPLITS, &|_| "0".to_owned()));
        text += &format!("internal_weight={}\n", list(SPLITS, &|_| "20".to_owned()));
        text += &format!("internal_count={}\n", list(SPLITS, &|_| "20".to_owned()));
        text += "is_linear=0\nshrinkage=0.1\n\n\n";
    }
    text + "end of trees\n"
}

#[test]
fn what_models_are_said_to_take_is_what_the_process_grows_by_and_it_is_given_back() {
    let world = World::new();
    for model in 0..10 {
        world.write(&format!("models/m{model}/model.lgb"), &boosted(5_000, model));
    }
    let all = Server::serve(&world, &["models", "--model-memory", "1GiB"]);
    let said = metric(&all, "kilter_model_memory_bytes");
    let few =
        Server::serve(&world, &["models", "--model-memory", &format!("{}KiB", (said / 10.0 * 3.5 / 1024.0) as u64)]);
    assert_eq!((metric(&all, "kilter_models_loaded"), metric(&few, "kilter_models_loaded")), (10.0, 3.0));
    for model in 0..10 {
        let name = format!("m{model}");
        assert_eq!(scores(&few, &name), scores(&all, &name), "{name}");
    }
    let (said_few, most) =
        (metric(&few, "kilter_model_memory_bytes"), said - metric(&few, "kilter_model_memory_bytes"));
    assert!(said_few < said * 0.35, "{said_few} of {said}");
    // What is free goes back within two seconds.
    let mut grown = 0.0;
    for _ in 0..60 {
        grown = all.resident_bytes() as f64 - few.resident_bytes() as f64;
        if (most / 2.0..most * 2.0).contains(&grown) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(250));
    }
    assert!((most / 2.0..most * 2.0).contains(&grown), "{most} were said, and the processes differ by {grown}");
}
