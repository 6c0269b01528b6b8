//! Nets that our own executor refuses, answered by onnxruntime as its Python answers them. The files are written by `nets/write_nets.py`.
//!
//! The library is that of `ORT_DYLIB_PATH`, else of the Python of `KILTER_PYTHON`; without one the tests say so and pass.

use std::{fs, path::PathBuf, sync::Arc, thread};

use kilter_domain::table::{Column, Table};
use kilter_inference::{LoadError, Model, Task};
use kilter_runtimes::onnxruntime::{self, load_with};
use serde_json::Value;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/nets")
}

fn library() -> Option<PathBuf> {
    let of_python = || {
        let python = PathBuf::from(std::env::var_os("KILTER_PYTHON")?);
        let libraries = python.parent()?.parent()?.join("lib");
        let versions = fs::read_dir(libraries).ok()?.flatten();
        let folders = versions.map(|version| version.path().join("site-packages/onnxruntime/capi"));
        let mut files =
            folders.filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten().map(|file| file.path());
        files.find(|file| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("libonnxruntime.so.")))
    };
    let found = onnxruntime::library().or_else(of_python);
    if found.is_none() {
        eprintln!("skipped: neither ORT_DYLIB_PATH nor the Python of KILTER_PYTHON has libonnxruntime.so");
    }
    found
}

fn read(name: &str) -> (Vec<u8>, Vec<Vec<f64>>, Vec<f64>) {
    let document: Value =
        serde_json::from_slice(&fs::read(folder().join(format!("{name}.answers.json"))).unwrap()).unwrap();
    let numbers =
        |value: &Value| value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect::<Vec<_>>();
    let rows = document["rows"].as_array().unwrap().iter().map(numbers).collect();
    (fs::read(folder().join(format!("{name}.onnx"))).unwrap(), rows, numbers(&document["answers"]))
}

/// The rows as columns called `NAME_0`, `NAME_1`, …
fn table(name: &str, rows: &[Vec<f64>]) -> Table {
    let column = |at: usize| (format!("{name}_{at}"), Column::Float(rows.iter().map(|row| row[at]).collect()));
    Table::new((0..rows[0].len()).map(column).collect()).unwrap()
}

fn close(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    let largest = found.iter().zip(expected).fold(0.0, |largest, (a, b)| f64::max(largest, (a - b).abs()));
    assert!(largest <= 1e-6, "{largest}");
}

#[test]
fn a_convolution_and_a_recurrent_net_answer_as_onnxruntime_does() {
    let Some(library) = library() else { return };
    let (bytes, rows, answers) = read("convolution");
    assert!(matches!(Model::from_bytes(&bytes), Err(LoadError::UnknownOperator { .. } | LoadError::BrokenGraph(_))));
    let model = load_with(&library, &bytes).unwrap();
    assert_eq!((model.signature().task, model.signature().inputs.len()), (Task::Multiclass, 36));
    let answered = model.predict(&table("picture", &rows)).unwrap();
    close(&answered.probabilities().unwrap().iter().map(|&one| f64::from(one)).collect::<Vec<_>>(), &answers);
    let likeliest = |row: &[f64]| (0..3).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap() as u32;
    assert!(answered.predicted().unwrap().iter().copied().eq(answers.chunks(3).map(likeliest)));

    let (bytes, rows, answers) = read("recurrent");
    assert!(Model::from_bytes(&bytes).is_err());
    let model = load_with(&library, &bytes).unwrap();
    assert_eq!(model.signature().task, Task::Regression);
    close(model.predict(&table("series", &rows)).unwrap().scores(), &answers);
    // The names that a table gave are in the file from then on.
    let named = model.named_by(&table("step", &rows), |_| true).unwrap();
    let kept = load_with(&library, &named.with_signature(bytes)).unwrap();
    assert_eq!(kept.signature().inputs[9].name, "step_9");
    close(kept.predict(&table("step", &rows)).unwrap().scores(), &answers);
}

#[test]
fn many_threads_ask_one_net_and_each_gets_its_own_answers() {
    let Some(library) = library() else { return };
    let (bytes, rows, answers) = read("recurrent");
    let model = Arc::new(load_with(&library, &bytes).unwrap());
    let ask = |row: usize| {
        let (model, table, expected) = (model.clone(), table("series", &rows[row..=row]), answers[row]);
        thread::spawn(move || (0..200).for_each(|_| close(model.predict(&table).unwrap().scores(), &[expected])))
    };
    let threads: Vec<_> = (0..rows.len()).map(ask).collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn what_is_no_model_or_no_library_is_an_error_and_no_panic() {
    let none = load_with(&folder().join("write_nets.py"), b"").unwrap_err().to_string();
    assert!(none.contains("onnxruntime") && none.contains("write_nets.py"), "{none}");
}

#[test]
fn broken_files_are_errors() {
    let Some(library) = library() else { return };
    let (bytes, ..) = read("convolution");
    for end in [0, 1, 10, bytes.len() / 2, bytes.len() - 1] {
        assert!(load_with(&library, &bytes[..end]).is_err(), "{end}");
    }
}
