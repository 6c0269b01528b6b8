//! [`ModelProto`] to bytes: fields in order of their numbers, equal models give equal bytes.

use super::{
    Attribute, AttributeValue, Dim, GraphProto, ModelProto, NodeProto, TensorData, TensorProto, ValueInfo, element,
    wire::Writer,
};

impl ModelProto {
    /// The ONNX file of this model.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.int(1, self.ir_version);
        out.put(2, self.producer_name.as_bytes());
        out.put(3, self.producer_version.as_bytes());
        out.message(7, |out| graph(out, &self.graph));
        for (domain, version) in &self.opset {
            out.message(8, |out| {
                out.put(1, domain.as_bytes());
                out.int(2, *version);
            });
        }
        for (key, value) in &self.metadata {
            out.message(14, |out| {
                out.put(1, key.as_bytes());
                out.put(2, value.as_bytes());
            });
        }
        out.bytes
    }
}

/// A file with one more metadata entry. Messages of protobuf that follow each other are one, and lists are joined.
pub fn with_metadata(mut bytes: Vec<u8>, key: &str, value: &str) -> Vec<u8> {
    let mut out = Writer::default();
    out.message(14, |out| {
        out.put(1, key.as_bytes());
        out.put(2, value.as_bytes());
    });
    bytes.extend(out.bytes);
    bytes
}

fn graph(out: &mut Writer, graph: &GraphProto) {
    graph.nodes.iter().for_each(|entry| out.message(1, |out| node(out, entry)));
    out.put(2, graph.name.as_bytes());
    graph.initializers.iter().for_each(|entry| out.message(5, |out| tensor(out, entry)));
    graph.inputs.iter().for_each(|entry| out.message(11, |out| value_info(out, entry)));
    graph.outputs.iter().for_each(|entry| out.message(12, |out| value_info(out, entry)));
}

fn node(out: &mut Writer, node: &NodeProto) {
    node.inputs.iter().for_each(|name| out.put(1, name.as_bytes()));
    node.outputs.iter().for_each(|name| out.put(2, name.as_bytes()));
    out.put(3, node.name.as_bytes());
    out.put(4, node.op_type.as_bytes());
    node.attributes.iter().for_each(|entry| out.message(5, |out| attribute(out, entry)));
    out.put(7, node.domain.as_bytes());
}

/// `AttributeProto` lies in a proto2 file: its repeated numbers are not packed.
fn attribute(out: &mut Writer, attribute: &Attribute) {
    out.put(1, attribute.name.as_bytes());
    let kind = match &attribute.value {
        AttributeValue::Float(value) => {
            out.float(2, *value);
            1
        }
        AttributeValue::Int(value) => {
            out.int(3, *value);
            2
        }
        AttributeValue::Text(value) => {
            out.put(4, value.as_bytes());
            3
        }
        AttributeValue::Tensor(value) => {
            out.message(5, |out| tensor(out, value));
            4
        }
        AttributeValue::Floats(values) => {
            values.iter().for_each(|value| out.float(7, *value));
            6
        }
        AttributeValue::Ints(values) => {
            values.iter().for_each(|value| out.int(8, *value));
            7
        }
        AttributeValue::Texts(values) => {
            values.iter().for_each(|value| out.put(9, value.as_bytes()));
            8
        }
        AttributeValue::Graph(value) => {
            out.message(6, |out| graph(out, value));
            5
        }
    };
    out.int(20, kind);
}

fn tensor(out: &mut Writer, tensor: &TensorProto) {
    tensor.dims.iter().for_each(|dim| out.int(1, *dim));
    let raw = |out: &mut Writer, kind: i32, bytes: Vec<u8>| {
        out.int(2, i64::from(kind));
        out.put(8, tensor.name.as_bytes());
        out.put(9, &bytes);
    };
    match &tensor.data {
        TensorData::Float(values) => raw(out, element::FLOAT, values.iter().flat_map(|v| v.to_le_bytes()).collect()),
        TensorData::Double(values) => raw(out, element::DOUBLE, values.iter().flat_map(|v| v.to_le_bytes()).collect()),
        TensorData::Int(values) => raw(out, element::INT64, values.iter().flat_map(|v| v.to_le_bytes()).collect()),
        TensorData::Bool(values) => raw(out, element::BOOL, values.iter().map(|&v| u8::from(v)).collect()),
        TensorData::Text(values) => {
            out.int(2, i64::from(element::STRING));
            values.iter().for_each(|value| out.put(6, value.as_bytes()));
            out.put(8, tensor.name.as_bytes());
        }
    }
}

fn value_info(out: &mut Writer, info: &ValueInfo) {
    out.put(1, info.name.as_bytes());
    out.message(2, |out| {
        out.message(1, |out| {
            out.int(1, i64::from(info.element));
            if let Some(dims) = &info.shape {
                out.message(2, |out| dims.iter().for_each(|entry| out.message(1, |out| dim(out, entry))));
            }
        });
    });
}

fn dim(out: &mut Writer, dim: &Dim) {
    match dim {
        Dim::Fixed(size) => out.int(1, *size),
        Dim::Free(name) if name.is_empty() => {}
        Dim::Free(name) => out.put(2, name.as_bytes()),
    }
}
