//! Operators that make one number of many: sums, and the place of the largest.

use super::{
    Arguments, Attributes, Built, Operator, Outputs,
    shape::{axes_of, axis_of, shape_of},
};
use crate::tensor::{Tensor, Value};

pub(super) fn build(node: &Attributes<'_>) -> Option<Built> {
    Some(match node.kind() {
        "ArgMax" => arg_max(node),
        "ReduceSum" => reduce_sum(node),
        _ => return None,
    })
}

#[derive(Debug)]
struct ArgMax {
    axis: i64,
    keep: bool,
    last: bool,
}

fn arg_max(node: &Attributes<'_>) -> Built {
    Ok(Box::new(ArgMax {
        axis: node.int("axis", 0)?,
        keep: node.int("keepdims", 1)? != 0,
        last: node.int("select_last_index", 0)? != 0,
    }))
}

impl Operator for ArgMax {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let tensor = inputs.get(0)?.doubles()?;
        let shape = tensor.shape;
        let axis = axis_of(self.axis, shape.rank())?;
        let size = shape.dims()[axis];
        if size == 0 && shape.count() > 0 {
            return Err("the largest of nothing does not exist".into());
        }
        let inner: usize = shape.dims()[axis + 1..].iter().product();
        let outer: usize = shape.dims()[..axis].iter().product();
        let mut dims = shape.dims().to_vec();
        match self.keep {
            true => dims[axis] = 1,
            false => drop(dims.remove(axis)),
        }
        let mut data = Vec::with_capacity(outer * inner);
        for block in 0..outer {
            for lane in 0..inner {
                let value = |at: usize| tensor.data[(block * size + at) * inner + lane];
                let better = |at: usize, best: usize| match self.last {
                    true => value(at) >= value(best),
                    false => value(at) > value(best),
                };
                data.push((1..size).fold(0, |best, at| if better(at, best) { at } else { best }) as i64);
            }
        }
        Ok(vec![Value::Int(Tensor::new(&dims, data)?)])
    }
}

/// `ReduceSum` over the given axes, or over all.
#[derive(Debug)]
struct ReduceSum {
    axes: Vec<i64>,
    keep: bool,
    empty_keeps_all: bool,
}

fn reduce_sum(node: &Attributes<'_>) -> Built {
    Ok(Box::new(ReduceSum {
        axes: node.ints("axes")?.to_vec(),
        keep: node.int("keepdims", 1)? != 0,
        empty_keeps_all: node.int("noop_with_empty_axes", 0)? != 0,
    }))
}

impl Operator for ReduceSum {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let value = inputs.get(0)?;
        let shape = shape_of(value)?;
        let axes = axes_of(&self.axes, &inputs)?;
        let mut goes: Vec<bool> = vec![axes.is_empty(); shape.rank()];
        if axes.is_empty() && self.empty_keeps_all {
            return Ok(vec![value.clone()]);
        }
        for axis in axes {
            goes[axis_of(axis, shape.rank())?] = true;
        }
        let kept: Vec<usize> = shape.dims().iter().zip(&goes).map(|(&dim, &goes)| if goes { 1 } else { dim }).collect();
        let left = shape.dims().iter().zip(&goes).filter(|(_, goes)| !**goes).map(|(&dim, _)| dim);
        let dims = if self.keep { kept.clone() } else { left.collect() };
        let tensor = value.doubles()?;
        let mut sums = vec![0.0; kept.iter().product()];
        for (at, &value) in tensor.data.iter().enumerate() {
            let (mut rest, mut place, mut step) = (at, 0, 1);
            for (&dim, &kept) in shape.dims().iter().zip(&kept).rev() {
                place += if kept == 1 { 0 } else { rest % dim * step };
                rest /= dim;
                step *= kept;
            }
            sums[place] += value;
        }
        Ok(vec![match value {
            Value::Double(_) => Value::Double(Tensor::new(&dims, sums)?),
            Value::Int(_) => return Err("sums of whole numbers are not supported".into()),
            _ => Value::Float(Tensor::new(&dims, sums.into_iter().map(|sum| sum as f32).collect())?),
        }])
    }
}
