//! A foreign model that takes all of its columns as one block: which columns of a table these are.
//!
//! Invariants: columns that the file names are taken by name; a block is filled in the order of the table, and only where
//! the numbers of columns agree. Out of scope: a guess which of too many columns are meant.

use kilter_domain::table::Table;

use crate::{
    error::PredictError,
    formats,
    model::{Model, Runtime},
};

impl Model {
    /// The model with the names of the columns that it is given, where it takes one block `[N, k]` and its file names no
    /// columns: the columns of `table` that may be features, in their order. A model that names its columns, and a table
    /// that has them as they are called without this (`X_0` to `X_9`), stay as they are.
    ///
    /// # Errors
    /// When the table has more or fewer columns that may be features.
    pub fn named_by(mut self, table: &Table, is_feature: impl Fn(&str) -> bool) -> Result<Self, PredictError> {
        let (block, width) = match &self.runtime {
            Runtime::Onnx(model) => match &model.slots[..] {
                [slot] => (slot.name.clone(), slot.width),
                _ => return Ok(self),
            },
            Runtime::External(external) => (external.block.clone(), self.signature().inputs.len()),
            Runtime::Ensemble(ensemble) => (formats::block_name(self.format()).to_owned(), ensemble.width()),
        };
        let inputs = &self.signature().inputs;
        if self.names_columns || width < 2 || inputs.iter().any(|input| table.get(&input.name).is_some()) {
            return Ok(self);
        }
        let names: Vec<&String> = table.names().iter().filter(|name| is_feature(name)).collect();
        if names.len() != width {
            return Err(PredictError::BlockWidth { input: block, width, found: names.into_iter().cloned().collect() });
        }
        let names: Vec<String> = names.into_iter().cloned().collect();
        self.name_columns(names);
        Ok(self)
    }

    /// The file with the signature written into it, so that whoever loads it asks for the same columns. What was in it
    /// stays; a file that holds its signature is given back.
    pub fn with_signature(&self, bytes: Vec<u8>) -> Vec<u8> {
        match serde_json::to_string(self.signature()) {
            Ok(signature) if !self.has_written_signature => formats::with_signature(self.format(), bytes, &signature),
            _ => bytes,
        }
    }
}
