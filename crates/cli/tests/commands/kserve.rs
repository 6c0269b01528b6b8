//! `kilter export kserve`: resources that KServe's own client reads, and whose container answers as the server does.

use std::{fs, path::Path, process::Command};

use serde_json::{Value, json};

use crate::{
    World,
    contract::project,
    packages::{build, export_key},
    predictions::rows,
    server::{Server, ask_with},
    serving_rest::serving_python,
};

/// A project with two approved versions, of which the first is live and the second a canary.
fn canary() -> World {
    let world = project("0.55");
    let terms = "canary = { steps = [20, 100], every = \"1d\" }";
    world.write("kilter.toml", &world.read("kilter.toml").replace("auto = true", terms));
    assert_eq!(world.kilter(&["run"]).exit, 0);
    assert_eq!(world.json(&["deploy", "--version", "1"])["state"], "live");
    world.write("kilter.toml", &world.read("kilter.toml").replace("rounds=20", "rounds=22"));
    assert_eq!(world.kilter(&["run"]).exit, 0);
    world
}

const IMAGE: [&str; 4] = ["export", "kserve", "churn", "--image"];

fn export(world: &World, more: &[&str]) -> Value {
    world.json(&[&IMAGE[..], &["registry.example/kilter:1"], more].concat())
}

/// What the Python client of KServe reads in the file.
fn read_by_kserve(world: &World, file: &str) -> Option<Value> {
    let python = serving_python()?;
    let script = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/python/kserve_manifest.py"));
    let output = Command::new(python).arg(script).arg(world.path().join(file)).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn the_live_version_and_its_canary_are_resources_that_kserve_knows_field_by_field() {
    let world = canary();
    assert_eq!(world.json(&["deploy", "--version", "2"])["state"], "canary");
    let oci = ["--package", "oci://registry.example/models/churn@sha256:00"];
    let live = export(&world, &oci);
    let [runtime, service] = &live["resources"].as_array().unwrap()[..] else { panic!("{live}") };
    assert_eq!((&runtime["kind"], &service["kind"]), (&json!("ServingRuntime"), &json!("InferenceService")));
    let predictor = &service["spec"]["predictor"];
    assert_eq!(predictor["model"]["protocolVersion"], "v2");
    assert_eq!(predictor["model"]["runtime"], runtime["metadata"]["name"]);
    assert!(predictor.get("canaryTrafficPercent").is_none() && predictor["model"].get("storageUri").is_none());
    assert_eq!(service["metadata"]["annotations"]["kilter/version"], "churn@1");
    let digest = world.json(&["model", "show", "churn@1"])["digest"].clone();
    assert_eq!(service["metadata"]["annotations"]["kilter/package"], digest);
    let from_storage =
        ["--storage-uri", "s3://models/churn-2", "--candidate", "--namespace", "ml", "--out", "canary.yaml"];
    let shown = world.kilter(&[&IMAGE[..], &["registry.example/kilter:1"], &from_storage].concat());
    assert!(
        shown.exit == 0 && shown.out.contains("churn v2 at churn is written to canary.yaml"),
        "{}{}",
        shown.out,
        shown.err
    );
    let live_text = world.kilter(&[&IMAGE[..], &["registry.example/kilter:1"], &oci].concat()).out;
    world.write("live.yaml", &live_text);
    if let Some(read) = read_by_kserve(&world, "live.yaml") {
        assert_eq!(read, live["resources"], "the YAML says what the JSON says");
        let canary = read_by_kserve(&world, "canary.yaml").unwrap();
        let predictor = &canary[1]["spec"]["predictor"];
        assert_eq!(predictor["canaryTrafficPercent"], 20);
        assert_eq!(predictor["model"]["storageUri"], "s3://models/churn-2");
        assert_eq!(predictor["model"]["args"][0], "/mnt/models");
        assert_eq!(canary[1]["metadata"]["namespace"], "ml");
    }
    let taken = [&IMAGE[..], &["registry.example/kilter:1"], &from_storage].concat();
    assert_eq!(world.problem(&taken, 6)["code"], "file_exists");
}

#[test]
fn what_kserve_cannot_do_and_names_that_kubernetes_does_not_take_are_refused() {
    let world = canary();
    let oci = ["--package", "oci://registry.example/models/churn:1"];
    let refused = |more: &[&str], exit: i32| {
        let all = [&IMAGE[..], &["kilter:1"], more].concat();
        world.problem(&all, exit).to_string()
    };
    assert!(refused(&[&oci[..], &["--candidate"]].concat(), 6).contains("no version is on its way"));
    assert!(refused(&[&oci[..], &["--name", "First_Model"]].concat(), 2).contains("no name of Kubernetes"));
    assert!(refused(&["--package", "registry.example/churn"], 2).contains("oci://"));
    assert_eq!(world.kilter(&[&IMAGE[..], &["kilter:1"]].concat()).exit, 2, "the package is somewhere");
    let unknown = ["export", "kserve", "nobody", "--image", "kilter:1", oci[0], oci[1]];
    assert_eq!(world.problem(&unknown, 4)["code"], "not_found");
}

#[test]
fn the_container_of_the_resources_answers_as_the_server_does() {
    let world = canary();
    export_key(&world);
    build(&world, "models");
    let token = "a-token-that-nobody-guesses-0123456789";
    world.write("token", &format!("{token}\n"));
    let exported = export(&world, &["--storage-uri", "pvc://models/churn"]);
    let of = |resource: usize, path: &str| -> Vec<String> {
        let arguments = exported["resources"][resource].pointer(path).unwrap().as_array().unwrap().iter();
        arguments.map(|argument| argument.as_str().unwrap().to_owned()).collect()
    };
    let container = of(0, "/spec/containers/0/args");
    // As in the pod, but for its folders, its address and its port.
    let here = |argument: String| match argument.as_str() {
        "0.0.0.0" => "127.0.0.1".to_owned(),
        "8080" => "0".to_owned(),
        "/mnt/models" => "models".to_owned(),
        other => other.replace("/etc/kilter/", ""),
    };
    let all: Vec<String> = container.into_iter().chain(of(1, "/spec/predictor/model/args")).map(here).collect();
    assert_eq!(all[0], "serve");
    let arguments: Vec<&str> =
        all.iter().skip(1).map(String::as_str).filter(|argument| *argument != "--port").collect();
    // `--port 0` stands before them already.
    let arguments: Vec<&str> = arguments.into_iter().filter(|argument| *argument != "0").collect();
    let server = Server::serve(&world, &arguments);
    let bearer = format!("authorization: Bearer {token}\r\n");
    let post = |headers: &str| ask_with(&server.address, headers, ("POST", "/v2/models/churn/infer", &rows())).unwrap();
    assert_eq!(post("").0, 401, "without the token");
    let (status, answer) = post(&bearer);
    assert_eq!(status, 200, "{answer}");
    let probes = &exported["resources"][0]["spec"]["containers"][0];
    for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
        let path = probes[probe]["httpGet"]["path"].as_str().unwrap();
        assert_eq!(server.get(path).0, 200, "{probe} needs no token");
    }
    fs::write(world.path().join("models/package.json"), "{}").unwrap();
    let refused = world.problem(&[&["serve", "--port", "0", "--log", "error"], &arguments[..]].concat(), 6);
    assert_eq!(refused["code"], "package_not_signed", "{refused}");
}
