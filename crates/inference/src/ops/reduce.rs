//! Operators that make one number of many: sums, means, products, norms, and the place of the largest or smallest.

use super::{
    Arguments, Attributes, Built, Operator, Outputs,
    shape::{axes_of, axis_of, shape_of},
};
use crate::tensor::{Tensor, Value};

pub(super) fn build(node: &Attributes<'_>) -> Option<Built> {
    Some(match node.kind() {
        "ArgMax" => arg_best(node, false),
        "ArgMin" => arg_best(node, true),
        "LpNormalization" => lp_normalization(node),
        kind => reduce(node, Fold::of(kind)?),
    })
}

/// `ArgMax` and `ArgMin`.
#[derive(Debug)]
struct ArgBest {
    smallest: bool,
    axis: i64,
    keep: bool,
    last: bool,
}

fn arg_best(node: &Attributes<'_>, smallest: bool) -> Built {
    Ok(Box::new(ArgBest {
        smallest,
        axis: node.int("axis", 0)?,
        keep: node.int("keepdims", 1)? != 0,
        last: node.int("select_last_index", 0)? != 0,
    }))
}

impl Operator for ArgBest {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let tensor = inputs.get(0)?.doubles()?;
        let shape = tensor.shape;
        let axis = axis_of(self.axis, shape.rank())?;
        let size = shape.dims()[axis];
        if size == 0 && shape.count() > 0 {
            return Err(OF_NOTHING.into());
        }
        let inner: usize = shape.dims()[axis + 1..].iter().product();
        let outer: usize = shape.dims()[..axis].iter().product();
        let mut dims = shape.dims().to_vec();
        if self.keep {
            dims[axis] = 1;
        } else {
            dims.remove(axis);
        }
        let mut data = Vec::with_capacity(outer * inner);
        for block in 0..outer {
            for lane in 0..inner {
                let value = |at: usize| {
                    let value = tensor.data[(block * size + at) * inner + lane];
                    if self.smallest { -value } else { value }
                };
                let better =
                    |at: usize, best: usize| if self.last { value(at) >= value(best) } else { value(at) > value(best) };
                data.push((1..size).fold(0, |best, at| if better(at, best) { at } else { best }) as i64);
            }
        }
        Ok(vec![Value::Int(Tensor::new(&dims, data)?)])
    }
}

/// What a reduction of nothing has no answer to.
const OF_NOTHING: &str = "the largest or smallest of nothing does not exist";

/// What is made of many numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fold {
    Sum,
    Mean,
    Product,
    Largest,
    Smallest,
    SumOfSquares,
    LogOfSumOfExp,
    LogOfSum,
    Absolute,
    Euclidean,
}

impl Fold {
    fn of(kind: &str) -> Option<Self> {
        Some(match kind {
            "ReduceSum" => Self::Sum,
            "ReduceMean" => Self::Mean,
            "ReduceProd" => Self::Product,
            "ReduceMax" => Self::Largest,
            "ReduceMin" => Self::Smallest,
            "ReduceSumSquare" => Self::SumOfSquares,
            "ReduceLogSumExp" => Self::LogOfSumOfExp,
            "ReduceLogSum" => Self::LogOfSum,
            "ReduceL1" => Self::Absolute,
            "ReduceL2" => Self::Euclidean,
            _ => return None,
        })
    }

    const fn begin(self) -> f64 {
        match self {
            Self::Product => 1.0,
            Self::Largest => f64::NEG_INFINITY,
            Self::Smallest => f64::INFINITY,
            _ => 0.0,
        }
    }

    /// One more number. `largest` is the largest of all, which keeps exponentials within their range.
    fn add(self, all: f64, value: f64, largest: f64) -> f64 {
        match self {
            Self::Sum | Self::Mean | Self::LogOfSum => all + value,
            Self::Product => all * value,
            Self::Largest => {
                if value > all || value.is_nan() {
                    value
                } else {
                    all
                }
            }
            Self::Smallest => {
                if value < all || value.is_nan() {
                    value
                } else {
                    all
                }
            }
            Self::SumOfSquares | Self::Euclidean => value.mul_add(value, all),
            Self::LogOfSumOfExp => all + (value - largest).exp(),
            Self::Absolute => all + value.abs(),
        }
    }

    fn end(self, all: f64, count: usize, largest: f64) -> f64 {
        match self {
            Self::Mean => all / count as f64,
            Self::LogOfSumOfExp => largest + all.ln(),
            Self::LogOfSum => all.ln(),
            Self::Euclidean => all.sqrt(),
            _ => all,
        }
    }
}

/// `ReduceSum` and its kin over the given axes, or over all.
#[derive(Debug)]
struct Reduce {
    fold: Fold,
    axes: Vec<i64>,
    keep: bool,
    empty_keeps_all: bool,
}

fn reduce(node: &Attributes<'_>, fold: Fold) -> Built {
    Ok(Box::new(Reduce {
        fold,
        axes: node.ints("axes")?.to_vec(),
        keep: node.int("keepdims", 1)? != 0,
        empty_keeps_all: node.int("noop_with_empty_axes", 0)? != 0,
    }))
}

impl Operator for Reduce {
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
        let folded = self.folded(&tensor, &kept)?;
        Ok(vec![match value {
            Value::Double(_) => Value::Double(Tensor::new(&dims, folded)?),
            // Sums of whole numbers are exact up to 2^53; a mean is cut off.
            Value::Int(_) => Value::Int(Tensor::new(&dims, folded.into_iter().map(|all| all as i64).collect())?),
            Value::Bool(_) if matches!(self.fold, Fold::Largest | Fold::Smallest) => {
                Value::Bool(Tensor::new(&dims, folded.into_iter().map(|all| all != 0.0).collect())?)
            }
            _ => Value::Float(Tensor::new(&dims, folded.into_iter().map(|all| all as f32).collect())?),
        }])
    }
}

impl Reduce {
    /// The numbers of every place that stays; `kept` are the dimensions with 1 for those that go.
    fn folded(&self, tensor: &Tensor<f64>, kept: &[usize]) -> Result<Vec<f64>, String> {
        let dims = tensor.shape.dims();
        let place_of = |at: usize| {
            let (mut rest, mut place, mut step) = (at, 0, 1);
            for (&dim, &kept) in dims.iter().zip(kept).rev() {
                place += if kept == 1 { 0 } else { rest % dim * step };
                rest /= dim;
                step *= kept;
            }
            place
        };
        let places: usize = kept.iter().product();
        if tensor.data.is_empty() && places > 0 && matches!(self.fold, Fold::Largest | Fold::Smallest) {
            return Err(OF_NOTHING.into());
        }
        let mut largest = vec![0.0; places];
        if self.fold == Fold::LogOfSumOfExp {
            largest = vec![f64::NEG_INFINITY; places];
            for (at, value) in tensor.data.iter().enumerate() {
                let place = place_of(at);
                largest[place] = largest[place].max(*value);
            }
            // Minus infinity less itself is no number: a sum of nothing but zeros is computed as it stands.
            largest.iter_mut().filter(|largest| !largest.is_finite()).for_each(|largest| *largest = 0.0);
        }
        let mut all = vec![self.fold.begin(); places];
        for (at, value) in tensor.data.iter().enumerate() {
            let place = place_of(at);
            all[place] = self.fold.add(all[place], *value, largest[place]);
        }
        let count = tensor.data.len() / places.max(1);
        Ok(all.into_iter().zip(largest).map(|(all, largest)| self.fold.end(all, count, largest)).collect())
    }
}

/// `LpNormalization`: a lane divided by its norm; a lane of zeros stays.
#[derive(Debug)]
struct LpNormalization {
    axis: i64,
    is_euclidean: bool,
}

fn lp_normalization(node: &Attributes<'_>) -> Built {
    let is_euclidean = match node.int("p", 2)? {
        1 => false,
        2 => true,
        p => return Err(format!("the norm of p = {p} is not supported")),
    };
    Ok(Box::new(LpNormalization { axis: node.int("axis", -1)?, is_euclidean }))
}

impl Operator for LpNormalization {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let value = inputs.get(0)?;
        let mut tensor = value.doubles()?.into_owned();
        let axis = axis_of(self.axis, tensor.shape.rank())?;
        let size = tensor.shape.dims()[axis];
        let inner: usize = tensor.shape.dims()[axis + 1..].iter().product();
        let outer: usize = tensor.shape.dims()[..axis].iter().product();
        for block in 0..outer {
            for lane in 0..inner {
                let places = (0..size).map(|at| (block * size + at) * inner + lane);
                let sum: f64 = places
                    .clone()
                    .map(|place| tensor.data[place])
                    .map(|value| if self.is_euclidean { value * value } else { value.abs() })
                    .sum();
                let norm = if self.is_euclidean { sum.sqrt() } else { sum };
                if norm != 0.0 {
                    places.for_each(|place| tensor.data[place] /= norm);
                }
            }
        }
        Ok(vec![match value {
            Value::Double(_) => Value::Double(tensor),
            _ => Value::Float(tensor.map(|&value| value as f32)),
        }])
    }
}
