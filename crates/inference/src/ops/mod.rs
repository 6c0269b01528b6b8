//! The operators: one value per kind of node, built once at load with its attributes checked.
//!
//! Holds true: running an operator never panics; what it cannot do it says as a text, to which the graph adds the node.

mod arith;
mod attributes;
mod broadcast;
mod encode;
mod layout;
mod linear;
mod matrix;
mod post_transform;
mod reduce;
mod shape;
mod text;

use std::fmt::Debug;

use crate::{
    error::LoadError,
    onnx::{ML, NodeProto},
    tensor::Value,
    trees::{self, Forest},
};
pub(crate) use attributes::{Attributes, ClassLabels};
pub(crate) use post_transform::{PostTransform, logistic};

/// The values a node is given; optional inputs may be absent.
pub(crate) struct Arguments<'a>(pub &'a [Option<&'a Value>]);

impl<'a> Arguments<'a> {
    pub fn get(&self, at: usize) -> Result<&'a Value, String> {
        self.optional(at).ok_or_else(|| format!("input {at} is missing"))
    }

    pub fn optional(&self, at: usize) -> Option<&'a Value> {
        self.0.get(at).copied().flatten()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// What one run of a node gives, in the order of its outputs.
pub(crate) type Outputs = Result<Vec<Value>, String>;

/// How the columns of a node's output come of those of its inputs, and what a learner consists of.
#[derive(Debug)]
pub(crate) enum OperatorStructure<'a> {
    /// Every column may depend on every column.
    Opaque,
    /// A column depends on the same column of each input; an input of one column counts for all.
    ByColumn,
    /// By column: the sum of both inputs.
    Sum,
    /// The first input.
    Same,
    /// The inputs side by side.
    Joined,
    /// The first input in another shape: its columns, when there are as many.
    Reshaped,
    /// Columns of the first input, in the order of the indices in the second.
    Picked,
    /// `alpha * first x second + beta * third`.
    Product {
        transposed: bool,
        alpha: f32,
        beta: f32,
    },
    /// A linear model: coefficients by output, then by column.
    Linear {
        outputs: usize,
        coefficients: &'a [f32],
        intercepts: &'a [f32],
    },
    /// Trees, whose sums are divided and moved. Of a merged forest all outputs add to one score.
    Forest {
        forest: &'a Forest,
        divisor: f64,
        base: &'a [f64],
        is_merged: bool,
    },
    Constant(&'a Value),
}

/// One operator with its settings.
pub(crate) trait Operator: Send + Sync + Debug {
    fn run(&self, inputs: Arguments<'_>) -> Outputs;

    /// The class names that this node's scores stand for, where it knows them.
    fn classes(&self) -> Option<Vec<String>> {
        None
    }

    /// Whether what it answers are probabilities of a sigmoid.
    fn is_sigmoid(&self) -> bool {
        false
    }

    /// What an explanation may know of this node.
    fn structure(&self) -> OperatorStructure<'_> {
        OperatorStructure::Opaque
    }
}

/// A built operator, or why its attributes do not make one.
type Built = Result<Box<dyn Operator>, String>;

/// Builds the operator of `node`. `opset` is the version of the node's operator set.
pub(crate) fn build(node: &NodeProto, opset: i64) -> Result<Box<dyn Operator>, LoadError> {
    let attributes = Attributes { node, opset };
    let built = match node.domain.as_str() {
        "" => build_core(&attributes),
        ML => build_ml(&attributes),
        _ => None,
    };
    let operator = || match node.domain.is_empty() {
        true => node.op_type.clone(),
        false => format!("{}.{}", node.domain, node.op_type),
    };
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
}

fn build_ml(node: &Attributes<'_>) -> Option<Built> {
    encode::build(node).or_else(|| linear::build(node)).or_else(|| trees::build(node))
}
