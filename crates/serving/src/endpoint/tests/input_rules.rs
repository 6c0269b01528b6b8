//! The rules of versions at an endpoint: what is refused, marked, replaced, recorded and counted.

use std::collections::BTreeMap;

use kilter_domain::input_rule::{InputCheck, InputPolicy, InputRule, InputValue};
use serde_json::json;

use super::*;
use crate::{input_rules::InputRules, prediction_log::RecordDetails};

fn range(policy: InputPolicy, impute: Option<InputValue>) -> InputRule {
    InputRule { input: "x".into(), check: InputCheck::Range { min: Some(0.0), max: Some(1.0) }, policy, impute }
}

fn null(policy: InputPolicy, impute: Option<InputValue>) -> InputRule {
    InputRule { input: "x".into(), check: InputCheck::Null, policy, impute }
}

fn plans(policy: InputPolicy) -> InputRule {
    let values = vec![InputValue::Text("basic".into()), InputValue::Text("plus".into())];
    InputRule { input: "plan".into(), check: InputCheck::Values { values }, policy, impute: None }
}

fn ruled(number: u64, add: f64, rules: &[InputRule]) -> Arc<ServedVersion> {
    let admission = admission(number);
    let served = ServedVersion::with_predictor(Arc::new(fake(add)), &admission, ScoreEdges::default()).unwrap();
    Arc::new(served.with_input_rules(InputRules::new(rules, &BTreeMap::new())))
}

fn rows(served: &ServedVersion) -> Vec<u64> {
    served.input_rules().counts().iter().map(|count| count.rows).collect()
}

fn details(batch: &PredictionBatch) -> &RecordDetails {
    batch.details.as_deref().expect("its rows were marked")
}

const TWO: &str = r#"{"inputs":[{"name":"x","shape":[2],"datatype":"FP64","data":[0.25,7.5]},
    {"name":"plan","shape":[2],"datatype":"BYTES","data":["basic","gold"]},
    {"name":"__id","shape":[2],"datatype":"BYTES","data":["a","b"]}]}"#;

#[test]
fn a_value_that_a_rule_refuses_is_answered_with_400_and_not_recorded() {
    let served = ruled(7, 0.0, &[plans(InputPolicy::Flag), range(InputPolicy::Reject, None)]);
    let world = World::serving(&served, None);
    let error = world.infer(TWO).unwrap_err();
    assert_eq!((error.status(), error.code(), error.row()), (400, "bad_request", Some(1)));
    assert_eq!(
        error.to_string(),
        "version 7 could not score the request: the input `x` is `7.5` in row 1, and the model takes numbers from 0 to 1 there"
    );
    assert_eq!((rows(&served), served.counts().refused, world.batches().len()), (vec![1, 0], 1, 0));
}

#[test]
fn a_marked_row_is_answered_and_its_record_says_why() {
    let served = ruled(7, 0.0, &[plans(InputPolicy::Flag), range(InputPolicy::Flag, None)]);
    let world = World::serving(&served, None);
    let answer = world.infer(TWO).unwrap();
    assert_eq!(answer["parameters"], json!({"flagged": "values(plan)=1, range(x)=1"}));
    assert_eq!(answer["outputs"][0]["data"], json!([0.25, 7.5]));
    let [batch] = &world.batches()[..] else { panic!("one batch was recorded") };
    assert_eq!(details(batch).flagged, [None, Some("values(plan), range(x)".into())]);
    assert!(details(batch).imputed.is_empty());
    assert_eq!(rows(&served), [1, 1]);
    let clean = world.infer(&body(&["c"], &[0.5])).unwrap();
    assert!(clean.get("parameters").is_none(), "{clean}");
    assert_eq!(world.batches()[1].details, None);
}

#[test]
fn the_model_is_given_what_is_put_in_and_statistics_count_what_was_sent() {
    let watched = TrackedColumn {
        name: "x".into(),
        kind: ColumnKind::Feature,
        reference: ReferenceDistribution::Numeric(NumericReference::of(&[0.0, 0.5, 1.0]).unwrap()),
    };
    let stats = Arc::new(ColumnStats::new(vec![watched]));
    let rules = [null(InputPolicy::Impute, Some(InputValue::Number(0.75)))];
    let served = ServedVersion::with_predictor(Arc::new(fake(0.0)), &admission(7), ScoreEdges::default()).unwrap();
    let served = served.with_input_rules(InputRules::new(&rules, &BTreeMap::new())).with_column_stats(stats.clone());
    let world = World::serving(&Arc::new(served), None);
    let answer = world.infer(r#"{"inputs":[{"name":"x","shape":[2],"datatype":"FP64","data":[null,0.5]}]}"#).unwrap();
    assert_eq!(
        (&answer["parameters"], &answer["outputs"][0]["data"]),
        (&json!({"imputed": "null(x)=1"}), &json!([0.75, 0.5]))
    );
    let [batch] = &world.batches()[..] else { panic!("one batch was recorded") };
    assert_eq!(batch.features.get("x"), Some(&Column::Float(vec![0.75, 0.5])), "what the score was made of");
    assert_eq!(details(batch).imputed, [Some("null(x)".into()), None]);
    let [bucket] = &stats.take_buckets()[..] else { panic!("one hour was counted") };
    let ColumnCounts::Numeric(counts) = &bucket.window.columns[0] else { panic!("it is numeric") };
    assert_eq!((counts.rows, counts.missing), (2, 1));
}

#[test]
fn versions_side_by_side_have_their_own_rules() {
    let strict = ruled(8, 0.25, &[range(InputPolicy::Reject, None)]);
    let champion = ruled(7, 0.0, &[range(InputPolicy::Flag, None)]);
    let canary = Candidate { version: strict.clone(), mode: Mode::Canary { percent: 100 } };
    let world = World::serving(&champion, Some(canary));
    let answer = world.infer(&body(&["a"], &[7.5])).unwrap();
    let parameters = json!({ "flagged": "range(x)=1", "route": "fallback" });
    assert_eq!((&answer["model_version"], &answer["parameters"]), (&"7".into(), &parameters));
    let counts = strict.counts();
    assert_eq!((counts.refused, counts.errors, rows(&strict)), (1, 0, vec![1]), "a stricter rule is no failure");

    let shadow = Candidate { version: strict.clone(), mode: Mode::Shadow };
    let world = World::serving(&champion, Some(shadow));
    world.infer(&body(&["a"], &[7.5])).unwrap();
    assert_eq!((strict.counts().refused, strict.counts().errors), (2, 0));
    assert_eq!(world.batches().len(), 1, "what the shadow refuses it does not record");
}

#[test]
fn a_shadow_records_the_values_that_only_it_was_given() {
    let rules = [null(InputPolicy::Impute, Some(InputValue::Number(0.5)))];
    let champion = ruled(7, 0.0, &[null(InputPolicy::Impute, Some(InputValue::Number(0.25)))]);
    let shadow = Candidate { version: ruled(8, 0.0, &rules), mode: Mode::Shadow };
    let world = World::serving(&champion, Some(shadow));
    world.infer(r#"{"inputs":[{"name":"x","shape":[1],"datatype":"FP64","data":[null]}]}"#).unwrap();
    let batches = world.batches_of(2);
    let given = batches.iter().map(|batch| (batch.role, batch.features.get("x").cloned(), batch.scores[0]));
    assert_eq!(
        given.collect::<Vec<_>>(),
        [(Role::Champion, Some(Column::Float(vec![0.25])), 0.25), (Role::Shadow, Some(Column::Float(vec![0.5])), 0.5),]
    );
}

#[test]
fn the_row_of_a_refusal_is_that_of_the_request() {
    let ids = many_ids(40);
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let champion = ruled(7, 0.0, &[range(InputPolicy::Reject, None)]);
    let canary = Candidate { version: version(8, fake(0.25)), mode: Mode::Canary { percent: 50 } };
    let world = World::serving(&champion, Some(canary));
    let answer = world.infer(&body(&ids, &[0.5; 40])).unwrap();
    let versions: Vec<u64> = serde_json::from_value(answer["outputs"][3]["data"].clone()).unwrap();
    let last = versions.iter().rposition(|version| *version == 7).unwrap();
    let mut x = [0.5; 40];
    x[last] = 9.0;
    assert_eq!(world.infer(&body(&ids, &x)).unwrap_err().row(), Some(last));
}

#[test]
fn a_block_has_the_numbers_in_the_order_of_the_signature_and_its_rules_hold() {
    let mut wider = fake(0.0);
    wider.signature.inputs.push(input("visits", InputKind::Integer, Missing::Refused));
    wider.signature.inputs.insert(0, input("age", InputKind::Number, Missing::Allowed));
    let age = InputRule { input: "age".into(), ..range(InputPolicy::Flag, None) };
    let served = ServedVersion::with_predictor(Arc::new(wider), &admission(7), ScoreEdges::default()).unwrap();
    let served = Arc::new(served.with_input_rules(InputRules::new(&[age], &BTreeMap::new())));
    let world = World::serving(&served, None);
    // `age`, `x` and `visits` are numbers, `plan` between the last two is none.
    let answer = world
        .infer(r#"{"inputs":[{"name":"input","shape":[2,3],"datatype":"FP64","data":[[0.5,0.25,3],[2,0.75,4]]}]}"#);
    let answer = answer.unwrap();
    assert_eq!(answer["outputs"][0]["data"], json!([0.25, 0.75]));
    assert_eq!(answer["parameters"], json!({"flagged": "range(age)=1"}));
    let [batch] = &world.batches()[..] else { panic!("one batch was recorded") };
    assert_eq!(batch.features.get("age"), Some(&Column::Float(vec![0.5, 2.0])));
    assert_eq!(batch.features.get("visits"), Some(&Column::Int(vec![Some(3), Some(4)])));
}
