//! Forests written node by node.

use kilter_domain::table::{Column, Table};
use kilter_inference::onnx::{AttributeValue, Dim, GraphProto, ML, ModelProto, NodeProto, ValueInfo, element};

/// A node of a tree; a leaf has the mode `LEAF` and a weight.
#[derive(Clone)]
pub struct Node {
    pub tree: i64,
    pub id: i64,
    pub mode: &'static str,
    pub feature: i64,
    pub threshold: f32,
    pub children: (i64, i64),
    pub missing_is_yes: bool,
    pub weight: f32,
}

pub fn split(tree: i64, id: i64, mode: &'static str, feature: i64, threshold: f32, children: (i64, i64)) -> Node {
    Node { tree, id, mode, feature, threshold, children, missing_is_yes: false, weight: 0.0 }
}

pub fn leaf(tree: i64, id: i64, weight: f32) -> Node {
    Node { weight, ..split(tree, id, "LEAF", 0, 0.0, (0, 0)) }
}

/// A regressor over the columns `x_0` to `x_{width - 1}`.
pub fn forest(nodes: &[Node], width: i64, settings: &[(&str, AttributeValue)]) -> ModelProto {
    use AttributeValue::{Floats, Int, Ints, Texts};
    let ints = |of: fn(&Node) -> i64| Ints(nodes.iter().map(of).collect());
    let leaves: Vec<&Node> = nodes.iter().filter(|node| node.mode == "LEAF").collect();
    let of_leaves = |of: fn(&Node) -> i64| Ints(leaves.iter().map(|node| of(node)).collect());
    let mut node = NodeProto::new(ML, "TreeEnsembleRegressor", &["x"], &["y"])
        .with("n_targets", Int(1))
        .with("nodes_treeids", ints(|node| node.tree))
        .with("nodes_nodeids", ints(|node| node.id))
        .with("nodes_featureids", ints(|node| node.feature))
        .with("nodes_modes", Texts(nodes.iter().map(|node| node.mode.to_owned()).collect()))
        .with("nodes_values", Floats(nodes.iter().map(|node| node.threshold).collect()))
        .with("nodes_truenodeids", ints(|node| node.children.0))
        .with("nodes_falsenodeids", ints(|node| node.children.1))
        .with("nodes_missing_value_tracks_true", ints(|node| i64::from(node.missing_is_yes)))
        .with("target_treeids", of_leaves(|node| node.tree))
        .with("target_nodeids", of_leaves(|node| node.id))
        .with("target_ids", of_leaves(|_| 0))
        .with("target_weights", Floats(leaves.iter().map(|node| node.weight).collect()));
    for (name, value) in settings {
        node = node.with(name, value.clone());
    }
    let value = |name: &str, width| ValueInfo {
        name: name.into(),
        element: element::FLOAT,
        shape: Some(vec![Dim::Free("N".into()), Dim::Fixed(width)]),
    };
    ModelProto {
        ir_version: 8,
        opset: vec![(ML.into(), 3)],
        graph: GraphProto {
            name: "g".into(),
            nodes: vec![node],
            initializers: Vec::new(),
            inputs: vec![value("x", width)],
            outputs: vec![value("y", 1)],
        },
        ..ModelProto::default()
    }
}

/// Rows of numbers, in the columns that the model takes.
pub fn numbers(rows: &[&[f64]]) -> Table {
    let width = rows.first().map_or(0, |row| row.len());
    let name = |at: usize| if width == 1 { "x".to_owned() } else { format!("x_{at}") };
    let column = |at: usize| (name(at), Column::Float(rows.iter().map(|row| row[at]).collect()));
    Table::new((0..width).map(column).collect()).unwrap()
}
