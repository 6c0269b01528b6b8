//! `split`, `fit`, `score`, `evaluate`, `sql`: commands over files, with good and with bad input.

use crate::{World, customers};

fn world() -> World {
    let world = World::new();
    world.write("customers.csv", &customers());
    world
}

#[test]
fn a_model_is_trained_scored_and_measured_from_the_command_line() {
    let world = world();
    let parted = world.json(&["data", "split", "customers.csv", "train.parquet", "test.parquet", "--time", "at"]);
    assert_eq!(parted["train"]["rows"].as_u64().unwrap() + parted["test"]["rows"].as_u64().unwrap(), 400);
    let fit =
        ["train", "train.parquet", "--target", "left", "--exclude", "id,at", "--param", "rounds=20", "--out", "model"];
    let fitted = world.json(&fit);
    assert_eq!(
        (fitted["training"]["task"].as_str(), fitted["model"].as_str()),
        (Some("binary"), Some("model/model.onnx"))
    );
    let first = std::fs::read(world.path().join("model/model.onnx")).unwrap();
    world.json(&fit);
    assert_eq!(std::fs::read(world.path().join("model/model.onnx")).unwrap(), first, "the same bytes");

    let scored = world.json(&["predict", "test.parquet", "--model", "model", "--out", "scored.csv", "--keep", "id"]);
    assert_eq!(scored["rows"], parted["test"]["rows"]);
    assert!(world.read("scored.csv").starts_with("id,score,predicted\n"));

    let measured = world.json(&["evaluate", "model", "test.parquet", "--slice", "region", "--out", "report.json"]);
    let auc = measured["auc"].as_f64().unwrap();
    assert!(auc > 0.6, "{auc}");
    let entry = &measured["metrics"][0];
    assert!(entry["low"].as_f64().unwrap() < auc && auc < entry["high"].as_f64().unwrap(), "{entry}");
    assert!(measured["slices"].as_array().unwrap().iter().any(|slice| slice["slice"] == "region=north"));
    assert!(world.read("report.json").contains("\"auc\""));
}

#[test]
fn a_query_joins_files_and_shows_or_writes_its_rows() {
    let world = world();
    let query = "select region, count(*) as customers, avg(age) as age from c group by region order by region";
    let shown = world.json(&["sql", query, "--table", "c=customers.csv"]);
    assert_eq!((shown["total"].as_u64(), shown["rows"][0]["region"].as_str()), (Some(3), Some("north")));
    let written = world.json(&["sql", query, "-t", "c=customers.csv", "--out", "by_region.csv"]);
    assert_eq!(written["rows"], 3);
    assert!(world.read("by_region.csv").starts_with("region,customers,age\nnorth,134,"));
}

#[test]
fn bad_input_is_told_and_changes_nothing() {
    let world = world();
    world.write("cut.parquet", "PAR1 and no more");
    world.write("ragged.csv", "a,b\n1\n");
    world.write("model.onnx", "no model");
    let before = std::fs::read_dir(world.path()).unwrap().count();
    let cases: &[(&[&str], i32, &str)] = &[
        (&["train", "customers.csv", "--target", "lft", "--out", "model"], 2, "column_unknown"),
        (&["train", "customers.csv", "--target", "left", "--param", "round=3", "--out", "model"], 2, "usage_invalid"),
        (&["train", "nowhere.csv", "--target", "left", "--out", "model"], 4, "file_not_found"),
        (&["train", "cut.parquet", "--target", "left", "--out", "model"], 1, "file_invalid"),
        (&["train", "ragged.csv", "--target", "a", "--out", "model"], 1, "file_invalid"),
        (&["predict", "customers.csv", "--model", "model.onnx", "--out", "scored.csv"], 1, "model_invalid"),
        (&["predict", "customers.csv", "--model", "nowhere.onnx", "--out", "scored.csv"], 4, "file_not_found"),
        (&["sql", "select nothing from c", "--table", "c=customers.csv"], 2, "sql_invalid"),
        (&["sql", "drop table c", "--table", "c=customers.csv"], 2, "sql_invalid"),
        (&["data", "split", "customers.csv", "a.csv", "b.csv", "--time", "region"], 1, "file_invalid"),
        (&["data", "split", "customers.csv", "a.csv", "b.csv", "--time", "when"], 2, "column_unknown"),
        (&["data", "split", "customers.csv", "a.csv", "b.csv", "--share", "1.5"], 2, "usage_invalid"),
        (&["data", "split", "customers.csv", "a.txt", "b.txt"], 2, "usage_invalid"),
    ];
    for (arguments, exit, code) in cases {
        let problem = world.problem(arguments, *exit);
        assert_eq!(problem["code"], *code, "{arguments:?}: {problem}");
        assert_ne!(problem["hint"], "", "{arguments:?}");
    }
    assert_eq!(std::fs::read_dir(world.path()).unwrap().count(), before);
}

#[test]
fn a_column_that_holds_the_target_is_named_when_a_model_learns_from_it() {
    let world = World::new();
    let rows = customers();
    let (head, rows) = rows.split_once('\n').unwrap();
    let leaking = rows.lines().map(|row| {
        let left = row.ends_with(",1");
        format!("{row},{},{}\n", if left { "gone" } else { "here" }, if left { "low" } else { "high" })
    });
    world.write("rows.csv", &format!("{head},place,grade\n{}", leaking.collect::<String>()));
    let fit = |exclude: &str| {
        let exclude = format!("id,at,{exclude}");
        let fit =
            ["train", "rows.csv", "--target", "left", "--exclude", &exclude, "--param", "rounds=3", "--out", "model"];
        world.json(&fit)["training"]["notes"].to_string()
    };
    assert!(fit("grade").contains("`place` alone ranks the label almost perfectly (AUC 1.000)"), "{}", fit("grade"));
    assert!(!fit("grade,place").contains("alone"), "{}", fit("grade,place"));
}
