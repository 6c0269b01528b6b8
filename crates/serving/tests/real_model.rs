//! A model that `kilter train` made goes the whole way: bytes, admission, JSON in, JSON out, the log.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use kilter_domain::{
    deployment::AdmissionPolicy,
    digest::Digest,
    model::VersionState,
    table::{Column, Table},
    time::Timestamp,
};
use kilter_inference::{ExplainError, Format, Model, PredictError, Signature};
use kilter_serving::{
    Candidate, Endpoint, EndpointOptions, EventTimes, Limits, LoadRequest, LogOptions, Mode, PredictionLog, Record,
    Routes, ServedVersion, VersionRef,
    counters::ScoreEdges,
    endpoint::{ExplainableModel, ModelOutput, Predictor},
};
use kilter_train::{Learner, TrainOptions, train_model};
use serde_json::{Map, Value, json};

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

fn version(number: u64, predictor: Arc<dyn Predictor>) -> Arc<ServedVersion> {
    let admission = LoadRequest {
        version: VersionRef { number, digest: Digest::of(b"package") },
        model: Digest::of(&number.to_le_bytes()),
        state: VersionState::Approved,
        admits: AdmissionPolicy::Approved,
        threshold: None,
    };
    Arc::new(ServedVersion::with_predictor(predictor, &admission, ScoreEdges::default()).unwrap())
}

fn endpoint(champion: Arc<ServedVersion>, candidate: Option<Candidate>) -> Endpoint {
    let options = EndpointOptions { limits: Limits::default(), id_prefix: "p".into() };
    let endpoint = Endpoint::new("churn".parse().unwrap(), options, None);
    endpoint.deploy(Routes::new(champion, candidate, &[]).unwrap());
    endpoint
}

/// A model of `target` by the other columns but `excluded`.
fn fitted(target: &str, excluded: &[&str], learner: Learner) -> Model {
    let mut options = TrainOptions::new(target);
    options.exclude = excluded.iter().map(|name| (*name).to_owned()).collect();
    options.learner = learner;
    Model::from_onnx(&train_model(&customers(), &options).unwrap().onnx).unwrap()
}

fn body(rows: &Table, parameters: &Value, outputs: &Value) -> Vec<u8> {
    let count = rows.rows();
    let tensor = |name: &String| {
        let column = rows.column(name).unwrap();
        let (datatype, data) = match column.numbers() {
            Some(numbers) => ("FP64", json!(numbers)),
            None => ("BYTES", (0..count).map(|row| json!(column.label(row).map(|text| text.to_string()))).collect()),
        };
        json!({"name": name, "shape": [count], "datatype": datatype, "data": data})
    };
    let inputs: Vec<Value> = rows.names().iter().map(tensor).collect();
    json!({"parameters": parameters, "inputs": inputs, "outputs": outputs}).to_string().into_bytes()
}

/// The outputs by name.
fn asked(endpoint: &Endpoint, body: &[u8]) -> Map<String, Value> {
    let request = endpoint.read(body, EventTimes::Now).unwrap();
    assert_eq!(request.expected_time(), None, "an explanation is never made where others wait for it");
    let answer: Value = serde_json::from_slice(&endpoint.infer(request, Timestamp(7)).unwrap().to_json()).unwrap();
    let outputs = answer["outputs"].as_array().unwrap().iter();
    outputs.map(|output| (output["name"].as_str().unwrap().to_owned(), output.clone())).collect()
}

fn data(output: &Value) -> Vec<f64> {
    output["data"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
}

#[test]
fn an_answer_is_explained_when_its_request_asks_for_it() {
    let model = Arc::new(fitted("churned", &[], Learner::Boosting));
    let endpoint = endpoint(version(3, model.clone()), None);
    let rows = customers().take(&[0, 5, 17]).select(|name| name != "churned");
    let outputs = asked(&endpoint, &body(&rows, &json!({"explain": true}), &json!([])));
    let expected = model.explain(&rows).unwrap();
    assert_eq!(outputs["attribution_columns"]["data"], json!(expected.columns()));
    let shapes = [&outputs["attributions"]["shape"], &outputs["attribution_base"]["shape"]];
    assert_eq!(shapes, [&json!([3, expected.columns().len()]), &json!([3])]);
    let (parts, base, scores) =
        (data(&outputs["attributions"]), data(&outputs["attribution_base"]), data(&outputs["score"]));
    for (row, parts) in parts.chunks(expected.columns().len()).enumerate() {
        assert_eq!(parts, expected.of(row, 0), "as in process, to the bit");
        let raw = base[row] + parts.iter().sum::<f64>();
        assert!((1.0 / (1.0 + (-raw).exp()) - scores[row]).abs() < 1e-6, "they add up to the score");
    }
    let named = asked(&endpoint, &body(&rows, &json!({}), &json!([{"name": "attributions"}])));
    assert_eq!(named.keys().collect::<Vec<_>>(), ["attributions"], "an output that is named is what is asked for");
    assert_eq!(named["attributions"], outputs["attributions"]);
    let both = asked(&endpoint, &body(&rows, &json!({"explain": true}), &json!([{"name": "score"}])));
    assert_eq!(both.len(), 4, "the score, and the whole explanation");
    let plain = endpoint.read(&body(&rows, &json!({"explain": false}), &json!([])), EventTimes::Now).unwrap();
    assert_eq!(endpoint.infer(plain, Timestamp(7)).unwrap().explanation, None);
    let wrong = endpoint.read(&body(&rows, &json!({"explain": "yes"}), &json!([])), EventTimes::Now);
    assert!(wrong.unwrap_err().to_string().contains("`explain` must be true or false"));
    let many = customers().take(&vec![1; 400_000]).select(|name| name != "churned");
    let refused = endpoint.infer(endpoint.request(many).unwrap().with_explanation(), Timestamp(7)).unwrap_err();
    assert!(refused.is_the_callers() && refused.to_string().contains("at most 174762 rows"), "{refused}");
}

#[test]
fn each_row_is_explained_by_the_version_that_answered_it() {
    let (live, trial) = (
        Arc::new(fitted("churned", &["calls"], Learner::Linear)),
        Arc::new(fitted("churned", &["tenure"], Learner::Boosting)),
    );
    let candidate = Candidate { version: version(4, trial.clone()), mode: Mode::Canary { percent: 50 } };
    let endpoint = endpoint(version(3, live.clone()), Some(candidate));
    let rows = customers().take(&(0..40).collect::<Vec<_>>()).select(|name| name != "churned");
    let outputs = asked(&endpoint, &body(&rows, &json!({"explain": true}), &json!([])));
    let columns: Vec<&str> =
        outputs["attribution_columns"]["data"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(columns.len(), 3, "those of both: {columns:?}");
    let (parts, base) = (data(&outputs["attributions"]), data(&outputs["attribution_base"]));
    let versions = data(&outputs["__version"]);
    assert!(versions.contains(&3.0) && versions.contains(&4.0), "both answer");
    let explained = [live.explain(&rows).unwrap(), trial.explain(&rows).unwrap()];
    for (row, parts) in parts.chunks(3).enumerate() {
        let expected = &explained[usize::from(versions[row] == 4.0)];
        assert_eq!(base[row], expected.base()[0]);
        for (name, part) in columns.iter().zip(parts) {
            let at = expected.columns().iter().position(|column| column == name);
            assert_eq!(*part, at.map_or(0.0, |at| expected.of(row, 0)[at]), "row {row}, {name}");
        }
    }
}

#[test]
fn of_several_classes_each_has_attributions() {
    let model = Arc::new(fitted("plan", &["churned"], Learner::Boosting));
    let endpoint = endpoint(version(3, model.clone()), None);
    let rows = customers().take(&[3, 4]).select(|name| ["tenure", "calls"].contains(&name));
    let outputs = asked(&endpoint, &body(&rows, &json!({"explain": true}), &json!([])));
    assert_eq!(outputs["attributions"]["shape"], json!([2, 3, 2]));
    assert_eq!(outputs["attribution_base"]["shape"], json!([2, 3]));
    let expected = model.explain(&rows).unwrap();
    let all: Vec<f64> = (0..2)
        .flat_map(|row| (0..3).flat_map(move |score| [(row, score)]))
        .flat_map(|(row, score)| expected.of(row, score).to_vec())
        .collect();
    assert_eq!(data(&outputs["attributions"]), all);
}

/// Rows of any numbers for all inputs of a model.
fn numbers_for(model: &Model, rows: usize) -> Table {
    let column = |at: usize| Column::Float((0..rows).map(|row| ((row * 7 + at * 3) % 11) as f64 / 4.0).collect());
    let inputs = model.signature().inputs.iter().enumerate();
    Table::new(inputs.map(|(at, input)| (input.name.clone(), column(at))).collect()).unwrap()
}

#[test]
fn a_file_that_does_not_know_its_training_rows_is_explained_against_held_out_ones_which_are_read_once() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../inference/tests/boosted/boost_linear.json");
    let model = Arc::new(Model::from_bytes(&std::fs::read(path).unwrap()).unwrap());
    let (held_out, asked) = (numbers_for(&model, 9), numbers_for(&model, 2));
    assert!(matches!(model.explainer(), Err(ExplainError::NoTraining(_))));
    let reads = Arc::new(AtomicUsize::new(0));
    let (count, sample) = (reads.clone(), held_out.clone());
    let read = move || {
        count.fetch_add(1, Relaxed);
        Some(sample.clone())
    };
    let explainable = ExplainableModel::new(model.clone(), Box::new(read));
    assert_eq!(Predictor::predict(&explainable, &asked).unwrap(), Predictor::predict(&*model, &asked).unwrap());
    assert_eq!(reads.load(Relaxed), 0, "nothing is read for an answer");
    let expected = model.explainer_against(&held_out).unwrap().explain(&asked).unwrap();
    for _ in 0..3 {
        assert_eq!(explainable.explain(&asked).unwrap(), expected);
    }
    assert_eq!(reads.load(Relaxed), 1);
    let without = ExplainableModel::new(model, Box::new(|| None));
    assert!(matches!(without.explain(&asked), Err(ExplainError::NoTraining(_))));
}

/// A model that runs where nobody can look into it.
struct Closed(Model);

impl Predictor for Closed {
    fn memory_bytes(&self) -> u64 {
        0
    }

    fn signature(&self) -> &Signature {
        self.0.signature()
    }

    fn format(&self) -> Format {
        self.0.format()
    }

    fn predict(&self, table: &Table) -> Result<ModelOutput, PredictError> {
        Predictor::predict(&self.0, table)
    }
}

#[test]
fn a_model_that_cannot_be_explained_says_so_and_goes_on_answering() {
    let endpoint = endpoint(version(3, Arc::new(Closed(fitted("churned", &[], Learner::Linear)))), None);
    let rows = customers().take(&[0]).select(|name| name != "churned");
    let request = endpoint.read(&body(&rows, &json!({"explain": true}), &json!([])), EventTimes::Now).unwrap();
    let refused = endpoint.infer(request, Timestamp(7)).unwrap_err();
    assert_eq!((refused.status(), refused.is_the_callers()), (400, true));
    assert!(refused.to_string().contains("ask without `explain`"), "{refused}");
    assert!(endpoint.infer(endpoint.request(rows).unwrap(), Timestamp(7)).is_ok());
}

#[test]
fn a_fitted_model_answers_over_json_as_it_does_in_process() {
    let table = customers();
    let onnx = train_model(&table, &TrainOptions::new("churned")).unwrap().onnx;
    let model = Model::from_onnx(&onnx).unwrap();
    let served = version(3, Arc::new(Model::from_onnx(&onnx).unwrap()));
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
