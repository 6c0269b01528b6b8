//! Reading a node's attributes with their defaults.

use std::{borrow::Cow, sync::Arc};

use crate::onnx::{AttributeValue, NodeProto, TensorData, TensorProto};

/// The attributes of one node.
#[derive(Clone, Copy)]
pub(crate) struct Attributes<'a> {
    pub node: &'a NodeProto,
    /// The version of the node's operator set.
    pub opset: i64,
}

impl<'a> Attributes<'a> {
    pub fn kind(&self) -> &'a str {
        &self.node.op_type
    }

    pub fn has(&self, name: &str) -> bool {
        self.node.attribute(name).is_some()
    }

    pub fn int(&self, name: &str, default: i64) -> Result<i64, String> {
        match self.node.attribute(name) {
            None => Ok(default),
            Some(AttributeValue::Int(value)) => Ok(*value),
            Some(_) => Err(format!("attribute `{name}` is not a whole number")),
        }
    }

    pub fn float(&self, name: &str, default: f32) -> Result<f32, String> {
        match self.node.attribute(name) {
            None => Ok(default),
            Some(AttributeValue::Float(value)) => Ok(*value),
            Some(_) => Err(format!("attribute `{name}` is not a float")),
        }
    }

    pub fn text(&self, name: &str, default: &'a str) -> Result<&'a str, String> {
        match self.node.attribute(name) {
            None => Ok(default),
            Some(AttributeValue::Text(value)) => Ok(value),
            Some(_) => Err(format!("attribute `{name}` is not a text")),
        }
    }

    /// Absent attributes are empty lists, here and below.
    pub fn floats(&self, name: &str) -> Result<&'a [f32], String> {
        match self.node.attribute(name) {
            None => Ok(&[]),
            Some(AttributeValue::Floats(values)) => Ok(values),
            Some(_) => Err(format!("attribute `{name}` is not a list of floats")),
        }
    }

    /// The list of floats `name`, or the double tensor `name_as_tensor` that stands in for it.
    pub fn numbers(&self, name: &str) -> Result<Cow<'a, [f64]>, String> {
        match self.node.attribute(&format!("{name}_as_tensor")) {
            None => Ok(self.floats(name)?.iter().map(|&value| f64::from(value)).collect()),
            Some(AttributeValue::Tensor(TensorProto { data: TensorData::Double(values), .. })) => {
                Ok(Cow::Borrowed(values))
            }
            Some(AttributeValue::Tensor(TensorProto { data: TensorData::Float(values), .. })) => {
                Ok(values.iter().map(|&value| f64::from(value)).collect())
            }
            Some(_) => Err(format!("attribute `{name}_as_tensor` is not a tensor of floats or doubles")),
        }
    }

    pub fn ints(&self, name: &str) -> Result<&'a [i64], String> {
        match self.node.attribute(name) {
            None => Ok(&[]),
            Some(AttributeValue::Ints(values)) => Ok(values),
            Some(_) => Err(format!("attribute `{name}` is not a list of whole numbers")),
        }
    }

    pub fn texts(&self, name: &str) -> Result<&'a [String], String> {
        match self.node.attribute(name) {
            None => Ok(&[]),
            Some(AttributeValue::Texts(values)) => Ok(values),
            Some(_) => Err(format!("attribute `{name}` is not a list of texts")),
        }
    }

    /// The class labels of a classifier: `(names, are they texts)`, from whichever attribute holds them.
    pub fn classes(&self, texts: &str, ints: &str) -> Result<ClassLabels, String> {
        let names = self.texts(texts)?;
        if names.is_empty() {
            return Ok(ClassLabels::Ints(self.ints(ints)?.to_vec()));
        }
        Ok(ClassLabels::Texts(names.iter().map(|name| name.as_str().into()).collect()))
    }
}

/// The labels that a classifier answers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ClassLabels {
    Ints(Vec<i64>),
    Texts(Vec<Arc<str>>),
}

impl ClassLabels {
    pub fn len(&self) -> usize {
        match self {
            Self::Ints(labels) => labels.len(),
            Self::Texts(labels) => labels.len(),
        }
    }

    pub fn names(&self) -> Vec<String> {
        match self {
            Self::Ints(labels) => labels.iter().map(i64::to_string).collect(),
            Self::Texts(labels) => labels.iter().map(|label| label.to_string()).collect(),
        }
    }

    /// The label tensor of rows whose classes are `picked`.
    ///
    /// # Panics
    /// When a class is out of bounds.
    pub fn pick(&self, picked: &[usize]) -> Result<crate::tensor::Value, String> {
        use crate::tensor::{Tensor, Value};
        let dims = [picked.len()];
        Ok(match self {
            Self::Ints(labels) => Value::Int(Tensor::new(&dims, picked.iter().map(|&class| labels[class]).collect())?),
            Self::Texts(labels) => {
                Value::Text(Tensor::new(&dims, picked.iter().map(|&class| Arc::clone(&labels[class])).collect())?)
            }
        })
    }
}
