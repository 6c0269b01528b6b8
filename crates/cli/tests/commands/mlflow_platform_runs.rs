//! Runs that the platform executed, as the real MLflow client reads them: parameters, metrics, outputs and logs.

use std::{path::Path, process::Command};

use serde_json::Value;

use crate::{World, mlflow::mlflow_python, server::Server};

const SPEAKING: &str = r#"
[project]
name = "speaking"
[params.train]
rounds = 20
[step.split]
run = "mkdir -p {out.parts} && seq 10 > {out.parts}/train.txt && seq 5 > {out.parts}/test.txt"
out = { parts = "work/parts" }
[step.train]
run = "wc -l {in.parts}/train.txt > {out.model}; echo '{\"auc\": 0.75, \"loss\": 0.5}' > {out.report}; echo ROUNDS {params.train.rounds}; echo a warning >&2"
in  = ["split.parts"]
out = { model = "work/model.txt", report = "work/report.json" }
params = ["train"]
metrics = "report"
"#;

fn read_by_client(python: &Path, world: &World, arguments: &[&str]) {
    let ran = world.json(&[&["run"], arguments].concat());
    let id = ran["run"]["run"].as_str().unwrap();
    let data = arguments.get(1).copied().unwrap_or(".kilter");
    let server = Server::start_on(world, data);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/python/mlflow_platform_run.py");
    let url = format!("http://{}", server.address);
    let output = Command::new(python).args([script, &url, id]).current_dir(world.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("as MLflow has it"), "{said}");
    // No second copy: the log that a client downloads is the one that the run keeps.
    let (status, log) = server.get(&format!("/api/v1/runs/{id}/steps/train/log"));
    assert_eq!((status, &log["text"]), (200, &Value::from("ROUNDS 20\na warning\n")), "{log}");
}

#[test]
fn the_real_client_reads_parameters_metrics_outputs_and_logs_of_a_run_of_the_platform() {
    let Some(python) = mlflow_python() else { return };
    let world = World::new();
    world.write("kilter.toml", SPEAKING);
    read_by_client(&python, &world, &[]);
    // Where the data folder is elsewhere, results and logs stay in the folder of the project.
    let elsewhere = tempfile::tempdir().unwrap();
    read_by_client(&python, &world, &["--data", elsewhere.path().to_str().unwrap()]);
}
