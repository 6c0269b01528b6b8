//! Operators that pick elements by their place or their size, and one that writes to places.

use super::{
    Arguments, Attributes, Built, Operator, Outputs,
    layout::picked,
    shape::{axis_of, shape_of, with_shape},
};
use crate::tensor::{Shape, Tensor, Value};

pub(super) fn build(node: &Attributes<'_>) -> Option<Built> {
    Some(match node.kind() {
        "TopK" => top_k(node),
        "GatherElements" => node.int("axis", 0).map(|axis| Box::new(GatherElements { axis }) as _),
        "GatherND" => gather_parts(node),
        "ScatterElements" | "Scatter" => scatter(node),
        "Compress" => compress(node),
        "NonZero" => Ok(Box::new(NonZero)),
        _ => return None,
    })
}

/// The sizes before an axis, of the axis, and behind it.
fn around(shape: &Shape, axis: usize) -> (usize, usize, usize) {
    let dims = shape.dims();
    (dims[..axis].iter().product(), dims[axis], dims[axis + 1..].iter().product())
}

/// `TopK`: the largest or smallest of every lane, the largest first; of equal values the first.
#[derive(Debug)]
struct TopK {
    axis: i64,
    largest: bool,
    /// Before operator set 10 the number is an attribute.
    count: Option<i64>,
}

fn top_k(node: &Attributes<'_>) -> Built {
    let count = if node.opset < 10 { Some(node.int("k", 0)?) } else { None };
    // Without `sorted` any order is right: this one is.
    Ok(Box::new(TopK { axis: node.int("axis", -1)?, largest: node.int("largest", 1)? != 0, count }))
}

impl Operator for TopK {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let value = inputs.get(0)?;
        let numbers = value.doubles()?;
        let shape = numbers.shape;
        let axis = axis_of(self.axis, shape.rank())?;
        let (outer, size, inner) = around(&shape, axis);
        let count = match self.count {
            Some(count) => count,
            None => *inputs.get(1)?.ints()?.data.first().ok_or("the number to take is empty")?,
        };
        let count = usize::try_from(count).ok().filter(|&count| count <= size);
        let count = count.ok_or_else(|| format!("so many of {size} values cannot be taken"))?;
        let mut dims = shape.dims().to_vec();
        dims[axis] = count;
        let result = Shape::new(&dims).ok_or("the result would be too large")?;
        let (mut places, mut picks) = (vec![0i64; result.count()], vec![0usize; result.count()]);
        let mut order: Vec<u32> = Vec::new();
        for lane in 0..outer * inner {
            let (block, offset) = (lane / inner, lane % inner);
            let element = |at: u32| (block * size + at as usize) * inner + offset;
            let rank = |&a: &u32, &b: &u32| {
                let (of_a, of_b) = (numbers.data[element(a)], numbers.data[element(b)]);
                let by_size = if self.largest { of_b.total_cmp(&of_a) } else { of_a.total_cmp(&of_b) };
                by_size.then(a.cmp(&b))
            };
            order.clear();
            order.extend(0..size as u32);
            if count > 0 && count < size {
                order.select_nth_unstable_by(count - 1, rank);
                order.truncate(count);
            }
            order.sort_unstable_by(rank);
            for (at, &place) in order.iter().take(count).enumerate() {
                let target = (block * count + at) * inner + offset;
                places[target] = i64::from(place);
                picks[target] = element(place);
            }
        }
        Ok(vec![picked(value, result, &picks)?, Value::Int(Tensor { shape: result, data: places })])
    }
}

/// An index counted from either end of `size` places.
fn place(index: i64, size: usize) -> Result<usize, String> {
    let from_start = if index < 0 { index.saturating_add(size as i64) } else { index };
    usize::try_from(from_start).ok().filter(|&at| at < size).ok_or_else(|| format!("index {index} is not below {size}"))
}

/// For every element of `indices` the element of `shape` that it names along `axis`.
fn places_along(indices: &Tensor<i64>, shape: &Shape, axis: usize) -> Result<Vec<usize>, String> {
    let (dims, own) = (shape.dims(), indices.shape.dims());
    let fits = own.len() == dims.len() && own.iter().zip(dims).enumerate().all(|(at, (a, b))| at == axis || a <= b);
    if !fits {
        return Err(format!("indices of the shape {own:?} do not fit the shape {dims:?}"));
    }
    let mut position = vec![0usize; own.len()];
    let mut places = Vec::with_capacity(indices.data.len());
    for &index in &indices.data {
        let at = place(index, dims[axis])?;
        let coordinate = |dim: usize| if dim == axis { at } else { position[dim] };
        places.push((0..dims.len()).fold(0, |element, dim| element * dims[dim] + coordinate(dim)));
        for dim in (0..own.len()).rev() {
            position[dim] += 1;
            if position[dim] < own[dim] {
                break;
            }
            position[dim] = 0;
        }
    }
    Ok(places)
}

#[derive(Debug)]
struct GatherElements {
    axis: i64,
}

impl Operator for GatherElements {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let (value, indices) = (inputs.get(0)?, inputs.get(1)?.ints()?);
        let shape = shape_of(value)?;
        let places = places_along(indices, &shape, axis_of(self.axis, shape.rank())?)?;
        Ok(vec![picked(value, indices.shape, &places)?])
    }
}

/// `GatherND` without batch dimensions: the last dimension of the indices names an element or a part.
#[derive(Debug)]
struct GatherParts;

fn gather_parts(node: &Attributes<'_>) -> Built {
    match node.int("batch_dims", 0)? {
        0 => Ok(Box::new(GatherParts)),
        _ => Err("batch_dims is not supported".into()),
    }
}

impl Operator for GatherParts {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let (value, indices) = (inputs.get(0)?, inputs.get(1)?.ints()?);
        let (shape, own) = (shape_of(value)?, indices.shape.dims());
        let (&depth, outer) = own.split_last().ok_or("the indices are a single number")?;
        if depth == 0 || depth > shape.rank() {
            return Err(format!("{depth} indices do not name a part of the shape {:?}", shape.dims()));
        }
        let (named, rest) = shape.dims().split_at(depth);
        let part: usize = rest.iter().product();
        let result = Shape::new(&[outer, rest].concat()).ok_or("the result would be too large")?;
        let mut picks = Vec::with_capacity(result.count());
        for index in indices.data.chunks_exact(depth) {
            let start = index
                .iter()
                .zip(named)
                .try_fold(0, |start, (&index, &size)| Ok::<usize, String>(start * size + place(index, size)?))?;
            picks.extend(start * part..(start + 1) * part);
        }
        Ok(vec![picked(value, result, &picks)?])
    }
}

/// What a written value makes of the one that stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    Instead,
    Add,
    Mul,
    Min,
    Max,
}

#[derive(Debug)]
struct ScatterElements {
    axis: i64,
    written: Written,
}

fn scatter(node: &Attributes<'_>) -> Built {
    let written = match node.text("reduction", "none")? {
        "none" => Written::Instead,
        "add" => Written::Add,
        "mul" => Written::Mul,
        "min" => Written::Min,
        "max" => Written::Max,
        other => return Err(format!("reduction {other} does not exist")),
    };
    Ok(Box::new(ScatterElements { axis: node.int("axis", 0)?, written }))
}

impl Written {
    fn number(self, old: f64, new: f64) -> f64 {
        match self {
            Self::Instead => new,
            Self::Add => old + new,
            Self::Mul => old * new,
            Self::Min => old.min(new),
            Self::Max => old.max(new),
        }
    }

    fn whole(self, old: i64, new: i64) -> i64 {
        match self {
            Self::Instead => new,
            Self::Add => old.wrapping_add(new),
            Self::Mul => old.wrapping_mul(new),
            Self::Min => old.min(new),
            Self::Max => old.max(new),
        }
    }
}

impl Operator for ScatterElements {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let (value, indices, updates) = (inputs.get(0)?, inputs.get(1)?.ints()?, inputs.get(2)?);
        let shape = shape_of(value)?;
        let places = places_along(indices, &shape, axis_of(self.axis, shape.rank())?)?;
        if shape_of(updates)? != indices.shape {
            return Err("the indices and the values to write are of unlike shapes".into());
        }
        let mut result = value.clone();
        match (&mut result, updates) {
            (Value::Float(to), Value::Float(from)) => places.iter().zip(&from.data).for_each(|(&at, &new)| {
                to.data[at] = self.written.number(f64::from(to.data[at]), f64::from(new)) as f32;
            }),
            (Value::Double(to), Value::Double(from)) => places.iter().zip(&from.data).for_each(|(&at, &new)| {
                to.data[at] = self.written.number(to.data[at], new);
            }),
            (Value::Int(to), Value::Int(from)) => places.iter().zip(&from.data).for_each(|(&at, &new)| {
                to.data[at] = self.written.whole(to.data[at], new);
            }),
            (Value::Bool(to), Value::Bool(from)) if self.written == Written::Instead => {
                places.iter().zip(&from.data).for_each(|(&at, &new)| to.data[at] = new);
            }
            (Value::Text(to), Value::Text(from)) if self.written == Written::Instead => {
                places.iter().zip(&from.data).for_each(|(&at, new)| to.data[at] = new.clone());
            }
            (to, from) => return Err(format!("a {} cannot be written into a {}", from.kind(), to.kind())),
        }
        Ok(vec![result])
    }
}

/// `Compress`: the parts of an axis, or the elements, for which the condition holds.
#[derive(Debug)]
struct Compress {
    axis: Option<i64>,
}

fn compress(node: &Attributes<'_>) -> Built {
    let axis = if node.has("axis") { Some(node.int("axis", 0)?) } else { None };
    Ok(Box::new(Compress { axis }))
}

impl Operator for Compress {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let Value::Bool(condition) = inputs.get(1)? else { return Err("the condition must be a bool tensor".into()) };
        let whole = inputs.get(0)?;
        let flat;
        let (value, axis) = match self.axis {
            Some(axis) => (whole, axis_of(axis, shape_of(whole)?.rank())?),
            None => {
                flat = with_shape(whole, &[shape_of(whole)?.count()])?;
                (&flat, 0)
            }
        };
        let shape = shape_of(value)?;
        let (outer, size, inner) = around(&shape, axis);
        // A condition may be shorter than the axis: what lies behind it goes.
        if condition.data.len() > size {
            return Err(format!("the condition has {} entries for {size} places", condition.data.len()));
        }
        let kept: Vec<usize> = (0..condition.data.len()).filter(|&at| condition.data[at]).collect();
        let mut dims = shape.dims().to_vec();
        dims[axis] = kept.len();
        let mut picks = Vec::with_capacity(outer * kept.len() * inner);
        for block in 0..outer {
            kept.iter().for_each(|at| picks.extend((block * size + at) * inner..(block * size + at + 1) * inner));
        }
        Ok(vec![picked(value, Shape::new(&dims).ok_or("the result would be too large")?, &picks)?])
    }
}

/// `NonZero`: the indices of what is not zero, dimension by dimension.
#[derive(Debug)]
struct NonZero;

impl Operator for NonZero {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let tensor = inputs.get(0)?.doubles()?;
        let dims = tensor.shape.dims();
        let places: Vec<usize> = (0..tensor.data.len()).filter(|&at| tensor.data[at] != 0.0).collect();
        let shape = Shape::new(&[dims.len(), places.len()]).ok_or("the result would be too large")?;
        let mut data = Vec::with_capacity(shape.count());
        for at in 0..dims.len() {
            let step: usize = dims[at + 1..].iter().product();
            data.extend(places.iter().map(|place| (place / step % dims[at]) as i64));
        }
        Ok(vec![Value::Int(Tensor { shape, data })])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{floats, ints, run};

    #[test]
    fn the_largest_come_first_and_of_equal_ones_the_first() {
        let value = floats(&[2, 4], &[1.0, 3.0, 3.0, 2.0, -1.0, f32::INFINITY, 0.0, -1.0]);
        let two = ints(&[1], &[2]);
        let largest = run(&TopK { axis: -1, largest: true, count: None }, &[value.clone(), two.clone()]).unwrap();
        assert_eq!(largest[0], floats(&[2, 2], &[3.0, 3.0, f32::INFINITY, 0.0]));
        assert_eq!(largest[1], ints(&[2, 2], &[1, 2, 1, 2]));
        let smallest = run(&TopK { axis: 0, largest: false, count: Some(1) }, std::slice::from_ref(&value)).unwrap();
        assert_eq!(smallest[1], ints(&[1, 4], &[1, 0, 1, 1]));
        for bad in [ints(&[1], &[5]), ints(&[1], &[-1]), ints(&[0], &[])] {
            assert!(run(&TopK { axis: -1, largest: true, count: None }, &[value.clone(), bad]).is_err());
        }
    }

    #[test]
    fn elements_are_named_along_an_axis() {
        let value = floats(&[2, 3], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        let indices = ints(&[2, 2], &[2, 0, -1, 1]);
        let gathered = run(&GatherElements { axis: 1 }, &[value.clone(), indices.clone()]).unwrap();
        assert_eq!(gathered[0], floats(&[2, 2], &[2.0, 0.0, 5.0, 4.0]));
        let add = ScatterElements { axis: 1, written: Written::Add };
        let written = run(&add, &[value.clone(), indices, floats(&[2, 2], &[10.0, 20.0, 30.0, 40.0])]).unwrap();
        assert_eq!(written[0], floats(&[2, 3], &[20.0, 1.0, 12.0, 3.0, 44.0, 35.0]));
        let parts = run(&GatherParts, &[value.clone(), ints(&[2, 1], &[1, 0])]).unwrap();
        assert_eq!(parts[0], floats(&[2, 3], &[3.0, 4.0, 5.0, 0.0, 1.0, 2.0]));
        for bad in [ints(&[2, 2], &[3, 0, 0, 0]), ints(&[3, 1], &[0; 3]), ints(&[1], &[0])] {
            assert!(run(&GatherElements { axis: 1 }, &[value.clone(), bad]).is_err());
        }
        assert!(run(&GatherParts, &[value.clone(), ints(&[1, 3], &[0; 3])]).is_err());
        assert!(run(&GatherParts, &[value, ints(&[1, 2], &[0, 3])]).is_err());
    }

    #[test]
    fn what_a_condition_holds_for_stays() {
        let value = floats(&[2, 2], &[1.0, 0.0, 0.0, 4.0]);
        let condition = Value::Bool(Tensor::new(&[2], vec![false, true]).unwrap());
        let kept = run(&Compress { axis: Some(1) }, &[value.clone(), condition.clone()]).unwrap();
        assert_eq!(kept[0], floats(&[2, 1], &[0.0, 4.0]));
        let kept = run(&Compress { axis: None }, &[value.clone(), condition]).unwrap();
        assert_eq!(kept[0], floats(&[1], &[0.0]));
        assert_eq!(run(&NonZero, &[value]).unwrap()[0], ints(&[2, 2], &[0, 1, 0, 1]));
    }
}
