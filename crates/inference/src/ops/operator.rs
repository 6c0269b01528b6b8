//! What an operator is: a function of tensors, and what an explanation may know of it.

use std::fmt::Debug;

use super::budget::Budget;
use crate::{tensor::Value, trees::Forest};

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

    /// The same, for operators that run graphs of their own, whose work is charged to `budget`.
    fn run_within(&self, inputs: Arguments<'_>, _budget: &mut Budget) -> Outputs {
        self.run(inputs)
    }

    /// The class names that this node's scores stand for, where it knows them.
    fn classes(&self) -> Option<Vec<String>> {
        None
    }

    /// Whether its class names are those of its own values alone: an encoder may be part of the preparation.
    fn is_encoder(&self) -> bool {
        false
    }

    /// Whether what it answers are probabilities of a sigmoid.
    fn is_sigmoid(&self) -> bool {
        false
    }

    /// The memory that its settings take, in bytes; what is small beside a model is not counted.
    fn memory_bytes(&self) -> usize {
        match self.structure() {
            OperatorStructure::Linear { coefficients, intercepts, .. } => {
                size_of_val(coefficients) + size_of_val(intercepts)
            }
            OperatorStructure::Constant(value) => value.bytes(),
            _ => 0,
        }
    }

    /// What an explanation may know of this node.
    fn structure(&self) -> OperatorStructure<'_> {
        OperatorStructure::Opaque
    }
}

/// A built operator, or why its attributes do not make one.
pub(super) type Built = Result<Box<dyn Operator>, String>;
