//! `explain`: parts that add up, equal what `shap` says, and split what changed; hostile input gets a clear word.

use std::{fs, path::PathBuf};

use kilter_inference::onnx::{
    AttributeValue, Dim, GraphProto, ModelProto, NodeProto, TensorData, TensorProto, ValueInfo, element,
};
use serde_json::{Map, Value, json};

use crate::{
    World,
    drift::check_page,
    fairness::{csv, employment},
};

/// Models by `kilter train`, rows, and what `shap` says of them.
fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../inference/tests/explained").join(name)
}

fn document(name: &str) -> Value {
    serde_json::from_slice(&fs::read(fixture(name)).unwrap()).unwrap()
}

/// The fixture's columns as JSON lines.
fn lines(columns: &Value) -> String {
    let columns = columns.as_array().unwrap();
    let rows = columns[0]["values"].as_array().unwrap().len();
    let cell = |column: &Value, row: usize| {
        let value = column["values"][row].clone();
        let time = |millis: i64| kilter_domain::time::Timestamp(millis).to_string();
        if column["type"] == "time" { value.as_i64().map_or(Value::Null, |at| time(at).into()) } else { value }
    };
    let line = |row: usize| {
        let pairs = columns.iter().map(|column| (column["name"].as_str().unwrap().to_owned(), cell(column, row)));
        Value::Object(pairs.collect::<Map<_, _>>()).to_string() + "\n"
    };
    (0..rows).map(line).collect()
}

fn sum(parts: &Value, key: &str) -> f64 {
    parts.as_array().unwrap().iter().map(|part| part[key].as_f64().unwrap()).sum()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn trees_and_linear_models_say_what_shap_says() {
    let world = World::new();
    for name in ["trees_binary", "trees_value", "trees_kind", "linear_binary"] {
        world.write("rows.jsonl", &lines(&document(&format!("{name}.rows.json"))));
        let model = fixture(&format!("{name}.onnx")).display().to_string();
        let shap = document(&format!("{name}.shap.json"));
        let result = world.json(&["explain", &model, "rows.jsonl", "--row", "0", "--row", "7"]);
        let columns: Vec<&str> =
            shap["columns"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        for (output, theirs) in result["outputs"].as_array().unwrap().iter().zip(shap["outputs"].as_array().unwrap()) {
            assert!((number(&output["base"]) - number(&theirs["base"])).abs() < 1e-6, "{name}");
            let rows = theirs["values"].as_array().unwrap();
            for column in output["columns"].as_array().unwrap() {
                let at = columns.iter().position(|name| column["column"] == *name).unwrap();
                let mean = rows.iter().map(|row| number(&row[at]).abs()).sum::<f64>() / rows.len() as f64;
                assert!((number(&column["mean_absolute"]) - mean).abs() < 1e-6, "{name} {column} {mean}");
            }
        }
        if name != "trees_kind" {
            for local in result["rows_explained"].as_array().unwrap() {
                let theirs = &shap["outputs"][0]["values"][local["row"].as_u64().unwrap() as usize];
                for part in local["parts"].as_array().unwrap() {
                    let at = columns.iter().position(|name| part["column"] == *name).unwrap();
                    assert!((number(&part["part"]) - number(&theirs[at])).abs() < 1e-6, "{name} {part}");
                }
            }
        }
    }
}

#[test]
fn parts_add_up_to_the_score_that_the_model_answers_with() {
    let world = employment();
    let result = world.json(&["explain", "model", "test.csv", "--rows", "5", "--html", "page.html"]);
    assert_eq!((result["unit"].as_str(), result["explained"].as_u64()), (Some("log-odds"), Some(12_000)));
    let scores = csv(&world.read("scored.csv"), &["score"]);
    let locals = result["rows_explained"].as_array().unwrap();
    assert_eq!(locals.len(), 5);
    for local in locals {
        let (base, score) = (number(&local["base"]), number(&local["score"]));
        assert!((base + sum(&local["parts"], "part") - score).abs() < 1e-9, "{local}");
        let answered: f64 = scores[local["row"].as_u64().unwrap() as usize][0].parse().unwrap();
        assert!((1.0 / (1.0 + (-score).exp()) - answered).abs() < 1e-5, "{local} {answered}");
    }
    assert!(locals.windows(2).all(|pair| number(&pair[0]["score"]) <= number(&pair[1]["score"])));
    let shares = sum(&result["outputs"][0]["columns"], "share");
    assert!((shares - 1.0).abs() < 1e-9, "{shares}");
    let page = world.read("page.html");
    check_page(&page);
    assert!(page.contains("<svg") && page.contains("Row by row") && !page.contains("NaN"));
    let shown = world.kilter(&["explain", "model", "test.csv", "--row", "3"]);
    assert!(shown.out.contains("Row 3: score") && shown.out.contains("mean |SHAP|"), "{}", shown.out);
}

#[test]
fn the_change_of_the_mean_score_is_split_without_a_rest() {
    let world = employment();
    let result = world.json(&["explain", "model", "test.csv", "--against", "train.csv", "--html", "page.html"]);
    world.json(&["predict", "train.csv", "--model", "model", "--out", "before.csv"]);
    let mean = |name: &str| {
        let rows = csv(&world.read(name), &["score"]);
        let odds = rows.iter().map(|row| row[0].parse::<f64>().unwrap()).map(|p| (p / (1.0 - p)).ln());
        odds.sum::<f64>() / rows.len() as f64
    };
    let shift = &result["against"]["outputs"][0];
    let change = mean("scored.csv") - mean("before.csv");
    assert!((number(&shift["change"]) - change).abs() < 1e-4, "{shift} {change}");
    assert!((sum(&shift["columns"], "value") - (number(&shift["now"]) - number(&shift["before"]))).abs() < 1e-9);
    let intervals = shift["columns"].as_array().unwrap();
    assert!(intervals.iter().all(|part| number(&part["low"]) <= number(&part["value"])));
    check_page(&world.read("page.html"));
}

/// A model that answers its first column: neither trees nor a linear model.
fn first_column() -> Vec<u8> {
    let value = |name: &str, width: i64| ValueInfo {
        name: name.into(),
        element: element::FLOAT,
        shape: Some(vec![Dim::Free("N".into()), Dim::Fixed(width)]),
    };
    let zero = TensorProto { name: "zero".into(), dims: vec![1], data: TensorData::Int(vec![0]) };
    let first = NodeProto::new("", "Gather", &["x", "zero"], &["y"]).with("axis", AttributeValue::Int(1));
    ModelProto {
        ir_version: 8,
        opset: vec![(String::new(), 15)],
        graph: GraphProto {
            name: "g".into(),
            nodes: vec![first],
            initializers: vec![zero],
            inputs: vec![value("x", 3)],
            outputs: vec![value("y", 1)],
        },
        ..ModelProto::default()
    }
    .encode()
}

#[test]
fn a_model_that_cannot_be_looked_into_is_measured_by_permutation() {
    let world = World::new();
    fs::write(world.path().join("first.onnx"), first_column()).unwrap();
    let row = |row: u32| format!("{},{},{},{}\n", row % 17, row % 5, row % 3, row % 17 + row % 2);
    world.write("rows.csv", &("x_0,x_1,x_2,y\n".to_owned() + &(0..300).map(row).collect::<String>()));
    let result = world.json(&["explain", "first.onnx", "rows.csv", "--target", "y", "--html", "page.html"]);
    let importance = &result["permutation"];
    assert_eq!((importance["metric"].as_str(), importance["rows"].as_u64()), (Some("mae"), Some(300)));
    assert_eq!(importance["columns"][0]["column"], "x_0");
    assert!(number(&importance["columns"][0]["value"]) > 3.0, "{importance}");
    assert_eq!(number(&importance["columns"][1]["value"]), 0.0);
    check_page(&world.read("page.html"));
    let unlabelled = world.json(&["explain", "first.onnx", "rows.csv"]);
    assert_eq!(unlabelled["permutation"]["metric"], "score_change");
    let problem = world.problem(&["explain", "first.onnx", "rows.csv", "--against", "rows.csv"], 1);
    assert!(problem["hint"].as_str().unwrap().contains("kilter drift"), "{problem}");
    assert_eq!(world.problem(&["explain", "first.onnx", "rows.csv", "--target", "z"], 2)["code"], "column_unknown");
}

#[test]
fn strange_rows_get_a_clear_word() {
    let world = World::new();
    let row = |row: u32| format!("{},{},{}\n", row % 17, ["a", "b"][(row % 2) as usize], u32::from(row % 17 > 8));
    world.write("rows.csv", &("x,c,y\n".to_owned() + &(0..400).map(row).collect::<String>()));
    world.json(&["train", "rows.csv", "--target", "y", "--out", "model"]);
    world.write("empty.csv", "x,c\n");
    world.write("less.csv", "c\na\n");
    world.write("missing.csv", "x,c\n,\n,\n,\n");
    world.write("one.csv", "x,c\n3,a\n");
    let cases: &[(&[&str], i32, &str)] = &[
        (&["explain", "model", "empty.csv"], 1, "invalid_rows"),
        (&["explain", "model", "less.csv"], 2, "column_unknown"),
        (&["explain", "model", "nowhere.csv"], 4, "file_not_found"),
        (&["explain", "nowhere", "rows.csv"], 4, "file_not_found"),
        (&["explain", "model", "rows.csv", "--row", "400"], 2, "usage_invalid"),
        (&["explain", "model", "rows.csv", "--rows", "5000"], 2, "usage_invalid"),
        (&["explain", "model", "rows.csv", "--against", "empty.csv"], 1, "invalid_rows"),
        (&["explain", "model", "rows.csv", "--against", "less.csv"], 2, "column_unknown"),
    ];
    for (arguments, exit, code) in cases {
        assert_eq!(world.problem(arguments, *exit)["code"], *code, "{arguments:?}");
    }
    for name in ["missing.csv", "one.csv"] {
        let result = world.json(&["explain", "model", name, "--html", "page.html"]);
        assert!(!result.to_string().contains("NaN") && result["rows_explained"][0]["parts"].is_array(), "{result}");
        check_page(&world.read("page.html"));
    }
    let none = world.json(&["explain", "model", "rows.csv", "--rows", "0"]);
    assert_eq!(none.get("rows_explained"), None);
    let x = &none["outputs"][0]["columns"][0];
    assert_eq!((x["column"].clone(), number(&x["trend"]) > 0.8), (json!("x"), true), "{x}");
}

#[test]
fn the_scale_of_a_log_link_and_of_margins_is_named() {
    let world = crate::evaluate::margins();
    let case = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/cases/log-scale-called-value");
    std::fs::copy(case.join("poisson.onnx"), world.path().join("poisson.onnx")).unwrap();
    world.write("counts.csv", "x_0,x_1\n1,2\n0.5,-3\n2,0\n-1,1\n");
    let result = world.json(&["explain", "poisson.onnx", "counts.csv"]);
    assert_eq!(result["unit"], "log of the value", "{result:#}");
    let shown = world.kilter(&["explain", "poisson.onnx", "counts.csv"]).out;
    assert!(shown.contains("natural logarithms of the answer"), "{shown}");
    assert_ne!(world.json(&["explain", "margin.onnx", "rows.csv"])["unit"], "probability");
}
