//! The real onnxruntime answers what our own executor answers, on every kind of model that `kilter train` writes.
//!
//! Tolerance: 2.5e-6, absolute on probabilities; on values relative to their own size or the median one, which is what the
//! float32 sums of onnxruntime leave over (the bound stands in `tests/python/onnx_parity/check.py`). Needs a Python with onnxruntime, named
//! by `KILTER_PYTHON` (default `~/.cache/kilter/venv/bin/python`); without one the test says so and is skipped.

#[path = "common/support.rs"]
mod support;
#[path = "common/tables.rs"]
mod tables;

use std::{fs, path::PathBuf, process::Command, sync::Arc};

use kilter_domain::table::{Column, Table};
use kilter_inference::Model;
use kilter_train::{FeatureKind, Learner, Task, TrainOptions, train_model};
use tables::{ALL, With, other_targets, people};

/// 40 trees round by 2^-24 each; measured are 2.4e-7 at most.
const TOLERANCE: f64 = 2.5e-6;

fn python() -> PathBuf {
    let default = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/kilter/venv/bin/python");
    std::env::var_os("KILTER_PYTHON").map_or_else(default, PathBuf::from)
}

/// One model to compare.
struct Case {
    name: &'static str,
    train: Table,
    test: Table,
    options: TrainOptions,
}

fn case(name: &'static str, target: &str, learner: Learner, with: With) -> Case {
    let mut options = TrainOptions::new(target);
    options.learner = learner;
    options.exclude = other_targets(target);
    options.params.rounds = 40;
    if target == "level" {
        options.task = Some(Task::Multiclass);
    }
    Case { name, train: people(1_500, 1, with), test: strange(people(400, 2, with)), options }
}

/// The same rows with values that training has not seen: other cities, times before the epoch and at the ends of the
/// calendar, empty texts, numbers past every threshold, and a row in which all is missing.
fn strange(table: Table) -> Table {
    let odd_times = [-1, 0, i64::from(i32::MIN) * 1_000, -62_167_219_200_000, 253_402_300_799_999, 951_782_400_000];
    let columns = table.columns().map(|(name, column)| {
        let mut column = column.clone();
        match &mut column {
            Column::Float(values) => values[..3].copy_from_slice(&[f64::NAN, 3.0e38, -3.0e38]),
            Column::Int(values) => values[..3].copy_from_slice(&[None, Some(1 << 40), Some(-(1 << 40))]),
            Column::Bool(values) => values[0] = None,
            Column::Text(values) => {
                values[0] = None;
                values[1] = Some("".into());
                values[2] = Some("nowhere, ever. never seen   before ".into());
                values[3] = Some("REFUND, the .os..path. app- (Card).".into());
            }
            Column::Time(values) => {
                values[0] = None;
                values[1..=odd_times.len()].iter_mut().zip(odd_times).for_each(|(value, odd)| *value = Some(odd));
            }
        }
        (name.to_owned(), column)
    });
    Table::new(columns.collect()).unwrap()
}

fn cases() -> Vec<Case> {
    let plain = With::default();
    let mut cases = vec![
        case("boosting_binary_plain", "binary", Learner::Boosting, plain),
        case("boosting_binary_all", "binary", Learner::Boosting, ALL),
        case("boosting_flag_missing", "flag", Learner::Boosting, With { missing: true, ..plain }),
        case("boosting_kind_all", "kind", Learner::Boosting, ALL),
        case("boosting_level_categories", "level", Learner::Boosting, With { categories: true, ..plain }),
        case("boosting_value_all", "value", Learner::Boosting, ALL),
        case("boosting_value_times", "value", Learner::Boosting, With { times: true, ..plain }),
        case("linear_binary_plain", "binary", Learner::Linear, plain),
        case("linear_binary_all", "binary", Learner::Linear, ALL),
        case("linear_flag_text", "flag", Learner::Linear, With { text: true, ..plain }),
        case("linear_kind_all", "kind", Learner::Linear, ALL),
        case("linear_level_missing", "level", Learner::Linear, With { missing: true, ..plain }),
        case("linear_value_all", "value", Learner::Linear, ALL),
    ];
    let mut weighted = case("boosting_weighted_positive", "binary", Learner::Boosting, ALL);
    weighted.options.weight = Some("weight".into());
    weighted.options.positive = Some("no".into());
    weighted.options.kinds.insert("age".into(), FeatureKind::Categorical);
    cases.push(weighted);
    let mut constant = case("boosting_no_split", "value", Learner::Boosting, plain);
    constant.options.params.min_child = 100_000;
    cases.push(constant);
    let mut only_text = case("linear_only_text", "kind", Learner::Linear, With { text: true, ..plain });
    only_text.options.include = Some(vec!["note".into()]);
    cases.push(only_text);
    cases
}

#[test]
fn onnxruntime_answers_what_the_native_executor_answers() {
    let python = python();
    let has_onnxruntime = Command::new(&python).args(["-c", "import onnxruntime, numpy"]).output();
    if !has_onnxruntime.is_ok_and(|output| output.status.success()) {
        println!("SKIPPED: {} has no onnxruntime; name a Python that has by KILTER_PYTHON", python.display());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let cases = cases();
    for case in &cases {
        let fitted = train_model(&case.train, &case.options).unwrap_or_else(|error| panic!("{}: {error}", case.name));
        let prediction = Model::from_onnx(&fitted.onnx).unwrap().predict(&case.test).unwrap();
        let labels = prediction.labels().map(|labels| labels.iter().map(Arc::to_string).collect::<Vec<_>>());
        let answer = serde_json::json!({
            "scores": prediction.scores(),
            "probabilities": prediction.probabilities(),
            "labels": labels,
        });
        let write = |end: &str, bytes: &[u8]| fs::write(folder.path().join(format!("{}.{end}", case.name)), bytes);
        write("onnx", &fitted.onnx).unwrap();
        write("rows.json", support::table_to_json(&case.test).to_string().as_bytes()).unwrap();
        write("answer.json", answer.to_string().as_bytes()).unwrap();
    }
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/python/onnx_parity/check.py");
    let output = Command::new(&python).arg(script).arg(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    let mut seen = 0;
    for line in lines.lines() {
        let result: serde_json::Value = serde_json::from_str(line).unwrap();
        println!("{line}");
        assert!(result["max_difference"].as_f64().unwrap() <= TOLERANCE, "{line}");
        assert_eq!(result["labels_differ"], 0, "{line}");
        seen += 1;
    }
    assert_eq!(seen, cases.len(), "every model was compared");
}
