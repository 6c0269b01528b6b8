//! Matrix products and the softmax of plain ONNX.

use super::{Anatomy, Arguments, Attributes, Built, Operator, Outputs, post::softmax};
use crate::tensor::{Shape, Tensor, Value};

pub(super) fn build(node: &Attributes<'_>) -> Option<Built> {
    Some(match node.kind() {
        "MatMul" => Ok(Box::new(MatMul)),
        "Gemm" => gemm(node),
        "Softmax" => {
            let default = if node.opset >= 13 { -1 } else { 1 };
            node.int("axis", default).map(|axis| Box::new(Softmax { axis, flat: node.opset < 13 }) as _)
        }
        _ => return None,
    })
}

#[derive(Debug)]
struct MatMul;

impl Operator for MatMul {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let right = inputs.get(1)?.floats()?;
        Ok(vec![Value::Float(product(inputs.get(0)?, &right)?)])
    }

    fn anatomy(&self) -> Anatomy<'_> {
        Anatomy::Product { transposed: false, alpha: 1.0, beta: 1.0 }
    }
}

/// `left x right` of two matrices, summed in double precision.
pub(super) fn product(left: &Value, right: &Tensor<f32>) -> Result<Tensor<f32>, String> {
    let &[inner, columns] = right.shape.dims() else {
        return Err(format!("a matrix is needed, not the shape {:?}", right.shape.dims()));
    };
    let left_shape = left.shape().ok_or("split text is not a matrix")?;
    let &[rows, width] = left_shape.dims() else {
        return Err(format!("a matrix is needed, not the shape {:?}", left_shape.dims()));
    };
    if width != inner {
        return Err(format!("matrices of {width} columns and {inner} rows do not multiply"));
    }
    let shape = Shape::new(&[rows, columns]).ok_or("the product would be too large")?;
    let mut data = Vec::with_capacity(shape.count());
    let mut sums = vec![0.0f64; columns];
    let add = |sums: &mut [f64], at: usize, value: f32| {
        let factors = &right.data[at * columns..(at + 1) * columns];
        sums.iter_mut().zip(factors).for_each(|(sum, &factor)| *sum += f64::from(value) * f64::from(factor));
    };
    if let Value::Sparse(matrix) = left {
        for row in 0..rows {
            sums.fill(0.0);
            matrix.row(row).iter().for_each(|&(at, value)| add(&mut sums, at as usize, value));
            data.extend(sums.iter().map(|&sum| sum as f32));
        }
    } else {
        let left = left.floats()?;
        for row in 0..rows {
            sums.fill(0.0);
            let values = &left.data[row * width..(row + 1) * width];
            values.iter().enumerate().for_each(|(at, &value)| add(&mut sums, at, value));
            data.extend(sums.iter().map(|&sum| sum as f32));
        }
    }
    Ok(Tensor { shape, data })
}

/// `Gemm`: `alpha * A x B + beta * C`.
#[derive(Debug)]
struct Gemm {
    alpha: f32,
    beta: f32,
    transposed: bool,
}

fn gemm(node: &Attributes<'_>) -> Built {
    if node.int("transA", 0)? != 0 {
        return Err("transA is not supported".into());
    }
    Ok(Box::new(Gemm {
        alpha: node.float("alpha", 1.0)?,
        beta: node.float("beta", 1.0)?,
        transposed: node.int("transB", 0)? != 0,
    }))
}

fn transpose(tensor: &Tensor<f32>) -> Result<Tensor<f32>, String> {
    let &[rows, columns] = tensor.shape.dims() else {
        return Err(format!("a matrix is needed, not the shape {:?}", tensor.shape.dims()));
    };
    let data = (0..columns).flat_map(|column| (0..rows).map(move |row| tensor.data[row * columns + column]));
    Tensor::new(&[columns, rows], data.collect())
}

impl Operator for Gemm {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let right = inputs.get(1)?.floats()?;
        let mut result = match self.transposed {
            true => product(inputs.get(0)?, &transpose(&right)?)?,
            false => product(inputs.get(0)?, &right)?,
        };
        result.data.iter_mut().for_each(|value| *value *= self.alpha);
        if let Some(addend) = inputs.optional(2) {
            let scaled = addend.floats()?.map(|&value| value * self.beta);
            result = super::broadcast::zip(&result, &scaled, |a, b| a + b)?;
        }
        Ok(vec![Value::Float(result)])
    }

    fn anatomy(&self) -> Anatomy<'_> {
        Anatomy::Product { transposed: self.transposed, alpha: self.alpha, beta: self.beta }
    }
}

#[derive(Debug)]
struct Softmax {
    axis: i64,
    /// Before opset 13 the tensor was flattened to a matrix at the axis.
    flat: bool,
}

impl Operator for Softmax {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let mut tensor = inputs.get(0)?.floats()?.into_owned();
        let rank = tensor.shape.rank() as i64;
        let axis = if self.axis < 0 { self.axis + rank } else { self.axis };
        if axis != rank - 1 && !(self.flat && (0..rank).contains(&axis)) {
            return Err(format!("softmax along axis {} is not supported", self.axis));
        }
        let width: usize = tensor.shape.dims()[axis as usize..].iter().product();
        tensor.data.chunks_exact_mut(width.max(1)).for_each(|row| softmax(row, false));
        Ok(vec![Value::Float(tensor)])
    }
}
