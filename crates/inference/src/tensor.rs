//! Values that flow between operators.
//!
//! Invariants: a tensor's data has as many elements as its shape says. A tensor that is computed has at most
//! [`MAX_ELEMENTS`]; a constant may have as many as its file holds bytes for.

use std::sync::Arc;

/// The most elements of a tensor that is computed: a bound against shapes that would exhaust the memory. What needs more
/// for a block of rows is run with fewer rows at once ([`crate::graph::Graph::block_rows`]).
pub(crate) const MAX_ELEMENTS: usize = 1 << 24;

/// The most elements of a constant.
const MAX_CONSTANT_ELEMENTS: usize = 1 << 28;

/// The most dimensions of a tensor.
pub(crate) const MAX_RANK: usize = 6;

/// The sizes of a tensor's dimensions, without an allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    dims: [usize; MAX_RANK],
    rank: usize,
}

impl Shape {
    /// `None` when the rank or the number of elements is out of bounds.
    pub fn new(dims: &[usize]) -> Option<Self> {
        Self::within(dims, MAX_ELEMENTS)
    }

    fn within(dims: &[usize], limit: usize) -> Option<Self> {
        if dims.len() > MAX_RANK {
            return None;
        }
        let mut count = 1usize;
        for &dim in dims {
            count = count.checked_mul(dim)?;
            if dim > limit || count > limit {
                return None;
            }
        }
        let mut shape = Self { dims: [1; MAX_RANK], rank: dims.len() };
        shape.dims[..dims.len()].copy_from_slice(dims);
        Some(shape)
    }

    pub fn dims(&self) -> &[usize] {
        &self.dims[..self.rank]
    }

    pub fn rank(&self) -> usize {
        self.rank
    }

    pub fn count(&self) -> usize {
        self.dims().iter().product()
    }

    /// Rows and columns: the first dimension, and the product of the others. A vector is one row, as the operators of
    /// `ai.onnx.ml` take it.
    pub fn matrix(&self) -> (usize, usize) {
        match self.dims() {
            [] => (1, 1),
            [columns] => (1, *columns),
            [rows, rest @ ..] => (*rows, rest.iter().product()),
        }
    }
}

/// Elements in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tensor<T> {
    pub shape: Shape,
    pub data: Vec<T>,
}

impl<T> Tensor<T> {
    pub fn new(dims: &[usize], data: Vec<T>) -> Result<Self, String> {
        Self::of_shape(Shape::new(dims), dims, data)
    }

    /// A tensor that stands in the file.
    pub fn constant(dims: &[usize], data: Vec<T>) -> Result<Self, String> {
        Self::of_shape(Shape::within(dims, MAX_CONSTANT_ELEMENTS), dims, data)
    }

    fn of_shape(shape: Option<Shape>, dims: &[usize], data: Vec<T>) -> Result<Self, String> {
        let shape = shape.ok_or_else(|| format!("a tensor of shape {dims:?} is too large"))?;
        if shape.count() == data.len() {
            Ok(Self { shape, data })
        } else {
            Err(format!("{} elements do not fill the shape {dims:?}", data.len()))
        }
    }

    pub fn map<U>(&self, change: impl FnMut(&T) -> U) -> Tensor<U> {
        Tensor { shape: self.shape, data: self.data.iter().map(change).collect() }
    }
}

/// Words of texts without the padding that a rectangular tensor needs: row `r` holds
/// `words[ends[r - 1]..ends[r]]`, each a byte range of `texts[r]`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Words {
    pub texts: Vec<Arc<str>>,
    pub words: Vec<(u32, u32)>,
    pub ends: Vec<usize>,
    /// Whether words were split again: in a tensor, padding would then stand between them.
    pub has_gaps: bool,
}

impl Words {
    /// The byte ranges of a row's words.
    pub fn spans(&self, row: usize) -> impl ExactSizeIterator<Item = (u32, u32)> {
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.words[start..self.ends[row]].iter().copied()
    }

    pub fn row(&self, row: usize) -> impl ExactSizeIterator<Item = &str> {
        let text = &self.texts[row];
        self.spans(row).map(|(from, to)| &text[from as usize..to as usize])
    }
}

/// A matrix of float32 that is mostly zero. Columns within a row ascend.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sparse {
    pub columns: usize,
    pub ends: Vec<usize>,
    pub entries: Vec<(u32, f32)>,
}

impl Sparse {
    pub fn rows(&self) -> usize {
        self.ends.len()
    }

    pub fn row(&self, row: usize) -> &[(u32, f32)] {
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.entries[start..self.ends[row]]
    }

    pub fn dense(&self) -> Result<Tensor<f32>, String> {
        let dims = [self.rows(), self.columns];
        let shape = Shape::new(&dims).ok_or_else(|| format!("a matrix of shape {dims:?} is too large"))?;
        let mut data = vec![0.0; shape.count()];
        for row in 0..self.rows() {
            for &(column, value) in self.row(row) {
                data[row * self.columns + column as usize] = value;
            }
        }
        Ok(Tensor { shape, data })
    }
}

/// What a short text takes: its pointer, and counts and bytes behind it.
const TEXT_BYTES: usize = 48;

/// What an operator takes and gives.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Float(Tensor<f32>),
    Double(Tensor<f64>),
    Int(Tensor<i64>),
    Bool(Tensor<bool>),
    Text(Tensor<Arc<str>>),
    Words(Words),
    Sparse(Sparse),
}

impl Value {
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Float(_) => "float tensor",
            Self::Double(_) => "double tensor",
            Self::Int(_) => "int64 tensor",
            Self::Bool(_) => "bool tensor",
            Self::Text(_) => "string tensor",
            Self::Words(_) => "split text",
            Self::Sparse(_) => "sparse float matrix",
        }
    }

    /// The memory that it takes, in bytes, roughly.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Float(tensor) => tensor.data.len() * size_of::<f32>(),
            Self::Double(tensor) => tensor.data.len() * size_of::<f64>(),
            Self::Int(tensor) => tensor.data.len() * size_of::<i64>(),
            Self::Bool(tensor) => tensor.data.len(),
            Self::Text(tensor) => tensor.data.len() * TEXT_BYTES,
            Self::Words(words) => words.texts.len() * TEXT_BYTES + words.words.len() * 8 + words.ends.len() * 8,
            Self::Sparse(matrix) => matrix.entries.len() * 8 + matrix.ends.len() * 8,
        }
    }

    /// The sizes of the dimensions; of split text (whose width depends on the rows) `None`.
    pub fn shape(&self) -> Option<Shape> {
        match self {
            Self::Float(tensor) => Some(tensor.shape),
            Self::Double(tensor) => Some(tensor.shape),
            Self::Int(tensor) => Some(tensor.shape),
            Self::Bool(tensor) => Some(tensor.shape),
            Self::Text(tensor) => Some(tensor.shape),
            Self::Sparse(matrix) => Shape::new(&[matrix.rows(), matrix.columns]),
            Self::Words(_) => None,
        }
    }

    /// As float32, converting doubles, integers and booleans as the operators of `ai.onnx.ml` do.
    pub fn floats(&self) -> Result<std::borrow::Cow<'_, Tensor<f32>>, String> {
        use std::borrow::Cow;
        Ok(match self {
            Self::Float(tensor) => Cow::Borrowed(tensor),
            Self::Double(tensor) => Cow::Owned(tensor.map(|&value| value as f32)),
            Self::Int(tensor) => Cow::Owned(tensor.map(|&value| value as f32)),
            Self::Bool(tensor) => Cow::Owned(tensor.map(|&value| f32::from(u8::from(value)))),
            Self::Sparse(matrix) => Cow::Owned(matrix.dense()?),
            Self::Text(_) | Self::Words(_) => return Err(format!("numbers are needed, not a {}", self.kind())),
        })
    }

    /// As float64; of a wide integer the nearest one.
    pub fn doubles(&self) -> Result<std::borrow::Cow<'_, Tensor<f64>>, String> {
        use std::borrow::Cow;
        Ok(match self {
            Self::Double(tensor) => Cow::Borrowed(tensor),
            Self::Int(tensor) => Cow::Owned(tensor.map(|&value| value as f64)),
            other => Cow::Owned(other.floats()?.map(|&value| f64::from(value))),
        })
    }

    pub fn ints(&self) -> Result<&Tensor<i64>, String> {
        match self {
            Self::Int(tensor) => Ok(tensor),
            other => Err(format!("an int64 tensor is needed, not a {}", other.kind())),
        }
    }

    pub fn texts(&self) -> Result<&Tensor<Arc<str>>, String> {
        match self {
            Self::Text(tensor) => Ok(tensor),
            other => Err(format!("a string tensor is needed, not a {}", other.kind())),
        }
    }
}
