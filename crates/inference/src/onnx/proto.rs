//! The parts of an ONNX file as they are read and written: a subset of onnx.proto.

/// The domain of the classical machine-learning operators.
pub const ML: &str = "ai.onnx.ml";

/// A whole ONNX file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelProto {
    pub ir_version: i64,
    pub producer_name: String,
    pub producer_version: String,
    /// Domain and version of each operator set; the empty domain is `ai.onnx`.
    pub opset: Vec<(String, i64)>,
    pub metadata: Vec<(String, String)>,
    pub graph: GraphProto,
}

/// The computation: nodes in an order in which they can run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GraphProto {
    pub name: String,
    pub nodes: Vec<NodeProto>,
    pub initializers: Vec<TensorProto>,
    pub inputs: Vec<ValueInfo>,
    pub outputs: Vec<ValueInfo>,
}

/// One operator applied to named values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeProto {
    pub name: String,
    pub op_type: String,
    pub domain: String,
    pub inputs: Vec<String>,
    pub outputs: Vec<String>,
    pub attributes: Vec<Attribute>,
}

/// A named setting of a node.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    pub name: String,
    pub value: AttributeValue,
}

/// The value of an attribute. Strings are bytes in ONNX; ours are UTF-8.
#[derive(Clone, Debug, PartialEq)]
pub enum AttributeValue {
    Float(f32),
    Int(i64),
    Text(String),
    Tensor(TensorProto),
    Floats(Vec<f32>),
    Ints(Vec<i64>),
    Texts(Vec<String>),
}

/// A constant tensor.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TensorProto {
    pub name: String,
    pub dims: Vec<i64>,
    pub data: TensorData,
}

/// The elements of a constant tensor, row-major. Narrow integers are widened.
#[derive(Clone, Debug, PartialEq)]
pub enum TensorData {
    Float(Vec<f32>),
    Double(Vec<f64>),
    Int(Vec<i64>),
    Bool(Vec<bool>),
    Text(Vec<String>),
}

impl Default for TensorData {
    fn default() -> Self {
        Self::Float(Vec::new())
    }
}

/// The declared name, element type and shape of a graph input or output.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ValueInfo {
    pub name: String,
    /// See [`element`]; 0 where the value is not a tensor (a sequence of maps, say).
    pub element: i32,
    /// `None` where the shape is not declared.
    pub shape: Option<Vec<Dim>>,
}

/// One declared dimension.
#[derive(Clone, Debug, PartialEq)]
pub enum Dim {
    Fixed(i64),
    /// Named or unknown: any size.
    Free(String),
}

impl NodeProto {
    /// A node of the domain `domain` (empty for `ai.onnx`), named after its first output.
    pub fn new(domain: &str, op_type: &str, inputs: &[&str], outputs: &[&str]) -> Self {
        let texts = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Self {
            name: outputs.first().map_or(String::new(), |name| format!("{op_type}:{name}")),
            op_type: op_type.into(),
            domain: domain.into(),
            inputs: texts(inputs),
            outputs: texts(outputs),
            attributes: Vec::new(),
        }
    }

    /// The node with one more attribute.
    #[must_use]
    pub fn with(mut self, name: &str, value: AttributeValue) -> Self {
        self.attributes.push(Attribute { name: name.into(), value });
        self
    }

    pub(crate) fn attribute(&self, name: &str) -> Option<&AttributeValue> {
        self.attributes.iter().find(|attribute| attribute.name == name).map(|attribute| &attribute.value)
    }

    /// How errors call this node.
    pub(crate) fn label(&self) -> String {
        match (self.name.is_empty(), self.outputs.first()) {
            (true, Some(output)) => output.clone(),
            _ => self.name.clone(),
        }
    }
}

impl TensorData {
    pub fn len(&self) -> usize {
        match self {
            Self::Float(values) => values.len(),
            Self::Double(values) => values.len(),
            Self::Int(values) => values.len(),
            Self::Bool(values) => values.len(),
            Self::Text(values) => values.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
