//! Every operator with settings and constants that nobody would choose: an error or an answer, never a panic, in bounded memory.

use std::cell::Cell;

use kilter_domain::table::{Column, Table};
use kilter_inference::{
    Model,
    onnx::{AttributeValue, Dim, GraphProto, ML, ModelProto, NodeProto, TensorData, TensorProto, ValueInfo, element},
};
use proptest::{prelude::*, test_runner::TestRunner};

/// Operators of the main domain, with the inputs that they take at most.
const MAIN: &[&str] = &[
    "TopK",
    "GatherElements",
    "GatherND",
    "ScatterElements",
    "Compress",
    "NonZero",
    "Expand",
    "Tile",
    "Split",
    "Pad",
    "Range",
    "CumSum",
    "Trilu",
    "OneHot",
    "EyeLike",
    "Size",
    "Erf",
    "Round",
    "Softplus",
    "Elu",
    "Celu",
    "Selu",
    "LeakyRelu",
    "ThresholdedRelu",
    "HardSigmoid",
    "Gelu",
    "IsInf",
    "PRelu",
    "LogSoftmax",
    "Hardmax",
    "BatchNormalization",
    "LayerNormalization",
    "Einsum",
    "Det",
    "RegexFullMatch",
    "StringConcat",
    "StringNormalizer",
    "Mean",
    "Xor",
    "Mod",
    "Clip",
    "Softmax",
    "Gemm",
    "MatMul",
    "Pow",
    "Cast",
    "ReduceLogSum",
    "ReduceMax",
    "Where",
    "Slice",
    "Gather",
    "Concat",
    "Reshape",
    "Transpose",
    "Flatten",
    "Unsqueeze",
    "Squeeze",
    "ConstantOfShape",
    "Scan",
    "Loop",
    "If",
    "LpNormalization",
    "ArgMax",
];

const LEARNED: &[&str] = &[
    "SVMClassifier",
    "SVMRegressor",
    "TreeEnsemble",
    "ArrayFeatureExtractor",
    "Imputer",
    "Normalizer",
    "OneHotEncoder",
];

const MICROSOFT: &[&str] = &["CDist", "Solve", "Tokenizer", "MurmurHash3"];

/// Names of attributes of all of them.
const NAMES: &[&str] = &[
    "axis",
    "axes",
    "keepdims",
    "k",
    "largest",
    "sorted",
    "batch_dims",
    "reduction",
    "mode",
    "pads",
    "value",
    "split",
    "num_outputs",
    "exclusive",
    "reverse",
    "upper",
    "alpha",
    "beta",
    "gamma",
    "approximate",
    "epsilon",
    "equation",
    "pattern",
    "case_change_action",
    "stopwords",
    "fmod",
    "min",
    "max",
    "transA",
    "transB",
    "to",
    "perm",
    "starts",
    "ends",
    "kernel_type",
    "kernel_params",
    "coefficients",
    "support_vectors",
    "vectors_per_class",
    "rho",
    "prob_a",
    "prob_b",
    "classlabels_ints",
    "classlabels_strings",
    "n_supports",
    "one_class",
    "post_transform",
    "n_targets",
    "nodes_splits",
    "nodes_modes",
    "nodes_featureids",
    "nodes_truenodeids",
    "nodes_falsenodeids",
    "nodes_trueleafs",
    "nodes_falseleafs",
    "leaf_targetids",
    "leaf_weights",
    "tree_roots",
    "membership_values",
    "aggregate_function",
    "metric",
    "tokenexp",
    "separators",
    "mincharnum",
    "mark",
    "seed",
    "positive",
    "body",
    "then_branch",
    "else_branch",
    "num_scan_inputs",
    "scan_input_axes",
    "dtype",
    "p",
    "norm",
];

fn whole() -> impl Strategy<Value = i64> {
    prop::sample::select(vec![0, 0, 1, 1, 2, 3, -1, -2, 7, 16, 255, 1 << 20, 1 << 33, i64::MAX, i64::MIN])
}

fn real() -> impl Strategy<Value = f32> {
    prop::sample::select(vec![0.0, 1.0, -1.0, 0.5, 3.0, 1e30, f32::NAN, f32::INFINITY, f32::NEG_INFINITY])
}

fn text() -> impl Strategy<Value = String> {
    let known = [
        "",
        "add",
        "max",
        "edge",
        "reflect",
        "wrap",
        "constant",
        "LOWER",
        "RBF",
        "POLY",
        "SIGMOID",
        "LOGISTIC",
        "SOFTMAX",
        "ij,jk->ik",
        "ii->i",
        "ij->ji",
        "i,j,k->ijk",
        "->",
        "a",
        "[a-z]+",
        ".",
        "(a|b)*c",
        "(",
        "tanh",
        "euclidean",
        "L2",
        "(?:a{900}){900}",
    ];
    prop::sample::select(known.map(str::to_owned).to_vec())
}

fn tensor() -> impl Strategy<Value = TensorProto> {
    let ints = prop::collection::vec(whole(), 0..6).prop_map(TensorData::Int);
    let floats = prop::collection::vec(real(), 0..6).prop_map(TensorData::Float);
    let doubles =
        prop::collection::vec(real(), 0..6).prop_map(|v| TensorData::Double(v.into_iter().map(f64::from).collect()));
    let bools = prop::collection::vec(any::<bool>(), 0..4).prop_map(TensorData::Bool);
    let texts = prop::collection::vec(text(), 0..4).prop_map(TensorData::Text);
    (prop_oneof![3 => ints, 3 => floats, 1 => doubles, 1 => bools, 1 => texts], 0..4usize).prop_map(|(data, shape)| {
        let count = data.len() as i64;
        let dims = match shape {
            0 if count == 1 => vec![],
            1 => vec![1, count],
            2 => vec![count, 1],
            3 if count % 2 == 0 => vec![2, count / 2],
            _ => vec![count],
        };
        TensorProto { name: String::new(), dims, data }
    })
}

fn graph() -> impl Strategy<Value = GraphProto> {
    let operator = prop::sample::select(vec!["Identity", "Neg", "Add", "Expand", "Less", "Concat", "Shape"]);
    (operator, 0..4usize, 1..4usize, any::<bool>()).prop_map(|(operator, inputs, outputs, captures)| {
        let info = |name: String| ValueInfo { name, element: element::FLOAT, shape: None };
        let names: Vec<String> = (0..inputs).map(|at| format!("in{at}")).collect();
        let read = if captures || inputs == 0 { "x" } else { "in0" };
        let made = NodeProto::new("", operator, &[read, names.last().map_or("x", String::as_str)], &["made"]);
        let outputs = (0..outputs).map(|at| if at == 0 { "made".to_owned() } else { read.to_owned() });
        GraphProto {
            name: "inner".into(),
            nodes: vec![made],
            initializers: vec![],
            inputs: names.into_iter().map(info).collect(),
            outputs: outputs.map(info).collect(),
        }
    })
}

fn setting() -> impl Strategy<Value = (String, AttributeValue)> {
    let value = prop_oneof![
        3 => whole().prop_map(AttributeValue::Int),
        1 => real().prop_map(AttributeValue::Float),
        2 => text().prop_map(AttributeValue::Text),
        2 => prop::collection::vec(whole(), 0..6).prop_map(AttributeValue::Ints),
        2 => prop::collection::vec(real(), 0..6).prop_map(AttributeValue::Floats),
        1 => prop::collection::vec(text(), 0..3).prop_map(AttributeValue::Texts),
        1 => tensor().prop_map(AttributeValue::Tensor),
        1 => graph().prop_map(AttributeValue::Graph),
    ];
    (prop::sample::select(NAMES).prop_map(str::to_owned), value)
}

fn operator() -> impl Strategy<Value = (&'static str, &'static str)> {
    prop_oneof![
        6 => prop::sample::select(MAIN).prop_map(|name| ("", name)),
        2 => prop::sample::select(LEARNED).prop_map(|name| (ML, name)),
        1 => prop::sample::select(MICROSOFT).prop_map(|name| ("com.microsoft", name)),
    ]
}

/// A model of one node that reads the row and constants, as numbers or as texts.
#[derive(Debug, Clone)]
struct Case {
    operator: (&'static str, &'static str),
    settings: Vec<(String, AttributeValue)>,
    constants: Vec<TensorProto>,
    place: usize,
    is_text: bool,
    opset: i64,
    outputs: usize,
}

fn case() -> impl Strategy<Value = Case> {
    let versions = prop::sample::select(vec![9, 11, 12, 13, 17, 18, 21]);
    let settings = prop::collection::vec(setting(), 0..6);
    let constants = prop::collection::vec(tensor(), 0..5);
    (operator(), settings, constants, 0..3usize, any::<bool>(), versions, 1..4usize).prop_map(
        |(operator, settings, constants, place, is_text, opset, outputs)| Case {
            operator,
            settings,
            constants,
            place,
            is_text: is_text && operator.1.contains(['S', 'T', 'R', 'H']),
            opset,
            outputs,
        },
    )
}

fn model(case: &Case) -> ModelProto {
    let mut names: Vec<String> = (0..case.constants.len()).map(|at| format!("c{at}")).collect();
    names.insert(case.place.min(names.len()), "x".into());
    let inputs: Vec<&str> = names.iter().map(String::as_str).collect();
    let outputs: Vec<String> = (0..case.outputs).map(|at| format!("y{at}")).collect();
    let outputs: Vec<&str> = outputs.iter().map(String::as_str).collect();
    let mut node = NodeProto::new(case.operator.0, case.operator.1, &inputs, &outputs);
    for (name, value) in &case.settings {
        node = node.with(name, value.clone());
    }
    let info = |name: &str, element, width| ValueInfo {
        name: name.into(),
        element,
        shape: Some(vec![Dim::Free("N".into()), Dim::Fixed(width)]),
    };
    let named = |(at, tensor): (usize, &TensorProto)| TensorProto { name: format!("c{at}"), ..tensor.clone() };
    ModelProto {
        ir_version: 8,
        opset: vec![(String::new(), case.opset), (ML.into(), if case.opset > 20 { 5 } else { 3 })],
        graph: GraphProto {
            name: "g".into(),
            nodes: vec![node],
            initializers: case.constants.iter().enumerate().map(named).collect(),
            inputs: vec![info("x", if case.is_text { element::STRING } else { element::FLOAT }, 2)],
            outputs: vec![info("y0", element::FLOAT, 1)],
        },
        ..ModelProto::default()
    }
}

fn rows(is_text: bool) -> Table {
    let column = |at: usize| match is_text {
        true => Column::Text(["a b", "", "ü"].iter().map(|&text| Some(text.into())).collect()),
        false => Column::Float([[1.0, f64::NAN, -2.5], [0.0, f64::INFINITY, 3.0]][at].to_vec()),
    };
    Table::new((0..2).map(|at| (format!("x_{at}"), column(at))).collect()).unwrap()
}

/// The most memory that this process has held, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix("kB").unwrap().trim().parse::<u64>().unwrap() * 1024
}

#[test]
fn an_operator_answers_or_says_why_not() {
    let (loaded, answered) = (Cell::new(0), Cell::new(0));
    let check = |case: Case| {
        if let Ok(model) = Model::from_onnx(&model(&case).encode()) {
            loaded.set(loaded.get() + 1);
            let table = rows(case.is_text);
            answered.set(answered.get() + i32::from(model.predict(&table).is_ok()));
            let _ = model.predict(&table.take(&[0]));
        }
        prop_assert!(peak() < 2 << 30, "{} bytes", peak());
        Ok(())
    };
    let config = ProptestConfig { source_file: Some(file!()), ..ProptestConfig::with_cases(10_000) };
    TestRunner::new(config).run(&case(), check).unwrap_or_else(|error| panic!("{error}"));
    // Most nodes get as far as a run, and some as far as an answer.
    println!("{} loaded, {} answered", loaded.get(), answered.get());
    assert!(loaded.get() > 3_000 && answered.get() > 100, "{} loaded, {} answered", loaded.get(), answered.get());
}

#[test]
fn a_set_of_one_hundred_thousand_members_and_a_circle_are_found() {
    use AttributeValue::{Ints, Tensor};
    let tensor = |data: TensorData| TensorProto { name: String::new(), dims: vec![data.len() as i64], data };
    let tree = |children: [i64; 2], is_leaf: [i64; 2], modes: i64, members: usize| {
        let members: Vec<f32> = (0..members).map(|at| at as f32).collect();
        let settings = [
            ("nodes_splits", Tensor(tensor(TensorData::Float(vec![0.5])))),
            ("nodes_modes", Tensor(tensor(TensorData::Int(vec![modes])))),
            ("nodes_featureids", Ints(vec![0])),
            ("nodes_truenodeids", Ints(vec![children[0]])),
            ("nodes_falsenodeids", Ints(vec![children[1]])),
            ("nodes_trueleafs", Ints(vec![is_leaf[0]])),
            ("nodes_falseleafs", Ints(vec![is_leaf[1]])),
            ("leaf_targetids", Ints(vec![0, 0])),
            ("leaf_weights", Tensor(tensor(TensorData::Float(vec![1.0, -1.0])))),
            ("tree_roots", Ints(vec![0])),
            ("membership_values", Tensor(tensor(TensorData::Float(members)))),
        ];
        let case = Case {
            operator: (ML, "TreeEnsemble"),
            settings: settings.map(|(name, value)| (name.to_owned(), value)).to_vec(),
            constants: vec![],
            place: 0,
            is_text: false,
            opset: 21,
            outputs: 1,
        };
        let model = Model::from_onnx(&model(&case).encode()).map_err(|error| error.to_string())?;
        model.predict(&rows(false)).map(|answer| answer.scores().to_vec()).map_err(|error| error.to_string())
    };
    let leaves = [1, 1];
    // 1, NaN and -2.5.
    assert_eq!(tree([0, 1], leaves, 0, 0).unwrap(), [-1.0, -1.0, 1.0]);
    assert_eq!(tree([0, 1], leaves, 3, 0).unwrap(), [1.0, -1.0, -1.0]);
    assert_eq!(tree([0, 1], leaves, 6, 100_000).unwrap(), [1.0, -1.0, -1.0]);
    assert!(tree([0, 1], [0, 1], 0, 0).unwrap_err().contains("circle"));
    assert!(tree([0, 9], leaves, 0, 0).unwrap_err().contains("no leaf 9"));
    assert!(tree([0, 1], leaves, 6, 0).unwrap_err().contains("membership_values"));
    assert!(tree([0, 1], leaves, 9, 0).unwrap_err().contains("mode 9"));
}
