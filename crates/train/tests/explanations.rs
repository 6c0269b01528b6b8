//! What `kilter train` writes can be explained: attributions add up to the scores, by the columns of the table.
//!
//! `KILTER_UPDATE=1` writes the models and rows from which `tests/python/shap_parity/make.py` asks the real `shap` for
//! the numbers that the tests of `inference` compare with.

#[path = "common/support.rs"]
mod support;
#[path = "common/tables.rs"]
mod tables;

use std::{fs, path::PathBuf};

use kilter_domain::table::Table;
use kilter_inference::Model;
use kilter_train::{Learner, Task, TrainOptions, train_model};
use tables::{ALL, With, other_targets, people};

struct Case {
    name: &'static str,
    train: Table,
    rows: Table,
    options: TrainOptions,
}

fn case(name: &'static str, target: &str, learner: Learner, with: With) -> Case {
    let mut options = TrainOptions::new(target);
    options.learner = learner;
    options.exclude = other_targets(target);
    options.params.rounds = 25;
    options.params.max_terms = Some(24);
    if target == "level" {
        options.task = Some(Task::Multiclass);
    }
    Case { name, train: people(300, 11, with), rows: people(40, 12, with), options }
}

fn cases() -> Vec<Case> {
    let plain = With::default();
    vec![
        case("trees_binary", "binary", Learner::Boosting, ALL),
        case("trees_kind", "kind", Learner::Boosting, With { missing: true, categories: true, ..plain }),
        case("trees_value", "value", Learner::Boosting, ALL),
        case("linear_binary", "binary", Learner::Linear, ALL),
        case("linear_kind", "kind", Learner::Linear, ALL),
        case("linear_value", "value", Learner::Linear, With { missing: true, text: true, ..plain }),
    ]
}

/// What the model makes of raw scores.
fn answers(task: Task, scores: &[f64]) -> Vec<f64> {
    match task {
        Task::Regression => scores.to_vec(),
        Task::Binary => vec![1.0 / (1.0 + (-scores[0]).exp())],
        Task::Multiclass => {
            let sum: f64 = scores.iter().map(|score| score.exp()).sum();
            scores.iter().map(|score| score.exp() / sum).collect()
        }
    }
}

#[test]
fn attributions_of_every_kind_of_model_add_up_to_its_scores() {
    for Case { name, train, rows, options } in cases() {
        let fitted = train_model(&train, &options).unwrap_or_else(|error| panic!("{name}: {error}"));
        let model = Model::from_onnx(&fitted.onnx).unwrap();
        let explained = model.explain(&rows).unwrap_or_else(|error| panic!("{name}: {error}"));
        let outputs = explained.outputs().len();
        let prediction = model.predict(&rows).unwrap();
        for row in 0..rows.rows() {
            let scores: Vec<f64> = (0..outputs).map(|output| explained.score(row, output).unwrap()).collect();
            for (output, score) in scores.iter().enumerate() {
                let sum = explained.base()[output] + explained.of(row, output).iter().sum::<f64>();
                assert!((sum - score).abs() < 1e-9 * (1.0 + score.abs()), "{name}: row {row} adds up");
            }
            let theirs: Vec<f64> = match (prediction.probabilities(), outputs) {
                (Some(all), 2..) => all[row * outputs..][..outputs].iter().map(|&p| f64::from(p)).collect(),
                _ => vec![prediction.scores()[row]],
            };
            // The model adds up in float32.
            for (ours, theirs) in answers(prediction.task(), &scores).iter().zip(theirs) {
                let close = (ours - theirs).abs() < 1e-5 * (1.0 + theirs.abs());
                assert!(close, "{name}: row {row}: {ours} is not {theirs}");
            }
        }
    }
}

#[test]
fn the_drift_of_a_mean_score_is_split_between_columns_without_a_rest() {
    for Case { name, train, rows, options } in cases() {
        let model = Model::from_onnx(&train_model(&train, &options).unwrap().onnx).unwrap();
        let (before, now) = (model.explain(&train).unwrap(), model.explain(&rows).unwrap());
        for output in 0..now.outputs().len() {
            let mean = |of: &kilter_inference::Attributions| {
                (0..of.rows()).map(|row| of.score(row, output).unwrap()).sum::<f64>() / of.rows() as f64
            };
            let shifts = now.shift_from(&before, output, 0.95).unwrap();
            let parts: f64 = shifts.iter().map(|column| column.shift.value).sum();
            let whole = mean(&now) - mean(&before);
            assert!((parts - whole).abs() < 1e-9 * (1.0 + whole.abs()), "{name}: {parts} is not {whole}");
            assert_eq!(shifts.len(), now.columns().len());
        }
    }
}

/// Not a check: it writes what the comparison with `shap` needs, when asked.
#[test]
fn models_for_the_comparison_with_shap_can_be_written() {
    if std::env::var_os("KILTER_UPDATE").is_none() {
        return;
    }
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../inference/tests/explained");
    fs::create_dir_all(&folder).unwrap();
    for Case { name, train, rows, options } in cases() {
        let write = |end: &str, bytes: &[u8]| fs::write(folder.join(format!("{name}.{end}")), bytes).unwrap();
        let onnx = train_model(&train, &options).unwrap().onnx;
        let model = Model::from_onnx(&onnx).unwrap();
        let inputs = |table: &Table| {
            let column = |name: &String| (name.clone(), table.get(name).unwrap().clone());
            let names = model.signature().inputs.iter().map(|input| &input.name);
            support::table_to_json(&Table::new(names.map(column).collect()).unwrap()).to_string()
        };
        write("onnx", &onnx);
        // A linear model's mean is over all rows that it learned from; a background of trees need not be.
        let background: Vec<usize> = (0..if name.starts_with("trees") { 60 } else { train.rows() }).collect();
        write("background.json", inputs(&train.take(&background)).as_bytes());
        write("rows.json", inputs(&rows).as_bytes());
    }
}
