//! Attributions equal those of the real `shap`, add up whatever the trees, and are refused where they would be guesses.
//!
//! `explained/` holds models by `kilter train`, rows, and what `shap` says of them (`tests/python/shap_parity/make.py`, versions
//! inside). Tolerance: 1e-6, absolute and relative.

use std::{fs, path::PathBuf, sync::Arc};

use kilter_domain::table::{Column, Table};
use kilter_inference::{
    Attributions, ExplainError, Model,
    onnx::{AttributeValue, Dim, GraphProto, ML, ModelProto, NodeProto, TensorData, TensorProto, ValueInfo, element},
};
use proptest::prelude::*;
use serde_json::Value;

const TOLERANCE: f64 = 1e-6;

fn read(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/explained");
    fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn json(name: &str) -> Value {
    serde_json::from_slice(&read(name)).unwrap()
}

fn table(name: &str) -> Table {
    let document = json(name);
    let column = |column: &Value| {
        let values = column["values"].as_array().unwrap();
        let column_of = match column["type"].as_str().unwrap() {
            "float" => Column::Float(values.iter().map(|v| v.as_f64().unwrap_or(f64::NAN)).collect()),
            "int" => Column::Int(values.iter().map(Value::as_i64).collect()),
            "bool" => Column::Bool(values.iter().map(Value::as_bool).collect()),
            "text" => Column::Text(values.iter().map(|v| v.as_str().map(Arc::from)).collect()),
            _ => Column::Time(values.iter().map(Value::as_i64).collect()),
        };
        (column["name"].as_str().unwrap().to_owned(), column_of)
    };
    Table::new(document.as_array().unwrap().iter().map(column).collect()).unwrap()
}

/// The largest difference from what `shap` said, relative for numbers beyond 1.
fn difference(ours: &Attributions, output: usize, theirs: &Value) -> f64 {
    let off = |a: f64, b: f64| (a - b).abs() / b.abs().max(1.0);
    let mut worst = off(ours.base()[output], theirs["base"].as_f64().unwrap());
    let rows = theirs["values"].as_array().unwrap();
    assert_eq!(ours.rows(), rows.len());
    for (row, line) in rows.iter().enumerate() {
        let line: Vec<f64> = line.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect();
        assert_eq!(ours.of(row, output).len(), line.len());
        let offs = ours.of(row, output).iter().zip(&line).map(|(a, b)| off(*a, *b));
        worst = offs.fold(worst, f64::max);
    }
    worst
}

#[test]
fn trees_and_linear_models_by_fit_are_explained_as_shap_explains_them() {
    for name in ["trees_binary", "trees_kind", "trees_value", "linear_binary", "linear_kind", "linear_value"] {
        let model = Model::from_onnx(&read(&format!("{name}.onnx"))).unwrap();
        let (rows, shap) = (table(&format!("{name}.rows.json")), json(&format!("{name}.shap.json")));
        let ours = model.explain(&rows).unwrap();
        let background = table(&format!("{name}.background.json"));
        let against = model.explainer_against(&background).unwrap().explain(&rows).unwrap();
        let columns: Vec<&str> =
            shap["columns"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        assert_eq!(ours.columns(), columns);
        let outputs = shap["outputs"].as_array().unwrap();
        assert_eq!(ours.outputs().len(), outputs.len());
        for (output, theirs) in outputs.iter().enumerate() {
            let (training, background) =
                (difference(&ours, output, theirs), difference(&against, output, &theirs["against"]));
            println!("{name} {output}: {training:.1e} against training rows, {background:.1e} against a background");
            assert!(training <= TOLERANCE && background <= TOLERANCE, "{name} {output}: {training} {background}");
        }
    }
}

fn value(name: &str, element: i32, dims: &[i64]) -> ValueInfo {
    let dim = |&dim: &i64| if dim < 0 { Dim::Free("N".into()) } else { Dim::Fixed(dim) };
    ValueInfo { name: name.into(), element, shape: Some(dims.iter().map(dim).collect()) }
}

fn model(nodes: Vec<NodeProto>, initializers: Vec<TensorProto>, columns: i64) -> ModelProto {
    let (inputs, outputs) =
        (vec![value("x", element::FLOAT, &[-1, columns])], vec![value("y", element::FLOAT, &[-1, 1])]);
    ModelProto {
        ir_version: 8,
        opset: vec![(String::new(), 15), (ML.into(), 3)],
        graph: GraphProto { name: "g".into(), nodes, initializers, inputs, outputs },
        ..ModelProto::default()
    }
}

/// A random tree of a depth, as the attribute lists of ONNX hold it.
#[derive(Default)]
struct Lists {
    tree: Vec<i64>,
    id: Vec<i64>,
    feature: Vec<i64>,
    mode: Vec<String>,
    threshold: Vec<f32>,
    yes: Vec<i64>,
    no: Vec<i64>,
    missing: Vec<i64>,
    cover: Vec<f32>,
    leaf_tree: Vec<i64>,
    leaf_id: Vec<i64>,
    leaf_weight: Vec<f32>,
}

const MODES: [&str; 4] = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT"];

impl Lists {
    /// Adds the subtree whose choices are the next of `dice`; gives its id and cover.
    fn grow(&mut self, tree: i64, depth: usize, dice: &mut impl FnMut() -> u32) -> (i64, f32) {
        let place = self.tree.len();
        let id = place as i64;
        self.tree.push(tree);
        self.id.push(id);
        self.feature.push(i64::from(dice() % 3));
        self.mode.push("LEAF".into());
        self.threshold.push((dice() % 9) as f32 - 4.0);
        self.yes.push(0);
        self.no.push(0);
        self.missing.push(i64::from(dice() % 2));
        self.cover.push((1 + dice() % 50) as f32);
        if depth == 0 || dice().is_multiple_of(5) {
            self.leaf_tree.push(tree);
            self.leaf_id.push(id);
            self.leaf_weight.push((dice() % 200) as f32 / 16.0 - 6.0);
            return (id, self.cover[place]);
        }
        self.mode[place] = MODES[(dice() % 4) as usize].into();
        let (yes, a) = self.grow(tree, depth - 1, dice);
        let (no, b) = self.grow(tree, depth - 1, dice);
        (self.yes[place], self.no[place], self.cover[place]) = (yes, no, a + b);
        (id, a + b)
    }

    fn model(self, with_covers: bool, average: bool) -> ModelProto {
        use AttributeValue::{Floats, Int, Ints, Text, Texts};
        let outputs = vec![0; self.leaf_id.len()];
        let mut attributes = vec![
            ("n_targets", Int(1)),
            ("aggregate_function", Text(if average { "AVERAGE" } else { "SUM" }.into())),
            ("base_values", Floats(vec![0.75])),
            ("nodes_treeids", Ints(self.tree)),
            ("nodes_nodeids", Ints(self.id)),
            ("nodes_featureids", Ints(self.feature)),
            ("nodes_modes", Texts(self.mode)),
            ("nodes_values", Floats(self.threshold)),
            ("nodes_truenodeids", Ints(self.yes)),
            ("nodes_falsenodeids", Ints(self.no)),
            ("nodes_missing_value_tracks_true", Ints(self.missing)),
            ("target_treeids", Ints(self.leaf_tree)),
            ("target_nodeids", Ints(self.leaf_id)),
            ("target_ids", Ints(outputs)),
            ("target_weights", Floats(self.leaf_weight)),
        ];
        if with_covers {
            attributes.push(("nodes_hitrates", Floats(self.cover)));
        }
        let node = NodeProto::new(ML, "TreeEnsembleRegressor", &["x"], &["y"]);
        let node = attributes.into_iter().fold(node, |node, (name, value)| node.with(name, value));
        model(vec![node], Vec::new(), 3)
    }
}

fn forest(seed: u32, trees: usize, with_covers: bool, average: bool) -> Model {
    let mut state = seed | 1;
    let mut dice = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state >> 7
    };
    let mut lists = Lists::default();
    for tree in 0..trees as i64 {
        lists.grow(tree, 5, &mut dice);
    }
    Model::from_onnx(&lists.model(with_covers, average).encode()).unwrap()
}

fn rows(values: &[f64]) -> Table {
    let column = |at: usize| Column::Float(values.iter().skip(at).step_by(3).copied().collect());
    Table::new((0..3).map(|at| (format!("x_{at}"), column(at))).collect()).unwrap()
}

fn numbers() -> impl Strategy<Value = Vec<f64>> {
    let number =
        prop_oneof![8 => -6.0..6.0, 2 => (-5i32..5).prop_map(f64::from), 1 => Just(f64::NAN), 1 => Just(f64::INFINITY)];
    prop::collection::vec(number, 3..30).prop_map(|mut values| {
        values.truncate(values.len() / 3 * 3);
        values
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn the_attributions_of_any_trees_add_up_to_the_answer(
        seed in any::<u32>(), trees in 1usize..5, average in any::<bool>(), values in numbers(), behind in numbers(),
    ) {
        let model = forest(seed, trees, true, average);
        let table = rows(&values);
        let answers = model.predict(&table).unwrap();
        let background = rows(&behind);
        let against = model.explainer_against(&background).unwrap();
        for explained in [model.explain(&table).unwrap(), against.explain(&table).unwrap()] {
            for row in 0..table.rows() {
                let sum = explained.base()[0] + explained.of(row, 0).iter().sum::<f64>();
                prop_assert!((sum - explained.score(row, 0).unwrap()).abs() < 1e-9);
                // The answer is added up in float32.
                prop_assert!((sum - answers.scores()[row]).abs() < 1e-5 * (1.0 + sum.abs()));
            }
        }
        // Where it is its own background, the mean attribution of every column is zero.
        let own = model.explainer_against(&table).unwrap().explain(&table).unwrap();
        for mean in own.mean(0).unwrap() {
            prop_assert!(mean.abs() < 1e-9);
        }
    }
}

fn opaque(proto: &ModelProto, expected: &str) {
    let error = Model::from_onnx(&proto.encode()).unwrap().explain(&rows(&[1.0, 2.0, 3.0])).unwrap_err();
    assert!(error.to_string().contains(expected), "{error}");
}

fn floats(name: &str, dims: &[i64], data: &[f32]) -> TensorProto {
    TensorProto { name: name.into(), dims: dims.to_vec(), data: TensorData::Float(data.to_vec()) }
}

#[test]
fn a_file_that_does_not_know_its_training_rows_asks_for_a_background() {
    let model = forest(7, 3, false, false);
    let table = rows(&[1.0, 2.0, 3.0, -1.0, 0.0, f64::NAN]);
    let error = model.explain(&table).unwrap_err();
    assert!(matches!(error, ExplainError::NoTraining(_)) && error.to_string().contains("background"), "{error}");
    assert_eq!(model.explainer_against(&table).unwrap().explain(&table).unwrap().rows(), 2);
    assert_eq!(model.explainer_against(&rows(&[])).unwrap_err(), ExplainError::NoBackground);

    let product = NodeProto::new("", "MatMul", &["x", "w"], &["y"]);
    let proto = self::model(vec![product], vec![floats("w", &[3, 1], &[1.0, -2.0, 0.5])], 3);
    let linear = Model::from_onnx(&proto.encode()).unwrap();
    assert!(matches!(linear.explain(&rows(&[1.0, 2.0, 3.0])), Err(ExplainError::NoTraining(_))));
    let against = linear.explainer_against(&rows(&[0.0, 0.0, 0.0, 2.0, 2.0, 2.0])).unwrap();
    let explained = against.explain(&rows(&[3.0, 1.0, 5.0])).unwrap();
    assert_eq!(explained.of(0, 0), [2.0, 0.0, 2.0]);
    assert_eq!((explained.base()[0], explained.score(0, 0)), (-0.5, Some(3.5)));
}

#[test]
fn a_model_in_which_columns_meet_before_the_learner_is_not_guessed_at() {
    let mix = NodeProto::new("", "MatMul", &["x", "m"], &["mixed"]);
    let bent = NodeProto::new("", "Tanh", &["mixed"], &["bent"]);
    let product = NodeProto::new("", "MatMul", &["bent", "w"], &["y"]);
    let constants = vec![
        floats("m", &[3, 3], &[1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0]),
        floats("w", &[3, 1], &[1.0, -2.0, 0.5]),
    ];
    let proto = model(vec![mix, bent, product], constants, 3);
    let loaded = Model::from_onnx(&proto.encode()).unwrap();
    let table = rows(&[1.0, 2.0, 3.0]);
    let error = loaded.explainer_against(&table).and_then(|explainer| explainer.explain(&table)).unwrap_err();
    assert!(error.to_string().contains("several inputs meet"), "{error}");

    let first = NodeProto::new("", "Gather", &["x", "zero"], &["y"]).with("axis", AttributeValue::Int(1));
    let zero = TensorProto { name: "zero".into(), dims: vec![1], data: TensorData::Int(vec![0]) };
    opaque(&model(vec![first], vec![zero], 3), "without trees or a linear model");
    let square = NodeProto::new("", "Add", &["x", "w"], &["sum"]);
    let first = NodeProto::new("", "Gather", &["sum", "zero"], &["y"]).with("axis", AttributeValue::Int(1));
    let zero = TensorProto { name: "zero".into(), dims: vec![1], data: TensorData::Int(vec![0]) };
    opaque(&model(vec![square, first], vec![floats("w", &[1, 3], &[1.0; 3]), zero], 3), "without a weight");
}

#[test]
fn a_shift_is_the_difference_of_mean_scores_and_unlike_models_do_not_compare() {
    let (model, other) = (forest(3, 4, true, false), forest(4, 4, true, false));
    let (before, now) = (rows(&[0.1, 2.0, -3.0, 1.0, 1.0, 1.0]), rows(&[5.0, 2.0, -3.0, 4.0, -1.0, 1.5]));
    let (reference, current) = (model.explain(&before).unwrap(), model.explain(&now).unwrap());
    let parts: f64 = current.shift_from(&reference, 0, 0.95).unwrap().iter().map(|part| part.shift.value).sum();
    let mean = |of: &Attributions| (of.score(0, 0).unwrap() + of.score(1, 0).unwrap()) / 2.0;
    assert!((parts - (mean(&current) - mean(&reference))).abs() < 1e-12);
    assert!(current.shift_from(&other.explain(&before).unwrap(), 0, 0.95).is_err());
    assert!(current.shift_from(&reference, 1, 0.95).is_err());
    assert!(model.explain(&rows(&[])).unwrap().mean(0).is_none());
}

#[test]
fn columns_that_a_model_needs_are_asked_for_by_name() {
    let table = Table::new(vec![("x_1".into(), Column::Float(vec![1.0]))]).unwrap();
    let error = forest(3, 2, true, false).explain(&table).unwrap_err();
    assert!(matches!(error, ExplainError::Predict(_)), "{error}");
}
