//! A loaded model: from bytes to answers.

use kilter_domain::table::Table;

use crate::{
    error::{LoadError, PredictError},
    prediction::Prediction,
    signature::Signature,
};

/// An immutable, loaded model. `Send + Sync`; share it behind an `Arc`.
#[derive(Debug)]
pub struct Model {
    signature: Signature,
}

impl Model {
    /// Reads an ONNX file. Every operator is checked here, so that predicting can fail on data only.
    pub fn from_onnx(bytes: &[u8]) -> Result<Self, LoadError> {
        Err(LoadError::NotOnnx { at: bytes.len(), reason: "the reader is not there yet".into() })
    }

    /// What the model takes and answers.
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The answers to the rows of `table`. Columns are taken by name, others are ignored; numbers, booleans and whole
    /// numbers are converted where nothing is lost but float32 rounding.
    pub fn predict(&self, table: &Table) -> Result<Prediction, PredictError> {
        let column = self.signature.inputs.first().map_or(String::new(), |input| input.name.clone());
        let nearest = table.names().first().cloned();
        Err(PredictError::MissingColumn { column, nearest })
    }
}
