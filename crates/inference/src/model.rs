//! A loaded model: from bytes to answers.

use std::sync::{Arc, OnceLock};

use kilter_domain::table::Table;

use crate::{
    ensemble::Ensemble,
    error::{ExplainError, LoadError, PredictError},
    estimator::prepared::Prepared,
    executor::{Executor, ExternalModel, WorkerCounts},
    formats::{self, Format, NativeModel},
    onnx_model::{OnnxFile, OnnxModel},
    prediction::Prediction,
    signature::{Input, Signature},
};

/// The most numbers of one answer (rows times classes): more would not fit beside its table.
const MAX_ANSWERED: usize = 1 << 27;

/// An immutable, loaded model. `Send + Sync`; share it behind an `Arc`.
#[derive(Debug)]
pub struct Model {
    format: Format,
    pub(crate) runtime: Runtime,
    signature: Signature,
    classes: Arc<[Arc<str>]>,
    /// What each column adds to each score of a linear model in the mean over its training rows: columns x scores.
    pub(crate) baseline: Option<Vec<f64>>,
    /// Whether the columns have names that somebody gave them, in the file or by a table.
    pub(crate) names_columns: bool,
    /// Whether the file holds its signature.
    pub(crate) has_written_signature: bool,
    /// Made when the first explanation is asked for.
    pub(crate) explanation: OnceLock<Result<Arc<Prepared>, ExplainError>>,
}

/// What answers.
#[derive(Debug)]
pub(crate) enum Runtime {
    Onnx(Box<OnnxModel>),
    Ensemble(Box<Ensemble>),
    External(ExternalModel),
}

impl Model {
    /// Reads a model of any [`Format`], which its first bytes tell.
    ///
    /// # Errors
    /// If the bytes are no model, a broken one, or one that does not run here; what to do next is in [`LoadError::hint`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LoadError> {
        match formats::read(bytes)? {
            Some(native) => Ok(Self::of_native(native)),
            None => Self::from_onnx(bytes),
        }
    }

    /// Reads an ONNX file. Operators and their settings are checked here.
    pub fn from_onnx(bytes: &[u8]) -> Result<Self, LoadError> {
        let OnnxFile { model, signature, has_written_signature, baseline } = OnnxFile::read(bytes)?;
        Ok(Self {
            format: Format::Onnx,
            runtime: Runtime::Onnx(Box::new(model)),
            classes: names(&signature.classes),
            signature,
            baseline,
            names_columns: has_written_signature,
            has_written_signature,
            explanation: OnceLock::new(),
        })
    }

    /// A model that `executor` answers. Without `names_columns` it takes one block of columns, whose names somebody else knows
    /// ([`Model::named_by`]).
    pub fn external(format: Format, signature: Signature, names_columns: bool, executor: Arc<dyn Executor>) -> Self {
        let block = formats::block_name(format).to_owned();
        Self {
            format,
            runtime: Runtime::External(ExternalModel { executor, block }),
            classes: names(&signature.classes),
            signature,
            baseline: None,
            names_columns,
            has_written_signature: false,
            explanation: OnceLock::new(),
        }
    }

    fn of_native(native: NativeModel) -> Self {
        let NativeModel { format, ensemble, signature, names_columns, has_written_signature } = native;
        Self {
            format,
            runtime: Runtime::Ensemble(Box::new(ensemble)),
            classes: names(&signature.classes),
            signature,
            baseline: None,
            names_columns,
            has_written_signature,
            explanation: OnceLock::new(),
        }
    }

    /// Of which kind of file it was read.
    pub const fn format(&self) -> Format {
        self.format
    }

    /// Whether something outside of our own kernels answers: an answer waits for it.
    pub const fn is_external(&self) -> bool {
        matches!(self.runtime, Runtime::External(_))
    }

    /// What the worker processes of the model did; `None` where it has none.
    pub fn worker_counts(&self) -> Option<WorkerCounts> {
        match &self.runtime {
            Runtime::External(external) => external.executor.worker_counts(),
            Runtime::Onnx(_) | Runtime::Ensemble(_) => None,
        }
    }

    /// The memory that the model takes, in bytes: what its trees, weights and tensors hold, and what was prepared for explanations. What
    /// runs outside of our own kernels says it by itself.
    pub fn memory_bytes(&self) -> u64 {
        let runtime = match &self.runtime {
            Runtime::Onnx(model) => model.graph.memory_bytes() as u64,
            Runtime::Ensemble(ensemble) => ensemble.memory_bytes() as u64,
            Runtime::External(external) => external.executor.memory_bytes(),
        };
        let texts: usize = self.signature.inputs.iter().map(|input| input.name.len() + size_of::<Input>()).sum();
        let prepared = self.explanation.get().and_then(|made| made.as_ref().ok());
        let prepared = prepared.map_or(0, |prepared| prepared.memory_bytes());
        runtime + (size_of::<Self>() + texts + prepared) as u64
    }

    /// What the model takes and answers.
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Calls the columns of the signature by these names.
    pub(crate) fn name_columns(&mut self, names: Vec<String>) {
        self.signature.inputs.iter_mut().zip(names).for_each(|(input, name)| input.name = name);
        self.names_columns = true;
    }

    /// The answers to the rows of `table`. Columns are taken by name, others are ignored; numbers, booleans and whole
    /// numbers are converted where nothing is lost but float32 rounding.
    pub fn predict(&self, table: &Table) -> Result<Prediction, PredictError> {
        if table.rows().saturating_mul(self.classes.len()) > MAX_ANSWERED {
            return Err(PredictError::TooMuch { rows: table.rows(), classes: self.classes.len(), limit: MAX_ANSWERED });
        }
        let mut answer = Prediction::empty(self.signature.task, Arc::clone(&self.classes), table.rows());
        let inputs = &self.signature.inputs;
        let block = self.block_rows(table);
        let mut start = 0;
        // Without rows the columns are checked although there is nothing to answer.
        while start < table.rows() || start == 0 {
            let end = table.rows().min(start + block);
            match &self.runtime {
                Runtime::Onnx(model) if start == end => model.check(inputs, table)?,
                Runtime::Onnx(model) => model.predict(inputs, table, start..end, &mut answer)?,
                Runtime::Ensemble(ensemble) => ensemble.predict(inputs, table, start..end, &mut answer)?,
                Runtime::External(external) => external.predict(inputs, table, start..end, &mut answer)?,
            }
            if start == end {
                break;
            }
            start = end;
        }
        Ok(answer)
    }

    /// How many rows run at once.
    pub(crate) fn block_rows(&self, table: &Table) -> usize {
        match &self.runtime {
            Runtime::Onnx(model) => model.block_rows(&self.signature.inputs, table),
            Runtime::Ensemble(ensemble) => ensemble.block_rows(),
            Runtime::External(external) => external.block_rows(&self.signature.inputs),
        }
    }
}

fn names(classes: &[String]) -> Arc<[Arc<str>]> {
    classes.iter().map(|name| Arc::from(name.as_str())).collect()
}
