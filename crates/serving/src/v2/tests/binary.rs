//! Tensors whose values stand behind the JSON, and outputs that are written there.

use super::*;

/// A body of JSON and binary data, as `tritonclient` makes it.
fn body(json: &str, binary: &[u8]) -> (Vec<u8>, Option<usize>) {
    ([json.as_bytes(), binary].concat(), Some(json.len()))
}

fn read_binary((bytes, json_length): (Vec<u8>, Option<usize>)) -> Result<Request, V2Error> {
    read_request(RequestBody { bytes: &bytes, json_length }, &Limits::default())
}

fn input_of(name: &str, shape: &str, datatype: &str, bytes: usize) -> String {
    format!(
        r#"{{"name":"{name}","shape":{shape},"datatype":"{datatype}","parameters":{{"binary_data_size":{bytes}}}}}"#
    )
}

fn refuses_binary(body: (Vec<u8>, Option<usize>), words: &[&str]) {
    let error = read_binary(body).unwrap_err();
    assert_eq!(error.status(), 400);
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "`{text}` does not say `{word}`");
    }
}

#[test]
fn tensors_take_their_bytes_in_the_order_in_which_they_stand() {
    let json = format!(
        r#"{{"inputs":[{},{{"name":"n","shape":[2],"datatype":"INT64","data":[1,2]}},{}]}}"#,
        input_of("x", "[2]", "FP32", 8),
        input_of("t", "[2,1]", "BYTES", 11),
    );
    let binary =
        [&0.5f32.to_le_bytes()[..], &1.5f32.to_le_bytes(), &[1, 0, 0, 0, b'a', 2, 0, 0, 0, 0xc3, 0xbc]].concat();
    let read = read_binary(body(&json, &binary)).unwrap();
    let columns: Vec<Column> = read.inputs.into_iter().map(|tensor| tensor.values).collect();
    assert_eq!(
        columns,
        [
            Column::Float(vec![0.5, 1.5]),
            Column::Int(vec![Some(1), Some(2)]),
            Column::Text(vec![Some("a".into()), Some("ü".into())])
        ]
    );
}

#[test]
fn binary_data_that_is_missing_or_left_over_is_named() {
    let one = |bytes: usize| format!(r#"{{"inputs":[{}]}}"#, input_of("x", "[2]", "INT8", bytes));
    assert!(read_binary(body(&one(2), &[1, 2])).is_ok());
    refuses_binary(
        body(&one(2), &[1]),
        &["`x`", "2 bytes of binary data", "1 are left", "Inference-Header-Content-Length"],
    );
    refuses_binary((one(2).into_bytes(), None), &["`x`", "2 bytes of binary data", "0 are left"]);
    refuses_binary(body(&one(2), &[1, 2, 3]), &["1 bytes behind the binary data"]);
    refuses_binary(body(&one(3), &[1, 2, 3]), &["`x`", "has 3 bytes of data", "[2] says 2"]);
    refuses_binary((one(2).into_bytes(), Some(10_000)), &["10000 bytes of the body are JSON"]);
    refuses_binary((one(2).into_bytes(), Some(5)), &["not JSON"]);
    let both =
        r#"{"inputs":[{"name":"x","shape":[1],"datatype":"INT8","data":[1],"parameters":{"binary_data_size":1}}]}"#;
    refuses_binary(body(both, &[1]), &["`x` has both"]);
    let shared = r#"{"inputs":[{"name":"x","shape":[1],"datatype":"INT8","parameters":{"shared_memory_region":"r","shared_memory_byte_size":1}}]}"#;
    refuses_binary(body(shared, &[]), &["`x` is in shared memory"]);
    for size in ["-1", "1.5", "\"1\"", "18446744073709551616"] {
        let json = format!(
            r#"{{"inputs":[{{"name":"x","shape":[1],"datatype":"INT8","parameters":{{"binary_data_size":{size}}}}}]}}"#
        );
        refuses_binary(body(&json, &[1]), &["binary_data_size"]);
    }
    let huge = format!(r#"{{"inputs":[{}]}}"#, input_of("x", "[4611686018427387904,4611686018427387904]", "FP32", 0));
    refuses_binary(body(&huge, &[]), &["`x`", "more values than the body can hold"]);
}

#[test]
fn requests_say_which_outputs_are_binary() {
    let read = |more: &str| {
        let json = format!(r#"{{"inputs":[{}]{more}}}"#, input_of("x", "[1]", "INT8", 1));
        read_binary(body(&json, &[1])).map(|request| (request.outputs, request.format))
    };
    let (outputs, format) = read(r#","parameters":{"binary_data_output":true}"#).unwrap();
    assert!(outputs.is_empty() && format.is_binary("score") && !format.is_plain());
    let (outputs, format) = read(
        r#","outputs":[{"name":"score","parameters":{"binary_data":false}},{"name":"label"}],"parameters":{"binary_data_output":true}"#,
    )
    .unwrap();
    assert_eq!(outputs, ["score", "label"]);
    assert!(!format.is_binary("score") && format.is_binary("label"));
    let (_, format) = read(r#","outputs":[{"name":"probabilities","parameters":{"classification":2}}]"#).unwrap();
    assert_eq!(format.classification("probabilities"), Some(2));
    assert!(read("").unwrap().1.is_plain());
    for wrong in [
        r#","parameters":{"binary_data_output":"yes"}"#,
        r#","outputs":[{"name":"score","parameters":{"binary_data":1}}]"#,
        r#","outputs":[{"name":"score","parameters":{"classification":-1}}]"#,
        r#","outputs":[{"name":"score","parameters":{"shared_memory_region":"r"}}]"#,
        r#","outputs":[{}]"#,
        r#","outputs":"score""#,
    ] {
        assert_eq!(read(wrong).unwrap_err().status(), 400, "{wrong}");
    }
}

fn answer<'a>(labels: &'a [Arc<str>], ids: &'a [Arc<str>], wanted: &'a [String]) -> Answer<'a> {
    Answer {
        model_name: "m",
        model_version: "3",
        id: None,
        ids,
        versions: &[3, 3],
        scores: &[0.25, f64::NAN],
        labels: Some(labels),
        probabilities: Some(&[0.75, 0.25, 0.5, 0.5]),
        explanation: None,
        wanted,
        made_ids: true,
        flagged: None,
        imputed: None,
        route: None,
    }
}

#[test]
fn outputs_are_written_as_they_are_wanted() {
    let labels: Vec<Arc<str>> = vec!["no".into(), "yes".into()];
    let ids: Vec<Arc<str>> = vec!["a".into(), "b".into()];
    let classes = ["no".to_owned(), "yes".to_owned()];
    let format = OutputFormat { binary: true, by_name: vec![] };
    let ResponseBody { bytes, json_length } = write_formatted(&answer(&labels, &ids, &[]), &format, &classes);
    let (json, binary) = bytes.split_at(json_length.unwrap());
    let json: Value = serde_json::from_slice(json).unwrap();
    let sizes: Vec<u64> = json["outputs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|output| output["parameters"]["binary_data_size"].as_u64().unwrap())
        .collect();
    assert_eq!((sizes.as_slice(), binary.len()), (&[16, 13, 16, 10][..], 55));
    assert_eq!(binary[..8], 0.25f64.to_le_bytes());
    assert!(f64::from_le_bytes(binary[8..16].try_into().unwrap()).is_nan());
    assert_eq!(binary[16..29], *b"\x02\0\0\0no\x03\0\0\0yes");

    let options = |binary, classification| OutputOptions { binary, classification };
    let by_name =
        vec![("score".to_owned(), options(Some(true), None)), ("probabilities".to_owned(), options(None, Some(5)))];
    let format = OutputFormat { binary: false, by_name };
    let wanted = ["score".to_owned(), "probabilities".to_owned()];
    let ResponseBody { bytes, json_length } = write_formatted(&answer(&labels, &ids, &wanted), &format, &classes);
    let json: Value = serde_json::from_slice(&bytes[..json_length.unwrap()]).unwrap();
    assert_eq!(
        json["outputs"][1]["data"],
        json!(["0.750000:0:no", "0.250000:1:yes", "0.500000:0:no", "0.500000:1:yes"])
    );
    assert_eq!((&json["outputs"][1]["shape"], &json["outputs"][1]["datatype"]), (&json!([2, 2]), &json!("BYTES")));
    assert!(check_format(&format).is_ok());
    for (name, classes) in [("probabilities", 0), ("label", 1)] {
        let by_name = vec![(name.to_owned(), options(None, Some(classes)))];
        assert!(check_format(&OutputFormat { binary: false, by_name }).is_err(), "{name} {classes}");
    }
}

proptest! {
    #[test]
    fn hostile_bodies_with_binary_data_are_answered(
        datatype in prop::sample::select(Datatype::ALL.to_vec()),
        shape in prop::collection::vec(prop_oneof![0u64..5, any::<u64>()], 0..3),
        stated in prop_oneof![0u64..40, any::<u64>()],
        binary in prop::collection::vec(any::<u8>(), 0..40),
        cut in 0usize..300,
        junk in prop::collection::vec(any::<u8>(), 0..8),
    ) {
        let json = format!(
            r#"{{"inputs":[{{"name":"x","shape":{shape:?},"datatype":"{datatype}","parameters":{{"binary_data_size":{stated}}}}}]}}"#
        );
        let whole = body(&json, &binary);
        if let Ok(request) = read_binary(whole.clone()) {
            prop_assert_eq!(request.inputs[0].values.len() as u64, shape.iter().product::<u64>());
            prop_assert_eq!(stated, binary.len() as u64);
        }
        let cut = cut.min(whole.0.len());
        let _ = read_binary(([&whole.0[..cut], &junk].concat(), whole.1));
        let _ = read_binary((whole.0[..cut].to_vec(), Some(cut)));
    }
}
