//! The operators: one value per kind of node, built once at load with its attributes checked.
//!
//! Invariants: running an operator never panics; what it cannot do it says as a text, to which the graph adds the node.

mod activation;
mod algebra;
mod arith;
mod arrange;
mod attributes;
mod broadcast;
mod budget;
mod control;
mod encode;
mod layout;
mod linear;
mod matrix;
mod normalize;
mod operator;
mod pad;
mod post_transform;
mod reduce;
mod select;
mod shape;
mod svm;
#[cfg(test)]
mod testing;
mod text;
mod tokenizer;
mod trees;

use self::operator::Built;
pub(crate) use self::operator::{Arguments, Operator, OperatorStructure, Outputs};
use crate::{
    error::LoadError,
    onnx::{ML, NodeProto},
};
pub(crate) use attributes::{Attributes, ClassLabels};
pub(crate) use budget::Budget;
pub(crate) use control::{Body, NamedBody, build as build_control};
pub(crate) use post_transform::{PostTransform, logistic};

/// The domain of onnxruntime's own operators, a few of which converters write.
pub(crate) const MICROSOFT: &str = "com.microsoft";

/// Builds the operator of `node`. `opset` is the version of the node's operator set.
pub(crate) fn build(node: &NodeProto, opset: i64) -> Result<Box<dyn Operator>, LoadError> {
    let attributes = Attributes { node, opset };
    let built = match node.domain.as_str() {
        "" => build_core(&attributes),
        ML => build_ml(&attributes),
        MICROSOFT => build_microsoft(&attributes),
        _ => None,
    };
    let operator =
        || if node.domain.is_empty() { node.op_type.clone() } else { format!("{}.{}", node.domain, node.op_type) };
    match built {
        None => Err(LoadError::UnknownOperator { operator: operator(), node: node.label() }),
        Some(Err(reason)) => Err(LoadError::BadOperator { operator: operator(), node: node.label(), reason }),
        Some(Ok(built)) => Ok(built),
    }
}

fn build_core(node: &Attributes<'_>) -> Option<Built> {
    arith::build(node)
        .or_else(|| shape::build(node))
        .or_else(|| layout::build(node))
        .or_else(|| matrix::build(node))
        .or_else(|| text::build(node))
        .or_else(|| reduce::build(node))
        .or_else(|| activation::build(node))
        .or_else(|| normalize::build(node))
        .or_else(|| select::build(node))
        .or_else(|| arrange::build(node))
        .or_else(|| pad::build(node))
        .or_else(|| algebra::build(node))
        .or_else(|| tokenizer::build(node))
}

fn build_ml(node: &Attributes<'_>) -> Option<Built> {
    encode::build(node).or_else(|| linear::build(node)).or_else(|| svm::build(node)).or_else(|| trees::build(node))
}

fn build_microsoft(node: &Attributes<'_>) -> Option<Built> {
    algebra::build_microsoft(node).or_else(|| tokenizer::build_microsoft(node))
}
