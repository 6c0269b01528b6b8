//! Models that other tools wrote: loaded, answered as onnxruntime answers, explained, and refused with what is true.

use std::{fs, path::PathBuf};

use kilter_inference::onnx::ModelProto;
use serde_json::Value;

use crate::{World, fairness::csv};

fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// The named columns of a table as CSV.
fn columns(text: &str, names: &[&str]) -> String {
    let rows = csv(text, names).into_iter().map(|row| row.join(",") + "\n");
    names.join(",") + "\n" + &rows.collect::<String>()
}

fn head(text: &str) -> Vec<&str> {
    text.lines().next().unwrap().split(',').collect()
}

fn numbers(rows: Vec<Vec<String>>) -> Vec<f64> {
    rows.into_iter().map(|row| row[0].parse().unwrap()).collect()
}

fn close(name: &str, found: &[f64], wanted: &[f64]) {
    assert_eq!(found.len(), wanted.len(), "{name}");
    for (row, (found, wanted)) in found.iter().zip(wanted).enumerate() {
        assert!((found - wanted).abs() <= 2e-6 * wanted.abs().max(1.0), "{name}, row {row}: {found} and not {wanted}");
    }
}

/// Every model of the folder, on the feature columns of its table: labels and numbers are those of onnxruntime.
fn check_all(folder: &str) -> usize {
    let mut seen = 0;
    for entry in fs::read_dir(data(folder)).unwrap() {
        let model = entry.unwrap().path();
        if model.extension().is_none_or(|extension| extension != "onnx") {
            continue;
        }
        seen += 1;
        let world = World::new();
        let name = model.file_stem().unwrap().to_str().unwrap();
        let text = fs::read_to_string(model.with_extension("csv")).unwrap();
        let features: Vec<&str> =
            head(&text).into_iter().filter(|name| *name != "label" && !name.starts_with("right")).collect();
        world.write("rows.csv", &columns(&text, &features));
        let output = world.kilter(&["predict", "--model", model.to_str().unwrap(), "rows.csv", "--out", "out.csv"]);
        assert_eq!(output.exit, 0, "{name}: {}{}", output.out, output.err);
        let out = world.read("out.csv");
        if head(&text).contains(&"label") {
            assert_eq!(csv(&out, &["predicted"]), csv(&text, &["label"]), "{name}");
        }
        for right in head(&text).into_iter().filter(|name| name.starts_with("right")) {
            let found = right.strip_prefix("right_").map_or("score".to_owned(), |class| format!("p({class})"));
            close(name, &numbers(csv(&out, &[&found])), &numbers(csv(&text, &[right])));
        }
    }
    seen
}

#[test]
fn models_of_scikit_learn_and_lightgbm_answer_as_onnxruntime_does() {
    assert_eq!(check_all("foreign"), 69);
}

#[test]
fn what_could_not_be_loaded_or_run_is_answered_now() {
    assert_eq!(check_all("cases/lightgbm-categories-refused"), 2);
    assert_eq!(check_all("cases/glm-of-scikit-learn"), 1);
    assert_eq!(check_all("cases/model-of-ml-operators-only"), 1);
}

#[test]
fn what_does_not_run_names_its_operator_and_no_way_that_it_has_gone() {
    let mut proto = ModelProto::decode(&fs::read(data("foreign/logistic.onnx")).unwrap()).unwrap();
    proto.graph.nodes[0].op_type = "CategoryMapper".to_owned();
    let world = World::new();
    fs::write(world.path().join("unknown.onnx"), proto.encode()).unwrap();
    world.write("rows.csv", "a,b,c,d\n1,2,3,4\n");
    let problem = world.problem(&["predict", "--model", "unknown.onnx", "rows.csv", "--out", "out.csv"], 1);
    assert_eq!(problem["code"], "model_invalid");
    let cause = problem["causes"][0].as_str().unwrap();
    assert!(cause.contains("the operator `ai.onnx.ml.CategoryMapper` of node"), "{cause}");
    // It is ONNX already, and trained again it is the same.
    let hint = problem["hint"].as_str().unwrap();
    assert!(hint.contains("of other operators") && !hint.contains("convert"), "{hint}");
    world.write("model.onnx", "a pickle");
    world.write("rows.csv", "a\n1\n");
    let problem = world.problem(&["predict", "--model", "model.onnx", "rows.csv", "--out", "out.csv"], 1);
    assert!(problem["hint"].as_str().unwrap().contains("write the model as ONNX"), "{problem}");
}

#[test]
fn a_forest_of_equal_votes_is_a_probability_and_decides_ties_as_it_was_trained() {
    let world = World::new();
    let path = |name: &str| data("cases/forest-probability-above-one").join(name).display().to_string();
    let rules = ["--rule", "brier <= 0.2", "--rule", "log_loss <= 5", "--rule", "ece <= 1"];
    let result =
        world.json(&[&["evaluate", &path("forest10.onnx"), &path("rows.csv"), "--target", "y"][..], &rules].concat());
    let of = |name: &str| {
        let metrics = result["metrics"].as_array().unwrap();
        metrics.iter().find(|metric| metric["metric"] == name).unwrap()["value"].as_f64().unwrap()
    };
    assert!((of("brier") - 0.1726).abs() < 5e-5, "{result}");
    // Two certain rows are wrong, so the clip decides: 1.353 at 1e-15, where scikit-learn says 1.393 at 2.2e-16.
    assert!((of("log_loss") - 1.353).abs() < 5e-4, "{result}");
    world.json(&["predict", "--model", &path("forest10.onnx"), &path("rows.csv"), "--out", "out.csv"]);
    let scores = numbers(csv(&world.read("out.csv"), &["score"]));
    assert!(scores.iter().all(|score| (0.0..=1.0).contains(score)) && scores.contains(&1.0));
    world.json(&["predict", "--model", &path("forest20.onnx"), &path("ties.csv"), "--out", "ties.csv"]);
    let ties = csv(&world.read("ties.csv"), &["score", "predicted", "right"]);
    assert!(ties.iter().all(|row| row[1] == row[2]), "{ties:?}");
    let even = ties.iter().filter(|row| row[0] == "0.5").count();
    assert!(even > 10 && ties.iter().filter(|row| row[0] == "0.5").all(|row| row[1] == "0"), "{even}");
}

#[test]
fn a_bare_logistic_regression_is_explained_exactly() {
    let world = World::new();
    let text = fs::read_to_string(data("foreign/logistic.csv")).unwrap();
    world.write("rows.csv", &columns(&text, &["a", "b", "c", "d"]));
    let result = world.json(&["explain", data("foreign/logistic.onnx").to_str().unwrap(), "rows.csv", "--rows", "5"]);
    assert_eq!((&result["permutation"], &result["unit"]), (&Value::Null, &"log-odds".into()));
    let rows = result["rows_explained"].as_array().unwrap();
    assert_eq!(rows.len(), 5);
    for row in rows {
        let parts = row["parts"].as_array().unwrap().iter().map(|part| number(&part["part"]));
        let score = number(&row["base"]) + parts.sum::<f64>();
        close("score", &[score, 1.0 / (1.0 + (-score).exp())], &[number(&row["score"]), number(&row["answer"])]);
    }
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn a_block_of_another_width_names_what_there_is() {
    let world = World::new();
    let text = fs::read_to_string(data("foreign/logistic.csv")).unwrap();
    world.write("rows.csv", &columns(&text, &["a", "b", "c", "d", "label"]));
    let model = data("foreign/logistic.onnx").display().to_string();
    let problem = world.problem(&["predict", "--model", &model, "rows.csv", "--out", "out.csv"], 2);
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("takes 4 columns as the one block `X`") && detail.contains("`label`"), "{problem}");
    // The column that is predicted is no feature.
    let result = world.json(&["evaluate", &model, "rows.csv", "--target", "label"]);
    assert!(result["accuracy"].as_f64().unwrap() == 1.0, "{result}");
}

fn boosted(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../inference/tests/boosted").join(name)
}

/// The rows of a model of a boosting library as CSV, with a label that follows its scores, and the scores.
fn boosted_rows(name: &str) -> (String, Vec<f64>) {
    let document: Value = serde_json::from_slice(&fs::read(boosted(&format!("{name}.answers.json"))).unwrap()).unwrap();
    let columns = document["columns"].as_array().unwrap();
    let names: Vec<&str> = columns.iter().map(|column| column["name"].as_str().unwrap()).collect();
    let scores: Vec<f64> = document["answers"].as_array().unwrap().iter().map(number).collect();
    let cell = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) if text == "nan" => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut text = names.join(",") + ",label\n";
    for (row, score) in scores.iter().enumerate() {
        let cells: Vec<String> = columns.iter().map(|column| cell(&column["values"][row])).collect();
        // One row in seven has the other label: a model that is never wrong is no test of a gate.
        text += &format!("{},{}\n", cells.join(","), u8::from((*score > 0.5) != (row % 7 == 3)));
    }
    (text, scores)
}

#[test]
fn a_model_of_a_boosting_library_is_packed_verified_and_answers_as_it_is() {
    for (name, kind, format) in [
        ("light_frame", "lgb", "lightgbm"),
        ("boost_frame", "json", "xgboost-json"),
        ("boost_frame_ubjson", "ubj", "xgboost-ubjson"),
    ] {
        let world = World::new();
        let (rows, wanted) = boosted_rows(name);
        world.write("rows.csv", &rows);
        fs::copy(boosted(&format!("{name}.{kind}")), world.path().join(format!("own.{kind}"))).unwrap();
        world.write(
            "kilter.toml",
            &format!(
                "[project]\nname = \"boosted\"\n[data.rows]\npath = \"rows.csv\"\nlabel = \"label\"\n\
                 [step.train]\nrun = \"mkdir -p {{out.model}} && cp own.{kind} {{out.model}}/model.{kind}\"\n\
                 in = [\"rows\"]\ncode = [\"own.{kind}\"]\nout = {{ model = \"work/model\" }}\n\
                 [gate.q]\nrules = [\"accuracy >= 0.5\"]\n[package]\nmodel = \"train.model\"\n"
            ),
        );
        let ran = world.json(&["run"]);
        assert_eq!(ran["version"]["state"], "approved", "{name}: {ran:#}");
        let model = ran["version"]["model"].as_str().unwrap_or("boosted").to_owned();
        let built = world.kilter(&["package", "build", &format!("{model}@1"), "--out", "p"]);
        assert_eq!(built.exit, 0, "{name}: {}{}", built.out, built.err);
        let manifest: Value = serde_json::from_str(&world.read("p/package.json")).unwrap();
        assert_eq!(manifest["format"], format, "{name}");
        // The packed file has its signature; nothing else of it changed.
        let packed = fs::read(world.path().join(format!("p/model/model.{kind}"))).unwrap();
        let own = fs::read(boosted(&format!("{name}.{kind}"))).unwrap();
        let same = own.iter().zip(&packed).take_while(|(own, packed)| own == packed).count();
        assert!(packed.len() > own.len() && packed.ends_with(&own[same..]), "{name}");
        let added = String::from_utf8_lossy(&packed[same..packed.len() - (own.len() - same)]).into_owned();
        assert!(added.contains(".signature") && added.contains("inputs"), "{name}: {added}");
        let flavor = format.split('-').next().unwrap();
        assert!(
            world.read("p/MLmodel").contains(&format!("  {flavor}:\n    code: null\n    data: model/model.{kind}\n"))
        );
        let verified = world.json(&["package", "verify", &format!("{model}@1")]);
        assert_eq!(verified["valid"], true, "{name}: {verified}");
        // A folder has its model under the name of the format.
        world.json(&["predict", "--model", "p/model", "rows.csv", "--out", "out.csv"]);
        close(name, &numbers(csv(&world.read("out.csv"), &["score"])), &wanted);
        check_loader(&world, name, kind, &wanted);
    }
}

/// What MLflow loads the package with answers the same.
fn check_loader(world: &World, name: &str, kind: &str, wanted: &[f64]) {
    let Some(python) = std::env::var_os("KILTER_PYTHON") else {
        println!("skipped: KILTER_PYTHON names no Python with LightGBM and XGBoost; ./test makes one");
        return;
    };
    let script = format!(
        "import sys; sys.path.insert(0, 'p/pyfunc')\nimport kilter_pyfunc, pandas\n\
         rows = pandas.read_csv('rows.csv').drop(columns='label')\n\
         print(list(map(float, kilter_pyfunc._load_pyfunc('p/model/model.{kind}').predict(rows)['score'])))"
    );
    let output = std::process::Command::new(python).args(["-c", &script]).current_dir(world.path()).output().unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    let found: Vec<f64> = serde_json::from_slice(&output.stdout).unwrap();
    close(name, &found, wanted);
}
