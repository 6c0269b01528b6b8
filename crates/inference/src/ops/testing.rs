//! What tests of operators share.

use super::{Arguments, Operator};
use crate::tensor::{Tensor, Value};

pub(super) fn floats(dims: &[usize], values: &[f32]) -> Value {
    Value::Float(Tensor::new(dims, values.to_vec()).unwrap())
}

pub(super) fn ints(dims: &[usize], values: &[i64]) -> Value {
    Value::Int(Tensor::new(dims, values.to_vec()).unwrap())
}

pub(super) fn run(operator: &dyn Operator, inputs: &[Value]) -> Result<Vec<Value>, String> {
    operator.run(Arguments(&inputs.iter().map(Some).collect::<Vec<_>>()))
}
