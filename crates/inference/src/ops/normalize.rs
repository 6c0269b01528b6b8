//! Normalisations of networks, and the hard and the logarithmic softmax.

use super::{
    Arguments, Attributes, Built, Operator, Outputs,
    shape::{axis_of, shape_of},
};
use crate::tensor::{Tensor, Value};

pub(super) fn build(node: &Attributes<'_>) -> Option<Built> {
    Some(match node.kind() {
        "LogSoftmax" => along(node, Along::LogSoftmax),
        "Hardmax" => along(node, Along::Hardmax),
        "BatchNormalization" => batch(node),
        "LayerNormalization" => layer(node),
        _ => return None,
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Along {
    LogSoftmax,
    Hardmax,
}

#[derive(Debug)]
struct OfLanes {
    what: Along,
    axis: i64,
    /// Before opset 13 the tensor was flattened to a matrix at the axis.
    is_flat: bool,
}

fn along(node: &Attributes<'_>, what: Along) -> Built {
    let is_flat = node.opset < 13;
    Ok(Box::new(OfLanes { what, axis: node.int("axis", if is_flat { 1 } else { -1 })?, is_flat }))
}

/// Calls `change` with every lane along an axis: the elements that differ in that coordinate alone.
pub(super) fn each_lane(tensor: &mut Tensor<f64>, axis: usize, is_flat: bool, mut change: impl FnMut(&mut [f64])) {
    let dims = tensor.shape.dims();
    let (size, inner): (usize, usize) = match is_flat {
        true => (dims[axis..].iter().product(), 1),
        false => (dims[axis], dims[axis + 1..].iter().product()),
    };
    if tensor.data.is_empty() {
        return;
    }
    if inner == 1 {
        return tensor.data.chunks_exact_mut(size).for_each(change);
    }
    let mut lane = vec![0.0; size];
    for block in tensor.data.chunks_exact_mut(size * inner) {
        for offset in 0..inner {
            lane.iter_mut().enumerate().for_each(|(at, value)| *value = block[at * inner + offset]);
            change(&mut lane);
            lane.iter().enumerate().for_each(|(at, value)| block[at * inner + offset] = *value);
        }
    }
}

/// A tensor of doubles in the type of `like`.
pub(super) fn like(tensor: Tensor<f64>, like: &Value) -> Value {
    match like {
        Value::Double(_) => Value::Double(tensor),
        _ => Value::Float(tensor.map(|&value| value as f32)),
    }
}

impl Operator for OfLanes {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let value = inputs.get(0)?;
        let mut tensor = value.doubles()?.into_owned();
        let axis = axis_of(self.axis, tensor.shape.rank())?;
        each_lane(&mut tensor, axis, self.is_flat, |lane| {
            let largest = (1..lane.len()).fold(0, |best, at| if lane[at] > lane[best] { at } else { best });
            match self.what {
                Along::Hardmax => {
                    lane.fill(0.0);
                    lane[largest] = 1.0;
                }
                Along::LogSoftmax => {
                    let top = lane[largest];
                    let sum: f64 = lane.iter().map(|value| (value - top).exp()).sum();
                    lane.iter_mut().for_each(|value| *value = *value - top - sum.ln());
                }
            }
        });
        Ok(vec![like(tensor, value)])
    }
}

/// `BatchNormalization` with the statistics of training: `(x - mean) / sqrt(variance + epsilon) * scale + shift` by channel, which is the
/// second dimension.
#[derive(Debug)]
struct Batch {
    epsilon: f64,
}

fn batch(node: &Attributes<'_>) -> Built {
    if node.int("training_mode", 0)? != 0 {
        return Err("training_mode is not supported".into());
    }
    Ok(Box::new(Batch { epsilon: f64::from(node.float("epsilon", 1e-5)?) }))
}

impl Operator for Batch {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let value = inputs.get(0)?;
        let mut tensor = value.doubles()?.into_owned();
        let dims = tensor.shape.dims();
        let channels = *dims.get(1).ok_or("a second dimension is needed")?;
        let inner: usize = dims[2..].iter().product();
        let [scale, shift, mean, variance] = [1, 2, 3, 4].map(|at| inputs.get(at).and_then(Value::doubles));
        let (scale, shift, mean, variance) = (scale?, shift?, mean?, variance?);
        if [&scale, &shift, &mean, &variance].iter().any(|list| list.data.len() != channels) {
            return Err(format!("scale, shift, mean and variance must have {channels} values"));
        }
        for (at, x) in tensor.data.iter_mut().enumerate() {
            let channel = at / inner % channels;
            let spread = (variance.data[channel] + self.epsilon).sqrt();
            *x = (*x - mean.data[channel]) / spread * scale.data[channel] + shift.data[channel];
        }
        Ok(vec![like(tensor, value)])
    }
}

/// `LayerNormalization` over the dimensions from `axis` on.
#[derive(Debug)]
struct Layer {
    axis: i64,
    epsilon: f64,
}

fn layer(node: &Attributes<'_>) -> Built {
    if node.node.outputs.iter().skip(1).any(|name| !name.is_empty()) {
        return Err("the mean and the deviation as outputs are not supported".into());
    }
    Ok(Box::new(Layer { axis: node.int("axis", -1)?, epsilon: f64::from(node.float("epsilon", 1e-5)?) }))
}

impl Operator for Layer {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let value = inputs.get(0)?;
        let axis = axis_of(self.axis, shape_of(value)?.rank())?;
        let mut tensor = value.doubles()?.into_owned();
        let width: usize = tensor.shape.dims()[axis..].iter().product();
        let scale = inputs.get(1)?.doubles()?;
        let shift = inputs.optional(2).map(Value::doubles).transpose()?;
        let fits = |list: &Tensor<f64>| list.data.len() == width || list.data.len() == 1;
        if !fits(&scale) || shift.as_ref().is_some_and(|shift| !fits(shift)) {
            return Err(format!("scale and shift must have {width} values"));
        }
        let of = |list: &Tensor<f64>, at: usize| list.data[if list.data.len() == 1 { 0 } else { at }];
        each_lane(&mut tensor, axis, true, |lane| {
            let count = lane.len() as f64;
            let mean = lane.iter().sum::<f64>() / count;
            let variance = lane.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count;
            for (at, x) in lane.iter_mut().enumerate() {
                let shift = shift.as_ref().map_or(0.0, |shift| of(shift, at));
                *x = (*x - mean) / (variance + self.epsilon).sqrt() * of(&scale, at) + shift;
            }
        });
        Ok(vec![like(tensor, value)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doubles(dims: &[usize], values: &[f64]) -> Value {
        Value::Double(Tensor::new(dims, values.to_vec()).unwrap())
    }

    fn check(operator: &dyn Operator, inputs: &[Value], expected: &[f64]) {
        let made = operator.run(Arguments(&inputs.iter().map(Some).collect::<Vec<_>>())).unwrap().remove(0);
        let made = made.doubles().unwrap().into_owned();
        let is_close = made.data.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9);
        assert!(made.data.len() == expected.len() && is_close, "{:?} and not {expected:?}", made.data);
    }

    #[test]
    fn lanes_are_normalised_along_their_axis() {
        let value = doubles(&[2, 2], &[1.0, 3.0, 2.0, 2.0]);
        let of = |what, axis, is_flat| OfLanes { what, axis, is_flat };
        check(&of(Along::Hardmax, -1, false), std::slice::from_ref(&value), &[0.0, 1.0, 1.0, 0.0]);
        check(&of(Along::Hardmax, 0, false), std::slice::from_ref(&value), &[0.0, 1.0, 1.0, 0.0]);
        check(&of(Along::Hardmax, 0, true), std::slice::from_ref(&value), &[0.0, 1.0, 0.0, 0.0]);
        let (e, half) = ((1.0 + 2f64.exp()).ln(), 2f64.ln());
        check(&of(Along::LogSoftmax, 1, false), std::slice::from_ref(&value), &[-e, 2.0 - e, -half, -half]);
        let ones = doubles(&[2], &[1.0, 1.0]);
        let zeros = doubles(&[2], &[0.0, 0.0]);
        let layer = Layer { axis: -1, epsilon: 0.0 };
        check(&layer, &[doubles(&[1, 2], &[1.0, 3.0]), ones.clone(), doubles(&[2], &[0.5, 0.5])], &[-0.5, 1.5]);
        let batch = Batch { epsilon: 0.0 };
        check(
            &batch,
            &[value.clone(), ones.clone(), zeros.clone(), ones.clone(), doubles(&[2], &[1.0, 4.0])],
            &[0.0, 1.0, 1.0, 0.5],
        );
        let wrong = [&value, &ones, &zeros, &ones].map(Some);
        assert!(batch.run(Arguments(&wrong)).is_err());
    }
}
