//! The part of a graph before the learner: columns in, numbers out. `train` trains on what this computes, so that the
//! finished model cannot have been trained on anything else than what its own graph sees.

use kilter_domain::table::Table;

use crate::{
    error::{LoadError, PredictError},
    graph::{BLOCK_ROWS, Graph},
    input::{self, InputSlot},
    onnx::ModelProto,
    signature::Input,
    tensor::Value,
};

/// A compiled graph whose outputs are matrices of numbers.
#[derive(Debug)]
pub struct Features {
    graph: Graph,
    slots: Vec<InputSlot>,
    inputs: Vec<Input>,
}

/// A matrix of numbers, one row a row of the table.
#[derive(Clone, Debug, PartialEq)]
pub enum Matrix {
    /// Row-major.
    Dense {
        /// How many columns it has.
        columns: usize,
        /// Its elements.
        data: Vec<f32>,
    },
    /// Row `r` holds `entries[ends[r - 1]..ends[r]]`: column and value, columns ascending.
    Sparse {
        /// How many columns it has.
        columns: usize,
        /// By row: the end of its entries.
        ends: Vec<usize>,
        /// Column and value.
        entries: Vec<(u32, f32)>,
    },
}

impl Features {
    /// Compiles `proto`, whose graph inputs take the columns `inputs` in order.
    pub fn new(proto: &ModelProto, inputs: &[Input]) -> Result<Self, LoadError> {
        let slots = input::slots(proto)?;
        let width: usize = slots.iter().map(|slot| slot.width).sum();
        if width == inputs.len() {
            Ok(Self { graph: Graph::compile(proto)?, slots, inputs: inputs.to_vec() })
        } else {
            Err(LoadError::BrokenGraph(format!("{} columns do not fill {width} inputs", inputs.len())))
        }
    }

    /// The matrices of the graph's outputs, in order, for all rows of `table`.
    pub fn of(&self, table: &Table) -> Result<Vec<Matrix>, PredictError> {
        let mut joined: Vec<Matrix> = Vec::new();
        let mut start = 0;
        let first = input::values(&self.slots, &self.inputs, table, 0..table.rows().min(1));
        // A row that does not fit is reported by the block that it stands in.
        let block = first.map_or(BLOCK_ROWS, |first| self.graph.block_rows(first));
        while start < table.rows() || joined.is_empty() {
            let end = table.rows().min(start + block);
            let made = self.graph.run(input::values(&self.slots, &self.inputs, table, start..end)?)?;
            let made = made.into_iter().map(Matrix::from_value).collect::<Result<Vec<_>, _>>();
            let made = made.map_err(|reason| PredictError::Node { node: "the features".into(), reason })?;
            if joined.is_empty() {
                joined = made
            } else {
                joined.iter_mut().zip(made).for_each(|(all, block)| all.append(block))
            }
            start = end;
            if joined.is_empty() {
                break;
            }
        }
        Ok(joined)
    }
}

impl Matrix {
    /// How many columns it has.
    pub fn columns(&self) -> usize {
        match self {
            Self::Dense { columns, .. } | Self::Sparse { columns, .. } => *columns,
        }
    }

    fn from_value(value: Value) -> Result<Self, String> {
        Ok(match value {
            Value::Sparse(matrix) => {
                Self::Sparse { columns: matrix.columns, ends: matrix.ends, entries: matrix.entries }
            }
            other => {
                let tensor = other.floats()?.into_owned();
                Self::Dense { columns: tensor.shape.matrix().1, data: tensor.data }
            }
        })
    }

    fn append(&mut self, block: Self) {
        match (self, block) {
            (Self::Dense { data, .. }, Self::Dense { data: more, .. }) => data.extend(more),
            (Self::Sparse { ends, entries, .. }, Self::Sparse { ends: more_ends, entries: more, .. }) => {
                let offset = entries.len();
                ends.extend(more_ends.iter().map(|end| end + offset));
                entries.extend(more);
            }
            // One graph gives one kind of matrix, whatever the rows.
            _ => {}
        }
    }
}
