//! Models of LightGBM and XGBoost answer and are explained as their own libraries do it.
//!
//! `boosted/` has models and what the libraries say of them (`tests/python/boosted_models/make.py`; versions in
//! `tests/python/requirements.txt`). Tolerance: 1e-12 of the value for LightGBM, 1e-6 for XGBoost, which answers in single precision.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use kilter_domain::table::{Column, Table};
use kilter_inference::{Format, LoadError, Model, PredictError, Task};
use serde_json::Value;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/boosted")
}

/// A number, also as the text that stands for NaN and infinities.
fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| value.as_str().map_or(f64::NAN, |text| text.parse().unwrap()))
}

fn numbers(value: &Value) -> Vec<f64> {
    match value.as_array() {
        Some(list) => list.iter().flat_map(numbers).collect(),
        None => vec![number(value)],
    }
}

fn table(document: &Value) -> Table {
    let column = |column: &Value| {
        let values = column["values"].as_array().unwrap();
        let made = match column["type"].as_str().unwrap() {
            "float" => Column::Float(values.iter().map(number).collect()),
            "int" => Column::Int(values.iter().map(Value::as_i64).collect()),
            _ => Column::Text(values.iter().map(|value| value.as_str().map(Arc::from)).collect()),
        };
        (column["name"].as_str().unwrap().to_owned(), made)
    };
    Table::new(document["columns"].as_array().unwrap().iter().map(column).collect()).unwrap()
}

/// The worst difference, relative for numbers beyond 1.
fn difference(name: &str, ours: &[f64], theirs: &[f64]) -> f64 {
    assert_eq!(ours.len(), theirs.len(), "{name}");
    let off = |(ours, theirs): (&f64, &f64)| match ours == theirs {
        true => 0.0,
        false => (ours - theirs).abs() / theirs.abs().max(1.0),
    };
    let offs: Vec<f64> = ours.iter().zip(theirs).map(off).collect();
    let worst = offs.iter().copied().fold(0.0, f64::max);
    assert!(offs.iter().all(|off| off.is_finite()), "{name}: {ours:?} and not {theirs:?}");
    worst
}

/// Rows x classes as the model says them.
fn by_class(answers: &[f64], task: &str) -> Vec<f64> {
    match task {
        "binary" => answers.iter().flat_map(|&score| [1.0 - score, score]).collect(),
        "margin" => answers.iter().flat_map(|&score| [-score, score]).collect(),
        _ => answers.to_vec(),
    }
}

/// One model: its answers, classes and attributions.
fn check(path: &Path) {
    let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
    let text = fs::read(path.with_extension("answers.json")).unwrap();
    let document: Value = serde_json::from_slice(&text).unwrap();
    let model = Model::from_bytes(&fs::read(path).unwrap()).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(Some(model.format().file_name().rsplit('.').next().unwrap()), path.extension().unwrap().to_str());
    let (rows, tolerance) = (table(&document), document["tolerance"].as_f64().unwrap());
    let (task, answers) = (document["task"].as_str().unwrap(), numbers(&document["answers"]));
    let ours = model.predict(&rows).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(ours.rows(), rows.rows());
    let worst = match ours.task() {
        Task::Multiclass => {
            let classes = answers.len() / rows.rows();
            let best = |row: &[f64]| row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let scores: Vec<f64> = answers.chunks(classes).map(best).collect();
            difference(&name, ours.scores(), &scores)
        }
        _ => difference(&name, ours.scores(), &answers),
    };
    assert!(worst <= tolerance, "{name}: answers differ by {worst:.2e}");
    if let Some(found) = ours.probabilities() {
        // A class has its probability in single precision beside the score.
        let found: Vec<f64> = found.iter().map(|&probability| f64::from(probability)).collect();
        let worst = difference(&name, &found, &by_class(&answers, task));
        assert!(worst <= tolerance.max(1e-7), "{name}: probabilities differ by {worst:.2e}");
        assert_eq!(ours.is_margin(), task == "margin", "{name}");
    }
    // One row alone goes another way through the kernel than many.
    for row in 0..rows.rows() {
        assert_eq!(model.predict(&rows.take(&[row])).unwrap().scores()[0], ours.scores()[row], "{name}, row {row}");
    }
    assert_eq!(model.predict(&rows.take(&[])).unwrap().rows(), 0);
    check_parts(&name, &model, &rows, &document);
}

fn check_parts(name: &str, model: &Model, rows: &Table, document: &Value) {
    let (raw, parts) = (numbers(&document["raw"]), &document["parts"]);
    // A linear model and one without trees do not know their training rows.
    let Ok(ours) = model.explain(rows) else {
        assert!(name.contains("linear") || parts.is_null(), "{name} is not explained");
        return;
    };
    let outputs = ours.outputs().len();
    let tolerance = document["tolerance"].as_f64().unwrap().max(1e-9);
    let mut worst = 0f64;
    for row in 0..rows.rows() {
        for output in 0..outputs {
            let score = ours.score(row, output).unwrap();
            worst = worst.max(difference(name, &[score], &raw[row * outputs + output..][..1]));
            if !parts.is_null() {
                let line = [ours.of(row, output), &[ours.base()[output]]].concat();
                worst = worst.max(difference(name, &line, &numbers(&parts[row][output])));
            }
        }
    }
    // Sums of single precision differ from those of double precision by their rounding.
    assert!(worst <= tolerance.max(2e-6_f64.min(tolerance * 4.0)), "{name}: attributions differ by {worst:.2e}");
}

/// The models of a folder, and how many there are.
fn check_all(folder: &Path) -> usize {
    let models = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut models: Vec<PathBuf> =
        models.filter(|path| path.with_extension("answers.json") != *path && is_model(path)).collect();
    models.sort();
    models.iter().for_each(|path| check(path));
    models.len()
}

fn is_model(path: &Path) -> bool {
    let name = path.file_name().unwrap().to_str().unwrap();
    !name.ends_with(".answers.json") && ["lgb", "json", "ubj"].iter().any(|kind| name.ends_with(kind))
}

#[test]
fn models_of_lightgbm_and_xgboost_answer_as_their_libraries_do() {
    assert_eq!(check_all(&folder()), 70);
}

/// The same with models that are trained now, on other data.
#[test]
fn models_trained_now_answer_as_their_libraries_do() {
    let default = || std::env::home_dir().unwrap_or_default().join(".cache/kilter/venv/bin/python");
    let python = std::env::var_os("KILTER_PYTHON").map_or_else(default, PathBuf::from);
    let has = Command::new(&python).args(["-c", "import lightgbm, xgboost"]).output();
    if !has.is_ok_and(|output| output.status.success()) {
        println!("SKIPPED: {} has no lightgbm and xgboost; name a Python that has by KILTER_PYTHON", python.display());
        return;
    }
    let dir = std::env::temp_dir().join(format!("kilter-boosted-{}", std::process::id()));
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/python/boosted_models/make.py");
    for seed in ["11", "12"] {
        let output = Command::new(&python).arg(&script).arg(&dir).arg(seed).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(check_all(&dir), 70);
        fs::remove_dir_all(&dir).unwrap();
    }
}

#[test]
fn what_does_not_run_says_why() {
    for (name, reason) in [
        ("light_linear.lgb", "linear models in its leaves"),
        ("light_own_scores.lgb", "3 scores per row"),
        ("boost_names.json", "characters beyond ASCII"),
        ("boost_targets.json", "predicts 2 targets at once"),
        ("boost_quantiles.ubj", "predicts 2 targets at once"),
    ] {
        let error = Model::from_bytes(&fs::read(folder().join("refused").join(name)).unwrap()).unwrap_err();
        assert!(matches!(error, LoadError::NotRun { .. }) && error.to_string().contains(reason), "{name}: {error}");
        assert!(error.hint().contains("another objective"), "{name}");
    }
}

#[test]
fn columns_are_found_by_name_in_any_order_and_a_missing_one_is_named() {
    let model = Model::from_bytes(&fs::read(folder().join("light_regression.lgb")).unwrap()).unwrap();
    let column = |value: f64| Column::Float(vec![value]);
    let of = |names: &[(&str, f64)]| {
        let columns = names.iter().map(|(name, value)| ((*name).to_owned(), column(*value))).collect();
        model.predict(&Table::new(columns).unwrap()).map(|answer| answer.scores()[0])
    };
    let first = of(&[("a", 0.3), ("b", -1.0), ("c", 2.0), ("d", 5.0)]).unwrap();
    assert_eq!(of(&[("d", 5.0), ("x", 9.0), ("c", 2.0), ("b", -1.0), ("a", 0.3)]).unwrap(), first);
    assert_ne!(of(&[("a", -2.0), ("b", -1.0), ("c", 2.0), ("d", 5.0)]).unwrap(), first);
    let error = of(&[("a", 0.3), ("c", 2.0)]).unwrap_err();
    assert!(matches!(&error, PredictError::MissingColumns { columns, .. } if columns == &["b", "d"]), "{error}");
    let text = Table::new(vec![
        ("a".into(), Column::Text(vec![Some("high".into())])),
        ("b".into(), column(0.0)),
        ("c".into(), column(0.0)),
        ("d".into(), column(0.0)),
    ]);
    let error = model.predict(&text.unwrap()).unwrap_err();
    assert!(matches!(&error, PredictError::WrongType { column, .. } if column == "a"), "{error}");
}

#[test]
fn a_file_without_names_takes_those_of_a_table_and_keeps_them() {
    for name in ["light_numbered.lgb", "boost_numbered.json"] {
        let bytes = fs::read(folder().join(name)).unwrap();
        let values = || Column::Float(vec![0.25, -1.5, f64::NAN]);
        let names = ["the age", "a\"b", "größe", "y=z"];
        let rows = Table::new(names.iter().map(|name| ((*name).to_owned(), values())).collect()).unwrap();
        let model = Model::from_bytes(&bytes).unwrap();
        assert!(model.predict(&rows).is_err(), "{name}");
        let named = model.named_by(&rows, |_| true).unwrap();
        let kept = Model::from_bytes(&named.with_signature(bytes.clone())).unwrap();
        assert_eq!(kept.signature(), named.signature());
        assert_eq!(kept.predict(&rows).unwrap(), named.predict(&rows).unwrap());
        assert_eq!(kept.signature().inputs[2].name, "größe");
        // Written once more it stays as it is.
        let twice = kept.with_signature(named.with_signature(bytes.clone()));
        assert_eq!(twice, named.with_signature(bytes));
        let few = Table::new(vec![("x".into(), values()), ("y".into(), values())]).unwrap();
        assert!(matches!(
            Model::from_bytes(&fs::read(folder().join(name)).unwrap()).unwrap().named_by(&few, |_| true),
            Err(PredictError::BlockWidth { width: 4, .. })
        ));
    }
    assert_eq!(Format::ALL.map(Format::file_name), ["model.onnx", "model.lgb", "model.json", "model.ubj", "model.tar"]);
}
