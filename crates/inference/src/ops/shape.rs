//! Operators that move, join, pick and convert values.

use super::{Arguments, Attributes, Built, Operator, OperatorStructure, Outputs};
use crate::{
    onnx::{AttributeValue, element},
    tensor::{MAX_ELEMENTS, Shape, Sparse, Tensor, Value},
};

pub(super) fn build(node: &Attributes<'_>) -> Option<Built> {
    Some(match node.kind() {
        "Identity" | "Dropout" => Ok(Box::new(Identity)),
        "Constant" => constant(node),
        "Cast" => cast(node),
        "Concat" => node.int("axis", 1).map(|axis| Box::new(Concat { axis }) as _),
        "Reshape" => node.int("allowzero", 0).map(|zero| Box::new(Reshape { zero_is_zero: zero != 0 }) as _),
        "Flatten" => node.int("axis", 1).map(|axis| Box::new(Flatten { axis }) as _),
        "Squeeze" => Ok(Box::new(Squeeze { axes: node.ints("axes").ok()?.to_vec() })),
        "Unsqueeze" => Ok(Box::new(Unsqueeze { axes: node.ints("axes").ok()?.to_vec() })),
        "Gather" => node.int("axis", 0).map(|axis| Box::new(Gather { axis }) as _),
        _ => return None,
    })
}

/// An axis counted from either end, as an index below `rank`.
pub(super) fn axis_of(axis: i64, rank: usize) -> Result<usize, String> {
    let index = if axis < 0 { axis + rank as i64 } else { axis };
    usize::try_from(index)
        .ok()
        .filter(|&index| index < rank)
        .ok_or_else(|| format!("axis {axis} does not exist in a tensor of {rank} dimensions"))
}

pub(super) fn with_shape(value: &Value, dims: &[usize]) -> Result<Value, String> {
    fn to<T: Clone>(tensor: &Tensor<T>, dims: &[usize]) -> Result<Tensor<T>, String> {
        Tensor::new(dims, tensor.data.clone())
    }
    Ok(match value {
        Value::Float(tensor) => Value::Float(to(tensor, dims)?),
        Value::Double(tensor) => Value::Double(to(tensor, dims)?),
        Value::Int(tensor) => Value::Int(to(tensor, dims)?),
        Value::Bool(tensor) => Value::Bool(to(tensor, dims)?),
        Value::Text(tensor) => Value::Text(to(tensor, dims)?),
        Value::Sparse(matrix) => {
            if *dims == [matrix.rows(), matrix.columns] {
                value.clone()
            } else {
                Value::Float(to(&matrix.dense()?, dims)?)
            }
        }
        Value::Words(_) => return Err("split text has no fixed shape".into()),
    })
}

pub(super) fn shape_of(value: &Value) -> Result<Shape, String> {
    value.shape().ok_or_else(|| format!("a {} has no fixed shape", value.kind()))
}

/// The elements of values of one kind and shape, one value behind the other, as a vector.
pub(super) fn stack(values: &[Value]) -> Result<Value, String> {
    let flat = |value: &Value| with_shape(value, &[shape_of(value)?.count()]);
    let parts = values.iter().map(flat).collect::<Result<Vec<_>, String>>()?;
    Concat { axis: 0 }.joined(&parts.iter().collect::<Vec<_>>())
}

#[derive(Debug)]
struct Identity;

impl Operator for Identity {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        Ok(vec![inputs.get(0)?.clone()])
    }

    fn structure(&self) -> OperatorStructure<'_> {
        OperatorStructure::Same
    }
}

#[derive(Debug)]
struct Constant(Value);

fn constant(node: &Attributes<'_>) -> Built {
    let value = match (node.node.attribute("value"), node.node.attributes.first()) {
        (Some(AttributeValue::Tensor(tensor)), _) => crate::constant::constant_value(tensor)?,
        (_, Some(attribute)) => match &attribute.value {
            AttributeValue::Float(value) => Value::Float(Tensor::new(&[], vec![*value])?),
            AttributeValue::Int(value) => Value::Int(Tensor::new(&[], vec![*value])?),
            AttributeValue::Text(value) => Value::Text(Tensor::new(&[], vec![value.as_str().into()])?),
            AttributeValue::Floats(values) => Value::Float(Tensor::new(&[values.len()], values.clone())?),
            AttributeValue::Ints(values) => Value::Int(Tensor::new(&[values.len()], values.clone())?),
            AttributeValue::Texts(values) => {
                Value::Text(Tensor::new(&[values.len()], values.iter().map(|text| text.as_str().into()).collect())?)
            }
            AttributeValue::Tensor(_) | AttributeValue::Graph(_) => return Err("the constant has no value".into()),
        },
        _ => return Err("the constant has no value".into()),
    };
    Ok(Box::new(Constant(value)))
}

impl Operator for Constant {
    fn run(&self, _: Arguments<'_>) -> Outputs {
        Ok(vec![self.0.clone()])
    }

    fn structure(&self) -> OperatorStructure<'_> {
        OperatorStructure::Constant(&self.0)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CastTo {
    Float,
    Double,
    Int,
    Bool,
    Text,
}

fn cast(node: &Attributes<'_>) -> Built {
    let to = match i32::try_from(node.int("to", 0)?).unwrap_or(0) {
        element::FLOAT => CastTo::Float,
        element::DOUBLE => CastTo::Double,
        element::INT64 | element::INT32 => CastTo::Int,
        element::BOOL => CastTo::Bool,
        element::STRING => CastTo::Text,
        other => return Err(format!("casting to the element type {other} is not supported")),
    };
    Ok(Box::new(to))
}

impl Operator for CastTo {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let value = inputs.get(0)?;
        Ok(vec![match (self, value) {
            (Self::Float, Value::Float(_) | Value::Sparse(_)) => value.clone(),
            (Self::Float, Value::Double(_) | Value::Int(_) | Value::Bool(_)) => {
                Value::Float(value.floats()?.into_owned())
            }
            (Self::Double, Value::Double(_)) => value.clone(),
            (Self::Double, Value::Int(tensor)) => Value::Double(tensor.map(|&v| v as f64)),
            (Self::Double, Value::Float(_) | Value::Bool(_)) => Value::Double(value.floats()?.map(|&v| f64::from(v))),
            (Self::Int, Value::Int(_)) => value.clone(),
            (Self::Int, Value::Float(tensor)) => Value::Int(tensor.map(|&v| v as i64)),
            (Self::Int, Value::Double(tensor)) => Value::Int(tensor.map(|&v| v as i64)),
            (Self::Int, Value::Bool(tensor)) => Value::Int(tensor.map(|&v| i64::from(v))),
            (Self::Bool, Value::Bool(_)) => value.clone(),
            (Self::Bool, Value::Int(tensor)) => Value::Bool(tensor.map(|&v| v != 0)),
            (Self::Bool, Value::Float(tensor)) => Value::Bool(tensor.map(|&v| v != 0.0)),
            (Self::Bool, Value::Double(tensor)) => Value::Bool(tensor.map(|&v| v != 0.0)),
            (Self::Bool | Self::Int, Value::Sparse(matrix)) => {
                return self.run(Arguments(&[Some(&Value::Float(matrix.dense()?))]));
            }
            (Self::Double, Value::Sparse(matrix)) => Value::Double(matrix.dense()?.map(|&v| f64::from(v))),
            (Self::Float, Value::Text(tensor)) => Value::Float(read(tensor)?),
            (Self::Double, Value::Text(tensor)) => Value::Double(read(tensor)?),
            (Self::Int, Value::Text(tensor)) => Value::Int(read(tensor)?),
            (Self::Text, Value::Text(_)) => value.clone(),
            (Self::Text, Value::Bool(tensor)) => Value::Text(tensor.map(|v| if *v { "1" } else { "0" }.into())),
            (Self::Text, Value::Float(tensor)) => Value::Text(tensor.map(|v| shortest(f64::from(*v), v.to_string()))),
            (Self::Text, Value::Double(tensor)) => Value::Text(tensor.map(|v| shortest(*v, v.to_string()))),
            (Self::Text, Value::Int(tensor)) => Value::Text(tensor.map(|v| v.to_string().into())),
            (to, from) => return Err(format!("a {} cannot be cast to {to:?}", from.kind())),
        }])
    }

    fn structure(&self) -> OperatorStructure<'_> {
        OperatorStructure::ByColumn
    }
}

/// Texts that say numbers.
fn read<T: std::str::FromStr>(tensor: &Tensor<std::sync::Arc<str>>) -> Result<Tensor<T>, String> {
    let number =
        |text: &std::sync::Arc<str>| text.trim().parse().map_err(|_| format!("the text `{text}` is no such number"));
    Ok(Tensor { shape: tensor.shape, data: tensor.data.iter().map(number).collect::<Result<_, _>>()? })
}

/// The fewest digits that say the number, as onnxruntime writes it.
fn shortest(value: f64, text: String) -> std::sync::Arc<str> {
    match value {
        value if value.is_nan() => "NaN".into(),
        f64::INFINITY => "INF".into(),
        f64::NEG_INFINITY => "-INF".into(),
        _ => text.into(),
    }
}

#[derive(Debug)]
struct Concat {
    axis: i64,
}

impl Concat {
    fn joined(&self, values: &[&Value]) -> Result<Value, String> {
        // Before anything is copied: a node may name one value many times.
        if values.iter().map(|value| value.bytes()).sum::<usize>() > MAX_ELEMENTS * size_of::<f64>() {
            return Err("the joined tensor would be too large".into());
        }
        if let Some(joined) = join_sparse(self.axis, values) {
            return Ok(Value::Sparse(joined?));
        }
        Ok(match values.first() {
            None => return Err("there is nothing to join".into()),
            Some(Value::Int(_)) => Value::Int(join(self.axis, values, |value| Ok(value.ints()?.clone()))?),
            Some(Value::Text(_)) => Value::Text(join(self.axis, values, |value| Ok(value.texts()?.clone()))?),
            Some(Value::Bool(_)) => Value::Bool(join(self.axis, values, |value| match value {
                Value::Bool(tensor) => Ok(tensor.clone()),
                other => Err(format!("a bool tensor is needed, not a {}", other.kind())),
            })?),
            Some(Value::Double(_)) => Value::Double(join(self.axis, values, |value| match value {
                Value::Double(tensor) => Ok(tensor.clone()),
                other => Err(format!("a double tensor is needed, not a {}", other.kind())),
            })?),
            Some(_) => Value::Float(join_floats(self.axis, values)?),
        })
    }
}

impl Operator for Concat {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let values = (0..inputs.len()).map(|at| inputs.get(at)).collect::<Result<Vec<_>, _>>()?;
        Ok(vec![self.joined(&values)?])
    }

    fn structure(&self) -> OperatorStructure<'_> {
        match self.axis {
            1 | -1 => OperatorStructure::Joined,
            _ => OperatorStructure::Opaque,
        }
    }
}

/// Sparse matrices side by side stay sparse; `None` when some value is not one.
fn join_sparse(axis: i64, values: &[&Value]) -> Option<Result<Sparse, String>> {
    let part = |value: &&Value| if let Value::Sparse(matrix) = value { Some(matrix.clone()) } else { None };
    let parts: Vec<Sparse> = values.iter().map(part).collect::<Option<_>>()?;
    let rows = parts.first()?.rows();
    if !matches!(axis, 1 | -1) {
        return None;
    }
    if parts.iter().map(|part| part.columns).sum::<usize>() > MAX_ELEMENTS {
        return Some(Err("the joined matrix would be too large".into()));
    }
    if parts.iter().any(|part| part.rows() != rows) {
        return Some(Err("matrices of unlike numbers of rows do not join".into()));
    }
    let mut joined = Sparse { columns: parts.iter().map(|part| part.columns).sum(), ends: vec![], entries: vec![] };
    for row in 0..rows {
        let mut offset = 0;
        for part in &parts {
            joined.entries.extend(part.row(row).iter().map(|&(column, value)| (column + offset, value)));
            offset += part.columns as u32;
        }
        joined.ends.push(joined.entries.len());
    }
    Some(Ok(joined))
}

/// Where the parts of a joined tensor go: `outer` blocks, each of the parts' `widths` one after the other.
struct Joint {
    shape: Shape,
    outer: usize,
    widths: Vec<usize>,
}

impl Joint {
    fn new(axis: i64, shapes: &[Shape]) -> Result<Self, String> {
        let first = shapes.first().ok_or("there is nothing to join")?;
        let axis = axis_of(axis, first.rank())?;
        let mut dims = first.dims().to_vec();
        dims[axis] = 0;
        let mut widths = Vec::with_capacity(shapes.len());
        for shape in shapes {
            let fits = shape.rank() == dims.len()
                && shape.dims().iter().zip(first.dims()).enumerate().all(|(at, (a, b))| at == axis || a == b);
            if !fits {
                return Err(format!("the shapes {:?} and {:?} do not join", first.dims(), shape.dims()));
            }
            dims[axis] += shape.dims()[axis];
            widths.push(shape.dims()[axis..].iter().product());
        }
        let shape = Shape::new(&dims).ok_or("the joined tensor would be too large")?;
        Ok(Self { shape, outer: dims[..axis].iter().product(), widths })
    }

    fn fill<T: Clone>(&self, parts: &[&[T]]) -> Tensor<T> {
        let mut data = Vec::with_capacity(self.shape.count());
        for block in 0..self.outer {
            for (part, &width) in parts.iter().zip(&self.widths) {
                data.extend_from_slice(&part[block * width..(block + 1) * width]);
            }
        }
        Tensor { shape: self.shape, data }
    }
}

fn join<T: Clone>(
    axis: i64,
    values: &[&Value],
    read: impl Fn(&Value) -> Result<Tensor<T>, String>,
) -> Result<Tensor<T>, String> {
    let parts = values.iter().map(|value| read(value)).collect::<Result<Vec<_>, _>>()?;
    let joint = Joint::new(axis, &parts.iter().map(|part| part.shape).collect::<Vec<_>>())?;
    Ok(joint.fill(&parts.iter().map(|part| &part.data[..]).collect::<Vec<_>>()))
}

/// The common case, without copying the parts first.
fn join_floats(axis: i64, values: &[&Value]) -> Result<Tensor<f32>, String> {
    let parts = values.iter().map(|value| value.floats()).collect::<Result<Vec<_>, _>>()?;
    let joint = Joint::new(axis, &parts.iter().map(|part| part.shape).collect::<Vec<_>>())?;
    Ok(joint.fill(&parts.iter().map(|part| &part.data[..]).collect::<Vec<_>>()))
}

#[derive(Debug)]
struct Reshape {
    zero_is_zero: bool,
}

impl Operator for Reshape {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let value = inputs.get(0)?;
        if let (Value::Words(_), [0, -1]) = (value, &inputs.get(1)?.ints()?.data[..]) {
            // A row's words in one line: they already are.
            return Ok(vec![value.clone()]);
        }
        let from = shape_of(value)?;
        let wanted = &inputs.get(1)?.ints()?.data;
        let mut dims = Vec::with_capacity(wanted.len());
        let mut open = None;
        for (at, &dim) in wanted.iter().enumerate() {
            dims.push(match dim {
                -1 if open.replace(at).is_none() => 1,
                0 if !self.zero_is_zero => *from.dims().get(at).ok_or("a copied dimension does not exist")?,
                dim => usize::try_from(dim).map_err(|_| format!("{wanted:?} is not a shape"))?,
            });
        }
        if let Some(open) = open {
            let known = dims.iter().try_fold(1usize, |product, &dim| product.checked_mul(dim));
            let known = known.filter(|&known| known > 0).ok_or_else(|| format!("{wanted:?} leaves a size open"))?;
            dims[open] = from.count() / known;
        }
        Ok(vec![with_shape(value, &dims)?])
    }

    fn structure(&self) -> OperatorStructure<'_> {
        OperatorStructure::Reshaped
    }
}

#[derive(Debug)]
struct Flatten {
    axis: i64,
}

impl Operator for Flatten {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let value = inputs.get(0)?;
        if let (Value::Words(_), 1) = (value, self.axis) {
            // A row's words in one line: they already are.
            return Ok(vec![value.clone()]);
        }
        let shape = shape_of(value)?;
        let axis = match self.axis {
            axis if axis == shape.rank() as i64 => shape.rank(),
            axis => axis_of(axis, shape.rank())?,
        };
        let size = |dims: &[usize]| dims.iter().product::<usize>();
        Ok(vec![with_shape(value, &[size(&shape.dims()[..axis]), size(&shape.dims()[axis..])])?])
    }

    fn structure(&self) -> OperatorStructure<'_> {
        OperatorStructure::Reshaped
    }
}

/// The axes of `Squeeze` and `Unsqueeze`: an attribute before opset 13, then an input.
pub(super) fn axes_of(attribute: &[i64], inputs: &Arguments<'_>) -> Result<Vec<i64>, String> {
    match inputs.optional(1) {
        Some(value) => Ok(value.ints()?.data.clone()),
        None => Ok(attribute.to_vec()),
    }
}

#[derive(Debug)]
struct Squeeze {
    axes: Vec<i64>,
}

impl Operator for Squeeze {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let value = inputs.get(0)?;
        let shape = shape_of(value)?;
        let axes = axes_of(&self.axes, &inputs)?;
        let axes = axes.iter().map(|&axis| axis_of(axis, shape.rank())).collect::<Result<Vec<_>, _>>()?;
        if let Some(axis) = axes.iter().find(|&&axis| shape.dims()[axis] != 1) {
            return Err(format!("dimension {axis} of {:?} is not 1", shape.dims()));
        }
        let gone = |at: usize, dim: usize| if axes.is_empty() { dim == 1 } else { axes.contains(&at) };
        let dims: Vec<usize> =
            shape.dims().iter().enumerate().filter(|&(at, &dim)| !gone(at, dim)).map(|(_, &dim)| dim).collect();
        Ok(vec![with_shape(value, &dims)?])
    }

    fn structure(&self) -> OperatorStructure<'_> {
        OperatorStructure::Reshaped
    }
}

#[derive(Debug)]
struct Unsqueeze {
    axes: Vec<i64>,
}

impl Operator for Unsqueeze {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let value = inputs.get(0)?;
        let shape = shape_of(value)?;
        let axes = axes_of(&self.axes, &inputs)?;
        let rank = shape.rank() + axes.len();
        let mut axes = axes.iter().map(|&axis| axis_of(axis, rank)).collect::<Result<Vec<_>, _>>()?;
        axes.sort_unstable();
        axes.dedup();
        let mut dims = shape.dims().to_vec();
        for axis in axes {
            dims.insert(axis.min(dims.len()), 1);
        }
        Ok(vec![with_shape(value, &dims)?])
    }

    fn structure(&self) -> OperatorStructure<'_> {
        OperatorStructure::Reshaped
    }
}

#[derive(Debug)]
struct Gather {
    axis: i64,
}

impl Operator for Gather {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let indices = inputs.get(1)?.ints()?;
        Ok(vec![match inputs.get(0)? {
            Value::Float(tensor) => Value::Float(gather(self.axis, tensor, indices)?),
            Value::Double(tensor) => Value::Double(gather(self.axis, tensor, indices)?),
            Value::Int(tensor) => Value::Int(gather(self.axis, tensor, indices)?),
            Value::Bool(tensor) => Value::Bool(gather(self.axis, tensor, indices)?),
            Value::Text(tensor) => Value::Text(gather(self.axis, tensor, indices)?),
            Value::Sparse(matrix) => Value::Float(gather(self.axis, &matrix.dense()?, indices)?),
            other => return Err(format!("nothing can be gathered from a {}", other.kind())),
        }])
    }

    fn structure(&self) -> OperatorStructure<'_> {
        match self.axis {
            1 | -1 => OperatorStructure::Picked,
            _ => OperatorStructure::Opaque,
        }
    }
}

fn gather<T: Clone>(axis: i64, from: &Tensor<T>, indices: &Tensor<i64>) -> Result<Tensor<T>, String> {
    let dims = from.shape.dims();
    let axis = axis_of(axis, dims.len())?;
    let size = dims[axis];
    let picks = indices.data.iter().map(|&index| {
        let index_from_start = if index < 0 { index + size as i64 } else { index };
        usize::try_from(index_from_start).ok().filter(|&index| index < size).ok_or(index)
    });
    let picks = picks.collect::<Result<Vec<_>, _>>().map_err(|index| format!("index {index} is not below {size}"))?;
    let (outer, inner): (usize, usize) = (dims[..axis].iter().product(), dims[axis + 1..].iter().product());
    let shape = [&dims[..axis], indices.shape.dims(), &dims[axis + 1..]].concat();
    let shape = Shape::new(&shape).ok_or("the gathered tensor would be too large")?;
    let mut data = Vec::with_capacity(shape.count());
    for block in 0..outer {
        for &pick in &picks {
            let start = (block * size + pick) * inner;
            data.extend_from_slice(&from.data[start..start + inner]);
        }
    }
    Ok(Tensor { shape, data })
}
