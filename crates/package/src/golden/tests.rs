use std::{sync::Arc, time::Duration};

use kilter_domain::{
    digest::Digest,
    model::Golden,
    table::{Column, Table},
};
use kilter_inference::Model;
use kilter_serving::{ServedVersion, VersionRef};
use kilter_train::{TrainOptions, train_model};

use super::*;

/// Customers with a gap, a class of texts and an infinity.
fn customers() -> Table {
    let rows = 300usize;
    let age = |row: usize| match row % 50 {
        7 => f64::NAN,
        11 => f64::INFINITY,
        _ => 20.0 + (row * 7 % 61) as f64 / 3.0,
    };
    let region = |row: usize| (!row.is_multiple_of(9)).then(|| ["north", "south", "west"][row % 3].into());
    let left = |row: usize| Some(if row * 7 % 61 > 30 { "yes" } else { "no" }.into());
    Table::new(vec![
        ("age".into(), Column::Float((0..rows).map(age).collect())),
        ("visits".into(), Column::Int((0..rows).map(|row| Some((row * 13 % 20) as i64)).collect())),
        ("region".into(), Column::Text((0..rows).map(region).collect())),
        ("left".into(), Column::Text((0..rows).map(left).collect())),
    ])
    .unwrap()
}

fn finite(table: &Table) -> Table {
    let rows: Vec<usize> =
        (0..table.rows()).filter(|row| !table.get("age").unwrap().number(*row).is_infinite()).collect();
    table.take(&rows)
}

fn trained() -> (Vec<u8>, Model) {
    let onnx = train_model(&finite(&customers()), &TrainOptions::new("left")).unwrap().onnx;
    let model = Model::from_onnx(&onnx).unwrap();
    (onnx, model)
}

fn version(onnx: &[u8], threshold: f64) -> ServedVersion {
    let version = VersionRef { number: 7, digest: Digest::of(onnx) };
    ServedVersion::for_validation(Arc::new(Model::from_onnx(onnx).unwrap()), version, Some(threshold))
}

#[test]
fn what_was_recorded_is_what_a_caller_gets_together_and_alone() {
    let (onnx, model) = trained();
    let golden = GoldenRequests::record(&model, 0.3, &customers(), 50).unwrap().unwrap();
    assert_eq!(golden.requests.names(), ["age", "visits", "region"], "no label, nothing that no model reads");
    assert!(golden.requests.get("age").unwrap().numbers().unwrap().iter().all(|age| !age.is_infinite()));
    let replayed = golden.ask(version(&onnx, 0.3), None).unwrap();
    assert_eq!(replayed, GoldenResult { rows: 50, ..GoldenResult::default() });
    let stored = GoldenRequests::from_table(&golden.to_table().unwrap()).unwrap();
    assert_eq!(stored.answers, golden.answers);
    assert_eq!(stored.ask(version(&onnx, 0.3), None).unwrap().differing, 0);
}

#[test]
fn another_threshold_is_another_label_and_the_same_score() {
    let (onnx, model) = trained();
    let golden = GoldenRequests::record(&model, 0.5, &customers(), 300).unwrap().unwrap();
    let moved = golden.at_threshold(0.05, model.signature());
    assert_eq!(golden.ask(version(&onnx, 0.5), None).unwrap().differing, 0);
    assert_eq!(moved.ask(version(&onnx, 0.05), None).unwrap().differing, 0);
    let otherwise = golden.ask(version(&onnx, 0.05), None).unwrap();
    assert!(otherwise.differing > 0 && otherwise.differing < 300, "{otherwise:?}");
    assert_eq!(otherwise.first.unwrap().output, "label");
}

#[test]
fn the_least_change_of_an_answer_is_found_and_named() {
    let (onnx, model) = trained();
    let mut golden = GoldenRequests::record(&model, 0.5, &customers(), 40).unwrap().unwrap();
    let score = &mut golden.answers.scores[17];
    *score = f64::from_bits(score.to_bits() + 1);
    let expected = format!("{score:?}");
    let replayed = golden.ask(version(&onnx, 0.5), None).unwrap();
    let first = replayed.first.clone().unwrap();
    assert_eq!((replayed.rows, replayed.differing, first.row, first.output), (40, 1, 17, "score"));
    assert_eq!((first.expected, replayed.evidence()), (expected, Golden::Differs { rows: 40, differing: 1 }));
    let out_of_time = golden.ask(version(&onnx, 0.5), Some(Duration::ZERO)).unwrap();
    assert_eq!((out_of_time.differing, out_of_time.not_alone), (1, 40), "asking together is not cut short");
}
