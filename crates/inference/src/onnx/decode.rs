//! Bytes to [`ModelProto`].

use super::{
    Attribute, AttributeValue, Dim, GraphProto, ModelProto, NodeProto, TensorData, TensorProto, ValueInfo, element,
    wire::{Field, Reader},
};
use crate::error::LoadError;

/// The largest file that is read.
pub(super) const MAX_BYTES: usize = 512 << 20;
/// Bounds against files that are all headers: every entry costs memory beyond its bytes.
const MAX_NODES: usize = 100_000;
const MAX_VALUES: usize = 100_000;
/// How deep graphs may lie in each other.
const MAX_DEPTH: usize = 4;

impl ModelProto {
    /// Decodes an ONNX file.
    pub fn decode(bytes: &[u8]) -> Result<Self, LoadError> {
        bounded("the file in bytes", bytes.len(), MAX_BYTES)?;
        let mut model = Self::default();
        let mut has_graph = false;
        let mut reader = Reader::new(bytes, 0);
        while let Some(field) = reader.next()? {
            match field.number {
                1 => model.ir_version = field.int()?,
                2 => model.producer_name = field.text()?,
                3 => model.producer_version = field.text()?,
                7 => {
                    model.graph = graph(&field, 0)?;
                    has_graph = true;
                }
                8 => model.opset.push(opset(&field)?),
                14 => model.metadata.push(entry(&field)?),
                _ => {}
            }
            bounded("the number of metadata entries", model.metadata.len() + model.opset.len(), 10_000)?;
        }
        if has_graph {
            Ok(model)
        } else {
            Err(LoadError::NotOnnx { at: bytes.len(), reason: "it holds no graph".into() })
        }
    }
}

pub(super) fn bounded(what: &str, size: usize, limit: usize) -> Result<(), LoadError> {
    if size <= limit {
        Ok(())
    } else {
        Err(LoadError::TooLarge { what: what.into(), size: size as u64, limit: limit as u64 })
    }
}

fn opset(field: &Field<'_>) -> Result<(String, i64), LoadError> {
    let (mut domain, mut version) = (String::new(), 0);
    let mut reader = field.message()?;
    while let Some(field) = reader.next()? {
        match field.number {
            1 => domain = field.text()?,
            2 => version = field.int()?,
            _ => {}
        }
    }
    Ok((domain, version))
}

pub(super) fn entry(field: &Field<'_>) -> Result<(String, String), LoadError> {
    let (mut key, mut value) = (String::new(), String::new());
    let mut reader = field.message()?;
    while let Some(field) = reader.next()? {
        match field.number {
            1 => key = field.text()?,
            2 => value = field.text()?,
            _ => {}
        }
    }
    Ok((key, value))
}

/// A graph that lies in `depth` others.
fn graph(field: &Field<'_>, depth: usize) -> Result<GraphProto, LoadError> {
    bounded("the depth of graphs in graphs", depth, MAX_DEPTH)?;
    let mut graph = GraphProto::default();
    let mut reader = field.message()?;
    while let Some(field) = reader.next()? {
        match field.number {
            1 => graph.nodes.push(node(&field, depth)?),
            2 => graph.name = field.text()?,
            5 => graph.initializers.push(tensor(&field)?),
            11 => graph.inputs.push(value_info(&field)?),
            12 => graph.outputs.push(value_info(&field)?),
            15 => return Err(LoadError::BrokenGraph("sparse initialisers are not supported".into())),
            _ => {}
        }
        bounded("the number of nodes", graph.nodes.len(), MAX_NODES)?;
        let values = graph.initializers.len() + graph.inputs.len() + graph.outputs.len();
        bounded("the number of inputs, outputs and initialisers", values, MAX_VALUES)?;
    }
    Ok(graph)
}

fn node(field: &Field<'_>, depth: usize) -> Result<NodeProto, LoadError> {
    let mut node = NodeProto::default();
    let mut reader = field.message()?;
    while let Some(field) = reader.next()? {
        match field.number {
            1 => node.inputs.push(field.text()?),
            2 => node.outputs.push(field.text()?),
            3 => node.name = field.text()?,
            4 => node.op_type = field.text()?,
            5 => node.attributes.push(attribute(&field, depth)?),
            7 => node.domain = field.text()?,
            _ => {}
        }
        bounded("the number of values of a node", node.inputs.len() + node.outputs.len(), MAX_VALUES)?;
        bounded("the number of attributes of a node", node.attributes.len(), 1_000)?;
    }
    if node.domain == "ai.onnx" {
        node.domain.clear();
    }
    Ok(node)
}

/// Everything an `AttributeProto` may hold; which one counts is in `kind`, which some writers leave out.
#[derive(Default)]
struct RawAttribute {
    name: String,
    kind: i64,
    float: Option<f32>,
    int: Option<i64>,
    text: Option<String>,
    tensor: Option<TensorProto>,
    graph: Option<GraphProto>,
    floats: Vec<f32>,
    ints: Vec<i64>,
    texts: Vec<String>,
}

fn attribute(field: &Field<'_>, depth: usize) -> Result<Attribute, LoadError> {
    let mut raw = RawAttribute::default();
    let mut reader = field.message()?;
    while let Some(field) = reader.next()? {
        match field.number {
            1 => raw.name = field.text()?,
            2 => raw.float = Some(field.float()?),
            3 => raw.int = Some(field.int()?),
            4 => raw.text = Some(field.text()?),
            5 => raw.tensor = Some(tensor(&field)?),
            7 => field.push_floats(&mut raw.floats)?,
            8 => field.push_ints(&mut raw.ints)?,
            9 => raw.texts.push(field.text()?),
            20 => raw.kind = field.int()?,
            6 => raw.graph = Some(graph(&field, depth + 1)?),
            _ => {}
        }
    }
    let value = raw.value().ok_or_else(|| {
        LoadError::BrokenGraph(format!("attribute `{}` is of the unsupported type {}", raw.name, raw.kind))
    })?;
    Ok(Attribute { name: raw.name, value })
}

impl RawAttribute {
    fn value(&mut self) -> Option<AttributeValue> {
        let kind = match self.kind {
            0 => self.guessed_kind(),
            kind => kind,
        };
        Some(match kind {
            1 => AttributeValue::Float(self.float.unwrap_or(0.0)),
            2 => AttributeValue::Int(self.int.unwrap_or(0)),
            3 => AttributeValue::Text(self.text.take().unwrap_or_default()),
            4 => AttributeValue::Tensor(self.tensor.take()?),
            5 => AttributeValue::Graph(self.graph.take()?),
            6 => AttributeValue::Floats(std::mem::take(&mut self.floats)),
            7 => AttributeValue::Ints(std::mem::take(&mut self.ints)),
            8 => AttributeValue::Texts(std::mem::take(&mut self.texts)),
            _ => return None,
        })
    }

    fn guessed_kind(&self) -> i64 {
        let kinds = [
            (self.float.is_some(), 1),
            (self.int.is_some(), 2),
            (self.text.is_some(), 3),
            (self.tensor.is_some(), 4),
            (self.graph.is_some(), 5),
            (!self.floats.is_empty(), 6),
            (!self.ints.is_empty(), 7),
            (!self.texts.is_empty(), 8),
        ];
        kinds.iter().find(|(there, _)| *there).map_or(0, |&(_, kind)| kind)
    }
}

/// Everything a `TensorProto` may hold.
#[derive(Default)]
struct RawTensor<'a> {
    name: String,
    dims: Vec<i64>,
    element: i64,
    raw: Option<&'a [u8]>,
    floats: Vec<f32>,
    doubles: Vec<f64>,
    ints: Vec<i64>,
    texts: Vec<String>,
}

fn tensor(field: &Field<'_>) -> Result<TensorProto, LoadError> {
    let mut raw = RawTensor::default();
    let mut reader = field.message()?;
    while let Some(field) = reader.next()? {
        match field.number {
            1 => field.push_ints(&mut raw.dims)?,
            2 => raw.element = field.int()?,
            4 => field.push_floats(&mut raw.floats)?,
            5 | 7 | 11 => field.push_ints(&mut raw.ints)?,
            6 => raw.texts.push(field.text()?),
            8 => raw.name = field.text()?,
            9 => raw.raw = Some(field.bytes()?),
            10 => field.push_doubles(&mut raw.doubles)?,
            13 => return Err(raw.broken(
                "keeps its data in another file, which is read from a folder of MLflow alone (`kilter package import`)",
            )),
            _ => {}
        }
    }
    raw.finish()
}

impl RawTensor<'_> {
    fn broken(&self, reason: &str) -> LoadError {
        LoadError::BrokenGraph(format!("the tensor `{}` {reason}", self.name))
    }

    fn finish(mut self) -> Result<TensorProto, LoadError> {
        let data = match self.raw {
            Some(raw) => raw_data(self.element as i32, raw),
            None => self.typed_data(),
        };
        let data = data.ok_or_else(|| self.broken("is of an unsupported element type or its bytes do not fit"))?;
        let count = self
            .dims
            .iter()
            .try_fold(1usize, |count, &dim| usize::try_from(dim).ok().and_then(|dim| count.checked_mul(dim)));
        if count == Some(data.len()) {
            Ok(TensorProto { name: self.name, dims: self.dims, data })
        } else {
            Err(self.broken(&format!("holds {} elements, its shape is {:?}", data.len(), self.dims)))
        }
    }

    fn typed_data(&mut self) -> Option<TensorData> {
        Some(match self.element as i32 {
            element::FLOAT => TensorData::Float(std::mem::take(&mut self.floats)),
            element::DOUBLE => TensorData::Double(std::mem::take(&mut self.doubles)),
            element::STRING => TensorData::Text(std::mem::take(&mut self.texts)),
            element::BOOL => TensorData::Bool(self.ints.iter().map(|&value| value != 0).collect()),
            element::UINT64 if self.ints.iter().any(|&value| value < 0) => return None,
            element::INT8 | element::INT16 | element::INT32 | element::INT64 => {
                TensorData::Int(std::mem::take(&mut self.ints))
            }
            element::UINT8 | element::UINT16 | element::UINT32 | element::UINT64 => {
                TensorData::Int(std::mem::take(&mut self.ints))
            }
            _ => return None,
        })
    }
}

/// Little-endian elements; `None` for an unknown type or a length that does not divide.
fn raw_data(kind: i32, raw: &[u8]) -> Option<TensorData> {
    fn chunks<const N: usize, T>(raw: &[u8], read: impl Fn([u8; N]) -> T) -> Option<Vec<T>> {
        let (chunks, rest) = raw.as_chunks::<N>();
        rest.is_empty().then(|| chunks.iter().map(|chunk| read(*chunk)).collect())
    }
    Some(match kind {
        element::FLOAT => TensorData::Float(chunks(raw, f32::from_le_bytes)?),
        element::DOUBLE => TensorData::Double(chunks(raw, f64::from_le_bytes)?),
        element::BOOL => TensorData::Bool(raw.iter().map(|&byte| byte != 0).collect()),
        element::INT8 => TensorData::Int(chunks(raw, |b| i64::from(i8::from_le_bytes(b)))?),
        element::UINT8 => TensorData::Int(raw.iter().map(|&byte| i64::from(byte)).collect()),
        element::INT16 => TensorData::Int(chunks(raw, |b| i64::from(i16::from_le_bytes(b)))?),
        element::UINT16 => TensorData::Int(chunks(raw, |b| i64::from(u16::from_le_bytes(b)))?),
        element::INT32 => TensorData::Int(chunks(raw, |b| i64::from(i32::from_le_bytes(b)))?),
        element::UINT32 => TensorData::Int(chunks(raw, |b| i64::from(u32::from_le_bytes(b)))?),
        element::INT64 => TensorData::Int(chunks(raw, i64::from_le_bytes)?),
        _ => return None,
    })
}

fn value_info(field: &Field<'_>) -> Result<ValueInfo, LoadError> {
    let mut info = ValueInfo::default();
    let mut reader = field.message()?;
    while let Some(field) = reader.next()? {
        match field.number {
            1 => info.name = field.text()?,
            2 => tensor_type(&field, &mut info)?,
            _ => {}
        }
    }
    Ok(info)
}

/// `TypeProto`: only tensors are read; sequences and maps leave the element type at 0.
fn tensor_type(field: &Field<'_>, info: &mut ValueInfo) -> Result<(), LoadError> {
    let mut reader = field.message()?;
    while let Some(field) = reader.next()? {
        if field.number != 1 {
            continue;
        }
        let mut reader = field.message()?;
        while let Some(field) = reader.next()? {
            match field.number {
                1 => info.element = i32::try_from(field.int()?).unwrap_or(0),
                2 => info.shape = Some(shape(&field)?),
                _ => {}
            }
        }
    }
    Ok(())
}

fn shape(field: &Field<'_>) -> Result<Vec<Dim>, LoadError> {
    let mut dims = Vec::new();
    let mut reader = field.message()?;
    while let Some(field) = reader.next()? {
        if field.number != 1 {
            continue;
        }
        bounded("the rank of a shape", dims.len() + 1, 64)?;
        let mut dim = Dim::Free(String::new());
        let mut reader = field.message()?;
        while let Some(field) = reader.next()? {
            match field.number {
                1 => dim = Dim::Fixed(field.int()?),
                2 => dim = Dim::Free(field.text()?),
                _ => {}
            }
        }
        dims.push(dim);
    }
    Ok(dims)
}
