//! Writing an ONNX graph: names stay unique, constants are shared by nobody, nodes come in an order that runs.

use std::collections::HashSet;

use kilter_inference::{
    Infinite, Input, InputKind, Missing,
    onnx::{AttributeValue, Dim, GraphProto, ML, ModelProto, NodeProto, TensorData, TensorProto, ValueInfo, element},
};

/// The name of the graph in the file. It is part of the bytes of every model, so of its digest, and the digest decides which entities
/// meet the canary of a version. So it keeps its first name.
const GRAPH_NAME: &str = "kilter-fit";

/// The operator set that the graph is written against; text needs a newer one.
const OPSET: i64 = 15;
const OPSET_WITH_TEXT: i64 = 20;
const OPSET_ML: i64 = 3;

/// A graph being written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Graph {
    nodes: Vec<NodeProto>,
    constants: Vec<TensorProto>,
    inputs: Vec<ValueInfo>,
    /// What the inputs take, in their order.
    pub signature: Vec<Input>,
    taken: HashSet<String>,
}

/// Attributes of a node.
pub(crate) type Settings<'a> = &'a [(&'a str, AttributeValue)];

impl Graph {
    /// An input of one column, called like it: `[N, 1]`.
    pub fn input(&mut self, column: &str, kind: InputKind, infinite: Infinite) -> String {
        let element = match kind {
            InputKind::Number | InputKind::Boolean => element::FLOAT,
            InputKind::Integer | InputKind::Time => element::INT64,
            InputKind::Text => element::STRING,
        };
        self.taken.insert(column.to_owned());
        self.inputs.push(value_info(column, element, Some(1)));
        let (name, missing) = (column.to_owned(), Missing::Allowed);
        self.signature.push(Input { name, kind, missing, infinite, optional: false });
        column.to_owned()
    }

    /// Declares all names of columns as taken, so that no value between is called like one.
    pub fn reserve<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        self.taken.extend(names.map(str::to_owned));
    }

    fn unique(&mut self, hint: &str) -> String {
        let mut name = hint.to_owned();
        let mut count = 1;
        while !self.taken.insert(name.clone()) {
            count += 1;
            name = format!("{hint}#{count}");
        }
        name
    }

    pub fn floats(&mut self, hint: &str, dims: &[usize], values: Vec<f32>) -> String {
        self.constant(hint, dims, TensorData::Float(values))
    }

    pub fn ints(&mut self, hint: &str, dims: &[usize], values: Vec<i64>) -> String {
        self.constant(hint, dims, TensorData::Int(values))
    }

    fn constant(&mut self, hint: &str, dims: &[usize], data: TensorData) -> String {
        let name = self.unique(hint);
        let dims = dims.iter().map(|&dim| dim as i64).collect();
        self.constants.push(TensorProto { name: name.clone(), dims, data });
        name
    }

    /// A node of `ai.onnx` with one output, whose name is given back.
    pub fn core(&mut self, op: &str, inputs: &[&str], hint: &str, settings: Settings<'_>) -> String {
        self.node("", op, inputs, &[hint], settings).remove(0)
    }

    /// A node of `ai.onnx.ml` with one output.
    pub fn ml(&mut self, op: &str, inputs: &[&str], hint: &str, settings: Settings<'_>) -> String {
        self.node(ML, op, inputs, &[hint], settings).remove(0)
    }

    /// A node with as many outputs as there are hints.
    pub fn node(
        &mut self,
        domain: &str,
        op: &str,
        inputs: &[&str],
        hints: &[&str],
        settings: Settings<'_>,
    ) -> Vec<String> {
        let outputs: Vec<String> = hints.iter().map(|hint| self.unique(hint)).collect();
        let names: Vec<&str> = outputs.iter().map(String::as_str).collect();
        let node = NodeProto::new(domain, op, inputs, &names);
        self.nodes.push(settings.iter().fold(node, |node, (name, value)| node.with(name, value.clone())));
        outputs
    }

    /// The whole file. `outputs` are names, element types and widths (`None` for a vector).
    pub fn model(&self, outputs: &[(&str, i32, Option<usize>)], metadata: Vec<(String, String)>) -> ModelProto {
        let has_text = self.nodes.iter().any(|node| node.op_type == "StringSplit");
        ModelProto {
            ir_version: if has_text { 9 } else { 8 },
            producer_name: "kilter".into(),
            producer_version: env!("CARGO_PKG_VERSION").into(),
            opset: vec![(String::new(), if has_text { OPSET_WITH_TEXT } else { OPSET }), (ML.into(), OPSET_ML)],
            metadata,
            graph: GraphProto {
                name: GRAPH_NAME.into(),
                nodes: self.nodes.clone(),
                initializers: self.constants.clone(),
                inputs: self.inputs.clone(),
                outputs: outputs.iter().map(|&(name, element, width)| value_info(name, element, width)).collect(),
            },
        }
    }
}

fn value_info(name: &str, element: i32, width: Option<usize>) -> ValueInfo {
    let rows = Dim::Free("N".into());
    let shape = match width {
        None => vec![rows],
        Some(width) => vec![rows, Dim::Fixed(width as i64)],
    };
    ValueInfo { name: name.into(), element, shape: Some(shape) }
}
