//! The learner and the answers, added to the graph.

use kilter_inference::{
    BASELINE_KEY, SIGNATURE_KEY, Signature, Task,
    onnx::{AttributeValue, element},
};

use crate::{
    boost::{Forest, Node, Tree},
    error::TrainError,
    graph::Graph,
    linear::Linear,
    prepare::Block,
    target::Labels,
};

/// Adds the trees; gives the raw scores `[N, outputs]`.
pub(crate) fn forest(graph: &mut Graph, block: &Block, forest: &Forest) -> String {
    let settings = Lists::of(forest).settings(forest);
    graph.ml("TreeEnsembleRegressor", &[&block.value], "scores", &settings)
}

/// The attribute lists of a tree ensemble.
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
    rows: Vec<f32>,
    leaf_tree: Vec<i64>,
    leaf_id: Vec<i64>,
    leaf_output: Vec<i64>,
    leaf_weight: Vec<f32>,
}

impl Lists {
    fn of(forest: &Forest) -> Self {
        let mut lists = Self::default();
        // onnxruntime wants at least one tree: one that adds nothing.
        let nothing = [Tree { nodes: vec![Node::Leaf(0.0)], rows: vec![1] }];
        let trees = if forest.trees.is_empty() { &nothing[..] } else { &forest.trees };
        for (at, tree) in trees.iter().enumerate() {
            let output = (at % forest.outputs) as i64;
            for (id, node) in tree.nodes.iter().enumerate() {
                lists.push(at as i64, id as i64, output, node);
            }
            lists.rows.extend(tree.rows.iter().map(|&rows| rows as f32));
        }
        lists
    }

    fn push(&mut self, tree: i64, id: i64, output: i64, node: &Node) {
        let (mode, feature, threshold, yes, no, missing) = match *node {
            Node::Leaf(weight) => {
                self.leaf_tree.push(tree);
                self.leaf_id.push(id);
                self.leaf_output.push(output);
                self.leaf_weight.push(weight);
                ("LEAF", 0, 0.0, 0, 0, false)
            }
            Node::Branch { column, threshold, missing_left, left, right, .. } => {
                ("BRANCH_LEQ", column as i64, threshold, left as i64, right as i64, missing_left)
            }
        };
        self.tree.push(tree);
        self.id.push(id);
        self.mode.push(mode.to_owned());
        self.feature.push(feature);
        self.threshold.push(threshold);
        self.yes.push(yes);
        self.no.push(no);
        self.missing.push(i64::from(missing));
    }

    fn settings(self, forest: &Forest) -> Vec<(&'static str, AttributeValue)> {
        use AttributeValue::{Floats, Int, Ints, Text, Texts};
        vec![
            ("n_targets", Int(forest.outputs as i64)),
            ("aggregate_function", Text("SUM".into())),
            ("post_transform", Text("NONE".into())),
            ("base_values", Floats(forest.base.clone())),
            ("nodes_treeids", Ints(self.tree)),
            ("nodes_nodeids", Ints(self.id)),
            ("nodes_featureids", Ints(self.feature)),
            ("nodes_modes", Texts(self.mode)),
            ("nodes_values", Floats(self.threshold)),
            ("nodes_truenodeids", Ints(self.yes)),
            ("nodes_falsenodeids", Ints(self.no)),
            ("nodes_missing_value_tracks_true", Ints(self.missing)),
            // How many training rows came by: explanations weigh the ways not taken with it, answers do not.
            ("nodes_hitrates", Floats(self.rows)),
            ("target_treeids", Ints(self.leaf_tree)),
            ("target_nodeids", Ints(self.leaf_id)),
            ("target_ids", Ints(self.leaf_output)),
            ("target_weights", Floats(self.leaf_weight)),
        ]
    }
}

/// Adds the products of blocks and weights; gives the raw scores `[N, outputs]`.
pub(crate) fn linear(graph: &mut Graph, blocks: &[Block], linear: &Linear) -> String {
    let outputs = linear.intercepts.len();
    let mut scores = graph.floats("intercepts", &[1, outputs], linear.intercepts.clone());
    for (block, weights) in blocks.iter().zip(&linear.weights) {
        let weights = graph.floats("weights", &[block.origins.len(), outputs], weights.clone());
        let product = graph.core("MatMul", &[&block.value, &weights], "product", &[]);
        scores = graph.core("Add", &[&product, &scores], "scores", &[]);
    }
    scores
}

/// What a model answers.
pub(crate) struct ModelOutputs<'a> {
    pub task: Task,
    pub labels: &'a Labels,
    /// The column that is predicted.
    pub target: &'a str,
}

/// Adds the answers and gives the whole file. A `baseline` says where a linear model's explanations start.
pub(crate) fn finish(
    mut graph: Graph,
    scores: &str,
    answers: &ModelOutputs<'_>,
    baseline: Option<&[Vec<f64>]>,
) -> Result<Vec<u8>, TrainError> {
    let ModelOutputs { task, labels, target } = *answers;
    let signature =
        Signature { inputs: graph.signature.clone(), task, classes: labels.names(), target: Some(target.to_owned()) };
    let failed = |error: serde_json::Error| TrainError::Export(error.to_string());
    let json = serde_json::to_string(&signature).map_err(failed)?;
    let mut metadata = vec![(SIGNATURE_KEY.to_owned(), json)];
    if let Some(baseline) = baseline {
        metadata.push((BASELINE_KEY.to_owned(), serde_json::to_string(baseline).map_err(failed)?));
    }
    if task == Task::Regression {
        let value = graph.core("Identity", &[scores], "variable", &[]);
        return Ok(graph.model(&[(&value, element::FLOAT, Some(1))], metadata).encode());
    }
    let probabilities = probabilities(&mut graph, scores, task);
    let axis = [("axis", AttributeValue::Int(1)), ("keepdims", AttributeValue::Int(0))];
    let class = graph.core("ArgMax", &[&probabilities], "class", &axis);
    let keys = ("keys_int64s", AttributeValue::Ints((0..labels.names().len() as i64).collect()));
    let (values, element) = match labels {
        Labels::Ints(labels) => (("values_int64s", AttributeValue::Ints(labels.clone())), element::INT64),
        Labels::Texts(labels) => (("values_strings", AttributeValue::Texts(labels.clone())), element::STRING),
    };
    let label = graph.ml("LabelEncoder", &[&class], "label", &[keys, values]);
    let outputs = [(label.as_str(), element, None), (&probabilities, element::FLOAT, Some(labels.names().len()))];
    Ok(graph.model(&outputs, metadata).encode())
}

fn probabilities(graph: &mut Graph, scores: &str, task: Task) -> String {
    let axis = [("axis", AttributeValue::Int(1))];
    if task == Task::Multiclass {
        return graph.core("Softmax", &[scores], "probabilities", &axis);
    }
    let positive = graph.core("Sigmoid", &[scores], "positive", &[]);
    let one = graph.floats("one", &[1], vec![1.0]);
    let negative = graph.core("Sub", &[&one, &positive], "negative", &[]);
    graph.core("Concat", &[&negative, &positive], "probabilities", &axis)
}
