//! Operators that repeat, part, count and fill.

use super::{
    Arguments, Attributes, Built, Operator, OperatorStructure, Outputs,
    broadcast::{Walk, common_shape},
    layout::picked,
    shape::{axis_of, shape_of},
};
use crate::{
    onnx::element,
    tensor::{Shape, Tensor, Value},
};

pub(super) fn build(node: &Attributes<'_>) -> Option<Built> {
    Some(match node.kind() {
        "Expand" => Ok(Box::new(Expand)),
        "Tile" => Ok(Box::new(Tile)),
        "Split" => split(node),
        "Range" => Ok(Box::new(Range)),
        "CumSum" => cum_sum(node),
        "Trilu" => node.int("upper", 1).map(|upper| Box::new(Trilu { is_upper: upper != 0 }) as _),
        "OneHot" => node.int("axis", -1).map(|axis| Box::new(OneHot { axis }) as _),
        "EyeLike" => eye_like(node),
        "Size" => Ok(Box::new(Size)),
        _ => return None,
    })
}

/// Sizes that a node is given as whole numbers.
fn sizes(values: &[i64]) -> Result<Vec<usize>, String> {
    let size = |&value: &i64| usize::try_from(value).map_err(|_| format!("{value} is not a size"));
    values.iter().map(size).collect()
}

fn bounded(dims: &[usize]) -> Result<Shape, String> {
    Shape::new(dims).ok_or_else(|| format!("a tensor of shape {dims:?} is too large"))
}

/// `Expand`: stretched to the shape that both go together in.
#[derive(Debug)]
struct Expand;

impl Operator for Expand {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let value = inputs.get(0)?;
        let wanted = bounded(&sizes(&inputs.get(1)?.ints()?.data)?)?;
        let shape = shape_of(value)?;
        let result = common_shape(&shape, &wanted)?;
        let walk = Walk::over(&shape, &result);
        Ok(vec![picked(value, result, &(0..result.count()).map(|at| walk.at(at)).collect::<Vec<_>>())?])
    }
}

/// The elements of a shape by the coordinates that `of` gives for each place of the result, dimension by dimension.
fn by_coordinates(dims: &[usize], lists: &[Vec<usize>]) -> Vec<usize> {
    dims.iter().zip(lists).fold(vec![0], |picks, (&dim, list)| {
        picks.iter().flat_map(|&place| list.iter().map(move |&at| place * dim + at)).collect()
    })
}

#[derive(Debug)]
struct Tile;

impl Operator for Tile {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let value = inputs.get(0)?;
        let shape = shape_of(value)?;
        let repeats = sizes(&inputs.get(1)?.ints()?.data)?;
        if repeats.len() != shape.rank() {
            return Err(format!("{} repeats do not fit {} dimensions", repeats.len(), shape.rank()));
        }
        let dims: Vec<usize> =
            shape.dims().iter().zip(&repeats).map(|(&dim, &times)| dim.saturating_mul(times)).collect();
        let result = bounded(&dims)?;
        let lists: Vec<Vec<usize>> =
            shape.dims().iter().zip(&dims).map(|(&dim, &all)| (0..all).map(|at| at % dim.max(1)).collect()).collect();
        Ok(vec![picked(value, result, &by_coordinates(shape.dims(), &lists))?])
    }
}

/// `Split` along an axis: into parts of given sizes, or into as many as the node has outputs, the last of which may be smaller.
#[derive(Debug)]
struct Split {
    axis: i64,
    parts: usize,
    /// Before operator set 13 the sizes are an attribute.
    sizes: Vec<i64>,
}

fn split(node: &Attributes<'_>) -> Built {
    let parts = match node.int("num_outputs", 0)? {
        0 => node.node.outputs.len(),
        count => usize::try_from(count)
            .ok()
            .filter(|&count| count == node.node.outputs.len())
            .ok_or("num_outputs is wrong")?,
    };
    let sizes = if node.opset < 13 { node.ints("split")?.to_vec() } else { Vec::new() };
    match parts {
        0 => Err("it has no outputs".into()),
        parts => Ok(Box::new(Split { axis: node.int("axis", 0)?, parts, sizes })),
    }
}

impl Operator for Split {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let value = inputs.get(0)?;
        let shape = shape_of(value)?;
        let axis = axis_of(self.axis, shape.rank())?;
        let size = shape.dims()[axis];
        let given = match inputs.optional(1) {
            Some(value) => sizes(&value.ints()?.data)?,
            None => sizes(&self.sizes)?,
        };
        let parts = if given.is_empty() {
            let each = size.div_ceil(self.parts);
            (0..self.parts).map(|part| each.min(size.saturating_sub(part * each))).collect()
        } else {
            given
        };
        if parts.len() != self.parts || parts.iter().try_fold(0usize, |sum, &part| sum.checked_add(part)) != Some(size)
        {
            return Err(format!("parts of {parts:?} do not make the {size} places of {} outputs", self.parts));
        }
        let mut start = 0;
        let mut made = Vec::with_capacity(parts.len());
        for part in parts {
            let mut lists: Vec<Vec<usize>> = shape.dims().iter().map(|&dim| (0..dim).collect()).collect();
            lists[axis] = (start..start + part).collect();
            start += part;
            let dims: Vec<usize> = lists.iter().map(Vec::len).collect();
            made.push(picked(value, bounded(&dims)?, &by_coordinates(shape.dims(), &lists))?);
        }
        Ok(made)
    }
}

/// `Range`: from a start in steps up to a limit, which is not reached.
#[derive(Debug)]
struct Range;

impl Operator for Range {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        if let (Value::Int(start), Value::Int(limit), Value::Int(step)) =
            (inputs.get(0)?, inputs.get(1)?, inputs.get(2)?)
        {
            let one = |tensor: &Tensor<i64>| tensor.data.first().copied().ok_or("a bound is empty");
            let (start, limit, step) = (one(start)?, one(limit)?, one(step)?);
            let distance = if step > 0 { limit.checked_sub(start) } else { start.checked_sub(limit) };
            let count = match (distance, step) {
                (_, 0) => return Err("a step of zero goes nowhere".into()),
                (Some(distance), step) => distance.max(0).unsigned_abs().div_ceil(step.unsigned_abs()),
                (None, _) => u64::MAX,
            };
            let shape = bounded(&[usize::try_from(count).map_err(|_| "the range is too long")?])?;
            let data = (0..shape.count() as i64).map(|at| start + at * step).collect();
            return Ok(vec![Value::Int(Tensor { shape, data })]);
        }
        let one =
            |at: usize| inputs.get(at)?.doubles()?.data.first().copied().ok_or_else(|| "a bound is empty".to_owned());
        let (start, limit, step) = (one(0)?, one(1)?, one(2)?);
        let count = ((limit - start) / step).ceil().max(0.0);
        if !(0.0..=f64::from(1u32 << 24)).contains(&count) {
            return Err("the range is too long, or goes nowhere".into());
        }
        let shape = bounded(&[count as usize])?;
        let doubles = (0..shape.count()).map(|at| start + at as f64 * step);
        Ok(vec![match inputs.get(0)? {
            Value::Double(_) => Value::Double(Tensor { shape, data: doubles.collect() }),
            _ => Value::Float(Tensor { shape, data: doubles.map(|value| value as f32).collect() }),
        }])
    }
}

#[derive(Debug)]
struct CumSum {
    /// Without the element itself.
    is_exclusive: bool,
    is_backwards: bool,
}

fn cum_sum(node: &Attributes<'_>) -> Built {
    Ok(Box::new(CumSum { is_exclusive: node.int("exclusive", 0)? != 0, is_backwards: node.int("reverse", 0)? != 0 }))
}

impl CumSum {
    fn sums<T: Copy>(&self, tensor: &Tensor<T>, axis: usize, zero: T, add: impl Fn(T, T) -> T) -> Tensor<T> {
        let dims = tensor.shape.dims();
        let (outer, size, inner): (usize, usize, usize) =
            (dims[..axis].iter().product(), dims[axis], dims[axis + 1..].iter().product());
        let mut data = tensor.data.clone();
        for lane in 0..outer * inner {
            let mut sum = zero;
            for step in 0..size {
                let at = if self.is_backwards { size - 1 - step } else { step };
                let element = (lane / inner * size + at) * inner + lane % inner;
                let with = add(sum, tensor.data[element]);
                data[element] = if self.is_exclusive { sum } else { with };
                sum = with;
            }
        }
        Tensor { shape: tensor.shape, data }
    }
}

impl Operator for CumSum {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let value = inputs.get(0)?;
        let axis = *inputs.get(1)?.ints()?.data.first().ok_or("the axis is empty")?;
        let axis = axis_of(axis, shape_of(value)?.rank())?;
        Ok(vec![match value {
            Value::Int(tensor) => Value::Int(self.sums(tensor, axis, 0, i64::wrapping_add)),
            Value::Double(tensor) => Value::Double(self.sums(tensor, axis, 0.0, |a, b| a + b)),
            value => {
                let sums = self.sums(&*value.doubles()?, axis, 0.0, |a, b| a + b);
                Value::Float(sums.map(|&sum| sum as f32))
            }
        }])
    }
}

/// `Trilu`: one triangle of every matrix, with zeros in the other.
#[derive(Debug)]
struct Trilu {
    is_upper: bool,
}

impl Operator for Trilu {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let value = inputs.get(0)?;
        let shift = match inputs.optional(1) {
            None => 0,
            Some(value) => *value.ints()?.data.first().ok_or("the diagonal is empty")?,
        };
        let shape = shape_of(value)?;
        let &[.., rows, columns] = shape.dims() else { return Err("a matrix is needed".into()) };
        let stays = |at: usize| {
            let (row, column) = ((at / columns % rows) as i64, (at % columns) as i64);
            let border = row.saturating_add(shift);
            if self.is_upper { column >= border } else { column <= border }
        };
        fn cut<T: Clone>(tensor: &Tensor<T>, zero: T, stays: impl Fn(usize) -> bool) -> Tensor<T> {
            let kept =
                tensor.data.iter().enumerate().map(|(at, value)| if stays(at) { value.clone() } else { zero.clone() });
            Tensor { shape: tensor.shape, data: kept.collect() }
        }
        Ok(vec![match value {
            Value::Double(tensor) => Value::Double(cut(tensor, 0.0, stays)),
            Value::Int(tensor) => Value::Int(cut(tensor, 0, stays)),
            Value::Bool(tensor) => Value::Bool(cut(tensor, false, stays)),
            value => Value::Float(cut(&*value.floats()?, 0.0, stays)),
        }])
    }
}

/// `OneHot` of the main domain: a new axis of a given depth, with one value at the index and another elsewhere.
#[derive(Debug)]
struct OneHot {
    axis: i64,
}

impl Operator for OneHot {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let indices = inputs.get(0)?.doubles()?;
        let depth = *inputs.get(1)?.doubles()?.data.first().ok_or("the depth is empty")?;
        if !(1.0..=f64::from(1u32 << 24)).contains(&depth) {
            return Err(format!("a depth of {depth} is out of range"));
        }
        let depth = depth as usize;
        let axis = axis_of(self.axis, indices.shape.rank() + 1)?;
        let dims = indices.shape.dims();
        let shape = bounded(&[&dims[..axis], &[depth], &dims[axis..]].concat())?;
        let inner: usize = dims[axis..].iter().product();
        let is_hot = |at: usize| {
            let (block, rest) = (at / (depth * inner), at % (depth * inner));
            let index = indices.data[block * inner + rest % inner];
            let from_start = if index < 0.0 { index + depth as f64 } else { index };
            from_start == (rest / inner) as f64
        };
        // The two values, of which the second marks the index.
        let values = inputs.get(2)?;
        if shape_of(values)?.count() != 2 {
            return Err("two values are needed, for all other places and for the index".into());
        }
        let picks: Vec<usize> = (0..shape.count()).map(|at| usize::from(is_hot(at))).collect();
        Ok(vec![picked(values, shape, &picks)?])
    }
}

#[derive(Debug)]
struct EyeLike {
    shift: i64,
    element: Option<i64>,
}

fn eye_like(node: &Attributes<'_>) -> Built {
    let element = if node.has("dtype") { Some(node.int("dtype", 0)?) } else { None };
    Ok(Box::new(EyeLike { shift: node.int("k", 0)?, element }))
}

impl Operator for EyeLike {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let value = inputs.get(0)?;
        let shape = shape_of(value)?;
        let &[rows, columns] = shape.dims() else { return Err("a matrix is needed".into()) };
        let is_one = |at: usize| (at % columns) as i64 == ((at / columns) as i64).saturating_add(self.shift);
        let places = 0..rows * columns;
        let wanted = self.element.and_then(|element| i32::try_from(element).ok());
        Ok(vec![match (wanted, value) {
            (Some(element::DOUBLE), _) | (None, Value::Double(_)) => {
                Value::Double(Tensor { shape, data: places.map(|at| f64::from(u8::from(is_one(at)))).collect() })
            }
            (Some(element::INT64 | element::INT32), _) | (None, Value::Int(_)) => {
                Value::Int(Tensor { shape, data: places.map(|at| i64::from(is_one(at))).collect() })
            }
            (Some(element::FLOAT), _) | (None, _) => {
                Value::Float(Tensor { shape, data: places.map(|at| f32::from(u8::from(is_one(at)))).collect() })
            }
            (Some(other), _) => return Err(format!("the element type {other} is not supported")),
        }])
    }
}

/// `Size`: the number of elements.
#[derive(Debug)]
struct Size;

impl Operator for Size {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        Ok(vec![Value::Int(Tensor::new(&[], vec![shape_of(inputs.get(0)?)?.count() as i64])?)])
    }

    fn structure(&self) -> OperatorStructure<'_> {
        OperatorStructure::Opaque
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
    fn values_are_repeated_and_parted_as_numpy_does() {
        let value = floats(&[2, 1], &[1.0, 2.0]);
        assert_eq!(run(&Expand, &[value.clone(), ints(&[2, 2])]).unwrap()[0], floats(&[2, 2], &[1.0, 1.0, 2.0, 2.0]));
        assert_eq!(run(&Tile, &[value.clone(), ints(&[1, 2])]).unwrap()[0], floats(&[2, 2], &[1.0, 1.0, 2.0, 2.0]));
        assert_eq!(run(&Tile, &[value.clone(), ints(&[2, 1])]).unwrap()[0], floats(&[4, 1], &[1.0, 2.0, 1.0, 2.0]));
        for (operator, bad) in [
            (&Expand as &dyn Operator, ints(&[3, 1 << 40])),
            (&Tile, ints(&[i64::MAX, 2])),
            (&Tile, ints(&[1])),
            (&Tile, ints(&[-1, 1])),
        ] {
            assert!(run(operator, &[value.clone(), bad]).is_err());
        }
        let line = floats(&[5], &[0.0, 1.0, 2.0, 3.0, 4.0]);
        let three = Split { axis: 0, parts: 3, sizes: vec![] };
        let parts = run(&three, std::slice::from_ref(&line)).unwrap();
        assert_eq!(parts, [floats(&[2], &[0.0, 1.0]), floats(&[2], &[2.0, 3.0]), floats(&[1], &[4.0])]);
        let parts = run(&three, &[line.clone(), ints(&[1, 0, 4])]).unwrap();
        assert_eq!((&parts[1], &parts[2]), (&floats(&[0], &[]), &floats(&[4], &[1.0, 2.0, 3.0, 4.0])));
        assert!(run(&three, &[line.clone(), ints(&[1, 1, 1])]).is_err());
        assert!(run(&three, &[line, ints(&[i64::MAX, i64::MAX, 7])]).is_err());
    }

    #[test]
    fn sums_run_along_an_axis() {
        let value = floats(&[2, 2], &[1.0, 2.0, 3.0, 4.0]);
        let sum = |is_exclusive, is_backwards, axis| {
            run(&CumSum { is_exclusive, is_backwards }, &[value.clone(), ints(&[axis])]).unwrap().remove(0)
        };
        assert_eq!(sum(false, false, 1), floats(&[2, 2], &[1.0, 3.0, 3.0, 7.0]));
        assert_eq!(sum(true, false, 0), floats(&[2, 2], &[0.0, 0.0, 1.0, 2.0]));
        assert_eq!(sum(false, true, -1), floats(&[2, 2], &[3.0, 2.0, 7.0, 4.0]));
    }

    #[test]
    fn ranges_are_bounded() {
        assert_eq!(run(&Range, &[ints(&[3]), ints(&[9]), ints(&[4])]).unwrap()[0], ints(&[3, 7]));
        assert_eq!(run(&Range, &[ints(&[3]), ints(&[0]), ints(&[-2])]).unwrap()[0], ints(&[3, 1]));
        let halves = run(&Range, &[floats(&[], &[0.0]), floats(&[], &[1.2]), floats(&[], &[0.5])]).unwrap();
        assert_eq!(halves[0], floats(&[3], &[0.0, 0.5, 1.0]));
        for (limit, step) in [(i64::MAX, 1), (5, 0), (i64::MIN, 1)] {
            let made = run(&Range, &[ints(&[-9]), ints(&[limit]), ints(&[step])]);
            assert!(made.is_err() || made.unwrap()[0] == ints(&[]), "{limit} {step}");
        }
        assert!(run(&Range, &[floats(&[], &[0.0]), floats(&[], &[1.0]), floats(&[], &[0.0])]).is_err());
        assert!(
            run(&Range, &[floats(&[], &[0.0]), floats(&[], &[f32::NAN]), floats(&[], &[1.0])])
                .is_ok_and(|made| made[0] == floats(&[0], &[]))
        );
    }

    #[test]
    fn triangles_and_marks_are_those_of_numpy() {
        let value = floats(&[2, 2], &[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(
            run(&Trilu { is_upper: true }, std::slice::from_ref(&value)).unwrap()[0],
            floats(&[2, 2], &[1.0, 2.0, 0.0, 4.0])
        );
        assert_eq!(
            run(&Trilu { is_upper: false }, &[value.clone(), ints(&[-1])]).unwrap()[0],
            floats(&[2, 2], &[0.0, 0.0, 3.0, 0.0])
        );
        let marks = run(&OneHot { axis: -1 }, &[ints(&[1, -1, 7]), ints(&[3]), floats(&[2], &[0.0, 5.0])]).unwrap();
        assert_eq!(marks[0], floats(&[3, 3], &[0.0, 5.0, 0.0, 0.0, 0.0, 5.0, 0.0, 0.0, 0.0]));
        assert!(run(&OneHot { axis: -1 }, &[ints(&[1]), ints(&[i64::MAX]), floats(&[2], &[0.0, 1.0])]).is_err());
        assert_eq!(
            run(&EyeLike { shift: 1, element: Some(7) }, &[value]).unwrap()[0],
            Value::Int(Tensor::new(&[2, 2], vec![0, 1, 0, 0]).unwrap())
        );
    }
}
