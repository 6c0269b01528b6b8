use std::sync::Arc;

use kilter_domain::{table::Column, time::Timestamp};
use kilter_inference::{Format, Infinite, Input, InputKind, Missing, Signature, Task};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{response::check_outputs, *};

fn input(name: &str, kind: InputKind) -> Input {
    Input { name: name.into(), kind, missing: Missing::Allowed, infinite: Infinite::Refused, optional: false }
}

fn signature() -> Signature {
    let inputs = vec![
        input("tenure", InputKind::Number),
        input("plan", InputKind::Text),
        input("calls", InputKind::Integer),
        input("active", InputKind::Boolean),
        input("since", InputKind::Time),
    ];
    Signature { inputs, task: Task::Binary, classes: vec!["no".into(), "yes".into()], target: None }
}

fn read(body: &str) -> Result<Rows, V2Error> {
    let limits = Limits { rows: 1_000, ..Limits::default() };
    let known = KnownInputs::new([&signature()], &[input("gender", InputKind::Text)]);
    known.rows(read_request(body.as_bytes(), &limits)?, &limits)
}

fn tensor(name: &str, shape: &str, datatype: &str, data: &str) -> String {
    format!(r#"{{"inputs":[{{"name":"{name}","shape":{shape},"datatype":"{datatype}","data":{data}}}]}}"#)
}

fn column(body: &str) -> Column {
    let rows = read(body).unwrap_or_else(|error| panic!("{body}: {error}"));
    let (_, column) = rows.table.columns().next().unwrap();
    column.clone()
}

/// Every part of `words` stands in the error, in that order.
fn refuses(body: &str, words: &[&str]) {
    let error = match read(body) {
        Err(error) => error,
        Ok(rows) => panic!("accepted {body} as {rows:?}"),
    };
    assert!((400..500).contains(&error.status()));
    let text = error.to_string();
    let mut rest = text.as_str();
    for word in words {
        rest = rest.split_once(word).unwrap_or_else(|| panic!("`{text}` does not say `{word}`")).1;
    }
}

#[test]
fn columns_come_flat_or_nested_and_in_any_order_of_fields() {
    let expected = Column::Float(vec![1.5, 2.0, f64::NAN]);
    for body in [
        tensor("tenure", "[3]", "FP64", "[1.5, 2, null]"),
        tensor("tenure", "[3,1]", "FP64", "[1.5, 2, null]"),
        tensor("tenure", "[3,1]", "FP64", "[[1.5], [2], [null]]"),
        r#"{"inputs":[{"data":[[1.5],[2],[null]],"datatype":"FP64","name":"tenure","shape":[3,1]}],"x":[[[[1]]]]}"#.into(),
        r#"{"parameters":{"y":{"a":[1]}},"inputs":[{"shape":[3],"data":[1.5,2,null],"name":"tenure","parameters":{},"datatype":"FP64"}]}"#.into(),
    ] {
        let found = column(&body);
        assert_eq!(format!("{found:?}"), format!("{expected:?}"), "{body}");
    }
}

#[test]
fn whole_numbers_of_64_bits_survive_to_the_last_digit() {
    let found = column(&tensor("calls", "[3]", "INT64", "[9223372036854775807,-9223372036854775808,9007199254740993]"));
    assert_eq!(found, Column::Int(vec![Some(i64::MAX), Some(i64::MIN), Some(9_007_199_254_740_993)]));
    assert_eq!(column(&tensor("calls", "[1]", "UINT64", "[9223372036854775807]")), Column::Int(vec![Some(i64::MAX)]));
    refuses(
        &tensor("calls", "[1]", "UINT64", "[18446744073709551615]"),
        &["`calls`", "18446744073709551615", "64-bit signed"],
    );
    refuses(&tensor("calls", "[1]", "INT64", "[9223372036854775808]"), &["9223372036854775808", "INT64"]);
    refuses(&tensor("calls", "[1]", "INT64", "[9007199254740993.0]"), &["INT64"]);
}

#[test]
fn every_datatype_takes_what_it_holds_and_nothing_else() {
    for (datatype, good, bad) in [
        ("INT8", "-128", "300"),
        ("INT8", "127.0", "128"),
        ("INT16", "32767", "-32769"),
        ("INT32", "-2147483648", "1.5"),
        ("UINT8", "255", "-1"),
        ("UINT16", "65535", "65536"),
        ("UINT32", "4294967295", "4294967296"),
        ("INT32", "null", "true"),
        ("INT64", "1e3", "\"7\""),
        ("FP16", "65504", "65520"),
        ("FP32", "3.4e38", "3.5e38"),
        ("FP64", "1e308", "\"1\""),
        ("FP64", "1", "false"),
        ("BOOL", "1", "2"),
        ("BOOL", "true", "0.5"),
        ("INT8", "0", "{\"a\":[1]}"),
    ] {
        let name = if datatype == "BOOL" { "active" } else { "tenure" };
        let body = |value: &str| tensor(name, "[2]", datatype, &format!("[0, {value}]"));
        assert_eq!(read(&body(good)).unwrap().table.rows(), 2, "{datatype} {good}");
        refuses(&body(bad), &[&format!("`{name}`"), "position 1", datatype]);
    }
    assert_eq!(column(&tensor("tenure", "[1]", "FP32", "[0.1]")), Column::Float(vec![f64::from(0.1f32)]));
}

#[test]
fn one_block_gives_all_numeric_inputs_in_the_order_of_the_signature() {
    let rows = read(&tensor("anything", "[2,3]", "FP64", "[[1.5,7,1],[2.5,8,0]]")).unwrap();
    let names: Vec<&str> = rows.table.columns().map(|(name, _)| name).collect();
    assert_eq!(names, ["tenure", "calls", "active"]);
    assert_eq!(rows.table.column("tenure").unwrap(), &Column::Float(vec![1.5, 2.5]));
    assert_eq!(rows.table.column("calls").unwrap(), &Column::Int(vec![Some(7), Some(8)]));
    assert_eq!(rows.table.column("active").unwrap(), &Column::Bool(vec![Some(true), Some(false)]));
    refuses(
        &tensor("x", "[1,2]", "FP64", "[1,2]"),
        &["`x` has 2 columns", "takes 3 numeric", "`tenure`, `calls`, `active`"],
    );
    refuses(&tensor("x", "[1,3]", "FP64", "[1.5,7.5,1]"), &["`calls`", "7.5", "row 0", "whole number"]);
    let and_again = r#"{"inputs":[{"name":"x","shape":[1,3],"datatype":"FP64","data":[1,2,0]},
        {"name":"calls","shape":[1],"datatype":"INT64","data":[2]}]}"#;
    refuses(and_again, &["`calls`", "block"]);
}

#[test]
fn unknown_inputs_are_refused_with_the_nearest_name_and_the_list() {
    refuses(
        &tensor("tenuer", "[1]", "FP64", "[1]"),
        &["no input `tenuer`", "did you mean `tenure`?", "`plan`", "`gender`"],
    );
    refuses(&tensor("zzz", "[1]", "FP64", "[1]"), &["no input `zzz`; the model takes `tenure`"]);
    refuses(&tensor("__secret", "[1]", "FP64", "[1]"), &["`__secret`", "`__id`"]);
}

#[test]
fn kinds_are_converted_only_where_nothing_is_lost() {
    assert_eq!(
        column(&tensor("since", "[1]", "BYTES", "[\"2026-03-01\"]")),
        Column::Time(vec![Some(1_772_323_200_000)])
    );
    assert_eq!(column(&tensor("since", "[1]", "INT64", "[5]")), Column::Time(vec![Some(5)]));
    assert_eq!(column(&tensor("gender", "[1]", "BYTES", "[\"f\\u00fc\"]")), Column::Text(vec![Some("fü".into())]));
    refuses(&tensor("since", "[1]", "BYTES", "[\"soon\"]"), &["`since`", "soon", "row 0", "a time"]);
    refuses(&tensor("plan", "[1]", "INT64", "[1]"), &["`plan` is INT64", "a text (BYTES)"]);
    refuses(&tensor("tenure", "[1]", "BYTES", "[\"1\"]"), &["`tenure` is BYTES", "a number"]);
    refuses(&tensor("active", "[1]", "INT64", "[2]"), &["`active`", "true or false"]);
    refuses(&tensor("tenure", "[1,2]", "FP64", "[1,2]"), &["`tenure` has 2 columns", "[rows, 1]"]);
}

#[test]
fn lengths_and_shapes_that_disagree_are_named() {
    refuses(&tensor("tenure", "[3]", "FP64", "[1,2]"), &["`tenure` has 2 values", "[3]", "3"]);
    refuses(&tensor("tenure", "[1]", "FP64", "[1,2]"), &["`tenure` has more than 1 values"]);
    refuses(&tensor("x", "[2,3]", "FP64", "[[1,2,3],[4,5]]"), &["`x`", "list of 2", "3"]);
    refuses(&tensor("x", "[2,3]", "FP64", "[[1,2,3],4,5,6]"), &["`x` mixes"]);
    refuses(&tensor("x", "[2,3]", "FP64", "[1,[2,3],4]"), &["`x` mixes"]);
    refuses(&tensor("x", "[2,3]", "FP64", "[[[1,2,3]]]"), &["`x` nests", "deeper"]);
    refuses(&tensor("x", "[2,3]", "FP64", "5"), &["`x`", "not a list"]);
    refuses(&tensor("x", "[2,3]", "FP64", "[[1,2,3],[4,5,6],[]]"), &["`x`", "3"]);
    for shape in ["[]", "[-1]", "[1.5]", "[1,1,1]", "[null]", "[[1]]", "[18446744073709551616]"] {
        refuses(&tensor("tenure", shape, "FP64", "[1]"), &["`tenure`", "shape"]);
    }
    let differ = r#"{"inputs":[{"name":"tenure","shape":[1],"datatype":"FP64","data":[1]},
        {"name":"calls","shape":[2],"datatype":"INT64","data":[1,2]}]}"#;
    refuses(differ, &["`calls` has 2 rows", "`tenure` has 1"]);
    refuses(&tensor("tenure", "[0]", "FP64", "[]"), &["no rows"]);
    refuses(&tensor("x", "[0,3]", "FP64", "[]"), &["no rows"]);
    refuses(&tensor("tenure", "[1001]", "FP64", &format!("[{}1]", "1,".repeat(1_000))), &["1001 rows", "1000"]);
}

#[test]
fn a_tensor_that_lacks_or_repeats_something_is_named() {
    for (body, words) in [
        (r#"{"inputs":[{"shape":[1],"datatype":"FP64","data":[1]}]}"#, vec!["number 0 has no `name`"]),
        (r#"{"inputs":[{"name":"tenure","datatype":"FP64","data":[1]}]}"#, vec!["`tenure` has no `shape`"]),
        (r#"{"inputs":[{"name":"tenure","shape":[1],"data":[1]}]}"#, vec!["`tenure` has no `datatype`"]),
        (r#"{"inputs":[{"name":"tenure","shape":[1],"datatype":"FP64"}]}"#, vec!["`tenure` has no `data`"]),
        (r#"{"inputs":[{"name":7}]}"#, vec!["number 0", "name"]),
        (r#"{"inputs":[{"name":"tenure","datatype":"FLOAT"}]}"#, vec!["`tenure`", "`FLOAT`", "FP32"]),
        (r#"{"inputs":[{"name":"tenure","datatype":3}]}"#, vec!["`tenure`", "datatype"]),
        (r#"{"inputs":[{"name":"a","name":"b"}]}"#, vec!["`a`", "`name` twice"]),
        (r#"{"inputs":[{"name":"a","data":[1],"data":[1]}]}"#, vec!["`a`", "`data` twice"]),
        (r#"{"inputs":[3]}"#, vec!["input number 0"]),
        (r#"{"inputs":{}}"#, vec!["a list of tensors"]),
        (r#"{"inputs":[]}"#, vec!["no `inputs`"]),
        (r#"{}"#, vec!["no `inputs`"]),
        (r#"[]"#, vec!["not an inference request"]),
        (r#""#, vec!["not JSON"]),
        (
            r#"{"inputs":[{"name":"tenure","shape":[1],"datatype":"FP64","data":[NaN]}]}"#,
            vec!["not JSON", "write null"],
        ),
        (
            "{\n\"inputs\":[{\"name\":\"tenure\",\"shape\":[1],\"datatype\":\"FP64\",\"data\":[-Infinity]}]}",
            vec!["line 2", "write null"],
        ),
        (r#"{"inputs":[{"name":"tenure","shape":[1],"datatype":"FP64","data":[1]}]} x"#, vec!["trailing"]),
        (
            r#"{"inputs":[{"name":"tenure","shape":[1],"datatype":"FP64","data":[1]}],"parameters":{"time":"noon"}}"#,
            vec!["`time`", "not a time"],
        ),
        (r#"{"id":5,"inputs":[]}"#, vec!["`id` must be a text"]),
    ] {
        refuses(body, &words);
    }
}

#[test]
fn ids_entities_and_times_come_row_by_row_or_from_parameters() {
    let own = r#"{"id":"r","inputs":[{"name":"tenure","shape":[2],"datatype":"FP64","data":[1,2]},
        {"name":"__id","shape":[2],"datatype":"BYTES","data":["a","b"]},
        {"name":"__entity","shape":[2,1],"datatype":"INT64","data":[[7],[8]]},
        {"name":"__time","shape":[2],"datatype":"INT64","data":[5,6]}]}"#;
    let texts = |texts: [&str; 2]| Some(texts.map(Arc::from).to_vec());
    let rows = read(own).unwrap();
    assert_eq!((rows.ids, rows.entities), (texts(["a", "b"]), texts(["7", "8"])));
    assert_eq!(rows.times, Some(vec![Timestamp(5), Timestamp(6)]));
    assert_eq!(rows.table.names(), ["tenure"]);

    let by_parameters = r#"{"id":"r","parameters":{"entity":"e","time":9,"consumer":"crm"},
        "inputs":[{"name":"tenure","shape":[2],"datatype":"FP64","data":[1,2]}]}"#;
    let rows = read(by_parameters).unwrap();
    assert_eq!((rows.ids, rows.entities), (texts(["r-0", "r-1"]), texts(["e", "e"])));
    assert_eq!(rows.times, Some(vec![Timestamp(9); 2]));
    let one = r#"{"id":"r","inputs":[{"name":"tenure","shape":[1],"datatype":"FP64","data":[1]}]}"#;
    assert_eq!(read(one).unwrap().ids, Some(vec!["r".into()]));
    assert_eq!(read(&one.replace(r#""r""#, r#""""#)).unwrap().ids, None);
}

#[test]
fn ids_must_be_there_unique_and_short() {
    let ids = |data: &str| {
        let first = r#"{"name":"tenure","shape":[2],"datatype":"FP64","data":[1,2]}"#;
        format!(r#"{{"inputs":[{first},{{"name":"__id","shape":[2],"datatype":"BYTES","data":{data}}}]}}"#)
    };
    let only_ids = tensor("__id", "[1]", "BYTES", "[\"a\"]");
    refuses(&only_ids, &["none of the model's inputs", "`tenure`"]);
    refuses(&ids(r#"["a","a"]"#), &["`__id`", "`a`", "row 1", "unique"]);
    refuses(&ids(r#"["a",null]"#), &["`__id`", "row 1"]);
    refuses(&ids(r#"["","a"]"#), &["`__id`", "row 0"]);
    refuses(&ids(&format!(r#"["a","{}"]"#, "x".repeat(300))), &["300 bytes", "256"]);
    let long = format!(r#"{{"parameters":{{"consumer":"{}"}},"inputs":[]}}"#, "x".repeat(300));
    refuses(&long, &["`consumer`", "300 bytes"]);
}

#[test]
fn hostile_bodies_cost_nothing_and_get_an_answer() {
    let nested = "[".repeat(100_000);
    refuses(&nested, &["not an inference request"]);
    refuses(&tensor("tenure", "[1]", "FP64", &nested), &["`tenure`", "deeper"]);
    refuses(&format!(r#"{{"inputs":[{{"data":{nested}"#), &["not JSON"]);
    refuses(&format!(r#"{{"other":{nested}"#), &["not JSON"]);
    refuses(&format!(r#"{{"parameters":{{"x":{nested}"#), &["not JSON"]);
    refuses(&format!(r#"{{"parameters":{nested}"#), &["not an inference request"]);
    refuses(&format!(r#"{{"inputs":[{{"name":{nested}"#), &["not JSON"]);
    let closed = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    refuses(
        &format!(r#"{{"inputs":[{{"data":{closed},"name":"tenure","shape":[1],"datatype":"FP64"}}]}}"#),
        &["`tenure`", "deeper"],
    );
    refuses(&tensor("x", "[4611686018427387904,4611686018427387904]", "FP64", "[1]"), &["`x`", "4611686018427387904"]);
    refuses(&tensor("x", "[0,18446744073709551615]", "FP64", "[]"), &["`x`", "18446744073709551615"]);
    refuses(&tensor("x", "[4294967296]", "FP64", "[1]"), &["more values than the body can hold"]);
    let limits = Limits { body_bytes: 10, ..Limits::default() };
    let error = read_request(&[b' '; 11], &limits).unwrap_err();
    assert_eq!((error.status(), error.to_string().contains("11 bytes")), (413, true));
    let limits = Limits { inputs: 2, ..Limits::default() };
    let one = r#"{"name":"a","shape":[1],"datatype":"FP64","data":[1]}"#;
    let error = read_request(format!(r#"{{"inputs":[{one},{one},{one}]}}"#).as_bytes(), &limits).unwrap_err();
    assert_eq!(error, V2Error::TooManyInputs { inputs: 3, limit: 2 });
}

fn answer<'a>(ids: &'a [Arc<str>], labels: &'a [Arc<str>], wanted: &'a [String]) -> Answer<'a> {
    Answer {
        model_name: "chu\"rn",
        model_version: "8",
        id: Some("r-1"),
        ids,
        versions: &[8, 8],
        scores: &[0.25, f64::NAN],
        labels: Some(labels),
        probabilities: Some(&[0.75, 0.25, 0.1, f32::NAN]),
        explanation: None,
        wanted,
        made_ids: true,
        flagged: None,
        imputed: None,
        route: None,
    }
}

#[test]
fn answers_are_json_with_null_for_nan() {
    let (ids, labels) = (["a".into(), "b".into()], ["no".into(), "y\n".into()]);
    let mut out = Vec::new();
    write_response(&answer(&ids, &labels, &[]), &mut out);
    let expected = json!({
        "model_name": "chu\"rn", "model_version": "8", "id": "r-1", "outputs": [
            {"name": "score", "shape": [2], "datatype": "FP64", "data": [0.25, null]},
            {"name": "label", "shape": [2], "datatype": "BYTES", "data": ["no", "y\n"]},
            {"name": "probabilities", "shape": [2, 2], "datatype": "FP32", "data": [0.75, 0.25, 0.1, null]},
            {"name": "__id", "shape": [2], "datatype": "BYTES", "data": ["a", "b"]},
        ]
    });
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains("0.1,null"), "an FP32 is written as short as it reads back: {text}");
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
}

#[test]
fn outputs_as_bytes_read_back_with_their_nan() {
    let (ids, labels) = (["a".into(), "".into()], ["no".into(), "y\n".into()]);
    let answer = Answer { versions: &[8, 9], ..answer(&ids, &labels, &[]) };
    let read = answer.outputs().map(|output| {
        let mut bytes = Vec::new();
        output.write_raw(&mut bytes);
        let shape: Vec<u64> = output.shape().iter().map(|size| *size as u64).collect();
        format!("{} {shape:?} {:?}", output.name, read_raw(output.datatype, &shape, &bytes).unwrap())
    });
    let expected = [
        "score [2] Float([0.25, NaN])",
        r#"label [2] Text([Some("no"), Some("y\n")])"#,
        "probabilities [2, 2] Float([0.75, 0.25, 0.10000000149011612, NaN])",
        r#"__id [2] Text([Some("a"), Some("")])"#,
        "__version [2] Int([Some(8), Some(9)])",
    ];
    assert_eq!(read.collect::<Vec<_>>(), expected);
}

#[test]
fn bf16_is_not_read_from_json() {
    refuses(&tensor("tenure", "[1]", "BF16", "[1]"), &["`tenure` is BF16", "sent as bytes"]);
}

#[test]
fn only_wanted_outputs_are_answered_and_unknown_ones_refused() {
    let (ids, labels) = (["a".into(), "b".into()], ["no".into(), "no".into()]);
    let wanted = ["label".to_owned()];
    let mut out = Vec::new();
    write_response(&answer(&ids, &labels, &wanted), &mut out);
    let read: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(read["outputs"].as_array().unwrap().len(), 1);
    assert_eq!(read["outputs"][0]["name"], "label");
    check_outputs(&wanted, Task::Binary).unwrap();
    let error = check_outputs(&["lable".to_owned()], Task::Binary).unwrap_err().to_string();
    assert!(error.contains("did you mean `label`?"), "{error}");
    let mixed = Answer { versions: &[8, 9], ..answer(&ids, &labels, &[]) };
    let mut out = Vec::new();
    write_response(&mixed, &mut out);
    let read: Value = serde_json::from_slice(&out).unwrap();
    let version = json!({"name": "__version", "shape": [2], "datatype": "INT64", "data": [8, 9]});
    assert_eq!(read["outputs"][4], version, "rows of two versions say which is which");
    assert!(check_outputs(&wanted, Task::Regression).is_err(), "a regression has no label");
}

#[test]
fn metadata_says_what_to_send() {
    let metadata = ModelMetadata::new("churn", vec!["8".into()], Format::Onnx, &signature(), &signature().classes);
    let json = serde_json::to_value(&metadata).unwrap();
    assert_eq!(json["platform"], "onnx_kilter");
    let boosted = ModelMetadata::new("churn", Vec::new(), Format::XgboostUbjson, &signature(), &[]);
    assert_eq!(boosted.platform, "xgboost_kilter", "the file says what it is");
    assert_eq!(json["inputs"][0], json!({"name": "tenure", "datatype": "FP64", "shape": [-1]}));
    assert_eq!(json["inputs"][1]["datatype"], "BYTES");
    assert_eq!(
        json["outputs"][2],
        json!({"name": "probabilities", "datatype": "FP32", "shape": [-1, 2], "parameters": {"classes": ["no", "yes"]}})
    );
    assert_eq!(serde_json::to_string(&Live { live: true }).unwrap(), r#"{"live":true}"#);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn floats_read_back_exactly_however_they_are_written(values in prop::collection::vec(any::<f64>().prop_filter("finite", |v| v.is_finite()), 1..40), nested in any::<bool>()) {
        let data = if nested {
serde_json::to_string(&values.iter().map(|v| [v]).collect::<Vec<_>>()).unwrap()
} else {
serde_json::to_string(&values).unwrap()
};
        let found = column(&tensor("tenure", &format!("[{},1]", values.len()), "FP64", &data));
        prop_assert_eq!(found, Column::Float(values));
    }

    #[test]
    fn integers_and_texts_read_back_exactly(values in prop::collection::vec(any::<Option<i64>>(), 1..40), texts in prop::collection::vec(prop::option::of(".{0,20}"), 1..20)) {
        let body = tensor("calls", &format!("[{}]", values.len()), "INT64", &serde_json::to_string(&values).unwrap());
        prop_assert_eq!(column(&body), Column::Int(values));
        let body = tensor("plan", &format!("[{}]", texts.len()), "BYTES", &serde_json::to_string(&texts).unwrap());
        prop_assert_eq!(column(&body), Column::Text(texts.into_iter().map(|t| t.map(Arc::from)).collect()));
    }

    #[test]
    fn bytes_that_nobody_meant_are_answered_without_a_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read_request(&body, &Limits::default());
    }

    #[test]
    fn a_request_with_changed_bytes_is_answered_without_a_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(br#"[]{}",:0123456789.-eEnulltrue "#.to_vec())), 1..6),
    ) {
        let mut body = br#"{"id":"r","parameters":{"time":3},"inputs":[{"name":"x","shape":[2,3],"datatype":"FP32","data":[[1.5,7,1],[2.5,8,0]]},{"name":"plan","shape":[2],"datatype":"BYTES","data":["a","b"]},{"name":"__id","shape":[2],"datatype":"BYTES","data":["a","b"]}],"outputs":[{"name":"score"}]}"#.to_vec();
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        if let Ok(text) = String::from_utf8(body) && let Ok(rows) = read(&text) {
            let ids = rows.ids.map_or(rows.table.rows(), |ids| ids.len());
            prop_assert!(rows.table.names().is_empty() || rows.table.rows() == ids);
        }
    }
}

mod binary;
