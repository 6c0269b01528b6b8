//! Operators that know or change how elements lie: shapes, parts along axes, and the order of axes.

use super::{
    Arguments, Attributes, Built, Operator, Outputs,
    shape::{axis_of, shape_of},
};
use crate::{
    onnx::AttributeValue,
    tensor::{Shape, Tensor, Value},
};

pub(super) fn build(node: &Attributes<'_>) -> Option<Built> {
    Some(match node.kind() {
        "Shape" => shape(node),
        "ConstantOfShape" => constant_of_shape(node),
        "Slice" => slice(node),
        "Transpose" => node.ints("perm").map(|order| Box::new(Transpose { order: order.to_vec() }) as _),
        _ => return None,
    })
}

/// `Shape`: the sizes of the dimensions from `start` to `end`.
#[derive(Debug)]
struct ShapeOf {
    start: i64,
    end: i64,
}

fn shape(node: &Attributes<'_>) -> Built {
    Ok(Box::new(ShapeOf { start: node.int("start", 0)?, end: node.int("end", i64::MAX)? }))
}

impl Operator for ShapeOf {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let shape = shape_of(inputs.get(0)?)?;
        let rank = shape.rank() as i64;
        let place = |at: i64| (if at < 0 { at.saturating_add(rank) } else { at }).clamp(0, rank) as usize;
        let (start, end) = (place(self.start), place(self.end));
        let dims: Vec<i64> = shape.dims()[start..end.max(start)].iter().map(|&dim| dim as i64).collect();
        Ok(vec![Value::Int(Tensor::new(&[dims.len()], dims)?)])
    }
}

/// `ConstantOfShape`: one value in every place.
#[derive(Debug)]
struct ConstantOfShape(Value);

fn constant_of_shape(node: &Attributes<'_>) -> Built {
    let value = match node.node.attribute("value") {
        None => Value::Float(Tensor::new(&[1], vec![0.0])?),
        Some(AttributeValue::Tensor(tensor)) => crate::constant::constant_value(tensor)?,
        Some(_) => return Err("attribute `value` is not a tensor".into()),
    };
    match shape_of(&value)?.count() {
        1 => Ok(Box::new(ConstantOfShape(value))),
        count => Err(format!("attribute `value` holds {count} elements, and not one")),
    }
}

impl Operator for ConstantOfShape {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let dims = inputs.get(0)?.ints()?;
        let dims = dims.data.iter().map(|&dim| usize::try_from(dim)).collect::<Result<Vec<_>, _>>();
        let dims = dims.map_err(|_| "a dimension is negative")?;
        let shape = Shape::new(&dims).ok_or_else(|| format!("a tensor of shape {dims:?} is too large"))?;
        let picks = vec![0; shape.count()];
        Ok(vec![picked(&self.0, shape, &picks)?])
    }
}

/// `Slice`: of some axes every `steps`-th place from `starts` to `ends`.
#[derive(Debug)]
struct Slice {
    /// Before opset 10 these are attributes.
    attributes: Option<[Vec<i64>; 3]>,
}

fn slice(node: &Attributes<'_>) -> Built {
    let list = |name| node.ints(name).map(<[i64]>::to_vec);
    let attributes = if node.opset < 10 { Some([list("starts")?, list("ends")?, list("axes")?]) } else { None };
    Ok(Box::new(Slice { attributes }))
}

impl Slice {
    /// Starts, ends, axes and steps, as many each.
    fn ranges(&self, inputs: &Arguments<'_>) -> Result<[Vec<i64>; 4], String> {
        let [starts, ends, mut axes] = match &self.attributes {
            Some(lists) => lists.clone(),
            None => {
                let list = |at| inputs.get(at).and_then(|value| Ok(value.ints()?.data.clone()));
                let axes = inputs.optional(3).map_or(Ok(Vec::new()), |value| Ok(value.ints()?.data.clone()));
                [list(1)?, list(2)?, axes.map_err(|error: String| error)?]
            }
        };
        let steps = match (&self.attributes, inputs.optional(4)) {
            (None, Some(value)) => value.ints()?.data.clone(),
            _ => vec![1; starts.len()],
        };
        if axes.is_empty() {
            axes = (0..starts.len() as i64).collect();
        }
        if [ends.len(), axes.len(), steps.len()].iter().all(|&count| count == starts.len()) {
            Ok([starts, ends, axes, steps])
        } else {
            Err("starts, ends, axes and steps are of unlike lengths".into())
        }
    }
}

/// The places of an axis of `size` that a slice keeps, as ONNX counts them.
fn places(size: usize, start: i64, end: i64, step: i64) -> Result<Vec<usize>, String> {
    if step == 0 {
        return Err("a step of zero goes nowhere".into());
    }
    if size == 0 {
        return Ok(Vec::new());
    }
    let length = size as i64;
    let from_front = |at: i64| if at < 0 { at.saturating_add(length) } else { at };
    // A step backwards may begin at the last place and ends before the first.
    let (low, high) = if step < 0 { (-1, length - 1) } else { (0, length) };
    let mut at = from_front(start).clamp(if step < 0 { 0 } else { low }, high);
    let end = if step < 0 && end < -length { -1 } else { from_front(end).clamp(low, high) };
    let mut kept = Vec::new();
    while (step > 0 && at < end) || (step < 0 && at > end) {
        kept.push(at as usize);
        at = at.saturating_add(step);
    }
    Ok(kept)
}

impl Operator for Slice {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let value = inputs.get(0)?;
        let shape = shape_of(value)?;
        let mut kept: Vec<Vec<usize>> = shape.dims().iter().map(|&dim| (0..dim).collect()).collect();
        let [starts, ends, axes, steps] = self.ranges(&inputs)?;
        for (at, axis) in axes.into_iter().enumerate() {
            let axis = axis_of(axis, shape.rank())?;
            kept[axis] = places(shape.dims()[axis], starts[at], ends[at], steps[at])?;
        }
        let dims: Vec<usize> = kept.iter().map(Vec::len).collect();
        let result = Shape::new(&dims).ok_or("the slice would be too large")?;
        let mut picks = vec![0];
        for (dim, kept) in shape.dims().iter().zip(&kept) {
            picks = picks.iter().flat_map(|&place| kept.iter().map(move |&at| place * dim + at)).collect();
        }
        Ok(vec![picked(value, result, &picks)?])
    }
}

/// `Transpose`: the axes in another order, by default the other way round.
#[derive(Debug)]
struct Transpose {
    order: Vec<i64>,
}

impl Operator for Transpose {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let value = inputs.get(0)?;
        let shape = shape_of(value)?;
        let rank = shape.rank();
        let order = match self.order.is_empty() {
            true => (0..rank).rev().collect(),
            false => self.order.iter().map(|&axis| axis_of(axis, rank)).collect::<Result<Vec<_>, _>>()?,
        };
        if (0..rank).any(|axis| order.iter().filter(|&&other| other == axis).count() != 1) || order.len() != rank {
            return Err(format!("{order:?} is not an order of {rank} axes"));
        }
        let steps: Vec<usize> = (0..rank).map(|axis| shape.dims()[axis + 1..].iter().product()).collect();
        let dims: Vec<usize> = order.iter().map(|&axis| shape.dims()[axis]).collect();
        let mut picks = vec![0];
        for &axis in &order {
            let (dim, step) = (shape.dims()[axis], steps[axis]);
            picks = picks.iter().flat_map(|&place| (0..dim).map(move |at| place + at * step)).collect();
        }
        Ok(vec![picked(value, Shape::new(&dims).ok_or("the tensor would be too large")?, &picks)?])
    }
}

/// The axes in another order.
pub(super) fn transposed(value: &Value, order: &[i64]) -> Result<Value, String> {
    let mut made = Transpose { order: order.to_vec() }.run(Arguments(&[Some(value)]))?;
    Ok(made.remove(0))
}

/// The elements at `picks`, in a new shape that they fill.
pub(super) fn picked(value: &Value, shape: Shape, picks: &[usize]) -> Result<Value, String> {
    fn pick<T: Clone>(tensor: &Tensor<T>, shape: Shape, picks: &[usize]) -> Tensor<T> {
        Tensor { shape, data: picks.iter().map(|&at| tensor.data[at].clone()).collect() }
    }
    Ok(match value {
        Value::Float(tensor) => Value::Float(pick(tensor, shape, picks)),
        Value::Double(tensor) => Value::Double(pick(tensor, shape, picks)),
        Value::Int(tensor) => Value::Int(pick(tensor, shape, picks)),
        Value::Bool(tensor) => Value::Bool(pick(tensor, shape, picks)),
        Value::Text(tensor) => Value::Text(pick(tensor, shape, picks)),
        Value::Sparse(matrix) => Value::Float(pick(&matrix.dense()?, shape, picks)),
        Value::Words(_) => return Err("split text has no fixed shape".into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(operator: &dyn Operator, inputs: &[Value]) -> Value {
        let inputs: Vec<Option<&Value>> = inputs.iter().map(Some).collect();
        operator.run(Arguments(&inputs)).unwrap().remove(0)
    }

    fn floats(dims: &[usize]) -> Value {
        let count: usize = dims.iter().product();
        Value::Float(Tensor::new(dims, (0..count).map(|at| at as f32).collect()).unwrap())
    }

    fn ints(values: &[i64]) -> Value {
        Value::Int(Tensor::new(&[values.len()], values.to_vec()).unwrap())
    }

    fn shown(value: &Value) -> (Vec<usize>, Vec<f32>) {
        let tensor = value.floats().unwrap();
        (tensor.shape.dims().to_vec(), tensor.data.clone())
    }

    /// As numpy slices: `a[start:end:step]`.
    #[test]
    fn a_slice_keeps_the_places_that_numpy_keeps() {
        for (start, end, step, expected) in [
            (0, 5, 1, vec![0, 1, 2, 3, 4]),
            (1, i64::MAX, 2, vec![1, 3]),
            (-2, 9, 1, vec![3, 4]),
            (4, i64::MIN, -2, vec![4, 2, 0]),
            (-1, -3, -1, vec![4, 3]),
            (9, -9, -3, vec![4, 1]),
            (3, 1, 1, vec![]),
            (-9, 2, 1, vec![0, 1]),
        ] {
            assert_eq!(places(5, start, end, step), Ok(expected), "[{start}:{end}:{step}]");
        }
        assert!(places(5, 0, 5, 0).is_err() && places(0, 0, 5, 1) == Ok(vec![]) && places(0, 4, -9, -1) == Ok(vec![]));
        let slice = Slice { attributes: None };
        let sliced = run(&slice, &[floats(&[2, 3]), ints(&[1]), ints(&[3]), ints(&[1])]);
        assert_eq!(shown(&sliced), (vec![2, 2], vec![1.0, 2.0, 4.0, 5.0]));
    }

    #[test]
    fn axes_change_places() {
        let turned = run(&Transpose { order: vec![] }, &[floats(&[2, 3])]);
        assert_eq!(shown(&turned), (vec![3, 2], vec![0.0, 3.0, 1.0, 4.0, 2.0, 5.0]));
        let turned = run(&Transpose { order: vec![1, 0, 2] }, &[floats(&[2, 1, 2])]);
        assert_eq!(shown(&turned), (vec![1, 2, 2], vec![0.0, 1.0, 2.0, 3.0]));
        let value = floats(&[2, 3]);
        for order in [vec![0], vec![0, 0], vec![0, 5], vec![0, 1, 2]] {
            assert!(Transpose { order }.run(Arguments(&[Some(&value)])).is_err());
        }
    }

    #[test]
    fn a_shape_is_read_and_filled() {
        let shape = run(&ShapeOf { start: 0, end: i64::MAX }, &[floats(&[2, 3])]);
        assert_eq!(shape, ints(&[2, 3]));
        assert_eq!(run(&ShapeOf { start: -1, end: i64::MAX }, &[floats(&[2, 3])]), ints(&[3]));
        let filled = run(&ConstantOfShape(ints(&[7])), &[shape]);
        assert_eq!(filled, Value::Int(Tensor::new(&[2, 3], vec![7; 6]).unwrap()));
        for bad in [ints(&[-1]), ints(&[1 << 20, 1 << 20])] {
            assert!(ConstantOfShape(floats(&[1])).run(Arguments(&[Some(&bad)])).is_err());
        }
    }
}
