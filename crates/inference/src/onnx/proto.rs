//! The parts of an ONNX file as they are read and written: a subset of onnx.proto.

/// The domain of the classical machine-learning operators.
pub const ML: &str = "ai.onnx.ml";

/// A whole ONNX file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelProto {
    /// The version of the file format.
    pub ir_version: i64,
    /// Which program wrote it.
    pub producer_name: String,
    /// In which version.
    pub producer_version: String,
    /// Domain and version of each operator set; the empty domain is `ai.onnx`.
    pub opset: Vec<(String, i64)>,
    /// Entries of `metadata_props`, key and value.
    pub metadata: Vec<(String, String)>,
    /// The computation.
    pub graph: GraphProto,
}

/// The computation: nodes in an order in which they can run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GraphProto {
    /// Its name; nothing depends on it.
    pub name: String,
    /// The operators, each after those whose outputs it reads.
    pub nodes: Vec<NodeProto>,
    /// Constants that nodes read by name.
    pub initializers: Vec<TensorProto>,
    /// What is fed in.
    pub inputs: Vec<ValueInfo>,
    /// What comes out.
    pub outputs: Vec<ValueInfo>,
}

/// One operator applied to named values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeProto {
    /// Its name, for errors; may be empty.
    pub name: String,
    /// The operator: `MatMul`.
    pub op_type: String,
    /// The operator set that defines it; empty for `ai.onnx`.
    pub domain: String,
    /// Names of the values that it reads; empty where an optional one is left out.
    pub inputs: Vec<String>,
    /// Names of the values that it makes.
    pub outputs: Vec<String>,
    /// Its settings.
    pub attributes: Vec<Attribute>,
}

/// A named setting of a node.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    /// Its name: `axis`.
    pub name: String,
    /// What it is set to.
    pub value: AttributeValue,
}

/// The value of an attribute. Strings are bytes in ONNX; ours are UTF-8.
#[derive(Clone, Debug, PartialEq)]
pub enum AttributeValue {
    /// A number of 32 bits.
    Float(f32),
    /// A whole number of 64 bits.
    Int(i64),
    /// A text.
    Text(String),
    /// A constant tensor.
    Tensor(TensorProto),
    /// Numbers.
    Floats(Vec<f32>),
    /// Whole numbers.
    Ints(Vec<i64>),
    /// Texts.
    Texts(Vec<String>),
    /// A computation of its own, of `Scan`, `Loop` and `If`.
    Graph(GraphProto),
}

/// A constant tensor.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TensorProto {
    /// The name that nodes read it by.
    pub name: String,
    /// Its shape.
    pub dims: Vec<i64>,
    /// Its elements.
    pub data: TensorData,
}

/// The elements of a constant tensor, row-major. Narrow integers are widened.
#[derive(Clone, Debug, PartialEq)]
pub enum TensorData {
    /// Numbers of 32 bits.
    Float(Vec<f32>),
    /// Numbers of 64 bits.
    Double(Vec<f64>),
    /// Whole numbers.
    Int(Vec<i64>),
    /// Yes or no.
    Bool(Vec<bool>),
    /// Texts.
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
    /// Its name.
    pub name: String,
    /// See [`super::element`]; 0 where the value is not a tensor (a sequence of maps, say).
    pub element: i32,
    /// `None` where the shape is not declared.
    pub shape: Option<Vec<Dim>>,
}

/// One declared dimension.
#[derive(Clone, Debug, PartialEq)]
pub enum Dim {
    /// Exactly so many.
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
    /// How many elements there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Float(values) => values.len(),
            Self::Double(values) => values.len(),
            Self::Int(values) => values.len(),
            Self::Bool(values) => values.len(),
            Self::Text(values) => values.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
