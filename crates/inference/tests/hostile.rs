//! Bytes and rows that nobody chose: an error, never a panic, never an endless walk.

use std::sync::Arc;

use kilter_domain::table::{Column, Table};
use kilter_inference::{
    LoadError, Model,
    onnx::{AttributeValue, Dim, GraphProto, ML, ModelProto, NodeProto, TensorData, TensorProto, ValueInfo, element},
};
use proptest::prelude::*;

fn value(name: &str, element: i32, dims: &[i64]) -> ValueInfo {
    let dim = |&dim: &i64| if dim < 0 { Dim::Free("N".into()) } else { Dim::Fixed(dim) };
    ValueInfo { name: name.into(), element, shape: Some(dims.iter().map(dim).collect()) }
}

/// A tree with the root 0 and leaves 1 and 2, then whatever `change` makes of it.
fn tree_model(change: impl FnOnce(&mut Vec<(&'static str, AttributeValue)>)) -> ModelProto {
    use AttributeValue::{Floats, Int, Ints, Texts};
    let modes = ["BRANCH_LEQ", "LEAF", "LEAF"].map(str::to_owned).to_vec();
    let mut attributes = vec![
        ("n_targets", Int(1)),
        ("nodes_treeids", Ints(vec![0, 0, 0])),
        ("nodes_nodeids", Ints(vec![0, 1, 2])),
        ("nodes_featureids", Ints(vec![0, 0, 0])),
        ("nodes_modes", Texts(modes)),
        ("nodes_values", Floats(vec![0.5, 0.0, 0.0])),
        ("nodes_truenodeids", Ints(vec![1, 0, 0])),
        ("nodes_falsenodeids", Ints(vec![2, 0, 0])),
        ("target_treeids", Ints(vec![0, 0])),
        ("target_nodeids", Ints(vec![1, 2])),
        ("target_ids", Ints(vec![0, 0])),
        ("target_weights", Floats(vec![-1.0, 1.0])),
    ];
    change(&mut attributes);
    let node = NodeProto::new(ML, "TreeEnsembleRegressor", &["x"], &["y"]);
    let node = attributes.into_iter().fold(node, |node, (name, value)| node.with(name, value));
    model(vec![node], vec![value("x", element::FLOAT, &[-1, 1])], vec![value("y", element::FLOAT, &[-1, 1])])
}

fn model(nodes: Vec<NodeProto>, inputs: Vec<ValueInfo>, outputs: Vec<ValueInfo>) -> ModelProto {
    ModelProto {
        ir_version: 8,
        opset: vec![(String::new(), 15), (ML.into(), 3)],
        graph: GraphProto { name: "g".into(), nodes, initializers: Vec::new(), inputs, outputs },
        ..ModelProto::default()
    }
}

fn numbers(name: &str, values: Vec<f64>) -> Table {
    Table::new(vec![(name.into(), Column::Float(values))]).unwrap()
}

fn load_error(proto: &ModelProto) -> String {
    Model::from_onnx(&proto.encode()).expect_err("a broken model").to_string()
}

fn set(attributes: &mut [(&'static str, AttributeValue)], name: &str, value: AttributeValue) {
    attributes.iter_mut().find(|attribute| attribute.0 == name).expect("a known attribute").1 = value;
}

#[test]
fn a_whole_tree_answers_and_a_missing_value_goes_where_it_should() {
    let model = Model::from_onnx(&tree_model(|_| ()).encode()).unwrap();
    let answers = model.predict(&numbers("x", vec![0.5, 0.500_001, f64::NAN, f64::INFINITY, -1e300])).unwrap();
    assert_eq!(answers.scores(), [-1.0, 1.0, 1.0, 1.0, -1.0]);
    let tracks = ("nodes_missing_value_tracks_true", AttributeValue::Ints(vec![1, 0, 0]));
    let model = Model::from_onnx(&tree_model(|attributes| attributes.push(tracks)).encode()).unwrap();
    assert_eq!(model.predict(&numbers("x", vec![f64::NAN])).unwrap().scores(), [-1.0]);
}

#[test]
fn trees_that_are_none_are_refused() {
    use AttributeValue::{Floats, Ints, Texts};
    let check = |name: &str, value: AttributeValue, expected: &str| {
        let error = load_error(&tree_model(|attributes| set(attributes, name, value)));
        assert!(error.contains(expected), "{name}: {error}");
    };
    check("nodes_truenodeids", Ints(vec![0, 0, 0]), "circle");
    check("nodes_truenodeids", Ints(vec![2, 0, 0]), "more than one root");
    check("nodes_truenodeids", Ints(vec![7, 0, 0]), "has no node 7");
    check("nodes_truenodeids", Ints(vec![i64::MIN, 0, 0]), "has no node");
    check("nodes_nodeids", Ints(vec![0, 1, 1]), "stands twice");
    check("nodes_nodeids", Ints(vec![0, 1]), "unlike lengths");
    check("nodes_featureids", Ints(vec![-1, 0, 0]), "out of range");
    check("nodes_featureids", Ints(vec![i64::MAX, 0, 0]), "out of range");
    check("nodes_values", Floats(vec![f32::NAN, 0.0, 0.0]), "NaN");
    check("nodes_modes", Texts(vec!["LEAF".into(), "LEAF".into(), "LEAF".into()]), "more than one root");
    check("nodes_modes", Texts(vec!["BRANCH_XX".into(), "LEAF".into(), "LEAF".into()]), "BRANCH_XX");
    check("target_ids", Ints(vec![0, 9]), "output 9 of 1");
    check("target_nodeids", Ints(vec![0, 2]), "is no leaf");
    check("target_weights", Floats(vec![1.0]), "unlike lengths");
    check("n_targets", AttributeValue::Int(i64::MAX), "out of range");
    check("n_targets", AttributeValue::Text("one".into()), "not a whole number");
}

#[test]
fn a_circle_beside_the_root_is_found() {
    use AttributeValue::{Floats, Ints, Texts};
    let modes = ["LEAF", "BRANCH_LEQ", "LEAF", "BRANCH_LEQ", "LEAF"].map(str::to_owned).to_vec();
    let error = load_error(&tree_model(|attributes| {
        set(attributes, "nodes_treeids", Ints(vec![0; 5]));
        set(attributes, "nodes_nodeids", Ints((0..5).collect()));
        set(attributes, "nodes_featureids", Ints(vec![0; 5]));
        set(attributes, "nodes_modes", Texts(modes));
        set(attributes, "nodes_values", Floats(vec![0.0; 5]));
        set(attributes, "nodes_truenodeids", Ints(vec![0, 3, 0, 1, 0]));
        set(attributes, "nodes_falsenodeids", Ints(vec![0, 2, 0, 4, 0]));
        set(attributes, "target_nodeids", Ints(vec![0, 2]));
    }));
    assert!(error.contains("circle"), "{error}");
}

#[test]
fn more_columns_than_the_rows_have_is_an_error_of_the_request() {
    let proto = tree_model(|attributes| set(attributes, "nodes_featureids", AttributeValue::Ints(vec![5, 0, 0])));
    let error = Model::from_onnx(&proto.encode()).unwrap().predict(&numbers("x", vec![1.0; 20])).unwrap_err();
    assert!(error.to_string().contains("the trees read 6 columns, the rows have 1"), "{error}");
}

#[test]
fn graphs_that_cannot_run_are_refused_with_the_value_named() {
    let node = |op: &str, inputs: &[&str], outputs: &[&str]| NodeProto::new("", op, inputs, outputs);
    let input = || vec![value("x", element::FLOAT, &[-1, 1])];
    let output = || vec![value("y", element::FLOAT, &[-1, 1])];
    let check = |nodes: Vec<NodeProto>, expected: &str| {
        let error = load_error(&model(nodes, input(), output()));
        assert!(error.contains(expected), "{error}");
    };
    check(vec![node("Add", &["x", "z"], &["y"]), node("Neg", &["y"], &["z"])], "`z`, which nothing before it makes");
    check(vec![node("Neg", &["y"], &["y"])], "`y`, which nothing before it makes");
    check(vec![node("Neg", &["x"], &["x"])], "made twice");
    check(vec![node("Neg", &["x"], &["z"])], "reads `y`");
    check(vec![node("NonMaxSuppression", &["x"], &["y"])], "operator `NonMaxSuppression`");
    check(vec![NodeProto::new("com.evil", "Add", &["x", "x"], &["y"])], "domain `com.evil` is not declared");
    let mut old = model(vec![node("Neg", &["x"], &["y"])], input(), output());
    old.opset[0].1 = 3;
    assert!(load_error(&old).contains("`Neg` of operator set 3"));
    let three = vec![value("x", element::FLOAT, &[-1, 1, 1])];
    assert!(
        load_error(&model(vec![node("Neg", &["x"], &["y"])], three, output())).contains("not a vector or a matrix")
    );
    let wide = vec![value("x", element::FLOAT, &[-1, 1 << 40])];
    assert!(load_error(&model(vec![node("Neg", &["x"], &["y"])], wide, output())).contains("how many columns"));
}

#[test]
fn huge_shapes_are_refused_before_memory_is_taken() {
    let constant = |dims: Vec<i64>, data: TensorData| TensorProto { name: "c".into(), dims, data };
    let with = |tensor: TensorProto, op: &str| {
        let mut proto = model(
            vec![NodeProto::new("", op, &["x", "c"], &["y"])],
            vec![value("x", element::FLOAT, &[-1, 1])],
            vec![value("y", element::FLOAT, &[-1, 1])],
        );
        proto.graph.initializers.push(tensor);
        proto
    };
    let liar = with(constant(vec![1 << 40, 1 << 40], TensorData::Float(vec![1.0])), "Add");
    assert!(load_error(&liar).contains("its shape is"), "{}", load_error(&liar));
    let negative = with(constant(vec![-1], TensorData::Float(vec![1.0])), "Add");
    assert!(load_error(&negative).contains("its shape is"));
    let reshape = with(constant(vec![2], TensorData::Int(vec![i64::MAX, i64::MAX])), "Reshape");
    let model = Model::from_onnx(&reshape.encode()).unwrap();
    let error = model.predict(&numbers("x", vec![1.0, 2.0])).unwrap_err().to_string();
    assert!(error.contains("too large"), "{error}");
    // Empty dimensions times huge ones: nothing to hold, and still no such tensor.
    let hollow = with(constant(vec![0, i64::MAX], TensorData::Float(vec![])), "Add");
    assert!(Model::from_onnx(&hollow.encode()).is_err());
}

#[test]
fn whole_numbers_divided_by_zero_are_an_error() {
    let mut proto = model(
        vec![NodeProto::new("", "Div", &["x", "c"], &["z"]), cast("z", "y")],
        vec![value("x", element::INT64, &[-1, 1])],
        vec![value("y", element::FLOAT, &[-1, 1])],
    );
    proto.graph.initializers.push(TensorProto { name: "c".into(), dims: vec![1], data: TensorData::Int(vec![0]) });
    let model = Model::from_onnx(&proto.encode()).unwrap();
    let table = Table::new(vec![("x".into(), Column::Int(vec![Some(3)]))]).unwrap();
    assert!(model.predict(&table).unwrap_err().to_string().contains("divided by zero"));
}

fn cast(from: &str, to: &str) -> NodeProto {
    NodeProto::new("", "Cast", &[from], &[to]).with("to", AttributeValue::Int(i64::from(element::FLOAT)))
}

#[test]
fn every_cut_of_a_file_is_an_error_or_a_smaller_model() {
    let bytes = tree_model(|_| ()).encode();
    let mut refused = 0;
    for end in 0..bytes.len() {
        match Model::from_onnx(&bytes[..end]) {
            Err(LoadError::NotOnnx { .. } | LoadError::BrokenGraph(_) | LoadError::BadOperator { .. }) => refused += 1,
            Err(error) => panic!("cut at {end}: {error}"),
            Ok(_) => {}
        }
    }
    // Only the metadata and operator sets stand behind the graph.
    assert!(refused > bytes.len() * 9 / 10, "{refused} of {}", bytes.len());
}

/// A model with one of each of many operators.
fn rich_model() -> Vec<u8> {
    use AttributeValue::{Float, Floats, Int, Ints, Text, Texts};
    let texts = |items: &[&str]| Texts(items.iter().map(|&item| item.to_owned()).collect());
    let nodes = vec![
        NodeProto::new(ML, "LabelEncoder", &["t"], &["rank"])
            .with("keys_strings", texts(&["a", "b"]))
            .with("values_floats", Floats(vec![1.0, f32::NAN]))
            .with("default_float", Float(2.0)),
        NodeProto::new(ML, "OneHotEncoder", &["t"], &["flags"]).with("cats_strings", texts(&["a", "b"])),
        NodeProto::new("", "Reshape", &["flags", "two"], &["flat"]),
        NodeProto::new("", "Reshape", &["t", "line"], &["texts"]),
        NodeProto::new("", "StringNormalizer", &["texts"], &["lower"])
            .with("case_change_action", Text("LOWER".into()))
            .with("locale", Text("C".into())),
        NodeProto::new("", "StringSplit", &["lower"], &["words", "count"]),
        NodeProto::new("", "TfIdfVectorizer", &["words"], &["terms"])
            .with("mode", Text("TF".into()))
            .with("min_gram_length", Int(1))
            .with("max_gram_length", Int(2))
            .with("max_skip_count", Int(0))
            .with("ngram_counts", Ints(vec![0, 2]))
            .with("ngram_indexes", Ints(vec![0, 1, 2]))
            .with("pool_strings", texts(&["a", "b", "a", "b"])),
        NodeProto::new(ML, "Imputer", &["x"], &["filled"])
            .with("imputed_value_floats", Floats(vec![0.5]))
            .with("replaced_value_float", Float(f32::NAN)),
        NodeProto::new(ML, "Scaler", &["filled"], &["scaled"])
            .with("offset", Floats(vec![0.1]))
            .with("scale", Floats(vec![3.0])),
        NodeProto::new("", "Concat", &["scaled", "rank", "flat", "terms"], &["all"]).with("axis", Int(1)),
        NodeProto::new("", "MatMul", &["all", "weights"], &["product"]),
        NodeProto::new("", "Sigmoid", &["product"], &["positive"]),
        NodeProto::new("", "Sub", &["one", "positive"], &["negative"]),
        NodeProto::new("", "Concat", &["negative", "positive"], &["probabilities"]).with("axis", Int(1)),
        NodeProto::new("", "ArgMax", &["probabilities"], &["class"]).with("axis", Int(1)).with("keepdims", Int(0)),
        NodeProto::new(ML, "LabelEncoder", &["class"], &["label"])
            .with("keys_int64s", Ints(vec![0, 1]))
            .with("values_strings", texts(&["no", "yes"])),
    ];
    let mut proto = model(
        nodes,
        vec![value("x", element::FLOAT, &[-1, 1]), value("t", element::STRING, &[-1, 1])],
        vec![value("label", element::STRING, &[-1]), value("probabilities", element::FLOAT, &[-1, 2])],
    );
    proto.opset[0].1 = 20;
    let mut constant = |name: &str, dims: &[i64], data: TensorData| {
        proto.graph.initializers.push(TensorProto { name: name.into(), dims: dims.to_vec(), data });
    };
    constant("two", &[2], TensorData::Int(vec![-1, 2]));
    constant("line", &[1], TensorData::Int(vec![-1]));
    constant("weights", &[7, 1], TensorData::Float(vec![1.0, -1.0, 0.5, -0.5, 0.25, 2.0, -2.0]));
    constant("one", &[1], TensorData::Float(vec![1.0]));
    proto.encode()
}

fn rich_table(numbers: Vec<f64>, texts: Vec<Option<Arc<str>>>) -> Table {
    Table::new(vec![("x".into(), Column::Float(numbers)), ("t".into(), Column::Text(texts))]).unwrap()
}

#[test]
fn a_rich_model_of_another_producer_loads_without_metadata() {
    let model = Model::from_onnx(&rich_model()).unwrap();
    assert_eq!(model.signature().classes, ["no", "yes"]);
    let table = rich_table(vec![1.0, f64::NAN], vec![Some("a".into()), Some("A b".into())]);
    let answers = model.predict(&table).unwrap();
    // Row 0: (1 - 0.1) * 3 - 1 + 0.5 + 0.25 = 2.45; row 1: 1.2 - 2 + 0.25 + 2 - 2 = -0.55.
    let logistic = |x: f64| 1.0 / (1.0 + (-x).exp());
    for (answer, expected) in answers.scores().iter().zip([logistic(2.45), logistic(-0.55)]) {
        assert!((answer - expected).abs() < 1e-6, "{answer} {expected}");
    }
    assert_eq!(answers.labels().unwrap().iter().map(|label| &**label).collect::<Vec<_>>(), ["yes", "no"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = Model::from_onnx(&bytes);
    }

    /// Files that differ from a good one in a few bytes reach far deeper than random ones.
    #[test]
    fn damaged_files_never_panic_in_loading_or_answering(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
        rich in any::<bool>(),
    ) {
        let mut bytes = if rich { rich_model() } else { tree_model(|_| ()).encode() };
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(model) = Model::from_onnx(&bytes) {
            let table = rich_table(vec![1.0, f64::NAN, -3.0], vec![Some("a b".into()), None, Some("ü".into())]);
            let _ = model.predict(&table);
            let _ = model.predict(&table.take(&[]));
        }
    }

    #[test]
    fn any_texts_and_numbers_get_an_answer(
        rows in prop::collection::vec((any::<f64>(), prop::option::of(".{0,40}")), 0..40),
    ) {
        let (numbers, texts): (Vec<f64>, Vec<_>) = rows.into_iter().unzip();
        let count = numbers.len();
        let table = rich_table(numbers, texts.into_iter().map(|text| text.map(Arc::from)).collect());
        let answers = Model::from_onnx(&rich_model()).unwrap().predict(&table).unwrap();
        prop_assert_eq!(answers.rows(), count);
    }
}

#[test]
fn a_text_among_numbers_is_refused_with_its_own_row() {
    let model = Model::from_onnx(&tree_model(|_| ()).encode()).unwrap();
    let texts = |values: &[&str]| Column::Text(values.iter().map(|&text| Some(Arc::from(text))).collect());
    let refused = |values: &[&str]| {
        let table = Table::new(vec![("x".into(), texts(values))]).unwrap();
        model.predict(&table).unwrap_err().to_string()
    };
    // Past the first block of rows too.
    let mut long = vec!["1.5"; 2_000];
    long[1_999] = "n/a";
    assert!(refused(&long).ends_with("row 1999 is `n/a`"), "{}", refused(&long));
    assert!(refused(&["1", "abc", "def"]).ends_with("row 1 is `abc`"), "{}", refused(&["1", "abc", "def"]));
    assert!(refused(&["1", "2"]).ends_with("row 0 is `1`"), "{}", refused(&["1", "2"]));
}

/// The most memory that this process has held, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix("kB").unwrap().trim().parse::<u64>().unwrap() * 1024
}

#[test]
fn a_small_file_of_many_wide_inputs_is_refused_before_their_columns_are_named() {
    let inputs: Vec<ValueInfo> =
        (0..20_000).map(|at| value(&format!("x{at}"), element::FLOAT, &[-1, 100_000])).collect();
    let node = NodeProto::new("", "Neg", &["x0"], &["y"]);
    let bytes = model(vec![node], inputs, vec![value("y", element::FLOAT, &[-1, 1])]).encode();
    assert!(bytes.len() < 1 << 20);
    let before = peak();
    let error = Model::from_onnx(&bytes).expect_err("too many columns");
    assert!(matches!(&error, LoadError::TooLarge { size: 2_000_000_000, limit: 100_000, .. }), "{error}");
    assert!(peak() - before < 128 << 20, "{} bytes more", peak() - before);
}

#[test]
fn a_small_file_that_makes_wide_rows_answers_within_a_bound_of_memory() {
    // 0.8 MB of weights: 200,000 products a row, as floats, doubles and floats again, summed at last.
    let width = 200_000;
    let to = |name: &str, kind: i32, from: &str| {
        NodeProto::new("", "Cast", &[from], &[name]).with("to", AttributeValue::Int(i64::from(kind)))
    };
    let nodes = vec![
        NodeProto::new("", "MatMul", &["x", "weights"], &["wide"]),
        to("doubles", element::DOUBLE, "wide"),
        to("floats", element::FLOAT, "doubles"),
        NodeProto::new("", "Add", &["floats", "wide"], &["sum"]),
        NodeProto::new("", "MatMul", &["sum", "ones"], &["y"]),
    ];
    let mut proto =
        model(nodes, vec![value("x", element::FLOAT, &[-1, 1])], vec![value("y", element::FLOAT, &[-1, 1])]);
    let mut constant = |name: &str, dims: [i64; 2], value: f32| {
        let data = TensorData::Float(vec![value; width]);
        proto.graph.initializers.push(TensorProto { name: name.into(), dims: dims.to_vec(), data });
    };
    constant("weights", [1, width as i64], 0.5);
    constant("ones", [width as i64, 1], 1.0);
    let model = Model::from_onnx(&proto.encode()).unwrap();
    let before = peak();
    let answers = model.predict(&numbers("x", (0..2_000).map(f64::from).collect())).unwrap();
    assert_eq!((answers.rows(), answers.scores()[3]), (2_000, 600_000.0));
    assert!(peak() - before < 512 << 20, "{} bytes more", peak() - before);
}

#[test]
fn one_value_joined_with_itself_many_times_is_refused_before_it_is_copied() {
    let join = NodeProto::new("", "Concat", &vec!["c"; 50_000], &["wide"]).with("axis", AttributeValue::Int(1));
    let mut proto = model(
        vec![join, NodeProto::new("", "MatMul", &["x", "wide"], &["y"])],
        vec![value("x", element::FLOAT, &[-1, 1])],
        vec![value("y", element::FLOAT, &[-1, 1])],
    );
    let data = TensorData::Float(vec![1.0; 100_000]);
    proto.graph.initializers.push(TensorProto { name: "c".into(), dims: vec![1, 100_000], data });
    let before = peak();
    let error = Model::from_onnx(&proto.encode()).unwrap().predict(&numbers("x", vec![1.0])).unwrap_err().to_string();
    assert!(error.contains("too large"), "{error}");
    assert!(peak() - before < 128 << 20, "{} bytes more", peak() - before);
}
