use std::sync::Arc;

use kilter_domain::table::Column;
use kilter_inference::{Infinite, Input, InputKind, Missing, Signature, Task};
use proptest::prelude::*;

use super::*;
use crate::v2::{KnownInputs, Rows};

fn input(name: &str, kind: InputKind) -> Input {
    Input { name: name.into(), kind, missing: Missing::Allowed, infinite: Infinite::Refused, optional: false }
}

fn signature() -> Signature {
    let inputs = vec![
        input("age", InputKind::Number),
        input("plan", InputKind::Text),
        input("calls", InputKind::Integer),
        input("active", InputKind::Boolean),
    ];
    Signature { inputs, task: Task::Binary, classes: vec!["no".into(), "yes".into()], target: None }
}

fn rows_of(body: &[u8], format: ScoringFormat) -> Result<Rows, V2Error> {
    let limits = Limits { rows: 1_000, inputs: 50, ..Limits::default() };
    let signature = signature();
    let known = KnownInputs::new([&signature], &[input("since", InputKind::Time)]);
    let schema = InputSchema { known: &known, signature: &signature };
    known.rows(read_rows(body, format, schema, &limits)?, &limits)
}

fn mlflow(body: &str) -> Result<Rows, V2Error> {
    rows_of(body.as_bytes(), ScoringFormat::Json(JsonFormat::Mlflow))
}

fn csv(body: &str) -> Result<Rows, V2Error> {
    rows_of(body.as_bytes(), ScoringFormat::Csv)
}

fn refuses(read: Result<Rows, V2Error>, words: &[&str]) {
    let error = match read {
        Err(error) => error,
        Ok(rows) => panic!("accepted {rows:?}"),
    };
    assert!((400..500).contains(&error.status()));
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "`{text}` does not say `{word}`");
    }
}

fn texts(values: &[&str]) -> Column {
    Column::Text(values.iter().map(|text| Some(Arc::from(*text))).collect())
}

fn check(rows: Rows) {
    assert_eq!(rows.table.column("age").unwrap(), &Column::Float(vec![25.5, 78.0]));
    assert_eq!(rows.table.column("plan").unwrap(), &texts(&["basic", "pro"]));
    assert_eq!(rows.table.column("calls").unwrap(), &Column::Int(vec![Some(3), Some(i64::MAX)]));
    assert_eq!(rows.table.column("active").unwrap(), &Column::Bool(vec![Some(true), Some(false)]));
}

#[test]
fn the_same_rows_come_in_every_format() {
    let rows = r#"[[25.5,"basic",3,true],[78,"pro",9223372036854775807,false]]"#;
    let split =
        format!(r#"{{"dataframe_split":{{"index":[0,1],"columns":["age","plan","calls","active"],"data":{rows}}}}}"#);
    check(mlflow(&split).unwrap());
    let late =
        format!(r#"{{"dataframe_split":{{"data":{rows},"columns":["age","plan","calls","active"]}},"params":null}}"#);
    check(mlflow(&late).unwrap());
    check(mlflow(&format!(r#"{{"instances":{rows}}}"#)).unwrap());
    check(mlflow(&format!(r#"{{"inputs":{rows}}}"#)).unwrap());
    let records = r#"[{"age":25.5,"plan":"basic","calls":3,"active":true},
        {"plan":"pro","age":78,"active":false,"calls":9223372036854775807,"other":{"a":[1]}}]"#;
    check(mlflow(&format!(r#"{{"dataframe_records":{records}}}"#)).unwrap());
    check(mlflow(&format!(r#"{{"instances":{records}}}"#)).unwrap());
    let columns =
        r#"{"age":[[25.5],[78]],"plan":["basic","pro"],"calls":[3,9223372036854775807],"active":[true,false]}"#;
    check(mlflow(&format!(r#"{{"inputs":{columns}}}"#)).unwrap());
    check(csv("age,plan,calls,active,other\r\n25.5,basic,3,True,x\r\n78,\"pro\",9223372036854775807,0,y\r\n").unwrap());
    let v1 = format!(r#"{{"signature_name":"x","instances":{rows}}}"#);
    check(rows_of(v1.as_bytes(), ScoringFormat::Json(JsonFormat::KserveV1)).unwrap());
}

#[test]
fn numeric_rows_without_names_stand_in_the_order_of_the_numeric_inputs() {
    let rows = mlflow(r#"{"instances":[[25.5,3,1],[78,4,0]]}"#).unwrap();
    assert_eq!(rows.table.names(), ["age", "calls", "active"]);
    let rows = mlflow(r#"{"inputs":{"x":[[25.5,3,1],[78,4,0]]}}"#).unwrap();
    assert_eq!(rows.table.column("calls").unwrap(), &Column::Int(vec![Some(3), Some(4)]));
    refuses(mlflow(r#"{"instances":[[1,2]]}"#), &["2 values", "takes 4 inputs", "`age`, `plan`"]);
    refuses(mlflow(r#"{"instances":[1]}"#), &["1 values"]);
}

#[test]
fn missing_values_are_null_nan_or_left_out() {
    let is_expected =
        |rows: Rows| assert_eq!(format!("{:?}", rows.table.column("age").unwrap().numbers().unwrap()), "[NaN, 78.0]");
    is_expected(mlflow(r#"{"dataframe_records":[{"age":null,"plan":"NaN \" NaN"},{"age":78,"plan":null}]}"#).unwrap());
    is_expected(mlflow(r#"{"dataframe_records":[{"age":NaN,"plan":"NaN \" NaN"},{"age":78.0,"plan":null}]}"#).unwrap());
    let rows = mlflow(r#"{"dataframe_records":[{"age":NaN,"plan":"NaN \" NaN"},{"age":78.0}]}"#).unwrap();
    assert_eq!(rows.table.column("plan").unwrap(), &Column::Text(vec![Some("NaN \" NaN".into()), None]));
    is_expected(csv("age,plan\n,NA\n78.0,\n").unwrap());
    assert_eq!(
        csv("age,plan\nnan,NA\n78,\n").unwrap().table.column("plan").unwrap(),
        &Column::Text(vec![Some("NA".into()), None])
    );
    let nothing = mlflow(r#"{"dataframe_records":[{"plan":null,"calls":null,"active":null,"age":null}]}"#).unwrap();
    assert!(nothing.table.columns().all(|(_, column)| column.is_missing(0)), "{nothing:?}");
    refuses(mlflow(r#"{"instances":[{"age":Infinity}]}"#), &["not JSON"]);
}

#[test]
fn ids_entities_and_times_are_read_as_in_the_inference_protocol() {
    let rows =
        mlflow(r#"{"dataframe_records":[{"age":1,"__id":"a","__entity":"x"},{"age":2,"__id":"b","__entity":"y"}]}"#);
    let rows = rows.unwrap();
    assert_eq!(rows.ids, Some(vec!["a".into(), "b".into()]));
    assert_eq!(rows.entities, Some(vec!["x".into(), "y".into()]));
    let rows = csv("__id,age,since\n7,1,2026-03-01\n8,2,5\n").unwrap();
    assert_eq!(rows.ids, Some(vec!["7".into(), "8".into()]));
    assert_eq!(rows.table.column("since").unwrap(), &Column::Time(vec![Some(1_772_323_200_000), Some(5)]));
}

#[test]
fn params_say_which_predictions_are_wanted() {
    let limits = Limits::default();
    let signature = signature();
    let known = KnownInputs::new([&signature], &[]);
    let schema = InputSchema { known: &known, signature: &signature };
    let read = |params: &str| {
        let body = format!(r#"{{"params":{params},"instances":[{{"age":1}}]}}"#);
        read_json(body.as_bytes(), JsonFormat::Mlflow, schema, &limits)
    };
    let asked = read(r#"{"predict_method":"predict_proba","consumer":"crm","other":[1]}"#).unwrap();
    assert_eq!((asked.outputs, asked.parameters.consumer), (vec!["probabilities".to_owned()], Some("crm".into())));
    assert_eq!(read(r#"{"predict_method":"predict"}"#).unwrap().outputs, Vec::<String>::new());
    let refused = read(r#"{"predict_method":"decide"}"#).unwrap_err().to_string();
    assert!(refused.contains("predict_method") && refused.contains("predict_proba"), "{refused}");
    assert!(read("7").is_err() && read(r#"{"predict_method":7}"#).is_err());
}

#[test]
fn what_is_no_form_of_rows_is_refused_with_the_reason() {
    let one_of = "exactly one of `dataframe_split`, `dataframe_records`, `instances`, `inputs`";
    refuses(mlflow("{}"), &["gives no rows", one_of]);
    refuses(mlflow(r#"{"instances":[[1,"a",2,true]],"inputs":{"age":[1]}}"#), &["gives rows twice", one_of]);
    refuses(mlflow("[]"), &["not an inference request", "an object of rows"]);
    refuses(mlflow(r#"{"instances":3}"#), &["a list of rows"]);
    refuses(mlflow(r#"{"instances":[]}"#), &["no rows"]);
    refuses(mlflow(r#"{"instances":[[]]}"#), &["0 values"]);
    refuses(mlflow(r#"{"instances":[[1,"a",2,true],[1]]}"#), &["row 1 has 1 values", "4"]);
    refuses(mlflow(r#"{"instances":[[1,"a",2,true],[1,"a",2,true,5]]}"#), &["row 1 has more than 4"]);
    refuses(mlflow(r#"{"instances":[{"age":1},[1]]}"#), &["row 1 is a list"]);
    refuses(mlflow(r#"{"instances":[[1,"a",2,true],{"age":1}]}"#), &["row 1 is an object"]);
    refuses(mlflow(r#"{"instances":[{"age":1},3]}"#), &["row 1 is a value"]);
    refuses(mlflow(r#"{"instances":[{"age":1,"age":2}]}"#), &["`age` stands twice"]);
    refuses(mlflow(r#"{"instances":[{"age":[1]}]}"#), &["a number, a text, true, false or null"]);
    refuses(mlflow(r#"{"instances":[{"years":1}]}"#), &["none of the model's inputs", "`age`"]);
    refuses(mlflow(r#"{"dataframe_split":{"columns":["age"],"data":[[1,2]]}}"#), &["names 1 columns", "2 values"]);
    refuses(mlflow(r#"{"dataframe_split":{"columns":["age"]}}"#), &["no `data`"]);
    refuses(mlflow(r#"{"dataframe_split":{"columns":["age"],"data":[{"age":1}]}}"#), &["no `data`"]);
    refuses(mlflow(r#"{"dataframe_split":{"columns":["age","age"],"data":[[1,2]]}}"#), &["`age` stands twice"]);
    refuses(mlflow(r#"{"inputs":{"age":[[1,2]]}}"#), &["`age` has 2 columns"]);
    refuses(mlflow(r#"{"inputs":{"age":[1,2],"calls":[1]}}"#), &["`calls` has 1 rows", "`age` has 2"]);
    refuses(mlflow(&format!(r#"{{"instances":[{}1]}}"#, "1,".repeat(1_000))), &["1001 rows", "1000"]);
    refuses(mlflow(&"[".repeat(100_000)), &["not"]);
    refuses(mlflow(&format!(r#"{{"instances":{}"#, "[".repeat(100_000))), &["not"]);
    let v1 = rows_of(br#"{"dataframe_records":[{"age":1}]}"#, ScoringFormat::Json(JsonFormat::KserveV1));
    refuses(v1, &["exactly one of `instances`, `inputs`"]);
}

#[test]
fn values_of_a_column_are_of_one_kind_and_nothing_is_rounded() {
    refuses(
        mlflow(r#"{"instances":[{"age":1},{"age":"2"}]}"#),
        &["`age`", "\"2\" in row 1", "whole numbers before it"],
    );
    refuses(mlflow(r#"{"instances":[{"active":true},{"active":1}]}"#), &["`active`", "truth values"]);
    refuses(mlflow(r#"{"instances":[{"calls":1.5}]}"#), &["`calls`", "1.5", "whole number"]);
    refuses(
        mlflow(r#"{"instances":[{"calls":9223372036854775808}]}"#),
        &["`calls`", "9223372036854775808", "64 signed bits"],
    );
    refuses(mlflow(r#"{"instances":[{"age":9007199254740993},{"age":0.5}]}"#), &["`age`", "0.5 in row 1"]);
    refuses(mlflow(r#"{"instances":[{"age":0.5},{"age":9007199254740993}]}"#), &["`age`", "9007199254740993"]);
    refuses(csv("calls\n1.5\n"), &["`calls`", "1.5"]);
    refuses(csv("age\nold\n"), &["`age`", "\"old\" in row 0", "a number"]);
    refuses(csv("calls\n9223372036854775808\n"), &["`calls`", "9223372036854775808"]);
    refuses(csv("active\nperhaps\n"), &["`active`", "true or false"]);
    assert_eq!(csv("calls\n3.0\n\n4\n").unwrap().table.column("calls").unwrap(), &Column::Int(vec![Some(3), Some(4)]));
}

#[test]
fn a_file_that_is_no_table_is_refused() {
    refuses(csv(""), &["no rows"]);
    refuses(csv("age\n"), &["no rows"]);
    refuses(csv("years\n1\n"), &["none of the model's inputs"]);
    refuses(csv("age,plan\n1\n"), &["row 0 has 1 cells", "2"]);
    refuses(rows_of(b"age\n\xff\n", ScoringFormat::Csv), &["not UTF-8 from byte 4"]);
    refuses(csv(&vec!["age"; 60].join(",")), &["at most 50"]);
    assert_eq!(csv("\u{feff}age\n1").unwrap().table.rows(), 1);
    let quoted = csv("plan\n\"a \"\"b\"\", c\nd\"\n").unwrap();
    assert_eq!(quoted.table.column("plan").unwrap(), &texts(&["a \"b\", c\nd"]));
}

#[test]
fn records_that_leave_out_columns_cost_no_memory_beyond_the_body() {
    let limits = Limits::default();
    let wide = Signature {
        inputs: (0..1_000).map(|at| input(&format!("c{at}"), InputKind::Number)).collect(),
        task: Task::Regression,
        classes: vec![],
        target: None,
    };
    let known = KnownInputs::new([&wide], &[]);
    let schema = InputSchema { known: &known, signature: &wide };
    let full: Vec<String> = (0..1_000).map(|at| format!("\"c{at}\":1")).collect();
    let body = format!("{{\"instances\":[{{{}}}{}]}}", full.join(","), ",{}".repeat(50_000));
    let refused = read_json(body.as_bytes(), JsonFormat::Mlflow, schema, &limits).unwrap_err().to_string();
    assert!(refused.contains("leave out most"), "{refused}");
}

proptest! {
    #[test]
    fn rows_of_a_frame_read_back(
        rows in prop::collection::vec((prop::num::f64::NORMAL, "[a-z,\"\n ]{1,8}", any::<i64>(), any::<bool>()), 1..20),
    ) {
        let data: Vec<serde_json::Value> =
            rows.iter().map(|(age, plan, calls, active)| serde_json::json!([age, plan, calls, active])).collect();
        let body = serde_json::json!({ "dataframe_split": { "columns": ["age", "plan", "calls", "active"], "data": data } });
        let read = mlflow(&body.to_string()).unwrap();
        let mut lines = String::from("age,plan,calls,active\n");
        for (age, plan, calls, active) in &rows {
            lines += &format!("{age:?},\"{}\",{calls},{active}\n", plan.replace('"', "\"\""));
        }
        let from_csv = csv(&lines).unwrap();
        for read in [&read, &from_csv] {
            prop_assert_eq!(read.table.column("age").unwrap(), &Column::Float(rows.iter().map(|row| row.0).collect()));
            prop_assert_eq!(read.table.column("plan").unwrap(), &Column::Text(rows.iter().map(|row| Some(row.1.as_str().into())).collect()));
            prop_assert_eq!(read.table.column("calls").unwrap(), &Column::Int(rows.iter().map(|row| Some(row.2)).collect()));
            prop_assert_eq!(read.table.column("active").unwrap(), &Column::Bool(rows.iter().map(|row| Some(row.3)).collect()));
        }
    }

    #[test]
    fn hostile_bodies_are_answered(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "{", "}", "[", "]", ",", ":", "1", "-2.5", "null", "NaN", "true", "\"age\"", "\"plan\"", "\"instances\"", "\"inputs\"",
            "\"dataframe_split\"", "\"columns\"", "\"data\"", "\"dataframe_records\"", "\"params\"", "\\", "\"", "9223372036854775808",
        ]), 0..40),
        bytes in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let body = pieces.concat();
        for body in [body.as_bytes(), &bytes] {
            for format in [JsonFormat::Mlflow, JsonFormat::KserveV1] {
                let _ = rows_of(body, ScoringFormat::Json(format));
            }
            let _ = rows_of(body, ScoringFormat::Csv);
        }
        let inside = format!("{{\"instances\":[{}]}}", pieces.concat());
        let _ = mlflow(&inside);
    }
}

#[test]
fn limits_hold_for_the_body_as_a_whole() {
    let limits = Limits { body_bytes: 10, ..Limits::default() };
    let signature = signature();
    let known = KnownInputs::new([&signature], &[]);
    let schema = InputSchema { known: &known, signature: &signature };
    let body = br#"{"instances":[[1]]}"#;
    for format in [ScoringFormat::Json(JsonFormat::Mlflow), ScoringFormat::Csv] {
        assert_eq!(read_rows(body, format, schema, &limits).unwrap_err().status(), 413);
    }
}

mod predictions {
    use kilter_domain::{
        deployment::AdmissionPolicy, digest::Digest, model::VersionState, table::Table, time::Timestamp,
    };
    use kilter_inference::PredictError;

    use super::*;
    use crate::{
        counters::ScoreEdges,
        endpoint::{EndpointOptions, LoadRequest, ModelOutput, Predictor, Routes, ServedVersion},
        prediction_log::VersionRef,
    };

    /// Answers the second class with the probability `age`.
    struct Model(Signature);

    impl Predictor for Model {
        fn memory_bytes(&self) -> u64 {
            0
        }

        fn signature(&self) -> &Signature {
            &self.0
        }

        fn format(&self) -> kilter_inference::Format {
            kilter_inference::Format::Onnx
        }

        fn predict(&self, table: &Table) -> Result<ModelOutput, PredictError> {
            let scores = table.column("age").unwrap().numbers().unwrap();
            let of = |score: &f64| Arc::from(self.0.classes[usize::from(*score > 0.5)].as_str());
            let is_classifier = self.0.task == Task::Binary;
            Ok(ModelOutput {
                labels: is_classifier.then(|| scores.iter().map(of).collect()),
                probabilities: is_classifier
                    .then(|| scores.iter().flat_map(|score| [1.0 - *score as f32, *score as f32]).collect()),
                scores,
            })
        }
    }

    fn answered(task: Task, classes: &[&str], body: &str) -> Result<serde_json::Value, InferError> {
        let classes = classes.iter().map(|class| (*class).to_owned()).collect();
        let signature = Signature { inputs: vec![input("age", InputKind::Number)], task, classes, target: None };
        let version = VersionRef { number: 3, digest: Digest::of(b"3") };
        let admission = LoadRequest {
            version,
            model: version.digest,
            state: VersionState::Approved,
            admits: AdmissionPolicy::Approved,
            threshold: None,
        };
        let served =
            ServedVersion::with_predictor(Arc::new(Model(signature)), &admission, ScoreEdges::default()).unwrap();
        let options = EndpointOptions { limits: Limits::default(), id_prefix: "p".into() };
        let endpoint = Endpoint::new("churn".parse().unwrap(), options, None);
        endpoint.deploy(Routes::new(Arc::new(served), None, &[]).unwrap());
        let request = read(&endpoint, body.as_bytes(), ScoringFormat::Json(JsonFormat::Mlflow))?;
        let answer = endpoint.infer(request, Timestamp(0))?;
        Ok(serde_json::from_slice(&write_predictions(&answer)).unwrap())
    }

    #[test]
    fn predictions_are_classes_values_or_probabilities() {
        let rows = r#"{"instances":[0.25,0.75],"params":{"prediction_id":"o"}}"#;
        let of = |predictions: serde_json::Value| serde_json::json!({ "predictions": predictions, "prediction_ids": ["o-0", "o-1"], "model_version": "3" });
        assert_eq!(answered(Task::Binary, &["no", "yes"], rows).unwrap(), of(serde_json::json!(["no", "yes"])));
        assert_eq!(answered(Task::Binary, &["0", "1"], rows).unwrap(), of(serde_json::json!([0, 1])));
        assert_eq!(answered(Task::Binary, &["00", "1"], rows).unwrap(), of(serde_json::json!(["00", "1"])));
        assert_eq!(answered(Task::Regression, &[], rows).unwrap(), of(serde_json::json!([0.25, 0.75])));
        let probabilities = rows.replace("\"params\":{", "\"params\":{\"predict_method\":\"predict_proba\",");
        let expected = of(serde_json::json!([[0.75, 0.25], [0.25, 0.75]]));
        assert_eq!(answered(Task::Binary, &["0", "1"], &probabilities).unwrap(), expected);
        let refused = answered(Task::Regression, &[], &probabilities).unwrap_err();
        assert!(refused.status() == 400 && refused.to_string().contains("`probabilities`"), "{refused}");
        let missing = answered(Task::Regression, &[], r#"{"instances":[null,1]}"#).unwrap();
        assert_eq!(missing["predictions"], serde_json::json!([null, 1.0]));
    }
}
