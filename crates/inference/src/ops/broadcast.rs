//! Elementwise work over tensors of unlike shapes, as ONNX broadcasts: dimensions align at the end, 1 stretches.

use crate::tensor::{MAX_RANK, Shape, Tensor};

/// The shape that `left` and `right` stretch to.
pub(super) fn common_shape(left: &Shape, right: &Shape) -> Result<Shape, String> {
    let rank = left.rank().max(right.rank());
    let mut dims = [1usize; MAX_RANK];
    for (at, dim) in dims[..rank].iter_mut().enumerate() {
        let size = |shape: &Shape| (at + shape.rank()).checked_sub(rank).map_or(1, |at| shape.dims()[at]);
        *dim = match (size(left), size(right)) {
            (a, b) if a == b => a,
            (1, b) => b,
            (a, 1) => a,
            _ => return Err(format!("the shapes {:?} and {:?} do not go together", left.dims(), right.dims())),
        };
    }
    Shape::new(&dims[..rank]).ok_or_else(|| "the result would be too large".to_owned())
}

/// Which element of an operand belongs to which element of the result.
pub(super) enum Walk {
    Same,
    /// The operand repeats every this many elements: a scalar (1) or a row.
    Repeat(usize),
    Listed(Vec<u32>),
}

impl Walk {
    /// `shape` stretched to `result`, which must come from [`common_shape`].
    pub fn over(shape: &Shape, result: &Shape) -> Self {
        if shape.dims() == result.dims() {
            return Self::Same;
        }
        let trimmed: Vec<usize> = shape.dims().iter().copied().skip_while(|&dim| dim == 1).collect();
        if result.dims().ends_with(&trimmed) {
            return Self::Repeat(shape.count().max(1));
        }
        Self::Listed(listed(shape, result))
    }

    pub fn at(&self, index: usize) -> usize {
        match self {
            Self::Same => index,
            Self::Repeat(1) => 0,
            Self::Repeat(size) => index % size,
            Self::Listed(table) => table[index] as usize,
        }
    }
}

fn listed(shape: &Shape, result: &Shape) -> Vec<u32> {
    let offset = result.rank() - shape.rank();
    let mut strides = [0usize; MAX_RANK];
    let mut stride = 1;
    for (at, &dim) in shape.dims().iter().enumerate().rev() {
        strides[offset + at] = if dim == 1 { 0 } else { stride };
        stride *= dim;
    }
    let mut position = [0usize; MAX_RANK];
    let mut element = 0usize;
    let mut table = Vec::with_capacity(result.count());
    for _ in 0..result.count() {
        table.push(element as u32);
        for at in (0..result.rank()).rev() {
            position[at] += 1;
            element += strides[at];
            if position[at] < result.dims()[at] {
                break;
            }
            element -= strides[at] * position[at];
            position[at] = 0;
        }
    }
    table
}

/// `combine` applied to the matching elements of both.
pub(super) fn zip<A: Copy, B: Copy, C>(
    left: &Tensor<A>,
    right: &Tensor<B>,
    mut combine: impl FnMut(A, B) -> C,
) -> Result<Tensor<C>, String> {
    let shape = common_shape(&left.shape, &right.shape)?;
    let (a, b) = (Walk::over(&left.shape, &shape), Walk::over(&right.shape, &shape));
    let data = match (&a, &b) {
        (Walk::Same, Walk::Same) => left.data.iter().zip(&right.data).map(|(&a, &b)| combine(a, b)).collect(),
        (Walk::Same, Walk::Repeat(1)) => left.data.iter().map(|&a| combine(a, right.data[0])).collect(),
        _ => (0..shape.count()).map(|at| combine(left.data[a.at(at)], right.data[b.at(at)])).collect(),
    };
    Ok(Tensor { shape, data })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(left: &[usize], right: &[usize], expected: &[f32]) {
        let fill = |dims: &[usize]| {
            let count = dims.iter().product::<usize>();
            Tensor::new(dims, (1..=count).map(|v| v as f32).collect()).unwrap()
        };
        let sum = zip(&fill(left), &fill(right), |a, b| a * 10.0 + b).unwrap();
        assert_eq!(sum.data, expected, "{left:?} {right:?}");
    }

    #[test]
    fn shapes_stretch_as_onnx_says() {
        check(&[2, 2], &[2], &[11.0, 22.0, 31.0, 42.0]);
        check(&[2, 2], &[1], &[11.0, 21.0, 31.0, 41.0]);
        check(&[2, 1], &[1, 2], &[11.0, 12.0, 21.0, 22.0]);
        check(&[2, 2], &[2, 1], &[11.0, 21.0, 32.0, 42.0]);
        check(&[], &[3], &[11.0, 12.0, 13.0]);
        check(&[0, 1], &[1, 3], &[]);
    }

    #[test]
    fn shapes_that_do_not_go_together_are_refused() {
        let shape = |dims: &[usize]| Shape::new(dims).unwrap();
        assert!(common_shape(&shape(&[2, 3]), &shape(&[2])).is_err());
        assert!(common_shape(&shape(&[1 << 20, 1]), &shape(&[1, 1 << 20])).is_err());
    }
}
