//! `Pad`: places added before and behind each axis, or cut off.

use super::{
    Arguments, Attributes, Built, Operator, Outputs,
    shape::{axis_of, shape_of},
};
use crate::tensor::{Shape, Tensor, Value};

pub(super) fn build(node: &Attributes<'_>) -> Option<Built> {
    (node.kind() == "Pad").then(|| pad(node))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Padding {
    Constant,
    Edge,
    Reflect,
    Wrap,
}

#[derive(Debug)]
struct Pad {
    padding: Padding,
    /// Before operator set 11 both are attributes.
    pads: Option<Vec<i64>>,
    value: f32,
}

fn pad(node: &Attributes<'_>) -> Built {
    let padding = match node.text("mode", "constant")? {
        "constant" => Padding::Constant,
        "edge" => Padding::Edge,
        "reflect" => Padding::Reflect,
        "wrap" => Padding::Wrap,
        other => return Err(format!("mode {other} does not exist")),
    };
    let pads = if node.opset < 11 { Some(node.ints("pads")?.to_vec()) } else { None };
    Ok(Box::new(Pad { padding, pads, value: node.float("value", 0.0)? }))
}

impl Padding {
    /// The place of the original that stands at `at`, counted from its start; `None` for the constant.
    fn place(self, at: i64, size: i64) -> Option<usize> {
        let inside = (0..size).contains(&at);
        let place = match self {
            _ if inside => at,
            // Of nothing there is no edge that could be repeated.
            _ if size == 0 => return None,
            Self::Constant => return None,
            Self::Edge => at.clamp(0, size - 1),
            Self::Wrap => at.rem_euclid(size),
            Self::Reflect => {
                let period = 2 * (size - 1).max(1);
                let turned = at.rem_euclid(period);
                if turned < size { turned } else { period - turned }
            }
        };
        usize::try_from(place).ok().filter(|&place| (place as i64) < size)
    }
}

impl Pad {
    /// How many places are added before and behind every axis.
    fn widths(&self, inputs: &Arguments<'_>, rank: usize) -> Result<Vec<(i64, i64)>, String> {
        let pads = match &self.pads {
            Some(pads) => pads.clone(),
            None => inputs.get(1)?.ints()?.data.clone(),
        };
        let axes = match inputs.optional(3) {
            None => (0..rank).collect(),
            Some(axes) => axes.ints()?.data.iter().map(|&axis| axis_of(axis, rank)).collect::<Result<Vec<_>, _>>()?,
        };
        if pads.len() != 2 * axes.len() || pads.iter().any(|pad| pad.unsigned_abs() > 1 << 24) {
            return Err(format!("{} pads do not fit {} axes, or are too large", pads.len(), axes.len()));
        }
        let mut widths = vec![(0, 0); rank];
        axes.iter().enumerate().for_each(|(at, &axis)| widths[axis] = (pads[at], pads[axes.len() + at]));
        Ok(widths)
    }
}

impl Operator for Pad {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let value = inputs.get(0)?;
        let shape = shape_of(value)?;
        let widths = self.widths(&inputs, shape.rank())?;
        let mut dims = Vec::new();
        for (&dim, (before, behind)) in shape.dims().iter().zip(&widths) {
            dims.push(usize::try_from(dim as i64 + before + behind).map_err(|_| "more is cut off than there is")?);
        }
        let result = Shape::new(&dims).ok_or("the padded tensor would be too large")?;
        let list = |at: usize| {
            let size = shape.dims()[at] as i64;
            (0..dims[at] as i64).map(|place| self.padding.place(place - widths[at].0, size)).collect::<Vec<_>>()
        };
        let lists: Vec<Vec<Option<usize>>> = (0..dims.len()).map(list).collect();
        let picks = shape.dims().iter().zip(&lists).fold(vec![Some(0)], |picks: Vec<Option<usize>>, (&dim, list)| {
            let next = |place: Option<usize>| list.iter().map(move |&at| Some(place? * dim + at?));
            picks.iter().flat_map(|&place| next(place)).collect()
        });
        fn fill<T: Clone>(tensor: &Tensor<T>, shape: Shape, picks: &[Option<usize>], stand_in: T) -> Tensor<T> {
            let pick = |&place: &Option<usize>| place.map_or_else(|| stand_in.clone(), |at| tensor.data[at].clone());
            Tensor { shape, data: picks.iter().map(pick).collect() }
        }
        let number = match inputs.optional(2).filter(|_| self.pads.is_none()) {
            Some(value) => *value.doubles()?.data.first().ok_or("the value to pad with is empty")?,
            None => f64::from(self.value),
        };
        Ok(vec![match value {
            Value::Double(tensor) => Value::Double(fill(tensor, result, &picks, number)),
            Value::Int(tensor) => Value::Int(fill(tensor, result, &picks, number as i64)),
            Value::Bool(tensor) => Value::Bool(fill(tensor, result, &picks, number != 0.0)),
            value => Value::Float(fill(&*value.floats()?, result, &picks, number as f32)),
        }])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{self, floats, run};

    fn ints(values: &[i64]) -> Value {
        testing::ints(&[values.len()], values)
    }

    #[test]
    fn values_are_padded_in_each_mode() {
        let line = floats(&[3], &[1.0, 2.0, 3.0]);
        let check = |padding, pads: &[i64], expected: &[f32]| {
            let pad = Pad { padding, pads: None, value: 0.0 };
            let made = run(&pad, &[line.clone(), ints(pads)]).unwrap();
            assert_eq!(made[0], floats(&[expected.len()], expected), "{padding:?}");
        };
        check(Padding::Constant, &[1, 2], &[0.0, 1.0, 2.0, 3.0, 0.0, 0.0]);
        check(Padding::Edge, &[2, 1], &[1.0, 1.0, 1.0, 2.0, 3.0, 3.0]);
        check(Padding::Reflect, &[2, 2], &[3.0, 2.0, 1.0, 2.0, 3.0, 2.0, 1.0]);
        check(Padding::Wrap, &[1, 1], &[3.0, 1.0, 2.0, 3.0, 1.0]);
        check(Padding::Constant, &[-1, 0], &[2.0, 3.0]);
        let pad = Pad { padding: Padding::Edge, pads: None, value: 0.0 };
        for bad in [ints(&[-4, 0]), ints(&[1 << 30, 1 << 30]), ints(&[1])] {
            assert!(run(&pad, &[line.clone(), bad]).is_err());
        }
    }
}
