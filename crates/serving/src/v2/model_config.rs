//! The configuration of a model, as Triton's model configuration extension of the protocol words it.

use serde::Serialize;

use super::{ModelMetadata, TensorMetadata};

/// Body of `GET /v2/models/NAME[/versions/VERSION]/config`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ModelConfig {
    /// The name of the endpoint.
    pub name: String,
    /// What runs the model.
    pub platform: String,
    /// What runs the model, by another name.
    pub backend: String,
    /// Rows of a request at most.
    pub max_batch_size: usize,
    /// What a request has; without the dimension of the rows.
    pub input: Vec<TensorConfig>,
    /// What a response has.
    pub output: Vec<TensorConfig>,
}

/// One input or output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TensorConfig {
    /// Its name.
    pub name: String,
    /// Its type: `TYPE_FP64`.
    pub data_type: String,
    /// Its shape within a row.
    pub dims: Vec<i64>,
    /// Whether a request may come without it.
    pub optional: bool,
}

impl ModelConfig {
    /// The same as the metadata say, for requests of at most `max_rows`.
    pub fn new(metadata: &ModelMetadata, max_rows: usize) -> Self {
        Self {
            name: metadata.name.clone(),
            platform: metadata.platform.clone(),
            backend: "kilter".into(),
            max_batch_size: max_rows,
            input: metadata.inputs.iter().map(TensorConfig::of).collect(),
            output: metadata.outputs.iter().map(TensorConfig::of).collect(),
        }
    }
}

impl TensorConfig {
    fn of(tensor: &TensorMetadata) -> Self {
        // Triton calls the type of texts a string.
        let datatype = if tensor.datatype == "BYTES" { "STRING" } else { &tensor.datatype };
        let dims = match tensor.shape.get(1..) {
            Some(dims @ [_, ..]) => dims.to_vec(),
            _ => vec![1],
        };
        Self {
            name: tensor.name.clone(),
            data_type: format!("TYPE_{datatype}"),
            dims,
            optional: tensor.parameters.as_ref().is_some_and(|parameters| parameters.optional),
        }
    }
}
