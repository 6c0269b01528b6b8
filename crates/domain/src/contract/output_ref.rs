//! The output of a step, by name: `train.model`.

use std::fmt;

use crate::ids::StepName;

/// An output of a step: `train.model`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputRef {
    /// The step.
    pub step: StepName,
    /// The name of one of its outputs.
    pub output: String,
}

impl fmt::Display for OutputRef {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}", self.step, self.output)
    }
}
