//! Models whose code is Python: registered by the real client, packed, judged, approved, deployed, and answered by worker processes.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    World,
    lifecycle::by,
    mlflow::{PRICES, mlflow_python, sales},
    server::Server,
};

/// The variable that lets models of Python run in an environment that is there.
const ENVIRONMENT: &str = "KILTER_MODEL_ENVIRONMENT";

/// Runs a script; everything that it said.
fn run(python: &Path, arguments: &[&str], folder: &Path) -> String {
    let mut command = Command::new(python);
    command.args(arguments).current_dir(folder).env("MLFLOW_ENABLE_ASYNC_LOGGING", "false");
    // A worker starts slowly on a busy machine, and the client sends what is not answered in time again.
    let output = command.env("MLFLOW_HTTP_REQUEST_TIMEOUT", "600").output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn register(python: &Path, server: &Server, world: &World, more: &[&str]) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/python/mlflow_python_models.py");
    let url = format!("http://{}", server.address);
    run(python, &[&[script, &url, "known.json"], more].concat(), world.path())
}

/// The body of a request of rows.
fn body(rows: &[[f64; 4]]) -> Value {
    let input = |column: usize| {
        let data: Vec<f64> = rows.iter().map(|row| row[column]).collect();
        json!({ "name": format!("x_{column}"), "shape": [rows.len()], "datatype": "FP64", "data": data })
    };
    json!({ "inputs": (0..4).map(input).collect::<Vec<_>>() })
}

fn infer(server: &Server, rows: &[[f64; 4]]) -> (u16, Value) {
    server.ask("POST", "/v2/models/price/infer", &body(rows))
}

fn scores(answer: &Value) -> Vec<f64> {
    let outputs = answer["outputs"].as_array().unwrap_or_else(|| panic!("{answer}"));
    let score = outputs.iter().find(|output| output["name"] == "score").unwrap();
    score["data"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
}

fn rows_of(known: &Value) -> Vec<[f64; 4]> {
    let row = |row: &Value| std::array::from_fn(|column| row[column].as_f64().unwrap());
    known["rows"].as_array().unwrap().iter().map(row).collect()
}

fn check_answers(found: &[f64], known: &Value, model: usize) {
    let expected: Vec<f64> =
        known["answers"][model].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect();
    let differ = found.iter().zip(&expected).any(|(found, expected)| (found - expected).abs() > 1e-9);
    assert!(found.len() == expected.len() && !differ, "{found:?} and not {expected:?}");
}

/// The workers whose model lies in the world.
fn workers(world: &World) -> Vec<PathBuf> {
    let of_world = |process: &PathBuf| {
        let command = fs::read(process.join("cmdline")).unwrap_or_default();
        let text = String::from_utf8_lossy(&command).into_owned();
        text.contains("kilter_worker.py") && text.contains(world.path().to_str().unwrap())
    };
    fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path()).filter(of_world).collect()
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_secs(300), "{what}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// A world with a contract, whose first version a run of it made.
fn prices() -> World {
    let world = World::new();
    world.write("sales.csv", &sales());
    world.write("kilter.toml", PRICES);
    let (exit, text) = by(&world, "dev", &["run"]);
    assert_eq!(exit, 8, "{text}");
    world
}

#[test]
fn without_a_python_the_code_of_no_model_runs() {
    let Some(python) = mlflow_python() else { return };
    let world = prices();
    let server = Server::start(&world);
    let said = register(&python, &server, &world, &["refused"]);
    assert!(said.contains("refused as it should be"), "{said}");
    assert!(workers(&world).is_empty());
}

#[test]
fn models_of_python_are_packed_judged_approved_and_answer_as_python_does() {
    let Some(python) = mlflow_python() else { return };
    let world = prices();
    world.set_variable(ENVIRONMENT, python.to_str().unwrap());
    let bounds = ["--python-timeout", "2s", "--python-queue", "4", "--python-batch-rows", "1", "--timeout", "600s"];
    let server = Server::start_with_grpc(&world, &bounds);
    let said = register(&python, &server, &world, &[]);
    assert!(said.contains("registered"), "{said}");
    let known: Value = serde_json::from_str(&world.read("known.json")).unwrap();
    let rows = rows_of(&known);
    let number = |model: usize| known["versions"][model].to_string();
    let approve = |model: usize| {
        let (exit, text) =
            by(&world, "vera", &["approve", &format!("price@{}", number(model)), "--reason", "as measured"]);
        assert_eq!(exit, 0, "{text}");
        wait_until("the version answers", || infer(&server, &rows).1["model_version"] == number(model).as_str());
        check_answers(&scores(&infer(&server, &rows).1), &known, model);
    };
    approve(0);
    check_overload(&server, &rows);
    check_what_it_does_wrong(&server, &rows, &world);
    // The package is one of MLflow, and has the whole folder.
    let package = world.kilter(&["package", "build", &format!("price@{}", number(0)), "--out", "p"]);
    assert_eq!(package.exit, 0, "{}{}", package.out, package.err);
    let manifest: Value = serde_json::from_str(&world.read("p/package.json")).unwrap();
    assert_eq!(manifest["format"], "pyfunc");
    assert!(
        world.path().join("p/model/model.tar").is_file() && world.read("p/env/requirements.txt").contains("mlflow")
    );
    let script = "import mlflow, json, pandas\nknown = json.load(open('known.json'))\n\
                  rows = pandas.DataFrame(known['rows'], columns=[f'x_{c}' for c in range(4)])\n\
                  print(json.dumps(mlflow.pyfunc.load_model('p').predict(rows)['score'].tolist()))";
    let said = run(&python, &["-W", "ignore", "-c", script], world.path());
    let found = said.lines().rev().find_map(|line| serde_json::from_str::<Vec<f64>>(line).ok());
    check_answers(&found.unwrap_or_else(|| panic!("{said}")), &known, 0);
    approve(1);
    // Workers end with the server, also when it is killed, and are there again with the next one.
    assert!(!workers(&world).is_empty());
    server.signal("-9");
    wait_until("the workers end with the server", || workers(&world).is_empty());
    let server = Server::start(&world);
    check_answers(&scores(&infer(&server, &rows).1), &known, 1);
}

/// More requests than may wait are answered 503, and none that was taken is lost.
fn check_overload(server: &Server, rows: &[[f64; 4]]) {
    let statuses: Vec<u16> = thread::scope(|scope| {
        let asked: Vec<_> = (0..16).map(|_| scope.spawn(|| infer(server, &[[1.0, 1.0, 1.0, 781.0]]).0)).collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    let count = |wanted: u16| statuses.iter().filter(|status| **status == wanted).count();
    assert!(count(200) >= 5 && count(503) > 0 && count(200) + count(503) == 16, "{statuses:?}");
    assert_eq!(infer(server, rows).0, 200);
}

fn check_what_it_does_wrong(server: &Server, rows: &[[f64; 4]], world: &World) {
    let act = |act: f64| infer(server, &[[1.0, 1.0, 1.0, act]]);
    for (number, status, words) in [
        (777.0, 400, "the model refuses the rows: ValueError: 777 is no price"),
        (778.0, 500, "the model failed: KeyError: 'prices of yesterday'"),
        (779.0, 503, "it ended with code 3, its last line was `the last words of the model`"),
        (780.0, 504, "did not answer within 2000 ms"),
    ] {
        let (found, answer) = act(number);
        assert!(found == status && answer["error"].as_str().unwrap().contains(words), "{number}: {found} {answer}");
        assert_eq!(infer(server, rows).0, 200, "after {number}");
    }
    let mut wrong = body(rows);
    wrong["inputs"][1]["data"][2] = json!("much");
    assert_eq!(server.ask("POST", "/v2/models/price/infer", &wrong).0, 400);
    wrong["inputs"].as_array_mut().unwrap().remove(1);
    let (status, answer) = server.ask("POST", "/v2/models/price/infer", &wrong);
    assert!(status == 400 && answer["error"].as_str().unwrap().contains("x_1"), "{answer}");
    let metrics = Command::new("curl").args(["-s", &format!("http://{}/metrics", server.address)]).output().unwrap();
    let metrics = String::from_utf8(metrics.stdout).unwrap();
    let of = |name: &str| {
        let line =
            metrics.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name} in {metrics}"));
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    assert_eq!((of("kilter_worker_restarts_total"), of("kilter_worker_timeouts_total")), (3.0, 1.0));
    assert!(of("kilter_worker_requests_total") > 5.0 && of("kilter_worker_processes") >= 1.0);
    let logs = fs::read_dir(world.path().join(".kilter/python/logs")).unwrap();
    let logged: String = logs.map(|log| fs::read_to_string(log.unwrap().path()).unwrap()).collect();
    assert!(logged.contains("the last words of the model") && logged.contains("ValueError: 777"), "{logged}");
}
