//! Matrix products and the softmax of plain ONNX.

use super::{
    Arguments, Attributes, Built, Operator, OperatorStructure, Outputs,
    broadcast::{Walk, common_shape},
    normalize::{each_lane, like},
    post_transform::softmax,
    shape::axis_of,
};
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

/// `MatMul`: numpy's `matmul`. A vector on the left is one row, on the right one column, and that dimension goes again.
#[derive(Debug)]
struct MatMul;

impl Operator for MatMul {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let (left, right) = (inputs.get(0)?, inputs.get(1)?);
        let dims = |value: &Value| value.shape().map(|shape| shape.dims().to_vec()).ok_or("split text is not a matrix");
        let (of_left, of_right) = (dims(left)?, dims(right)?);
        let (rows, inner) = match *of_left {
            [inner] => (1, inner),
            [ref outer @ .., inner] => (outer.iter().product(), inner),
            [] => return Err("a single number does not multiply a matrix".into()),
        };
        let (height, columns) = match *of_right {
            [height] => (height, 1),
            [height, columns] => (height, columns),
            _ => return Ok(vec![stacked(left, right)?]),
        };
        let product = product(left, right, Shapes { rows, width: inner, height, columns }, false)?;
        let mut shape = of_left[..of_left.len() - 1].to_vec();
        shape.extend((of_right.len() == 2).then_some(columns));
        Ok(vec![super::shape::with_shape(&product, &shape)?])
    }

    fn structure(&self) -> OperatorStructure<'_> {
        OperatorStructure::Product { transposed: false, alpha: 1.0, beta: 1.0 }
    }
}

/// `left x right`: float32 unless both are doubles.
fn product(left: &Value, right: &Value, shapes: Shapes, transposed: bool) -> Result<Value, String> {
    let Shapes { width, height, .. } = shapes;
    if width != height {
        return Err(format!("matrices of {width} columns and {height} rows do not multiply"));
    }
    let shape = Shape::new(&[shapes.rows, shapes.columns]).ok_or("the product would be too large")?;
    let sums = match right {
        Value::Double(right) => sums(left, &turned(&right.data, shapes, transposed), shapes)?,
        right => sums(left, &turned(&right.floats()?.data, shapes, transposed), shapes)?,
    };
    Ok(match (left, right) {
        (Value::Double(_), Value::Double(_)) => Value::Double(Tensor { shape, data: sums }),
        _ => Value::Float(Tensor { shape, data: sums.into_iter().map(|sum| sum as f32).collect() }),
    })
}

/// The most products that a stack of matrices takes.
const MAX_PRODUCTS: usize = 1 << 30;

/// Stacks of matrices, one product per pair; a stack of one goes with all.
fn stacked(left: &Value, right: &Value) -> Result<Value, String> {
    let (a, b) = (left.doubles()?, right.doubles()?);
    let split = |dims: &[usize]| match *dims {
        [ref outer @ .., rows, columns] => Ok((outer.to_vec(), rows, columns)),
        _ => Err("a stack of matrices does not multiply a vector"),
    };
    let ((of_a, rows, width), (of_b, height, columns)) = (split(a.shape.dims())?, split(b.shape.dims())?);
    if width != height {
        return Err(format!("matrices of {width} columns and {height} rows do not multiply"));
    }
    let shape = |dims: &[usize]| Shape::new(dims).ok_or("the product would be too large");
    let (of_a, of_b) = (shape(&of_a)?, shape(&of_b)?);
    let outer = common_shape(&of_a, &of_b)?;
    let result = shape(&[outer.dims(), &[rows, columns]].concat())?;
    if result.count().saturating_mul(width) > MAX_PRODUCTS {
        return Err("the product would take too long".into());
    }
    let (walk_a, walk_b) = (Walk::over(&of_a, &outer), Walk::over(&of_b, &outer));
    let mut data = vec![0.0f64; result.count()];
    for (at, sums) in data.chunks_exact_mut((rows * columns).max(1)).enumerate() {
        let (a, b) = (&a.data[walk_a.at(at) * rows * width..], &b.data[walk_b.at(at) * width * columns..]);
        for (place, sum) in sums.iter_mut().enumerate() {
            let (row, column) = (place / columns, place % columns);
            *sum = (0..width).map(|inner| a[row * width + inner] * b[inner * columns + column]).sum();
        }
    }
    Ok(like(Tensor { shape: result, data }, left))
}

/// The sizes of two matrices that are multiplied.
#[derive(Clone, Copy, Debug)]
struct Shapes {
    rows: usize,
    /// Columns of the left one.
    width: usize,
    /// Rows of the right one.
    height: usize,
    columns: usize,
}

/// The right matrix row by row, where it stands column by column.
fn turned<T: Copy>(data: &[T], shapes: Shapes, transposed: bool) -> std::borrow::Cow<'_, [T]> {
    if transposed {
        let row = |row: usize| (0..shapes.columns).map(move |column| data[column * shapes.height + row]);
        (0..shapes.height).flat_map(row).collect()
    } else {
        data.into()
    }
}

/// Summed in double precision.
fn sums<T: Copy + Into<f64>>(left: &Value, right: &[T], shapes: Shapes) -> Result<Vec<f64>, String> {
    let Shapes { rows, width, columns, .. } = shapes;
    let mut sums = vec![0.0f64; rows * columns];
    let add = |sums: &mut [f64], at: usize, value: f64| {
        let factors = &right[at * columns..(at + 1) * columns];
        sums.iter_mut().zip(factors).for_each(|(sum, &factor)| *sum += value * factor.into());
    };
    let lines = sums.chunks_exact_mut(columns.max(1)).enumerate();
    match left {
        Value::Sparse(matrix) => lines.for_each(|(row, sums)| {
            matrix.row(row).iter().for_each(|&(at, value)| add(sums, at as usize, f64::from(value)));
        }),
        Value::Double(left) => lines.for_each(|(row, sums)| {
            left.data[row * width..(row + 1) * width].iter().enumerate().for_each(|(at, &value)| add(sums, at, value));
        }),
        left => {
            let left = left.floats()?;
            lines.for_each(|(row, sums)| {
                let values = left.data[row * width..(row + 1) * width].iter().enumerate();
                values.for_each(|(at, &value)| add(sums, at, f64::from(value)));
            });
        }
    }
    Ok(sums)
}

/// `Gemm`: `alpha * A x B + beta * C`.
#[derive(Debug)]
struct Gemm {
    alpha: f32,
    beta: f32,
    transposed: bool,
    /// Whether the first matrix is turned too. Explanations do not look through such a node.
    is_first_transposed: bool,
}

fn gemm(node: &Attributes<'_>) -> Built {
    Ok(Box::new(Gemm {
        is_first_transposed: node.int("transA", 0)? != 0,
        alpha: node.float("alpha", 1.0)?,
        beta: node.float("beta", 1.0)?,
        transposed: node.int("transB", 0)? != 0,
    }))
}

impl Operator for Gemm {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let (mut left, right) = (inputs.get(0)?, inputs.get(1)?);
        let turned;
        if self.is_first_transposed {
            turned = super::layout::transposed(left, &[1, 0])?;
            left = &turned;
        }
        let matrix = |value: &Value| {
            let shape = value.shape().ok_or("split text is not a matrix")?;
            <[usize; 2]>::try_from(shape.dims())
                .map_err(|_| format!("a matrix is needed, not the shape {:?}", shape.dims()))
        };
        let ([rows, width], [mut height, mut columns]) = (matrix(left)?, matrix(right)?);
        if self.transposed {
            (height, columns) = (columns, height);
        }
        let mut result = product(left, right, Shapes { rows, width, height, columns }, self.transposed)?;
        match &mut result {
            Value::Double(tensor) => tensor.data.iter_mut().for_each(|value| *value *= f64::from(self.alpha)),
            Value::Float(tensor) => tensor.data.iter_mut().for_each(|value| *value *= self.alpha),
            _ => {}
        }
        let Some(addend) = inputs.optional(2) else { return Ok(vec![result]) };
        Ok(vec![match result {
            Value::Double(tensor) => {
                let scaled = addend.doubles()?.map(|&value| value * f64::from(self.beta));
                Value::Double(super::broadcast::zip(&tensor, &scaled, |a, b| a + b)?)
            }
            result => {
                let scaled = addend.floats()?.map(|&value| value * self.beta);
                Value::Float(super::broadcast::zip(&*result.floats()?, &scaled, |a, b| a + b)?)
            }
        }])
    }

    fn structure(&self) -> OperatorStructure<'_> {
        if self.is_first_transposed {
            return OperatorStructure::Opaque;
        }
        OperatorStructure::Product { transposed: self.transposed, alpha: self.alpha, beta: self.beta }
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
        let value = inputs.get(0)?;
        let shape = value.shape().ok_or("split text has no softmax")?;
        let axis = axis_of(self.axis, shape.rank())?;
        if axis + 1 != shape.rank() && !self.flat {
            let mut tensor = value.doubles()?.into_owned();
            each_lane(&mut tensor, axis, false, softmax_of_doubles);
            return Ok(vec![like(tensor, value)]);
        }
        let width = shape.dims()[axis..].iter().product::<usize>().max(1);
        if let Value::Double(tensor) = value {
            let mut tensor = tensor.clone();
            tensor.data.chunks_exact_mut(width).for_each(softmax_of_doubles);
            return Ok(vec![Value::Double(tensor)]);
        }
        let mut tensor = value.floats()?.into_owned();
        tensor.data.chunks_exact_mut(width).for_each(|row| softmax(row, false));
        Ok(vec![Value::Float(tensor)])
    }
}

fn softmax_of_doubles(row: &mut [f64]) {
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    row.iter_mut().for_each(|value| *value = (*value - largest).exp());
    let sum: f64 = row.iter().sum();
    row.iter_mut().for_each(|value| *value = if sum > 0.0 { *value / sum } else { 0.0 });
}
