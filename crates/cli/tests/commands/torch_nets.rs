//! A net of PyTorch, which our own executor does not read: judged, packed, deployed and answered through onnxruntime, as PyTorch answers.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::{World, fairness::csv, server::Server};

const CONTRACT: &str = r#"
[project]
name = "states"

[data.rows]
path = "rows.csv"
label = "state"

[step.train]
run = "cp net.onnx {out.model}"
in = ["rows"]
code = ["net.onnx"]
out = { model = "work/model.onnx" }

[gate.quality]
rules = ["accuracy >= 0.7"]

[package]
model = "train.model"

[deploy.production]
auto = true
"#;

/// The library of `ORT_DYLIB_PATH`, else of the Python of `KILTER_PYTHON`.
fn library() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("ORT_DYLIB_PATH") {
        return Some(path.into());
    }
    let python = PathBuf::from(std::env::var_os("KILTER_PYTHON")?);
    let versions = fs::read_dir(python.parent()?.parent()?.join("lib")).ok()?.flatten();
    let folders = versions.map(|version| version.path().join("site-packages/onnxruntime/capi"));
    let mut files = folders.filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten().map(|file| file.path());
    files.find(|file| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("libonnxruntime.so.")))
}

fn names(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|at| format!("{prefix}{at}")).collect()
}

fn numbers(text: &str, columns: &[String]) -> Vec<Vec<f64>> {
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    csv(text, &columns).iter().map(|row| row.iter().map(|cell| cell.parse().unwrap()).collect()).collect()
}

#[test]
fn a_net_of_pytorch_goes_from_its_file_to_answers_as_pytorch_gives_them() {
    let Some(library) = library() else {
        eprintln!("skipped: neither ORT_DYLIB_PATH nor the Python of KILTER_PYTHON has libonnxruntime.so");
        return;
    };
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/torch");
    let text = fs::read_to_string(data.join("rows.csv")).unwrap();
    let (inputs, right) = (numbers(&text, &names("readings_", 8)), numbers(&text, &names("right_", 3)));
    let world = World::new();
    fs::copy(data.join("net.onnx"), world.path().join("net.onnx")).unwrap();
    let mut columns = names("readings_", 8);
    columns.push("state".to_owned());
    let known: Vec<&str> = columns.iter().map(String::as_str).collect();
    let rows: String = csv(&text, &known).iter().map(|row| row.join(",") + "\n").collect();
    world.write("rows.csv", &(columns.join(",") + "\n" + &rows));
    world.write("kilter.toml", CONTRACT);

    // Without the library it is refused, with the way to get it.
    let without = world.kilter(&["run"]);
    assert!(without.exit != 0 && without.err.contains("fetch-onnxruntime"), "{}{}", without.out, without.err);
    world.set_variable("ORT_DYLIB_PATH", library.to_str().unwrap());
    let made = world.kilter(&["run"]);
    assert_eq!(made.exit, 0, "{}{}", made.out, made.err);

    let server = Server::start(&world);
    let input = |column: usize| {
        let data: Vec<f64> = inputs.iter().map(|row| row[column]).collect();
        json!({ "name": format!("readings_{column}"), "shape": [inputs.len()], "datatype": "FP64", "data": data })
    };
    let body = json!({ "inputs": (0..8).map(input).collect::<Vec<_>>() });
    let (status, answer) = server.ask("POST", "/v2/models/states/infer", &body);
    assert_eq!(status, 200, "{answer}");
    let of = |name: &str| -> &Vec<Value> {
        let outputs = answer["outputs"].as_array().unwrap();
        outputs.iter().find(|output| output["name"] == name).unwrap_or_else(|| panic!("{answer}"))["data"]
            .as_array()
            .unwrap()
    };
    let probabilities: Vec<f64> = of("probabilities").iter().map(|value| value.as_f64().unwrap()).collect();
    assert_eq!(probabilities.len(), right.len() * 3);
    let largest = right.concat().iter().zip(&probabilities).fold(0.0, |most, (a, b)| f64::max(most, (a - b).abs()));
    assert!(largest <= 1e-6, "{largest}");
    for (row, label) in right.iter().zip(of("label")) {
        let likeliest = (0..3).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap();
        assert_eq!(label.as_str(), Some(likeliest.to_string().as_str()));
    }
}
