//! A model that `kilter train` made goes the whole way: bytes, admission, JSON in, JSON out, the log.

use std::sync::Arc;

use kilter_domain::{
    deployment::AdmissionPolicy,
    digest::Digest,
    model::VersionState,
    table::{Column, Table},
    time::Timestamp,
};
use kilter_inference::Model;
use kilter_serving::{
    Endpoint, EndpointOptions, EventTimes, Limits, LoadRequest, LogOptions, PredictionLog, Record, Routes,
    ServedVersion, VersionRef, counters::ScoreEdges,
};
use kilter_train::{TrainOptions, train_model};
use serde_json::{Value, json};

/// Customers who leave when they are new and call often; deterministic.
fn customers() -> Table {
    let rows = 400;
    let tenure = |row: usize| ((row * 37) % 101) as f64;
    let calls = |row: usize| ((row * 53) % 17) as i64;
    let plan = |row: usize| ["basic", "gold", "none"][row % 3];
    let churned = |row: usize| if tenure(row) < 40.0 && calls(row) > 6 { "yes" } else { "no" };
    let text = |of: &dyn Fn(usize) -> &'static str| Column::Text((0..rows).map(|row| Some(of(row).into())).collect());
    Table::new(vec![
        ("tenure".into(), Column::Float((0..rows).map(tenure).collect())),
        ("calls".into(), Column::Int((0..rows).map(|row| Some(calls(row))).collect())),
        ("plan".into(), text(&plan)),
        ("churned".into(), text(&churned)),
    ])
    .unwrap()
}

#[test]
fn a_fitted_model_answers_over_json_as_it_does_in_process() {
    let table = customers();
    let onnx = train_model(&table, &TrainOptions::new("churned")).unwrap().onnx;
    let model = Model::from_onnx(&onnx).unwrap();
    let version = VersionRef { number: 3, digest: Digest::of(b"package") };
    let admission = LoadRequest {
        version,
        model: Digest::of(&onnx),
        state: VersionState::Approved,
        admits: AdmissionPolicy::Approved,
        threshold: None,
    };
    let served = Arc::new(
        ServedVersion::with_predictor(Arc::new(Model::from_onnx(&onnx).unwrap()), &admission, ScoreEdges::default())
            .unwrap(),
    );
    let dir = tempfile::tempdir().unwrap();
    let log = Arc::new(PredictionLog::open(dir.path(), LogOptions::default()).unwrap().0);
    let options = EndpointOptions { limits: Limits::default(), id_prefix: "p".into() };
    let endpoint = Endpoint::new("churn".parse().unwrap(), options, Some(log.clone()));
    endpoint.deploy(Routes::new(served, None, &[]).unwrap());

    let rows: Vec<usize> = (0..50).collect();
    let sent = table.take(&rows);
    let numbers = |name: &str| sent.column(name).unwrap().numbers().unwrap();
    let plans: Vec<String> =
        rows.iter().map(|row| sent.column("plan").unwrap().label(*row).unwrap().to_string()).collect();
    let tensor = |name: &str, datatype: &str, data: Value| json!({"name": name, "shape": [50], "datatype": datatype, "data": data});
    let calls: Vec<i64> = numbers("calls").into_iter().map(|calls| calls as i64).collect();
    let body = json!({"id": "batch", "inputs": [
        tensor("plan", "BYTES", json!(plans)),
        tensor("calls", "INT64", json!(calls)),
        tensor("tenure", "FP64", json!(numbers("tenure"))),
    ]});
    let request = endpoint.read(body.to_string().as_bytes(), EventTimes::Now).unwrap();
    let answer: Value = serde_json::from_slice(&endpoint.infer(request, Timestamp(7)).unwrap().to_json()).unwrap();

    let expected = model.predict(&sent).unwrap();
    assert_eq!(answer["outputs"][0]["data"], json!(expected.scores()), "the same bits, through JSON");
    let labels: Vec<String> = expected.labels().unwrap().iter().map(|label| label.to_string()).collect();
    assert_eq!(answer["outputs"][1]["data"], json!(labels));
    assert_eq!(answer["outputs"][2]["shape"], json!([50, 2]));
    let contents = log.read(log.active().unwrap()).unwrap();
    let Record::Predictions(batch) = &contents.entries[0].record else { panic!("a prediction was recorded") };
    assert_eq!((&batch.scores[..], batch.ids[49].as_ref()), (expected.scores(), "batch-49"));
    let again = model.predict(&batch.features).unwrap();
    assert_eq!(again.scores(), expected.scores(), "what was recorded is what the model was given");
}
